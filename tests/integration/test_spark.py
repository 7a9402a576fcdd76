"""The engine spark on two threads of this machine: every mart is DuckDB's."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import Office

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("java") is None or find_spec("pyspark") is None,
        reason="the marts were not compared with Spark's: that needs Java and 'make spark'",
    ),
]

# Of so few rows the plans cost more than the work.
SMALL = """\
spark.driver.memory 1g
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.shuffle.partitions 1
spark.default.parallelism 1
spark.sql.adaptive.enabled false
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
"""


def run_on_spark(office: Office, settings: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings.mkdir()
    (settings / "spark-defaults.conf").write_text(SMALL)
    spark = ("--engine", "spark", "--master", "local[2]")
    return office.muster("run", *spark, *arguments, wait=900, env=os.environ | {"SPARK_CONF_DIR": str(settings)})


def columns(office: Office) -> list[tuple[Any, ...]]:
    return office.rows(
        "select table_name, column_index, column_name, data_type from duckdb_columns() "
        "where schema_name = 'mart' order by all"
    )


def differences(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> int:
    """The rows that differ; measures may by a billionth, everything else not at all."""
    unlike = 0
    for one, other in zip(left, right, strict=False):
        unlike += not all(
            math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) if isinstance(a, float) and isinstance(b, float) else a == b
            for a, b in zip(one, other, strict=True)
        )
    return unlike + abs(len(left) - len(right))


def test_spark_publishes_duckdbs_marts_and_says_and_leaves_nothing(office: Office, tmp_path: Path) -> None:
    """One test, because the run on Spark costs minutes and processes of pytest-xdist share no fixture."""
    same = office.landed_copy(tmp_path / "home")
    as_of, known_at = office.rows("select as_of::varchar || 'Z', known_at::varchar || 'Z' from mart.publication")[0]
    done = run_on_spark(same, tmp_path / "conf", "--as-of", as_of, "--known-at", known_at)
    assert done.returncode == 0, done.stderr
    hold_equal(office, same)
    hold_in_order(office, same)
    hold_silent(office, same, done.stdout + done.stderr)


def hold_equal(office: Office, same: Office) -> None:
    assert columns(same) == columns(office)
    expected, got = office.marts(), same.marts()
    assert got.keys() == expected.keys()
    unlike = {name: differences(rows, got[name]) for name, rows in expected.items()}
    assert {name: count for name, count in unlike.items() if count} == {}
    assert len(expected["exposure"]) > 500


def hold_in_order(office: Office, same: Office) -> None:
    first = "select week_start_date, place_id from '{}/current/parquet/exposure_by_week.parquet'"
    with duckdb.connect() as con:
        orders = [con.execute(first.format(home.home.published)).fetchall() for home in (office, same)]
    assert orders[0] == orders[1]


def hold_silent(office: Office, same: Office, said: str) -> None:
    assert "WARN" not in said
    assert "Exception" not in said
    emails = [email for (email,) in office.rows("select email from mart.traveller_contact where email is not null")]
    assert emails
    assert not any(email in said for email in emails)
    left = {path.name for path in same.home.warehouse.iterdir()}
    assert not {name for name in left if name.startswith("build-")}
