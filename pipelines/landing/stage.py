"""Staging: each landed file is parsed once into typed Parquet beside it, and every record is accounted for (F1).

Beside ``landing/<feed>/<sha256>`` lie ``<sha256>.<contract digest>.staged.parquet`` (accepted rows),
``….rejected.parquet`` (rejected records with reason and raw bytes; only where there are any) and ``….account.json``,
which is written last and makes the others valid. They are a cache: a file is parsed again only if its contract changes,
or if what lies beside it is not what was written. The account holds the SHA-256 of the others and of itself, and who
reads rows asks for :func:`require_sound` first, so what a disk spoilt is never used. Staged rows of many small files
lie together once more (:mod:`pipelines.landing.pack`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.contracts import Contract
from pipelines.errors import MusterError
from pipelines.landing import marks
from pipelines.landing.cast import Binding, cast_sql, quote
from pipelines.landing.pack import SMALL_BYTES, pack_small
from pipelines.landing.parse import (
    Prepared,
    accepted_numbers,
    prepare,
    read_typed,
    record_fields,
    staging_connection,
    text_batches,
    text_table,
)
from pipelines.landing.records import MAX_RECORD_BYTES
from pipelines.landing.staged import Account, Staged
from pipelines.landing.store import Look, Progress, clean_store, ledger
from pipelines.landing.text import GateError
from pipelines.settings import Home
from pipelines.warehouse import memory_gb

REJECTED_BATCH = 1000
"""Rejected records written at a time: at 64 KB each these are the most bytes that are held."""
_NUMBER_BLOCK = 1024
_GROUP_FILES = 400
_GROUP_BYTES = 16 * 1024 * 1024

REJECTED_SCHEMA = pa.schema(
    [
        ("record_number", pa.int64()),
        ("line_number", pa.int64()),
        ("byte_start", pa.int64()),
        ("byte_end", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("key_text", pa.string()),
    ]
)


_SOUND: dict[Path, tuple[Look, ...]] = {}
"""What the file system told of an account whose files this process found to be sound."""


def require_sound(home: Home, staged_files: Iterable[Staged], tell: Callable[[str], None] | None = None) -> list[Path]:
    """Verify staged files that are about to be read; what is spoilt is named and staged anew from the landed bytes.

    Returns what was spoilt. Raises MusterError where the landed file was changed too, or the new one is spoilt again.
    """
    found = []
    for staged in staged_files:
        looks = staged.looks()
        if _SOUND.get(staged.account_file) == looks:
            continue
        spoilt = staged.spoilt()
        if spoilt is not None:
            found.append(spoilt)
            if tell is not None:
                tell(f"{spoilt} is not what was written: it is made anew from the file that was received.")
            staged.account_file.unlink(missing_ok=True)
            stage_files(home, {staged.contract.feed: staged.contract})
            if staged.account() is None or staged.spoilt() is not None:
                raise MusterError(f"{spoilt} cannot be kept as it is written; look at the disk, then run again.")
            looks = staged.looks()
        _SOUND[staged.account_file] = looks
    return found


def rejected_tables(
    prepared: Prepared, failed_casts: dict[int, tuple[str, str | None]], batch: int = REJECTED_BATCH
) -> Iterator[pa.Table]:
    """Every rejected record of a file, those that the splitter refused and those that failed a cast, in batches.

    A file of which nothing can be read may hold as many rejected bytes as it has, so they are never held at once.
    """
    split, delimiter = prepared.split, prepared.contract.delimiter
    numbers = sorted(split.rejected.keys() | failed_casts.keys())
    starts, ends = (prepared.text.original([split.span(number)[side] for number in numbers]) for side in (0, 1))
    lines = split.line_numbers(numbers)
    with prepared.text.path.open("rb") as stream:
        for first in range(0, len(numbers), batch):
            rows = slice(first, first + batch)
            reasons, raws, keys = [], [], []
            for number in numbers[rows]:
                start, end = split.span(number)
                stream.seek(start)
                text = stream.read(min(end - start, MAX_RECORD_BYTES + 2))
                reason, key = failed_casts.get(number) or (split.rejected[number], None)
                reasons.append(reason)
                raws.append(prepared.text.raw(text))
                keys.append(key if number in failed_casts else _key_of(text, prepared.binding, delimiter))
            yield pa.table(
                [numbers[rows], lines[rows], starts[rows], ends[rows], reasons, raws, keys], schema=REJECTED_SCHEMA
            )


def _key_of(text: bytes, binding: Binding, delimiter: str) -> str | None:
    """The key of a record that cannot be read as a whole, where its fields can."""
    fields = record_fields(text, delimiter)
    values = [
        fields[position].strip() if position is not None and position < len(fields) else ""
        for position in binding.key_positions
    ]
    return "|".join(values) if all(values) else None


def describe_unknown(binding: Binding) -> str | None:
    """A warning about header columns that the contract neither declares nor ignores."""
    if not binding.unknown:
        return None
    names = ", ".join(binding.unknown[:10]) + (" and more" if len(binding.unknown) > 10 else "")
    return f"unknown column {names}: declare it or list it under ignore_columns"


def finish(
    staged: Staged,
    prepared: Prepared,
    rows: int,
    failed_casts: dict[int, tuple[str, str | None]],
    newest: datetime | None,
) -> Account:
    """Write the rejected records and the account of a file whose staged rows are in place."""
    split = prepared.split
    reasons: Counter[str] = Counter()
    if split.rejected or failed_casts:
        with writing(staged.rejected, REJECTED_SCHEMA) as writer:
            for table in rejected_tables(prepared, failed_casts):
                reasons.update(table.column("reason").to_pylist())
                writer.write_table(table)
    count = reasons.total()
    loaded = split.records - len(split.blank) - count
    message = describe_unknown(prepared.binding) or marks.tell(reasons)
    if loaded == 0 and count and not marks.is_all(reasons):
        message = f"none of its {count} records could be loaded, mostly because {reasons.most_common(1)[0][0]}"
    return staged.write(
        Account(
            sha256=staged.landed.sha256,
            status="loaded" if loaded or marks.is_all(reasons) else "failed",
            records=split.records,
            loaded=loaded,
            rejected=count,
            blank=len(split.blank),
            rows=rows,
            message=message,
            received_to=newest.isoformat(timespec="microseconds") if newest else None,
            **staged.describe_files(count),
        )
    )


@contextlib.contextmanager
def writing(target: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer of a Parquet file beside a landed one; a reader sees all of it or nothing."""
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with pq.ParquetWriter(temporary, schema) as writer:
            yield writer
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(table: pa.Table, target: Path) -> None:
    """Write one table as such a file."""
    with writing(target, table.schema) as writer:
        writer.write_table(table)


