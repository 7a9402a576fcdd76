"""The real thing for tests and screenshots: Streamlit serving a home, and Chromium looking at it."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("MUSTER_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"1280": (1280, 900), "390": (390, 844)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(home: Path, role: str = "duty", folder: Path | None = None) -> Iterator[str]:
    """Serve a home's dashboard from another working directory than the project; gives the address once it answers."""
    port = free_port()
    environment = {**os.environ, "MUSTER_HOME": str(home), "MUSTER_ROLE": role}
    command = [
        sys.executable,
        str(PROJECT / "dashboards" / "server.py"),
        f"--server.port={port}",
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=folder or tempfile.gettempdir(), env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(600):
                if process.poll() is not None:
                    break
                with contextlib.suppress(OSError):
                    answer = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                    answer.request("GET", "/_stcore/health")
                    if answer.getresponse().status == 200:
                        break
                time.sleep(0.05)
            else:
                raise AssertionError("Streamlit did not answer")
            if process.poll() is not None:
                log.seek(0)
                raise AssertionError(f"Streamlit ended: {log.read().decode()[-2000:]}")
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A Chromium of the system through Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Any, address: str, width: str, requests: list[str] | None = None) -> Any:
    """A page of the dashboard at one of the two widths, drawn to its end; each request's address goes to `requests`."""
    across, down = WIDTHS[width]
    page = browser.new_page(viewport={"width": across, "height": down}, device_scale_factor=1)
    if requests is not None:
        page.on("request", lambda request: requests.append(request.url))
        page.on("websocket", lambda socket_: requests.append(socket_.url))
    page.goto(address)
    page.wait_for_selector("h1", timeout=30_000)
    settle(page)
    return page


def settle(page: Any) -> None:
    """Wait until Streamlit no longer runs and the map, where there is one, is drawn."""
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=30_000)
    page.wait_for_selector(".m-facts, .m-notice", timeout=30_000)
    page.wait_for_timeout(600)
    if page.locator("[data-testid=stPlotlyChart]").count():
        page.wait_for_selector(".geolayer path, .barlayer path", state="attached", timeout=30_000)
        # The marks come after the land, on a busy machine seconds later; an empty map has none.
        if page.locator(".geolayer").count():
            with contextlib.suppress(Exception):
                page.wait_for_selector(".scattergeo path.point", state="attached", timeout=15_000)
        page.wait_for_timeout(800)
