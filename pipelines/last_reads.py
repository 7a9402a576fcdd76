"""Tables that leave the build once nobody reads them any more, for a home that keeps none (``keep_tables: false``).

What a table must hold is checked before it leaves, and the checks of the run then know what was found. Marts stay: they
are published. So does what publication itself reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines import validation
from pipelines.models import MADE_BY_CODE, Model

if TYPE_CHECKING:
    import duckdb

    from pipelines.kept import Kept

LEAVING = ("land", "stage", "core")
"""Layers whose tables leave."""

_READ_BY_PUBLICATION = frozenset({"land.file"})
_WORTH_A_CHECKPOINT = 200_000
"""Rows after which the space of what has left is given back at once: to do so takes some hundredths of a second."""


class LastReads:
    """Knows of each table who is still to read it: models, and checks of ``sql/checks``.

    ``is_free`` says whether tables may leave now; while other checks read them they wait.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        kept: Kept,
        contracts: Mapping[str, Any],
        models: Sequence[Model],
        is_free: Callable[[], bool],
    ) -> None:
        self._con, self._kept, self._is_free = con, kept, is_free
        self._unmade = {model.table for model in models}
        self._checks = {check.name: check for check in validation.sql_checks()}
        self._parts = {part.table: part for part in validation.declared(contracts, models, "mart")}
        self._readers: dict[str, set[str]] = {}
        for reader, tables in (
            *((model.table, model.depends_on) for model in models),
            *((check.name, check.tables) for check in self._checks.values()),
        ):
            for table in tables:
                self._readers.setdefault(table, set()).add(reader)

    def after(self, table: str, rows: Mapping[str, int]) -> None:
        """``table`` was made: run the checks that waited for it, and let leave what it was the last to read.

        ``rows`` are those of each table of the build.
        """
        self._unmade.discard(table)
        ready = [check for check in self._checks.values() if not self._unmade.intersection(check.tables)]
        validation.run_ahead(self._con, self._kept, checks=ready)
        for check in ready:
            del self._checks[check.name]
        self._have_read({table, *(check.name for check in ready)})
        if self._is_free():
            self._leave(
                [name for name, readers in self._readers.items() if not readers and self._may_leave(name)], rows
            )

    def _have_read(self, names: Iterable[str]) -> None:
        for readers in self._readers.values():
            readers.difference_update(names)

    def _may_leave(self, table: str) -> bool:
        is_made = table not in self._unmade
        return is_made and table.startswith(LEAVING) and table not in MADE_BY_CODE | _READ_BY_PUBLICATION

    def _leave(self, tables: Sequence[str], rows: Mapping[str, int]) -> None:
        validation.run_ahead(self._con, self._kept, parts=[self._parts[name] for name in tables if name in self._parts])
        for table in tables:
            self._con.execute(f"drop table if exists {table}")
            del self._readers[table]
        if sum(rows.get(table, 0) for table in tables) >= _WORTH_A_CHECKPOINT:
            self._con.execute("checkpoint")
