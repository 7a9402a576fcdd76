"""Texts as real offices type them, and places as real providers name them; skipped where those files are absent."""

import csv
from collections import Counter, defaultdict

import pytest

from pipelines.places import Match, resolve_texts
from pipelines.settings import PROJECT

REAL = PROJECT.parent / "shared" / "real"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL.is_dir(), reason=f"the real data are not at {REAL}"),
]

SEVERAL = {
    "Cook Islands, Tokelau and Niue",
    "French West Indies",
    "Israel and Palestine",
    "Israel and the Occupied Palestinian Territories",
    "Israel, the West Bank and Gaza",
    "Israel, the West Bank and the Gaza Strip",
    "St Martin and St Barthélemy",
}
"""Texts of providers that stand for several countries."""

REGIONS = {"Azores", "Bonaire", "Canary Islands", "Saba", "Sint Eustatius"}
"""Texts of providers that stand for a region."""


def column(pattern: str, *names: str) -> list[str]:
    found: dict[str, None] = {}
    for path in sorted(REAL.glob(pattern)):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                found[next(row[name] for name in names if name in row)] = None
    return list(found)


def by_text(texts: list[str], kind: str) -> dict[str, list[Match]]:
    found = defaultdict(list)
    for match in resolve_texts([(text, None) for text in texts], kind):
        found[match.place_text or ""].append(match)
    return found


def test_nearly_all_typed_destinations_resolve(capsys) -> None:
    found = by_text(column("destination_texts/*.csv", "destination"), "text")
    status = Counter(matches[0].place_status for matches in found.values())
    finest = Counter(match.place_type for matches in found.values() for match in matches)
    with capsys.disabled():
        print(f"\n{len(found)} real destination texts: {dict(status)}; places {dict(finest)}")
    assert status["unknown"] / len(found) <= 0.02
    assert (status["resolved"] + status["historical"]) / len(found) >= 0.93
    assert finest["city"] / finest.total() >= 0.9


def test_every_place_that_a_provider_rates_is_known() -> None:
    found = by_text(column("advisories_*/changes_2025.csv", "destination", "country"), "rating")
    assert len(found) > 250
    assert {text for text, matches in found.items() if matches[0].place_status == "unknown"} == {"No travel advice"}
    assert {text for text, matches in found.items() if len(matches) > 1} == SEVERAL
    assert {text for text, m in found.items() if m[0].place_type == "region"} == REGIONS
    rest = [matches[0] for text, matches in found.items() if text not in SEVERAL | REGIONS | {"No travel advice"}]
    assert {match.place_type for match in rest} == {"country"}
