"""F1 and F3: every record and every byte of every file, however malformed, is accounted for."""

import gzip
from functools import partial
from typing import Any

import pytest

from pipelines.landing import parse, stage

HEADER = "id,name,day,amount\n"
CONTRACT: dict[str, Any] = {
    "feed": "things",
    "mode": "upsert",
    "key": ["id"],
    "rhythm_days": 1,
    "columns": {
        "id": {"required": True, "aliases": ["Thing ID"]},
        "name": {},
        "day": {"type": "date"},
        "amount": {"type": "decimal", "minimum": 0},
    },
}
GOOD = "1,a,2026-03-01,1.5\n"
GOOD2 = "2,b,2026-03-02,2\n"
GZ = gzip.compress((HEADER + GOOD).encode(), mtime=0)

# name: (bytes, (records, loaded, rejected, blank), words of the first reason)
RECORDS: dict[str, tuple[bytes | str, tuple[int, int, int, int], str]] = {
    "plain": (HEADER + GOOD, (1, 1, 0, 0), ""),
    "no line end at the end": (HEADER + GOOD + "2,b,2026-03-02,2", (2, 2, 0, 0), ""),
    "too few columns": (HEADER + GOOD + "2,b\n", (2, 1, 1, 0), "too few columns: 2 instead of 4"),
    "too many columns": (HEADER + GOOD + "2,b,,,,\n", (2, 1, 1, 0), "too many columns: 6 instead of 4"),
    "truncated tail": (HEADER + GOOD + "2,b,2026-0", (2, 1, 1, 0), "too few columns"),
    "truncated in a character": (HEADER.encode() + GOOD.encode() + b"2,\xc3", (2, 1, 1, 0), "not valid in the decl"),
    "unclosed quote": (HEADER + '1,"a,2026-03-01,1\n' + GOOD2, (2, 1, 1, 0), "a quote is opened"),
    "unclosed quote before a quoted row": (HEADER + '1,"a,,\n2,"b",,\n3,c,,\n', (3, 2, 1, 0), "a quote is opened"),
    "unclosed quote at the end": (HEADER + GOOD + '2,"b', (2, 1, 1, 0), "a quote is opened"),
    "text after a closing quote": (HEADER + '1,"a"b,,\n' + GOOD2, (2, 1, 1, 0), "text follows a closing quote"),
    "stray quote in plain text": (HEADER + '1,5" pipe,,\n' + GOOD2, (2, 2, 0, 0), ""),
    "doubled quotes": (HEADER + '1,"a ""b"" c",,\n', (1, 1, 0, 0), ""),
    "hash row": (HEADER + "#1,a,,\n" + GOOD, (2, 2, 0, 0), ""),
    "reordered header": ("amount,day,name,Thing ID\n1,2026-03-01,a,x\n", (1, 1, 0, 0), ""),
    "header in other case": ("THING_id,Name,DAY,amount\nx,a,,\n", (1, 1, 0, 0), ""),
    "quoted header": ('"id","name","day","amount"\n' + GOOD, (1, 1, 0, 0), ""),
    "header over two lines": ('id,name,day,amount,"a\nb"\n1,a,,,\n', (1, 1, 0, 0), ""),
    "byte order mark": (b"\xef\xbb\xbf" + (HEADER + GOOD).encode(), (1, 1, 0, 0), ""),
    "CRLF": ((HEADER + GOOD + GOOD2).replace("\n", "\r\n"), (2, 2, 0, 0), ""),
    "CRLF without the last": ((HEADER + GOOD + GOOD2).replace("\n", "\r\n").rstrip(), (2, 2, 0, 0), ""),
    "CR alone": ((HEADER + GOOD + GOOD2).replace("\n", "\r"), (2, 2, 0, 0), ""),
    "mixed line ends": (HEADER + "1,a,,\r\n2,b,,\n3,c,,\r\n", (3, 3, 0, 0), ""),
    "carriage return in a field": (HEADER + "1,a\rb,,\n" + GOOD2, (2, 2, 0, 0), ""),
    "NUL in one record": (HEADER + "1,a\0,,\n" + GOOD2, (2, 1, 1, 0), "NUL"),
    "one bad byte among good text": (
        HEADER.encode() + "1,é,,\n2,ü,,\n".encode() + b"3,\xff,,\n",
        (3, 2, 1, 0),
        "not valid in the declared encoding",
    ),
    "line over 64 KB": (HEADER + "1," + "a" * 70_000 + ",,\n" + GOOD2, (2, 1, 1, 0), "longer than 64 KB"),
    "quoted record over 64 KB": (HEADER + '1,"' + "a" * 70_000 + '",,\n' + GOOD2, (2, 1, 1, 0), "longer than 64"),
    "record over 50 lines": (HEADER + '1,"' + "a\n" * 60 + '",,\n' + GOOD2, (62, 1, 61, 0), "a quote is opened"),
    "embedded line feeds": (HEADER + '1,"a\nb\n\nc",,\n' + GOOD2, (2, 2, 0, 0), ""),
    "embedded CRLF in a CRLF file": ('id,name,day,amount\r\n1,"a\r\nb",,\r\n2,b,,\r\n', (2, 2, 0, 0), ""),
    "embedded LF in a CRLF file": ('id,name,day,amount\r\n1,"a\nb",,\r\n2,b,,\r\n', (2, 2, 0, 0), ""),
    "blank lines": (HEADER + "\n" + GOOD + "\n \n\t\n" + GOOD2 + "\n", (7, 2, 0, 5), ""),
    "row of delimiters": (HEADER + GOOD + ",,,\n,,\n", (3, 1, 0, 2), ""),
    "blank lines before the header": ("\n\n" + HEADER + GOOD, (1, 1, 0, 0), ""),
    "missing key": (HEADER + ",a,,\n" + GOOD, (2, 1, 1, 0), "id is missing"),
    "two-digit year": (HEADER + "1,a,26-03-01,\n" + GOOD2, (2, 1, 1, 0), "day is not a date"),
    "infinite date": (HEADER + "1,a,infinity,\n2,b,epoch,\n" + "3,,,\n", (3, 1, 2, 0), "day is not a date"),
    "impossible date": (HEADER + "1,a,2026-02-30,\n" + GOOD2, (2, 1, 1, 0), "day is not a date"),
    "year out of range": (HEADER + "1,a,1899-12-31,\n2,b,2201-01-01,\n3,,,\n", (3, 1, 2, 0), "outside the years"),
    "no number": (HEADER + "1,a,,nan\n2,b,,1e999\n3,,,\n", (3, 1, 2, 0), "amount is not a number"),
    "number out of range": (HEADER + "1,a,,-1\n" + GOOD2, (2, 1, 1, 0), "amount is not at least 0"),
    "several reasons": (HEADER + ",a,x,y\n" + GOOD, (2, 1, 1, 0), "id is missing; day is not a date"),
    "spaces around values": (HEADER + " 1 ,\ta , 2026-03-01 , 1 \n", (1, 1, 0, 0), ""),
    "gzip": (GZ, (1, 1, 0, 0), ""),
}

