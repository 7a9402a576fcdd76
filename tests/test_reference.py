"""What a run knows of time zones: nights at changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipelines.reference import nights_at_changes

SPAN = timedelta(hours=26)


def nights_before(timezone: str, instant: datetime, corrections: list[tuple[datetime, datetime, int]]) -> int:
    """Nights that came before an instant, as mart.exposure_by_week counts them."""
    local = instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    number = (local - timedelta(hours=3, microseconds=1) - datetime(1970, 1, 1)) // timedelta(days=1)
    return number + sum(by for change, until, by in corrections if change <= instant <= until)


def nights_told(timezone: str, first: datetime, last: datetime) -> int:
    """Nights from one instant to another, each looked up: 03:00 local as S1 reads it."""
    days = [first.replace(hour=3, minute=0) + timedelta(days=number) for number in range(-3, (last - first).days + 4)]
    zone = ZoneInfo(timezone)
    instants = [day.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) for day in days]
    return sum(first <= instant < last for instant in instants)


@pytest.mark.parametrize("year", [1997, 2011, 2026])
def test_nights_are_counted_as_if_each_were_looked_up(year: int) -> None:
    found = nights_at_changes(datetime(year, 1, 1), datetime(year + 1, 1, 1))
    by_zone: dict[str, list[tuple[datetime, datetime, int]]] = {}
    for timezone, change, until, by in found:
        by_zone.setdefault(timezone, []).append((change, until, by))
    assert "Europe/Kyiv" in by_zone and "Europe/Berlin" not in by_zone, "Kyiv changes at 03:00, Berlin before"
    for timezone, corrections in by_zone.items():
        for change, _, _ in corrections:
            start = change - SPAN
            before = nights_before(timezone, start, corrections)
            for step in range(4 * 26 * 2):
                instant = start + step * timedelta(minutes=15)
                counted = nights_before(timezone, instant, corrections) - before
                assert counted == nights_told(timezone, start, instant), (timezone, instant)
