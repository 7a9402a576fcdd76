"""Random histories of full statements: whatever comes, a fault never lowers or clears a level (R1, F4)."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import models
from pipelines.contracts import shipped_contracts

START = datetime(2026, 1, 1, 6)
MODELS = ("stage.rating_claim", "stage.rating", "core.rating_period")

statement = st.tuples(
    st.one_of(st.sampled_from(["0", "1", "2", "3"]), st.sampled_from([None, "9", "left out"])),
    st.one_of(st.none(), st.integers(min_value=-400, max_value=400)),
)
"""What a file says of the place (a state, nothing, what maps to nothing, or not a word), and hours from its receipt to
the date of publication that it gives."""


def histories(least: int, most: int) -> st.SearchStrategy[list[tuple[Any, Any]]]:
    """Histories that begin with the first file that states the place: before it, its date of publication alone
    says from when its level held (R1), files that were silent about it notwithstanding."""

    def since_stated(history: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        return list(itertools.dropwhile(lambda said: said[0] == "left out", history))

    return st.lists(statement, min_size=least, max_size=most).map(since_stated).filter(lambda said: len(said) >= least)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """The three models' sources, with one known place."""
    made = duckdb.connect(config={"threads": 1})
    made.execute("set TimeZone = 'UTC'")
    for schema in ("land", "reference", "stage", "core"):
        made.execute(f"create schema {schema}")
    made.execute(shipped_contracts()["ratings"].ddl())
    made.execute(
        "create table land.feed as select 'advice_canada' as feed, 'ratings' as table_name, 'snapshot' as mode;"
        "create table land.file (file_number integer, feed varchar, part varchar, received_at timestamp, "
        "status varchar, file_sha256 varchar);"
        "create table stage.country_text (country_text varchar, country_code varchar);"
        "create table reference.gazetteer_place as select 'KE' as place_id, 'country' as place_type;"
        "create table reference.rating_scale as select 'canada' as provider, '*' as category, "
        "state::varchar as native_level, (state + 2)::integer as level, (state + 2)::integer as worst_case_level, "
        "false as has_regional_advice, false as is_flagged, null::varchar as note from range(4) as states(state);"
        "create table core.place_match as select 'Kenya' as place_text, null::varchar as country_hint, "
        "'country' as region_hint, 'rating' as text_kind, 'KE' as place_id, 'resolved' as place_status;"
        "create table core.place as select 'KE' as place_id, 'Kenya' as place_name, 'country' as place_type, "
        "'KE' as country_code"
    )
    return made


def periods(con: duckdb.DuckDBPyConnection, history: list[tuple[Any, Any]]) -> list[tuple[Any, ...]]:
    """Level, bounds and start of staleness after a history of files a day apart."""
    con.execute("delete from land.ratings; delete from land.file")
    for number, (state, hours) in enumerate(history, 1):
        received = START + timedelta(days=number)
        con.execute("insert into land.file values (?, 'advice_canada', null, ?, 'loaded', ?)", [number, received, "a"])
        if state != "left out":
            published = None if hours is None else received + timedelta(hours=hours)
            con.execute(
                "insert into land.ratings by name select 'canada' as provider, 'overall' as category, "
                "'country' as place_type, 'Kenya' as place, ? as level, ?::timestamp as published_at, "
                "'advice_canada' as feed, ? as file_number, 1 as record_number, ?::timestamp as received_at, "
                "false as is_current",
                [state, published, number, received],
            )
    for model in models.discover():
        if model.table in MODELS:
            con.execute(f"create or replace table {model.table} as {model.sql}")
    return con.execute(
        "select level, valid_from, coalesce(valid_to, timestamp '9999-01-01'), stale_from from core.rating_period "
        "order by valid_from"
    ).fetchall()


def in_force(found: list[tuple[Any, ...]], at: datetime) -> tuple[int | None, bool]:
    """The level at an instant and whether it is stale."""
    holding = [
        (level, stale is not None and stale <= at) for level, since, until, stale in found if since <= at < until
    ]
    assert len(holding) <= 1, "two ratings of one place and category at once"
    return holding[0] if holding else (None, False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(1, 7))
def test_at_each_receipt_the_last_level_that_could_be_read_holds(
    con: duckdb.DuckDBPyConnection, history: list[tuple[Any, Any]]
) -> None:
    found = periods(con, history)
    for earlier, later in itertools.pairwise(found):
        assert earlier[2] == later[1], "a rating holds until the next one of the place and category"
    expected: int | None = None
    for number, (state, _) in enumerate(history, 1):
        is_read = state in ("0", "1", "2", "3")
        expected = int(state) + 2 if is_read else expected
        level, is_stale = in_force(found, START + timedelta(days=number))
        assert level == expected
        assert is_stale == (not is_read and expected is not None)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(2, 6), cut=st.integers(min_value=1, max_value=5))
def test_what_comes_later_does_not_change_what_held_at_an_earlier_receipt(
    con: duckdb.DuckDBPyConnection, history: list[tuple[Any, Any]], cut: int
) -> None:
    known = history[: min(cut, len(history) - 1)]
    then, now = periods(con, known), periods(con, history)
    for number in range(1, len(known) + 1):
        at = START + timedelta(days=number)
        assert in_force(then, at) == in_force(now, at)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(1, 5))
def test_saying_the_last_statement_again_changes_nothing(
    con: duckdb.DuckDBPyConnection, history: list[tuple[Any, Any]]
) -> None:
    state, hours = history[-1]
    again = [*history, (state, None if hours is None else hours - 24)]
    assert [period[:3] for period in periods(con, history)] == [period[:3] for period in periods(con, again)]
