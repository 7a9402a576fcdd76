"""What was known at the end of a week: the past state from which the change of exposure is counted (E5).

The change into week w starts from week w-1 *as known at its end*. That state is a second, smaller build: the same
landed files, contracts and models with ``known_at`` and ``as_of`` set to the Monday that begins w. Of it only the
exposure from w-1 on is kept, as ``warehouse/weeks/<digest>.parquet``. The digest covers every file received by then and
all that turns files into exposure, so a kept state is what a new build would give (F5), and one week costs one build.
Where no file had come by then there is nothing to build.

A run does this for the last completed week, so that the Monday report waits for nothing. Other weeks are made when
they are asked for (``muster report week --week``) from the published exposure, by the same SQL.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import re
import time
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from pipelines.engines import DuckdbEngine, Engine
from pipelines.errors import MusterError, UsageError
from pipelines.settings import PROJECT, REFERENCE, SQL, Home, Settings, yaml_files

TABLES = ("reference.bridge_week", "reference.exposure_then")
KEPT_STATES = 60
"""Past states kept per home; the least recently used go first."""

_CODE = ("pipelines/landing", "pipelines/places", "pipelines/feeds", "pipelines/contracts.py", "pipelines/reference.py")
_NEEDED = ("core.exposure_interval", "core.trip_reference", "core.place")
_NAMED = re.compile(r"(\d{4})-?W(\d{2})", re.IGNORECASE)

_DDL = """
create schema if not exists reference;
create or replace table reference.bridge_week (
    week_start_date date, before_starts_at timestamp, starts_at timestamp, ends_at timestamp);
create or replace table reference.exposure_then (
    week_start_date date, trip_id varchar, place_id varchar, risk_level integer, starts_at timestamp,
    ends_at timestamp, is_open boolean, candidate_count integer);
"""

_STATE = """
copy (
    select
        t.trip_id, g.place_id, e.risk_level, e.starts_at, e.ends_at, e.is_open,
        cast(e.candidate_count as integer) as candidate_count
    from core.exposure_interval as e
    inner join core.trip_reference as t on e.trip_key = t.trip_key
    inner join core.place as g on e.place_key = g.place_key
    where e.ends_at > timestamp '{before}'
    order by all
) to '{path}' (format parquet, compression zstd)
"""


@dataclass(frozen=True, order=True)
class Week:
    """An ISO week of the office, named by its Monday (E3)."""

    monday: datetime.date

    @classmethod
    def of(cls, text: str, option: str = "--week") -> Week:
        """The week that ``2026-W46`` names; raises UsageError for anything else."""
        match = _NAMED.fullmatch(text.strip())
        try:
            if match is None:
                raise ValueError
            return cls(datetime.date.fromisocalendar(int(match.group(1)), int(match.group(2)), 1))
        except ValueError:
            raise UsageError(f"{option} '{text}' is no ISO week; write it like 2026-W46.") from None

    @classmethod
    def at(cls, moment: datetime.datetime, timezone: str) -> Week:
        """The office's week that holds an instant (naive UTC)."""
        local = moment.replace(tzinfo=datetime.UTC).astimezone(zoneinfo.ZoneInfo(timezone)).date()
        return cls(local - datetime.timedelta(days=local.weekday()))

    def moved(self, weeks: int) -> Week:
        """The week so many weeks later."""
        try:
            return Week(self.monday + datetime.timedelta(weeks=weeks))
        except OverflowError:
            raise UsageError(f"The week {self} is outside the calendar.") from None

    def starts_at(self, timezone: str) -> datetime.datetime:
        """Monday 00:00 in the office as naive UTC; a midnight that was skipped moves forward by the gap (S1)."""
        midnight = datetime.datetime.combine(self.monday, datetime.time(), zoneinfo.ZoneInfo(timezone))
        return midnight.astimezone(datetime.UTC).replace(tzinfo=None)

    def __str__(self) -> str:
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"


def last_completed(as_of: datetime.datetime, timezone: str) -> Week:
    """The last week that was over at an instant (naive UTC)."""
    return Week.at(as_of, timezone).moved(-1)


def load(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    settings: Settings,
    contracts: dict[str, Any],
    weeks: Iterable[Week],
    known_at: datetime.datetime,
    progress: Callable[[str], None] | None = None,
    engine: Engine | None = None,
) -> None:
    """Make ``reference.bridge_week`` and ``reference.exposure_then`` in ``con`` for the weeks asked for.

    The caller holds the run lock, and every landed file is staged. ``known_at`` is naive UTC: what came later does not
    count as known then either. ``engine`` builds what is not kept yet; by default DuckDB.
    """
    con.execute(_DDL)
    for week in sorted(set(weeks)):
        before, starts, ends = (week.moved(step).starts_at(settings.office_timezone) for step in (-1, 0, 1))
        con.execute("insert into reference.bridge_week values (?, ?, ?, ?)", [week.monday, before, starts, ends])
        path = _state(home, settings, contracts, week, (before, starts), min(starts, known_at), progress, engine)
        if path is not None:
            con.execute(
                "insert into reference.exposure_then select ?, trip_id, place_id, risk_level, starts_at, ends_at, "
                "is_open, candidate_count from read_parquet(?)",
                [week.monday, str(path)],
            )


