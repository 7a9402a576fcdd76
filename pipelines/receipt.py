"""A privacy receipt: what a home holds about one person, since when, from where, who looked, and until when.

It names files, tables and columns, never a value, so it can be handed to the person as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from pipelines import access_log, decisions, retention, roll_call
from pipelines.contracts import TECHNICAL_COLUMNS, Contract, load_contracts
from pipelines.erasure.people import Everything, Person
from pipelines.landing.cast import quote
from pipelines.landing.stage import require_sound
from pipelines.landing.states import FileState, file_states
from pipelines.published import open_role
from pipelines.settings import Home, Settings, load_settings

_KEPT = "until somebody forgets the person"
_TECHNICAL = {name for name, _ in TECHNICAL_COLUMNS} | {"reason", "key_text", "file_index"}


@dataclass(frozen=True)
class Line:
    """One thing that is held, or one look at it."""

    kind: str
    """received, rejected, published, decided, report or looked."""
    where: str
    what: str
    since: datetime | str | None
    number: int
    until: date | str


@dataclass(frozen=True)
class Receipt:
    """All that is held about one person."""

    traveller_id: str
    lines: tuple[Line, ...]
    doubtful: int


def receipt(home: Home, asked: str) -> Receipt:
    """What is held about the person whom an id, e-mail address or traveller_id names.

    The question is written to the access log first. Raises MusterError for a text that names nobody or several.
    """
    from pipelines.landing.stage import stage_files
    from pipelines.locking import run_lock

    settings = load_settings(home.require())
    contracts = dict(load_contracts(home, settings))
    with run_lock(home):
        stage_files(home, contracts)
        with Everything(home, settings, contracts) as everything:
            person = everything.find(asked)
        generation = (home.published / "current").resolve().name
        access_log.record_look(home, "privacy receipt", "steward", generation, {}, [person.traveller_id])
        lines = [*_received(home, settings, contracts, person), *_published(home, person)]
    lines += [*_written(home, settings, person), *_reported(home, settings, person), *_looked(home, settings, person)]
    return Receipt(person.traveller_id, tuple(lines), person.doubtful)


def _received(home: Home, settings: Settings, contracts: dict[str, Contract], person: Person) -> list[Line]:
    lines = []
    with duckdb.connect() as con:
        states = file_states(home, contracts)
        for state in states:
            numbers = person.records.get((state.landed.feed, state.landed.sha256))
            if not numbers:
                continue
            require_sound(home, [state.staged] if state.staged else [])
            until = retention.kept_until(home, con, states, state, numbers, settings.retention) or _KEPT
            where = f"{state.landed.feed}:{state.landed.sha256[:12]}"
            loaded, columns = _columns(con, state, numbers)
            if loaded:
                lines.append(Line("received", where, columns, state.received_at, loaded, until))
            if len(numbers) > loaded:
                what = "records as they came, which could not be read"
                lines.append(Line("rejected", where, what, state.received_at, len(numbers) - loaded, until))
    return lines


def _columns(con: duckdb.DuckDBPyConnection, state: FileState, numbers: set[int]) -> tuple[int, str]:
    """How many of the records were loaded, and which columns they fill."""
    if state.staged is None or not state.staged.rows.exists():
        return 0, ""
    rows = con.execute(
        f"select * from read_parquet({quote(str(state.staged.rows))}) where list_contains(?, record_number)",
        [sorted(numbers)],
    )
    names = [column[0] for column in rows.description or ()]
    found: list[tuple[Any, ...]] = rows.fetchall()
    at = names.index("record_number")
    filled = [
        name
        for position, name in enumerate(names)
        if name not in _TECHNICAL and not name.endswith("_has_time") and any(row[position] for row in found)
    ]
    return len({row[at] for row in found}), ", ".join(filled)


def _published(home: Home, person: Person) -> list[Line]:
    """Rows of the generation in force; the two before it are replaced by the next runs."""
    if not (home.published / "current").exists():
        return []
    con = open_role(home, "steward")
    try:
        tables = con.execute(
            "select distinct table_name from duckdb_columns() where schema_name = 'mart' "
            "and column_name = 'traveller_id' order by table_name"
        ).fetchall()
        ((built_at,),) = con.execute("select built_at from mart.publication").fetchall()
        rows = []
        for (table,) in tables:
            sql = f'select count(*) from mart."{table}" where traveller_id = ?'
            rows.append((table, int(con.execute(sql, [person.traveller_id]).fetchall()[0][0])))
    finally:
        con.close()
    until = "as long as the records it is made of, and two more publications"
    return [Line("published", f"table {table}", "rows", built_at, number, until) for table, number in rows if number]


def _written(home: Home, settings: Settings, person: Person) -> list[Line]:
    mine = [
        entry["decided_at"]
        for entry in (*decisions.read(home), *decisions.read_policy(home))
        if entry["traveller_id"] == person.traveller_id
    ]
    calls = [call for call in roll_call.roll_calls(home) if person.traveller_id in call.traveller_ids]
    days = settings.retention.decisions_days
    until = f"{days} days after each" if days else _KEPT
    lines = []
    if mine:
        lines.append(Line("decided", "decisions", "decisions and notes on findings", min(mine), len(mine), until))
    if calls:
        since = min(call.opened_at for call in calls)
        lines.append(Line("decided", "roll calls", "being looked for, and answers", since, len(calls), until))
    return lines


def _reported(home: Home, settings: Settings, person: Person) -> list[Line]:
    days = settings.retention.reports_days
    until = f"{days} days after the week" if days else _KEPT
    mark = person.traveller_id.encode()
    lines = []
    for folder in sorted(path for path in home.reports.glob("*") if path.is_dir() and path.name != "first"):
        files = [path for path in folder.rglob("*") if path.suffix in (".csv", ".html") and mark in path.read_bytes()]
        if files:
            lines.append(Line("report", f"reports/{folder.name}", "the pseudonym", None, len(files), until))
    return lines


def _looked(home: Home, settings: Settings, person: Person) -> list[Line]:
    days = settings.retention.access_log_days
    until = f"{days} days after it" if days else "for good: the access log is kept"
    return [
        Line(
            "looked",
            f"{entry.get('user')} as {entry.get('role')}",
            " for ".join(str(entry[part]) for part in ("action", "purpose") if entry.get(part)),
            str(entry.get("looked_at")),
            1,
            until,
        )
        for entry in access_log.entries(home, person.traveller_id)
    ]
