"""What a model may say: one SELECT of the subset that both engines share, without clock, chance or files (F5)."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from pipelines.errors import MusterError

_NOT_PURE_NODES = {
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.Randn,
    exp.Uuid,
}

_NOT_PURE_NAMES = {
    "current_localtime",
    "current_localtimestamp",
    "current_setting",
    "currval",
    "gen_random_uuid",
    "get_current_time",
    "get_current_timestamp",
    "getenv",
    "getvariable",
    "glob",
    "nextval",
    "now",
    "random",
    "setseed",
    "today",
    "transaction_timestamp",
    "txid_current",
    "uuid",
    "uuidv4",
    "uuidv7",
}

_ASIDE = (exp.DDL, exp.DML, exp.Command, exp.Pragma, exp.Set, exp.Into)


def tables_read(sql: str, name: str) -> list[str]:
    """The schema-qualified tables that a model's text reads, sorted; raises MusterError where it breaks a rule.

    ``name`` is the file, for the message.
    """
    tree = _parse(sql, name)
    _refuse(tree, sql, name)
    return _tables(tree, name)


def _parse(sql: str, name: str) -> exp.Query:
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect="duckdb") if tree is not None]
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        raise MusterError(f"{name} is no SQL that both engines understand: {first}") from error
    if len(trees) != 1:
        raise MusterError(f"{name} holds {len(trees)} statements; a model is one SELECT.")
    if not isinstance(trees[0], exp.Query):
        raise MusterError(f"{name} is not a SELECT; a model makes no other statement.")
    return trees[0]


def _refuse(tree: exp.Query, sql: str, name: str) -> None:
    for node in tree.walk():
        if isinstance(node, _ASIDE) and not isinstance(node, exp.Query):
            raise MusterError(f"{name} holds more than a SELECT ({node.key}); a model only reads.")
        if isinstance(node, exp.Qualify):
            raise MusterError(f"{name} uses QUALIFY, which Spark reads otherwise; filter in an outer select.")
        if isinstance(node, exp.TableSample):
            raise MusterError(f"{name} samples rows by chance; a model gives the same rows every time (F5).")
        called = _function_name(node)
        if type(node) in _NOT_PURE_NODES or called in _NOT_PURE_NAMES or _is_age_of_today(node, called):
            raise MusterError(
                f"{name} reads the clock, chance or the session ({called or node.key}); take as_of and known_at from "
                "reference.parameter (F5)."
            )
        if called.startswith("read"):
            raise MusterError(f"{name} reads a file ({called}); models read tables.")
    for cte in tree.find_all(exp.CTE):
        if (table := _only_named(cte)) is not None:
            raise MusterError(
                f"{name} holds {table} once more as {cte.alias}, in memory; read {table} where its rows are needed."
            )
    if any(token.token_type == TokenType.ARROW for token in sqlglot.tokenize(sql, dialect="duckdb")):
        raise MusterError(f"{name} uses '->', which DuckDB is giving up; write 'lambda x: …' or '->>'.")


def _only_named(cte: exp.CTE) -> str | None:
    """The table that a common table expression gives whole under another name; None where it chooses or works out."""
    query = cte.this
    if not isinstance(query, exp.Select) or not query.is_star or len(query.expressions) != 1:
        return None
    if {part for part, value in query.args.items() if value} - {"expressions", "from_", "from", "kind"}:
        return None
    star, source = query.expressions[0], query.find(exp.From)
    table = source.this if source is not None else None
    is_whole = isinstance(star, exp.Star) and not any(star.args.values())
    if not is_whole or not isinstance(table, exp.Table) or not table.args.get("db") or table.args.get("joins"):
        return None
    return f"{table.db}.{table.name}"


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    return type(node).__name__.lower() if isinstance(node, exp.Func) else ""


def _is_age_of_today(node: exp.Expr, called: str) -> bool:
    # age(x) of one argument counts from today.
    return called == "age" and len(node.args.get("expressions") or ()) == 1


def _tables(tree: exp.Query, name: str) -> list[str]:
    named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a function in the from clause
        if table.args.get("db"):
            found.add(f"{table.db.lower()}.{table.name.lower()}")
        elif table.name.lower() not in named and not _is_unnested_column(table):
            raise MusterError(f"{name} reads {table.name} without its schema; write <layer>.{table.name}.")
    return sorted(found)


def _is_unnested_column(table: exp.Table) -> bool:
    return isinstance(table.parent, exp.Unnest)
