"""The readers of governments' travel advice, on files of the true shape with what goes wrong in them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from pipelines.feeds.advice import country_of_fips
from pipelines.feeds.record import Record
from pipelines.feeds.registry import reader
from pipelines.landing.text import GateError
from pipelines.settings import PROJECT, REFERENCE

FIXTURES = Path(__file__).parent / "fixtures"
REAL = Path(os.environ.get("MUSTER_REAL_DATA") or PROJECT.parent / "shared" / "real")
PROVIDERS = ("australia", "canada", "united_kingdom", "united_states")


def read(provider: str, data: bytes) -> list[Record]:
    return list(reader(f"advice_{provider}")(data))


def fixture(name: str) -> tuple[bytes, list[Record]]:
    data = (FIXTURES / name).read_bytes()
    return data, read(name.partition(".")[0], data)


def said(records: list[Record]) -> list[tuple[str | None, ...]]:
    """Place, level, publication and code of each record that has them; the reason of each that is rejected."""
    found: list[tuple[str | None, ...]] = []
    for record in records:
        if record.reason:
            found.append((record.reason,))
        found += [
            tuple(row.get(name) for name in ("place", "level", "published_at", "country_code")) for row in record.rows
        ]
    return found


def test_canada_is_read_from_its_states_and_seconds() -> None:
    _, records = fixture("canada.json")
    assert said(records) == [
        ("Afghanistan", "3", "2024-11-27T14:35:38+00:00", "AF"),
        ("Mexico", "1 (with regional advisories)", "2024-11-26T14:35:38+00:00", "MX"),
        ("Côte d'Ivoire", "0", None, "CI"),
        ("Azores", "0", None, None),
        ("France", None, None, "FR"),
        ("Germany", "two", None, "DE"),
        ("the entry of the index is no object",),
        ("the entry names no country",),
    ]


def test_the_united_kingdom_is_read_from_its_words_and_an_absent_list_is_not_an_empty_one() -> None:
    _, records = fixture("united_kingdom.json")
    assert said(records) == [
        ("France", "no specific alerts", "2025-11-20T10:04:28+00:00", None),
        (
            "Israel",
            "avoid_all_but_essential_travel_to_whole_country, avoid_all_travel_to_parts",
            "2025-11-19T09:00:00+00:00",
            None,
        ),
        ("Kenya", "avoid_all_but_essential_travel_to_parts", "2025-11-19T10:00:00+00:00", None),
        ("Afghanistan", "avoid_all_travel_to_whole_country", "2025-11-19T10:00:00+00:00", None),
        ("Spain", None, None, None),
        ("Italy", None, None, None),
        ("Malta", "none", None, None),
        ("the document names no country",),
        ("the document has no details",),
    ]


def test_the_united_states_level_is_in_the_title_and_codes_are_fips() -> None:
    _, records = fixture("united_states.json")
    assert said(records) == [
        ("Kenya", "Level 2: Exercise Increased Caution", "2025-11-05T00:00:00+00:00", "KE"),
        ("Austria", "Level 1: Exercise Normal Precautions", "2025-11-04T00:00:00+00:00", "AT"),
        ("Australia", "Level 1: Exercise Normal Precautions", "2025-11-04T00:00:00+00:00", "AU"),
        ("Israel, the West Bank and Gaza", "Level 3: Reconsider Travel", "2025-11-04T00:00:00+00:00", None),
        ("Burma (Myanmar)", "Level 4: Do Not Travel", None, "MM"),
        ("Guinea-Bissau", "Level 3: Reconsider Travel", None, None),
        ("Mexico", "See Summaries", "2025-11-04T00:00:00+00:00", "MX"),
        ("Worldwide Caution", None, "2025-11-04T00:00:00+00:00", None),
        ("the advisory has no title",),
        ("the advisory is no object",),
    ]


def test_the_rss_feed_is_the_second_source_of_the_same_advice() -> None:
    _, records = fixture("united_states.xml")
    assert said(records) == [
        ("Azerbaijan", "Level 3: Reconsider Travel", "2025-10-28T00:00:00+00:00", "AZ"),
        ("Côte d'Ivoire", "Level 2: Exercise Increased Caution", "2025-11-03T17:30:00+00:00", "CI"),
        ("the advisory has no title",),
    ]


def test_australia_is_read_from_its_words_and_its_clock_stands_in_canberra() -> None:
    _, records = fixture("australia.json")
    assert said(records) == [
        ("Japan", "Exercise normal safety precautions", "2025-11-14T03:22:00+00:00", None),
        ("Côte d'Ivoire", "Reconsider your need to travel", "2025-06-30T23:00:00+00:00", None),
        ("Ukraine", "Do not travel", "2025-07-01T09:00:00+00:00", None),
        ("Egypt", "Exercise a high degree of caution", None, None),
        ("Fiji", None, "2025-06-30T23:00:00+00:00", None),
        ("Nauru", "1", None, None),
        ("No travel advice", "Other", None, None),
        ("the destination has no title",),
        ("the destination is no object",),
    ]


@pytest.mark.parametrize("name", ["canada.json", "united_kingdom.json", "united_states.json", "australia.json"])
def test_a_record_keeps_the_very_bytes_that_it_came_from(name: str) -> None:
    data, records = fixture(name)
    document = json.loads(data)
    elements = list(document["data"].values()) if isinstance(document, dict) else document
    assert [json.loads(data[record.start : record.end]) for record in records] == elements
    assert [record.line for record in records] == [data[: record.start].count(b"\n") + 1 for record in records]


def test_an_item_of_rss_keeps_its_bytes() -> None:
    data, records = fixture("united_states.xml")
    for record in records:
        raw = data[record.start : record.end]
        assert raw.startswith(b"<item>") and raw.endswith(b"</item>") and raw.count(b"<item>") == 1


def test_a_download_is_read_within_its_mark() -> None:
    bare, records = fixture("australia.json")
    wrapped = b'{"muster_fetched_at": "2026-11-22T09:00:00+00:00", "answer": ' + bare + b"}"
    again = read("australia", wrapped)
    assert said(again) == said(records)
    assert json.loads(wrapped[again[0].start : again[0].end])["title"] == "Japan"


HOSTILE = {
    "nothing": b"",
    "white space": b" \n\t ",
    "a challenge page": b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
    "a page without its type": b"\n<html><body>Sign in</body></html>",
    "text cut short": b'[{"title": "Japan", "field_overall',
    "two texts": b"[] []",
    "a number": b"42",
    "a word": b"null",
    "text": b'"Level 1"',
    "no number": b'[{"title": NaN}]',
    "another encoding": '[{"title": "Côte"}]'.encode("latin-1"),
    "wide text": '[{"title": "Japan"}]'.encode("utf-16"),
    "endless nesting": b"[" * 100_000 + b"]" * 100_000,
    "other XML": b'<?xml version="1.0"?><table><row/></table>',
    "XML cut short": b"<rss><channel><item><title>Kenya - Level 2",
    "entities": (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
        b"<rss><channel><item><title>&a;</title></item></channel></rss>"
    ),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_advice_fails_as_a_whole(provider: str, what: str) -> None:
    with pytest.raises(GateError):
        read(provider, HOSTILE[what])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "data",
    [b"[]", b"{}", b'{"data": {}}', b"[[]]", b"[{}]", b'{"data": []}', b'{"data": {"FR": []}}', b"[1, null, true]"],
)
def test_wrong_types_give_no_level(provider: str, data: bytes) -> None:
    try:
        records = read(provider, data)
    except GateError:
        return
    assert all(record.reason and not record.rows for record in records)


def test_fips_is_another_system_than_iso() -> None:
    codes = country_of_fips()
    expected = {
        "AU": "AT",
        "AS": "AU",
        "SZ": "CH",
        "CH": "CN",
        "GM": "DE",
        "UP": "UA",
        "IZ": "IQ",
        "WE": "PS",
        "OD": "SS",
    }
    assert {fips: codes[fips] for fips in expected} == expected
    assert len(codes) >= 245
    assert all(len(code) == 2 and code.isupper() for code in codes.values())


def test_every_status_of_the_united_kingdom_maps_whatever_its_order() -> None:
    with (REFERENCE / "rating_scales.csv").open(encoding="utf-8", newline="") as file:
        scale = {line["native_level"]: line for line in csv.DictReader(file) if line["provider"] == "united_kingdom"}
    words = [
        f"avoid_all_{what}travel_to_{where}" for what in ("", "but_essential_") for where in ("parts", "whole_country")
    ]
    for number in range(1, 16):
        chosen = [word for bit, word in enumerate(words) if number >> bit & 1]
        data = json.dumps([{"details": {"country": {"name": "X"}, "alert_status": chosen[::-1]}}]).encode()
        level = read("united_kingdom", data)[0].rows[0]["level"]
        assert int(scale[level]["worst_case_level"]) == (
            5 if any(word.startswith("avoid_all_travel") for word in chosen) else 4
        )


@pytest.mark.real
@pytest.mark.skipif(not (REAL / "advisories_canada").is_dir(), reason=f"the real data are not at {REAL}")
def test_the_real_index_of_canada() -> None:
    data = (REAL / "advisories_canada" / "index-alpha-eng.json").read_bytes()
    records = read("canada", data)
    rows = [row for record in records for row in record.rows]
    assert len(records) == len(rows) == 229
    levels: dict[str, int] = {}
    for row in rows:
        levels[row["level"]] = levels.get(row["level"], 0) + 1
    regional = " (with regional advisories)"
    assert levels == {
        "0": 99,
        f"0{regional}": 5,
        "1": 58,
        f"1{regional}": 42,
        "2": 2,
        f"2{regional}": 12,
        "3": 9,
        f"3{regional}": 2,
    }
    assert all("published_at" in row for row in rows)
