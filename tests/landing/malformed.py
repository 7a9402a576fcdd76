"""Malformed files, one a line: what came, which records of it load, and why the others do not.

The columns are those of :data:`CONTRACT`. Every case has clean rows where the form of the file allows any, and these
must load whatever stands beside them.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from dataclasses import dataclass
from typing import Any

CONTRACT: dict[str, Any] = {
    "mode": "upsert",
    "key": ["id"],
    "rhythm_days": 1,
    "columns": {
        "id": {"required": True},
        "name": {},
        "day": {"type": "date"},
        "amount": {"type": "decimal", "minimum": 0},
        "at": {"type": "instant"},
        "number": {"type": "integer"},
        "flag": {"type": "boolean"},
        "kind": {"type": "choice", "values": ["active", "ended"]},
        "more": {"type": "list"},
    },
}
FEEDS: dict[str, dict[str, Any]] = {
    "things": {},
    "wide": {"encoding": "utf-16"},
    "western": {"encoding": "windows-1252"},
    "european": {"delimiter": ";", "decimal_separator": ",", "date_format": "%d/%m/%Y"},
    "preamble": {"skip_lines": 2},
}
"""Feed and how its contract differs."""


@dataclass(frozen=True)
class Case:
    """One file: the keys of the rows that load, words of each rejected record's reason, or why the file fails."""

    data: bytes
    loads: str = ""
    rejects: tuple[str, ...] = ()
    blank: int = 0
    fails: str | None = None
    feed: str = "things"
    suffix: str = "csv"


H = "id,name,day,amount\n"
ONE = "1,a,2026-03-01,1.5\n"
TWO = "2,b,2026-03-02,2\n"
FEW, MANY, QUOTE, STRAY = "too few columns", "too many columns", "a quote is opened", "text follows a closing quote"
NO_DATE, NO_NUMBER, NO_INSTANT, NO_INTEGER = (
    f"{column} is not a{kind}"
    for column, kind in (("day", " date"), ("amount", " number"), ("at", "n instant"), ("number", "n integer"))
)
BYTES, HEADER, DAMAGED = "not valid in the declared encoding", "header", "gzip archive is damaged"


def rows(*bad: str, reason: str | tuple[str, ...] = ()) -> Case:
    """A clean row, then the rows as they stand, then a clean row."""
    reasons = (reason,) * len(bad) if isinstance(reason, str) else reason
    good = [row.split(",")[0] for row in bad] if not reasons else []
    text = H + ONE + "".join(f"{row}\n" for row in bad) + TWO
    return Case(text.encode(), " ".join(["1", *good, "2"]), reasons)


def cells(column: str, *bad: str, good: tuple[str, ...] = ()) -> Case:
    """Values of one column that are none of its type, among values that are."""
    reasons = {"day": NO_DATE, "amount": NO_NUMBER, "at": NO_INSTANT, "number": NO_INTEGER}
    reasons |= {"flag": "flag is not true or false", "kind": "kind is not one of active, ended"}
    lines = [f'g{index},"{value}"' for index, value in enumerate(good)]
    lines += [f'b{index},"{value}"' for index, value in enumerate(bad)]
    text = f"id,{column}\nfirst,\n" + "\n".join(lines) + "\nlast,\n"
    loads = " ".join(["first", *(f"g{index}" for index in range(len(good))), "last"])
    return Case(text.encode(), loads, (reasons[column],) * len(bad))


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("things.csv")
        member.size = len(H + ONE)
        archive.addfile(member, io.BytesIO((H + ONE).encode()))
    return out.getvalue()


def utf8(*rows_of_bytes: bytes) -> bytes:
    """Header and rows, with two rows beyond ASCII that show the encoding to be as declared."""
    return (H + "1,é,,\n2,ü,,\n").encode() + b"".join(rows_of_bytes)


BOM = b"\xef\xbb\xbf"