def _failures(found: list[Any], numbers: np.ndarray | None) -> dict[int, tuple[str, str | None]]:
    """Reason and key of each record that failed a cast, by its number in the file."""
    return {int(number if numbers is None else numbers[number - 1]): (reason, key) for number, reason, key in found}


def _stage_prepared(con: duckdb.DuckDBPyConnection, staged: Staged, prepared: Prepared, work: Path) -> Account:
    typed, failed = read_typed(con, prepared, work)
    numbers = accepted_numbers(prepared.split)
    failures: dict[int, tuple[str, str | None]] = {}
    rows = f"read_parquet({quote(str(typed))})"
    if failed:
        found = con.execute(f"select record_number, reason, key_text from {rows} where reason is not null").fetchall()
        failures = _failures(found, numbers)
    if failed or numbers is not None:
        typed = _renumber(con, rows, numbers, work)
        rows = f"read_parquet({quote(str(typed))})"
    count, newest = con.execute(f"select count(*), max(received_at) from {rows}").fetchall()[0]
    typed.replace(staged.rows)
    return finish(staged, prepared, int(count), failures, newest)


def _renumber(con: duckdb.DuckDBPyConnection, rows: str, numbers: np.ndarray | None, work: Path) -> Path:
    """Leave out rows that failed a cast and number the rest as records of the file."""
    target = work / "accepted.parquet"
    number, blocks = "record_number", ""
    if numbers is not None:
        con.register("blocks", _number_blocks(numbers))
        blocks = f"inner join blocks on record_number // {_NUMBER_BLOCK} = block"
        number = f"coalesce(numbers[record_number % {_NUMBER_BLOCK} + 1], record_number + shift)"
    left_out = "record_number, block, shift, numbers" if blocks else "record_number"
    con.execute(
        f"copy (select * exclude ({left_out}), {number} as record_number from {rows} {blocks} where reason is null) "
        f"to {quote(str(target))} (format parquet, compression snappy)"
    )
    if blocks:
        con.unregister("blocks")
    return target


