"""How many trips nobody saw (A3): the interval against lists that are independent, and against lists that are not."""

from __future__ import annotations

import functools

import duckdb
import numpy as np
import pytest

from pipelines import models


@functools.cache
def _model() -> models.Model:
    return next(model for model in models.discover() if model.table == "mart.audit_estimate")


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    con.execute(
        """create schema reference; create schema core; create schema mart;
        create table reference.parameter as select timestamp '2026-11-16' as as_of;
        create table core.audit_registration (trip_id varchar, status_cause varchar);
        create table mart.traveller as
        select *
        from (values ('t_0', 'student'), ('t_1', 'faculty'), ('t_2', 'staff')) as v (traveller_id, affiliation);
        create table mart.trip_audit (
            traveller_id varchar, audit_status varchar, has_booking boolean, has_expense boolean, ends_date date,
            matched_trip_id varchar)"""
    )
    return con


def estimate(
    con: duckdb.DuckDBPyConnection, kind: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[float, ...]:
    """Unseen trips as estimated from registrations and bookings, with the interval; lists are masks over all trips."""
    con.execute("delete from mart.trip_audit")
    counts: dict[tuple[int, bool, bool], int] = {}
    for key in zip(kind.tolist(), first.tolist(), second.tolist(), strict=True):
        counts[key] = counts.get(key, 0) + 1
    seen = [
        (
            affiliation,
            "unregistered" if not is_first else "registered" if is_second else "unconfirmed",
            is_second,
            count,
        )
        for (affiliation, is_first, is_second), count in counts.items()
        if is_first or is_second
    ]
    values = ", ".join(f"('t_{affiliation}', '{status}', {has}, {count})" for affiliation, status, has, count in seen)
    con.execute(
        "insert into mart.trip_audit select traveller_id, status, has_booking, false, date '2026-06-01', null "
        f"from (values {values}) as v (traveller_id, status, has_booking, trips), range(trips)"
    )
    models.build(con, _model())
    rows = con.execute(
        """select unseen_estimate, unseen_estimate_low, unseen_estimate_high from mart.audit_estimate
        where first_source = 'registrations' and second_source = 'bookings'"""
    ).fetchall()
    return rows[0]


def test_nineteen_of_twenty_intervals_hold_the_truth_where_lists_are_independent(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        kind = rng.integers(0, 3, 600)
        # Affiliations differ in how often they are seen, which one table for all would call dependence.
        first = rng.random(600) < np.array([0.85, 0.5, 0.7])[kind]
        second = rng.random(600) < np.array([0.7, 0.4, 0.6])[kind]
        _, low, high = estimate(con, kind, first, second)
        held += low <= np.sum(~first & ~second) <= high
    # 95 % of 400, give or take three standard deviations of counting.
    assert 0.917 <= held / 400 <= 0.983, held / 400


def test_lists_that_see_the_same_trips_leave_the_truth_above_the_interval(con: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(2)
    kind, hidden = rng.integers(0, 3, 5_000), rng.random(5_000) < 0.05
    first, second = ((rng.random(5_000) < share) & ~hidden for share in (0.85, 0.8))
    value, low, high = estimate(con, kind, first, second)
    assert low < value < high < np.sum(~first & ~second)
    told = con.execute("select distinct assumptions from mart.audit_estimate").fetchall()
    assert all("it is the least to expect" in words and "chance alone" in words for (words,) in told)


def test_few_trips_of_an_affiliation_are_counted_with_others(con: duckdb.DuckDBPyConnection) -> None:
    kind = np.array([0] * 6 + [1] * 6)
    first = np.array([True] * 12)
    second = np.array([True, False] * 6)
    value, low, high = estimate(con, kind, first, second)
    assert (value, low, high) == (0, 0, 0)
