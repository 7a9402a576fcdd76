"""What trips lack by policy as a work queue: ``mart.policy_check`` with what was decided up to this moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboards.data import Publication, Row, query, queue
from dashboards.data.queue import Filters

STATUSES = ("missing", "late", "rejected", "risen")
"""Results that somebody should look at."""
NEEDED = ("policy_check", "policy_trip")
OPEN_ENDED = timedelta(days=30)
"""A trip without an end that began longer ago is past."""

_FINDINGS = (
    "with"
    + queue.NEWER.format(
        keys="unnest($trip_ids::varchar[]) as trip_id, unnest($requirements::varchar[]) as requirement"
    )
    + """,

    findings as (
        select
            k.trip_id, k.requirement, k.traveller_id, k.obligation, k.status, k.due_at, k.is_due, k.rule_id, k.reason,
            k.is_undetermined, k.decisive, k.decisive_level, k.highest_level, k.satisfied_at,
            coalesce(k.highest_level, 0) as level,
            p.departs_at, p.departs_date, p.group_id, t.ends_at,
            coalesce(r.school, '') as school,
            coalesce(r.affiliation, '') as affiliation,
            case
                when p.departs_at > $as_of then 'coming'
                when t.ends_at > $as_of or (t.ends_at is null and p.departs_at > $long_ago) then 'now'
                else 'past'
            end as time,
            {decided}
        from mart.policy_check as k
        left join mart.policy_trip as p on k.trip_id = p.trip_id
        left join mart.trip as t on k.trip_id = t.trip_id
        left join mart.traveller as r on k.traveller_id = r.traveller_id
        left join {published} as d on k.trip_id = d.trip_id and k.requirement = d.requirement
        left join newer as n on k.trip_id = n.trip_id and k.requirement = n.requirement
        where k.status in ('missing', 'late', 'rejected', 'risen')
    ),

    chosen as (
        select f.* {names}
        from findings as f {contact}
        where {where}
    )
"""
)
_NOTHING_PUBLISHED = """(select null::varchar as trip_id, null::varchar as requirement, null::varchar as decision,
    null::varchar as decision_note, null::timestamp as decided_at, null::varchar as decided_by where false)"""
_CONTACT = "left join mart.traveller_contact as c on f.traveller_id = c.traveller_id"
_ORDER = """
    order by decision is not null, list_position(['now', 'coming', 'past'], time), obligation <> 'required',
        level desc, case when time = 'past' then -epoch(departs_at) else epoch(departs_at) end, trip_id, requirement
"""


def _ask(shown: Publication, filters: Filters, select: str, names: str = "") -> list[Row]:
    columns = {
        "statuses": "f.status",
        "kinds": "f.requirement",
        "levels": "f.level",
        "schools": "f.school",
        "affiliations": "f.affiliation",
        "times": "f.time",
    }
    searched = ["f.trip_id", "f.rule_id", "f.reason", "f.traveller_id", "c.full_name", "c.email"]
    where, given = queue.conditions(filters, columns, searched)
    published = "mart.policy_decision" if queue.has_table(shown, "policy_decision") else _NOTHING_PUBLISHED
    sql = select_from(published, names, where, is_searched=bool(filters.search.strip())) + select
    newer = queue.since_publication(shown, "policy", "trip_ids", "requirements")
    times = {"as_of": shown.as_of, "long_ago": shown.as_of - OPEN_ENDED}
    parameters: dict[str, Any] = {**newer, **times, **given}
    return query(shown.role, shown.file, sql, parameters)


def select_from(published: str, names: str, where: str, is_searched: bool) -> str:
    """The findings as CTEs, the last of them ``chosen``."""
    contact = _CONTACT if names or is_searched else ""
    return _FINDINGS.format(
        decided=queue.DECIDED.format(table="d"), published=published, names=names, where=where, contact=contact
    )


def counts(shown: Publication, filters: Filters) -> list[Row]:
    """Findings by kind and status under the filters: how many, of how many trips, how many still open."""
    select = """
        select requirement, status, count(*) as n, count(distinct trip_id) as trips,
            count(*) filter (where decision is null) as undecided,
            count(*) filter (where decision is null and time <> 'past') as not_past,
            count(*) filter (where obligation = 'required') as required
        from chosen group by requirement, status order by undecided desc, requirement, status
    """
    return _ask(shown, filters, select)


def by_school(shown: Publication, filters: Filters) -> list[Row]:
    """Findings by school and status under the filters, the most open ones first."""
    select = """
        select school, count(*) as n, count(distinct trip_id) as trips,
            count(*) filter (where decision is null) as undecided,
            count(*) filter (where status = 'missing') as missing, count(*) filter (where status = 'late') as late,
            count(*) filter (where status = 'rejected') as rejected, count(*) filter (where status = 'risen') as risen
        from chosen group by school order by undecided desc, n desc, school
    """
    return _ask(shown, filters, select)


def findings(shown: Publication, filters: Filters, limit: int) -> list[Row]:
    """Findings without names, the open ones first: who is away now, who leaves next, then the past; worst first."""
    rows = _ask(shown, filters, f"select * from chosen {_ORDER} limit {int(limit)}")
    return _with_places(shown, rows)


def for_export(shown: Publication, filters: Filters) -> list[Row]:
    """Findings with the names that the role's file holds, for a file; the export is logged before it is given."""
    names = ", c.full_name, c.email"
    return _ask(shown, filters, f"select * from chosen {_ORDER} limit {queue.EXPORT_ROWS}", names)


def _with_places(shown: Publication, rows: list[Row]) -> list[Row]:
    """The rows with the places that each trip goes to."""
    trip_ids = tuple(sorted({row["trip_id"] for row in rows}))
    sql = """
        select trip_id, list(distinct {'name': place_name, 'country': country_code}) as places
        from mart.stay
        where list_contains(?::varchar[], trip_id) and not is_home and presence not in ('transit', 'en_route')
        group by trip_id
    """
    places = {row["trip_id"]: row["places"] for row in query(shown.role, shown.file, sql, [trip_ids])} if rows else {}
    return [row | {"places": places.get(row["trip_id"], [])} for row in rows]


def choices(shown: Publication) -> dict[str, list[str]]:
    """The values that the filters offer."""
    sql = """
        select list_sort(list(distinct k.requirement)) as kinds,
            list_sort(list(distinct coalesce(t.school, ''))) as schools,
            list_sort(list(distinct coalesce(t.affiliation, ''))) as affiliations
        from mart.policy_check as k left join mart.traveller as t on k.traveller_id = t.traveller_id
        where k.status in ('missing', 'late', 'rejected', 'risen')
    """
    row = query(shown.role, shown.file, sql)[0]
    return {name: list(values or []) for name, values in row.items()}


def rules(shown: Publication) -> dict[str, Row]:
    """The sentences of the policy's rules by id; none where the publication has them not."""
    if not queue.has_table(shown, "policy_rule"):
        return {}
    sql = "select rule_id, any_value(policy) as policy, max(rule_source) as source from mart.policy_rule group by 1"
    return {row["rule_id"]: row for row in query(shown.role, shown.file, sql)}
