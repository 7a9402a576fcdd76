"""Staging: each landed file is parsed once into typed Parquet beside it, and every record is accounted for (F1).

Beside ``landing/<feed>/<sha256>`` lie ``<sha256>.<contract digest>.staged.parquet`` (accepted rows),
``….rejected.parquet`` (rejected records with reason and raw bytes; only where there are any) and ``….account.json``,
which is written last and makes the others valid. They are a cache: a file is parsed again only if its contract changes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import Contract
from pipelines.errors import MusterError
from pipelines.landing import records
from pipelines.landing.cast import Binding, bind, cast_sql, quote
from pipelines.landing.records import MAX_RECORD_BYTES, Split, Splitter
from pipelines.landing.store import LandedFile, Progress, clean_store, ledger, write_atomically
from pipelines.landing.text import GateError, Header, PlainText, open_text, read_header
from pipelines.settings import Home

_BLOCK = 4 * 1024 * 1024
_BATCH = 20_000

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


@dataclass(frozen=True)
class Account:
    """What became of one file: ``records = loaded + rejected + blank`` (F1)."""

    sha256: str
    status: Literal["loaded", "failed"]
    records: int = 0
    loaded: int = 0
    rejected: int = 0
    blank: int = 0
    rows: int = 0
    """Rows of the staged file; more than ``loaded`` where a record has a repeated group."""
    message: str | None = None
    received_to: str | None = None
    """The latest receipt that a column gives; None where no column does."""
    staged_bytes: int = 0
    rejected_bytes: int = 0


class Staged:
    """The files beside one landed file for one contract."""

    def __init__(self, home: Home, landed: LandedFile, contract: Contract) -> None:
        self.landed = landed
        self.contract = contract
        self.digest = contract.digest()
        stem = f"{landed.sha256}.{self.digest}"
        folder = home.landing / landed.feed
        self.rows = folder / f"{stem}.staged.parquet"
        self.rejected = folder / f"{stem}.rejected.parquet"
        self.account_file = folder / f"{stem}.account.json"

    def account(self) -> Account | None:
        """The account if the file is staged and whole, else None."""
        try:
            account = Account(**json.loads(self.account_file.read_text()))
            whole = (not account.staged_bytes or self.rows.stat().st_size == account.staged_bytes) and (
                not account.rejected_bytes or self.rejected.stat().st_size == account.rejected_bytes
            )
        except (OSError, ValueError, TypeError):
            return None
        return account if whole else None

    def write(self, account: Account) -> Account:
        """Commit: the account is written last."""
        write_atomically(self.account_file, json.dumps(asdict(account)).encode())
        return account


def verify(home: Home, landed: LandedFile) -> None:
    """Raise MusterError where a landed file is no longer what it was."""
    path = landed.path(home)
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise MusterError(f"The landed file {path} cannot be read: {error.strerror}; restore it.") from error
    if found != landed.sha256:
        raise MusterError(
            f"The landed file {path} has changed since it was received (its SHA-256 is another); restore it from a "
            "backup, or remove it with its .json and put the original into the inbox again."
        )


def staging_connection(work: Path) -> duckdb.DuckDBPyConnection:
    """A connection in memory for parsing, its session in UTC."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    con.execute(f"set temp_directory = {quote(str(work / 'spill'))}")
    return con


@dataclass
class Prepared:
    """A file whose bytes are divided into records and whose header is understood."""

    staged: Staged
    text: PlainText
    header: Header
    binding: Binding
    split: Split

    @property
    def columns(self) -> int:
        """Columns of the file."""
        return len(self.header.names)


def prepare(home: Home, staged: Staged, work: Path) -> Prepared:
    """Gate a file, match its header and divide it into records; raises GateError where it fails as a whole (F3)."""
    contract = staged.contract
    verify(home, staged.landed)
    text = open_text(staged.landed.path(home), contract, work)
    header = read_header(text, contract.delimiter, contract.skip_lines)
    binding = bind(contract, header.names)
    split = Splitter(contract.delimiter, len(header.names)).split(text.path, header.end_byte, header.next_line)
    bad = [number for number, reason in split.rejected.items() if reason == records.BAD_BYTES]
    cut_short = bad == [split.records]  # the last character of a truncated file
    if len(bad) > split.text_records and not cut_short:
        raise GateError(f"it is not valid text in the declared encoding {contract.encoding}")
    if split.records == len(split.blank):
        raise GateError("it has a header and no records")
    return Prepared(staged, text, header, binding, split)


