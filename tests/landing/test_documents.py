"""Documents that a named reader reads: landed, cast, accounted for and replaced as CSV is (F1 to F3)."""

import json
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
BACK = json.loads(
    json.dumps(FLIGHT).replace("FRA", "X").replace("IAH", "FRA").replace("X", "IAH").replace("QIAH7P2L", "QX7P2L")
    .replace("441", "440").replace("2027-03-0", "2027-03-1")
)  # fmt: skip


def changed(**trip: Any) -> dict[str, Any]:
    return {**FLIGHT, "reservationFor": {**FLIGHT["reservationFor"], **trip}}


def accounts(office: Any) -> list[tuple[Any, ...]]:
    return office.rows("select status, records, loaded, rejected, blank from land.file order by file_name")


def test_an_itinerary_is_a_registration_that_was_forwarded(office: Any) -> None:
    office.put("itineraries/trip.json", json.dumps([FLIGHT, BACK]))
    office.run()
    found = office.rows(
        "select channel, trip_status, from_place, to_place, starts_local::varchar, starts_local_has_time, "
        "carrier_code, service_number, record_number, repetition, feed from land.registrations order by segment_number"
    )
    assert found == [
        ("forwarded", "active", "IAH", "FRA", "2027-03-04 16:05:00", True, "LH", "441", 1, 1, "itineraries"),
        ("forwarded", "active", "FRA", "IAH", "2027-03-14 16:05:00", True, "LH", "440", 2, 1, "itineraries"),
    ]
    assert accounts(office) == [("loaded", 2, 2, 0, 0)]


def test_a_boarding_pass_replaces_its_leg_and_keeps_the_return(office: Any) -> None:
    office.put("itineraries/1.json", json.dumps([FLIGHT, BACK]))
    office.run()
    office.put("itineraries/2.json", json.dumps(changed(departureTime="2027-03-04T18:30:00-06:00")))
    office.run()
    found = office.rows("select from_place, starts_local::varchar from land.registrations order by starts_local")
    assert found == [("IAH", "2027-03-04 18:30:00"), ("FRA", "2027-03-14 16:05:00")]
    assert office.one("select count(distinct trip_id) from land.registrations") == 1


def test_a_cancellation_replaces_its_leg(office: Any) -> None:
    office.put("itineraries/1.json", json.dumps([FLIGHT, BACK]))
    office.run()
    office.put("itineraries/2.json", json.dumps({**FLIGHT, "reservationStatus": "ReservationCancelled"}))
    office.run()
    found = office.rows("select from_place, trip_status from land.registrations order by starts_local")
    assert found == [("IAH", "cancelled"), ("FRA", "active")]


def event(stamp: str, place: str, more: str = "") -> str:
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:7\r\nDTSTAMP:{stamp}\r\n{more}LOCATION:{place}\r\n"
        "DTSTART;VALUE=DATE:20261120\r\nDTEND;VALUE=DATE:20261201\r\nATTENDEE:mailto:ada@example.edu\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def test_an_event_that_was_moved_leaves_nothing_behind_and_is_cancelled_without_a_place(office: Any) -> None:
    documents = (
        event("20261101T000000Z", "Nairobi", "RRULE:FREQ=YEARLY;COUNT=2\r\n"),
        event("20261110T000000Z", "Tokyo"),
        event("20261111T000000Z", "", "STATUS:CANCELLED\r\n"),
    )
    expected = [
        [("Nairobi", "active"), ("Nairobi", "active")],
        [("Tokyo", "active")],
        [(None, "cancelled")],
    ]
    for number, (document, rows) in enumerate(zip(documents, expected, strict=True)):
        office.put(f"itineraries/{number}.ics", document)
        office.run()
        assert office.rows("select to_place, trip_status from land.registrations") == rows
    assert accounts(office) == [("loaded", 1, 1, 0, 0)] * 3


def test_a_document_of_next_year_does_not_outlive_its_correction(office: Any) -> None:
    office.put("itineraries/1.json", json.dumps({**FLIGHT, "modifiedTime": "2099-01-01T00:00:00Z"}))
    office.run()
    office.put("itineraries/2.json", json.dumps(changed(departureTime="2027-03-04T18:30:00-06:00")))
    office.run()
    assert office.one("select starts_local::varchar from land.registrations") == "2027-03-04 18:30:00"


def test_every_record_is_accounted_for(office: Any) -> None:
    legs = [FLIGHT["reservationFor"], {**BACK["reservationFor"], "departureTime": "soon"}]
    documents = [FLIGHT, {"@type": "FlightReservation"}, {**FLIGHT, "reservationFor": legs}]
    office.put("itineraries/1.json", json.dumps(documents))
    office.put("itineraries/2.html", "<html>" + json.dumps(FLIGHT) + "</html>")
    office.put("itineraries/3.json", json.dumps([{"@type": "FlightReservation"}]))
    office.put("itineraries/4.ics", b"")
    office.run()
    assert accounts(office) == [
        ("loaded", 3, 1, 2, 0), ("failed", 0, 0, 0, 0), ("failed", 1, 0, 1, 0), ("failed", 0, 0, 0, 0),
    ]  # fmt: skip
    rejected = office.rows(
        "select record_number, reason, byte_start, byte_end > 100, starts_with(key_text, 'forwarded:') "
        "from land.rejected_record join land.file using (file_sha256) where file_name = '1.json' order by 1"
    )
    assert rejected == [
        (2, "it names no place", 0, True, None),
        (3, "starts_local is not a date or local time in the declared format", 0, True, True),
    ]
    messages = dict(office.rows("select file_name, message from land.file where status = 'failed'"))
    assert messages["2.html"].startswith("it holds no reservation that can be read")
    assert messages["3.json"] == "none of its 1 records could be loaded, mostly because it names no place"
    assert messages["4.ics"] == "the file is empty"


def test_a_document_that_is_too_large_fails_unread(office: Any) -> None:
    office.put("itineraries/1.json", b" " * (10 * 1024 * 1024) + b"{}")
    office.run()
    assert "larger than 10 MB" in office.one("select message from land.file")


def test_the_same_file_again_loads_once(office: Any) -> None:
    for name in ("a.json", "b.eml", "../x.json"):
        office.put(f"itineraries/{name.replace('../', '')}", json.dumps(FLIGHT))
    office.run()
    office.run()
    assert office.one("select count(*) from land.registrations") == 1
