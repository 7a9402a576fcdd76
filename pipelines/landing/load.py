"""``land.*``: the winning version of every key, as known at an instant (modes of DOMAIN.md section 2, F4, F5).

A pure function of the landed files received by ``known_at``, the contracts and the releases. All rows of a feed are
read by one statement, whatever the number of files.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from pipelines.contracts import Contract, ReceivedAtColumn, ReusedKey, table_contracts
from pipelines.landing.cast import name, quote
from pipelines.landing.owners import find_owners, owner_text_sql
from pipelines.landing.rows import staged_rows
from pipelines.landing.stage import require_sound
from pipelines.landing.staged import Staged
from pipelines.landing.states import FileState, file_states, known_states
from pipelines.landing.store import is_released
from pipelines.settings import Home, Settings

if TYPE_CHECKING:
    from pipelines.kept import Kept

DROP_LIMIT = 0.3
"""A snapshot that drops more than this share of the last good one's keys is held (F4)."""
DROP_MIN_KEYS = 10
"""Below this many keys a drop says nothing, and no snapshot is held."""


FILE_DDL = """create or replace table land.file (
    file_number INTEGER, feed VARCHAR, table_name VARCHAR, file_sha256 VARCHAR, file_name VARCHAR,
    received_at TIMESTAMP, landed_at TIMESTAMP, byte_count BIGINT, part VARCHAR, status VARCHAR,
    records BIGINT, loaded BIGINT, rejected BIGINT, blank BIGINT, message VARCHAR, last_received_at TIMESTAMP,
    came_again BOOLEAN)"""
"""A snapshot that came again after another file has a row for each time; all but the last are ``came_again``."""

FEED_DDL = """create or replace table land.feed (
    feed VARCHAR, table_name VARCHAR, mode VARCHAR, rhythm_days DOUBLE, is_optional BOOLEAN, description VARCHAR)"""

REJECTED_DDL = """create or replace table land.rejected_record (
    feed VARCHAR, table_name VARCHAR, file_sha256 VARCHAR, file_number INTEGER, record_number BIGINT,
    line_number BIGINT, byte_start BIGINT, byte_end BIGINT, reason VARCHAR, raw BLOB, key_text VARCHAR)"""


