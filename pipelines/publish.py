"""From a finished build to a published generation: role files, Parquet, one atomic swap.

A generation is a folder ``published/<number>-<run id>/`` with ``analyst.duckdb``, ``duty.duckdb``,
``steward.duckdb`` and ``parquet/<table>.parquet``. It is written under a hidden name, made durable, renamed, and
only then does the symlink ``published/current`` move to it; a crash at any point leaves the old generation or
the new one in force, never a part of either. What each role may see is decided here and nowhere else:

========  ====================================================================================================
analyst   all marts; columns of sensitivity ``contact`` are NULL, ``traveller_contact`` and ``rejected_record``
          are there and empty. Parquet holds the same rows.
duty      all marts; contacts and notes on people in place from 30 days before to 14 days after ``as_of``, and
          who decided; other columns of sensitivity ``contact`` are NULL
steward   everything: all contacts, rejected records with their raw bytes
========  ====================================================================================================

The tables that name nobody are written once and copied into all three files; then each file gets its own of the others.
Names are only ever added to a file, because DuckDB leaves deleted values readable in the file. Where the home asks for
it (``publish_older_file``), the analyst's tables are also written in the storage version of DuckDB 1.5.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import functools
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from pipelines.errors import MusterError
from pipelines.models import describe_field, discover, fields
from pipelines.published import ROLES, current
from pipelines.settings import Home, load_settings

__all__ = ["Publication", "clean_up", "current", "publish"]

KEPT_GENERATIONS = 3
DUTY_DAYS_BEFORE = 30
DUTY_DAYS_AFTER = 14

CONTACT_TABLE = "traveller_contact"
REJECTED_TABLE = "rejected_record"
_GENERATION = re.compile(r"^(\d{6,})-")
_OF_OFFICERS = frozenset({"decided_by"})  # columns that name who did something, not who travels
_NOT_FOR_ANALYSTS = (CONTACT_TABLE, REJECTED_TABLE)
_PLAIN = {"stay": frozenset({"traveller_id", "trip_id"})}
"""Columns that lie uncompressed: whoever asks for a few stays would first have to unpack the keys of 100,000 others.

