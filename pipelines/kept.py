"""What a run takes over from the run before it: tables whose inputs did not change are not made again.

The build file of a run that published stays in the home as ``warehouse/kept.duckdb`` (0600). The next run makes it its
own build file and asks of each table what it was made of: the text of its model, the versions of the tables that it
reads and the parameters that it names (so a model that does not name ``as_of`` does not depend on it). Where all that
is as it was, the table is; else it is made again, and where its rows come out the same it keeps its version, so that
what reads it stays as well. So a kept table is what a new build would give (F5).

Nothing is taken over from other code, lists or databases, or where a file that was ever read is no longer landed:
what was erased must not live on in the blocks of an old file. Losing the file costs one full run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines import warehouse
from pipelines.errors import MusterError
from pipelines.models import SOURCES, Model, ModelResult, build, describe_database_error
from pipelines.settings import PROJECT, REFERENCE, Home

if TYPE_CHECKING:
    from pipelines.validation import Finding

PARAMETER = "reference.parameter"
_BEFORE = " before"  # follows the name of a table that waits to be compared with its successor; no model can name it

_DDL = """
create table if not exists main.basis (code_sha256 varchar);
create table if not exists main.seen_file (file_sha256 varchar);
create table if not exists main.made (
    table_name varchar, inputs varchar, version varchar, row_count bigint, content varchar
);
create table if not exists main.checked (inputs varchar, findings varchar);
"""


@dataclass(frozen=True)
class _Made:
    """What a table was made of, the version that its readers know, its rows and, where it was asked, its content."""

    inputs: str
    version: str
    rows: int = 0
    content: str | None = None


def kept_path(home: Home) -> Path:
    """Where the build file of the last run that published lies."""
    return home.warehouse / "kept.duckdb"


def drop_kept(home: Home) -> None:
    """Remove what the last run left: the next one makes everything anew, as an erasure asks."""
    _remove(kept_path(home))


def _remove(path: Path) -> None:
    for leftover in (path, path.with_name(f"{path.name}.wal")):
        leftover.unlink(missing_ok=True)


def digest(*parts: Any) -> str:
    """A digest of plain values, the same in every process."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@functools.cache
