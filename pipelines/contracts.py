"""Contracts: what each feed's files look like, read once and used everywhere.

A contract is a YAML file that declares a feed's columns, header aliases, types, formats, mode and rhythm
(DOMAIN.md section 2). Shipped contracts lie in ``sql/land``; a home adds or replaces them in ``contracts/``.
They serve loading (typed casts), the empty tables of schema ``land``, expectations and documentation.
Nothing is sniffed: encoding, delimiter, date format and time zone are declared.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import MusterError
from pipelines.feeds.registry import FORMATS
from pipelines.settings import (
    MOST_RHYTHM_DAYS,
    SQL,
    Home,
    Settings,
    compose_yaml,
    describe_validation,
    load_yaml,
    yaml_files,
)

SHIPPED = SQL / "land"
PARSER_VERSION = 2
"""Raised whenever the same bytes and contract would be parsed differently; staged files are then made anew."""

ColumnType = Literal["text", "integer", "decimal", "boolean", "date", "instant", "local_time", "choice", "list"]
Mode = Literal["snapshot", "upsert", "rolling"]

SQL_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "instant": "TIMESTAMP",
    "local_time": "TIMESTAMP",
    "choice": "VARCHAR",
    "list": "VARCHAR[]",
}

TECHNICAL_COLUMNS: tuple[tuple[str, str], ...] = (
    ("feed", "VARCHAR"),
    ("file_number", "INTEGER"),
    ("record_number", "BIGINT"),
    ("repetition", "INTEGER"),
    ("received_at", "TIMESTAMP"),
    ("is_current", "BOOLEAN"),
)
"""Columns that every table of schema ``land`` has after its canonical ones."""

_INHERITED = ("mode", "key", "key_fallbacks", "reused_key", "updated_at", "rhythm_days", "optional", "description")
_COLUMN_SOURCES = ("aliases", "constant", "default", "template", "repeat", "date_format", "time_zone")
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_DATE_FORMAT = re.compile(r"^(?:%[YmdbB]|[^%'])+$")
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def normalise_header(name: str) -> str:
    """A header name without case, spaces, underscores and byte order mark: what two names are compared by."""
    return re.sub(r"[\s_]+", "", name.replace("\ufeff", "").casefold())


def _check_date_format(value: str | None) -> str | None:
    if value is None:
        return None
    month = sum(value.count(directive) for directive in ("%m", "%b", "%B"))
    if not _DATE_FORMAT.match(value) or value.count("%Y") != 1 or value.count("%d") != 1 or month != 1:
        raise ValueError(f"'{value}' must name %Y, %d and one of %m, %b, %B once each, for example '%d/%m/%Y'")
    return value


def _check_zone(value: str | None) -> str | None:
    if value is not None and value not in zoneinfo.available_timezones():
        raise ValueError(f"'{value}' is no IANA time zone; write one such as 'Europe/London'")
    return value


def _as_text(value: Any) -> Any:
    """YAML reads true, 5 and 2026-01-01 as other types; a constant is always text here."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


