"""Whatever bytes come in: records or one sentence, never a traceback, and soon."""

import time
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.feeds.itinerary import read, reservations_of
from pipelines.feeds.moments import parse_moment
from pipelines.feeds.reservation import MAX_ROWS
from pipelines.landing.text import GateError

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "real" / "itineraries"

JSON = b"""[{"@type": "FlightReservation", "reservationNumber": "A1", "underName": {"name": "Ada Example"},
"reservationFor": {"flightNumber": "LH 1", "departureAirport": {"iataCode": "FRA"},
"arrivalAirport": {"iataCode": "JFK"},
"departureTime": "2027-01-01T10:00:00Z", "arrivalTime": {"@value": "2027-01-01T13:00:00-05:00"}}}]"""
PAGE = b'<html><script type="application/ld+json">' + JSON + b"</script><p>hello</html>"
CALENDAR = b"""BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20270101T000000Z
DTSTART;TZID=Europe/Berlin:20270101T100000\r\nDURATION:PT2H\r\nSUMMARY:Train 1 from Bonn to Paris
ATTENDEE;CN=Ada Example:mailto:ada@example.edu\r\nDESCRIPTION:ab 10:00 Bonn (ICE 1)\\nan 12:00 Paris
END:VEVENT\r\nEND:VCALENDAR\r\n"""
MAIL = (
    b"From: =?utf-8?Q?Ada?= <ada@example.edu>\r\nDate: Mon, 01 Feb 2027 09:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    + PAGE
    + b"\r\n--b\r\nContent-Type: text/calendar\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + CALENDAR
    + b"\r\n--b--\r\n"
)
SAMPLES = [JSON, PAGE, CALENDAR, MAIL] + (
    [path.read_bytes() for path in sorted(REAL.rglob("*")) if path.suffix in (".ics", ".html", ".eml")]
    if REAL.is_dir()
    else []
)
SPLICES = st.sampled_from(
    [b"", b"\0", b'"', b"{", b"[", b"<", b"\r\n", b"\n ", b":", b"\xff", b"BEGIN:VEVENT\r\n", b"--b\r\n",
     b"99999999999", b"=?x?q?=?=", b"null", b"<script>", b"itemscope", b"T", b"+99:99", b"\xe2\x80\xa8",
     b";TZID=/../x", b"\\"]
)  # fmt: skip

slow = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def survives(data: bytes) -> None:
    began = time.perf_counter()
    try:
        records = list(read(data))
    except GateError as error:
        message = str(error)
        assert message and "\n" not in message and "gave up" not in message
    else:
        assert records
        for record in records:
            assert record.reason or 1 <= len(record.rows) <= MAX_ROWS
            assert 0 <= record.start <= record.end <= len(data)
            assert all(isinstance(text, str) and "\0" not in text for row in record.rows for text in row.values())
    assert time.perf_counter() - began < 5


@slow
@given(st.binary(max_size=2000))
def test_random_bytes(data: bytes) -> None:
    survives(data)


@slow
@given(st.sampled_from([b"{", b"[", b"<", b"BEGIN:VCALENDAR\r\n", b"From: a@b.example\r\n"]), st.binary(max_size=1000))
@example(b"BEGIN:VCALENDAR\r\n", b"BEGIN:VEVENT\r\nDTSTART:\r\nEND:VEVENT\r\n")
@example(b"<", b"p itemscope itemtype='FlightReservation'>")
def test_random_bytes_of_each_kind(head: bytes, data: bytes) -> None:
    survives(head + data)


@slow
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), SPLICES), max_size=6))
def test_mutated_documents(sample: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    for where, length, splice in edits:
        at = int(where * len(sample))
        sample = sample[:at] + splice + sample[at + length :]
    survives(sample)


@slow
@given(st.sampled_from(SAMPLES), st.floats(0, 1))
def test_cut_short_documents(sample: bytes, where: float) -> None:
    survives(sample[: int(where * len(sample))])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=10) | st.sampled_from(["2027-01-01", "FRA"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["@type", "@id", "name", "iataCode", "address", "reservationFor", "underName", "airline", "departureTime",
             "departureAirport", "arrivalAirport", "addressCountry", "checkinTime", "checkinDate", "location", "@value"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@slow
@given(
    st.sampled_from(["FlightReservation", "LodgingReservation", "EventReservation", "RentalCarReservation"]),
    st.dictionaries(
        st.sampled_from(["reservationFor", "underName", "reservationNumber", "checkinDate", "checkinTime",
                         "pickupLocation", "pickupTime", "modifiedTime", "reservationStatus", "reservedTicket"]),
        JSON_VALUES,
    ),
)  # fmt: skip
def test_reservations_of_any_shape(kind: str, value: dict[str, object]) -> None:
    import json

    survives(json.dumps([{**value, "@type": kind}]).encode())


@slow
@given(st.text(alphabet="0123456789-:TZ+. ,", max_size=40))
def test_times_of_any_shape(text: str) -> None:
    moment = parse_moment(text)
    if moment is not None:
        assert isinstance(moment.at("Asia/Tokyo").text() + moment.utc_text(), str)


def test_samples_are_read() -> None:
    for sample in (JSON, PAGE, CALENDAR, MAIL):
        assert reservations_of(sample)[0]
