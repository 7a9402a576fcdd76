"""Real, anonymised travel documents with the reservations expected of them; the figures are printed and held.

A pair is right where every expected reservation is found with its kind, number, places, local times and status, and
nothing else is found. Documents of kinds that no reader takes (PDF, barcodes, plain text, passes) are counted apart.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.feeds.itinerary import reservations_of
from pipelines.feeds.reservation import Leg, Reservation
from pipelines.landing.text import GateError
from tests.conftest import Figure

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "real" / "itineraries"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL.is_dir(), reason="the real itineraries are not beside the project"),
]

KINDS = {
    "FlightReservation": "flight",
    "TrainReservation": "rail",
    "BusReservation": "road",
    "LodgingReservation": "lodging",
    "EventReservation": "presence",
    "FoodEstablishmentReservation": "presence",
    "RentalCarReservation": "presence",
}
FLOOR_DOCUMENTS = 21
FLOOR_EXTRACTED = 62


def pairs() -> list[tuple[Path, Path]]:
    """Input and expected result of every document that a reader takes."""
    found = []
    for suffix in ("ics", "html", "eml"):
        for path in sorted(REAL.rglob(f"*.{suffix}")):
            expected = [path.with_name(path.name + ".json"), path.with_suffix(".json")]
            found += [(path, each) for each in expected if each.exists()][:1]
    for before, after in ((".in.json", ".out.json"), (".pre.json", ".post.json"), (".in.json", ".in.json.json")):
        for path in sorted(REAL.rglob(f"*{before}")):
            expected_path = path.with_name(path.name.removesuffix(before) + after)
            found += [(path, expected_path)] if expected_path.exists() else []
    return found


def _value(value: Any) -> str:
    return value["@value"] if isinstance(value, dict) else value or ""


def _time(value: Any) -> str:
    return _value(value)[:19]


def _name(place: Any) -> str:
    if not isinstance(place, dict):
        return place or ""
    address = place.get("address") or {}
    return place.get("iataCode") or address.get("addressLocality") or place.get("name") or ""


def _one(thing: dict[str, Any], *names: str) -> Any:
    return next((thing[name] for name in names if thing.get(name)), None)


def expected_facts(reservation: dict[str, Any]) -> dict[str, str]:
    """What a document is expected to say, read from the expected result and nothing of ours."""
    kind, trip = reservation["@type"], reservation.get("reservationFor") or {}
    facts = {
        "kind": KINDS.get(kind, kind),
        "number": reservation.get("reservationNumber", ""),
        "cancelled": str("Cancel" in reservation.get("reservationStatus", "")),
    }
    if facts["kind"] in ("flight", "rail", "road"):
        facts["from"] = _name(_one(trip, "departureAirport", "departureStation", "departureBusStop"))
        facts["to"] = _name(_one(trip, "arrivalAirport", "arrivalStation", "arrivalBusStop"))
        facts["starts"] = _time(trip.get("departureTime") or trip.get("departureDay"))
        facts["ends"] = _time(trip.get("arrivalTime"))
        service = _one(trip, "flightNumber", "trainNumber", "trainName", "busNumber") or ""
        facts["service"] = "".join(re.findall(r"\d+", service)[-1:])
    elif facts["kind"] == "lodging":
        facts["to"] = _name(trip)
        facts["starts"] = _time(_one(reservation, "checkinTime", "checkinDate"))
        facts["ends"] = _time(_one(reservation, "checkoutTime", "checkoutDate"))
    else:
        facts["to"] = _name(trip.get("location") or reservation.get("pickupLocation") or trip)
        starts = _one(reservation, "startTime", "pickupTime") or trip.get("startDate")
        facts["starts"] = _time(starts)
    return facts


def found_facts(reservation: Reservation, leg: Leg) -> dict[str, str]:
    return {
        "kind": leg.kind,
        "number": reservation.number,
        "cancelled": str(reservation.status == "cancelled"),
        "from": leg.from_place,
        "to": leg.to_place,
        "starts": leg.starts.text() if leg.starts else "",
        "ends": leg.ends.text() if leg.ends else "",
        "service": "".join(re.findall(r"\d+", leg.service_number)[-1:]),
    }


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Which facts differ; a date stands for a time of that date where the document gives no time."""
    wrong = []
    for name, value in expected.items():
        given = found[name]
        is_same = value.casefold() in given.casefold() if name in ("from", "to") else value == given
        if name in ("starts", "ends") and len(given) == 10:
            is_same = value[:10] == given
        if not is_same:
            wrong.append(f"{name}: expected {value!r}, found {given!r}")
    return wrong


