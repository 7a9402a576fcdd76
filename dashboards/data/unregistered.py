"""The audit's findings as a work queue: those of ``mart.trip_audit``, with what was decided up to this moment."""

from __future__ import annotations

from typing import Any

from dashboards.data import Publication, Row, query, query_answer, queue
from dashboards.data.queue import Filters

# What the page counts and filters by; the words of a finding are fetched for those that are listed.
_BASE = """
    select
        a.audit_id, a.traveller_id, a.audit_status, a.starts_date, a.ends_date,
        coalesce(a.country_code, '') as country,
        coalesce(t.school, '') as school,
        coalesce(t.affiliation, '') as affiliation,
        -- The audit counts an open stay for some days only; who is overdue may be away longer.
        case
            when a.starts_date > $today then 'coming'
            when a.ends_date >= $today or list_has_any(a.observed_refs, o.trips) then 'now'
            when list_contains(o.trips, a.matched_trip_id) then 'now'
            else 'past'
        end as time,
        a.decision, a.decision_note, a.decided_at, a.decided_by
    from mart.trip_audit as a
    left join mart.traveller as t on a.traveller_id = t.traveller_id
    left join (
        select traveller_id, list(trip_id) as trips from mart.current_exposure where presence = 'overdue' group by all
    ) as o on a.traveller_id = o.traveller_id
"""

_KEYS = "unnest($audit_ids::varchar[]) as audit_id"
_ORDER = """
    order by decision is not null, list_position(['now', 'coming', 'past'], time),
        case when time = 'coming' then starts_date end, starts_date desc nulls last, audit_id
"""
_COLUMNS = {
    "statuses": "audit_status",
    "countries": "country",
    "schools": "school",
    "affiliations": "affiliation",
    "times": "time",
}


def _ask(shown: Publication, filters: Filters, select: str) -> list[Row]:
    where, given = queue.conditions(filters, _COLUMNS)
    if filters.search.strip():
        given |= {"text": filters.search.strip(), "people": queue.people_found(shown, filters.search)}
        given["found"] = _worded(shown, filters.search)
        where += """ and (audit_id in (select unnest($found::varchar[]))
            or traveller_id in (select unnest($people::varchar[]))
            or contains(concat(audit_id, ' ', traveller_id), $text))"""
    sql = queue.NEWER.format(keys=_KEYS, using="audit_id", where=where) + select
    parameters: dict[str, Any] = {**queue.since_publication(shown, "audit", "audit_ids"), **given}
    return query_answer(shown, _BASE, {"today": queue.today(shown)}, sql, parameters)


def _worded(shown: Publication, text: str) -> tuple[str, ...]:
    """The findings whose reason or evidence holds a text."""
    sql = """
        select audit_id from mart.trip_audit
        where contains(lower(reason), lower($text)) or contains(lower(matched_trip_id), lower($text))
            or contains(lower(array_to_string(observed_refs, ' ')), lower($text))
    """
    return tuple(row["audit_id"] for row in query(shown.role, shown.file, sql, {"text": text.strip()}))


def _with_words(shown: Publication, rows: list[Row], with_names: bool = False) -> list[Row]:
    """The rows with reason and evidence, and the names that the role's file holds where they are asked for."""
    names, join = "", ""
    if with_names:
        names, join = ", c.full_name, c.email", "left join mart.traveller_contact as c using (traveller_id)"
    sql = f"""
        select a.audit_id, a.match_score, a.matched_trip_id, a.reason, a.observed_refs {names}
        from mart.trip_audit as a {join}
        where a.audit_id in (select unnest(?::varchar[]))
    """
    found = query(shown.role, shown.file, sql, [tuple(row["audit_id"] for row in rows)]) if rows else []
    by_id = {row["audit_id"]: row for row in found}
    return [row | by_id[row["audit_id"]] for row in rows]


def places_now(shown: Publication, rows: list[Row]) -> dict[str, list[Row]]:
    """Where those of the findings' travellers are at `as_of` who are away then, the highest level first."""
    sql = """
        select traveller_id, place_name, country_code, risk_level, presence, until_at from mart.current_exposure
        where traveller_id in (select unnest(?::varchar[]))
        order by traveller_id, risk_level desc nulls first, place_name, stay_id
    """
    ids = tuple(sorted({row["traveller_id"] for row in rows if row["time"] == "now"}))
    found: dict[str, list[Row]] = {one: [] for one in ids}
    for row in query(shown.role, shown.file, sql, [ids]) if ids else []:
        found[row["traveller_id"]].append(row)
    return found


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
    """Findings without names, the open ones first: who is away now, who leaves next, then the latest past trips."""
    return _with_words(shown, _ask(shown, filters, f"select * from chosen {_ORDER} limit {int(limit)}"))


def for_export(shown: Publication, filters: Filters) -> list[Row]:
    """Findings with the names that the role's file holds, for a file; the export is logged before it is given."""
    rows = _ask(shown, filters, f"select * from chosen {_ORDER} limit {queue.EXPORT_ROWS}")
    return _with_words(shown, rows, with_names=True)


def choices(shown: Publication) -> dict[str, list[str]]:
    """The values that the filters offer."""
    sql = """
        select list_sort(list(distinct country)) as countries, list_sort(list(distinct school)) as schools,
            list_sort(list(distinct affiliation)) as affiliations
        from chosen
    """
    return {name: list(values or []) for name, values in _ask(shown, Filters(), sql)[0].items()}


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
