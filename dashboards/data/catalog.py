"""What ad-hoc SQL needs: the published tables with their comments, saved queries, and an answer after it was logged."""

from __future__ import annotations

import hashlib

from dashboards import data
from dashboards.data import Publication, Row, query
from pipelines.sandbox import Limits, Result, run_query

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


def answer(shown: Publication, sql: str, parameters: dict[str, str]) -> Result:
    """Run one SELECT in the sandbox on the role's file, logged before it runs and, with its rows, before it is shown.

    The log keeps the digest of the text, which may hold a name. Raises MusterError where the log cannot be written, and
    in one sentence whatever the sandbox refuses.
    """
    digest = hashlib.sha256(sql.encode()).hexdigest()
    data.record(shown, "sql", {"sql_sha256": digest})
    found = run_query(shown.file, sql, parameters, LIMITS)
    data.record(shown, "sql answer", {"sql_sha256": digest}, rows=len(found.rows))
    return found
