"""One run: land, reference, stage, core, mart, validate, publish, as plain functions in that order.

Dagster calls these steps (pipelines/definitions.py); nothing here knows Dagster. A run is a pure function of the
files received by ``known_at``, the configuration and ``as_of`` (F5). It writes one build file of its own, so any
step may be repeated, and a failed run leaves the publication in force untouched.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.head_start import HeadStart, is_wish_to_stop
from pipelines.instants import require_known_year
from pipelines.settings import Home, Settings, load_settings
from pipelines.timings import Timing, timing_lines

if TYPE_CHECKING:
    from pipelines import validation
    from pipelines.engines import Builder, Engine
    from pipelines.kept import Kept
    from pipelines.last_reads import LastReads
    from pipelines.models import Model, ModelResult
    from pipelines.publish import Publication
    from pipelines.validation.background import BackgroundChecks

Progress = Callable[[str], None]
"""Told one short sentence after another while a run works; never a personal value."""

_CLOCK_STEP = timedelta(minutes=1)
"""Clocks are set right by less than this all the time."""

STEPS = ("land", "reference", "stage", "core", "mart", "validate", "publish")


@dataclass(frozen=True)
class RunResult:
    """What a finished run made."""

    run_id: str
    as_of: datetime
    known_at: datetime
    publication: Publication
    findings: tuple[validation.Finding, ...]
    check_count: int
    timings: tuple[Timing, ...]
    seconds: float


@dataclass
class _State:
    kept: Kept | None = None
    done: list[str] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    landed_files: int = 0
    publication: Publication | None = None


class Run:
    """One run of a home, a context manager that holds the home's run lock and the build file.

    ``reach(step)`` runs whatever steps are missing up to that one, so that a step asked for alone, as after a retry,
    finds what it needs. ``as_of`` and ``known_at`` are aware instants; both default to the start of the build, which
    is after landing, so that what this run lands is known to it. ``engine`` runs the models; by default DuckDB.
    """

    def __init__(
        self,
        home: Home,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        progress: Progress | None = None,
        run_id: str | None = None,
        engine: Engine | None = None,
    ) -> None:
        from pipelines import engines, warehouse
        from pipelines.permissions import require_private

        self.engine: Engine = engine or engines.DuckdbEngine()
        self.home = home.require().prepare()
        require_private(self.home)
        self.settings: Settings = load_settings(home)
        self.contracts = _load_contracts(home, self.settings)
        _check_policy(home, self.settings)
        self.run_id = run_id or warehouse.new_run_id()
        self.began = time.perf_counter()
        require_known_year(as_of)
        self._as_of, self._known_at = as_of, known_at
        self._started_at: datetime | None = None
        self._progress = progress
        self._state = _State()
        self._stack = contextlib.ExitStack()
        self._builder: Builder | None = None
        self._checks: dict[str, BackgroundChecks] = {}
        self._failure: Exception | None = None
        self._warnings: list[validation.Finding] = []
        self.reports: dict[str, validation.Report] = {}

    def __enter__(self) -> Run:
        from pipelines import landing, publish, validation
        from pipelines.kept import drop_kept, kept_path
        from pipelines.locking import run_lock

        self._stack.enter_context(run_lock(self.home, on_wait=self._progress))
        publish.clean_up(self.home, remove_builds=True)
        landing.clean_store(self.home, timedelta(0))
        if not self.settings.keep_tables:
            drop_kept(self.home)
        if not kept_path(self.home).exists():
            validation.process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for check in self._checks.values():
            check.wait(stop=error is not None)
        if self._builder is not None:
            self._builder.close()
            self._builder = None
        self.engine.close()
        kept, self._state.kept = self._state.kept, None
        with self._stack:
            if kept is not None and "publish" in self._state.done:
                self._hand_over(kept)
            elif kept is not None:
                kept.con.close()
        if error is None and "publish" in self._state.done:
            from pipelines.erasure import forget as erasure

            erasure.complete(self.home)  # its reports take the lock themselves

    def _hand_over(self, kept: Kept) -> None:
        """Leave the build file to the next run; where the disk refuses, that one makes everything anew."""
        from pipelines import publish

        try:
            kept.hand_over(self.home, self.run_id, self._takes_over)
        except (duckdb.Error, OSError):
            kept.con.close()
            publish.clean_up(self.home, remove_builds=True)
            self.tell("What the next run could have gone on from could not be kept; it makes everything anew.")

    @property
    def as_of(self) -> datetime:
        """The instant asked about."""
        return self._as_of or self._start()

    @property
    def known_at(self) -> datetime:
        """Only files received by then count."""
        return self._known_at or self._start()

    @property
    def timings(self) -> tuple[Timing, ...]:
        """Where the time went so far."""
        return tuple(self._state.timings)

    @property
    def publication(self) -> Publication:
        """What the run published; only after its last step."""
        assert self._state.publication is not None  # noqa: S101 (callers reach 'publish' first)
        return self._state.publication

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The one writable connection, to this run's build file."""
        return self.kept.con

    @property
    def kept(self) -> Kept:
        """What this run's build file holds, taken over from the run before or made."""
        from pipelines.kept import Kept

        if self._state.kept is None:
            self._state.kept = Kept.open(self.home, self.run_id, self._takes_over)
        return self._state.kept

    @property
    def _takes_over(self) -> bool:
        return self._builds_here and self.settings.keep_tables

    @property
    def _builds_here(self) -> bool:
        return self.engine.name == "duckdb"  # another engine's build file holds only the tables that are read

    def _start(self) -> datetime:
        if self._started_at is None:
            self._started_at = datetime.now(UTC)
        return self._started_at

    def reach(self, step: str) -> None:
        """Run the steps that are missing up to ``step``, each once, and the step itself.

        Raises what a step raises, also one that :meth:`reach_while` took.
        """
        for name in STEPS[: STEPS.index(step) + 1]:
            if name not in self._state.done:
                if self._failure is not None:
                    raise self._failure
                with self._timed(name, "all"):
                    getattr(self, f"_{name}")()
                self._state.done.append(name)

    def reach_while(self, goes_on: Callable[[], bool]) -> None:
        """Run one step after the other, publication excepted, as long as ``goes_on()`` says so.

        What a step raises is kept, and raised where that step, or one after it, is asked for.
        """
        for name in STEPS[: STEPS.index("publish")]:
            if not goes_on():
                return
            try:
                self.reach(name)
            except Exception as error:
                if is_wish_to_stop(error):
                    raise KeyboardInterrupt from error
                self._failure = error
                return

    def result(self) -> RunResult:
        """The finished run, after ``reach("publish")``."""
        return RunResult(
            self.run_id,
            self.as_of,
            self.known_at,
            self.publication,
            tuple(finding for report in self.reports.values() for finding in report.findings),
            sum(report.check_count for report in self.reports.values()),
            self.timings,
            time.perf_counter() - self.began,
        )

    def tell(self, message: str) -> None:
        """Show progress, if anybody watches."""
        if self._progress is not None:
            self._progress(message)

    def _count(self, what: str, done: int, total: int) -> None:
        self.tell(f"{what[:1].upper()}{what[1:]}: {done:,} of {total:,}")

    @contextlib.contextmanager
    def _timed(self, step: str, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._state.timings.append(Timing(step, part, time.perf_counter() - began))

    def _land(self) -> None:
        from pipelines import landing
        from pipelines.erasure import forget as erasure

        self.tell("Landing new files …")
        with self._timed("land", "inbox"):
            landed = landing.land_inbox(self.home, self.contracts, self._count)
        for notice in landing.inbox_notices(self.home):
            self.tell(notice)
        self._state.landed_files = len(landed)
        with self._timed("land", "erased before"):
            erasure.refuse_returning(self.home, self.contracts)
        with self._timed("land", "parse"):
            parsed = landing.stage_files(self.home, self.contracts, self._count)
        with self._timed("land", "verify"):
            landing.verify_store(self.home, {account.sha256 for account in parsed})
        self._heed_clock(landing.newest_landing(self.home))
        with self._timed("land", "retention"):
            self._enforce_retention()
        with self._timed("land", "load"):
            landing.load(
                self.con,
                self.home,
                self.settings,
                self.contracts,
                self.known_at,
                kept=self.kept,
                tell=self._warn_spoilt,
            )

    def _warn_spoilt(self, message: str) -> None:
        from pipelines import validation

        self._warnings.append(validation.Finding("staged_file_spoilt", "warning", "land.file", 1, message))
        self.tell(message)

    def _heed_clock(self, newest: datetime | None) -> None:
        """Where the clock was set back, what was received before still counts, and it is said (F5).

        Otherwise every file would have come after ``known_at``, and nobody would be anywhere.
        """
        from pipelines import validation

        newest = newest.replace(tzinfo=UTC) if newest is not None else None
        if newest is None or newest <= self._start():
            return
        self._known_at = self._known_at or newest
        if newest - self._start() > _CLOCK_STEP:
            message = (
                f"The clock of this machine was set back: it says {self._start():%Y-%m-%d %H:%M} UTC, and a file was "
                f"landed at {newest:%Y-%m-%d %H:%M} UTC. Set it right and run again; every file still counts."
            )
            self._warnings.append(validation.Finding("clock_set_back", "warning", "land.file", 1, message))
            self.tell(message)

    def _enforce_retention(self) -> None:
        """Erase what is past its time; what is left of the files is staged anew."""
        from pipelines import kept, landing, retention

        removed = retention.enforce(self.home, self.settings, self.contracts)
        if removed:
            kept.drop_kept(self.home)
            self.tell(str(removed))
        if removed.records:
            landing.stage_files(self.home, self.contracts, self._count)

    def _reference(self) -> None:
        from pipelines import reference, validation

        self.tell("Loading places, time zones and rating scales …")
        reference.load(self.con, self.home, self.settings, self.as_of, self.known_at, self.tell)
        with self._timed("reference", "known before the last week"):
            self._load_bridge()
        reference.note(self.con, self.kept)
        if not self.kept.is_quiet:
            validation.process.start()

    def _load_bridge(self) -> None:
        """What was known before the last completed week, for the change into it (E5)."""
        from pipelines import bridge
        from pipelines.reference import naive_utc

        week = bridge.last_completed(naive_utc(self.as_of), self.settings.office_timezone)
        known_at = naive_utc(self.known_at)
        bridge.load(self.con, self.home, self.settings, self.contracts, [week], known_at, self.tell, self.engine)

    @functools.cached_property
    def models(self) -> list[Model]:
        """Every model, in the order in which they are built."""
        from pipelines import models

        return models.discover()

    def _build(self, layer: str, chosen: list[Model]) -> None:
        from pipelines import models, validation, warehouse

        self.tell(f"Building {layer}: {len(chosen)} tables …")
        validation.prepare_findings(self.con)
        if self._builds_here:
            models.run(self.con, None, self._after_model, models=chosen, make=self.kept.build)
        else:
            self._builder = self._builder or self.engine.builder(
                self.con, warehouse.build_folder(self.home, self.run_id)
            )
            self._builder.run(chosen, self._after_model)

    def _after_model(self, result: ModelResult) -> None:
        from pipelines import privacy

        layer, _, name = result.table.partition(".")
        self._state.timings.append(Timing(layer, name, result.seconds, result.rows, result.is_made))
        if result.table == "core.traveller":
            with self._timed("core", "pseudonym"):
                inputs = self.kept.inputs(hashlib.sha256(privacy.secret_key(self.home)).hexdigest(), [result.table])
                if not self.kept.is_current("core.pseudonym", inputs):
                    privacy.load_pseudonyms(self.con, self.home, result.table)
                    self.kept.note("core.pseudonym", inputs)
        if self._builds_here and not self.settings.keep_tables:
            self._last_reads.after(result.table, self.row_counts())

    @functools.cached_property
    def _last_reads(self) -> LastReads:
        from pipelines.last_reads import LastReads

        def is_free() -> bool:
            return "stage" in self._checks and self._checks["stage"].is_done

        return LastReads(self.con, self.kept, self.contracts, self.models, is_free)

    def _stage(self) -> None:
        from pipelines.validation.background import BackgroundChecks

        self._build("stage", [model for model in self.models if model.layer == "stage"])
        # The checks of feeds and stage tables run beside the SQL of the later layers.
        self._checks["stage"] = BackgroundChecks(self.con.cursor(), self.contracts, self.models, "stage", self.kept)

    def _core(self) -> None:
        self._build("core", [model for model in self.models if model.layer == "core"])

    def _mart(self) -> None:
        from pipelines.models import telling_of_findings

        late = telling_of_findings(self.models)
        self._build("mart", [model for model in self.models if model.layer == "mart" and model not in late])

    def _validate(self) -> None:
        from pipelines import validation
        from pipelines.models import telling_of_findings

        self.tell("Checking feeds and marts …")
        early = self._checks["stage"].report()
        early.findings += self._warnings
        late = telling_of_findings(self.models)
        checked = [model for model in self.models if model not in late]
        self.reports = {"stage": early, "mart": validation.run(self.con, self.contracts, checked, "mart", self.kept)}
        validation.write_findings(self.con, "stage", early.findings)
        self.kept.note_content(["core.finding"])
        for scope, report in self.reports.items():
            self._state.timings += [
                Timing("validate", f"{scope}: {part}", seconds) for part, seconds in report.seconds.items()
            ]
        if late:
            self._build("mart", late)

    def row_counts(self) -> dict[str, int]:
        """Rows of every table of the build, and of those that have left it, by qualified name."""
        rows = self.con.execute(
            "select schema_name || '.' || table_name, estimated_size from duckdb_tables() "
            "where database_name = current_database()"
        ).fetchall()
        made = {f"{timing.step}.{timing.part}": timing.rows for timing in self.timings if timing.rows is not None}
        return made | dict(rows)

    def findings(self) -> list[validation.Finding]:
        """What the checks of this run found, after ``reach("validate")``."""
        return [finding for report in self.reports.values() for finding in report.findings]

    def _publish(self) -> None:
        from pipelines import publish, validation
        from pipelines.erasure import forget as erasure

        validation.require_no_blocking(self.findings())
        self.tell("Publishing …")
        self._state.publication = publish.publish(self.home, self.con, self.run_id)
        for part, seconds in self._state.publication.seconds.items():
            self._state.timings.append(Timing("publish", part, seconds))
        erasure.finish_interrupted(self.home)


def _load_contracts(home: Home, settings: Settings) -> dict[str, Any]:
    from pipelines.contracts import load_contracts

    return dict(load_contracts(home, settings))


def _check_policy(home: Home, settings: Settings) -> None:
    """A broken policy is told before anything is landed."""
    from pipelines.policy import load_policy, policy_path

    load_policy(policy_path(home, settings))


def run_plain(
    home: Home,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> RunResult:
    """One run without Dagster: for tests and for programs that build many states of one home."""
    with Run(home, as_of, known_at, progress, engine=engine) as run:
        run.reach("publish")
        return run.result()


def run_pipeline(
    home: Home,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    progress: Progress | None = None,
    verbose: bool = False,
    engine: str = "duckdb",
    master: str | None = None,
) -> RunResult:
    """One run as Dagster's job ``muster_run``, in this process, recorded in the home's Dagster instance.

    ``verbose`` tells where the time went at the end; ``engine`` and ``master`` are those of
    :func:`pipelines.engines.choose`. Raises MusterError in one sentence: the run's own error, not
    Dagster's account of it.
    """
    from pipelines import engines

    def open_run() -> Run:
        return Run(home, as_of, known_at, progress, engine=engines.choose(engine, master))

    with HeadStart(home, open_run) as start:
        from pipelines.definitions import execute

        execute(home, start, as_of, known_at, progress, engine, master)
    result = start.take().result()
    if verbose and progress is not None:
        for line in timing_lines(result.timings):
            progress(line)
    return result
