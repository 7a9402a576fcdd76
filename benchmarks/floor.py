"""The floor: what reading the same files once and writing the same tables once costs DuckDB, and nothing in between."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.prepare import csv_sql, without_open_quotes
from benchmarks.tasks import Clock
from pipelines.contracts import load_contracts
from pipelines.settings import Home, load_settings


def read_and_write(home: str, inbox: str, target: str) -> dict[str, Any]:
    """Read every CSV file of an inbox with its types declared, and write every mart that ``home`` publishes once.

    The rows read are materialised, column by column, in memory; the marts are copied from the steward's file into one
    new file. Lines with a quote that nothing closes, behind which DuckDB would lose megabytes of rows, are left out of
    what it is given. Returns the rows read of each feed and written of each mart.
    """
    office = Home(home)
    contracts = load_contracts(office, load_settings(office))
    published = office.published / "current" / "steward.duckdb"
    Path(target).unlink(missing_ok=True)
    clock = Clock()
    given = Path(f"{target}.feeds")
    sources = [without_open_quotes(source, given) for source in sorted(Path(inbox).glob("*/*.csv"))]
    answer: dict[str, Any] = {"feeds": {}, "marts": {}}
    with clock.working():
        con = duckdb.connect(target)
        con.execute("set preserve_insertion_order = false")
        for source in sources:
            feed = source.parent.name
            kinds = {name: kind for name, kind in contracts[feed].sql_columns() if not kind.endswith("[]")}
            made = con.execute(f"create or replace temp table raw as from {csv_sql(source, kinds)}").fetchone()
            answer["feeds"][feed] = answer["feeds"].get(feed, 0) + (made[0] if made else 0)
        con.execute(f"attach '{published}' as published (read_only)")
        tables = con.execute(
            "select table_name from duckdb_tables() where database_name = 'published' and schema_name = 'mart'"
        ).fetchall()
        for (table,) in tables:
            made = con.execute(f'create table "{table}" as from published.mart."{table}"').fetchone()
            answer["marts"][table] = made[0] if made else 0
        con.close()
    Path(target).unlink(missing_ok=True)
    shutil.rmtree(given)
    return answer | clock.taken()


def read_and_write_parquet(inputs: str, outputs: str, target: str) -> dict[str, Any]:
    """Read every Parquet file of one folder into memory and write those of another once more."""
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    rows = 0
    with clock.working():
        con = duckdb.connect()
        con.execute("set preserve_insertion_order = false")
        for source in sorted(Path(inputs).glob("*.parquet")):
            made = con.execute(f"create or replace temp table raw as from '{source}'").fetchone()
            rows += made[0] if made else 0
        for source in sorted(Path(outputs).glob("*.parquet")):
            con.execute(f"copy (from '{source}') to '{folder / source.name}' (format parquet)")
        con.close()
    return {"rows": rows} | clock.taken()
