"""Retention: what is older than ``retention`` of ``muster.yml`` says is erased at each run, before anything is built.

Nothing is deleted from a published file: received files lose the records, the run builds without them, and when it has
published, the generations before it go. Every kind is kept for good unless the setting says otherwise, and the age is
counted from the day of the run, never from ``--as-of``.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import access_log, decisions, journal, roll_call
from pipelines.bridge import Week
from pipelines.contracts import Contract
from pipelines.erasure.files import Changed, Eraser, Wanted, change_inbox, remove_landed
from pipelines.erasure.forget import drop_earlier_builds, pending_path
from pipelines.errors import MusterError
from pipelines.landing import marks
from pipelines.landing.cast import name, quote
from pipelines.landing.load import hold_snapshots
from pipelines.landing.rows import staged_rows
from pipelines.landing.stage import require_sound
from pipelines.landing.states import FileState, file_states, in_turn
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
_PEOPLE_FILE = pa.schema([("position", pa.int64()), ("part", pa.string()), ("newest", pa.bool_())])
_INSTANT = pa.timestamp("us")
_UPDATED = "coalesce(max(updated), timestamp '0001-01-01')"
_UPDATED_DOCUMENT = "coalesce(least(max(updated), max(received)), timestamp '0001-01-01')"
"""What orders versions before receipt does, as landing has it."""


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
    states = file_states(home, contracts)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        in_force = _in_force(con, home, contracts, states)
        whole = {id(state) for state in states if _is_past(home, state, kept, today, id(state) in in_force)}
        going: dict[int, set[int]] = {}
        for contract in contracts.values():
            mine = [state for state in states if state.contract is contract]
            if contract.table == _PEOPLE and kept.people_days:
                left = [state for state in mine if id(state) not in whole]
                going |= _old_people(home, con, left, in_force, today - timedelta(days=kept.people_days))
            elif contract.table in _DATES and (kept.trips_days or whole):
                going |= _old_trips(home, con, mine, whole, kept, today)
    if not whole and not any(going.values()):
        return
    if not pending_path(home).exists():
        # The generations before this run's hold what is erased; they go when it has published.
        journal.replace(pending_path(home), journal.line_of({"retention": True}))
    drop_earlier_builds(home)
    changes = _erase(home, contracts, states, whole, going, removed)
    change_inbox(home, changes)


def _in_force(
    con: duckdb.DuckDBPyConnection, home: Home, contracts: dict[str, Contract], states: list[FileState]
) -> set[int]:
    """The files, by ``id()``, that are a feed's last word: of each of its parts what came last and is not held."""
    found: set[int] = set()
    for contract in contracts.values():
        mine = [state for state in states if state.contract is contract and state.counts]
        turns = in_turn([replace(state, receipts=list(state.receipts)) for state in mine])
        if contract.mode == "snapshot":
            hold_snapshots(con, home, turns)
        last = {turn.part: turn.landed.sha256 for turn in turns if turn.counts}
        found |= {id(state) for state in mine if state.landed.sha256 in last.values()}
    return found


def _erase(
    home: Home,
    contracts: dict[str, Contract],
    states: list[FileState],
    whole: set[int],
    going: dict[int, set[int]],
    removed: Removed,
) -> list[Changed]:
    eraser = Eraser(home, contracts)
    changes: list[Changed] = []
    for state in states:
        if id(state) in whole:
            remove_landed(home, state.landed)
            changes.append(Changed(state.landed, None, state.account.records))
            removed.files += 1
        elif numbers := going.get(id(state)):
            changed = eraser.erase(state.landed, Wanted(records=numbers, kind="expired"))
            if changed is not None:
                changes.append(changed)
                removed.records += changed.records
    return changes


