"""``muster run``, ``demo`` and ``generate``: the work itself, with progress and an account at the end."""

from __future__ import annotations

import contextlib
import datetime
import gc
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import MusterError, UsageError
from pipelines.instants import parse_instant
from pipelines.settings import Home, load_settings
from pipelines.tables import instant_text, print_rows, require_format

if TYPE_CHECKING:
    from rich.status import Status

    from pipelines.run import RunResult


@dataclass(frozen=True)
class RunOptions:
    """What ``muster run`` was asked for, as it was written."""

    as_of: str | None = None
    known_at: str | None = None
    engine: str = "duckdb"
    master: str | None = None
    verbose: bool = False


def run(home: Home, options: RunOptions, output_format: str = "table") -> None:
    """Run the pipeline of a home and say what was published."""
    require_format(output_format)
    settings = load_settings(home.require())
    zone = settings.office_timezone
    instants = _aware(options.as_of, zone, "--as-of"), _aware(options.known_at, zone, "--known-at")
    _require_past(home, instants[1])
    if options.engine != "duckdb" or options.master is not None:
        from pipelines import engines

        engines.choose(options.engine, options.master)  # what is wrong with it is told before Dagster is loaded
    _execute(home, *instants, options, output_format)


def make_demo(home: Home, verbose: bool, output_format: str = "table") -> None:
    """Fill an empty home with an invented office and run it."""
    require_format(output_format)
    from pipelines.generate import demo

    if (home.published / "current").exists():
        raise MusterError(f"{home.root} has been published before; give the demo a home of its own with --home DIR.")
    told = sys.stdout if output_format == "table" else sys.stderr
    print("Inventing an office: people, trips, bookings, expenses and ratings …", file=told, flush=True)
    demo.make_demo(home.root)
    _execute(home, None, None, RunOptions(verbose=verbose), output_format)


def generate_feeds(out: Path, trips: int, seed: int, as_of: str | None, output_format: str = "table") -> None:
    """Write synthetic feeds below ``out`` and say how many of what."""
    require_format(output_format)
    from pipelines.generate import generate

    moment = _aware(as_of, "UTC", "--as-of")
    began = time.perf_counter()
    with _Watch() as watch:
        counts = generate(out, trips, seed, moment, progress=watch.count)
    if output_format != "table":
        numbers = {name: value for name, value in counts.items() if isinstance(value, int)}
        print_rows(("folder", *numbers), [(str(out), *numbers.values())], output_format)
        return
    told = ", ".join(f"{value:,} {name}" for name, value in counts.items() if isinstance(value, int))
    print(f"{out}: {told} in {time.perf_counter() - began:.1f} s.")


def _require_past(home: Home, known_at: datetime.datetime | None) -> None:
    """What will be received by an instant that has not come is not known, and every feed would be told stale.

    Where the clock was set back, the newest receipt is the past too.
    """
    now = datetime.datetime.now(datetime.UTC)
    if known_at is None or known_at <= now:
        return
    from pipelines.landing.store import newest_landing

    newest = newest_landing(home)
    if newest is None or known_at > newest.replace(tzinfo=datetime.UTC):
        raise UsageError(
            f"--known-at {known_at:%Y-%m-%d %H:%M} UTC has not come yet; leave it out for what is known now."
        )


def _aware(text: str | None, timezone: str, option: str) -> datetime.datetime | None:
    return None if text is None else parse_instant(text, timezone, option).replace(tzinfo=datetime.UTC)


def _execute(
    home: Home,
    as_of: datetime.datetime | None,
    known_at: datetime.datetime | None,
    options: RunOptions,
    output_format: str,
) -> None:
    _let_threads_alternate()
    with _stopped_by_sigterm(), _Watch() as watch:
        watch.tell("Starting …")
        from pipelines.run import run_pipeline

        result = run_pipeline(home, as_of, known_at, watch.tell, engine=options.engine, master=options.master)
    if options.verbose:
        from pipelines.timings import timing_lines

        for line in timing_lines(result.timings):
            print(line, file=sys.stdout if output_format == "table" else sys.stderr)
    if output_format == "table":
        _summarise(result, load_settings(home).office_timezone)
    else:
        _print_row(result, output_format)


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Within this context a wish to end (``kill``, a service that is stopped) is one to stop, as Ctrl-C is."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _let_threads_alternate() -> None:
    """Give a run's threads the interpreter in turn, and look for garbage less often, as long as this process lives.

    Beside SQL a run imports thousands of modules. Each time that SQL comes back to Python it would wait for 5 ms; and
    the objects of modules, which all stay, would be searched for garbage again and again, a tenth of a short run.
    """
    sys.setswitchinterval(0.0005)
    gc.set_threshold(100_000, 50, 100)


def _print_row(result: RunResult, output_format: str) -> None:
    """The same account for a program: one row, and the findings as notes."""
    findings = [finding.message for finding in result.findings if finding.failing_rows]
    told = {
        "generation": result.publication.generation,
        "as_of": result.as_of.replace(tzinfo=None),
        "known_at": result.known_at.replace(tzinfo=None),
        "bytes": result.publication.byte_count,
        "seconds": round(result.seconds, 1),
        "checks": result.check_count,
        "findings": len(findings),
    }
    print_rows(list(told), [list(told.values())], output_format, notes=findings)


def _summarise(result: RunResult, zone: str) -> None:
    publication = result.publication
    print(
        f"Published generation {publication.generation} as of {instant_text(result.as_of.replace(tzinfo=None), zone)}, "
        f"{publication.byte_count / 1e6:,.1f} MB, in {result.seconds:.1f} s."
    )
    findings = [finding for finding in result.findings if finding.failing_rows]
    print(f"{result.check_count} checks, {len(findings)} findings{':' if findings else '.'}")
    for finding in findings:
        print(f"  {finding.message}")
    print("Ask 'muster who', 'muster feeds', 'muster serve'.")


class _Watch:
    """Progress: one moving line on a terminal, plain lines otherwise."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._began = time.perf_counter()
        self._told_at = 0.0

    def __enter__(self) -> _Watch:
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("Starting …")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, message: str) -> None:
        """Show what is being done now."""
        seconds = time.perf_counter() - self._began
        if self._status is not None:
            from rich.markup import escape

            self._status.console.print(f"[dim]{seconds:6.1f} s[/dim]  {escape(message)}", highlight=False)
            self._status.update(escape(message))
        else:
            print(f"{seconds:6.1f} s  {message}", file=sys.stderr, flush=True)

    def count(self, done: int, total: int) -> None:
        """Show how much of a countable job is done, at most once a second."""
        seconds = time.perf_counter()
        if done >= total or seconds - self._told_at >= 1:
            self._told_at = seconds
            self.tell(f"{done:,} of {total:,} trips")
