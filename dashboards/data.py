"""The dashboard's only access to data: the published files, read-only, by role.

Each request resolves ``published/current`` anew, so a new generation is seen without a restart; what was opened for an
older one stays readable until nobody uses it. Connections and results are cached by (role, generation), never across
roles. Instants are naive UTC.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

import duckdb
import streamlit as st

from pipelines import published
from pipelines.access_log import record_look
from pipelines.errors import MusterError
from pipelines.settings import Home, default_home

Role = Literal["analyst", "duty", "steward"]
Row = dict[str, Any]

ROWS_SHOWN = 100
"""Rows a table shows before somebody asks for more."""


class NothingPublished(MusterError):  # noqa: N818 - a state of the home that has a page of its own
    """The home has no publication that this role can read."""


@dataclass(frozen=True)
class User:
    """Who looks: without sign-in the single local user, whose role is ``MUSTER_ROLE`` or duty."""

    name: str
    role: Role
    is_local: bool


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


def home() -> Home:
    """The home that is served: ``MUSTER_HOME``, else the project's ``data/``."""
    return Home(default_home())


def user() -> User:
    """The person at the screen. Raises MusterError where ``MUSTER_ROLE`` names no role."""
    role = os.environ.get("MUSTER_ROLE") or "duty"
    if role not in get_args(Role):
        raise MusterError(f"MUSTER_ROLE is '{role}'; set it to one of {', '.join(get_args(Role))}, or unset it.")
    return User("local user", cast(Role, role), is_local=True)


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
    role = user().role
    for attempt in (1, 2):
        folder = generation_folder()
        if folder is None:
            raise NothingPublished(f"Nothing has been published in {home().root} yet.")
        file = folder / f"{role}.duckdb"
        if not file.is_file() and attempt == 1:
            continue  # the folder may have been replaced and cleaned up between the two looks
        if not file.is_file():
            raise NothingPublished(f"The publication in {home().root} has no file for the role {role}.")
        rows = query(role, file, "select * from mart.publication")
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


@st.cache_data(max_entries=400, ttl=3600, show_spinner=False)
def _rows(role: Role, path: str, sql: str, parameters: tuple[Any, ...]) -> list[Row]:
    try:
        with _connection(path).cursor() as cursor:
            result = cursor.execute(sql, [list(p) if isinstance(p, tuple) else p for p in parameters])
            names = [column[0] for column in result.description or []]
            return [dict(zip(names, values, strict=True)) for values in result.fetchall()]
    except duckdb.Error as error:
        raise MusterError(
            f"The published file {Path(path).name} of generation {Path(path).parent.name} cannot be read "
            f"({type(error).__name__}); run 'muster run' to publish a new one."
        ) from error


