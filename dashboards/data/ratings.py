"""What providers say of places, at any instant: their levels, what changed, and where they differ."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboards.data import Publication, Row, query


def providers(shown: Publication) -> list[Row]:
    """Each provider with the categories that it rates."""
    sql = """
        select provider, list_sort(list(distinct category)) as categories, bool_or(is_invented) as is_invented
        from mart.rating_period group by provider order by provider
    """
    return query(shown.role, shown.file, sql)


def levels(shown: Publication, provider: str, category: str, at: datetime) -> list[Row]:
    """One provider's ratings of a category in force at an instant, the highest first, unmapped texts before all."""
    sql = """
        select place_id, place_name, place_type, country_code as country, level as risk_level, worst_case_level,
            native_level, valid_from, evacuation_status, has_regional_advice, latitude, longitude, radius_km
        from mart.rating_period
        where provider = ? and category = ? and valid_from <= ? and (valid_to is null or valid_to > ?)
        order by level desc nulls first, place_name
    """
    return query(shown.role, shown.file, sql, [provider, category, at, at])


def changes(shown: Publication, at: datetime, days: int) -> list[Row]:
    """Changes of level in the days up to an instant, the latest first, with whom they touched then."""
    sql = """
        select * from mart.rating_change where changed_at <= ? and changed_at > ?
        order by changed_at desc, place_name, provider, category
    """
    return query(shown.role, shown.file, sql, [at, at - timedelta(days=days)])


def disagreements(shown: Publication, at: datetime) -> list[Row]:
    """Where providers say different levels of one place at an instant, the widest difference first."""
    sql = """
        select * from mart.rating_disagreement where valid_from <= ? and (valid_to is null or valid_to > ?)
        order by highest_level - lowest_level desc, highest_level desc, place_name, category
    """
    return query(shown.role, shown.file, sql, [at, at])
