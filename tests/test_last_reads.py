"""Tables leave the build after their last reader, and what they broke is known all the same."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines import validation
from pipelines.kept import Kept
from pipelines.last_reads import LastReads
from pipelines.models import Check, Model, Twin
from pipelines.validation import SqlCheck

ROWS = {"land.bookings": 3, "core.leg": 3, "core.stop": 3, "mart.stay": 3}


def _model(table: str, *reads: str, checks: tuple[Check, ...] = ()) -> Model:
    layer, _, name = table.partition(".")
    twin = Twin(description="", grain="", columns=("number",), checks=checks)
    return Model(layer, name, Path(f"{name}.sql"), f"select number from {reads[0]}", tuple(reads), twin)


MODELS = [
    _model("core.leg", "land.bookings", checks=(Check(check="not_null", column="number"),)),
    _model("core.stop", "core.leg"),
    _model("mart.stay", "core.stop"),
]


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for layer in ("land", "reference", "stage", "core", "mart"):
        con.execute(f"create schema {layer}")
    con.execute("create table land.bookings as select * from (values (1), (2), (null)) as t (number)")
    con.execute("create table land.file as select 1 as number")
    return con


def _left(con: duckdb.DuckDBPyConnection) -> set[str]:
    found = con.execute("select schema_name, table_name from duckdb_tables() where schema_name <> 'main'").fetchall()
    return {f"{layer}.{name}" for layer, name in found}


def _build(con: duckdb.DuckDBPyConnection, kept: Kept, reads: LastReads, number: int) -> set[str]:
    kept.build(con, MODELS[number])
    reads.after(MODELS[number].table, ROWS)
    return _left(con)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SqlCheck("leg_is_a_stop", "Legs are stops", "warning", "select 1 from core.leg, mart.stay", "core.leg")
    monkeypatch.setattr(validation, "sql_checks", lambda: [one])


def test_a_table_leaves_after_its_last_reader(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "sql_checks", list)
    kept = Kept(con, is_fresh=True)
    reads = LastReads(con, kept, {}, MODELS, lambda: True)
    assert _build(con, kept, reads, 0) == {"land.file", "core.leg"}
    assert _build(con, kept, reads, 1) == {"land.file", "core.stop"}
    assert _build(con, kept, reads, 2) == {"land.file", "mart.stay"}


@pytest.mark.usefixtures("checks")
def test_a_table_that_a_check_reads_waits_for_it(con: duckdb.DuckDBPyConnection) -> None:
    kept = Kept(con, is_fresh=True)
    reads = LastReads(con, kept, {}, MODELS, lambda: True)
    _build(con, kept, reads, 0)
    assert "core.leg" in _build(con, kept, reads, 1)
    assert "core.leg" not in _build(con, kept, reads, 2)


def test_no_table_leaves_while_other_checks_read(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "sql_checks", list)
    kept, free = Kept(con, is_fresh=True), [False, False, True]
    reads = LastReads(con, kept, {}, MODELS, lambda: free.pop(0))
    _build(con, kept, reads, 0)
    assert {"land.bookings", "core.leg"} <= _build(con, kept, reads, 1)
    assert _build(con, kept, reads, 2) == {"land.file", "mart.stay"}


@pytest.mark.usefixtures("checks")
def test_what_a_table_broke_is_found_after_it_has_left(con: duckdb.DuckDBPyConnection) -> None:
    kept = Kept(con, is_fresh=True)
    kept.note("land.bookings", "as landed")
    reads = LastReads(con, kept, {}, MODELS, lambda: True)
    for number in range(3):
        _build(con, kept, reads, number)
    assert "core.leg" not in _left(con)
    report = validation.run(con, {}, MODELS, "mart", kept, write=False)
    found = {(each.check_name, each.severity, each.failing_rows) for each in report.findings}
    assert found == {("not_null(number)", "blocking", 1), ("leg_is_a_stop", "warning", 9)}
    assert report.check_count == 2
