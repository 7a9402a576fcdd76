"""What forwarded documents mean, one case at a time; the documents are made up."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.feeds.itinerary import kind_of, read
from pipelines.landing.text import GateError

Rows = list[dict[str, str]]

FLIGHT: dict[str, Any] = {
    "@context": "http://schema.org",
    "@type": "FlightReservation",
    "reservationNumber": "QX7P2L",
    "reservationStatus": "http://schema.org/ReservationConfirmed",
    "underName": {"@type": "Person", "name": "Ada Example"},
    "reservationFor": {
        "@type": "Flight",
        "flightNumber": "441",
        "airline": {"@type": "Airline", "iataCode": "LH"},
        "departureAirport": {"@type": "Airport", "iataCode": "IAH", "name": "Houston"},
        "departureTime": "2027-03-04T16:05:00-06:00",
        "arrivalAirport": {"@type": "Airport", "iataCode": "FRA", "name": "Frankfurt"},
        "arrivalTime": "2027-03-05T08:45:00+01:00",
    },
}


def changed(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy; keys with a double underscore change reservationFor."""
    copy = json.loads(json.dumps(document))
    for key, value in changes.items():
        (copy["reservationFor"] if key.startswith("trip__") else copy)[key.removeprefix("trip__")] = value
    return copy


def rows_of(data: bytes | str | dict[str, Any] | list[Any]) -> Rows:
    """The rows of one document, of records that are not rejected."""
    if isinstance(data, dict | list):
        data = json.dumps(data)
    return [row for record in read(data.encode() if isinstance(data, str) else data) for row in record.rows]


def page(*scripts: Any) -> str:
    tags = "".join(f'<script type="application/ld+json">{json.dumps(each)}</script>' for each in scripts)
    return f"<!doctype html><html><head>{tags}</head><body><p>Thank you<br>for travelling</body></html>"


def mail(body: str, sender: str = "Ada Example <ada@example.edu>", subtype: str = "html", extra: str = "") -> str:
    return (
        f"From: {sender}\r\nTo: trips@example.edu\r\nDate: Mon, 01 Feb 2027 09:00:00 +0100\r\n{extra}"
        f"MIME-Version: 1.0\r\nContent-Type: text/{subtype}; charset=utf-8\r\n\r\n{body}"
    )


def calendar(*lines: str) -> str:
    event = ["BEGIN:VEVENT", "UID:1@example.org", "DTSTAMP:20270101T000000Z", *lines, "END:VEVENT"]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *event, "END:VCALENDAR", ""])


def test_a_flight_keeps_the_clocks_of_its_airports() -> None:
    (row,) = rows_of(FLIGHT)
    assert row == {
        "trip_id": row["trip_id"],
        "trip_status": "active",
        "traveller_name": "Ada Example",
        "segment_number": "1",
        "segment_type": "flight",
        "from_place": "IAH",
        "to_place": "FRA",
        "starts_local": "2027-03-04T16:05:00",
        "ends_local": "2027-03-05T08:45:00",
        "carrier_code": "LH",
        "service_number": "441",
        "replaced_part": row["replaced_part"],
    }
    assert row["trip_id"].startswith("forwarded:") and "QX7P2L" not in row["trip_id"]


def test_utc_becomes_the_clock_of_an_airport() -> None:
    (row,) = rows_of(changed(FLIGHT, trip__departureTime="2027-03-04T22:05:00Z", trip__arrivalTime="2027-03-05T07:45Z"))
    assert (row["starts_local"], row["ends_local"]) == ("2027-03-04T16:05:00", "2027-03-05T08:45:00")


def test_the_time_of_an_extractor_is_an_object() -> None:
    time = {"@type": "QDateTime", "@value": "2027-03-04T16:05:00-06:00", "timezone": "America/Chicago"}
    assert rows_of(changed(FLIGHT, trip__departureTime=time))[0]["starts_local"] == "2027-03-04T16:05:00"


def test_only_a_date_is_a_date() -> None:
    document = changed(FLIGHT, trip__departureTime=None, trip__arrivalTime=None, trip__departureDay="2027-03-04")
    (row,) = rows_of(document)
    assert row["starts_local"] == "2027-03-04" and "ends_local" not in row


