"""The bookings feed: what a travel agency ticketed, as its reservation system tells it, one row a segment."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.generate.observe import Scene, email, gds_name, person_id, seen_slots
from pipelines.generate.registrations import Rows, carrier_text, property_text
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
from pipelines.generate.trips import BACK, BACK_ON, CAR, FLIGHT, LODGING, OUT, OUT_ON, PRESENCE, RAIL, REPLACED, ROAD

COLUMNS = [
    "record_locator",
    "issued_at",
    "updated_at",
    "traveller_name",
    "traveller_email",
    "traveller_phone",
    "employee_id",
    "segment_number",
    "segment_type",
    "status_code",
    "from_code",
    "to_code",
    "starts_local",
    "ends_local",
    "carrier_code",
    "service_number",
    "property_name",
    "city",
    "country_code",
]

SEGMENT_TYPES = ("AIR", "RAIL", "ROAD", "HTL", "PRESENCE", "CAR")
STATUS_CODES = ("HK", "KK", "RR", "TK", "HX", "HL", "ZZ")
_HK, _HX, _HL, _ZZ = 0, 4, 5, 6
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def locator(number: Ints) -> Text:
    """Six letters and digits, a different text for each number below 2**30."""
    mixed = (number + 1) * 387_420_489 % (1 << 30)
    letters = [take(list(_LETTERS), (mixed >> shift) & 31) for shift in (25, 20, 15, 10, 5, 0)]
    return join(*letters)


def make_bookings(rng: np.random.Generator, scene: Scene, files: int, first_moment: int) -> Rows:
    """All versions of all bookings of a chunk; the older version of one goes a file earlier than the one in force."""
    faults = scene.faults
    again = faults["reissued_booking"] | faults["cancelled_trip"]
    later = scene.issued_at + (rng.random(len(again)) * (scene.departs - scene.issued_at)).astype(int) // 60 * 60
    later = np.clip(later, scene.issued_at + HOUR, scene.as_of - 60)
    updated = np.where(again, later, scene.issued_at)
    file = np.clip((updated - first_moment) * files // (scene.as_of - first_moment), 0, files - 1)
    has_older = again & (file > 0) & scene.is_booked & (scene.number == scene.locator_number)
    faults["reissued_booking"] &= has_older
    mask = _segments(rng, scene)
    trip, slot = np.nonzero(mask)
    in_time = np.lexsort((scene.route.starts[trip, slot], trip))
    trip, slot = trip[in_time], slot[in_time]
    number = np.arange(len(trip)) - np.searchsorted(trip, trip) + 1
    older = has_older[trip] & (slot != REPLACED)
    size = len(trip)
    trip, slot = np.concatenate([trip, trip[older]]), np.concatenate([slot, slot[older]])
    number = np.concatenate([number, number[older]])
    is_older = np.arange(len(trip)) >= size
    by_trip = {
        "record_locator": locator(scene.locator_number),
        "issued_at": instant(scene.issued_at),
        "traveller_name": gds_name(scene),
        "traveller_email": email(scene),
        "traveller_phone": choose(scene.number % 6 == 0, scene.person_text(scene.people.phone), None),
        "employee_id": choose(scene.number % 4 != 0, person_id(scene), None),
    }
    index = pa.array(trip)
    columns = {name: pc.take(column, index) for name, column in by_trip.items()}
    columns["updated_at"] = instant(np.where(is_older, scene.issued_at[trip], updated[trip]))
    columns["segment_number"] = digits(number)
    columns["status_code"] = take(STATUS_CODES, _status(rng, scene, trip, slot, is_older))
    columns |= _segment_columns(rng, scene, trip, slot, is_older)
    return Rows(columns, trip, file[trip] - is_older)


def _segments(rng: np.random.Generator, scene: Scene) -> Bools:
    mask = seen_slots(scene)
    kind = scene.route.kind
    mask &= (kind != PRESENCE) & (kind != ROAD)
    # Agencies sell flights; many book the hotel themselves.
    mask &= (kind != LODGING) | (rng.random(len(kind)) < 0.6)[:, None]
    mask[:, REPLACED] &= scene.faults["cancelled_segment"] & (kind[:, OUT] == FLIGHT)
    scene.faults["cancelled_segment"] &= kind[:, OUT] == FLIGHT
    return mask & scene.is_booked[:, None]


def _status(rng: np.random.Generator, scene: Scene, trip: Ints, slot: Ints, is_older: Bools) -> Ints:
    draw = rng.random(len(trip))
    code = np.where(draw < 0.93, _HK, 1 + (draw * 1000).astype(int) % 3)
    code = np.where(scene.faults["waitlisted"][trip] & (slot == OUT), _HL, code)
    code = np.where(scene.faults["unlisted_status"][trip] & (slot == OUT), _ZZ, code)
    gone = (scene.faults["cancelled_trip"][trip] & ~is_older) | (slot == REPLACED)
    return np.where(gone, _HX, code)


def _segment_columns(
    rng: np.random.Generator, scene: Scene, trip: Ints, slot: Ints, is_older: Bools
) -> dict[str, Text]:
    world, route = scene.world, scene.route
    kind, origin, place = (array[trip, slot] for array in (route.kind, route.origin, route.place))
    starts = world.to_local(route.starts[trip, slot], origin)
    ends = world.to_local(route.ends[trip, slot], place)
    starts -= np.where(scene.faults["dst_nonexistent"][trip] & (slot == OUT), HOUR, 0)
    shift = _reissue_shift(rng, scene)[trip] * is_older * np.isin(slot, (OUT, OUT_ON, BACK, BACK_ON))
    starts, ends = starts + shift, ends + shift
    is_hotel = kind == LODGING
    has_place = is_hotel | (kind == CAR)
    moves = (kind == FLIGHT) | (kind == RAIL)
    service = route.service[trip, slot]
    ends = np.where(is_hotel, np.maximum(ends // DAY, starts // DAY + 1) * DAY, ends)
    return {
        "segment_type": take(SEGMENT_TYPES, kind),
        "from_code": choose(is_hotel, None, take(world.code_text, origin)),
        "to_code": choose(is_hotel, None, take(world.code_text, place)),
        "starts_local": choose(is_hotel, date_text(starts), local_time(starts)),
        "ends_local": choose(is_hotel, date_text(ends), local_time(ends)),
        "carrier_code": carrier_text(scene, trip, slot),
        "service_number": choose(moves, digits(service), None),
        "property_name": choose(is_hotel, property_text(scene, service, place), None),
        "city": choose(has_place, take(world.name_text, place), None),
        "country_code": choose(has_place, take(world.country_text, place), None),
    }


def _reissue_shift(rng: np.random.Generator, scene: Scene) -> Ints:
    """By how much all flights of the older version are off: hours or whole days; none for a mere cancellation."""
    hours = rng.choice([-48, -24, -3, 2, 4, 24, 72], len(scene.number))
    return np.where(scene.faults["reissued_booking"], hours * HOUR, 0)