def code_sha256() -> str:
    """All that turns inputs into tables besides models and settings: this package, its lists, the libraries."""
    found = hashlib.sha256()
    for path in sorted([*(PROJECT / "pipelines").rglob("*.py"), *REFERENCE.rglob("*.*")]):
        found.update(str(path.relative_to(PROJECT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest(found.hexdigest(), [version(name) for name in ("duckdb", "tzdata", "pyarrow")])


class Kept:
    """The tables of one build file with what each was made of.

    ``open`` gives the run's build file, taken over where there is one; ``hand_over`` leaves it to the next run.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, is_fresh: bool) -> None:
        self.con = con
        self.is_fresh = is_fresh
        self.is_quiet = not is_fresh
        """Whether nothing that came into the home differs from the last run: only the clock moved."""
        self._versions: dict[str, str] = {}
        self._parameters: dict[str, Any] = {}
        self._found: dict[str, str] = {}
        con.execute(_DDL)
        self._made: dict[str, _Made] = {
            table: _Made(*made) for table, *made in con.execute("select * from main.made").fetchall()
        }
        self._checked: dict[str, str] = dict(con.execute("select * from main.checked").fetchall())
        # Until it is handed over the file promises nothing: a run that ends early leaves no half-true account.
        con.execute("delete from main.made; delete from main.checked;")

    @classmethod
    def open(cls, home: Home, run_id: str, takes_over: bool = True) -> Kept:
        """The build file of a run: the last run's where that may be taken over, else a new one."""
        kept, path = kept_path(home), warehouse.build_path(home, run_id)
        if takes_over and kept.exists():
            kept.replace(path)
            try:
                con = warehouse.open_build(home, run_id)
                if _may_be_taken_over(con, home):
                    return cls(con, is_fresh=False)
                con.close()
            except (duckdb.Error, MusterError):
                pass  # damaged: what does not open is no loss
            _remove(path)
        return cls(warehouse.open_build(home, run_id), is_fresh=True)

    def is_current(self, table: str, inputs: str) -> bool:
        """Whether a table of the file was made of just these inputs; it then counts as made."""
        known = self._made.get(table)
        if known is None or known.inputs != inputs:
            return False
        self._versions[table] = known.version
        return True

    def note(self, table: str, inputs: str, rows: int = 0) -> None:
        """A table was made anew of these inputs, which tell its content."""
        self._settle(table, inputs, rows)

    def note_content(self, tables: Iterable[str]) -> None:
        """Small tables were made anew: their version is their content."""
        for table in tables:
            self._settle(table, _content(self.con, table))

    def _settle(self, table: str, inputs: str, rows: int = 0) -> None:
        came_in = table.startswith(SOURCES) and table != PARAMETER
        known = self._made.get(table)
        if came_in and (known is None or known.inputs != inputs):
            self.is_quiet = False
        self._record(table, _Made(inputs, inputs, rows))

    def note_parameters(self) -> None:
        """The parameters of the run are known: their values count by column."""
        cursor = self.con.execute(f"select * from {PARAMETER}")
        row = cursor.fetchone() or ()
        self._parameters = dict(zip([column[0] for column in cursor.description], map(str, row), strict=True))

    def inputs(self, text: str, tables: Iterable[str]) -> str:
        """The digest of a SQL text and of all that it reads; one of its own where something read has no version."""
        plain = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
        read: dict[str, str] = {}
        for table in tables:
            if table == PARAMETER:
                # Of a table of one row a column that no text names cannot change what comes out.
                named = {name: value for name, value in self._parameters.items() if re.search(rf"\b{name}\b", plain)}
                read[table] = digest(named)
            else:
                read[table] = self._versions.get(table) or secrets.token_hex(16)
        return digest(text, read)

    def build(self, con: duckdb.DuckDBPyConnection, model: Model) -> ModelResult:
        """Make one model's table, unless it is there already; as :func:`pipelines.models.build`."""
        began = time.perf_counter()
        inputs = self.inputs(model.sql, model.depends_on)
        known = self._made.get(model.table)
        if self.is_current(model.table, inputs) and known is not None:
            return ModelResult(model.table, time.perf_counter() - began, known.rows, is_made=False)
        if known is None:
            result = build(con, model)
            self._record(model.table, _Made(inputs, inputs, result.rows))
            return result
        try:
            return self._replace(con, model, inputs, known, began)
        except duckdb.Error as error:
            raise MusterError(f"{model.table} could not be replaced: {describe_database_error(error)}") from error

    def _replace(
        self, con: duckdb.DuckDBPyConnection, model: Model, inputs: str, known: _Made, began: float
    ) -> ModelResult:
        before = f'{model.layer}."{model.name}{_BEFORE}"'
        con.execute(f'alter table {model.table} rename to "{model.name}{_BEFORE}"')
        rows = build(con, model).rows
        content = _content(con, model.table)
        is_same = rows == known.rows and content == (known.content or _content(con, before))
        con.execute(f"drop table {before}")
        self._record(model.table, _Made(inputs, known.version if is_same else inputs, rows, content))
        return ModelResult(model.table, time.perf_counter() - began, rows)

    def _record(self, table: str, made: _Made) -> None:
        self._made[table] = made
        self._versions[table] = made.version

    def version(self, table: str) -> str | None:
        """What tells the content of a table that this run has made or taken over."""
        return self._versions.get(table)

    def findings(self, inputs: str) -> list[Finding] | None:
        """What a check of these inputs found, in this run or the one before; None where it did not run."""
        from pipelines.validation import Finding

        found = self._found.get(inputs) or self._checked.get(inputs)
        if found is None:
            return None
        self._found[inputs] = found
        return [Finding(**each) for each in json.loads(found)]

    def note_findings(self, inputs: str, findings: Sequence[Mapping[str, Any]]) -> None:
        """What a check of these inputs found now."""
        self._found[inputs] = json.dumps(list(findings))

    def hand_over(self, home: Home, run_id: str, to_next: bool = True) -> None:
        """Close the file and leave it to the next run, with an account of every table made or taken over.

        ``to_next=False`` removes it instead.
        """
        con, path = self.con, warehouse.build_path(home, run_id)
        if not to_next:
            con.close()
            _remove(path)
            return
        con.execute("begin")
        _insert(con, "main.made", [(table, *astuple(self._made[table])) for table in self._versions])
        _insert(con, "main.checked", list(self._found.items()))
        con.execute("delete from main.basis")
        con.execute("insert into main.basis values (?)", [code_sha256()])
        con.execute(
            "insert into main.seen_file select unnest($1::varchar[]) except select file_sha256 from main.seen_file",
            [sorted(_landed(home))],
        )
        con.execute("commit")
        con.execute("checkpoint")
        con.close()
        if path.with_name(f"{path.name}.wal").exists():
            _remove(path)
            return
        path.chmod(0o600)
        path.replace(kept_path(home))


def _landed(home: Home) -> set[str]:
    from pipelines.landing.store import ledger

    return {landed.sha256 for landed in ledger(home)}


def _may_be_taken_over(con: duckdb.DuckDBPyConnection, home: Home) -> bool:
    if con.execute("select code_sha256 from main.basis").fetchall() != [(code_sha256(),)]:
        return False
    seen = {sha256 for (sha256,) in con.execute("select file_sha256 from main.seen_file").fetchall()}
    return seen <= _landed(home)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """One statement for all rows: hundreds, of which each would cost a call."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        con.execute(f"insert into {table} select {', '.join('unnest(?)' for _ in columns)}", columns)


def _content(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """A digest of the columns and rows of a table, whatever the order of its rows."""
    columns = con.execute(f"describe {table}").fetchall()
    names = ", ".join(f'"{column[0]}"' for column in columns)
    row = con.execute(f"select count(*), sum(hash({names})::hugeint), bit_xor(hash({names})) from {table}").fetchone()
    return digest([column[:2] for column in columns], *(row or ()))
