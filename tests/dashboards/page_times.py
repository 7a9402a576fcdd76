"""``make pages``: how long each page of the dashboard takes to its first useful content, in Chromium.

On the home of ``MUSTER_HOME``. Each start is a new server and a new browser, and each page is asked for by its address
with an empty cache, as by somebody who opens a bookmark. The first page is the very first that its server draws. Prints
the median over the starts, the longest, and the median to the end of the page.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from tests.dashboards import browser
from tests.dashboards.screenshots import somebody_away

STARTS = 3
CONTENT = {
    "": (".m-people tbody tr", "somebody is listed"),
    "incident": ("input[aria-label=Place]", "a place can be named"),
    "person?traveller={traveller}": (".m-table tbody tr", "who it is and how to reach them"),
    "weekly": (".m-card-figure", "the week's figures"),
    "unregistered": (".m-item", "a finding is listed"),
    "compliance": (".m-item", "a finding is listed"),
    "ratings": (".m-table tbody tr", "a rating is listed"),
    "sql": ("textarea[aria-label=SQL]", "a query can be written"),
    "data_health": (".m-counts tbody tr", "a feed is listed"),
}
"""What is useful on each page, by its address: what shows that it is there, and in words."""
DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"
IS_SHOWN = "chosen => [...document.querySelectorAll(chosen)].some(one => one.checkVisibility())"


def time_page(chromium: Any, address: str, content: str) -> tuple[float, float]:
    """(seconds to the content, seconds until the page is drawn to its end), in a browser that was never here."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    # Asked at every frame: Playwright's own waiting looks again after up to half a second.
    page.wait_for_function(IS_SHOWN, arg=content, timeout=60_000)
    first = time.perf_counter() - began
    page.wait_for_function(IS_SHOWN, arg=DRAWN, timeout=60_000)
    drawn = time.perf_counter() - began
    context.close()
    return first, drawn


def measure(home: Path, starts: int = STARTS, role: str = "duty") -> dict[str, list[tuple[float, float]]]:
    """Seconds by page, one pair for each start of the server; under "start", until the server answers."""
    found: dict[str, list[tuple[float, float]]] = {}
    traveller = somebody_away(home, role)
    for _ in range(starts):
        began = time.perf_counter()
        with browser.served(home, role) as address, browser.chromium() as chromium:
            answered = time.perf_counter() - began
            found.setdefault("start", []).append((answered, answered))
            for path, (content, _words) in CONTENT.items():
                asked = f"{address}/{path.format(traveller=traveller)}"
                found.setdefault(path.partition("?")[0] or "now", []).append(time_page(chromium, asked, content))
    return found


def main() -> int:
    """Measure and print."""
    home = Path(os.environ.get("MUSTER_HOME") or browser.PROJECT / "data")
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else STARTS
    for name, taken in measure(home, starts).items():
        firsts, ends = ([pair[place] for pair in taken] for place in (0, 1))
        print(
            f"{name:14}{len(firsts):3} times  first content {statistics.median(firsts):5.2f} s  "
            f"longest {max(firsts):5.2f} s  to its end {statistics.median(ends):5.2f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