A question then takes half its time, and the file is a sixth larger.
"""
OLDER_FILE = "analyst_older.duckdb"
OLDER_STORAGE = "v1.5.0"
_ANALYST = "finished_analyst_file"
_TARGET = "publication_file"  # the name under which the file being written is attached


@dataclasses.dataclass(frozen=True)
class Publication:
    """What one publication made: its number, folder, size and the seconds each part took."""

    generation: int
    path: Path
    built_at: datetime.datetime
    byte_count: int
    seconds: dict[str, float]


def publish(
    home: Home,
    build: Path | duckdb.DuckDBPyConnection,
    run_id: str,
    built_at: datetime.datetime | None = None,
) -> Publication:
    """Publish the schema ``mart`` of a finished build as the next generation and put it in force.

    ``build`` is the build file, or the open connection that wrote it. The caller holds the run lock
    (:func:`pipelines.locking.run_lock`). ``reference.parameter`` and ``land.file`` give the publication's own row.
    Old generations beyond the last three and leftovers of crashed runs are removed afterwards.

    Raises MusterError (a full disk, a build without marts); the generation in force then stays in force.
    """
    built_at = built_at or datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    _make_private(home.published)
    clean_up(home, keep_build=build if isinstance(build, Path) else None)
    number = max((_number(folder) for folder in _generations(home)), default=0) + 1
    name = f"{number:06d}-{run_id}"
    draft = home.published / f".tmp-{name}"
    timer = _Timer()
    try:
        _make_private(draft)
        with _source(build) as (con, source):
            has_older = load_settings(home).publish_older_file
            _Writer(con, source, draft, timer, has_older).write(number, built_at)
        _reached("written")
        with timer("make durable"):
            byte_count = _make_durable(draft)
        _reached("durable")
        folder = home.published / name
        draft.rename(folder)
        _sync_folder(home.published)
        _reached("renamed")
        _swap(home, name)
        _reached("swapped")
    except (OSError, duckdb.Error) as error:
        raise _explain(home, error, name) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # renamed away after success
    clean_up(home, keep_build=build if isinstance(build, Path) else None)
    return Publication(number, folder, built_at, byte_count, timer.seconds)


def clean_up(home: Home, keep_build: Path | None = None, remove_builds: bool = False) -> None:
    """Remove what crashed runs left behind and all but the last three generations.

    ``remove_builds`` also removes the build files of earlier runs, but never ``keep_build``. The caller holds the
    run lock, so nothing that is removed is being written. Readers of a removed generation keep their open files.
    """
    if home.published.is_dir():
        for leftover in (*home.published.glob(".tmp-*"), *home.published.glob(".current-*")):
            _remove(leftover)
        in_force = (home.published / "current").resolve()
        folders = sorted(_generations(home), key=_number, reverse=True)
        # A generation newer than the one in force was never swapped in: a run died between rename and swap.
        kept = [folder for folder in folders if _number(folder) <= _number(in_force)][:KEPT_GENERATIONS]
        for folder in folders:
            if folder not in kept:
                _remove(folder)
    if remove_builds and home.warehouse.is_dir():
        for path in home.warehouse.glob("build-*"):
            if keep_build is None or not path.name.startswith(keep_build.name):
                _remove(path)


def _reached(point: str) -> None:
    """A place where tests stop a publication; does nothing."""


class _Writer:
    """Writes the files of one generation into its draft folder."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, source: str, draft: Path, timer: _Timer, has_older: bool
    ) -> None:
        self.con = con
        self.source = f'"{source}"'
        self.draft = draft
        self.timer = timer
        self.has_older = has_older
        rows = con.execute(
            """
            select table_name, column_name, data_type
            from duckdb_columns()
            where database_name = $source and schema_name = 'mart'
            order by table_name, column_index
            """,
            {"source": source},
        ).fetchall()
        self.columns: dict[str, list[tuple[str, str]]] = {}
        for table, column, data_type in rows:
            if table != "publication":
                self.columns.setdefault(table, []).append((column, data_type))
        if not self.columns:
            raise MusterError("The build holds no marts, so there is nothing to publish.")

    def write(self, number: int, built_at: datetime.datetime) -> None:
        analyst = self.draft / "analyst.duckdb"
        others = {role: self.draft / f"{role}.duckdb" for role in ROLES if role != "analyst"}
        named = [table for table, columns in self.columns.items() if _names_somebody(table, columns)]
        with self._parquet_beside():
            with self.timer("analyst file"):
                with self._attached(analyst):
                    self._write_shared([table for table in self.columns if table not in named], number, built_at)
                for path in others.values():
                    shutil.copyfile(analyst, path)
                with self._attached(analyst):
                    self._add("analyst", named)
            _reached("analyst")
            if self.has_older:
                with self.timer("older file"):
                    self._write_older(analyst)
            for role, path in others.items():
                with self.timer(f"{role} file"), self._attached(path):
                    self._add(role, named)
                _reached(role)

    def _write_shared(self, tables: list[str], number: int, built_at: datetime.datetime) -> None:
        """The tables that name nobody: the same in every file."""
        self.con.execute(f"create schema {_TARGET}.mart")
        for table in tables:
            self._create(table, self._rows(table, withheld=True))
        self._create_publication(number, built_at)
        self._finish([*tables, "publication"])

    def _add(self, role: str, tables: list[str]) -> None:
        """What a role may see of the tables that name somebody."""
        for table in tables:
            if role == "duty" and table != REJECTED_TABLE:
                rows = self._near(table)
            else:
                rows = self._rows(table, withheld=role != "steward")
            self._create(table, rows)
        self._finish(tables)

    def _write_older(self, analyst: Path) -> None:
        """What the analyst file holds, in the storage version of the command lines and drivers of last year."""
        self.con.execute(f"attach '{_quoted(analyst)}' as {_ANALYST} (read_only)")
        try:
            with self._attached(analyst.with_name(OLDER_FILE), f"(storage_version '{OLDER_STORAGE}')"):
                self.con.execute(f"create schema {_TARGET}.mart")
                for table in (*self.columns, "publication"):
                    origin = f'{_ANALYST}.mart."{table}"'
                    self.con.execute(f'create table {_TARGET}.mart."{table}" as select * from {origin}')
                self._finish([*self.columns, "publication"])
        finally:
            self.con.execute(f"detach {_ANALYST}")

    @contextlib.contextmanager
    def _attached(self, path: Path, how: str = "") -> Iterator[None]:
        """Attach a file for writing; on the way out checkpoint, detach and make sure that no WAL is left."""
        self.con.execute(f"attach '{_quoted(path)}' as {_TARGET} {how}")
        try:
            self.con.execute("begin")
            yield
            self.con.execute("commit")
            self.con.execute(f"checkpoint {_TARGET}")
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self.con.execute("rollback")
            raise
        finally:
            with contextlib.suppress(duckdb.Error):
                self.con.execute(f"detach {_TARGET}")
        if path.with_name(path.name + ".wal").exists():
            raise MusterError(f"{path.name} still has a write-ahead log after its checkpoint; nothing was published.")

    def _create(self, table: str, rows: str) -> None:
        target = f'{_TARGET}.mart."{table}"'
        plain = _PLAIN.get(table, frozenset())
        if not plain:
            self.con.execute(f"create table {target} as {rows}")
            return
        columns = ", ".join(
            f'"{column}" {data_type}{" using compression uncompressed" if column in plain else ""}'
            for column, data_type in self.columns[table]
        )
        self.con.execute(f"create table {target} ({columns})")
        self.con.execute(f"insert into {target} {rows}")

    def _rows(self, table: str, withheld: bool) -> str:
        """The query of a mart's rows; ``withheld`` leaves out what an analyst may not see."""
        where = "where false" if withheld and table in _NOT_FOR_ANALYSTS else ""
        hidden = _withheld_columns() if withheld else frozenset()
        columns = ", ".join(
            f'null::{data_type} as "{column}"' if column in hidden else f'"{column}"'
            for column, data_type in self.columns[table]
        )
        return f'select {columns} from {self.source}.mart."{table}" {where}'

    def _create_publication(self, number: int, built_at: datetime.datetime) -> None:
        is_invented = any(column == "is_invented" for column, _ in self.columns.get("rating_period", []))
        invented = f"(select coalesce(bool_or(is_invented), false) from {self.source}.mart.rating_period)"
        self.con.execute(
            f"""
            create table {_TARGET}.mart.publication as
            select
                $number::bigint as generation,
                as_of,
                known_at,
                $built_at::timestamp as built_at,
                configuration_sha256,
                (select count(distinct file_sha256) from {self.source}.land.file) as landed_files,
                {invented if is_invented else "false"} as has_invented_ratings,
                office_timezone,
                count_home,
            from {self.source}.reference.parameter
            """,
            {"number": number, "built_at": built_at},
        )
        self.con.execute(f"copy {_TARGET}.mart.publication to {self._parquet('publication')}")

    def _finish(self, tables: list[str]) -> None:
        """Comments, and a view of each table in the default schema: ``select * from exposure`` works in any tool."""
        for table in tables:
            self.con.execute(f'create view {_TARGET}.main."{table}" as select * from mart."{table}"')
        self._comment(tables)

    def _comment(self, tables: list[str]) -> None:
        comments = []
        for table in tables:
            description = _descriptions().get(table)
            if description:
                comments.append(f"""comment on table {_TARGET}.mart."{table}" is '{_quoted(description)}'""")
                comments.append(f"""comment on view {_TARGET}.main."{table}" is '{_quoted(description)}'""")
        rows = self.con.execute(
            "select table_name, column_name from duckdb_columns() where database_name = $1 and schema_name = 'mart'",
            [_TARGET],
        ).fetchall()
        for table, column in rows:
            field = fields().get(column)
            if field is not None and table in tables:
                meaning = _quoted(describe_field(field))
                comments.append(f"""comment on column {_TARGET}.mart."{table}"."{column}" is '{meaning}'""")
        self.con.execute(";".join(comments))  # hundreds, of which each would cost a call

    def _near(self, table: str) -> str:
        """The query of a mart's rows for the duty file: a note or a file's name may hold anybody's name."""
        if table == CONTACT_TABLE:
            return f"{self._rows(table, withheld=False)} where {self._in_place()}"
        has_traveller = any(column == "traveller_id" for column, _ in self.columns[table])
        columns = []
        for column, data_type in self.columns[table]:
            if column not in _withheld_columns() or column in _OF_OFFICERS:
                columns.append(f'"{column}"')
            elif has_traveller:
                columns.append(f'case when {self._in_place()} then "{column}" end as "{column}"')
            else:
                columns.append(f'null::{data_type} as "{column}"')
        return f'select {", ".join(columns)} from {self.source}.mart."{table}"'

    def _in_place(self) -> str:
        """The condition of a contact in the duty file: a stay abroad near ``as_of``."""
        return f"""
            traveller_id in (
                select s.traveller_id
                from {self.source}.mart.stay as s
                cross join {self.source}.reference.parameter as p
                where not s.is_home
                    and s.starts_at < p.as_of + interval {DUTY_DAYS_AFTER} day
                    and (s.ends_at is null or s.ends_at > p.as_of - interval {DUTY_DAYS_BEFORE} day)
            )
        """

    @contextlib.contextmanager
    def _parquet_beside(self) -> Iterator[None]:
        """Within this context a thread of its own writes the Parquet files: the rows of the analyst file."""
        _make_private(self.draft / "parquet")
        cursor, is_stopped = self.con.cursor(), threading.Event()
        with contextlib.closing(cursor), ThreadPoolExecutor(1) as pool:
            written = pool.submit(self._write_parquet, cursor, is_stopped)
            try:
                yield
                written.result()
            except BaseException:
                is_stopped.set()
                cursor.interrupt()
                raise

    def _write_parquet(self, cursor: duckdb.DuckDBPyConnection, is_stopped: threading.Event) -> None:
        with self.timer("parquet"):
            for table in self.columns:
                if table not in _NOT_FOR_ANALYSTS and not is_stopped.is_set():
                    cursor.execute(f"copy ({self._rows(table, withheld=True)}) to {self._parquet(table)}")

    def _parquet(self, table: str) -> str:
        path = self.draft / "parquet" / f"{table}.parquet"
        # Level 1 is a fifth faster than level 3, and 8 % larger.
        return f"'{_quoted(path)}' (format parquet, compression zstd, compression_level 1)"


