"""Starts the process of one query, reads its answer as it comes, and ends it: late, cancelled, or too large."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import importlib.util
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import MusterError, UsageError
from pipelines.settings import load_yaml

ALLOWED_FILE = Path(__file__).with_name("allowed.yml")
LAYERS = ("gate", "settings", "limits", "landlock", "seccomp")
GRACE_SECONDS = 1.0
"""After the limit the worker has this long to say so itself; then it is killed."""

_WORKER = Path(__file__).with_name("worker.py")
_LINE_LIMIT = 64 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one query may use; ``memory_mb`` is for its whole process, in MiB of address space."""

    row_limit: int = 10_000
    seconds: float = 30.0
    memory_mb: int = 1200
    byte_limit: int = 32 << 20
    require_landlock: bool = False


@dataclasses.dataclass(frozen=True)
class Result:
    """Rows of an answer; ``is_cut`` says that there were more than a limit, ``cut_by`` which: rows or bytes."""

    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool
    cut_by: str = ""
    absent: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Request:
    """A query with all that belongs to it; ``layers`` is for tests alone."""

    file: Path
    sql: str
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    limits: Limits = Limits()
    format: str = "rows"
    mark: str = ""
    layers: tuple[str, ...] = LAYERS

    def message(self, deadline: float) -> dict[str, Any]:
        """What the worker is told; ``deadline`` is on the monotonic clock, which processes share."""
        # Parquet is written by another library, which takes some 200 MB of address space, not of memory, for itself.
        space = self.limits.memory_mb + (300 if self.format == "parquet" else 0)
        return {
            "file": str(self.file.resolve()),
            "sql": self.sql,
            "parameters": dict(self.parameters),
            "row_limit": self.limits.row_limit,
            "byte_limit": self.limits.byte_limit,
            "seconds": self.limits.seconds,
            "deadline": deadline,
            "cpu_seconds": int(self.limits.seconds * 2) + 2,
            "memory_mb": self.limits.memory_mb * 2 // 3,
            "address_space": space << 20,
            "require_all": self.limits.require_landlock,
            "format": self.format,
            "mark": self.mark,
            "allowed": allowed_document(),
            "packages": _packages(),
            "layers": list(self.layers),
        }


@functools.cache
def allowed_document() -> dict[str, list[str]]:
    """The reviewed list of ``allowed.yml``."""
    document: dict[str, list[str]] = load_yaml(ALLOWED_FILE)
    return document


@functools.cache
def _packages() -> str:
    """The folder of the installed packages, which the worker does not look for itself."""
    found = importlib.util.find_spec("_duckdb")
    if found is None or found.origin is None:
        raise MusterError("The package duckdb is not installed; install what requirements.lock lists.")
    return str(Path(found.origin).resolve().parent)


