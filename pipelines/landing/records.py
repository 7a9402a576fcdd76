"""Byte-accounted records: every byte after the header belongs to exactly one record (F1).

The splitter works on UTF-8 text with line feeds as line ends (see :mod:`pipelines.landing.text`). It classifies whole
lines at once with numpy; only lines whose quotes are not in plain order are read one by one. A record is
*loaded* (handed on to the typed casts), *rejected* (with a reason in words) or *blank*.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pipelines.landing.marks import reason_of

MAX_RECORD_BYTES = 64 * 1024
MAX_RECORD_LINES = 50
CHUNK_BYTES = 8 * 1024 * 1024

LF, CR, QUOTE = 10, 13, 34

UNCLOSED = f"a quote is opened and not closed within {MAX_RECORD_LINES} lines or {MAX_RECORD_BYTES // 1024} KB"
STRAY_QUOTE = "text follows a closing quote; a quote inside a value must be doubled"
TOO_LONG = f"the record is longer than {MAX_RECORD_BYTES // 1024} KB"
HAS_NUL = "the record holds a NUL byte"
BAD_BYTES = "the record holds bytes that are not valid in the declared encoding"

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass
class Split:
    """How a file's bytes are divided into records; record numbers count from 1 after the header."""

    first_byte: int
    first_line: int
    ends: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    rejected: dict[int, str] = field(default_factory=dict)
    blank: set[int] = field(default_factory=set)
    rewritten: set[int] = field(default_factory=set)
    """Accepted records with a stray quote or carriage return, which DuckDB's strict reader refuses as they stand."""
    extra_lines: dict[int, int] = field(default_factory=dict)
    """Lines beyond the first of records that span several."""
    crlf_records: int = 0
    text_records: int = 0
    """Records with valid text beyond ASCII: what tells one damaged record from a wrong encoding."""
    records: int = 0
    """All records: accepted, rejected and blank."""
    _pieces: list[Ints] = field(default_factory=list)

    def add(self, ends: Ints) -> None:
        """Append records by where they end."""
        self._pieces.append(ends)
        self.records += len(ends)

    def finish(self) -> Split:
        """Join what was added; returns itself."""
        self.ends = np.concatenate([self.ends, *self._pieces])
        self._pieces = []
        return self

    @property
    def accepted(self) -> int:
        """Records that go on to the typed casts."""
        return self.records - len(self.rejected) - len(self.blank)

    @property
    def is_plain(self) -> bool:
        """Whether DuckDB can read the file as it stands: nothing to leave out and one kind of line end."""
        return not self.rejected and not self.blank and not self.rewritten and self.crlf_records in (0, self.records)

    def span(self, record_number: int) -> tuple[int, int]:
        """First byte and the byte after the last of one record."""
        start = self.first_byte if record_number == 1 else int(self.ends[record_number - 2])
        return start, int(self.ends[record_number - 1])

    def line_numbers(self, record_numbers: list[int]) -> list[int]:
        """The file's line, from 1, on which each record begins."""
        multi = np.array(sorted(self.extra_lines), np.int64)
        extra = np.concatenate([[0], np.cumsum([self.extra_lines[int(number)] for number in multi])])
        before = np.searchsorted(multi, np.array(record_numbers, np.int64))
        return [self.first_line + number - 1 + int(extra[k]) for number, k in zip(record_numbers, before, strict=True)]


def record_pattern(delimiter: str) -> re.Pattern[bytes]:
    """Matches one field and what ends it; group 1 is the end: the delimiter, a line end, or nothing at the end."""
    d = re.escape(delimiter.encode())
    quoted = rb'"(?:[^"]++|"")*+"(?=' + d + rb"|\r?\n|\r?\Z)"
    plain = rb'(?:[^"' + d + rb"\n][^" + d + rb"\n]*+)?(?=" + d + rb"|\n|\Z)"
    return re.compile(rb"(?:" + quoted + rb"|" + plain + rb")(" + d + rb"|\r?\n|\r?\Z)")


@dataclass
class _Parsed:
    """One record that was read field by field: where it ends, or why it is rejected (then only its first line is)."""

    end: int = 0
    columns: int = 0
    lines: int = 1
    reason: str | None = None


