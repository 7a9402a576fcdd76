"""``muster serve``: the dashboard, on this machine alone."""

from __future__ import annotations

import os
import socket
import sys

from pipelines.errors import MusterError
from pipelines.settings import PROJECT, Home, load_settings

ADDRESS = "127.0.0.1"
FIRST_PORT = 8501
_TRIED_PORTS = 50


def serve(home: Home, port: int | None) -> None:
    """Become the dashboard's server; prints the address and ends when the server does (Ctrl-C)."""
    home.require()
    load_settings(home)
    page = PROJECT / "dashboards" / "app.py"
    if not page.is_file():
        raise MusterError(f"{page} is missing, so there is no dashboard to serve.")
    chosen = _free_port(port)
    environment = os.environ | {"MUSTER_HOME": str(home.root)}
    print(f"Muster's dashboard is at http://{ADDRESS}:{chosen} (Ctrl-C stops it).", flush=True)
    # The process becomes the server, so that a signal to it reaches the server and nothing is left behind.
    os.chdir(page.parent)
    os.execve(sys.executable, [sys.executable, "-m", "streamlit", "run", str(page), *flags(chosen)], environment)  # noqa: S606


def flags(port: int) -> list[str]:
    """Options of the server: loopback only, no statistics sent anywhere, no error details shown to users."""
    settings = {
        "server.address": ADDRESS,
        "server.port": str(port),
        "server.headless": "true",
        "server.enableStaticServing": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": ADDRESS,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        # The address is printed once, by us; a warning of the server is still shown.
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def _free_port(wanted: int | None) -> int:
    candidates = [wanted] if wanted else range(FIRST_PORT, FIRST_PORT + _TRIED_PORTS)
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    if wanted:
        raise MusterError(f"Port {wanted} of {ADDRESS} is taken or not allowed; choose another with --port.")
    raise MusterError(f"No port from {FIRST_PORT} to {FIRST_PORT + _TRIED_PORTS - 1} is free; choose one with --port.")