ENCODINGS = {
    "two byte order marks": Case(BOM + BOM + (H + ONE).encode(), "1"),
    "a byte order mark before a quoted header": Case(BOM + b'"id","name","day","amount"\n' + ONE.encode(), "1"),
    "a byte order mark in a value": Case((H + "1,\ufeffa,,\n" + TWO).encode(), "1 2"),
    "a byte order mark in the middle, of files joined": Case(
        (H + ONE).encode() + BOM + (H + TWO).encode(), "1 2", (NO_DATE,)
    ),
    "latin-1 in one record": Case(utf8("3,José,,\n".encode("latin-1"), b"4,d,,\n"), "1 2 4", (BYTES,)),
    "overlong UTF-8": Case(utf8(b"3,\xc0\xaf,,\n", b"4,d,,\n"), "1 2 4", (BYTES,)),
    "a surrogate in UTF-8": Case(utf8(b"3,\xed\xa0\x80,,\n", b"4,d,,\n"), "1 2 4", (BYTES,)),
    "beyond the last character": Case(utf8(b"3,\xf5\x80\x80\x80,,\n", b"4,d,,\n"), "1 2 4", (BYTES,)),
    "a lone continuation byte": Case(utf8(b"3,\x80,,\n", b"4,d,,\n"), "1 2 4", (BYTES,)),
    "a character cut by a line end": Case(utf8(b"3,\xe2\x82\n", b"4,d,,\n"), "1 2 4", (BYTES,)),
    "bad bytes and a wrong count": Case(utf8(b"3,\xff\n", b"4,d,,\n"), "1 2 4", (BYTES,)),
    "bad bytes inside a value of two lines": Case(utf8(b'3,"a\n\xff",,\n', b"4,d,,\n"), "1 2 4", (BYTES,)),
    "UTF-16 as declared": Case((H + ONE).encode("utf-16"), "1", feed="wide"),
    "UTF-16, the other order": Case(b"\xfe\xff" + (H + ONE).encode("utf-16-be"), "1", feed="wide"),
    "UTF-16 cut in a character": Case((H + ONE).encode("utf-16")[:-1], fails="not valid text", feed="wide"),
    "UTF-16 with a lone surrogate": Case(
        (H + "1,").encode("utf-16") + b"\x00\xd8" + ",,\n".encode("utf-16-le"), fails="not valid text", feed="wide"
    ),
    "UTF-8 where UTF-16 is declared": Case((H + ONE).encode(), fails="", feed="wide"),
    "UTF-32": Case((H + ONE).encode("utf-32"), fails="UTF-16"),
    "UTF-32 without a mark": Case((H + ONE).encode("utf-32-be"), fails="NUL"),
    "EBCDIC": Case((H + ONE).encode("cp037"), fails="not valid text"),
    "windows-1252 as declared": Case((H + "1,José – €,,\n").encode("cp1252"), "1", feed="western"),
    "a byte that windows-1252 lacks": Case((H + ONE).encode() + b"2,\x81,,\n", fails="not valid", feed="western"),
    "UTF-8 with a mark where windows-1252 is declared": Case(
        BOM + (H + ONE).encode(), fails="lacks the required column id", feed="western"
    ),
}

NULS = {
    "NUL in the header": Case(b"id,na\0me,day,amount\n1,a,,\n", fails="NUL"),
    "NUL for each character of a record": Case((H + ONE + "\0\0\0\n" + TWO).encode(), "1 2", ("NUL",)),
    "NUL in a quoted value": rows('3,"a\0b",,', reason="NUL"),
    "NUL in a key": rows("\x003,a,,", reason="NUL"),
    "NULs after the last record": Case(
        (H + "1,a,,\n" + "2," + "b" * 200 + ",,\n").encode() + bytes(20), "1 2", ("NUL",)
    ),
    "a preallocated tail of NULs": Case((H + ONE).encode() + bytes(500), fails="NUL"),
    "nothing but NULs": Case(bytes(500), fails="NUL"),
}