def parse_record(data: bytes, start: int, stop: int, at_end: bool, pattern: re.Pattern[bytes]) -> _Parsed:
    """Read the fields of the record at ``start``; ``stop`` bounds it and ``at_end`` says that the file ends there."""
    position, columns = start, 0
    while True:
        match = pattern.match(data, position, stop)
        if match is None or (not match.group(1).endswith(b"\n") and match.end() == stop and not at_end):
            break
        columns += 1
        position = match.end()
        ending = match.group(1)
        if ending in (b"\n", b"\r\n", b"\r", b""):
            lines = data.count(b"\n", start, position - 1) + 1
            if lines > MAX_RECORD_LINES:
                return _Parsed(reason=UNCLOSED)
            return _Parsed(end=position, columns=columns, lines=lines)
    # The field at ``position`` begins with a quote that is never closed, or is closed with text behind it.
    closing = re.compile(rb'"(?:[^"]++|"")*+"').match(data, position, stop)
    line_end = data.find(b"\n", position, stop)
    on_one_line = closing is not None and (line_end < 0 or closing.end() <= line_end)
    return _Parsed(reason=STRAY_QUOTE if on_one_line else UNCLOSED)


@functools.cache
def wrong_count(found: int, expected: int) -> str:
    """The reason for a ragged record, in words."""
    few = "few" if found < expected else "many"
    return f"too {few} columns: {found} instead of {expected}"


def _distinct(ascending: Ints) -> Ints:
    """The distinct values of an ascending array; np.unique would sort or hash them once more."""
    return ascending[np.diff(ascending, prepend=-1) > 0]


class _Chunk:
    """One stretch of the file whose lines are classified together."""

    def __init__(self, data: bytes, at_end: bool, delimiter: int) -> None:
        self.data = data
        self.at_end = at_end
        self.delimiter = delimiter
        self.bytes = np.frombuffer(data, np.uint8)
        self._delimiters: Ints | None = None
        ends = np.flatnonzero(self.bytes == LF) + 1
        if at_end and len(data) and (not len(ends) or ends[-1] < len(data)):
            ends = np.append(ends, len(data))
        self.cut(ends.astype(np.int64))
        # A record that begins near the end may run on into the next chunk: it is left to that one.
        limit = len(data) - (-1 if at_end else MAX_RECORD_BYTES + 2)
        self.lines = int(np.searchsorted(self.starts, limit)) if limit > 0 else 0

    def cut(self, ends: Ints) -> None:
        """Hold the lines with these ends."""
        self.ends = ends
        self.starts: Ints = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
        self.used = int(ends[-1]) if len(ends) else 0
        self.view = self.bytes[: self.used]

    def delimiters(self) -> Ints:
        """Where the delimiters are, those inside quotes included."""
        if self._delimiters is None:
            self._delimiters = np.flatnonzero(self.view == self.delimiter)
        return self._delimiters

    def lines_with(self, mask: Bools) -> Ints:
        """The distinct lines in which a byte is marked."""
        return _distinct(np.searchsorted(self.ends, np.flatnonzero(mask), side="right"))

    def quotes_in_order(self) -> tuple[Bools, Ints]:
        """Whether each line's quotes fail to open and close fields plainly, and its delimiters inside quotes."""
        dirty = np.zeros(len(self.ends), np.bool_)
        inside = np.zeros(len(self.ends), np.int64)
        quotes = np.flatnonzero(self.view == QUOTE)
        if not len(quotes):
            return dirty, inside
        first = np.searchsorted(quotes, self.starts)
        count = np.searchsorted(quotes, self.ends) - first
        line = np.repeat(np.arange(len(self.ends)), count)
        opens = (np.arange(len(quotes)) - first[line]) % 2 == 0
        padded = np.concatenate([self.view, np.array([LF, LF], np.uint8)])
        before, after, then = padded[np.maximum(quotes - 1, 0)], padded[quotes + 1], padded[quotes + 2]
        good_open = (quotes == self.starts[line]) | (before == self.delimiter) | (before == QUOTE)
        good_close = (after == self.delimiter) | (after == QUOTE) | (after == LF) | ((after == CR) & (then == LF))
        dirty[line[np.where(opens, ~good_open, ~good_close)]] = True
        dirty |= count % 2 == 1
        pairs = np.flatnonzero(opens & ~dirty[line])
        if len(pairs):
            delimiters = self.delimiters()
            held = np.searchsorted(delimiters, quotes[pairs + 1]) - np.searchsorted(delimiters, quotes[pairs])
            inside = np.bincount(line[pairs], weights=held, minlength=len(self.ends)).astype(np.int64)
        return dirty, inside

    def column_counts(self, inside: Ints) -> Ints:
        """Columns of each line, delimiters inside quotes not counted."""
        return np.diff(np.searchsorted(self.delimiters(), self.ends), prepend=0) - inside + 1

    def blank_lines(self) -> Bools:
        """Lines that hold nothing but spaces, tabs and delimiters."""
        filler = np.zeros(256, np.bool_)
        filler[[32, 9, CR, LF, self.delimiter]] = True
        maybe: Bools = filler[self.bytes[self.starts]]
        if not maybe.any():
            return maybe
        content = (~filler[self.view]).astype(np.uint8)
        return maybe & (np.add.reduceat(content, self.starts, dtype=np.int64) == 0)


