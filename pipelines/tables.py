"""Printing rows: a table for people, CSV or JSON for programs.

Cells of CSV that a spreadsheet would run as a formula are made harmless, because names and places come from
outside. Instants are printed as they are stored, in UTC, and say so.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import math
import re
import sys
import zoneinfo
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TextIO

from pipelines.errors import UsageError

Format = Literal["table", "csv", "json"]
FORMATS = ("table", "csv", "json")
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().-]+$)")  # a telephone number in international form is none


def print_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    output_format: str = "table",
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Print rows to standard output; ``notes`` follow a table there, and go to standard error otherwise.

    Raises UsageError for an unknown format.
    """
    out = stream or sys.stdout
    are_utc = [is_utc_column(name) for name in columns]
    if output_format == "table":
        _print_table(columns, rows, title, notes, out)
        return
    if output_format == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([_csv_cell(name, False) for name in columns])  # a query may name its columns
        writer.writerows(map(_csv_cell, row, are_utc) for row in rows)
    elif output_format == "json":
        json.dump(
            [dict(zip(columns, map(plain, row, are_utc), strict=True)) for row in rows],
            out,
            ensure_ascii=False,
            indent=1,
        )
        out.write("\n")
    else:
        require_format(output_format)
    for note in notes:
        print(note, file=sys.stderr)


def require_format(output_format: str) -> None:
    """Raise UsageError for an unknown format, before anything is done that takes long."""
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")


def is_utc_column(name: str) -> bool:
    """Whether a column holds instants in UTC: its name ends in ``_at``, or is one that DOMAIN.md names otherwise."""
    return name.endswith("_at") or name in ("as_of", "valid_from", "valid_to")


def plain(value: Any, is_utc: bool = False) -> Any:
    """A value as JSON can carry it: instants as ISO 8601, decimals as text, bytes as hexadecimal.

    ``is_utc`` marks instants without a zone of their own as UTC with a ``Z``.
    """
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep="T") + ("Z" if is_utc and value.tzinfo is None else "")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta | decimal.Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def instant_text(value: datetime.datetime | None, timezone: str = "UTC") -> str:
    """An instant (naive UTC) for people: UTC, and the office's wall clock beside it where that differs."""
    if value is None:
        return ""
    utc = value.replace(tzinfo=datetime.UTC)
    text = f"{utc:%Y-%m-%d %H:%M} UTC"
    local = utc.astimezone(zoneinfo.ZoneInfo(timezone))
    return text if local.utcoffset() == datetime.timedelta(0) else f"{text} ({local:%Y-%m-%d %H:%M} {local.tzname()})"


def _csv_cell(value: Any, is_utc: bool) -> Any:
    value = plain(value, is_utc)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        # The writer does not quote a lone carriage return, and readers begin a row at it, whose first cell could be a
        # formula again.
        text = value.replace("\r\n", "\n").replace("\r", "\n")
        return "'" + text if _FORMULA.match(value) else text
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.1f}"
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    value = plain(value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    # Control characters of a hostile file must not reach the terminal.
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None, notes: Sequence[str], out: TextIO
) -> None:
    from rich import box
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit 1; that a reader has seen enough is no failure

    listed = list(rows)
    # Without a terminal nothing is wrapped or cut: a pipe gets every character.
    console = Console(file=out, highlight=False, markup=False, width=None if out.isatty() else 100_000)
    numeric = [_is_numeric([row[index] for row in listed]) for index in range(len(columns))]
    if title:
        console.print(Text(title, style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, is_number in zip(columns, numeric, strict=True):
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)
    for note in notes:
        console.print(Text(note))


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool) for value in known
    )
