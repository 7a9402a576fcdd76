"""Puts the packages' rows together into one tree of places and the list of their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import cos, hypot, radians
from typing import Any

from pipelines.places import regions, sources
from pipelines.places.sources import Name, Row

LOCAL_CODES = frozenset({"US", "CA", "AU", "BR", "GB"})
"""Countries whose regions people write by their short code (``Austin, TX``)."""

COLUMNS = (
    "place_id",
    "place_type",
    "place_name",
    "country_code",
    "sovereign_country_code",
    "region_code",
    "parent_region_code",
    "city_place_id",
    "area_id",
    "latitude",
    "longitude",
    "timezone",
    "is_zone_assumed",
    "population",
    "valid_from",
    "valid_to",
)
"""Columns of a place row."""

GENERIC = frozenset(
    re.findall(
        r"\w+",
        "south north east west central centre center northern southern eastern western city capital coast lake island "
        "islands valley highlands plateau littoral federal district river rivers bay delta",
    )
)
"""Names of regions that are common words; alone they say nothing."""

DEPENDENCIES = {
    "AU": "CC CX HM NF",
    "CN": "HK MO TW",
    "DK": "FO GL",
    "FI": "AX",
    "FR": "BL GF GP MF MQ NC PF PM RE TF WF YT",
    "GB": "AI BM FK GG GI GS IM IO JE KY MS PN SH TC VG",
    "NL": "AW BQ CW SX",
    "NO": "BV SJ",
    "NZ": "CK NU TK",
    "US": "AS GU MP PR UM VI",
}
"""Codes of their own that people also write as part of another country ('San Juan, Puerto Rico, USA')."""

CITY_STATES = frozenset({"GI", "HK", "MC", "MO", "SG", "VA"})
"""Countries and territories that are one city: both names mean one area (S4)."""

_LARGE_REGION_PEOPLE = 300_000
_LARGE_CITY_PEOPLE = 100_000
_AREA_KM = 100.0
"""A city further than this from the largest city of its airport is no part of that metropolitan area (S4)."""


@dataclass(frozen=True)
class Nodes:
    """All places and names, how much of GeoNames' divisions found their ISO 3166-2 code, and who held reused codes."""

    places: list[Row]
    names: list[Name]
    coverage: dict[str, Any]
    holders: list[Row]


def collect(say: Callable[[str], None]) -> Nodes:
    """Read every package and put countries, regions, cities and sites together."""
    airports = list(sources.airports())
    say("Reading cities")
    cities = {city["place_id"]: city for city in sources.cities()}
    _add_served_cities(cities, airports)
    divisions = list(sources.subdivisions())
    admin1 = regions.map_admin1(cities.values(), airports, divisions, sources.english_regions())
    for city in cities.values():
        city["region_code"] = admin1.get((city["country_code"], city["admin1"]))
    say("Reading countries, regions and airports")
    countries = _countries(cities.values())
    region_rows = _regions(divisions, admin1, airports, cities.values(), countries)
    parents = {row["place_id"]: row["parent_region_code"] for row in region_rows}
    areas = _areas(cities, airports)
    city_rows = [_city(city, areas, parents) for city in cities.values()]
    sites, site_names, holders = _sites(airports, cities)
    names = [
        *sources.country_names(),
        *_region_names(divisions, admin1, airports),
        *_city_names(cities.values()),
        *site_names,
    ]
    return Nodes(
        [*countries.values(), *_historic(), *region_rows, *city_rows, *sites],
        names,
        _coverage(cities.values(), admin1),
        holders,
    )


def _is_city(row: Row) -> bool:
    return row["location_type"] in ("C", "O") and row["geoname_id"] is not None


def _is_area(row: Row) -> bool:
    """Whether what an airport serves is a country or a large region: its name means that, not a city."""
    return row["feature_code"].startswith("PCL") or (
        row["feature_code"] == "ADM1" and row["population"] >= _LARGE_REGION_PEOPLE
    )


def _add_served_cities(cities: dict[str, Row], airports: list[Row]) -> None:
    """Add the cities of fewer than 500 people, islands and lodges that an airport serves."""
    for row in airports:
        if not _is_city(row):
            continue
        known = cities.setdefault(
            row["geoname_id"],
            {**row, "place_id": row["geoname_id"], "alternates": []} if row["geoname_id"] not in cities else {},
        )
        known.setdefault("english", set())
        known.setdefault("is_area", _is_area(row))
        known["english"] = set(known["english"]) | set(row["english"]) | {row["place_name"]}


def _place(**given: Any) -> Row:
    """One place row: all columns, those not given empty."""
    return {column: given.get(column) for column in COLUMNS}


