"""Policies tried on what is published: the very SQL of a run, on the published facts, in a database of its own.

``mart.policy_trip`` and ``mart.policy_review`` hold all that rules compare, so a trial needs neither the feeds nor a
new run, and it cannot differ from what a run would say of the same facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines import models, reference
from pipelines.errors import MusterError
from pipelines.policy import Policy, load_rules
from pipelines.published import attach, role_file
from pipelines.settings import Home

EVALUATION = ("core.policy_case", "mart.policy_check")
FINDINGS = ("missing", "late", "rejected", "risen")
"""Statuses that somebody should look at."""


@dataclass(frozen=True)
class Difference:
    """Results of one kind under the policy in force and under another."""

    requirement: str
    obligation: str
    status: str
    before: int
    after: int
    appearing: int
    vanishing: int


def open_facts(home: Home, trip_id: str | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that holds the published facts, of one trip or of all, as the models read them.

    Raises MusterError where nothing is published, or what is published knows no policy yet.
    """
    path = role_file(home, "analyst")
    con = duckdb.connect(config={"threads": 2})
    con.execute("set TimeZone = 'UTC'")
    attach(con, path)
    try:
        con.execute("create schema reference; create schema core; create schema mart")
        _copy_facts(con, trip_id)
    except (duckdb.CatalogException, duckdb.BinderException):
        con.close()
        raise MusterError(
            f"The publication in {home.root} was made before trips were judged as they are now; run 'muster run' again."
        ) from None
    return con


def _copy_facts(con: duckdb.DuckDBPyConnection, trip_id: str | None) -> None:
    con.execute("create table reference.parameter as select as_of, office_timezone from published.mart.publication")
    con.execute("create table reference.policy_rule as select * from published.mart.policy_rule")
    con.execute(
        "create view reference.zone_transition as select * from "
        f"read_parquet('{str(reference.ensure_zone_transitions()).replace(chr(39), chr(39) * 2)}')"
    )
    con.execute(
        """
        create table core.policy_trip as
        select
            row_number() over (order by trip_id)::integer as trip_key,
            dense_rank() over (order by traveller_id)::integer as traveller_key,
            *
        from published.mart.policy_trip
        where trip_id = coalesce($trip_id, trip_id)
        """,
        {"trip_id": trip_id},
    )
    con.execute(
        """
        create table core.policy_review as
        select t.trip_key, r.* exclude (trip_id)
        from published.mart.policy_review as r
        inner join core.policy_trip as t on r.trip_id = t.trip_id
        """
    )
    con.execute(
        "select t.registered_trip_id, r.days_after_return "
        "from core.policy_trip as t, reference.policy_rule as r limit 0"
    )
    con.execute("create table core.pseudonym as select distinct traveller_key, traveller_id from core.policy_trip")
    con.execute("create view core.rating_period as select * from published.mart.rating_period")


def evaluate(con: duckdb.DuckDBPyConnection, policy: Policy | None = None, office_timezone: str = "UTC") -> None:
    """Make ``core.policy_case`` and ``mart.policy_check`` from the facts, by ``policy`` or by the rules loaded last."""
    if policy is not None:
        load_rules(con, policy, office_timezone)
    for model in models.discover():
        if model.table in EVALUATION:
            models.build(con, model)


def compare(con: duckdb.DuckDBPyConnection, policy: Policy) -> list[Difference]:
    """The findings of ``policy`` beside those of the policy in force, by kind; the greatest change first.

    ``appearing`` and ``vanishing`` count trips that have the finding under one of the two alone.
    """
    row = con.execute("select office_timezone from reference.parameter").fetchone()
    evaluate(con, policy, row[0] if row else "UTC")
    rows = con.execute(
        """
        with united as (
            select trip_id, requirement, obligation, status, true as is_before from published.mart.policy_check
            union all
            select trip_id, requirement, obligation, status, false as is_before from mart.policy_check
        ),

        by_trip as (
            select requirement, obligation, status, trip_id, bool_or(is_before) as is_before,
                bool_or(not is_before) as is_after
            from united
            where status <> 'not_applicable'
            group by all
        )

        select requirement, obligation, status, count(*) filter (is_before), count(*) filter (is_after),
            count(*) filter (is_after and not is_before), count(*) filter (is_before and not is_after)
        from by_trip
        group by all
        order by abs(count(*) filter (is_after) - count(*) filter (is_before)) desc, requirement, obligation, status
        """
    ).fetchall()
    return [Difference(*row) for row in rows]


def explain_rules(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str, str, str]]:
    """What each rule in force says of the one trip loaded: rule, requirement, obligation, status, why, its source."""
    evaluate(con)
    trip = _named(con, "select * from core.policy_trip")[0]
    cases = {row["rule_number"]: row for row in _named(con, "select * from core.policy_case")}
    told = []
    for rule in _named(con, "select * from reference.policy_rule order by rule_number"):
        case = cases.get(rule["rule_number"])
        status = case["status"] if case else "not_applicable"
        why = _of_case(rule, case) if case else _of_population(rule, trip)
        told.append((rule["rule_id"], rule["requirement"], rule["obligation"], status, why, rule["rule_source"]))
    return told


def _named(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = con.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _of_case(rule: dict[str, Any], case: dict[str, Any]) -> str:
    words = []
    if case["population_match"] == 1:
        words.append("the affiliation is not known, so the rule may hold")
    if case["has_level_condition"]:
        asked = [*(f"level {level}" for level in rule["rule_levels"]), *rule["evacuation_statuses"]]
        words.append(f"asks at {', '.join(asked)}")
        level = case["decisive_level"] if case["decisive_level"] is not None else "not known"
        words.append(
            f"level {level} at {case['decisive_at']:%Y-%m-%d %H:%M} UTC (rating {case['rating_id'] or 'none'})"
        )
        highest = case["highest_level"] if case["highest_level"] is not None else "not known"
        words.append(f"highest over the trip {highest} (rating {case['highest_rating_id'] or 'none'})")
        if case["decisive_has_unknown"]:
            words.append("a destination's level is not known")
    else:
        words.append("asks at any level")
    if case["status"] != "not_applicable":
        words.append(f"due before {case['due_at']:%Y-%m-%d %H:%M} UTC" if case["due_at"] else "no departure is known")
        satisfied = case["satisfied_at"]
        words.append(f"satisfied {satisfied:%Y-%m-%d %H:%M} UTC" if satisfied else "nothing satisfies it yet")
    return "; ".join(words)


def _of_population(rule: dict[str, Any], trip: dict[str, Any]) -> str:
    """Why a rule does not speak of a trip: the first of its conditions that fails, in words."""
    if trip["registered_trip_id"]:
        return f"speaks of the registered trip {trip['registered_trip_id']}, which is this journey"
    if rule["affiliations"] and trip["affiliation"] not in rule["affiliations"] and trip["affiliation"]:
        return f"speaks of {', '.join(rule['affiliations'])}, and the traveller is {trip['affiliation']}"
    flags = {
        "is_international": ("trips abroad", "trips at home"),
        "travels_with_students": ("trips with students", "trips without students"),
        "is_agency_booked": ("bookings by the agency", "bookings outside the agency"),
    }
    for name, (yes, no) in flags.items():
        if rule[name] is not None and rule[name] != trip[name]:
            return f"speaks of {yes if rule[name] else no}, and this is none"
    size, least, most = trip["group_size"], rule["min_group_size"], rule["max_group_size"]
    if (least and size < least) or (most and size > most):
        return f"speaks of groups of {least or 1} to {most or 'any number'}, and this is one of {size}"
    return "was not in force at the decisive instant"
