"""Whether landed files are still what was received: found by their SHA-256, named, and refused (F1, F2).

A file is hashed when it is parsed, again when its size, times or inode are others than then, and again after a week,
a bounded part of the store a run, because a disk may spoil bytes and leave all of these as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Collection

from pipelines.errors import MusterError
from pipelines.landing.store import LandedFile, ledger, look, read_cache, write_atomically
from pipelines.settings import Home

VERIFIED_CACHE = ".verified.json"
AGAIN_SECONDS = 7 * 86_400
BYTES_A_RUN = 512 << 20
"""How much of what is due is hashed in one run; what looks changed is hashed whatever its size."""


def verify(home: Home, landed: LandedFile) -> None:
    """Raise MusterError where a landed file is no longer what it was."""
    path = landed.path(home)
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise MusterError(f"The landed file {path} cannot be read: {error.strerror}; restore it.") from error
    if found != landed.sha256:
        raise MusterError(
            f"The landed file {path} has changed since it was received (its SHA-256 is another); restore it from a "
            "backup, or remove it with its .json and put the original into the inbox again."
        )


def verify_store(home: Home, parsed: Collection[str] = ()) -> int:
    """Verify what looks changed or is due, but not what was just ``parsed`` (SHA-256); returns how many were hashed.

    Raises MusterError for the first file that is missing or no longer what was received.
    """
    cache_path = home.landing / VERIFIED_CACHE
    known, now, left = read_cache(cache_path), int(time.time()), BYTES_A_RUN
    fresh: dict[str, list[int]] = {}
    count = 0
    for landed in sorted(ledger(home), key=lambda landed: _verified_at(known, landed)):
        seen = _look(home, landed)
        verified_at = _verified_at(known, landed)
        if known.get(_name(landed), [])[:4] != seen and landed.sha256 not in parsed:
            verified_at = 0
        is_due = verified_at < now - AGAIN_SECONDS and left > 0
        if landed.sha256 in parsed:
            verified_at = now
        elif not verified_at or is_due:
            verify(home, landed)
            verified_at, left, count = now, left - landed.byte_count, count + 1
        fresh[_name(landed)] = [*seen, verified_at]
    if fresh != known:
        write_atomically(cache_path, json.dumps(fresh).encode())
    return count


def _name(landed: LandedFile) -> str:
    return f"{landed.feed}/{landed.sha256}"


def _verified_at(known: dict[str, list[int]], landed: LandedFile) -> int:
    return int(known.get(_name(landed), [0])[-1])


def _look(home: Home, landed: LandedFile) -> list[int]:
    path = landed.path(home)
    try:
        return list(look(os.lstat(path)))
    except OSError as error:
        raise MusterError(f"The landed file {path} cannot be read: {error.strerror}; restore it.") from error
