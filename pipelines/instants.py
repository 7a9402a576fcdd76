"""Instants as people write them, turned into naive UTC."""

from __future__ import annotations

import datetime
import zoneinfo

from pipelines.errors import UsageError

OLD_AFTER = datetime.timedelta(hours=26)
"""A daily run may be two hours late before what it published is called old."""
EXAMPLE = "2026-11-22T08:00Z or 2026-11-22 or '2026-11-22 09:30'"


def parse_instant(text: str, timezone: str, option: str) -> datetime.datetime:
    """An ISO 8601 instant as naive UTC; without an offset it is wall-clock time in ``timezone``.

    A time that the clocks show twice is the earlier one, a time they skip moves forward by the gap (S1).
    ``option`` names the option in the UsageError for text that is no instant.
    """
    if text.strip().lower() == "now":
        return now()
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{option} '{text}' is no instant; write it like {EXAMPLE}.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zoneinfo.ZoneInfo(timezone), fold=0)
    try:
        return moment.astimezone(datetime.UTC).replace(tzinfo=None)
    except OverflowError:
        raise UsageError(f"{option} '{text}' is outside the calendar.") from None


def require_known_year(as_of: datetime.datetime | None) -> None:
    """Weeks and the clocks of places are known for some decades; beyond them nothing could be counted: UsageError."""
    from pipelines.landing.cast import TRAVEL_YEARS

    first, last = TRAVEL_YEARS
    if as_of is not None and not first <= as_of.year <= last:
        raise UsageError(f"--as-of is outside the years {first} to {last}.")


def now() -> datetime.datetime:
    """The present instant as naive UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)


def span(length: datetime.timedelta) -> str:
    """A length of time in its largest fitting unit: ``40 minutes``, ``5 hours``, ``3 days``."""
    seconds = abs(length.total_seconds())
    for size, unit in ((86400.0, "day"), (3600.0, "hour")):
        if seconds >= 2 * size or (unit == "day" and seconds >= 1.5 * size):
            count = round(seconds / size)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    minutes = round(seconds / 60)
    return "less than a minute" if minutes < 1 else f"{minutes} minute{'' if minutes == 1 else 's'}"
