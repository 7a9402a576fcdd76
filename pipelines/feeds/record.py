"""What a named reader gives: records of canonical columns as text, with where they lie in the file (F1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One record of a file. Texts are cast by the contract later, as those of a CSV file are."""

    start: int
    """First byte in the file."""
    end: int
    """Byte after the last."""
    line: int
    """Line of the first byte, from 1."""
    rows: tuple[dict[str, str], ...] = ()
    """Canonical column to text; several rows where the record speaks of several places. An absent column is NULL."""
    reason: str | None = None
    """Why the record is rejected, in words and without a value; such a record has no rows."""


Reader = Callable[[bytes], Iterator[Record]]
