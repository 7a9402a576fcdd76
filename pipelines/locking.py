"""One run at a time in a home: a lock that the system lets go of when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator

from pipelines.errors import MusterError
from pipelines.settings import Home

DEFAULT_WAIT_SECONDS = 60.0
"""How long a second run waits for the first; ``MUSTER_WAIT_SECONDS`` sets another time."""
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def run_lock(
    home: Home, wait_seconds: float | None = None, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the home's run lock (``warehouse/lock``) for the length of the block.

    A second run waits up to ``wait_seconds`` (None: ``MUSTER_WAIT_SECONDS``, else a minute), telling ``on_wait``
    once, and then raises MusterError. The file stays; only the lock on it counts, so a crashed run never blocks the
    next one. Not re-entrant.
    """
    wait_seconds = _wait_seconds() if wait_seconds is None else wait_seconds
    path = home.warehouse / "lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise MusterError(f"The lock {path} cannot be opened: {error.strerror}.") from error
    try:
        _acquire(descriptor, home, wait_seconds, on_wait)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait_seconds() -> float:
    text = os.environ.get("MUSTER_WAIT_SECONDS", "")
    try:
        return float(text) if text else DEFAULT_WAIT_SECONDS
    except ValueError:
        raise MusterError(f"MUSTER_WAIT_SECONDS is '{text}'; write a number of seconds, such as 5.") from None


def _acquire(descriptor: int, home: Home, wait_seconds: float, on_wait: Callable[[str], None] | None) -> None:
    deadline = time.monotonic() + wait_seconds
    is_told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        if time.monotonic() >= deadline:
            raise MusterError(
                f"Another run is at work in {home.root} (process {holder}); wait for it to end and try again."
            )
        if on_wait and not is_told:
            on_wait(f"Waiting for another run in this home (process {holder}) …")
            is_told = True
        time.sleep(_POLL_SECONDS)
