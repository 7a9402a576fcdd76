"""Modes, versions, parts, the 30 % guard and known_at: which rows are in force (F4, F5)."""

from datetime import date, datetime
from random import Random
from typing import Any

import pytest

from pipelines import landing
from pipelines.errors import MusterError
from pipelines.landing.owners import CROWD

DATED = "{YYYYMMDD}{*}.csv"


def roster(*people: int) -> str:
    return "person_id,family_name\n" + "".join(f"p{number},n{number}\n" for number in people)


@pytest.fixture
def dated_people(office: Any) -> Any:
    office.contract({"feed": "people", "received_at": DATED})
    return office


def test_the_newest_snapshot_is_the_whole_truth_and_leavers_stay_resolvable(dated_people: Any) -> None:
    dated_people.put("people/20260101.csv", roster(1, 2))
    dated_people.put("people/20260108.csv", roster(2, 3))
    dated_people.run()
    found = dated_people.rows("select person_id, is_current, file_number from land.people order by 1")
    assert found == [("p1", False, 1), ("p2", True, 2), ("p3", True, 2)]


def test_only_files_received_by_known_at_count(dated_people: Any) -> None:
    dated_people.put("people/20260101.csv", roster(1, 2))
    dated_people.put("people/20260108.csv", roster(2, 3))
    dated_people.run(datetime(2026, 1, 7))
    assert dated_people.rows("select person_id, is_current from land.people order by 1") == [("p1", True), ("p2", True)]
    assert dated_people.one("select count(*) from land.file") == 1


def test_a_snapshot_that_drops_too_much_is_held_until_released(dated_people: Any) -> None:
    dated_people.put("people/20260101.csv", roster(*range(20)))
    dated_people.put("people/20260108.csv", roster(*range(13)))
    dated_people.put("people/20260115.csv", roster(*range(14)))
    dated_people.run()
    found = dated_people.rows("select file_name, status from land.file order by 1")
    assert found == [("20260101.csv", "loaded"), ("20260108.csv", "held"), ("20260115.csv", "loaded")]
    assert "7 of 20" in dated_people.one("select message from land.file where status = 'held'")
    assert dated_people.one("select count(*) from land.people where is_current") == 14
    held = dated_people.one("select file_sha256 from land.file where status = 'held'")
    landing.release(dated_people.home, held[:12])
    dated_people.run()
    assert dated_people.one("select count(*) from land.file where status = 'held'") == 0
    with pytest.raises(MusterError, match="no landed file"):
        landing.release(dated_people.home, "0" * 64)


def test_a_held_snapshot_leaves_the_last_good_one_in_force(dated_people: Any) -> None:
    dated_people.put("people/20260101.csv", roster(*range(20)))
    dated_people.put("people/20260108.csv", roster(1))
    dated_people.run()
    assert dated_people.one("select count(*) from land.people where is_current") == 20


def test_a_failed_snapshot_leaves_the_last_good_one_in_force(dated_people: Any) -> None:
    dated_people.put("people/20260101.csv", roster(1, 2))
    dated_people.put("people/20260108.csv", "person_id,family_name\n")
    dated_people.run()
    assert dated_people.one("select count(*) from land.people where is_current") == 2


def test_parts_of_a_snapshot_replace_only_themselves(office: Any) -> None:
    office.contract({"feed": "people", "received_at": DATED, "parts": ["students", "staff"]})
    office.put("people/20260101-students.csv", roster(1, 2))
    office.put("people/20260101-staff.csv", roster(3))
    office.put("people/20260108-students.csv", roster(2))
    office.put("people/20260109-others.csv", roster(9))
    office.run()
    found = office.rows("select person_id, is_current from land.people order by 1")
    assert found == [("p1", False), ("p2", True), ("p3", True)]
    assert office.rows("select part, status from land.file where file_name like '%others%'") == [(None, "failed")]


def test_who_is_in_two_parts_of_a_snapshot_keeps_a_row_of_each(office: Any) -> None:
    office.contract({"feed": "people", "received_at": DATED, "parts": ["students", "staff"]})
    head = "person_id,email\n"
    office.put("people/20260101-students.csv", head + "p1,p1@students\np2,p2@students\n")
    office.put("people/20260102-staff.csv", head + "p1,p1@staff\np2,p2@staff\n")
    office.put("people/20260108-students.csv", head + "p1,new@students\n")
    office.run()
    assert office.rows("select person_id, email, is_current from land.people order by 1, 2") == [
        ("p1", "new@students", True),
        ("p1", "p1@staff", True),
        ("p2", "p2@staff", True),
        ("p2", "p2@students", False),
    ]


