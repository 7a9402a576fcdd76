"""Time zones that a calendar defines itself, under names that only it knows (RFC 5545: VTIMEZONE).

Only rules of one day a year are taken, as clocks are changed: any other may take for ever to be expanded. A zone of
such a rule is as if it were not defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from io import StringIO
from typing import Any

from dateutil.tz import tzical

_MAX_ZONES = 20
_MAX_LINES = 200
_LINE = re.compile(
    r"(?:BEGIN|END):(?:VTIMEZONE|STANDARD|DAYLIGHT)|TZID:.{1,200}|DTSTART:\d{8}T\d{6}|TZOFFSET(?:FROM|TO):[+-]\d{4}|"
    r"RRULE:FREQ=YEARLY(?:;(?:INTERVAL=1|WKST=[A-Z]{2}|UNTIL=\d{8}T\d{6}Z?|BYMONTH=(?:0?[1-9]|1[0-2])|"
    r"BYDAY=[+-]?[1-4]?(?:SU|MO|TU|WE|TH|FR|SA)))*"
)
_UNREAD = re.compile(r"TZNAME|COMMENT|LAST-MODIFIED|TZURL|X-", re.IGNORECASE)


def defined_zones(lines: Iterable[str]) -> dict[str, tzinfo]:
    """The zones that these lines define, by their names."""
    found: dict[str, tzinfo] = {}
    zone: list[str] | None = None
    for line in (line.strip() for line in lines):
        upper = line[:40].upper()
        if upper == "BEGIN:VTIMEZONE":
            zone = []
        if zone is None or _UNREAD.match(line):
            continue
        zone.append(f"TZID:{line[5:]}" if upper.startswith("TZID:") else line.upper())
        if upper == "END:VTIMEZONE":
            if len(found) < _MAX_ZONES and len(zone) <= _MAX_LINES and all(map(_LINE.fullmatch, zone)):
                found |= _zone("\n".join(zone))
            zone = None
    return found


def _zone(text: str) -> dict[str, tzinfo]:
    try:
        zones = tzical(StringIO(text))
        return {name: zones.get(name) for name in zones.keys()}  # noqa: SIM118 - no dictionary
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError):
        return {}


def put_on_zones(values: Iterable[Any], zones: dict[str, tzinfo]) -> None:
    """Give the calendar library's dates and times of a zone that it does not know the one that is defined."""
    for value in values:
        zone = zones.get(str(getattr(value, "params", {}).get("TZID", "")))
        for each in getattr(value, "dts", [value]) if zone else []:
            if isinstance(each.dt, datetime) and each.dt.tzinfo is None:
                each.dt = each.dt.replace(tzinfo=zone)
