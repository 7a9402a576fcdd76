"""F5: what is published is a pure function of the files received by then, the configuration and as_of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pipelines.run import run_plain
from pipelines.settings import SQL, Home

from .conftest import Office, write_csv

PERSON = {"person_id": "p1", "given_name": "Ada", "family_name": "Example", "email": "ada@example.edu"}
TRIP = {
    "updated_at": "2026-11-01T08:00:00Z",
    "trip_status": "active",
    "traveller_email": "ada@example.edu",
    "person_id": "p1",
    "segment_number": 1,
    "segment_type": "lodging",
}


def _rebuild(office: Office, as_of: datetime, known_at: datetime) -> None:
    run_plain(office.home, as_of.replace(tzinfo=UTC), known_at.replace(tzinfo=UTC))


def test_rebuilding_from_the_landed_files_alone_gives_identical_marts(office: Office, tmp_path: Path) -> None:
    again = office.landed_copy(tmp_path / "again")
    _rebuild(again, *office.rows("select as_of, known_at from publication")[0])
    expected, found = office.marts(), again.marts()
    assert list(found) == list(expected)
    assert [name for name, rows in expected.items() if found[name] != rows] == []
    assert len(expected["exposure"]) > 100


def test_a_silent_feed_is_stale_one_that_never_came_is_missing_and_both_are_said(
    office: Office, tmp_path: Path
) -> None:
    later = office.landed_copy(tmp_path / "later", without="alerts")
    _rebuild(later, datetime(2027, 3, 1), datetime(2027, 3, 1))
    states = dict(later.rows("select feed, status from feed_status"))
    assert {states[feed] for feed in ("people", "registrations", "bookings", "ratings")} == {"stale"}
    assert states["alerts"] == "missing"
    told = later.muster("who", "--role", "analyst").stdout
    assert "Feed 'people' is stale, last received" in told
    assert "Optional feeds that never came: " in told and "alerts" in told
    assert "Feed 'people' is stale" in later.muster("feeds").stdout
    # R4: what a silent provider said still holds, and is marked.
    assert later.one("select count(*) from exposure where rating_status = 'stale' and risk_level is not null") > 0


def _received_by_name(home: Home, feed: str) -> None:
    contract: dict[str, Any] = yaml.safe_load((SQL / "land" / f"{feed}.yml").read_text())
    contract["received_at"] = "{YYYYMMDD}.csv"
    home.contracts.mkdir(parents=True, exist_ok=True)
    (home.contracts / f"{feed}.yml").write_text(yaml.safe_dump(contract, sort_keys=False))


def _trip(trip_id: str, place: str, starts: str, ends: str, **other: Any) -> dict[str, Any]:
    return {"trip_id": trip_id, "to_place": place, "starts_local": starts, "ends_local": ends, **TRIP, **other}


def test_an_earlier_known_at_gives_what_was_known_then(tmp_path: Path) -> None:
    office = Office(Home(tmp_path / "home"))
    for feed in ("people", "registrations"):
        _received_by_name(office.home, feed)
    inbox = office.home.inbox
    write_csv(inbox / "people" / "20261030.csv", [PERSON])
    write_csv(inbox / "registrations" / "20261101.csv", [_trip("T1", "Nairobi, Kenya", "2026-11-03", "2026-11-20")])
    as_of, then, now = datetime(2026, 11, 12), datetime(2026, 11, 5), datetime(2026, 11, 12)
    _rebuild(office, as_of, then)
    known_then = office.marts()
    assert office.rows("select distinct place_name from stay") == [("Nairobi",)]

    new = _trip("T2", "Quito, Ecuador", "2026-12-01", "2026-12-04")
    moved = _trip("T1", "Lyon, France", "2026-11-03", "2026-11-14", updated_at="2026-11-09T10:00:00Z")
    write_csv(inbox / "registrations" / "20261110.csv", [moved, new])
    write_csv(inbox / "people" / "20261111.csv", [PERSON | {"given_name": "Ada Marie", "mobile_phone": "+1 555 0100"}])
    _rebuild(office, as_of, now)
    assert {row[0] for row in office.rows("select place_name from stay")} == {"Lyon", "Quito"}
    assert office.rows("select full_name from traveller_contact") == [("Ada Marie Example",)]

    _rebuild(office, as_of, then)
    assert office.marts() == known_then
    assert office.rows("select count(*) from landed_file") == [(2,)]
