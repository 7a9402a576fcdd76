"""Invariants of stays and exposure over random itineraries (S5, E1, E2, E4, F5), whatever the evidence says."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import models

PLACES = [
    # key, id, type, country, region, area, latitude, longitude, precision; London and Reading are near each other
    (1, "GB", "country", "GB", None, "GB", 51.5, -0.1, "country"),
    (2, "london", "city", "GB", "GB-ENG", "lon", 51.5, -0.12, "city"),
    (3, "reading", "city", "GB", "GB-ENG", "rdg", 51.45, -0.97, "city"),
    (4, "lagos", "city", "NG", "NG-LA", "los", 6.45, 3.4, "city"),
    (5, "NG", "country", "NG", None, "NG", 6.45, 3.4, "country"),
    (6, "nyc", "city", "US", "US-NY", "nyc", 40.7, -74.0, "city"),
    (7, "unknown:camp", "unknown", None, None, "unknown:camp", None, None, "unknown"),
    (8, "tokyo", "city", "JP", "JP-13", "tyo", 35.7, 139.7, "city"),
    # a city that is a country: both in one area
    (9, "SG", "country", "SG", None, "sin", 1.3, 103.8, "country"),
    (10, "singapore", "city", "SG", None, "sin", 1.3, 103.8, "city"),
]
FIRST = datetime(2026, 2, 20)
AS_OF = datetime(2026, 4, 1, 12)
FAR = datetime(2262, 1, 1)

place_keys = st.sampled_from([row[0] for row in PLACES])
instants = st.integers(0, 70 * 24 * 4).map(lambda quarter: FIRST + timedelta(minutes=15 * quarter))
segments = st.fixed_dictionaries(
    {
        "traveller_key": st.integers(1, 3),
        "trip": st.integers(1, 4),
        "segment_kind": st.sampled_from(["movement", "movement", "movement", "lodging", "presence"]),
        "segment_status": st.sampled_from(["confirmed", "confirmed", "confirmed", "possible", "cancelled"]),
        "from_place_key": place_keys,
        "to_place_key": place_keys,
        "starts_at": instants,
        "hours": st.integers(1, 200),
        "is_open": st.booleans(),
        "has_time": st.booleans(),
        "flight": st.sampled_from([None, "1", "2"]),
    }
)
itineraries = st.lists(segments, min_size=1, max_size=14, unique_by=repr)  # a record has a key of its own


def build(rows: list[dict[str, Any]], as_of: datetime = AS_OF) -> duckdb.DuckDBPyConnection:
    """Run the models from segments to weeks over the given segments, in memory."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    for schema in ("land", "reference", "stage", "core", "mart"):
        con.execute(f"create schema {schema}")
    trips = sorted({(row["traveller_key"], row["trip"]) for row in rows})
    _fill_reference(con, as_of)
    _fill_travellers(con, trips)
    _fill_segments(con, rows, trips)
    given_tables = {
        row[0] for row in con.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    }
    for target in ("mart.stay", "mart.exposure_by_week"):
        for step in models.needed(models.discover(), target, given_tables):
            con.execute(f"create or replace table {step.table} as {step.sql}")
    return con