def _state(
    home: Home,
    settings: Settings,
    contracts: dict[str, Any],
    week: Week,
    bounds: tuple[datetime.datetime, datetime.datetime],
    then: datetime.datetime,
    progress: Callable[[str], None] | None,
    engine: Engine | None,
) -> Path | None:
    """The kept state at the end of ``bounds``, from what had come by ``then``, built if there is none.

    None where no file had come by then.
    """
    files = _known_files(home, contracts, then)
    if not files:
        return None
    folder = home.warehouse / "weeks"
    parts = [
        then.isoformat(),
        *(bound.isoformat() for bound in bounds),
        files,
        settings.sha256(),
        _code_digest(),
        _home_digest(home),
    ]
    path = folder / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}.parquet"
    if not path.exists():
        if progress is not None:
            progress(f"Building what was known before {week} …")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _build_state(home, settings, contracts, bounds, then, path, engine or DuckdbEngine())
    path.touch()
    for old in sorted(folder.glob("*.parquet"), key=lambda kept: kept.stat().st_mtime, reverse=True)[KEPT_STATES:]:
        old.unlink(missing_ok=True)
    return path


def _known_files(home: Home, contracts: dict[str, Any], then: datetime.datetime) -> list[list[str]]:
    """The files that count at an instant, each with what decides how it counts."""
    from pipelines.contracts import ReceivedAtColumn
    from pipelines.landing.states import file_states
    from pipelines.landing.store import is_released

    found = []
    for state in file_states(home, contracts):
        # A file whose rows carry their own instants of receipt may hold rows from before the newest.
        by_row = state.contract is not None and isinstance(state.contract.received_at, ReceivedAtColumn)
        if state.contract is not None and (by_row or state.received_at <= then):
            released = str(is_released(home, state.landed))
            came = [f"{at.isoformat()} {name}" for at, name in state.receipts if by_row or at <= then]
            found.append([state.landed.feed, state.landed.sha256, *came, state.status, released])
    return found


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _code_digest() -> str:
    paths = [path for layer in ("land", "stage", "core") for path in (SQL / layer).glob("*.*")]
    paths += REFERENCE.glob("*.csv")
    for place in _CODE:
        root = PROJECT / place
        paths += root.glob("*.py") if root.is_dir() else [root]
    return _digest(paths) + version("duckdb") + version("tzdata")


def _home_digest(home: Home) -> str:
    return _digest([*yaml_files(home.contracts), *home.root.glob("*.csv")])


def _build_state(
    home: Home,
    settings: Settings,
    contracts: dict[str, Any],
    bounds: tuple[datetime.datetime, datetime.datetime],
    then: datetime.datetime,
    path: Path,
    engine: Engine,
) -> None:
    from pipelines import landing, models, reference, warehouse

    before, ended_at = bounds
    known_at = then.replace(tzinfo=datetime.UTC)
    run_id = warehouse.new_run_id()
    build = warehouse.build_path(home, run_id)
    partial = path.with_suffix(f".{run_id}.tmp")
    con = warehouse.open_build(home, run_id)
    try:
        landing.load(con, home, settings, contracts, known_at)
        # Asked about the end of the week, also where known earlier: who is still somewhere then is there until then.
        reference.load(con, home, settings, ended_at.replace(tzinfo=datetime.UTC), known_at)
        every = models.discover()
        wanted = {model.table for target in _NEEDED for model in models.needed(every, target, ())}
        with contextlib.closing(engine.builder(con, warehouse.build_folder(home, run_id), _NEEDED)) as builder:
            builder.run([model for model in every if model.table in wanted])
        con.execute(_STATE.format(before=before.isoformat(sep=" "), path=str(partial).replace("'", "''")))
        partial.chmod(0o600)
        partial.replace(path)
    except duckdb.Error as error:
        raise MusterError(
            f"The state before {then:%Y-%m-%d} failed: {models.describe_database_error(error)}"
        ) from error
    finally:
        con.close()
        for leftover in (build, build.with_name(f"{build.name}.wal"), partial):
            leftover.unlink(missing_ok=True)


def compute(
    home: Home,
    settings: Settings,
    contracts: dict[str, Any],
    published: duckdb.DuckDBPyConnection,
    weeks: Iterable[Week],
    as_of: datetime.datetime,
    known_at: datetime.datetime,
    progress: Callable[[str], None] | None = None,
) -> float:
    """Make the change into weeks that a publication does not hold; returns the seconds that took.

    ``published`` knows the publication's table ``mart.exposure`` and can make tables in its schemas ``reference`` and
    ``mart``; ``mart.exposure_change_by_week`` is replaced there by the weeks asked for.
    """
    from pipelines.locking import run_lock

    began = time.perf_counter()
    with run_lock(home, on_wait=progress):
        load(published, home, settings, contracts, weeks, known_at, progress)
    published.execute("create or replace table reference.parameter as select ?::timestamp as as_of", [as_of])
    text = (SQL / "mart" / "exposure_change_by_week.sql").read_text(encoding="utf-8")
    published.execute(f"create or replace table mart.exposure_change_by_week as {text}")
    return time.perf_counter() - began