class _Timer:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - start


@contextlib.contextmanager
def _source(build: Path | duckdb.DuckDBPyConnection) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection and the name under which it knows the build."""
    if isinstance(build, Path):
        con = duckdb.connect(":memory:")
        try:
            con.execute("set TimeZone = 'UTC'")
            con.execute(f"attach '{_quoted(build)}' as build (read_only)")
            yield con, "build"
        finally:
            con.close()
    else:
        cursor = build.cursor()
        # Marts are stored in the order in which they are read; the build's connection does not keep order by itself.
        cursor.execute("set preserve_insertion_order = true")
        try:
            row = cursor.execute("select current_database()").fetchone()
            yield cursor, f"{row[0] if row else 'memory'}"
        finally:
            cursor.execute("set preserve_insertion_order = false")
            cursor.close()


def _names_somebody(table: str, columns: list[tuple[str, str]]) -> bool:
    return table in _NOT_FOR_ANALYSTS or any(column in _withheld_columns() for column, _ in columns)


@functools.cache
def _withheld_columns() -> frozenset[str]:
    """Columns that name or reach a person, or are free text in which somebody may have written a name."""
    return frozenset(name for name, field in fields().items() if field.sensitivity == "contact")


@functools.cache
def _descriptions() -> dict[str, str]:
    """Table name to its description and grain, from the YAML twins of sql/mart."""
    found = {"publication": "What these files were made of: the instants, the configuration. Grain: one row"}
    for model in discover():
        if model.layer == "mart":
            text, grain = (" ".join(part.split()) for part in (model.twin.description, model.twin.grain))
            found[model.name] = f"{text} Grain: {grain}" if grain else text
    return found


def _generations(home: Home) -> list[Path]:
    if not home.published.is_dir():
        return []
    return [path for path in home.published.iterdir() if _GENERATION.match(path.name) and path.is_dir()]


def _number(folder: Path) -> int:
    match = _GENERATION.match(folder.name)
    return int(match.group(1)) if match else 0


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _make_durable(draft: Path) -> int:
    """Restrict every file to its owner and force it to disk; returns the bytes written."""
    total = 0
    for path in sorted(draft.rglob("*")):
        if path.is_dir():
            continue
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        total += path.stat().st_size
    for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
        _sync_folder(folder)
    missing = [role for role in ROLES if not (draft / f"{role}.duckdb").is_file()]
    if missing:
        raise MusterError(f"The files of {', '.join(missing)} were not written; nothing was published.")
    return total


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(home: Home, name: str) -> None:
    draft = home.published / f".current-{name}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(name)
    draft.replace(home.published / "current")
    _sync_folder(home.published)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _quoted(text: Path | str) -> str:
    return str(text).replace("'", "''")


def _explain(home: Home, error: Exception, name: str) -> MusterError:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if (home.published / "current").resolve().name == name:
        return MusterError(
            f"Generation {_number(Path(name))} is in force, but the disk did not confirm that it is kept ({text}); "
            "check the disk and run again."
        )
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text or "disk full" in text.lower():
        return MusterError(
            f"The disk of {home.published} is full; free some space and run again. What was published stays in force."
        )
    return MusterError(f"Publishing failed ({text}); what was published before stays in force.")
