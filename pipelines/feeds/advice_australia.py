"""Australia's travel advice: the destinations export of Smartraveller, a JSON array with one object a destination.

The level is the advice in words, ``field_overall_advice_level``; ``changed`` is a clock on a wall in Canberra.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.feeds.advice import instant_with_offset, row, words
from pipelines.feeds.json_text import JsonText, text_of
from pipelines.feeds.record import Record
from pipelines.landing.text import GateError

_ZONE = ZoneInfo("Australia/Sydney")
_WALL = re.compile(r"^(?:[A-Za-z]{3,9},\s*)?(\d{4}-\d{2}-\d{2})[ T-]+(\d{2}:\d{2})(?::\d{2})?$")


def read(data: bytes) -> Iterator[Record]:
    """One record a destination. Raises GateError where the file is no such export (F3)."""
    document = JsonText(data)
    if not document.is_array(document.root):
        raise GateError("it is no export of Smartraveller's destinations: it is not an array")
    for start, end in document.elements(document.root):
        yield _record(document.value(start)[0], document.place_of(start, end))


def _record(entry: Any, where: tuple[int, int, int]) -> Record:
    if not isinstance(entry, dict):
        return Record(*where, reason="the destination is no object")
    name = words(entry.get("title"))
    if name is None:
        return Record(*where, reason="the destination has no title")
    level = entry.get("field_overall_advice_level")
    rating = row(
        "australia",
        name,
        words(level) if isinstance(level, str) else text_of(level),
        published_at=_published(entry.get("changed")),
    )
    return Record(*where, rows=(rating,))


def _published(value: Any) -> str | None:
    text = words(value)
    match = _WALL.match(text) if text else None
    if match is None:
        return instant_with_offset(text)
    try:
        wall = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=_ZONE)
    except ValueError:
        return None
    return wall.astimezone(UTC).isoformat() if 1970 < wall.year < 2200 else None
