"""The truth beside the feeds: what really was, which fault each trip carries, and what an audit should find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.generate.bookings import locator
from pipelines.generate.claims import report_id
from pipelines.generate.faults import meanings
from pipelines.generate.observe import Scene, is_stays_only, seen_slots
from pipelines.generate.people import People
from pipelines.generate.registrations import trip_id
from pipelines.generate.tables import DAY, Bools, Ints, choose, take
from pipelines.generate.trips import BACK, BACK_ON, FLIGHT, KINDS, MOVE, NONE, OUT, OUT_ON, SLOTS, STAY_A, STAY_B
from pipelines.generate.world import World

COLUMNS = {
    "traveller": {
        "person_id": "key; as on the roster (guests have one here, and none in the feeds)",
        "given_name": "as the person writes it",
        "family_name": "as the person writes it",
        "email": "the right address",
        "affiliation": "student, faculty or staff",
        "school": "of the university",
        "department": "of the school",
        "home_country_code": "where the person lives and works, always filled (S9)",
        "home_airport_code": "where trips begin",
        "is_on_roster": "false for guests, who are missing in the people feed",
        "has_namesake": "true for pairs of people that were given one name on purpose; chance makes more of them",
    },
    "trip": {
        "trip_number": "key",
        "registration_trip_id": "trip_id in registrations; NULL where not registered",
        "record_locator": "in bookings; NULL where not booked",
        "expense_report_id": "in expenses; NULL where not claimed",
        "person_id": "the traveller",
        "group_number": "student group; -1 for a single traveller",
        "origin_code": "IATA code",
        "first_code": "IATA code of the first place",
        "second_code": "IATA code of the second place, or NULL",
        "departs_at": "UTC instant of the first departure",
        "returns_at": "UTC instant of the arrival at home",
        "registered_at": "UTC instant; NULL where not registered",
        "is_home": "all places are in the traveller's home country",
        "is_travelled": "false where cancelled, given up or planned over another trip",
        "identity_status": "what the feeds allow: matched, ambiguous or unknown",
        "audit_status": "what an audit should say (A2); 'unseen' for trips that no feed shows",
    },
    "stay": {
        "trip_number": "the trip; only trips that were or will be made",
        "person_id": "the traveller",
        "stay_number": "1 or 2 within the trip",
        "place_code": "IATA code nearest to the place",
        "city_name": "English name",
        "country_code": "ISO 3166-1 alpha-2",
        "latitude": "of the airport, degrees",
        "longitude": "of the airport, degrees",
        "timezone": "IANA zone",
        "starts_at": "UTC instant of arrival",
        "ends_at": "UTC instant of departure",
    },
    "movement": {
        "trip_number": "the trip, also of trips that were not made",
        "slot": "out, out_on, move, back or back_on",
        "kind": "flight, rail or road",
        "from_code": "IATA code",
        "to_code": "IATA code",
        "departs_at": "UTC instant",
        "arrives_at": "UTC instant",
        "carrier_code": "airline; of flights",
        "service_number": "of flights",
    },
    "trip_fault": {"trip_number": "the trip", "kind": "see below"},
    "malformed_record": {
        "trip_number": "the trip whose record was spoilt",
        "feed": "registrations or bookings",
        "file_name": "below inbox/<feed>/",
        "kind": "too_few_fields, too_many_fields, bad_date or unclosed_quote",
    },
}
"""Tables and columns of the truth with their meanings; instants are naive UTC timestamps."""


class Truth:
    """Writers of the truth tables, appended to chunk by chunk; ``fault_counts`` holds the number of trips by kind."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.fault_counts: dict[str, int] = {}
        self.audit_counts: dict[str, int] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def write(self, name: str, columns: dict[str, Any]) -> None:
        """Append rows to a table; every documented column must be given."""
        table = pa.table({column: columns[column] for column in COLUMNS[name]})
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(self.folder / f"{name}.parquet", table.schema, compression="zstd")
        self._writers[name].write_table(table)

    def close(self) -> None:
        """Finish all files and write the README."""
        for writer in self._writers.values():
            writer.close()
        (self.folder / "README.md").write_text(_readme(), encoding="utf-8")

    def add_people(self, world: World, people: People) -> None:
        """The people of a chunk, guests included."""
        columns: dict[str, Any] = dict(people.columns)
        columns["home_country_code"] = take(world.country_text, people.home)
        columns["home_airport_code"] = take(world.code_text, people.home)
        columns["is_on_roster"] = people.on_roster
        columns["has_namesake"] = people.has_namesake
        self.write("traveller", columns)

    def add_trips(self, scene: Scene) -> None:
        """Trips, stays, movements and faults of a chunk."""
        identity = _identity(scene)
        audit = _audit(scene, identity)
        statuses, counts = np.unique(audit, return_counts=True)
        for status, count in zip(statuses, counts, strict=True):
            self.audit_counts[str(status)] = self.audit_counts.get(str(status), 0) + int(count)
        world = scene.world
        person = scene.person_text(scene.people.person_id)
        self.write(
            "trip",
            {
                "trip_number": scene.number,
                "registration_trip_id": choose(scene.is_registered, trip_id(scene), None),
                "record_locator": choose(scene.is_booked, locator(scene.locator_number), None),
                "expense_report_id": choose(scene.is_expensed, report_id(scene), None),
                "person_id": person,
                "group_number": np.where(scene.trips.group >= 0, scene.number[0] + scene.trips.group, -1),
                "origin_code": take(world.code_text, scene.plans.origin[scene.trips.plan]),
                "first_code": take(world.code_text, scene.first),
                "second_code": take(world.code_text, scene.second),
                "departs_at": _instants(scene.departs),
                "returns_at": _instants(scene.returns),
                "registered_at": pc.if_else(pa.array(scene.is_registered), _instants(scene.told_at), None),
                "is_home": scene.is_home,
                "is_travelled": scene.is_travelled,
                "identity_status": pa.array(identity),
                "audit_status": pa.array(audit),
            },
        )
        self._add_stays(scene)
        self._add_movements(scene)
        self._add_faults(scene)

    def _add_stays(self, scene: Scene) -> None:
        world, route = scene.world, scene.route
        slots = np.array([STAY_A, STAY_B])
        trip, stay = np.nonzero((route.kind[:, slots] != NONE) & scene.is_travelled[:, None])
        place = route.place[trip, slots[stay]]
        self.write(
            "stay",
            {
                "trip_number": scene.number[trip],
                "person_id": pc.take(scene.person_text(scene.people.person_id), pa.array(trip)),
                "stay_number": stay + 1,
                "place_code": take(world.code_text, place),
                "city_name": take(world.name_text, place),
                "country_code": take(world.country_text, place),
                "latitude": world.latitude[place],
                "longitude": world.longitude[place],
                "timezone": take(world.zones, world.zone[place]),
                "starts_at": _instants(route.starts[trip, slots[stay]]),
                "ends_at": _instants(route.ends[trip, slots[stay]]),
            },
        )

    def _add_movements(self, scene: Scene) -> None:
        world, route = scene.world, scene.route
        slots = np.array([OUT, OUT_ON, MOVE, BACK, BACK_ON])
        trip, column = np.nonzero(route.kind[:, slots] != NONE)
        slot = slots[column]
        kind = route.kind[trip, slot]
        flies = kind == FLIGHT
        self.write(
            "movement",
            {
                "trip_number": scene.number[trip],
                "slot": take(SLOTS, slot),
                "kind": take(KINDS, kind),
                "from_code": take(world.code_text, route.origin[trip, slot]),
                "to_code": take(world.code_text, route.place[trip, slot]),
                "departs_at": _instants(route.starts[trip, slot]),
                "arrives_at": _instants(route.ends[trip, slot]),
                "carrier_code": choose(flies, take(world.carriers[0], route.carrier[trip, slot]), None),
                "service_number": pa.array(route.service[trip, slot], mask=~flies),
            },
        )

    def _add_faults(self, scene: Scene) -> None:
        found = scene.faults | _derived(scene)
        kinds = sorted(found)
        matrix = np.stack([found[kind] for kind in kinds], axis=1)
        for kind, count in zip(kinds, matrix.sum(axis=0), strict=True):
            self.fault_counts[kind] = self.fault_counts.get(kind, 0) + int(count)
        trip, kind_number = np.nonzero(matrix)
        self.write("trip_fault", {"trip_number": scene.number[trip], "kind": take(kinds, kind_number)})