def _number_blocks(numbers: np.ndarray) -> pa.Table:
    """The file's record numbers of accepted records, which are counted from 1, by blocks of these counts.

    Records left out shift all later numbers: ``shift`` is that of a block in which none is left out, ``numbers`` is
    each number of any other. A join by block needs no order, so it holds nothing of the rows.
    """
    counts = np.arange(len(numbers) + 1)
    found = np.concatenate([[0], numbers])  # no record is counted 0
    table: dict[str, list[Any]] = {"block": [], "shift": [], "numbers": []}
    for first in range(0, len(found), _NUMBER_BLOCK):
        part = found[first : first + _NUMBER_BLOCK]
        shifts = part - counts[first : first + _NUMBER_BLOCK]
        is_even = bool((shifts == shifts[0]).all())
        table["block"].append(first // _NUMBER_BLOCK)
        table["shift"].append(int(shifts[0]))
        table["numbers"].append(None if is_even else part)
    types = {"block": pa.int64(), "shift": pa.int64(), "numbers": pa.list_(pa.int64())}
    return pa.table({name: pa.array(values, types[name]) for name, values in table.items()})


def stage_one(con: duckdb.DuckDBPyConnection, home: Home, staged: Staged, work: Path) -> Account:
    """Parse one landed file and write what lies beside it; a file that fails as a whole has an account that says so.

    ``con`` may be used by nobody else meanwhile.
    """
    folder = work / secrets.token_hex(8)
    folder.mkdir(mode=0o700)
    try:
        prepared = prepare(home, staged.landed, staged.contract, folder)
        return _stage_prepared(con, staged, prepared, folder)
    except GateError as error:
        return staged.write(Account(staged.landed.sha256, "failed", message=str(error)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stage_large(con: duckdb.DuckDBPyConnection, home: Home, large: Sequence[Staged], work: Path) -> Iterator[Account]:
    """Parse files one by one, as many at a time as there are processors, and yield their accounts in order.

    Records are numbered in their order, which takes one thread a file.
    """

    def stage(staged: Staged) -> Account:
        with con.cursor() as own:
            return stage_one(own, home, staged, work)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), "muster-stage") as pool:
        yield from pool.map(stage, large)


class Groups:
    """Small files of one header, cast together by one statement and written one by one."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, work: Path) -> None:
        self.con = con
        self.home = home
        self.work = work
        self.waiting: dict[tuple[str, ...], list[tuple[Staged, Prepared]]] = {}
        self.files = 0
        self.bytes = 0

    def add(self, staged: Staged) -> list[Account]:
        """Take one file; returns the accounts that are finished by now."""
        try:
            prepared = prepare(self.home, staged.landed, staged.contract, self.work / secrets.token_hex(8))
        except GateError as error:
            return [staged.write(Account(staged.landed.sha256, "failed", message=str(error)))]
        self.waiting.setdefault((staged.landed.feed, *prepared.header.names), []).append((staged, prepared))
        self.files += 1
        self.bytes += staged.landed.byte_count
        return self.flush() if self.files >= _GROUP_FILES or self.bytes >= _GROUP_BYTES else []

    def flush(self) -> list[Account]:
        """Finish all files that wait."""
        accounts = [account for group in self.waiting.values() for account in self._stage(group)]
        self.waiting, self.files, self.bytes = {}, 0, 0
        return accounts

    def _stage(self, group: list[tuple[Staged, Prepared]]) -> list[Account]:
        first = group[0][1]
        tables, starts = [], [1]
        for _, prepared in group:
            rows = [row for batch in text_batches(prepared) for row in batch]
            tables.append(text_table(rows, prepared.columns, starts[-1]))
            starts.append(starts[-1] + len(rows))
        self.con.register("texts_of_group", pa.concat_tables(tables))
        sql = cast_sql(first.binding, "texts_of_group", first.columns)
        typed = self.con.sql(f"select * from ({sql}) order by record_number, repetition").to_arrow_table()
        self.con.unregister("texts_of_group")
        bounds = np.searchsorted(typed.column("record_number").to_numpy(), np.array(starts)).tolist()
        return [
            self._write(staged, prepared, typed.slice(bounds[index], bounds[index + 1] - bounds[index]), starts[index])
            for index, (staged, prepared) in enumerate(group)
        ]

    def _write(self, staged: Staged, prepared: Prepared, typed: pa.Table, start: int) -> Account:
        numbers = accepted_numbers(prepared.split)
        own = typed.column("record_number").to_numpy() - start + 1
        if len(np.unique(own)) != prepared.split.accepted:
            raise MusterError(f"The file {staged.landed.file_name} was not read as it was divided: report this defect.")
        position = typed.schema.get_field_index("record_number")
        typed = typed.set_column(position, "record_number", pa.array(own if numbers is None else numbers[own - 1]))
        failed = typed.filter(pc.is_valid(typed.column("reason"))).select(["record_number", "reason", "key_text"])
        good = typed.filter(pc.is_null(typed.column("reason")))
        write_table(good, staged.rows)
        failures = {number: (reason, key) for number, reason, key in zip(*failed.to_pydict().values(), strict=True)}
        newest = pc.max(good.column("received_at")).as_py()
        return finish(staged, prepared, good.num_rows, failures, newest)


def _remove_leftovers(home: Home, keep: dict[str, set[str]]) -> None:
    """Remove what was staged by contracts that are no longer in force."""
    for feed, digests in keep.items():
        for path in (home.landing / feed).glob("*.*.*"):
            parts = path.name.split(".")
            if len(parts[0]) == 64 and len(parts[1]) == 12 and parts[1] not in digests:
                path.unlink(missing_ok=True)
        for path in (home.landing / feed).glob("pack-*"):
            if path.name.split("-")[1] not in digests:
                path.unlink(missing_ok=True)


def _is_large(staged: Staged) -> bool:
    # Small files are cast many at a time: a statement for each would cost more than its rows.
    return staged.contract.format == "csv" and staged.landed.byte_count > SMALL_BYTES


def stage_files(home: Home, contracts: dict[str, Contract], progress: Progress | None = None) -> list[Account]:
    """Parse every landed file that its contract in force has not parsed yet; returns the accounts of these.

    Raises MusterError where a landed file was changed or the disk is full; what was staged before stays.
    """
    from pipelines.landing.documents import Documents

    clean_store(home)
    digests = {feed: contract.digest() for feed, contract in contracts.items()}
    staged_files = [
        Staged(home, landed, contracts[landed.feed], digests[landed.feed])
        for landed in ledger(home)
        if landed.feed in contracts
    ]
    waiting = [staged for staged in staged_files if staged.account() is None]
    accounts: list[Account] = []
    work = home.landing / f".work-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        work.mkdir(mode=0o700, parents=True)
        con = staging_connection(work, memory_gb(home))
        groups = Groups(con, home, work)
        documents = {
            contract.feed: Documents(con, home, contract) for contract in contracts.values() if contract.format != "csv"
        }
        large = [staged for staged in waiting if _is_large(staged)]
        small = [staged for staged in waiting if not _is_large(staged)]
        if progress and waiting:
            progress("reading files", 0, len(waiting))
        for account in stage_large(con, home, large, work):
            accounts.append(account)
            if progress:
                progress("reading files", len(accounts), len(waiting))
        for done, staged in enumerate(small, len(large)):
            if progress and done % 50 == 0:
                progress("reading files", done, len(waiting))
            accounts += (documents[staged.contract.feed] if staged.contract.format != "csv" else groups).add(staged)
        accounts += groups.flush()
        accounts += [account for waiting in documents.values() for account in waiting.flush()]
        pack_small(con, home, staged_files)
        con.close()
    except OSError as error:
        raise MusterError(
            f"Reading landed files stopped: {error.strerror}. Nothing that was landed is lost."
        ) from error
    except duckdb.Error as error:
        if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
            raise MusterError("Reading landed files stopped: no space is left on the disk or in memory.") from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _remove_leftovers(home, {feed: {digest} for feed, digest in digests.items()})
    if progress and waiting:
        progress("reading files", len(waiting), len(waiting))
    return accounts
