"""Whose a record is, whatever the spelling, and whose it is not: what is erased with a person, and what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.erasure.forget import Forgotten, forget
from pipelines.reports.week import issue
from pipelines.settings import Home

from .small import person, put, rows, run, start

BAD = {"starts_local": "2026-10-41", "ends_local": "2026-10-05"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = start(tmp_path_factory.mktemp("whose") / "home")
    people = [
        person("00201", "Zqana Wxsilva", "zqana1@u.edu"),
        person("00202", "Zqana Wxsilva", "zqana2@u.edu"),
        person("00301", "Qörbert Fgmüller", "qorb@u.edu"),
        person("00402", "Trips Lead", "lead@u.edu"),
        person("00403", "Lab Account", "qorb+lab@u.edu"),
    ]
    put(home, "people", "p.csv", *people)
    trips = [
        {"trip_id": "TR1", "traveller_email": "qorb+trip@u.edu"},
        {"trip_id": "TR:2", "person_id": "00301", "starts_local": "2026-10-01", "ends_local": "2026-10-05"},
        {"trip_id": "TR3", "traveller_email": "lead@u.edu", "trip_name": "ask Qorb+Desk@u.edu or qorb+lab@u.edu"},
        {"trip_id": "TR:2", "trip_name": "MINE-COLON"} | BAD,
        {"trip_id": "2", "traveller_email": "lead@u.edu", "trip_name": "OTHERS-KEY"} | BAD,
        {"trip_id": "RJ9", "traveller_email": "qorb+x9@u.edu", "trip_name": "MINE-PLUS"} | BAD,
        {"trip_id": "RJ8", "traveller_email": "zqana1@u.edu", "traveller_name": "Zqana Wxsilva",
         "trip_name": "OTHERS-NAMESAKE"} | BAD,
        {"trip_id": "RJ7", "traveller_name": "Zqana Wxsilva", "trip_name": "OTHERS-DOUBT"} | BAD,
        {"trip_id": "RJ6", "traveller_email": "qorb+lab@u.edu", "trip_name": "OTHERS-LAB"} | BAD,
    ]  # fmt: skip
    put(home, "registrations", "r.csv", *trips)
    flight = {"record_locator": "RJ0001", "traveller_name": "FGMUELLER/QOERBERT MR", "carrier_code": "MINE-ASCII"}
    put(home, "bookings", "b.csv", flight | {"starts_local": "2026-13-41T10:00"})
    reviews = [
        {"review_id": "V1", "email": "qorb+rev@u.edu", "approver": "MINE-REVIEW"},
        {"review_id": "V2", "email": "Dr <qorb@u.edu>", "approver": "MINE-ANGLED"},
        {"review_id": "V3", "email": "qorb+lab@u.edu", "approver": "OTHERS-REVIEW"},
    ]
    put(home, "reviews", "v.csv", *reviews)
    run(home)
    return home


@pytest.fixture(scope="module")
def done(home: Home) -> list[Forgotten]:
    return forget(home, ["00202", "qorb@u.edu"])


def texts(home: Home) -> str:
    return "".join(
        path.read_text() for folder in (home.inbox, home.landing) for path in folder.glob("*/*") if is_text(path)
    )


def is_text(path: Path) -> bool:
    return path.suffix in (".csv", "") and path.is_file()


@pytest.mark.usefixtures("done")
def test_what_the_rules_take_for_the_person_goes_in_every_spelling(home: Home) -> None:
    said = texts(home)
    assert "TR3" in said and "MINE-" not in said
    assert not [one for one in ("qorb@", "qorb+trip", "qorb+rev", "qorb+x9", "qorb+desk") if one in said.lower()]
    assert not [one for one in ("Qörbert", "QOERBERT", "zqana2") if one in said]


@pytest.mark.usefixtures("done")
def test_records_of_others_stay(home: Home) -> None:
    said = texts(home)
    for mark in ("OTHERS-KEY", "OTHERS-NAMESAKE", "OTHERS-DOUBT", "OTHERS-LAB", "OTHERS-REVIEW", "or qorb+lab@u.edu"):
        assert mark in said, mark


def test_what_may_be_a_namesakes_is_counted(done: list[Forgotten]) -> None:
    assert [one.doubtful for one in done] == [1, 0]


@pytest.mark.usefixtures("done")
def test_the_same_records_delivered_again_are_blanked_alike(home: Home) -> None:
    trip = {"trip_id": "TR3", "traveller_email": "lead@u.edu", "trip_name": "ask Qorb+Desk@u.edu or qorb+lab@u.edu"}
    put(home, "registrations", "again.csv", trip)
    run(home)
    assert "ask [erased] or qorb+lab@u.edu" in (home.inbox / "registrations" / "again.csv").read_text()


def test_first_issues_lose_the_trip_of_one_of_several_passengers(tmp_path: Path) -> None:
    home = start(tmp_path / "home")
    put(home, "people", "p.csv", person("00402", "Trips Lead", "lead@u.edu"))
    days = {"starts_local": "2026-11-16T10:00", "ends_local": "2026-11-16T20:00"}
    una = {"record_locator": "SHR001", "traveller_name": "ONE/UNA", "traveller_email": "una@x.org"} | days
    tim = una | {"traveller_name": "TWO/TIM", "traveller_email": "tim@x.org", "segment_number": 2}
    put(home, "bookings", "b.csv", una, tim)
    run(home)
    issue(home)
    trips = dict(rows(home, "select email, trip_id from trip join traveller_contact using (traveller_id)"))
    (first,) = (home.reports / "first").glob("*.parquet")
    sql = "select count(*) from read_parquet('{}') where trip_mark = md5_number_lower('{}')"
    for email in ("una@x.org", "tim@x.org"):
        assert rows(home, sql.format(first, trips[email])) != [(0,)]
    forget(home, ["tim@x.org"])
    assert rows(home, sql.format(first, trips["tim@x.org"])) == [(0,)]
    assert rows(home, sql.format(first, trips["una@x.org"])) != [(0,)]
