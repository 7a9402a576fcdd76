"""The workloads: what is measured at each size, against what, and how the answers are compared."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks import measure, office
from benchmarks.answers import require, require_floor
from benchmarks.machine import installed
from benchmarks.measure import Answer, Figure, Sample, interleave, run_task
from benchmarks.office import Bench

SPLIT = 100
"""One key in so many is new in the incremental run."""

LARGEST = {"pandas exploding days": 1_000_000, "pandas, vectorised": 2_000_000, "Spark local": 10_000_000}
"""Trips up to which a peer is measured: beyond, its memory would not fit the machine."""

SPARK = ("--engine", "spark", "--master", "local[2]")

STARTS = 5
"""Repeats of what takes a second."""


def whole(bench: Bench) -> list[Figure]:
    """The run cold from raw CSV: nothing landed, nothing staged; the gazetteer exists."""
    run_task("places", texts=20)  # the gazetteer is made once for each version of its packages
    target = bench.folder / "floor.duckdb"

    def floor() -> Sample:
        return run_task("read_and_write", home=bench.home, inbox=bench.landed_feeds(), target=target)

    def compare(answers: Mapping[str, Answer]) -> None:
        answers["floor"]["read_share"] = require_floor(answers["floor"], run_task("accounts", home=bench.home).answer)

    name = "Muster in little room" if bench.is_lean else "Muster"
    return interleave({name: bench.run_cold, "floor": floor}, "whole run, cold", bench.trips, bench.repeats, compare)


def nothing_new(bench: Bench) -> list[Figure]:
    """A run of the same home once more: at the same instant, and at one a minute later each time."""
    home = bench.published_with_tables()
    later = itertools.count(1)
    figures = []
    for name, run in (
        ("Muster", lambda: office.run(home)),
        ("Muster, the clock moved on", lambda: office.run(home, minutes_later=next(later))),
    ):
        figures += interleave({name: run}, "run with nothing new", bench.trips, min(bench.repeats, 3))
    return figures


def incremental(bench: Bench) -> list[Figure]:
    """A run after 1 % new records, and the rebuild of the same home from its landed files alone."""
    old, new = bench.folder / "old", bench.folder / "new"
    grown, rebuilt = bench.folder / "grown", bench.folder / "rebuilt"
    run_task("split_feeds", inbox=bench.feeds(), old=old, new=new, share=SPLIT)
    figures = [Figure("run after 1 % new records", name, bench.trips) for name in ("Muster", "rebuild")]
    for _ in range(min(bench.repeats, 2)):
        office.new_home(grown, old)
        office.run(grown)
        office.add_feeds(grown, new)
        figures[0].add(office.run(grown))
        known_at = run_task("accounts", home=grown).answer["known_at"]
        office.only_landed(grown, rebuilt)
        figures[1].add(office.run(rebuilt, known_at))
        same = run_task("same_marts", left=grown, right=rebuilt).answer
        figures[0].answer = figures[1].answer = same
    for folder in (old, new, grown, rebuilt):
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def engines(bench: Bench) -> list[Figure]:
    """The same landed files under both engines; every mart of Spark's run is that of DuckDB's."""
    workload = "whole run, by engine"
    if not installed("pyspark") or shutil.which("java") is None:
        return [Figure(workload, "Spark local", bench.trips, note="not measured: it needs Java and pyspark")]
    figures = [Figure(workload, name, bench.trips) for name in ("DuckDB", "Spark local")]
    known_at = run_task("accounts", home=bench.published()).answer["known_at"]
    homes = [office.only_landed(bench.home, bench.folder / name) for name in ("duckdb", "spark")]
    for figure, home, options in zip(figures, homes, ((), SPARK), strict=True):
        figure.add(office.run(home, known_at, options))
    same = run_task("same_marts", left=homes[0], right=homes[1], is_exact=False).answer
    for figure, home in zip(figures, homes, strict=True):
        figure.answer = same
        shutil.rmtree(home, ignore_errors=True)
    return figures


def exposure(bench: Bench) -> list[Figure]:
    """The exposure step alone, beside the floor of its files and the peers."""
    build, inputs, outputs = bench.kept_build(), bench.folder / "inputs", bench.folder / "outputs"
    run_task("export", build=build, target=inputs)
    reference = outputs / "muster"
    run_task("exposure", inputs=inputs, target=reference, whole=True)
    rivals: dict[str, Callable[[], Sample]] = {
        "Muster": partial(run_task, "exposure", inputs=inputs, target=reference, whole=True),
        "Muster, the peers' columns": partial(
            run_task, "exposure", inputs=inputs, target=outputs / "muster_narrow", whole=False
        ),
        "floor": partial(
            run_task, "read_and_write_parquet", inputs=inputs, outputs=outputs / "muster_narrow",
            target=outputs / "floor",
        ),
    }  # fmt: skip
    peers = {"Polars": "polars", "pandas, vectorised": "pandas_vectorised", "pandas exploding days": "pandas_days"}
    if installed("pyspark"):
        peers["Spark local"] = "spark"
    asked = {name: task for name, task in peers.items() if bench.trips <= LARGEST.get(name, bench.trips)}
    for name, task in asked.items():
        rivals[name] = partial(run_task, task, inputs=inputs, target=outputs / task)

    def compare(answers: Mapping[str, Answer]) -> None:
        for task in ("muster_narrow", *asked.values()):
            found = run_task("same_exposure", one=reference, other=outputs / task).answer
            for name in answers:
                answers[name].update(found)

    workload = "exposure step alone"
    figures = interleave(rivals, workload, bench.trips, bench.repeats, compare)
    figures += [
        Figure(workload, name, bench.trips, note=f"not measured above {LARGEST[name]:,} trips")
        for name in peers
        if name not in asked
    ]
    if "Spark local" not in peers:
        figures.append(Figure(workload, "Spark local", bench.trips, note="not measured: pyspark is not installed"))
    shutil.rmtree(outputs, ignore_errors=True)
    shutil.rmtree(inputs, ignore_errors=True)
    return figures


def audit(bench: Bench) -> list[Figure]:
    """The audit alone, on the tables of a kept run, which it has to find again."""
    build = bench.kept_build()
    return interleave({"Muster": partial(run_task, "audit", build=build)}, "audit alone", bench.trips, bench.repeats)


def places(bench: Bench) -> list[Figure]:
    """Distinct texts of places to places: as many as there are trips, at most 100,000."""
    rivals = {"Muster": partial(run_task, "places", texts=min(bench.trips, 100_000))}
    return interleave(rivals, "place resolution", bench.trips, min(bench.repeats, 3))


def questions(bench: Bench) -> list[Figure]:
    """Questions in process on the published file, 50th and 95th percentile."""
    figure = Figure("questions in process", "Muster", bench.trips)
    figure.add(run_task("questions", home=bench.published(), count=bench.questions, seed=office.SEED))
    return [figure]


def page(bench: Bench) -> list[Figure]:
    """What two pages of the dashboard read."""
    figure = Figure("data of a dashboard page", "Muster", bench.trips)
    figure.add(run_task("page", home=bench.published(), count=bench.questions // 2, seed=office.SEED))
    return [figure]


def start(bench: Bench) -> list[Figure]:
    """Commands from the shell, beside Python that imports DuckDB and opens the same file."""
    home = bench.published()
    file = Path(home, "published", "current", "duty.duckdb")
    opening = f"import duckdb; duckdb.connect({str(file)!r}, read_only=True).execute('from mart.publication')"
    rivals: dict[str, Callable[[], Sample]] = {
        "muster --help": partial(measure.muster, "--help"),
        "muster who": partial(measure.muster, "who", "--home", home, "--format", "json"),
        "Python opening the file": partial(measure.run_command, [sys.executable, "-c", opening]),
    }

    def compare(answers: Mapping[str, Answer]) -> None:
        require("Usage" in answers["muster --help"]["output"], "muster --help shows no help")
        require(answers["muster who"]["output"].strip().startswith(("[", "{")), "muster who lists nothing")

    figures = interleave(rivals, "start from the shell", bench.trips, STARTS, compare)
    for figure in figures:
        figure.answer = {}
    return figures


WORKLOADS: dict[str, Callable[[Bench], list[Figure]]] = {
    "whole": whole,
    "nothing-new": nothing_new,
    "exposure": exposure,
    "audit": audit,
    "places": places,
    "questions": questions,
    "page": page,
    "start": start,
    "incremental": incremental,
    "engines": engines,
}
"""Workloads by name, in the order in which they are measured."""
