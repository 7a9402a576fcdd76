"""What the landing store knows of every file and feed, without building anything: the source of ``muster feeds``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from pipelines.contracts import Contract, load_contracts
from pipelines.errors import MusterError
from pipelines.landing import store
from pipelines.landing.load import hold_snapshots
from pipelines.landing.states import file_states, in_turn
from pipelines.settings import Home, load_settings


@dataclass(frozen=True)
class FileReport:
    """One landed file and its account (F1)."""

    feed: str
    file_name: str
    file_sha256: str
    received_at: datetime
    byte_count: int
    status: str
    """'loaded', 'failed' or 'held'."""
    records: int
    loaded: int
    rejected: int
    blank: int
    message: str | None


@dataclass(frozen=True)
class FeedReport:
    """One declared feed and how fresh it is (F3)."""

    feed: str
    status: str
    """'ok', 'stale' (older than its rhythm) or 'missing' (never came)."""
    is_optional: bool
    files: int
    records: int
    loaded: int
    rejected: int
    blank: int
    newest_received_at: datetime | None
    rhythm_days: float


def files_report(home: Home, contracts: dict[str, Contract]) -> list[FileReport]:
    """Every landed file with its account, by feed and receipt."""
    states = file_states(home, contracts)
    with duckdb.connect() as con:
        for contract in contracts.values():
            mine = [state for state in states if state.contract is contract and state.counts]
            if contract.mode == "snapshot":
                turns = in_turn(mine)
                hold_snapshots(con, home, turns)
                last = {turn.landed.sha256: turn for turn in turns}
                states = [
                    last.get(state.landed.sha256, state) if state.contract is contract else state for state in states
                ]
    states.sort(key=lambda state: (state.landed.feed, state.received_at, state.landed.sha256))
    return [
        FileReport(
            feed=state.landed.feed,
            file_name=state.landed.file_name,
            file_sha256=state.landed.sha256,
            received_at=state.last_received_at,
            byte_count=state.landed.byte_count,
            status=state.status,
            records=state.account.records,
            loaded=state.account.loaded,
            rejected=state.account.rejected,
            blank=state.account.blank,
            message=state.message,
        )
        for state in states
    ]


def feeds_report(
    files: list[FileReport], contracts: dict[str, Contract], as_known_at: datetime | None = None
) -> list[FeedReport]:
    """Every declared feed with the sums of its files and whether it is missing or stale at an instant (F3)."""
    now = (as_known_at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    reports = []
    for contract in contracts.values():
        mine = [file for file in files if file.feed == contract.feed]
        good = [file.received_at for file in mine if file.status == "loaded"]
        newest = max(good, default=None)
        status = "missing" if newest is None else "ok"
        if newest is not None and now - newest > timedelta(days=contract.rhythm_days):
            status = "stale"
        reports.append(
            FeedReport(
                feed=contract.feed,
                status=status,
                is_optional=contract.optional,
                files=len(mine),
                records=sum(file.records for file in mine),
                loaded=sum(file.loaded for file in mine),
                rejected=sum(file.rejected for file in mine),
                blank=sum(file.blank for file in mine),
                newest_received_at=newest,
                rhythm_days=contract.rhythm_days,
            )
        )
    return reports


def release(home: Home, sha256: str) -> store.LandedFile:
    """Release a held snapshot (F4), by its SHA-256 or the first eight or more digits of it.

    Raises MusterError where no landed file, or more than one, has that digest, or where it is not held.
    """
    wanted = sha256.strip().lower()
    found = [entry for entry in store.ledger(home) if len(wanted) >= 8 and entry.sha256.startswith(wanted)]
    if len({entry.sha256 for entry in found}) != 1:
        problem = "no landed file has" if not found else "several landed files have"
        raise MusterError(f"Release: {problem} a SHA-256 that begins with '{wanted[:64]}'; 'muster feeds' lists them.")
    states = {
        (file.feed, file.file_sha256): file.status
        for file in files_report(home, load_contracts(home, load_settings(home)))
    }
    held = [entry for entry in found if states.get((entry.feed, entry.sha256)) == "held"]
    if not held:
        state = states.get((found[0].feed, found[0].sha256), "not known")
        raise MusterError(
            f"Release: file {found[0].sha256[:12]} of {found[0].feed} is not held but {state}, so there is nothing to "
            "release; 'muster feeds' says which files are held."
        )
    for entry in held:
        store.release(home, entry)
    return held[0]
