"""What trips lack by policy as a work queue: ``mart.policy_check`` with what was decided up to this moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboards.data import Publication, Row, query, query_answer, queue
from dashboards.data.queue import Filters

NEEDED = ("policy_check", "policy_trip")
OPEN_ENDED = timedelta(days=30)
"""A trip without an end that began longer ago is past."""

# What the page counts and filters by; the words of a finding are fetched for those that are listed.
_BASE = """
    select
        k.trip_id, k.requirement, k.traveller_id, k.obligation, k.status, k.highest_level, k.rule_id,
        coalesce(k.highest_level, 0) as level,
        p.departs_at, p.group_id,
        coalesce(r.school, '') as school,
        coalesce(r.affiliation, '') as affiliation,
        case
            when p.departs_at > $as_of then 'coming'
            when t.ends_at > $as_of or (t.ends_at is null and p.departs_at > $long_ago) then 'now'
            else 'past'
        end as time,
        d.decision, d.decision_note, d.decided_at, d.decided_by
    from mart.policy_check as k
    left join mart.policy_trip as p on k.trip_id = p.trip_id
    left join mart.trip as t on k.trip_id = t.trip_id
    left join mart.traveller as r on k.traveller_id = r.traveller_id
    left join {decisions} as d on k.trip_id = d.trip_id and k.requirement = d.requirement
    where k.status in ('missing', 'late', 'rejected', 'risen')
"""
_NO_DECISIONS = """(select null::varchar as trip_id, null::varchar as requirement, null::varchar as decision,
    null::varchar as decision_note, null::timestamp as decided_at, null::varchar as decided_by where false)"""

_KEYS = "unnest($trip_ids::varchar[]) as trip_id, unnest($requirements::varchar[]) as requirement"
_ORDER = """
    order by decision is not null, list_position(['now', 'coming', 'past'], time), obligation <> 'required',
        level desc, case when time = 'past' then -epoch(departs_at) else epoch(departs_at) end, trip_id, requirement
"""
_COLUMNS = {
    "statuses": "status",
    "kinds": "requirement",
    "levels": "level",
    "schools": "school",
    "affiliations": "affiliation",
    "times": "time",
}


def _ask(shown: Publication, filters: Filters, select: str) -> list[Row]:
    where, given = queue.conditions(filters, _COLUMNS)
    if filters.search.strip():
        given |= {"text": filters.search.strip(), "people": queue.people_found(shown, filters.search)}
        where += """ and (contains(lower(concat_ws(' ', trip_id, rule_id, traveller_id, group_id)), lower($text))
            or traveller_id in (select unnest($people::varchar[])))"""
    base = _BASE.format(
        decisions="mart.policy_decision" if queue.has_table(shown, "policy_decision") else _NO_DECISIONS
    )
    sql = queue.NEWER.format(keys=_KEYS, using="trip_id, requirement", where=where) + select
    parameters: dict[str, Any] = {**queue.since_publication(shown, "policy", "trip_ids", "requirements"), **given}
    return query_answer(shown, base, {"as_of": shown.as_of, "long_ago": shown.as_of - OPEN_ENDED}, sql, parameters)


def _with_words(shown: Publication, rows: list[Row], with_names: bool = False) -> list[Row]:
    """The rows with rule and reason, and the names that the role's file holds where they are asked for."""
    names, join = "", ""
    if with_names:
        names, join = ", c.full_name, c.email", "left join mart.traveller_contact as c using (traveller_id)"
    sql = f"""
        select k.trip_id, k.requirement, k.due_at, k.reason, k.is_undetermined {names}
        from mart.policy_check as k {join}
        where k.trip_id in (select unnest(?::varchar[]))
    """
    found = query(shown.role, shown.file, sql, [tuple({row["trip_id"]: 0 for row in rows})]) if rows else []
    by_id = {(row["trip_id"], row["requirement"]): row for row in found}
    return [row | by_id[row["trip_id"], row["requirement"]] for row in rows]


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
    return _with_places(shown, _with_words(shown, rows))


def for_export(shown: Publication, filters: Filters) -> list[Row]:
    """Findings with the names that the role's file holds, for a file; the export is logged before it is given."""
    rows = _ask(shown, filters, f"select * from chosen {_ORDER} limit {queue.EXPORT_ROWS}")
    return _with_words(shown, rows, with_names=True)


def _with_places(shown: Publication, rows: list[Row]) -> list[Row]:
    """The rows with the places that each trip goes to."""
    trip_ids = tuple(sorted({row["trip_id"] for row in rows}))
    sql = """
        select trip_id, list(distinct {'name': place_name, 'country': country_code}) as places
        from mart.stay
        where trip_id in (select unnest(?::varchar[])) and not is_home and presence not in ('transit', 'en_route')
        group by trip_id
    """
    places = {row["trip_id"]: row["places"] for row in query(shown.role, shown.file, sql, [trip_ids])} if rows else {}
    return [row | {"places": places.get(row["trip_id"], [])} for row in rows]


def choices(shown: Publication) -> dict[str, list[str]]:
    """The values that the filters offer."""
    sql = """
        select list_sort(list(distinct requirement)) as kinds, list_sort(list(distinct school)) as schools,
            list_sort(list(distinct affiliation)) as affiliations
        from chosen
    """
    return {name: list(values or []) for name, values in _ask(shown, Filters(), sql)[0].items()}


def rules(shown: Publication) -> dict[str, Row]:
    """The sentences of the policy's rules by id; none where the publication has them not."""
    if not queue.has_table(shown, "policy_rule"):
        return {}
    sql = "select rule_id, any_value(policy) as policy, max(rule_source) as source from mart.policy_rule group by 1"
    return {row["rule_id"]: row for row in query(shown.role, shown.file, sql)}
