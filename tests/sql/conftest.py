"""SQL cases: folders of input and expected files, one test each.

``tests/sql/<layer>/<model>/<case>/`` holds

- ``<schema>.<table>.csv``: an input table; only the columns that matter, the table's other columns are NULL. A
  header cell is a column name, or ``name:type`` where the declared type does not do. An empty cell is NULL, ``""`` is
  empty text;
- ``parameter.yml``: what differs from the default row of ``reference.parameter``, if anything;
- ``expect.csv``: the columns to compare and the rows expected, in any order. A case without it fails.

Inputs stand in for the models of the same name; models between the inputs and the one under test run. Sources that
are not given are empty, but ``reference`` tables that are not given are the real ones.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import models
from pipelines.settings import load_yaml

HERE = Path(__file__).parent
SCHEMAS = (*models.SOURCES, *models.LAYERS)

PSEUDONYM = "core.pseudonym"

PARAMETER = {
    "as_of": "2026-11-16 12:00:00",
    "known_at": "2026-11-16 12:00:00",
    "office_timezone": "UTC",
    "office_country_code": None,
    "transit_hours": 10,
    "open_ended_days": 30,
    "count_home": False,
    "resolution": "highest",
    "headline": "max",
    "configuration_sha256": "0" * 64,
}


class CaseError(Exception):
    """A case whose rows differ, or that is not written well; the message is all that is shown."""


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect folders at the depth layer/model/case as cases."""
    if path.is_relative_to(HERE) and len(path.relative_to(HERE).parts) == 3 and not path.name.startswith(("_", ".")):
        return CaseDirectory.from_parent(parent, path=path)
    return None


class CaseDirectory(pytest.Directory):
    """The folder of one case."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the case's one test."""
        yield Case.from_parent(self, name="case", path=self.path)


