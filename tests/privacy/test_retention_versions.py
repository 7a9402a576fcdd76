"""Retention and the versions of one trip: what was cancelled or moved never comes back because its successor is old."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipelines import retention
from pipelines.settings import Home

from .small import AS_OF, keep, person, present, put, received_on, rows, run, start


@pytest.fixture(autouse=True)
def on_that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages count from the day of the run, which is that of the records here."""
    enforce = retention.enforce
    monkeypatch.setattr(retention, "enforce", lambda home, settings, known: enforce(home, settings, known, AS_OF))


def office(tmp_path: Path) -> Home:
    home = start(tmp_path / "home")
    put(home, "people", "p.csv", person("101", "Ana Silva", "ana@u.edu"), person("102", "Bea Moved", "bea@u.edu"))
    return home


def test_a_trip_that_was_cancelled_or_moved_does_not_come_back(tmp_path: Path) -> None:
    home = office(tmp_path)
    ana, bea = {"traveller_email": "ana@u.edu"}, {"traveller_email": "bea@u.edu"}
    put(home, "registrations", "r1.csv", {"trip_id": "TRA"} | ana, {"trip_id": "TRB"} | bea)
    july = {"updated_at": "2026-07-10T09:00:00Z"}
    nowhere = {"trip_status": "cancelled", "to_place": "", "starts_local": "", "ends_local": ""}
    moved = {"starts_local": "2026-07-01", "ends_local": "2026-07-10"}
    changed = [{"trip_id": "TRA"} | july | nowhere | ana, {"trip_id": "TRB"} | moved | july | bea]
    put(home, "registrations", "r2.csv", *changed)
    flight = {"record_locator": "BEA001", "traveller_name": "MOVED/BEA MRS", "traveller_email": "bea@u.edu"}
    put(home, "bookings", "b1.csv", flight)
    paris = {"to_code": "CDG", "starts_local": "2026-07-01T10:00", "ends_local": "2026-07-01T20:00"}
    back = {"from_code": "CDG", "to_code": "JFK", "starts_local": "2026-07-09T10:00", "ends_local": "2026-07-09T20:00"}
    later = {"updated_at": "2026-06-15T09:00:00Z"}
    put(home, "bookings", "b2.csv", flight | later | paris, flight | later | back | {"segment_number": 2})
    run(home)
    trips = rows(home, "select trip_id, trip_status from trip order by all")
    assert present(home) == set() and len(trips) == 3
    keep(home, "trips_days: 90")
    run(home)
    assert present(home) == set()
    assert rows(home, "select trip_id, trip_status from trip order by all") == trips


def test_all_versions_of_a_trip_go_together_when_all_are_over(tmp_path: Path) -> None:
    home = office(tmp_path)
    old = {"starts_local": "2026-06-01", "ends_local": "2026-06-10"}
    put(home, "registrations", "r1.csv", {"trip_id": "TRA"} | old, {"trip_id": "TRB"} | old)
    newer = {"updated_at": "2026-06-05T09:00:00Z", "starts_local": "2026-06-03", "ends_local": "2026-06-12"}
    put(home, "registrations", "r2.csv", {"trip_id": "TRA"} | newer, {"trip_id": "TRC"})
    keep(home, "trips_days: 90")
    run(home)
    assert rows(home, "select trip_id from trip") == [("TRC",)]
    assert "2026-06-10" not in (home.inbox / "registrations" / "r1.csv").read_text()


def test_a_locator_that_is_used_again_keeps_no_older_use(tmp_path: Path) -> None:
    home = office(tmp_path)
    flight = {"record_locator": "ABC123", "traveller_name": "SILVA/ANA MRS", "traveller_email": "ana@u.edu"}
    first = {"issued_at": "2025-01-10T09:00:00Z", "updated_at": "2025-01-10T09:00:00Z"}
    days = {"starts_local": "2025-02-01T10:00", "ends_local": "2025-02-01T20:00"}
    put(home, "bookings", "b.csv", flight | first | days, flight)
    keep(home, "trips_days: 90")
    run(home)
    assert rows(home, "select trip_id from trip") == [("booking:ABC123:2026-06-01",)]
    assert present(home) == {("Ana Silva", "Kyiv")}


def test_a_file_that_is_over_keeps_what_an_older_version_elsewhere_would_come_back_without(tmp_path: Path) -> None:
    home = office(tmp_path)
    ana = {"traveller_email": "ana@u.edu"}
    cancelled = {"trip_status": "cancelled", "updated_at": "2026-07-10T09:00:00Z"}
    put(home, "registrations", "r1.csv", {"trip_id": "TRA"} | cancelled | ana, {"trip_id": "TRB"} | ana)
    put(home, "registrations", "r2.csv", {"trip_id": "TRA"} | ana)
    run(home)
    received_on(home, "r1.csv", date(2026, 1, 2))
    received_on(home, "r2.csv", date(2026, 11, 2))
    keep(home, "landed_days: 90")
    run(home)
    assert rows(home, "select trip_id, trip_status from trip") == [("TRA", "cancelled")]
    assert present(home) == set()


def test_who_left_goes_from_every_roster(tmp_path: Path) -> None:
    home = office(tmp_path)
    run(home)
    left = person("101", "Ana Silva", "ana@u.edu", active_to_date="2026-01-31")
    put(home, "people", "p2.csv", left, person("102", "Bea Moved", "bea@u.edu"))
    run(home)
    keep(home, "people_days: 90")
    run(home)
    assert not [path for path in home.landing.glob("people/*") if b"ana@u.edu" in path.read_bytes()]


def test_the_roster_in_force_stays_while_a_newer_one_is_held(tmp_path: Path) -> None:
    home = start(tmp_path / "home")
    everybody = [person(f"1{number:02d}", f"Given Family{number}", f"p{number}@u.edu") for number in range(12)]
    put(home, "people", "p.csv", *everybody)
    run(home)
    put(home, "people", "p2.csv", *everybody[:3])
    run(home)
    received_on(home, "p.csv", date(2026, 1, 2))
    keep(home, "landed_days: 90, people_days: 90")
    run(home)
    assert rows(home, "select count(*) from traveller where is_on_roster") == [(12,)]


def test_a_retention_that_stopped_leaves_nothing_published_though_the_inbox_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    home = office(tmp_path)
    old = {"trip_id": "OLDTRIP", "starts_local": "2026-06-01", "ends_local": "2026-06-10"}
    put(home, "registrations", "r.csv", old, {"trip_id": "NEWTRIP"})
    run(home)
    keep(home, "trips_days: 90")
    with monkeypatch.context() as stopped:
        stopped.setattr(retention, "change_inbox", stop)
        with pytest.raises(KeyboardInterrupt):
            run(home)
    for path in home.inbox.glob("*/*"):
        path.unlink()
    run(home)
    assert len([path for path in home.published.iterdir() if not path.is_symlink()]) == 1
    assert not (home.erasures / "pending.json").exists()
    assert rows(home, "select trip_id from trip") == [("NEWTRIP",)]
