"""The gate: what it refuses it refuses with reason and place; nothing slips by under a name made in a WITH."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from pipelines.sandbox.gate import Allowed, Gate
from pipelines.sandbox.rewrite import RefusedError
from pipelines.sandbox.runner import allowed_document
from tests.sandbox.conftest import Place
from tests.sandbox.test_hostile import STATEMENTS


@pytest.fixture(scope="module")
def gate(place: Place) -> Iterator[Gate]:
    with duckdb.connect(str(place.file), read_only=True) as con:
        tables = con.execute("select table_name from duckdb_tables() where schema_name = 'mart'").fetchall()
        yield Gate(con, Allowed.of(allowed_document()), [name for (name,) in tables])


def test_every_hostile_statement_is_refused_in_one_sentence(gate: Gate, place: Place) -> None:
    passed = []
    for statement in STATEMENTS:
        if statement.kind != "refused":
            continue
        try:
            gate.check(place.filled(statement.sql))
            passed.append(statement.sql[:100])
        except RefusedError as refusal:
            assert "\n" not in str(refusal) and str(refusal).endswith("."), statement.sql[:100]
    assert not passed


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1,\n  read_text('x')", "'read_text' is not available here (line 2, column 3)."),
        ("select é, getenv('x') from stay", "'getenv' is not available here (line 1, column 11)."),
        ("select * from 'x.csv'", "no published table 'x.csv' (line 1, column 15)."),
        ("select * from glob('*')", "table function 'glob' is not available here (line 1, column 15)."),
        ("selec 1", 'cannot be read: syntax error at or near "selec" (line 1, column 1).'),
        (
            "drop table stay",
            "Only a SELECT is answered here; nothing can be written or changed: this begins with 'drop'.",
        ),
        ("select 1; select 2", "One query at a time, please: this is 2."),
        ("", "There is no query in this text."),
        ("select '" + "x" * 21000 + "'", "The SQL is 21,009 bytes long; at most 20,480 are read."),
        ("explain select read_text('x')", "'read_text' is not available here (line 1, column 16)."),
        ("select 'x'::geometry", "The type 'GEOMETRY' is not available here"),
        ("select * from stay at (version => 1)", "(at_clause)"),
    ],
)
def test_a_refusal_says_why_and_where(gate: Gate, sql: str, words: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        gate.check(sql)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select * from b), b as (select 1) select * from a",
        "with a as (with b as (select 1) select * from b) select * from b",
        "select * from (with b as (select 1) select * from b), b",
        'with "x.csv" as (select 1) select * from "x.csv"',
        "with a as (select 1) select * from mart.a",
        "with a as (select * from a) select * from a",
    ],
)
def test_a_name_is_a_table_only_where_it_is_in_scope(gate: Gate, sql: str) -> None:
    with pytest.raises(RefusedError):
        gate.check(sql)


def test_a_with_may_be_used_where_it_is_in_scope(gate: Gate) -> None:
    for sql in (
        "with A as (select 1 as x), b as (select * from a) select * from B, a where x in (select x from b)",
        "with recursive r as (select 1 as i union all select i + 1 from r where i < 3) select * from r",
        "select (with a as (select 1 as x) select x from a)",
        "with a as (select 1 as x) select * from unnest((select list(x) from a))",
    ):
        assert gate.check(sql).sql == sql


def test_pivot_values_are_asked_and_written_in(gate: Gate) -> None:
    asked: list[str] = []

    def values(sql: str, parameters: list[str]) -> list[str]:
        asked.append(sql)
        return ["it's", "b"]

    passed = gate.check("with s as (from stay) pivot s on presence using count(*) group by country_code", values)
    assert "on presence in ('it''s', 'b') using" in passed.sql
    assert asked[0].startswith("with s as (from stay)  select distinct (presence)::varchar from s")
    with pytest.raises(RefusedError, match="more than 500 columns"):
        gate.check("pivot stay on stay_id using count(*)", lambda sql, names: [str(n) for n in range(501)])
    with pytest.raises(RefusedError, match="There is no published table"):
        gate.check("pivot 'x.csv' on a using count(*)", values)
    with pytest.raises(RefusedError, match="read_text"):
        gate.check("pivot stay on read_text('x') using count(*)", values)


def test_whatever_fails_inside_the_gate_is_a_refusal(place: Place) -> None:
    class Broken:
        def execute(self, query: str, parameters: object = None) -> object:
            raise RuntimeError("no")

    with pytest.raises(RefusedError, match="not understood"):
        Gate(Broken(), Allowed.of(allowed_document()), []).check("select 1")
