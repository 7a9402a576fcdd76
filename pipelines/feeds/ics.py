"""Calendar files (RFC 5545): reservations that a travel program wrote into events, and plain events.

Only the lines that matter reach the calendar library: time zone definitions and alarms may hold rules that take for
ever to expand. Most zones are known by name; what a calendar defines itself is read apart, within limits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta, tzinfo
from typing import Any

from icalendar import Component, Event, vBroken

from pipelines.feeds.address import locality
from pipelines.feeds.calendar_zone import defined_zones, put_on_zones
from pipelines.feeds.connection_text import connection_legs
from pipelines.feeds.moments import Moment, airport_zone, calendar_moment
from pipelines.feeds.place_zone import place_zone
from pipelines.feeds.recurrence import MAX_TIMES, Recurrence, Span, Time, spans, values
from pipelines.feeds.reservation import MAX_RESERVATIONS, Leg, Person, Reservation
from pipelines.feeds.schema_org import find_reservations, load_json
from pipelines.landing.text import GateError

EMBEDDED = "X-KDE-KITINERARY-RESERVATION"
_NEEDED = re.compile(
    r"(UID|DTSTART|DTEND|DURATION|DTSTAMP|LAST-MODIFIED|SUMMARY|DESCRIPTION|LOCATION|STATUS|METHOD|ATTENDEE|"
    r"RRULE|RDATE|EXDATE|RECURRENCE-ID|" + EMBEDDED + r")[;:]",
    re.IGNORECASE,
)
_DATED = ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE")
_SKIPPED = ("VTIMEZONE", "VALARM", "VTODO", "VJOURNAL", "VFREEBUSY")
_MAX_LINE = 256 * 1024
_MAX_LINES = 40
"""Lines of one event that are kept, besides its attendees and its further and excepted dates."""
_MAX_DATES = 100_000
"""Characters of further and excepted dates in one file; longer ones leave a rule that cannot be followed."""
_MAX_TIMES = 20_000
"""Times of all recurring events of one file."""
_RULE = 250
"""Times that may be read instead of following one more rule, which may find none for long."""

_DAMAGED = "it is an event that is damaged"
_CUT = "the file is cut short within this event"
_ERRORS = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What the calendar library raises over damaged lines."""
_Event = tuple[str, Component]
"""The method of the calendar, such as CANCEL, and one of its events."""

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
    """The reservations of a calendar, in order, those that are damaged last, rejected; raises GateError on too many."""
    found: list[Reservation] = []
    events: list[_Event] = []
    needed, zones = _needed_lines(data)
    for method, lines in _split(needed):
        event = _parsed(lines, zones)
        if event is not None:
            events.append((method, event))
        else:
            is_whole = lines[-1] == "END:VEVENT"
            found.append(Reservation("VEVENT", reason=_DAMAGED if is_whole else _CUT))
    return _of_events(events) + found


def _split(lines: list[str]) -> list[tuple[str, list[str]]]:
    """The lines of each event, the last one's without their end in a file that was cut short, and its method."""
    found: list[tuple[str, list[str]]] = []
    inside: list[str] | None = None
    method, first = "", 0
    for line in [*lines, "BEGIN:VCALENDAR"]:
        if line in ("BEGIN:VCALENDAR", "BEGIN:VEVENT", "END:VCALENDAR"):
            if inside is not None:
                found.append(("", inside))
            inside = [line] if line == "BEGIN:VEVENT" else None
        elif inside is not None:
            inside.append(line)
            if line == "END:VEVENT":
                found.append(("", inside))
                inside = None
        elif line[:7].upper() == "METHOD:":
            method = line[7:].strip().upper()
        if line == "BEGIN:VCALENDAR":  # a calendar ends, at the latest, where the next one begins
            found[first:] = [(method, event) for _, event in found[first:]]
            method, first = "", len(found)
    return found


def _parsed(lines: list[str], zones: dict[str, tzinfo]) -> Component | None:
    """The event of these lines; None where it is cut short or so damaged that nothing can be told of it."""
    if lines[-1] != "END:VEVENT":
        return None
    try:
        event = Event.from_ical("\r\n".join([*lines, ""]))
        dated = [value for name in _DATED for value in _all(event, name) if not isinstance(value, vBroken)]
        put_on_zones(dated, zones)
        return event
    except _ERRORS:
        return None


