"""The times of a recurring calendar event (RFC 5545): its rule, further dates and exceptions, within limits.

A rule is followed on the event's own clock, from its first time on. Only rules of days and more are followed: no stay
comes of anything more often.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from dateutil.rrule import rrulestr
from icalendar import vBroken

MAX_TIMES = 366
"""Times of one event that are read: every day of a year, every week of seven."""
MAX_YEARS = 10
"""Years from its first time in which a rule is followed."""
GOES_ON = (
    f"it is a recurring event that goes on after its first {MAX_TIMES} times or {MAX_YEARS} years; what comes later is "
    "not read"
)
NOT_FOLLOWED = "it is a recurring event whose rule cannot be followed; only the times that it names itself are read"

_FOLLOWED = frozenset(
    ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO",
     "BYSETPOS")
)  # fmt: skip
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")

Time = date | datetime
Span = tuple[Time, Time | None]
"""When an event begins, and ends where it says so."""


@dataclass(frozen=True)
class Recurrence:
    """What an event says of its recurrence, in values of the calendar library."""

    rules: tuple[Any, ...] = ()
    further: tuple[Any, ...] = ()
    """Dates, times or periods on which it takes place as well."""
    excluded: tuple[Time, ...] = ()


def spans(start: Time, end: Time | None, recurrence: Recurrence, limit: int = MAX_TIMES) -> tuple[list[Span], str]:
    """When the event takes place, in order, and in words what of it is not read; empty where all is."""
    clock = _wall(start, start)
    if end is None:  # as the standard has it; an open end would hold the traveller there between the times
        end = start if isinstance(start, datetime) else start + timedelta(days=1)
    found: dict[datetime, Span] = {clock: (start, end)}
    reason = ""
    for rule in recurrence.rules:
        if limit <= 1:
            reason = NOT_FOLLOWED
            continue
        try:
            times, goes_on = _followed(rule, start, limit)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
            times, goes_on, reason = [], False, NOT_FOLLOWED
        reason = reason or (GOES_ON if goes_on else "")
        for when in times:
            found.setdefault(when, (_at(when, start), end + (when - clock)))
    for further in recurrence.further:
        begins, ends = further if isinstance(further, tuple) else (further, None)
        when = _wall(begins, start)
        if isinstance(ends, timedelta):
            ends = begins + ends
        found[when] = (_at(when, start), ends or end + (when - clock))
    days = {each for each in recurrence.excluded if not isinstance(each, datetime)}
    moments = {_wall(each, start) for each in recurrence.excluded if isinstance(each, datetime)}
    kept = [found[when] for when in sorted(found) if when not in moments and when.date() not in days]
    return kept[:limit], reason or (GOES_ON if len(kept) > limit else "")


def values(properties: Iterable[Any]) -> list[Any]:
    """The values of properties that hold lists of dates; what is broken is passed over."""
    lists = [each for each in properties if not isinstance(each, vBroken)]
    return [each.dt for listed in lists for each in getattr(listed, "dts", ())]


def _followed(rule: Any, start: Time, limit: int) -> tuple[list[datetime], bool]:
    """The times of a rule on the clock of ``start``, and whether it goes on after them; raises where it is no rule."""
    parts = {name.upper(): given for name, given in dict(rule).items()}
    interval = int(_first(parts.get("INTERVAL"), 1))
    if any(isinstance(given, list) and len(given) > 62 for given in parts.values()):
        raise ValueError
    if set(parts) - _FOLLOWED or str(_first(parts.get("FREQ"), "")).upper() not in _FREQUENCIES or interval < 1:
        raise ValueError
    count, until = _first(parts.pop("COUNT", None), None), _first(parts.pop("UNTIL", None), None)
    clock = _wall(start, start)
    last = _last_day(clock)
    if until is not None:
        end = _wall(until, start) if isinstance(until, datetime) else datetime.combine(until, time.max)
        last, until = min(last, end), end
    texts = [f"{name}={','.join(map(_text, given if isinstance(given, list) else [given]))}" for name, given in
             parts.items()]  # fmt: skip
    years = _years_to_the_end(clock.year)
    until_text = f"UNTIL={last.replace(year=last.year + years):%Y%m%dT%H%M%S}"
    followed = rrulestr(";".join([*texts, until_text]), dtstart=clock.replace(year=clock.year + years))
    wanted = limit if count is None else min(limit, int(count))
    times = [when.replace(year=when.year - years) for when in islice(followed, wanted + 1)]
    if len(times) > wanted:
        return times[:wanted], count is None or int(count) > wanted
    is_over = (count is not None and len(times) >= int(count)) or (until is not None and until <= last)
    return times, not is_over


def _years_to_the_end(year: int) -> int:
    """Years until one of the same calendar near the last that there is, between which all years follow alike.

    The library looks for the next time of a rule up to the last year, whatever the rule's end: 30 February costs it
    some millions of days from today on, and some thousands from there on.
    """
    if not 1901 <= year <= 2099 - MAX_YEARS:
        raise ValueError
    ends = range(MAXYEAR - MAX_YEARS - 28, MAXYEAR - MAX_YEARS)
    return next(end for end in ends if _calendar(end) == _calendar(year)) - year


def _calendar(year: int) -> tuple[int, bool]:
    return date(year, 1, 1).weekday(), isleap(year)


def _first(given: Any, otherwise: Any) -> Any:
    value = given[0] if isinstance(given, list) and given else given
    return otherwise if value is None else value


def _text(value: Any) -> str:
    return value.to_ical().decode() if hasattr(value, "to_ical") else str(value)


def _last_day(clock: datetime) -> datetime:
    return clock + timedelta(days=365 * MAX_YEARS + MAX_YEARS // 4)


def _wall(value: Time, like: Time) -> datetime:
    """A date or time on the clock on which ``like`` is given, without a zone; a date stands at its midnight."""
    if not isinstance(value, datetime):
        clock = like.time() if isinstance(like, datetime) else time()
        return datetime.combine(value, clock)
    if not isinstance(like, datetime):
        return datetime.combine(value.date(), time())
    if value.tzinfo is not None and like.tzinfo is not None:
        value = value.astimezone(like.tzinfo)
    return value.replace(tzinfo=None)


def _at(when: datetime, like: Time) -> Time:
    return when.replace(tzinfo=like.tzinfo) if isinstance(like, datetime) else when.date()
