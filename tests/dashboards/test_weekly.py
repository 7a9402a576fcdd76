"""Weekly exposure: sums that add up, people that are recounted, and nights by their definition."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards import data
from dashboards.data import weekly
from pipelines.errors import MusterError, UsageError
from pipelines.reports import week as report_week
from pipelines.settings import Home
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import looks, run, text

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


def test_a_night_at_a_change_of_clocks_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "analyst.duckdb")) as con:
        con.execute("delete from mart.exposure where stay_id <> 's0'; delete from mart.stay where stay_id <> 's0'")
        con.execute("update mart.stay set timezone = 'Europe/Kyiv', starts_at = '2026-10-23', ends_at = '2026-10-27'")
        con.execute("create temp table one as from mart.exposure; delete from mart.exposure")
        for level, start, end in (
            (2, "2026-10-23 21:00", "2026-10-25 00:30"),
            (3, "2026-10-25 00:30", "2026-10-25 01:00"),
            (4, "2026-10-25 01:00", "2026-10-26 22:00"),
        ):
            con.execute("update one set risk_level = ?, starts_at = ?, ends_at = ?", [level, start, end])
            con.execute("insert into mart.exposure from one")
    use(tmp_path, monkeypatch, "analyst")
    found = weekly.figures(data.publication(), date(2026, 10, 19), ("risk_level",))
    assert {key[0]: row["traveller_nights"] for key, row in found.items()} == {2: 2, 3: 0, 4: 0}


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


LAST = WEEK - timedelta(weeks=1)


def test_the_causes_of_a_change_sum_to_it_at_each_level(at_home: Path) -> None:
    shown = data.publication()
    assert weekly.weeks_with_causes(shown) == [LAST]
    rows = weekly.causes(shown, LAST)
    assert [row["risk_level"] for row in rows] == [5, 4, None]
    for row in rows:
        difference = sum(row[name] for name in weekly.CAUSES)
        assert row["person_days"] - row["last_week_as_known_then"] == pytest.approx(difference)


def test_the_page_tells_why_a_week_changed_or_which_week_it_knows(at_home: Path) -> None:
    app = run("views/weekly.py")
    assert "The causes are published for 2026-W45" in text(app)
    app.button(key="causes-week").click().run()
    assert not app.exception and app.selectbox(key="week").value == LAST
    body = text(app)
    assert "as it was known when it ended" in body and "Cancelled or changed" in body
    assert "<div>+3.0</div>" in body and "<div>-1.0</div>" in body and "<div>+0.0</div>" in body


def test_a_publication_without_causes_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        con.execute("drop table mart.exposure_change_by_week")
    use(tmp_path, monkeypatch)
    assert "Nothing is known of the causes." in text(run("views/weekly.py"))


def write_report(home: Home, week: str) -> Path:
    """A folder as ``muster report week`` writes it, with files of one line each."""
    folder = home.reports / week
    (folder / "csv").mkdir(parents=True)
    for suffix in ("html", "pdf", "xlsx", "eml"):
        (folder / f"muster-{week}.{suffix}").write_text(f"{suffix} of {week}")
    (folder / "csv" / "week_levels.csv").write_text("risk_level\n5\n")
    return folder


def test_a_report_is_made_once_logged_and_offered_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    made: list[str] = []

    def issue(home: Home, week: str, copy: str) -> Any:
        made.append(f"{week} {copy}")
        return report_week.Issued(None, write_report(home, week), (), {})  # type: ignore[arg-type]

    monkeypatch.setattr(report_week, "issue", issue)
    app = run("views/weekly.py")
    app.selectbox(key="week").set_value(LAST).run()
    for _ in range(2):
        app.button(key="report-make").click().run()
        assert not app.exception
        assert made == ["2026-W45 office"], "the second time the report is there"
    files = app.session_state["report-files"][3]
    assert {name.rpartition(".")[2] for name in files} == {"html", "pdf", "xlsx", "eml", "zip"}
    assert len(app.get("download_button")) == 5
    with zipfile.ZipFile(io.BytesIO(files["muster-2026-W45-csv.zip"])) as archive:
        assert archive.namelist() == ["week_levels.csv"]
    last = looks(tmp_path)[-1]
    assert last["action"] == "dashboard weekly export"
    assert last["parameters"] == {"report": "2026-W45", "export": "report", "files": 5}
    app.selectbox(key="week").set_value(WEEK).run()
    assert not app.get("download_button"), "the files of another week are offered no more"


def test_a_report_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)

    def issue(home: Home, week: str, copy: str) -> Any:
        raise UsageError("Week 2026-W46 lies before all data, which begin in 2026-W47; ask for a later one.")

    monkeypatch.setattr(report_week, "issue", issue)
    app = run("views/weekly.py")
    app.button(key="report-make").click().run()
    assert not app.exception
    assert "No report was made." in text(app) and "lies before all data" in text(app)
    app.selectbox(key="week").set_value(WEEK + timedelta(weeks=1)).run()
    assert "This week has not begun." in text(app) and "report-make" not in {one.key for one in app.button}
    write_report(Home(tmp_path), "2026-W46")
    (tmp_path / "logs" / "access.log").unlink()
    (tmp_path / "logs" / "access.log").mkdir()
    with pytest.raises(MusterError, match="access log"):
        from dashboards import export

        export.take_files(data.publication(), "weekly", {}, lambda: pytest.fail("made before it was logged"), 0)
