"""The United States' travel advisories: the JSON of the consular data service, or the RSS feed as second source.

The level is in the title ("Kenya - Level 2: Exercise Increased Caution"). Country codes are FIPS 10-4, where AU is
Austria and AS is Australia; they are translated by ``data/reference/fips_countries.csv``, never read as ISO.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from xml.parsers import expat

from pipelines.feeds.advice import country_of_fips, instant_with_offset, row, words
from pipelines.feeds.json_text import JsonText, gate
from pipelines.feeds.record import Record
from pipelines.landing.text import GateError

_TITLE = re.compile(r"^(?P<name>.+?)\s*[-\u2013\u2014:]\s*(?P<level>Level\s*\d.*)$", re.IGNORECASE)
_FORBIDDEN = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_MAX_FIELD = 20_000


def read(data: bytes) -> Iterator[Record]:
    """One record an advisory, from either source. Raises GateError where the file is neither (F3)."""
    gate(data)
    if data.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<":
        yield from _read_rss(data)
        return
    document = JsonText(data)
    if not document.is_array(document.root):
        raise GateError("it is no list of the United States' travel advisories: it is not an array")
    for start, end in document.elements(document.root):
        where = document.place_of(start, end)
        entry = document.value(start)[0]
        if not isinstance(entry, dict):
            yield Record(*where, reason="the advisory is no object")
            continue
        published = instant_with_offset(entry.get("Updated")) or instant_with_offset(entry.get("Published"))
        codes = entry.get("Category")
        yield _record(entry.get("Title"), codes if isinstance(codes, list) else [codes], published, where)


def _record(title: Any, codes: list[Any], published_at: str | None, where: tuple[int, int, int]) -> Record:
    text = words(title)
    if text is None:
        return Record(*where, reason="the advisory has no title")
    match = _TITLE.match(text)
    name, level = (match["name"], match["level"]) if match else _without_level(text)
    countries = {country_of_fips().get(code.strip().upper()) for code in codes if isinstance(code, str)} - {None}
    code = countries.pop() if len(countries) == 1 else None
    return Record(*where, rows=(row("united_states", name, level, published_at=published_at, country_code=code),))


def _without_level(title: str) -> tuple[str, str | None]:
    """A title such as 'Mexico - See Summaries': what stands for the level maps to nothing, and that is reported."""
    name, dash, rest = title.rpartition(" - ")
    return (name.strip(), rest.strip() or None) if dash and name.strip() else (title, None)


class _Rss:
    """Items of an RSS feed with their bytes; expat alone, so that nothing is fetched and no entity is defined."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.items: list[tuple[int, int, dict[str, list[str]]]] = []
        self._start = 0
        self._fields: dict[str, list[str]] | None = None
        self._name: str | None = None
        self._text: list[str] = []
        self.is_feed = False
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.CharacterDataHandler = self._characters

    def parse(self) -> None:
        """Read the whole feed; raises GateError where it is no whole XML."""
        try:
            self._parser.Parse(self.data, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise GateError("it is no whole XML text; it may have been cut short") from error

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self.is_feed = self.is_feed or name in ("rss", "channel")
        if name == "item":
            self._start, self._fields = self._parser.CurrentByteIndex, {}
        elif self._fields is not None:
            self._name = f"{name} {attributes['domain']}" if "domain" in attributes else name
            self._text = []

    def _characters(self, text: str) -> None:
        if self._name is not None and len(self._text) < _MAX_FIELD:
            self._text.append(text)

    def _close(self, name: str) -> None:
        if name == "item" and self._fields is not None:
            end = self.data.find(b">", self._parser.CurrentByteIndex) + 1
            self.items.append((self._start, end, self._fields))
            self._fields = None
        elif self._fields is not None and self._name is not None:
            self._fields.setdefault(self._name, []).append("".join(self._text)[:_MAX_FIELD])
            self._name = None


def _read_rss(data: bytes) -> Iterator[Record]:
    if _FORBIDDEN.search(data):
        raise GateError("it declares a document type, which a feed of advisories does not")
    feed = _Rss(data)
    feed.parse()
    if not feed.is_feed:
        raise GateError("it is XML, but no RSS feed")
    line, counted = 1, 0
    for start, end, fields in feed.items:
        line += data.count(b"\n", counted, start)
        counted = start
        title = next(iter(fields.get("title", [])), None)
        codes: list[Any] = list(fields.get("category Country-Tag", []))
        yield _record(title, codes, _published(fields), (start, end, line))


def _published(fields: dict[str, list[str]]) -> str | None:
    """The date of an item; one without a clock is its midnight in UTC."""
    for text in fields.get("pubDate", []):
        stripped = text.strip()
        try:
            moment = parsedate_to_datetime(stripped if ":" in stripped else f"{stripped} 00:00:00 +0000")
        except (ValueError, IndexError, TypeError):
            continue
        return instant_with_offset(moment.isoformat() if moment.tzinfo else f"{moment.isoformat()}+00:00")
    return None