def _fill_reference(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    con.execute(
        """create table reference.parameter as select ?::timestamp as as_of, ?::timestamp as known_at,
        'UTC' as office_timezone, null::varchar as office_country_code, 10.0::double as transit_hours,
        30 as open_ended_days, false as count_home, 'highest' as resolution, 'max' as headline""",
        [as_of, as_of],
    )
    con.execute(
        """create table reference.zone_transition as select 'UTC' as timezone, y as local_year,
        timestamp '1990-01-01' as starts_at, timestamp '2062-01-01' as ends_at, timestamp '1990-01-01' as local_starts,
        timestamp '2062-01-01' as local_ends, timestamp '2062-01-01' as flagged_from, 0 as utc_offset_seconds,
        null::timestamp as nights_differ_until, null::integer as nights_differ_by
        from unnest(range(2020, 2062)) t(y)"""
    )
    con.execute(
        """create table core.place (place_key integer, place_id varchar, place_type varchar, country_code varchar,
        region_code varchar, area_id varchar, latitude double, longitude double, precision varchar)"""
    )
    con.executemany("insert into core.place values (?, ?, ?, ?, ?, ?, ?, ?, ?)", PLACES)
    con.execute(
        """create or replace table core.place as select *, place_id as place_name, 'UTC' as timezone,
        false as is_zone_assumed, case when place_type = 'city' then place_id end as city_place_id from core.place"""
    )
    con.execute("create table core.place_match as select place_id, 'resolved' as place_status from core.place")
    con.execute(
        """create table core.zone_level as select 1 as zone_key, s as starts_at, e as ends_at, l as security_level,
        l as medical_level, l as level_highest, l as level_most_specific, l as risk_level, l as worst_case_level,
        'rated' as rating_status, 'none' as evacuation_status, 'p' as security_provider, 'p' as medical_provider
        from (values (timestamp '0001-01-01', timestamp '2026-03-05 07:00:00', 2),
        (timestamp '2026-03-05 07:00:00', timestamp '9999-01-01', 4)) as v (s, e, l)"""
    )
    con.execute("create table core.place_zone as select place_key, 1 as zone_key from core.place where place_key <> 7")


def _fill_travellers(con: duckdb.DuckDBPyConnection, trips: list[tuple[int, int]]) -> None:
    con.execute(
        """create table core.traveller as select t as traveller_key, 'staff' as affiliation,
        case when t < 3 then 'US' end as home_country_code from unnest([1, 2, 3]) as u(t)"""
    )
    con.execute(
        "create table core.pseudonym as select traveller_key, 't' || traveller_key as traveller_id from core.traveller"
    )
    con.execute(
        "create table core.trip_reference (trip_key integer, trip_id varchar, traveller_key integer, source varchar)"
    )
    for key, (traveller, trip) in enumerate(trips, start=1):
        con.execute("insert into core.trip_reference values (?, ?, ?, 'registration')", [key, f"T{trip}", traveller])
    con.execute("create table core.record_prefix as select ['0000000001feed:'] as prefixes")
    con.execute("create table core.trip_link as select trip_key, trip_key as main_trip_key from core.trip_reference")


def _fill_segments(con: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], trips: list[tuple[int, int]]) -> None:
    table = []
    for row in rows:
        is_movement = row["segment_kind"] == "movement"
        ends_at = row["starts_at"] + timedelta(hours=row["hours"] if not is_movement else 1 + row["hours"] % 20)
        told = {name: value for name, value in row.items() if name != "key"}
        number = sum(ord(letter) * 131**i for i, letter in enumerate(str(sorted(told.items(), key=str)))) % 2**30
        key = row.get("key") or number
        table.append(
            {
                "segment_key": (2**30 + key) * 64,  # the record `key` of the first file
                "trip_key": trips.index((row["traveller_key"], row["trip"])) + 1,
                "traveller_key": row["traveller_key"],
                "source": "registration",
                "segment_kind": row["segment_kind"],
                "segment_status": row["segment_status"],
                "from_place_key": row["from_place_key"] if is_movement else None,
                "to_place_key": row["to_place_key"],
                "from_place_status": "resolved",
                "to_place_status": "resolved",
                "to_candidate_count": 1,
                "segment_number": number,  # a movement told twice keeps its place in the trip
                "starts_date": row["starts_at"].date(),
                "ends_date": ends_at.date(),
                "starts_has_time": row["has_time"],
                "ends_has_time": row["has_time"] and not (is_movement and row["is_open"]),
                "is_time_estimated": is_movement and row["has_time"] and row["is_open"],
                "starts_at": row["starts_at"],
                "ends_at": None if row["is_open"] and not is_movement else ends_at,
                "first_day_at": datetime.combine(row["starts_at"].date(), datetime.min.time()),
                "last_day_ends_at": datetime.combine(ends_at.date() + timedelta(days=1), datetime.min.time()),
                "carrier_code": "XX" if row["flight"] else None,
                "service_number": row["flight"],
                "updated_at": FIRST,
            }
        )
    schema = pa.schema(
        [
            (name, pa.int64() if name == "segment_key" else kind)
            for name, kind in {
                "segment_key": pa.int64(),
                "trip_key": pa.int32(),
                "traveller_key": pa.int32(),
                "source": pa.string(),
                "segment_kind": pa.string(),
                "segment_status": pa.string(),
                "from_place_key": pa.int32(),
                "to_place_key": pa.int32(),
                "from_place_status": pa.string(),
                "to_place_status": pa.string(),
                "to_candidate_count": pa.int64(),
                "segment_number": pa.int32(),
                "starts_date": pa.date32(),
                "ends_date": pa.date32(),
                "starts_has_time": pa.bool_(),
                "ends_has_time": pa.bool_(),
                "is_time_estimated": pa.bool_(),
                "starts_at": pa.timestamp("us"),
                "ends_at": pa.timestamp("us"),
                "first_day_at": pa.timestamp("us"),
                "last_day_ends_at": pa.timestamp("us"),
                "carrier_code": pa.string(),
                "service_number": pa.string(),
                "updated_at": pa.timestamp("us"),
            }.items()
        ]
    )
    con.register("given_segments", pa.Table.from_pylist(table, schema))
    con.execute("create table core.segment as select * from given_segments")
    con.execute("create table core.segment_candidate (segment_key bigint, place_key integer)")


