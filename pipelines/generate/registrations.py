"""The registrations feed: what travellers and the agency told the registry, one row a segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.generate import destinations, names
from pipelines.generate.observe import (
    AGENCY,
    CHANNELS,
    FORWARDED,
    Scene,
    email,
    is_stays_only,
    person_id,
    seen_slots,
    travels_with_students,
    written_name,
)  # fmt: skip
from pipelines.generate.tables import (
    DAY,
    HOUR,
    Bools,
    Ints,
    Text,
    choose,
    date_text,
    digits,
    instant,
    join,
    local_time,
    take,
)
from pipelines.generate.trips import CAR_SLOT, FLIGHT, LODGING, OUT, PRESENCE, RAIL, REPLACED, STAY_A, STAY_B

COLUMNS = [
    "trip_id",
    "registered_at",
    "updated_at",
    "trip_status",
    "channel",
    "traveller_email",
    "traveller_name",
    "person_id",
    "trip_name",
    "purpose",
    "travels_with_students",
    "group_id",
    "segment_number",
    "segment_type",
    "from_place",
    "to_place",
    "starts_local",
    "ends_local",
    "carrier_code",
    "service_number",
    "property_name",
    "contact_phone",
]

SEGMENT_TYPES = ("flight", "rail", "road", "lodging", "presence")


@dataclass
class Rows:
    """Rows of one feed: columns by name, the trip (position in the chunk) and the file of each."""

    columns: dict[str, Text]
    trip: Ints
    file: Ints

    def select(self, chosen: np.ndarray) -> dict[str, Text]:
        """The columns of some rows, by mask or positions."""
        index = pa.array(np.flatnonzero(chosen) if chosen.dtype == bool else chosen)
        return {name: pc.take(column, index) for name, column in self.columns.items()}


def trip_id(scene: Scene) -> Text:
    """The registration's own id, ``TR-0000001``."""
    return join("TR-", digits(scene.number + 1, 7))


