"""Accuracy on real destination texts, drawn at random and labelled by hand before the resolver's answers were seen.

300 texts served to find and mend faults; the 100 of the second draw were labelled after that and changed nothing.

The texts are destinations as offices typed them, without persons: 'Canada' from the Government of Canada's travel
disclosure (Open Government Licence - Canada), 'US House' from the gift-travel filings of the Clerk of the US House of
Representatives 2012-2014 (public domain). A place is a GeoNames city id (several parted by '/' where the text does not
say which), a region or country where no city is named, or '?' and the region where a city is named that GeoNames'
places of 500 people and more do not list: its right answer is the region, and it counts as a city missed.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.places import Match, resolve_texts

LABELS = {"labels_destination_texts.csv": 300, "labels_second_draw.csv": 100}
"""The files of labels, and how many texts each holds."""


@dataclass(frozen=True)
class Answer:
    """What came out of one labelled text; is_guess where any of its places is fuzzy."""

    text: str
    country: str
    city: str
    is_guess: bool
    found: str


def read_labels(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judge(label: dict[str, str], matches: list[Match]) -> Answer:
    """'right', 'wrong' (says something that the label does not) or 'unresolved' (says less than the label)."""
    countries = {match.country_code or "unknown" for match in matches}
    wanted = set(label["country_codes"].split()) or {"unknown"}
    country = "right" if countries == wanted else "wrong" if countries - wanted - {"unknown"} else "unresolved"
    named = [set(place.split("/")) for place in label["places"].split() if place[0].isdigit()]
    is_unlisted = "?" in label["places"]
    cities = {match.place_id for match in matches if match.place_type == "city"}
    city = "none"
    if named or is_unlisted:
        stray = cities - set().union(*named)
        is_complete = not is_unlisted and all(ids & cities for ids in named)
        city = "wrong" if stray else "right" if is_complete else "unresolved"
    elif cities:
        city = "added"
    found = " ".join(f"{match.place_id}:{match.place_name}:{match.place_status}" for match in matches)
    return Answer(label["place_text"], country, city, any(m.place_status == "fuzzy" for m in matches), found)


def resolve(labels: list[dict[str, str]]) -> list[Answer]:
    found = defaultdict(list)
    for match in resolve_texts([(label["place_text"], None) for label in labels]):
        found[match.place_text].append(match)
    return [judge(label, found[label["place_text"]]) for label in labels]


@pytest.mark.parametrize("name", LABELS)
def test_the_labels_are_distinct_texts(name: str) -> None:
    labels = read_labels(name)
    assert len({label["place_text"] for label in labels}) == len(labels) == LABELS[name]
    assert {len(label) for label in labels} == {5}


@pytest.mark.parametrize("name", LABELS)
def test_accuracy(name: str, capsys) -> None:
    answers = resolve(read_labels(name))
    count = defaultdict(int)
    for answer in answers:
        count["country", answer.country] += 1
        count["city", answer.city] += 1
        count["guess", answer.is_guess] += 1
    with_city = sum(count["city", outcome] for outcome in ("right", "wrong", "unresolved"))
    with capsys.disabled():
        print(
            f"\n{len(answers)} labelled texts: country right {count['country', 'right'] / len(answers):.1%}, "
            f"wrong {count['country', 'wrong'] / len(answers):.1%}; "
            f"city right {count['city', 'right'] / with_city:.1%}, wrong {count['city', 'wrong'] / with_city:.1%} "
            f"of {with_city} that name one, "
            f"added to {count['city', 'added']} that name none; fuzzy {count['guess', True] / len(answers):.1%}"
        )
        for answer in answers:
            if answer.country != "right" or answer.city not in ("right", "none"):
                print(f"  country {answer.country}, city {answer.city}: {answer.text!r} -> {answer.found}")
    assert count["country", "right"] / len(answers) >= 0.97
    assert count["country", "wrong"] / len(answers) <= 0.005
    assert count["city", "right"] / with_city >= 0.94
