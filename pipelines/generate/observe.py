"""What all feeds share about a chunk's trips: who is in which feed, when it was told, and how a person is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.generate.destinations import HISTORICAL_NAMES
from pipelines.generate.people import STUDENT, People
from pipelines.generate.tables import DAY, HOUR, Bools, Ints, Text, choose, fold, join, take
from pipelines.generate.trips import BACK, BACK_ON, MOVE, NONE, OUT, STAY_A, STAY_B, Itineraries, Plans, Trips
from pipelines.generate.world import World

AGENCY, FORWARDED, MANUAL, APP = range(4)
CHANNELS = ("agency", "forwarded", "manual", "app")


@dataclass
class Scene:
    """One chunk of trips with everything the writers of feeds need; arrays are by trip.

    ``number`` is the trip's number over the whole office, ``first_day`` etc. are UTC seconds.
    """

    world: World
    people: People
    trips: Trips
    plans: Plans
    route: Itineraries
    number: Ints
    faults: dict[str, Bools]
    as_of: int
    departs: Ints
    returns: Ints
    first: Ints
    second: Ints
    is_home: Bools
    is_registered: Bools
    is_booked: Bools
    is_expensed: Bools
    is_travelled: Bools
    channel: Ints
    told_at: Ints
    issued_at: Ints
    locator_number: Ints

    def person_text(self, column: Text) -> Text:
        """A column of the people by trip."""
        return pc.take(column, pa.array(self.trips.person))


def observe(
    rng: np.random.Generator,
    world: World,
    people: People,
    trips: Trips,
    plans: Plans,
    table: Itineraries,
    faults: dict[str, Bools],
    first_number: int,
    as_of: int,
) -> Scene:
    """Decide what each feed will know of each trip."""
    count = len(trips.plan)
    route = table.take(trips.plan)
    number = first_number + np.arange(count)
    first, second = plans.first[trips.plan], plans.second[trips.plan]
    back_on = route.kind[:, BACK_ON] != NONE
    departs = route.starts[:, OUT]
    returns = np.where(back_on, route.ends[:, BACK_ON], route.ends[:, BACK])
    home_country = world.country[people.home[trips.person]]
    is_home = (world.country[first] == home_country) & ((second < 0) | (world.country[second] == home_country))
    _limit(faults, departs, as_of, world, (first, second), plans.nights[trips.plan])
    unregistered = faults["unregistered_booking"] | faults["unregistered_expense"] | faults["unseen"]
    channel = rng.choice(4, count, p=[0.68, 0.13, 0.13, 0.06])
    # A registration of one's own hand or forwarded knows no agency: the agency's would have been right and in time.
    by_hand = faults["unconfirmed"] | faults["wrong_country"] | faults["partial"] | faults["registered_late"]
    by_hand = by_hand | np.any([mask for kind, mask in faults.items() if kind.startswith("place_")], axis=0)
    channel = np.where(by_hand & (channel == AGENCY), MANUAL, channel)
    is_registered = ~unregistered
    booked_anyway = by_hand | (rng.random(count) < 0.45)
    is_booked = ~(faults["unregistered_expense"] | faults["unseen"] | faults["unconfirmed"]) & (
        (channel == AGENCY) | ((channel != FORWARDED) & booked_anyway) | faults["unregistered_booking"]
    )
    is_travelled = ~(faults["cancelled_trip"] | faults["unconfirmed"] | faults["overlapping_trip"])
    may_claim = is_travelled & (departs + 5 * DAY < as_of) & ~faults["unseen"] & ~faults["one_way"]
    claims = rng.random(count) < np.where(is_booked, 0.45, 0.78)
    is_expensed = (may_claim & claims & ~faults["unregistered_booking"]) | (
        # Nobody claims the expenses of a trip that was not made.
        faults["unregistered_expense"] & is_travelled & (departs < as_of)
    )
    told_at, issued_at = _told(rng, departs, faults, as_of)
    locator_number = _locators(rng, number, issued_at, is_booked, faults, trips.person)
    _keep_applicable(faults, is_registered, is_booked)
    scene = Scene(
        world, people, trips, plans, route, number, faults, as_of, departs, returns, first, second, is_home,
        is_registered, is_booked, is_expensed, is_travelled, channel, told_at, issued_at, locator_number,
    )  # fmt: skip
    stays_only = is_stays_only(scene)
    faults["retimed_duplicate"] &= ~stays_only
    faults["dates_only"] &= ~stays_only
    faults["surface_gap"] &= ~stays_only | is_booked
    return scene


def _limit(
    faults: dict[str, Bools], departs: Ints, as_of: int, world: World, places: tuple[Ints, Ints], nights: Ints
) -> None:
    """Drop faults that cannot be for these trips: a late registration needs a departure in the past, and so on."""
    first, second = places
    faults["registered_late"] &= departs + 2 * DAY < as_of
    faults["unregistered_expense"] &= departs + 5 * DAY < as_of
    vague = np.any([mask for kind, mask in faults.items() if kind.startswith("place_")], axis=0)
    faults["surface_gap"] &= (second >= 0) & ~(faults["one_way"] | faults["wrong_country"] | faults["partial"] | vague)
    has_old_name = np.array([code in HISTORICAL_NAMES for code in world.codes])
    faults["place_historical"] &= has_old_name[first]
    abroad = (second >= 0) & (world.country[np.maximum(second, 0)] != world.country[first])
    faults["partial"] &= abroad | (nights >= 10)


def _told(rng: np.random.Generator, departs: Ints, faults: dict[str, Bools], as_of: int) -> tuple[Ints, Ints]:
    """When the trip was registered and ticketed: weeks ahead, never after ``as_of``."""
    count = len(departs)
    lead = (rng.lognormal(3.1, 0.8, count) * DAY).astype(int) + DAY
    early = np.minimum(departs - np.minimum(lead, 300 * DAY), as_of - rng.integers(HOUR, 21 * DAY, count))
    early = np.minimum(early, departs - HOUR)
    late = np.minimum(departs + rng.integers(DAY, 6 * DAY, count), as_of - HOUR)
    told = np.where(faults["registered_late"], late, early) // 60 * 60
    issued = np.minimum(early + rng.integers(-3 * DAY, DAY, count), as_of - HOUR) // 60 * 60
    return told, np.minimum(issued, departs - HOUR)


def _locators(
    rng: np.random.Generator, number: Ints, issued_at: Ints, is_booked: Bools, faults: dict[str, Bools], person: Ints
) -> Ints:
    """The number behind each record locator: the trip's own, or for ``reused_locator`` one of over a year earlier."""
    old = np.flatnonzero(is_booked & ~faults["reused_locator"])
    old = old[np.argsort(issued_at[old], kind="stable")]
    chosen = np.flatnonzero(faults["reused_locator"] & is_booked)
    reach = np.searchsorted(issued_at[old], issued_at[chosen] - 370 * DAY)
    chosen, reach = chosen[reach > 0], reach[reach > 0]
    earlier = old[(rng.random(len(chosen)) * reach).astype(int)]
    _, once = np.unique(earlier, return_index=True)
    once = once[person[earlier[once]] != person[chosen[once]]]
    locator = number.copy()
    locator[chosen[once]] = number[earlier[once]]
    faults["reused_locator"] = locator != number
    return locator