class Query:
    """One query under way. Read it with :meth:`lines`, or wait for :meth:`result`; always :meth:`close` it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._start = time.monotonic()
        self._deadline = self._start + request.limits.seconds
        # The worker is in a session of its own, so that Ctrl-C reaches this process alone, which then ends it.
        self._process = subprocess.Popen(  # noqa: S603  (no text of the query is on its command line)
            [sys.executable, "-I", "-S", "-B", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        self._pending = bytearray()
        self._has_line = False
        self._columns: list[str] = []
        self._rows: list[list[Any]] = []
        self.absent: tuple[str, ...] = ()
        self.end = ""
        self.peak_bytes = 0
        try:
            self._send()
        except BaseException:
            self.close()
            raise

    def _send(self) -> None:
        assert self._process.stdin is not None  # noqa: S101  (Popen was asked for a pipe)
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(json.dumps(self._request.message(self._deadline)).encode())

    @property
    def seconds(self) -> float:
        """How long it has been under way."""
        return time.monotonic() - self._start

    def lines(self, pause: float | None = None) -> Iterator[dict[str, Any] | None]:
        """The lines of the answer as they come; None each ``pause`` seconds in which none came.

        Raises MusterError, and ends the process, where the answer is an error, is late or grows too large.
        """
        try:
            with selectors.DefaultSelector() as selector:
                assert self._process.stdout is not None  # noqa: S101
                selector.register(self._process.stdout, selectors.EVENT_READ)
                waited = time.monotonic()
                while not self.end:
                    if not self._poll(selector):
                        if pause is not None and time.monotonic() - waited >= pause:
                            waited = time.monotonic()
                            yield None
                        continue
                    yield from self._complete()
        finally:
            self.close()

    def _poll(self, selector: selectors.BaseSelector) -> bool:
        """Read what is there; false where nothing came in the twentieth of a second that is waited."""
        if time.monotonic() > self._deadline + GRACE_SECONDS:
            raise MusterError(f"The query took longer than {self._request.limits.seconds:g} s and was stopped.")
        self._watch_memory()
        if not selector.select(0.05):
            return False
        assert self._process.stdout is not None  # noqa: S101
        read = os.read(self._process.stdout.fileno(), 1 << 18)
        if not read:
            raise MusterError(self._silence())
        self._has_line = b"\n" in read
        self._pending += read
        if len(self._pending) > _LINE_LIMIT:
            raise MusterError("The answer is too large to be shown; ask for less at once.")
        return True

    def _silence(self) -> str:
        """Why the worker ended without an end: a limit of the kernel, or time."""
        if time.monotonic() > self._deadline:
            return f"The query took longer than {self._request.limits.seconds:g} s and was stopped."
        return "The query was stopped because it used more processor time or memory than a query may."

    def _watch_memory(self) -> None:
        """End a worker whose resident memory is above its limit, whatever else failed to bound it."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            resident = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * _PAGE
            self.peak_bytes = max(self.peak_bytes, resident)
            if resident > self._request.limits.memory_mb << 20:
                self.close()
                raise MusterError("The query needs more memory than a query may use; ask for less at once.")

    def _complete(self) -> Iterator[dict[str, Any]]:
        if not self._has_line:
            return  # looking through a long unfinished line again and again would take its square
        *lines, self._pending = self._pending.split(b"\n")
        for line in lines:
            content: dict[str, Any] = json.loads(line)
            if "error" in content:
                raise (UsageError if content.get("is_usage") else MusterError)(content["error"])
            if "columns" in content:
                self._columns = list(content["columns"])
                self.absent = tuple(content["absent"])
            if "end" in content:
                self.end = str(content["end"])
            yield content

    @property
    def columns(self) -> list[str]:
        """The names of the columns, once the head of the answer came."""
        return self._columns

    @property
    def cut_by(self) -> str:
        """``rows`` or ``bytes`` where the answer was cut there, else nothing."""
        return "" if self.end in ("", "all") else self.end

    def result(self) -> Result:
        """Wait for the whole answer."""
        for line in self.lines():
            self.keep(line)
        return self.kept()

    def keep(self, line: dict[str, Any] | None) -> None:
        """Keep the rows of one line for :meth:`kept`."""
        self._rows += (line or {}).get("rows", [])

    def kept(self) -> Result:
        """What was kept, after the end."""
        return Result(self._columns, self._rows, bool(self.cut_by), self.cut_by, self.absent)

    def file_bytes(self) -> bytes:
        """Wait for a Parquet answer and give its bytes."""
        return b"".join(base64.b64decode(line["bytes"]) for line in self.lines() if line and "bytes" in line)

    def close(self) -> None:
        """End the process, whatever it is doing; harmless where it has ended."""
        with contextlib.suppress(OSError):
            self._process.kill()
        for pipe in (self._process.stdout, self._process.stdin):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            # The kernel is still taking back its memory; nobody needs to wait for that.
            threading.Thread(target=self._process.wait, daemon=True).start()

    def __enter__(self) -> Query:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_query(
    file: Path, sql: str, parameters: Mapping[str, str] | None = None, limits: Limits | None = None, **more: Any
) -> Query:
    """Start one query on a published file, read-only; the caller reads and closes it."""
    return Query(Request(file, sql, dict(parameters or {}), limits or Limits(), **more))


def run_query(
    file: Path, sql: str, parameters: Mapping[str, str] | None = None, limits: Limits | None = None
) -> Result:
    """Run one query, read-only, on a published file; MusterError says in one sentence why it was not answered."""
    with start_query(file, sql, parameters, limits) as query:
        return query.result()


def cut_note(cut_by: str, limits: Limits | None = None) -> str:
    """What to say below an answer that was cut, or nothing."""
    limits = limits or Limits()
    if cut_by == "rows":
        return f"These are the first {limits.row_limit:,} rows of more; count or narrow the question to see the rest."
    if cut_by == "bytes":
        return f"The answer was cut at {limits.byte_limit >> 20} MB; there are more rows. Ask for less at once."
    return ""
