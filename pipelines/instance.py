"""Dagster's instance of a home: where its record of runs lies, and how its web pages are served.

``python -m pipelines.instance [--home DIR]`` serves Dagster's pages on 127.0.0.1 for a home; ``make dagster`` does
that. There is no sign-in, so nothing but the loopback address is bound.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import SingletonThreadPool

from pipelines.errors import MusterError
from pipelines.permissions import require_private
from pipelines.run_history import ENDED
from pipelines.settings import PROJECT, Home, default_home

if TYPE_CHECKING:
    import dagster

KEPT_RUNS = 50
"""Runs whose record is kept; older ones are forgotten by each run, whoever started it."""

FIRST_PORT = 3000
"""Where Dagster's pages are served unless another port is asked for."""

PROCESS_TAG = "muster/process"
"""Marks a run with the process that works on it."""

_UNMARKED_SECONDS = 180.0
"""A process marks its run within the first second; one that has not by now was ended before it could."""

_PATIENCE_SECONDS = 5.0
_RECORDS = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


def prepare(home: Home) -> Path:
    """Make ``<home>/dagster`` with the instance's configuration, point DAGSTER_HOME at it and return it."""
    folder = home.root / "dagster"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = folder / "dagster.yaml"
        text = (PROJECT / "dagster.yaml").read_text(encoding="utf-8")
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            draft = folder / f"dagster.yaml.{os.getpid()}"
            draft.write_text(text, encoding="utf-8")
            draft.replace(target)
    except OSError as error:
        raise MusterError(
            f"{folder} cannot be written: {error.strerror}. Make room or mend its permissions."
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    return folder


def begin_anew_if_spoilt(home: Home, tell: Callable[[str], None] | None = None) -> None:
    """Remove a record of runs that SQLite cannot read, as in a copy of a home made during a run: it is no data.

    No run fails for it then; ``tell`` is told.
    """
    folder = home.root / "dagster"
    files = [path for path in (folder / name for name in _RECORDS) if path.exists()]
    if all(map(_is_sound, files)):
        return
    for path in (folder / "history", folder / "schedules"):
        shutil.rmtree(path, ignore_errors=True)
    if tell is not None:
        tell("Dagster's record of runs was damaged and begins anew; nothing that Muster needs was in it.")


def _is_sound(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
            return bool(connection.execute("pragma quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError:
        return True  # it is locked, or the disk refuses it: the run itself will say so
    except sqlite3.DatabaseError:
        return False


def this_process() -> str:
    """This process as a text that no later one shares: its number and when it began."""
    return _mark(os.getpid())


def _mark(process: int) -> str:
    try:
        # What stands before the last bracket of `stat` is the command, which may hold anything.
        began = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        began = ""
    return f"{process}:{began}"


def _is_at_work(mark: str) -> bool:
    process = int(mark.partition(":")[0])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    found = _mark(process)
    return found == mark or found.endswith(":")  # of another account, whose beginning may be hidden


def mark_run(instance: dagster.DagsterInstance, run: dagster.DagsterRun) -> None:
    """Mark a run as worked on by this process."""
    if run.tags.get(PROCESS_TAG) != this_process():
        instance.add_run_tags(run.run_id, {PROCESS_TAG: this_process()})


def is_dead(record: dagster.RunRecord) -> bool:
    """Whether the process of a run that is recorded as under way is no more."""
    mark = record.dagster_run.tags.get(PROCESS_TAG)
    if mark:
        return not _is_at_work(mark)
    return time.time() - record.update_timestamp.timestamp() > _UNMARKED_SECONDS


def close_dead_runs(instance: dagster.DagsterInstance) -> None:
    """Record as failed, or stopped, what a killed process left as under way, for who runs no daemon of Dagster's.

    Dagster's own monitoring of runs does the same where its daemon is at work (:mod:`pipelines.launcher`).
    """
    from dagster import DagsterRunStatus, RunsFilter

    open_states = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
    for record in instance.get_run_records(RunsFilter(statuses=[*open_states, DagsterRunStatus.CANCELING])):
        if is_dead(record) and record.dagster_run.status == DagsterRunStatus.CANCELING:
            instance.report_run_canceled(record.dagster_run, ENDED)
        elif is_dead(record):
            instance.report_run_failed(record.dagster_run, ENDED)


def forget_old_runs(instance: dagster.DagsterInstance) -> None:
    """Forget all but the newest runs, so that the record of them does not grow; what is under way is kept.

    Dagster leaves the file of a run's events where it forgets the run, so files of no run are removed, too.
    """
    from dagster import DagsterRunStatus

    files = list(Path(instance.root_directory, "history", "runs").glob("*-*.db*"))
    ended = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    known = set()
    for number, record in enumerate(instance.get_run_records()):
        if number >= KEPT_RUNS and record.dagster_run.status in ended:
            instance.delete_run(record.dagster_run.run_id)
        else:
            known.add(record.dagster_run.run_id)
    for path in files:
        if path.name.partition(".")[0] not in known:
            path.unlink(missing_ok=True)


def save_without_waiting(connection: object, record: object) -> None:
    """Let a SQLite connection commit without waiting for the disk: the record of runs is no data of anybody's.

    A power cut may lose the last events of it, but cannot spoil the file. It halves what recording a run costs.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = normal")


def storage_modules() -> tuple[ModuleType, ModuleType]:
    """Dagster's modules of the record in SQLite: of events, and of runs. Importing them takes a third of a second."""
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    return sqlite_event_log, sqlite_run_storage


@contextlib.contextmanager
def engines_kept() -> Iterator[None]:
    """Within this context Dagster's SQLite storage has one engine and one connection a file, not new ones an event.

    A new engine compiles every statement anew, and the last connection that closes writes the file's journal back:
    both together were most of what recording a run cost. Where a later Dagster has the function elsewhere nothing is
    changed, and recording is slower again.
    """
    engines: dict[str, Any] = {}
    original = {module: getattr(module, "create_engine", None) for module in storage_modules()}

    def keeping(make: Callable[..., Any]) -> Callable[..., Any]:
        def create_engine(address: str, **options: Any) -> Any:
            if address not in engines:
                engine = engines[address] = make(address, **options | {"poolclass": SingletonThreadPool})
                engine.dispose = _keep  # Dagster disposes of it after every event
            return engines[address]

        return create_engine

    for module, make in original.items():
        if make is not None:
            module.create_engine = keeping(make)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, make in original.items():
            if make is not None:
                module.create_engine = make  # type: ignore[attr-defined]
        for engine in engines.values():
            del engine.dispose
            engine.dispose()


def _keep(close: bool = True) -> None:
    """Stands for an engine's own ``dispose`` while its connection is kept."""


def serve(home: Home, port: int) -> int:
    """Run ``dagster dev`` for a home until interrupted; returns its exit code.

    It runs in a process group of its own, because it leaves its children behind when only itself is told to stop.
    """
    require_private(home.require().prepare())
    folder = prepare(home)
    begin_anew_if_spoilt(home)
    executable = shutil.which("dagster", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if executable is None:
        raise MusterError("The command 'dagster' is not installed beside this Python; install Muster's requirements.")
    environment = os.environ | {"MUSTER_HOME": str(home.root)}
    command = [executable, "dev", "-m", "pipelines.definitions", "-d", str(PROJECT), "-h", "127.0.0.1"]
    command += ["-p", str(port)]
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)  # noqa: S603
    _address_file(home).write_text(f"{process.pid} {port}\n", encoding="utf-8")
    asked_to_stop = False

    def stop(number: int, frame: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    while process.poll() is None and not asked_to_stop:
        time.sleep(0.2)
    _end_group(process)
    _address_file(home).unlink(missing_ok=True)
    return 0 if asked_to_stop else process.returncode


def _address_file(home: Home) -> Path:
    return home.root / "dagster" / "served"


def served_at(home: Home) -> str | None:
    """The address of Dagster's pages of this home while they are served, else None."""
    try:
        number, port = map(int, _address_file(home).read_text(encoding="utf-8").split())
        os.kill(number, 0)
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return f"http://127.0.0.1:{port}"
    except (OSError, ValueError, OverflowError):
        return None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask every process of the group to end, and end those that have not after some seconds."""
    for number, patience in ((signal.SIGINT, _PATIENCE_SECONDS), (signal.SIGKILL, 1.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Serve Dagster's pages for a home, on this machine alone.")
    parser.add_argument("--home", type=Path, default=None, help="the home (default: MUSTER_HOME, else data/)")
    parser.add_argument("--port", type=int, default=FIRST_PORT)
    arguments = parser.parse_args()
    try:
        sys.exit(serve(Home(arguments.home or default_home()), arguments.port))
    except MusterError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