def _is_past(home: Home, state: FileState, kept: Retention, today: datetime, is_in_force: bool) -> bool:
    """Whether a file's time is over as a whole; the newest good file of a snapshot is in force and stays."""
    contract = state.contract
    if contract is not None and contract.table not in (*_DATES, _PEOPLE):
        return False  # ratings and alerts are about places; old ones may still be in force
    days = [kept.landed_days]
    if contract is not None and contract.mode == "snapshot":
        if is_in_force:
            return False
        days.append(kept.people_days)
    elif state.account.records == 0:
        days.append(kept.trips_days)  # nothing in it can be dated, because it could not be read
    shortest = min((one for one in days if one), default=None)
    return shortest is not None and state.last_received_at < today - timedelta(days=shortest)


def _old_people(
    home: Home, con: duckdb.DuckDBPyConnection, states: list[FileState], in_force: set[int], before: datetime
) -> dict[int, set[int]]:
    """Records of people who left before a day, of each file; of whom the roster in force says so in every roster."""
    having = [state for state in states if state.staged and state.staged.rows.exists()]
    if not having:
        return {}
    with staged_rows(con, home, [state.staged for state in having if state.staged]) as rows:
        told = {"part": [state.part for state in having], "newest": [id(state) in in_force for state in having]}
        con.register("file_told", pa.table({"position": range(len(having)), **told}, _PEOPLE_FILE))
        found = con.execute(
            f"with said as (select position, part, newest, record_number, person_id, active_to_date < $1 as is_over "
            f"from ({rows}) join file_told using (position)), "
            "gone as (select part, person_id from said where newest group by all having bool_and(is_over)) "
            "select position, record_number from said where is_over union select position, record_number from said "
            "join gone on said.person_id = gone.person_id and said.part is not distinct from gone.part",
            [before],
        ).fetchall()
        con.unregister("file_told")
    going: dict[int, set[int]] = {}
    for position, number in found:
        going.setdefault(id(having[position]), set()).add(number)
    return going


def _old_trips(
    home: Home,
    con: duckdb.DuckDBPyConnection,
    states: list[FileState],
    whole: set[int],
    kept: Retention,
    today: datetime,
) -> dict[int, set[int]]:
    """Records of one feed that go, of each file; what must stay for now is taken out of ``whole``.

    All versions of a trip go together, when all are over: a cancellation would else be gone before what it cancels.
    A file whose time is over as a whole goes but for the versions that something older elsewhere would come back
    without, and a document goes as a whole or not at all.
    """
    before = today - timedelta(days=kept.trips_days) if kept.trips_days else datetime(1, 1, 1)
    rejected = {id(state): _rejected(home, con, state) for state in states}
    for state in states:
        if id(state) not in whole and state.last_received_at >= before:
            rejected[id(state)] = set()  # what was rejected has no date; it is as old as its file
    having = _date_records(home, con, states)
    if not having:
        return {one: numbers for one, numbers in rejected.items() if one not in whole}
    dated = _dated(states)
    stay = {
        position
        for position, state in enumerate(having)
        if state.contract and state.contract.format != "csv" and id(state) not in whole
        and len(rejected[id(state)]) < state.account.rejected
    }  # fmt: skip
    over = {position for position, state in enumerate(having) if id(state) in whole}
    while True:
        found = con.execute(
            f"with due as (select dated.*, not list_contains($stay, position) and (list_contains($over, position) "
            f"or max(moment) over (partition by trip) < $before) as is_due from {dated} as dated), "
            "version as (select trip, position, received, "
            f"{_UPDATED if having[0].contract and having[0].contract.format == 'csv' else _UPDATED_DOCUMENT} "
            "as updated, bool_and(is_due) as is_due from due group by all), "
            "goes as (select trip, position, received, bool_and(is_due) over "
            "(partition by trip order by updated, received, position rows unbounded preceding) as goes from version) "
            f"select position, list(distinct record_number) filter (where goes), bool_and(goes) from {dated} "
            "join goes using (trip, position, received) group by position",
            {"stay": sorted(stay), "over": sorted(over), "before": before},
        ).fetchall()
        partly = {
            position
            for position, numbers, all_go in found
            if numbers and not all_go and having[position].contract.format != "csv"
        }
        if partly <= stay:
            break
        stay |= partly
    for position, numbers, all_go in found:
        one = id(having[position])
        if not all_go:
            whole.discard(one)
        if numbers:
            rejected[one] |= set(numbers)
        elif position in stay:
            rejected[one] = set()
    return {one: numbers for one, numbers in rejected.items() if one not in whole}


