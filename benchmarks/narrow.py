"""A model's text cut down to the columns that are asked of it, so that it does no more than a peer who makes those.

DuckDB leaves out columns by itself. Joins that serve other columns it keeps, because it cannot know that they find one
row at most, as every left join of Muster's models does; and it sorts rows whose order nobody asked for.
"""

from __future__ import annotations

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope


def narrowed(con: duckdb.DuckDBPyConnection, sql: str, columns: str) -> str:
    """The text of ``select columns from (sql)`` without the columns, left joins and order that it does not need.

    ``con`` knows the tables that ``sql`` reads.
    """
    inner = sqlglot.parse_one(sql, dialect="duckdb", into=exp.Select)
    inner.set("order", None)
    for call in list(inner.find_all(exp.Anonymous)):
        if call.name.lower() == "epoch_us":  # a function that SQLGlot does not know might make rows, and would be kept
            call.replace(exp.UnixMicros(this=call.expressions[0]))
    tree: exp.Expr = exp.select(*columns.split(", ")).from_(inner.subquery("asked"))
    tree = qualify(tree, dialect="duckdb", schema=_schema(con), quote_identifiers=False)
    before = None
    while tree != before:
        before = tree.copy()
        tree = pushdown_projections(tree)
        for scope in traverse_scope(tree):
            _drop_unused_joins(scope)
    return tree.sql(dialect="duckdb")


def _schema(con: duckdb.DuckDBPyConnection) -> dict[str, object]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for layer, table, column, kind in con.execute(
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
    ).fetchall():
        found.setdefault(layer, {}).setdefault(table, {})[column] = kind
    return dict(found)


def _drop_unused_joins(scope: Scope) -> None:
    for join in list(scope.expression.args.get("joins") or ()):
        used = any(
            column.table == join.alias_or_name and column.find_ancestor(exp.Join) is not join
            for column in scope.columns
        )
        if join.side == "LEFT" and not used:
            join.pop()
