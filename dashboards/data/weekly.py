"""Exposure by week: person-days are summed, travellers, trips and nights recounted (E2).

Journeys and transit are left out of every figure, as on every headline (E1); possible and overdue people are in them.
Weeks begin Monday 00:00 in the office's zone (E3).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from dashboards import words
from dashboards.data import Publication, Row, query
from pipelines.instants import parse_instant

Key = tuple[object, ...]
WEEKS_BEFORE, WEEKS_AHEAD = 8, 4


def bounds(shown: Publication, week: date) -> tuple[datetime, datetime]:
    """The instants, naive UTC, at which a week begins and ends."""
    first, last = (parse_instant(f"{day}T00:00:00", shown.zone, "Week") for day in (week, week + timedelta(days=7)))
    return first, last


def week_of(shown: Publication, instant: datetime) -> date:
    """The Monday of the office week that holds an instant."""
    day = words.in_zone(instant, shown.zone).date()
    return day - timedelta(days=day.weekday())


def weeks(shown: Publication) -> list[date]:
    """Every week with exposure, the latest first."""
    sql = "select distinct week_start_date as week from mart.exposure_by_week order by week desc"
    return [row["week"] for row in query(shown.role, shown.file, sql)]


def by_level(shown: Publication, week: date) -> list[Row]:
    """Person-days by week and level for the chart, from 8 weeks before the week to 4 after it."""
    sql = """
        select week_start_date as week, risk_level, sum(person_days) as person_days,
            sum(person_days_planned) as person_days_planned
        from mart.exposure_by_week
        where presence_group <> 'moving' and week_start_date between ? and ?
        group by week_start_date, risk_level
        order by week_start_date, risk_level nulls first
    """
    span = [week - timedelta(weeks=WEEKS_BEFORE), week + timedelta(weeks=WEEKS_AHEAD)]
    return query(shown.role, shown.file, sql, span)


def moving(shown: Publication, week: date) -> float:
    """Person-days on the way and in transit in a week, which the other figures leave out."""
    sql = """
        select coalesce(sum(person_days), 0) as n from mart.exposure_by_week
        where week_start_date = ? and presence_group = 'moving'
    """
    return float(query(shown.role, shown.file, sql, [week])[0]["n"])


_CELLS = """
    with cells as (
        select
            e.*,
            coalesce(e.country_code, '') as country,
            s.timezone,
            greatest(e.starts_at, $first) as cell_starts_at,
            least(e.ends_at, $last) as cell_ends_at
        from mart.exposure as e
        inner join mart.stay as s on e.stay_id = s.stay_id
        where e.starts_at < $last and e.ends_at > $first and e.presence not in ('transit', 'en_route')
            and {rule}
    )
"""

_AMOUNTS = """
    select {keys}, count(distinct traveller_id) as travellers, count(distinct trip_id) as trips,
        sum(weight * (epoch_us(cell_ends_at) - epoch_us(cell_starts_at))) / 86400e6 as person_days,
        max(risk_level) as highest_level, bool_or(risk_level is null) as has_unknown_level
    from cells
    group by {group}
"""

# The night of a date is the instant 03:00 local on the next; its number is that of the day (E2).
_NIGHTS = """
    , numbered as (
        select *,
            (epoch_us((cell_starts_at at time zone 'UTC') at time zone timezone) - 10800000001) // 86400000000 + 1
                as first_night,
            (epoch_us((cell_ends_at at time zone 'UTC') at time zone timezone) - 10800000001) // 86400000000
                as last_night
        from cells
    ),

    nights as (
        select *, unnest(generate_series(first_night, last_night)) as night
        from numbered
        where last_night >= first_night
    )

    select {keys}, count(distinct (traveller_id, night)) as traveller_nights
    from nights
    group by {group}
"""


def figures(shown: Publication, week: date, keys: tuple[str, ...] = (), country: str | None = None) -> dict[Key, Row]:
    """The figures of one week by the columns `keys` of the exposure (none: one row), within one country if given.

    Each row holds person_days, travellers, trips, traveller_nights and highest_level.
    """
    first, last = bounds(shown, week)
    names = ", ".join(keys) if keys else "1 as whole"
    group = ", ".join(keys) if keys else "()"
    cells = _CELLS.format(rule="true" if country is None else "coalesce(e.country_code, '') = $country")
    given: dict[str, object] = {"first": first, "last": last} | ({} if country is None else {"country": country})
    found: dict[Key, Row] = {}
    for part in (_AMOUNTS, _NIGHTS):
        sql = cells + part.format(keys=names, group=group)
        for row in query(shown.role, shown.file, sql, given):
            key = tuple(row[name] for name in keys)
            found.setdefault(key, {"traveller_nights": 0}).update(row)
    return {key: row for key, row in found.items() if row.get("travellers")}
