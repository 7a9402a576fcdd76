"""Checks of feeds and marts: declared once in contracts and twins, run by Great Expectations inside DuckDB.

Great Expectations guards the two borders, what comes in and what is published. It answers each expectation with true or
false alone (its fuller results hold values, so e-mail addresses); the rows that fail are counted by SQL of our own, and
so is everything that the tables between the borders declare: each is read once for that. Invariants across tables are
files in ``sql/checks``.
No result, message or event holds a value of any row.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from pipelines import models as sql_models
from pipelines.errors import MusterError
from pipelines.models import Check, Model
from pipelines.settings import SQL
from pipelines.validation import process

if TYPE_CHECKING:
    from pipelines.kept import Kept

Scope = Literal["stage", "mart"]

_TABLE = re.compile(r"\b(?:land|reference|stage|core|mart)\.\w+")

_LAYERS: dict[Scope, tuple[str, ...]] = {"stage": ("stage",), "mart": ("core", "mart")}


class BlockingCheckFailed(MusterError):  # noqa: N818 (named for what happened, as users read it)
    """A blocking check failed, so nothing new is published and the last publication stays in force."""


@dataclass(frozen=True)
class Finding:
    """One row of ``core.finding``: a check that does not hold, how badly, and how many rows it concerns."""

    check_name: str
    severity: str
    table_name: str
    failing_rows: int
    message: str


@dataclass(frozen=True)
class Expectations:
    """The checks of one table, or of the rows of one feed in it."""

    table: str
    checks: tuple[Check, ...]
    feed: str | None = None

    @property
    def label(self) -> str:
        """The table, with the feed where only its rows are meant."""
        return f"{self.table} ({self.feed})" if self.feed else self.table


@dataclass(frozen=True)
class SqlCheck:
    """A file of ``sql/checks``: the rows it returns are failures."""

    name: str
    title: str
    severity: str
    sql: str
    table: str

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the check reads, by name."""
        return tuple(sorted(set(_TABLE.findall(self.sql))))


@dataclass
class Report:
    """What one validation did: findings, the number of checks that ran, wall seconds by part."""

    findings: list[Finding] = field(default_factory=list)
    check_count: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def declared(contracts: Mapping[str, Any], models: Iterable[Model], scope: Scope) -> list[Expectations]:
    """The expectations of a scope: of feeds and stage tables, or of core and mart tables, by table."""
    found = []
    if scope == "stage":
        for name, contract in sorted(contracts.items()):
            checks = _single(_as_check(item) for item in contract.expectations())
            if checks:
                found.append(Expectations(f"land.{contract.table}", checks, name))
    for model in models:
        if model.layer in _LAYERS[scope]:
            checks = _single((*key_checks(model.twin.key), *model.twin.checks))
            if checks:
                found.append(Expectations(model.table, checks))
    return found


