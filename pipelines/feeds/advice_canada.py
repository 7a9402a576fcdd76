"""Canada's travel advice: ``index-alpha-eng.json`` of the open data service.

The level is the number ``advisory-state`` (0 to 3), because the words beside it changed over the years. The instant is
the number of seconds in ``date-published``: its texts are local times without a zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.feeds.advice import instant_of_epoch, instant_with_offset, row, words
from pipelines.feeds.json_text import JsonText, text_of
from pipelines.feeds.record import Record
from pipelines.landing.text import GateError

REGIONAL = " (with regional advisories)"


def read(data: bytes) -> Iterator[Record]:
    """One record a country of the index. Raises GateError where the file is no such index (F3)."""
    document = JsonText(data)
    countries = None
    if document.is_object(document.root):
        found = [start for name, start, _ in document.members(document.root) if name == "data"]
        countries = found[0] if found and document.is_object(found[0]) else None
    if countries is None:
        raise GateError("it is no index of Canada's travel advice: it has no object 'data'")
    for code, start, end in document.members(countries):
        yield _record(code, document.value(start)[0], document.place_of(start, end))


def _record(code: str, entry: Any, where: tuple[int, int, int]) -> Record:
    if not isinstance(entry, dict):
        return Record(*where, reason="the entry of the index is no object")
    english = entry.get("eng")
    name = words(english.get("name")) if isinstance(english, dict) else None
    name = name or words(entry.get("country-eng"))
    if name is None:
        return Record(*where, reason="the entry names no country")
    published = entry.get("date-published")
    published_at = None
    if isinstance(published, dict):
        published_at = instant_of_epoch(published.get("timestamp")) or instant_with_offset(published.get("asp"))
    code = code.strip().upper()
    rating = row(
        "canada",
        name,
        _level(entry),
        published_at=published_at,
        country_code=code if len(code) == 2 and code.isalpha() and code.isascii() else None,
    )
    return Record(*where, rows=(rating,))


def _level(entry: dict[str, Any]) -> str | None:
    state = entry.get("advisory-state")
    regional = entry.get("has-regional-advisory")
    if isinstance(state, int) and not isinstance(state, bool) and regional in (1, "1", True):
        return f"{state}{REGIONAL}"
    return text_of(state)