def _instants(seconds: Ints) -> pa.Array:
    return pa.array(seconds.astype("datetime64[s]")).cast(pa.timestamp("us"))


def _derived(scene: Scene) -> dict[str, Bools]:
    """Traits that follow from itinerary and coverage (faults.DERIVED)."""
    route, world = scene.route, scene.world
    flights = (route.kind[:, : BACK_ON + 1] == FLIGHT)[:, [OUT, OUT_ON, MOVE, BACK, BACK_ON]]
    slots = [OUT, OUT_ON, MOVE, BACK, BACK_ON]
    left = world.to_local(route.starts[:, slots], route.origin[:, slots]) // DAY
    came = world.to_local(route.ends[:, slots], route.place[:, slots]) // DAY
    leap = np.where(flights, came - left, 0)
    both = scene.is_registered & scene.is_booked & ~is_stays_only(scene)
    visible = (seen_slots(scene)[:, slots] & flights).any(axis=1)
    return {
        "duplicate_segment": both & visible,
        "not_on_roster": ~scene.people.on_roster[scene.trips.person],
        "ambiguous_name": scene.faults["name_only"] & scene.people.has_namesake[scene.trips.person],
        "date_line": ((leap < 0) | (leap > 1)).any(axis=1),
        "overnight": (leap > 0).any(axis=1),
    }


