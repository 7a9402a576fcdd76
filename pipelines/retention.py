"""Retention: what is older than ``retention`` of ``muster.yml`` says is erased at each run, before anything is built.

Nothing is deleted from a published file: received files lose the records, the run builds without them, and when it has
published, the generations before it go. Every kind is kept for good unless the setting says otherwise, and the age is
counted from the day of the run, never from ``--as-of``.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from pipelines import access_log, decisions, journal, roll_call
from pipelines.bridge import Week
from pipelines.contracts import Contract
from pipelines.erasure.files import Changed, Eraser, Wanted, change_inbox, remove_landed
from pipelines.erasure.forget import pending_path
from pipelines.errors import MusterError
from pipelines.landing.cast import name, quote
from pipelines.landing.stage import require_sound
from pipelines.landing.states import FileState, file_states
from pipelines.settings import Home, Retention, Settings

# What dates a record: the last day that it speaks of, else when it was made.
_DATES = {
    "registrations": (("ends_local", "starts_local"), ("updated_at", "registered_at")),
    "bookings": (("ends_local", "starts_local"), ("updated_at", "issued_at")),
    "expenses": (("transaction_date",), ()),
    "reviews": (("decided_at",), ()),
}
_TRIP_KEYS = {"registrations": "trip_id", "bookings": "record_locator", "expenses": "report_id", "reviews": "review_id"}
_PEOPLE = "people"


@dataclass
class Removed:
    """What one run removed because its time was over."""

    records: int = 0
    files: int = 0
    lines: int = 0
    reports: int = 0
    problem: str | None = None
    """What could not be done, in words; the run goes on without it."""

    def __bool__(self) -> bool:
        return bool(self.records or self.files or self.lines or self.reports or self.problem)

    def __str__(self) -> str:
        return (
            f"Retention: {self.records:,} records and {self.files:,} files erased, {self.lines:,} lines of logs and "
            f"decisions, {self.reports:,} reports removed.{f' {self.problem}' if self.problem else ''}"
        )


def enforce(home: Home, settings: Settings, contracts: dict[str, Contract], now: datetime | None = None) -> Removed:
    """Erase whatever is older than the settings allow; the caller holds the run lock, and every file is staged.

    Raises MusterError where a file was changed since it landed, or the access log is not whole.
    """
    kept, removed = settings.retention, Removed()
    today = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    if kept.trips_days or kept.people_days or kept.landed_days:
        _expire_received(home, contracts, kept, today, removed)
    if kept.decisions_days:
        before = today - timedelta(days=kept.decisions_days)
        for path in (decisions.decisions_path(home), decisions.policy_path(home), roll_call.path(home)):
            removed.lines += journal.rewrite(
                path, lambda lines: [line for line in lines if not _is_older(line, before)]
            )
    if kept.access_log_days:
        try:
            removed.lines += access_log.forget_before(home, today - timedelta(days=kept.access_log_days))
        except MusterError as error:
            removed.problem = str(error)
    if kept.reports_days:
        removed.reports = _remove_reports(home, (today - timedelta(days=kept.reports_days)).date())
    return removed


def _is_older(line: bytes, before: datetime) -> bool:
    try:
        entry: dict[str, Any] = json.loads(line)
        text = entry.get("decided_at") or entry.get("set_at") or entry["opened_at"]
        moment = datetime.fromisoformat(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False  # a line that a crash cut off has no date; readers leave it out
    return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment) < before


def _remove_reports(home: Home, before: date) -> int:
    """Remove reports of weeks that ended before a day, and what their first issues were made of."""
    count = 0
    for path in [*home.reports.glob("*-W*"), *(home.reports / "first").glob("*.parquet")]:
        try:
            week = Week.of(path.name.removesuffix(".parquet").removesuffix("-viewer"))
        except Exception:  # noqa: S112 (a folder of another kind, which is not ours to remove)
            continue
        if week.moved(1).monday > before:
            continue
        count += 1
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return count


def _expire_received(
    home: Home, contracts: dict[str, Contract], kept: Retention, today: datetime, removed: Removed
) -> None:
    eraser = Eraser(home, contracts)
    changes: list[Changed] = []
    states = file_states(home, contracts)
    newest = {
        (state.contract.feed, state.landed.part(state.contract, file_name)): state
        for _, _, file_name, state in sorted(
            ((at, state.landed.sha256, file_name, state) for state in states for at, file_name in state.receipts),
            key=lambda each: each[:3],
        )
        if state.contract and state.counts
    }
    in_force = {(state.landed.feed, state.landed.sha256) for state in newest.values()}
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        for state in states:
            contract = state.contract
            is_newest = contract is not None and (state.landed.feed, state.landed.sha256) in in_force
            if _is_past(home, state, kept, today, is_newest):
                remove_landed(home, state.landed)
                changes.append(Changed(state.landed, None, state.account.records))
                removed.files += 1
                continue
            numbers = _old_records(home, con, state, kept, today)
            if not numbers:
                continue
            is_document = contract is not None and contract.format != "csv"
            if is_document and len(numbers) < state.account.records:
                continue  # a document goes as a whole, when all of it is old
            changed = eraser.erase(state.landed, Wanted(records=numbers, kind="expired"))
            if changed is not None:
                changes.append(changed)
                removed.records += changed.records
    if changes:
        # The generations before this run's hold what is erased; they go when it has published.
        journal.replace(pending_path(home), journal.line_of({"retention": True}))
        change_inbox(home, changes)
        shutil.rmtree(home.warehouse / "weeks", ignore_errors=True)


def _is_past(home: Home, state: FileState, kept: Retention, today: datetime, is_newest: bool) -> bool:
    """Whether a file goes as a whole; the newest good file of a snapshot is in force and stays."""
    contract = state.contract
    if contract is not None and contract.table not in (*_DATES, _PEOPLE):
        return False  # ratings and alerts are about places; old ones may still be in force
    days = [kept.landed_days]
    if contract is not None and contract.mode == "snapshot":
        if is_newest:
            return False
        days.append(kept.people_days)
    elif state.account.records == 0:
        days.append(kept.trips_days)  # nothing in it can be dated, because it could not be read
    shortest = min((one for one in days if one), default=None)
    return shortest is not None and state.last_received_at < today - timedelta(days=shortest)


def _old_records(
    home: Home, con: duckdb.DuckDBPyConnection, state: FileState, kept: Retention, today: datetime
) -> set[int]:
    """The records of one file that are past their time; of a trip all or none."""
    contract, staged = state.contract, state.staged
    if contract is None or staged is None or not staged.rows.exists():
        return set()
    rows = f"read_parquet({quote(str(staged.rows))})"
    found: set[int] = set()
    if (contract.table == _PEOPLE and kept.people_days) or (contract.table in _DATES and kept.trips_days):
        require_sound(home, [staged])
    if contract.table == _PEOPLE and kept.people_days:
        sql = f"select record_number from {rows} where active_to_date < ?"
        found |= _numbers(con, sql, today - timedelta(days=kept.people_days))
    if contract.table in _DATES and kept.trips_days:
        before = today - timedelta(days=kept.trips_days)
        key = name(_TRIP_KEYS[contract.table])
        sql = f"select unnest(list(record_number)) from {rows} group by {key} having max({_moment(state)}) < ?"
        found |= _numbers(con, sql, before)
        if state.last_received_at < before and staged.rejected.exists():
            # What was rejected has no date; it is as old as its file.
            sql = f"select record_number from read_parquet({quote(str(staged.rejected))}) where ? is not null"
            found |= _numbers(con, sql, before)
    return found


def _moment(state: FileState) -> str:
    """SQL of the instant from which the age of a record of a trip is counted."""
    assert state.contract is not None  # noqa: S101 (callers look at tables of trips alone)
    last, made = ([f"{name(column)}::timestamp" for column in columns] for columns in _DATES[state.contract.table])
    spoken = f"greatest({', '.join(last)})" if len(last) > 1 else last[0]
    received = f"timestamp {quote(state.received_at.isoformat(sep=' '))}"
    return f"coalesce({', '.join([spoken, *made, received])})"


def kept_until(con: duckdb.DuckDBPyConnection, state: FileState, numbers: set[int], kept: Retention) -> date | None:
    """The day from which on the next run erases the last of some records; None where they are kept for good."""
    contract, staged = state.contract, state.staged
    days = []
    if kept.landed_days and contract is not None and contract.mode != "snapshot":
        days.append(state.last_received_at + timedelta(days=kept.landed_days))
    if contract is not None and staged is not None and contract.table in _DATES and kept.trips_days:
        rows = f"read_parquet({quote(str(staged.rows))})"
        sql = f"select max({_moment(state)}) from {rows} where list_contains(?, record_number)"
        ((latest,),) = con.execute(sql, [sorted(numbers)]).fetchall()
        days.append((latest or state.received_at) + timedelta(days=kept.trips_days))
    return min(days).date() + timedelta(days=1) if days else None


def _numbers(con: duckdb.DuckDBPyConnection, sql: str, before: datetime) -> set[int]:
    return {int(number) for (number,) in con.execute(sql, [before]).fetchall()}
