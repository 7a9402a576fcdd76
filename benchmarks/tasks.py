"""What runs in a process of its own: ``python -m benchmarks.tasks NAME '{"argument": …}'`` prints its answer as JSON.

A task is a function in one of the modules below, named there in ``TASKS``. Modules are imported when a task of theirs
is asked for, so that a peer's memory is its own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

MODULES = {
    "write_settings": "benchmarks.prepare",
    "run_lean": "benchmarks.prepare",
    "keep_build": "benchmarks.prepare",
    "split_feeds": "benchmarks.prepare",
    "small_files": "benchmarks.prepare",
    "later_years": "benchmarks.prepare",
    "land": "benchmarks.growth_tasks",
    "write_log": "benchmarks.growth_tasks",
    "look": "benchmarks.growth_tasks",
    "runs": "benchmarks.growth_tasks",
    "years": "benchmarks.growth_tasks",
    "read_and_write": "benchmarks.floor",
    "read_and_write_parquet": "benchmarks.floor",
    "accounts": "benchmarks.answers",
    "same_marts": "benchmarks.answers",
    "same_exposure": "benchmarks.answers",
    "export": "benchmarks.steps",
    "exposure": "benchmarks.steps",
    "audit": "benchmarks.steps",
    "places": "benchmarks.steps",
    "questions": "benchmarks.questions",
    "page": "benchmarks.questions",
    "pandas_days": "benchmarks.peers.pandas_days",
    "pandas_vectorised": "benchmarks.peers.pandas_vectorised",
    "polars": "benchmarks.peers.polars_lazy",
    "spark": "benchmarks.peers.spark_local",
}


class Clock:
    """Wall and CPU seconds of what a task counts as its work."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count what happens within."""
        began, cpu_began = time.perf_counter(), _cpu_seconds()
        yield
        self.seconds += time.perf_counter() - began
        self.cpu_seconds += _cpu_seconds() - cpu_began

    def taken(self) -> dict[str, float]:
        """The part of an answer that says what the work took."""
        return {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}


def _cpu_seconds() -> float:
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def main(name: str, arguments: dict[str, Any]) -> None:
    """Run one task and print its answer as the last line."""
    task = getattr(importlib.import_module(MODULES[name]), name)
    print(json.dumps(task(**arguments), default=str))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
