"""Malformed documents: e-mails, calendars, web pages and JSON, with what becomes of each as a file of itineraries."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

FLIGHT: dict[str, Any] = {
    "@type": "FlightReservation",
    "reservationNumber": "QX7P2L",
    "underName": {"name": "Ada Example", "email": "ada@example.edu"},
    "reservationFor": {
        "flightNumber": "441",
        "airline": {"iataCode": "LH"},
        "departureAirport": {"iataCode": "IAH"},
        "departureTime": "2027-03-04T16:05:00-06:00",
        "arrivalAirport": {"iataCode": "FRA"},
        "arrivalTime": "2027-03-05T08:45:00+01:00",
    },
}
NOWHERE: dict[str, Any] = {"@type": "FlightReservation", "reservationNumber": "QX7P2M"}
TEXT = json.dumps(FLIGHT)
NONE = "none of its 1 records"


@dataclass(frozen=True)
class Document:
    """One document: how many records load and are rejected, or words of why it fails ('' for any)."""

    data: bytes
    loads: int = 0
    rejects: int = 0
    fails: str | None = None


def bad(data: bytes | str, fails: str = "") -> Document:
    return Document(data.encode() if isinstance(data, str) else data, fails=fails)


def good(data: bytes | str, loads: int = 1, rejects: int = 0) -> Document:
    return Document(data.encode() if isinstance(data, str) else data, loads, rejects)


def page(script: str = TEXT, before: str = "", after: str = "") -> str:
    return f'<!doctype html><html>{before}<script type="application/ld+json">{script}</script>{after}</html>'


def mail(body: str | bytes, kind: str = "text/html; charset=utf-8", more: str = "") -> bytes:
    head = f"From: Ada <ada@example.edu>\r\nDate: Mon, 01 Feb 2027 09:00:00 +0100\r\n{more}Content-Type: {kind}\r\n\r\n"
    return head.encode() + (body.encode() if isinstance(body, str) else body)


def calendar(*events: str, end: str = "END:VCALENDAR\r\n") -> str:
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + "".join(events) + end


def event(*lines: str, end: str = "END:VEVENT\r\n") -> str:
    text = (
        "BEGIN:VEVENT",
        "UID:1@example.org",
        "DTSTAMP:20270101T000000Z",
        "SUMMARY:Train 1 from Bonn to Paris",
        *lines,
    )
    return "\r\n".join(text) + "\r\n" + end


TRAIN = event(
    "DTSTART;TZID=Europe/Berlin:20270101T100000", "DTEND;TZID=Europe/Berlin:20270101T140000", "LOCATION:Paris"
)

JSON_CASES = {
    "JSON cut short": bad(TEXT[:-20]),
    "JSON with a comma too many": good(TEXT[:-1] + ",}"),
    "JSON in single quotes": bad(TEXT.replace('"', "'")),
    "JSON with a comment": bad("{/* */" + TEXT[1:]),
    "JSON with garbage behind": bad(TEXT + "garbage"),
    "JSON lines": bad(TEXT + "\n" + TEXT),
    "JSON nested a hundred thousand deep": bad("[" * 100_000 + "]" * 100_000),
    "JSON objects nested deep": bad('{"a":' * 50_000 + "1" + "}" * 50_000),
    "JSON under a byte order mark": good(b"\xef\xbb\xbf" + TEXT.encode()),
    "JSON in UTF-16": good(TEXT.encode("utf-16")),
    "JSON in latin-1": bad(TEXT.replace("Ada", "José").encode("latin-1")),
    "JSON of NULs": bad(b"{" + bytes(100)),
    "JSON with NUL in a text": good(TEXT.replace("Ada", "A\\u0000da")),
    "JSON with a lone surrogate": good(TEXT.replace("Ada", "A\\ud800da")),
    "JSON null": bad("null"),
    "an empty JSON array": bad("[]", "no reservation"),
    "an empty JSON object": bad("{}", "no reservation"),
    "JSON of another vocabulary": bad('{"trip": {"to": "Paris"}}', "no reservation"),
    "JSON with NaN": good(TEXT[:-1] + ', "price": NaN}'),
    "JSON with a number of a thousand digits": good(TEXT[:-1] + ', "price": ' + "9" * 1000 + "}"),
    "JSON with a number of a million digits": bad(TEXT[:-1] + ', "price": ' + "9" * 1_000_000 + "}"),
    "JSON with the same key twice": good(TEXT[:-1] + ', "reservationNumber": "B"}'),
    "JSON lists where texts belong": good(json.dumps({**FLIGHT, "reservationNumber": ["A", "B"]})),
    "JSON of one good and one bad reservation": good(json.dumps([FLIGHT, NOWHERE]), 1, 1),
    "JSON of a bad reservation alone": Document(json.dumps([NOWHERE]).encode(), 0, 1, fails=NONE),
    "JSON with impossible times": Document(
        TEXT.replace("2027-03-04T16:05", "2027-02-30T25:61").encode(), 0, 1, fails=NONE
    ),
    "JSON with a year of five digits": Document(TEXT.replace("2027-03-04", "20270-03-04").encode(), 0, 1, fails=NONE),
    "JSON of a text of a megabyte": good(TEXT.replace("Ada", "A" * 1_000_000)),
    "JSON of two thousand reservations": bad(
        json.dumps([{**FLIGHT, "reservationNumber": f"R{number}"} for number in range(2000)]), "more than"
    ),
}

PAGES = {
    "a page without an end": good(page().removesuffix("</html>")),
    "a page cut in its data": bad(page()[:200]),
    "a page of unclosed script": good("<html><script type='application/ld+json'>" + TEXT),
    "a page with broken data beside good": good(page(before='<script type="application/ld+json">{"a": </script>')),
    "a page with NULs": good(page().replace("<html>", "<html>\0\0")),
    "a page under a byte order mark": good(b"\xef\xbb\xbf" + page().encode()),
    "a page of ten thousand nested parts": good(page(after="<div>" * 10_000)),
    "a page of entities within entities": bad(
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><html>&b;&b;&b;</html>'
    ),
    "a page of microdata without values": Document(
        b"<html><div itemscope itemtype='http://schema.org/FlightReservation'><p itemprop></div></html>", 0, 1, NONE
    ),
    "a page of comments alone": bad("<!--" + "x" * 10_000 + "--><html></html>", "no reservation"),
    "a sign-in page": bad("<!DOCTYPE html><html><body>Sign in</body></html>", "no reservation"),
    "one angle bracket": bad("<"),
    "a page of bad bytes": good(page(before="<p>\xff\xfe</p>").encode("latin-1")),
    "XML": bad("<?xml version='1.0'?><trip/>", "no reservation"),
}

CALENDARS = {
    "a calendar without an end": good(calendar(TRAIN, end="")),
    "a calendar cut in its only event": Document(calendar(TRAIN)[:120].encode(), 0, 1, NONE),
    "a calendar cut in its second event": good(
        calendar(TRAIN, TRAIN.replace("UID:1", "UID:2"), end="").removesuffix("END:VEVENT\r\n"), 1, 1
    ),
    "a calendar of two days joined, the first cut": good(
        calendar(TRAIN, end="") + calendar(TRAIN.replace("0101", "0105")), 2
    ),
    "a calendar without events": bad(calendar(), "no reservation"),
    "an event without a start": Document(calendar(event()).encode(), 0, 1, NONE),
    "an event that ends before it starts": good(calendar(TRAIN.replace("T140000", "T080000"))),
    "an event on a day that is none": Document(
        calendar(event("DTSTART:20270230T100000", "LOCATION:Paris")).encode(), 0, 1, NONE
    ),
    "an event on a day that is none after a good one": good(
        calendar(TRAIN, event("DTSTART:20270230T100000", "LOCATION:Paris").replace("UID:1", "UID:2")), 1, 1
    ),
    "a calendar in UTF-16": good(calendar(TRAIN).encode("utf-16")),
    "an event of a zone that is none": good(calendar(TRAIN.replace("Europe/Berlin", "Mars/Olympus"))),
    "an event of a zone that is a path": good(calendar(TRAIN.replace("Europe/Berlin", "../../etc/passwd"))),
    "an event repeated for ever": good(calendar(TRAIN.replace("LOCATION", "RRULE:FREQ=SECONDLY\r\nLOCATION")), 1, 1),
    "an event with LF line ends": good(calendar(TRAIN).replace("\r\n", "\n")),
    "an event with CR line ends": good(calendar(TRAIN).replace("\r\n", "\r")),
    "an event of NULs": good(calendar(TRAIN).replace("Bonn", "Bo\0nn")),
    "a calendar in latin-1": good(calendar(TRAIN).replace("Bonn", "Köln").encode("latin-1")),
    "a line of a megabyte": good(calendar(TRAIN.replace("SUMMARY:", "SUMMARY:" + "x" * 1_000_000))),
    "a good event and one without a place": good(
        calendar(TRAIN, event("DTSTART:20270105T100000Z").replace("UID:1", "UID:2").replace("from Bonn to Paris", "")),
        1,
        1,
    ),
    "two thousand events": bad(
        calendar(*(TRAIN.replace("UID:1", f"UID:{number}") for number in range(2000))), "more than"
    ),
    "components nested deep": bad(calendar("BEGIN:VEVENT\r\n" * 5000)),
}

MAILS = {
    "a mail of a page": good(mail(page())),
    "a mail without a body": bad(mail(""), "no reservation"),
    "headers alone": bad("From: a@example.edu\r\nSubject: x\r\n", "no reservation"),
    "a mail without its last boundary": good(
        mail("--b\r\nContent-Type: text/html\r\n\r\n" + page() + "\r\n", "multipart/mixed; boundary=b")
    ),
    "a mail whose boundary is not declared": bad(mail("--b\r\n\r\n" + page(), "multipart/mixed"), "no reservation"),
    "a mail of a charset that is none": good(mail(page(), "text/html; charset=klingon")),
    "a mail of base64 cut short": bad(
        mail(base64.encodebytes(page().encode())[:200], more="Content-Transfer-Encoding: base64\r\n")
    ),
    "a mail of base64 with garbage": good(
        mail(b"!!" + base64.encodebytes(page().encode()), more="Content-Transfer-Encoding: base64\r\n")
    ),
    "a mail of broken quoted-printable": good(
        mail(page(after="=ZZ=3"), more="Content-Transfer-Encoding: quoted-printable\r\n")
    ),
    "a mail with eight-bit headers": good(mail(page(), more="Subject: Zürich\r\n")),
    "a mail with a broken encoded word": good(mail(page(), more="Subject: =?utf-8?B?!!!?=\r\n")),
    "a mail of a hundred headers of one name": good(mail(page(), more="Received: x\r\n" * 100)),
    "a header of a megabyte": good(mail(page(), more="Subject: " + "x" * 1_000_000 + "\r\n")),
    "a mail dated on no day": good(mail(page()).replace(b"Mon, 01 Feb 2027", b"Mon, 31 Feb 2027")),
    "a mail within mails, too deep": bad(mail("Content-Type: message/rfc822\r\n\r\n" * 100, "message/rfc822")),
    "a mail of a thousand parts": bad(
        mail("--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n" * 1000 + "--b--\r\n", "multipart/mixed; boundary=b")
    ),
    "a mail of NULs": bad(mail(bytes(1000)), "no reservation"),
    "a mailbox": good(b"From ada@example.edu Mon Feb 01 09:00:00 2027\r\n" + mail(page())),
    "a mail of half a million lines": bad(mail("\r\n" * 500_000), "more than"),
}

OTHERS = {
    "an empty file": bad(b"", "empty"),
    "white space": bad(b" \r\n\t", "empty"),
    "a PDF": bad(b"%PDF-1.7\n", "PDF"),
    "a zip": bad(b"PK\x03\x04" + bytes(50), "zip"),
    "a gzip": bad(gzip.compress(TEXT.encode(), mtime=0), "gzip"),
    "an Outlook message": bad(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "Outlook"),
    "plain words": bad(b"flight to paris on friday", "no e-mail"),
    "a CSV": bad(b"id,name\n1,a\n", "no e-mail"),
    "random bytes": bad(bytes(range(240, 0, -1)), "no e-mail"),
    "one NUL": bad(b"\0"),
}

DOCUMENTS: dict[str, Document] = {**JSON_CASES, **PAGES, **CALENDARS, **MAILS, **OTHERS}