def _single(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks with one column each, but for keys: a finding then says which column it is."""
    found: list[Check] = []
    for check in checks:
        if check.check == "unique" or len(check.columns) < 2:
            found.append(check)
        else:
            found += [check.model_copy(update={"column": name, "columns": ()}) for name in columns_of(check)]
    return tuple(dict.fromkeys(found))


def _as_check(item: Any) -> Check:
    if isinstance(item, Check):
        return item
    return Check(**(item if isinstance(item, Mapping) else item.model_dump(exclude_none=True)))


def key_checks(key: Sequence[str]) -> tuple[Check, ...]:
    """What a key implies: its columns are never NULL, and together they occur once."""
    if not key:
        return ()
    return Check(check="not_null", columns=tuple(key)), Check(check="unique", columns=tuple(key))


def sql_checks(root: Path = SQL) -> list[SqlCheck]:
    """The invariants of ``sql/checks``; raises MusterError where a header line is missing or wrong."""
    found = []
    for path in sorted((root / "checks").glob("*.sql")):
        text = path.read_text(encoding="utf-8").strip().rstrip(";")
        header = sql_models.header_lines(text)
        if not header.get("title") or header.get("severity") not in ("blocking", "warning"):
            raise MusterError(
                f"sql/checks/{path.name} needs the lines '-- title: …' and '-- severity: blocking|warning'."
            )
        # The table that a finding is filed under is the first one the file names.
        table = re.search(r"\b(?:from|join)\s+((?:land|stage|core|mart)\.\w+)", text)
        found.append(SqlCheck(path.stem, header["title"], header["severity"], text, table[1] if table else "mart"))
    return found


def validate(
    con: duckdb.DuckDBPyConnection, contracts: Mapping[str, Any], models: Sequence[Model], scope: Scope
) -> list[Finding]:
    """Run the checks of a scope and write what does not hold to ``core.finding``; returns those findings.

    A repeated validation replaces the findings of its scope. It does not stop the run: see :func:`require_no_blocking`.
    """
    return run(con, contracts, models, scope).findings


def run(
    con: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, Any],
    models: Sequence[Model],
    scope: Scope,
    kept: Kept | None = None,
    *,
    write: bool = True,
) -> Report:
    """As :func:`validate`, with the number of checks and where the time went.

    ``kept`` knows what the checks of tables that did not change found before. Where nothing came in since and only the
    clock moved, the tables that moved with it are checked by SQL of our own and Great Expectations is not needed.
    ``write=False`` leaves ``core.finding`` alone, for a caller that runs this beside the writing of other tables.
    """
    report = Report()
    began = time.perf_counter()
    waiting = []
    for part in declared(contracts, models, scope):
        is_known = _add_known(report, kept, _inputs_of_part(kept, part), len(part.checks))
        if not is_known and _exists(con, part.table):
            waiting.append(part)
    if scope == "mart":
        _run_sql_checks(con, sql_checks(), report, kept)
    report.seconds["sql checks"] = time.perf_counter() - began
    began = time.perf_counter()
    is_quiet = kept is not None and kept.is_quiet
    inner = [part for part in waiting if is_quiet or part.table.startswith("core.")]
    for part in inner:
        _run_expectations(con, failing_of_inner(con, part), part, report, kept)
    report.seconds["tables between"] = time.perf_counter() - began
    border = [part for part in waiting if part not in inner]
    if border:
        _run_border(con, border, report, kept)
    if write:
        write_findings(con, scope, report.findings)
    return report


def run_ahead(
    con: duckdb.DuckDBPyConnection, kept: Kept, checks: Iterable[SqlCheck] = (), parts: Iterable[Expectations] = ()
) -> None:
    """Run some checks before their tables leave the build: :func:`run` then has from ``kept`` what they found."""
    report = Report()
    _run_sql_checks(con, checks, report, kept)
    for part in parts:
        _run_expectations(con, failing_of_inner(con, part), part, report, kept)


def _run_border(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Expectations], report: Report, kept: Kept | None
) -> None:
    """The checks of what came in or is published, by Great Expectations."""
    began = time.perf_counter()
    beside = process.start()
    beside.await_ready()
    report.seconds["import"] = time.perf_counter() - began
    began = time.perf_counter()
    with con.cursor() as cursor:  # of its own for the views of the feeds
        for part in parts:
            _run_expectations(con, beside.failing(cursor, part), part, report, kept)
    report.seconds["expectations"] = time.perf_counter() - began


def _inputs_of_part(kept: Kept | None, part: Expectations) -> str:
    return kept.inputs(f"{part.label} {part.checks}", [part.table]) if kept is not None else ""


def _add_known(report: Report, kept: Kept | None, inputs: str, check_count: int) -> bool:
    """Add what checks of the same inputs found in the run before; false where they have to run."""
    findings = kept.findings(inputs) if kept is not None else None
    if findings is None:
        return False
    report.check_count += check_count
    report.findings += findings
    return True


def _add(report: Report, kept: Kept | None, inputs: str, findings: Sequence[Finding]) -> None:
    report.findings += findings
    if kept is not None:
        kept.note_findings(inputs, [asdict(finding) for finding in findings])


def _exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, _, name = table.partition(".")
    row = con.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = ? "
        "and database_name = current_database()",
        [schema, name],
    ).fetchone()
    return bool(row and row[0])


def failing_of_inner(con: duckdb.DuckDBPyConnection, part: Expectations) -> list[Check]:
    """The checks of a table that do not hold, in their declared order; all but uniqueness in one pass over its rows.

    Raises MusterError where a check cannot run on the table.
    """
    single = [check for check in part.checks if check.check not in ("unique", "row_count_min")]
    try:
        failed = [check for check in part.checks if check not in single and count_failing(con, part, check)]
        if single:
            counts = ", ".join(f"count_if({failing_condition(check)})" for check in single)
            row = con.execute(f"select {counts} from {part.table}").fetchone() or ()
            failed += [check for check, count in zip(single, row, strict=True) if count]
    except duckdb.Error as error:
        raise MusterError(
            f"A check on {part.label} could not run; compare its columns with the table's "
            f"({sql_models.describe_database_error(error)})."
        ) from error
    return [check for check in part.checks if check in failed]


def _run_expectations(
    con: duckdb.DuckDBPyConnection,
    failing: Sequence[Check],
    part: Expectations,
    report: Report,
    kept: Kept | None,
) -> None:
    report.check_count += len(part.checks)
    found = []
    for check in failing:
        # At least 1: the check is known to fail.
        count = max(1, count_failing(con, part, check))
        found.append(Finding(check_name(check), check.severity, part.label, count, describe(check, part.label, count)))
    _add(report, kept, _inputs_of_part(kept, part), found)


def _run_sql_checks(
    con: duckdb.DuckDBPyConnection, checks: Iterable[SqlCheck], report: Report, kept: Kept | None
) -> None:
    for check in checks:
        inputs = kept.inputs(f"{check}", check.tables) if kept is not None else ""
        if _add_known(report, kept, inputs, 1):
            continue
        report.check_count += 1
        try:
            row = con.execute(f"select count(*) from (\n{check.sql}\n)").fetchone()
        except duckdb.Error as error:
            reason = sql_models.describe_database_error(error)
            raise MusterError(f"The check sql/checks/{check.name}.sql failed to run: {reason}") from error
        count = row[0] if row else 0
        found = []
        if count:
            found.append(Finding(check.name, check.severity, check.table, count, _say(check, count)))
        _add(report, kept, inputs, found)


def _say(check: SqlCheck, count: int) -> str:
    """A failing invariant in words: the title of a blocking one is the rule, that of a warning what was found."""
    title = check.title.rstrip(".")
    if check.severity == "warning":
        return f"{count:,} {'row' if count == 1 else 'rows'}: {title}."
    return f"{count:,} {'row breaks' if count == 1 else 'rows break'} the rule: {title}."


def check_name(check: Check) -> str:
    """The short name of an expectation, such as ``not_null(traveller_id)``."""
    return f"{check.check}({', '.join(columns_of(check))})"


def columns_of(check: Check) -> tuple[str, ...]:
    """The columns that a check names, whether one or several."""
    return ((check.column,) if check.column else ()) + check.columns


def describe(check: Check, label: str, count: int) -> str:
    """A failing check in words; names columns and declared limits, never a value of a row."""
    names = ", ".join(columns_of(check))
    rows = "1 row" if count == 1 else f"{count:,} rows"
    if check.check == "row_count_min":
        have = int(check.minimum or 0) - count
        rows = "no row" if not have else "1 row" if have == 1 else f"{have:,} rows"
        return f"{label}: it has {rows} and must have at least {check.minimum:g}."
    problem = {
        "not_null": "is empty",
        "unique": "occurs more than once,",
        "in_set": "is outside its declared list",
        "between": f"is outside {_limits(check)}",
        "regex": "is not of its declared form",
    }[check.check]
    return f"{label}: {names} {problem} in {rows}."


def _limits(check: Check) -> str:
    ends = [f"{end:g}" if isinstance(end, int | float) else str(end) for end in (check.minimum, check.maximum)]
    if check.minimum is None:
        return f"at most {ends[1]}"
    return f"at least {ends[0]}" if check.maximum is None else f"{ends[0]} to {ends[1]}"


def failing_condition(check: Check) -> str:
    """The SQL condition that holds for the rows that break a check of single columns."""
    return " or ".join(_column_condition(check, f'"{name}"') for name in columns_of(check))


def _column_condition(check: Check, column: str) -> str:
    if check.check == "not_null":
        return f"{column} is null"
    if check.check == "in_set":
        return f"{column} not in ({', '.join(_literal(value) for value in check.values)})"
    if check.check == "regex":
        return f"not regexp_matches({column}, {_literal(check.pattern)})"
    limits = []
    if check.minimum is not None:
        limits.append(f"{column} < {_literal(check.minimum)}")
    if check.maximum is not None:
        limits.append(f"{column} > {_literal(check.maximum)}")
    return " or ".join(limits) or "false"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def count_failing(con: duckdb.DuckDBPyConnection, part: Expectations, check: Check) -> int:
    """The rows that break a check, counted by SQL of our own."""
    where = f" where feed = {_literal(part.feed)}" if part.feed else ""
    source = f"(select * from {part.table}{where})"
    if check.check == "row_count_min":
        sql = f"select greatest({_literal(check.minimum)} - count(*), 0) from {source}"
    elif check.check == "unique":
        names = ", ".join(f'"{name}"' for name in columns_of(check))
        known = " and ".join(f'"{name}" is not null' for name in columns_of(check))
        sql = (
            f"select sum(copies) from (select count(*) as copies from {source} where {known} "
            f"group by {names} having count(*) > 1)"
        )
    else:
        sql = f"select count(*) from {source} where {failing_condition(check)}"
    row = con.execute(sql).fetchone()
    return int(row[0] or 0) if row else 0


def prepare_findings(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``core.finding``, empty where it is not there yet: models may read it before any check ran."""
    con.execute("create schema if not exists core")
    con.execute(
        "create table if not exists core.finding (check_name varchar, severity varchar, table_name varchar, "
        "failing_rows bigint, message varchar, check_scope varchar)"
    )


def write_findings(con: duckdb.DuckDBPyConnection, scope: str, findings: Iterable[Finding]) -> None:
    """Replace the findings of one scope in ``core.finding``."""
    prepare_findings(con)
    con.execute("delete from core.finding where check_scope = ?", [scope])
    rows = [[f.check_name, f.severity, f.table_name, f.failing_rows, f.message, scope] for f in findings]
    if rows:
        con.executemany("insert into core.finding values (?, ?, ?, ?, ?, ?)", rows)


def require_no_blocking(findings: Iterable[Finding]) -> None:
    """Raise BlockingCheckFailed if a blocking check is among the findings, naming the first and how many there are."""
    blocking = [finding for finding in findings if finding.severity == "blocking"]
    if not blocking:
        return
    first = blocking[0]
    others = f" {len(blocking) - 1} more blocking checks failed." if len(blocking) > 1 else ""
    raise BlockingCheckFailed(
        f"The check {first.check_name} failed: {first.message}{others} Nothing was published; the last publication "
        "stays in force."
    )
