"""What starts Dagster's runs of a home, and tells Dagster's monitoring of runs whether their processes are at work.

Dagster notices a process that ends while the one that began it looks on. Where both end at once, as by a power cut, the
run would stay under way for ever, and every later one would wait for it. So dagster.yaml names this launcher, and the
daemon asks it about each run under way.
"""

# No `from __future__ import annotations` here, as in definitions.py.
from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from pipelines.instance import is_dead
from pipelines.run_history import ENDED


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also knows whether the process of a run is still there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Always."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is at work; what has just begun is given time to mark itself."""
        record = self._instance.get_run_record_by_id(run.run_id)
        if record is not None and is_dead(record):
            return CheckRunHealthResult(WorkerStatus.FAILED, ENDED)
        return CheckRunHealthResult(WorkerStatus.RUNNING)
