"""Tasks that ask a published home: who is where, who was near, a week's exposure, what a page of the dashboard reads.

Each asks with random arguments in one process and gives the 50th and 95th percentile of the milliseconds. Some of the
answers are compared with ones worked out from the tables in the plainest way.
"""

from __future__ import annotations

import logging
import math
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

from benchmarks.answers import require
from pipelines.presence import Near, presence_at
from pipelines.published import open_role, publication_row
from pipelines.settings import SQL, Home
from pipelines.who import Question, ask, who

RADIUS_KM = 50.0
WINDOW = timedelta(days=3)
CHECKED = 8
"""How many of the random arguments are asked in the plain way, too."""

_SHOWN = "presence not in ('transit', 'en_route')"


def questions(home: str, count: int, seed: int) -> dict[str, Any]:
    """Ask ``who`` at instants and near points, and weeks' exposure; returns milliseconds by kind of question."""
    office = Home(home)
    con = open_role(office, "analyst")
    publication = publication_row(con)
    chance = random.Random(seed)  # noqa: S311 - no secret
    instants = [_instant(chance, publication.as_of) for _ in range(count)]
    positions = con.execute(
        "select distinct latitude, longitude from mart.exposure where latitude is not null order by all"
    ).fetchall()
    points = [(*chance.choice(positions), moment) for moment in instants]
    mondays = [day for (day,) in con.execute("select distinct week_start_date from mart.exposure_by_week order by 1")
               .fetchall()]  # fmt: skip
    weeks = [chance.choice(mondays) for _ in range(count)]

    for moment in instants[:CHECKED]:
        _check_instant(con, office, moment)
    for latitude, longitude, moment in points[:CHECKED]:
        _check_near(con, office, latitude, longitude, moment)
    for week in weeks[:CHECKED]:
        _check_week(con, publication.office_timezone, week)

    def near(point: tuple[float, float, datetime]) -> Any:
        return who(office, "analyst", _near(*point))

    def presences(moment: datetime) -> Any:
        sql, parameters = presence_at(office, moment, publication)
        return con.execute(sql, parameters).fetchall()

    saved = {name: (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8") for name in _WEEK_QUERIES}
    found = {
        "who at an instant": _percentiles(lambda moment: who(office, "analyst", Question(at=moment)), instants),
        "who at an instant, the file open": _percentiles(
            lambda moment: ask(con, office, "analyst", Question(at=moment)), instants
        ),
        "who at an instant, the query alone": _percentiles(presences, instants),
        "who within 50 km in 3 days": _percentiles(near, points),
        "who within 50 km in 3 days, the file open": _percentiles(
            lambda point: ask(con, office, "analyst", _near(*point)), points
        ),
        "a week's exposure": _percentiles(
            lambda week: con.execute("from mart.exposure_by_week where week_start_date = ?", [week]).fetchall(), weeks
        ),
        "a week by level, last week and last year": _percentiles(
            lambda week: con.execute(saved["week_levels"], {"week": week}).fetchall(), weeks
        ),
        "a week's destinations": _percentiles(
            lambda week: con.execute(saved["week_destinations"], {"week": week}).fetchall(), weeks
        ),
    }
    return {"questions": found, "file_mib": round(_size(office) / 2**20, 1)}


_WEEK_QUERIES = ("week_levels", "week_destinations")


def _size(office: Home) -> int:
    return (office.published / "current" / "analyst.duckdb").stat().st_size


def _instant(chance: random.Random, as_of: datetime) -> datetime:
    return as_of + timedelta(seconds=chance.randrange(-366 * 86_400, 14 * 86_400))


def _near(latitude: float, longitude: float, moment: datetime) -> Question:
    return Question(from_at=moment, to_at=moment + WINDOW, near=Near(latitude, longitude, RADIUS_KM))


def _percentiles(ask: Callable[[Any], Any], arguments: Sequence[Any]) -> dict[str, float]:
    """Milliseconds of one question after another; the first is asked once before, so that the file is open."""
    ask(arguments[0])
    taken = []
    for argument in arguments:
        began = time.perf_counter()
        ask(argument)
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {f"p{share}": round(taken[math.ceil(len(taken) * share / 100) - 1], 2) for share in (50, 95)}


def _plain_stays(con: duckdb.DuckDBPyConnection, starts: datetime, ends: datetime) -> list[tuple[Any, ...]]:
    """Stays away from home in a time, read row by row from the table; without transit and travel."""
    return con.execute(
        f"select traveller_id, place_id, latitude, longitude from mart.stay where not is_home and {_SHOWN} "
        "and starts_at < ? and (ends_at is null or ends_at > ?)",
        [ends, starts],
    ).fetchall()


def _check_instant(con: duckdb.DuckDBPyConnection, office: Home, moment: datetime) -> None:
    answer = who(office, "analyst", Question(at=moment))
    at = answer.columns.index("traveller_id")
    plain = {row[0] for row in _plain_stays(con, moment, moment + timedelta(microseconds=1))}
    require({row[at] for row in answer.rows} == plain, f"who at {moment} does not list the people of the stays")


def _check_near(
    con: duckdb.DuckDBPyConnection, office: Home, latitude: float, longitude: float, moment: datetime
) -> None:
    answer = who(office, "analyst", _near(latitude, longitude, moment))
    at = answer.columns.index("traveller_id")
    plain = {
        traveller
        for traveller, _, north, east in _plain_stays(con, moment, moment + WINDOW)
        if north is not None and _distance_km(latitude, longitude, north, east) <= RADIUS_KM
    }
    require({row[at] for row in answer.rows} == plain, f"who near a point from {moment} does not list the people there")


def _distance_km(latitude: float, longitude: float, north: float, east: float) -> float:
    here, there = math.radians(latitude), math.radians(north)
    half = (
        math.sin((there - here) / 2) ** 2
        + math.cos(here) * math.cos(there) * math.sin(math.radians(east - longitude) / 2) ** 2
    )
    return 2 * 6371.0088 * math.asin(min(1.0, math.sqrt(half)))


def _check_week(con: duckdb.DuckDBPyConnection, timezone: str, week: Any) -> None:
    """The person-days of a week are those of the exposure clipped to it."""
    found = con.execute(
        """
        with bounds as (
            select
                timezone('UTC', timezone($zone, $week::timestamp)) as first_at,
                timezone('UTC', timezone($zone, $week::timestamp + interval 7 day)) as last_at
        )
        select
            (select sum(person_days) from mart.exposure_by_week where week_start_date = $week),
            sum((epoch_us(least(ends_at, last_at)) - epoch_us(greatest(starts_at, first_at))) / candidate_count)
                / 86400e6
        from mart.exposure
        cross join bounds
        where starts_at < last_at and ends_at > first_at
        """,
        {"zone": timezone, "week": week},
    ).fetchone()
    by_week, clipped = found or (None, None)
    is_same = by_week == clipped or math.isclose(by_week or 0, clipped or 0, rel_tol=1e-9)
    require(is_same, f"the week of {week} has {by_week} person-days, its exposure {clipped}")


def page(home: str, count: int, seed: int) -> dict[str, Any]:
    """What the pages Now and Weekly read for random instants and weeks, through the dashboard's own functions."""
    os.environ |= {"MUSTER_HOME": home, "MUSTER_ROLE": "analyst"}
    logging.disable(logging.WARNING)  # Streamlit says that no page is being drawn
    from dashboards import data
    from dashboards.data import now, weekly

    shown = data.publication()
    chance = random.Random(seed)  # noqa: S311 - no secret
    filters = now.Filters()

    def read_now(moment: datetime) -> None:
        now.headline(shown, moment)
        now.choices(shown, moment)
        now.countries(shown, moment)
        now.places(shown, moment, filters)
        for group in now.GROUPS:
            now.count_people(shown, moment, group, filters)
            now.people(shown, moment, group, filters, data.ROWS_SHOWN)

    def read_weekly(week: Any) -> None:
        weekly.by_level(shown, week)
        for keys in ((), ("risk_level",), ("country",)):
            weekly.figures(shown, week, keys)

    # Those that are checked are asked before, and the page keeps its answers: they are not timed.
    instants = list({_instant(chance, shown.as_of) for _ in range(count + CHECKED)})
    weeks = weekly.weeks(shown)
    chance.shuffle(weeks)
    with open_role(Home(home), "analyst") as con:
        for moment in instants[:CHECKED]:
            plain = {row[0] for row in _plain_stays(con, moment, moment + timedelta(microseconds=1))}
            counted = now.count_people(shown, moment, "present", filters)[0]
            require(counted <= len(plain), f"the page counts {counted} people at {moment}, the stays hold {len(plain)}")
    return {
        "questions": {
            "the data of the page Now": _percentiles(read_now, instants[CHECKED:]),
            "the data of the page Weekly": _percentiles(read_weekly, weeks[:count]),
        }
    }