def _rejected(home: Home, con: duckdb.DuckDBPyConnection, state: FileState) -> set[int]:
    """The rejected records of one file that are there yet."""
    if state.staged is None or not state.account.rejected:
        return set()
    require_sound(home, [state.staged])
    source = f"read_parquet({quote(str(state.staged.rejected))})"
    sql = f"select record_number from {source} where not list_contains(?, reason)"
    return {int(number) for (number,) in con.execute(sql, [list(marks.REASONS.values())]).fetchall()}


def _dated(states: list[FileState]) -> str:
    return f"dated_{states[0].contract.feed if states and states[0].contract else ''}"


def _date_records(home: Home, con: duckdb.DuckDBPyConnection, states: list[FileState]) -> list[FileState]:
    """Make a table of one feed's records and the instant from which the age of each counts; returns its files.

    Its columns: position, record_number, trip, moment, updated, received. Uses of a key that its source uses again
    are told apart by their dates alone, so that whoever shares one is kept as long.
    """
    having = [state for state in states if state.staged and state.staged.rows.exists()]
    if not having or having[0].contract is None:
        return []
    contract = having[0].contract
    key, reused = name(_TRIP_KEYS[contract.table]), contract.reused_key
    last, made = ([f"{name(column)}::timestamp" for column in columns] for columns in _DATES[contract.table])
    spoken = f"greatest({', '.join(last)})" if len(last) > 1 else last[0]
    updated = "null::timestamp"
    if contract.updated_at and contract.mode != "snapshot":
        updated = f"{name(contract.updated_at)}::timestamp"
    with staged_rows(con, home, [state.staged for state in having if state.staged]) as rows:
        told = {"position": range(len(having)), "file_received": [state.received_at for state in having]}
        con.register("file_told", pa.table(told, pa.schema([("position", pa.int64()), ("file_received", _INSTANT)])))
        con.execute(
            f"create temp table if not exists {_dated(states)} as "
            f"with said as (select position, record_number, {key}::varchar as used_key, "
            f"coalesce({', '.join([spoken, *made, 'file_received'])}) as moment, {updated} as updated, "
            "coalesce(received_at, file_received) as received, "
            f"{f'{name(reused.by)}::date' if reused else 'null::date'} as used_on "
            f"from ({rows}) join file_told using (position)), "
            "known as (select used_key, bool_or(used_on is null) as is_vague from said group by used_key), "
            "started as (select said.*, not is_vague and used_on - lag(used_on) "
            f"over (partition by used_key order by used_on) > {reused.within_days if reused else 0} as is_new "
            "from said join known using (used_key)) "
            "select position, record_number, moment, updated, received, concat_ws(chr(31), used_key, "
            "count(*) filter (where is_new) over (partition by used_key order by used_on)) as trip from started"
        )
        con.unregister("file_told")
    return having


def kept_until(
    home: Home,
    con: duckdb.DuckDBPyConnection,
    states: list[FileState],
    state: FileState,
    numbers: set[int],
    kept: Retention,
) -> date | None:
    """The day from which on the next run erases the last of some records; None where they are kept for good."""
    contract = state.contract
    days = []
    if kept.landed_days and contract is not None and contract.mode != "snapshot":
        days.append(state.received_at + timedelta(days=kept.landed_days))
    if contract is not None and contract.table in _DATES and kept.trips_days:
        mine = [each for each in states if each.contract is contract]
        having, latest = _date_records(home, con, mine), None
        if state in having:
            sql = (
                f"with mine as (select distinct trip from {_dated(mine)} "
                "where position = ? and list_contains(?, record_number)) "
                f"select max(moment) from {_dated(mine)} join mine using (trip)"
            )
            ((latest,),) = con.execute(sql, [having.index(state), sorted(numbers)]).fetchall()
        days.append((latest or state.received_at) + timedelta(days=kept.trips_days))
    return min(days).date() + timedelta(days=1) if days else None
