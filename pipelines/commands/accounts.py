"""``muster feeds``: every file and the account of its records, and the release of a file that is held (F1, F4)."""

from __future__ import annotations

import datetime
from typing import Any

from pipelines.errors import UsageError
from pipelines.published import open_role, publication_row
from pipelines.settings import Home
from pipelines.tables import FORMATS, instant_text, print_rows

_COLUMNS = (
    "feed",
    "file_name",
    "file_sha256",
    "received_at",
    "last_received_at",
    "file_status",
    "records",
    "loaded",
    "rejected",
    "blank",
    "message",
)
WAITING = "not yet run"
_SHORT_SHA = 12
_MOST_NOTES = 5
_STATUS, _RECORDS = _COLUMNS.index("file_status"), _COLUMNS.index("records")


def show_feeds(home: Home, release: str | None, output_format: str) -> None:
    """Print every landed file, those of the last publication with their accounts, newer ones without.

    With ``release`` let go a held file instead; it counts from the next run on. Raises MusterError, UsageError.
    """
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    from pipelines.landing.store import inbox_notices

    home.require()
    if release is not None:
        from pipelines.landing import release as release_file

        entry = release_file(home, release)
        print(f"{entry.feed}: file {entry.sha256[:_SHORT_SHA]} is released and counts from the next 'muster run' on.")
        return
    published, notes = _published(home)
    landed = {(row[0], row[2]): row for row in _landed(home)}
    # Names of files are in no analyst's file: the ledger has them.
    rows = [(row[0], landed[row[0], row[2]][1] if (row[0], row[2]) in landed else None, *row[2:]) for row in published]
    known = {(row[0], row[2]) for row in rows}
    rows += [row for key, row in landed.items() if key not in known]
    notes += [*_came_again(home), *inbox_notices(home), *_account(rows)]
    columns: tuple[str, ...] = _COLUMNS
    if output_format == "table":
        rows = [(*row[:2], row[2][:_SHORT_SHA], row[3], None if row[4] == row[3] else row[4], *row[5:]) for row in rows]
        if all(row[4] is None for row in rows):
            columns, rows = (*columns[:4], *columns[5:]), [(*row[:4], *row[5:]) for row in rows]
    print_rows(columns, rows, output_format, notes=notes, spare=("blank", "last_received_at"))


def _published(home: Home) -> tuple[list[tuple[Any, ...]], list[str]]:
    if not (home.published / "current").exists():
        return [], ["Nothing has been published yet."]
    con = open_role(home, "analyst")
    try:
        known = {row[0] for row in con.execute("describe mart.landed_file").fetchall()}
        # What an older version published does not say when bytes came again.
        columns = ", ".join(name if name in known else f"received_at as {name}" for name in _COLUMNS)
        rows = con.execute(f"select {columns} from mart.landed_file").fetchall()
        states = con.execute(
            "select feed, status, newest_received_at from mart.feed_status where status <> 'current' order by feed"
        ).fetchall()
        zone = publication_row(con).office_timezone
    finally:
        con.close()
    notes = []
    for feed, status, newest in states:
        seen = f", last received {instant_text(newest, zone)}" if newest else ""
        notes.append(f"Feed '{feed}' is {status}{seen}.")
    return rows, notes


def _landed(home: Home) -> list[tuple[Any, ...]]:
    from pipelines.landing.store import ledger

    return [
        (
            entry.feed,
            entry.file_name,
            entry.sha256,
            datetime.datetime.fromisoformat(entry.landed_at),
            datetime.datetime.fromisoformat(entry.receipts[-1].landed_at),
            WAITING,
            *(None,) * 4,
            None,
        )
        for entry in ledger(home)
    ]


def _came_again(home: Home) -> list[str]:
    """The files whose bytes came under another name last, the newest first."""
    from pipelines.landing.store import ledger

    again = [entry for entry in ledger(home) if entry.again and entry.again[-1].file_name != entry.file_name]
    again.sort(key=lambda entry: entry.again[-1].landed_at, reverse=True)
    notes = [
        f"{entry.feed}: '{entry.again[-1].file_name}' holds the bytes of '{entry.file_name}' "
        f"({entry.sha256[:_SHORT_SHA]}), which counts as received again."
        for entry in again[:_MOST_NOTES]
    ]
    if len(again) > _MOST_NOTES:
        notes.append(f"So do {len(again) - _MOST_NOTES:,} more; last_received_at says when.")
    return notes


def _account(rows: list[tuple[Any, ...]]) -> list[str]:
    """The sum of all accounts, and how many files are in what state."""
    counted = [row for row in rows if row[_RECORDS] is not None]
    records, loaded, rejected, blank = (
        sum(row[column] or 0 for row in counted) for column in range(_RECORDS, _RECORDS + 4)
    )
    states: dict[str, int] = {}
    for row in rows:
        states[row[_STATUS]] = states.get(row[_STATUS], 0) + 1
    files = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "none"
    notes = [
        f"Files: {files}. {records:,} records = {loaded:,} loaded + {rejected:,} rejected + {blank:,} blank.",
    ]
    held = [row[2][:_SHORT_SHA] for row in rows if row[_STATUS] == "held"]
    if held:
        notes.append(f"Held for you to look at (F4): {', '.join(held)}; accept one with 'muster feeds --release SHA'.")
    return notes
