"""The audit's findings as a work queue: those of ``mart.trip_audit``, with what was decided up to this moment."""

from __future__ import annotations

from typing import Any

from dashboards.data import Publication, Row, query, queue
from dashboards.data.queue import Filters

_FINDINGS = (
    "with"
    + queue.NEWER.format(keys="unnest($audit_ids::varchar[]) as audit_id")
    + """,

    findings as (
        select
            a.audit_id, a.traveller_id, a.audit_status, a.match_score, a.matched_trip_id, a.registered_at, a.reason,
            a.starts_date, a.ends_date, a.uncovered_dates, a.observed_refs, a.has_booking, a.has_expense,
            coalesce(a.country_code, '') as country,
            coalesce(t.school, '') as school,
            coalesce(t.affiliation, '') as affiliation,
            t.identity_status,
            case when a.starts_date > $today then 'coming' when a.ends_date >= $today then 'now' else 'past' end
                as time,
            {decided}
        from mart.trip_audit as a
        left join mart.traveller as t on a.traveller_id = t.traveller_id
        left join newer as n on a.audit_id = n.audit_id
    ),

    chosen as (
        select f.* {names}
        from findings as f {contact}
        where {where}
    )
"""
)

_CONTACT = "left join mart.traveller_contact as c on f.traveller_id = c.traveller_id"
_ORDER = "order by decision is not null, starts_date desc nulls last, audit_id"


def _ask(shown: Publication, filters: Filters, select: str, names: str = "") -> list[Row]:
    columns = {
        "statuses": "f.audit_status",
        "countries": "f.country",
        "schools": "f.school",
        "affiliations": "f.affiliation",
        "times": "f.time",
    }
    searched = ["f.audit_id", "f.reason", "f.matched_trip_id", "f.traveller_id", "c.full_name", "c.email"]
    where, given = queue.conditions(filters, columns, searched)
    contact = _CONTACT if names or filters.search.strip() else ""
    decided = queue.DECIDED.format(table="a")
    sql = _FINDINGS.format(decided=decided, names=names, where=where, contact=contact) + select
    newer = queue.since_publication(shown, "audit", "audit_ids")
    parameters: dict[str, Any] = {**newer, "today": queue.today(shown), **given}
    return query(shown.role, shown.file, sql, parameters)


def counts(shown: Publication, filters: Filters) -> list[Row]:
    """Findings by status under the filters: how many, of how many people, how many still open."""
    select = """
        select audit_status, count(*) as n, count(distinct traveller_id) as people,
            count(*) filter (where decision is null) as undecided,
            count(*) filter (where decision is null and time <> 'past') as not_past
        from chosen group by audit_status
    """
    return _ask(shown, filters, select)


def by_school(shown: Publication, filters: Filters) -> list[Row]:
    """Findings by school under the filters, the most open ones first."""
    select = """
        select school, count(*) as n, count(distinct traveller_id) as people,
            count(*) filter (where decision is null) as undecided,
            count(*) filter (where decision = 'confirmed') as confirmed,
            count(*) filter (where decision = 'dismissed') as dismissed
        from chosen group by school order by undecided desc, n desc, school
    """
    return _ask(shown, filters, select)


def findings(shown: Publication, filters: Filters, limit: int) -> list[Row]:
    """Findings without names, the open ones first, then the latest trips."""
    return _ask(shown, filters, f"select * from chosen {_ORDER} limit {int(limit)}")


def for_export(shown: Publication, filters: Filters) -> list[Row]:
    """Findings with the names that the role's file holds, for a file; the export is logged before it is given."""
    names = ", c.full_name, c.email"
    return _ask(shown, filters, f"select * from chosen {_ORDER} limit {queue.EXPORT_ROWS}", names)


def choices(shown: Publication) -> dict[str, list[str]]:
    """The values that the filters offer."""
    sql = """
        select list_sort(list(distinct coalesce(a.country_code, ''))) as countries,
            list_sort(list(distinct coalesce(t.school, ''))) as schools,
            list_sort(list(distinct coalesce(t.affiliation, ''))) as affiliations
        from mart.trip_audit as a left join mart.traveller as t on a.traveller_id = t.traveller_id
    """
    row = query(shown.role, shown.file, sql)[0]
    return {name: list(values or []) for name, values in row.items()}


def estimate(shown: Publication) -> Row | None:
    """How many ended trips no feed saw, with its interval (A3); None where it cannot be told."""
    if not queue.has_table(shown, "audit_estimate"):
        return None
    sql = """
        select unseen_estimate, unseen_estimate_low, unseen_estimate_high, assumptions from mart.audit_estimate
        where first_source = 'registrations' and second_source = 'bookings or expenses' and both_count > 0
    """
    rows = query(shown.role, shown.file, sql)
    return rows[0] if rows else None