def make_registrations(rng: np.random.Generator, scene: Scene, files: int, first_moment: int) -> Rows:
    """All versions of all registrations of a chunk; a trip's versions are never in one file.

    Older versions (tentative, or active before a cancellation) go one file earlier than the one in force.
    """
    count = len(scene.number)
    updated, has_older = _updates(rng, scene)
    span = scene.as_of - first_moment
    file = np.clip((updated - first_moment) * files // span, 0, files - 1)
    has_older &= file > 0
    updated = np.where(has_older, updated, scene.told_at)
    mask, places, ends = _segments(rng, scene)
    trip, slot = np.nonzero(mask)
    older = has_older[trip]
    number = _number_in_trip(trip)
    trip, slot = np.concatenate([trip, trip[older]]), np.concatenate([slot, slot[older]])
    number = np.concatenate([number, number[older]])
    is_older = np.arange(len(trip)) >= len(older)
    cancelled = scene.faults["cancelled_trip"]
    tentative = (rng.random(count) < 0.06) & (scene.departs > scene.as_of)
    status = np.where(cancelled, 1, np.where(tentative, 2, 0))[trip]
    status = np.where(is_older, np.where(cancelled[trip], 0, 2), status)
    columns = _trip_columns(scene, trip)
    columns |= {
        "updated_at": instant(np.where(is_older, scene.told_at[trip], updated[trip])),
        "trip_status": take(["active", "cancelled", "tentative"], status),
        "segment_number": digits(number),
    }
    columns |= _segment_columns(rng, scene, trip, slot, places[trip, slot], ends[trip, slot])
    return Rows(columns, trip, file[trip] - is_older)


def _updates(rng: np.random.Generator, scene: Scene) -> tuple[Ints, Bools]:
    count = len(scene.number)
    again = scene.faults["cancelled_trip"] | (rng.random(count) < 0.07)
    later = scene.told_at + (rng.random(count) * (scene.departs - scene.told_at)).astype(int) // 60 * 60
    later = np.clip(later, scene.told_at + HOUR, scene.as_of - 60)
    return np.where(again, later, scene.told_at), again & (later > scene.told_at)


def _number_in_trip(trip: Ints) -> Ints:
    """1, 2, 3 … within runs of equal trips."""
    return np.arange(len(trip)) - np.searchsorted(trip, trip) + 1


def _segments(rng: np.random.Generator, scene: Scene) -> tuple[Bools, Ints, Ints]:
    """Which slots are registered, at which place, and until when."""
    faults = scene.faults
    mask = seen_slots(scene)
    mask[:, [CAR_SLOT, REPLACED]] = False
    stays_only = is_stays_only(scene)
    keeps = np.zeros(mask.shape[1], bool)
    keeps[[STAY_A, STAY_B]] = True
    mask &= keeps[None, :] | ~stays_only[:, None]
    # The agency knows hotels, and not that somebody stays with friends.
    from_agency = (scene.channel == AGENCY) | (scene.channel == FORWARDED)
    mask &= ~((scene.route.kind == PRESENCE) & from_agency[:, None] & ~stays_only[:, None])
    places, ends = scene.route.place.copy(), scene.route.ends.copy()
    whole = faults["wrong_country"] | faults["place_two_in_one"]
    mask[:, STAY_B] &= ~(whole | faults["partial"])
    last = scene.returns - (scene.route.ends[:, 5] - scene.route.starts[:, 5])
    ends[:, STAY_A] = np.where(whole, np.maximum(last, ends[:, STAY_A]), ends[:, STAY_A])
    half = scene.route.starts[:, STAY_A] + (ends[:, STAY_A] - scene.route.starts[:, STAY_A]) // 2
    ends[:, STAY_A] = np.where(faults["partial"] & (scene.second < 0), half, ends[:, STAY_A])
    places[:, STAY_A] = np.where(faults["wrong_country"], _elsewhere(rng, scene), places[:, STAY_A])
    mask &= scene.is_registered[:, None]
    return mask, places, ends


def _elsewhere(rng: np.random.Generator, scene: Scene) -> Ints:
    """A popular city of another country than both of the trip and the home, for each trip."""
    world = scene.world
    options = world.numbers(["LIS", "VIE", "CPH", "YVR", "SIN", "LIM"])
    pick = rng.integers(0, len(options), len(scene.number))
    avoid = [scene.first, np.maximum(scene.second, 0), scene.people.home[scene.trips.person]]
    for _ in range(len(options)):
        clash = np.any([world.country[options[pick]] == world.country[place] for place in avoid], axis=0)
        pick = np.where(clash, (pick + 1) % len(options), pick)
    return options[pick]


def _trip_columns(scene: Scene, trip: Ints) -> dict[str, Text]:
    """Columns that are the same in all rows of a trip; most trips of groups share a name."""
    city = pc.take(scene.world.name_text, pa.array(scene.first))
    patterns = (*names.TRIP_NAMES, *names.GROUP_TRIP_NAMES)
    group = scene.trips.group
    pattern = np.where(
        group >= 0, len(names.TRIP_NAMES) + group % len(names.GROUP_TRIP_NAMES), scene.number % len(names.TRIP_NAMES)
    )
    titles = pc.replace_substring(take(patterns, pattern), "{}", "\x00")
    parts = pc.split_pattern(titles, "\x00")
    title = join(pc.list_element(parts, 0), city, pc.list_element(parts, 1))
    first_number = int(scene.number[0])
    by_trip = {
        "trip_id": trip_id(scene),
        "registered_at": instant(scene.told_at),
        "channel": take(CHANNELS, scene.channel),
        "traveller_email": email(scene),
        "traveller_name": written_name(scene),
        "person_id": person_id(scene),
        "trip_name": choose((scene.number % 5 < 2) | (group >= 0), title, None),
        "purpose": choose(scene.faults["personal"], "personal", "university"),
        "travels_with_students": choose(travels_with_students(scene), "true", "false"),
        "group_id": choose(group >= 0, join("G", digits(first_number + group + 1, 7)), None),
        "contact_phone": choose(scene.number % 9 == 0, scene.person_text(scene.people.phone), None),
    }
    index = pa.array(trip)
    return {name: pc.take(column, index) for name, column in by_trip.items()}


def _segment_columns(
    rng: np.random.Generator, scene: Scene, trip: Ints, slot: Ints, place: Ints, ends: Ints
) -> dict[str, Text]:
    world, route, faults = scene.world, scene.route, scene.faults
    kind, origin = route.kind[trip, slot], route.origin[trip, slot]
    is_stay = (kind == LODGING) | (kind == PRESENCE)
    starts_local = world.to_local(route.starts[trip, slot], np.where(is_stay, place, origin))
    starts_local -= np.where(faults["dst_nonexistent"][trip] & (slot == OUT), HOUR, 0)
    ends_local = world.to_local(ends, place)
    shift = _retiming(rng, scene, trip, slot, starts_local)
    starts_local, ends_local = starts_local + shift, ends_local + shift
    has_time = ~faults["dates_only"][trip] & (~is_stay | ((kind == LODGING) & (scene.number[trip] % 10 < 3)))
    starts_local = np.where(is_stay, starts_local // DAY * DAY + 15 * HOUR, starts_local)
    ends_local = np.where(is_stay, np.maximum(ends_local // DAY, starts_local // DAY + 1) * DAY + 11 * HOUR, ends_local)
    coded = (kind == FLIGHT) & ((scene.channel[trip] == AGENCY) | (scene.number[trip] % 2 == 0))
    codes = world.code_text
    from_place = choose(is_stay, None, choose(coded, take(codes, origin), take(world.text, origin)))
    to_place = choose(coded, take(codes, place), _place_text(scene, trip, slot, place))
    service = route.service[trip, slot]
    return {
        "segment_type": take(SEGMENT_TYPES, kind),
        "from_place": from_place,
        "to_place": to_place,
        "starts_local": choose(has_time, local_time(starts_local), date_text(starts_local)),
        "ends_local": choose(has_time, local_time(ends_local), date_text(ends_local)),
        "carrier_code": carrier_text(scene, trip, slot),
        "service_number": choose((kind == FLIGHT) | (kind == RAIL), digits(service), None),
        "property_name": choose(kind == LODGING, property_text(scene, service, place), None),
    }


def _retiming(rng: np.random.Generator, scene: Scene, trip: Ints, slot: Ints, starts_local: Ints) -> Ints:
    """Seconds that a registration's outward flight is off, staying on its local date."""
    minutes = rng.integers(3, 30, len(trip)) * 300
    minutes = np.where(starts_local % DAY < minutes, minutes, -minutes)
    return np.where(scene.faults["retimed_duplicate"][trip] & (slot == OUT), minutes, 0)


def carrier_text(scene: Scene, trip: Ints, slot: Ints) -> Text:
    """The airline's code, or two letters for a railway; NULL elsewhere."""
    kind, origin = scene.route.kind[trip, slot], scene.route.origin[trip, slot]
    railways = [destinations.RAIL_NAMES.get(code, "XR") for code in scene.world.country_of]
    air = take(scene.world.carriers[0], scene.route.carrier[trip, slot])
    return choose(kind == FLIGHT, air, choose(kind == RAIL, take(railways, origin), None))


def property_text(scene: Scene, style: Ints, place: Ints) -> Text:
    """An invented house in the city."""
    words = [pattern.format(city) for pattern in names.PROPERTY_PATTERNS for city in scene.world.names]
    return take(words, style % len(names.PROPERTY_PATTERNS) * len(scene.world.names) + place)


def _place_text(scene: Scene, trip: Ints, slot: Ints, place: Ints) -> Text:
    """``City, Country``, or what the trip's fault makes of it (of the first stay)."""
    world = scene.world
    text = take(world.text, place)
    at_first = slot == STAY_A
    other = np.where(scene.second >= 0, scene.second, world.neighbours[scene.first, 0])[trip]
    old = [destinations.HISTORICAL_NAMES.get(code) for code in world.codes]
    unknown = take(destinations.UNKNOWN_PLACES, scene.number[trip] % len(destinations.UNKNOWN_PLACES))
    misspelt = join(pc.utf8_slice_codeunits(text, 0, 2), pc.utf8_slice_codeunits(text, 3))
    variants = {
        "place_city_only": take(world.name_text, place),
        "place_country_only": take(world.country_names, world.country[place]),
        "place_two_in_one": join(text, take(world.text, other), separator=" and "),
        "place_misspelt": misspelt,
        "place_historical": pc.coalesce(take(old, place), text),
        "place_unknown": unknown,
    }
    for kind, variant in variants.items():
        text = choose(scene.faults[kind][trip] & at_first, variant, text)
    return text
