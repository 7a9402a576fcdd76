"""An inbox of hostile files: the run publishes, every record is accounted for, and what is clean in them counts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import socket
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.landing import store
from pipelines.landing.cast import TRAVEL_YEARS
from pipelines.reference import FIRST_YEAR, LAST_YEAR
from tests.conftest import Figure
from tests.faults.conftest import Server, Victim

HEADER = (
    "trip_id,registered_at,updated_at,trip_status,channel,traveller_email,traveller_name,purpose,segment_number,"
    "segment_type,from_place,to_place,starts_local,ends_local\n"
)
FOLD = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Train\r\n"
MEGABYTE = 1 << 20


def row(
    trip: str,
    *,
    name: str = "Nora Nobody",
    place: str = "Nairobi, Kenya",
    starts: str = "2026-11-10",
    ends: str = "2026-12-01",
    kind: str = "presence",
    made: str = "2026-10-01T09:00:00Z",
) -> str:
    start = "JFK" if kind == "flight" else ""
    return (
        f"{trip},{made},{made},active,manual,{trip[:40].lower()}@example.edu,{name},university,1,{kind},{start},"
        f'"{place}",{starts},{ends}\n'
    )


def text(*rows: str) -> bytes:
    return (HEADER + "".join(rows)).encode()


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<c>" * (20 * MEGABYTE // 3))
    return out.getvalue()


def outside(*rows: str) -> Bad:
    """Rows that are rejected, beside one that is clean."""
    return Bad(text(*rows, row("CLEAN" + hashlib.sha256("".join(rows).encode()).hexdigest()[:6])), 1, len(rows))


@dataclass(frozen=True)
class Bad:
    """One file: how many of its records load and are rejected; None where it fails as a whole."""

    data: bytes
    loads: int | None = None
    rejects: int = 0
    feed: str = "registrations"


FIRST, LAST = TRAVEL_YEARS
WIDE = ",".join(f"c{number}" for number in range(10_000))
FILES: dict[str, Bad] = {
    "ten thousand columns": Bad(f"{HEADER.strip()},{WIDE}\n{row('W1').strip()}{',' * 10_000}\n".encode(), 1),
    "ten thousand columns of one name": Bad(
        f"{HEADER.strip()}{',c' * 10_000}\n{row('W2').strip()}{',' * 10_000}\n".encode(), 1
    ),
    "nine thousand unknown columns first": Bad(f"{WIDE},{HEADER}{row('W3')}".encode(), None, 1),
    "a required header twice": Bad(f"{HEADER.strip()},trip_id\n{row('W4').strip()},W4\n".encode()),
    "CR alone": Bad(text(row("L1"), row("L2")).replace(b"\n", b"\r"), 2),
    "three kinds of line ends": Bad(
        text(row("L3")) + row("L4").replace("\n", "\r\n").encode() + b"\r\r" + row("L5").encode(), 3
    ),
    "marks of two encodings in the middle": Bad(
        text() + b"\xef\xbb\xbf" + row("E1").encode() + b"\xff\xfe" + row("E2").encode(), 1, 1
    ),
    "UTF-7": Bad(text(row("E4", name="Jos+AOk-")), 1),
    "UTF-16 without a mark": Bad(text(row("E5")).decode().encode("utf-16-le")),
    "a NUL in a name": Bad(text(row("N1", name="No\0ra"), row("N2")), 1, 1),
    "200 MB of NULs that take no room": Bad(b""),
    "three hundred thousand lines of a quote": Bad(text() + b'"\n' * 300_000 + row("Q1").encode(), 1, 300_000),
    "thirty thousand quotes never closed": Bad(
        text(*(row(f"U{number}").replace("Kenya", 'Kenya"x') for number in range(30_000)), row("Q2")), 1, 30_000
    ),
    "a million empty quotes": Bad(text() + b'",' * 1_000_000 + b"\n" + row("Q3").encode(), 1, 1),
    "two million quotes": Bad(text() + b'"' * 2_000_000 + b"\n" + row("Q4").encode(), 1, 1),
    "a key of 60 KB": Bad(text(row("I" * 60_000)), 1),
    "control characters in a name": Bad(text(row("C1", name="".join(map(chr, {*range(1, 32)} - {10, 13})))), 1),
    "names that turn the line": Bad(text(row("C2", name="\u202e\u2066\u200bNora\u2028\u2029")), 1),
    "SQL in a key and a name": Bad(text(row("S'; drop table mart.stay; --", name="'); attach 'x' as y; --")), 1),
    "full-width commas": Bad(HEADER.replace(",", "\uff0c").encode() + row("X1").encode()),
    "a gzip archive within one": Bad(gzip.compress(gzip.compress(text(row("G1")), mtime=0), mtime=0)),
    "a gzip archive with a name that climbs": Bad(
        b"\x1f\x8b\x08\x08" + bytes(6) + b"../../../etc/x\0" + gzip.compress(text(row("G2")), mtime=0)[10:], 1
    ),
    "a gzip header of all flags": Bad(b"\x1f\x8b\x08\xff" + b"\xff" * 200),
    "a workbook that unpacks to 20 MB": Bad(zip_bomb()),
    "JSON nested a hundred thousand deep": Bad(b"[" * 100_000 + b"]" * 100_000, feed="itineraries"),
    "two million empty objects": Bad(b"[" + b"{}," * 2_000_000 + b"{}]", feed="itineraries"),
    "nine million backslashes": Bad(b'"' + b"\\" * 9_000_000 + b'"', feed="itineraries"),
    "a million events": Bad(
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n" * 1_000_000 + b"END:VCALENDAR\r\n",
        feed="itineraries",
    ),
    "a line folded a million times": Bad(
        FOLD.encode() + b"\r\n " * 1_000_000 + b"END:VCALENDAR\r\n", None, 1, "itineraries"
    ),
    "fifty thousand parts of one boundary": Bad(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 50_000,
        feed="itineraries",
    ),
    "a page of three million angle brackets": Bad(b"<html>" + b"<" * 3_000_000, feed="itineraries"),
    "clocks set back, forward, and a day that Samoa never had": Bad(
        text(
            row("T1", place="Berlin, Germany", starts="2026-10-25T02:30", ends="2026-10-25T02:30"),
            row("T2", place="Berlin, Germany", starts="2026-03-29T02:30", ends="2026-03-29T03:30"),
            row("T3", place="Lord Howe Island, Australia", starts="2026-04-05T01:45", ends="2026-04-05T01:45"),
            row("T4", place="Apia, Samoa", starts="2011-12-30T10:00", ends="2011-12-30T20:00"),
            row("T5", place="Apia, Samoa", starts="2011-12-29", ends="2011-12-31", kind="lodging"),
        ),
        5,
    ),
    "years of no journey": outside(
        row("Y1", starts="1926-11-10"),
        row("Y2", ends="2206-12-01"),
        row("Y3", starts=f"{FIRST - 1}-12-31", kind="flight"),
        row("Y4", ends=f"{LAST + 1}-01-01T00:00", kind="lodging"),
        row("Y5", starts="9999-12-31", ends=""),
        row("Y6", starts="2026-11-18T10:00:60"),
    ),
    "the first and last years of a journey": Bad(
        text(
            row("Z1", starts=f"{FIRST}-01-01", ends=f"{LAST}-12-31"),
            row("Z2", starts=f"{LAST}-12-31T23:59", ends="", kind="flight"),
            row("Z3", starts=f"{FIRST}-01-01T00:00", ends="", kind="lodging"),
            row("Z4", made="1900-01-01T00:00:00Z"),
            row("Z5", made="2200-12-31T23:59:59Z"),
        ),
        5,
    ),
    "places of 60 KB and of nothing": Bad(
        text(
            *(
                row(f"P{number}", place=place)
                for number, place in enumerate(
                    ["x" * 60_000, "a " * 30_000, "((((" * 10_000, "\u0301" * 20_000, "'; drop--", "NULL", "\U0001f1eb"]
                )
            )
        ),
        7,
    ),
    "six thousand places in one text": Bad(text(row("P20", place="Paris, France; London; Lima; " * 2000)), 1),
    "expenses of other centuries": Bad(
        b"report_id,line_number,employee_id,transaction_date,city,country_code,amount,currency_code\n"
        + b"".join(
            b"Y%d,1,P0100001,%s,Busan,KR,10,USD\n" % (number, day)
            for number, day in enumerate((b"1950-06-15", b"2100-01-01", b"2026-11-01"))
        ),
        1,
        2,
        "expenses",
    ),
}
NAMES = (
    b"new\nline.csv", b"\x1b[31mred\x1b[0m.csv", b"\xff\xfe.csv", b"q'uo\"te;.csv", b"*?[a-z].csv", b"{YYYYMMDD}.csv",
    b"%s%n.csv", "\u202excod.csv".encode(), b"a" * 251 + b".csv", b" .csv", b"-rf.csv", b"$(id).csv", b"cr\rhere.csv",
    "e\u0301.csv".encode(), "\u00e9.csv".encode(), "\u2028.csv".encode(), b"<script>.csv",
)  # fmt: skip


def special(folder: Path) -> list[str]:
    """What is no regular file, by name; none of it is opened."""
    (folder / "folder.csv").mkdir()
    (folder / "folder.csv" / "in.csv").write_bytes(text(row("F1")))
    os.mkfifo(folder / "pipe.csv")
    for name, target in (("out.csv", "/etc/passwd"), ("nowhere.csv", "/nowhere"), ("loop.csv", "loop.csv")):
        (folder / name).symlink_to(target)
    with socket.socket(socket.AF_UNIX) as listener:
        folder_descriptor = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder_descriptor}/socket.csv")
        os.close(folder_descriptor)
    return ["folder.csv", "pipe.csv", "out.csv", "nowhere.csv", "loop.csv", "socket.csv"]


def test_hostile_files_are_each_accounted_for_and_the_run_publishes(
    server: Server, victim: Victim, figure: Figure
) -> None:
    inbox, expected = victim.home.inbox, {}
    for name, bad in FILES.items():
        path = inbox / bad.feed / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bad.data)
        if name.startswith("200 MB"):
            os.truncate(path, 200 * MEGABYTE)
        expected[path.name] = bad
    for number, raw in enumerate(NAMES):
        (inbox / "registrations" / os.fsdecode(raw)).write_bytes(text(row(f"F{number}")))
        expected[store.printable(os.fsdecode(raw))] = Bad(b"", 1)
    left_out = special(inbox / "registrations")
    answer = server.one(victim.command())
    said = [line for _, line in answer["lines"]]
    assert answer["code"] == 0, said
    assert not any("Traceback" in line for line in said)
    assert all(any(name in line and "is not read" in line for line in said) for name in left_out)
    assert all(line.isprintable() for line in said)
    assert victim.check_published()
    files = victim.rows("select file_name, file_status, records, loaded, rejected, blank from mart.landed_file")
    found = {name: rest for name, *rest in files}
    assert all(records == loaded + rejected + blank for _, _, records, loaded, rejected, blank in files)
    told = {
        name: (status, loaded, rejected) for name, (status, _, loaded, rejected, _) in found.items() if name in expected
    }
    wanted = {
        name: ("failed", 0, bad.rejects) if bad.loads is None else ("loaded", bad.loads, bad.rejects)
        for name, bad in expected.items()
    }
    assert told == wanted
    trips = {trip for (trip,) in victim.rows("select trip_id from mart.trip")}
    assert {f"F{number}" for number in range(len(NAMES))} | {"Q1", "Q2", "N2", "E1", "Z1", "T4"} <= trips
    assert not trips & {"Y1", "Y2", "N1", "E2"}
    for arguments in (["feeds"], ["who"], ["places", "unresolved"]):
        shown = server.one({"what": "command", "arguments": [*arguments, "--home", str(victim.home.root)]})
        lines = [line for _, line in shown["lines"]]
        assert shown["code"] == 0 and all(line.isprintable() for line in lines), arguments
    figure(f"an inbox of {len(expected) + len(left_out)} hostile files: published in {answer['seconds']:.0f} s")


def test_years_of_travel_are_those_whose_clocks_and_weeks_are_known() -> None:
    """A stay that is open may last a year more, and an office may be fourteen hours away."""
    assert FIRST > FIRST_YEAR and LAST + 1 < LAST_YEAR


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("trips 2026.csv", "trips 2026.csv"),
        ("Zürich – 東京.csv", "Zürich – 東京.csv"),
        ("\u0646\u0645\u06cc\u200c\u062e.csv", "\u0646\u0645\u06cc\u200c\u062e.csv"),
        ("a\nb.csv", "a\\nb.csv"),
        ("\x1b[31m.csv", "\\x1b[31m.csv"),
        ("\udcff.csv", "\\xff.csv"),
        ("\u202ecod.csv", "\\u202ecod.csv"),
        ("\ud800.csv", "\\ud800.csv"),
    ],
)
def test_a_file_name_is_shown_as_text_that_steers_no_screen(name: str, shown: str) -> None:
    assert store.printable(name) == shown
    json.dumps(shown).encode()
