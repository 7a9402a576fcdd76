"""The gazetteer: what it holds, and that names and texts are folded alike."""

import random
from pathlib import Path

import duckdb
import pytest

from pipelines.places import ensure_gazetteer
from pipelines.places.normal import key_sql
from pipelines.settings import SQL

ODD_TEXTS = [
    "Xi'An - China",
    "St. John's",
    "ST.JOHN'S, NL",
    "Côte d’Ivoire (Ivory Coast)",
    "U.S.A.",
    "Łódź/Tromsø & Straße; İstanbul",
    "a\nb\r\nc",
    "  ,, ;; ",
    "Ft. Worth – Mt. Pleasant",
    "नई दिल्ली",
    "Đà Nẵng",
    "",
]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    folder = ensure_gazetteer()
    con = duckdb.connect()
    for table in ("place", "name"):
        con.execute(f"create view {table} as select * from '{folder / f'{table}.parquet'}'")
    return con


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    return con.execute(query).fetchall()


def test_texts_are_folded_as_names_are(con) -> None:
    letters = "aéßøŁđ.'’-–,;/&() 1Stft中\n"
    chance = random.Random(1)
    texts = ODD_TEXTS + ["".join(chance.choices(letters, k=chance.randint(1, 14))) for _ in range(2000)]
    con.execute("create schema if not exists stage")
    con.execute(
        "create or replace table stage.place_text as select distinct unnest(?::varchar[]) as place_text, "
        "null::varchar as country_hint, null::varchar as region_hint, 'text' as text_kind",
        [texts],
    )
    con.execute(f"create or replace table folded as {(SQL / 'core' / 'place_text.sql').read_text(encoding='utf-8')}")
    assert (
        rows(
            con,
            f"select place_text, text_key from folded where text_key <> {key_sql('place_text')}",
        )
        == []
    )
    assert rows(con, "select count(*) from folded")[0][0] > 1000


def test_every_country_has_a_zone_and_the_inhabited_ones_a_position(con) -> None:
    found = rows(
        con,
        "select place_id, timezone, latitude, population from place "
        "where place_type = 'country' and country_code is not null",
    )
    assert len(found) == 250
    assert [row[0] for row in found if row[1] is None or (row[3] > 0 and row[2] is None)] == []


def test_every_city_lies_in_a_country_and_has_a_zone(con) -> None:
    assert (
        rows(con, "select place_id from place where place_type = 'city' and (country_code is null or timezone is null)")
        == []
    )
    assert rows(con, "select count(*) > 230000 from place where place_type = 'city'") == [(True,)]


def test_place_ids_are_unique(con) -> None:
    assert rows(con, "select place_id from place group by place_id having count(*) > 1") == []


def test_regions_are_known_for_most_people(con) -> None:
    share = rows(
        con,
        "select sum(population) filter (region_code is not null) / sum(population) from place "
        "where place_type = 'city'",
    )
    assert share[0][0] > 0.9


@pytest.mark.parametrize(
    ("city", "region"),
    [
        ("2643743", "GB-ENG"),
        ("5128581", "US-NY"),
        ("6167865", "CA-ON"),
        ("2867714", "DE-BY"),
        ("2988507", "FR-IDF"),
        ("1850147", "JP-13"),
        ("360630", "EG-C"),
        ("1609350", "TH-10"),
        ("3173435", "IT-25"),
        ("756135", "PL-14"),
        ("3530597", "MX-CMX"),
        ("1835848", "KR-11"),
        ("2657896", "CH-ZH"),
        ("292223", "AE-DU"),
    ],
)
def test_a_city_lies_in_its_region(con, city: str, region: str) -> None:
    assert rows(con, f"select region_code from place where place_id = '{city}'") == [(region,)]


def test_a_metropolitan_area_joins_its_cities(con) -> None:
    newark = "5101798"
    assert rows(con, f"select area_id from place where place_id = '{newark}'") == [("5128581",)]
    assert rows(con, "select count(*) > 3 from place where place_type = 'site' and city_place_id = '2643743'") == [
        (True,)
    ]


def test_a_code_that_moved_leads_to_the_place_that_has_it_now(con) -> None:
    current = rows(con, "select place_id from name where name_key = 'isl' and name_kind = 'iata' and is_current")
    assert ("745044",) in current


def test_a_second_call_builds_nothing(monkeypatch) -> None:
    said: list[str] = []
    assert isinstance(ensure_gazetteer(said.append), Path)
    assert said == []
