"""Who is where something happens: inside, arriving and just left, around a point, in a country, or by an alert.

The words mean what they mean in ``mart.alert_impact`` (DOMAIN.md section 9); a test holds both to the same people.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from dashboards import data
from dashboards.data import Publication, Row, query, with_evidence
from pipelines.errors import MusterError
from pipelines.places.resolve import covered_places, resolving
from pipelines.presence import distance_km
from pipelines.settings import Home

RELATIONS = ("inside", "arriving", "left")


@dataclass(frozen=True)
class Area:
    """What an incident reaches and when: a circle, a region or a country; instants are naive UTC."""

    title: str
    reach: str
    latitude: float
    longitude: float
    radius_km: float
    place_id: str | None
    country_code: str | None
    region_code: str | None
    left_since_at: datetime
    asked_at: datetime
    arriving_until_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The area as a roll call keeps it."""
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(self).items()}

    @staticmethod
    def from_json(kept: dict[str, Any]) -> Area:
        """The area that a roll call kept."""
        given: dict[str, Any] = {k: datetime.fromisoformat(v) if k.endswith("_at") else v for k, v in kept.items()}
        return Area(**given)


@dataclass(frozen=True)
class Place:
    """One place that a text may mean."""

    place_id: str
    place_type: str
    place_name: str
    place_status: str
    country_code: str | None
    region_code: str | None
    latitude: float
    longitude: float
    region_name: str | None = None
    namesakes: tuple[Place, ...] = ()
    """Other places of the same name that fit the text as well, the likeliest first."""


_NAMESAKES_AT_MOST = 20
_NAMESAKES = f"""
    select distinct on (f.place_id, p.place_id)
        f.place_id as first_place_id, c.choice_rank, p.place_id, p.place_type, p.place_name, 'resolved' as place_status,
        p.country_code, p.region_code, p.latitude, p.longitude, r.place_name as region_name
    from core.place_candidate as f
    inner join core.place_candidate as c
        on f.place_text_number = c.place_text_number and f.atom_number = c.atom_number
            and f.support_score = c.support_score
    inner join reference.gazetteer_place as g on f.place_id = g.place_id
    inner join reference.gazetteer_place as p on c.place_id = p.place_id
    left join reference.gazetteer_place as r on p.region_code = r.place_id and p.place_type <> 'region'
    where f.choice_rank = 1 and c.choice_rank > 1 and c.choice_rank <= {_NAMESAKES_AT_MOST + 1}
        and p.latitude is not null and c.name_kind <> 'misspelt'
        -- A city and the region around it are one answer, and so are two names of one city.
        and coalesce(p.place_id <> g.region_code and p.place_id <> g.country_code, true)
        and coalesce(g.place_id <> p.region_code and g.place_id <> p.country_code, true)
        and not (g.place_type = 'city' and p.place_type = 'city'
            and abs(p.latitude - g.latitude) < 0.3 and abs(p.longitude - g.longitude) < 0.3)
    order by f.place_id, p.place_id, c.choice_rank
"""


@st.cache_data(max_entries=100, ttl=3600, show_spinner="Looking the place up …")
def _find(root: str, text: str) -> list[Place]:
    sql = """
        select p.place_id, p.place_type, p.place_name, m.place_status, p.country_code, p.region_code, p.latitude,
            p.longitude, r.place_name
        from core.place_match as m
        inner join core.place as p on m.place_id = p.place_id
        left join reference.gazetteer_place as r on p.region_code = r.place_id and p.place_type <> 'region'
        where p.latitude is not null and m.place_status <> 'unknown'
        order by m.candidate_number
    """
    with resolving([(text, None)], home=Home(root)) as con:
        found = [Place(*row) for row in con.execute(sql).fetchall()]
        others = sorted(con.execute(_NAMESAKES).fetchall(), key=lambda row: row[1])
    return [replace(one, namesakes=tuple(Place(*row[2:]) for row in others if row[0] == one.place_id)) for one in found]


def find_places(text: str) -> list[Place]:
    """The places that a text may mean, as a run would read it; none for what is not recognised.

    Raises MusterError where there is no gazetteer.
    """
    return _find(str(data.home().root), text.strip())


@st.cache_data(max_entries=100, ttl=3600, show_spinner=False)
def _cover(latitude: float, longitude: float, radius_km: float) -> tuple[str, ...]:
    return tuple(covered_places(latitude, longitude, radius_km))


def find_cover(area: Area) -> tuple[str, ...] | None:
    """The countries and regions, by code, that an area's circle covers; None where no gazetteer can tell."""
    if area.reach != "circle":
        return ()
    try:
        return _cover(area.latitude, area.longitude, area.radius_km)
    except MusterError:
        return None


def alerts(shown: Publication) -> list[Row]:
    """Every alert, those in force first, then the newest; none where the generation is older than the table."""
    sql = "select 1 from information_schema.tables where table_schema = 'mart' and table_name = 'alert'"
    if not query(shown.role, shown.file, sql):
        return []
    sql = "select * from mart.alert order by is_in_force desc, issued_at desc, alert_id"
    return query(shown.role, shown.file, sql)