def _keep_applicable(faults: dict[str, Bools], is_registered: Bools, is_booked: Bools) -> None:
    """A fault of a feed that does not know the trip is none."""
    for kind in ("dates_only", "partial", "wrong_country", "registered_late"):
        faults[kind] &= is_registered
    for kind in ("reissued_booking", "cancelled_segment", "unlisted_status", "waitlisted"):
        faults[kind] &= is_booked
    for kind in ("one_way", "surface_gap", "dst_ambiguous", "dst_nonexistent"):
        faults[kind] &= is_registered | is_booked
    faults["retimed_duplicate"] &= is_registered & is_booked


def person_id(scene: Scene) -> Text:
    """The person id as feeds have it; NULL for guests, and where the fault says so."""
    missing = scene.faults["missing_person_id"] | scene.faults["name_only"]
    return choose(
        missing | ~scene.people.on_roster[scene.trips.person], None, scene.person_text(scene.people.person_id)
    )


def email(scene: Scene) -> Text:
    """The e-mail address as feeds have it: now and then in capitals or misspelt (its third letter lost)."""
    right = scene.person_text(scene.people.email)
    wrong = join(pc.utf8_slice_codeunits(right, 0, 2), pc.utf8_slice_codeunits(right, 3))
    text = choose(scene.faults["email_misspelt"], wrong, right)
    text = choose(scene.number % 23 == 0, pc.utf8_upper(text), text)
    return choose(scene.faults["name_only"], None, text)


def written_name(scene: Scene) -> Text:
    """Given and family name, for some the family name first."""
    given, family = scene.person_text(scene.people.given), scene.person_text(scene.people.family)
    wrong = join(pc.utf8_slice_codeunits(family, 0, 2), pc.utf8_slice_codeunits(family, 3))
    family = choose(scene.faults["name_misspelt"], wrong, family)
    return choose(scene.number % 7 == 0, join(family, given, separator=", "), join(given, family, separator=" "))


def gds_name(scene: Scene) -> Text:
    """``FAMILY/GIVEN MR``: ASCII capitals, titles for about two in three."""
    given, family = fold(scene.people.given), fold(scene.people.family)
    given, family = scene.person_text(given), scene.person_text(family)
    wrong = join(pc.utf8_slice_codeunits(family, 0, 2), pc.utf8_slice_codeunits(family, 3))
    family = choose(scene.faults["name_misspelt"], wrong, family)
    title = take([" MR", " MS", ""], scene.people.number[scene.trips.person] % 3)
    return join(pc.utf8_upper(join(family, given, separator="/")), title)


def travels_with_students(scene: Scene) -> Bools:
    """Whether an employee accompanies a student group."""
    return (scene.trips.group >= 0) & (scene.people.affiliation[scene.trips.person] != STUDENT)


def seen_slots(scene: Scene) -> Bools:
    """Trips x slots that a complete feed could show: without what the faults hide."""
    mask = scene.route.kind != NONE
    one_way = scene.faults["one_way"]
    for slot in (STAY_A, MOVE, STAY_B, BACK, BACK_ON):
        mask[:, slot] &= ~one_way
    mask[:, MOVE] &= ~scene.faults["surface_gap"]
    return mask


def is_stays_only(scene: Scene) -> Bools:
    """Registrations by hand that name places and dates and no flights."""
    by_hand = (scene.channel != AGENCY) & (scene.channel != FORWARDED) & (scene.number % 5 < 3)
    vague = np.any([mask for kind, mask in scene.faults.items() if kind.startswith("place_")], axis=0)
    shows_flights = scene.faults["one_way"] | scene.faults["dst_ambiguous"] | scene.faults["dst_nonexistent"]
    return (by_hand | vague | scene.faults["partial"] | scene.faults["wrong_country"]) & ~shows_flights
