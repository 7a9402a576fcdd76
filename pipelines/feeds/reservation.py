"""What every reader of itineraries gives, and how it becomes rows of the table ``registrations``."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta

from pipelines.feeds.moments import Moment, airport_zone

MAX_RESERVATIONS = 500
"""Reservations of one file; more is no person's itinerary."""
MAX_ROWS = 60
"""Rows of one reservation (legs x travellers), within what a segment's key can number."""
_MAX_TEXT = 300
_TITLES = frozenset(("MR", "MRS", "MS", "MISS", "MX", "DR", "PROF", "HERR", "FRAU"))
MOVEMENTS = frozenset(("flight", "rail", "road", "sea"))


@dataclass(frozen=True)
class Person:
    """Whom a document names as a traveller or correspondent."""

    name: str = ""
    email: str = ""

    def words(self) -> frozenset[str]:
        """The words of the name by which two spellings of it are compared."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode() or self.name
        return frozenset(word for word in re.findall(r"\w{2,}", plain.upper()[:200]) if word not in _TITLES)


@dataclass(frozen=True)
class Leg:
    """One movement, lodging or dated presence, at local times."""

    kind: str
    """A segment_type: flight, rail, road, sea, lodging or presence."""
    from_place: str = ""
    to_place: str = ""
    starts: Moment | None = None
    ends: Moment | None = None
    carrier_code: str = ""
    service_number: str = ""
    property_name: str = ""
    contact_phone: str = ""

    def settled(self) -> Leg:
        """Times on the clocks of the places, and an arrival before its departure moved to the next day."""
        if self.kind not in MOVEMENTS:
            return self
        starts = self.starts.at(airport_zone(self.from_place)) if self.starts else None
        ends = self.ends.at(airport_zone(self.to_place)) if self.ends else None
        if starts and ends and starts.has_time and ends.has_time and starts.instant and ends.instant:
            behind = starts.instant - ends.instant
            if timedelta(0) < behind <= timedelta(days=1):
                ends = ends.days_later(1)
        return replace(self, starts=starts, ends=ends)


@dataclass(frozen=True)
class Reservation:
    """One reservation of a document: a record of its file."""

    type_name: str
    legs: tuple[Leg, ...] = ()
    status: str = "active"
    """A trip_status: active, cancelled or tentative."""
    number: str = ""
    provider: str = ""
    uid: str = ""
    """What a calendar calls the event."""
    travellers: tuple[Person, ...] = ()
    updated_at: str = ""
    title: str = ""
    reason: str | None = None
    """Why it is rejected, in words."""
    is_recurring: bool = False
    """Whether its legs are several times of one event, which may be more than one record holds."""


@dataclass(frozen=True)
class Correspondence:
    """Who sent a document to the office, and when."""

    people: tuple[Person, ...] = ()
    """The forwarder first, then those whom the forwarded message names."""
    sent_at: str = ""

    def forwarder(self) -> Person | None:
        """The first who is no machine."""
        return next((person for person in self.people if person.email and not _is_machine(person.email)), None)

    def email_of(self, traveller: Person) -> str:
        """The address of a traveller: his own, or that of a correspondent of his name.

        An assistant who forwards the itinerary of another is not its traveller: without a common name the address
        stays empty, and the traveller is found by name.
        """
        if traveller.email:
            return traveller.email
        words = traveller.words()
        for person in self.people:
            known = person.words() | Person(re.sub(r"[\W_\d]+", " ", person.email.partition("@")[0])).words()
            if words & known and not _is_machine(person.email):
                return person.email
        return ""


def _is_machine(email: str) -> bool:
    local = re.sub(r"[^a-z]", "", email.partition("@")[0].lower())
    return bool(re.search(r"noreply|donotreply|notification|reservation|booking|itinerary|confirmation", local))


def _trip_id(reservation: Reservation, traveller: Person, fallback: str) -> str:
    """The same for every document of one reservation and traveller. It shows neither: a locator is half a password."""
    if reservation.number:
        parts = ["number", re.sub(r"\s", "", reservation.number).upper(), reservation.provider.casefold().strip()]
    elif reservation.uid:
        # Each guest has a copy of an event under one name, often without his own.
        parts = ["uid", reservation.uid, *filter(None, [traveller.email.casefold().strip()])]
        traveller = replace(traveller, name="") if traveller.email else traveller
    else:
        parts = ["file", fallback]
    return f"forwarded:{_digest(*parts, ' '.join(sorted(traveller.words())))}"


def _replaced_part(reservation: Reservation, row: dict[str, str]) -> str:
    """What of its trip a newer document replaces: an event whole, a reservation leg by leg."""
    if reservation.uid and not reservation.number:
        return "event"
    start, end = _clean(row["from_place"]), _clean(row["to_place"])
    return _digest(row["segment_type"], start or end, end or start)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:20]


def _clean(text: str) -> str:
    plain = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text[: 4 * _MAX_TEXT])
    return " ".join(plain.split())[:_MAX_TEXT]


def rows(
    reservation: Reservation, correspondence: Correspondence, fallback: str, first_number: int
) -> tuple[dict[str, str], ...]:
    """Canonical rows of one reservation: one a leg and traveller.

    ``fallback`` names the file for a reservation that names neither itself nor an event; ``first_number`` is the
    segment number of its first row.
    """
    forwarder = correspondence.forwarder()
    found: list[dict[str, str]] = []
    for traveller in reservation.travellers or (forwarder or Person(),):
        # Who forwards a numbered reservation may do so for another; of an event each guest forwards his own copy.
        is_named = bool(reservation.travellers or (reservation.uid and not reservation.number))
        trip_id = _trip_id(reservation, traveller if is_named else Person(), fallback)
        email = correspondence.email_of(traveller)
        for leg in (leg.settled() for leg in reservation.legs):
            row = {
                "trip_id": trip_id,
                "registered_at": correspondence.sent_at,
                "updated_at": reservation.updated_at or correspondence.sent_at,
                "trip_status": reservation.status,
                "traveller_email": email,
                "traveller_name": traveller.name,
                "trip_name": reservation.title,
                "segment_number": str(first_number + len(found)),
                "segment_type": leg.kind,
                "from_place": leg.from_place,
                "to_place": leg.to_place,
                "starts_local": leg.starts.text() if leg.starts else "",
                "ends_local": leg.ends.text() if leg.ends else "",
                "carrier_code": leg.carrier_code,
                "service_number": leg.service_number,
                "property_name": leg.property_name,
                "contact_phone": leg.contact_phone,
            }
            row["replaced_part"] = _replaced_part(reservation, row)
            found.append({name: cleaned for name, text in row.items() if (cleaned := _clean(text))})
    return tuple(found)
