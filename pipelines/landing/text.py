"""From landed bytes to plain text: gate (F3), decompression, decoding and the header.

Everything after this module works on UTF-8 text with line feeds. What a file fails by is raised as
:class:`GateError`, whose message is in words and holds no value of the file.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from csv import reader as csv_reader
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from pipelines.contracts import Contract
from pipelines.landing.records import MAX_RECORD_BYTES, parse_record, record_pattern

BLOCK_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 64 * 1024
MAX_UNPACKED_BYTES = 16 * 1024**3
MAX_UNPACKED_RATIO = 400
"""Above 256 MB a gzip file may unpack to no more than this many times its size."""


class GateError(Exception):
    """A file that as a whole cannot be read; the message says why, in words."""


@dataclass(frozen=True)
class Header:
    """The header of a file: its names, and where the records begin."""

    names: list[str]
    end_byte: int
    next_line: int
    is_plain: bool
    """Whether header and preamble are simple lines that a reader can skip by counting."""


@dataclass(frozen=True)
class PlainText:
    """A UTF-8 text made from landed bytes, and the way back from its offsets to the bytes."""

    path: Path
    encoding: str
    byte_order_mark: int

    def original(self, offsets: list[int]) -> list[int]:
        """Offsets in the (unpacked) bytes as received, for ascending offsets in the text."""
        if self.encoding == "utf-8":
            return offsets
        encoder = _without_mark(self.encoding)
        found: list[int] = []
        done, total = 0, self.byte_order_mark
        with self.path.open("rb") as stream:
            for offset in offsets:
                while done < offset:
                    block = stream.read(min(BLOCK_BYTES, offset - done))
                    done += len(block)
                    total += len(block.decode("utf-8", "ignore").encode(encoder)) if done == offset else 0
                    if done < offset:
                        whole = block.decode("utf-8", "ignore")
                        left = len(block) - len(whole.encode())
                        stream.seek(-left, 1)
                        done -= left
                        total += len(whole.encode(encoder))
                found.append(total)
        return found

    def raw(self, text: bytes) -> bytes:
        """The bytes as received of one stretch of the text."""
        return text if self.encoding == "utf-8" else text.decode("utf-8", "ignore").encode(_without_mark(self.encoding))


def _without_mark(encoding: str) -> str:
    """The codec that writes no byte order mark."""
    return {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding)


def open_text(landed: Path, contract: Contract, work: Path) -> PlainText:
    """Gate, unpack and decode a landed file; temporary files go to ``work``, made if needed. Raises GateError."""
    path = _unpack(landed, work) if _head(landed, 2) == b"\x1f\x8b" else landed
    head = _head(path, HEAD_BYTES)
    encoding = "utf-8" if contract.encoding in ("utf-8", "utf-8-sig") else contract.encoding
    _check_head(head, encoding)
    mark = 0
    if encoding != "utf-8":
        mark = next((len(bom) for bom in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) if head.startswith(bom)), 0)
        mark = mark if encoding.startswith("utf-16") else 0
        actual = "utf-16-be" if encoding == "utf-16" and head.startswith(codecs.BOM_UTF16_BE) else encoding
        work.mkdir(mode=0o700, exist_ok=True)
        path = _decode(path, actual, work / "decoded")
        encoding = actual
    if _ends_lines_with_cr(path):
        work.mkdir(mode=0o700, exist_ok=True)
        path = _translate(path, work / "lines")
    return PlainText(path, encoding, mark)


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(size)


def _unpack(landed: Path, work: Path) -> Path:
    work.mkdir(mode=0o700, exist_ok=True)
    target = work / "unpacked"
    limit = min(MAX_UNPACKED_BYTES, max(256 * 1024**2, MAX_UNPACKED_RATIO * landed.stat().st_size))
    total = 0
    try:
        with gzip.open(landed, "rb") as packed, target.open("wb") as out:
            while block := packed.read(BLOCK_BYTES):
                total += len(block)
                if total > limit:
                    raise GateError("the gzip archive unpacks to more than a file of its size can hold")
                out.write(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise GateError("the gzip archive is damaged or cut short; send the file again") from error
    return target


_OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a database"),
    (b"PAR1", "a Parquet file"),
)


def _check_head(head: bytes, encoding: str) -> None:
    """Refuse what is plainly no text of the declared encoding."""
    if not head:
        raise GateError("the file is empty")
    for magic, name in _OTHER_FORMATS:
        if head.startswith(magic):
            raise GateError(f"it is {name}, not CSV text; export it as CSV")
    wide = encoding.startswith(("utf-16", "utf-32"))
    if not wide and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise GateError(f"its encoding is UTF-16, but the contract declares {encoding}")
    if not wide and head.count(0) * 8 > len(head):
        raise GateError(f"it is full of NUL bytes, so it is not text in the declared encoding {encoding}")
    text = head.replace(b"\0", b"").removeprefix(codecs.BOM_UTF8).lstrip(b"\xff\xfe \t\r\n").lower()
    if not text:
        raise GateError("the file is empty")
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script")):
        raise GateError("it is a web page (HTML or XML), not CSV; a sign-in page may have been saved in its place")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            yield block


def _decode(path: Path, encoding: str, target: Path) -> Path:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with target.open("wb") as out:
            first = True
            for block in _blocks(path):
                text = decoder.decode(block)
                out.write((text.removeprefix("\ufeff") if first else text).encode())
                first = False
            out.write(decoder.decode(b"", True).encode())
    except UnicodeError as error:
        raise GateError(f"it is not valid text in the declared encoding {encoding}") from error
    return target


def _ends_lines_with_cr(path: Path) -> bool:
    """Whether carriage returns alone end the lines, as old Macintosh exports have it."""
    head = _head(path, HEAD_BYTES)
    return b"\r" in head and b"\n" not in head and not _has_line_feed(path)


def _has_line_feed(path: Path) -> bool:
    return any(b"\n" in block for block in _blocks(path))


def _translate(path: Path, target: Path) -> Path:
    with target.open("wb") as out:
        for block in _blocks(path):
            out.write(block.replace(b"\r", b"\n"))
    return target


def read_header(text: PlainText, delimiter: str, skip_lines: int) -> Header:
    """The first record after ``skip_lines`` lines and any empty ones. Raises GateError where there is none."""
    with text.path.open("rb") as stream:
        data = stream.read(4 * 1024 * 1024)
        whole = not stream.read(1)
    start = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    line, skipped, preamble = 1, 0, start
    while True:
        end = data.find(b"\n", start)
        content = data[start:] if end < 0 else data[start:end]
        if skipped >= skip_lines and content.strip(b" \t\r\n" + delimiter.encode()):
            break
        if end < 0:
            raise GateError("the file has no header" if skip_lines else "the file is empty")
        skipped += 1
        start, line = end + 1, line + 1
    stop = min(len(data), start + MAX_RECORD_BYTES + 1)
    parsed = parse_record(data, start, stop, whole and stop == len(data), record_pattern(delimiter))
    if parsed.reason is not None:
        raise GateError("its first line is no header of comma-separated names")
    try:
        decoded = data[start : parsed.end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise GateError(f"it is not valid text in the declared encoding {text.encoding}") from error
    if "\0" in decoded:
        raise GateError("its header holds NUL bytes, so it is not text in the declared encoding")
    names = next(csv_reader(StringIO(decoded, newline=""), delimiter=delimiter))
    is_plain = parsed.lines == 1 and b'"' not in data[preamble:start]
    return Header([name.strip() for name in names], parsed.end, line + parsed.lines, is_plain)
