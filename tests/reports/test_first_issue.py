"""A week issued again says what changed since it was first issued, and why; the first issue is kept once for all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines import bridge
from pipelines.errors import MusterError
from pipelines.reports import first_issue, model, week
from pipelines.settings import SQL, Home

WEEK = "2026-W45"
QUERY = "report/week_since_issue"


@pytest.fixture
def home(office: Home, earlier: Home, tmp_path: Path) -> Iterator[Home]:
    """A home that shares the landed files and shows the earlier publication first; `later` shows the other one."""
    made = Home(tmp_path / "home").prepare()
    for name in ("published", "landing", "warehouse"):
        (made.root / name).rmdir()
    (made.root / "landing").symlink_to(office.landing)
    (made.root / "warehouse").symlink_to(earlier.warehouse)
    (made.root / "published").symlink_to(earlier.published)
    shutil.copy(office.settings_file, made.settings_file)
    yield made


def later(home: Home, office: Home) -> None:
    (home.root / "published").unlink()
    (home.root / "published").symlink_to(office.published)


def since(issued: week.Issued) -> model.Table | None:
    return next((table for table in issued.report.tables if table.query == QUERY), None)


def person_days(issued: week.Issued) -> dict[int | None, float]:
    """Person-days by level as the bridge of the report has them, transit included."""
    table = next(table for table in issued.report.tables if table.query == "week_bridge")
    return {row[0]: row[-1] for row in table.rows}


def test_a_later_issue_says_what_changed_and_why(home: Home, office: Home, tmp_path: Path) -> None:
    first = week.issue(home, WEEK)
    assert since(first) is None
    later(home, office)
    again = week.issue(home, WEEK)
    table = since(again)
    assert table is not None and table.title == "Changed since first issued, as known on 10 November 2026"
    total = table.rows[0]
    assert total[0] == model.ALL_LEVELS
    assert total[2] == pytest.approx(person_days(first)[model.ALL_LEVELS], abs=1e-6)
    assert total[-1] == pytest.approx(person_days(again)[model.ALL_LEVELS], abs=1e-6)
    assert all(sum(row[2:-1]) == pytest.approx(row[-1], abs=1e-6) for row in table.rows)
    assert total[3] > 1 and total[5] == pytest.approx(0, abs=1e-6)
    # A level's change is that of its rows: what is left out has not changed.
    before, now = person_days(first), person_days(again)
    for level in {row[0] for row in table.rows[1:]}:
        change = sum(row[-1] - row[2] for row in table.rows[1:] if row[0] == level)
        assert change == pytest.approx(now.get(level, 0) - before.get(level, 0), abs=1e-6)
    page = next(path for path in again.files if path.suffix == ".html").read_text()
    assert "Changed since first issued" in page and f"sql/queries/{QUERY}.sql" in page
    viewers = week.issue(home, WEEK, copy="viewer")
    shown = since(viewers)
    assert shown is not None and [row[0] for row in shown.rows] == [model.ALL_LEVELS]


def test_the_same_state_gives_the_same_bytes_whenever_it_is_issued(home: Home, office: Home, tmp_path: Path) -> None:
    first = week.issue(home, WEEK, tmp_path / "one")
    kept = first_issue.path_of(home, bridge.Week.of(WEEK))
    held = kept.read_bytes()
    again = week.issue(home, WEEK, tmp_path / "two")
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in again.files]
    later(home, office)
    second = week.issue(home, WEEK, tmp_path / "three")
    third = week.issue(home, WEEK, tmp_path / "four")
    assert [path.read_bytes() for path in second.files] == [path.read_bytes() for path in third.files]
    assert kept.read_bytes() == held and kept.stat().st_mode & 0o077 == 0
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    assert b"TR-0" not in held, "trips are named by a digest"


def test_a_week_that_is_not_over_is_no_first_issue(home: Home, tmp_path: Path) -> None:
    week.issue(home, "2026-W46", tmp_path)
    assert not (home.reports / "first").exists()


def test_a_report_that_cannot_be_written_is_no_first_issue(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MusterError, match="cannot be written"):
        week.issue(home, WEEK, tmp_path / "file")
    assert not first_issue.path_of(home, bridge.Week.of(WEEK)).exists()


def test_a_damaged_first_issue_is_named(home: Home, office: Home, tmp_path: Path) -> None:
    path = first_issue.path_of(home, bridge.Week.of(WEEK))
    path.parent.mkdir()
    path.write_bytes(b"PAR1")
    with pytest.raises(MusterError, match=r"cannot be read; restore it from a backup"):
        week.issue(home, WEEK, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_each_difference_takes_the_first_cause_that_applies() -> None:
    now = {  # trip -> place, level, first and last day of the week's Monday to Sunday, 9 to 15 November
        "same": ("1", 2, 9, 11),
        "late": ("1", 2, 9, 12),
        "moved here": ("2", 3, 10, 12),
        "re-rated": ("3", 4, 9, 13),
        "longer": ("3", 4, 9, 15),
    }
    then = {
        "same": ("1", 2, 9, 11),
        "re-rated": ("3", 3, 9, 13),
        "longer": ("3", 3, 9, 11),
        "cancelled": ("3", 3, 9, 10),
    }
    exposure = "create table {name} as select {trip}, '1' as place_id, 'KE' as country_code, 1 as risk_level, "
    exposure += "timestamp '2026-11-09' as starts_at, timestamp '2026-11-09' as ends_at, false as is_open, 1 as "
    exposure += "candidate_count limit 0"
    with duckdb.connect() as con:
        con.execute("create schema mart")
        con.execute(exposure.format(name="mart.exposure", trip="'' as trip_id"))
        con.execute(exposure.format(name="mart.issued_exposure", trip="md5_number_lower('') as trip_mark"))
        con.execute("create table mart.publication as select timestamp '2026-11-20' as as_of, 'UTC' as office_timezone")
        row = "insert into {} select {}, ?, 'KE', ?, make_timestamp(2026, 11, ?, 0, 0, 0), "
        row += "make_timestamp(2026, 11, ?, 0, 0, 0), false, 1"
        for trip, values in now.items():
            con.execute(row.format("mart.exposure", "?"), [trip, *values])
        for trip, values in then.items():
            con.execute(row.format("mart.issued_exposure", "md5_number_lower(?)"), [trip, *values])
        con.execute("insert into mart.issued_exposure (trip_mark) values (md5_number_lower('moved here'))")
        text = (SQL / "queries" / f"{QUERY}.sql").read_text()
        rows = con.execute(text, {"week": "2026-11-09"}).fetchall()
    assert rows == [
        (4, "KE", 0, 0, 6, 4, 10),
        (3, "KE", 7, 0, 2 - 3, -4, 2),
        (2, "KE", 2, 3, 0, 0, 5),
    ]
