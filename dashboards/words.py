"""The dashboard's words and colours: levels, presences, instants and durations as a duty officer says them.

Nothing here reads data or the clock; every function turns values into text. HTML is made only by functions that
escape what they are given.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import babel
import pycountry

from pipelines.instants import span


@dataclass(frozen=True)
class Level:
    """A risk level as it is shown: number and word always, colour and map symbol besides."""

    number: int | None
    word: str
    fill: str
    ink: str
    symbol: str

    @property
    def text(self) -> str:
        """Number and word, such as ``5 Extreme``."""
        return self.word if self.number is None else f"{self.number} {self.word}"

    @property
    def sign(self) -> str:
        """The single character that stands on the map."""
        return "?" if self.number is None else str(self.number)


_LINKED = re.compile(r"https?(?=:)|www(?=\.)|@", re.IGNORECASE)
"""What begins an address that Markdown would link by itself."""

_LIST_MARK = re.compile(r"[-+#=]|[0-9]{1,9}[.)]")
"""What makes a line a list or a heading where it stands first."""

UNKNOWN = Level(None, "Level unknown", "#FFFFFF", "#11171B", "circle")
# From light to dark by rising level, blue to wine: apart under protan, deutan and tritan vision (tested) and in grey.
LEVELS = {
    1: Level(1, "Insignificant", "#E6F0F5", "#11171B", "circle"),
    2: Level(2, "Low", "#8FC3E8", "#11171B", "circle"),
    3: Level(3, "Medium", "#E9B218", "#11171B", "circle"),
    4: Level(4, "High", "#DB641F", "#11171B", "diamond"),
    5: Level(5, "Extreme", "#6B0F2A", "#FFFFFF", "square"),
}

PRESENCE = {
    "confirmed": "There (confirmed)",
    "likely": "There (likely)",
    "possible": "Possibly there",
    "overdue": "Overdue",
    "transit": "In transit",
    "en_route": "On the way there",
}

RATING_STATUS = {
    "rated": "Rated",
    "stale": "Rating is old",
    "unrated": "Nobody rates this place",
    "place_unknown": "Place not recognised",
}

EVACUATION = {
    "standby": "Evacuation: standby",
    "evacuate_nonessential": "Evacuate non-essential people",
    "evacuate_full": "Evacuate everybody",
}

IDENTITY = {
    "matched": "Found on the roster",
    "ambiguous": "Ambiguous: several people on the roster fit",
    "unknown": "Not on the roster",
}

FEED_STATUS = {
    "current": "Up to date",
    "stale": "Stale",
    "missing": "Never came",
    "failed": "Failed",
}

EVIDENCE = {"registrations": "registration", "bookings": "booking", "expenses": "expense", "itineraries": "itinerary"}

FILE_STATUS = {"loaded": "Loaded", "failed": "Failed", "held": "Held for a decision"}

RUN_STATUS = {
    "succeeded": "Succeeded",
    "failed": "Failed",
    "stopped": "Stopped by somebody",
    "running": "At work",
    "broken_off": "Broken off",
}

REASON_NO_LEVEL = "not rated, or the place was not recognised: it may be anything, and is never read as low"


def level_of(number: int | None) -> Level:
    """The level as shown; NULL and anything outside 1 to 5 is unknown, never low."""
    return UNKNOWN if number is None else LEVELS.get(int(number), UNKNOWN)


def without_steering(value: object) -> str:
    """A value as one line of text without characters that only steer direction or the terminal."""
    return " ".join("".join(c for c in str(value) if c in "\n\t" or not _steers(c)).split())


def plain(value: object, longest: int = 90) -> str:
    """A value for headings and labels, which Streamlit reads as Markdown: each sign that means something is escaped.

    An address becomes a link there even escaped; a joiner without width inside keeps it text.
    """
    text = without_steering(value)
    text = text if len(text) <= longest else f"{text[:longest]}…"
    text = _LINKED.sub("\\g<0>\u2060", text)
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~$:@^=&'\"" else c for c in text)


def label(value: object, longest: int = 90) -> str:
    """A value for the label of a field, which is drawn as Markdown and read aloud as it is written.

    Only what would mean something there is escaped, so that a usual name is read as it is.
    """
    text = without_steering(value)
    text = text if len(text) <= longest else f"{text[:longest]}…"
    text = _LINKED.sub("\\g<0>\u2060", text)
    begins = _LIST_MARK.match(text)
    mark = begins.end() - 1 if begins else -1
    return "".join(f"\\{c}" if c in "\\`*_[]<>$~:&|" or place == mark else c for place, c in enumerate(text))


def safe(value: object, longest: int = 160) -> str:
    """A value as HTML text that reads in its own direction; beyond `longest` characters it ends in an ellipsis.

    The full text stays in the title. None becomes a dash.
    """
    if value is None or value == "":
        return '<span class="m-dim">–</span>'
    # Characters that only steer direction or the terminal could make a name read as another one.
    text = without_steering(value)
    # Only a text with a monstrous word may be broken anywhere; others keep their words whole.
    look = ' class="m-long"' if max(map(len, text.split()), default=0) > 16 else ""
    if len(text) <= longest:
        return f"<bdi{look}>{html.escape(text)}</bdi>"
    return f'<bdi{look} title="{html.escape(text[:2000])}">{html.escape(text[:longest])}…</bdi>'


def _steers(character: str) -> bool:
    return (
        character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" or unicodedata.category(character) == "Cc"
    )


def badge(number: int | None) -> str:
    """A level as an HTML badge: number, word, colour."""
    level = level_of(number)
    return f'<span class="m-level m-level-{level.number or "x"}">{html.escape(level.text)}</span>'


def lookup(words: dict[str, str], value: str | None) -> str:
    """The office's word for a coded value; a code without one is shown as it is, with spaces."""
    if value is None:
        return "not known"
    return words.get(value, value.replace("_", " "))