class Column(_Strict):
    """One canonical column and how a file fills it."""

    type: ColumnType = "text"
    required: bool = False
    description: str | None = None
    aliases: tuple[str, ...] = Field((), description="header names that mean this column, best first; # is repeated")
    values: tuple[str, ...] = Field((), description="choice: the canonical values, in lower case")
    value_aliases: dict[str, str] = Field({}, description="choice: another word and the value that it means")
    constant: str | None = Field(None, description="the value of every record")
    default: str | None = Field(None, description="the value where the file gives none")
    template: str | None = Field(None, description="text with {Header} placeholders; empty ones vanish")
    repeat: int | None = Field(None, ge=1, le=50, description="repeated group: # counts from 1 to this number")
    date_format: str | None = None
    time_zone: str | None = None
    separator: str = Field(";", min_length=1, description="list: what stands between two values")
    minimum: float | None = None
    maximum: float | None = None
    key_only: bool = Field(False, description="tells what replaces what, and is no column of the table")

    _formats = field_validator("date_format")(classmethod(lambda cls, value: _check_date_format(value)))
    _zones = field_validator("time_zone")(classmethod(lambda cls, value: _check_zone(value)))
    _texts = field_validator("constant", "default", mode="before")(classmethod(lambda cls, value: _as_text(value)))

    @field_validator("values", mode="before")
    @classmethod
    def _value_texts(cls, values: Any) -> Any:
        return tuple(_as_text(value) for value in values) if isinstance(values, list | tuple) else values

    @model_validator(mode="after")
    def _is_consistent(self) -> Column:
        if self.type == "choice" and not self.values:
            raise ValueError("a choice needs its 'values'")
        if any(value != value.lower() for value in self.values):
            raise ValueError("choice values are written in lower case")
        unknown = sorted(set(self.value_aliases.values()) - set(self.values))
        if unknown:
            raise ValueError(f"value_aliases names '{unknown[0]}', which is not among the values")
        if self.constant is not None and (self.template or self.aliases):
            raise ValueError("a constant takes neither aliases nor a template")
        if self.template is not None and not _PLACEHOLDER.search(self.template):
            raise ValueError("a template needs at least one {Header}; use 'constant' for fixed text")
        return self

    def template_headers(self) -> list[str]:
        """The header names that the template takes its text from."""
        return _PLACEHOLDER.findall(self.template) if self.template else []


class ReusedKey(_Strict):
    """A key that its source uses again later, as a record locator is after about a year."""

    by: str = Field(description="instant or date column that tells one use from the next")
    within_days: int = Field(330, gt=0, description="versions with no greater gap between them are one use")
    same: tuple[str, str, str] = Field(description="columns that tell the owner: id, e-mail address and name")
    first_date_column: str = Field(description="DATE column of the table that receives the first date of the use")


class ReceivedAtColumn(_Strict):
    """Rows that carry the instant at which they were received."""

    column: str = Field(min_length=1)


class Variant(_Strict):
    """Another header of the same feed: what differs where all headers of ``when_header`` are present."""

    when_header: tuple[str, ...] = Field(min_length=1)
    date_format: str | None = None
    time_zone: str | None = None
    columns: dict[str, dict[str, Any]] = {}
    ignore_columns: tuple[str, ...] = ()

    _formats = field_validator("date_format")(classmethod(lambda cls, value: _check_date_format(value)))
    _zones = field_validator("time_zone")(classmethod(lambda cls, value: _check_zone(value)))


