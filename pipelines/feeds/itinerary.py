"""Forwarded itineraries: e-mails, calendar files, web pages and extractors' JSON become registrations.

A record is one reservation, or one event of a calendar; its rows are its legs. A recurring event of very many times
fills several. The kind of a file is told by its first bytes and never by its name. A record is encoded within its
document, so its byte range is that of the document.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

from pipelines.feeds.ics import calendar_reservations
from pipelines.feeds.mail import Part, read_mail
from pipelines.feeds.markup import structured_data
from pipelines.feeds.record import Record
from pipelines.feeds.reservation import MAX_RESERVATIONS, MAX_ROWS, Correspondence, Reservation, rows
from pipelines.feeds.schema_org import find_reservations, load_json
from pipelines.landing.text import GateError

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,60}:[ \t\r\n])")
_OTHERS = (
    (b"PK\x03\x04", "a zip archive or Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an Outlook or old Office file"),
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How a text in UTF-16 begins."""


def read(data: bytes) -> Iterator[Record]:
    """The reservations of one file; raises GateError where it cannot be read or holds none (F3)."""
    try:
        reservations, correspondence = reservations_of(data)
    except GateError:
        raise
    except Exception as error:
        # One hostile e-mail must not stop the run of all others, whatever it makes a parser raise.
        raise GateError(f"it is damaged, and its parser gave up ({type(error).__name__})") from error
    if not reservations:
        raise GateError(
            "it holds no reservation that can be read (schema.org data, calendar events); forward the original "
            "confirmation as an attachment, or register the trip by hand"
        )
    if sum(not each.reason for each in reservations) > MAX_RESERVATIONS:
        raise GateError(f"it holds more than {MAX_RESERVATIONS} reservations, which is no person's itinerary")
    fallback = hashlib.sha256(data).hexdigest()
    number = 1
    for reservation in reservations:
        if reservation.reason:
            yield Record(0, len(data), 1, reason=reservation.reason)
            continue
        found = rows(reservation, correspondence, fallback, number)
        if len(found) > MAX_ROWS and not reservation.is_recurring:
            yield Record(0, len(data), 1, reason=f"it has more than {MAX_ROWS} legs and travellers")
            continue
        number += len(found)
        for first in range(0, len(found), MAX_ROWS):
            yield Record(0, len(data), 1, rows=found[first : first + MAX_ROWS])


def reservations_of(data: bytes) -> tuple[list[Reservation], Correspondence]:
    """The distinct reservations of a file, and who sent it; raises GateError where the file cannot be read."""
    kind = kind_of(data)
    if kind != "mail":
        return _distinct(_of_part(Part(kind, data, None))), Correspondence()
    parts, correspondence = read_mail(data)
    found: list[Reservation] = []
    problems: list[GateError] = []
    for part in parts:
        try:
            found += _of_part(part)
        except GateError as error:
            problems.append(error)
    if problems and not found:
        raise problems[0]
    return _distinct(found), correspondence


def kind_of(data: bytes) -> str:
    """mail, calendar, html or json, by the first bytes; raises GateError where it is none of them."""
    head = _plain(data[:4096], "replace").removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, name in _OTHERS:
        if head.startswith(magic):
            raise GateError(f"it is {name}, which is not read; forward the confirmation e-mail itself")
    if head[:15].upper() == b"BEGIN:VCALENDAR":
        return "calendar"
    if head.startswith((b"{", b"[")):
        return "json"
    if head.startswith(b"<"):
        return "html"
    if _HEADER.match(head):
        return "mail"
    raise GateError("it is no e-mail, calendar file, web page or JSON")


def _plain(data: bytes, errors: str = "strict") -> bytes:
    """Text in UTF-16 as UTF-8, all else as it is."""
    return data.decode("utf-16", errors).encode() if data.startswith(_WIDE) else data


def _of_part(part: Part) -> list[Reservation]:
    if part.data.startswith(_WIDE):
        try:
            part = Part(part.kind, _plain(part.data), "utf-8")
        except UnicodeError as error:
            raise GateError("it is not valid text in UTF-16, which its first bytes declare") from error
    if part.kind == "calendar":
        data = part.data
        if part.charset not in (None, "utf-8", "us-ascii"):
            data = data.decode(part.charset or "utf-8", "replace").encode()
        return calendar_reservations(data)
    if part.kind == "html":
        return find_reservations(structured_data(part.data, part.charset))
    value = load_json(_json_text(part))
    if value is None:
        raise GateError("its JSON is damaged, cut short or nested too deeply")
    return find_reservations([value])


def _json_text(part: Part) -> str:
    encoding = part.charset or json.detect_encoding(part.data)
    try:
        return part.data.decode(encoding)
    except UnicodeError as error:
        raise GateError("its JSON is not valid text in the encoding that it declares") from error


def _distinct(reservations: list[Reservation]) -> list[Reservation]:
    """Each reservation once: a message states the same in its text, its markup and its attachment."""
    return list(dict.fromkeys(reservations))