@functools.lru_cache(maxsize=1)
def _territories() -> dict[str, str]:
    return {str(code): str(name) for code, name in babel.Locale("en").territories.items()}


def country_name(code: str | None) -> str:
    """The English name of an ISO 3166-1 alpha-2 code; the code itself where there is none."""
    return "Country not known" if not code else _territories().get(code, code)


@functools.lru_cache(maxsize=300)
def country_alpha_3(code: str | None) -> str | None:
    """The alpha-3 code that the map's outlines are keyed by, None where there is none."""
    if code == "XK":
        return "XKX"
    country = pycountry.countries.get(alpha_2=code) if code else None
    return country.alpha_3 if country else None


def in_zone(instant: datetime, zone: str) -> datetime:
    """A naive UTC instant as an aware one in the office's zone."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))


def moment(instant: datetime | None, zone: str, beside: datetime | None = None) -> str:
    """A UTC instant in the office's zone, the zone marked: ``Thu 12 Nov 09:00 GMT``.

    The year is left out where it is that of `beside`.
    """
    if instant is None:
        return "not known"
    local = in_zone(instant, zone)
    year = "" if beside is not None and in_zone(beside, zone).year == local.year else f" {local.year}"
    name = local.tzname() or ""
    if name[:1] in "+-":
        name = f"UTC{name}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M} {name}"


def since(start: datetime | None, at: datetime) -> str:
    """How long something has lasted at `at`: ``for 3 days``."""
    if start is None:
        return ""
    return f"for {span(at - start)}" if start <= at else f"starts in {span(start - at)}"


def until(end: datetime | None, at: datetime) -> str:
    """How far an end is from `at`: ``in 2 days`` or ``3 hours ago``."""
    if end is None:
        return ""
    return f"in {span(end - at)}" if end > at else f"{span(at - end)} ago"


def evidence(entries: Sequence[str] | None) -> str:
    """What a stay rests on, by feed (an entry is ``feed:file:record``): ``by registration and booking``."""
    feeds = {entry.partition(":")[0] for entry in entries or ()}
    known = [word for feed, word in EVIDENCE.items() if feed in feeds]
    told = known + sorted(feeds - set(EVIDENCE))
    return f"by {joined(told)}" if told else "no evidence named"


def count_of(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: ``1 person``, ``2 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def joined(parts: list[str], last: str = "and") -> str:
    """Words as a list in prose: ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""
