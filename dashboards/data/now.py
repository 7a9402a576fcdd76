"""Who is where at an instant: what the Now page counts, lists and maps.

The rows are those of ``muster who`` (:func:`pipelines.presence.presence_at`), so that both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboards.data import Publication, Row, home, keep_answer, query_answer, with_evidence
from pipelines.presence import presence_at

LOOK_AHEAD = timedelta(days=14)
LOOK_BACK = timedelta(days=366)
"""How far from `as_of` the page looks."""
NAMES_BACK = timedelta(days=30)
"""How far back the duty file holds names (DOMAIN.md section 9)."""


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
    from ({presences}) as e
    left join mart.traveller as t on t.traveller_id = e.traveller_id
"""


def keep(shown: Publication) -> None:
    """Ask who is where at `as_of`, by key and without names, before anybody looks."""
    presences, given = presence_at(home(), shown.as_of, shown)
    keep_answer(shown, _PEOPLE.format(presences=presences), given)


def _ask(shown: Publication, at: datetime, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
    presences, given = presence_at(home(), at, shown)
    return query_answer(shown, _PEOPLE.format(presences=presences), given, sql, parameters)


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


def headline(shown: Publication, at: datetime) -> Row:
    """Distinct people at an instant by group: present at each level, unknown, overdue, possible, moving.

    ``high_<group>`` counts those of the group at High or Extreme.
    """
    rules = dict(GROUPS)
    rules |= {f"high_{name}": f"{GROUPS[name]} and risk_level >= 4" for name in ("overdue", "possible", "moving")}
    for level in (4, 5):
        rules[f"level_{level}"] = f"{GROUPS['present']} and risk_level = {level}"
        rules |= {f"{name}_{level}": f"{GROUPS[name]} and risk_level = {level}" for name in ("possible", "overdue")}
    rules["unrated"] = "rating_status = 'unrated'"
    rules["place_unknown"] = "rating_status = 'place_unknown'"
    rules["rating_stale"] = "rating_status = 'stale'"
    # Each person is grouped once and then counted by every rule: far less work than a distinct count a rule.
    people = ", ".join(f"coalesce(bool_or({rule}), false) as {name}" for name, rule in rules.items())
    places = ", ".join(
        f"(select count(distinct place_id) from answer where {rules[f'level_{level}']}) as places_{level}"
        for level in (4, 5)
    )
    sql = f"""
        select {", ".join(f"count(*) filter ({name}) as {name}" for name in rules)}, count(*) as everybody, {places}
        from (select traveller_id, {people} from answer group by traveller_id)
    """
    return _ask(shown, at, sql)[0]


def choices(shown: Publication, at: datetime) -> dict[str, list[str]]:
    """The values each filter offers, those that occur at the instant."""
    names = ("country", "presence", "affiliation", "school")
    lists = ", ".join(f"list_sort(list(distinct {name})) as {name}" for name in names)
    row = _ask(shown, at, f"select {lists} from answer")[0]
    return {name: [value for value in row[name] or [] if value is not None] for name in names}


def count_people(shown: Publication, at: datetime, group: str, filters: Filters) -> tuple[int, int]:
    """(people, rows) of a group under the filters."""
    where, parameters = _conditions(filters, with_levels=True)
    rule = GROUPS[group] + (" and risk_level is not null" if group == "present" else "")
    sql = f"select count(distinct traveller_id) as people, count(*) as n from answer where {rule} and {where}"
    row = _ask(shown, at, sql, parameters)[0]
    return int(row["people"]), int(row["n"])


@dataclass(frozen=True)
class Hidden:
    """Whom the filters leave out of a list: by the level alone, in the same countries otherwise, and elsewhere."""

    by_level: int
    by_others: int
    elsewhere: int


def hidden(shown: Publication, at: datetime, group: str, filters: Filters) -> Hidden:
    """How many people of a group, or of all (``everybody``), the filters leave out, each counted once."""
    rule = GROUPS.get(group, "true") + (" and risk_level is not null" if group == "present" else "")
    wholly, parameters = _conditions(filters, with_levels=True)
    at_any_level, more = _conditions(filters, with_levels=False)
    in_countries, most = _conditions(Filters(countries=filters.countries), with_levels=False)
    sql = f"""
        select
            count(*) filter (not is_shown and is_at_any_level) as by_level,
            count(*) filter (not is_at_any_level and is_in_countries) as by_others,
            count(*) filter (not is_in_countries) as elsewhere
        from (
            select traveller_id, bool_or({wholly}) as is_shown, bool_or({at_any_level}) as is_at_any_level,
                bool_or({in_countries}) as is_in_countries
            from answer where {rule} group by traveller_id
        )
    """
    return Hidden(**_ask(shown, at, sql, [*parameters, *more, *most])[0])


def higher_inside(shown: Publication, at: datetime, filters: Filters) -> tuple[int, list[str]]:
    """How many people the levels of the filters hide, and in which countries, that may be at one of them all the same.

    Known only by country, they have the country's level, and something rated inside it is higher (P3).
    """
    where, parameters = _conditions(filters, with_levels=False)
    sql = f"""
        select count(distinct traveller_id) as people, list_sort(list_distinct(list(country))) as countries
        from answer
        where {where} and not list_contains(?::integer[], risk_level::integer)
            and len(list_filter(?::integer[], lambda each: each > risk_level and each <= worst_case_level)) > 0
    """
    row = _ask(shown, at, sql, [*parameters, filters.levels, filters.levels])[0]
    return int(row["people"]), row["countries"] or []


def people(shown: Publication, at: datetime, group: str, filters: Filters, limit: int) -> list[Row]:
    """Rows traveller x place of a group, worst first, without names."""
    where, parameters = _conditions(filters, with_levels=True)
    rule = GROUPS[group] + (" and risk_level is not null" if group == "present" else "")
    sql = f"""
        select * from answer where {rule} and {where}
        order by risk_level desc nulls first, place_name, since_at, traveller_id
        limit {int(limit)}
    """
    return with_evidence(shown, _ask(shown, at, sql, parameters))


def places(shown: Publication, at: datetime, filters: Filters) -> list[Row]:
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
        from answer
        where presence_group <> 'moving' and {where}
        group by place_id
        order by risk_level asc nulls first, everybody desc
    """
    return _ask(shown, at, sql, parameters)


def countries(shown: Publication, at: datetime) -> list[Row]:
    """People by country, on the way and in transit left out: highest level, whether one is unknown, and how many."""
    sql = """
        select
            country,
            max(risk_level) as highest_level,
            bool_or(risk_level is null) as has_unknown_level,
            count(distinct traveller_id) as everybody
        from answer
        where presence_group <> 'moving'
        group by country
        order by highest_level desc nulls first, country
    """
    return _ask(shown, at, sql)
