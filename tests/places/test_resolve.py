"""What a text means: a table of cases, and the rules that hold for every text (P1 to P4)."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from pipelines.errors import MusterError
from pipelines.places import Match, resolve_texts
from pipelines.places.resolve import covered_places
from pipelines.settings import Home

CASES = Path(__file__).with_name("cases.csv")


def read_cases() -> list[dict[str, str]]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str | None, str], list[Match]]:
    """Every case resolved once, all texts of a kind together."""
    found = defaultdict(list)
    for kind in sorted({case["text_kind"] for case in read_cases()}):
        pairs = [
            (case["place_text"], case["country_hint"] or None) for case in read_cases() if case["text_kind"] == kind
        ]
        for match in resolve_texts(pairs, kind):
            found[match.place_text, match.country_hint, kind].append(match)
    return found


@pytest.mark.parametrize(
    "case", read_cases(), ids=lambda case: f"{case['text_kind']}:{case['place_text']}:{case['country_hint']}"
)
def test_a_text_means_its_places(case: dict[str, str], answers) -> None:
    matches = answers[case["place_text"], case["country_hint"] or None, case["text_kind"]]
    expected = [case["expected"]] if case["expected"].startswith("unknown:") else case["expected"].split()
    assert [match.place_id for match in matches] == expected
    assert {match.place_status for match in matches} == {case["place_status"]}
    assert [match.candidate_count for match in matches] == [len(expected)] * len(expected)


def test_a_blank_text_and_no_text_are_the_same_unknown_place() -> None:
    assert {match.place_id for match in resolve_texts([("", None), (None, None), (" , ", None)])} == {"unknown:"}


def test_a_country_hint_is_never_left() -> None:
    hinted = resolve_texts([("Paris", "US"), ("Berlin, Germany", "FR"), ("Lagos", "PT")])
    assert [match.country_code for match in hinted] == ["US", "FR", "PT"]


def test_a_hint_that_is_no_country_places_nothing() -> None:
    hinted = resolve_texts([("Damascus", "SYR"), ("", "SYD"), ("Paris", "XX")])
    assert [(match.place_id, match.place_status) for match in hinted] == [
        ("unknown:damascus", "unknown"),
        ("unknown:", "unknown"),
        ("unknown:paris", "unknown"),
    ]


def test_a_column_of_countries_names_no_town() -> None:
    texts = [("Frankfurt", None), ("SYD", None), ("Kenya and Uganda", None), ("Czechoslovakia", None)]
    found = defaultdict(list)
    for match in resolve_texts(texts, "country"):
        found[match.place_text].append(match.place_id)
    assert list(found.values()) == [["unknown:frankfurt"], ["unknown:syd"], ["KE", "UG"], ["CSHH"]]


def test_the_order_and_company_of_texts_do_not_matter() -> None:
    texts = [(case["place_text"], None) for case in read_cases() if case["text_kind"] == "text"][:40]
    together = {(m.place_text, m.place_id) for m in resolve_texts(texts)}
    assert together == {(m.place_text, m.place_id) for m in resolve_texts(reversed(texts))}
    assert {(m.place_text, m.place_id) for m in resolve_texts(texts[:1])} <= together


def test_a_home_adds_aliases_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("alias,place_id\nThe Annex,5128581\nLondon,6058560\n", encoding="utf-8")
    found = resolve_texts([("The Annex", None), ("London", None)], home=Home(tmp_path))
    assert [match.place_id for match in found] == ["5128581", "6058560"]


def test_a_home_may_mean_a_place_by_a_placeholder(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("alias,place_id\nTBD,FR\nNone,3172215\n", encoding="utf-8")
    found = resolve_texts([("TBD", None), ("none", None)], home=Home(tmp_path))
    assert [match.place_id for match in found] == ["FR", "3172215"]


def test_an_alias_of_a_home_for_several_places_beats_everything(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text(
        "alias,place_id\nNorth tour,5128581\nNorth tour,6077243\nJuarez,3815488\nXYZ,703448\n", encoding="utf-8"
    )
    pairs = [("North tour", None), ("North tour", "FR"), ("North tour, USA", None), ("Juarez, Mexico", None)]
    found = defaultdict(list)
    for match in resolve_texts([*pairs, ("Paris / XYZ", None)], home=Home(tmp_path)):
        found[match.place_text, match.country_hint].append((match.place_id, match.place_status))
    both = [("5128581", "resolved"), ("6077243", "resolved")]
    assert [found[pair] for pair in pairs] == [both, both, both, [("3815488", "resolved")]]
    assert found["Paris / XYZ", None] == [("2988507", "resolved"), ("703448", "resolved")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alias,place_id\nSomewhere,NOWHERE\n", "no place 'NOWHERE'"),
        ("name,id\nSomewhere,GB\n", "first line"),
        ("alias,place_id\n,GB\n", "line 2"),
        ("alias,place_id,place_status\nX,GB,perhaps\n", "line 2"),
    ],
)
def test_an_unfit_alias_file_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "places.csv").write_text(text, encoding="utf-8")
    with pytest.raises(MusterError, match=words):
        resolve_texts([("London", None)], home=Home(tmp_path))


def test_what_is_rated_as_a_country_is_no_town() -> None:
    rated = resolve_texts([("Atlantis", None), ("Georgia", None)], "rating", region_hint="country")
    assert [(match.place_id, match.place_status) for match in rated] == [
        ("unknown:atlantis", "unknown"),
        ("GE", "resolved"),
    ]


UNKNOWN_PARTS = {
    "region": [
        ("Southern border area", "ML"),
        ("Metro Manila, Philippines", None),
        ("Philippines (Metro Manila)", None),
        ("Mali: Southern border area", None),
        ("Southern Mali", None),
        ("Central Somalia", None),
        ("Northern California", None),
        ("Border with Somalia, Kenya", None),
        ("Hope, Kenya", None),
        ("Coast, Kenya", None),
        ("South Ossetia, Georgia", None),
        ("South Ossetia", "GE"),
        ("Kinsale, VA", None),
    ],
    "city": [
        ("Xqzvillage", "PE"),
        ("Grenzort, Iraq", None),
        ("Xqzville, Ontario", None),
        ("Ontario: Xqzville", None),
        ("Green Zone, Baghdad, Iraq", None),
    ],
}
KNOWN_PARTS = {
    "region": {
        ("Kayes, Mali", None): "ML-1",
        ("Kayes", "ML"): "ML-1",
        ("Georgia, USA", None): "US-GA",
        ("Niger, Nigeria", None): "NG-NI",
        ("Borno (northern LGAs), Nigeria", None): "NG-BO",
        ("Xqz; Sonora", None): "MX-SON",
        ("Department of Loreto", None): "PE-LOR",
        ("Canary Islands, Spain", None): "ES-CN",
        ("Spain (Canary Islands)", None): "ES-CN",
        ("Crimea", "UA"): "UA-43",
        ("Hong Kong", None): "HK",
        ("Hong Kong", "CN"): "HK",
        ("Hong Kong, China", None): "HK",
        ("Taiwan", "CN"): "TW",
        ("West Bank", None): "PS",
        ("West Bank and Gaza", None): "PS",
        ("Gaza Strip", None): "PS-GZA",
        ("Kosovo", None): "XK",
        ("Guadalajara, Mexico", None): "4005539",
    },
    "city": {
        ("Hong Kong, China", None): "1819729",
        ("Baghdad (Green Zone), Iraq", None): "98182",
        ("Kurdistan, Iraq", None): "IQ-KR",
        ("Singapore", None): "1880252",
    },
}


@pytest.mark.parametrize("rated", UNKNOWN_PARTS)
def test_an_unknown_part_of_a_country_is_never_rated_as_what_holds_it(rated: str) -> None:
    found = resolve_texts(UNKNOWN_PARTS[rated], "rating", region_hint=rated)
    assert len(found) == len(UNKNOWN_PARTS[rated])
    assert {(match.place_text, match.place_id) for match in found if match.place_status != "unknown"} == set()


@pytest.mark.parametrize("rated", KNOWN_PARTS)
def test_a_rated_part_or_territory_that_is_known_is_found(rated: str) -> None:
    found = resolve_texts(KNOWN_PARTS[rated], "rating", region_hint=rated)
    assert {(match.place_text, match.country_hint): match.place_id for match in found} == KNOWN_PARTS[rated]
    assert len(found) == len(KNOWN_PARTS[rated])


def test_an_alias_of_a_home_names_what_is_rated(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("alias,place_id\nSouthern Mali,ML\nMetro Manila,PH-00\n", encoding="utf-8")
    pairs = [("Southern Mali", None), ("Metro Manila, Philippines", None)]
    found = resolve_texts(pairs, "rating", Home(tmp_path), "region")
    assert [match.place_id for match in found] == ["ML", "PH-00"]


def test_a_circle_covers_the_countries_and_regions_of_its_cities() -> None:
    assert {"KE", "KE-28"} <= set(covered_places(-4.05, 39.67, 30)), "Mombasa"
    around_brussels = set(covered_places(50.85, 4.35, 250))
    assert {"BE", "NL", "NL-NH", "FR", "DE"} <= around_brussels and not {"GB-SCT", "ES"} & around_brussels
    assert covered_places(-35.0, -20.0, 5) == [], "the open sea"
