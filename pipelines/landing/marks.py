"""Marks: what stands in a landed file where a record was erased.

A mark is a line of its own, ``[erased:…]`` or ``[expired:…]``, with a keyed digest of the record. The record keeps its
number and stays in the account, as a rejected one with its reason (F1); nothing else of it is left. A document that was
erased is such a line for each of its records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

REASONS = {
    b"erased": "it was erased at a person's request",
    b"expired": "it was erased because its time of keeping was over",
}
DIGEST_DIGITS = 32
_LINE = re.compile(rb"\[(erased|expired):[0-9a-f]{%d}\][^\w\s]?" % DIGEST_DIGITS)
MOST_BYTES = DIGEST_DIGITS + 16
"""No line that is longer is a mark."""


def mark_of(kind: str, digest: str, delimiter: str, columns: int) -> bytes:
    """The mark of one record, without its line end, that has another number of columns than the file's records."""
    text = f"[{kind}:{digest}]"
    return (text if text.count(delimiter) + 1 != columns else text + delimiter).encode()


def reason_of(line: bytes) -> str | None:
    """Why a record was erased, in words; None for a line that is no mark."""
    found = _LINE.fullmatch(line.rstrip(b"\r\n")) if len(line) <= MOST_BYTES + 2 else None
    return REASONS[found[1]] if found else None


def is_erased_document(data: bytes) -> bool:
    """Whether a file is nothing but marks."""
    lines = data[: MOST_BYTES + 2].splitlines()
    return bool(lines) and reason_of(lines[0]) is not None and all(map(reason_of, data.splitlines()))


def tell(reasons: Mapping[str, int]) -> str | None:
    """How many records of a file were erased, in words, from its reasons; None where none was."""
    count = sum(reasons.get(reason, 0) for reason in REASONS.values())
    return None if not count else "1 record was erased" if count == 1 else f"{count:,} records were erased"


def is_all(reasons: Mapping[str, int]) -> bool:
    """Whether records of a file were rejected for no other reason than that they were erased."""
    return bool(reasons) and set(reasons) <= set(REASONS.values())
