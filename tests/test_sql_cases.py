"""The harness of SQL cases itself: what is declared for sources is true, and a case cannot pass by omission."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

from pipelines import bridge, decisions, landing, validation
from pipelines.contracts import load_contracts
from pipelines.instants import parse_instant
from pipelines.reference import _load_parameter, naive_utc
from pipelines.settings import Home, Settings


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    path = Path(__file__).parent / "sql" / "conftest.py"
    specification = importlib.util.spec_from_file_location("sql_case_harness", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_declared_sources_are_the_tables_that_the_code_makes(harness: ModuleType, tmp_path: Path) -> None:
    con = duckdb.connect()
    con.execute("create schema land; create schema reference")
    home = Home(tmp_path).prepare()
    then = parse_instant("2026-11-16", "UTC", "--as-of")
    landing.load(con, home, Settings(), load_contracts(home, Settings()), then)
    _load_parameter(con, home, Settings(), then, then)
    bridge.load(con, home, Settings(), {}, [], then)
    decisions.load(con, home, naive_utc(then))
    validation.prepare_findings(con)
    for table, columns in harness.source_types().items():
        made = {row[0]: row[1] for row in con.execute(f"describe {table}").fetchall()}
        assert made == columns, table


def test_a_case_without_expected_rows_fails(harness: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(harness.CaseError, match=r"expect\.csv is missing"):
        harness.run_case(tmp_path)


def test_rows_that_differ_are_shown_side_by_side(harness: ModuleType) -> None:
    shown = harness.show_difference("core.t", ["a", "b"], [(1, None), (2, "x")], [(1, None), (3, "x")])
    assert shown.splitlines()[1:] == ["   a  b", "   1  NULL", "-  2  x", "+  3  x"]
