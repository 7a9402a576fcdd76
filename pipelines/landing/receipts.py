"""Receipts: when the bytes of a landed file came, and under which name, each time that they came (F2, F3).

The same bytes load once, but a provider that goes back to an earlier list sends bytes that were received before, and a
list that did not change is fresh all the same. The ledger entry of the file holds these further receipts. A file that
simply stays in the inbox is no receipt, and neither is one that was renamed there.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.contracts import Contract, received_pattern

MOST_RECEIPTS = 1000
"""So many further receipts of one file are kept; of those that no other file came between, one in the middle goes."""


@dataclass(frozen=True)
class Receipt:
    """That a file came."""

    landed_at: str
    """UTC instant, ISO 8601 with microseconds and without offset."""
    file_name: str
    changed_ns: int = 0
    """When the file of the inbox was last changed, by the file system; 0 where that is not known."""


def received_at(receipt: Receipt, contract: Contract | None) -> datetime | None:
    """Naive UTC instant: from the file name where the contract says so, else of landing; None where it has none."""
    if contract is None or not isinstance(contract.received_at, str):
        return datetime.fromisoformat(receipt.landed_at)
    match = received_pattern(contract.received_at).fullmatch(receipt.file_name)
    if match is None:
        return None
    parts = {key: int(value) for key, value in match.groupdict().items() if value is not None}
    try:
        local = datetime(**parts, tzinfo=ZoneInfo(contract.time_zone))
    except ValueError:
        return None
    return local.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Remembered:
    """What is remembered of a feed's folder of the inbox: by name, size, time of change, inode and digest."""

    files: dict[str, list[Any]]
    is_lost: bool
    """Whether the memory of the inbox is gone: then a file of an unknown name may have lain there before."""

    def is_renamed(self, status: os.stat_result, sha256: str) -> bool:
        """Whether these bytes lay in the folder under another name, and were not written again since."""
        seen = [status.st_size, status.st_mtime_ns, status.st_ino, sha256]
        return any(known == seen for known in self.files.values())


def is_new(receipts: Sequence[Receipt], name: str, status: os.stat_result, sha256: str, before: Remembered) -> bool:
    """Whether a file of the inbox whose bytes were received before is a receipt of its own."""
    known = before.files.get(name)
    if known is not None and known[3] != sha256:
        return True  # other bytes lay there since
    if any((each.file_name, each.changed_ns) == (name, status.st_mtime_ns) for each in receipts):
        return False
    if before.is_renamed(status, sha256):
        return False
    if known is None and not before.is_lost and name not in {each.file_name for each in receipts}:
        return True
    return status.st_mtime_ns > _nanoseconds(receipts[-1].landed_at)


def is_touched(receipts: Iterable[Receipt], name: str, sha256: str, before: Remembered) -> bool:
    """Whether the same bytes lay under the same name: written again, or a whole home was copied without its times."""
    known = before.files.get(name)
    return known[3] == sha256 if known is not None else name in {each.file_name for each in receipts}


def _nanoseconds(instant: str) -> int:
    since = datetime.fromisoformat(instant).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def added(first: str, again: tuple[Receipt, ...], receipt: Receipt, others: Iterable[str]) -> tuple[Receipt, ...]:
    """Further receipts of a file that landed ``first``, and one more; ``others`` are instants of the feed's others."""
    found = sorted((*again, receipt), key=lambda each: (each.landed_at, each.file_name))
    if len(found) <= MOST_RECEIPTS:
        return tuple(found)
    came = sorted(others)
    times = [first, *(each.landed_at for each in found)]
    for at in range(len(found) - 1):
        if bisect.bisect(came, times[at]) == bisect.bisect(came, times[at + 2]):
            return tuple(found[:at] + found[at + 1 :])
    return tuple(found[1:])