def test_an_arrival_before_its_departure_is_the_next_day() -> None:
    document = changed(FLIGHT, trip__arrivalTime="2027-03-04T08:45:00+01:00")
    assert rows_of(document)[0]["ends_local"] == "2027-03-05T08:45:00"


def test_an_unreadable_time_goes_on_to_be_rejected_by_the_contract() -> None:
    assert rows_of(changed(FLIGHT, trip__departureTime="next Tuesday"))[0]["starts_local"] == "next Tuesday"


@pytest.mark.parametrize("status", ["ReservationCancelled", "http://schema.org/Cancelled", "canceled"])
def test_cancelled(status: str) -> None:
    assert rows_of(changed(FLIGHT, reservationStatus=status))[0]["trip_status"] == "cancelled"


def test_pending_is_tentative() -> None:
    assert rows_of(changed(FLIGHT, reservationStatus="ReservationPending"))[0]["trip_status"] == "tentative"


def test_an_airline_code_within_the_number() -> None:
    (row,) = rows_of(changed(FLIGHT, trip__flightNumber="LH 441", trip__airline={"name": "Lufthansa"}))
    assert (row["carrier_code"], row["service_number"]) == ("LH", "441")


def test_several_legs_of_one_reservation_are_one_trip() -> None:
    legs = [FLIGHT["reservationFor"], changed(FLIGHT, trip__flightNumber="442")["reservationFor"]]
    back = changed(FLIGHT, trip__flightNumber="440")
    found = rows_of([changed(FLIGHT, reservationFor=legs), back])
    assert [row["service_number"] for row in found] == ["441", "442", "440"]
    assert [row["segment_number"] for row in found] == ["1", "2", "3"]
    assert len({row["trip_id"] for row in found}) == 1


def test_two_travellers_are_two_trips() -> None:
    people = [{"name": "Ada Example"}, {"givenName": "Bo", "familyName": "Sample"}]
    found = rows_of(changed(FLIGHT, underName=people))
    assert [row["traveller_name"] for row in found] == ["Ada Example", "Bo Sample"]
    assert len({row["trip_id"] for row in found}) == 2


def test_the_same_reservation_has_the_same_trip_in_every_document() -> None:
    later = changed(FLIGHT, trip__departureTime="2027-03-04T18:00:00-06:00", underName={"name": "EXAMPLE/ADA MS"})
    other = changed(FLIGHT, reservationNumber="ZZZZZZ")
    first, second, third = (rows_of(each)[0]["trip_id"] for each in (FLIGHT, later, other))
    assert first == second != third


def test_graph_package_and_reference() -> None:
    flight = changed(FLIGHT, reservationFor={"@id": "#flight"})
    graph = {"@graph": [{"@type": "WebPage"}, flight, {**FLIGHT["reservationFor"], "@id": "#flight"}]}
    package = {"@type": "ReservationPackage", "subReservation": [FLIGHT, changed(FLIGHT, trip__flightNumber="9")]}
    assert rows_of(graph)[0]["to_place"] == "FRA"
    assert [row["service_number"] for row in rows_of(package)] == ["441", "9"]


LODGING = {
    "@type": "LodgingReservation",
    "reservationNumber": "H-1",
    "underName": "Ada Example",
    "reservationFor": {
        "@type": "Hotel",
        "name": "The Invented Inn",
        "address": {"addressLocality": "San José", "addressCountry": "CR"},
    },
}


