"""``muster audit``: the findings on the screen, decisions on them, and drafts of letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines import audit
from pipelines.errors import UsageError
from pipelines.settings import Home
from pipelines.tables import FORMATS, print_rows

# Column of the findings -> heading on the screen; the rest is for CSV and JSON.
_HEADINGS = {
    "audit_id": "finding",
    "audit_status": "status",
    "traveller_id": "traveller",
    "full_name": "name",
    "email": "e-mail",
    "country_code": "country",
    "starts_date": "from",
    "ends_date": "to",
    "decision": "decision",
    "decision_note": "note",
    "where_now": "now",
    "reason": "reason",
}


def show(home: Home, role: str, status: str | None, output_format: str) -> None:
    """Print the findings; nothing is printed where the access log cannot be written."""
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    found = audit.findings(home.require(), role, status)
    if output_format != "table":
        print_rows(found.columns, found.rows, output_format, notes=[found.title, *found.notes])
        return
    names = [name for name in _HEADINGS if name in found.columns and _is_told(name, found)]
    places = [found.columns.index(name) for name in names]
    rows: list[list[Any]] = [[row[place] for place in places] for row in found.rows]
    print_rows(
        [_HEADINGS[name] for name in names],
        rows,
        output_format,
        title=found.title,
        notes=found.notes,
        first=("status", "name", "country", "from", "to", "now", "reason"),
    )


def _is_told(name: str, found: audit.Listing) -> bool:
    """Decisions, and where somebody is now, take room on the screen only where there are any."""
    place = found.columns.index(name)
    return name not in ("decision", "decision_note", "where_now") or any(row[place] for row in found.rows)


def decide(home: Home, audit_id: str, decision: str | None, note: str | None) -> None:
    """Keep a decision and say so."""
    print(audit.decide(home.require(), audit_id, decision, note))


def draft(home: Home, role: str, audit_id: str, template: Path | None) -> None:
    """Print a letter."""
    print(audit.draft(home.require(), role, audit_id, template), end="")
