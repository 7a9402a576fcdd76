"""Tasks that show what old things cost a new run: landed files, lines of the access log, runs, generations, years."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.answers import require
from benchmarks.tasks import Clock
from pipelines import landing
from pipelines.access_log import head_path, log_path, record_look, verify
from pipelines.contracts import load_contracts
from pipelines.settings import Home, load_settings

LOOKS = 20


def land(home: str) -> dict[str, Any]:
    """The step ``land`` of a run alone: inbox, reading what is new, loading; returns the seconds of each part."""
    office = Home(home).prepare()
    settings = load_settings(office)
    contracts = dict(load_contracts(office, settings))
    clock = Clock()
    parts: dict[str, float] = {}
    con = duckdb.connect()

    def timed(part: str, work: Callable[[], Any]) -> None:
        began = time.perf_counter()
        work()
        parts[part] = round(time.perf_counter() - began, 3)

    known_at = datetime.now(UTC) + timedelta(days=1)
    with clock.working():
        timed("inbox", lambda: landing.land_inbox(office, contracts))
        timed("read", lambda: landing.stage_files(office, contracts))
        timed("load", lambda: landing.load(con, office, settings, contracts, known_at))
    files = con.execute("select count(*), sum(loaded) from land.file where status = 'loaded'").fetchone() or (0, 0)
    return {"parts": parts, "files": files[0], "records": int(files[1] or 0)} | clock.taken()


def write_log(home: str, lines: int) -> dict[str, Any]:
    """An access log of so many lines, its chain whole."""
    office = Home(home).prepare()
    path = log_path(office)
    head_path(office).unlink(missing_ok=True)  # it knows the log that was there
    entry = {"looked_at": "2026-11-16T12:00:00.000+00:00", "user": "office", "role": "duty", "action": "who",
             "generation": "000001", "travellers": 20, "traveller_ids": [f"t_{n:016x}" for n in range(20)]}  # fmt: skip
    previous = "0" * 64
    with path.open("wb") as log:
        for _ in range(lines):
            line = json.dumps({"previous_sha256": previous, **entry}).encode()
            log.write(line + b"\n")
            previous = hashlib.sha256(line).hexdigest()
    path.chmod(0o600)
    return {"mib": round(path.stat().st_size / 2**20, 1)}


def look(home: str) -> dict[str, Any]:
    """Write looks into a long access log: what each ``muster who`` and each page with names waits for."""
    office = Home(home)
    clock = Clock()
    record_look(office, "who", "duty", "000001", {})  # a log without its head is counted once
    with clock.working():
        for number in range(LOOKS):
            record_look(office, "who", "duty", "000001", {}, [f"t_{number:016x}"])
    began = time.perf_counter()
    verdict = verify(office)
    require(verdict.problem is None, f"the access log is not whole: {verdict.problem}")
    return {"looks": LOOKS, "seconds_to_check_the_chain": round(time.perf_counter() - began, 3)} | clock.taken()


def runs(home: str, count: int, kept: int, as_of: str) -> dict[str, Any]:
    """Run a home again and again in one process; what is kept of runs is bounded to ``kept``, to reach the bound soon.

    Returns the seconds of each run, and the bytes of Dagster's record and the number of generations after it.
    """
    from pipelines import instance
    from pipelines.run import run_pipeline

    office = Home(home)
    instance.KEPT_RUNS = kept
    moment = datetime.fromisoformat(as_of)
    taken, sizes, generations = [], [], []
    for _ in range(count):
        began = time.perf_counter()
        run_pipeline(office, moment)
        taken.append(round(time.perf_counter() - began, 3))
        sizes.append(_size(office.root / "dagster"))
        generations.append(sum(1 for path in office.published.iterdir() if path.is_dir() and not path.is_symlink()))
    require(max(generations) <= 3, f"{max(generations)} generations are kept")
    half = count // 2
    require(
        sizes[-1] <= 1.2 * sizes[half],
        f"the record of runs grew from {sizes[half]} to {sizes[-1]} bytes after its bound was reached",
    )
    return {"run_seconds": taken, "dagster_mib": [round(size / 2**20, 2) for size in sizes], "generations": generations}


def years(home: str, as_of: str) -> dict[str, Any]:
    """One run of a home in this process, of everything; returns the seconds of each step and the weeks it published."""
    from pipelines.kept import drop_kept
    from pipelines.run import run_plain

    office = Home(home)
    drop_kept(office)
    clock = Clock()
    with clock.working():
        result = run_plain(office, datetime.fromisoformat(as_of))
    steps = {timing.step: round(timing.seconds, 2) for timing in result.timings if timing.part == "all"}
    slowest = sorted((timing for timing in result.timings if timing.part != "all"), key=lambda timing: -timing.seconds)
    with duckdb.connect(str(office.published / "current" / "analyst.duckdb"), read_only=True) as con:
        counted = con.execute(
            "select count(distinct week_start_date), sum(person_days), "
            "(select count(*) from mart.exposure) from mart.exposure_by_week"
        ).fetchone() or (0, 0, 0)
    shutil.rmtree(office.published, ignore_errors=True)
    return {
        "weeks": counted[0],
        "person_days": round(counted[1] or 0),
        "exposures": counted[2],
        "steps": steps,
        "slowest": {timing.part: round(timing.seconds, 2) for timing in slowest[:6]},
    } | clock.taken()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
