"""``muster sql``: one query, typed, from a file or saved, or a session of them, on the role's published file."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from pipelines import access_log
from pipelines.commands import answers
from pipelines.errors import MusterError, UsageError
from pipelines.permissions import require_outside
from pipelines.published import NAME_ROLES, role_file
from pipelines.sandbox import Limits
from pipelines.settings import SQL, Home, load_settings
from pipelines.tables import print_rows


@dataclasses.dataclass(frozen=True)
class SqlOptions:
    """The options of ``muster sql`` as they were typed."""

    text: str | None = None
    file: Path | None = None
    name: str | None = None
    parameters: tuple[str, ...] = ()
    role: str = "analyst"
    seconds: float = 30
    output: Path | None = None
    is_list: bool = False
    has_history: bool = True


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
    """Answer and print, or write to a file; without a query, a session at a terminal, else the list of saved ones."""
    chosen = answers.output_format_of(output_format, options.output)
    if options.output is not None:
        require_outside(home, options.output, "--output")
    given = [source for source in (options.text, options.file, options.name) if source is not None]
    if len(given) > 1:
        raise UsageError("Give one query: as text, with --file or with --query.")
    if options.is_list or not given:
        if chosen == "parquet":
            raise UsageError("The list of saved queries is printed as table, csv or json.")
        if not options.is_list and sys.stdin.isatty() and sys.stdout.isatty():
            from pipelines.commands.sql_shell import run_shell

            run_shell(home, options, chosen)
            return
        list_saved(chosen)
        return
    sql, parameters = saved_text(options)
    answer(prepare(home, options, sql, parameters, chosen))


def prepare(
    home: Home, options: SqlOptions, sql: str, parameters: dict[str, str], output_format: str = "table"
) -> answers.Ask:
    """One query with the file of its role and the limits of the home."""
    file = role_file(home.require(), options.role)
    limits = Limits(seconds=options.seconds, require_landlock=load_settings(home).require_landlock)
    title = f"Query {options.name}" if options.name else "Query"
    return answers.Ask(home, options.role, file, sql, parameters, limits, output_format, options.output, title)


def answer(ask: answers.Ask) -> None:
    """Answer one query; a look at a file with names is logged first."""
    if ask.role in NAME_ROLES:
        # The text of a query may hold a name, so the log keeps its digest.
        digest = hashlib.sha256(ask.sql.encode(errors="replace")).hexdigest()
        access_log.record_look(ask.home, "sql", ask.role, ask.file.parent.name, {"sql_sha256": digest})
    if ask.output is not None:
        answers.save(ask)
    else:
        answers.show(ask)


def saved_text(options: SqlOptions) -> tuple[str, dict[str, str]]:
    """The text that the options name and its parameters, those of a saved query filled with its defaults."""
    parameters: dict[str, str] = {}
    if options.name is not None:
        by_name = {query.name: query for query in saved_queries()}
        if options.name not in by_name:
            raise UsageError(f"There is no saved query '{options.name}'; 'muster sql --list' lists them.")
        parameters |= by_name[options.name].defaults
        sql = by_name[options.name].text
    elif options.file is not None:
        try:
            with options.file.open("rb") as stream:
                sql = _bounded(stream).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{options.file} cannot be read: {reason}.") from None
    else:
        sql = _bounded(sys.stdin.buffer).decode("utf-8", "replace") if options.text == "-" else str(options.text)
    given = read_parameters(options.parameters)
    return sql, parameters | {name: _as_date(value, parameters.get(name, "")) for name, value in given.items()}


def _bounded(stream: BinaryIO) -> bytes:
    """What is there to read, up to one byte more than the gate takes, for a device or a pipe may never end."""
    from pipelines.sandbox.gate import MAX_SQL_BYTES

    text = stream.read(MAX_SQL_BYTES + 1)
    if len(text) > MAX_SQL_BYTES:
        raise UsageError(f"The text is longer than {MAX_SQL_BYTES // 1024} KB; shorten it.")
    return text


def _as_date(value: str, default: str) -> str:
    """An ISO week such as 2026-W46 as its Monday, where a saved query's own value is a date; else as it is."""
    if re.fullmatch(r"\d{4}-W\d{2}", value) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", default):
        try:
            return datetime.datetime.strptime(f"{value}-1", "%G-W%V-%u").date().isoformat()
        except ValueError:
            raise UsageError(f"There is no week {value}.") from None
    return value


def read_parameters(items: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts as a dictionary; UsageError for one that is none."""
    parameters = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--param '{item}' is not NAME=VALUE.")
        parameters[name.strip().lstrip("$")] = value
    return parameters


def list_saved(output_format: str) -> None:
    """Print every saved query with its title and parameters."""
    rows = [
        (query.name, query.title, ", ".join(f"{name}={value}" for name, value in query.defaults.items()))
        for query in saved_queries()
    ]
    notes = ["Run one with: muster sql --query NAME [--param k=v]; or ask your own: muster sql 'SELECT …'"]
    print_rows(("query", "title", "parameters"), rows, output_format, notes=notes)