def stays(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Every stay piece but for its number, in order."""
    return con.execute(
        """select traveller_id, place_id, starts_at, ends_at, presence, candidate_count, is_home, trip_id, evidence
        from mart.stay order by all"""
    ).fetchall()


@settings(max_examples=25, deadline=None)
@given(itineraries)
def test_invariants_hold_for_any_evidence(rows: list[dict[str, Any]]) -> None:
    con = build(rows)
    pieces = con.execute("select traveller_id, starts_at, ends_at, candidate_count from mart.stay").fetchall()
    for traveller in {piece[0] for piece in pieces}:
        own = [(starts, ends or FAR, 1 / k) for name, starts, ends, k in pieces if name == traveller]
        for moment in {edge for starts, ends, _ in own for edge in (starts, ends)}:
            weight = sum(weight for starts, ends, weight in own if starts <= moment < ends)
            assert weight <= 1 + 1e-9, "weights sum to at most 1 (S5)"
    assert con.execute("select count(*) from mart.stay where ends_at <= starts_at").fetchone() == (0,)
    assert con.execute(
        """select count(*) from mart.stay as a inner join mart.stay as b on a.traveller_id = b.traveller_id
        and a.place_id = b.place_id and a.stay_id < b.stay_id
        and a.starts_at < coalesce(b.ends_at, timestamp '9999-01-01')
        and b.starts_at < coalesce(a.ends_at, timestamp '9999-01-01')"""
    ).fetchone() == (0,), "pieces of one traveller and place never overlap"
    for check in (
        "time_is_conserved",
        "weights_sum_to_at_most_one",
        "weeks_sum_to_stays",
        "each_week_sums_to_stays",
        "exposure_partitions_stays",
        "nobody_is_dropped",
    ):
        sql = (models.SQL / "checks" / f"{check}.sql").read_text()
        assert con.execute(sql).fetchall() == [], check


@settings(max_examples=10, deadline=None)
@given(itineraries, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(rows: list[dict[str, Any]], shuffler: random.Random) -> None:
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert stays(build(rows)) == stays(build(shuffled))


@settings(max_examples=10, deadline=None)
@given(itineraries, st.data())
def test_the_same_movement_twice_counts_once(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    again = dict(data.draw(st.sampled_from(rows)))
    once = [row[:6] for row in stays(build(rows))]
    twice = [row[:6] for row in stays(build([*rows, {**again, "key": 7}]))]
    assert once == twice


def test_a_planned_future_and_an_actual_past_make_the_whole() -> None:
    row = {
        "traveller_key": 3, "trip": 1, "segment_kind": "lodging", "segment_status": "confirmed", "from_place_key": 4,
        "to_place_key": 4, "starts_at": datetime(2026, 3, 30), "hours": 96, "is_open": False, "has_time": True,
        "flight": None,
    }  # fmt: skip
    con = build([row])
    assert con.execute(
        """select week_start_date, risk_level, person_days, person_days_actual, person_days_planned, traveller_nights,
        arrivals from mart.exposure_by_week"""
    ).fetchall() == [(date(2026, 3, 30), 4, 4.0, 2.5, 1.5, 4, 1)]