def judge(data: bytes, wanted: list[dict[str, Any]]) -> list[str]:
    """What is wrong with what was read of one document."""
    try:
        reservations = [each for each in reservations_of(data)[0] if each.reason is None]
    except GateError as error:
        return [f"not read: {error}"]
    found = [found_facts(each, leg.settled()) for each in reservations for leg in each.legs]
    wrong = [] if len(found) == len(wanted) else [f"{len(wanted)} expected, {len(found)} found"]
    for facts in map(expected_facts, wanted):
        best = min((differences(facts, each) for each in found), key=len, default=["nothing found"])
        wrong += best
    return wrong


def reservations_in(path: Path, with_events: bool = False) -> list[dict[str, Any]]:
    """The reservations of an expected result; with the events of calendars, which are presences for us."""
    document = json.loads(path.read_text())
    listed = document if isinstance(document, list) else [document]
    if with_events:
        listed = [
            {"@type": "EventReservation", "reservationFor": each} if each.get("@type") == "Event" else each
            for each in listed
        ]
    return [each for each in listed if isinstance(each, dict) and str(each.get("@type", "")).endswith("Reservation")]


def test_documents(figure: Figure) -> None:
    right, silent, wrong = 0, 0, {}
    for path, expected in pairs():
        wanted, data = reservations_in(expected, path.suffix == ".ics"), path.read_bytes()
        problems = judge(data, wanted)
        name = str(path.relative_to(REAL))
        if not wanted:
            silent += problems == [] or problems[0].startswith("not read: it holds no reservation")
            if problems and not problems[0].startswith("not read: it holds no reservation"):
                wrong[name] = ["no reservation expected", *problems]
        elif problems:
            wrong[name] = problems
        else:
            right += 1
    wanted_files = sum(bool(reservations_in(expected, path.suffix == ".ics")) for path, expected in pairs())
    figure(f"real documents: {right} of {wanted_files} with reservations right, {silent} without any told so")
    for name, problems in wrong.items():
        print(f"  {name}: {'; '.join(problems)}")
    assert right >= FLOOR_DOCUMENTS


def test_extracted_json(figure: Figure) -> None:
    """What a mail extractor wrote is read as it is."""
    right, total, wrong = 0, 0, {}
    for path in sorted(REAL.rglob("*.json")):
        wanted = reservations_in(path)
        if not wanted or path.name.endswith((".pre.json", ".in.json")):
            continue  # inputs of tools, counted above
        total += 1
        problems = judge(path.read_bytes(), wanted)
        right += not problems
        if problems:
            wrong[str(path.relative_to(REAL))] = problems
    figure(f"extractors' JSON: {right} of {total} right")
    for name, problems in wrong.items():
        print(f"  {name}: {'; '.join(problems)}")
    assert right >= FLOOR_EXTRACTED


def test_kinds_that_are_not_read(figure: Figure) -> None:
    """Expected results whose documents are of kinds that no reader takes, or are not there, are counted by kind."""
    known = {expected for _, expected in pairs()} | {path for path, _ in pairs()}
    kinds = Counter(
        path.name.removesuffix(".json").rpartition(".")[2] if path.name.count(".") > 1 else path.parent.name
        for path in REAL.rglob("*.json")
        if path not in known
    )
    figure(f"expected results without a document that is read: {dict(kinds.most_common())}")
    assert kinds["bin"] and kinds["txt"]