class Contract(_Strict):
    """Everything that is declared about one feed."""

    feed: str = Field(description="folder below inbox/")
    table: str = Field(description="table of schema land that it fills")
    description: str = ""
    mode: Mode = "upsert"
    key: tuple[str, ...] = Field(min_length=1)
    key_fallbacks: dict[str, tuple[str, ...]] = Field({}, description="key column and what stands in where it is empty")
    reused_key: ReusedKey | None = None
    updated_at: str | None = Field(None, description="column that orders versions before receipt does")
    rhythm_days: float = Field(gt=0, le=MOST_RHYTHM_DAYS)
    optional: bool = False
    format: str = Field("csv", description="csv, or a named reader of pipelines.feeds")
    encoding: str = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    decimal_separator: Literal[".", ","] = "."
    skip_lines: int = Field(0, ge=0, le=1000)
    date_format: str = "%Y-%m-%d"
    time_zone: str = "UTC"
    received_at: str | ReceivedAtColumn | None = None
    parts: tuple[str, ...] = ()
    columns: dict[str, Column]
    variants: tuple[Variant, ...] = ()
    ignore_columns: tuple[str, ...] = ()

    _formats = field_validator("date_format")(classmethod(lambda cls, value: _check_date_format(value)))
    _zones = field_validator("time_zone")(classmethod(lambda cls, value: _check_zone(value)))

    @field_validator("feed", "table")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError(f"'{value}' must be lower-case letters, digits and underscores")
        return value

    @field_validator("format")
    @classmethod
    def _format_exists(cls, value: str) -> str:
        if value != "csv" and value not in FORMATS:
            raise ValueError(f"'{value}' is no format; write one of {', '.join(['csv', *FORMATS])}")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str) -> str:
        try:
            return canonical_encoding(value)
        except LookupError as error:
            raise ValueError(f"'{value}' is no known encoding; write utf-8, windows-1252 or utf-16") from error

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_plain(cls, value: str) -> str:
        if value in '"\r\n' or not value.isascii():
            raise ValueError("the delimiter is one ASCII character other than a quote or a line end")
        return value

    @model_validator(mode="after")
    def _is_consistent(self) -> Contract:
        names = set(self.columns)
        named = [*self.key, *self.key_fallbacks, *([self.updated_at] if self.updated_at else [])]
        if self.reused_key:
            named += [self.reused_key.by, *self.reused_key.same]
        for name in named:
            if name not in names:
                raise ValueError(f"column '{name}' is named but not declared under columns")
        for name in names:
            if not _NAME.match(name):
                raise ValueError(f"column '{name}' must be lower-case letters, digits and underscores")
        if self.mode == "snapshot" and isinstance(self.received_at, ReceivedAtColumn):
            raise ValueError("a snapshot is received as a whole; received_at cannot be a column")
        if self.parts and self.mode != "snapshot":
            raise ValueError("only a snapshot has parts")
        if len({column.repeat for column in self.columns.values() if column.repeat}) > 1:
            raise ValueError("all columns of the repeated group must have the same 'repeat'")
        if isinstance(self.received_at, str):
            received_pattern(self.received_at)
        for variant in self.variants:
            self._with(variant)
        return self

    def _with(self, variant: Variant) -> Contract:
        """This contract as a variant changes it, without variants."""
        columns = {name: column.model_dump(exclude_unset=True) for name, column in self.columns.items()}
        for name, changes in variant.columns.items():
            if name not in columns:
                raise ValueError(f"a variant names column '{name}', which is not declared under columns")
            columns[name] = {**columns[name], **changes}
        document = self.model_dump(exclude={"variants", "columns"})
        document |= {key: value for key in ("date_format", "time_zone") if (value := getattr(variant, key))}
        document["ignore_columns"] = (*self.ignore_columns, *variant.ignore_columns)
        return Contract(**document, columns=columns)

    def for_header(self, header: list[str]) -> Contract:
        """The contract in force for a file with these header names: the first variant that fits, else itself."""
        present = {normalise_header(name) for name in header}
        for variant in self.variants:
            if all(normalise_header(name) in present for name in variant.when_header):
                return self._with(variant)
        return self

    def digest(self) -> str:
        """Twelve hexadecimal digits that change whenever a file would be parsed differently."""
        ignored = {"mode", "rhythm_days", "optional", "description", "parts", "key_fallbacks", "reused_key"}
        document = self.model_dump(mode="json", exclude=ignored)
        for column in document["columns"].values():
            del column["key_only"]
        if isinstance(self.received_at, str):
            document["received_at"] = None
        version = [PARSER_VERSION, *([FORMATS[self.format].version] if self.format != "csv" else [])]
        text = json.dumps([*version, document], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def is_required(self, name: str) -> bool:
        """Whether a record without this column is rejected: declared so, or part of the key without a stand-in."""
        return self.columns[name].required or (name in self.key and name not in self.key_fallbacks)

    def stored_columns(self) -> dict[str, Column]:
        """The canonical columns that the table has."""
        return {name: column for name, column in self.columns.items() if not column.key_only}

    def sql_columns(self) -> list[tuple[str, str]]:
        """Name and SQL type of each stored column, in order; a local time has its ``_has_time`` beside it."""
        columns: list[tuple[str, str]] = []
        for name, column in self.stored_columns().items():
            columns.append((name, SQL_TYPES[column.type]))
            if column.type == "local_time":
                columns.append((f"{name}_has_time", "BOOLEAN"))
        return columns

    def table_columns(self) -> list[tuple[str, str]]:
        """Name and SQL type of every column of the table in schema ``land``, technical ones included."""
        extra = [(self.reused_key.first_date_column, "DATE")] if self.reused_key else []
        return [*self.sql_columns(), *extra, *TECHNICAL_COLUMNS]

    def ddl(self) -> str:
        """The statement that makes the empty table."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.table_columns())
        return f"create or replace table land.{self.table} ({columns})"

    def expectations(self) -> list[dict[str, Any]]:
        """What validation may expect of the loaded table, in the form of the checks of a YAML twin."""
        checks: list[dict[str, Any]] = []
        for name, column in self.stored_columns().items():
            if self.is_required(name):
                checks.append({"check": "not_null", "column": name, "severity": "blocking"})
            if column.type == "choice":
                checks.append(
                    {"check": "in_set", "column": name, "values": list(column.values), "severity": "blocking"}
                )
            if column.minimum is not None or column.maximum is not None:
                bounds = {"minimum": column.minimum, "maximum": column.maximum}
                checks.append({"check": "between", "column": name, **bounds, "severity": "blocking"})
        if not self.optional:
            checks.append({"check": "row_count_min", "minimum": 1, "severity": "warning"})
        return checks


def canonical_encoding(name: str) -> str:
    """Python's name of an encoding; raises LookupError where there is none or it is no text encoding."""
    import codecs

    info = codecs.lookup(name)
    if not getattr(info, "_is_text_encoding", True):
        raise LookupError(name)
    return info.name


_PATTERN_PARTS = {
    "YYYYMMDD": r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    "YYYY-MM-DD": r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
    "HHMMSS": r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})",
    "HHMM": r"(?P<hour>\d{2})(?P<minute>\d{2})",
    "*": r".*?",
}


