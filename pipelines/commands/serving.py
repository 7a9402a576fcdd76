"""``muster serve``: the dashboard, on this machine alone."""

from __future__ import annotations

import io
import os
import socket
import sys

from pipelines.errors import MusterError
from pipelines.permissions import require_private
from pipelines.settings import PROJECT, Home, load_settings
from pipelines.sign_in import SignIn, auth_path, load_sign_in
from pipelines.tables import print_rows, require_format

ADDRESS = "127.0.0.1"
LOOPBACK_HOSTS = (ADDRESS, "localhost")
SIGN_IN_VARIABLE = "MUSTER_SIGN_IN"
"""Tells the dashboard that sign-in was in force when its server started, should ``auth.toml`` vanish meanwhile."""
READY_VARIABLE = "MUSTER_READY"
"""What the dashboard's server prints once it answers."""
FIRST_PORT = 8501
_TRIED_PORTS = 50


def serve(home: Home, port: int | None, output_format: str = "table") -> None:
    """Become the dashboard's server, which prints its address once it answers, and ends with it (Ctrl-C).

    A home with ``auth.toml`` is served to people who sign in. Raises MusterError where that file or ``muster.yml`` is
    wrong or may be read by others.
    """
    require_format(output_format)
    require_private(home.require())
    settings = load_settings(home)
    sign_in = load_sign_in(home)
    if sign_in and not settings.roles:
        raise MusterError(
            f"{auth_path(home)} asks people to sign in, but {home.settings_file} gives nobody a role; write 'roles:' "
            "and below it a line such as 'name@university.example: duty'."
        )
    page = PROJECT / "dashboards" / "server.py"
    if not page.is_file():
        raise MusterError(f"{page} is missing, so there is no dashboard to serve.")
    chosen = _free_port(port or (sign_in.port if sign_in else None))
    if sign_in and sign_in.port not in (None, chosen):
        raise MusterError(f"The redirect_uri in {auth_path(home)} names port {sign_in.port}; leave --port out.")
    address = sign_in.address if sign_in else f"http://{ADDRESS}:{chosen}"
    behind = f", behind a proxy to {ADDRESS}:{chosen}" if sign_in and sign_in.port is None else ""
    told = f"Muster's dashboard is at {address}{behind} (Ctrl-C stops it)."
    if output_format != "table":
        row = io.StringIO()
        print_rows(("address", "port"), [(address, chosen)], output_format, stream=row)
        told = row.getvalue().rstrip()
    environment = os.environ | {
        "MUSTER_HOME": str(home.root),
        SIGN_IN_VARIABLE: "required" if sign_in else "",
        READY_VARIABLE: told,
    }
    # The process becomes the server, so that a signal to it reaches the server and nothing is left behind.
    os.chdir(page.parent)
    command = [sys.executable, str(page), *flags(home, chosen, sign_in)]
    os.execve(sys.executable, command, environment)  # noqa: S606


def flags(home: Home, port: int, sign_in: SignIn | None = None) -> list[str]:
    """Options of the server: loopback only, no statistics sent anywhere, no error details shown to users.

    Of the sign-in they hold the path of its file and the host, no secret.
    """
    settings = {
        "server.address": ADDRESS,
        "server.port": str(port),
        "server.headless": "true",
        "server.enableStaticServing": "true",
        "server.fileWatcherType": "none",
        # This file alone: a sign-in that lies in some folder of the account would not be the home's.
        "secrets.files": str(auth_path(home)),
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": sign_in.host if sign_in else ADDRESS,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        # The address is printed once, by us (READY_VARIABLE); a warning of the server is still shown.
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
    }
    hosts = dict.fromkeys((*LOOPBACK_HOSTS, sign_in.host if sign_in else ADDRESS))
    return [f"--{name}={value}" for name, value in settings.items()] + [f"--server.allowedHosts={one}" for one in hosts]


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