def test_an_upsert_replaces_all_rows_of_a_key_by_its_newest_version(office: Any) -> None:
    office.contract({"feed": "registrations", "received_at": DATED})
    head = "trip_id,segment_type,updated_at,to_place\n"
    office.put("registrations/20260101.csv", head + "t1,flight,2026-01-05,A\nt1,lodging,,A\nt2,sea,2026-01-01,X\n")
    office.put("registrations/20260102.csv", head + "t1,rail,2026-01-04,B\n")
    office.put("registrations/20260103.csv", head + "t2,rail,2026-01-01,Y\nt3,rail,,Z\n")
    office.run()
    found = office.rows("select trip_id, segment_type, to_place, file_number from land.registrations order by all")
    assert found == [
        ("t1", "flight", "A", 1),
        ("t1", "lodging", "A", 1),
        ("t2", "rail", "Y", 3),
        ("t3", "rail", "Z", 3),
    ]
    assert office.one("select sum(loaded) from land.file") == 6
    office.run(datetime(2026, 1, 2, 12))
    assert office.rows("select to_place from land.registrations where trip_id = 't2'") == [("X",)]


def test_a_locator_used_again_after_a_year_is_another_booking(office: Any) -> None:
    office.contract({"feed": "bookings", "received_at": DATED})
    head = "record_locator,segment_type,issued_at,employee_id,from_code\n"
    office.put("bookings/20240102.csv", head + "ABC,AIR,2024-01-01,e1,A\nABC,AIR,2024-01-01,e2,B\n")
    office.put("bookings/20240302.csv", head + "ABC,AIR,2024-03-01,e1,C\n")
    office.put("bookings/20250402.csv", head + "ABC,AIR,2025-04-01,e1,D\n")
    office.run()
    found = office.rows("select employee_id, from_code, booking_issued_date from land.bookings order by all")
    assert found == [
        ("e1", "C", date(2024, 1, 1)),
        ("e1", "D", date(2025, 4, 1)),
        ("e2", "B", date(2024, 1, 1)),
    ]


OWNER_HEAD = "record_locator,segment_type,issued_at,updated_at,employee_id,traveller_email,traveller_name,from_code\n"
ANN = ("Y1", "ann@uni.edu", "SMITH/ANN MS")


def passengers(updated: str, *rows: tuple[str, str, str, str], issued: str = "2026-01-01") -> list[str]:
    """Rows of one version of the locator ABC: employee id, e-mail, name and a mark in from_code."""
    return [f"ABC,AIR,{issued},{updated},{who},{email},{name},{mark}" for who, email, name, mark in rows]


def marks_left(office: Any, *versions: list[str], shuffle: int | None = None) -> list[str]:
    office.contract({"feed": "bookings", "received_at": DATED})
    for number, rows in enumerate(versions, 1):
        if shuffle is not None:
            Random(shuffle).shuffle(rows)
        office.put(f"bookings/202601{number:02}.csv", OWNER_HEAD + "".join(f"{row}\n" for row in rows))
    office.run()
    return [mark for (mark,) in office.rows("select from_code from land.bookings order by from_code")]


@pytest.mark.parametrize(
    "newer",
    [
        pytest.param(("", "ann@uni.edu", "SMITH/ANN MS"), id="the employee id is lost"),
        pytest.param(("", "", "SMITH/ANN MS"), id="only the name is left"),
        pytest.param(("", "ann@uni.edu", ""), id="only the address is left"),
        pytest.param(("", " Ann@UNI.edu ", ""), id="the address is written otherwise"),
        pytest.param(("", "", "Smith / Ánn"), id="the name is written otherwise"),
        pytest.param(("", "", "SMITH/ANNMS"), id="the title sticks to the name"),
        pytest.param(("", "ann@home.org", "SMITH/ANN"), id="another address, the same name"),
        pytest.param(("Y1", "ann@home.org", "JONES/ANN"), id="the employee id alone stays"),
        pytest.param(("y1 ", "", ""), id="the employee id is written otherwise"),
        pytest.param(("", "ann@uni.edu", "JONES/ANN MRS"), id="a married name beside the same address"),
        pytest.param(("Y2", "ann@uni.edu", "SMITH/ANN"), id="the employee id is corrected"),
    ],
)
def test_a_version_replaces_the_older_one_however_it_names_the_traveller(office: Any, newer: Any) -> None:
    first = passengers("2026-01-01", (*ANN, "A"), (*ANN, "B"))
    assert marks_left(office, first, passengers("2026-01-05", (*newer, "C"))) == ["C"]


