"""A process that has imported everything and forks real runs, which it kills or spoils at the instant asked for.

Starting Python and its libraries takes some seconds and touches no home, so runs whose moments are to be hit by the
hundred are forked from here. Requests and answers are lines of JSON; a request names children that run at once.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines import cli, errors
from pipelines.validation import process
from tests.faults import kernel

PRELOADED = (
    *("bridge", "commands.pipeline", "definitions", "landing.documents", "landing.stage", "locking", "policy"),
    *("places.resolve", "privacy", "publish", "reference", "run", "validation.expectations", "warehouse"),
)


class Child:
    """One forked process: what it says with when it said so, and the instant at which it is to be killed."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.began = time.monotonic()
        self.lines: list[tuple[float, str]] = []
        self.answer: dict[str, Any] = {}
        kill = request.get("kill") or {}
        self._marker, self._after = kill.get("marker"), kill.get("after")
        self.kill_at = self.began + self._after if kill and not self._marker else None
        self.is_killed = False
        self.pipe, there = os.pipe()
        self.process = os.fork()
        if not self.process:
            _be_the_child(request, there)
        os.close(there)

    def read(self) -> bool:
        """Take what it said; false at its end."""
        text = os.read(self.pipe, 1 << 16).decode(errors="replace")
        now = time.monotonic()
        for line in text.splitlines():
            self.lines.append((round(now - self.began, 4), line))
            if self._marker and self._marker in line and self.kill_at is None and not self.is_killed:
                self.kill_at = now + self._after
        return bool(text)

    def end(self) -> None:
        """Wait for its end, which has come or comes at once."""
        _, status, used = os.wait4(self.process, 0)
        os.close(self.pipe)
        self.answer = {
            "code": os.waitstatus_to_exitcode(status),
            "seconds": time.monotonic() - self.began,
            "processor_seconds": used.ru_utime + used.ru_stime,
            "lines": self.lines,
        }


def _be_the_child(request: dict[str, Any], out: int) -> None:
    code = 99
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(out, stream)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        sys.stderr = _Spoiler(request.get("fault"))
        os.environ.update(request.get("environment", {}))
        code = _do(request)
        sys.stdout.flush()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


class _Here:
    """Great Expectations in the forked run itself, where it is imported: a process would cost each run seconds."""

    def await_ready(self) -> None:
        """It is."""

    def failing(self, con: Any, part: Any) -> list[Any]:
        """The checks that do not hold."""
        from pipelines.validation.expectations import Validator

        validator = Validator(lambda statement, parameters: process._executed(con, statement, parameters))
        return [part.checks[number] for number in validator.failing(part)]


class _Spoiler:
    """Standard error that, so many seconds after a line with the marker, lets the kernel's fault begin."""

    def __init__(self, fault: dict[str, Any] | None) -> None:
        self._fault = fault
        self._file = os.fdopen(2, "w", buffering=1)
        if fault and not fault["marker"]:
            self._begin()

    def _begin(self) -> None:
        assert self._fault is not None
        if self._fault["after"] > 0:
            timer = threading.Timer(self._fault["after"], kernel.fail_from_now_on, [self._fault["error"]])
            timer.daemon = True
            timer.start()
        else:
            kernel.fail_from_now_on(self._fault["error"])
        self._fault = None

    def write(self, text: str) -> int:
        if self._fault and self._fault["marker"] in text:
            self._begin()
        return self._file.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _do(request: dict[str, Any]) -> int:
    if request["what"] == "command":
        return cli.execute(request["arguments"])
    os.umask(0o077)
    try:
        (_publish if request["what"] == "publish" else _run_steps)(request)
    except Exception as error:
        print(error if isinstance(error, errors.MusterError) else cli._describe(error), file=sys.stderr)
        return 1
    return 0


def _run_steps(request: dict[str, Any]) -> None:
    """The steps of a run, all but Dagster's record of it."""
    from pipelines.run import run_plain
    from pipelines.settings import Home

    run_plain(Home(Path(request["home"])), datetime.fromisoformat(request["as_of"]), progress=_tell)


def _tell(message: str) -> None:
    print(f"  0.0 s  {message}", file=sys.stderr)


def _publish(request: dict[str, Any]) -> None:
    """Publish a finished build again; the ``fail_sync``-th of Python's own calls of fsync fails, where one is asked."""
    from pipelines.locking import run_lock
    from pipelines.publish import publish
    from pipelines.settings import Home

    sync, count = os.fsync, 0

    def failing(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == request.get("fail_sync"):
            raise OSError(kernel.FAILING_SYNC, "Input/output error")
        sync(descriptor)

    os.fsync = failing
    home = Home(Path(request["home"]))
    with run_lock(home):
        print("Publishing …", file=sys.stderr)
        publish(home, Path(request["build"]), request["run_id"])
    print(f"{count} calls of fsync", file=sys.stderr)


def _serve(children: list[Child]) -> list[dict[str, Any]]:
    with selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.pipe, selectors.EVENT_READ, child)
        while selector.get_map():
            waiting = [key.data for key in selector.get_map().values()]
            due = [child.kill_at for child in waiting if child.kill_at is not None]
            ready = selector.select(max(0.0, min(due) - time.monotonic()) if due else None)
            for child in waiting:
                if child.kill_at is not None and time.monotonic() >= child.kill_at:
                    os.kill(child.process, signal.SIGKILL)
                    child.kill_at, child.is_killed = None, True
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fd)
                    key.data.end()
    return [child.answer for child in children]


def main() -> None:
    """Import, then answer requests until there are no more."""
    for name in PRELOADED:
        importlib.import_module(f"pipelines.{name}")
    process.start = _Here  # type: ignore[assignment]
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(_serve([Child(request) for request in json.loads(line)])), flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # DuckDB's binding would list what it thinks leaked
