"""What the weekly report calls registered: a journey once, by what the audit and the policy know of it."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from pipelines.settings import PROJECT

TRIPS = """
create schema mart;
create table mart.publication as select timestamp '2026-11-10 08:00:00' as as_of, 'UTC' as office_timezone;
create table mart.trip as select * from (values
    ('TR-1', 'university', timestamp '2026-10-01 00:00:00', null),
    ('booking:A', 'university', null, 'TR-1'),
    ('TR-2', 'personal', timestamp '2026-10-01 00:00:00', null),
    ('booking:B', 'university', null, 'TR-2'),
    ('expense:C', 'personal', null, null),
    ('booking:D', 'university', null, null),
    ('booking:E', 'university', null, 'TR-5'),
    ('TR-5', 'university', timestamp '2026-10-01 00:00:00', null)
) as v (trip_id, purpose, registered_at, registered_trip_id);
create table mart.traveller as
    select 't' as traveller_id, true as has_phone, true as has_email, 'matched' as identity_status;
create table mart.exposure as select 't' as traveller_id, trip_id, trip_id as place_id, trip_id as place_name,
    'NG' as country_code, 5 as risk_level, 'rated' as rating_status, 'likely' as presence, 'none' as evacuation_status,
    timestamp '2026-11-11 00:00:00' as starts_at, timestamp '2026-11-12 00:00:00' as ends_at, 1 as candidate_count
    from mart.trip where trip_id <> 'TR-5';
"""


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(TRIPS)
    return con


def rows(con: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = con.execute((PROJECT / "sql" / "queries" / f"{query}.sql").read_text(encoding="utf-8"), parameters)
    names = [item[0] for item in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_a_journey_told_twice_counts_once_and_a_personal_one_not(con: duckdb.DuckDBPyConnection) -> None:
    found = rows(con, "week_shares", {"week": "2026-11-09"})[0]
    assert (found["trips"], found["trips_registered"]) == (3, 2)
    assert found["person_days"] == 7


def test_an_arrival_is_registered_where_a_registration_covers_it(con: duckdb.DuckDBPyConnection) -> None:
    found = {row["trip_id"]: row["is_registered"] for row in rows(con, "week_arrivals", {"days": 14})}
    assert {trip for trip, is_registered in found.items() if not is_registered} == {"expense:C", "booking:D"}
    assert len(found) == 7
