"""One traveller: facts, trips, and the timeline of stays with presence, levels and evidence."""

from __future__ import annotations

from dashboards import data
from dashboards.data import Publication, Row, query

FOUND_AT_MOST = 20


def traveller(shown: Publication, traveller_id: str) -> Row | None:
    """The facts of one traveller, None for a key that this publication does not hold."""
    rows = query(shown.role, shown.file, "select * from mart.traveller where traveller_id = ?", [traveller_id])
    return rows[0] if rows else None


def search(shown: Publication, text: str) -> list[Row]:
    """Travellers whose name or e-mail holds the text or whose key it is, at most FOUND_AT_MOST, each with its name.

    The look is logged with the people found, never the text. An analyst's file holds no names, so only a key is found.
    Raises MusterError where the access log cannot be written.
    """
    sql = f"""
        select t.*
        from mart.traveller as t
        left join mart.traveller_contact as c on t.traveller_id = c.traveller_id
        where t.traveller_id = $text
            or contains(strip_accents(lower(c.full_name)), strip_accents(lower($text)))
            or contains(lower(c.email), lower($text))
        order by c.full_name, t.traveller_id
        limit {FOUND_AT_MOST}
    """
    rows = query(shown.role, shown.file, sql, {"text": text.strip()})
    contacts = data.contacts(shown, "person", {"search": True}, [row["traveller_id"] for row in rows])
    return [row | contacts.get(row["traveller_id"], {}) for row in rows]


def stays(shown: Publication, traveller_id: str) -> list[Row]:
    """The traveller's stay pieces in order, each with the levels in force during it (one entry a change).

    A stay at home is not rated and has no levels.
    """
    sql = """
        select
            s.*,
            max(e.risk_level) as risk_level,
            max(e.worst_case_level) as worst_case_level,
            coalesce(bool_or(e.risk_level is null), false) as has_unknown_level,
            list({'starts_at': e.starts_at, 'risk_level': e.risk_level, 'security_level': e.security_level,
                'medical_level': e.medical_level, 'rating_status': e.rating_status} order by e.starts_at)
                filter (e.exposure_id is not null) as levels
        from mart.stay as s
        left join mart.exposure as e on s.stay_id = e.stay_id
        where s.traveller_id = ?
        group by all
        order by s.starts_at, s.ends_at nulls last, s.stay_id
    """
    return query(shown.role, shown.file, sql, [traveller_id])


def trips(shown: Publication, traveller_id: str) -> list[Row]:
    """The traveller's trips, the newest start first."""
    sql = "select * from mart.trip where traveller_id = ? order by starts_at desc nulls first, trip_id"
    return query(shown.role, shown.file, sql, [traveller_id])
