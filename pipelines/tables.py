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
from typing import TYPE_CHECKING, Any, Literal, TextIO

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

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
    first: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """Print rows to standard output; ``notes`` follow a table there, and go to standard error otherwise.

    On a terminal nothing but prose is broken over lines: where a table is too wide, columns of ``spare`` are left out,
    the first of them first, and where that is not enough each row is a block of lines that begins with ``first``.
    Raises UsageError for an unknown format.
    """
    out = stream or sys.stdout
    are_utc = [is_utc_column(name) for name in columns]
    if output_format == "table":
        _print_table(columns, rows, title, notes, out, first, spare)
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
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str | None,
    notes: Sequence[str],
    out: TextIO,
    first: Sequence[str],
    spare: Sequence[str],
) -> None:
    from rich.console import Console as RichConsole
    from rich.text import Text

    class PipeConsole(RichConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit 1; that a reader has seen enough is no failure

    listed = list(rows)
    numeric = [_is_numeric([row[index] for row in listed]) for index in range(len(columns))]
    cells = [[_cell(value) for value in row] for row in listed]
    # Without a terminal nothing is wrapped or cut: a pipe gets every character.
    console = PipeConsole(file=out, highlight=False, markup=False, width=None if out.isatty() else 100_000)
    if title:
        console.print(Text(title, style="bold"))
    widths = [_least_width(name, [row[index] for row in cells]) for index, name in enumerate(columns)]
    shown = _columns_that_fit(columns, widths, spare, console.width)
    if shown is None:
        order = sorted(range(len(columns)), key=lambda one: first.index(columns[one]) if columns[one] in first else 99)
        _print_blocks(console, columns, cells, order)
    else:
        _print_grid(console, columns, cells, shown, widths, numeric)
        left_out = [name for index, name in enumerate(columns) if index not in shown]
        if left_out:
            text = f"Left out here: {', '.join(left_out)}. A wider terminal shows them, and so does --format csv."
            console.print(Text(text))
    for note in notes:
        console.print(Text(note))


_PROSE_WIDTH = 30
"""A column of prose may be as narrow as this; it alone is broken, between words."""


def _least_width(name: str, cells: Sequence[str]) -> int:
    """How narrow a column may be: a phone, a name, an id or an instant is never broken, sentences are."""
    from rich.cells import cell_len

    widest = max(map(cell_len, cells), default=0)
    is_prose = widest > 60 and max(cell.count(" ") for cell in cells) > 6
    return max(cell_len(name), _PROSE_WIDTH if is_prose else widest)


def _columns_that_fit(
    columns: Sequence[str], widths: Sequence[int], spare: Sequence[str], width: int
) -> list[int] | None:
    """The columns that a table of this width holds; None where too few are left."""
    shown = list(range(len(columns)))
    for name in ("", *spare):
        shown = [index for index in shown if columns[index] != name]
        if sum(widths[index] for index in shown) + 3 * len(shown) - 1 <= width:  # rich's spaces about and between
            return shown
    return None


def _print_grid(
    console: Console,
    columns: Sequence[str],
    cells: Sequence[Sequence[str]],
    shown: Sequence[int],
    widths: Sequence[int],
    numeric: Sequence[bool],
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index in shown:
        justify: Literal["left", "right"] = "right" if numeric[index] else "left"
        table.add_column(Text(columns[index]), justify=justify, overflow="fold", min_width=widths[index])
    for row in cells:
        table.add_row(*(Text(row[index]) for index in shown))
    console.print(table)


def _print_blocks(
    console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]], order: Sequence[int]
) -> None:
    """One block a row: what is known of it, a line each, and an empty line after it."""
    from rich.table import Table
    from rich.text import Text

    label_width = max(map(len, columns), default=0)
    for row in cells:
        block = Table.grid(padding=(0, 2))
        block.add_column(no_wrap=True, min_width=label_width)
        block.add_column(overflow="fold")
        for index in order:
            if row[index]:
                block.add_row(Text(columns[index]), Text(row[index]))
        console.print(block)
        console.print()


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool) for value in known
    )