class Case(pytest.Item):
    """One case: load the inputs, run the models between them and the one under test, compare."""

    def runtest(self) -> None:
        """Run the case; raises CaseError where it differs."""
        run_case(self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the message of a case alone, and of an unexpected error its trace."""
        if isinstance(excinfo.value, CaseError | models.MusterError):
            return f"{self.path.relative_to(HERE.parent.parent)}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the case by its folder."""
        return self.path, 0, str(self.path.relative_to(HERE))


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    """The database that all cases share, each in fresh schemas."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'; attach ':memory:' as real")
    return con


@functools.cache
def all_models() -> dict[str, models.Model]:
    """Every model by table name, in the order in which they are built."""
    return {model.table: model for model in models.discover(twins_required=False)}


@functools.cache
def source_types() -> dict[str, dict[str, str]]:
    """The declared columns of the tables that code makes: of feeds from their contracts, of others from a file."""
    from pipelines.contracts import shipped_contracts

    document: dict[str, dict[str, str]] = load_yaml(HERE / "sources.yml")
    contracts = shipped_contracts().values()
    return document | {f"land.{contract.table}": dict(contract.table_columns()) for contract in contracts}


@functools.cache
def real_reference() -> frozenset[str]:
    """Load the real reference tables, once and only if a case needs one; returns their names."""
    from datetime import datetime

    try:
        from pipelines import reference
    except ImportError:
        return frozenset()
    from pipelines.settings import Home, Settings

    con = connection().cursor()
    con.execute("use real; create schema if not exists reference")
    then = datetime.fromisoformat(f"{PARAMETER['as_of']}+00:00")
    reference.load(con, Home(HERE / "none"), Settings(), then, then)
    found = con.execute(
        "select table_name from information_schema.tables where table_catalog = 'real' and table_schema = 'reference'"
    ).fetchall()
    return frozenset(f"reference.{name}" for (name,) in found)


def declared(table: str) -> dict[str, str]:
    """Column types of a table: sources from sources.yml, models from their twin and sql/fields.yml."""
    if table in source_types():
        return dict(source_types()[table])
    model = all_models().get(table)
    if model is not None:
        known = models.fields()
        return {name: known[name].type for name in model.twin.columns if name in known}
    if table.startswith("reference.") and table in real_reference():
        rows = connection().execute(f"describe real.{table}").fetchall()
        return {row[0]: row[1] for row in rows}
    return {}


def read_header(path: Path) -> list[tuple[str, str | None]]:
    """The header's columns, each with the type written after a colon, if any."""
    with path.open(encoding="utf-8", newline="") as file:
        cells = next(csv.reader(file), [])
    return [(name.strip(), kind.strip() or None) for name, _, kind in (cell.partition(":") for cell in cells)]


def csv_source(path: Path, names: list[str]) -> str:
    """A table function that reads the file as text, an empty cell as NULL and a quoted empty one as ''."""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv('{path}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"nullstr = '', allow_quoted_nulls = false, columns = {{{columns}}})"
    )


def load_input(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make one input table from its file, with the table's other columns NULL."""
    table = path.stem
    header = read_header(path)
    types = declared(table)
    for name, kind in header:
        if kind is None and name not in types:
            raise CaseError(f"{path.name}: {table} has no declared column {name}; write {name}:<type>.")
        types[name] = kind or types[name]
    given = {name for name, _ in header}
    columns = ", ".join(
        f'cast("{name}" as {kind}) as "{name}"' if name in given else f'cast(null as {kind}) as "{name}"'
        for name, kind in types.items()
    )
    try:
        con.execute(f"create table {table} as select {columns} from {csv_source(path, [name for name, _ in header])}")
    except duckdb.Error as error:
        raise CaseError(f"{path.name}: {error}") from error


def load_parameter(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the one row of reference.parameter: the defaults and what the case changes."""
    path = folder / "parameter.yml"
    changes = load_yaml(path) or {} if path.exists() else {}
    unknown = sorted(changes.keys() - PARAMETER.keys())
    if unknown:
        raise CaseError(f"parameter.yml: there is no parameter {', '.join(unknown)}.")
    values = PARAMETER | changes
    types = declared("reference.parameter")
    columns = ", ".join(f"cast(${name} as {types.get(name, 'VARCHAR')}) as {name}" for name in values)
    con.execute(f"create table reference.parameter as select {columns}", values)


def load_pseudonyms(con: duckdb.DuckDBPyConnection) -> None:
    """Make core.pseudonym with readable ids: ``t_`` and the identity key, without the home's secret."""
    con.execute(
        f"create or replace table {PSEUDONYM} as "
        "select traveller_key, 't_' || identity_key as traveller_id from core.traveller"
    )


def load_rest(con: duckdb.DuckDBPyConnection, sources: set[str]) -> None:
    """Make the sources that the case does not give: empty ones, or the real reference tables."""
    for table in sorted(sources):
        if table.startswith("reference.") and table in real_reference():
            con.execute(f"create view {table} as select * from real.{table}")
            continue
        types = declared(table)
        if not types:
            raise CaseError(f"{table} is read but neither given nor declared in tests/sql/sources.yml.")
        columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
        con.execute(f"create table {table} ({columns})")


def run_case(folder: Path) -> None:
    """Load, run and compare one case."""
    expected = folder / "expect.csv"
    if not expected.exists():
        raise CaseError("expect.csv is missing: a case says what it expects.")
    target = ".".join(folder.relative_to(HERE).parts[:2])
    inputs = sorted(path for path in folder.glob("*.csv") if path.name != "expect.csv")
    given = {path.stem for path in inputs} | {"reference.parameter"}
    steps = models.needed(all_models().values(), target, given)
    con = connection()
    for schema in SCHEMAS:
        con.execute(f"drop schema if exists {schema} cascade; create schema {schema}")
    for path in inputs:
        load_input(con, path)
    if "reference.parameter" not in {path.stem for path in inputs}:
        load_parameter(con, folder)
    made = {step.table for step in steps}
    load_rest(con, {read for step in steps for read in step.depends_on} - given - made - {PSEUDONYM})
    for step in steps:
        if PSEUDONYM in step.depends_on and PSEUDONYM not in given:
            load_pseudonyms(con)
        try:
            con.execute(f"create table {step.table} as {step.sql}")
        except duckdb.Error as error:
            raise CaseError(f"{step.table}: {error}") from error
    compare(con, target, expected)


def compare(con: duckdb.DuckDBPyConnection, target: str, expected: Path) -> None:
    """Raise CaseError with the rows that differ, in columns, unless the table holds the expected rows."""
    names = [name for name, _ in read_header(expected)]
    types = {row[0]: row[1] for row in con.execute(f"describe {target}").fetchall()}
    absent = [name for name in names if name not in types]
    if absent:
        raise CaseError(f"expect.csv: {target} has no column {', '.join(absent)}; it has {', '.join(types)}.")
    # Floating point is compared to nine places: weights such as 1/3 are written by hand.
    shape = ", ".join(
        f'round(cast("{name}" as DOUBLE), 9) as "{name}"'
        if types[name] in ("DOUBLE", "FLOAT")
        else f'cast("{name}" as {types[name]}) as "{name}"'
        for name in names
    )
    try:
        want = con.execute(f"select {shape} from {csv_source(expected, names)} order by all").fetchall()
    except duckdb.Error as error:
        raise CaseError(f"expect.csv: {error}") from error
    have = con.execute(f"select {shape} from {target} order by all").fetchall()
    if want != have:
        raise CaseError(show_difference(target, names, want, have))


def show_difference(target: str, names: list[str], want: list[tuple[Any, ...]], have: list[tuple[Any, ...]]) -> str:
    """The rows of both sides in one aligned table: '-' expected but absent, '+' present but not expected."""
    left = list(have)
    marked: list[tuple[str, tuple[Any, ...]]] = []
    for row in want:
        if row in left:
            left.remove(row)
            marked.append((" ", row))
        else:
            marked.append(("-", row))
    marked += [("+", row) for row in left]
    marked.sort(key=lambda item: [(value is not None, str(value)) for value in item[1]])
    cells = [[" ", *names]] + [[mark, *("NULL" if v is None else str(v) for v in row)] for mark, row in marked]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names) + 1)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return f"{target} differs ('-' expected and absent, '+' present and not expected):\n" + "\n".join(lines)
