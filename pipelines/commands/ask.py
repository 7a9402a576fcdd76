"""``muster sql``: one SELECT, typed, from a file or saved, on the role's published file."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import sys
from pathlib import Path

from pipelines import access_log
from pipelines.errors import MusterError, UsageError
from pipelines.published import NAME_ROLES, publication_row, role_file
from pipelines.sandbox import Limits, run_query
from pipelines.settings import SQL, Home
from pipelines.tables import FORMATS, print_rows


@dataclasses.dataclass(frozen=True)
class SqlOptions:
    """The options of ``muster sql`` as they were typed."""

    text: str | None = None
    file: Path | None = None
    name: str | None = None
    parameters: tuple[str, ...] = ()
    role: str = "analyst"
    seconds: float = 30


@dataclasses.dataclass(frozen=True)
class SavedQuery:
    """A file of sql/queries: its name, title, default parameters and text."""

    name: str
    title: str
    defaults: dict[str, str]
    text: str


def saved_queries(folder: Path = SQL / "queries") -> list[SavedQuery]:
    """Every saved query, by name; raises MusterError for one without a title."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        title = re.search(r"^-- title:\s*(.+)$", text, re.MULTILINE)
        if title is None:
            raise MusterError(f"{path} has no '-- title:' line; add one.")
        declared = re.search(r"^-- parameters:\s*(.+)$", text, re.MULTILINE)
        parts = [part.partition("=") for part in declared.group(1).split(",")] if declared else []
        defaults = {name.strip(): value.strip() for name, _, value in parts if name.strip()}
        found.append(SavedQuery(path.stem, title.group(1).strip(), defaults, text))
    return found


def run_sql(home: Home, options: SqlOptions, output_format: str) -> None:
    """Answer and print; without a query list the saved ones. A look at a file with names is logged first."""
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    given = [source for source in (options.text, options.file, options.name) if source is not None]
    if len(given) > 1:
        raise UsageError("Give one query: as text, with --file or with --query.")
    if not given:
        _list_saved(output_format)
        return
    sql, parameters = _query(options)
    file = role_file(home.require(), options.role)
    result = run_query(file, sql, parameters, Limits(seconds=options.seconds))
    if options.role in NAME_ROLES:
        # The text of a query may hold a name, so the log keeps its digest.
        digest = hashlib.sha256(sql.encode()).hexdigest()
        parameters_logged = {"sql_sha256": digest, "rows": len(result.rows)}
        access_log.record_look(home, "sql", options.role, file.parent.name, parameters_logged)
    print_rows(result.columns, result.rows, output_format, notes=_notes(file, result.is_cut))


def _notes(file: Path, is_cut: bool) -> list[str]:
    import duckdb

    notes = ["Only the first 10,000 rows are shown; there are more."] if is_cut else []
    with duckdb.connect(str(file), read_only=True) as con:
        if publication_row(con).has_invented_ratings:
            notes.append("INVENTED RATINGS: this home holds made-up risk levels.")
    return notes


def _query(options: SqlOptions) -> tuple[str, dict[str, str]]:
    parameters: dict[str, str] = {}
    if options.name is not None:
        by_name = {query.name: query for query in saved_queries()}
        if options.name not in by_name:
            raise UsageError(f"There is no saved query '{options.name}'; 'muster sql' lists them.")
        parameters |= by_name[options.name].defaults
        sql = by_name[options.name].text
    elif options.file is not None:
        try:
            sql = options.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{options.file} cannot be read: {reason}.") from None
    else:
        sql = sys.stdin.read() if options.text == "-" else str(options.text)
    for item in options.parameters:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--param '{item}' is not NAME=VALUE.")
        parameters[name.strip().lstrip("$")] = value
    return sql, parameters


def _list_saved(output_format: str) -> None:
    rows = [
        (query.name, query.title, ", ".join(f"{name}={value}" for name, value in query.defaults.items()))
        for query in saved_queries()
    ]
    notes = ["Run one with: muster sql --query NAME [--param k=v]; or ask your own: muster sql 'SELECT …'"]
    print_rows(("query", "title", "parameters"), rows, output_format, notes=notes)
