"""``python -m benchmarks``: measure workloads at sizes, write results and the tables of ``benchmarks/README.md``.

What was measured with the code as it is, is not measured again (``--again`` does); a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import growth, machine, results, tables
from benchmarks.office import Bench
from benchmarks.workloads import WORKLOADS
from pipelines.errors import MusterError

DEFAULT_REPEATS = ((20_000, 5), (200_000, 3), (2_000_000, 2))
"""Repeats by size where none are given: so many up to so many trips, one above."""


QUESTIONS = 200

_WORKLOADS_HELP = f"of {', '.join(WORKLOADS)}, growth or one of {', '.join(growth.WORKLOADS)}; or all [all]"


def _repeats(trips: int) -> int:
    return next((repeats for most, repeats in DEFAULT_REPEATS if trips <= most), 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--trips", default="10000 100000", help="sizes, separated by blanks [10000 100000]")
    parser.add_argument("--workloads", default="all", help=_WORKLOADS_HELP)
    parser.add_argument("--repeats", type=int, help="repeats of each figure [5 to 20,000 trips, then 3, 2 and 1]")
    parser.add_argument("--questions", type=int, help="random arguments of each question [200]")
    parser.add_argument("--work", type=Path, help="folder for feeds and homes; needs some 15 kB a trip [temporary]")
    parser.add_argument("--results", type=Path, default=results.FOLDER, help="folder of the JSON files")
    parser.add_argument("--lean", action="store_true", help="run in less room: feeds leave, tables are not kept")
    parser.add_argument("--keep", action="store_true", help="leave feeds and homes in the work folder")
    parser.add_argument("--again", action="store_true", help="measure also what was measured with this code")
    return parser.parse_args()


def measure_all(asked: argparse.Namespace, work: Path) -> None:
    """Measure every workload that was asked for and is not done; each is saved as it ends."""
    names = [*WORKLOADS, "growth"] if asked.workloads == "all" else asked.workloads.split()
    unknown = sorted(set(names) - {*WORKLOADS, "growth", *growth.WORKLOADS})
    if unknown:
        known = ", ".join([*WORKLOADS, "growth", *growth.WORKLOADS])
        raise MusterError(f"There is no workload '{unknown[0]}'; choose of {known}.")
    for trips in [int(size) for size in asked.trips.split()]:
        bench = Bench(trips, work, asked.repeats or _repeats(trips), asked.questions or QUESTIONS, asked.lean)
        path = results.path_of(asked.results, f"trips-{trips}")
        for name in names:
            if name in WORKLOADS:
                _measure(asked, path, name, f"{trips:,} trips", lambda bench=bench, name=name: WORKLOADS[name](bench))  # type: ignore[misc]
        if not asked.keep:
            shutil.rmtree(bench.folder, ignore_errors=True)
    path = results.path_of(asked.results, "growth")
    for name, workload in growth.WORKLOADS.items():
        if name in names or "growth" in names:
            _measure(asked, path, name, "growth", lambda workload=workload: workload(work / "growth"))  # type: ignore[misc]
            shutil.rmtree(work / "growth", ignore_errors=True)


def _measure(asked: argparse.Namespace, path: Path, name: str, size: str, workload: tables.Measure) -> None:
    if not asked.again and results.is_done(path, name):
        print(f"{size}: {name}: measured already", flush=True)
        return
    began = time.perf_counter()
    print(f"{size}: {name} …", flush=True)
    figures = workload()
    results.save(path, name, figures, command=f"make bench {_make_arguments(asked)}".strip())
    print(f"{size}: {name}: done in {time.perf_counter() - began:.0f} s", flush=True)


def _make_arguments(asked: argparse.Namespace) -> str:
    """What to give ``make bench`` for the same figures."""
    given = [f'TRIPS="{asked.trips}"']
    if asked.workloads != "all":
        given.append(f'WORKLOADS="{asked.workloads}"')
    numbers = {"repeats": asked.repeats, "questions": asked.questions}
    options = [f"--{name} {number}" for name, number in numbers.items() if number] + ["--lean"] * asked.lean
    if options:
        given.append(f'BENCH_OPTIONS="{" ".join(options)}"')
    return " ".join(given)


def main() -> int:
    """Measure, write, show."""
    os.umask(0o077)  # a home refuses a landing folder that others may read, copied ones too
    asked = _arguments()
    work = asked.work or Path(tempfile.gettempdir()) / f"muster-bench-{os.getuid()}"
    work.mkdir(parents=True, exist_ok=True)
    print(tables.machine_line(machine.describe()), flush=True)
    try:
        measure_all(asked, work)
    except MusterError as error:
        print(f"{error}\nWhat was made so far is kept in {work}; the same command goes on from there.", file=sys.stderr)
        return 1
    if not asked.keep and not any(work.iterdir()):
        work.rmdir()
    text = tables.all_tables(asked.results)
    if asked.results == results.FOLDER:
        tables.write(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