def received_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a file-name pattern such as ``{YYYYMMDD}.csv``; ValueError where it is none."""
    pieces: list[str] = []
    dates, times = 0, 0
    for literal, name in re.findall(r"([^{}]+)|\{([^{}]*)\}", pattern):
        if literal:
            pieces.append(re.escape(literal))
        elif name in _PATTERN_PARTS:
            pieces.append(_PATTERN_PARTS[name])
            dates += name.startswith("YYYY")
            times += name.startswith("HH")
        else:
            raise ValueError(f"received_at: '{{{name}}}' is unknown; use {{YYYYMMDD}}, {{YYYY-MM-DD}} or {{*}}")
    if dates != 1:
        raise ValueError("received_at must hold one {YYYYMMDD} or {YYYY-MM-DD}, or be {column: name}")
    if times > 1:
        raise ValueError("received_at must not hold more than one {HHMM} or {HHMMSS}")
    return re.compile("".join(pieces), re.IGNORECASE)


def _read_document(path: Path) -> dict[str, Any]:
    document = load_yaml(path)
    if not isinstance(document, dict):
        raise MusterError(f"{path} must be a contract: 'name: value' lines, beginning with 'feed:'.")
    if not isinstance(document.get("columns", {}), dict):
        raise MusterError(f"{path}: columns must be a list of 'column: {{type: …}}' lines.")
    return document


def _build(path: Path, document: dict[str, Any]) -> Contract:
    try:
        return Contract(**document)
    except ValidationError as error:
        raise MusterError(describe_validation(path, error)) from error


def _inherit(path: Path, document: dict[str, Any], canonical: Mapping[str, Contract]) -> dict[str, Any]:
    """A home's contract completed from the shipped contract of the table that it fills."""
    table = document.get("table", document.get("feed"))
    base = canonical.get(str(table))
    if base is None:
        return {**document, "table": table}
    unknown = [name for name in document.get("columns", {}) if name not in base.columns]
    if unknown:
        raise MusterError(
            f"{path}: columns.{unknown[0]}: table {table} has no such column; it has {', '.join(base.columns)}."
        )
    columns: dict[str, dict[str, Any]] = {}
    for name, column in base.columns.items():
        own = document.get("columns", {}).get(name) or {}
        if not isinstance(own, dict):
            raise MusterError(f"{path}: columns.{name} must be a list of 'name: value' pairs in braces.")
        if own.get("type", column.type) != column.type:
            raise MusterError(f"{path}: columns.{name}.type: table {table} declares {column.type}; leave type out.")
        # A contract without columns of its own changes only how the feed is treated, and keeps the shipped headers.
        sources = set(_COLUMN_SOURCES) if document.get("columns") else set()
        inherited = column.model_dump(exclude_unset=True, exclude=sources)
        columns[name] = {**inherited, **own}
    inherited_keys = {key: getattr(base, key) for key in _INHERITED}
    return {**inherited_keys, **document, "table": table, "columns": columns}


