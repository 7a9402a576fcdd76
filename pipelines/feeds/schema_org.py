"""schema.org reservations, from JSON-LD, microdata and the JSON of mail extractors.

Senders differ in what they nest, list and omit; whatever can be taken as meant is taken, and what cannot is a rejected
record. The vocabulary is https://schema.org/Reservation with the older names that mail senders still use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pipelines.feeds.address import locality
from pipelines.feeds.moments import Moment, parse_moment
from pipelines.feeds.reservation import MAX_RESERVATIONS, MAX_ROWS, Leg, Person, Reservation
from pipelines.landing.text import GateError

_MAX_DEPTH = 40
_MAX_OBJECTS = 200_000
_MAX_TIDIED = 1024 * 1024
"""Longest text that is mended; machines that write more write it well."""
_LOOSE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,(?=\s*[}\]])', re.DOTALL)
_WRAPPING = re.compile(r"\A\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*\Z")
_FLIGHT_NUMBER = re.compile(r"([A-Z][A-Z0-9]|[0-9][A-Z])\s?-?(\d{1,4}[A-Z]?)")

_MOVEMENTS = {
    "FlightReservation": "flight",
    "TrainReservation": "rail",
    "BusReservation": "road",
    "BoatReservation": "sea",
}
_DEPARTURES = ("departureAirport", "departureStation", "departureBusStop", "departureStop", "departureBoatTerminal")
_ARRIVALS = ("arrivalAirport", "arrivalStation", "arrivalBusStop", "arrivalStop", "arrivalBoatTerminal")
_COMPANIES = ("airline", "trainCompany", "busCompany", "provider", "carrier", "seller", "broker")
_NUMBERS = ("flightNumber", "trainNumber", "busNumber", "boatNumber")
_NAMES = ("trainName", "busName", "boatName")


def load_json(text: str) -> Any:
    """The value of a JSON text, forgiving trailing commas and comment marks around it; None where it is no JSON."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(_tidied(text), strict=False) if len(text) <= _MAX_TIDIED else None
    except (ValueError, RecursionError):
        return None


def _tidied(text: str) -> str:
    bare = _WRAPPING.sub("", text)
    return _LOOSE.sub(lambda match: "" if match[0] == "," else match[0], bare)


def type_names(value: Any) -> list[str]:
    """The schema.org types of an object, without the vocabulary's address."""
    given = value.get("@type", value.get("type")) if isinstance(value, dict) else None
    listed = given if isinstance(given, list) else [given]
    return [re.split(r"[/#:]", name)[-1] for name in listed if isinstance(name, str)]


def _reservation_type(value: Any) -> str | None:
    return next((name for name in type_names(value) if name.endswith(("Reservation", "ReservationPackage"))), None)


def find_reservations(values: list[Any], with_events: bool = False) -> list[Reservation]:
    """Every reservation of a document in order, in lists, ``@graph`` and packages too; raises GateError on too many.

    ``with_events`` takes an event without a reservation for one, as it is where somebody put it into a calendar.
    """
    by_id: dict[str, dict[str, Any]] = {}
    found: list[tuple[str, dict[str, Any]]] = []
    for value in _objects(values):
        identity = value.get("@id")
        if isinstance(identity, str) and len(value) > 1:
            by_id.setdefault(identity, value)
        name = _reservation_type(value)
        if name is None and with_events and "Event" in type_names(value):
            name, value = "EventReservation", {"@type": "EventReservation", "reservationFor": value}
        if name is not None and not value.get("subReservation"):
            found.append((name, value))
            if len(found) > MAX_RESERVATIONS:
                raise GateError(f"it holds more than {MAX_RESERVATIONS} reservations, which is no person's itinerary")
    return [_Reader(by_id).reservation(name, value) for name, value in found]


def _objects(values: list[Any]) -> Iterator[dict[str, Any]]:
    """Every object in document order; a reservation is not searched, except for those that it consists of."""
    stack: list[tuple[Any, int]] = [(values, 0)]
    seen = 0
    while stack:
        value, depth = stack.pop()
        seen += 1
        if seen > _MAX_OBJECTS:
            raise GateError("it holds more objects than an itinerary can have")
        if depth > _MAX_DEPTH:
            continue
        if isinstance(value, list):
            stack += [(each, depth + 1) for each in reversed(value)]
        elif isinstance(value, dict):
            yield value
            is_leaf = _reservation_type(value) or "Event" in type_names(value)
            inner = [value.get("subReservation")] if is_leaf else list(value.values())
            stack += [(each, depth + 1) for each in reversed(inner) if isinstance(each, dict | list)]


