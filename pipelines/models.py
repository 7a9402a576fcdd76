"""The SQL models: discovered, ordered from their parse trees, executed one table a file.

A model is a file ``sql/<layer>/**/<name>.sql`` that holds one SELECT, with a YAML twin beside it. Running it
makes the table ``<layer>.<name>``. What a model reads is taken from its parse tree, so there is no list of
dependencies to keep. The clock, chance and files are out of reach of a model (F5).
"""

from __future__ import annotations

import functools
import graphlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines import parts
from pipelines.errors import MusterError
from pipelines.settings import PROJECT, SQL, describe_validation, load_yaml

LAYERS = ("stage", "core", "mart")
"""Schemas made by models, in the order in which they are built."""

SOURCES = ("land", "reference")
"""Schemas made by code before any model runs."""

MADE_BY_CODE = frozenset({"core.finding", "core.pseudonym", "mart.publication"})
"""Tables of a model layer that no SQL file makes: check results, keyed pseudonyms, the note of publication."""

MADE_AFTER = {"core.pseudonym": "core.traveller"}
"""Tables that code makes from a model's table, so that their readers wait for that model."""

CACHE = PROJECT / "build" / "models.json"
"""What each SQL text reads, by digest: parsing costs ten times what reading does."""

_CACHE_FORMAT = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Strict):
    """One expectation of a table, as its twin declares it."""

    check: Literal["not_null", "unique", "in_set", "between", "regex", "row_count_min"]
    column: str | None = None
    columns: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    severity: Literal["blocking", "warning"] = "blocking"


class Parts(_Strict):
    """That a model may be made part by part (:mod:`pipelines.parts`).

    No row depends on rows of another value of ``by``, a dense key, in the tables ``of``: by default all tables read
    that have it. ``numbered`` is a column of the model's own that counts from 1, first along ``by``.
    """

    by: str
    of: tuple[str, ...] = ()
    numbered: str | None = None


class Twin(_Strict):
    """The YAML beside a model: what one row is, the rules it implements, its key, columns and checks."""

    description: str
    grain: str
    rules: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    parts: Parts | None = None
    columns: tuple[str, ...] = Field(min_length=1)
    checks: tuple[Check, ...] = ()


class ColumnField(_Strict):
    """A column of ``sql/fields.yml``: its meaning is the same wherever the name appears."""

    type: str
    unit: str | None = None
    meaning: str
    sensitivity: Literal["none", "personal", "contact"] = "none"
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Model:
    """One SQL file: the table it makes and the tables it reads."""

    layer: str
    name: str
    path: Path
    sql: str
    depends_on: tuple[str, ...]
    twin: Twin

    @property
    def table(self) -> str:
        """The schema-qualified name of the table that the model makes."""
        return f"{self.layer}.{self.name}"


@dataclass(frozen=True)
class ModelResult:
    """What building one model cost: wall seconds and rows made; ``is_made`` is false where the table was there."""

    table: str
    seconds: float
    rows: int
    is_made: bool = True


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def fields(root: Path = SQL) -> dict[str, ColumnField]:
    """Every column of ``sql/fields.yml`` by name; raises MusterError that names a wrong entry."""
    return dict(_own_fields() if root == SQL else _read_fields(root))


@functools.cache
def _own_fields() -> dict[str, ColumnField]:
    return _read_fields(SQL)


def _read_fields(root: Path) -> dict[str, ColumnField]:
    path = root / "fields.yml"
    if not path.exists():
        return {}
    document = load_yaml(path) or {}
    found = {}
    for name, entry in document.items():
        try:
            found[name] = ColumnField(**entry)
        except (ValidationError, TypeError) as error:
            detail = describe_validation(path, error) if isinstance(error, ValidationError) else f"{path}: no mapping."
            raise MusterError(f"Column {name}: {detail}") from error
    return found


def _twin(path: Path, *, required: bool) -> Twin:
    twin = path.with_suffix(".yml")
    if not twin.exists() and not required:
        return Twin.model_construct(description="", grain="", columns=())
    if not twin.exists():
        raise MusterError(f"{_shown(path)} has no twin; describe the table in {_shown(twin)}.")
    try:
        return Twin(**(load_yaml(twin) or {}))
    except ValidationError as error:
        raise MusterError(describe_validation(twin, error)) from error
    except TypeError as error:
        raise MusterError(f"{twin} must be a list of 'name: value' lines.") from error


def _read_cache() -> dict[str, list[str]]:
    try:
        document = json.loads(CACHE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document["reads"] if isinstance(document, dict) and document.get("format") == _CACHE_FORMAT else {}


def _write_cache(reads: dict[str, list[str]]) -> None:
    # The cache only saves time: a read-only installation does without it.
    temporary = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
    try:
        CACHE.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps({"format": _CACHE_FORMAT, "reads": reads}, sort_keys=True), encoding="utf-8")
        temporary.replace(CACHE)
    except OSError:
        return


