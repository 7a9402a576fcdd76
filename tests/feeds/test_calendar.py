"""Events of calendars that recur, are moved, are damaged or are written on another clock; all are made up."""

import time

import pytest

from pipelines.feeds.itinerary import read
from pipelines.landing.text import GateError

Rows = list[dict[str, str]]

NAIROBI = ("SUMMARY:Teaching", "LOCATION:Nairobi\\, Kenya", "ATTENDEE;CN=Ada Example:mailto:ada@example.edu")


def event(*lines: str, uid: str = "1", stamp: str = "20261101T000000Z") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", f"DTSTAMP:{stamp}", *lines, "END:VEVENT", ""])


def calendar(*events: str, before: str = "") -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{before}{''.join(events)}END:VCALENDAR\r\n".encode()


def rows_of(data: bytes) -> Rows:
    return [row for record in read(data) for row in record.rows]


def reasons_of(data: bytes) -> list[str]:
    return [record.reason for record in read(data) if record.reason]


def days_of(data: bytes) -> list[str]:
    return [row["starts_local"] for row in rows_of(data)]


DAY = ("DTSTART;VALUE=DATE:20261123", "DTEND;VALUE=DATE:20261124")


def test_every_time_of_a_recurring_event_is_a_row_of_one_trip() -> None:
    data = calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=DAILY;COUNT=10"))
    rows = rows_of(data)
    assert [row["starts_local"] for row in rows] == [*(f"2026-11-{day}" for day in range(23, 31)), "2026-12-01",
                                                     "2026-12-02"]  # fmt: skip
    assert all(row["ends_local"] == row["starts_local"] for row in rows)
    assert len({row["trip_id"] for row in rows}) == 1
    assert [row["segment_number"] for row in rows] == [str(number) for number in range(1, 11)]
    assert not reasons_of(data)


def test_further_and_excepted_dates() -> None:
    data = calendar(
        event(
            *NAIROBI,
            "DTSTART;VALUE=DATE:20261102",
            "DTEND;VALUE=DATE:20261104",
            "RRULE:FREQ=WEEKLY;COUNT=4",
            "RDATE;VALUE=DATE:20261127,20261130",
            "EXDATE;VALUE=DATE:20261109",
            "EXDATE;VALUE=DATE:20261123",
        )
    )
    assert [(row["starts_local"], row["ends_local"]) for row in rows_of(data)] == [
        ("2026-11-02", "2026-11-03"),
        ("2026-11-16", "2026-11-17"),
        ("2026-11-27", "2026-11-28"),
        ("2026-11-30", "2026-12-01"),
    ]
    assert days_of(calendar(event(*NAIROBI, *DAY, "RDATE;VALUE=DATE:20261127"))) == ["2026-11-23", "2026-11-27"]
    # Without an end it is of its day, not open until the next.
    unended = rows_of(calendar(event(*NAIROBI, DAY[0], "RDATE;VALUE=DATE:20261127")))
    assert [row["ends_local"] for row in unended] == ["2026-11-23", "2026-11-27"]


def test_a_rule_is_followed_on_its_own_clock_over_a_change_of_clocks() -> None:
    rule = ("RRULE:FREQ=WEEKLY;UNTIL=20261106T160000Z;BYDAY=FR", "EXDATE:20261023T150000Z")
    data = calendar(
        event(
            "SUMMARY:Train 12 from FRA to CDG",
            "DTSTART;TZID=Europe/Berlin:20261016T170000",
            "DTEND;TZID=Europe/Berlin:20261016T210000",
            *rule,
        )
    )
    assert [(row["starts_local"], row["ends_local"]) for row in rows_of(data)] == [
        ("2026-10-16T17:00:00", "2026-10-16T21:00:00"),
        ("2026-10-30T17:00:00", "2026-10-30T21:00:00"),
        ("2026-11-06T17:00:00", "2026-11-06T21:00:00"),
    ]


def test_a_period_that_is_added_has_an_end_of_its_own() -> None:
    data = calendar(event(*NAIROBI, "DTSTART:20261123T090000", "RDATE;VALUE=PERIOD:20261127T100000/PT3H"))
    assert [(row["starts_local"], row.get("ends_local")) for row in rows_of(data)] == [
        ("2026-11-23T09:00:00", "2026-11-23T09:00:00"),
        ("2026-11-27T10:00:00", "2026-11-27T13:00:00"),
    ]