def _largest(cities: Iterable[Row], key: str) -> dict[str, Row]:
    """The most populous city by a column's value."""
    found: dict[str, Row] = {}
    for city in cities:
        group = city[key]
        if group is None or not city["timezone"]:
            continue
        best = found.get(group)
        if best is None or (city["population"], best["place_id"]) > (best["population"], city["place_id"]):
            found[group] = city
    return found


def _countries(cities: Iterable[Row]) -> dict[str, Row]:
    """Countries at the position and in the zone of their most populous city (P3)."""
    largest, population, zones = (
        _largest(cities, "country_code"),
        sources.country_population(),
        sources.zone_positions(),
    )
    sovereigns = {code: sovereign for sovereign, codes in DEPENDENCIES.items() for code in codes.split()}
    rows = {}
    for code, name in sources.countries().items():
        city = largest.get(code)
        zone, latitude, longitude = zones.get(code, ("UTC", None, None))
        rows[code] = _place(
            place_id=code,
            place_type="country",
            place_name=name,
            country_code=code,
            sovereign_country_code=sovereigns.get(code),
            area_id=city["place_id"] if city and code in CITY_STATES else code,
            latitude=city["latitude"] if city else latitude,
            longitude=city["longitude"] if city else longitude,
            timezone=city["timezone"] if city else zone,
            is_zone_assumed=True,
            population=population.get(code, 0),
        )
    return rows


def _historic() -> list[Row]:
    """Countries that are no more (ISO 3166-3): a name to show, without position, zone or country code."""
    import pycountry

    return [
        _place(
            place_id=country.alpha_4,
            place_type="country",
            place_name=country.name.split(",")[0],
            area_id=country.alpha_4,
            is_zone_assumed=True,
            population=0,
            valid_to=getattr(country, "withdrawal_date", None),
        )
        for country in pycountry.historic_countries
    ]


def _regions(
    divisions: list[Row],
    admin1: dict[tuple[str, str], str],
    airports: list[Row],
    cities: Iterable[Row],
    countries: dict[str, Row],
) -> list[Row]:
    """Regions at the position and in the zone of their most populous city, else of their parent's."""
    cities = list(cities)
    largest = _largest(cities, "region_code")
    people: dict[str, int] = defaultdict(int)
    zones: dict[str, set[str]] = defaultdict(set)
    for city in cities:
        if city["region_code"]:
            people[city["region_code"]] += city["population"]
            zones[city["region_code"]].add(city["timezone"])
    english = _english_regions(admin1, airports)
    rows = []
    for division in divisions:
        code = division["code"]
        stand_in = largest.get(code) or largest.get(division["parent"] or "") or countries[division["country_code"]]
        rows.append(
            _place(
                place_id=code,
                place_type="region",
                place_name=english.get(code) or re.sub(r"\s*[\[(].*", "", division["name"]),
                country_code=division["country_code"],
                region_code=code,
                parent_region_code=division["parent"],
                area_id=code,
                latitude=stand_in["latitude"],
                longitude=stand_in["longitude"],
                timezone=stand_in["timezone"],
                is_zone_assumed=len(zones.get(code, ())) != 1,
                population=people.get(code, 0),
            )
        )
    return rows


def _english_regions(admin1: dict[tuple[str, str], str], airports: list[Row]) -> dict[str, str]:
    """GeoNames' English name by ISO 3166-2 code."""
    names = regions.admin1_names(airports)
    aliases: dict[str, str] = {}
    for name, code in sources.english_regions():
        aliases.setdefault(code, name)
    return aliases | {code: names[key][0] for key, code in admin1.items() if names.get(key)}


def _areas(cities: dict[str, Row], airports: list[Row]) -> dict[str, str]:
    """The metropolitan area of each city that shares an airport with a larger one: that city's place id."""
    joined: dict[str, str] = {}
    for row in airports:
        served = [place_id for place_id in row["serves"] if place_id in cities]
        if row["valid_to"] or len(served) < 2:
            continue
        main = max(served, key=lambda place_id: (cities[place_id]["population"], place_id))
        for place_id in served:
            if place_id != main and _km(cities[place_id], cities[main]) <= _AREA_KM:
                known = joined.get(place_id, main)
                joined[place_id] = max(known, main, key=lambda other: (cities[other]["population"], other))
    return {place_id: joined.get(main, main) for place_id, main in joined.items()}


def _km(one: Row, other: Row) -> float:
    north = one["latitude"] - other["latitude"]
    east = (one["longitude"] - other["longitude"]) * cos(radians(one["latitude"]))
    return 111.2 * hypot(north, east)


