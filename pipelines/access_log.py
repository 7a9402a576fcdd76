"""The access log: who looked at which names, when and why, kept so that a change to it shows.

``logs/access.log`` of a home holds one JSON object a line. Each line carries the SHA-256 of the line before it,
so a line that was changed, removed or inserted breaks the chain at that place. Lines name travellers by their
pseudonym only. A look is written, and on disk, before anything is shown.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines import journal
from pipelines.errors import MusterError
from pipelines.settings import Home

_FIRST = "0" * 64
_TAIL_BYTES = 65_536


def log_path(home: Home) -> Path:
    """Where the access log of a home is."""
    return home.logs / "access.log"


def record_look(
    home: Home,
    action: str,
    role: str,
    generation: str,
    parameters: Mapping[str, Any],
    traveller_ids: Iterable[str] = (),
    user: str | None = None,
    *,
    purpose: str | None = None,
    rows: int | None = None,
) -> None:
    """Append one look at names and make sure it is on disk.

    ``action`` is the command or page, ``parameters`` what was asked (no personal values), ``traveller_ids`` the
    pseudonyms whose names will be shown, ``user`` the signed-in person (default: the account of this process),
    ``purpose`` what the person says it is for, ``rows`` how many rows will be shown or taken.
    Raises MusterError where the line cannot be written; the caller then shows nothing.
    """
    ids = sorted(set(traveller_ids))
    entry = {
        "looked_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "user": user or journal.account(),
        "role": role,
        "action": action,
        "generation": generation,
        "purpose": purpose,
        "rows": rows,
        "parameters": {key: value for key, value in parameters.items() if value is not None},
        "travellers": len(ids),
        "traveller_ids": ids,
    }
    path = log_path(home)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append(descriptor, entry)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MusterError(
            f"The access log {path} cannot be written ({error.strerror}), so no names are shown; mend it and ask again."
        ) from error


def _append(descriptor: int, entry: dict[str, Any]) -> None:
    last = _last_line(descriptor)
    # A line cut off by a crash is closed first; it stays in the chain as it is.
    opening = b"" if not last or last.endswith(b"\n") else b"\n"
    previous = hashlib.sha256(last.rstrip(b"\n")).hexdigest() if last else _FIRST
    line = json.dumps({"previous_sha256": previous, **entry}, ensure_ascii=False, default=str).encode()
    pending = opening + line + b"\n"
    while pending:
        pending = pending[os.write(descriptor, pending) :]
    os.fsync(descriptor)


def _last_line(descriptor: int) -> bytes:
    """The last line with its line end, if any; lines may be long, so the tail read grows until it holds one."""
    size = os.fstat(descriptor).st_size
    want = _TAIL_BYTES
    while True:
        start = max(0, size - want)
        tail = os.pread(descriptor, size - start, start)
        cut = tail.rstrip(b"\n").rfind(b"\n")
        if cut >= 0 or start == 0:
            return tail[cut + 1 :]
        want *= 4


def broken_lines(home: Home) -> list[int]:
    """The numbers (from 1) of the lines whose link to the line before does not hold; empty if all is well."""
    path = log_path(home)
    if not path.exists():
        return []
    broken = []
    previous = _FIRST
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            claimed = json.loads(line)["previous_sha256"]
        except (ValueError, KeyError, TypeError):
            claimed = None
        if claimed != previous:
            broken.append(number)
        previous = hashlib.sha256(line).hexdigest()
    return broken
