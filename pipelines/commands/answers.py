"""The answer of one ad-hoc query, to the terminal as it comes or into a file that says what it is."""

from __future__ import annotations

import dataclasses
import datetime
import getpass
import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from pipelines import access_log
from pipelines.errors import MusterError, UsageError
from pipelines.published import publication_row
from pipelines.sandbox.runner import Limits, Query, Request, cut_note
from pipelines.settings import Home
from pipelines.tables import print_rows

FORMATS = ("table", "csv", "json", "parquet")


@dataclasses.dataclass(frozen=True)
class Ask:
    """One query to be answered: where, what, as what."""

    home: Home
    role: str
    file: Path
    sql: str
    parameters: dict[str, str]
    limits: Limits
    output_format: str = "table"
    output: Path | None = None
    title: str = "Query"


def show(ask: Ask, stream: TextIO | None = None) -> None:
    """Answer on standard output (or ``stream``): CSV and JSON as rows come, a table when all are there."""
    out = stream or sys.stdout
    request = Request(ask.file, ask.sql, ask.parameters, ask.limits)
    with Query(request) as query:
        _write(query, ask.output_format, out)
        notes = _notes(ask, query)
        if ask.output_format == "table":
            result = query.kept()
            print_rows(result.columns, result.rows, "table", notes=notes, stream=out)
            return
    for note in notes:
        print(note, file=sys.stderr)


def save(ask: Ask) -> None:
    """Answer into ``ask.output``, readable by its owner alone, after the access log holds who took what.

    The file says what it is: CSV in its first line, JSON beside its rows, Parquet in its metadata under ``muster``.
    """
    assert ask.output is not None  # noqa: S101  (the caller checks)
    mark = _mark(ask)
    is_parquet = ask.output_format == "parquet"
    request = Request(ask.file, ask.sql, ask.parameters, ask.limits, "parquet" if is_parquet else "rows", mark)
    with Query(request) as query:
        if is_parquet:
            content = query.file_bytes()
        else:
            text = io.StringIO()
            _write(query, ask.output_format, text, mark)
            if ask.output_format == "table":
                print_rows(query.columns, query.kept().rows, "table", title=mark, stream=text)
            content = text.getvalue().encode()
        notes = _notes(ask, query)
        asked = {"export": True, "format": ask.output_format, "bytes": len(content), "title": ask.title}
    access_log.record_look(ask.home, "sql export", ask.role, ask.file.parent.name, asked)
    _put(ask.output, content)
    for note in (f"Written to {ask.output} (logged).", *notes):
        print(note, file=sys.stderr)


def output_format_of(given: str, output: Path | None) -> str:
    """The format to write: as named, else by the ending of the file. Raises UsageError for one that does not exist."""
    ending = output.suffix.lower().lstrip(".") if output is not None else ""
    chosen = ending if given == "table" and ending in FORMATS else given
    if chosen not in FORMATS:
        raise UsageError(f"There is no format '{chosen}'; choose one of {', '.join(FORMATS)}.")
    if chosen == "parquet" and output is None:
        raise UsageError("Parquet goes into a file; name it with --output.")
    return chosen


def _write(query: Query, output_format: str, out: TextIO, mark: str = "") -> None:
    """Read the whole answer, writing CSV and JSON batch by batch; rows of a table are kept."""
    first = True
    for line in query.lines():
        if line is None:
            continue
        if output_format == "table":
            query.keep(line)
        elif output_format == "csv":
            if "columns" in line:
                if mark:
                    print_rows([mark], [], "csv", stream=out)
                print_rows(query.columns, [], "csv", stream=out)
            elif "rows" in line:
                _csv_rows(query.columns, line["rows"], out)
        elif "columns" in line:
            out.write(f'{{"about": {json.dumps(mark, ensure_ascii=False)},\n"rows": [' if mark else "[")
        elif "rows" in line:
            first = _json_rows(query.columns, line["rows"], first, out)
    if output_format == "json":
        out.write(("]" if first else "\n]") + ("}\n" if mark else "\n"))


def _csv_rows(columns: list[str], rows: list[list[Any]], out: TextIO) -> None:
    head, text = io.StringIO(), io.StringIO()
    print_rows(columns, [], "csv", stream=head)
    print_rows(columns, rows, "csv", stream=text)
    out.write(text.getvalue()[len(head.getvalue()) :])


def _json_rows(columns: list[str], rows: Iterable[list[Any]], first: bool, out: TextIO) -> bool:
    for row in rows:
        text = json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, indent=1)
        out.write(("\n " if first else ",\n ") + text.replace("\n", "\n "))
        first = False
    return first


def _notes(ask: Ask, query: Query) -> list[str]:
    import duckdb

    notes = [note] if (note := cut_note(query.cut_by, ask.limits)) else []
    if query.absent:
        notes.append(f"A layer of the sandbox is absent on this machine: {'; '.join(query.absent)}.")
    with duckdb.connect(str(ask.file), read_only=True) as con:
        if publication_row(con).has_invented_ratings:
            notes.append("INVENTED RATINGS: this home holds made-up risk levels.")
    return notes


def _mark(ask: Ask) -> str:
    import duckdb

    with duckdb.connect(str(ask.file), read_only=True) as con:
        row = publication_row(con)
    now = datetime.datetime.now(datetime.UTC)
    invented = " INVENTED RATINGS." if row.has_invented_ratings else ""
    return (
        f"{ask.title}. Taken by {_account()} ({ask.role}) on {now:%Y-%m-%d %H:%M UTC} from generation "
        f"{ask.file.parent.name}, as of {row.as_of:%Y-%m-%d %H:%M UTC}. Personal data: keep it safe and delete it "
        f"after use.{invented}"
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return f"uid {os.getuid()}"


def _put(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, for its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise MusterError(f"{path} cannot be written: {error.strerror}.") from error
