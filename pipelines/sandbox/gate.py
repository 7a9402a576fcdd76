"""What ad-hoc SQL may be: one query over the published tables, judged by its parse tree.

The statement's type is not asked, because a COPY or an INSERT may hide in a WITH of a SELECT. Only known kinds of
query node pass, only known table functions, and whatever the gate does not understand is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

MAX_SQL_BYTES = 100_000

_QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat"})
_SCHEMAS = frozenset({"", "main", "mart", "information_schema"})
_REFUSED_FUNCTIONS = re.compile(
    r"^(read_|query|getenv|current_setting|glob$|sniff_|parquet_|duckdb_|pragma_|json_execute|write_|which_secret|getvariable)"
)


class RefusedError(Exception):
    """The query is not one that may run; the message says why in one sentence."""


def check(con: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Pass one SELECT and return the names of its parameters, else raise RefusedError."""
    if len(sql.encode()) > MAX_SQL_BYTES:
        raise RefusedError(f"The SQL is longer than {MAX_SQL_BYTES:,} bytes.")
    row = con.execute("select json_serialize_sql($sql::varchar)", {"sql": sql}).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row and row[0] else {"error": True}
    if tree.get("error"):
        message = str(tree.get("error_message", "it cannot be read")).splitlines()[0]
        if "Only SELECT" in message:
            raise RefusedError("Only a SELECT is answered here; nothing can be written or changed.")
        raise RefusedError(f"The SQL cannot be read: {message}{_where(sql, tree.get('position'))}.")
    statements = tree.get("statements") or []
    if not statements:
        raise RefusedError("There is no query in this text.")
    if len(statements) > 1:
        raise RefusedError(f"One query at a time, please: this is {len(statements)}.")
    for node in _nodes(statements[0]):
        _judge(node)
    return [str(item.get("key")) for item in statements[0].get("named_param_map") or []]


def _where(sql: str, position: Any) -> str:
    try:
        before = sql[: int(position)]
    except (TypeError, ValueError):
        return ""
    return f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _judge(node: dict[str, Any]) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _QUERY_NODES:
        raise RefusedError("Only a SELECT is answered here; nothing can be written or changed.")
    if kind == "BASE_TABLE":
        schema, catalog = str(node.get("schema_name", "")).lower(), str(node.get("catalog_name", ""))
        if schema not in _SCHEMAS or catalog:
            raise RefusedError(f"Only the published tables can be read, not '{catalog or schema}'.")
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise RefusedError(f"The table function '{name}' is not available here.")
    name = str(node.get("function_name", "")).lower()
    if _REFUSED_FUNCTIONS.match(name):
        raise RefusedError(f"The function '{name}' is not available here.")