def test_an_employee_id_loses_its_leading_zeros_and_is_the_same(office: Any) -> None:
    first = passengers("2026-01-01", ("00606", "", "", "A"))
    assert marks_left(office, first, passengers("2026-01-05", ("606", "", "", "B"))) == ["B"]


def test_what_names_a_traveller_may_change_from_version_to_version(office: Any) -> None:
    versions = [
        passengers("2026-01-01", ("Y1", "", "SMITH/ANN MS", "A")),
        passengers("2026-01-02", ("", "ann@home.org", "SMITH/ANN", "B")),
        passengers("2026-01-03", ("", "ann@home.org", "JONES/ANN", "C")),
        passengers("2026-01-04", ("", "ann@uni.edu", "JONES/ANN", "D")),
        passengers("2026-01-05", ("", "ann@uni.edu", "", "E")),
    ]
    assert marks_left(office, *versions) == ["E"]


FAMILY = "smiths@home.org"


@pytest.mark.parametrize("shuffle", range(4))
@pytest.mark.parametrize(
    ("first", "newer", "left"),
    [
        pytest.param(
            [("1", FAMILY, "SMITH/ANN", "A"), ("2", FAMILY, "SMITH/BOB", "B")],
            [("", FAMILY, "SMITH/ANN MS", "C")],
            ["B", "C"],
            id="two ids under one address",
        ),
        pytest.param(
            [("", FAMILY, "SMITH/ANN", "A"), ("", FAMILY, "SMITH/BOB", "B")],
            [("", FAMILY, "SMITH/ANN MS", "C")],
            ["B", "C"],
            id="two names under one address",
        ),
        pytest.param(
            [("1", FAMILY, "SMITH/ANN", "A"), ("", FAMILY, "SMITH/BOB", "B")],
            [("", FAMILY, "SMITH/BOB", "C")],
            ["A", "C"],
            id="an id and a name under one address",
        ),
        pytest.param(
            [("1", FAMILY, "", "A"), ("2", FAMILY, "", "B")],
            [("2", "", "", "C")],
            ["A", "C"],
            id="two ids without names",
        ),
        pytest.param(
            [("1", "", "SMITH/JOHN", "A"), ("2", "", "SMITH/JOHN", "B")],
            [("1", "", "SMITH/JOHN", "C")],
            ["B", "C"],
            id="two ids of one name",
        ),
        pytest.param(
            [("", "a@uni.edu", "GUEST", "A"), ("", "b@uni.edu", "GUEST", "B")],
            [("", "a@uni.edu", "GUEST", "C")],
            ["B", "C"],
            id="two addresses of one name",
        ),
        pytest.param(
            [("1", FAMILY, "SMITH/ANN", "A"), ("2", FAMILY, "SMITH/BOB", "B")],
            [("", FAMILY, "", "C")],
            ["A", "B", "C"],
            id="an address that says nothing replaces nobody",
        ),
        pytest.param(
            [("1", FAMILY, "SMITH/ANN", "A")],
            [("", FAMILY, "SMITH/ANN", "C"), ("", FAMILY, "SMITH/BOB", "D")],
            ["C", "D"],
            id="the second passenger comes later",
        ),
        pytest.param(
            [("1", FAMILY, "SMITH/ANN", "A")],
            [("2", FAMILY, "SMITH/BOB", "C")],
            ["A", "C"],
            id="passengers that come in files of their own",
        ),
    ],
)
def test_passengers_of_one_locator_replace_only_themselves(
    office: Any, first: Any, newer: Any, left: list[str], shuffle: int
) -> None:
    versions = passengers("2026-01-01", *first), passengers("2026-01-05", *newer)
    assert marks_left(office, *versions, shuffle=shuffle) == left


def test_passengers_are_not_joined_by_a_chain_of_versions(office: Any) -> None:
    versions = [
        passengers("2026-01-01", ("1", "a@uni.edu", "SMITH/ANN", "A"), ("2", "b@uni.edu", "SMITH/BOB", "B")),
        passengers("2026-01-02", ("", "a@uni.edu", "SMITH/S", "C")),
        passengers("2026-01-03", ("", "b@uni.edu", "SMITH/S", "D")),
        passengers("2026-01-04", ("1", "c@uni.edu", "JONES/ANN", "E")),
    ]
    assert marks_left(office, *versions) == ["B", "C", "D", "E"]


