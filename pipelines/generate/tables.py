"""Small vectorised helpers: columns of text from arrays of numbers, and CSV written in a fixed byte order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Text: TypeAlias = pa.Array

DAY = 86_400
HOUR = 3_600


def take(words: Sequence[str | None] | Text, index: np.ndarray) -> Text:
    """The words at an index array; a negative index gives NULL."""
    source = words if isinstance(words, pa.Array) else pa.array(words, pa.string())
    return pc.take(source, pa.array(index, mask=index < 0))


def join(*parts: Text | str, separator: str = "") -> Text:
    """Row-wise concatenation; NULL where any part is NULL."""
    return pc.binary_join_element_wise(*parts, separator)


def digits(numbers: np.ndarray, width: int = 0) -> Text:
    """Numbers as text, padded with zeros to a width."""
    text = pc.cast(pa.array(numbers), pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def choose(mask: np.ndarray, yes: Text | str | None, no: Text | str | None) -> Text:
    """Row-wise choice; None stands for NULL."""
    wanted = [pa.scalar(side, pa.string()) if side is None or isinstance(side, str) else side for side in (yes, no)]
    return pc.if_else(pa.array(mask), *wanted)


def repeat(word: str | None, count: int) -> Text:
    """The same word in every row."""
    return pa.repeat(pa.scalar(word, pa.string()), count)


def _stamp(seconds: np.ndarray) -> Text:
    return pc.cast(pa.array(seconds.astype("datetime64[s]")), pa.string())


def instant(seconds: np.ndarray) -> Text:
    """UTC seconds as ``2026-03-01T14:30:00Z``."""
    text = pc.replace_substring(_stamp(seconds), " ", "T")
    return join(text, "Z")


def local_time(seconds: np.ndarray) -> Text:
    """Local seconds (read as if UTC) as ``2026-03-01T14:30``."""
    return pc.utf8_slice_codeunits(pc.replace_substring(_stamp(seconds), " ", "T"), 0, 16)


def date_text(seconds: np.ndarray) -> Text:
    """The calendar date of (local) seconds as ``2026-03-01``."""
    return pc.cast(pc.cast(pa.array(seconds.astype("datetime64[s]")), pa.date32()), pa.string())


def fold(text: Text) -> Text:
    """ASCII letters only, lower case, for mail addresses and GDS names' source."""
    plain = text
    for letter, other in {"ß": "ss", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "þ": "th", "Þ": "th",
                          "ı": "i"}.items():  # fmt: skip
        plain = pc.replace_substring(plain, letter, other)
    return pc.utf8_lower(pc.replace_substring_regex(pc.utf8_normalize(plain, "NFKD"), "[^A-Za-z]", ""))


def _field(column: Any) -> Text:
    """A column as CSV fields: NULL empty, quotes only where a comma, a quote or a line break needs them."""
    text = column if isinstance(column, pa.Array) else pa.array(column)
    text = pc.fill_null(pc.cast(text, pa.string()), "")
    special = pc.match_substring_regex(text, '[,"\\r\\n]')
    if pc.any(special).as_py():
        quoted = join('"', pc.replace_substring(text, '"', '""'), '"')
        text = pc.if_else(special, quoted, text)
    return text


class CsvFile:
    """One CSV file with a canonical header, appended to in chunks; NULL is an empty field."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.columns = list(columns)
        self.rows = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write((",".join(self.columns) + "\n").encode())

    def write(self, columns: dict[str, Any]) -> None:
        """Append rows; every declared column must be given, in any order."""
        fields = [_field(columns[name]) for name in self.columns]
        if len(fields[0]):
            lines = join(join(*fields, separator=","), "\n")
            # The values of a text column lie one after the other: they are the file's bytes.
            _, offsets, values = lines.cast(pa.large_string()).buffers()
            ends = np.frombuffer(offsets, np.int64)
            self._file.write(memoryview(values)[ends[lines.offset] : ends[lines.offset + len(lines)]])
            self.rows += len(lines)

    def write_raw(self, lines: bytes) -> None:
        """Append bytes as they are: the records that are malformed on purpose."""
        self._file.write(lines)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
