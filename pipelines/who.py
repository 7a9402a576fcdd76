"""Who is, was or will be where: the question Muster exists for, asked of a published file.

Nobody is left out in silence. A level that is not known is a group of its own and passes every ``--min-level``;
what a filter cannot judge (a place without a country or a position) is counted in a note; transit, travel and
home are left out unless asked for, and the notes say how many that were.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pipelines import access_log
from pipelines.errors import UsageError
from pipelines.notes import age_notes, counted, incomplete_notes, publication_notes, time_notes
from pipelines.presence import INSTANT, Near, bounds, box, distance_km, presence_at, stays
from pipelines.published import NAME_ROLES, PublicationRow, open_role, opened_generation, publication_row, run
from pipelines.settings import Home
from pipelines.tables import instant_text

if TYPE_CHECKING:
    import duckdb

LEVEL_NAMES = {1: "Insignificant", 2: "Low", 3: "Medium", 4: "High", 5: "Extreme"}
NOT_KNOWN = "not known"
INCLUDABLE = ("transit", "en_route", "home")


_LAST_YEAR = 9998


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked; instants are naive UTC, ``at`` None is the publication's ``as_of``."""

    at: datetime.datetime | None = None
    from_at: datetime.datetime | None = None
    to_at: datetime.datetime | None = None
    min_level: int | None = None
    country_code: str | None = None
    near: Near | None = None
    include: Collection[str] = ()

    def check(self) -> None:
        """Raise UsageError where the question contradicts itself."""
        if (self.from_at is None) != (self.to_at is None):
            raise UsageError("--from and --to belong together; give both.")
        if self.from_at is not None and self.at is not None:
            raise UsageError("Give either --at or --from and --to, not both.")
        if self.from_at is not None and self.to_at is not None and self.from_at >= self.to_at:
            raise UsageError("--from must be earlier than --to.")
        if any(asked is not None and asked.year > _LAST_YEAR for asked in (self.at, self.from_at, self.to_at)):
            raise UsageError(f"The calendar of Muster ends with the year {_LAST_YEAR}; ask about an earlier time.")
        if self.min_level is not None and self.min_level not in LEVEL_NAMES:
            raise UsageError("--min-level is a number from 1 (insignificant) to 5 (extreme).")
        if self.country_code is not None and not (len(self.country_code) == 2 and self.country_code.isalpha()):
            raise UsageError(f"--country is a two-letter ISO code such as KE, not '{self.country_code}'.")
        if self.country_code is not None:
            _require_country(self.country_code.upper())
        unknown = sorted(set(self.include) - set(INCLUDABLE))
        if unknown:
            raise UsageError(f"--include knows {', '.join(INCLUDABLE)}, not '{unknown[0]}'.")


def _require_country(code: str) -> None:
    """Raise UsageError for a code that no country has: an empty answer to it would read as nobody being there."""
    import pycountry

    if code == "XK" or pycountry.countries.get(alpha_2=code) is not None:
        return
    hint = {"UK": " The United Kingdom is GB.", "EL": " Greece is GR."}.get(code, "")
    raise UsageError(f"There is no country '{code}' in ISO 3166-1.{hint}")


