"""The gate: whether a text is one query over the published tables, judged by DuckDB's own syntax tree.

Everything in the tree must be on the list of ``allowed.yml``: kinds of query, expressions, fields, types, functions,
table functions. A table must be one of the published ones or a WITH of the query that is in scope at that place. What
the gate does not understand it refuses, and any failure inside it is a refusal. The statement's type is never asked,
because a COPY or an INSERT may hide in the WITH of a SELECT.

This module runs in the worker, without the packages of the project, and imports only the standard library.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pipelines.sandbox import rewrite
from pipelines.sandbox.rewrite import RefusedError

MAX_SQL_BYTES = 20 * 1024
MAX_DEPTH = 400
"""Nested values of the tree; a query of 40 subqueries within each other has about 280."""

_NO_POSITION = 1 << 63
_SCHEMAS = ("", "mart", "main")
_PLAIN_NAME = re.compile(r"\w+")
_ONLY_SELECT = "Only a SELECT is answered here; nothing can be written or changed"


class Connection(Protocol):
    """What the gate needs of a DuckDB connection."""

    def execute(self, query: str, parameters: Any = None) -> Any:
        """Run one statement."""


@dataclasses.dataclass(frozen=True)
class Allowed:
    """The list of ``allowed.yml`` as sets."""

    query_nodes: frozenset[str]
    sources: frozenset[str]
    modifiers: frozenset[str]
    expressions: frozenset[str]
    expression_types: frozenset[str]
    fields: frozenset[str]
    types: frozenset[str]
    shown: frozenset[str]
    table_functions: frozenset[str]
    functions: frozenset[str]

    @classmethod
    def of(cls, document: Mapping[str, Iterable[str]]) -> Allowed:
        """The list from the parsed document; the five lists of functions become one."""
        kinds = ("operators", "scalar_functions", "aggregate_functions", "window_functions", "macros")
        functions = frozenset(str(name).lower() for kind in kinds for name in document[kind])
        names = [field.name for field in dataclasses.fields(cls) if field.name != "functions"]
        return cls(**{name: frozenset(map(str, document[name])) for name in names}, functions=functions)


@dataclasses.dataclass(frozen=True)
class Passed:
    """A query that may run: its text (a PIVOT has its values written in) and the names of its parameters."""

    sql: str
    parameters: list[str]


class Gate:
    """Judges texts against the list and the tables of one published file."""

    def __init__(self, con: Connection, allowed: Allowed, tables: Iterable[str]) -> None:
        self._con = con
        self._allowed = allowed
        self._tables = frozenset(name.lower() for name in tables)

    def check(self, sql: str, values: Callable[[str, list[str]], list[str]] | None = None) -> Passed:
        """Pass one query, else raise RefusedError with the reason and, where known, line and column.

        ``values(sql, parameters)`` answers a query of one column that passed; with it a PIVOT may leave out its values.
        """
        try:
            return self._check(sql, values)
        except RefusedError:
            raise
        except Exception as error:
            raise RefusedError(f"The SQL is not understood ({type(error).__name__})") from error

    def _check(self, sql: str, values: Callable[[str, list[str]], list[str]] | None) -> Passed:
        size = len(sql.encode(errors="replace"))
        if size > MAX_SQL_BYTES:
            raise RefusedError(f"The SQL is {size:,} bytes long; at most {MAX_SQL_BYTES:,} are read")
        prefix, query = rewrite.split_explain(sql)
        statement = self._tree(query)
        if statement is None and values is not None:
            expanded = rewrite.write_pivot_values(query, lambda text: self._values(text, values))
            if expanded is not None:
                query = expanded
                statement = self._tree(query)
        if statement is None:
            raise RefusedError(f"{_ONLY_SELECT}{rewrite.first_word(sql)}")
        if set(statement) - {"node", "named_param_map"}:
            raise RefusedError("This form of statement is not available here")
        try:
            self._query(statement.get("node"), frozenset(), 0)
        except RefusedError as refusal:
            raise RefusedError(refusal.reason, _where(query, refusal.position)) from None
        names = [str(item.get("key")) for item in statement.get("named_param_map") or []]
        return Passed(prefix + query, names)

    def _values(self, sql: str, values: Callable[[str, list[str]], list[str]]) -> list[str]:
        passed = self._check(sql, None)
        return values(passed.sql, passed.parameters)

    def _tree(self, sql: str) -> dict[str, Any] | None:
        """The tree of the one statement; None where DuckDB says that it is no SELECT."""
        row = self._con.execute(
            "select json_serialize_sql($sql::varchar, skip_null := true, skip_empty := true, skip_default := true)",
            {"sql": sql},
        ).fetchone()
        answer: dict[str, Any] = json.loads(row[0])
        if answer.get("error"):
            message = " ".join(str(answer.get("error_message", "it cannot be read")).split())
            if "Only SELECT" in message:
                return None
            position = answer.get("position")
            where = _where(sql, int(str(position))) if str(position).isdigit() else ""
            raise RefusedError(f"The SQL cannot be read: {message}", where)
        statements = answer.get("statements") or []
        if not statements:
            raise RefusedError("There is no query in this text")
        if len(statements) > 1:
            raise RefusedError(f"One query at a time, please: this is {len(statements)}")
        found: dict[str, Any] = statements[0]
        return found

    def _query(self, node: Any, scope: frozenset[str], depth: int) -> None:
        """A query node: its WITH parts first, each of which sees those before it (and itself, if it is recursive)."""
        kind = node.get("type")
        if kind not in self._allowed.query_nodes:
            raise RefusedError(_ONLY_SELECT, _position(node))
        for part in (node.get("cte_map") or {}).get("map") or []:
            name = str(part.get("key", ""))
            if not _PLAIN_NAME.fullmatch(name):
                raise RefusedError("A WITH needs a plain name (letters, digits, underscores)", _position(node))
            inner = part["value"]
            is_recursive = (inner.get("query_node") or {}).get("type") == "RECURSIVE_CTE_NODE"
            own = frozenset({name.lower()})
            self._inside(inner, scope | own if is_recursive else scope, depth + 1)
            scope |= own
        if kind == "RECURSIVE_CTE_NODE":
            scope |= {str(node.get("cte_name", "")).lower()}  # the name of the WITH around it, so plain
        self._inside({key: value for key, value in node.items() if key not in ("type", "cte_map")}, scope, depth + 1)

    def _inside(self, value: Any, scope: frozenset[str], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise RefusedError("The query is nested too deeply")
        if isinstance(value, list):
            for item in value:
                self._inside(item, scope, depth + 1)
        elif isinstance(value, dict):
            self._node(value, scope, depth)

    def _node(self, node: dict[str, Any], scope: frozenset[str], depth: int) -> None:
        for field in node:
            if field not in self._allowed.fields:
                raise RefusedError(f"This form of SQL ({_shown(field)}) is not available here", _position(node))
        kind = node.get("type")
        if isinstance(kind, str):
            if kind.endswith("_NODE"):
                self._query(node, scope, depth)
                return
            self._kind(node, kind, scope, depth)
        elif "function_name" in node or "table_name" in node or "show_type" in node:
            raise RefusedError("This form of SQL is not available here", _position(node))
        if "literal" in node:
            return
        for field, child in node.items():
            if kind != "TABLE_FUNCTION" or field != "function":
                self._inside(child, scope, depth + 1)

    def _kind(self, node: dict[str, Any], kind: str, scope: frozenset[str], depth: int) -> None:
        """What a node with a type may be: an expression, a source after FROM, or a modifier."""
        allowed = self._allowed
        if "class" in node:
            if node["class"] not in allowed.expressions or kind not in allowed.expression_types:
                raise RefusedError(f"This form of SQL ({_shown(kind)}) is not available here", _position(node))
            if "function_name" in node:
                self._function(node)
            if node["class"] == "TYPE":
                self._type(node)
        elif kind in allowed.sources:
            if kind == "BASE_TABLE":
                self._table(node, scope)
            elif kind == "TABLE_FUNCTION":
                self._table_function(node, scope, depth)
            elif kind == "SHOW_REF" and "query" not in node:
                self._show(node, scope)
        elif kind not in allowed.modifiers:
            raise RefusedError(f"This form of SQL ({_shown(kind)}) is not available here", _position(node))

    def _function(self, node: dict[str, Any]) -> None:
        names = {str(node["function_name"]).lower(), _last(node) or str(node["function_name"]).lower()}
        for name in names - self._allowed.functions:
            raise RefusedError(f"The function '{_shown(name)}' is not available here", _position(node))

    def _table_function(self, node: dict[str, Any], scope: frozenset[str], depth: int) -> None:
        function = node.get("function") or {}
        name = str(function.get("function_name", "")).lower()
        if function.get("class") != "FUNCTION" or {name, _last(function) or name} - self._allowed.table_functions:
            raise RefusedError(f"The table function '{_shown(name)}' is not available here", _position(node, function))
        # What is in it is judged like any expression; its own name is no scalar function's.
        rest = {key: value for key, value in function.items() if key not in ("class", "type", "function_name")}
        self._inside(rest, scope, depth + 1)

    def _type(self, node: dict[str, Any]) -> None:
        path = (node.get("qualified_name") or {}).get("path") or [node.get("type_name", "")]
        names = {str(node.get("type_name", "")).lower(), str(path[-1]).lower()}
        if names - self._allowed.types or len(path) > 1:
            raise RefusedError(f"The type '{_shown(path[-1])}' is not available here", _position(node))

    def _table(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        path = (node.get("qualified_name") or {}).get("path") or []
        name = str(node.get("table_name", "")).lower()
        schema = str(node.get("schema_name", "")).lower()
        expected = [part for part in (schema, name) if part]
        if node.get("catalog_name") or (path and [str(part).lower() for part in path] != expected):
            raise RefusedError("Only the published tables of this file can be read", _position(node))
        if schema == "" and name in scope:
            return
        if schema not in _SCHEMAS or name not in self._tables:
            shown = f"{schema}.{name}" if schema else name
            raise RefusedError(f"There is no published table '{_shown(shown)}'", _position(node))

    def _show(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        name = str(node.get("table_name", "")).strip('"').lower()
        if node.get("show_type") == "SHOW_SPECIAL":
            if name not in self._allowed.shown:
                raise RefusedError(f"SHOW {_shown(name).upper()} is not available here", _position(node))
        elif name not in self._tables and name not in scope:
            raise RefusedError(f"There is no published table '{_shown(name)}'", _position(node))


def _last(node: dict[str, Any]) -> str:
    path = (node.get("qualified_name") or {}).get("path") or [""]
    return str(path[-1]).lower()


def _position(*nodes: Any) -> int | None:
    """The byte at which the first node that knows one begins."""
    for node in nodes:
        found = node.get("query_location") if isinstance(node, dict) else None
        if isinstance(found, int) and found < _NO_POSITION:
            return found
    return None


def _where(sql: str, position: Any) -> str:
    """Line and column of a byte of the text, for people: both from 1, columns in letters."""
    if not isinstance(position, int):
        return position or ""
    before = sql.encode(errors="replace")[:position].decode(errors="replace")
    return f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"


def _shown(text: Any) -> str:
    """A name from the query as an error may repeat it: printable and short."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))[:60]
