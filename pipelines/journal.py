"""Files to which lines are only ever added: one JSON object a line, on disk before anybody is told that it is kept."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """An open descriptor of the file, made for its owner alone where it is not there, that nobody else writes to.

    A file that was replaced while this process waited is opened anew, so that no line goes into one that is gone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                is_same = os.path.samestat(os.fstat(descriptor), path.stat())
            except FileNotFoundError:
                is_same = False
            if is_same:
                yield descriptor
                return
        finally:
            os.close(descriptor)


def append(path: Path, *entries: Mapping[str, Any]) -> None:
    """Append each object as a line, all in one write, and make sure that they are on disk; raises OSError if not.

    The file is for its owner alone. A last line that a crash cut off, of which nobody was told that it is kept, is
    taken away first, so that whatever else is no object was damaged.
    """
    with locked(path) as descriptor:
        write_all(descriptor, _opening(descriptor) + b"".join(map(line_of, entries)))


def _opening(descriptor: int) -> bytes:
    """What comes before the next line: nothing, or the line end that a whole last line lacks."""
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return b""
    last = lines_of(os.pread(descriptor, size, 0))[-1]
    if is_object(last):
        return b"\n"
    os.ftruncate(descriptor, size - len(last))
    return b""


def lines_of(data: bytes) -> list[bytes]:
    """The lines of such a file without their ends. A line feed alone ends one: a note may hold any other break."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def is_object(line: bytes) -> bool:
    """Whether a line is whole; no beginning of an object is one."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def line_of(entry: Mapping[str, Any]) -> bytes:
    """One object as a line."""
    return json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"


def write_all(descriptor: int, pending: bytes) -> None:
    """Write every byte and make sure that it is on disk."""
    while pending:
        pending = pending[os.write(descriptor, pending) :]
    os.fsync(descriptor)


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> int:
    """Replace the lines of a file as a whole by what ``change`` makes of them; returns how many are gone.

    For retention and erasure alone. A reader sees the old file or the new one; a file that stays as it is, or is not
    there, is left alone.
    """
    if not path.exists():
        return 0
    with locked(path):
        data = path.read_bytes()
        before = lines_of(data)
        after = change(list(before))
        if after != before:
            # A last line without an end keeps lacking it, which tells a crash from damage.
            replace(path, b"\n".join(after) + (b"\n" if after and data.endswith(b"\n") else b""))
    return len(before) - len(after)


def replace(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put a new file of these bytes, for its owner alone and on disk, in the place of the old one.

    Bytes that come one after the other are written as they come, so that nobody holds all of them.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def account() -> str:
    """The name of the account of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return f"uid {os.getuid()}"