def _identity(scene: Scene) -> np.ndarray:
    """What S10 can make of the ids, addresses and names that the feeds have."""
    faults = scene.faults
    no_id = faults["missing_person_id"] | faults["name_only"]
    no_email = faults["email_misspelt"] | faults["name_only"]
    ambiguous = faults["name_only"] & scene.people.has_namesake[scene.trips.person] & ~faults["name_misspelt"]
    unknown = ~scene.people.on_roster[scene.trips.person] | (no_id & no_email & faults["name_misspelt"])
    return np.where(unknown, "unknown", np.where(ambiguous, "ambiguous", "matched"))


def _audit(scene: Scene, identity: np.ndarray) -> np.ndarray:
    """The audit status of A2 and A3 that the feeds should lead to; the first that applies."""
    faults = scene.faults
    seen = scene.is_registered | scene.is_booked | scene.is_expensed
    observed = scene.is_booked | scene.is_expensed
    # A booking alone does not tell whether the trip is personal, and a registration only of what it covers.
    lacks_days, keeps_days = _partly_registered(scene)
    covers_none = faults["wrong_country"] | (faults["partial"] & ~keeps_days)
    is_personal = faults["personal"] & ((scene.is_registered & ~covers_none) | scene.is_expensed)
    # Expense reports hold no names.
    no_id, no_email = (faults[kind] | faults["name_only"] for kind in ("missing_person_id", "email_misspelt"))
    is_nameless = scene.is_expensed & ~scene.is_booked & no_id & no_email
    cases = (
        (~seen, "unseen"),
        (faults["cancelled_trip"], "cancelled"),
        (scene.is_home | is_personal, "not_required"),
        ((identity != "matched") | is_nameless, "undetermined"),
        (~scene.is_registered, "unregistered"),
        (~observed, "unconfirmed"),
        (faults["place_unknown"], "undetermined"),
        (covers_none, "unregistered"),
        (faults["partial"] & lacks_days, "partial"),
        (faults["registered_late"], "registered_late"),
    )
    return np.select([condition for condition, _ in cases], [status for _, status in cases], "registered")


def _partly_registered(scene: Scene) -> tuple[Bools, Bools]:
    """Of registrations of the first part alone: whether days abroad are left out, and whether any are registered.

    By A1 a day at home is not asked about, and three days after the registered end in the same country are covered.
    """
    route, world = scene.route, scene.world
    home = world.country[scene.people.home[scene.trips.person]]
    first = world.country[scene.first]
    second = np.where(scene.second >= 0, world.country[np.maximum(scene.second, 0)], first)
    until = world.to_local(route.ends[:, STAY_A], route.place[:, STAY_A]) // DAY
    last = world.to_local(route.starts[:, BACK], route.origin[:, BACK]) // DAY
    is_near = (scene.second >= 0) & (second == first) & (last - until <= 3)
    return (second != home) & ~is_near, first != home


def _readme() -> str:
    lines = [
        "# The truth behind the synthetic feeds",
        "",
        "People, trips and ratings are invented. Instants are UTC.",
        "",
    ]
    for table, columns in COLUMNS.items():
        lines += [f"## {table}.parquet", "", "| column | meaning |", "|---|---|"]
        lines += [f"| {name} | {meaning} |" for name, meaning in columns.items()] + [""]
    lines += ["## Kinds of faults", "", "| kind | meaning |", "|---|---|"]
    lines += [f"| {kind} | {meaning} |" for kind, meaning in meanings().items()]
    return "\n".join([*lines, ""])