@pytest.mark.parametrize(
    ("given", "starts", "ends"),
    [
        ({"checkinDate": "2027-05-01", "checkoutDate": "2027-05-04"}, "2027-05-01", "2027-05-04"),
        (
            {"checkinTime": "2027-05-01T15:00:00-06:00", "checkoutTime": "2027-05-04T11:00:00-06:00"},
            "2027-05-01T15:00:00",
            "2027-05-04T11:00:00",
        ),
        (
            {
                "checkinDate": "2027-05-01",
                "checkinTime": "15:00",
                "checkoutDate": "2027-05-04",
                "checkoutTime": "T11:00",
            },
            "2027-05-01T15:00:00",
            "2027-05-04T11:00:00",
        ),
        (
            {"checkinDate": "2027-05-01T15:00:00+0:00", "checkoutDate": "2027-05-04 11:00"},
            "2027-05-01T15:00:00",
            "2027-05-04T11:00:00",
        ),
    ],
)
def test_lodging(given: dict[str, str], starts: str, ends: str) -> None:
    (row,) = rows_of({**LODGING, **given})
    assert (row["segment_type"], row["to_place"]) == ("lodging", "San José, Costa Rica")
    assert (row["property_name"], row["starts_local"], row["ends_local"]) == ("The Invented Inn", starts, ends)


def test_train_bus_and_boat() -> None:
    def trip(kind: str, stop: str, **more: str) -> dict[str, Any]:
        ends = {f"departure{stop}": {"name": "Lyon Part-Dieu"}, f"arrival{stop}": {"name": "Milano Centrale"}}
        return {"@type": kind, "reservationFor": {**ends, "departureTime": "2027-06-01T08:00", **more}}

    found = rows_of(
        [
            trip("TrainReservation", "Station", trainName="TGV", trainNumber="9241"),
            trip("BusReservation", "BusStop", busNumber="N12"),
            trip("BoatReservation", "BoatTerminal"),
        ]
    )
    assert [row["segment_type"] for row in found] == ["rail", "road", "sea"]
    assert [row.get("service_number") for row in found] == ["TGV 9241", "N12", None]
    assert {row["from_place"] for row in found} == {"Lyon Part-Dieu"}


def test_an_event_is_a_presence_and_a_rented_car_too() -> None:
    event = {
        "@type": "EventReservation",
        "reservationFor": {
            "name": "A Conference",
            "startDate": "2027-06-01",
            "endDate": "2027-06-03",
            "location": {"name": "Hall 1", "address": {"addressLocality": "Oslo", "addressCountry": "NO"}},
        },
    }
    car = {
        "@type": "RentalCarReservation",
        "pickupTime": "2027-06-03T09:00:00+02:00",
        "pickupLocation": {"address": {"addressLocality": "Bergen", "addressCountry": {"name": "Norway"}}},
    }
    found = rows_of([event, car])
    assert [(row["segment_type"], row["to_place"], row["starts_local"]) for row in found] == [
        ("presence", "Oslo, Norway", "2027-06-01"),
        ("presence", "Bergen, Norway", "2027-06-03T09:00:00"),
    ]


def test_what_places_nobody_is_a_rejected_record() -> None:
    nowhere = {"@type": "FlightReservation", "reservationNumber": "X"}
    records = list(read(json.dumps([FLIGHT, nowhere, {"@type": "ParkingReservation"}]).encode()))
    assert [record.reason for record in records] == [
        None,
        "it names no place",
        "its type of reservation does not place anybody and is not read",
    ]


def test_json_ld_in_a_page_also_with_trailing_commas_and_comment_marks() -> None:
    broken = json.dumps(FLIGHT).replace('"LH"}', '"LH",}')
    text = f'<html><script type="application/ld+json"><!-- {broken} --></script><p>Fish & chips</html>'
    assert rows_of(text) == rows_of(page(FLIGHT)) == rows_of(FLIGHT)


MICRODATA = """<table><tr><td>
<div itemscope itemtype="http://schema.org/FlightReservation">
  <meta itemprop="reservationNumber" content="QX7P2L"/>
  <link itemprop="reservationStatus" href="http://schema.org/Confirmed"/>
  <div itemprop="underName" itemscope itemtype="http://schema.org/Person"><span itemprop="name">Ada Example</span></div>
  <p itemprop="reservationFor" itemscope itemtype="http://schema.org/Flight">
    Flight <b itemprop="flightNumber">441</b>
    <span itemprop="airline" itemscope><meta itemprop="iataCode" content="LH"></span>
    <span itemprop="departureAirport" itemscope><meta itemprop="iataCode" content="IAH"></span>
    <time itemprop="departureTime" datetime="2027-03-04T16:05:00-06:00">Thursday, 4:05 pm</time>
    <span itemprop="arrivalAirport" itemscope><meta itemprop="iataCode" content="FRA"></span>
    <meta itemprop="arrivalTime" content="2027-03-05T08:45:00+01:00">
  </p>
</div></td></tr></table>"""