@functools.cache
def _rules_digest() -> str:
    # A text that passed older rules is read again.
    return hashlib.sha256(Path(__file__).with_name("model_rules.py").read_bytes()).hexdigest()


def _key(sql: str) -> str:
    return hashlib.sha256(f"{_rules_digest()}\n{sql}".encode()).hexdigest()


def _find_reads(texts: dict[Path, str], *, cached: bool) -> dict[Path, tuple[str, ...]]:
    """The tables that each text reads; a text that breaks a rule of models raises MusterError with its path."""
    cache = _read_cache() if cached else {}
    reads: dict[str, list[str]] = {}
    fresh = False
    for path, sql in texts.items():
        key = _key(sql)
        if key in cache:
            reads[key] = cache[key]
            continue
        from pipelines.model_rules import tables_read  # imports SQLGlot: only where a text is new

        reads[key] = tables_read(sql, _shown(path))
        fresh = True
    if cached and (fresh or reads.keys() != cache.keys()):
        _write_cache(reads)
    return {path: tuple(reads[_key(sql)]) for path, sql in texts.items()}


def discover(root: Path = SQL, *, twins_required: bool = True) -> list[Model]:
    """Every model below ``sql/stage``, ``sql/core`` and ``sql/mart`` in the order in which it can be built.

    The order depends on nothing but names and dependencies. Raises MusterError in one sentence for a missing or
    broken twin, a text that is not one plain SELECT, a table that nothing makes, a read from a later layer, a
    cycle, and two files that would make the same table. ``twins_required=False`` serves models still being written.
    The project's own models are read once in a process.
    """
    return list(_own_models()) if root == SQL and twins_required else _read_models(root, twins_required)


@functools.cache
def _own_models() -> list[Model]:
    return _read_models(SQL, twins_required=True)


def _read_models(root: Path, twins_required: bool) -> list[Model]:
    paths = [path for layer in LAYERS for path in sorted((root / layer).glob("**/*.sql"))]
    texts = {path: path.read_text(encoding="utf-8").strip().rstrip(";") for path in paths}
    reads = _find_reads(texts, cached=root == SQL)
    models: dict[str, Model] = {}
    for path in paths:
        layer = path.relative_to(root).parts[0]
        behind = {MADE_AFTER[read] for read in reads[path] if read in MADE_AFTER}
        depends_on = tuple(sorted({*reads[path], *behind}))
        model = Model(layer, path.stem, path, texts[path], depends_on, _twin(path, required=twins_required))
        if model.table in models:
            raise MusterError(f"{_shown(path)} and {_shown(models[model.table].path)} would make the same table.")
        models[model.table] = model
    return _order(models)


def telling_of_findings(models: Iterable[Model]) -> list[Model]:
    """The marts that tell of findings, so are built after the checks; ``models`` are in order."""
    tables, late = {"core.finding"}, []
    for model in models:
        if tables.intersection(model.depends_on):
            tables.add(model.table)
            late.append(model)
    return late


def _order(models: dict[str, Model]) -> list[Model]:
    for model in models.values():
        _check_reads(model, models)
    sorter = graphlib.TopologicalSorter(
        {table: sorted(read for read in models[table].depends_on if read in models) for table in sorted(models)}
    )
    try:
        names = list(sorter.static_order())
    except graphlib.CycleError as error:
        raise MusterError(f"The models read each other in a circle: {' -> '.join(error.args[1])}.") from error
    return [models[name] for layer in LAYERS for name in names if models[name].layer == layer]


def _check_reads(model: Model, models: dict[str, Model]) -> None:
    for read in model.depends_on:
        schema = read.partition(".")[0]
        if schema in SOURCES or read in MADE_BY_CODE:
            continue
        if read not in models:
            raise MusterError(f"{_shown(model.path)} reads {read}, which no file makes.")
        if LAYERS.index(schema) > LAYERS.index(model.layer):
            raise MusterError(f"{_shown(model.path)} reads {read}, a table of a later layer.")


def build(con: duckdb.DuckDBPyConnection, model: Model) -> ModelResult:
    """Make one model's table; a failing statement becomes a MusterError that names the file, without any value.

    What does not fit into the memory with all threads, of which each holds its own, is made again by one.
    """
    began = time.perf_counter()
    try:
        rows = sum(_execute(con, statement) for statement in _statements(con, model))
    except duckdb.Error as error:
        raise MusterError(f"{_shown(model.path)} failed: {describe_database_error(error)}") from error
    return ModelResult(model.table, time.perf_counter() - began, rows)


