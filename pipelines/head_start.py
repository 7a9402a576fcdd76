"""The first steps of a run from the command line, taken while Dagster is being imported.

Importing Dagster takes as long as a whole run with nothing new, of which most is DuckDB's work and leaves Python free.
So the run is opened and goes from step to step until Dagster is there, which then records every step as it asks for it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.run import Run
    from pipelines.settings import Home


class HeadStart:
    """A run that is opened, and worked on, while :mod:`pipelines.definitions` is being imported: a context manager.

    What fails meanwhile is raised where the run is taken or the step is asked for, so that it is recorded there.
    """

    def __init__(self, home: Home, open_run: Callable[[], Run]) -> None:
        self.seems_quiet = False
        """Whether nothing seemed to have come in since the last run when this one began."""
        self._home = home
        self._open = open_run
        self._stack = contextlib.ExitStack()
        self._run: Run | None = None
        self._error: Exception | None = None

    def __enter__(self) -> HeadStart:
        importing = threading.Thread(target=_import_dagster, name="import-dagster", daemon=True)
        importing.start()
        try:
            self.seems_quiet = _seems_quiet(self._home)
            run = self._stack.enter_context(self._open())
            run.reach_while(importing.is_alive)
            self._run = run
        except Exception as error:  # raised again by `take`
            self._error = error
        except BaseException:
            self._stack.close()
            raise
        importing.join()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def take(self) -> Run:
        """The run, open until the context ends. Raises what kept it from being opened."""
        if self._error is not None:
            raise self._error
        assert self._run is not None  # noqa: S101 (asked for within the context)
        return self._run


def _import_dagster() -> None:
    """Import it with all that a run's record needs; what fails is told where it is imported in earnest."""
    with contextlib.suppress(Exception):
        from pipelines import definitions, instance  # noqa: F401

        instance.storage_modules()


def _seems_quiet(home: Home) -> bool:
    from pipelines import kept, landing

    return kept.kept_path(home.require()).exists() and landing.is_inbox_known(home)