class _Lines:
    """What is known of each line of a chunk; a record of several lines is known by its last."""

    def __init__(self, chunk: _Chunk) -> None:
        self.chunk = chunk
        self.dirty, inside = chunk.quotes_in_order()
        self.columns = chunk.column_counts(inside)
        self.blank = chunk.blank_lines() & ~self.dirty
        self.keep = np.ones(len(chunk.ends), np.bool_)
        self.reasons: dict[int, str] = {}
        self.odd: set[int] = set()
        self.extra: dict[int, int] = {}

    def cut(self, lines: int) -> None:
        """Leave the lines from this one on to the next chunk."""
        self.chunk.cut(self.chunk.ends[:lines])
        self.columns, self.blank, self.keep = self.columns[:lines], self.blank[:lines], self.keep[:lines]

    def first_bytes(self) -> Ints:
        """Where the record of each line begins."""
        first = self.chunk.starts.copy()
        for last, count in self.extra.items():
            first[last] = self.chunk.starts[last - count]
        return first

    def last_lines(self, mask: Bools) -> list[int]:
        """The last lines of the records in which a byte is marked."""
        lines = self.chunk.lines_with(mask)
        kept = np.flatnonzero(self.keep)
        return _distinct(kept[np.searchsorted(kept, lines)]).tolist() if len(lines) else []


