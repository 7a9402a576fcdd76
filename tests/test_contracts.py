"""Contracts: one declaration for loading, tables, expectations and documentation, refused clearly where broken."""

from pathlib import Path

import pytest

from pipelines.contracts import (
    Contract,
    load_contracts,
    normalise_header,
    received_pattern,
    shipped_contracts,
    table_contracts,
)
from pipelines.errors import MusterError
from pipelines.settings import FeedSettings, Home, Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path).prepare()
    made.contracts.mkdir()
    return made


def write(home: Home, text: str, name: str = "own.yml") -> None:
    (home.contracts / name).write_text(text)


PROVIDERS = ("australia", "canada", "united_kingdom", "united_states")


def test_the_shipped_contracts_have_the_canonical_modes_and_rhythms() -> None:
    found = {feed: (each.mode, each.rhythm_days, each.optional) for feed, each in shipped_contracts().items()}
    assert found == {
        "people": ("snapshot", 7, False),
        "registrations": ("upsert", 1, False),
        "bookings": ("upsert", 1, True),
        "expenses": ("upsert", 31, True),
        "ratings": ("upsert", 7, False),
        "reviews": ("upsert", 31, True),
        "alerts": ("upsert", 1, True),
        "itineraries": ("upsert", 31, True),
        **{f"advice_{name}": ("snapshot", 2, True) for name in PROVIDERS},
    }


def test_header_names_match_whatever_their_case_spaces_and_underscores() -> None:
    assert normalise_header("\ufeffTrip_ID ") == normalise_header("trip id") == "tripid"


OWN_TABLE = "mode: upsert\nkey: [a]\nrhythm_days: 1\ncolumns: {a: {}}\n"


@pytest.mark.parametrize(("before", "line"), [("feed: visits\n", 2), ("# ours\nfeed: visits\n# more\n\n", 5)])
def test_a_misspelt_table_is_refused_with_file_and_line(home: Home, before: str, line: int) -> None:
    write(home, f"{before}table: registratoins\n{OWN_TABLE}")
    with pytest.raises(MusterError) as told:
        load_contracts(home, Settings())
    sentence = str(told.value)
    assert sentence.startswith(f"{home.contracts / 'own.yml'} line {line}: table: there is no table 'registratoins';")
    assert "people, ratings, registrations, reviews, or the name of the feed" in sentence


def test_a_feed_may_have_a_table_of_its_own_that_others_fill(home: Home) -> None:
    write(home, f"feed: visits\n{OWN_TABLE}")
    write(home, f"feed: visits_old\ntable: visits\n{OWN_TABLE}", "old.yml")
    contracts = load_contracts(home, Settings())
    assert (contracts["visits"].table, contracts["visits_old"].table) == ("visits", "visits")


def test_a_contract_of_the_home_inherits_the_table_that_it_fills(home: Home) -> None:
    write(home, "feed: visits\ntable: registrations\nrhythm_days: 14\ncolumns: {trip_id: {aliases: [Nr]}}\n")
    contract = load_contracts(home, Settings())["visits"]
    assert (contract.mode, contract.key, contract.rhythm_days) == ("upsert", ("trip_id",), 14)
    assert contract.columns["starts_local"].type == "local_time"
    assert contract.columns["trip_status"].default is None
    assert [name for name, _ in contract.table_columns()] == [
        name for name, _ in shipped_contracts()["registrations"].table_columns()
    ]


def test_a_contract_of_the_home_replaces_a_shipped_one(home: Home) -> None:
    write(home, "feed: people\noptional: true\n")
    contract = load_contracts(home, Settings())["people"]
    assert contract.optional
    assert contract.columns["given_name"].aliases == shipped_contracts()["people"].columns["given_name"].aliases


def test_a_new_table_needs_no_code(home: Home) -> None:
    write(home, "feed: visas\nkey: [number]\nrhythm_days: 30\ncolumns: {number: {}, until: {type: date}}\n")
    contracts = load_contracts(home, Settings())
    assert table_contracts(contracts)["visas"].sql_columns() == [("number", "VARCHAR"), ("until", "DATE")]


