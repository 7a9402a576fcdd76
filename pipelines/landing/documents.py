"""Staging of documents: files that a named reader (``format:`` of a contract) turns into records.

What follows the reader is the same as for CSV: one statement of typed casts, staged Parquet, rejected records and the
account (F1). Documents are small and many, so they are cast together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import Contract
from pipelines.feeds.record import Record
from pipelines.feeds.registry import FORMATS, reader
from pipelines.landing import marks
from pipelines.landing.cast import bind, cast_sql
from pipelines.landing.parse import text_table
from pipelines.landing.stage import REJECTED_SCHEMA, write_table
from pipelines.landing.staged import Account, Staged
from pipelines.landing.store import LandedFile
from pipelines.landing.text import GateError
from pipelines.landing.verify import verify
from pipelines.settings import Home

_GROUP_RECORDS = 20_000
_MAX_RAW_BYTES = 64 * 1024


@dataclass
class _Read:
    """A document whose records are found, and where each row that goes on to the casts comes from."""

    staged: Staged
    records: list[Record]
    data: bytes
    numbers: np.ndarray
    """Record number, from 1, of each row."""
    repetitions: np.ndarray
    """Repetition, from 1, of each row within its record."""


def read_document(home: Home, landed: LandedFile, contract: Contract) -> tuple[bytes, list[Record]]:
    """The bytes and records of one landed file; raises GateError where it fails as a whole (F3).

    Raises MusterError where the landed file is no longer what it was.
    """
    declared = FORMATS[contract.format]
    verify(home, landed)
    if landed.byte_count > declared.max_bytes:
        raise GateError(f"it is larger than {declared.max_bytes // 1024**2} MB, which no document of its kind is")
    data = landed.path(home).read_bytes()
    if marks.is_erased_document(data):
        return data, _erased_records(data)
    if not data.strip():
        raise GateError("the file is empty")
    try:
        records = list(reader(contract.format)(data))
    except (RecursionError, MemoryError) as error:
        raise GateError("it is nested too deeply to be read") from error
    if not records:
        raise GateError("no record was found in it")
    return data, records


def _erased_records(data: bytes) -> list[Record]:
    records, start = [], 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        records.append(Record(start, start + len(line), number, reason=marks.reason_of(line)))
        start += len(line)
    return records


class Documents:
    """Documents of one contract, read one by one and cast together."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, contract: Contract) -> None:
        self.con = con
        self.home = home
        self.contract = contract
        self.waiting: list[_Read] = []
        self.rows = 0

    def add(self, staged: Staged) -> list[Account]:
        """Take one file; returns the accounts that are finished by now."""
        try:
            data, records = read_document(self.home, staged.landed, self.contract)
        except GateError as error:
            return [staged.write(Account(staged.landed.sha256, "failed", message=str(error)))]
        counts = [0 if record.reason else len(record.rows) for record in records]
        numbers = np.repeat(np.arange(1, len(records) + 1), counts)
        repetitions = np.concatenate([np.arange(1, count + 1) for count in counts])
        self.waiting.append(_Read(staged, records, data, numbers, repetitions))
        self.rows += len(numbers)
        return self.flush() if self.rows >= _GROUP_RECORDS else []

    def flush(self) -> list[Account]:
        """Finish all files that wait."""
        waiting, self.waiting, self.rows = self.waiting, [], 0
        return list(self._stage(waiting)) if waiting else []

    def _stage(self, waiting: list[_Read]) -> Iterator[Account]:
        names = list(dict.fromkeys(self._columns_read()))
        texts = [
            [row.get(name, "").replace("\0", "") for name in names]
            for read in waiting
            for record in read.records
            if not record.reason
            for row in record.rows
        ]
        self.con.register("texts_of_documents", text_table(texts, len(names), 1))
        sql = cast_sql(bind(self.contract, names), "texts_of_documents", len(names))
        typed = self.con.sql(f"select * from ({sql}) order by record_number").to_arrow_table()
        self.con.unregister("texts_of_documents")
        start = 0
        for read in waiting:
            yield _finish(read, typed.slice(start, len(read.numbers)))
            start += len(read.numbers)

    def _columns_read(self) -> Iterator[str]:
        """The canonical columns that a reader fills; a constant is the contract's."""
        return (name for name, column in self.contract.columns.items() if column.constant is None)


def _set(table: pa.Table, column: str, values: np.ndarray) -> pa.Table:
    position = table.schema.get_field_index(column)
    return table.set_column(position, column, pa.array(values, table.schema.field(position).type))


def _finish(read: _Read, typed: pa.Table) -> Account:
    """Write staged rows, rejected records and the account of one document; one bad row rejects its record."""
    staged, records = read.staged, read.records
    typed = _set(_set(typed, "record_number", read.numbers), "repetition", read.repetitions)
    failed = typed.filter(pc.is_valid(typed.column("reason"))).select(["record_number", "reason", "key_text"])
    rejected: dict[int, tuple[str, str | None]] = {
        number: (record.reason, None) for number, record in enumerate(records, 1) if record.reason
    }
    for number, reason, key in zip(*failed.to_pydict().values(), strict=True):
        rejected.setdefault(number, (reason, key))
    good = typed.filter(pc.invert(pc.is_in(typed.column("record_number"), pa.array(list(rejected), pa.int64()))))
    write_table(good, staged.rows)
    if rejected:
        write_table(_rejected_table(read, rejected), staged.rejected)
    loaded = len(records) - len(rejected)
    reasons = Counter(reason for reason, _ in rejected.values())
    message = marks.tell(reasons)
    if not loaded and not marks.is_all(reasons):
        worst = reasons.most_common(1)[0][0]
        message = f"none of its {len(records)} records could be loaded, mostly because {worst}"
    newest = pc.max(good.column("received_at")).as_py()
    return staged.write(
        Account(
            sha256=staged.landed.sha256,
            status="loaded" if loaded or marks.is_all(reasons) else "failed",
            records=len(records),
            loaded=loaded,
            rejected=len(rejected),
            rows=good.num_rows,
            message=message,
            received_to=newest.isoformat(timespec="microseconds") if newest else None,
            **staged.describe_files(len(rejected)),
        )
    )


def _rejected_table(read: _Read, rejected: dict[int, tuple[str, str | None]]) -> pa.Table:
    numbers = sorted(rejected)
    found = [read.records[number - 1] for number in numbers]
    arrays = [
        numbers,
        [record.line for record in found],
        [record.start for record in found],
        [record.end for record in found],
        [rejected[number][0] for number in numbers],
        [read.data[record.start : min(record.end, record.start + _MAX_RAW_BYTES)] for record in found],
        [rejected[number][1] for number in numbers],
    ]
    return pa.table(arrays, schema=REJECTED_SCHEMA)
