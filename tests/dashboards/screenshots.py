"""``make screenshots``: every page of the dashboard at both widths into ``screenshots/``.

Uses the home in ``MUSTER_HOME`` where something is published there, else a small invented one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.dashboards import browser, fixture

PAGES = {"now": "", "person": "person?traveller=", "data_health": "data_health"}


def take(home: Path, out: Path, role: str = "duty", suffix: str = "") -> list[Path]:
    """Write one PNG for each page and width; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    made = []
    with browser.served(home, role) as address, browser.chromium() as chromium:
        for name, path in PAGES.items():
            for width in browser.WIDTHS:
                page = browser.open_page(chromium, f"{address}/{path}", width)
                height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                page.set_viewport_size({"width": browser.WIDTHS[width][0], "height": min(int(height) + 20, 12_000)})
                browser.settle(page)
                target = out / f"{name}{suffix}-{width}.png"
                page.screenshot(path=str(target))
                made.append(target)
                page.close()
    return made


def main() -> None:
    """Take the screenshots of the home in force, or of the invented one."""
    out = browser.PROJECT / "screenshots" if len(sys.argv) < 2 else Path(sys.argv[1])
    home = Path(os.environ.get("MUSTER_HOME") or browser.PROJECT / "data")
    with tempfile.TemporaryDirectory() as scratch:
        if not (home / "published" / "current").exists():
            home = Path(scratch)
            fixture.write_generation(home)
        for path in take(home, out):
            print(path)


if __name__ == "__main__":
    main()
