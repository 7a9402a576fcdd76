"""Great Expectations on a run's DuckDB connection, which another process holds (:mod:`pipelines.validation.process`).

Great Expectations knows DuckDB only through SQLAlchemy, whose DuckDB dialects stream results that a rolled-back
connection empties. Here a cursor has all its rows when it has executed, so the order of its calls does not matter.
Importing this module costs seconds.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import duckdb_sqlalchemy
import sqlalchemy
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql import sqltypes

from pipelines.errors import MusterError
from pipelines.models import Check

# Great Expectations imports pyspark wherever it is installed, which costs seconds and serves nothing here; parts of it
# end the process where they take it for a test of theirs. Python knows such an entry as "not to be found".
sys.modules["pyspark"] = sys.modules["pyspark.sql.connect"] = None  # type: ignore[assignment]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import great_expectations
    from great_expectations import expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

if TYPE_CHECKING:
    from pipelines.validation import Expectations

Execute = Callable[[str, Any], Any]
"""Executes a statement with parameters: the described columns, or None, and all rows; None where it is refused."""


class _Cursor:
    """A cursor as SQLAlchemy wants it, which holds all its rows."""

    arraysize = 1

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Sequence[Any] | None = None, context: Any = None) -> None:
        """Execute and fetch everything at once: results of checks are a few numbers."""
        executed = self._execute(statement, parameters or None)
        if executed is None:
            raise duckdb.ProgrammingError("The statement could not be executed.")
        self.description, self._rows = executed

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        taken, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The remaining rows."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class _Connection:
    """A connection over a cursor of the run's connection; every statement is a transaction of its own."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self.notices: list[str] = []

    def cursor(self) -> _Cursor:
        """A cursor that shares the connection."""
        return _Cursor(self._execute)

    def begin(self) -> None:
        """Nothing to open."""

    def commit(self) -> None:
        """Nothing is open."""

    def rollback(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Whoever executes closes what it executes on."""


class _Compiler(duckdb_sqlalchemy.DuckDBCompiler):
    """Writes the regular-expression operator as a search: DuckDB's own ``~`` matches whole texts only."""

    def visit_custom_op_binary(self, element: Any, operator: Any, **kwargs: Any) -> str:
        """Compile ``left ~ right`` as ``regexp_matches(left, right)``, everything else as before."""
        if operator.opstring in ("~", "!~"):
            left = self.process(element.left, **kwargs)
            right = self.process(element.right, **kwargs)
            return f"{'NOT ' if operator.opstring == '!~' else ''}regexp_matches({left}, {right})"
        return str(super().visit_custom_op_binary(element, operator, **kwargs))


class Dialect(duckdb_sqlalchemy.Dialect):
    """DuckDB for Great Expectations: PostgreSQL's rules for its metrics, and column names by one small query."""

    supports_statement_cache = True
    statement_compiler = _Compiler

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Great Expectations looks here for the family of SQL to write; on the class it would reach others.
        self.dialect = postgresql.dialect

    def initialize(self, connection: Any) -> None:
        """Skip the questions that only a server can answer."""
        DefaultDialect.initialize(self, connection)

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> list[Any]:
        """The columns' names in order. Their types are checked by the models' twins, so none is reflected."""
        rows = connection.exec_driver_sql(
            "select column_name, is_nullable from duckdb_columns() where table_name = ? and schema_name = ? "
            "and database_name in (current_database(), 'temp') order by column_index",
            (table_name, schema or "main"),
        ).fetchall()
        return [{"name": name, "type": sqltypes.NullType(), "nullable": null, "default": None} for name, null in rows]

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether the table has any columns."""
        return bool(self.get_columns(connection, table_name, schema))


registry.register("duckdb", __name__, "Dialect")


class Validator:
    """Judges the expectations of tables one after another by statements that ``execute`` executes."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._context = great_expectations.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._source: Any = self._context.data_sources.add_sql(
            "build",
            connection_string="duckdb://",
            create_temp_table=False,
            kwargs={  # type: ignore[call-arg]
                "creator": lambda: _Connection(execute),
                "poolclass": sqlalchemy.pool.StaticPool,
            },
        )

    def failing(self, part: Expectations) -> list[int]:
        """The numbers of the checks of one table that do not hold; raises MusterError where one cannot run."""
        schema: str | None
        schema, _, table = part.table.partition(".")
        if part.feed is not None:
            # A temporary view shows the rows of the one feed.
            table, schema = f"feed_{part.feed}", None
            feed = part.feed.replace("'", "''")
            self._execute(
                f"create or replace temp view \"{table}\" as select * from {part.table} where feed = '{feed}'", None
            )
        asset = self._source.add_table_asset(name=part.label, table_name=table, schema_name=schema)
        try:
            return _failed(asset.add_batch_definition_whole_table("all rows").get_batch(), part)
        finally:
            self._source.delete_asset(part.label)


def _failed(batch: Any, part: Expectations) -> list[int]:
    numbered = [
        (number, expectation)
        for number, check in enumerate(part.checks)
        for expectation in _expectations(check, number)
    ]
    suite = great_expectations.ExpectationSuite(name=part.label, expectations=[item for _, item in numbered])
    outcome = batch.validate(suite, result_format="BOOLEAN_ONLY")
    failed = set()
    for result in outcome.results:
        if not result.success and result.expectation_config is not None:
            number = result.expectation_config.meta["check"]
            if _raised(result.exception_info):
                raise MusterError(
                    f"The check {part.checks[number].check} on {part.label} could not run; compare its columns "
                    "and values with the table's."
                )
            failed.add(number)
    return sorted(failed)


def _raised(information: Any) -> bool:
    # One entry, or one a metric, depending on where it happened.
    if not isinstance(information, dict):
        return False
    if "raised_exception" in information:
        return bool(information["raised_exception"])
    return any(_raised(entry) for entry in information.values())


def _expectations(check: Check, number: int) -> list[Any]:
    """A declared check as expectations, each marked with the check's number."""
    meta = {"check": number}
    names = ((check.column,) if check.column else ()) + check.columns
    if check.check == "row_count_min":
        return [gx.ExpectTableRowCountToBeBetween(min_value=int(check.minimum or 0), meta=meta)]
    if check.check == "unique":
        if len(names) == 1:
            return [gx.ExpectColumnValuesToBeUnique(column=names[0], meta=meta)]
        return [gx.ExpectCompoundColumnsToBeUnique(column_list=list(names), meta=meta)]
    if check.check == "not_null":
        return [gx.ExpectColumnValuesToNotBeNull(column=name, meta=meta) for name in names]
    if check.check == "in_set":
        return [gx.ExpectColumnValuesToBeInSet(column=name, value_set=list(check.values), meta=meta) for name in names]
    if check.check == "regex":
        return [gx.ExpectColumnValuesToMatchRegex(column=name, regex=check.pattern or "", meta=meta) for name in names]
    return [
        gx.ExpectColumnValuesToBeBetween(column=name, min_value=check.minimum, max_value=check.maximum, meta=meta)
        for name in names
    ]
