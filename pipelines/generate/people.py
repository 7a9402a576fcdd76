"""The roster: invented people of an invented university, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.generate import destinations, names
from pipelines.generate.tables import DAY, Bools, Ints, Text, choose, date_text, digits, fold, join, repeat, take
from pipelines.generate.world import World

COLUMNS = [
    "person_id",
    "given_name",
    "family_name",
    "email",
    "other_emails",
    "affiliation",
    "school",
    "department",
    "mobile_phone",
    "home_country_code",
    "active_from_date",
    "active_to_date",
]

STUDENT, FACULTY, STAFF = 0, 1, 2


@dataclass
class People:
    """One chunk of people as parallel arrays; ``home`` is the number of the home airport in the world."""

    number: Ints
    given: Text
    family: Text
    email: Text
    affiliation: Ints
    school: Ints
    home: Ints
    phone: Text
    on_roster: Bools
    has_namesake: Bools
    person_id: Text
    columns: dict[str, Text]


def make_people(world: World, rng: np.random.Generator, first: int, count: int, as_of: int, noise: float) -> People:
    """People number ``first`` to ``first + count``; deterministic for a generator in a given state.

    About 0.6 % are not on the roster, and 0.8 % share their name with the person before them, both times ``noise``.
    """
    number = np.arange(first, first + count)
    given_number = rng.integers(0, len(names.GIVEN_NAMES), count)
    second_number = np.where(rng.random(count) < 0.12, rng.integers(0, len(names.GIVEN_NAMES), count), -1)
    family_number = rng.integers(0, len(names.FAMILY_NAMES), count)
    joined_number = np.where(rng.random(count) < 0.07, rng.integers(0, len(names.FAMILY_NAMES), count), -1)
    twin = rng.random(count) < 0.004 * noise
    twin[0] = False
    before = np.flatnonzero(twin) - 1
    for column in (given_number, second_number, family_number, joined_number):
        column[twin] = column[before]
    has_namesake = twin.copy()
    has_namesake[before] = True
    given = _doubled(names.GIVEN_NAMES, given_number, second_number, " ")
    family = _doubled(names.FAMILY_NAMES, family_number, joined_number, "-")
    affiliation = rng.choice(3, count, p=[0.55, 0.27, 0.18])
    school, department = _schools(rng, count)
    is_abroad = rng.random(count) < 0.05
    home = np.where(
        is_abroad,
        _pick(world, rng, destinations.HOMES_ELSEWHERE, count),
        _pick(world, rng, destinations.HOME_AIRPORTS, count),
    )
    on_roster = (rng.random(count) >= 0.006 * noise) | has_namesake
    phone = _phones(world, rng, home, count)
    person_id = join("P", digits(number + 100_001, 7))
    email = _address(fold(given), fold(family), number, "example.edu")
    columns = {
        "person_id": person_id,
        "given_name": given,
        "family_name": family,
        "email": email,
        "other_emails": _other_addresses(rng, given, family, number),
        "affiliation": take(names.AFFILIATIONS, affiliation),
        "school": school[1],
        "department": department,
        "mobile_phone": phone,
        "home_country_code": choose((rng.random(count) < 0.3) & ~is_abroad, None, take(world.country_text, home)),
        **_active_dates(rng, affiliation, as_of),
    }
    return People(
        number, given, family, email, affiliation, school[0], home, phone, on_roster, has_namesake, person_id, columns
    )


def _doubled(words: tuple[str, ...], one: Ints, two: Ints, separator: str) -> Text:
    both = join(take(words, one), take(words, two), separator=separator)
    return pc.coalesce(both, take(words, one))


def _address(given: Text, family: Text, number: Ints, domain: str) -> Text:
    return join(given, repeat(".", len(number)), family, digits(number + 11), repeat("@" + domain, len(number)))


def _other_addresses(rng: np.random.Generator, given: Text, family: Text, number: Ints) -> Text:
    """A short alias for most, a private address for some, both separated by a semicolon."""
    initials = join(
        pc.utf8_slice_codeunits(fold(given), 0, 1), pc.utf8_slice_codeunits(fold(family), 0, 1), digits(number + 2_000)
    )
    alias = join(initials, "@example.edu")
    private = join(initials, "@mail.example.org")
    draw = rng.random(len(number))
    return choose(draw < 0.55, alias, choose(draw < 0.75, join(alias, private, separator=";"), None))


def _schools(rng: np.random.Generator, count: int) -> tuple[tuple[Ints, Text], Text]:
    schools = list(names.SCHOOLS)
    weights = np.array([24, 18, 10, 10, 11, 5, 10, 3, 5, 4], dtype=float)
    school = rng.choice(len(schools), count, p=weights / weights.sum())
    departments = [entry.split(",") for entry in names.SCHOOLS.values()]
    first = np.cumsum([0] + [len(entry) for entry in departments])
    sizes = np.diff(first)
    department = first[school] + (rng.random(count) * sizes[school]).astype(int)
    return (school, take(schools, school)), take([name for entry in departments for name in entry], department)


def _pick(world: World, rng: np.random.Generator, weighted: dict[str, int], count: int) -> Ints:
    weights = np.array(list(weighted.values()), dtype=float)
    return world.numbers(list(weighted))[rng.choice(len(weights), count, p=weights / weights.sum())]


def _phones(world: World, rng: np.random.Generator, home: Ints, count: int) -> Text:
    """Numbers from ranges that regulators keep for fiction (555-01xx; 07700 900xxx); 6 % have none."""
    area = take(names.AREA_CODES, rng.integers(0, len(names.AREA_CODES), count))
    american = join("+1-", area, "-555-01", digits(rng.integers(0, 100, count), 2))
    british = join("+44 7700 900", digits(rng.integers(0, 1000, count), 3))
    number = choose(home == world.number["LHR"], british, american)
    return choose(rng.random(count) < 0.06, None, number)


def _active_dates(rng: np.random.Generator, affiliation: Ints, as_of: int) -> dict[str, Text]:
    """Students begin in some September and stay two to five years; employees have no end, mostly."""
    count = len(affiliation)
    year = int(np.datetime64(as_of, "s").astype("datetime64[Y]").astype(int)) + 1970
    ago = np.where(affiliation == STUDENT, rng.integers(2, 5, count), rng.integers(2, 22, count))
    start = ((year - ago).astype("U4").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) + 243) * DAY
    study = start + rng.integers(4, 7, count) * 365 * DAY
    left = as_of - rng.integers(5, 200, count) * DAY
    ends_study = affiliation == STUDENT
    has_left = ~ends_study & (rng.random(count) < 0.03)
    end = date_text(np.where(ends_study, study, left))
    return {"active_from_date": date_text(start), "active_to_date": choose(ends_study | has_left, end, None)}


def roster_rows(people: People) -> dict[str, pa.Array]:
    """The people feed's rows of a chunk: who is on the roster."""
    mask = pa.array(people.on_roster)
    return {name: pc.filter(column, mask) for name, column in people.columns.items()}
