"""Homes of a handful of records, for what needs no thousand people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from pipelines.run import run_plain
from pipelines.settings import Home

from .planted import plant_small, write

AS_OF = datetime(2026, 11, 27, 12, tzinfo=UTC)

_COLUMNS = {
    "people": "person_id given_name family_name email mobile_phone affiliation home_country_code active_to_date",
    "registrations": "trip_id registered_at updated_at trip_status traveller_email traveller_name person_id trip_name "
    "segment_number segment_type to_place starts_local ends_local",
    "bookings": "record_locator issued_at updated_at traveller_name traveller_email employee_id segment_number "
    "segment_type status_code from_code to_code starts_local ends_local carrier_code service_number",
    "reviews": "review_id trip_id email kind outcome decided_at approver",
}
_USUAL = {
    "people": {"affiliation": "staff", "home_country_code": "US"},
    "registrations": {
        "registered_at": "2026-06-01T09:00:00Z",
        "updated_at": "2026-06-01T09:00:00Z",
        "trip_status": "active",
        "segment_number": 1,
        "segment_type": "presence",
        "to_place": "Kyiv, Ukraine",
        "starts_local": "2026-11-20",
        "ends_local": "2026-12-05",
    },
    "bookings": {
        "issued_at": "2026-06-01T09:00:00Z",
        "updated_at": "2026-06-01T09:00:00Z",
        "segment_number": 1,
        "segment_type": "AIR",
        "status_code": "HK",
        "from_code": "JFK",
        "to_code": "KBP",
        "starts_local": "2026-11-20T10:00",
        "ends_local": "2026-11-20T20:00",
        "carrier_code": "ZZ",
        "service_number": "11",
    },
    "reviews": {"kind": "training", "outcome": "approved", "decided_at": "2026-11-01T00:00:00Z", "approver": "x"},
}


def start(root: Path) -> Home:
    home = plant_small(root)
    home.settings_file.write_text(
        "office_country_code: US\nfeeds:\n  ratings: {rhythm_days: 3650}\n  people: {rhythm_days: 3650}\n"
    )
    return home


def put(home: Home, feed: str, name: str, *rows: dict[str, object]) -> None:
    """Write one file into the inbox; what a row does not say is as it usually is."""
    usual = dict.fromkeys(_COLUMNS[feed].split(), "") | _USUAL[feed]
    write(home.inbox / feed / name, [usual | row for row in rows])


def person(person_id: str, name: str, email: str, **other: object) -> dict[str, object]:
    given, _, family = name.partition(" ")
    return {"person_id": person_id, "given_name": given, "family_name": family, "email": email} | other


def keep(home: Home, text: str) -> None:
    with home.settings_file.open("a") as file:
        file.write(f"retention: {{{text}}}\n")


def run(home: Home) -> None:
    run_plain(home, as_of=AS_OF)


def rows(home: Home, sql: str, role: str = "steward") -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.published / "current" / f"{role}.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def present(home: Home) -> set[tuple[object, ...]]:
    """Who is where by name and place, at the instant of the runs."""
    sql = "select full_name, place_name from current_exposure left join traveller_contact using (traveller_id)"
    return set(rows(home, sql))


def received_on(home: Home, name: str, day: date) -> None:
    """Let a landed file have come on another day."""
    for path in home.landing.glob("*/*.json"):
        text = path.read_text()
        if f'"{name}"' in text:
            landed_at = text.partition('"landed_at": "')[2].partition('"')[0]
            path.write_text(text.replace(landed_at, f"{day}{landed_at[10:]}"))