def _statements(con: duckdb.DuckDBPyConnection, model: Model) -> Iterator[str]:
    """What makes a model's table: one statement, or one for each of its parts where it has parts and does not fit."""
    divided = model.twin.parts
    tables, ranges = parts.ranges(con, divided.by, divided.of or model.depends_on) if divided else ([], [])
    if divided is None or len(ranges) == 1:
        yield f"create or replace table {model.table} as {model.sql}"
        return
    for number, each in enumerate(ranges):
        sql = parts.limited(model.sql, tables, each.condition(divided.by))
        if number and divided.numbered:
            sql = parts.numbered_on(con, sql, model.table, divided.numbered)
        yield f"insert into {model.table} {sql}" if number else f"create or replace table {model.table} as {sql}"


def _execute(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    try:
        rows = con.execute(sql).fetchone()
    except duckdb.OutOfMemoryException:
        rows = _with_one_thread(con, sql)
    return int(rows[0]) if rows else 0


def _with_one_thread(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    ((threads,),) = con.execute("select current_setting('threads')").fetchall()
    con.execute("set threads = 1")
    try:
        return con.execute(sql).fetchone()
    finally:
        con.execute(f"set threads = {threads}")


def describe_database_error(error: duckdb.Error) -> str:
    """A database error in one line; conversion errors quote data, so of those only the kind is kept."""
    kind = type(error).__name__
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        first = str(error).strip().splitlines()[0]
        return first if first.endswith(".") else f"{first}."
    if isinstance(error, duckdb.OutOfMemoryException):
        return "the memory limit was reached; raise memory_gb in muster.yml, or free disk space, and run again."
    if isinstance(error, duckdb.IOException | duckdb.TransactionException | duckdb.FatalException):
        # The last two are what a commit says of a disk that is full or fails; nothing else writes to a build.
        return "the disk could not be written or read; check that there is space and run again."
    return f"a value did not fit ({kind}); run with the stage checks to find the column."


def run(
    con: duckdb.DuckDBPyConnection,
    layer: str | None = None,
    on_model: Callable[[ModelResult], None] | None = None,
    *,
    models: Sequence[Model] | None = None,
    make: Callable[[duckdb.DuckDBPyConnection, Model], ModelResult] | None = None,
) -> list[ModelResult]:
    """Build the models of one layer, or of all, in order; ``on_model`` is called after each.

    Makes the schemas it needs; every table is replaced, so that a repeated run gives the same tables. ``make`` builds
    a model in place of :func:`build`.
    """
    results = []
    for name in LAYERS:
        con.execute(f"create schema if not exists {name}")
    for model in discover() if models is None else models:
        if layer is not None and model.layer != layer:
            continue
        result = (make or build)(con, model)
        results.append(result)
        if on_model is not None:
            on_model(result)
    return results


def needed(models: Iterable[Model], target: str, given: Iterable[str]) -> list[Model]:
    """The models to run, in order, to make ``target`` where the tables ``given`` exist already."""
    by_table = {model.table: model for model in models}
    if target not in by_table:
        raise MusterError(f"There is no model {target}.")
    have = set(given)
    wanted: set[str] = set()
    open_tables = [target]
    while open_tables:
        table = open_tables.pop()
        if table in wanted or table not in by_table or (table in have and table != target):
            continue
        wanted.add(table)
        open_tables.extend(by_table[table].depends_on)
    return [model for model in by_table.values() if model.table in wanted]


@functools.cache
def _schema_query() -> str:
    return (
        "select table_name, list(column_name order by column_index) from duckdb_columns() "
        "where schema_name = ? and database_name = current_database() group by table_name order by table_name"
    )


def header_lines(sql: str) -> dict[str, str]:
    """The ``-- name: value`` lines at the head of a SQL file."""
    entries = {}
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        name, colon, value = line.removeprefix("--").partition(":")
        if colon:
            entries[name.strip()] = value.strip()
    return entries


def describe_field(field: ColumnField) -> str:
    """A column's meaning with its unit and closed list, as one text."""
    text = field.meaning.strip()
    if field.unit:
        text += f" Unit: {field.unit}."
    if field.values:
        text += f" One of: {', '.join(str(value) for value in field.values)}."
    return text


def column_problems(con: duckdb.DuckDBPyConnection, models: Iterable[Model]) -> list[str]:
    """Where a built table's columns are not those of its twin, or a column is not in ``sql/fields.yml``."""
    known = fields()
    problems = []
    for model in models:
        rows = dict(con.execute(_schema_query(), [model.layer]).fetchall())
        actual = rows.get(model.name)
        if actual is not None and tuple(actual) != model.twin.columns:
            missing = [name for name in actual if name not in model.twin.columns]
            extra = [name for name in model.twin.columns if name not in actual]
            problems.append(f"{model.table}: undeclared {missing}, declared but absent {extra}, or in another order")
        problems += [
            f"{model.table}.{name} is not in sql/fields.yml" for name in model.twin.columns if name not in known
        ]
    return problems


def dictionary_markdown() -> str:
    """The generated dictionary and lineage of all layers (``sql/README.md``)."""
    from pipelines.dictionary import dictionary_markdown as markdown

    return markdown()
