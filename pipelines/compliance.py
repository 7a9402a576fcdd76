"""Decisions on requirements of the policy that trips do not meet, as the dashboard and the command line take them."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines import decisions
from pipelines.errors import MusterError, UsageError
from pipelines.published import open_role
from pipelines.settings import Home

_FIND = """
    select c.trip_id, c.requirement, c.traveller_id, t.departs_date, c.rule_id, c.status
    from mart.policy_check as c
    left join mart.policy_trip as t on c.trip_id = t.trip_id
    where c.trip_id = ? and c.requirement = ?
"""


def decide(
    home: Home,
    findings: Sequence[tuple[str, str]],
    decision: str | None,
    note: str | None,
    user: str | None = None,
) -> str:
    """Keep a decision on (trip_id, requirement), one or several at once; returns what was kept, in a sentence.

    Where one of them is no result of the current publication, nothing is kept. Raises MusterError, UsageError.
    """
    found = []
    con = open_role(home, "analyst")
    try:
        tables = con.execute("select table_name from duckdb_tables() where schema_name = 'mart'").fetchall()
        if not {("policy_check",), ("policy_trip",)} <= set(tables):
            raise MusterError(
                f"The publication in {home.root} was made before trips were judged by policy; run 'muster run' again."
            )
        for trip_id, requirement in dict.fromkeys(findings):
            row = con.execute(_FIND, [trip_id, requirement]).fetchone()
            if row is None:
                raise UsageError(
                    f"Nothing is asked of the trip '{trip_id}' by the name '{requirement}'; "
                    "'muster policy explain' lists what is."
                )
            if row[5] == "not_applicable":
                raise UsageError(
                    f"The requirement '{requirement}' does not apply to the trip '{trip_id}', so there is nothing to "
                    "decide; 'muster policy explain' says why."
                )
            found.append(decisions.PolicyFinding(*row))
    finally:
        con.close()
    decisions.record(home, found, decision, note, user)
    is_one = len(found) == 1
    what = f"The finding '{found[0].requirement}' of {found[0].trip_id}" if is_one else f"{len(found):,} findings"
    kept = f"{'has' if is_one else 'have'} a note"
    if decision:
        kept = f"{'is' if is_one else 'are'} {decision.replace('_', ' ')}"
    return f"{what} {kept}; the next 'muster run' puts it into the tables."
