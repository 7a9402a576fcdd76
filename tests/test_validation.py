"""Checks: what fails is found and counted, blocking ones stop publication, and no value leaves the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import validation
from pipelines.errors import MusterError
from pipelines.models import Check, Model, Twin
from pipelines.validation.process import ExpectationsProcess

PERSONAL = "jane.doe@example.org"


class Contract:
    table = "people"

    def expectations(self) -> list[dict[str, Any]]:
        return [{"check": "in_set", "column": "kind", "values": ["student", "staff"], "severity": "warning"}]


def model(*checks: Check, key: tuple[str, ...] = (), layer: str = "mart") -> Model:
    twin = Twin(description="A table.", grain="row", key=key, columns=("a",), checks=checks)
    return Model(layer, "t", Path("t.sql"), "", (), twin)


@pytest.fixture(autouse=True)
def no_sql_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "sql_checks", list)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    con.execute(
        f"""
        create schema mart; create schema land; create schema core;
        create table mart.t as
        select
            range as id,
            range % 4 as quarter,
            case when range < 3 then null else '{PERSONAL}' end as email,
            range * 1.5 as amount
        from range(20);
        create table core.t as select * from mart.t;
        create table land.people as
        select 'staff_feed' as feed, 'staff' as kind union all
        select 'alien_feed', '{PERSONAL}'
        """
    )
    yield con
    con.close()


def found(con: duckdb.DuckDBPyConnection, *checks: Check, key: tuple[str, ...] = ()) -> dict[str, int]:
    """What the checks find on a mart, which must be what they find on a table between the borders."""
    by_layer = []
    for layer in ("mart", "core"):
        findings = validation.validate(con, {}, [model(*checks, key=key, layer=layer)], "mart")
        by_layer.append({finding.check_name: finding.failing_rows for finding in findings})
    assert by_layer[0] == by_layer[1]
    return by_layer[0]


def test_checks_that_hold_find_nothing(con: duckdb.DuckDBPyConnection) -> None:
    checks = (
        Check(check="in_set", column="quarter", values=(0, 1, 2, 3)),
        Check(check="between", column="amount", minimum=0, maximum=100),
        Check(check="regex", column="email", pattern="@example"),
        Check(check="unique", columns=("quarter", "amount")),
        Check(check="row_count_min", minimum=20),
    )
    assert found(con, *checks, key=("id",)) == {}


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        (Check(check="not_null", columns=("id", "email")), {"not_null(email)": 3}),
        (Check(check="unique", column="quarter"), {"unique(quarter)": 20}),
        (Check(check="unique", columns=("quarter", "email")), {"unique(quarter, email)": 17}),
        (Check(check="in_set", column="quarter", values=(0, 1)), {"in_set(quarter)": 10}),
        (Check(check="between", column="amount", minimum=3), {"between(amount)": 2}),
        (Check(check="regex", column="email", pattern="^jane$"), {"regex(email)": 17}),
        (Check(check="row_count_min", minimum=30), {"row_count_min()": 10}),
    ],
)
def test_each_check_counts_the_rows_that_break_it(
    con: duckdb.DuckDBPyConnection, check: Check, rows: dict[str, int]
) -> None:
    assert found(con, check) == rows


@pytest.mark.parametrize(
    ("least", "words"),
    [
        (1, "mart.thing: it has no row and must have at least 1."),
        (3, "mart.thing: it has 1 row and must have at least 3."),
        (5000, "mart.thing: it has 4,998 rows and must have at least 5000."),
    ],
)
def test_too_few_rows_are_told_in_a_sentence(least: int, words: str) -> None:
    missing = {1: 1, 3: 2, 5000: 2}[least]
    check = Check(check="row_count_min", minimum=least)
    assert validation.describe(check, "mart.thing", missing) == words


def test_a_feed_is_judged_by_its_own_rows_alone(con: duckdb.DuckDBPyConnection) -> None:
    contracts = {"staff_feed": Contract(), "alien_feed": Contract()}
    findings = validation.validate(con, contracts, [], "stage")
    assert [(finding.table_name, finding.failing_rows) for finding in findings] == [("land.people (alien_feed)", 1)]


def test_findings_are_kept_by_scope_and_replaced(con: duckdb.DuckDBPyConnection) -> None:
    bad = Check(check="not_null", column="email")
    validation.validate(con, {"alien_feed": Contract()}, [], "stage")
    for _ in range(2):
        validation.validate(con, {}, [model(bad)], "mart")
    assert con.execute("select count(*) from core.finding").fetchall() == [(2,)]
    validation.validate(con, {}, [model()], "mart")
    assert con.execute("select check_scope from core.finding").fetchall() == [("stage",)]


def test_no_value_of_a_row_is_in_a_finding(con: duckdb.DuckDBPyConnection) -> None:
    checks = (Check(check="regex", column="email", pattern="^x"), Check(check="unique", column="email"))
    findings = validation.validate(con, {"alien_feed": Contract()}, [model(*checks)], "stage")
    findings += validation.validate(con, {}, [model(*checks)], "mart")
    assert len(findings) == 3
    assert PERSONAL not in repr(findings)
    assert PERSONAL not in repr(con.execute("from core.finding").fetchall())


def test_a_blocking_finding_stops_publication_and_says_so(con: duckdb.DuckDBPyConnection) -> None:
    findings = validation.validate(con, {}, [model(Check(check="not_null", column="email"))], "mart")
    with pytest.raises(validation.BlockingCheckFailed, match=r"not_null\(email\).* 3 rows.*stays in force") as caught:
        validation.require_no_blocking(findings)
    assert "\n" not in str(caught.value)


def test_a_warning_does_not_stop_publication(con: duckdb.DuckDBPyConnection) -> None:
    check = Check(check="not_null", column="email", severity="warning")
    validation.require_no_blocking(validation.validate(con, {}, [model(check)], "mart"))


@pytest.mark.parametrize("layer", ["mart", "core"])
def test_a_check_of_a_column_that_is_not_there_is_an_error_and_no_finding(
    con: duckdb.DuckDBPyConnection, layer: str
) -> None:
    with pytest.raises(MusterError, match="could not run"):
        validation.validate(con, {}, [model(Check(check="not_null", column="nothing"), layer=layer)], "mart")


def test_an_invariant_that_returns_rows_is_a_finding(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = validation.SqlCheck(
        "ids_are_small", "Ids are below 15", "blocking", "select id from mart.t where id >= 15", "mart.t"
    )
    monkeypatch.setattr(validation, "sql_checks", lambda: [check])
    (finding,) = validation.validate(con, {}, [], "mart")
    assert (finding.check_name, finding.failing_rows, finding.table_name) == ("ids_are_small", 5, "mart.t")
    assert finding.message == "5 rows break the rule: Ids are below 15."
    sql = "select id from mart.t where id > 18"
    check = validation.SqlCheck("large_ids", "ids from 15 on", "warning", sql, "mart.t")
    monkeypatch.setattr(validation, "sql_checks", lambda: [check])
    assert validation.validate(con, {}, [], "mart")[0].message == "1 row: ids from 15 on."


def test_shipped_invariants_carry_a_title_and_a_severity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for check in validation.sql_checks():
        assert check.title
        assert check.severity in ("blocking", "warning")


def test_a_process_of_great_expectations_that_ended_is_said_and_the_next_one_answers(
    con: duckdb.DuckDBPyConnection,
) -> None:
    part = validation.Expectations("mart.t", (Check(check="not_null", column="email"),))
    beside = ExpectationsProcess()
    assert beside.failing(con, part) == list(part.checks)
    beside._process.kill()
    beside._process.wait()
    assert not beside.is_alive
    with pytest.raises(MusterError, match="ended before it answered"):
        beside.failing(con, part)
    assert [one.failing_rows for one in validation.validate(con, {}, [model(*part.checks)], "mart")] == [3]


def test_a_statement_that_is_stopped_ends_the_process_that_asked_for_it(con: duckdb.DuckDBPyConnection) -> None:
    class Stopped:
        def execute(self, *_: object) -> None:
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

    beside = ExpectationsProcess()
    part = validation.Expectations("mart.t", (Check(check="not_null", column="email"),))
    with pytest.raises(duckdb.InterruptException):
        beside.failing(Stopped(), part)  # type: ignore[arg-type]
    assert not beside.is_alive