LINE_ENDS = {
    "CR CR LF": Case((H + ONE + TWO).replace("\n", "\r\r\n").encode(), "1 2"),
    "LF CR": Case((H + ONE + TWO).replace("\n", "\n\r").encode(), "1 2", (), 1),
    "CR alone but for the last": Case((H + ONE + TWO).replace("\n", "\r").encode() + b"\n", fails="no records"),
    "form feeds between pages": Case((H + ONE + "\f\n" + TWO).encode(), "1 2", (FEW,)),
    "a vertical tab in a value": rows("3,a\vb,,"),
    "a line separator in a value": rows("3,a\u2028b\u0085c,,"),
    "Ctrl-Z at the end": Case((H + ONE + TWO + "\x1a").encode(), "1 2", (FEW,)),
    "CRLF header over LF rows": Case(H.replace("\n", "\r\n").encode() + (ONE + TWO).encode(), "1 2"),
    "blank lines with spaces between": Case((H + ONE + " \t \n\n" + TWO).encode(), "1 2", (), 2),
    "rows of nothing but delimiters": Case((H + ONE + ",,,\n , ,\t,\n" + TWO).encode(), "1 2", (), 2),
}

QUOTES = {
    "quotes in the middle": rows('3,say "so" here,,'),
    "a quote at the end of plain text": rows('3,5",,'),
    "single quotes": rows("3,'a,,"),
    "a space before a quoted value": rows('3, "a",,'),
    "a space after a quoted value": rows('3,"a" ,,', reason=STRAY),
    "a backslash before a quote": rows(r'3,"a\"b",,', reason=STRAY),
    "a backslash before a quote and a delimiter": rows(r'3,"a\",b",,', reason=MANY),
    "three quotes": rows('3,"""a""",,'),
    "one quote is a whole value": rows('3,",,', reason=QUOTE),
    "empty quotes": rows('3,"","",""'),
    "a whole record in quotes": rows('"3,a,,"', reason=FEW),
    "typographic quotes": rows("3,“a,,"),
    "two unclosed quotes far apart": Case((H + ONE + '3,"a,,\n' + TWO + '4,b,,\n5,"c,,\n6,d,,\n').encode(), "1 2 4 6",
                                          (QUOTE, QUOTE)),
    "an unclosed quote above a hundred rows": Case(
        (H + '0,"a,,\n' + "".join(f"{number},b,,\n" for number in range(1, 101))).encode(),
        " ".join(str(number) for number in range(1, 101)),
        (QUOTE,),
    ),
    "a quote closed rows later is one value": Case((H + '1,"a,,\n2,b,,\n3,c",,\n4,d,,\n').encode(), "1 4"),
    "an unclosed quote in the header": Case(('"' + H + ONE).encode(), fails="no header"),
    "quotes of nothing but quotes": rows('3,"""""""",,'),
    "a quoted row of blanks": rows('"","","",""', reason="id is missing"),
}  # fmt: skip

