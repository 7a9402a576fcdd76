"""Who travels where and when, before any feed sees it: the true trips and their itineraries.

A *plan* is an itinerary; a trip is one traveller on a plan. Members of a student group share a plan, everybody else has
one of their own. An itinerary is a matrix of plans x slots; ``SLOTS`` names the slots in order of travel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.generate.destinations import NIGHT_HUB_COUNTRIES, RAIL_COUNTRIES
from pipelines.generate.people import FACULTY, STUDENT, People
from pipelines.generate.ratings import base_levels
from pipelines.generate.tables import DAY, HOUR, Bools, Ints
from pipelines.generate.world import World

SLOTS = ("out", "out_on", "stay_a", "move", "stay_b", "back", "back_on", "car", "replaced")
OUT, OUT_ON, STAY_A, MOVE, STAY_B, BACK, BACK_ON, CAR_SLOT, REPLACED = range(len(SLOTS))
NONE, FLIGHT, RAIL, ROAD, LODGING, PRESENCE, CAR = -1, 0, 1, 2, 3, 4, 5
KINDS = ("flight", "rail", "road", "lodging", "presence", "car")

PAST_DAYS, FUTURE_DAYS = 548, 92
MINIMUM_GAP_DAYS = 2


@dataclass
class Trips:
    """The trips of a chunk: ``person`` and ``plan`` are numbers in the chunk, ``group`` is -1 for single travellers."""

    person: Ints
    plan: Ints
    group: Ints


@dataclass
class Plans:
    """What each itinerary is about; ``second`` is -1 without a second city; days count from 1970-01-01, local."""

    origin: Ints
    first: Ints
    second: Ints
    start_day: Ints
    nights: Ints
    nights_first: Ints
    departs_at: Ints
    """Seconds of the local day that the first departure is forced to, or -1."""


@dataclass
class Itineraries:
    """Plans x slots; instants are UTC seconds. ``kind`` is -1 where a slot is unused."""

    kind: Ints
    origin: Ints
    place: Ints
    starts: Ints
    ends: Ints
    carrier: Ints
    service: Ints

    def take(self, index: Ints) -> Itineraries:
        """The rows at an index array."""
        return Itineraries(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def deal_trips(rng: np.random.Generator, people: People, world: World, count: int) -> tuple[Trips, int, Ints]:
    """``count`` trips: about a tenth in student groups; also how many are single, and group sizes."""
    groups = _groups(rng, people, world, count)
    members = np.concatenate([*groups, np.empty(0, int)]).astype(int)
    sizes = np.array([len(group) for group in groups], dtype=int)
    appetite = rng.gamma(1.1, 1.0, len(people.number)) + 0.05
    singles = _deal(rng, appetite, count - len(members))
    person = np.concatenate([singles, members])
    plan = np.concatenate([np.arange(len(singles)), len(singles) + np.repeat(np.arange(len(groups)), sizes)])
    group = np.concatenate([np.full(len(singles), -1), np.repeat(np.arange(len(groups)), sizes)])
    return Trips(person, plan, group), len(singles), sizes


def _groups(rng: np.random.Generator, people: People, world: World, count: int) -> list[Ints]:
    """Students of one school with a leader each: blocks of 6 to 20 until a tenth of the trips is dealt."""
    at_home = np.isin(people.home, world.numbers(["JFK", "EWR", "PHL", "BOS"]))
    students = rng.permutation(np.flatnonzero((people.affiliation == STUDENT) & at_home))
    students = students[np.argsort(people.school[students], kind="stable")]
    leaders = rng.permutation(np.flatnonzero((people.affiliation == FACULTY) & at_home))
    blocks = min(int(count * 0.1 / 13), len(students) // 22, len(leaders))
    if blocks < 1:
        return []
    cuts = np.sort(rng.choice(len(students) // 22, blocks, replace=False)) * 22
    sizes = rng.integers(5, 20, blocks)
    return [
        np.append(students[cut : cut + size], leaders[n]) for n, (cut, size) in enumerate(zip(cuts, sizes, strict=True))
    ]


def _deal(rng: np.random.Generator, appetite: np.ndarray, count: int, most: int = 16) -> Ints:
    """``count`` traveller numbers, ascending, nobody more than ``most`` times."""
    dealt = rng.multinomial(count, appetite / appetite.sum())
    for _ in range(6):
        excess = int(np.clip(dealt - most, 0, None).sum())
        if not excess:
            break
        dealt = np.minimum(dealt, most)
        room = np.where(dealt < most, appetite, 0)
        dealt += rng.multinomial(excess, room / room.sum())
    return np.repeat(np.arange(len(appetite)), dealt)


def make_plans(
    rng: np.random.Generator,
    world: World,
    people: People,
    trips: Trips,
    singles: int,
    as_of: int,
    dst: dict[str, Bools],
) -> Plans:
    """Destination, days and nights of every plan; the first ``singles`` plans are those of single travellers."""
    count = int(trips.plan.max()) + 1
    is_group = np.arange(count) >= singles
    origin = np.full(count, world.number["JFK"])
    origin[:singles] = people.home[trips.person[:singles]]
    first = _destinations(rng, world, origin, is_group)
    nights = _nights(rng, count, is_group)
    onward = world.neighbours[first, rng.integers(0, 6, count)]
    goes_on = (rng.random(count) < 0.24) & (nights >= 3) & (world.city[onward] != world.city[origin])
    second = np.where(goes_on, onward, -1)
    share = rng.uniform(0.35, 0.7, count)
    nights_first = np.where(goes_on, np.clip((nights * share).astype(int), 1, nights - 1), nights)
    start_day = _start_days(rng, count, as_of)
    start_day[is_group] = _start_days(rng, int(is_group.sum()), as_of)
    departs_at = np.full(count, -1)
    eligible = ~is_group & (world.zone[origin] == world.zone[world.number["JFK"]])
    window = as_of - PAST_DAYS * DAY, as_of + FUTURE_DAYS * DAY
    for kind, days, moment in zip(
        ("dst_ambiguous", "dst_nonexistent"), world.transition_days("JFK", *window), (5_400, 9_000), strict=True
    ):
        chosen = np.zeros(count, bool)
        chosen[:singles] = dst[kind][:singles]
        chosen &= eligible & (len(days) > 0)
        dst[kind] &= np.append(chosen[:singles], np.zeros(len(dst[kind]) - singles, bool))
        if chosen.any():
            start_day[chosen] = days[rng.integers(0, len(days), int(chosen.sum()))] // DAY
            departs_at[chosen] = moment
    return Plans(origin, first, second, start_day, nights, nights_first, departs_at)


def _destinations(rng: np.random.Generator, world: World, origin: Ints, is_group: Bools) -> Ints:
    """Abroad mostly, one trip in seven within the United States, never the home city; groups to calmer places only."""
    count = len(origin)
    in_us = np.array([code == "US" for code in world.country_of])
    abroad = np.where(in_us, 0, world.weight)
    home = np.where(in_us, world.weight, 0)
    place = rng.choice(len(abroad), count, p=abroad / abroad.sum())
    calm = np.where(base_levels(world)[world.country] >= 4, 0, abroad)
    place = np.where(is_group, rng.choice(len(calm), count, p=calm / calm.sum()), place)
    domestic = rng.choice(len(home), count, p=home / home.sum())
    place = np.where((rng.random(count) < 0.14) & ~is_group, domestic, place)
    clash = world.distance_km[origin, place] < 120
    elsewhere = np.where(world.distance_km[origin, world.number["LHR"]] < 200, world.number["CDG"], world.number["LHR"])
    return np.where(clash, elsewhere, place)


def _nights(rng: np.random.Generator, count: int, is_group: Bools) -> Ints:
    """2 to 10 nights for most, weeks for some, a term for one in sixteen."""
    short = np.clip(np.round(rng.lognormal(1.5, 0.5, count)), 2, 10)
    weeks, term = rng.integers(11, 30, count), rng.integers(30, 121, count)
    draw = rng.random(count)
    nights = np.where(draw < 0.86, short, np.where(draw < 0.94, weeks, term)).astype(int)
    return np.where(is_group, rng.integers(5, 18, count), nights)


def _start_days(rng: np.random.Generator, count: int, as_of: int) -> Ints:
    """Local days of departure: bells around the breaks of terms and the autumn's conferences, fewer on Tuesdays."""
    today = as_of // DAY
    days = np.arange(today - PAST_DAYS, today + FUTURE_DAYS)
    dates = days.astype("datetime64[D]")
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(int)
    weight = np.full(len(days), 0.8)
    for centre, width, height in (
        (8, 8, 1.0),
        (75, 10, 1.7),
        (148, 16, 2.0),
        (185, 24, 1.1),
        (285, 20, 1.2),
        (320, 14, 0.8),
    ):
        distance = np.minimum(np.abs(day_of_year - centre), 365 - np.abs(day_of_year - centre))
        weight += height * np.exp(-0.5 * (distance / width) ** 2)
    weekday = (days + 3) % 7
    weight *= np.array([1.0, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3])[weekday]
    # Few know already what they will do in three months.
    weight *= np.where(days <= today, 1.0, np.exp(-(days - today) / 60))
    return rng.choice(days, count, p=weight / weight.sum())