def _city(city: Row, areas: dict[str, str], parents: dict[str, str | None]) -> Row:
    return _place(
        **{
            key: city[key] for key in ("place_id", "place_name", "country_code", "region_code", "latitude", "longitude")
        },
        place_type="city",
        parent_region_code=parents.get(city["region_code"] or ""),
        city_place_id=city["place_id"],
        area_id=areas.get(city["place_id"], city["place_id"]),
        timezone=city["timezone"],
        is_zone_assumed=False,
        population=city["population"],
    )


def _region_names(divisions: list[Row], admin1: dict[tuple[str, str], str], airports: list[Row]) -> list[Name]:
    """Codes and names of regions: ISO 3166-2's own, GeoNames', and the short code where people write it."""
    found = []
    for division in divisions:
        code = division["code"]
        found.append(Name(code, code, "code"))
        found += [
            Name(part.strip(), code, "name") for part in division["name"].replace("[", "|").replace("]", "").split("|")
        ]
        if division["country_code"] in LOCAL_CODES and code[3:].isalpha():
            found.append(Name(code[3:], code, "code"))
    names = regions.admin1_names(airports)
    for key, code in admin1.items():
        for name in names.get(key, []):
            found.append(Name(name, code, "name"))
            plain = regions.fold(name)
            if len(plain) > 3:
                found.append(Name(plain, code, "name"))
    found += [Name(county, code, "alternate") for county, code in sources.us_counties()]
    return [name for name in found if name.name.casefold() not in GENERIC]


def _city_names(cities: Iterable[Row]) -> list[Name]:
    found = []
    for city in cities:
        if city.get("is_area"):
            continue
        found.append(Name(city["place_name"], city["place_id"], "name"))
        found += [Name(name, city["place_id"], "english") for name in sorted(city.get("english", ()))]
        found += [Name(name, city["place_id"], "alternate") for name in city["alternates"]]
        if city["place_name"].startswith("Mount "):
            found.append(Name("Mt " + city["place_name"][6:], city["place_id"], "name"))
        if city["place_name"].startswith("Ciudad ") and city["population"] >= _LARGE_CITY_PEOPLE:
            found.append(Name(city["place_name"][7:], city["place_id"], "english"))
    return found


def _sites(airports: list[Row], cities: dict[str, Row]) -> tuple[list[Row], list[Name], list[Row]]:
    """Airports and stations by IATA code, names that lead to their city, and who held the codes that moved when.

    One row a code, the open airport first.
    """
    places: dict[str, Row] = {}
    names: list[Name] = []
    held: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(
        airports, key=lambda row: (row["valid_to"] is not None, -row["page_rank"], row["geoname_id"] or "")
    ):
        served = [place_id for place_id in row["serves"] if place_id in cities]
        city_id = row["geoname_id"] if _is_city(row) else next(iter(served), None)
        if not _is_city(row):
            site_id = row["iata"] if row["iata"] not in places else f"{row['iata']}:{row['geoname_id']}"
            places.setdefault(site_id, _site(row, site_id, city_id, cities))
            target = city_id or site_id
            names.append(Name(row["iata"], target, "iata", site_id))
            validity = {column: row[column] for column in ("valid_from", "valid_to")}
            held[row["iata"]].append({"code_key": row["iata"].lower(), "place_id": target, **validity})
            names += [Name(name, target, "alternate", site_id) for name in {row["place_name"], *row["english"]}]
        elif row["valid_to"] is None:
            names.append(Name(row["iata"], str(city_id), "iata"))
    moved = [rows for rows in held.values() if len({row["place_id"] for row in rows}) > 1]
    return list(places.values()), names, [row for rows in moved for row in rows]


def _site(row: Row, site_id: str, city_id: str | None, cities: dict[str, Row]) -> Row:
    city = cities.get(city_id or "", {})
    return _place(
        **{key: row[key] for key in ("place_name", "country_code", "latitude", "longitude", "valid_from", "valid_to")},
        place_id=site_id,
        place_type="site",
        region_code=city.get("region_code"),
        city_place_id=city_id,
        area_id=city_id or site_id,
        timezone=row["timezone"] or city.get("timezone"),
        is_zone_assumed=row["timezone"] is None,
        population=city.get("population", 0),
    )


def _coverage(cities: Iterable[Row], admin1: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Shares of divisions, cities and people whose ISO 3166-2 region is known."""
    cities = list(cities)
    keys = {(city["country_code"], city["admin1"]) for city in cities}
    with_region = [city for city in cities if city["region_code"]]
    return {
        "divisions": len(keys),
        "divisions_with_region": len(admin1),
        "cities": len(cities),
        "cities_with_region": len(with_region),
        "people_share_with_region": round(
            sum(city["population"] for city in with_region) / max(1, sum(city["population"] for city in cities)), 4
        ),
    }
