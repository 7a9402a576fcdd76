"""Every table is the same made in one go or in many parts (``parts`` of a model's twin), of a whole office."""

from __future__ import annotations

import duckdb
import pytest

from pipelines import kept, models, parts, warehouse
from tests.integration.conftest import Office

_MADE_BY_CODE = ("pseudonym", "finding")


def test_tables_are_the_same_in_many_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    con = duckdb.connect(config={"memory_limit": "1GB", "threads": 2})
    con.execute(f"attach '{kept.kept_path(office.home)}' as kept (read_only)")
    for layer in warehouse.LAYERS:
        con.execute(f"create schema if not exists {layer}")
    for kind in ("table", "view"):
        for schema, name in con.execute(
            f"select schema_name, {kind}_name from duckdb_{kind}s() where database_name = 'kept' "
            f"and (schema_name in ('land', 'reference') or (schema_name = 'core' and list_contains($1, {kind}_name)))",
            [_MADE_BY_CODE],
        ).fetchall():
            con.execute(f"create view {schema}.{name} as from kept.{schema}.{name}")
    divided = []
    for model in models.discover():
        if (parted := model.twin.parts) is not None:
            limited = parted.of or model.depends_on
            monkeypatch.setattr(parts, "ROWS_A_GIGABYTE", max(_rows(con, table) for table in limited) / 7)
            divided.append(len(parts.ranges(con, parted.by, limited)[1]))
        models.build(con, model)
        assert _content(con, model.table) == _content(con, f"kept.{model.table}"), model.table
    assert len(divided) > 10
    assert min(divided) > 1


def _rows(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return con.execute(f"select count(*) from {table}").fetchall()[0][0]


def _content(con: duckdb.DuckDBPyConnection, table: str) -> tuple[object, ...]:
    """How many rows, and a sum over them; lists of evidence are in no order before they are published."""
    values = ", ".join(
        f"list_sort({name})" if kind.endswith("[]") else str(name)
        for name, kind, *_ in con.execute(f"describe {table}").fetchall()
    )
    return con.execute(f"select count(*), sum(cast(hash({values}) as hugeint)) from {table}").fetchall()[0]