def test_a_placeholder_for_a_locator_joins_no_namesakes(office: Any) -> None:
    crowd = [("", f"p{number}@uni.edu", f"PERSON/{number}", "A") for number in range(CROWD)]
    versions = [
        passengers("2026-01-01", ("", "a@uni.edu", "CHEN/WEI", "B"), ("7", "", "", "C"), *crowd),
        passengers("2026-01-05", ("", "b@uni.edu", "CHEN/WEI", "D"), ("07", "", "", "E")),
    ]
    assert marks_left(office, *versions) == [*["A"] * CROWD, "B", "D", "E"]


def test_a_locator_used_again_is_another_booking_for_the_same_traveller_too(office: Any) -> None:
    versions = [
        passengers("2026-01-01", (*ANN, "A"), issued="2024-12-01"),
        passengers("2026-01-02", ("", "ann@uni.edu", "", "B"), issued="2024-12-01"),
        passengers("2026-01-03", (*ANN, "C"), issued="2026-01-01"),
        passengers("2026-01-04", ("", "", "SMITH/ANN", "D"), issued="2026-01-01"),
    ]
    assert marks_left(office, *versions) == ["B", "D"]
    assert office.rows("select distinct booking_issued_date from land.bookings order by 1") == [
        (date(2024, 12, 1),),
        (date(2026, 1, 1),),
    ]


def test_a_rating_without_a_date_holds_from_its_receipt(office: Any) -> None:
    office.contract({"feed": "ratings", "received_at": DATED})
    head = "provider,category,place_type,place,level\n"
    office.put("ratings/20260101.csv", head + "p,overall,country,FR,low\n")
    office.put("ratings/20260102.csv", head + "p,overall,country,FR,high\n")
    office.run()
    assert office.rows("select level, received_at from land.ratings order by 2") == [
        ("low", datetime(2026, 1, 1)),
        ("high", datetime(2026, 1, 2)),
    ]


def test_rows_may_carry_their_own_receipt(office: Any) -> None:
    constants = {name: {"constant": value} for name, value in (("provider", "p"), ("category", "overall"))}
    columns = {**constants, "place_type": {"constant": "country"}, "place": {"aliases": ["destination"]}, "level": {}}
    office.contract({"feed": "ratings", "received_at": {"column": "seen"}, "columns": columns})
    office.put("ratings/a.csv", "seen,destination,level\n2026-01-01T00:00-07:00,FR,1\n2026-02-01T00:00Z,FR,2\nx,FR,3\n")
    office.run()
    assert office.rows("select level, received_at from land.ratings order by 1") == [
        ("1", datetime(2026, 1, 1, 7)),
        ("2", datetime(2026, 2, 1)),
    ]
    assert office.one("select reason from land.rejected_record").startswith("seen is missing or not an instant")
    office.run(datetime(2026, 1, 15))
    assert office.rows("select level from land.ratings") == [("1",)]
    assert office.one("select received_at from land.file") == datetime(2026, 1, 1, 7)


def test_the_receipt_may_be_a_canonical_column_under_its_alias(office: Any) -> None:
    constants = {name: {"constant": value} for name, value in (("provider", "p"), ("category", "overall"))}
    columns = {**constants, "place_type": {"constant": "country"}, "valid_from": {"aliases": ["seen"]}}
    office.contract({"feed": "ratings", "received_at": {"column": "valid_from"}, "columns": columns})
    office.put("ratings/a.csv", "Seen,place\n2026-01-01T00:00-07:00,FR\n")
    office.run()
    assert office.rows("select valid_from = received_at, received_at from land.ratings") == [
        (True, datetime(2026, 1, 1, 7))
    ]


def test_several_feeds_fill_one_table_and_do_not_replace_each_other(office: Any) -> None:
    office.contract({"feed": "students", "table": "people", "columns": {"person_id": {"aliases": ["Matric"]}}})
    office.put("people/a.csv", roster(1))
    office.put("students/a.csv", "Matric\np1\n")
    office.run()
    assert office.rows("select feed, person_id from land.people order by 1") == [("people", "p1"), ("students", "p1")]


def test_every_table_exists_without_any_file(office: Any) -> None:
    office.run()
    for table in ("people", "registrations", "bookings", "expenses", "ratings", "reviews", "alerts"):
        assert office.one(f"select count(*) from land.{table}") == 0
    assert office.one("select count(*) from land.feed") == len(office.contracts())


def test_the_same_landed_files_give_the_same_rows(dated_people: Any) -> None:
    dated_people.put("people/20260101.csv", roster(1, 2))
    dated_people.put("people/20260108.csv", roster(2, 3))
    dated_people.run()
    first = dated_people.rows("select * from land.people order by all")
    dated_people.run()
    assert dated_people.rows("select * from land.people order by all") == first