def query(role: Role, file: Path, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Rows of one query on a published file, cached by role and generation (the path holds it)."""
    return _rows(role, str(file), sql, tuple(parameters))


def contacts(shown: Publication, page: str, parameters: dict[str, Any], traveller_ids: Sequence[str]) -> dict[str, Row]:
    """Name, e-mail and phone of the given travellers by id; the only way to them, and each look is logged first.

    A repeated drawing of the same list in one session is one look. `parameters` say what was asked, without personal
    values. Raises MusterError where the access log cannot be written: the caller then shows no name.
    """
    ids = tuple(sorted(set(traveller_ids)))
    look(shown, page, parameters, ids)
    sql = """
        select traveller_id, full_name, email, mobile_phone
        from mart.traveller_contact where list_contains(?::varchar[], traveller_id)
    """
    return {row["traveller_id"]: row for row in query(shown.role, shown.file, sql, [ids])} if ids else {}


def look(shown: Publication, page: str, parameters: dict[str, Any], ids: tuple[str, ...] = ()) -> None:
    """Write one look at personal data to the access log before it is shown, once a session for the same one.

    Raises MusterError where the log cannot be written.
    """
    seen: set[Any] = st.session_state.setdefault("looks", set())
    key = (shown.generation, shown.role, page, repr(sorted(parameters.items())), ids)
    if key in seen:
        return
    who = user()
    record_look(
        home(), f"dashboard {page}", shown.role, shown.generation, parameters, ids, None if who.is_local else who.name
    )
    seen.add(key)


@dataclass(frozen=True)
class Filters:
    """What a page is narrowed to; an empty tuple narrows nothing."""

    levels: tuple[int, ...] = ()
    countries: tuple[str, ...] = ()
    presences: tuple[str, ...] = ()
    affiliations: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()


# presence groups of DOMAIN.md section 9; a page may show one person in several groups, so it counts each anew
_PEOPLE = """
    select
        e.*,
        coalesce(e.country_code, '') as country,
        case
            when e.presence in ('transit', 'en_route') then 'moving'
            when e.presence in ('possible', 'overdue') then e.presence
            else 'present'
        end as presence_group,
        coalesce(t.affiliation, '') as affiliation,
        coalesce(t.school, '') as school,
        t.identity_status
    from mart.current_exposure as e
    left join mart.traveller as t on t.traveller_id = e.traveller_id
"""

GROUPS = {
    "present": "presence_group = 'present'",
    "unknown": "risk_level is null and presence_group <> 'moving'",
    "overdue": "presence_group = 'overdue'",
    "possible": "presence_group = 'possible'",
    "moving": "presence_group = 'moving'",
}
"""Groups of the Now page as conditions. Unknown overlaps others: who is overdue at an unknown level is in both."""


def _conditions(filters: Filters, with_levels: bool) -> tuple[str, list[Any]]:
    conditions, parameters = ["true"], list[Any]()
    for column, values in (
        ("country", filters.countries),
        ("presence", filters.presences),
        ("affiliation", filters.affiliations),
        ("school", filters.schools),
    ):
        if values:
            conditions.append(f"list_contains(?::varchar[], {column})")
            parameters.append(tuple(values))
    if with_levels and filters.levels:
        conditions.append("(risk_level is null or list_contains(?::integer[], risk_level::integer))")
        parameters.append(tuple(filters.levels))
    return " and ".join(conditions), parameters


def headline(shown: Publication) -> Row:
    """Distinct people at `as_of` by group: present at each level, unknown, overdue, possible, moving.

    ``high_<group>`` counts those of the group at High or Extreme; ``low_present`` those present at 1 to 3.
    """
    parts = [f"count(distinct traveller_id) filter ({rule}) as {name}" for name, rule in GROUPS.items()]
    for name in ("overdue", "possible", "moving"):
        parts.append(f"count(distinct traveller_id) filter ({GROUPS[name]} and risk_level >= 4) as high_{name}")
    for level in (4, 5):
        rule = f"{GROUPS['present']} and risk_level = {level}"
        parts.append(f"count(distinct traveller_id) filter ({rule}) as level_{level}")
        parts.append(f"count(distinct place_id) filter ({rule}) as places_{level}")
        for name in ("possible", "overdue"):
            rule_more = f"{GROUPS[name]} and risk_level = {level}"
            parts.append(f"count(distinct traveller_id) filter ({rule_more}) as {name}_{level}")
    parts.append(f"count(distinct traveller_id) filter ({GROUPS['present']} and risk_level <= 3) as low_present")
    parts.append("count(distinct traveller_id) filter (rating_status = 'unrated') as unrated")
    parts.append("count(distinct traveller_id) filter (rating_status = 'place_unknown') as place_unknown")
    parts.append("count(distinct traveller_id) filter (rating_status = 'stale') as rating_stale")
    parts.append("count(distinct traveller_id) as everybody")
    return query(shown.role, shown.file, f"select {', '.join(parts)} from ({_PEOPLE})")[0]


def choices(shown: Publication) -> dict[str, list[str]]:
    """The values each filter offers, those that occur at `as_of`."""
    names = ("country", "presence", "affiliation", "school")
    lists = ", ".join(f"list_sort(list(distinct {name})) as {name}" for name in names)
    row = query(shown.role, shown.file, f"select {lists} from ({_PEOPLE})")[0]
    return {name: [value for value in row[name] or [] if value is not None] for name in names}


def count_people(shown: Publication, group: str, filters: Filters) -> tuple[int, int]:
    """(people, rows) of a group under the filters."""
    where, parameters = _conditions(filters, with_levels=True)
    rule = GROUPS[group] + (" and risk_level is not null" if group == "present" else "")
    sql = f"select count(distinct traveller_id) as people, count(*) as n from ({_PEOPLE}) where {rule} and {where}"
    row = query(shown.role, shown.file, sql, parameters)[0]
    return int(row["people"]), int(row["n"])


def people(shown: Publication, group: str, filters: Filters, limit: int) -> list[Row]:
    """Rows traveller x place of a group, worst first, without names."""
    where, parameters = _conditions(filters, with_levels=True)
    rule = GROUPS[group] + (" and risk_level is not null" if group == "present" else "")
    sql = f"""
        select * from ({_PEOPLE}) where {rule} and {where}
        order by risk_level desc nulls first, place_name, since_at, traveller_id
        limit {int(limit)}
    """
    return query(shown.role, shown.file, sql, parameters)


def places(shown: Publication, filters: Filters) -> list[Row]:
    """People by place under all filters but the level, for the map: level, position, counts by group."""
    where, parameters = _conditions(filters, with_levels=False)
    sql = f"""
        select
            place_id,
            any_value(place_name) as place_name,
            any_value(country) as country,
            any_value(latitude) as latitude,
            any_value(longitude) as longitude,
            max(risk_level) as risk_level,
            count(distinct traveller_id) as everybody,
            count(distinct traveller_id) filter (presence_group = 'present') as present,
            count(distinct traveller_id) filter (presence_group = 'possible') as possible,
            count(distinct traveller_id) filter (presence_group = 'overdue') as overdue
        from ({_PEOPLE})
        where presence_group <> 'moving' and {where}
        group by place_id
        order by risk_level asc nulls first, everybody desc
    """
    return query(shown.role, shown.file, sql, parameters)


def feeds(shown: Publication) -> list[Row]:
    """One row a feed with its account and freshness."""
    return query(shown.role, shown.file, "select * from mart.feed_status order by feed")


def uncertainty(shown: Publication) -> dict[str, Row]:
    """What is vague or unknown, by kind; nothing where the generation is older than the table."""
    sql = "select 1 from information_schema.tables where table_schema = 'mart' and table_name = 'uncertainty'"
    if not query(shown.role, shown.file, sql):
        return {}
    return {row["kind"]: row for row in query(shown.role, shown.file, "select * from mart.uncertainty")}


def findings(shown: Publication) -> list[Row]:
    """The findings of data quality, blocking ones first."""
    sql = "select * from mart.data_quality order by severity, failing_rows desc, check_name, table_name"
    return query(shown.role, shown.file, sql)


def files(shown: Publication, limit: int) -> tuple[int, list[Row]]:
    """(number of landed files, the files that need a look and then the newest): each with its account."""
    total = query(shown.role, shown.file, "select count(*) as n from mart.landed_file")[0]["n"]
    sql = f"""
        select feed, file_name, left(file_sha256, 12) as file_sha256, received_at, file_status, records, loaded,
            rejected, blank, message
        from mart.landed_file
        order by file_status = 'loaded', received_at desc, feed, file_name
        limit {int(limit)}
    """
    return int(total), query(shown.role, shown.file, sql)


def rejected_reasons(shown: Publication) -> list[Row]:
    """Rejected records by feed and reason; the steward's file alone holds them."""
    sql = """
        select feed, reason, count(*) as n, count(distinct file_sha256) as files
        from mart.rejected_record group by feed, reason order by n desc, feed, reason limit 200
    """
    return query(shown.role, shown.file, sql)


def rejected_raw(shown: Publication, limit: int) -> list[Row]:
    """Raw rejected records for the steward, the undecodable bytes escaped; log the look first."""
    sql = f"""
        select feed, left(file_sha256, 12) as file, record_number, line_number, reason, raw
        from mart.rejected_record order by feed, file_sha256, record_number limit {int(limit)}
    """
    rows = query(shown.role, shown.file, sql)
    for row in rows:
        raw = row["raw"]
        row["raw"] = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    return rows
