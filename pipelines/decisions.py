"""What people decide on findings of audit and policy: kept beside the data, so that it survives every rebuild (A4).

``decisions/audit.jsonl`` and ``decisions/policy.jsonl`` of a home hold one JSON object a line, appended and never
changed; a line feed alone ends a line. A line carries, besides the finding's id, what it was about (traveller by
pseudonym, days, and of an audit's finding country, bookings and reports), so that the decision still finds its trip
when the id is gone. The newest decision of a finding counts, and its newest note.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import journal
from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home

if TYPE_CHECKING:
    import duckdb

DECISIONS = ("confirmed", "dismissed")
POLICY_DECISIONS = ("accepted", "followed_up", "waived", "wrong")
"""Of a requirement that a trip does not meet: taken as it is by somebody who may, the traveller was spoken to, excused
from it, or the finding is wrong."""
NOTE = "note"
MOST_NOTE_LETTERS = 2_000

_DECIDED = {"decision": "varchar", "note": "varchar", "decided_at": "timestamp", "decided_by": "varchar"}
_COLUMNS = {
    "audit_id": "varchar",
    **_DECIDED,
    "traveller_id": "varchar",
    "country_code": "varchar",
    "starts_date": "date",
    "ends_date": "date",
    "observed_refs": "varchar[]",
}
_POLICY_COLUMNS = {
    "trip_id": "varchar",
    "requirement": "varchar",
    **_DECIDED,
    "traveller_id": "varchar",
    "departs_date": "date",
    "rule_id": "varchar",
    "status": "varchar",
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


@dataclasses.dataclass(frozen=True)
class PolicyFinding:
    """What a decision on a requirement is about, as it was published when somebody decided."""

    trip_id: str
    requirement: str
    traveller_id: str
    departs_date: datetime.date | None
    rule_id: str | None
    status: str


def decisions_path(home: Home) -> Path:
    """Where the decisions of a home on findings of the audit are kept."""
    return home.decisions / "audit.jsonl"


def policy_path(home: Home) -> Path:
    """Where the decisions of a home on requirements of the policy are kept."""
    return home.decisions / "policy.jsonl"


def record(
    home: Home,
    findings: Sequence[Finding] | Sequence[PolicyFinding],
    decision: str | None,
    note: str | None,
    user: str | None = None,
) -> None:
    """Append a decision, a note, or both on each finding, in one write, and make sure that it is on disk.

    The decisions are DECISIONS for findings of the audit and POLICY_DECISIONS for those of the policy. ``user`` is who
    decided (default: the account of this process). Raises UsageError for a decision that does not exist or where there
    is nothing to record, and MusterError where the lines cannot be written.
    """
    is_policy = bool(findings) and isinstance(findings[0], PolicyFinding)
    known = POLICY_DECISIONS if is_policy else DECISIONS
    if decision is not None and decision not in known:
        raise UsageError(f"There is no decision '{decision}'; choose one of {', '.join(known)}.")
    text = (note or "").strip()
    if decision is None and not text:
        raise UsageError("There is nothing to record; give --as, --note or both.")
    if not findings:
        raise UsageError("There is no finding to decide on; name one.")
    if len(text) > MOST_NOTE_LETTERS:
        raise UsageError(f"The note has {len(text):,} letters; at most {MOST_NOTE_LETTERS:,} are kept.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("The note holds what is no letter in UTF-8; type it again.") from None
    decided = {
        "decision": decision or NOTE,
        "note": text or None,
        "decided_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "decided_by": user or journal.account(),
    }
    path = policy_path(home) if is_policy else decisions_path(home)
    try:
        journal.append(path, *({**dataclasses.asdict(finding), **decided} for finding in findings))
    except OSError as error:
        raise MusterError(
            f"The decision cannot be kept in {path} ({error.strerror}); mend it and decide again."
        ) from error


def read(home: Home) -> list[dict[str, Any]]:
    """Every decision on the audit, oldest first, instants naive UTC; MusterError names a line that is wrong."""
    return _read(decisions_path(home), _COLUMNS)


def read_policy(home: Home) -> list[dict[str, Any]]:
    """Every decision on requirements, oldest first, instants naive UTC; MusterError names a line that is wrong."""
    return _read(policy_path(home), _POLICY_COLUMNS)


def newest(entries: Sequence[dict[str, Any]], *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What counts of each finding: its newest decision with who and when, and its newest note.

    A finding with notes alone has no decision, and who and when of the newest note.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in entries:
        blank = {"decision": None, "decided_at": None, "decided_by": None, "note": None}
        known = found.setdefault(tuple(entry[name] for name in key), blank)
        if entry["note"]:
            known["note"] = entry["note"]
        if entry["decision"] != NOTE:
            known["decision"] = entry["decision"]
        if entry["decision"] != NOTE or known["decision"] is None:
            known["decided_at"], known["decided_by"] = entry["decided_at"], entry["decided_by"]
    return found


def _read(path: Path, columns: dict[str, str]) -> list[dict[str, Any]]:
    try:
        data = path.read_bytes() if path.exists() else b""
        data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MusterError(f"The decisions in {path} cannot be read; restore the file from a backup.") from error
    found = []
    lines = journal.lines_of(data)
    if lines and not data.endswith(b"\n") and not journal.is_object(lines[-1]):
        lines.pop()  # cut off by a crash before anybody was told that it is kept
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            for name, kind in columns.items():
                _require(kind, entry.get(name))
            decided_at = datetime.datetime.fromisoformat(entry["decided_at"]).astimezone(datetime.UTC)
            found.append({name: entry.get(name) for name in columns} | {"decided_at": decided_at.replace(tzinfo=None)})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise MusterError(f"Line {number} of {path} is no decision; mend or remove the line.") from None
    return found


def _require(kind: str, value: Any) -> None:
    """Raise ValueError or TypeError for what the column of a decision cannot hold."""
    if value is None:
        return
    if kind == "varchar[]":
        for one in value:
            _require("varchar", one)
    elif kind == "date":
        datetime.date.fromisoformat(value)
    elif not isinstance(value, str):
        raise TypeError
    else:
        value.encode()  # half of a letter, which no text is


def load(con: duckdb.DuckDBPyConnection, home: Home, known_at: datetime.datetime) -> None:
    """Make ``reference.decision`` and ``reference.policy_decision`` of what was decided by ``known_at`` (naive UTC).

    Each is numbered in the order of deciding.
    """
    _load(con, "reference.decision", _COLUMNS, read(home), known_at)
    _load(con, "reference.policy_decision", _POLICY_COLUMNS, read_policy(home), known_at)


def _load(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: dict[str, str],
    entries: list[dict[str, Any]],
    known_at: datetime.datetime,
) -> None:
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    con.execute(f"create or replace table {table} (decision_number bigint, {declared})")
    rows = [
        [number, *(entry[name] for name in columns)]
        for number, entry in enumerate(entries, start=1)
        if entry["decided_at"] <= known_at
    ]
    if rows:
        con.executemany(f"insert into {table} values ({', '.join('?' * (len(columns) + 1))})", rows)