def test_microdata_says_the_same() -> None:
    assert rows_of(f"<html><body>{MICRODATA}<p>unclosed</html>") == rows_of(FLIGHT)


def test_a_block_that_the_parser_moved_out_of_its_paragraph() -> None:
    moved = MICRODATA.replace(
        '<div itemscope itemtype="http://schema.org/Fl', '<p itemscope itemtype="http://schema.org/Fl'
    )
    assert rows_of(f"<html><body>{moved}</html>")[0]["trip_status"] == "active"


def test_a_mail_names_the_traveller_and_when_it_was_sent() -> None:
    (row,) = rows_of(mail(page(FLIGHT)))
    assert (row["traveller_email"], row["traveller_name"]) == ("ada@example.edu", "Ada Example")
    assert row["registered_at"] == row["updated_at"] == "2027-02-01T08:00:00Z"


def test_an_assistant_who_forwards_is_not_the_traveller() -> None:
    (row,) = rows_of(mail(page(FLIGHT), "Bo Sample <bo@example.edu>"))
    assert row["traveller_name"] == "Ada Example" and "traveller_email" not in row


def test_an_airline_that_sends_is_not_the_traveller() -> None:
    nameless = changed(FLIGHT, underName=None)
    text = mail(page(nameless), "Air Example <no-reply@air.example>").replace("trips@example.edu", "ada@example.edu")
    assert rows_of(text)[0]["traveller_email"] == "ada@example.edu"


def test_encoded_headers_and_bodies() -> None:
    import base64

    body = base64.encodebytes(page(changed(FLIGHT, underName="Zoë Bérubé")).encode()).decode()
    text = mail(
        body, "=?utf-8?Q?Zo=C3=AB_B=C3=A9rub=C3=A9?= <zb@example.edu>", extra="Content-Transfer-Encoding: base64\r\n"
    )
    (row,) = rows_of(text)
    assert (row["traveller_email"], row["traveller_name"]) == ("zb@example.edu", "Zoë Bérubé")


def test_a_forwarded_mail_within_a_mail_and_a_calendar_attached() -> None:
    inner = mail(page(FLIGHT), "Air Example <noreply@air.example>").replace("trips@", "ada@")
    event = calendar("SUMMARY:Hotel The Invented Inn", "LOCATION:Bonn\\, Germany", "DTSTART;VALUE=DATE:20270305")
    outer = (
        "From: Ada Example <ada@example.edu>\r\nTo: trips@example.edu\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n'
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n"
        '--b\r\nContent-Type: application/octet-stream; name="../../stay.ics"\r\n'
        f'Content-Disposition: attachment; filename="../../stay.ics"\r\n\r\n{event}\r\n--b--\r\n'
    )
    found = rows_of(outer)
    assert [(row["segment_type"], row["to_place"]) for row in found] == [
        ("flight", "FRA"),
        ("lodging", "Bonn, Germany"),
    ]
    assert {row["traveller_email"] for row in found} == {"ada@example.edu"}


def test_what_a_mail_says_twice_is_one_record() -> None:
    assert len(list(read(mail(page(FLIGHT, FLIGHT) + MICRODATA).encode()))) == 1


def test_calendar_flight_in_utc_with_reference() -> None:
    text = calendar(
        "SUMMARY:Your flight from FRA to EWR",
        "DESCRIPTION:Booking reference: 1A2B3C \\n Flight number: LH 402",
        "DTSTART:20270301T130000Z",
        "DTEND:20270301T220000Z",
    )
    (row,) = rows_of(text)
    assert (row["from_place"], row["to_place"], row["carrier_code"], row["service_number"]) == (
        "FRA",
        "EWR",
        "LH",
        "402",
    )
    assert (row["starts_local"], row["ends_local"]) == ("2027-03-01T14:00:00", "2027-03-01T17:00:00")