def _first(value: Any) -> Any:
    while isinstance(value, list):
        value = value[0] if value else None
    return value


def _text(value: Any) -> str:
    value = _first(value)
    if isinstance(value, dict):
        value = _first(value.get("name", value.get("@value", value.get("@id"))))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:2000]


@cache
def _country_names() -> dict[str, str]:
    from babel import Locale

    territories = Locale("en").territories
    return {code: str(name) for code, name in territories.items() if len(code) == 2 and code.isalpha()}


def place_text(place: Any, airport: bool = False) -> str:
    """What a place is called: an airport's code, else "City, Region, Country" with the name where no city is given."""
    place = _first(place)
    if not isinstance(place, dict):
        return _text(place)
    code = _text(place.get("iataCode")).upper()
    if airport and re.fullmatch(r"[A-Z]{3}", code):
        return code
    address = _first(place.get("address"))
    name = _text(place.get("name"))
    if not isinstance(address, dict):
        return locality(_text(address)) or name
    country = _text(address.get("addressCountry"))
    country = _country_names().get(country, country)
    city, region = _text(address.get("addressLocality")), _text(address.get("addressRegion"))
    words = [city, region if region.casefold() != city.casefold() else "", country]
    return ", ".join(filter(None, words if city else [name or _text(address.get("streetAddress")), *words[1:]]))


