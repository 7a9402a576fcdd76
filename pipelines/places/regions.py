"""Which ISO 3166-2 region each GeoNames first-level division is.

GeoNames has codes of its own (``GB.ENG``, ``DE.02``). Names decide first (``Bavaria`` is ``Bayern`` by the votes of
airports), then the majority of airports whose ISO 3166-2 code is known, then an equal code, then one close name.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

from rapidfuzz import fuzz, process

from pipelines.places.sources import Row

_WORDS = re.compile(
    r"\b(province|region|state|governorate|oblast|prefecture|department|district|county|canton|municipality|republic|"
    r"emirate|voivodeship|autonomous|community|parish|of|the|de|del|la|el|al|city|capital|territory|krai|kray|"
    r"provincia|departamento|estado|wilaya|viloyati|islands?)\b"
)
_CLOSE = 84.0
"""Least likeness, 0 to 100, of two names within one country that counts as the same division."""


def fold(text: str) -> str:
    """A division's name without accents, case and words such as 'province'."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    words = re.sub(r"[^\w]+", " ", plain)
    return " ".join(_WORDS.sub(" ", words).split()) or words.strip()


def admin1_names(airports: Iterable[Row]) -> dict[tuple[str, str], list[str]]:
    """Names of each GeoNames division by (country, division code), the usual one first."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in airports:
        if row["admin1"]:
            counts[row["country_code"], row["admin1"]].update(row["admin1_names"])
    return {
        key: [name for name, _ in sorted(c.items(), key=lambda item: (-item[1], item[0]))] for key, c in counts.items()
    }


def _votes(airports: Iterable[Row]) -> dict[tuple[str, str], Counter[str]]:
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in airports:
        if row["admin1"] and row["iso31662"]:
            votes[row["country_code"], row["admin1"]][f"{row['country_code']}-{row['iso31662']}"] += 1
    return votes


def map_admin1(
    keys: Iterable[tuple[str, str]], airports: list[Row], divisions: Iterable[Row]
) -> dict[tuple[str, str], str]:
    """ISO 3166-2 code by (country, GeoNames division code); a division that nothing identifies is left out."""
    names, votes = admin1_names(airports), _votes(airports)
    known: dict[str, dict[str, str]] = defaultdict(dict)
    codes = set()
    for division in sorted(divisions, key=lambda row: (row["parent"] is not None, row["code"])):
        known[division["country_code"]].setdefault(fold(division["name"]), division["code"])
        codes.add(division["code"])
    found: dict[tuple[str, str], str] = {}
    for key in sorted(set(keys)):
        country = key[0]
        exact = [known[country][fold(name)] for name in names.get(key, []) if fold(name) in known[country]]
        voted = [code for code, _ in votes.get(key, Counter()).most_common(1) if code in codes]
        if country == "US" and f"US-{key[1]}" in codes:
            found[key] = f"US-{key[1]}"
        elif exact or voted:
            found[key] = (exact or voted)[0]
    _add_close(found, sorted(set(keys)), names, known, codes)
    return found


def _add_close(
    found: dict[tuple[str, str], str],
    keys: list[tuple[str, str]],
    names: dict[tuple[str, str], list[str]],
    known: dict[str, dict[str, str]],
    codes: set[str],
) -> None:
    """Give each division left one close name among those not taken, else the division of the same code."""
    taken = set(found.values())
    for key in keys:
        if key in found:
            continue
        free = {name: code for name, code in known[key[0]].items() if code not in taken}
        best = [
            process.extractOne(fold(name), free.keys(), scorer=fuzz.ratio, score_cutoff=_CLOSE)
            for name in names.get(key, [])
        ]
        hit = max((match for match in best if match), key=lambda match: match[1], default=None)
        if hit:
            found[key] = free[hit[0]]
        elif key[1].isalpha() and f"{key[0]}-{key[1]}" in codes:
            found[key] = f"{key[0]}-{key[1]}"
        if key in found:
            taken.add(found[key])