def test_calendar_events() -> None:
    days = calendar(
        "SUMMARY:Field work", "LOCATION:Nairobi\\, Kenya", "DTSTART;VALUE=DATE:20270301", "DTEND;VALUE=DATE:20270304"
    )
    (row,) = rows_of(days)
    assert (row["segment_type"], row["to_place"]) == ("presence", "Nairobi, Kenya")
    assert (row["starts_local"], row["ends_local"]) == ("2027-03-01", "2027-03-03")
    zoned = calendar(
        "SUMMARY:Train 12 from Turin to Milan", "DTSTART;TZID=Europe/Rome:20270301T080000", "DURATION:PT2H"
    )
    (row,) = rows_of(zoned)
    assert (row["segment_type"], row["from_place"], row["to_place"]) == ("rail", "Turin", "Milan")
    assert row["ends_local"] == "2027-03-01T10:00:00"


def test_a_calendar_that_cancels() -> None:
    lines = ("SUMMARY:Field work", "LOCATION:Nairobi", "DTSTART;VALUE=DATE:20270301")
    first, second = rows_of(calendar(*lines))[0], rows_of(calendar(*lines, "STATUS:CANCELLED"))[0]
    assert (first["trip_status"], second["trip_status"]) == ("active", "cancelled")
    assert first["trip_id"] == second["trip_id"]


def test_a_video_call_is_no_place() -> None:
    text = calendar("SUMMARY:Meeting", "LOCATION:https://zoom.example/j/1", "DTSTART:20270301T130000Z")
    assert [record.reason for record in read(text.encode())] == [
        "it is an event that names neither a journey nor a place"
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04....", "zip archive"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"just some words", "no e-mail"),
        (b"{'a': 1}", "damaged"),
        (b"{}", "no reservation"),
        (b"<html><body>Your trip</body></html>", "no reservation"),
        (b"From: a@example.org\r\n\r\nsee you", "no reservation"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "no reservation"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_a_file_without_any_reservation_fails_in_words(data: bytes, words: str) -> None:
    with pytest.raises(GateError, match=words):
        list(read(data))


def test_kinds_are_told_by_content() -> None:
    assert [kind_of(each) for each in (b"\xef\xbb\xbf {}", b"<p>", b"begin:vcalendar", b"Received: from x")] == [
        "json",
        "html",
        "calendar",
        "mail",
    ]


def _deep_mail() -> bytes:
    parts = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\r\n\r\n--{n}\r\n' for n in range(500))
    return f"From: a@example.org\r\nMIME-Version: 1.0\r\n{parts}".encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "many reservations": lambda: json.dumps([changed(FLIGHT, reservationNumber=str(n)) for n in range(501)]).encode(),
    "many events": lambda: ("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nEND:VEVENT\n" * 501 + "END:VCALENDAR\n").encode(),
    "many parts": lambda: (
        "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        + "--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n" * 300
    ).encode(),
    "deep parts": _deep_mail,
    "many lines": lambda: b"From: a@example.org\r\n\r\n" + b"\n" * 400_000,
    "entities": lambda: (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY c SYSTEM "file:///etc/passwd">]><html><p itemscope="" itemtype="X">&b;&c;</p></html>'
    ),
    "deep page": lambda: b"<div itemscope itemprop=a>" * 200_000,
    "quotes": lambda: b'{"a": "' + b'\\"' * 2_000_000,
    "open quotes": lambda: b'[{"a"' * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_fail_soon_and_in_words(name: str) -> None:
    import time

    began = time.perf_counter()
    with pytest.raises(GateError):
        list(read(HOSTILE[name]()))
    assert time.perf_counter() - began < 10


def test_a_zone_rule_that_never_ends_is_not_expanded() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Evil\r\nBEGIN:STANDARD\r\nDTSTART:19000101T000000\r\nRRULE:FREQ=SECONDLY\r\n"
        "TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    text = calendar("SUMMARY:Field work", "LOCATION:Nairobi", "DTSTART;TZID=Evil:20270301T080000")
    text = text.replace("BEGIN:VEVENT", f"{zone}BEGIN:VEVENT", 1)
    assert rows_of(text)[0]["starts_local"] == "2027-03-01T08:00:00"
