"""Dates and local times as itineraries write them: the clock on the wall at the place, with what is known of its zone.

An offset says how the wall clock there stands to UTC, so the clock is kept as given. UTC itself (``Z``, ``+00:00``) and
a calendar's zone say nothing of the place: such an instant is converted where the place's zone is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

_MOMENT = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T ]{1,3}(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?\s?(?:(Z)|([+-]\d{1,2}):?(\d{2})?)?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"T?(\d{1,2}):(\d{2})(?::\d{2})?(?:Z|[+-]\d{1,2}:?\d{2})?", re.IGNORECASE)
_MAX_TEXT = 100


@dataclass(frozen=True)
class Moment:
    """A local date, with a clock time where one was given."""

    wall: datetime | None
    """Naive local time, midnight where only a date was given; None where the text was not understood."""
    has_time: bool = False
    instant: datetime | None = None
    """The same in UTC (aware), where the document says so."""
    is_local: bool = True
    """Whether the clock is that of the place; false for UTC and a calendar's own zone."""
    raw: str = ""

    def text(self) -> str:
        """What the contract casts; a text that was not understood goes on as it is and is rejected there."""
        if self.wall is None:
            return self.raw
        return self.wall.isoformat(timespec="seconds") if self.has_time else self.wall.date().isoformat()

    def at(self, zone: str | None) -> Moment:
        """On the clock of a place, where its zone is known and the document's clock is another."""
        if zone is None or self.instant is None or self.is_local:
            return self
        try:
            return replace(self, wall=self.instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None), is_local=True)
        except OverflowError:
            return self

    def days_later(self, days: int) -> Moment:
        """The same clock some days later; itself where no such day exists."""
        if self.wall is None:
            return self
        try:
            instant = self.instant + timedelta(days=days) if self.instant else None
            return replace(self, wall=self.wall + timedelta(days=days), instant=instant)
        except OverflowError:
            return self

    def with_clock(self, clock: str) -> Moment:
        """This date at a clock time such as ``14:00``; itself where the text is none."""
        match = _CLOCK.fullmatch(clock.strip())
        if self.wall is None or match is None or int(match[1]) > 23 or int(match[2]) > 59:
            return self
        wall = self.wall.replace(hour=int(match[1]), minute=int(match[2]), second=0)
        return Moment(wall, True)

    def utc_text(self) -> str:
        """The instant for a column of type instant; empty where the document does not say one."""
        if self.instant is not None:
            return self.instant.strftime("%Y-%m-%dT%H:%M:%SZ") if self.instant.year >= 1900 else ""
        return self.text() if self.wall is not None and self.has_time else ""


def parse_moment(value: Any) -> Moment | None:
    """A schema.org date or time, also as ``{"@value": …, "timezone": …}``; None where there is none."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value")
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()[:_MAX_TEXT]
    match = _MOMENT.fullmatch(text)
    if match is None:
        return Moment(None, raw=text)
    year, month, day = (int(part) for part in match.group(1, 2, 3))
    hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
    try:
        wall = datetime(year, month, day, hour, minute, second)
        if match[4] is None:
            return Moment(wall)
        if match[7] is None and match[8] is None:
            return Moment(wall, True)
        sign = -1 if match[8] and match[8].startswith("-") else 1
        offset = timedelta(hours=abs(int(match[8] or 0)), minutes=int(match[9] or 0)) * sign
        instant = wall.replace(tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return Moment(None, raw=text)
    return Moment(wall, True, instant, is_local=bool(offset))


def calendar_moment(value: date | datetime | None) -> Moment | None:
    """A calendar's date or time; a floating time is one on the clock of the place."""
    if not isinstance(value, datetime):
        return Moment(datetime(value.year, value.month, value.day)) if isinstance(value, date) else None
    wall = value.replace(tzinfo=None, microsecond=0)
    if value.tzinfo is None:
        return Moment(wall, True)
    try:
        return Moment(wall, True, value.astimezone(UTC).replace(microsecond=0), is_local=False)
    except (OverflowError, ValueError):
        return Moment(wall, True)


@cache
def _airport_zones() -> dict[str, str]:
    import airportsdata

    return {code: airport["tz"] for code, airport in airportsdata.load("IATA").items()}


def airport_zone(code: str) -> str | None:
    """The IANA zone of an IATA airport code; None where it is no airport that is known."""
    return _airport_zones().get(code)