def test_settings_change_rhythm_mode_and_contract(home: Home) -> None:
    write(home, "feed: roster\ntable: people\n")
    feeds = {
        "ratings": FeedSettings(rhythm_days=2),
        "people": FeedSettings(contract="own.yml", mode="upsert"),
    }
    contracts = load_contracts(home, Settings(feeds=feeds))
    assert contracts["ratings"].rhythm_days == 2
    assert (contracts["people"].feed, contracts["people"].mode) == ("people", "upsert")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feed: [", "own.yml line"),
        ("just text", "must be a contract"),
        ("feed: people\nflavour: x\n", "flavour: there is no such setting"),
        ("feed: people\ncolumns: {nickname: {}}\n", "table people has no such column"),
        ("feed: people\ncolumns: {email: {type: date}}\n", "declares text"),
        ("feed: people\ncolumns: {email: {aliasses: [x]}}\n", "columns.email.aliasses: there is no such setting"),
        ("feed: people\ndate_format: DD/MM/YYYY\n", "date_format: 'DD/MM/YYYY' must name %Y"),
        ("feed: people\ndate_format: '%d/%m/%y'\n", "must name %Y"),
        ("feed: people\ntime_zone: Mars\n", "no IANA time zone"),
        ("feed: people\nencoding: klingon\n", "no known encoding"),
        ("feed: people\ndelimiter: '\"'\n", "delimiter"),
        ("feed: people\nreceived_at: '{DATE}.csv'\n", "'{DATE}' is unknown"),
        ("feed: people\nreceived_at: {column: c}\n", "a snapshot is received as a whole"),
        ("feed: people\nkey: [nobody]\n", "column 'nobody' is named but not declared"),
        ("feed: ../people\n", "must be lower-case letters"),
        ("feed: people\nvariants: [{when_header: [a], columns: {x: {}}}]\n", "a variant names column 'x'"),
        ("feed: new\ncolumns: {a: {}}\n", "Field required"),
        ("feed: new\nkey: [a]\nrhythm_days: 1\ncolumns: {a: {type: choice}}\n", "a choice needs its 'values'"),
        ("feed: new\nkey: [a]\nrhythm_days: 1\ncolumns: {a: {constant: 1, aliases: [x]}}\n", "a constant takes"),
        (
            "feed: new\nkey: [a]\nrhythm_days: 1\ncolumns: {a: {}, b: {repeat: 2}, c: {repeat: 3}}\n",
            "must have the same 'repeat'",
        ),
    ],
)
def test_a_broken_contract_is_one_sentence_with_file_and_key(home: Home, text: str, words: str) -> None:
    write(home, text)
    with pytest.raises(MusterError) as raised:
        load_contracts(home, Settings())
    assert "own.yml" in str(raised.value)
    assert words in str(raised.value)


def test_two_contracts_of_one_feed_are_refused(home: Home) -> None:
    write(home, "feed: people\n", "a.yml")
    write(home, "feed: people\n", "b.yml")
    with pytest.raises(MusterError, match=r"declared in .*a\.yml too"):
        load_contracts(home, Settings())


def test_settings_for_an_unknown_feed_or_contract_are_refused(home: Home) -> None:
    with pytest.raises(MusterError, match="no contract declares this feed"):
        load_contracts(home, Settings(feeds={"peeple": FeedSettings(rhythm_days=1)}))
    with pytest.raises(MusterError, match=r"there is no .*nothing\.yml"):
        load_contracts(home, Settings(feeds={"people": FeedSettings(contract="nothing.yml")}))


def test_the_digest_changes_with_the_parsing_and_not_with_the_rhythm(home: Home) -> None:
    people = shipped_contracts()["people"]
    assert people.model_copy(update={"rhythm_days": 3}).digest() == people.digest()
    assert people.model_copy(update={"date_format": "%d/%m/%Y"}).digest() != people.digest()


def test_expectations_come_from_the_columns() -> None:
    checks = shipped_contracts()["registrations"].expectations()
    assert {"check": "not_null", "column": "trip_id", "severity": "blocking"} in checks
    assert any(check["check"] == "in_set" and "flight" in check["values"] for check in checks)
    assert any(check["check"] == "between" and check["column"] == "segment_number" for check in checks)


def test_file_name_patterns_hold_one_date() -> None:
    found = received_pattern("report-{YYYY-MM-DD}{*}.csv").fullmatch("report-2026-03-01 final.csv")
    assert found is not None
    assert found["month"] == "03"
    with pytest.raises(ValueError, match="must hold one"):
        received_pattern("report.csv")


def test_columns_have_their_sql_types() -> None:
    contract: Contract = shipped_contracts()["bookings"]
    columns = dict(contract.table_columns())
    assert columns["starts_local"] == "TIMESTAMP"
    assert columns["starts_local_has_time"] == "BOOLEAN"
    assert columns["booking_issued_date"] == "DATE"
    assert columns["received_at"] == "TIMESTAMP"
    assert "create or replace table land.bookings" in contract.ddl()
