"""Landed snapshots of public advice, from the inbox to ratings in force (R1, F1, F2, F4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import landing, models, reference
from pipelines.contracts import load_contracts
from pipelines.settings import Home, Settings, load_settings
from tests.ratings import provider as answers

LATER = datetime.fromisoformat("2026-11-22T00:00:00+00:00")
FIXTURES = Path(__file__).parent / "fixtures"


@dataclass
class Office:
    """A home whose files are landed at the instants that a test says."""

    home: Home
    con: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def receive(self, feed: str, name: str, data: bytes, at: str) -> None:
        """Land one file as if at an instant."""
        folder = self.home.inbox / feed
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        contracts = load_contracts(self.home, load_settings(self.home))
        entries = [entry for entry in landing.land_inbox(self.home, contracts) if entry.file_name == name]
        sidecar = self.home.landing / feed / f"{entries[0].sha256}.json"
        document = json.loads(sidecar.read_text())
        document["landed_at"] = f"{at}.000000"
        sidecar.chmod(0o600)
        sidecar.write_text(json.dumps(document))

    def build(self, known_at: datetime = LATER) -> None:
        """Everything up to the ratings in force."""
        contracts = load_contracts(self.home, load_settings(self.home))
        landing.stage_files(self.home, contracts)
        con = self.con
        con.execute("set TimeZone = 'UTC'")
        for schema in ("land", "reference", "stage", "core", "mart"):
            con.execute(f"create schema if not exists {schema}")
        landing.load(con, self.home, load_settings(self.home), contracts, known_at)
        reference.load(con, self.home, Settings(), LATER, LATER)
        wanted = models.needed(models.discover(), "core.rating_period", ())
        wanted += models.needed(models.discover(), "core.provider", {model.table for model in wanted})
        for model in wanted:
            con.execute(f"create or replace table {model.table} as {model.sql}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(sql).fetchall()

    def periods(self, place: str) -> list[tuple[Any, ...]]:
        sql = (
            "select level, valid_from::varchar, valid_to::varchar, stale_from::varchar from core.rating_period "
            f"where place_id = '{place}' order by valid_from"
        )
        return self.rows(sql)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(Home(tmp_path / "home").prepare())
    yield made
    made.con.close()


def index(states: dict[str, Any], stamp: int) -> bytes:
    """Canada's index of all countries at state 1, but for the given ones; None leaves a country out."""
    document = json.loads(answers.canada())
    document["metadata"]["generated"]["timestamp"] = stamp
    for code, state in states.items():
        if state is None:
            del document["data"][code]
        else:
            document["data"][code]["advisory-state"] = state
            document["data"][code]["date-published"] = {"timestamp": stamp}
    return json.dumps(document).encode()


def test_a_history_of_snapshots(office: Office) -> None:
    office.receive("advice_canada", "a.json", index({"KE": 1}, 1767232800), "2026-01-01T06:00:00")
    office.receive("advice_canada", "b.json", index({"KE": 3}, 1767319200), "2026-01-02T06:00:00")
    office.receive("advice_canada", "c.json", index({"KE": None}, 1767405600), "2026-01-03T06:00:00")
    office.receive("advice_canada", "d.json", index({"KE": "x"}, 1767492000), "2026-01-04T06:00:00")
    office.receive("advice_canada", "e.json", index({"KE": 0}, 1767578400), "2026-01-05T06:00:00")
    office.build()
    assert office.periods("KE") == [
        (3, "2026-01-01 02:00:00", "2026-01-02 02:00:00", None),
        (5, "2026-01-02 02:00:00", "2026-01-05 02:00:00", "2026-01-03 06:00:00"),
        (2, "2026-01-05 02:00:00", None, None),
    ]
    assert office.rows("select count(*) from core.rating_period where place_id = 'UG'") == [(1,)]
    assert office.rows("select sum(records), sum(loaded), sum(rejected) from land.file") == [(1249, 1249, 0)]
    assert office.rows("select newest_received_at::varchar, stale_at::varchar from core.provider") == [
        ("2026-01-05 06:00:00", "2026-01-07 06:00:00")
    ]


def test_what_was_known_then(office: Office) -> None:
    office.receive("advice_canada", "a.json", index({"KE": 1}, 1767232800), "2026-01-01T06:00:00")
    office.receive("advice_canada", "b.json", index({"KE": 3}, 1767319200), "2026-01-02T06:00:00")
    office.build(datetime.fromisoformat("2026-01-01T12:00:00+00:00"))
    assert office.periods("KE") == [(3, "2026-01-01 02:00:00", None, None)]


def test_half_the_countries_are_held_and_all_levels_stay(office: Office) -> None:
    half = dict(list(answers.COUNTRIES.items())[:125])
    office.receive("advice_canada", "a.json", answers.canada(), "2026-01-01T06:00:00")
    office.receive("advice_canada", "b.json", answers.canada(half, state=0), "2026-01-02T06:00:00")
    office.build()
    assert office.rows("select status from land.file order by file_number") == [("loaded",), ("held",)]
    assert office.rows("select distinct level, stale_from from core.rating_period") == [(3, None)]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"data": {}}', b"<!DOCTYPE html><html></html>", answers.canada()[:5000]], ids=range(5)
)
def test_a_file_that_is_no_advice_fails_and_changes_nothing(office: Office, data: bytes) -> None:
    office.receive("advice_canada", "a.json", answers.canada(), "2026-01-01T06:00:00")
    office.receive("advice_canada", "b.json", data, "2026-01-02T06:00:00")
    office.build()
    assert office.rows("select status from land.file order by file_number") == [("loaded",), ("failed",)]
    assert office.rows("select distinct level, stale_from from core.rating_period") == [(3, None)]
    assert office.rows("select newest_received_at::varchar from core.provider") == [("2026-01-01 06:00:00",)]


