from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipelines.errors import MusterError, UsageError
from pipelines.published import current
from pipelines.sandbox import Limits, run_query
from pipelines.settings import Home


@pytest.fixture
def file(published: Home) -> Path:
    return current(published) / "analyst.duckdb"


def test_a_select_is_answered(file: Path) -> None:
    result = run_query(file, "select traveller_id, starts_at from stay where stay_id = $stay", {"stay": "s1"})
    assert result.columns == ["traveller_id", "starts_at"]
    assert result.rows == [["t_ann", "2026-11-20T00:00:00Z"]]
    assert not result.is_cut


def test_rows_beyond_the_limit_are_cut_and_said(file: Path) -> None:
    result = run_query(file, "select * from range(100)", limits=Limits(row_limit=10))
    assert len(result.rows) == 10 and result.is_cut


@pytest.mark.parametrize(
    "sql",
    [
        "drop table mart.stay",
        "copy mart.stay to '/tmp/x.csv'",
        "with a as (copy (select 1) to 'FILE.wal') select 1",
        "with a as (insert into mart.stay select * from mart.stay returning *) select * from a",
        "select * from read_blob('FILE')",
        "select * from 'FILE'",
        "select getenv('HOME')",
        "attach 'FILE' as x",
        "set threads = 1",
        "pragma version",
        "select 1; select 2",
        "",
        "selec 1",
        "select * from duckdb_settings()",
        "select * from system.information_schema.tables",
    ],
)
def test_anything_else_is_refused_in_one_sentence_and_changes_nothing(file: Path, sql: str) -> None:
    before = file.read_bytes()
    with pytest.raises(MusterError) as refusal:
        run_query(file, sql.replace("FILE", str(file)))
    assert "\n" not in str(refusal.value)
    assert file.read_bytes() == before
    assert not file.with_name(file.name + ".wal").exists()


def test_a_long_query_is_killed(file: Path) -> None:
    start = time.monotonic()
    with pytest.raises(MusterError, match="longer than 1 s"):
        run_query(file, "select sum(i) from range(500000000000) as t(i)", limits=Limits(seconds=1))
    assert time.monotonic() - start < 5


def test_a_hungry_query_is_stopped(file: Path) -> None:
    with pytest.raises(MusterError, match="memory"):
        run_query(file, "select list(i) from range(2000000000) as t(i)", limits=Limits(seconds=20, memory_mb=400))


def test_parameters_must_match_the_query(file: Path) -> None:
    with pytest.raises(UsageError, match="--param country"):
        run_query(file, "select $country")
    with pytest.raises(UsageError, match="no parameter"):
        run_query(file, "select 1", {"country": "KE"})
