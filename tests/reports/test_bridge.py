"""The change of exposure from week to week: it sums for any week and starts from the true past."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import bridge, cli
from pipelines.bridge import Week
from pipelines.commands import reporting
from pipelines.contracts import load_contracts
from pipelines.errors import MusterError
from pipelines.reports import week as weekly
from pipelines.settings import SQL, Home, load_settings
from tests.reports.conftest import build

WEEKS = [Week.of(name) for name in ("2026-W43", "2026-W45", "2026-W46", "2026-W47")]


def compute(home: Home, con: duckdb.DuckDBPyConnection, weeks: list[Week]) -> None:
    publication = weekly.publication_row(con)
    settings = load_settings(home)
    con.execute("drop view mart.exposure_change_by_week")
    contracts = dict(load_contracts(home, settings))
    bridge.compute(home, settings, contracts, con, weeks, publication.as_of, publication.known_at)


def test_the_causes_sum_to_the_difference_in_every_week(office: Home) -> None:
    with weekly.open_published(office) as con:
        compute(office, con, WEEKS)
        check = (SQL / "checks" / "bridge_sums_to_difference.sql").read_text()
        assert con.execute(check).fetchall() == []
        causes = dict(
            con.execute(
                "select cause, sum(abs(person_days_change)) from mart.exposure_change_by_week group by cause"
            ).fetchall()
        )
        weeks = con.execute("select distinct week_start_date from mart.exposure_change_by_week").fetchall()
    assert {monday for (monday,) in weeks} == {week.monday for week in WEEKS}
    assert set(causes) == {"late", "cancelled_or_changed", "new", "ended", "re_rated"}
    assert all(causes[cause] > 1 for cause in ("late", "new", "ended"))


def test_the_causes_sum_where_what_was_known_is_older_than_the_week(office: Home) -> None:
    with weekly.open_published(office) as con:
        publication, settings = weekly.publication_row(con), load_settings(office)
        con.execute("drop view mart.exposure_change_by_week")
        contracts = dict(load_contracts(office, settings))
        known_at = datetime.datetime(2026, 10, 21)
        bridge.compute(office, settings, contracts, con, [Week.of("2026-W46")], publication.as_of, known_at)
        still = "select count(*) from reference.exposure_then where is_open and starts_at < '2026-10-21'"
        assert con.execute(still).fetchall()[0][0] > 0
        assert con.execute((SQL / "checks" / "bridge_sums_to_difference.sql").read_text()).fetchall() == []


def test_every_week_of_the_office_holds(office: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["report", "check", "--home", str(office.root), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with weekly.open_published(office) as con:
        begun = con.execute(
            "select count(distinct week_start_date) from mart.exposure_by_week, mart.publication "
            "where week_start_date <= as_of"
        ).fetchall()
    assert len(told) == begun[0][0] > 70 and all(week["holds"] for week in told)
    assert sum(week["changed"] > 1 for week in told) > 60


def test_a_sum_that_does_not_hold_is_found(office: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bridge.compute

    def broken(*arguments: Any) -> float:
        seconds = made(*arguments)
        con = arguments[3]
        con.execute(
            "update mart.exposure_change_by_week set person_days_change = person_days_change + 0.00001 "
            "where cause = 'late' and week_start_date = '2026-11-09'"
        )
        return seconds

    monkeypatch.setattr(bridge, "compute", broken)
    with pytest.raises(MusterError, match=r"The sums of week 2026-W46 do not hold"):
        reporting.check_weeks(office, "json")


def test_last_week_as_known_then_is_what_a_run_at_its_end_says(office: Home, tmp_path: Path) -> None:
    shutil.copytree(office.root, tmp_path / "home", symlinks=True)
    home, week = Home(tmp_path / "home"), Week.of("2026-W46")
    zone = load_settings(home).office_timezone
    end = week.starts_at(zone).replace(tzinfo=datetime.UTC)
    query = (
        "select risk_level, sum(person_days) from mart.exposure_by_week "
        f"where week_start_date = '{week.moved(-1).monday}' group by risk_level"
    )
    then = dict(build(home, end, lambda con: con.execute(query).fetchall()))
    with weekly.open_published(office) as con:
        text = (SQL / "queries" / "week_bridge.sql").read_text()
        rows = con.execute(text, {"week": str(week.monday)}).fetchall()
    told = {row[0]: row[1] for row in rows if row[1] > 1e-9}
    assert told.keys() == then.keys()
    assert all(told[level] == pytest.approx(then[level], abs=1e-6) for level in then)


def test_a_past_state_is_kept_and_rebuilt_alike(office: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = office.warehouse / "weeks"
    with weekly.open_published(office) as con:
        compute(office, con, WEEKS[:1])
        before = con.execute("from mart.exposure_change_by_week").fetchall()
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    with weekly.open_published(office) as con:
        compute(office, con, WEEKS[:1])
        assert con.execute("from mart.exposure_change_by_week").fetchall() == before
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert made.items() <= kept.items() and len(made) == 1
    monkeypatch.setattr(bridge, "_build_state", lambda *_: pytest.fail("built again"))
    with weekly.open_published(office) as con:
        compute(office, con, WEEKS[:1])


def test_the_key_of_a_state_changes_with_what_it_rests_on(office: Home, tmp_path: Path) -> None:
    shutil.copytree(office.root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    settings = load_settings(home)
    contracts = dict(load_contracts(home, settings))
    then = datetime.datetime(2026, 11, 9, 5)
    files, extra = bridge._known_files(home, contracts, then), bridge._home_digest(home)
    assert files and files == bridge._known_files(office, contracts, then)
    assert len(bridge._known_files(home, contracts, then + datetime.timedelta(days=7))) > len(files)
    (home.root / "places.csv").write_text("alias,place_id\n")
    assert bridge._home_digest(home) != extra
    entry = next(path for path in home.landing.glob("registrations/*.json") if "landed_at" in path.read_text())
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"landed_at": "2026-11-17T00:00:00"}))
    assert bridge._known_files(home, contracts, then) != files


def test_where_nothing_was_known_all_is_late(office: Home) -> None:
    with weekly.open_published(office) as con:
        compute(office, con, [Week.of("2026-W36")])
        rows = con.execute(
            "select sum(person_days_change) filter (where cause = 'late'), "
            "sum(person_days_change) filter (where cause = 'cancelled_or_changed') from mart.exposure_change_by_week"
        ).fetchall()
        days = con.execute(
            "select sum(person_days) from mart.exposure_by_week where week_start_date = '2026-08-24'"
        ).fetchall()
    assert rows[0][0] == pytest.approx(days[0][0], abs=1e-6)
    assert rows[0][1] == 0