def test_every_record_of_every_provider_is_accounted_for(office: Office) -> None:
    for name in ("australia.json", "canada.json", "united_kingdom.json", "united_states.json"):
        feed = f"advice_{name.partition('.')[0]}"
        office.receive(feed, name, (FIXTURES / name).read_bytes(), "2026-01-01T06:00:00")
    office.build()
    assert office.rows("select feed, records, loaded, rejected, blank from land.file order by feed") == [
        ("advice_australia", 9, 7, 2, 0),
        ("advice_canada", 8, 6, 2, 0),
        ("advice_united_kingdom", 9, 7, 2, 0),
        ("advice_united_states", 10, 8, 2, 0),
    ]
    assert office.rows(
        "select provider, place_id, level, worst_case_level, has_regional_advice from core.rating_period order by all"
    ) == [
        ("australia", "CI", 4, 4, False),
        ("australia", "EG", 3, 3, False),
        ("australia", "JP", 2, 2, False),
        ("australia", "NR", 2, 2, False),
        ("australia", "UA", 5, 5, False),
        ("canada", "AF", 5, 5, False),
        ("canada", "CI", 2, 2, False),
        ("canada", "MX", 3, 3, True),
        ("canada", "PT-20", 2, 2, False),
        ("united_kingdom", "AF", 5, 5, False),
        ("united_kingdom", "FR", 2, 2, False),
        ("united_kingdom", "IL", 4, 5, True),
        ("united_kingdom", "KE", 3, 4, True),
        ("united_states", "AT", 2, 2, False),
        ("united_states", "AU", 2, 2, False),
        ("united_states", "GW", 4, 4, False),
        ("united_states", "IL", 4, 4, False),
        ("united_states", "KE", 3, 3, False),
        ("united_states", "MM", 5, 5, False),
        ("united_states", "PS", 4, 4, False),
    ]
    assert office.rows("select reason, raw from land.rejected_record where feed = 'advice_canada' order by all") == [
        ("the entry names no country", b'{"advisory-state": 0, "eng": {"name": ""}}'),
        ("the entry of the index is no object", b'"error"'),
    ]


def test_the_second_source_goes_on_where_the_first_fell_silent(office: Office) -> None:
    office.receive("advice_united_states", "a.json", answers.united_states(), "2026-01-01T06:00:00")
    office.receive("advice_united_states", "b.xml", answers.united_states_rss(), "2026-01-02T06:00:00")
    office.build()
    assert office.periods("KE") == [(3, "2026-01-01 06:00:00", None, None)]


OFFICE = """provider,category,place_type,place,country_code,level,valid_from,change,note
canada,overall,country,Kenya,,,2026-01-04T00:00:00Z,released,the travel office: the index moved Kenya to another list
"""


def test_a_person_releases_a_level_through_the_ratings_feed(office: Office) -> None:
    office.receive("advice_canada", "a.json", index({"KE": 3}, 1767232800), "2026-01-01T06:00:00")
    office.receive("advice_canada", "b.json", index({"KE": None}, 1767319200), "2026-01-02T06:00:00")
    office.receive("ratings", "release.csv", OFFICE.encode(), "2026-01-04T09:00:00")
    office.build()
    assert office.periods("KE") == [(5, "2026-01-01 02:00:00", "2026-01-04 00:00:00", "2026-01-02 06:00:00")]
    assert office.rows("select newest_received_at::varchar from core.provider") == [("2026-01-02 06:00:00",)]


EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "international_sos" / "contracts"
LIST = """Location,Location Type,ISO Code,Security Risk Rating,Security Rating Date,Medical Risk Rating,\
Medical Rating Date,Evacuation Status
Kenya,Country,KE,Medium,03 Nov 2025,Variable,01 Oct 2025,No evacuation
Nairobi,City,KE,High,03 Nov 2025,Medium,01 Oct 2025,
Texas,State,US,Insignificant,03 Nov 2025,Very High,01 Oct 2025,Stand by
Uganda,Country,UG,Unknown,03 Nov 2025,,01 Oct 2025,
"""


def test_the_list_of_international_sos_rates_in_two_categories(office: Office) -> None:
    office.home.contracts.mkdir(exist_ok=True)
    for path in EXAMPLE.glob("*.yml"):
        (office.home.contracts / path.name).write_bytes(path.read_bytes())
    for feed in ("international_sos_medical", "international_sos_security"):
        office.receive(feed, "list.csv", LIST.encode(), "2025-11-04T06:00:00")
    office.build()
    assert office.rows("select feed, records, loaded, message from land.file order by feed") == [
        ("international_sos_medical", 4, 4, None),
        ("international_sos_security", 4, 4, None),
    ]
    assert office.rows(
        "select category, place_id, level, worst_case_level, is_flagged, evacuation_status, valid_from::date::varchar "
        "from core.rating_period order by all"
    ) == [
        ("medical", "184745", 3, 3, False, None, "2025-10-01"),
        ("medical", "KE", 3, 4, True, "none", "2025-10-01"),
        ("medical", "US-TX", 5, 5, False, "standby", "2025-10-01"),
        ("security", "184745", 4, 4, False, None, "2025-11-03"),
        ("security", "KE", 3, 3, False, "none", "2025-11-03"),
        ("security", "US-TX", 1, 1, False, "standby", "2025-11-03"),
    ]