class _Reader:
    """Reads the reservations of one document; objects may refer to others by ``@id``."""

    def __init__(self, by_id: dict[str, dict[str, Any]]) -> None:
        self.by_id = by_id

    def _object(self, value: Any) -> dict[str, Any]:
        value = _first(value)
        if isinstance(value, dict) and set(value) == {"@id"} and isinstance(value["@id"], str):
            value = self.by_id.get(value["@id"], value)
        return value if isinstance(value, dict) else {}

    def reservation(self, name: str, value: dict[str, Any]) -> Reservation:
        """One reservation; a type that places nobody has a reason."""
        things = value.get("reservationFor")
        subjects = [self._object(thing) for thing in (things if isinstance(things, list) and things else [things])]
        if name in _MOVEMENTS:
            legs = [self._movement(_MOVEMENTS[name], subject, value) for subject in subjects]
        elif name == "LodgingReservation":
            legs = [self._lodging(subject, value) for subject in subjects]
        elif name in ("EventReservation", "FoodEstablishmentReservation"):
            legs = [self._event(subject, value) for subject in subjects]
        elif name in ("RentalCarReservation", "TaxiReservation"):
            legs = [self._pick_up(value)]
        else:
            return Reservation(name, reason="its type of reservation does not place anybody and is not read")
        travellers = self._travellers(value)
        modified = parse_moment(value.get("modifiedTime"))
        return Reservation(
            type_name=name,
            legs=tuple(legs),
            status=_status(value, subjects),
            number=_text(value.get("reservationNumber") or value.get("reservationId")),
            provider=self._provider(value, subjects[0], legs[0]),
            travellers=tuple(travellers),
            updated_at=modified.utc_text() if modified else "",
            reason=_reason(legs, len(travellers)),
        )

    def _company(self, *owners: dict[str, Any]) -> dict[str, Any] | str:
        for owner in owners:
            for key in _COMPANIES:
                company = self._object(owner.get(key)) or _text(owner.get(key))
                if company:
                    return company
        return {}

    def _provider(self, value: dict[str, Any], subject: dict[str, Any], leg: Leg) -> str:
        company = self._company(subject, value)
        return leg.carrier_code or leg.property_name or _text(company)

    def _movement(self, kind: str, trip: dict[str, Any], value: dict[str, Any]) -> Leg:
        company = self._company(trip, value)
        carrier = _text(company.get("iataCode")).upper() if isinstance(company, dict) else ""
        number = next((text for key in _NUMBERS if (text := _text(trip.get(key)))), "")
        name = next((text for key in _NAMES if (text := _text(trip.get(key)))), "")
        if kind == "flight" and (match := _FLIGHT_NUMBER.fullmatch(number.upper())):
            carrier, number = carrier or match[1], match[2]
        elif kind != "flight" and name and (not number or number.isdigit()):
            number = f"{name} {number}".strip()
        starts = parse_moment(trip.get("departureTime")) or parse_moment(trip.get("departureDay"))
        ends = parse_moment(trip.get("arrivalTime")) or parse_moment(trip.get("arrivalDay"))
        return Leg(
            kind=kind,
            from_place=self._place(trip, _DEPARTURES, kind == "flight"),
            to_place=self._place(trip, _ARRIVALS, kind == "flight"),
            starts=starts,
            ends=ends,
            carrier_code=carrier if re.fullmatch(r"[A-Z0-9]{2,3}", carrier) else "",
            service_number=number,
        )

    def _place(self, trip: dict[str, Any], keys: tuple[str, ...], airport: bool) -> str:
        for key in keys:
            text = place_text(self._object(trip.get(key)) or trip.get(key), airport)
            if text:
                return text
        return ""

    def _lodging(self, hotel: dict[str, Any], value: dict[str, Any]) -> Leg:
        return Leg(
            kind="lodging",
            to_place=place_text({**hotel, "address": self._object(hotel.get("address")) or hotel.get("address")}),
            starts=_dated(value, ("checkinDate", "checkinTime")),
            ends=_dated(value, ("checkoutDate", "checkoutTime")),
            property_name=_text(hotel.get("name")),
            contact_phone="",
        )

    def _event(self, event: dict[str, Any], value: dict[str, Any]) -> Leg:
        location = self._object(event.get("location")) or event.get("location") or event
        return Leg(
            kind="presence",
            to_place=place_text(location),
            starts=parse_moment(value.get("startTime")) or parse_moment(event.get("startDate")),
            ends=parse_moment(value.get("endTime")) or parse_moment(event.get("endDate")),
            property_name=_text(event.get("name")),
        )

    def _pick_up(self, value: dict[str, Any]) -> Leg:
        starts = parse_moment(value.get("pickupTime"))
        place = self._object(value.get("pickupLocation")) or value.get("pickupLocation")
        return Leg(kind="presence", to_place=place_text(place), starts=starts, ends=starts)

    def _travellers(self, value: dict[str, Any]) -> list[Person]:
        ticket = self._object(value.get("reservedTicket"))
        given = value.get("underName") or ticket.get("underName")
        people = [self._person(each) for each in (given if isinstance(given, list) else [given])]
        return list(dict.fromkeys(person for person in people if person.name or person.email))

    def _person(self, value: Any) -> Person:
        person = self._object(value)
        if not person:
            return Person(_text(value))
        name = _text(person.get("name")) or f"{_text(person.get('givenName'))} {_text(person.get('familyName'))}"
        email = _text(person.get("email")).removeprefix("mailto:")
        return Person(name.strip(), email if "@" in email else "")


def _dated(value: dict[str, Any], keys: tuple[str, str]) -> Moment | None:
    """A date, with the clock time that another property gives."""
    day, clock = parse_moment(value.get(keys[0])), value.get(keys[1])
    full = parse_moment(clock)
    if day is None or day.wall is None or day.has_time:
        return day or full
    if full is not None and full.wall is not None and full.has_time:
        return full
    return day.with_clock(_text(clock))


def _status(value: dict[str, Any], subjects: list[dict[str, Any]]) -> str:
    status = _text(value.get("reservationStatus")) or _text(value.get("status"))
    words = " ".join([status, *(_text(subject.get("eventStatus")) for subject in subjects)]).lower()
    if "cancel" in words:
        return "cancelled"
    return "tentative" if re.search(r"pending|hold|waitlist", words) else "active"


def _reason(legs: list[Leg], travellers: int) -> str | None:
    if not any(leg.to_place or leg.from_place for leg in legs):
        return "it names no place"
    if len(legs) * max(travellers, 1) > MAX_ROWS:
        return f"it has more than {MAX_ROWS} legs and travellers"
    return None