SHAPES = {
    "a delimiter at the end of every row and the header": Case(b"id,name,\n1,a,\n2,b,\n", "1 2"),
    "a delimiter at the end of one row": rows("3,c,,,", reason=MANY),
    "an unquoted delimiter in a name": rows("3,Example, Ada,,", reason=MANY),
    "a header that is repeated half way": rows(H.strip(), reason=NO_DATE),
    "two files joined without a line end": Case((H + ONE.strip() + H + TWO).encode(), "2", (MANY,)),
    "an optional header twice": Case(b"id,name,name\n1,a,b\n", fails="names 'name' 2 times"),
    "headers that differ by case alone": Case(b"id,name,NAME\n1,a,b\n", fails="names 'name' 2 times"),
    "a header with an empty name": Case(b"id,,name\n1,x,a\n", "1"),
    "a header with hard spaces": Case("id\u00a0,\u00a0name\n1,a\n".encode(), "1"),
    "a header without a line end": Case(b"id,name", fails="no records"),
    "a comment above the header": Case(("# exported today\n" + H + ONE).encode(), fails=HEADER),
    "a spreadsheet's sep line": Case(("sep=,\n" + H + ONE).encode(), fails=HEADER),
    "a totals line": Case((H + ONE + TWO + "Total,2\n").encode(), "1 2", (FEW,)),
    "tabs instead of commas": Case((H + ONE).replace(",", "\t").encode(), fails=HEADER),
    "semicolons in the rows alone": Case((H + ONE.replace(",", ";")).encode(), fails="none of its 1 records"),
    "one row with semicolons": rows("3;c;;", reason=FEW),
    "a preamble shorter than declared": Case((H + ONE).encode(), fails="header", feed="preamble"),
    "a preamble longer than declared": Case(("x\n\ny\n" + H + ONE).encode(), fails=HEADER, feed="preamble"),
    "a preamble with an unclosed quote": Case(('x"\n\n' + H + ONE).encode(), "1", feed="preamble"),
    "only a preamble": Case(b"x\ny\n", fails="no header", feed="preamble"),
    "only delimiters": Case(b",,,\n,,,\n", fails="empty"),
    "ten thousand columns in one row": rows("3" + "," * 10_000, reason=MANY),
    "a header of a thousand unknown columns": Case(
        ("id," + ",".join(f"c{number}" for number in range(1000)) + "\n1" + "," * 1000 + "\n").encode(), "1"
    ),
    "a header of 100 KB": Case(("id," + "x" * 100_000 + "\n1,a\n").encode(), fails="no header"),
    "a value of one megabyte": rows("3," + "x" * 1_000_000 + ",,", reason="longer than 64 KB"),
    "a value just below the limit": rows("3," + "x" * 65_000 + ",,"),
    "a first row of one megabyte": Case((H + "x" * 1_000_000 + "\n" + ONE).encode(), "1", ("longer than 64 KB",)),
    "a last row of one megabyte without an end": Case(
        (H + ONE + "x" * 1_000_000).encode(), "1", ("longer than 64 KB",)
    ),
    "nothing but one long line": Case(b"x" * 1_000_000, fails="no header"),
    "terminal colours": rows("3,\x1b[31mred,,"),
    "formulas": rows('3,"=cmd|\'/c calc\'!A1",,'),
}  # fmt: skip

VALUES = {
    "impossible days": cells("day", "2026-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "0000-00-00",
                             good=("2028-02-29", "2026-3-1")),
    "dates of other forms": cells("day", "01/03/2026", "20260301", "1 March 2026", "2026-03-01T10:00", "2026/03/01",
                                  "46082", "2026-03", "yesterday", "now", "+2026-03-01", "2026-03-01 (BC)"),
    "dates beyond the calendar": cells("day", "99999-01-01", "infinity", "-infinity", "epoch"),
    "digits of other scripts": cells("amount", "１２", "٣", "Ⅷ", "½"),
    "thousands separators": cells("amount", "1,000", "1.000.000", "1 000", "1'000", "1_000"),
    "decimal commas": cells("amount", "1,5", "1,50"),
    "currencies and units": cells("amount", "$5", "5 EUR", "50%", "€5", "5-", "(5)"),
    "exponents": cells("amount", "1e400", "1e", "e5", "1e5.5", good=("1e3", "1E-3", "+5", ".5", "5.")),
    "numbers of programs": cells("amount", "0x1F", "NaN", "inf", "-inf", "1d", "#REF!", "NULL", "N/A", "-", "--5"),
    "negative amounts": Case(b"id,amount\n1,-1\n2,2\n", "2", ("amount is not at least 0",)),
    "integers": cells("number", "1.0", "1e3", "9223372036854775808", "12x", good=("-7", "999999999999999999", " 7 ")),
    "instants": cells("at", "2026-03-01T24:01", "2026-03-01T23:60", "2026-03-01T10", "10:00", "2026-03-01T10:00+5",
                      "2026-03-01T10:00 CET", "1772359200", "2026-03-01T1:00",
                      good=("2026-03-01T10:00Z", "2026-03-01 10:00:00+05:30", "2026-03-01")),
    "booleans": cells("flag", "maybe", "2", "truefalse", "-", good=("TRUE", "no", "1")),
    "choices": cells("kind", "aktiv", "active,ended", "0", good=("Active", " ended ")),
    "lists of nothing": Case(b"id,more\n1,;;;\n2,a;;b\n", "1 2"),
    "a decimal point where a comma is declared": Case(
        b"id;day;amount\n1;01/03/2026;1,5\n2;2026-03-01;1,5\n3;01/03/2026;1.500,00\n", "1", (NO_DATE, NO_NUMBER),
        feed="european",
    ),
    "the same key twice in one file": Case((H + ONE + ONE).encode(), "1 1"),
    "several faults in one record": Case(b"id,day,amount\n,x,y\n2,,\n", "2", ("id is missing; day is not a date",)),
}  # fmt: skip

