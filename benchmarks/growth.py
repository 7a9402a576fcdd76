"""Growth of everything else: what a run or a look costs as old files, lines, runs, generations and years pile up.

Each workload repeats one piece of new work beside more and more that is old. What is old may cost a little (a file's
account is read), never more than in proportion.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks import measure, office
from benchmarks.measure import Figure, run_task

OLD_FILES = (100, 1_000, 10_000)
NEW_FILES = 10
LOG_LINES = (1_000, 100_000, 1_000_000)
YEARS = (1, 5, 20)
RUNS, KEPT_RUNS = 16, 6
TRIPS = 3_000


def _feeds(work: Path, trips: int) -> Path:
    target = work / f"feeds-{trips}"
    if not target.exists():
        measure.muster("generate", "--trips", str(trips), "--seed", str(office.SEED), "--as-of", office.AS_OF,
                       "--out", target)  # fmt: skip
    return target / "inbox"


def small_files(work: Path, sizes: tuple[int, ...] = OLD_FILES) -> list[Figure]:
    """Files of ten trips each: all new; then ten new ones beside those; then nothing new."""
    source = _feeds(work, TRIPS)
    home = office.new_home(work / "files")
    figures, there = [], 0
    for size in sizes:
        made = work / "made"
        for count, name in (
            (size - there, f"{size - there:,} new beside {there:,}"),
            (NEW_FILES, f"{NEW_FILES} new beside {size:,}"),
            (0, f"none new beside {size + NEW_FILES:,}"),
        ):
            if count:
                run_task("small_files", inbox=source, target=made, first=there, files=count)
                office.add_feeds(home, made)
                shutil.rmtree(made)
                there += count
            figure = Figure("small landed files: the step land", name, there)
            figure.add(run_task("land", home=home))
            figures.append(figure)
    return figures


def access_log(work: Path, sizes: tuple[int, ...] = LOG_LINES) -> list[Figure]:
    """Twenty looks beside an access log of so many lines."""
    figures = []
    for size in sizes:
        made = run_task("write_log", home=work / "log", lines=size).answer
        figure = Figure("access log: twenty looks", f"beside {size:,} lines", size)
        for _ in range(3):
            figure.add(run_task("look", home=work / "log"))
        figure.answer |= made
        figures.append(figure)
    return figures


def many_runs(work: Path, count: int = RUNS, kept: int = KEPT_RUNS) -> list[Figure]:
    """Runs of one small home, one after the other: its generations and Dagster's record of them."""
    home = office.new_home(work / "runs", _feeds(work, 300))
    figure = Figure("many runs: generations and Dagster's record", f"{count} runs, {kept} kept", count)
    figure.add(run_task("runs", home=home, count=count, kept=kept, as_of=office.AS_OF))
    return [figure]


def years_of_weeks(work: Path, sizes: tuple[int, ...] = YEARS) -> list[Figure]:
    """As many trips, spread over more and more years: a run whole."""
    source = _feeds(work, TRIPS)
    figures = []
    for size in sizes:
        moved = work / "moved"
        run_task("later_years", inbox=source, target=moved, years=size)
        ratings = moved / "ratings"
        shutil.copytree(source / "ratings", ratings)
        shutil.copytree(source / "people", moved / "people")
        home = office.new_home(work / "years", moved)
        figure = Figure("years of weeks: a whole run of as many trips", f"over {size} years", TRIPS)
        for _ in range(3):
            figure.add(run_task("years", home=home, as_of=office.AS_OF))
        figures.append(figure)
        shutil.rmtree(moved)
    return figures


WORKLOADS: dict[str, Callable[[Path], list[Figure]]] = {
    "small-files": small_files,
    "access-log": access_log,
    "many-runs": many_runs,
    "years": years_of_weeks,
}
