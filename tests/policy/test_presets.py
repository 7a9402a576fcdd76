"""The presets, a row a case: each sentence of section 7 of the domain, judged by the SQL of a run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import models
from pipelines.policy import PRESETS, load_policy
from pipelines.policy_trial import evaluate
from pipelines.reference import ensure_zone_transitions

ROWS = list(csv.DictReader((Path(__file__).parent / "presets.csv").open(encoding="utf-8")))
DEPARTS = datetime(2026, 6, 15, 14)  # 10:00 in New York
NOW = datetime(2026, 7, 1)


def level(text: str, later: bool = False) -> int | None:
    word = text.rpartition(">")[2] if later else text.partition(">")[0]
    return int(word) if word.isdigit() else None


def facts(number: int, row: dict[str, str]) -> dict[str, Any]:
    """The facts of one row's trip. '?' is a destination of unknown level, '-' none; '2>4' rises after departure."""
    registered = DEPARTS - timedelta(days=int(row["registered"])) if row["registered"] else None
    judged = min(registered or DEPARTS, DEPARTS)
    known = {
        "trip_key": number,
        "trip_id": f"T{number}",
        "traveller_key": number,
        "affiliation": row["affiliation"] or None,
        "is_registered": registered is not None,
        "registered_at": registered,
        "has_university_email": registered is not None and row["email"] == "own",
        "travels_with_students": row["students"] == "yes",
        "group_id": f"G{number}" if row["group"] != "1" else None,
        "group_size": int(row["group"]),
        "is_international": row["abroad"] == "yes",
        "is_agency_booked": row["agency"] == "yes",
        "departs_at": DEPARTS,
        "departs_date": DEPARTS.date(),
        "departs_has_time": True,
        "departs_timezone": "America/New_York",
        "registration_judged_at": judged,
        "departure_judged_at": DEPARTS,
        "highest_at": DEPARTS,
        "highest_evacuation_at": DEPARTS,
    }
    for moment in ("registration", "departure", "highest"):
        known[f"{moment}_level"] = level(row["levels"], later=moment == "highest")
        known[f"{moment}_has_unknown"] = row["levels"] == "?"
        known[f"{moment}_evacuation"] = row["evacuation"]
        known[f"{moment}_rating_id"] = 1
    return known


def reviews(number: int, row: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """What core.policy_review holds of 'kind:outcome:days before departure', 'group/' for another of the group."""
    by_kind: dict[tuple[str, str], dict[str, datetime]] = {}
    for word in row["reviews"].split():
        kind, outcome, days = word.split(":")
        scope = "group" if kind.startswith("group/") else "traveller"
        by_kind.setdefault((kind.removeprefix("group/"), scope), {})[outcome] = DEPARTS - timedelta(days=int(days))
    for (kind, scope), told in by_kind.items():
        approved, rejected = told.get("approved"), told.get("rejected")
        if approved and rejected and approved < rejected:
            approved = None
        yield number, kind, scope, approved, "RV1", rejected, "RV2", "pending" in told


@pytest.fixture(scope="module")
def results() -> dict[int, tuple[Any, ...]]:
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'; create schema reference; create schema core; create schema mart")
    con.execute(
        "create table reference.parameter as select $1::timestamp as as_of, 'America/New_York' as office_timezone",
        [NOW],
    )
    con.execute(f"create view reference.zone_transition as select * from read_parquet('{ensure_zone_transitions()}')")
    con.execute(
        "create table core.rating_period as "
        "select 1::bigint as rating_id, 'invented' as provider, 'Somewhere' as place_name"
    )
    known = models.fields()
    for model in models.discover():
        if model.table in ("core.policy_trip", "core.policy_review"):
            columns = ", ".join(f"{name} {known[name].type}" for name in model.twin.columns)
            con.execute(f"create table {model.table} ({columns})")
    found = {}
    for policy in ("columbia", "umb", "denver"):
        con.execute("delete from core.policy_trip; delete from core.policy_review")
        for number, row in enumerate(ROWS):
            if row["policy"] == policy:
                insert(con, number, row)
        con.execute(
            "create or replace table core.pseudonym as "
            "select traveller_key, 't_' || traveller_key as traveller_id from core.policy_trip"
        )
        evaluate(con, load_policy(PRESETS / f"{policy}.yml"), "America/New_York")
        for row in con.execute(
            "select trip_id, requirement, obligation, status, reason, is_undetermined, due_at from mart.policy_check"
        ).fetchall():
            found[int(row[0][1:]), row[1]] = row[2:]
    return found


def insert(con: duckdb.DuckDBPyConnection, number: int, row: dict[str, str]) -> None:
    values = facts(number, row)
    names, marks = ", ".join(values), ", ".join("?" for _ in values)
    con.execute(f"insert into core.policy_trip ({names}) values ({marks})", list(values.values()))
    for review in reviews(number, row):
        con.execute("insert into core.policy_review values (?, ?, ?, ?, ?, ?, ?, ?)", review)


def test_there_are_enough_rows_for_every_preset() -> None:
    assert len(ROWS) >= 60
    assert {row["policy"] for row in ROWS} == {path.stem for path in PRESETS.glob("*.yml")}


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda n: f"{n}-{ROWS[n]['policy']}-{ROWS[n]['sentence']}")
def test_each_sentence_means_what_it_says(results: dict[Any, tuple[Any, ...]], number: int) -> None:
    row = ROWS[number]
    obligation, status, reason, is_undetermined, _ = results[number, row["requirement"]]
    assert (obligation or "", status) == (row["obligation"], row["status"]), reason
    is_unknown_person = row["affiliation"] in ("", "astronaut") and row["policy"] == "columbia"
    is_unknown_level = row["levels"] == "?" and row["requirement"] != "register"
    assert is_undetermined == (is_unknown_person or is_unknown_level), reason


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_every_result_carries_its_why(results: dict[Any, tuple[Any, ...]], number: int) -> None:
    row = ROWS[number]
    _, status, reason, _, _ = results[number, row["requirement"]]
    assert reason.endswith(".")
    assert "None" not in reason
    assert "  " not in reason
    if status in ("missing", "rejected", "risen"):
        assert f"Rule {row['policy']}-" in reason
        assert "Would satisfy it: " in reason
    if status in ("missing", "late", "rejected"):
        assert "due before 2026-0" in reason or "due by 2026-0" in reason
    if status != "not_applicable" and row["requirement"] != "register" and row["levels"] != "?":
        assert "rating 1 of invented for Somewhere" in reason
    if row["levels"] == "?" and row["requirement"] != "register":
        assert "not known, which is never read as low" in reason


def test_a_lead_time_ends_with_a_local_day(results: dict[Any, tuple[Any, ...]]) -> None:
    number = next(
        n for n, row in enumerate(ROWS) if row["requirement"] == "elevated_approval" and row["status"] == "met"
    )
    # The last good day is 16 May in New York, which ends at 04:00 UTC on the 17th.
    assert results[number, "elevated_approval"][4] == datetime(2026, 5, 17, 4)
