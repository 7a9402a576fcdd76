"""Whatever a feed calls somebody or something: on every page it is text, and nothing else happens."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlparse

import pytest

from dashboards import words
from tests.dashboards import browser
from tests.dashboards.hostile import HOSTILE, write

pytestmark = pytest.mark.browser

FIRST = "t_0000000000000000"
INJECTED = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    const own = 'a[href^="tel:"], a.m-who, a[href^="person?traveller=t_"], [data-testid=stHeaderActionElements] a';
    const bad = [...main.querySelectorAll('script, img, iframe, object, embed, link, base, form[action], [onerror],'
        + ' [onload], [onmouseover], .katex, a, .m-table h1, .m-table b, .m-table ul, .m-table code')];
    return bad.filter(e => !e.matches(own) && !e.closest('.js-plotly-plot')).map(e => e.outerHTML.slice(0, 120));
}"""
DRAWN = "document.querySelectorAll('.js-plotly-plot a, .js-plotly-plot image, .js-plotly-plot script').length"


class Seen(NamedTuple):
    """A browser's page, and what it did besides showing something."""

    page: Any
    requests: list[str]
    dialogs: list[str]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("hostile")
    write(home)
    return home


@pytest.fixture(scope="module")
def seen(chromium: Any, hostile: Path) -> Iterator[tuple[Seen, str]]:
    with browser.served(hostile, "steward") as address:
        page = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True).new_page()
        found = Seen(page, [], [])
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("dialog", lambda dialog: (found.dialogs.append(dialog.message), dialog.dismiss()))
        yield found, address
        page.context.close()


def as_read(text: str) -> str:
    """A text without what only steers, its white space as one blank: what a reader sees of it."""
    return " ".join(words.without_steering(text).split())


def drill(page: Any) -> None:
    """Choose a country; a choice that met the page redrawing is made again."""
    places = page.locator("caption:has-text('Exposure in Ukraine')")
    for _ in range(4):
        page.get_by_label("Places of a country").click()
        page.keyboard.type("Ukraine")
        page.keyboard.press("Enter")
        with contextlib.suppress(Exception):
            places.wait_for(state="attached", timeout=15_000)
            return
    places.wait_for(state="attached", timeout=1_000)


def check(seen: Seen, address: str) -> str:
    """That the page shows text and nothing else, at both widths; returns the text."""
    page = seen.page
    browser.settle(page)
    assert page.locator("[data-testid=stException]").count() == 0
    text = str(page.locator("[data-testid=stMain]").text_content())
    for across, down in (browser.WIDTHS["390"], browser.WIDTHS["1280"]):
        page.set_viewport_size({"width": across, "height": down})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= across
        wide = "[...document.querySelectorAll('.m-scroll, .m-notice, .m-card')]"
        too_wide = page.evaluate(
            f"{wide}.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 99))"
        )
        assert too_wide == [], f"at {across}"
    assert page.evaluate(INJECTED) == [] and page.evaluate(DRAWN) == 0
    assert page.evaluate("window.owned") is None and page.title() == "Muster"
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    assert seen.dialogs == []
    hosts = {urlparse(url).hostname for url in seen.requests if urlparse(url).scheme not in ("data", "blob")}
    assert hosts == {"127.0.0.1"}, hosts
    return re.sub(r"\s+", " ", text)


def test_forty_names_are_text_on_now(seen: tuple[Seen, str]) -> None:
    found, address = seen
    assert len(set(HOSTILE)) == 40
    found.page.goto(address)
    found.page.wait_for_selector("h1")
    text = check(found, address)
    for one in HOSTILE:
        assert as_read(one)[:80] in text, one[:60]
    if found.page.locator(".scattergeo path.point").count():
        found.page.locator(".scattergeo path.point").last.hover(force=True)
        found.page.wait_for_timeout(500)
        assert found.page.evaluate(DRAWN) == 0


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"person?traveller={FIRST}", 3),
        ("ratings", 3),
        ("data_health", 4),
        ("unregistered", 3),
        ("compliance", 3),
        ("weekly", 0),
    ],
)
def test_other_pages_show_them_as_text(path: str, told: int, seen: tuple[Seen, str]) -> None:
    found, address = seen
    found.page.goto(f"{address}/{path}")
    found.page.wait_for_selector("h1")
    if path == "weekly":
        browser.settle(found.page)
        drill(found.page)
        told = 30
    if path == "data_health":
        browser.settle(found.page)
        found.page.get_by_text("Show raw records").click()
        found.page.wait_for_selector("text=The first 9", timeout=60_000)
    text = check(found, address)
    assert sum(as_read(one)[:60] in text for one in HOSTILE) >= told


def test_an_incident_a_roll_call_and_a_contact_list(seen: tuple[Seen, str]) -> None:
    found, address = seen
    page = found.page
    page.goto(f"{address}/incident")
    page.wait_for_selector("h1")
    browser.settle(page)
    page.get_by_text("A point", exact=True).click()
    page.get_by_label("Latitude (north)").fill("50.4")
    page.get_by_label("Longitude (east)").fill("30.5")
    page.get_by_label("Longitude (east)").press("Enter")
    page.wait_for_selector("text=/Inside: [1-9]/", timeout=60_000)
    text = check(found, address)
    assert all(as_read(one)[:60] in text for one in HOSTILE)
    page.get_by_role("button", name="Make the contact list").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    content = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert len({len(row) for row in rows[1:]}) == 1, "no cell became a line"
    assert not any(re.match(r"[=@\t\r]|[+-](?![\d\s().-]+$)", cell) for row in rows for cell in row)
    page.get_by_role("button", name="Open a roll call").click()
    page.wait_for_selector("text=/Roll call: [1-9]/", timeout=60_000)
    check(found, address)


def test_an_answer_of_sql_is_text(seen: tuple[Seen, str]) -> None:
    found, address = seen
    page = found.page
    page.goto(f"{address}/sql")
    page.wait_for_selector("h1")
    browser.settle(page)
    page.locator("textarea").fill(
        "select full_name, count(*) as n from mart.traveller_contact group by 1 order by 1 limit 25"
    )
    page.locator("textarea").press("Control+Enter")
    browser.settle(page)
    page.get_by_role("button", name="Run (logged)").click()
    page.wait_for_selector("text=Answer: 25 rows", timeout=60_000)
    text = check(found, address)
    assert sum(as_read(one)[:60] in text for one in HOSTILE) >= 15
    page.get_by_role("tab", name="Chart").click()
    page.wait_for_timeout(800)
    check(found, address)


def test_what_only_steers_is_taken_out() -> None:
    for one in HOSTILE:
        read = words.without_steering(one)
        assert not any(unicodedata.category(letter) == "Cc" or letter in "\u202e\u202d\u2066" for letter in read)