def _needed_lines(data: bytes) -> tuple[list[str], dict[str, tzinfo]]:
    """The calendar without all that is not read, its long lines joined, and the zones that it defines."""
    if len(re.findall(rb"BEGIN:VEVENT", data, re.IGNORECASE)) > MAX_RESERVATIONS:
        raise GateError(f"it holds more than {MAX_RESERVATIONS} events, which is no person's itinerary")
    text = re.sub(r"(?:\r?\n|\r)[ \t]", "", data.decode("utf-8-sig", "replace"))
    kept: list[str] = []
    skipped: str | None = None
    in_event = attendees = dates = 0
    given = re.split(r"\r?\n|\r", text)
    for line in given:
        upper = line[:40].strip().upper()
        if skipped:
            skipped = None if upper == f"END:{skipped}" else skipped
        elif upper.startswith("BEGIN:") and upper[6:] in _SKIPPED:
            skipped = upper[6:]
        elif upper in ("BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT"):
            in_event = attendees = 0
            kept.append(upper)
        elif (needed := _NEEDED.match(line)) and len(line) <= _MAX_LINE:
            name = needed[1].upper()
            if name in ("RDATE", "EXDATE"):
                dates += len(line)
                kept.append(line if dates <= _MAX_DATES else "RRULE:FREQ=TOO-MANY-DATES")
            elif name == "ATTENDEE":
                attendees += 1
                kept += [line] if attendees <= 2 else []  # of several, any may be the traveller or none
            elif in_event < _MAX_LINES:
                in_event += 1
                kept.append(line)
    return kept, defined_zones(given)


def _of_events(events: list[_Event]) -> list[Reservation]:
    found: list[Reservation] = []
    series = {_words(event, "UID") for _, event in events if event.get("RECURRENCE-ID") is None}
    moved: dict[str, list[Time]] = {}
    for _, event in events:
        moved_from = _dated(event, "RECURRENCE-ID")
        if isinstance(moved_from, date):
            moved.setdefault(_words(event, "UID"), []).append(moved_from)
    left = _MAX_TIMES
    for method, event in events:
        is_cancelled = method == "CANCEL" or _words(event, "STATUS").upper() == "CANCELLED"
        try:
            reservations = _embedded(event)
            if not reservations:
                uid = _words(event, "UID")
                reservations = _plain(event, is_cancelled, moved.get(uid, []), max(left, 1))
                left -= len(reservations[0].legs) + (_RULE if event.get("RRULE") else 0)
                if event.get("RECURRENCE-ID") is not None and (is_cancelled or uid not in series):
                    # It must not replace the other times of its series, which this file does not hold.
                    own = f"{uid}\x1f{_dated(event, 'RECURRENCE-ID') or _one(event, 'RECURRENCE-ID')}"
                    reservations = [replace(each, uid=own) for each in reservations]
        except _ERRORS:
            reservations = [Reservation("VEVENT", reason=_DAMAGED)]
        found += [replace(each, status="cancelled") if is_cancelled else each for each in reservations]
    return found


def _one(event: Component, name: str) -> Any:
    value = event.get(name)
    return value[0] if isinstance(value, list) and value else value


def _all(event: Component, name: str) -> list[Any]:
    value = event.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _words(event: Component, name: str) -> str:
    value = _one(event, name)
    return "" if value is None else str(value)[:20_000]


def _dated(event: Component, name: str) -> Any:
    """What a property says of a date, time or duration; None where it says none that can be read."""
    value = _one(event, name)
    return None if isinstance(value, vBroken) else getattr(value, "dt", None)


def _broken(event: Component, *names: str) -> Moment | None:
    """The text of a property that is no date or time, which goes on to be rejected by the contract."""
    value = next((value for name in names if isinstance(value := _one(event, name), vBroken)), None)
    return Moment(None, raw=value.strip()) if value is not None and value.strip() else None


def _updated_at(event: Component) -> str:
    stamps = (_dated(event, "LAST-MODIFIED"), _dated(event, "DTSTAMP"))
    stamped = next((calendar_moment(stamp) for stamp in stamps if isinstance(stamp, date)), None)
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