def separate(trips: Trips, plans: Plans, singles: int, overlapping: Bools, fixed: Bools) -> Bools:
    """Move single travellers' trips apart; those in ``overlapping`` are put on their traveller's trip before.

    Group trips and ``fixed`` ones stay where they are. Returns, by trip, what overlaps an earlier trip of its
    traveller: those trips are planned only, for nobody is in two places.
    """
    plan = trips.plan
    stays_put = (plan >= singles) | fixed
    order = np.lexsort((plans.start_day[plan], trips.person))
    person = trips.person[order]
    rank = np.arange(len(order)) - np.searchsorted(person, person)
    clashes = np.zeros(len(order), bool)
    free_from = np.full(int(trips.person.max()) + 1, -(10**9))
    for step in range(int(rank.max()) + 1):
        now = order[rank == step]
        who, what = trips.person[now], plan[now]
        start = plans.start_day[what]
        is_shifted = ~stays_put[now] & ~overlapping[now] & (start < free_from[who])
        start = np.where(is_shifted, free_from[who], start)
        onto = overlapping[now] & ~stays_put[now] & (free_from[who] > 0)
        start = np.where(onto, free_from[who] - MINIMUM_GAP_DAYS - 2, start)
        plans.start_day[what[~stays_put[now]]] = start[~stays_put[now]]
        clashes[now] = start < free_from[who]
        until = start + plans.nights[what] + MINIMUM_GAP_DAYS + 1
        free_from[who] = np.where(clashes[now], free_from[who], until)
    return clashes


