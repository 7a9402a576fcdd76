"""What the work queues share: filters, whether a trip is to come, and decisions on top of the published tables.

A decision is shown as soon as it is kept: what was decided since the publication is read from the log (A4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import data, words
from dashboards.data import Publication, Row, query
from pipelines import decisions

TIMES = ("coming", "now", "past")
EXPORT_ROWS = 50_000
"""Rows of a file at most; the page says where it is the first of more."""


@dataclass(frozen=True)
class Filters:
    """What a queue is narrowed to; an empty tuple narrows nothing, `decided` None shows decided and open ones."""

    statuses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    schools: tuple[str, ...] = ()
    affiliations: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    decided: bool | None = None
    search: str = ""


def has_table(shown: Publication, name: str) -> bool:
    """Whether the publication has a table; one of an older version of Muster may not."""
    sql = "select 1 from information_schema.tables where table_schema = 'mart' and table_name = ?"
    return bool(query(shown.role, shown.file, sql, [name]))


def today(shown: Publication) -> date:
    """The office's date at `as_of`."""
    return words.in_zone(shown.as_of, shown.zone).date()


@st.cache_data(max_entries=8, show_spinner=False)
def _newest(root: str, kind: str, stamp: tuple[int, int]) -> dict[tuple[Any, ...], Row]:
    """The newest decisions of a home; kept until the file's time or size changes."""
    if kind == "audit":
        return decisions.newest(decisions.read(data.home()), "audit_id")
    return decisions.newest(decisions.read_policy(data.home()), "trip_id", "requirement")


def newest(kind: str) -> dict[tuple[Any, ...], Row]:
    """The newest decision of each finding, from the log; `kind` is audit or policy."""
    path: Path = (decisions.decisions_path if kind == "audit" else decisions.policy_path)(data.home())
    if not path.exists():
        return {}
    state = path.stat()
    return _newest(str(data.home().root), kind, (state.st_mtime_ns, state.st_size))


def since_publication(shown: Publication, kind: str, *key: str) -> dict[str, tuple[Any, ...]]:
    """Decisions that the published table cannot hold yet, as one list a column, for a query's parameters.

    Who decided and why is for roles that see names.
    """
    found = {one: row for one, row in newest(kind).items() if row["decided_at"] > shown.known_at}
    is_named = shown.role in ("duty", "steward")
    lists: dict[str, tuple[Any, ...]] = {name: tuple(one[place] for one in found) for place, name in enumerate(key)}
    for name in ("decision", "decided_at", "decided_by", "note"):
        is_told = is_named or name in ("decision", "decided_at")
        lists[f"new_{name}"] = tuple(row[name] if is_told else None for row in found.values())
    return lists


NEWER = """
    with newer as (
        select {keys},
            unnest($new_decision::varchar[]) as new_decision, unnest($new_decided_at::timestamp[]) as new_decided_at,
            unnest($new_decided_by::varchar[]) as new_decided_by, unnest($new_note::varchar[]) as new_note
    ),

    findings as (
        select
            a.* replace (
                coalesce(n.new_decision, a.decision) as decision,
                coalesce(n.new_note, a.decision_note) as decision_note,
                case when n.new_decision is not null or a.decision is null
                    then coalesce(n.new_decided_at, a.decided_at) else a.decided_at end as decided_at,
                case when n.new_decision is not null or a.decision is null
                    then coalesce(n.new_decided_by, a.decided_by) else a.decided_by end as decided_by
            )
        from answer as a left join newer as n using ({using})
    ),

    chosen as (select * from findings where {where})
"""
"""The start of each query on the findings kept in memory: ``keys`` unnests the lists of the finding's key."""


def conditions(filters: Filters, columns: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The condition of a query on findings and its parameters; `columns` names the column of each filter."""
    found, given = ["true"], dict[str, Any]()
    for name, column in columns.items():
        values = getattr(filters, name)
        if values:
            kind = "integer" if name == "levels" else "varchar"
            found.append(f"list_contains(${name}::{kind}[], {column})")
            given[name] = tuple(values)
    if filters.decided is not None:
        found.append(f"decision is {'not ' if filters.decided else ''}null")
    return " and ".join(found), given


def people_found(shown: Publication, text: str) -> tuple[str, ...]:
    """The travellers whose name or e-mail holds a text; none in an analyst's file.

    What is searched is not logged; whom it finds is, when they are listed.
    """
    sql = """
        select traveller_id from mart.traveller_contact
        where contains(strip_accents(lower(full_name)), strip_accents(lower($text)))
            or contains(lower(email), lower($text))
    """
    return tuple(row["traveller_id"] for row in query(shown.role, shown.file, sql, {"text": text.strip()}))