def _load_folder(folder: Path, canonical: Mapping[str, Contract]) -> dict[str, tuple[Path, Contract]]:
    found: dict[str, tuple[Path, Contract]] = {}
    for path in yaml_files(folder):
        document = _inherit(path, _read_document(path), canonical)
        contract = _build(path, document)
        if contract.feed in found:
            raise MusterError(f"{path}: feed '{contract.feed}' is declared in {found[contract.feed][0]} too; keep one.")
        found[contract.feed] = (path, contract)
    return found


def _line_of(path: Path, key: str) -> int:
    """The line, from 1, on which a document names one of its outermost keys."""
    tree = compose_yaml(path)
    pairs = tree.value if isinstance(tree, yaml.MappingNode) else []
    return next((name.start_mark.line + 1 for name, _ in pairs if name.value == key), 1)


def _check_tables(own: dict[str, tuple[Path, Contract]], canonical: Mapping[str, Contract]) -> None:
    """Refuse a table that nothing reads: one neither shipped nor named as its own feed by a contract of the home."""
    known = {contract.table for contract in canonical.values()}
    for path, contract in own.values():
        if contract.table in known or contract.table in own:
            continue
        raise MusterError(
            f"{path} line {_line_of(path, 'table')}: table: there is no table '{contract.table}'; write one of "
            f"{', '.join(sorted(known))}, or the name of the feed for a table of its own."
        )


@functools.cache
def shipped_contracts() -> Mapping[str, Contract]:
    """The contracts of the project, by feed; each also defines the table of its name."""
    return MappingProxyType({feed: contract for feed, (_, contract) in _load_folder(SHIPPED, {}).items()})


def table_contracts(contracts: dict[str, Contract]) -> dict[str, Contract]:
    """One contract for each table of schema ``land``: the shipped one, else the first of a home that fills it."""
    shipped = shipped_contracts().values()
    tables = {contract.table: contract for contract in shipped if contract.table == contract.feed}
    for contract in shipped:
        tables.setdefault(contract.table, contract)
    for contract in contracts.values():
        tables.setdefault(contract.table, contract)
    return tables


def load_contracts(home: Home, settings: Settings) -> dict[str, Contract]:
    """Every feed's contract in force: shipped, replaced or added by the home, changed by ``feeds`` in muster.yml.

    Raises MusterError naming file and key where a contract is broken or a setting names none.
    """
    canonical = shipped_contracts()
    own = _load_folder(home.contracts, canonical) if home.contracts.is_dir() else {}
    _check_tables(own, canonical)
    contracts = {**canonical, **{feed: contract for feed, (_, contract) in own.items()}}
    files = {path.name: (path, contract) for path, contract in own.values()}
    for feed, changes in settings.feeds.items():
        if changes.contract is not None:
            if changes.contract not in files:
                raise MusterError(
                    f"{home.settings_file}: feeds.{feed}.contract: there is no {home.contracts / changes.contract}."
                )
            contracts[feed] = files[changes.contract][1].model_copy(update={"feed": feed})
        if feed not in contracts:
            raise MusterError(
                f"{home.settings_file}: feeds.{feed}: no contract declares this feed; "
                f"write {home.contracts / feed}.yml."
            )
        updates = {key: value for key in ("rhythm_days", "mode") if (value := getattr(changes, key)) is not None}
        if updates:
            document = {**contracts[feed].model_dump(exclude_unset=True), **updates}
            contracts[feed] = _build(home.settings_file, document)
    return dict(sorted(contracts.items()))
