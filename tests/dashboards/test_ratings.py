"""Ratings: levels by provider and date, changes and whom they touch, providers side by side."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from dashboards import charts, data
from dashboards.data import ratings
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import run, text

PAGE = "views/ratings.py"


@pytest.mark.parametrize("role", ["analyst", "duty", "steward"])
def test_levels_changes_and_differences(role: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, role)
    app = run(PAGE)
    headings = [heading.value for heading in app.subheader]
    assert headings == [
        "Changes of level: 2, of which 1 touch somebody",
        "Providers side by side: 1 difference",
        "Rated places: 4",
    ]
    body = text(app)
    assert "=five() &lt;b&gt;do not&lt;/b&gt;" in body and "raised" in body and "no longer known" in body
    assert "beta &lt;i&gt;x&lt;/i&gt; 3" in body
    kenya = body.split("Kenya")[0].rsplit("<tr>", 1)[1]
    assert "Level unknown" in kenya, "a text that no table maps is unknown, never low"
    app.toggle(key="touching").set_value(True).run()
    assert "French Polynesia" not in text(app)


def test_a_date_before_the_change_shows_the_level_before(at_home: Path) -> None:
    shown = data.publication()
    app = run(PAGE)
    app.radio[0].set_value("Another time").run()
    app.date_input[0].set_value("2026-11-01").run()
    assert not app.exception
    assert "=five()" not in text(app) and "four" in text(app)
    app.date_input[0].set_value("2024-01-01").run()
    assert "No rating of this provider is in force" in text(app)
    assert [row["risk_level"] for row in ratings.levels(shown, "alpha", "security", shown.as_of)] == [None, 5, 4, 2]


def test_the_map_says_levels_by_number_and_escapes(at_home: Path) -> None:
    shown = data.publication()
    figure = charts.rating_map(ratings.levels(shown, "alpha", "security", shown.as_of))
    signs = {sign for trace in figure.data if trace.type == "scattergeo" for sign in trace.text}
    assert signs == {"?", "2", "4", "5"}
    said = [one for trace in figure.data if trace.type == "choropleth" for one in trace.text]
    assert any("&lt;b&gt;do not" in one for one in said) and not any("<b>do not" in one for one in said)


def test_without_ratings_the_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        con.execute("delete from mart.rating_period")
    use(tmp_path, monkeypatch)
    assert "Nobody has rated anything." in text(run(PAGE))
