"""``make screenshots``: every page of the dashboard at both widths into ``screenshots/``.

Uses the home in ``MUSTER_HOME`` where something is published there, else a small invented one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from tests.dashboards import browser, fixture

PAGES = {
    "now": "",
    "incident": "incident",
    "weekly": "weekly",
    "unregistered": "unregistered",
    "compliance": "compliance",
    "ratings": "ratings",
    "person": "person?traveller={traveller}",
    "sql": "sql",
    "data_health": "data_health",
}


def somebody_away(home: Path, role: str) -> str:
    """The key of a person at the highest level now, whose page is taken."""
    with duckdb.connect(str((home / "published" / "current").resolve() / f"{role}.duckdb"), read_only=True) as con:
        row = con.execute(
            "select traveller_id from mart.current_exposure order by risk_level desc nulls last, traveller_id limit 1"
        ).fetchone()
    return str(row[0]) if row else ""


def act(page: Any, name: str) -> None:
    """Do what makes a page show something: choose an alert, run a query."""
    if name == "incident":
        page.get_by_text("An alert", exact=True).click()
        page.wait_for_timeout(1500)
    if name == "sql":
        page.get_by_role("button", name="Run (logged)").click()
        page.wait_for_selector("text=Answer:", timeout=30_000)
    browser.settle(page)


def take(home: Path, out: Path, role: str = "duty", suffix: str = "") -> list[Path]:
    """Write one PNG for each page and width; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    made = []
    traveller = somebody_away(home, role)
    with browser.served(home, role) as address, browser.chromium() as chromium:
        for name, path in PAGES.items():
            for width in browser.WIDTHS:
                page = browser.open_page(chromium, f"{address}/{path.format(traveller=traveller)}", width)
                act(page, name)
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
