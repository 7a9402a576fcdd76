"""Files to which lines are only ever added: one JSON object a line, on disk before anybody is told that it is kept."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append(path: Path, *entries: Mapping[str, Any]) -> None:
    """Append each object as a line, all in one write, and make sure that they are on disk; raises OSError if not.

    The file is for its owner alone. A line that a crash cut off is closed first, so that it spoils itself alone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        opening = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        lines = [json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n" for entry in entries]
        pending = opening + b"".join(lines)
        while pending:
            pending = pending[os.write(descriptor, pending) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def account() -> str:
    """The name of the account of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return f"uid {os.getuid()}"