# name: (bytes, words of the message)
FAILED: dict[str, tuple[bytes | str, str]] = {
    "empty": (b"", "empty"),
    "white space": ("\n \n", "empty"),
    "header only": (HEADER, "no records"),
    "header and blank lines": (HEADER + "\n\n", "no records"),
    "HTML": ("<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    "no header": (GOOD + GOOD2, "header"),
    "required column missing": ("name,day\na,\n", "lacks the required column id"),
    "required header twice": ("id,id,name\n1,2,a\n", "names 'id' 2 times"),
    "UTF-16": ((HEADER + GOOD).encode("utf-16"), "UTF-16"),
    "UTF-16 without mark": ((HEADER + GOOD).encode("utf-16-le"), "NUL"),
    "windows-1252": ((HEADER + "1,José,,\n2,b,,\n").encode("cp1252"), "not valid text in the declared encoding"),
    "gzip with a bad checksum": (GZ[:-8] + bytes(4) + GZ[-4:], "gzip archive is damaged"),
    "gzip cut short": (GZ[:-10], "gzip archive is damaged"),
    "workbook": (b"PK\x03\x04" + bytes(100), "Excel"),
    "none loaded": (HEADER + "1,a,x,\n", "none of its 1 records"),
    "another delimiter": ((HEADER + GOOD).replace(",", ";"), "header"),
}


@pytest.fixture(params=["group", "fast", "slow"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three ways to read a file: with others of its kind, by DuckDB's reader, by Python's csv module."""
    monkeypatch.setattr(stage, "SMALL_BYTES", 1_000_000 if request.param == "group" else -1)
    if request.param == "slow":
        monkeypatch.setattr(stage, "read_typed", partial(parse.read_typed, force_slow=True))
    if request.param == "fast":
        monkeypatch.setattr(parse, "_slow_source", None)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", RECORDS)
def test_every_record_and_byte_is_accounted_for(office: Any, name: str) -> None:
    content, expected, reason = RECORDS[name]
    data = content.encode() if isinstance(content, str) else content
    office.contract(CONTRACT)
    office.put("things/file.csv", data)
    office.run()
    found = office.rows("select records, loaded, rejected, blank, status, message from land.file")
    assert found == [(*expected, "loaded", None if name != "header over two lines" else found[0][5])]
    assert office.one("select count(distinct record_number) from land.things") == expected[1]
    rejected = office.rows(
        "select raw, byte_start, byte_end, reason, line_number, record_number from land.rejected_record order by all"
    )
    assert len(rejected) == expected[2]
    for raw, start, end, words, line, _ in rejected:
        assert data[start:end].startswith(raw[: 64 * 1024])
        assert len(raw) == end - start or end - start > 64 * 1024
        assert data[:start].count(b"\n") + 1 == line
        assert words
    assert reason in (office.one("select reason from land.rejected_record order by record_number") if rejected else "")


@pytest.mark.parametrize("name", FAILED)
def test_a_file_that_cannot_be_read_fails_and_is_no_empty_day(office: Any, name: str) -> None:
    content, words = FAILED[name]
    office.contract(CONTRACT)
    office.put("things/file.csv", content)
    office.run()
    status, message, records, loaded, rejected, blank = office.rows(
        "select status, message, records, loaded, rejected, blank from land.file"
    )[0]
    assert status == "failed"
    assert words in message
    assert records == loaded + rejected + blank
    assert loaded == 0
    assert office.one("select count(*) from land.things") == 0


def test_a_rejected_record_of_another_encoding_keeps_its_own_bytes(office: Any) -> None:
    for encoding in ("windows-1252", "utf-16"):
        text = "id,name,day,amount\n1,é,,\n2,ü,x,\n3,ö\n"
        data = text.encode(encoding)
        office.contract({**CONTRACT, "feed": "wide", "table": "wide", "encoding": encoding})
        office.put("wide/file.csv", data)
        office.run()
        found = office.rows("select raw, byte_start, byte_end, key_text from land.rejected_record order by byte_start")
        assert [data[start:end] == raw for raw, start, end, _ in found] == [True, True]
        assert [key for *_, key in found] == ["2", "3"]
        office.put("wide/file.csv", "").unlink()
        for path in (office.home.landing / "wide").iterdir():
            path.unlink()


def test_skipped_lines_are_no_records(office: Any) -> None:
    office.contract({**CONTRACT, "skip_lines": 2})
    office.put("things/a.csv", 'Report of "today"\n\n' + HEADER + GOOD + "x\n")
    office.run()
    assert office.rows("select records, loaded, rejected from land.file") == [(2, 1, 1)]
    assert office.one("select line_number from land.rejected_record") == 5


def test_an_unknown_column_is_told_and_an_ignored_one_is_not(office: Any) -> None:
    office.contract({**CONTRACT, "ignore_columns": ["Known Unused"]})
    office.put("things/a.csv", "id,known_unused,Surprise\n1,a,b\n")
    office.run()
    assert office.one("select message from land.file") == (
        "unknown column Surprise: declare it or list it under ignore_columns"
    )


def test_reasons_and_messages_hold_no_values(office: Any) -> None:
    office.contract(CONTRACT)
    office.put("things/a.csv", HEADER + "Secret Person,a,secret@example.org,secret\n")
    office.put("things/b.csv", "Secret Person,secret@example.org\nOther,x\n")
    office.run()
    told = office.rows("select message from land.file union all select reason from land.rejected_record")
    assert not [text for (text,) in told if "secret" in str(text).lower()]


def test_a_line_of_many_megabytes_is_one_rejected_record(office: Any) -> None:
    office.contract(CONTRACT)
    data = (HEADER + GOOD + "2," + "x" * 30_000_000 + "\n" + GOOD2).encode()
    office.put("things/a.csv", data)
    office.run()
    assert office.rows("select records, loaded, rejected from land.file") == [(3, 2, 1)]
    start, end, raw_bytes = office.rows("select byte_start, byte_end, octet_length(raw) from land.rejected_record")[0]
    assert (start, end) == (len(HEADER + GOOD), len(data) - len(GOOD2))
    assert raw_bytes < 70_000


def test_parsing_uses_no_more_memory_than_the_home_allows(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[Any, ...]] = []

    def stage_large(con: Any, *given: Any) -> Any:
        limits.extend(con.execute("select current_setting('memory_limit')").fetchall())
        return large(con, *given)

    large = stage.stage_large
    monkeypatch.setattr(stage, "stage_large", stage_large)
    office.home.settings_file.write_text("memory_gb: 1.5\n")
    office.contract(CONTRACT)
    office.put("things/a.csv", HEADER + GOOD)
    office.run()
    assert limits == [("1.3 GiB",)]
    assert office.rows("select id from land.things") == [("1",)]


def test_records_are_numbered_across_blocks_as_the_file_numbers_them(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_NUMBER_BLOCK", 4)
    office.contract(CONTRACT)
    left_out = {1, 9, 10, 14, 30}
    lines = [f"{number},n,,{'' if number not in left_out else ','}\n" for number in range(1, 31)]
    office.put("things/a.csv", HEADER + "".join(lines) + "\n" * 3 + "31,n,,\n" + "32,n,no day,\n")
    monkeypatch.setattr(stage, "SMALL_BYTES", 0)
    office.run()
    kept = [number for number in range(1, 31) if number not in left_out]
    assert office.rows("select cast(id as integer), record_number from land.things order by record_number") == [
        *((number, number) for number in kept),
        (31, 34),
    ]
    assert office.one("select max(record_number) from land.rejected_record") == 35