def test_a_moved_time_takes_the_place_of_its_own() -> None:
    series = event(*NAIROBI, *DAY, "RRULE:FREQ=DAILY;COUNT=3")
    moved = event(
        "SUMMARY:Teaching",
        "LOCATION:Paris\\, France",
        NAIROBI[2],
        "RECURRENCE-ID;VALUE=DATE:20261124",
        "DTSTART;VALUE=DATE:20261128",
    )
    rows = rows_of(calendar(moved, series))
    assert [(row["to_place"], row["starts_local"]) for row in rows] == [
        ("Paris, France", "2026-11-28"),
        ("Nairobi, Kenya", "2026-11-23"),
        ("Nairobi, Kenya", "2026-11-25"),
    ]
    assert len({row["trip_id"] for row in rows}) == 1
    # Alone it may not stand for the whole series, nor may the cancellation of one time.
    assert rows_of(calendar(moved))[0]["trip_id"] != rows[0]["trip_id"]
    cancelled = rows_of(calendar(moved.replace("DTSTAMP", "STATUS:CANCELLED\r\nDTSTAMP"), series))
    assert [row["trip_status"] for row in cancelled] == ["cancelled", "active", "active"]
    assert cancelled[0]["trip_id"] != cancelled[1]["trip_id"] == cancelled[2]["trip_id"]


