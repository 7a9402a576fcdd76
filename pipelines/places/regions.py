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
    r"teukbyeolsi|gwangyeoksi|jachisi|provincia|departamento|estado|wilaya|viloyati|islands?)\b"
)
_COARSE = frozenset({("PS", "WE"), ("RS", "SE")})
"""Divisions of GeoNames that hold several of ISO's: the West Bank, central Serbia. Their cities have no region."""

_CLOSE = 84.0
"""Least likeness, 0 to 100, of two names within one country that counts as the same division."""


def _plain(text: str) -> str:
    """A name without accents, case and signs."""
    kept = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    return re.sub(r"[^\w]+", " ", kept.replace("'", "")).strip()


def fold(text: str) -> str:
    """A division's name without accents, case and words such as 'province'."""
    words = _plain(text)
    return " ".join(_WORDS.sub(" ", words).split()) or words


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


class _Divisions:
    """The ISO 3166-2 divisions of all countries, found by name; English names of the alias table count too."""

    def __init__(self, divisions: Iterable[Row], english: Iterable[tuple[str, str]]) -> None:
        self.codes: set[str] = set()
        self._plain: dict[str, dict[str, str]] = defaultdict(dict)
        self._folded: dict[str, dict[str, str]] = defaultdict(dict)
        for row in sorted(divisions, key=lambda row: (row["parent"] is not None, row["code"])):
            self.codes.add(row["code"])
            for name in re.split(r"[\[\](),/]", row["name"]):
                self._add(row["code"], name)
        for name, code in english:
            if code in self.codes:
                self._add(code, name)

    def _add(self, code: str, name: str) -> None:
        country = code.split("-")[0]
        if name.strip():
            self._plain[country].setdefault(_plain(name), code)
            self._folded[country].setdefault(fold(name), code)

    def literal(self, country: str, names: Iterable[str]) -> str | None:
        """The division that carries one of the names as it is."""
        return next((self._plain[country][key] for key in map(_plain, names) if key in self._plain[country]), None)

    def named(self, country: str, names: Iterable[str], taken: set[str]) -> str | None:
        """The untaken division that carries one of the names, words such as 'province' aside; the literal one first."""
        names = list(names)
        for known, form in ((self._plain, _plain), (self._folded, fold)):
            for name in names:
                code = known[country].get(form(name))
                if code and code not in taken:
                    return code
        return None

    def close(self, country: str, names: Iterable[str], taken: set[str]) -> str | None:
        """The one untaken division whose name is like enough to one of the names."""
        free = {name: code for name, code in self._folded[country].items() if code not in taken}
        found = [process.extractOne(fold(n), free.keys(), scorer=fuzz.ratio, score_cutoff=_CLOSE) for n in names]
        best = max((match for match in found if match), key=lambda match: match[1], default=None)
        return free[best[0]] if best else None


def map_admin1(
    cities: Iterable[Row], airports: list[Row], divisions: Iterable[Row], english: Iterable[tuple[str, str]] = ()
) -> dict[tuple[str, str], str]:
    """ISO 3166-2 code by (country, GeoNames division code); a division that nothing identifies is left out."""
    by_key: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for city in cities:
        by_key[city["country_code"], city["admin1"]].append(city)
    names, votes, known = admin1_names(airports), _votes(airports), _Divisions(divisions, english)
    keys = sorted(by_key.keys() - _COARSE)
    found: dict[tuple[str, str], str] = {}
    for key in keys:
        same = f"{key[0]}-{key[1]}" if key[0] == "US" and f"{key[0]}-{key[1]}" in known.codes else None
        code = same or known.literal(key[0], names.get(key, []))
        if code:
            found[key] = code
    taken = set(found.values())
    for key in keys:
        voted = [code for code, _ in votes.get(key, Counter()).most_common(1) if code in known.codes]
        code = None if key in found else known.named(key[0], names.get(key, []), taken) or next(iter(voted), None)
        if code:
            found[key] = code
    _add_by_capital(found, keys, by_key, known)
    for key in keys:
        code = None if key in found else known.close(key[0], names.get(key, []), set(found.values()))
        if code:
            found[key] = code
    _add_by_code(found, keys, known)
    return found


def _add_by_capital(
    found: dict[tuple[str, str], str],
    keys: list[tuple[str, str]],
    by_key: dict[tuple[str, str], list[Row]],
    known: _Divisions,
) -> None:
    """A division left is the untaken one that is called as its largest city is in some language (Cairo, Saitama)."""
    taken = set(found.values())
    for key in keys:
        if key in found:
            continue
        largest = sorted(by_key[key], key=lambda city: (-city["population"], city["place_id"]))[:2]
        for city in largest:
            code = known.named(key[0], [city["place_name"], *city["alternates"]], taken)
            if code:
                found[key] = code
                taken.add(code)
                break


def _add_by_code(found: dict[tuple[str, str], str], keys: list[tuple[str, str]], known: _Divisions) -> None:
    """Where most divisions of a country have ISO's own code, the rest are taken to have it too."""
    same, every = Counter(), Counter()  # type: Counter[str], Counter[str]
    for key, code in found.items():
        every[key[0]] += 1
        same[key[0]] += code == f"{key[0]}-{key[1]}"
    taken = set(found.values())
    for key in keys:
        code = f"{key[0]}-{key[1]}"
        if key not in found and code in known.codes - taken and 2 * same[key[0]] > every[key[0]]:
            found[key] = code
