"""What is older than the settings allow is gone after the next run; what is not stays."""

from __future__ import annotations

import datetime
import json
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import access_log, decisions
from pipelines.errors import MusterError
from pipelines.run import run_plain
from pipelines.settings import Home, load_settings

from .planted import (
    Marked,
    booking,
    expense,
    found_below,
    mail,
    muster,
    plant_small,
    registration,
    roster,
    texts_of,
    write,
)

OLD, LEFT, RECENT = Marked(1), Marked(2), Marked(3)
TODAY = datetime.datetime.now(datetime.UTC).date()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An office with trips of long ago and of now, somebody who left long ago, and nothing said of retention."""
    home = plant_small(tmp_path_factory.mktemp("kept") / "home")
    people = roster([OLD, LEFT, RECENT])
    for row in people:
        row["active_to_date"] = f"{TODAY - timedelta(days=500)}" if row["person_id"] == LEFT.person_id else ""
    write(home.inbox / "people" / "roster.csv", people)
    trips = [(OLD, TODAY - timedelta(days=430)), (OLD, TODAY - timedelta(days=20)), (RECENT, TODAY)]
    write(home.inbox / "registrations" / "trips.csv", [registration(one, day) for one, day in trips])
    write(home.inbox / "bookings" / "agency.csv", [booking(OLD, trips[0][1]), booking(RECENT, TODAY)])
    write(home.inbox / "expenses" / "lines.csv", [expense(OLD, trips[0][1]), expense(RECENT, TODAY)])
    (home.inbox / "itineraries").mkdir()
    (home.inbox / "itineraries" / "old.eml").write_text(mail(OLD, trips[0][1]))
    run_plain(home)
    finding = decisions.Finding("a_1", "t_1", "KE", None, None, [])
    decisions.record(home, [finding], "dismissed", None, "officer")
    path = decisions.decisions_path(home)
    path.write_text(path.read_text().replace(str(TODAY.year), str(TODAY.year - 2)) + path.read_text())
    (home.reports / "2024-W03").mkdir()
    (home.reports / "2024-W03" / "muster-2024-W03.csv").write_text("t_1")
    return home


@pytest.fixture(scope="module")
def told(home: Home) -> list[str]:
    """What the first run with ages said, after which the home keeps nothing older; later tests may run alone."""
    with home.settings_file.open("a") as file:
        file.write("retention: {trips_days: 400, people_days: 365, decisions_days: 365, reports_days: 200}\n")
    said: list[str] = []
    run_plain(home, progress=said.append)
    return said


def rows(home: Home, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.published / "current" / "steward.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def old_trip() -> str:
    return f"TR-{OLD.number:05d}-{TODAY - timedelta(days=430):%m%d}"


def test_without_the_setting_everything_is_kept(home: Home) -> None:
    assert rows(home, f"select count(*) from trip where trip_id = '{old_trip()}'") == [(1,)]
    assert rows(home, "select count(*) from traveller") == [(3,)]
    assert not (home.erasures / "pending.json").exists()


def test_a_planted_old_record_is_gone_after_the_next_run(home: Home, told: list[str]) -> None:
    assert any("Retention: 5 records" in line for line in told), told
    gone = {old_trip().lower(), f"l{OLD.number:05d}", f"ex{OLD.number:05d}", f"m{OLD.number:05d}", *LEFT.marks()}
    for path in home.root.rglob("*"):
        if path.is_file():
            for text in texts_of(path):
                assert not [one for one in gone if one.encode() in text.lower()], path
    assert found_below(home.root, LEFT.marks()) == {}
    assert rows(home, "select count(*) from traveller") == [(2,)]
    # What is younger stays, of the same person as well, and every record is still accounted for.
    assert rows(home, "select count(*) from trip") == [(3,)]
    sql = "select sum(records), sum(loaded + rejected + blank) from landed_file"
    assert rows(home, sql)[0][0] == rows(home, sql)[0][1]
    assert rows(home, "select count(*) from rejected_record where reason like '%time of keeping%'") == [(5,)]
    assert len(decisions.read(home)) == 1 and not (home.reports / "2024-W03").exists()
    assert len([path for path in home.published.iterdir() if not path.is_symlink()]) == 1


@pytest.mark.usefixtures("told")
def test_the_same_old_records_delivered_again_are_gone_again(home: Home) -> None:
    day = TODAY - timedelta(days=430)
    write(home.inbox / "registrations" / "export.csv", [registration(OLD, day), registration(RECENT, TODAY)])
    run_plain(home)
    assert rows(home, f"select count(*) from trip where trip_id = '{old_trip()}'") == [(0,)]
    assert old_trip() not in (home.inbox / "registrations" / "export.csv").read_text()


@pytest.mark.usefixtures("told")
def test_a_receipt_says_until_when(home: Home) -> None:
    done = muster(home, "privacy", "receipt", "--person", RECENT.person_id, "--format", "json")
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)
    until = {line["where"].partition(":")[0]: line["kept_until"] for line in lines}
    assert until["registrations"] == f"{TODAY + timedelta(days=9 + 401)}"
    assert until["people"] == "until somebody forgets the person"
    kinds = {line["kind"] for line in lines}
    assert {"received", "published", "looked"} <= kinds
    columns = next(line["what"] for line in lines if line["where"].startswith("people:"))
    assert "mobile_phone" in columns and not [mark for mark in RECENT.marks() if mark in done.stdout.lower()]
    looks = [line for line in lines if line["kind"] == "looked"]
    assert looks[-1]["what"] == "privacy receipt" and access_log.verify(home).problem is None


@pytest.mark.parametrize("text", ["{trips_days: 0}", "{trips_days: 30}", "{trip_days: 400}", "{trips_days: soon}", "5"])
def test_a_wrong_setting_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path / "home").prepare()
    home.settings_file.write_text(f"retention: {text}\n")
    with pytest.raises(MusterError, match=r"muster\.yml: retention"):
        load_settings(home)


@pytest.mark.usefixtures("told")
def test_ages_count_from_the_day_of_the_run_not_from_as_of(home: Home) -> None:
    run_plain(home, as_of=datetime.datetime(2040, 1, 1, tzinfo=datetime.UTC))
    assert rows(home, "select count(*) from trip") == [(3,)]
