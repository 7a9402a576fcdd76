"""Ratings by two invented providers, with a history of changes, and alerts where travellers are.

The levels are made up for demonstration. They lean on what public advice has said for years so that pages read
sensibly, and are nobody's advice; the providers are ``invented`` and ``invented_second``, and so begins every note.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycountry

from pipelines.generate.tables import DAY, HOUR, CsvFile, Ints, instant
from pipelines.generate.world import World

COLUMNS = [
    "provider",
    "category",
    "place_type",
    "place",
    "level",
    "evacuation_status",
    "valid_from",
    "published_at",
    "latitude",
    "longitude",
    "radius_km",
    "note",
]
ALERT_COLUMNS = [
    "alert_id",
    "issued_at",
    "expires_at",
    "title",
    "severity",
    "place",
    "latitude",
    "longitude",
    "radius_km",
    "url",
]

LEVELS = ("insignificant", "low", "medium", "high", "extreme")

SECURITY = {
    5: "AF SY YE SO SS SD LY ML CF UA HT",
    4: "RU BY IR IQ LB NE BF TD CD ER MM VE KP PS BI",
    3: "IL PK NG CM MX CO EC HN GT SV NI ET KE TZ UG MZ ZA IN BD PH PG EG TN DZ TR JO SA BR PE BO JM TT DO MR CI GN "
    "GW SL LR ZW MG DJ AZ AM GE RS XK BA ID LK NP CU CG GA TG BJ SZ LS TJ KG KM SB TL",
    1: "IS NO DK FI CH LU AT SG JP NZ PT IE SI CZ LI MC AD BT",
}
MEDICAL = {
    5: "AF SY YE SO SS SD CF HT CD TD",
    4: "LY ML NE BF ER MM VE KP BI MR GN GW SL LR NG CM MZ MG ZW MW PG DJ TL SB KI AO GM CG GQ TG BJ KM ET UA",
    3: "IQ LB PS PK HN GT SV NI EC BO TZ UG KE RW ZM NA BW ZA IN BD PH EG DZ JM CU CI SN GH GA SZ LS TJ KG UZ TM MN LA "
    "KH VN ID LK NP BT MV FJ WS TO VU PY GY PE BR DO TT MX RU BY IR AZ AM MD",
    1: "IS NO DK FI SE CH LU AT DE NL BE FR GB IE ES PT IT SG JP KR AU NZ CA US IL LI MC AD",
}
UNRATED = ("KI", "BT", "GM", "WS")
"""Countries that neither provider rates, on purpose."""

PLACES: tuple[tuple[str, str, str, int, float | None, float | None, float | None, str], ...] = (
    ("security", "region", "MX-SIN", 5, None, None, None, "organised crime"),
    ("security", "region", "MX-YUC", 2, None, None, None, "calmer than the country"),
    ("security", "region", "IN-JK", 4, None, None, None, "demonstrations"),
    ("security", "region", "IN-MN", 4, None, None, None, "unrest"),
    ("security", "region", "MZ-P", 5, None, None, None, "armed groups"),
    ("security", "region", "NG-BO", 5, None, None, None, "armed groups"),
    ("security", "region", "CM-NW", 5, None, None, None, "armed groups"),
    ("security", "region", "PK-KP", 4, None, None, None, "unrest"),
    ("security", "region", "ET-AM", 5, None, None, None, "fighting"),
    ("security", "region", "UA-46", 4, None, None, None, "farther from the front"),
    ("security", "region", "IQ-AR", 3, None, None, None, "calmer than the country"),
    ("security", "city", "Goma, Democratic Republic of the Congo", 5, None, None, None, "fighting nearby"),
    ("medical", "city", "Goma, Democratic Republic of the Congo", 5, None, None, None, "outbreak"),
    ("security", "city", "Acapulco, Mexico", 4, None, None, None, "crime"),
    ("security", "city", "Cali, Colombia", 4, None, None, None, "crime"),
    ("security", "city", "Port Moresby, Papua New Guinea", 4, None, None, None, "crime"),
    ("medical", "city", "La Paz, Bolivia", 4, None, None, None, "altitude"),
    ("medical", "city", "Cusco, Peru", 4, None, None, None, "altitude"),
    ("medical", "city", "Delhi, India", 4, None, None, None, "air"),
    ("security", "area", "Border belt east of Gaziantep", 5, 37.0, 38.3, 70.0, "shelling"),
    ("security", "area", "Northern border strip", 5, 33.1, 35.4, 40.0, "shelling"),
    ("medical", "area", "Flooded valley", 4, 6.7, -1.6, 60.0, "water-borne disease"),
)
"""Ratings below the country: category, place type, place, level, latitude, longitude, radius in km, reason."""


def _levels(table: dict[int, str], countries: list[str]) -> Ints:
    known = {code: level for level, codes in table.items() for code in codes.split()}
    return np.array([known.get(code, 2) for code in countries])


def base_levels(world: World) -> Ints:
    """The higher of the two base levels of every country of the world's list."""
    return np.maximum(_levels(SECURITY, world.countries), _levels(MEDICAL, world.countries))