@dataclasses.dataclass(frozen=True)
class Answer:
    """Rows and the notes that belong under them."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    notes: list[str]
    title: str


_LEFT_OUT = (
    "(is_home and not $home) or (presence = 'transit' and not $transit) or (presence = 'en_route' and not $en_route)"
)


def who(home: Home, role: str, question: Question) -> Answer:
    """Answer a question from the role's current file.

    One row per traveller and place (two candidate places of S5 are two rows, each ``possible``). For a role that
    sees names the look is written to the access log before this returns. Raises MusterError, UsageError.
    """
    question.check()
    con = open_role(home, role)
    try:
        return ask(con, home, role, question)
    finally:
        con.close()


def ask(con: duckdb.DuckDBPyConnection, home: Home, role: str, question: Question) -> Answer:
    """Answer a question as :func:`who` does, from a file that :func:`pipelines.published.open_role` has opened.

    For many questions in one process: opening the file costs more than most answers.
    """
    question.check()
    publication = publication_row(con)
    _select(con, home, publication, question)
    with_names = role in NAME_ROLES
    columns, rows = _rows(con, with_names)
    notes = _notes(con, publication, question)
    if question.at is None and question.from_at is None:
        notes += age_notes(publication)
    else:
        from_at = question.from_at or question.at or publication.as_of
        nameless = _nameless(columns, rows) if with_names else 0
        notes += time_notes(con, publication, (from_at, question.to_at or from_at), role, nameless)
    if with_names:
        place = columns.index("traveller_id")
        parameters = {key: str(value) for key, value in dataclasses.asdict(question).items() if value}
        access_log.record_look(home, "who", role, opened_generation(con), parameters, (row[place] for row in rows))
    return Answer(columns, rows, notes, _title(publication, question))


def _select(con: duckdb.DuckDBPyConnection, home: Home, publication: PublicationRow, question: Question) -> None:
    """Make the temporary table ``asked``: every presence that the time touches, with what each filter says of it."""
    at = question.at or publication.as_of
    is_away, is_near = "home" not in question.include, question.near is not None
    if question.from_at is None and is_away and (at == publication.as_of or not is_near):
        presences, parameters = presence_at(home, at, publication)
    else:
        presences = stays(is_away, publication.count_home, is_near)
        parameters = bounds(home, question.from_at or at, question.to_at or at + INSTANT)
        if question.near:
            parameters |= box(question.near)
    parameters |= {name: name in question.include for name in INCLUDABLE}
    parameters["min_level"] = question.min_level or 0
    country, distance = "true", "true"
    if question.country_code:
        parameters["country_code"] = question.country_code.upper()
        country = "country_code = $country_code"
    if question.near:
        parameters["near_latitude"] = question.near.latitude
        parameters["near_longitude"] = question.near.longitude
        parameters["near_km"] = question.near.radius_km
        distance = f"({distance_km('$near_latitude', '$near_longitude')}) <= $near_km"
    run(
        con,
        f"""
        create or replace temp table asked as
        select
            *,
            {_LEFT_OUT} as is_left_out,
            is_home or has_unknown_level or risk_level >= $min_level as passes_level,
            {country} as passes_country,
            {distance} as passes_distance,
        from ({presences})
        """,
        parameters,
    )


def _rows(con: duckdb.DuckDBPyConnection, with_names: bool) -> tuple[list[str], list[tuple[Any, ...]]]:
    names = "k.full_name, k.mobile_phone, k.email," if with_names else ""
    join = "left join mart.traveller_contact as k using (traveller_id)" if with_names else ""
    cursor = run(
        con,
        f"""
        select
            a.risk_level,
            a.traveller_id,
            {names}
            a.place_name,
            a.country_code,
            a.since_at,
            a.until_at,
            a.presence,
            a.weight,
            case
                when a.is_home then 'home, not rated'
                when a.risk_level is not null and a.has_unknown_level then a.rating_status || ', in part not known'
                else coalesce(a.rating_status, 'unrated')
            end as rating_status,
            a.security_level,
            a.medical_level,
            nullif(a.evacuation_status, 'none') as evacuation_status,
            a.trip_id,
        from asked as a
        {join}
        where not a.is_left_out and a.passes_level and a.passes_country and a.passes_distance
        order by a.is_home, a.risk_level desc nulls last, a.country_code, a.place_name, a.traveller_id, a.since_at
        """,
    )
    return [item[0] for item in cursor.description or []], cursor.fetchall()


_JUDGED = """
    with judged as (
        select
            *,
            passes_level and passes_country and passes_distance as may_pass,
            coalesce(may_pass, false) as passes,
            passes and not is_left_out as is_shown,
            -- Who is known only by country may be in a part of it that is rated higher (P3).
            not passes_level and worst_case_level >= $min_level as is_higher_inside,
            not passes_distance and precision in ('country', 'region')
                and not is_left_out and (passes_level or is_higher_inside) and passes_country as is_coarse,
            is_higher_inside and not is_left_out and passes_country and passes_distance as is_higher,
        from asked
    )
