"""The United Kingdom's travel advice: documents of the GOV.UK content API, one a country.

A file holds them all: a JSON array, or what ``muster fetch`` wraps one in. The level is the list
``details.alert_status``: an empty list means that nothing is advised against, an absent one that nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.feeds.advice import instant_with_offset, row, words
from pipelines.feeds.json_text import JsonText, text_of
from pipelines.feeds.record import Record
from pipelines.landing.text import GateError

NOTHING = "no specific alerts"


def read(data: bytes) -> Iterator[Record]:
    """One record a document. Raises GateError where the file holds no such documents (F3)."""
    document = JsonText(data)
    root = document.root
    if document.is_array(root):
        spans = list(document.elements(root))
    elif document.is_object(root) and (_is_document(document.value(root)[0])):
        spans = [(root, document.value(root)[1])]
    else:
        raise GateError("it holds no documents of the GOV.UK content API: neither an array nor one with 'details'")
    for start, end in spans:
        yield _record(document.value(start)[0], document.place_of(start, end))


def _is_document(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("details"), dict) and "alert_status" in value["details"]


def _record(entry: Any, where: tuple[int, int, int]) -> Record:
    details = entry.get("details") if isinstance(entry, dict) else None
    if not isinstance(details, dict):
        return Record(*where, reason="the document has no details")
    country = details.get("country")
    name = words(country.get("name")) if isinstance(country, dict) else None
    if name is None:
        return Record(*where, reason="the document names no country")
    published_at = instant_with_offset(entry.get("public_updated_at")) or instant_with_offset(details.get("updated_at"))
    return Record(*where, rows=(row("united_kingdom", name, _level(details), published_at=published_at),))


def _level(details: dict[str, Any]) -> str | None:
    statuses = details.get("alert_status")
    if not isinstance(statuses, list) or not all(isinstance(status, str) for status in statuses):
        return text_of(statuses)
    said = sorted({status.strip().lower() for status in statuses} - {""})
    if not said:
        return None if statuses else NOTHING
    return ", ".join(said)
