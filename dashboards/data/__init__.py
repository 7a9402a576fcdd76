"""The dashboard's only access to data: the published files, read-only, by role.

This module opens them, knows who looks and logs it; what each page asks is in the module of its name.

Each request resolves ``published/current`` anew, so a new generation is seen without a restart; what was opened for an
older one stays readable until nobody uses it. Connections and results are cached by (role, generation), never across
roles. Instants are naive UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import streamlit as st

from dashboards.access import NAMES, Role, User, user
from pipelines import published
from pipelines.access_log import record_look
from pipelines.errors import MusterError
from pipelines.notes import INCOMPLETE
from pipelines.settings import Home, default_home

__all__ = ["Publication", "Role", "Row", "User", "contacts", "look", "publication", "query", "query_answer", "user"]

Row = dict[str, Any]

FILES: dict[Role, str] = {"viewer": "analyst", "analyst": "analyst", "duty": "duty", "steward": "steward"}
"""The one file that each role opens. A viewer's pages count in the pseudonymous file and show counts alone."""

ROWS_SHOWN = 100
"""Rows a table shows before somebody asks for more."""


class NothingPublished(MusterError):  # noqa: N818 - a state of the home that has a page of its own
    """The home has no publication that this role can read."""


@dataclass(frozen=True)
class Publication:
    """The generation a request reads, with the facts of its one row; instants are naive UTC."""

    file: Path
    role: Role
    zone: str
    generation: str
    as_of: datetime
    known_at: datetime
    built_at: datetime
    configuration_sha256: str
    landed_files: int
    has_invented_ratings: bool
    count_home: bool

    @property
    def has_names(self) -> bool:
        """Whether the role's file holds names and contacts."""
        return self.role in NAMES


def home() -> Home:
    """The home that is served: ``MUSTER_HOME``, else the project's ``data/``."""
    return Home(default_home())


def generation_folder() -> Path | None:
    """The folder that ``published/current`` points to at this moment, None where nothing is published."""
    try:
        return published.current(home())
    except MusterError:
        return None


def publication() -> Publication:
    """The current publication for the user's role.

    Raises NothingPublished where there is none, MusterError where the file cannot be read.
    """
    return publication_of(user().role)


def publication_of(role: Role) -> Publication:
    """The current publication as a role would read it: its facts alone, which name nobody. Raises as above."""
    for attempt in (1, 2):
        folder = generation_folder()
        if folder is None:
            raise NothingPublished(f"Nothing has been published in {home().root} yet.")
        file = folder / f"{FILES[role]}.duckdb"
        if not file.is_file() and attempt == 1:
            continue  # the folder may have been replaced and cleaned up between the two looks
        if not file.is_file():
            raise NothingPublished(f"The publication in {home().root} has no file for the role {role}.")
        rows = _rows(role, str(file), "select * from mart.publication", (), ())
        if len(rows) != 1:
            raise MusterError(f"{file} is no publication of Muster; run 'muster run' to make a new one.")
        row = rows[0]
        return Publication(
            file=file,
            role=role,
            zone=str(row["office_timezone"]),
            generation=str(row["generation"]),
            as_of=row["as_of"],
            known_at=row["known_at"],
            built_at=row["built_at"],
            configuration_sha256=str(row["configuration_sha256"]),
            landed_files=int(row["landed_files"] or 0),
            has_invented_ratings=bool(row.get("has_invented_ratings")),
            count_home=bool(row.get("count_home", True)),  # a file that does not say may hold such exposure
        )
    raise AssertionError("unreachable")