def _second_levels(countries: list[str]) -> Ints:
    """The second provider's overall level: the first's security, one off for about one country in six."""
    security = _levels(SECURITY, countries)
    lean = np.array([(sum(map(ord, code)) * 37) % 12 for code in countries])
    return np.clip(security + (lean == 0) - (lean == 5), 1, 5)


def write_ratings(folder: Path, seed: int, world: World, as_of: int, first: int) -> int:
    """Write ``ratings_<n>.csv``: the first state and half-yearly changes; returns the number of ratings.

    About two changes a week: a country's level in one category moves by one and often back later. The last file ends
    with ratings published within a day of ``as_of``, so that the feed is fresh.
    """
    rng = np.random.default_rng([seed, 7])
    countries = [code for code in sorted(country.alpha_2 for country in pycountry.countries) if code not in UNRATED]
    rows = _initial(countries, first)
    rows += _changes(rng, countries, world, first, as_of)
    rows.sort(key=lambda row: (row["valid_from"], row["provider"], row["category"], row["place"]))
    edges = [first + DAY, first + (as_of - first) // 3, first + (as_of - first) * 2 // 3, as_of + DAY]
    low = 0
    for number, edge in enumerate(edges, 1):
        part = [row for row in rows if low <= row["valid_from"] < edge]
        low = edge
        with CsvFile(folder / f"ratings_{number:02d}.csv", COLUMNS) as file:
            file.write(_columns(part))
    return len(rows)


def _row(
    provider: str, category: str, place_type: str, place: str, level: int, valid_from: int, **more: object
) -> dict:
    row = dict.fromkeys(COLUMNS)
    evacuation = "none"
    row.update(provider=provider, category=category, place_type=place_type, place=place, level=level)
    row.update(evacuation_status=evacuation, valid_from=valid_from, published_at=valid_from + HOUR // 2)
    row.update(more)
    return row


def _initial(countries: list[str], first: int) -> list[dict]:
    rows = []
    evacuated = {"SD": "evacuate_full", "SS": "evacuate_nonessential", "HT": "evacuate_nonessential", "UA": "standby"}
    for category, table in (("security", SECURITY), ("medical", MEDICAL)):
        for code, level in zip(countries, _levels(table, countries), strict=True):
            evacuation = evacuated.get(code, "none") if category == "security" else "none"
            note = "invented: first state"
            rows.append(
                _row("invented", category, "country", code, int(level), first, evacuation_status=evacuation, note=note)
            )
    for code, level in zip(countries, _second_levels(countries), strict=True):
        rows.append(
            _row("invented_second", "overall", "country", code, int(level), first, note="invented: first state")
        )
    for category, place_type, place, level, latitude, longitude, radius, reason in PLACES:
        where = {"latitude": latitude, "longitude": longitude, "radius_km": radius}
        rows.append(_row("invented", category, place_type, place, level, first, note=f"invented: {reason}", **where))
    return rows


def _changes(rng: np.random.Generator, countries: list[str], world: World, first: int, as_of: int) -> list[dict]:
    """The history; changes come to troubled countries and much-visited ones more than to others."""
    levels = {
        ("invented", "security"): _levels(SECURITY, countries),
        ("invented", "medical"): _levels(MEDICAL, countries),
        ("invented_second", "overall"): _second_levels(countries),
    }
    base = {key: value.copy() for key, value in levels.items()}
    popular = np.zeros(len(countries))
    for number, code in enumerate(world.country_of):
        if code in countries:
            popular[countries.index(code)] += world.weight[number]
    weight = (1 + np.sqrt(popular)) * np.array([0.35, 1, 2, 3, 2])[base["invented", "security"] - 1]
    moments = np.sort(rng.integers(first + 20 * DAY, as_of - 6 * HOUR, int((as_of - first) / DAY / 7 * 2)))
    moments[-3:] = as_of - np.array([30, 15, 6]) * HOUR
    rows = []
    for moment in moments // 900 * 900:
        key = list(levels)[rng.choice(3, p=[0.55, 0.2, 0.25])]
        number = int(rng.choice(len(countries), p=weight / weight.sum()))
        level, usual = int(levels[key][number]), int(base[key][number])
        step = int(np.sign(usual - level)) or int(rng.choice([-1, 1], p=[0.3, 0.7]))
        new = min(max(level + step, 1), 5)
        if new == level:
            new = level - 1 if level > 1 else 2
        levels[key][number] = new
        evacuation = "none"
        if key[1] == "security" and new == 5:
            evacuation = ("none", "standby", "evacuate_nonessential")[int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
        note = "invented: " + ("the situation has worsened" if new > level else "the situation has eased")
        rows.append(_row(*key, "country", countries[number], new, int(moment), evacuation_status=evacuation, note=note))
    return rows


def _columns(rows: list[dict]) -> dict[str, object]:
    columns: dict[str, object] = {name: [row[name] for row in rows] for name in COLUMNS}
    columns["level"] = [LEVELS[row["level"] - 1] for row in rows]
    for name in ("valid_from", "published_at"):
        columns[name] = instant(np.array([row[name] for row in rows], dtype=np.int64))
    return columns


def write_alerts(folder: Path, world: World, as_of: int, present: Ints) -> int:
    """Write six alerts, five where most travellers are at ``as_of`` (by airport number), one of them expired."""
    troubled = present * (base_levels(world)[world.country] >= 3)
    busy = [int(place) for place in np.argsort(-present, kind="stable")[:3]]
    risky = [int(place) for place in np.argsort(-troubled, kind="stable") if place not in busy][:2]
    plans = (
        (busy[0], 5, 50, 30, "transport strike", 2, 25.0),
        (busy[1], 3, 20, 40, "large demonstration in the centre", 3, 10.0),
        (busy[2], 60, -10, 15, "storm warning (expired)", 3, 80.0),
        (risky[0], 7, 90, 20, "explosion reported", 5, 15.0),
        (risky[1], 11, 60, 5, "curfew announced", 4, 30.0),
        (world.number["NAN"], 26, 70, 0, "cyclone approaching", 4, 250.0),
    )
    rows: dict[str, list] = {name: [] for name in ALERT_COLUMNS}
    for number, (place, ago, until, minute, title, severity, radius) in enumerate(plans, 1):
        issued = as_of - ago * HOUR + minute * 60
        values = (
            f"AL{number:04d}", issued, as_of + until * HOUR, f"Invented: {title}, {world.names[place]}", severity,
            world.text[place].as_py(), round(float(world.latitude[place]), 4),
            round(float(world.longitude[place]), 4), radius, f"https://alerts.example.org/{number}",
        )  # fmt: skip
        for name, value in zip(ALERT_COLUMNS, values, strict=True):
            rows[name].append(value)
    columns: dict[str, object] = dict(rows)
    for name in ("issued_at", "expires_at"):
        columns[name] = instant(np.array(rows[name], dtype=np.int64))
    with CsvFile(folder / "alerts_01.csv", ALERT_COLUMNS) as file:
        file.write(columns)
    return len(plans)