"""
_COUNTS = f"""
    {_JUDGED},

    by_traveller as (
        select
            bool_or(is_shown) as is_shown,
            bool_or(is_shown and risk_level is null and not is_home) as is_unknown,
            bool_or(is_shown and rating_status = 'place_unknown') as is_unplaced,
            bool_or(is_shown and presence = 'overdue') as is_overdue,
            bool_or(is_shown and presence = 'possible') as is_possible,
            bool_or(passes and is_left_out and presence = 'transit') as is_transit,
            bool_or(passes and is_left_out and presence = 'en_route') as is_en_route,
            bool_or(not is_left_out and may_pass is null) as is_unjudged,
            bool_or(is_coarse) as is_coarse,
            bool_or(is_higher) and not bool_or(is_shown) as is_higher,
        from judged
        group by traveller_id
    )

    select
        count(*) filter (where is_shown),
        count(*) filter (where is_unknown),
        count(*) filter (where is_unplaced),
        count(*) filter (where is_overdue),
        count(*) filter (where is_possible),
        count(*) filter (where is_transit),
        count(*) filter (where is_en_route),
        count(*) filter (where is_unjudged),
        count(*) filter (where is_coarse),
        count(*) filter (where is_higher),
    from by_traveller
"""
_COUNTRIES = f"""
    {_JUDGED}

    select
        list_sort(list_distinct(list(country_code) filter (where is_coarse))),
        list_sort(list_distinct(list(country_code) filter (where is_higher))),
    from judged
"""


def _notes(con: duckdb.DuckDBPyConnection, publication: PublicationRow, question: Question) -> list[str]:
    given = {"min_level": question.min_level or 0}
    counts = run(con, _COUNTS, given).fetchone() or (0,) * 10
    people, unknown, unplaced, overdue, possible, transit, en_route, unjudged, coarse, higher = counts
    coarse_in, higher_in = (run(con, _COUNTRIES, given).fetchone() if coarse or higher else None) or ([], [])
    notes = [f"{counted(people, 'traveller')} listed."]
    if unknown:
        notes.append(
            f"Level not known for {counted(unknown, 'traveller')}, {unplaced} of them at a place that could not be "
            "recognised: not known is not low."
        )
    if higher:
        level = question.min_level
        country = f"--country {higher_in[0]}" if len(higher_in) == 1 else "--country"
        notes.append(
            f"{counted(higher, 'traveller')} known only by country ({_some(higher_in)}): below level {level} by the "
            f"country's own level, yet something rated inside it is at {level} or higher; {country} lists them."
        )
    if overdue:
        notes.append(f"{counted(overdue, 'traveller')} overdue: no onward journey is known.")
    if possible:
        notes.append(
            f"{counted(possible, 'traveller')} only possibly there (weight below 1 shares a person over places)."
        )
    left_out = [f"{number} {word}" for number, word in ((transit, "in transit"), (en_route, "en route")) if number]
    if left_out:
        notes.append(f"Left out: {' and '.join(left_out)}; add --include transit,en_route to list them.")
    if unjudged:
        notes.append(
            f"{counted(unjudged, 'traveller')} at a place without a known country or position could not be compared "
            "and may be there too; ask without the filter to see them."
        )
    if question.near and coarse:
        notes.append(
            f"{counted(coarse, 'traveller')} known only by country or region ({_some(coarse_in)}): not near by its "
            "largest city alone, and may be near all the same; --country lists them."
        )
    from_at = question.from_at or question.at or publication.as_of
    notes += incomplete_notes(con, from_at, question.to_at or from_at + INSTANT)
    return notes + publication_notes(con, publication)


def _nameless(columns: list[str], rows: list[tuple[Any, ...]]) -> int:
    """Of how many travellers neither a name nor a way to reach them is held."""
    places = [columns.index(name) for name in ("full_name", "mobile_phone", "email")]
    key = columns.index("traveller_id")
    return len({row[key] for row in rows if all(row[place] is None for place in places)})


def _title(publication: PublicationRow, question: Question) -> str:
    zone = publication.office_timezone
    if question.from_at and question.to_at:
        when = f"from {instant_text(question.from_at, zone)} to {instant_text(question.to_at, zone)}"
    else:
        when = f"at {instant_text(question.at or publication.as_of, zone)}"
    known = instant_text(publication.known_at, zone)
    return f"Who is where {when} (generation {publication.generation}, known at {known}; times in UTC)"


def _some(codes: list[str], limit: int = 12) -> str:
    more = f" and {len(codes) - limit} more" if len(codes) > limit else ""
    return ", ".join(codes[:limit]) + more