def naive_utc(instant: datetime) -> datetime:
    """An instant as naive UTC; a naive one is taken to be that already."""
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def load(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    settings: Settings,
    contracts: dict[str, Contract],
    known_at: datetime,
    every_version: bool = False,
    kept: Kept | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Make every table of schema ``land`` in ``con``; only files received by ``known_at`` count (F5).

    Staged files must exist (:func:`pipelines.landing.stage_files`). ``every_version`` keeps superseded rows and held
    snapshots, to find all that was ever received about somebody. ``kept`` knows which tables of ``con`` are there
    already, made of the same files by the same contracts. ``tell`` is told of staged files that were spoilt.
    """
    del settings
    known_at = naive_utc(known_at)
    con.execute("create schema if not exists land")
    states = _known_states(con, home, contracts, known_at, tell)
    for contract in contracts.values():
        if contract.mode == "snapshot" and not every_version:
            hold_snapshots(con, home, _counted(states, contract), tell)
    for table, declared in table_contracts(contracts).items():
        fillers = [contract for contract in contracts.values() if contract.table == table]
        counted = {contract.feed: _loaded(states, contract) for contract in fillers}
        inputs = _inputs([declared, *fillers], [state for mine in counted.values() for state in mine])
        if kept is not None and kept.is_current(f"land.{table}", inputs):
            continue
        con.execute(declared.ddl())
        for contract in fillers:
            if mine := counted[contract.feed]:
                with staged_rows(con, home, _staged(mine), tell) as rows:
                    _load_feed(con, contract, mine, rows, known_at, every_version)
        if kept is not None:
            kept.note(f"land.{table}", inputs)
    _write_feeds(con, contracts)
    _write_files(con, states)
    rejected = _inputs([], [state for state in states if state.account.rejected])
    if kept is None or not kept.is_current("land.rejected_record", rejected):
        require_sound(home, _staged([state for state in states if state.account.rejected]), tell)
        _write_rejected(con, states)
        if kept is not None:
            kept.note("land.rejected_record", rejected)
    if kept is not None:
        kept.note_content(("land.feed", "land.file"))


def _staged(states: list[FileState]) -> list[Staged]:
    """What was staged of files, of each once."""
    return list(dict.fromkeys(state.staged for state in states if state.staged))


def _counted(states: list[FileState], contract: Contract) -> list[FileState]:
    return [state for state in states if state.contract is contract and state.counts]


def _loaded(states: list[FileState], contract: Contract) -> list[FileState]:
    """The files whose rows are loaded: of one that came again the last turn, unless its receipt is in the key."""
    counted = _counted(states, contract)
    if any("received_at" in names for names in contract.key_fallbacks.values()):
        return counted
    last = {(state.landed.sha256, state.part): state for state in counted}
    return [state for state in counted if last[state.landed.sha256, state.part] is state]


def _inputs(contracts: list[Contract], states: list[FileState]) -> str:
    """A digest of all that decides what a table of schema ``land`` holds.

    Of a file whose rows carry their own instants ``received_at`` is the newest that is known, so it tells which are.
    """
    from pipelines.kept import digest

    files = [
        (
            state.landed.feed,
            state.landed.sha256,
            state.file_number,
            state.received_at,
            state.part,
            state.came_again,
            state.staged.digest if state.staged else None,
        )
        for state in states
    ]
    return digest([contract.model_dump(mode="json") for contract in contracts], files)


def _known_states(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    contracts: dict[str, Contract],
    known_at: datetime,
    tell: Callable[[str], None] | None = None,
) -> list[FileState]:
    """The files that count at ``known_at``, densely numbered."""
    states = file_states(home, contracts)
    for state in states:
        by_column = state.contract is not None and isinstance(state.contract.received_at, ReceivedAtColumn)
        if by_column and state.counts and state.staged and state.received_at > known_at:
            require_sound(home, [state.staged], tell)
            # Only the rows received by then count; the file is as new as the newest of these.
            found = con.execute(
                f"select max(received_at) from read_parquet({quote(str(state.staged.rows))}) where received_at <= ?",
                [known_at],
            ).fetchall()
            state.received_at = state.newest_at = found[0][0] or state.received_at
            state.receipts = [(state.received_at, state.file_name)]
    known = known_states(states, known_at)
    known.sort(key=lambda state: (state.received_at, state.landed.sha256, state.landed.feed))
    for number, state in enumerate(known, 1):
        state.file_number = number
    return known


def _positions(states: list[FileState]) -> list[int]:
    """The place of each file's rows in :func:`_staged`."""
    places = {staged: number for number, staged in enumerate(_staged(states))}
    return [places[state.staged] for state in states if state.staged]


def _key_sql(contract: Contract) -> str:
    """SQL of a key as one value: the column itself, or all columns as text."""
    if len(contract.key) == 1 and not contract.key_fallbacks:
        return name(contract.key[0])
    parts = []
    for key in contract.key:
        candidates = [f"{name(each)}::varchar" for each in (key, *contract.key_fallbacks.get(key, ()))]
        parts.append(f"coalesce({', '.join([*candidates, quote('')])})")
    return "concat_ws(chr(31), " + ", ".join(parts) + ")"


def hold_snapshots(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    states: list[FileState],
    tell: Callable[[str], None] | None = None,
) -> None:
    """Mark as held every snapshot that drops too many keys of the last good one of its part, unless released (F4).

    ``states`` are as :func:`in_turn` gives them.
    """
    if len(states) < 2 or states[0].contract is None:
        return
    with staged_rows(con, home, _staged(states), tell) as rows:
        key = _key_sql(states[0].contract)
        con.execute(
            "create or replace temp table snapshot_key as select distinct position::integer as position, "
            f"hash({key}) as key_hash from ({rows}) order by position"
        )
    sizes = dict(con.execute("select position, count(*) from snapshot_key group by position").fetchall())
    good: dict[str | None, int] = {}
    for position, state in zip(_positions(states), states, strict=True):
        last = good.get(state.part)
        if last is not None and sizes.get(last, 0) >= DROP_MIN_KEYS and not is_released(home, state.landed):
            found = con.execute(
                "select count(*) from snapshot_key as before where position = ? and not exists "
                "(select 1 from snapshot_key as after where after.position = ? and after.key_hash = before.key_hash)",
                [last, position],
            ).fetchall()
            dropped = int(found[0][0])
            if dropped > DROP_LIMIT * sizes[last]:
                state.status = "held"
                state.message = (
                    f"it would drop {dropped} of {sizes[last]} entries of the last good file, so it waits for a "
                    f"person to release it: muster feeds --release {state.landed.sha256[:12]}"
                )
                continue
        good[state.part] = position
    con.execute("drop table snapshot_key")


def _load_feed(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    states: list[FileState],
    staged: str,
    known_at: datetime,
    every_version: bool,
) -> None:
    """Insert the winning rows of one feed, or all, into its table; ``staged`` is SQL of the rows of these files."""
    con.register(
        "feed_file",
        pa.table(
            {
                "position": pa.array(_positions(states), pa.int64()),
                "file_number": pa.array([state.file_number for state in states], pa.int32()),
                "file_received_at": pa.array([state.received_at for state in states], pa.timestamp("us")),
                "is_newest": pa.array(_newest(states), pa.bool_()),
                "file_part": pa.array([state.part for state in states], pa.string()),
            }
        ),
    )
    by_column = isinstance(contract.received_at, ReceivedAtColumn)
    only_known = f"where staged.received_at <= timestamp {quote(known_at.isoformat(sep=' '))}" if by_column else ""
    received = "staged.received_at" if by_column else "file_received_at"
    rows = (
        f"select staged.* exclude (received_at, reason, key_text, position), {received} as received_at, "
        f"feed_file.file_number, is_newest, file_part from ({staged}) as staged "
        f"join feed_file using (position) {only_known}"
    )
    one_version = len(states) == 1 and not by_column
    source = f"({rows})"
    if not one_version or contract.reused_key:
        con.execute(f"create or replace temp table feed_row as {rows}")
        source = "feed_row"
    if contract.reused_key:
        _winners_of_reused_key(con, contract, contract.reused_key)
        used = "feed_row_used" if every_version else _winning_rows("owner_key", "feed_row_used")
        first = name(contract.reused_key.first_date_column)
        source = f"(select feed_row.*, used.{first} from feed_row join {used} as used on feed_row.rowid = row_number)"
    elif not one_version and not every_version:
        # Who is in two parts of a snapshot has a row in force in each.
        key = f"concat_ws(chr(31), {_key_sql(contract)}, file_part)" if contract.parts else _key_sql(contract)
        _winners(con, contract, key)
        source = _winning_rows(key, "feed_row")
    columns = [column for column, _ in contract.sql_columns()]
    if contract.reused_key:
        columns.append(contract.reused_key.first_date_column)
    chosen = ", ".join(name(column) for column in columns)
    current = "is_newest" if contract.mode == "snapshot" else "true"
    con.execute(
        f"insert into land.{contract.table} by name select {chosen}, {quote(contract.feed)} as feed, file_number, "
        f"record_number, repetition, received_at, {current} as is_current from {source}"
    )
    con.unregister("feed_file")
    for table in ("feed_row", "feed_row_used", "key_owner", "winner"):
        con.execute(f"drop table if exists {table}")


def _newest(states: list[FileState]) -> list[bool]:
    """Whether each file is the newest good one of its part."""
    last = {state.part: state.file_number for state in states}
    return [last[state.part] == state.file_number for state in states]


def _winners(con: duckdb.DuckDBPyConnection, contract: Contract, key: str, rows: str = "feed_row") -> None:
    """Make ``winner``: for each key the version with the greatest (updated_at, received_at, SHA-256)."""
    updated = f"max({name(contract.updated_at)})" if contract.updated_at else "null::timestamp"
    if contract.updated_at and contract.format != "csv":
        # A document says when it changed or says nothing, and a hostile one says next year: receipt bounds it.
        updated = f"least({updated}, max(received_at))"
    if contract.mode == "snapshot":
        # The newest file is the whole truth, so a key that it holds is taken from it.
        updated = "case when bool_or(is_newest) then timestamp '2000-01-01' end"
    con.execute(
        "create or replace temp table winner as "
        f"with version as (select {key} as winner_key, received_at, file_number, "
        f"coalesce(({updated})::timestamp, timestamp '0001-01-01') as updated from {rows} group by all) "
        "select winner_key, max(row(updated, received_at, file_number)) as best from version group by winner_key"
    )


def _winning_rows(key: str, rows: str) -> str:
    return (
        f"(select each.* from (select *, {key} as row_key from {rows}) as each "
        "join winner on each.row_key = winner.winner_key "
        "and each.file_number = winner.best[3] and each.received_at = winner.best[2])"
    )


def _winners_of_reused_key(con: duckdb.DuckDBPyConnection, contract: Contract, reused: ReusedKey) -> None:
    """Make ``feed_row_used`` (numbers of rows with their use of the key) and ``winner``.

    A use is a cluster of dates of one key and owner with no gap above ``within_days``; most keys have but one.
    """
    key = _key_sql(contract)
    find_owners(con, "feed_row", key, reused.same, contract.updated_at)
    first = name(reused.first_date_column)
    updated = f", {name(contract.updated_at)}" if contract.updated_at else ""
    con.execute(
        "create or replace temp table feed_row_used as "
        f"with keyed as (select feed_row.rowid as row_number, file_number, received_at, is_newest{updated}, "
        f"concat_ws(chr(31), {key}, coalesce(owner, '')) as base_key, {name(reused.by)}::date as used_on from feed_row "
        f"left join key_owner on {key} = used_key and {owner_text_sql(reused.same)} = owner_text), "
        "spread as (select base_key, max(used_on) - min(used_on) as days, min(used_on) as first_on "
        "from keyed group by base_key), "
        "dated as (select distinct base_key, used_on from keyed join spread using (base_key) "
        f"where days > {reused.within_days}), "
        "several as (select base_key, used_on, lag(used_on) over (partition by base_key order by used_on) as previous "
        "from dated), "
        "started as (select base_key, used_on as first_on, "
        "case when previous is null then date '0001-01-01' else used_on end as from_on, "
        "coalesce(lead(used_on) over (partition by base_key order by used_on), date '9999-12-31') as next_on "
        f"from several where previous is null or used_on - previous > {reused.within_days}), "
        "use as (select base_key, first_on, date '0001-01-01' as from_on, date '9999-12-31' as to_on from spread "
        f"where days is null or days <= {reused.within_days} "
        "union all select base_key, first_on, from_on, next_on from started) "
        f"select keyed.*, use.first_on as {first}, "
        "concat_ws(chr(31), keyed.base_key, coalesce(use.first_on::varchar, '')) as owner_key "
        "from keyed join use on keyed.base_key = use.base_key "
        "and coalesce(keyed.used_on, date '0001-01-01') >= use.from_on "
        "and coalesce(keyed.used_on, date '0001-01-01') < use.to_on"
    )
    _winners(con, contract, "owner_key", "feed_row_used")


def _write_feeds(con: duckdb.DuckDBPyConnection, contracts: dict[str, Contract]) -> None:
    con.execute(FEED_DDL)
    rows = [
        (each.feed, each.table, each.mode, each.rhythm_days, each.optional, each.description)
        for each in contracts.values()
    ]
    con.executemany("insert into land.feed values (?, ?, ?, ?, ?, ?)", rows)


def _write_files(con: duckdb.DuckDBPyConnection, states: list[FileState]) -> None:
    con.execute(FILE_DDL)
    columns: dict[str, tuple[str, list[Any]]] = {
        "file_number": ("integer", [state.file_number for state in states]),
        "feed": ("varchar", [state.landed.feed for state in states]),
        "table_name": ("varchar", [state.contract.table if state.contract else None for state in states]),
        "file_sha256": ("varchar", [state.landed.sha256 for state in states]),
        "file_name": ("varchar", [state.file_name for state in states]),
        "received_at": ("timestamp", [state.received_at for state in states]),
        "landed_at": ("timestamp", [datetime.fromisoformat(state.landed.landed_at) for state in states]),
        "byte_count": ("bigint", [state.landed.byte_count for state in states]),
        "part": ("varchar", [state.part for state in states]),
        "status": ("varchar", [state.status for state in states]),
        "records": ("bigint", [state.account.records for state in states]),
        "loaded": ("bigint", [state.account.loaded for state in states]),
        "rejected": ("bigint", [state.account.rejected for state in states]),
        "blank": ("bigint", [state.account.blank for state in states]),
        "message": ("varchar", [state.message for state in states]),
        "last_received_at": ("timestamp", [state.last_received_at for state in states]),
        "came_again": ("boolean", [state.came_again for state in states]),
    }
    # As parameters: an Arrow table that is registered makes DuckDB import pandas.
    values = ", ".join(f"unnest(${column}::{kind}[]) as {column}" for column, (kind, _) in columns.items())
    con.execute(
        f"insert into land.file by name select {values}", {column: rows for column, (_, rows) in columns.items()}
    )


def _write_rejected(con: duckdb.DuckDBPyConnection, states: list[FileState]) -> None:
    con.execute(REJECTED_DDL)
    having = [state for state in states if state.staged and state.account.rejected and not state.came_again]
    if not having:
        return
    paths = "[" + ", ".join(quote(str(state.staged.rejected)) for state in having if state.staged) + "]"
    con.register(
        "rejected_file",
        pa.table(
            {
                "position": pa.array(range(len(having)), pa.int64()),
                "feed": [state.landed.feed for state in having],
                "table_name": [state.contract.table if state.contract else None for state in having],
                "file_sha256": [state.landed.sha256 for state in having],
                "file_number": pa.array([state.file_number for state in having], pa.int32()),
            }
        ),
    )
    con.execute(
        "insert into land.rejected_record by name select feed, table_name, file_sha256, file_number, record_number, "
        f"line_number, byte_start, byte_end, reason, raw, key_text from read_parquet({paths}) as rejected "
        "join rejected_file on rejected.file_index = rejected_file.position"
    )
    con.unregister("rejected_file")
