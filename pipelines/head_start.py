"""The first steps of a run with nothing new, taken while Dagster is being imported.

Importing Dagster takes as long as such a run itself, of which most is DuckDB's work and leaves Python free. So the run
is opened and goes from step to step until Dagster is there, which then records every step as it asks for it. A run with
something new takes longer and waits for Dagster, so that what it is at is on record from its first step on.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from pipelines.run import Run
    from pipelines.settings import Home


class HeadStart:
    """A run to be recorded by :mod:`pipelines.definitions`, which is imported meanwhile: a context manager.

    What fails before Dagster is there is raised where the run is taken or its step is asked for, so that it is recorded
    there. A wish to stop (Ctrl-C) is raised at once, and such a run is on no record.
    """

    def __init__(self, home: Home, open_run: Callable[[], Run]) -> None:
        self.seems_quiet = False
        """Whether nothing seemed to have come in since the last run when this one began."""
        self._home = home
        self._open = open_run
        self._stack = contextlib.ExitStack()
        self.run: Run | None = None
        """The run, once it was opened."""
        self._error: Exception | None = None

    def __enter__(self) -> HeadStart:
        importing = threading.Thread(target=_import_dagster, name="import-dagster", daemon=True)
        importing.start()
        try:
            with contextlib.suppress(Exception):  # said again, and recorded, where the run is opened
                self.seems_quiet = _seems_quiet(self._home)
            if self.seems_quiet:
                self._begin(importing.is_alive)
            importing.join()
        except BaseException:
            self._stack.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def take(self) -> Run:
        """The run, open until the context ends. Raises what keeps it from being opened."""
        if self._error is not None:
            raise self._error
        if self.run is None:
            self.run = self._stack.enter_context(self._open())
        return self.run

    def _begin(self, goes_on: Callable[[], bool]) -> None:
        try:
            self.take().reach_while(goes_on)
        except Exception as error:  # raised again by `take`
            self._error = error


def _import_dagster() -> None:
    """Import it with all that a run's record needs; what fails is told where it is imported in earnest."""
    with contextlib.suppress(Exception):
        from pipelines import definitions, instance  # noqa: F401

        instance.storage_modules()


def _seems_quiet(home: Home) -> bool:
    from pipelines import kept, landing

    return kept.kept_path(home.require()).exists() and landing.is_inbox_known(home)


def is_wish_to_stop(error: BaseException) -> bool:
    """Whether this is Ctrl-C, as Python or DuckDB (a RuntimeError while a query is at work) tells of it."""
    if isinstance(error, KeyboardInterrupt | duckdb.InterruptException):
        return True
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"
