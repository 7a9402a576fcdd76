"""Weekly exposure: sums that add up, people that are recounted, and nights by their definition."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dashboards import data
from dashboards.data import weekly
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import run, text

WEEK = date(2026, 11, 9)


def test_recounted_figures_agree_with_the_published_week(at_home: Path) -> None:
    shown = data.publication()
    for week in (WEEK, WEEK - timedelta(weeks=1), WEEK + timedelta(weeks=1)):
        whole = weekly.figures(shown, week)[()]
        levels = weekly.figures(shown, week, ("risk_level",))
        published = sum(row["person_days"] for row in weekly.by_level(shown, week) if row["week"] == week)
        assert (
            whole["person_days"]
            == pytest.approx(published)
            == pytest.approx(sum(row["person_days"] for row in levels.values()))
        )
        assert whole["travellers"] <= sum(row["travellers"] for row in levels.values())
    countries = weekly.figures(shown, WEEK, ("country",))
    places = weekly.figures(shown, WEEK, ("place_id", "place_name"), "UA")
    assert countries[("UA",)]["person_days"] == pytest.approx(sum(row["person_days"] for row in places.values()))
    assert {key[1] for key in places} == {"Kyiv", "Kharkiv"}


@pytest.mark.parametrize(
    ("start", "end", "zone", "nights"),
    [
        ("2026-11-10 00:00", "2026-11-12 00:00", "UTC", 2),
        ("2026-11-10 03:00", "2026-11-11 03:00", "UTC", 1),  # 03:00 of the 10th is in, of the 11th not
        ("2026-11-10 03:01", "2026-11-11 03:00", "UTC", 0),
        ("2026-11-10 07:59", "2026-11-10 08:01", "America/New_York", 1),  # 03:00 in New York is 08:00 UTC
        ("2026-11-01 00:00", "2026-12-01 00:00", "UTC", 7),  # clipped to the week
    ],
)
def test_a_night_is_three_in_the_morning_at_the_place(
    start: str, end: str, zone: str, nights: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "analyst.duckdb")) as con:
        con.execute("delete from mart.exposure where stay_id <> 's0'; delete from mart.stay where stay_id <> 's0'")
        con.execute("update mart.exposure set starts_at = ?, ends_at = ?", [start, end])
        con.execute("update mart.stay set timezone = ?", [zone])
    use(tmp_path, monkeypatch, "analyst")
    assert weekly.figures(data.publication(), WEEK)[()]["traveller_nights"] == nights


@pytest.mark.parametrize("role", ["analyst", "duty", "steward"])
def test_the_page_shows_this_week_against_last_and_drills(
    role: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(home, monkeypatch, role)
    app = run("views/weekly.py")
    body = text(app)
    assert "9 Nov to 15 Nov 2026, this week" in app.selectbox(key="week").format_func(WEEK)
    assert "against the week before" in body and "This week ends after" in body
    assert "Level unknown" in body and "Country not known" in body
    app.selectbox(key="drill").set_value("UA").run()
    assert not app.exception
    assert "Kharkiv" in text(app)
    app.selectbox(key="week").set_value(WEEK - timedelta(weeks=1)).run()
    assert not app.exception and "This week ends after" not in text(app)


def test_the_file_of_a_week_names_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    app = run("views/weekly.py")
    app.button(key="week-make").click().run()
    assert not app.exception
    rows = list(csv.reader(io.StringIO(app.session_state["week-file"][1].decode("utf-8-sig"), newline="")))
    assert rows[1][:5] == ["week_start_date", "country", "place_id", "place_name", "risk_level"]
    assert "'=cmd|' /C calc'!A0" in {row[3] for row in rows[2:]} and "t_0000" not in str(rows)


def test_a_publication_without_exposure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path, empty=True)
    use(tmp_path, monkeypatch)
    assert "No exposure is known." in text(run("views/weekly.py"))
