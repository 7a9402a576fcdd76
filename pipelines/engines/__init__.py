"""What runs the SQL models: DuckDB in this process, or Spark on a cluster. The files are the same.

An engine is chosen for a run (:func:`choose`). For each build file it gives a builder, which makes tables of models in
it; everything before (landing, reference lists) and after (checks, publication) reads and writes the build file and
knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipelines import models
from pipelines.errors import UsageError

if TYPE_CHECKING:
    import duckdb

ENGINES = ("duckdb", "spark")
LOCAL_MASTER = "local[*]"
"""Spark in this machine's own memory, with all its processors, where no master is named."""

OnModel = Callable[[models.ModelResult], None]


class Builder(Protocol):
    """Makes the tables of models in one build file."""

    def run(self, chosen: Sequence[models.Model], on_model: OnModel | None = None) -> list[models.ModelResult]:
        """Make the tables of ``chosen``, which are in order; ``on_model`` is called after each."""

    def close(self) -> None:
        """Let go of what the builder needed beside the build file."""


class Engine(Protocol):
    """Runs models."""

    name: str

    def builder(self, con: duckdb.DuckDBPyConnection, folder: Path, targets: Collection[str] | None = None) -> Builder:
        """A builder for the build file behind ``con``.

        ``folder`` is a folder that the builder may make and fill, and must leave behind empty or not at all.
        ``targets`` are the tables that will be read from the build file; without, all that checks and publication read.
        """

    def close(self) -> None:
        """End what the engine started."""


class DuckdbEngine:
    """The models in DuckDB itself: every table lies in the build file anyway."""

    name = "duckdb"

    def builder(self, con: duckdb.DuckDBPyConnection, folder: Path, targets: Collection[str] | None = None) -> Builder:
        """See :class:`Engine`; nothing is written beside the build file."""
        return _DuckdbBuilder(con)

    def close(self) -> None:
        """Nothing was started."""


class _DuckdbBuilder:
    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def run(self, chosen: Sequence[models.Model], on_model: OnModel | None = None) -> list[models.ModelResult]:
        return models.run(self._con, None, on_model, models=chosen)

    def close(self) -> None:
        pass


def choose(name: str = "duckdb", master: str | None = None) -> Engine:
    """The engine of that name; raises UsageError or MusterError at once where it cannot work here."""
    if name not in ENGINES:
        raise UsageError(f"There is no engine '{name}'; choose one of {', '.join(ENGINES)}.")
    if name == "duckdb":
        if master is not None:
            raise UsageError("--master names a Spark master; it goes with --engine spark.")
        return DuckdbEngine()
    from pipelines.engines.spark import SparkEngine

    return SparkEngine(master or LOCAL_MASTER)