def _plain(event: Component, is_cancelled: bool, moved: list[Time], limit: int) -> list[Reservation]:
    """The reservation of an event, and one that is rejected where some of its times are not read."""
    summary, description = _words(event, "SUMMARY").strip(), _words(event, "DESCRIPTION")
    times, unread = _times(event, moved, limit)
    legs = [leg for starts, ends in times for leg in _legs(event, summary, description, starts, ends)]
    reason = "it is an event that names neither a journey nor a place"
    if not times:
        reason = "it is an event without a start that can be read"
    if not times and _is_recurring(event):
        reason = "it is a recurring event of which no time is left"
    if getattr(_one(event, "RECURRENCE-ID"), "params", {}).get("RANGE"):
        unread = "it changes a recurring event from one time on; only that one time is changed"
    reference = _REFERENCE.search(description) or _REFERENCE.search(summary)
    if is_cancelled and not legs and not reference and event.get("UID"):
        # A cancellation needs no place: the event is known by its name.
        legs = [Leg("presence", starts=starts, ends=ends) for starts, ends in times[:1]] or [Leg("presence")]
    status = str(event.get("STATUS", "")).upper()
    found = Reservation(
        type_name="VEVENT",
        legs=tuple(legs),
        status="tentative" if status == "TENTATIVE" else "active",
        number=reference[1].upper() if reference else "",
        provider=next((leg.carrier_code for leg in legs if leg.carrier_code), ""),
        uid=_words(event, "UID"),
        travellers=_attendee(event),
        updated_at=_updated_at(event),
        title=summary,
        reason=None if legs else reason,
        is_recurring=len(times) > 1,
    )
    return [found, Reservation("VEVENT", uid=found.uid, reason=unread)] if legs and unread else [found]


def _is_recurring(event: Component) -> bool:
    return event.get("RECURRENCE-ID") is None and bool(event.get("RRULE") or event.get("RDATE"))


def _times(event: Component, moved: list[Time], limit: int) -> tuple[list[tuple[Moment, Moment | None]], str]:
    """When an event takes place, without the times for which other events stand, and what of it is not read."""
    start, broken_end = _dated(event, "DTSTART"), _broken(event, "DTEND", "DURATION")
    if not isinstance(start, date):
        broken_start = _broken(event, "DTSTART")
        return [(broken_start, broken_end)] if broken_start else [], ""
    if broken_end:
        return [(calendar_moment(start) or broken_end, broken_end)], ""
    found: list[Span] = [(start, _end(event, start))]
    unread = ""
    if _is_recurring(event):
        lists = [each for name in ("RDATE", "EXDATE") for each in _all(event, name)]
        excluded = [each for each in values(_all(event, "EXDATE")) if isinstance(each, date)]
        recurrence = Recurrence(
            rules=(*_all(event, "RRULE"), *(each for each in lists if isinstance(each, vBroken))),
            further=tuple(values(_all(event, "RDATE"))),
            excluded=(*excluded, *moved),
        )
        found, unread = spans(start, found[0][1], recurrence, min(limit, MAX_TIMES))
    moments = [(calendar_moment(begins), calendar_moment(ends)) for begins, ends in found]
    return [(begins, ends) for begins, ends in moments if begins is not None], unread


def _legs(event: Component, summary: str, description: str, starts: Moment, ends: Moment | None) -> list[Leg]:
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
    zone = place_zone(location) if _is_elsewhere(starts, ends) else None
    starts, ends = starts.at(zone), ends.at(zone) if ends else None
    lodging = _LODGING.match(summary)
    if lodging:
        return [Leg("lodging", to_place=location, starts=starts, ends=ends, property_name=lodging[1].strip())]
    if ends and ends.wall and not ends.has_time:
        ends = ends.days_later(-1)  # the end of whole days is the day after the last
        ends = ends if ends.wall and starts.wall and ends.wall >= starts.wall else starts
    return [Leg("presence", to_place=location, starts=starts, ends=ends)]


def _end(event: Component, start: Time) -> Time | None:
    end, duration = _dated(event, "DTEND"), _dated(event, "DURATION")
    if isinstance(end, date):
        return end
    return start + duration if isinstance(duration, timedelta) else None


def _airport(text: str) -> str:
    match = _CODE.fullmatch(text.strip())
    return match[1] if match and airport_zone(match[1]) else ""


def _is_elsewhere(*moments: Moment | None) -> bool:
    """Whether a time is written on another clock than that of its place, which is then asked for."""
    return any(moment is not None and not moment.is_local for moment in moments)


def _movement(kind: str, start: str, end: str, starts: Moment, ends: Moment | None, words: str) -> Leg:
    number = _FLIGHT.search(words) if kind == "flight" else None
    if _is_elsewhere(starts, ends):
        starts = starts.at(airport_zone(_airport(start)) or place_zone(start))
        ends = ends.at(airport_zone(_airport(end)) or place_zone(end)) if ends else None
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
