"""Calendar files (RFC 5545): reservations that a travel program wrote into events, and plain events.

Only the lines that matter reach the calendar library: time zone definitions and alarms may hold rules that take for
ever to expand, and are not needed, since zones are known by name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from icalendar import Calendar, Component

from pipelines.feeds.address import locality
from pipelines.feeds.connection_text import connection_legs
from pipelines.feeds.moments import Moment, airport_zone, calendar_moment
from pipelines.feeds.reservation import MAX_RESERVATIONS, Leg, Person, Reservation
from pipelines.feeds.schema_org import find_reservations, load_json
from pipelines.landing.text import GateError

EMBEDDED = "X-KDE-KITINERARY-RESERVATION"
_NEEDED = re.compile(
    r"(?:UID|DTSTART|DTEND|DURATION|DTSTAMP|LAST-MODIFIED|SUMMARY|DESCRIPTION|LOCATION|STATUS|METHOD|ATTENDEE|"
    + EMBEDDED
    + r")[;:]",
    re.IGNORECASE,
)
_SKIPPED = ("VTIMEZONE", "VALARM", "VTODO", "VJOURNAL", "VFREEBUSY")
_MAX_LINE = 256 * 1024
_MAX_LINES = 40
"""Lines of one event that are kept."""

_ESCAPED = re.compile(r"\\([\\,;nN])")
_KINDS = {"flight": "flight", "train": "rail", "bus": "road", "coach": "road", "ferry": "sea"}
_JOURNEY = re.compile(
    r"\b(flight|train|bus|coach|ferry)\b(.{0,60}?)\bfrom\s{1,5}(.{1,80}?)\s{1,5}to\s{1,5}(.{1,80})", re.IGNORECASE
)
_ARROW = re.compile(r"([^→➞>]{2,80}?)\s{0,5}(?:→|➞|->)\s{0,5}([^→➞>]{2,80})")
_FLIGHT = re.compile(r"(?i:\bflight(?: number| no\.?)?)\s{0,3}[:#]?\s{0,3}([A-Z][A-Z0-9]|[0-9][A-Z])\s?(\d{1,4})\b")
_CODE = re.compile(r"(?:.*\()?\b([A-Z]{3})\b\)?")
_REFERENCE = re.compile(
    r"\b(?i:booking|reservation|confirmation) (?i:reference|number|code|no\.?)\s{0,3}[:#]?\s{0,3}([A-Z0-9]{5,12})\b"
)
_LODGING = re.compile(r"(?:hotel|stay at|stay in|accommodation|lodging|check-?in)\b[ :\-–]*(.*)", re.IGNORECASE)
_NO_PLACE = re.compile(r"https?:|\b(?:zoom|teams|webex|online|virtual|skype|google meet|phone|call)\b", re.IGNORECASE)


def calendar_reservations(data: bytes) -> list[Reservation]:
    """The reservations of a calendar, in order; raises GateError where it is none or too large."""
    text, cut_short = _without_cut(_needed_lines(data))
    try:
        calendars = Calendar.from_ical(text, multiple=True)
        return [each for calendar in calendars for each in _of_calendar(calendar)] + cut_short
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise GateError("it is a calendar file that is damaged or cut short") from error


def _without_cut(lines: list[str]) -> tuple[str, list[Reservation]]:
    """The text of a calendar of whole events, and the event in which a file that was cut short ends, rejected."""
    cut_short = []
    begun = max((number for number, line in enumerate(lines) if line == "BEGIN:VEVENT"), default=-1)
    if begun >= 0 and "END:VEVENT" not in lines[begun:]:
        lines = [*lines[:begun], "END:VCALENDAR"]
        cut_short = [Reservation("Event", reason="the file is cut short within this event")]
    whole: list[str] = []
    for line in [*lines, "BEGIN:VCALENDAR"]:  # a calendar ends, at the latest, where the next one begins
        if line == "BEGIN:VCALENDAR" and whole and whole[-1] != "END:VCALENDAR":
            whole.append("END:VCALENDAR")
        whole.append(line)
    return "\r\n".join([*whole[:-1], ""]), cut_short


def _needed_lines(data: bytes) -> list[str]:
    """The calendar without all that is not read, its long lines joined."""
    if len(re.findall(rb"BEGIN:VEVENT", data, re.IGNORECASE)) > MAX_RESERVATIONS:
        raise GateError(f"it holds more than {MAX_RESERVATIONS} events, which is no person's itinerary")
    text = re.sub(r"(?:\r?\n|\r)[ \t]", "", data.decode("utf-8-sig", "replace"))
    kept: list[str] = []
    skipped: str | None = None
    in_event = 0
    for line in re.split(r"\r?\n|\r", text):
        upper = line[:40].strip().upper()
        if skipped:
            skipped = None if upper == f"END:{skipped}" else skipped
        elif upper.startswith("BEGIN:") and upper[6:] in _SKIPPED:
            skipped = upper[6:]
        elif upper in ("BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT"):
            in_event = 0
            kept.append(upper)
        elif _NEEDED.match(line) and in_event < _MAX_LINES and len(line) <= _MAX_LINE:
            in_event += 1
            kept.append(line)
    return kept


def _of_calendar(calendar: Component) -> list[Reservation]:
    method = str(calendar.get("METHOD", "")).upper()
    found: list[Reservation] = []
    for event in calendar.walk("VEVENT"):
        is_cancelled = method == "CANCEL" or str(event.get("STATUS", "")).upper() == "CANCELLED"
        reservations = _embedded(event) or [_plain(event)]
        found += [replace(each, status="cancelled") if is_cancelled else each for each in reservations]
    return found


def _one(event: Component, name: str) -> Any:
    value = event.get(name)
    return value[0] if isinstance(value, list) and value else value


def _words(event: Component, name: str) -> str:
    value = _one(event, name)
    return "" if value is None else str(value)[:20_000]


def _moment(event: Component, name: str) -> Moment | None:
    value = getattr(_one(event, name), "dt", None)
    return calendar_moment(value) if isinstance(value, date | datetime) else None


def _updated_at(event: Component) -> str:
    stamped = _moment(event, "LAST-MODIFIED") or _moment(event, "DTSTAMP")
    return stamped.utc_text() if stamped else ""


def _embedded(event: Component) -> list[Reservation]:
    """Reservations that a travel program put into the event as JSON."""
    text = str(_one(event, EMBEDDED) or "")
    value = load_json(text) or load_json(_ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], text))
    if value is None:
        return []
    uid, updated = _words(event, "UID"), _updated_at(event)
    return [
        replace(each, uid=uid, updated_at=each.updated_at or updated, title=_words(event, "SUMMARY"))
        for each in find_reservations([value], with_events=True)
    ]


def _plain(event: Component) -> Reservation:
    summary, description = _words(event, "SUMMARY").strip(), _words(event, "DESCRIPTION")
    legs = _legs(event, summary, description)
    reference = _REFERENCE.search(description) or _REFERENCE.search(summary)
    status = str(event.get("STATUS", "")).upper()
    return Reservation(
        type_name="VEVENT",
        legs=tuple(legs),
        status="tentative" if status == "TENTATIVE" else "active",
        number=reference[1].upper() if reference else "",
        provider=next((leg.carrier_code for leg in legs if leg.carrier_code), ""),
        uid=_words(event, "UID"),
        travellers=_attendee(event),
        updated_at=_updated_at(event),
        title=summary,
        reason=None if legs else "it is an event that names neither a journey nor a place",
    )


def _legs(event: Component, summary: str, description: str) -> list[Leg]:
    starts, ends = _moment(event, "DTSTART"), _end(event)
    if starts is None:
        return []
    if "->" in summary or "➞" in summary or "→" in summary:
        legs = connection_legs(description, starts)
        if legs:
            return legs
    journey, arrow = _JOURNEY.search(summary), _ARROW.fullmatch(summary)
    if journey:
        kind = _KINDS[journey[1].lower()]
        return [_movement(kind, journey[3], journey[4], starts, ends, f"flight {journey[2]}\n{description}")]
    if arrow:
        codes = [_airport(arrow[1]), _airport(arrow[2])]
        kind = "flight" if all(codes) else "road" if re.search(r"\bbus\b", description, re.IGNORECASE) else "rail"
        return [_movement(kind, arrow[1], arrow[2], starts, ends, description)]
    location = _words(event, "LOCATION").strip()
    if not location or _NO_PLACE.search(location):
        return []
    location = locality(location)
    lodging = _LODGING.match(summary)
    if lodging:
        return [Leg("lodging", to_place=location, starts=starts, ends=ends, property_name=lodging[1].strip())]
    if ends and not ends.has_time:
        ends = ends.days_later(-1)  # the end of whole days is the day after the last
        ends = ends if ends.wall and starts.wall and ends.wall >= starts.wall else starts
    return [Leg("presence", to_place=location, starts=starts, ends=ends)]


def _end(event: Component) -> Moment | None:
    end = _moment(event, "DTEND")
    start, duration = getattr(_one(event, "DTSTART"), "dt", None), getattr(_one(event, "DURATION"), "dt", None)
    if end is None and start is not None and duration is not None:
        return calendar_moment(start + duration)
    return end


def _airport(text: str) -> str:
    match = _CODE.fullmatch(text.strip())
    return match[1] if match and airport_zone(match[1]) else ""


def _movement(kind: str, start: str, end: str, starts: Moment, ends: Moment | None, words: str) -> Leg:
    number = _FLIGHT.search(words) if kind == "flight" else None
    return Leg(
        kind=kind,
        from_place=_airport(start) or start.strip(),
        to_place=_airport(end) or end.strip(),
        starts=starts,
        ends=ends,
        carrier_code=number[1].upper() if number else "",
        service_number=number[2] if number else "",
    )


def _attendee(event: Component) -> tuple[Person, ...]:
    """The attendee, where there is but one: of several, any may be the traveller or none."""
    given = event.get("ATTENDEE")
    if given is None or isinstance(given, list):
        return ()
    email = re.sub(r"^mailto:", "", str(given), flags=re.IGNORECASE)
    name = str(getattr(given, "params", {}).get("CN", ""))
    return (Person(name if "@" not in name else "", email if "@" in email else ""),)