def build(rng: np.random.Generator, world: World, plans: Plans) -> Itineraries:
    """The true itinerary of every plan, with flights that take as long as the distance says."""
    count = len(plans.origin)
    shape = (count, len(SLOTS))
    table = Itineraries(*(np.full(shape, -1), *(np.zeros(shape, np.int64) for _ in range(6))))
    last = np.where(plans.second >= 0, plans.second, plans.first)
    moment = np.where(plans.departs_at >= 0, plans.departs_at, _departure(rng, count))
    leaves = world.to_utc(plans.start_day * DAY + moment, plans.origin)
    arrives = _journey(rng, world, table, (OUT, OUT_ON), plans.origin, plans.first, leaves)
    day = world.to_local(arrives, plans.first) // DAY
    moves = world.to_utc((day + plans.nights_first) * DAY + _departure(rng, count), plans.first)
    moves = world.readable(np.maximum(moves, arrives + 11 * HOUR), plans.first)
    goes_on = plans.second >= 0
    second = np.where(goes_on, plans.second, plans.first)
    kind, minutes = _move(rng, world, plans.first, second)
    there = world.readable(moves + minutes * 60, second)
    _put(table, MOVE, goes_on, kind, plans.first, second, moves, there)
    _number(rng, world, table, MOVE)
    there = np.where(goes_on, there, arrives)
    rest = plans.nights - plans.nights_first
    day = world.to_local(there, second) // DAY
    back = world.to_utc((day + rest) * DAY + _departure(rng, count), last)
    back = np.where(goes_on, world.readable(np.maximum(back, there + 11 * HOUR), last), moves)
    _journey(rng, world, table, (BACK, BACK_ON), last, plans.origin, back)
    for slot, mask, place, start, end in (
        (STAY_A, np.ones(count, bool), plans.first, arrives, moves),
        (STAY_B, goes_on, second, there, back),
    ):
        kinds = np.where(rng.random(count) < 0.8, LODGING, PRESENCE)
        _put(table, slot, mask, kinds, place, place, start, end)
        table.service[:, slot] = rng.integers(0, 10, count)
    rents = rng.random(count) < 0.05
    _put(table, CAR_SLOT, rents, np.full(count, CAR), plans.first, plans.first, arrives + 3_600, moves - 3_600)
    for name in table.__dataclass_fields__:
        getattr(table, name)[:, REPLACED] = getattr(table, name)[:, OUT]
    table.starts[:, REPLACED] -= DAY
    table.ends[:, REPLACED] -= DAY
    table.service[:, REPLACED] += 7
    return table


