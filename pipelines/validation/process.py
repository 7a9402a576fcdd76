"""The process beside a run in which Great Expectations works: importing it costs seconds of Python.

In the run's own process it would take those from the models, whichever thread it was in. It has no database: each
statement comes here over a pipe, is executed on a cursor of the run's connection, and its few numbers go back.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.errors import MusterError

if TYPE_CHECKING:
    from pipelines.models import Check
    from pipelines.validation import Expectations


class ExpectationsProcess:
    """One process of Great Expectations, started at once and used by one thread after the other until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._is_ready = False
        ours, theirs = socket.socketpair()
        with theirs:
            # In a session of its own, so that Ctrl-C reaches the run alone; it ends when our end of the pipe is closed.
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "pipelines.validation.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._pipe: Connection[Any, Any] = Connection(ours.detach())

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked, which a process that was forked meanwhile cannot."""
        return self._owner == os.getpid() and not self._pipe.closed and self._process.poll() is None

    def await_ready(self) -> None:
        """Wait until it has imported what it needs; MusterError where it ended instead."""
        with self._lock, self._whole_answers():
            if not self._is_ready:
                self._pipe.recv()
                self._is_ready = True

    def failing(self, con: duckdb.DuckDBPyConnection, part: Expectations) -> list[Check]:
        """The checks of one table that do not hold, in their declared order, as statements on this cursor tell.

        Raises MusterError where a check cannot run, and what stops a statement that is at work.
        """
        self.await_ready()
        with self._lock, self._whole_answers():
            self._pipe.send(part)
            while True:
                kind, content = self._pipe.recv()
                if kind == "failed":
                    return [part.checks[number] for number in content]
                if kind == "impossible":
                    raise MusterError(content)
                self._pipe.send(_executed(con, *content))

    @contextlib.contextmanager
    def _whole_answers(self) -> Iterator[None]:
        """End the process where an answer was cut off: what it said next would answer another question."""
        try:
            yield
        except MusterError:
            raise
        except (EOFError, OSError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            self.close()
            raise MusterError(
                "Great Expectations, which checks what is published, ended before it answered "
                f"(exit code {self._process.returncode}); see that this machine has memory left and run again."
            ) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it, whatever it is at."""
        if self._owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._process.kill()
        self._process.wait()


def _executed(con: duckdb.DuckDBPyConnection, statement: str, parameters: Any) -> Any:
    """All rows of a statement with the names and types of its columns, or None where the database refuses it."""
    try:
        con.execute(statement, parameters)
        described = con.description
        rows = con.fetchall() if described else []
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return None
    return [(column[0], str(column[1]), *column[2:]) for column in described] if described else None, rows


_process: ExpectationsProcess | None = None
_starting = threading.Lock()


def start() -> ExpectationsProcess:
    """The process, begun where there is none; it ends with this one."""
    global _process
    with _starting:
        if _process is None or not _process.is_alive:
            _process = ExpectationsProcess()
            atexit.register(_process.close)
        return _process
