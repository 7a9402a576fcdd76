"""Every invariant of sql/checks finds what breaks it and nothing else: a check that cannot fail is no check."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.settings import SQL

CHECKS = sorted(path.stem for path in (SQL / "checks").glob("*.sql"))

T0, T1, T2 = "timestamp '2026-03-02'", "timestamp '2026-03-04'", "timestamp '2026-03-06'"
PARAMETER = f"create table reference.parameter as select {T2} as as_of, false as count_home, 30 as open_ended_days"
WEEK = (
    f"create table core.week as select date '2026-03-02' as week_start_date, {T0} as starts_at, "
    "timestamp '2026-03-09' as ends_at"
)
BY_WEEK = (
    "create table mart.exposure_by_week as select date '2026-03-02' as week_start_date, {0} as person_days, "
    "{0} as person_days_actual, 0.0 as person_days_planned"
)
PIECE = (
    "create table core.stay_piece as select *, 'likely' as presence from (values {}) as v "
    "(stay_id, traveller_key, starts_at, ends_at, candidate_count, is_home)"
)
COLUMNS = "(stay_id, starts_at, ends_at, candidate_count)"
INTERVAL = f"create table core.exposure_interval as select * from (values {{}}) as v {COLUMNS}"
ACCOUNT = (
    "create table land.file as select 'f' as feed, 'a' as file_sha256, 5 as records, 3 as loaded, 1 as rejected, "
    "{} as blank"
)
BRIDGE = (
    "create table mart.exposure_change_by_week as select date '2026-03-09' as week_start_date, * "
    "from (values {}) as v (risk_level, cause, person_days_change)"
)
MOVEMENT_COLUMNS = (
    "segment_key, trip_key, traveller_key, starts_date, segment_status, carrier_code, service_number, "
    "from_place_key, to_place_key"
)

CASES: dict[str, tuple[list[str], list[str], list[str]]] = {
    # check: (what both have, what holds, what breaks it)
    "weights_sum_to_at_most_one": (
        [],
        [PIECE.format(f"(1, 1, {T0}, {T2}, 2, false), (2, 1, {T0}, {T2}, 2, false), (3, 1, {T2}, null, 1, false)")],
        [PIECE.format(f"(1, 1, {T0}, {T2}, 1, false), (2, 1, {T1}, null, 2, false)")],
    ),
    "weeks_sum_to_stays": (
        [PARAMETER, PIECE.format(f"(1, 1, {T0}, {T2}, 1, false)"), INTERVAL.format(f"(1, {T0}, {T2}, 1)")],
        [BY_WEEK.format("4.0::double")],
        [BY_WEEK.format("3.9::double")],
    ),
    "each_week_sums_to_stays": (
        [WEEK, INTERVAL.format(f"(1, {T0}, {T2}, 2)")],
        [BY_WEEK.format("2.0::double")],
        [BY_WEEK.format("2.1::double")],
    ),
    # Four days then, less one late and less one ended, are two: one alone as a part does not sum to it.
    "bridge_sums_to_difference": (
        [
            f"create table reference.bridge_week as select date '2026-03-09' as week_start_date, {T0} as "
            "before_starts_at, timestamp '2026-03-09' as starts_at",
            "create table mart.exposure_by_week as select date '2026-03-09' as week_start_date, 2 as risk_level, "
            "2.0::double as person_days",
            f"create table reference.exposure_then as select date '2026-03-09' as week_start_date, 2 as risk_level, "
            f"{T0} as starts_at, {T2} as ends_at, 1 as candidate_count",
        ],
        [BRIDGE.format("(2, 'late', -1.0), (2, 'ended', -1.0), (2, 're_rated', 0.0)")],
        [BRIDGE.format("(2, 'late', -1.0)")],
    ),
    "exposure_partitions_stays": (
        [],
        [INTERVAL.format(f"(1, {T0}, {T1}, 1), (1, {T1}, {T2}, 1)")],
        [INTERVAL.format(f"(1, {T0}, {T1}, 1), (1, timestamp '2026-03-05', {T2}, 1)")],
    ),
    "every_record_accounted": (
        [],
        [ACCOUNT.format(1)],
        [ACCOUNT.format(0)],
    ),
    "every_file_is_read": (
        [],
        ["create table land.file as select 'f' as feed, 'a' as file_sha256, 'loaded' as status, false as came_again"],
        ["create table land.file as select 'f' as feed, 'a' as file_sha256, 'held' as status, false as came_again"],
    ),
    "time_is_conserved": (
        [f"create table core.episode as select 1 as traveller_key, {T0} as episode_starts_at, {T2} as ends_at"],
        [PIECE.format(f"(1, 1, {T0}, {T1}, 1, false), (2, 1, {T1}, {T2}, 2, false), (3, 1, {T1}, {T2}, 2, false)")],
        [PIECE.format(f"(1, 1, {T0}, {T1}, 1, false), (2, 1, {T1}, {T2}, 2, false)")],
    ),
    "every_observed_stay_is_audited": (
        [
            "create table core.stated_stay as select * from (values (1, 'booking'), (1, 'booking'), "
            "(2, 'registration')) as v (trip_key, source)",
            "create table core.observed_trip as select 7 as observed_key, 'a_1' as audit_id",
            "create table mart.trip_audit as select 'a_1' as audit_id",
        ],
        ["create table core.observed_stay as select unnest([7, 7]) as observed_key, 1 as trip_key"],
        ["create table core.observed_stay as select 7 as observed_key, 1 as trip_key"],
    ),
    "nobody_is_dropped": (
        [f"create table core.segment as select 1 as traveller_key, 'confirmed' as segment_status, {T0} as starts_at"],
        [PIECE.format(f"(1, 1, {T0}, {T2}, 1, false)")],
        [PIECE.format(f"(1, 2, {T0}, {T2}, 1, false)")],
    ),
    "every_segment_placed_in_time": (
        [],
        [f"create table core.segment as select 1 as segment_key, {T0} as starts_at"],
        ["create table core.segment as select 1 as segment_key, null::timestamp as starts_at"],
    ),
    "segment_ends_after_it_starts": (
        [],
        ["create table core.segment as select 1 as segment_key, false as is_reversed"],
        ["create table core.segment as select 1 as segment_key, true as is_reversed"],
    ),
    "local_time_exists_once": (
        [],
        ["create table core.segment as select 1 as segment_key, false as is_time_flagged"],
        ["create table core.segment as select 1 as segment_key, true as is_time_flagged"],
    ),
    "movement_times_are_told": (
        [],
        [
            "create table core.segment as select 1 as segment_key, 'confirmed' as segment_status, "
            "false as is_time_estimated"
        ],
        [
            "create table core.segment as select 1 as segment_key, 'confirmed' as segment_status, "
            "true as is_time_estimated"
        ],
    ),
    "every_trip_kept_a_record": (
        [
            "create table land.rejected_record as select * from (values ('registrations', 'T1'), ('bookings', 'ABC'), "
            "('expenses', 'R1|2'), ('people', 'P1'), ('registrations', null), "
            "('registrations', '[erased:0f]')) as r(table_name, key_text)"
        ],
        [
            "create table core.trip_reference as select * from (values ('registration', 'T1'), "
            "('booking', 'booking:ABC:2026-01-01'), ('expense', 'expense:R1')) as t(source, trip_ref)"
        ],
        [
            "create table core.trip_reference as select * from (values ('registration', 'T2'), "
            "('booking', 'booking:ABC:2026-01-01'), ('expense', 'expense:R1')) as t(source, trip_ref)"
        ],
    ),
    "trips_are_whole": (
        [],
        [
            "create table core.trip as select * from (values ('T1', 'registration', false, 'active'), "
            "('T2', 'registration', true, 'cancelled')) as t(trip_id, source, is_incomplete, trip_status)"
        ],
        [
            "create table core.trip as select 'T1' as trip_id, 'booking' as source, true as is_incomplete, "
            "'active' as trip_status"
        ],
    ),
    "home_country_is_known": (
        ["create table reference.gazetteer_place as select 'GB' as country_code, 'country' as place_type"],
        ["create table stage.person as select 'P1' as person_id, unnest(['GB', null]) as home_country_code"],
        ["create table stage.person as select 'P1' as person_id, 'UK' as home_country_code"],
    ),
    "country_is_known": (
        [],
        ["create table stage.country_text as select 'France' as country_text, 'FR' as country_code"],
        ["create table stage.country_text as select 'Atlantis' as country_text, null::varchar as country_code"],
    ),
    "booking_status_is_listed": (
        ["create table reference.booking_status as select 'HK' as status_code"],
        [
            "create table land.bookings as select 1 as file_number, 1 as record_number, "
            "unnest(['hk', ' HK2 ']) as status_code"
        ],
        ["create table land.bookings as select 1 as file_number, 1 as record_number, 'ZZ1' as status_code"],
    ),
    "rating_level_is_mapped": (
        [],
        [
            "create table stage.rating as "
            "select 'f' as feed, 1 as file_number, 1 as record_number, 'left_out' as fault_reason"
        ],
        [
            "create table stage.rating as "
            "select 'f' as feed, 1 as file_number, 1 as record_number, 'unmapped_level' as fault_reason"
        ],
    ),
    "rated_area_is_a_circle": (
        [],
        [
            "create table stage.rating as select 'f' as feed, 1 as file_number, 1 as record_number, "
            "'area' as place_type, false as is_fault, 1.0 as latitude, 1.0 as longitude, 5.0 as radius_km"
        ],
        [
            "create table stage.rating as select 'f' as feed, 1 as file_number, 1 as record_number, "
            "'area' as place_type, false as is_fault, 1.0 as latitude, 1.0 as longitude, null::double as radius_km"
        ],
    ),
    "rated_place_is_known": (
        [],
        [
            "create table core.rating_period as select * from (values ('a', 'overall', 'ML', 'country'), "
            "('a', 'overall', 'area:a:bay', 'area')) as v (provider, category, place_id, place_type), "
            f"(select {T0} as valid_from)"
        ],
        [
            "create table core.rating_period as select 'a' as provider, 'overall' as category, "
            f"'unknown:southern border' as place_id, 'unknown' as place_type, {T0} as valid_from"
        ],
    ),
    "cancelled_in_one_feed_only": (
        ["create table core.place as select * from (values (1, 'lon'), (2, 'par')) as v (place_key, area_id)"],
        [
            "create table core.segment as select *, 'movement' as segment_kind from (values "
            "(1, 1, 1, date '2026-03-02', 'cancelled', 'BA', '1', 1, 2), "
            f"(2, 2, 1, date '2026-03-03', 'confirmed', 'BA', '1', 1, 2)) as v ({MOVEMENT_COLUMNS})"
        ],
        [
            "create table core.segment as select *, 'movement' as segment_kind from (values "
            "(1, 1, 1, date '2026-03-02', 'cancelled', 'BA', '1', 1, 2), "
            f"(2, 2, 1, date '2026-03-02', 'confirmed', 'BA', '1', 1, 2)) as v ({MOVEMENT_COLUMNS})"
        ],
    ),
    "evidence_agrees": (
        [],
        [PIECE.format(f"(1, 1, {T0}, {T2}, 1, false)")],
        [PIECE.format(f"(1, 1, {T0}, {T2}, 2, false)")],
    ),
    "feeds_agree_on_times": (
        [],
        ["create table core.movement as select 1 as movement_key, false as has_disagreement"],
        ["create table core.movement as select 1 as movement_key, true as has_disagreement"],
    ),
    "provider_order_is_known": (
        ["create table core.provider as select 'acme' as provider"],
        ["create table reference.provider_order as select 'acme' as provider, 1 as provider_rank"],
        ["create table reference.provider_order as select 'amce' as provider, 1 as provider_rank"],
    ),
    "place_is_known": (
        [],
        ["create table mart.stay as select 1 as stay_id, 'resolved' as place_status, false as is_home"],
        ["create table mart.stay as select 1 as stay_id, 'unknown' as place_status, false as is_home"],
    ),
    "exposure_is_rated": (
        [],
        ["create table mart.exposure as select 1 as exposure_id, 'rated' as rating_status"],
        ["create table mart.exposure as select 1 as exposure_id, 'unrated' as rating_status"],
    ),
    "person_id_and_email_agree": (
        [],
        ["create table core.identity as select 'k' as identity_key, false as has_conflict"],
        ["create table core.identity as select 'k' as identity_key, true as has_conflict"],
    ),
    "name_agrees_with_id_or_email": (
        [],
        ["create table core.identity as select 'k' as identity_key, false as has_other_name"],
        ["create table core.identity as select 'k' as identity_key, true as has_other_name"],
    ),
    "traveller_is_known": (
        [],
        ["create table mart.traveller as select 't' as traveller_id, 'matched' as identity_status"],
        ["create table mart.traveller as select 't' as traveller_id, 'ambiguous' as identity_status"],
    ),
    "advice_code_agrees_with_name": (
        [
            "create table reference.gazetteer_place as select 'BE' as place_id, 'country' as place_type "
            "union all select 'BI', 'country'",
            "create table core.place as select 'BI' as place_id, 'BI' as country_code",
            "create table core.place_match as select 'Burundi' as place_text, null::varchar as country_hint, "
            "'BI' as place_id, 'rating' as text_kind, 'country' as region_hint, 'resolved' as place_status",
        ],
        [
            "create table stage.rating as select 'p' as provider, 'Burundi' as place, null::varchar as country_hint, "
            "'BI' as country_code, 'country' as place_type, false as is_fault"
        ],
        [
            "create table stage.rating as select 'p' as provider, 'Burundi' as place, null::varchar as country_hint, "
            "'BE' as country_code, 'country' as place_type, false as is_fault"
        ],
    ),
    "review_finds_its_trip": (
        [
            "create table core.trip_reference as select 'TR-1' as trip_ref",
            "create table stage.person_email as select 'ada@example.edu' as email",
            "create table core.traveller as select 'email:guest@example.org' as identity_key",
        ],
        [
            "create table land.reviews as select * from (values ('R1', 'waiver', 'TR-1', null), ('R2', 'waiver', null, "
            "'Ada@example.edu'), ('R3', 'waiver', 'TR-9', 'guest@example.org'), ('R5', 'waiver', null, "
            "'Ada <ada+x@example.edu>')) as v (review_id, kind, trip_id, email)"
        ],
        ["create table land.reviews as select 'R4' as review_id, 'waiver' as kind, 'T9' as trip_id, 'x@y.z' as email"],
    ),
    "affiliation_is_known_to_policy": (
        ["create table reference.policy_rule as select ['student', 'faculty'] as known_affiliations"],
        ["create table core.policy_trip as select unnest(['student', null]) as affiliation"],
        ["create table core.policy_trip as select 'astronaut' as affiliation"],
    ),
    "policy_judges_every_trip": (
        [
            "create table reference.policy_rule as select unnest(['register', 'waiver']) as requirement",
            "create table mart.trip as select * from (values ('T1', 'active', 'university'), "
            "('T2', 'cancelled', 'university'), ('T3', 'active', 'personal')) as v (trip_id, trip_status, purpose)",
        ],
        ["create table mart.policy_check as select 'T1' as trip_id, unnest(['register', 'waiver']) as requirement"],
        ["create table mart.policy_check as select 'T1' as trip_id, 'register' as requirement"],
    ),
}  # fmt: skip


def rows_found(check: str, statements: list[str]) -> int:
    con = duckdb.connect(config={"threads": 1})
    for schema in ("land", "reference", "stage", "core", "mart"):
        con.execute(f"create schema {schema}")
    for statement in statements:
        con.execute(statement)
    return len(con.execute((SQL / "checks" / f"{check}.sql").read_text()).fetchall())


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_finds_what_breaks_it_and_nothing_else(check: str) -> None:
    assert check in CASES, f"write a case for sql/checks/{check}.sql: what holds and what breaks it"
    both, holds, breaks = CASES[check]
    assert rows_found(check, both + holds) == 0
    assert rows_found(check, both + breaks) > 0
