"""Models made part by part, so that a table of any size is made in the memory that the database has.

What a traveller did does not depend on other travellers. A model whose twin names such a column under ``parts`` is made
for one range of its values after the other, each by the model's own text with the tables that it reads limited to the
range. What was made for one range lies together, so that the next model finds its range without reading the rest. A
table that fits is made in one go.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

ROWS_A_GIGABYTE = 1_500_000
"""Rows of the largest table read for which a gigabyte of memory suffices, whatever the model does with them."""

_UNITS = {"bytes": 1e-9, "KiB": 1024e-9, "MiB": 1024**2 * 1e-9, "GiB": 1024**3 * 1e-9, "TiB": 1024**4 * 1e-9}


@dataclass(frozen=True)
class Range:
    """Values above ``above`` and up to ``up_to``. None is no bound; without a lower one, NULL is in it, too."""

    above: int | None
    up_to: int | None

    def condition(self, column: str) -> str:
        """The range as SQL; every row is in exactly one of the ranges that :func:`ranges` gives."""
        if self.above is None:
            return "true" if self.up_to is None else f"({column} <= {self.up_to} or {column} is null)"
        return f"{column} > {self.above}" + ("" if self.up_to is None else f" and {column} <= {self.up_to}")


def ranges(con: duckdb.DuckDBPyConnection, column: str, tables: Iterable[str]) -> tuple[list[str], list[Range]]:
    """The tables among ``tables`` that have the column, and the ranges to make a model in that reads them.

    The column is a dense key that counts from 1. Where all fits into the memory there is one range, of all values, and
    no table to limit.
    """
    sizes, fitting = _sizes(con, tables), _fitting(con)
    if max(sizes.values(), default=0) <= fitting:
        return [], [Range(None, None)]
    having = _having(con, column, sizes)
    count = max(1, -(-max((sizes[table] for table in having), default=0) // fitting))
    largest = max((_largest(con, column, table) for table in having), default=0)
    bounds = [None, *(largest * number // count for number in range(1, count)), None]
    return having, [Range(above, up_to) for above, up_to in itertools.pairwise(bounds)]


def _sizes(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> dict[str, int]:
    return dict(
        con.execute(
            "select schema_name || '.' || table_name as name, estimated_size from duckdb_tables() "
            "where database_name = current_database() and list_contains(?, name) order by name",
            [list(tables)],
        ).fetchall()
    )


def _fitting(con: duckdb.DuckDBPyConnection) -> int:
    """How many rows fit into the memory."""
    ((limit,),) = con.execute("select current_setting('memory_limit')").fetchall()
    number, unit = re.fullmatch(r"([\d.]+) (\w+)", limit).groups()  # type: ignore[union-attr]
    return max(1, round(float(number) * _UNITS[unit] * ROWS_A_GIGABYTE))


def _having(con: duckdb.DuckDBPyConnection, column: str, tables: Iterable[str]) -> list[str]:
    found = con.execute(
        "select schema_name || '.' || table_name as name from duckdb_columns() "
        "where database_name = current_database() and column_name = ? and list_contains(?, name) order by name",
        [column, list(tables)],
    ).fetchall()
    return [name for (name,) in found]


def _largest(con: duckdb.DuckDBPyConnection, column: str, table: str) -> int:
    return int(con.execute(f"select coalesce(max({column}), 0) from {table}").fetchall()[0][0])


def limited(sql: str, tables: Iterable[str], condition: str) -> str:
    """A model's text that reads of ``tables`` only the rows where ``condition`` holds; all else is as written."""
    import sqlglot  # costs a fifth of a second, which a small office does not pay
    from sqlglot import exp

    wanted = set(tables)
    for table in sorted(
        (node for node in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Table) if node.args.get("db")),
        key=lambda node: -node.this.meta["start"],
    ):
        if f"{table.db}.{table.name}" not in wanted:
            continue
        first, last = table.args["db"].meta["start"], table.this.meta["end"]
        alias = "" if table.alias else f" as {table.name}"
        sql = f"{sql[:first]}(select * from {table.db}.{table.name} where {condition}){alias}{sql[last + 1 :]}"
    return sql


def numbered_on(con: duckdb.DuckDBPyConnection, sql: str, table: str, column: str) -> str:
    """A further part whose ``column`` goes on counting where the rows that ``table`` has left off."""
    ((kind, last),) = con.execute(f"select any_value(typeof({column})), max({column}) from {table}").fetchall()
    return f"select * replace (cast({column} + {last or 0} as {kind}) as {column}) from ({sql}) as part"
