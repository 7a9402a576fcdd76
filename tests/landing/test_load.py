"""Modes, versions, parts, the 30 % guard and known_at: which rows are in force (F4, F5)."""

from datetime import date, datetime
from typing import Any

import pytest

from pipelines import landing
from pipelines.errors import MusterError

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
