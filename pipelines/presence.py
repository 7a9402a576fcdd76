"""Where everybody is at an instant or in a time: the SQL that ``muster who`` and the dashboard read a file with."""

from __future__ import annotations

import dataclasses
import datetime
import math
from typing import Any, Protocol

from pipelines.settings import Home, load_settings

EARTH_KM = 6371.0088
"""The mean radius of the earth."""


@dataclasses.dataclass(frozen=True)
class Near:
    """A circle on the map: degrees and kilometres."""

    latitude: float
    longitude: float
    radius_km: float


class Published(Protocol):
    """What the reading of a publication depends on."""

    @property
    def as_of(self) -> datetime.datetime:
        """The instant it was made for, naive UTC."""
        ...

    @property
    def count_home(self) -> bool:
        """Whether exposure holds stays at home, too (S9)."""
        ...


# One row per stay piece that the question's time touches, with the ratings in force then: exposure partitions a stay,
# and open_exposure says what is known to hold after it for a stay without an end. The bounds are said of the large
# tables and each by itself, for rows lie by length and start and whole stretches of them are then never read.
_STAYS = """
    with asked_stay as (
        select {columns} from mart.stay where starts_at < $to_at and ends_at > $from_at {further}
        union all
        select {columns} from mart.stay where starts_at < $to_at and ends_at is null {further}
    ),

    piece as (
        select stay_id, starts_at, risk_level, security_level, medical_level, worst_case_level, rating_status,
            evacuation_status
        from mart.exposure {of_asked}
        where starts_at < $to_at and ends_at > $from_at
        union all
        select stay_id, starts_at, risk_level, security_level, medical_level, worst_case_level, rating_status,
            evacuation_status
        from mart.open_exposure {of_asked}
        where starts_at < $to_at and (ends_at > $from_at or ends_at is null)
    ),

    judged_stay as (
        select
            *,
            -- A stay without an end is overdue after its time (S7), also where that lies after the run.
            presence = 'overdue' or (
                presence in ('confirmed', 'likely') and ends_at is null and not is_home
                and since_at + to_days($open_ended_days) <= $from_at
            ) as is_overdue
        from asked_stay
    ),

    rated as (
        select
            stay_id,
            max(risk_level) as risk_level,
            max(security_level) as security_level,
            max(medical_level) as medical_level,
            max(worst_case_level) as worst_case_level,
            bool_or(risk_level is null) as has_unknown_level,
            arg_max(rating_status, coalesce(risk_level, 0)) as rating_status,
            arg_max(evacuation_status, list_position(
                ['none', 'standby', 'evacuate_nonessential', 'evacuate_full'], evacuation_status
            )) as evacuation_status,
        from piece
        group by stay_id
    )

    select
        s.stay_id, s.traveller_id, s.trip_id, s.place_id, s.place_name, s.country_code,
        s.latitude, s.longitude,
        case when s.is_overdue then 'overdue' else s.presence end as presence,
        s.weight, s.is_home and r.stay_id is null as is_home,
        s.place_status, s.precision, r.risk_level, r.security_level, r.medical_level, r.worst_case_level,
        coalesce(r.has_unknown_level, true) as has_unknown_level,
        r.rating_status, r.evacuation_status,
        s.since_at,
        case when not s.is_overdue then s.until_at end as until_at
    from judged_stay as s
    left join rated as r using (stay_id)
    where {whom}
"""
_COLUMNS = """
    stay_id, traveller_id, trip_id, place_id, place_name, country_code, latitude, longitude, starts_at, ends_at,
    since_at, until_at, presence, weight, is_home, place_status, precision
"""
_NEAR = """
    and (latitude is null or longitude is null or "precision" in ('country', 'region')
        or latitude between $near_south and $near_north and longitude between $near_west and $near_east)
"""
"""Who cannot be in the circle by latitude or longitude alone is not looked up at all."""


def stays(is_away: bool, count_home: bool, is_near: bool = False) -> str:
    """The SQL of the stays that a time touches; `is_away` leaves out who is at home and not counted there (E1, S9)."""
    further = _NEAR if is_near else ""
    if is_away and not count_home:
        further += "and not is_home"
    return _STAYS.format(
        columns=_COLUMNS,
        further=further,
        of_asked="semi join asked_stay using (stay_id)" if is_near else "",
        # A stay away without exposure would be a fault, and is still listed, at an unknown level.
        whom="not s.is_home or r.stay_id is not null" if is_away else "true",
    )


_CURRENT = """
    select
        c.stay_id, c.traveller_id, c.trip_id, c.place_id, c.place_name, c.country_code,
        s.latitude, s.longitude, c.presence, c.weight, false as is_home, s.place_status, s.precision,
        c.risk_level, c.security_level, c.medical_level, c.worst_case_level, c.risk_level is null as has_unknown_level,
        c.rating_status, c.evacuation_status, c.since_at, c.until_at
    from mart.current_exposure as c
    left join mart.stay as s using (stay_id)
"""


def presence_at(home: Home, at: datetime.datetime, publication: Published) -> tuple[str, dict[str, Any]]:
    """The SQL, and its parameters, of who is where at an instant: one row a stay piece, home left out.

    Transit, travel and overdue people are in it (overdue after the home's ``open_ended_days``). At ``as_of`` it reads
    ``mart.current_exposure``, at any other instant the stays with the ratings then in force; :func:`who` asks the same.
    """
    if at == publication.as_of:
        return _CURRENT, {}
    return stays(is_away=True, count_home=publication.count_home), bounds(home, at, at + INSTANT)


INSTANT = datetime.timedelta(microseconds=1)
"""An instant is the shortest interval: half-open bounds then mean starts_at <= at < ends_at."""


def bounds(home: Home, from_at: datetime.datetime, to_at: datetime.datetime) -> dict[str, Any]:
    """The parameters of :func:`stays`: a half-open time in naive UTC, and after how many days a stay is overdue."""
    return {"from_at": from_at, "to_at": to_at, "open_ended_days": load_settings(home).open_ended_days}


def box(near: Near) -> dict[str, float]:
    """The latitudes and longitudes between which a circle lies, in degrees, a little too wide rather than too narrow.

    All longitudes where it holds a pole or crosses the line where they begin anew. The widest points of a circle of
    the angle r about the latitude p are asin(sin r / cos p) from its middle (J. Matuschek, bounding coordinates).
    """
    angle = min(near.radius_km / EARTH_KM + 1e-6, math.pi)
    degrees = math.degrees(angle)
    box = {
        "near_south": near.latitude - degrees,
        "near_north": near.latitude + degrees,
        "near_west": -180.0,
        "near_east": 180.0,
    }
    if box["near_south"] > -90 and box["near_north"] < 90:
        width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(near.latitude))))) + 1e-4
        if near.longitude - width >= -180 and near.longitude + width <= 180:
            box |= {"near_west": near.longitude - width, "near_east": near.longitude + width}
    return box


def distance_km(latitude: str, longitude: str) -> str:
    """The SQL of how far a row's ``latitude`` and ``longitude`` lie from a point; NULL where a position is missing.

    Said outright, for ``least`` passes over a NULL: without a position everybody would be half the globe away.
    """
    return f"""
        case
            when latitude is not null and longitude is not null then 2 * {EARTH_KM} * asin(least(1.0, sqrt(
                pow(sin(radians(latitude - {latitude}) / 2), 2)
                + cos(radians({latitude})) * cos(radians(latitude))
                * pow(sin(radians(longitude - {longitude}) / 2), 2)
            )))
        end
    """
