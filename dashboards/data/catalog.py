"""What ad-hoc SQL needs: the published tables with their comments, saved queries, and an answer after it was logged."""

from __future__ import annotations

import dataclasses
import hashlib

from dashboards import data
from dashboards.data import Publication, Row, query
from pipelines.sandbox.runner import Limits, Query, Request
from pipelines.settings import load_settings

LIMITS = Limits(row_limit=10_000, seconds=30)


def tables(shown: Publication) -> list[Row]:
    """Published tables and views by name, each with its comment and number of rows (NULL for views)."""
    sql = """
        select table_name, comment, estimated_size as rows
        from duckdb_tables() where schema_name = 'mart'
        order by table_name
    """
    return query(shown.role, shown.file, sql)


def columns(shown: Publication, table: str) -> list[Row]:
    """The columns of one table, each with type and comment."""
    sql = """
        select column_name, data_type, comment
        from duckdb_columns() where schema_name = 'mart' and table_name = ?
        order by column_index
    """
    return query(shown.role, shown.file, sql, [table])


def start(shown: Publication, sql: str, parameters: dict[str, str]) -> Query:
    """Start one query in the sandbox on the role's file, logged before it runs; the caller reads and closes it.

    The log keeps the digest of the text, which may hold a name. Raises MusterError where the log cannot be written;
    reading raises it, in one sentence, for whatever the sandbox refuses.
    """
    data.record(shown, "sql", {"sql_sha256": _digest(sql)})
    limits = dataclasses.replace(LIMITS, require_landlock=load_settings(data.home()).require_landlock)
    return Query(Request(shown.file, sql, parameters, limits))


def record_answer(shown: Publication, sql: str, rows: int) -> None:
    """Log that an answer of so many rows is about to be shown."""
    data.record(shown, "sql answer", {"sql_sha256": _digest(sql)}, rows=rows)


def _digest(sql: str) -> str:
    return hashlib.sha256(sql.encode(errors="replace")).hexdigest()
