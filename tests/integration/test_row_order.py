"""A mart is what its rows say, in whatever order a database, an engine or a thread comes to read them (F5)."""

from __future__ import annotations

import duckdb

from pipelines import kept, models, warehouse
from tests.integration.conftest import Office

_MADE_BY_CODE = ("pseudonym", "finding")


def _shuffled(con: duckdb.DuckDBPyConnection, table: str, origin: str) -> None:
    con.execute(f"create or replace table {table} as from {origin} order by hash(rowid + 7)")


def test_marts_are_the_same_whatever_the_order_of_rows(office: Office) -> None:
    con = duckdb.connect()
    con.execute(f"attach '{kept.kept_path(office.home)}' as kept (read_only)")
    for layer in warehouse.LAYERS:
        con.execute(f"create schema if not exists {layer}")
    tables = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'kept' "
        "and (schema_name in ('land', 'reference') or (schema_name = 'core' and list_contains($1, table_name)))",
        [_MADE_BY_CODE],
    ).fetchall()
    views = con.execute(
        "select schema_name, view_name from duckdb_views() where database_name = 'kept' and schema_name = 'reference'"
    ).fetchall()
    for schema, name in tables:
        _shuffled(con, f"{schema}.{name}", f"kept.{schema}.{name}")
    for schema, name in views:
        con.execute(f"create view {schema}.{name} as from kept.{schema}.{name}")
    marts = 0
    for model in models.discover():
        models.build(con, model)
        if model.layer == "mart":
            marts += 1
            assert kept._content(con, model.table) == kept._content(con, f"kept.{model.table}"), model.table
        _shuffled(con, model.table, model.table)
    assert marts > 20