def _departure(rng: np.random.Generator, count: int) -> Ints:
    """Seconds of the day between 06:00 and 23:00, on five minutes, mostly morning or evening."""
    morning, evening = rng.normal(9.5, 2.2, count), rng.normal(18.5, 2.5, count)
    hour = np.clip(np.where(rng.random(count) < 0.45, morning, evening), 6, 23)
    return (hour * 12).astype(int) * 300


def _minutes(distance: np.ndarray) -> Ints:
    """Block time: taxi and climb, then 830 km/h, on five minutes."""
    return (np.round((38 + distance / 830 * 60) / 5) * 5).astype(int)


def _put(
    table: Itineraries, slot: int, mask: Bools, kind: Ints, origin: Ints, place: Ints, starts: Ints, ends: Ints
) -> None:
    table.kind[:, slot] = np.where(mask, kind, NONE)
    for name, value in (("origin", origin), ("place", place), ("starts", starts), ("ends", ends)):
        getattr(table, name)[:, slot] = value


def _journey(
    rng: np.random.Generator,
    world: World,
    table: Itineraries,
    slots: tuple[int, int],
    origin: Ints,
    place: Ints,
    leaves: Ints,
) -> Ints:
    """A journey of one or two legs put into two slots; returns the arrival."""
    count = len(origin)
    by_rail = (world.distance_km[origin, place] < 370) & (rng.random(count) < 0.5)
    direct = world.is_direct[origin, place] | by_rail
    hub = world.hubs[origin, place, rng.choice(3, count, p=[0.6, 0.25, 0.15])]
    first_to = np.where(direct, place, hub)
    kind, rail = np.where(by_rail, RAIL, FLIGHT), (world.distance_km[origin, place] / 110 * 12).astype(int) * 5 + 25
    minutes = np.where(by_rail, rail, _minutes(world.distance_km[origin, first_to]))
    halfway = world.readable(leaves + minutes * 60, first_to)
    _put(table, slots[0], np.ones(count, bool), kind, origin, first_to, leaves, halfway)
    onward = _day_time(rng, world, hub, halfway + rng.integers(11, 50, count) * 300)
    onward = world.readable(np.minimum(onward, halfway + 114 * 300), hub)
    arrives = world.readable(onward + _minutes(world.distance_km[hub, place]) * 60, place)
    _put(table, slots[1], ~direct, np.full(count, FLIGHT), hub, place, onward, arrives)
    for slot in slots:
        _number(rng, world, table, slot)
    return np.where(direct, halfway, arrives)


def _day_time(rng: np.random.Generator, world: World, hub: Ints, onward: Ints) -> Ints:
    """Connections that would leave at night wait for the morning, except at hubs that never sleep."""
    sleeps = ~np.isin(np.array(world.country_of), NIGHT_HUB_COUNTRIES.split())[hub]
    local = world.to_local(onward, hub) % DAY
    wait = 6 * HOUR - local + rng.integers(0, 18, len(hub)) * 300
    return onward + np.where(sleeps & (local < 5.5 * HOUR), wait, 0)


def _move(rng: np.random.Generator, world: World, origin: Ints, place: Ints) -> tuple[Ints, Ints]:
    """Rail where there is rail and it is not far, road where it is near, else a flight; with its minutes."""
    has_rail = np.isin(np.array(world.country_of), RAIL_COUNTRIES.split())
    distance = world.distance_km[origin, place]
    rail = has_rail[origin] & has_rail[place] & (distance < 700)
    road = ~rail & (distance < 260)
    kind = np.where(rail, RAIL, np.where(road, ROAD, FLIGHT))
    ground = (np.round((25 + distance * 1.25 / np.where(rail, 135, 65) * 60) / 5) * 5).astype(int)
    return kind, np.where(kind == FLIGHT, _minutes(distance), ground)


def _number(rng: np.random.Generator, world: World, table: Itineraries, slot: int) -> None:
    """Carrier and service number: the same few for a pair of airports, so that travellers share flights."""
    origin, place = table.origin[:, slot], table.place[:, slot]
    turn = rng.integers(0, 3, len(origin))
    mixed = (origin * 7_919 + place * 104_729 + turn * 1_299_709) * 2_654_435_761 % (1 << 32)
    side = np.where((mixed >> 7) & 1, origin, place)
    table.carrier[:, slot] = world.carriers[1][side, (mixed >> 9) % 3]
    table.service[:, slot] = 2 + (mixed >> 12) % 2_900