def test_what_is_not_read_of_a_recurring_event_is_a_rejected_record() -> None:
    endless = calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=DAILY"))
    assert len(rows_of(endless)) == 366 and days_of(endless)[-1] == "2027-11-23"
    assert [len(record.rows) for record in read(endless)] == [60, 60, 60, 60, 60, 60, 6, 0]
    assert reasons_of(endless) == [
        "it is a recurring event that goes on after its first 366 times or 10 years; what comes later is not read"
    ]
    assert len(rows_of(calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=YEARLY")))) == 10
    for rule in ("FREQ=HOURLY", "FREQ=DAILY;BYSECOND=1,2", "FREQ=DAILY;INTERVAL=0", "FREQ=NEVER", "COUNT=3"):
        data = calendar(event(*NAIROBI, *DAY, f"RRULE:{rule}"))
        assert days_of(data) == ["2026-11-23"]
        assert reasons_of(data) == [
            "it is a recurring event whose rule cannot be followed; only the times that it names itself are read"
        ]


def test_a_rule_that_ends_is_read_whole() -> None:
    assert not reasons_of(calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=DAILY;COUNT=366")))
    assert not reasons_of(calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=WEEKLY;UNTIL=20261231")))
    assert not reasons_of(calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1;COUNT=3")))
    excepted = calendar(event(*NAIROBI, *DAY, "RRULE:FREQ=DAILY;COUNT=1", "EXDATE;VALUE=DATE:20261123"))
    assert reasons_of(excepted) == ["it is a recurring event of which no time is left"]


def test_a_rule_stands_after_many_attendees() -> None:
    many = [f"ATTENDEE:mailto:{number}@example.edu" for number in range(100)]
    data = calendar(event("SUMMARY:Teaching", *many, "LOCATION:Nairobi", *DAY, "RRULE:FREQ=DAILY;COUNT=3"))
    assert len(rows_of(data)) == 3 and "traveller_email" not in rows_of(data)[0]


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY",
        "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYSETPOS=5",
        "RRULE:FREQ=DAILY;BYMONTHDAY=" + ",".join(["31"] * 300),
        "EXDATE;VALUE=DATE:" + ",".join(["20261127"] * 2000),
    ],
)
def test_rules_that_find_nothing_or_too_much_are_soon_done(rule: str) -> None:
    began = time.perf_counter()
    rows = rows_of(calendar(*(event(*NAIROBI, *DAY, rule, uid=str(number)) for number in range(500))))
    assert len({row["trip_id"] for row in rows}) == 500 and len(rows) <= 21_000
    assert time.perf_counter() - began < 20


STAY = ("SUMMARY:Field work", "LOCATION:Nairobi", "DTSTART;VALUE=DATE:20261120", "DTEND;VALUE=DATE:20261201")


@pytest.mark.parametrize(
    ("lines", "column", "text"),
    [
        (("LOCATION:Tokyo", "DTSTART;VALUE=DATE:20261320"), "starts_local", "20261320"),
        (("LOCATION:Tokyo", "DTSTART;VALUE=DATE:20261120", "DTEND:soon"), "ends_local", "soon"),
        (("LOCATION:Tokyo", "DTSTART;VALUE=DATE:20261120", "DURATION:some days"), "ends_local", "some days"),
    ],
)
def test_a_time_that_is_none_goes_on_to_be_rejected_and_leaves_other_events_alone(
    lines: tuple[str, ...], column: str, text: str
) -> None:
    good, bad = rows_of(calendar(event(*STAY), event(*lines, uid="2")))
    assert (good["to_place"], good["starts_local"], good["ends_local"]) == ("Nairobi", "2026-11-20", "2026-11-30")
    assert bad["to_place"] == "Tokyo" and bad[column] == text


def test_an_event_without_a_start_or_stamp() -> None:
    data = calendar(event(*STAY), event("LOCATION:Tokyo", "DTSTART:", uid="2"))
    assert [len(record.rows) for record in read(data)] == [1, 0]
    assert reasons_of(data) == ["it is an event without a start that can be read"]
    # When it was written only orders the versions of an event.
    (row,) = rows_of(calendar(event(*STAY, stamp="")))
    assert row["to_place"] == "Nairobi" and "updated_at" not in row


def test_a_damaged_line_spoils_no_more_than_its_event() -> None:
    for line in ("RECURRENCE-ID:x", "RDATE:x", "EXDATE:x", "RRULE:x", 'ATTENDEE;CN="x:y', "LAST-MODIFIED:x", "UID"):
        assert "Oslo" in [row["to_place"] for row in rows_of(calendar(event(*STAY, line), event(
            "LOCATION:Oslo", "DTSTART:20261120T100000", uid="2")))], line  # fmt: skip


def test_a_calendar_in_utf_16() -> None:
    data = calendar(event(*STAY)).decode()
    assert rows_of(data.encode("utf-16")) == rows_of(b"\xfe\xff" + data.encode("utf-16-be")) == rows_of(data.encode())
    with pytest.raises(GateError, match="UTF-16"):
        rows_of(data.encode("utf-16")[:-1])


def test_a_moved_event_replaces_itself_wherever_it_goes() -> None:
    before = rows_of(calendar(event(*NAIROBI, *DAY)))[0]
    after = rows_of(
        calendar(event("LOCATION:Tokyo", "ATTENDEE:mailto:Ada@Example.edu", *DAY, stamp="20261110T000000Z"))
    )[0]
    assert after["to_place"] == "Tokyo"
    assert (before["trip_id"], before["replaced_part"]) == (after["trip_id"], after["replaced_part"])


@pytest.mark.parametrize("place", ["LOCATION:", "LOCATION:https://zoom.example/1", "X-NOTHING:1"])
def test_a_cancellation_needs_no_place(place: str) -> None:
    known = rows_of(calendar(event(*NAIROBI, *DAY)))[0]
    for data in (
        calendar(event("SUMMARY:Cancelled", place, NAIROBI[2], *DAY), before="METHOD:CANCEL\r\n"),
        calendar(event("STATUS:CANCELLED", place, NAIROBI[2])),
    ):
        (row,) = rows_of(data)
        assert (row["trip_id"], row["replaced_part"], row["trip_status"]) == (
            known["trip_id"],
            known["replaced_part"],
            "cancelled",
        )


def test_guests_of_one_event_have_a_trip_each() -> None:
    def invited(email: str) -> str:
        return rows_of(calendar(event(*NAIROBI[:2], f"ATTENDEE:mailto:{email}", *DAY)))[0]["trip_id"]

    def forwarded_by(email: str) -> str:
        body = calendar(event(*NAIROBI, "ATTENDEE:mailto:bo@example.edu", *DAY)).decode()
        head = f"From: <{email}>\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n"
        (row,) = rows_of((head + body).encode())
        assert row["traveller_email"] == email
        return row["trip_id"]

    assert len({invited("ada@example.edu"), invited("bo@example.edu")}) == 2
    assert invited("ada@example.edu") == forwarded_by("ada@example.edu") != forwarded_by("bo@example.edu")


@pytest.mark.parametrize(
    ("times", "place", "starts", "ends"),
    [
        (("DTSTART:20261127T000000Z", "DTEND:20261127T130000Z"), "Tokyo\\, Japan", "27T09:00", "27T22:00"),
        (("DTSTART:20261127T000000Z", "DURATION:PT13H"), "Hotel Okura\\, Minato\\, Japan", "27T09:00", "27T22:00"),
        (
            ("DTSTART;TZID=America/Los_Angeles:20261126T160000", "DTEND;TZID=America/Los_Angeles:20261127T050000"),
            "Tokyo\\, Japan",
            "27T09:00",
            "27T22:00",
        ),
        (("DTSTART:20261127T000000Z", "DTEND:20261127T020000Z"), "San Francisco\\, CA", "26T16:00", "26T18:00"),
        (("DTSTART:20261127T000000Z", "DTEND:20261127T020000Z"), "Athens\\, Georgia\\, USA", "26T19:00", "26T21:00"),
        (("DTSTART:20261127T000000Z", "DTEND:20261127T020000Z"), "München", "27T01:00", "27T03:00"),
        (("DTSTART:20261127T090000", "DTEND:20261127T100000"), "Tokyo\\, Japan", "27T09:00", "27T10:00"),
        # What no word tells stays as it is written.
        (("DTSTART:20261127T000000Z", "DTEND:20261127T020000Z"), "Room 7", "27T00:00", "27T02:00"),
        (("DTSTART:20261127T000000Z", "DTEND:20261127T020000Z"), "Russia", "27T00:00", "27T02:00"),
    ],
)
def test_an_instant_is_told_by_the_clock_of_its_place(
    times: tuple[str, ...], place: str, starts: str, ends: str
) -> None:
    (row,) = rows_of(calendar(event("SUMMARY:Lecture", f"LOCATION:{place}", *times)))
    assert (row["starts_local"], row["ends_local"]) == (f"2026-11-{starts}:00", f"2026-11-{ends}:00")


def test_a_flight_between_towns_is_told_by_their_clocks() -> None:
    for words in ("Flight JL408 from Frankfurt to Tokyo", "Flight JL408 from FRA to NRT"):
        (row,) = rows_of(calendar(event(f"SUMMARY:{words}", "DTSTART:20261127T000000Z", "DTEND:20261127T130000Z")))
        assert (row["starts_local"], row["ends_local"]) == ("2026-11-27T01:00:00", "2026-11-27T22:00:00")


def test_a_recurring_instant_follows_the_clock_of_its_place() -> None:
    times = ("DTSTART;TZID=America/New_York:20261030T090000", "DTEND;TZID=America/New_York:20261030T100000")
    data = calendar(event("LOCATION:Paris\\, France", *times, "RRULE:FREQ=WEEKLY;COUNT=2"))
    assert days_of(data) == ["2026-10-30T14:00:00", "2026-11-06T15:00:00"]


OWN_ZONE = "\r\n".join(
    [
        *("BEGIN:VTIMEZONE", "TZID:Our own"),
        *("BEGIN:STANDARD", "DTSTART:16010101T020000", "TZOFFSETFROM:-0400", "TZOFFSETTO:-0500"),
        *("RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=11", "TZNAME:EST", "END:STANDARD"),
        *("BEGIN:DAYLIGHT", "DTSTART:16010101T020000", "TZOFFSETFROM:-0500", "TZOFFSETTO:-0400"),
        *("RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=2SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE", ""),
    ]
)


@pytest.mark.parametrize(
    ("zone", "starts"),
    [
        (OWN_ZONE, "2026-11-27T10:00:00"),
        (OWN_ZONE.replace("\r\n", "\n").lower().replace("our own", "Our own"), "2026-11-27T10:00:00"),
        (OWN_ZONE.replace("FREQ=YEARLY", "FREQ=SECONDLY"), "2026-11-27T02:00:00"),
        (OWN_ZONE.replace("-0500", "-9900"), "2026-11-27T02:00:00"),
        (OWN_ZONE.replace("Our own", "Another"), "2026-11-27T02:00:00"),
        ("", "2026-11-27T02:00:00"),
    ],
)
def test_a_zone_that_the_calendar_defines(zone: str, starts: str) -> None:
    times = ("DTSTART;TZID=Our own:20261127T020000", "DTEND;TZID=Our own:20261127T200000")
    (row,) = rows_of(calendar(event("LOCATION:Nairobi\\, Kenya", *times), before=zone))
    assert row["starts_local"] == starts


def test_a_recurring_event_of_such_a_zone() -> None:
    times = ("DTSTART;TZID=Our own:20261030T090000", "RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE;TZID=Our own:20261106T090000")
    data = calendar(event("LOCATION:Nairobi\\, Kenya", *times), before=OWN_ZONE)
    assert days_of(data) == ["2026-10-30T16:00:00", "2026-11-13T17:00:00"]
