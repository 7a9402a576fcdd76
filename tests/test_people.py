"""People (S10): how often the right person is found in an invented office, and what the input's order never changes."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import landing, models, reference
from pipelines.contracts import load_contracts
from pipelines.generate import generate
from pipelines.settings import Home, Settings

AS_OF = datetime(2026, 11, 16, 12, tzinfo=UTC)
TRIPS = 3_000


def empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    for schema in ("land", "reference", "stage", "core", "mart"):
        con.execute(f"create schema {schema}")
    reference._load_lists(con)
    return con


def resolve(con: duckdb.DuckDBPyConnection) -> None:
    """Run every model that core.identity needs over the tables that are there."""
    rows = con.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    for step in models.needed(models.discover(), "core.identity", {row[0] for row in rows}):
        con.execute(f"create table {step.table} as {step.sql}")


@pytest.fixture(scope="module", params=[1.0, 4.0], ids=["noise 1", "noise 4"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """An invented office with its people resolved, and table claim: what was found beside what is true.

    A claim is one way in which one trip of one feed names its traveller; record locators that two trips had are left
    out, because the truth does not say which of the two a booking is.
    """
    home = Home(tmp_path_factory.mktemp("office")).prepare()
    generate(home.root, TRIPS, 11, AS_OF, noise=request.param)
    contracts = load_contracts(home, Settings())
    landing.land_inbox(home, contracts)
    landing.stage_files(home, contracts)
    con = empty()
    landing.load(con, home, Settings(), contracts, datetime(9000, 1, 1, tzinfo=UTC))
    reference.load(con, home, Settings(), AS_OF, AS_OF)
    resolve(con)
    truth = home.root / "truth"
    con.execute(
        f"""create table claim as
        with trip as (select t.*, p.is_on_roster from read_parquet('{truth}/trip.parquet') as t
            join read_parquet('{truth}/traveller.parquet') as p using (person_id)),
        told as (
            select 'registration' as source, registration_trip_id as ref, * from trip
            union all select 'expense', 'expense:' || expense_report_id, * from trip
            union all select 'booking', record_locator, * from trip
            where record_locator in (select record_locator from trip group by all having count(*) = 1))
        select distinct s.source, s.trip_ref, s.identity_text, t.person_id as true_id, t.is_on_roster,
            t.identity_status as true_status, i.roster_person_id, i.identity_key, i.identity_status, i.identity_reason,
            coalesce(s.person_id, s.email, s.traveller_name) is null as names_nobody
        from told as t
        join stage.segment as s on s.source = t.source
            and case s.source when 'booking' then split_part(s.trip_ref, ':', 2) else s.trip_ref end = t.ref
        join core.identity as i using (identity_text)"""
    )
    return con


def one(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row


def test_the_right_person_is_found(office: duckdb.DuckDBPyConnection) -> None:
    right, wrong, missed, reachable = one(
        office,
        """select count(*) filter (roster_person_id = true_id), count(*) filter (roster_person_id <> true_id),
            count(*) filter (roster_person_id is null and is_on_roster),
            count(*) filter (roster_person_id is null and is_on_roster and true_status = 'matched' and not names_nobody)
        from claim""",
    )
    precision, recall = right / (right + wrong), right / (right + missed)
    print(f"\nclaims resolved right {right}, wrong {wrong}, missed {missed}, of which {reachable} name somebody known")
    print(f"precision {precision:.4f}, recall {recall:.4f}, of what can be known {right / (right + reachable):.4f}")
    for reason, number, bad in office.execute(
        """select identity_reason, count(*), count(*) filter (roster_person_id <> true_id or (roster_person_id is null
        and is_on_roster)) from claim group by all order by all"""
    ).fetchall():
        print(f"{number:7} {bad:5} wrong or missed  {reason}")
    assert precision >= 0.999
    assert recall >= 0.97
    assert right / (right + reachable) >= 0.99


def test_pairs_of_claims_are_joined_rightly(office: duckdb.DuckDBPyConnection) -> None:
    both, joined, true = one(
        office,
        """with cell as (select identity_key, true_id, count(*) as n from claim group by all)
        select (select sum(n * (n - 1)) from cell),
            (select sum(n * (n - 1)) from (select sum(n) as n from cell group by identity_key)),
            (select sum(n * (n - 1)) from (select sum(n) as n from cell group by true_id))""",
    )
    print(f"\npairs joined: precision {both / joined:.4f}, recall {both / true:.4f}")
    assert both / joined >= 0.999
    assert both / true >= 0.94


def test_who_is_not_on_the_roster_is_never_hidden_in_it(office: duckdb.DuckDBPyConnection) -> None:
    guests, hidden = one(
        office,
        "select count(*), count(*) filter (identity_status = 'matched') from claim where not is_on_roster",
    )
    assert guests > 0
    assert hidden <= guests * 0.05


def test_everybody_has_one_key_and_a_reason(office: duckdb.DuckDBPyConnection) -> None:
    texts, keys, missing = one(
        office,
        """select (select count(distinct identity_text) from stage.segment), (select count(*) from core.identity),
        (select count(*) from core.identity where identity_key is null or identity_reason is null)""",
    )
    assert (texts, missing) == (keys, 0)


def test_reasons_hold_no_personal_data(office: duckdb.DuckDBPyConnection) -> None:
    assert office.execute("select * from core.identity where identity_reason like '%@%'").fetchall() == []
    named = office.execute(
        """select identity_reason from (select distinct identity_reason from core.identity), stage.person
        where contains(lower(identity_reason), lower(family_name)) and length(family_name) > 4"""
    ).fetchall()
    assert named == []


ROSTER = [
    ("P1", "Chen, Wei", "wei.chen11@example.edu", "+1-212-555-0142"),
    ("P2", "Chen, Wei", "wei.chen12@example.edu", "+1-212-555-0199"),
    ("P3", "de la Cruz, Ana María", "ana@example.edu", None),
    ("P4", "Smith, Robert James", "lab@example.edu", None),
    ("P5", "Smith, Kate", "lab@example.edu", None),
]
FIRST = date(2026, 3, 1)
claims = st.fixed_dictionaries(
    {
        "trip_ref": st.sampled_from(["T1", "T2", "T3", "T4"]),
        "person_id": st.sampled_from([None, None, None, "P1", "p2", "X7"]),
        "email": st.sampled_from(
            [None, None, None, "wei.chen11@example.edu", "we.chen11@example.edu", "lab@example.edu", "g@example.org"]
        ),
        "traveller_name": st.sampled_from(
            [None, "Wei Chen", "CHEN/WEI MR", "DELACRUZ/ANA", "Bob Smith", "Smith, Katherine", "Ana Silva", "Otto Farr"]
        ),
        "phone": st.sampled_from([None, None, "12125550142"]),
        "service_number": st.sampled_from(["", "", "401", "402"]),
        "day": st.integers(0, 3),
    }
)


def identities(rows: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The identity of each way of naming, for segments in the order given."""
    con = empty()
    con.execute(
        """create table stage.person (person_id varchar, roster_name varchar, email varchar, mobile_phone varchar,
        given_name varchar, other_emails varchar[], other_phones varchar[], is_on_roster boolean);
        create table stage.segment (segment_key bigint, source varchar, trip_ref varchar, identity_text varchar,
        person_id varchar, email varchar, traveller_name varchar, phone varchar, segment_kind varchar,
        carrier_code varchar, service_number varchar, starts_local timestamp, ends_local timestamp)"""
    )
    people = [(*person, person[1].split(", ")[1]) for person in ROSTER]
    con.executemany("insert into stage.person values (?, ?, ?, ?, ?, null, null, true)", people)
    for number, row in enumerate(rows):
        key = "|".join([row["person_id"] or "", row["email"] or "", (row["traveller_name"] or "").lower()])
        if row["person_id"] is None and row["email"] is None:
            key += "|registration:" + row["trip_ref"]
        starts = FIRST + timedelta(days=row["day"])
        told = [row[name] for name in ("person_id", "email", "traveller_name", "phone")]
        con.execute(
            "insert into stage.segment values (?, 'registration', ?, ?, ?, ?, ?, ?, 'movement', 'LH', ?, ?, ?)",
            [number, row["trip_ref"], key, *told, row["service_number"], starts, starts],
        )
    resolve(con)
    found = con.execute("select * from core.identity").fetchall()
    assert len(found) == len({row[0] for row in found})
    return {row[0]: row[1:] for row in found}


@settings(max_examples=30, deadline=None)
@given(st.lists(claims, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(rows: list[dict[str, Any]], chance: random.Random) -> None:
    first = identities(rows)
    again = [dict(row) for row in rows + chance.sample(rows, len(rows) // 2)]
    chance.shuffle(again)
    assert identities(again) == first


@settings(max_examples=30, deadline=None)
@given(st.lists(claims, min_size=1, max_size=9))
def test_a_key_is_a_person_of_the_roster_or_somebody_else(rows: list[dict[str, Any]]) -> None:
    for text, (roster_id, key, status, reason, *_) in identities(rows).items():
        assert (roster_id is not None) == (status == "matched") == key.startswith("person:")
        assert reason
        if text.startswith(("P1|", "p2|")):
            assert key == f"person:{text[:2].upper()}"


def test_nicknames_are_listed_once() -> None:
    many, is_unique = one(
        empty(), "select count(*), count(*) = count(distinct (nickname, given_name)) from reference.nickname"
    )
    assert many > 300
    assert is_unique
