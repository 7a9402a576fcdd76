"""Parsing one landed file: gate, header, records, and typed rows of the accepted ones.

DuckDB's CSV reader, with everything declared and nothing sniffed, is the fast path; it must agree with the splitter
about every record, or Python's csv module reads the file instead. Both end in the same typed casts.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import Contract
from pipelines.errors import MusterError
from pipelines.landing import records
from pipelines.landing.cast import Binding, bind, cast_sql, quote
from pipelines.landing.marks import MOST_BYTES, reason_of
from pipelines.landing.records import MAX_RECORD_BYTES, Split, Splitter, record_pattern
from pipelines.landing.store import LandedFile
from pipelines.landing.text import GateError, Header, PlainText, open_text, read_header
from pipelines.landing.verify import verify
from pipelines.settings import Home

_BLOCK = 4 * 1024 * 1024
_BATCH = 20_000
_LONE_CR = re.compile("\r(?!\n)")


def staging_connection(work: Path, memory_gb: float) -> duckdb.DuckDBPyConnection:
    """A connection in memory for parsing, its session in UTC; what is more than ``memory_gb`` lies in ``work``."""
    con = duckdb.connect()
    con.execute(f"set memory_limit = '{memory_gb:.2f}GB'")
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    con.execute(f"set temp_directory = {quote(str(work / 'spill'))}")
    return con


@dataclass
class Prepared:
    """A file whose bytes are divided into records and whose header is understood."""

    landed: LandedFile
    contract: Contract
    text: PlainText
    header: Header
    binding: Binding
    split: Split

    @property
    def columns(self) -> int:
        """Columns of the file."""
        return len(self.header.names)


def prepare(home: Home, landed: LandedFile, contract: Contract, work: Path) -> Prepared:
    """Gate a file, match its header and divide it into records; raises GateError where it fails as a whole (F3)."""
    verify(home, landed)
    if landed.byte_count <= MOST_BYTES + 2 and (reason := reason_of(landed.path(home).read_bytes())):
        raise GateError(reason)
    text = open_text(landed.path(home), contract, work)
    header = read_header(text, contract.delimiter, contract.skip_lines)
    binding = bind(contract, header.names)
    split = Splitter(contract.delimiter, len(header.names)).split(text.path, header.end_byte, header.next_line)
    bad = [number for number, reason in split.rejected.items() if reason == records.BAD_BYTES]
    cut_short = bad == [split.records]  # the last character of a truncated file
    if len(bad) > split.text_records and not cut_short:
        raise GateError(f"it is not valid text in the declared encoding {contract.encoding}")
    if split.records == len(split.blank):
        raise GateError("it has a header and no records")
    return Prepared(landed, contract, text, header, binding, split)


def record_fields(text: bytes, delimiter: str) -> list[str]:
    """The fields of one record, as Python's csv module reads them; no fields where it cannot."""
    content = text.rstrip(b"\r\n")
    if b"\r" in content:
        # The csv module ends a row at a carriage return in plain text, and DuckDB refuses one; for us it is a space.
        fields = _fields_by_pattern(content, delimiter)
        if fields is not None:
            return fields
    try:
        return next(csv.reader(StringIO(content.decode("utf-8", "replace"), newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _fields_by_pattern(content: bytes, delimiter: str) -> list[str] | None:
    """The fields as the splitter counts them; None where a quote is out of place."""
    pattern, position, fields = record_pattern(delimiter), 0, []
    while True:
        match = pattern.match(content, position)
        if match is None:
            return None
        field = _LONE_CR.sub(" ", content[position : match.start(1)].decode("utf-8", "replace"))
        fields.append(field[1:-1].replace('""', '"') if field.startswith('"') else field)
        position = match.end()
        if not match.group(1):
            return fields


def _write_clean(prepared: Prepared, target: Path) -> None:
    """Write the accepted records alone, each in plain form, for DuckDB's strict reader."""
    split, delimiter = prepared.split, prepared.contract.delimiter
    mixed = split.crlf_records not in (0, split.records)
    left_out = set(split.rejected) | split.blank
    # Where line ends are made the same, those within a field stay as they are.
    rewritten = (split.rewritten | (set(split.extra_lines) if mixed else set())) - left_out
    special = sorted(left_out | rewritten)
    with prepared.text.path.open("rb") as source, target.open("wb") as out:

        def copy(start: int, end: int) -> None:
            source.seek(start)
            carry = b""
            while start < end:
                block = carry + source.read(min(_BLOCK, end - start))
                start += len(block) - len(carry)
                carry = b""
                if mixed:
                    if block.endswith(b"\r") and start < end:
                        block, carry = block[:-1], b"\r"
                    block = block.replace(b"\r\n", b"\n")
                out.write(block)
            if end == int(split.ends[-1]) and not block.endswith(b"\n"):
                out.write(b"\n")

        position = split.first_byte
        for number in special:
            start, end = split.span(number)
            if start > position:
                copy(position, start)
            position = end
            if number in rewritten:
                source.seek(start)
                row = StringIO(newline="")
                fields = record_fields(source.read(end - start), delimiter)
                csv.writer(row, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
                out.write(row.getvalue().encode())
        if split.records and int(split.ends[-1]) > position:
            copy(position, int(split.ends[-1]))


def _csv_source(prepared: Prepared, work: Path) -> str:
    """SQL of DuckDB's reader over the file, or over a clean copy of its accepted records; nothing is sniffed."""
    path, skip = prepared.text.path, prepared.header.next_line - 1
    if not (prepared.split.is_plain and prepared.header.is_plain):
        path, skip = work / "clean.csv", 0
        _write_clean(prepared, path)
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(prepared.columns))
    delimiter = quote(prepared.contract.delimiter)
    return (
        f"read_csv({quote(str(path))}, auto_detect = false, header = false, skip = {skip}, delim = {delimiter}, "
        f"quote = '\"', escape = '\"', comment = '', nullstr = '', columns = {{{columns}}}, strict_mode = true, "
        f"null_padding = false, ignore_errors = false, compression = 'none', max_line_size = {4 * MAX_RECORD_BYTES})"
    )


def text_batches(prepared: Prepared) -> Iterator[list[list[str]]]:
    """The fields of the accepted records, read by Python's csv module, in batches."""
    split, delimiter = prepared.split, prepared.contract.delimiter
    left_out = set(split.rejected) | split.blank
    batch: list[list[str]] = []
    with prepared.text.path.open("rb") as stream:
        stream.seek(split.first_byte)
        position = split.first_byte
        for number, end in enumerate(split.ends.tolist(), 1):
            if number in left_out:
                stream.seek(end)
            else:
                batch.append(record_fields(stream.read(end - position), delimiter))
            position = end
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def text_table(rows: list[list[str]], columns: int, first_number: int) -> pa.Table:
    """Rows of text as an Arrow table with record_number, c0, c1 ...; a row of another width raises ValueError."""
    if any(len(row) != columns for row in rows):
        raise ValueError("a record was read with another number of columns than was counted")
    arrays: list[Any] = [pa.array(range(first_number, first_number + len(rows)), pa.int64())]
    arrays += [pa.array([row[index] for row in rows], pa.string()) for index in range(columns)]
    return pa.Table.from_arrays(arrays, names=["record_number", *[f"c{index}" for index in range(columns)]])


def _slow_source(prepared: Prepared, work: Path) -> str:
    """SQL over the accepted records as Python's csv module reads them."""
    path = work / "texts.parquet"
    number = 1
    schema = text_table([], prepared.columns, 1).schema
    with pq.ParquetWriter(path, schema) as writer:
        for batch in text_batches(prepared):
            writer.write_table(text_table(batch, prepared.columns, number))
            number += len(batch)
    return f"read_parquet({quote(str(path))})"


def _cast(con: duckdb.DuckDBPyConnection, prepared: Prepared, source: str, target: Path) -> tuple[int, int]:
    """Write typed rows of all accepted records; returns how many records were read and how many failed a cast."""
    sql = cast_sql(prepared.binding, source, prepared.columns)
    con.execute(f"copy ({sql}) to {quote(str(target))} (format parquet, compression snappy)")
    distinct = "count(*)" if prepared.binding.repetitions == 1 else "count(distinct record_number)"
    counts = con.execute(f"select {distinct}, count(reason) from read_parquet({quote(str(target))})").fetchall()
    return int(counts[0][0]), int(counts[0][1])


def read_typed(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, work: Path, force_slow: bool = False
) -> tuple[Path, int]:
    """Typed rows of the accepted records, numbered among these, and how many failed a cast.

    DuckDB's reader is used where it agrees with the splitter about every record; otherwise Python's csv module.
    """
    target = work / "typed.parquet"
    if not force_slow:
        try:
            source = f"(select row_number() over () as record_number, * from {_csv_source(prepared, work)})"
            found, failed = _cast(con, prepared, source, target)
            if found == prepared.split.accepted:
                return target, failed
        except duckdb.InvalidInputException:
            pass  # the strict reader refuses what the csv module reads: the slow path decides
    found, failed = _cast(con, prepared, _slow_source(prepared, work), target)
    if found != prepared.split.accepted:
        raise MusterError(
            f"The file {prepared.landed.file_name} of feed {prepared.landed.feed} was divided into "
            f"{prepared.split.accepted} records but read as {found}; please report this defect with the file's form."
        )
    return target, failed


def accepted_numbers(split: Split) -> np.ndarray | None:
    """Record numbers of the accepted records, in order; None where all records are accepted."""
    left_out = sorted(set(split.rejected) | split.blank)
    if not left_out:
        return None
    keep = np.ones(split.records, np.bool_)
    keep[np.array(left_out, np.int64) - 1] = False
    return np.flatnonzero(keep) + 1
