"""The splitter: each byte in exactly one record, whatever the bytes and wherever a chunk ends."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.landing import records
from pipelines.landing.parse import record_fields
from pipelines.landing.records import Split, Splitter

PIECES = st.sampled_from([",", ",", "\n", "\n", '"', '""', "\r\n", "\r", "a", "b c", " ", "é", "#", "\0", "1,2,3\n"])
TEXT = st.lists(PIECES, max_size=60).map(lambda pieces: "".join(pieces).encode())
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def split(path: Path, data: bytes, columns: int = 3, chunk: int = records.CHUNK_BYTES) -> Split:
    path.write_bytes(data)
    return Splitter(",", columns, chunk).split(path, 0, 1)


@FUZZ
@given(data=st.one_of(TEXT, st.binary(max_size=200)))
def test_each_byte_belongs_to_exactly_one_record(tmp_path: Path, data: bytes) -> None:
    found = split(tmp_path / "f", data)
    spans = [found.span(number) for number in range(1, found.records + 1)]
    assert b"".join(data[start:end] for start, end in spans) == data
    assert all(start < end for start, end in spans)
    assert found.accepted + len(found.rejected) + len(found.blank) == found.records
    assert not set(found.rejected) & found.blank
    lines = found.line_numbers(list(range(1, found.records + 1)))
    assert lines == [data[:start].count(b"\n") + 1 for start, _ in spans]


@FUZZ
@given(data=TEXT)
def test_an_accepted_record_has_the_counted_columns(tmp_path: Path, data: bytes) -> None:
    found = split(tmp_path / "f", data)
    for number in range(1, found.records + 1):
        if number not in found.rejected and number not in found.blank:
            start, end = found.span(number)
            assert len(record_fields(data[start:end], ",")) == 3


@FUZZ
@given(data=TEXT, chunk=st.integers(1, 40))
def test_where_chunks_end_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, chunk: int
) -> None:
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 24)
    whole, pieces = split(tmp_path / "f", data), split(tmp_path / "f", data, chunk=chunk)
    assert whole.ends.tolist() == pieces.ends.tolist()
    assert (whole.rejected, whole.blank, whole.extra_lines, whole.rewritten) == (
        pieces.rejected,
        pieces.blank,
        pieces.extra_lines,
        pieces.rewritten,
    )
    assert (whole.crlf_records, whole.text_records) == (pieces.crlf_records, pieces.text_records)


@FUZZ
@given(
    rows=st.lists(
        st.lists(st.text(st.sampled_from('ab",\n é'), max_size=6), min_size=3, max_size=3), min_size=1, max_size=12
    )
)
def test_well_formed_text_is_read_as_the_csv_module_reads_it(tmp_path: Path, rows: list[list[str]]) -> None:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    data = text.getvalue().encode()
    found = split(tmp_path / "f", data)
    assert not found.rejected
    assert [record_fields(data[slice(*found.span(number))], ",") for number in range(1, found.records + 1)] == rows
