"""Time and memory of a process: every measurement is a process of its own, and repeats of rivals are interleaved.

The process that measures stays small (it imports neither DuckDB nor pandas), because Linux counts what a parent held
when it started a child into the child's peak.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import MusterError
from pipelines.settings import PROJECT

Answer = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Sample:
    """What one process took: wall seconds, CPU seconds of all its threads and children, the largest resident set."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    answer: Answer


@dataclasses.dataclass
class Figure:
    """The repeats of one contender in one workload.

    ``answer`` is what its last repeat found, without what the harness compares. ``note`` says why there are no samples
    where there are none.
    """

    workload: str
    contender: str
    trips: int
    seconds: list[float] = dataclasses.field(default_factory=list)
    cpu_seconds: list[float] = dataclasses.field(default_factory=list)
    peak_mib: list[float] = dataclasses.field(default_factory=list)
    answer: Answer = dataclasses.field(default_factory=dict)
    note: str = ""

    def add(self, sample: Sample) -> Answer:
        """Take one more repeat; returns its answer."""
        self.seconds.append(round(sample.seconds, 4))
        self.cpu_seconds.append(round(sample.cpu_seconds, 3))
        self.peak_mib.append(round(sample.peak_mib, 1))
        self.answer = sample.answer
        return sample.answer

    @property
    def median(self) -> float | None:
        """Median of the wall seconds, None where nothing was measured."""
        return statistics.median(self.seconds) if self.seconds else None


def run_command(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Sample:
    """Run a command to its end and measure it; its standard output is the sample's ``answer["output"]``.

    Raises MusterError with the end of what it said where it fails.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - commands of this package
            [str(part) for part in command],
            stdout=out,
            stderr=err,
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output, said = (_text(stream) for stream in (out, err))
    if process.returncode != 0:
        shown = " ".join(str(part) for part in command)
        raise MusterError(f"'{shown}' ended with {process.returncode}: {said.strip()[-2000:] or 'it said nothing'}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, {"output": output})


def _text(stream: Any) -> str:
    stream.seek(0)
    return str(stream.read().decode(errors="replace"))


def run_task(task: str, **arguments: Any) -> Sample:
    """Run a function of :mod:`benchmarks.tasks` in a process of its own and measure it.

    ``arguments`` must survive JSON, paths as text. Where the answer holds ``seconds``, the task timed its own work, so
    that the imports of its libraries are not in it.
    """
    given = json.dumps(arguments, default=str)
    sample = run_command([sys.executable, "-m", "benchmarks.tasks", task, given])
    answer: Answer = json.loads(sample.answer["output"].splitlines()[-1])
    seconds = float(answer.pop("seconds", sample.seconds))
    cpu_seconds = float(answer.pop("cpu_seconds", sample.cpu_seconds))
    return Sample(seconds, cpu_seconds, sample.peak_mib, answer)


def muster(*arguments: str | Path, home: Path | None = None) -> Sample:
    """Run the installed command ``muster`` and measure it."""
    command = [Path(sys.executable).with_name("muster"), *arguments]
    return run_command(command, {"MUSTER_HOME": str(home)} if home else None)


def interleave(
    rivals: Mapping[str, Callable[[], Sample]],
    workload: str,
    trips: int,
    repeats: int,
    after: Callable[[Mapping[str, Answer]], None] | None = None,
) -> list[Figure]:
    """Measure rivals in turn, ``repeats`` times, so that a busy minute of the machine falls on all of them alike.

    After each round ``after`` is given every answer; it raises MusterError where they differ, and then no time of
    theirs is kept. What it adds to an answer stays in the figure.
    """
    figures = {name: Figure(workload, name, trips) for name in rivals}
    for _ in range(repeats):
        answers = {name: figures[name].add(rival()) for name, rival in rivals.items()}
        if after is not None:
            after(answers)
    return list(figures.values())