_ROW = """
    s.stay_id, s.traveller_id, s.trip_id, s.place_id, s.place_name, s.country_code, s.place_status, s.precision,
    s.latitude, s.longitude, s.presence, s.weight, s.since_at, s.until_at,
    t.affiliation, t.school, t.identity_status
"""

_ORDER = """
    order by list_position(['inside', 'arriving', 'left'], relation), distance_km nulls last, place_name, traveller_id
"""


def concerned_by_alert(shown: Publication, alert_id: str) -> list[Row]:
    """Whom an alert concerns: the rows of ``mart.alert_impact`` with their stays, without names."""
    sql = f"""
        select {_ROW}, i.distance_km, i.relation
        from mart.alert_impact as i
        inner join mart.stay as s on i.stay_id = s.stay_id
        left join mart.traveller as t on i.traveller_id = t.traveller_id
        where i.alert_id = ? {_ORDER}
    """
    return with_evidence(shown, query(shown.role, shown.file, sql, [alert_id]))


def concerned(shown: Publication, area: Area) -> list[Row]:
    """Whom an area concerns, one row a traveller, without names.

    Inside: a stay holds `asked_at`, transit and overdue included. Arriving: on the way there then, or there before
    `arriving_until_at`. Left: a stay there ended after `left_since_at`. Who is known only by a country or region that
    holds the area, or of which its circle covers a part, is listed without a distance; who is in the very place that is
    named, however small the circle, for stays are known by their city. Home stays count where exposure holds them, all
    or none of them (S9).
    """
    sql = f"""
        with counted as (
            select exists(
                select 1 from mart.exposure
                where stay_id = (select min(stay_id) from mart.stay where is_home)
            ) as is_home_counted
        ),

        near as (
            select * exclude (evidence),
                {distance_km("$latitude", "$longitude")} as exact_km
            from mart.stay
            cross join counted
            where (not is_home or is_home_counted) and starts_at <= $until and (ends_at is null or ends_at > $since)
        ),

        reached as (
            select *,
                case when precision not in ('country', 'region') then exact_km end as distance_km,
                case
                    when presence = 'en_route' and (ends_at is null or ends_at > $asked) then 'arriving'
                    when starts_at > $asked then 'arriving'
                    when ends_at is null or ends_at > $asked then 'inside'
                    when presence <> 'en_route' then 'left'
                end as relation
            from near
            where case
                when place_id = $place then true
                when $reach = 'country' then country_code = $country
                when $reach = 'region' and precision = 'country' then country_code = $country
                when $reach = 'region' then region_code = $region
                when exact_km <= $radius then true
                when precision = 'country' and country_code = $country then true
                when precision = 'region' and region_code = $region then true
                else precision in ('country', 'region') and list_contains($cover::varchar[], place_id)
            end
        ),

        ranked as (
            select *,
                row_number() over (
                    partition by traveller_id
                    order by list_position(['inside', 'arriving', 'left'], relation),
                        case when relation = 'left' then ends_at end desc nulls last,
                        distance_km nulls last, starts_at, stay_id
                ) as choice
            from reached
            where relation is not null
        )

        select {_ROW}, s.distance_km, s.relation
        from ranked as s
        left join mart.traveller as t on s.traveller_id = t.traveller_id
        where s.choice = 1 {_ORDER}
    """
    given = {
        "latitude": area.latitude,
        "longitude": area.longitude,
        "radius": area.radius_km,
        "reach": area.reach,
        "place": area.place_id,
        "country": area.country_code,
        "region": area.region_code,
        "cover": find_cover(area) or (),
        "since": area.left_since_at,
        "asked": area.asked_at,
        "until": area.arriving_until_at,
    }
    return with_evidence(shown, query(shown.role, shown.file, sql, given))


def unplaced(shown: Publication, area: Area) -> int:
    """How many people are somewhere at `asked_at` that nobody can place: they may be there too (P2)."""
    sql = """
        select count(distinct traveller_id) as n
        from mart.stay
        where latitude is null and not is_home and starts_at <= ? and (ends_at is null or ends_at > ?)
    """
    return int(query(shown.role, shown.file, sql, [area.asked_at, area.asked_at])[0]["n"])


def alert_area(alert: Row) -> Area:
    """The area of an alert's first place, for the words of the page and the roll call."""
    return Area(
        f"{alert['title'] or alert['alert_id']}",
        alert["reach"],
        float(alert["latitude"] or 0),
        float(alert["longitude"] or 0),
        float(alert["radius_km"]),
        alert["place_id"],
        alert["country_code"],
        alert["region_code"],
        alert["issued_at"] - timedelta(days=1),
        alert["asked_at"],
        max(alert["expires_at"], alert["asked_at"]),
    )


def travellers(shown: Publication, traveller_ids: tuple[str, ...]) -> dict[str, Row]:
    """Facts of travellers by key."""
    sql = "select * from mart.traveller where traveller_id in (select unnest(?::varchar[]))"
    return {row["traveller_id"]: row for row in query(shown.role, shown.file, sql, [traveller_ids])}
