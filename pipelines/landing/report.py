"""What the landing store knows of every file and feed, without building anything: the source of ``muster feeds``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from pipelines.contracts import Contract
from pipelines.landing.load import file_states, hold_snapshots
from pipelines.settings import Home


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
                hold_snapshots(con, home, mine)
    states.sort(key=lambda state: (state.landed.feed, state.received_at, state.landed.sha256))
    return [
        FileReport(
            feed=state.landed.feed,
            file_name=state.landed.file_name,
            file_sha256=state.landed.sha256,
            received_at=state.received_at,
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
