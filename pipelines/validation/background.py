"""Checks that run beside the SQL of a run's later layers."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipelines.validation import Report, run

if TYPE_CHECKING:
    import duckdb

    from pipelines.kept import Kept
    from pipelines.models import Model


class BackgroundChecks:
    """The checks of one scope in a thread of its own, on a cursor of the build's connection."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        contracts: dict[str, Any],
        models: list[Model],
        scope: Any,
        kept: Kept,
    ) -> None:
        self._report: Report | None = None
        self._error: BaseException | None = None
        self._cursor = cursor
        check = functools.partial(run, cursor, contracts, models, scope, kept, write=False)
        self._thread = threading.Thread(target=self._work, args=(check,), name=f"check-{scope}", daemon=True)
        self._thread.start()

    def _work(self, check: Callable[[], Report]) -> None:
        try:
            self._report = check()
        except BaseException as error:  # raised again where the report is asked for
            self._error = error
        finally:
            self._cursor.close()

    def wait(self, stop: bool = False) -> None:
        """Wait for the checks to end, whatever came of them; ``stop`` ends the query that is at work."""
        if stop:
            with contextlib.suppress(Exception):  # the cursor may be closed already
                self._cursor.interrupt()
        self._thread.join()

    @property
    def is_done(self) -> bool:
        """Whether the checks have ended, whatever came of them."""
        return not self._thread.is_alive()

    def report(self) -> Report:
        """The report, or the error that ended the checks."""
        self.wait()
        if self._error is not None:
            raise self._error
        assert self._report is not None  # noqa: S101
        return self._report