def record_fields(text: bytes, delimiter: str) -> list[str]:
    """The fields of one record, as Python's csv module reads them."""
    decoded = text.decode("utf-8", "replace").rstrip("\r\n")
    try:
        return next(csv.reader(StringIO(decoded, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _write_clean(prepared: Prepared, target: Path) -> None:
    """Write the accepted records alone, each in plain form, for DuckDB's strict reader."""
    split, delimiter = prepared.split, prepared.staged.contract.delimiter
    special = sorted(set(split.rejected) | split.blank | split.rewritten)
    mixed = split.crlf_records not in (0, split.records)
    with prepared.text.path.open("rb") as source, target.open("wb") as out:

        def copy(start: int, end: int) -> None:
            source.seek(start)
            carry = b""
            while start < end:
                block = carry + source.read(min(_BLOCK, end - start))
                start += len(block) - len(carry)
                carry = b""
                if mixed:
                    if block.endswith(b"\r") and start < end:
                        block, carry = block[:-1], b"\r"
                    block = block.replace(b"\r\n", b"\n")
                out.write(block)
            if end == int(split.ends[-1]) and not block.endswith(b"\n"):
                out.write(b"\n")

        position = split.first_byte
        for number in special:
            start, end = split.span(number)
            if start > position:
                copy(position, start)
            position = end
            if number in split.rewritten:
                source.seek(start)
                row = StringIO(newline="")
                fields = record_fields(source.read(end - start), delimiter)
                csv.writer(row, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
                out.write(row.getvalue().encode())
        if split.records and int(split.ends[-1]) > position:
            copy(position, int(split.ends[-1]))


def _csv_source(prepared: Prepared, work: Path) -> str:
    """SQL of DuckDB's reader over the file, or over a clean copy of its accepted records; nothing is sniffed."""
    path, skip = prepared.text.path, prepared.header.next_line - 1
    if not (prepared.split.is_plain and prepared.header.is_plain):
        path, skip = work / "clean.csv", 0
        _write_clean(prepared, path)
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(prepared.columns))
    delimiter = quote(prepared.staged.contract.delimiter)
    return (
        f"read_csv({quote(str(path))}, auto_detect = false, header = false, skip = {skip}, delim = {delimiter}, "
        f"quote = '\"', escape = '\"', comment = '', nullstr = '', columns = {{{columns}}}, strict_mode = true, "
        f"null_padding = false, ignore_errors = false, compression = 'none', max_line_size = {4 * MAX_RECORD_BYTES})"
    )


def text_batches(prepared: Prepared) -> Iterator[list[list[str]]]:
    """The fields of the accepted records, read by Python's csv module, in batches."""
    split, delimiter = prepared.split, prepared.staged.contract.delimiter
    left_out = set(split.rejected) | split.blank
    batch: list[list[str]] = []
    with prepared.text.path.open("rb") as stream:
        stream.seek(split.first_byte)
        position = split.first_byte
        for number, end in enumerate(split.ends.tolist(), 1):
            if number in left_out:
                stream.seek(end)
            else:
                batch.append(record_fields(stream.read(end - position), delimiter))
            position = end
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def text_table(rows: list[list[str]], columns: int, first_number: int) -> pa.Table:
    """Rows of text as an Arrow table with record_number, c0, c1 ...; a row of another width raises ValueError."""
    if any(len(row) != columns for row in rows):
        raise ValueError("a record was read with another number of columns than was counted")
    arrays: list[Any] = [pa.array(range(first_number, first_number + len(rows)), pa.int64())]
    arrays += [pa.array([row[index] for row in rows], pa.string()) for index in range(columns)]
    return pa.Table.from_arrays(arrays, names=["record_number", *[f"c{index}" for index in range(columns)]])


def _slow_source(prepared: Prepared, work: Path) -> str:
    """SQL over the accepted records as Python's csv module reads them."""
    path = work / "texts.parquet"
    number = 1
    schema = text_table([], prepared.columns, 1).schema
    with pq.ParquetWriter(path, schema) as writer:
        for batch in text_batches(prepared):
            writer.write_table(text_table(batch, prepared.columns, number))
            number += len(batch)
    return f"read_parquet({quote(str(path))})"


def _cast(con: duckdb.DuckDBPyConnection, prepared: Prepared, source: str, target: Path) -> tuple[int, int]:
    """Write typed rows of all accepted records; returns how many records were read and how many failed a cast."""
    sql = cast_sql(prepared.binding, source, prepared.columns)
    con.execute(f"copy ({sql}) to {quote(str(target))} (format parquet, compression snappy)")
    distinct = "count(*)" if prepared.binding.repetitions == 1 else "count(distinct record_number)"
    found = con.execute(f"select {distinct}, count(reason) from read_parquet({quote(str(target))})").fetchone()
    return (int(found[0]), int(found[1])) if found else (0, 0)


def read_typed(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, work: Path, force_slow: bool = False
) -> tuple[Path, int]:
    """Typed rows of the accepted records, numbered among these, and how many failed a cast.

    DuckDB's reader is used where it agrees with the splitter about every record; otherwise Python's csv module.
    """
    target = work / "typed.parquet"
    if not force_slow:
        try:
            source = f"(select row_number() over () as record_number, * from {_csv_source(prepared, work)})"
            found, failed = _cast(con, prepared, source, target)
            if found == prepared.split.accepted:
                return target, failed
        except duckdb.InvalidInputException:
            pass  # the strict reader refuses what the csv module reads: the slow path decides
    found, failed = _cast(con, prepared, _slow_source(prepared, work), target)
    if found != prepared.split.accepted:
        raise MusterError(
            f"The file {prepared.staged.landed.file_name} of feed {prepared.staged.landed.feed} was divided into "
            f"{prepared.split.accepted} records but read as {found}; please report this defect with the file's form."
        )
    return target, failed


def accepted_numbers(split: Split) -> np.ndarray | None:
    """Record numbers of the accepted records, in order; None where all records are accepted."""
    left_out = sorted(set(split.rejected) | split.blank)
    if not left_out:
        return None
    keep = np.ones(split.records, np.bool_)
    keep[np.array(left_out, np.int64) - 1] = False
    return np.flatnonzero(keep) + 1


def rejected_table(prepared: Prepared, failed_casts: dict[int, tuple[str, str | None]]) -> pa.Table | None:
    """Every rejected record of a file: those that the splitter refused and those that failed a cast."""
    split, contract = prepared.split, prepared.staged.contract
    rejected: dict[int, tuple[str, str | None]] = {number: (reason, None) for number, reason in split.rejected.items()}
    rejected |= failed_casts
    if not rejected:
        return None
    numbers = sorted(rejected)
    spans = [split.span(number) for number in numbers]
    raws: list[bytes] = []
    keys: list[str | None] = []
    with prepared.text.path.open("rb") as stream:
        for number, (start, end) in zip(numbers, spans, strict=True):
            stream.seek(start)
            text = stream.read(min(end - start, MAX_RECORD_BYTES + 2))
            raws.append(prepared.text.raw(text))
            key = rejected[number][1]
            keys.append(key if number in failed_casts else _key_of(text, prepared.binding, contract.delimiter))
    ends = prepared.text.original([end for _, end in spans])
    starts = prepared.text.original([start for start, _ in spans])
    arrays = [
        numbers,
        split.line_numbers(numbers),
        starts,
        ends,
        [rejected[number][0] for number in numbers],
        raws,
        keys,
    ]
    return pa.table(arrays, schema=REJECTED_SCHEMA)


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
    prepared: Prepared, rows: int, rejected: pa.Table | None, received_to: str | None, staged_bytes: int
) -> Account:
    """Write the rejected records and the account of a file whose staged rows are in place."""
    split, staged = prepared.split, prepared.staged
    count = rejected.num_rows if rejected is not None else 0
    loaded = split.records - len(split.blank) - count
    message = describe_unknown(prepared.binding)
    if loaded == 0 and rejected is not None:
        reasons = rejected.column("reason").value_counts().to_pylist()
        worst = max(reasons, key=lambda each: each["counts"])["values"]
        message = f"none of its {count} records could be loaded, mostly because {worst}"
    if rejected is not None:
        temporary = staged.rejected.with_name(f".{secrets.token_hex(8)}.tmp")
        pq.write_table(rejected, temporary)
        temporary.replace(staged.rejected)
    return staged.write(
        Account(
            sha256=staged.landed.sha256,
            status="loaded" if loaded else "failed",
            records=split.records,
            loaded=loaded,
            rejected=count,
            blank=len(split.blank),
            rows=rows,
            message=message,
            received_to=received_to,
            staged_bytes=staged_bytes,
            rejected_bytes=staged.rejected.stat().st_size if rejected is not None else 0,
        )
    )


def _stage_prepared(con: duckdb.DuckDBPyConnection, prepared: Prepared, work: Path, force_slow: bool) -> Account:
    typed, failed = read_typed(con, prepared, work, force_slow)
    numbers = accepted_numbers(prepared.split)
    failures: dict[int, tuple[str, str | None]] = {}
    rows = f"read_parquet({quote(str(typed))})"
    if failed:
        found = con.execute(f"select record_number, reason, key_text from {rows} where reason is not null").fetchall()
        failures = {
            int(number if numbers is None else numbers[number - 1]): (reason, key) for number, reason, key in found
        }
    if failed or numbers is not None:
        typed = _renumber(con, prepared, rows, numbers, work)
        rows = f"read_parquet({quote(str(typed))})"
    count, newest = con.execute(f"select count(*), max(received_at) from {rows}").fetchall()[0]
    received_to = newest.isoformat(timespec="microseconds") if newest else None
    typed.replace(prepared.staged.rows)
    rejected = rejected_table(prepared, failures)
    return finish(prepared, int(count), rejected, received_to, prepared.staged.rows.stat().st_size)


def _renumber(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, rows: str, numbers: np.ndarray | None, work: Path
) -> Path:
    """Leave out rows that failed a cast and number the rest as records of the file."""
    target = work / "accepted.parquet"
    shifted = "record_number"
    shifts = ""
    if numbers is not None:
        # Records left out shift all later numbers: one row for each change of the shift.
        shift = numbers - np.arange(1, len(numbers) + 1)
        at = np.flatnonzero(np.diff(shift, prepend=-1))
        con.register("shifts", pa.table({"from_row": at + 1, "shift": shift[at]}))
        shifts = "asof join shifts on record_number >= from_row"
        shifted = "record_number + shift"
    con.execute(
        f"copy (select * exclude (record_number{', from_row, shift' if shifts else ''}), {shifted} as record_number "
        f"from {rows} {shifts} where reason is null) "
        f"to {quote(str(target))} (format parquet, compression snappy)"
    )
    if shifts:
        con.unregister("shifts")
    return target


def stage_one(
    con: duckdb.DuckDBPyConnection, home: Home, staged: Staged, work: Path, force_slow: bool = False
) -> Account:
    """Parse one landed file and write what lies beside it; a file that fails as a whole has an account that says so."""
    folder = work / secrets.token_hex(8)
    folder.mkdir(mode=0o700)
    try:
        return _stage_prepared(con, prepare(home, staged, folder), folder, force_slow)
    except GateError as error:
        return staged.write(Account(staged.landed.sha256, "failed", message=str(error)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(home: Home, keep: dict[str, set[str]]) -> None:
    """Remove what was staged by contracts that are no longer in force."""
    for feed, digests in keep.items():
        for path in (home.landing / feed).glob("*.*.*"):
            parts = path.name.split(".")
            if len(parts[0]) == 64 and len(parts[1]) == 12 and parts[1] not in digests:
                path.unlink(missing_ok=True)


def stage_files(home: Home, contracts: dict[str, Contract], progress: Progress | None = None) -> list[Account]:
    """Parse every landed file that its contract in force has not parsed yet; returns the accounts of these.

    Raises MusterError where a landed file was changed or the disk is full; what was staged before stays.
    """
    clean_store(home)
    waiting = [
        staged
        for landed in ledger(home)
        if landed.feed in contracts and (staged := Staged(home, landed, contracts[landed.feed])).account() is None
    ]
    accounts: list[Account] = []
    work = home.landing / f".work-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        work.mkdir(mode=0o700, parents=True)
        con = staging_connection(work)
        for done, staged in enumerate(waiting):
            if progress:
                progress("reading files", done, len(waiting))
            accounts.append(stage_one(con, home, staged, work))
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
    _remove_leftovers(home, {feed: {contract.digest()} for feed, contract in contracts.items()})
    if progress and waiting:
        progress("reading files", len(waiting), len(waiting))
    return accounts
