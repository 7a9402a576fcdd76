"""The last runs of a home, from the record that Dagster keeps of them.

Read as plain SQLite: Dagster itself takes seconds to import, which a page cannot wait for. What a later Dagster keeps
elsewhere is not shown, and nothing fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.settings import Home

RunStatus = Literal["succeeded", "failed", "stopped", "running", "broken_off"]

_STATUS: dict[str, RunStatus] = {"SUCCESS": "succeeded", "FAILURE": "failed", "CANCELED": "stopped"}
_OWN_ERROR = re.compile(r"pipelines(?:\.\w+)+: (.+)", re.DOTALL)
"""An error of Muster's own, as Dagster keeps it: its sentence is made to be read and holds no personal value."""
_ELSEWHERE = "Dagster's pages hold why."
ENDED = "The process of this run was ended before the run was."


@dataclass(frozen=True)
class PastRun:
    """One run as Dagster recorded it; instants are naive UTC, `problem` says in words why it failed."""

    run_id: str
    job: str
    status: RunStatus
    began_at: datetime
    ended_at: datetime | None
    problem: str


def last_runs(home: Home, limit: int) -> list[PastRun]:
    """The newest runs first; none where no run was recorded. Raises OSError where the record cannot be read."""
    folder = home.root / "dagster" / "history"
    if not (folder / "runs.db").is_file():
        return []
    sql = """
        select run_id, pipeline_name, status, coalesce(start_time, unixepoch(create_timestamp)), end_time
        from runs order by id desc limit ?
    """
    with _opened(folder / "runs.db") as con:
        rows = con.execute(sql, [limit]).fetchall()
    found: list[PastRun] = []
    for run_id, job, recorded, began, ended in rows:
        status = _STATUS.get(recorded) or ("running" if not found and _is_at_work(home) else "broken_off")
        problem = _problem(folder / "runs" / f"{run_id}.db") if status == "failed" else ""
        found.append(PastRun(run_id, job, status, _instant(began), _instant(ended) if ended else None, problem))
    return found


def newest_run(home: Home) -> PastRun | None:
    """The newest run; None where there is none or its record cannot be read. Cheap to ask at each drawing."""
    try:
        state = (home.root / "dagster" / "history" / "runs.db").stat()
        return _newest(str(home.root), state.st_ino, state.st_mtime_ns, state.st_size)
    except OSError:
        return None


@functools.lru_cache(maxsize=8)
def _newest(root: str, inode: int, changed: int, size: int) -> PastRun | None:
    return next(iter(last_runs(Home(root), 1)), None)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file read-only; whatever SQLite says is an OSError without its words, which may quote values."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as con:
            yield con
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be read ({type(error).__name__}).") from error


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC).replace(tzinfo=None, microsecond=0)


def _is_at_work(home: Home) -> bool:
    """Whether a process holds the home's run lock: a run that was killed is recorded as begun for ever."""
    try:
        descriptor = os.open(home.warehouse / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _problem(path: Path) -> str:
    """Why a run failed: Muster's own sentence, the blocking check that failed, or the step where it broke."""
    sql = """
        select dagster_event_type, step_key, event from event_logs
        where dagster_event_type in ('STEP_FAILURE', 'PIPELINE_FAILURE', 'ASSET_CHECK_EVALUATION') order by id
    """
    if not path.is_file():
        return "Dagster's record of it is gone."
    try:
        with _opened(path) as con:
            events = [(step, json.loads(event)["dagster_event"]) for _, step, event in con.execute(sql)]
        told = [sentence for _, event in events for sentence in (*_sentences(event), *_failed_check(event))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _ELSEWHERE
    steps = [step for step, event in events if event.get("event_type_value") == "STEP_FAILURE" and step]
    broke = [f"It broke in the step '{step}'. {_ELSEWHERE}" for step in steps]
    # A run that fails by itself says with what; one whose process is gone was closed by somebody else, without more.
    closed = [ENDED for _, event in events if _is_closing(event)]
    return next(iter([*told, *broke, *closed]), _ELSEWHERE)


def _is_closing(event: dict[str, Any]) -> bool:
    return event.get("event_type_value") == "PIPELINE_FAILURE" and event.get("event_specific_data") is None


def _sentences(event: dict[str, Any]) -> Iterator[str]:
    """The sentence of Muster's own error in an event, or in what caused it."""
    error = (event.get("event_specific_data") or {}).get("error")
    while error:
        own = _OWN_ERROR.fullmatch(error.get("message", "").strip())
        if own:
            yield " ".join(own[1].split())
        error = error.get("cause")


def _failed_check(event: dict[str, Any]) -> Iterator[str]:
    """What a check says that failed and keeps a run from publishing; it counts rows and quotes no value."""
    found = event.get("event_specific_data") or {}
    is_failed = "check_name" in found and found.get("blocking") and not found.get("success")
    if is_failed and "ERROR" in json.dumps(found.get("severity")):
        yield f"A blocking check failed: {found.get('description') or found['check_name']}"
