"""The SQL page as an analyst uses it: a question of the day is answered, and a long query is cancelled."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.access_log import log_path
from pipelines.dictionary import questions
from pipelines.settings import Home
from tests.dashboards import browser, fixture

pytestmark = pytest.mark.browser


def write(page: Any, sql: str) -> None:
    box = page.get_by_role("textbox", name="SQL")
    box.fill(sql)
    box.press("Control+Enter")
    page.get_by_role("button", name="Run (logged)").click()


def parent(process: int) -> int:
    """The process that started this one; what stands before it in `stat` may hold spaces and brackets."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def workers() -> int:
    """How many queries the servers of this test answer: other tests ask their own at the same time."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"sandbox/worker.py" in path.read_bytes():
                found += parent(parent(int(path.parent.name))) == os.getpid()
    return found


def wait_for_workers(number: int, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while workers() != number:
        assert time.monotonic() < deadline, f"{workers()} queries are under way, not {number}"
        time.sleep(0.1)


def test_nights_of_students_are_asked_and_a_long_query_is_cancelled(chromium: Any, tmp_path: Path) -> None:
    fixture.write_generation(tmp_path)
    question = next(question for question in questions() if "nights did students" in question.title)
    with browser.served(tmp_path, "analyst") as address:
        page = browser.open_page(chromium, f"{address}/sql", "1280")
        write(page, question.sql)
        page.wait_for_selector("h3:has-text('Answer: 1 row')", timeout=30_000)
        table = page.locator(".m-table:has(caption:text-is('Answer'))")  # drawn after its heading, maybe seconds later
        table.wait_for(timeout=15_000)
        assert [head.lower() for head in table.locator("thead th").all_inner_texts()] == question.columns
        wait_for_workers(0)
        write(page, "select sum(i) from range(1000000000000) t(i)")
        page.get_by_text("Asking …").wait_for(timeout=15_000)
        wait_for_workers(1)
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("The query was stopped").wait_for(timeout=15_000)
        wait_for_workers(0)
        page.close()
    assert log_path(Home(tmp_path)).read_text().count("dashboard sql") >= 2