@st.cache_resource(max_entries=6, show_spinner=False)
def _connection(path: str) -> duckdb.DuckDBPyConnection:
    """One read-only connection a file; callers take a cursor each, for connections are not shared between threads."""
    connection = duckdb.connect(path, read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set python_enable_replacements = false")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _fetch(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: tuple[Any, ...], names: tuple[str, ...]) -> Any:
    values = [list(value) if isinstance(value, tuple) else value for value in parameters]
    return cursor.execute(sql, dict(zip(names, values, strict=True)) if names else values)


def _as_rows(result: duckdb.DuckDBPyConnection) -> list[Row]:
    columns = [column[0] for column in result.description or []]
    return [dict(zip(columns, values, strict=True)) for values in result.fetchall()]


def _unreadable(path: str, error: duckdb.Error) -> MusterError:
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        return MusterError(f"Generation {Path(path).parent.name} {published.OTHER_VERSION}")
    return MusterError(
        f"The published file {Path(path).name} of generation {Path(path).parent.name} cannot be read "
        f"({type(error).__name__}); run 'muster run' to publish a new one."
    )


@st.cache_data(max_entries=400, ttl=3600, show_spinner=False)
def _rows(role: Role, path: str, sql: str, parameters: tuple[Any, ...], names: tuple[str, ...]) -> list[Row]:
    try:
        with _connection(path).cursor() as cursor:
            return _as_rows(_fetch(cursor, sql, parameters, names))
    except duckdb.Error as error:
        raise _unreadable(path, error) from error


def query(role: Role, file: Path, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
    """Rows of one query on a published file, cached by role and generation (the path holds it)."""
    _check_own(role, file)
    if isinstance(parameters, Mapping):
        return _rows(role, str(file), sql, tuple(parameters.values()), tuple(parameters))
    return _rows(role, str(file), sql, tuple(parameters), ())


def _check_own(role: Role, file: Path) -> None:
    """Refuse whatever is not the file of the role of the person at the screen, whoever asked for it and how."""
    if user().role != role or file.name != f"{FILES[role]}.duckdb":
        raise MusterError("Your role does not open this file; load the page again.")


@st.cache_resource(max_entries=16, ttl=3600, show_spinner=False)
def _answer(
    role: Role, path: str, sql: str, parameters: tuple[Any, ...], names: tuple[str, ...]
) -> duckdb.DuckDBPyConnection:
    try:
        with _connection(path).cursor() as cursor:
            found = cursor.sql(sql, params=dict(zip(names, parameters, strict=True))).to_arrow_table()
        memory = duckdb.connect()
        memory.register("found", found)
        memory.execute("create table answer as select * from found")
        memory.unregister("found")
        memory.execute("set enable_external_access = false")
        return memory
    except duckdb.Error as error:
        raise _unreadable(path, error) from error


def query_answer(
    shown: Publication,
    base: str,
    given: Mapping[str, Any],
    sql: str,
    parameters: Sequence[Any] | Mapping[str, Any] = (),
) -> list[Row]:
    """Rows of a query on ``answer``, the rows of the query `base`, which is asked once and kept in memory.

    For a page that looks at one answer in many ways; kept by role and generation as :func:`query` keeps rows.
    """
    _check_own(shown.role, shown.file)
    is_named = isinstance(parameters, Mapping)
    values = tuple(parameters.values()) if isinstance(parameters, Mapping) else tuple(parameters)
    names = tuple(parameters) if is_named else ()
    return _answer_rows(shown.role, str(shown.file), base, tuple(given.values()), tuple(given), sql, values, names)


def keep_answer(shown: Publication, base: str, given: Mapping[str, Any]) -> None:
    """Ask the query `base` now, so that the first who looks at its answer need not wait; nothing is given to anybody.

    For queries without names and contacts alone: those are read when somebody looks, after the look was logged.
    """
    _answer(shown.role, str(shown.file), base, tuple(given.values()), tuple(given))


@st.cache_data(max_entries=200, ttl=3600, show_spinner=False)
def _answer_rows(
    role: Role,
    path: str,
    base: str,
    given: tuple[Any, ...],
    given_names: tuple[str, ...],
    sql: str,
    parameters: tuple[Any, ...],
    names: tuple[str, ...],
) -> list[Row]:
    memory = _answer(role, path, base, given, given_names)
    with memory.cursor() as cursor:
        return _as_rows(_fetch(cursor, sql, parameters, names))


def contacts(shown: Publication, page: str, parameters: dict[str, Any], traveller_ids: Sequence[str]) -> dict[str, Row]:
    """Name, e-mail and phone of the given travellers by id; the only way to them, and each look is logged first.

    A repeated drawing of the same list in one session is one look. `parameters` say what was asked, without personal
    values. Raises MusterError where the access log cannot be written: the caller then shows no name.
    """
    ids = tuple(sorted(set(traveller_ids)))
    look(shown, page, parameters, ids, rows=len(traveller_ids))
    sql = """
        select traveller_id, full_name, email, mobile_phone
        from mart.traveller_contact where traveller_id in (select unnest(?::varchar[]))
    """
    return {row["traveller_id"]: row for row in query(shown.role, shown.file, sql, [ids])} if ids else {}


def with_evidence(shown: Publication, rows: list[Row]) -> list[Row]:
    """Rows of stays with what each rests on, which is long to read and so only asked for what is shown."""
    if not rows:
        return rows
    sql = "select stay_id, evidence from mart.stay where stay_id in (select unnest(?))"
    ids = tuple({row["stay_id"]: None for row in rows})
    found = {row["stay_id"]: row["evidence"] for row in query(shown.role, shown.file, sql, [ids])}
    return [row | {"evidence": found.get(row["stay_id"])} for row in rows]


def look(
    shown: Publication, page: str, parameters: dict[str, Any], ids: tuple[str, ...] = (), rows: int | None = None
) -> None:
    """Write one look at personal data to the access log before it is shown, once a session for the same one.

    `rows` is how many rows will be shown. Raises MusterError where the log cannot be written.
    """
    seen: set[Any] = st.session_state.setdefault("looks", set())
    key = (shown.generation, shown.role, page, repr(sorted(parameters.items())), ids)
    if key in seen:
        return
    record(shown, page, parameters, ids, rows=rows)
    seen.add(key)


def record(
    shown: Publication,
    action: str,
    parameters: dict[str, Any],
    ids: Sequence[str] = (),
    *,
    rows: int | None = None,
    purpose: str | None = None,
) -> None:
    """Write one line to the access log: who, role, page and action, generation, filter, purpose, rows.

    Raises MusterError where the log cannot be written: the caller then shows and gives nothing.
    """
    who = user()
    if who.role != shown.role:
        raise MusterError("Your role has changed; load the page again.")
    record_look(
        home(),
        f"dashboard {action}",
        shown.role,
        shown.generation,
        parameters,
        ids,
        who.account,
        purpose=purpose,
        rows=rows,
    )


def incomplete(shown: Publication, at: datetime) -> Row:
    """Of how many ``people`` a trip near an instant lacks a record, and how many ``lost_trips`` lost every one (F1)."""
    return query(shown.role, shown.file, INCOMPLETE, {"from_at": at, "to_at": at})[0]


def feeds(shown: Publication) -> list[Row]:
    """One row a feed with its account and freshness."""
    return query(shown.role, shown.file, "select * from mart.feed_status order by feed")
