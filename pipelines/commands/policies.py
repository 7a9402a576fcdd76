"""``muster policy``: why a trip has its results, what was decided on them, what another policy would find."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.errors import MusterError, UsageError
from pipelines.policy import PRESETS, load_policy
from pipelines.policy_trial import FINDINGS, compare, explain_rules, open_facts
from pipelines.settings import Home
from pipelines.tables import FORMATS, print_rows


def explain(home: Home, trip_id: str, output_format: str) -> None:
    """Print what each rule in force says of one trip; the published results follow as notes, each with its why."""
    _require_format(output_format)
    con = open_facts(home.require(), trip_id)
    try:
        if con.execute("select count(*) from core.policy_trip").fetchall() == [(0,)]:
            raise MusterError(_not_judged(con, trip_id))
        rows = explain_rules(con)
        published = con.execute(
            "select requirement, status, obligation, reason from published.mart.policy_check where trip_id = ? "
            "order by status = 'not_applicable', requirement",
            [trip_id],
        ).fetchall()
    finally:
        con.close()
    notes = [
        f"{requirement}: {status}{f' ({obligation})' if obligation else ''}. {reason}"
        for requirement, status, obligation, reason in published
    ]
    print_rows(("rule", "requirement", "obligation", "status", "why", "source"), rows, output_format, notes=notes)


def _not_judged(con: duckdb.DuckDBPyConnection, trip_id: str) -> str:
    row = con.execute("select trip_status, purpose from published.mart.trip where trip_id = ?", [trip_id]).fetchone()
    if row is None:
        return f"There is no trip '{trip_id}'; the table trip lists them (muster sql 'select trip_id from trip')."
    kind = "cancelled" if row[0] == "cancelled" else row[1]
    return f"The trip '{trip_id}' is {kind}, and policy does not judge such a trip (S2)."


def what_if(home: Home, file: str, output_format: str) -> None:
    """Print the findings of another policy beside those of the policy in force, on the published trips."""
    _require_format(output_format)
    path = PRESETS / f"{file}.yml" if (PRESETS / f"{file}.yml").is_file() and "/" not in file else Path(file)
    policy = load_policy(path)
    con = open_facts(home.require())
    try:
        differences = compare(con, policy)
        in_force = con.execute("select min(policy) from published.mart.policy_rule").fetchall()[0][0]
        trips = con.execute("select count(*) from core.policy_trip").fetchall()[0][0]
    finally:
        con.close()
    rows = [
        (d.requirement, d.obligation, d.status, d.before, d.after, d.after - d.before, d.appearing, d.vanishing)
        for d in differences
    ]
    before = sum(d.before for d in differences if d.status in FINDINGS)
    after = sum(d.after for d in differences if d.status in FINDINGS)
    notes = [
        f"On {trips:,} trips, findings ({', '.join(FINDINGS)}): {before:,} under {in_force}, {after:,} under "
        f"{policy.policy} ({after - before:+,}). Recommended ones are counted too.",
        "Judged by the facts as published; nothing was changed.",
    ]
    columns = ("requirement", "obligation", "status", "before", "after", "change", "appearing", "vanishing")
    print_rows(columns, rows, output_format, notes=notes)


def decide(home: Home, trip_id: str, requirement: str, decision: str | None, note: str | None) -> None:
    """Keep a decision and say so."""
    from pipelines import compliance

    print(compliance.decide(home.require(), [(trip_id, requirement)], decision, note))


def _require_format(output_format: str) -> None:
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
