"""What people decide on findings of the audit: kept beside the data, so that it survives every rebuild (A4).

``decisions/audit.jsonl`` of a home holds one JSON object a line, appended and never changed. A line carries, besides
the finding's id, what it was about (traveller by pseudonym, country, days, bookings and reports), so that the decision
still finds its trip when the id is gone. The newest decision of a finding counts, and its newest note.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import journal
from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home

if TYPE_CHECKING:
    import duckdb

DECISIONS = ("confirmed", "dismissed")
NOTE = "note"
MOST_NOTE_LETTERS = 2_000

_COLUMNS = {
    "audit_id": "varchar",
    "decision": "varchar",
    "note": "varchar",
    "decided_at": "timestamp",
    "decided_by": "varchar",
    "traveller_id": "varchar",
    "country_code": "varchar",
    "starts_date": "date",
    "ends_date": "date",
    "observed_refs": "varchar[]",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a decision is about, as it was published when somebody decided."""

    audit_id: str
    traveller_id: str
    country_code: str | None
    starts_date: datetime.date | None
    ends_date: datetime.date | None
    observed_refs: list[str]


def decisions_path(home: Home) -> Path:
    """Where the decisions of a home are kept."""
    return home.root / "decisions" / "audit.jsonl"


def record(home: Home, finding: Finding, decision: str | None, note: str | None, user: str | None = None) -> None:
    """Append a decision (``confirmed`` or ``dismissed``), a note, or both, and make sure that it is on disk.

    ``user`` is who decided (default: the account of this process). Raises UsageError for a decision that does not
    exist or where there is nothing to record, and MusterError where the line cannot be written.
    """
    if decision is not None and decision not in DECISIONS:
        raise UsageError(f"There is no decision '{decision}'; choose one of {', '.join(DECISIONS)}.")
    text = (note or "").strip()
    if decision is None and not text:
        raise UsageError("There is nothing to record; give --as, --note or both.")
    if len(text) > MOST_NOTE_LETTERS:
        raise UsageError(f"The note has {len(text):,} letters; at most {MOST_NOTE_LETTERS:,} are kept.")
    entry = {
        **dataclasses.asdict(finding),
        "decision": decision or NOTE,
        "note": text or None,
        "decided_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "decided_by": user or journal.account(),
    }
    path = decisions_path(home)
    try:
        journal.append(path, entry)
    except OSError as error:
        raise MusterError(
            f"The decision cannot be kept in {path} ({error.strerror}); mend it and decide again."
        ) from error


def read(home: Home) -> list[dict[str, Any]]:
    """Every decision of a home, oldest first, instants naive UTC; MusterError names a line that is wrong."""
    path = decisions_path(home)
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise MusterError(f"The decisions in {path} cannot be read; restore the file from a backup.") from error
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.rstrip().endswith("}"):
            continue  # blank, or cut off by a crash before anybody was told that it is kept
        try:
            entry = json.loads(line)
            decided_at = datetime.datetime.fromisoformat(entry["decided_at"]).astimezone(datetime.UTC)
            found.append({name: entry.get(name) for name in _COLUMNS} | {"decided_at": decided_at.replace(tzinfo=None)})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise MusterError(f"Line {number} of {path} is no decision; mend or remove the line.") from None
    return found


def load(con: duckdb.DuckDBPyConnection, home: Home, known_at: datetime.datetime) -> None:
    """Make ``reference.decision`` of what was decided by ``known_at`` (naive UTC), numbered in order."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    con.execute(f"create or replace table reference.decision (decision_number bigint, {columns})")
    rows = [
        [number, *(entry[name] for name in _COLUMNS)]
        for number, entry in enumerate(read(home), start=1)
        if entry["decided_at"] <= known_at
    ]
    if rows:
        con.executemany(f"insert into reference.decision values ({', '.join('?' * (len(_COLUMNS) + 1))})", rows)