class Splitter:
    """Divides one UTF-8 file into records, in chunks of bounded size."""

    def __init__(self, delimiter: str, columns: int, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.delimiter = ord(delimiter)
        self.columns = columns
        self.chunk_bytes = chunk_bytes
        self.pattern = record_pattern(delimiter)

    def split(self, path: Path, first_byte: int, first_line: int) -> Split:
        """All records from ``first_byte`` (the byte after the header) on."""
        result = Split(first_byte, first_line)
        with path.open("rb") as stream:
            stream.seek(first_byte)
            offset, carry = first_byte, b""
            while True:
                fresh = stream.read(self.chunk_bytes)
                chunk = _Chunk(carry + fresh, not fresh, self.delimiter)
                if chunk.lines:
                    self._add(chunk, offset, result)
                offset += chunk.used if chunk.lines else 0
                carry = chunk.data[chunk.used :] if chunk.lines else chunk.data
                if not fresh:
                    break
                if len(carry) > 2 * MAX_RECORD_BYTES and b"\n" not in carry:
                    offset, carry = self._skip_line(stream, offset + len(carry))
                    result.add(np.array([offset], np.int64))
                    result.rejected[result.records] = TOO_LONG
        return result.finish()

    def _skip_line(self, stream: BinaryIO, position: int) -> tuple[int, bytes]:
        """Read past a line too long to hold; returns the byte after it and what was read beyond."""
        while True:
            fresh = stream.read(self.chunk_bytes)
            found = fresh.find(b"\n")
            if found >= 0:
                return position + found + 1, fresh[found + 1 :]
            position += len(fresh)
            if not fresh:
                return position, b""

    def _add(self, chunk: _Chunk, offset: int, result: Split) -> None:
        """Classify one chunk's lines and add its records to the result."""
        lines = _Lines(chunk)
        lines.cut(self._read_dirty(chunk, lines))
        self._judge(chunk, lines, result)
        number = result.records + np.cumsum(lines.keep)
        carriage = self._carriage_returns(chunk, lines, result)
        result.add(chunk.ends[lines.keep] + offset)
        result.rejected |= {int(number[line]): reason for line, reason in lines.reasons.items()}
        result.blank |= set(number[lines.blank & lines.keep].tolist())
        result.extra_lines |= {int(number[line]): count for line, count in lines.extra.items()}
        result.rewritten |= {
            int(number[line]) for line in lines.odd | carriage if line not in lines.reasons and not lines.blank[line]
        }

    def _read_dirty(self, chunk: _Chunk, lines: _Lines) -> int:
        """Read one by one the records whose quotes are not plain; returns how many lines the chunk disposes of."""
        next_line = 0
        for line in np.flatnonzero(lines.dirty[: chunk.lines]).tolist():
            if line < next_line:
                continue
            parsed = self._parse(chunk, line)
            last = line + parsed.lines - 1
            next_line = last + 1
            if parsed.reason is not None:
                lines.reasons[line] = parsed.reason
                continue
            if parsed.lines > 1:
                lines.keep[line:last] = False
                lines.extra[last] = parsed.lines - 1
                lines.blank[last] = False
            else:
                lines.odd.add(line)
            lines.columns[last] = parsed.columns
        return max(next_line, chunk.lines)

    def _parse(self, chunk: _Chunk, line: int) -> _Parsed:
        start = int(chunk.starts[line])
        if chunk.ends[line] - start > MAX_RECORD_BYTES:
            return _Parsed(reason=TOO_LONG)
        stop = min(len(chunk.data), start + MAX_RECORD_BYTES + 1)
        parsed = parse_record(chunk.data, start, stop, chunk.at_end and stop == len(chunk.data), self.pattern)
        if parsed.reason is None and parsed.lines > 1 and parsed.columns != self.columns:
            # A record that swallowed others through an unclosed quote rarely has the right number of columns.
            return _Parsed(reason=UNCLOSED)
        return parsed

    def _judge(self, chunk: _Chunk, lines: _Lines, result: Split) -> None:
        """Reject what is ragged, over-long or not text; the first reason found stands."""
        first = lines.first_bytes()
        good = lines.keep & ~lines.blank
        for line in np.flatnonzero(good & (chunk.ends - first > MAX_RECORD_BYTES)).tolist():
            lines.reasons.setdefault(line, TOO_LONG)
        if chunk.data.find(b"\0", 0, chunk.used) >= 0:
            for line in lines.last_lines(chunk.view == 0):
                lines.reasons.setdefault(line, HAS_NUL)
        used = chunk.data[: chunk.used]
        if not used.isascii():
            self._judge_encoding(used, lines, first, result)
        for line in np.flatnonzero(good & (lines.columns != self.columns)).tolist():
            erased = reason_of(chunk.data[int(first[line]) : int(chunk.ends[line])])
            lines.reasons.setdefault(line, erased or wrong_count(int(lines.columns[line]), self.columns))

    def _judge_encoding(self, used: bytes, lines: _Lines, first: Ints, result: Split) -> None:
        """Reject records whose bytes are not UTF-8, and count those with good and bad bytes."""
        beyond_ascii = lines.last_lines(lines.chunk.view >= 128)
        bad = 0
        try:
            used.decode("utf-8")
        except UnicodeDecodeError:
            for line in beyond_ascii:
                try:
                    used[int(first[line]) : int(lines.chunk.ends[line])].decode("utf-8")
                except UnicodeDecodeError:
                    lines.reasons[line] = BAD_BYTES
                    bad += 1
        result.text_records += len(beyond_ascii) - bad

    def _carriage_returns(self, chunk: _Chunk, lines: _Lines, result: Split) -> set[int]:
        """Count records that end in CR LF; return last lines of records with a carriage return anywhere else."""
        if chunk.data.find(b"\r", 0, chunk.used) < 0:
            return set()
        at = np.flatnonzero(chunk.view == CR)
        paired = np.append(chunk.view, np.uint8(0))[at + 1] == LF
        line = np.searchsorted(chunk.ends, at, side="right")
        result.crlf_records += int(lines.keep[line[paired]].sum())
        kept = np.flatnonzero(lines.keep)
        return set(kept[np.searchsorted(kept, _distinct(line[~paired]))].tolist())