ARCHIVES = {
    "gzip under a plain name": Case(packed(H + ONE), "1"),
    "plain text under a gzip name": Case((H + ONE).encode(), "1", suffix="csv.gz"),
    "gzip of several members": Case(packed(H + ONE) + packed(TWO), "1 2", suffix="csv.gz"),
    "gzip padded with NULs": Case(packed(H + ONE) + bytes(512), "1", suffix="csv.gz"),
    "gzip with a second member cut short": Case(packed(H + ONE) + packed(TWO)[:-9], fails=DAMAGED, suffix="csv.gz"),
    "gzip with garbage behind": Case(packed(H + ONE) + b"garbage", fails=DAMAGED, suffix="csv.gz"),
    "gzip of nothing": Case(packed(""), fails="empty", suffix="csv.gz"),
    "gzip of gzip": Case(gzip.compress(packed(H + ONE), mtime=0), fails="", suffix="csv.gz"),
    "gzip of a workbook": Case(gzip.compress(workbook(), mtime=0), fails="Excel", suffix="csv.gz"),
    "gzip with a flipped byte": Case(packed(H + ONE * 50)[:30] + b"\xff" + packed(H + ONE * 50)[31:], fails=DAMAGED),
    "gzip's two first bytes alone": Case(b"\x1f\x8b", fails=DAMAGED),
    "gzip of a method that is none": Case(b"\x1f\x8b\x07" + bytes(20), fails=DAMAGED),
    "a gzip member with a bad row": Case(packed(H + ONE + "3,x\n" + TWO), "1 2", (FEW,)),
    "bzip2": Case(bz2.compress((H + ONE).encode()), fails=""),
    "xz": Case(lzma.compress((H + ONE).encode()), fails=""),
    "a workbook named csv": Case(workbook(), fails="Excel"),
    "an old workbook": Case(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), fails="old Excel"),
    "a tar archive": Case(tar(), fails=""),
    "a Parquet file": Case(b"PAR1" + bytes(range(1, 200)) + b"PAR1", fails="Parquet"),
    "a picture": Case(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(100)), fails=""),
    "a PDF": Case(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", fails="PDF"),
    "JSON": Case(json.dumps([{"id": 1}]).encode(), fails=HEADER),
    "a page with a comment first": Case(b"<!-- saved -->\n<html><body>Sign in</body></html>", fails=""),
    "a page under a byte order mark": Case(BOM + b"  <!DOCTYPE html><html></html>", fails="web page"),
    "XML": Case(b"<?xml version='1.0'?><things/>", fails="web page"),
    "a message of a database": Case(b"ERROR 1045 (28000): Access denied\n", fails=HEADER),
}

CASES: dict[str, Case] = {**ENCODINGS, **NULS, **LINE_ENDS, **QUOTES, **SHAPES, **VALUES, **ARCHIVES}
