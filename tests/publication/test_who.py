from __future__ import annotations

import dataclasses
import datetime
import json

import duckdb
import pytest

from pipelines.access_log import log_path, verify
from pipelines.errors import MusterError, UsageError
from pipelines.presence import Near
from pipelines.settings import Home
from pipelines.who import Answer, Question, who


def instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def ids(answer: Answer) -> list[str]:
    return [row[answer.columns.index("traveller_id")] for row in answer.rows]


def column(answer: Answer, name: str) -> list:
    return [row[answer.columns.index(name)] for row in answer.rows]


def test_now_lists_extreme_first_and_unknown_last(published: Home) -> None:
    answer = who(published, "duty", Question())
    assert ids(answer) == ["t_cat", "t_ann", "t_bob"]
    assert column(answer, "risk_level") == [5, 3, None]
    assert column(answer, "full_name") == ["Name of t_cat", "Name of t_ann", "Name of t_bob"]
    assert column(answer, "until_at") == [None, instant("2026-11-25"), instant("2026-11-30")]


def test_notes_say_what_is_not_known_overdue_left_out_invented_and_stale(published: Home) -> None:
    notes = " ".join(who(published, "analyst", Question()).notes)
    for part in (
        "not known is not low",
        "1 traveller overdue",
        "1 in transit",
        "INVENTED",
        "'bookings' is stale",
        "never came: alerts",
    ):
        assert part in notes
    assert "'people'" not in notes


def test_nobody_is_said_to_be_nobody(published: Home) -> None:
    long_ago = instant("2001-01-01")
    for question in (Question(at=long_ago), Question(at=long_ago, near=Near(-80.0, 0.0, 1.0))):
        answer = who(published, "analyst", question)
        assert not answer.rows and answer.notes[0] == "0 travellers listed."


def test_another_time_says_what_it_is_told_by(published: Home) -> None:
    def notes(role: str = "duty", **asked: datetime.datetime) -> str:
        return " ".join(who(published, role, Question(**asked)).notes)

    before = notes(at=instant("2024-01-01"))
    assert "What is published begins on 2025-11-20 00:00 UTC" in before and "does not mean that nobody was" in before
    assert "which may be more than was known then" in notes(at=instant("2025-11-21"))
    later = notes(at=instant("2026-12-21"))
    assert "By plans as known now; whoever books later is not in it." in later
    assert "whoever books later" in notes(from_at=instant("2026-11-01"), to_at=instant("2026-12-01"))
    now = notes()
    assert not any(part in now for part in ("whoever books", "known then", "is published begins"))


def test_people_without_a_contact_outside_the_days_of_duty_are_explained(published: Home) -> None:
    path = (published.root / "published" / "current").resolve() / "duty.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("delete from mart.traveller_contact where traveller_id = 't_fay'")
    told = "No name or phone of 1 traveller: the role duty has those of people in place from 30 days before to 14 days"
    assert any(note.startswith(told) for note in who(published, "duty", Question(at=instant("2026-12-21"))).notes)
    assert not any(note.startswith("No name") for note in who(published, "duty", Question()).notes)
    assert not any("No name" in note for note in who(published, "analyst", Question(at=instant("2026-12-21"))).notes)


def test_unknown_level_passes_every_minimum(published: Home) -> None:
    assert ids(who(published, "analyst", Question(min_level=5))) == ["t_cat", "t_bob"]


def test_include_adds_transit_and_home(published: Home) -> None:
    assert "t_eve" in ids(who(published, "analyst", Question(include=("transit",))))
    answer = who(published, "analyst", Question(include=("home",)))
    assert ids(answer)[-1] == "t_gus"
    assert "home" in column(answer, "rating_status")[-1]


def test_country_filter_counts_what_it_cannot_judge(published: Home) -> None:
    answer = who(published, "analyst", Question(country_code="ke"))
    assert ids(answer) == ["t_ann"]
    assert any("could not be compared" in note for note in answer.notes)


def test_near_a_point(published: Home) -> None:
    assert ids(who(published, "analyst", Question(near=Near(-1.3, 36.8, 10)))) == ["t_ann"]
    assert ids(who(published, "analyst", Question(near=Near(-1.3, 38.8, 10)))) == []


@pytest.mark.parametrize(
    ("there", "near"),
    [((-17.0, 179.99), Near(-17.0, -179.99, 10)), ((-89.99, 10.0), Near(-89.99, -170.0, 10))],
    ids=["across the date line", "across the pole"],
)
def test_near_a_point_where_longitudes_begin_anew(published: Home, there: tuple[float, float], near: Near) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("alter table mart.stay alter longitude type double")
        con.execute("update mart.stay set latitude = $1, longitude = $2 where stay_id = 's1'", list(there))
    assert ids(who(published, "analyst", Question(at=instant("2026-11-23"), near=near))) == ["t_ann"]


@pytest.mark.parametrize("half", ["latitude", "longitude"])
def test_near_a_point_counts_who_has_half_a_position(published: Home, half: str) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute(f"update mart.stay set {half} = null where stay_id = 's1'")
    notes = who(published, "analyst", Question(at=instant("2026-11-23"), near=Near(50.0, 90.0, 10))).notes
    assert any(note.startswith("2 travellers at a place without") for note in notes)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("near", [None, Near(39.3, -76.6, 5)])
@pytest.mark.parametrize("to_at", [None, instant("2026-11-24")])
def test_who_is_at_home_is_listed_where_home_counts(
    published: Home, counts: bool, near: Near | None, to_at: datetime.datetime | None
) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("update mart.publication set count_home = $1", [counts])
        if counts:  # then exposure holds stays at home, too (S9); that of t_gus has no end
            con.execute(
                """
                insert into mart.open_exposure by name
                select stay_id, traveller_id, timestamp '2026-11-22 08:00:00' as starts_at, 2 as risk_level,
                    'rated' as rating_status
                from mart.stay where is_home
                """
            )
    at = instant("2026-11-23")
    asked = Question(from_at=at, to_at=to_at, near=near) if to_at else Question(at=at, near=near)
    assert ("t_gus" in ids(who(published, "analyst", asked))) == counts
    assert "t_gus" in ids(who(published, "analyst", dataclasses.replace(asked, include=["home"])))


@pytest.mark.parametrize("at", [None, instant("2026-11-23")])
def test_near_a_point_counts_who_has_no_position(published: Home, at: datetime.datetime | None) -> None:
    for question in (
        Question(at=at, near=Near(-1.3, 36.8, 10)),
        Question(at=at, near=Near(-1.3, 36.8, 20_030)),
        Question(at=at, near=Near(-1.3, 36.8, 10), country_code="KE"),
    ):
        answer = who(published, "analyst", question)
        assert "t_bob" not in ids(answer), "half the globe away is no answer either"
        assert any(note.startswith("1 traveller at a place without") for note in answer.notes)


def test_near_a_point_says_whom_it_compares_by_the_largest_city_of_a_country(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("update mart.stay set precision = 'country' where stay_id in ('s3', 's6')")
        con.execute("update mart.stay set precision = 'country', country_code = 'YUCS' where stay_id = 's2'")
    said = "known only by country or region"
    notes = who(published, "analyst", Question(near=Near(-1.3, 36.8, 10))).notes
    assert [note for note in notes if said in note] == [
        "1 traveller known only by country or region (UA): not near by its largest city alone, and may be near all the "
        "same; --country lists them."
    ]
    for question in (
        Question(near=Near(-1.3, 36.8, 10), country_code="KE"),
        Question(near=Near(50.4, 30.5, 100)),  # listed
    ):
        assert not [note for note in who(published, "analyst", question).notes if said in note]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-11-22", [("t_dan", 3)]),  # the past
        ("2026-11-23", [("t_cat", 5), ("t_ann", 4), ("t_bob", None)]),  # the bound of two pieces belongs to the later
        ("2026-11-25", [("t_cat", 5), ("t_bob", None)]),  # half-open: gone at its end
        ("2026-12-22", [("t_cat", 5), ("t_fay", 2)]),  # planned; and an open stay is still open
    ],
)
def test_other_instants(published: Home, at: str, expected: list[tuple[str, int | None]]) -> None:
    answer = who(published, "analyst", Question(at=instant(at)))
    assert list(zip(ids(answer), column(answer, "risk_level"), strict=True)) == expected


def test_a_period_takes_the_highest_level_in_it(published: Home) -> None:
    answer = who(published, "analyst", Question(from_at=instant("2026-11-22"), to_at=instant("2026-11-24")))
    levels = dict(zip(ids(answer), column(answer, "risk_level"), strict=True))
    assert levels == {"t_cat": 5, "t_ann": 4, "t_bob": None}


@pytest.mark.parametrize(
    ("statuses", "gravest"),
    [
        (("evacuate_full", "none"), "evacuate_full"),
        (("standby", "evacuate_nonessential"), "evacuate_nonessential"),
        ((None, "standby"), "standby"),
        (("evacuate_nonessential", None), "evacuate_nonessential"),
        (("none", "none"), None),
        ((None, None), None),
    ],
)
def test_a_period_takes_the_gravest_evacuation_status_in_it(
    statuses: tuple[str | None, str | None], gravest: str | None, published: Home
) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        for day, status in zip(("2026-11-20", "2026-11-23"), statuses, strict=True):
            sql = "update mart.exposure set evacuation_status = ? where stay_id = 's1' and starts_at = ?::timestamp"
            con.execute(sql, [status, day])
    answer = who(published, "analyst", Question(from_at=instant("2026-11-22"), to_at=instant("2026-11-24")))
    assert dict(zip(ids(answer), column(answer, "evacuation_status"), strict=True))["t_ann"] == gravest


def test_a_minimum_level_says_who_may_be_at_it_inside_a_country(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("update mart.stay set precision = 'country', place_name = 'Kenya' where stay_id = 's1'")
        for table in ("exposure", "current_exposure"):
            con.execute(f"update mart.{table} set worst_case_level = 5 where stay_id = 's1'")
    said = (
        "1 traveller known only by country (KE): below level 5 by the country's own level, yet something rated inside "
        "it is at 5 or higher; --country KE lists them."
    )
    now, week = instant("2026-11-22 08:00"), {"from_at": instant("2026-11-22"), "to_at": instant("2026-11-24")}
    for question in (
        Question(min_level=5),
        Question(min_level=5, at=now - datetime.timedelta(hours=1)),
        Question(min_level=5, **week),
        Question(min_level=5, country_code="KE"),
        Question(min_level=5, near=Near(-1.3, 36.8, 10)),
    ):
        answer = who(published, "analyst", question)
        assert "t_ann" not in ids(answer) and said in answer.notes, question
    for question in (Question(min_level=3), Question(min_level=5, country_code="UA"), Question()):
        assert not [note for note in who(published, "analyst", question).notes if "something rated inside" in note]
    elsewhere = who(published, "analyst", Question(min_level=5, near=Near(-4.1, 39.7, 10))).notes
    assert any("not near by its largest city alone" in note for note in elsewhere), "may be there, and at 5"


def test_a_look_at_names_is_logged_before_it_is_shown(published: Home) -> None:
    who(published, "analyst", Question())
    assert not log_path(published).exists()
    who(published, "duty", Question(country_code="KE"))
    who(published, "steward", Question())
    lines = [json.loads(line) for line in log_path(published).read_text().splitlines()]
    assert [line["traveller_ids"] for line in lines] == [["t_ann"], ["t_ann", "t_bob", "t_cat"]]
    assert "Name of" not in log_path(published).read_text()
    assert oct(log_path(published).stat().st_mode & 0o777) == "0o600"
    assert verify(published).problem is None


def test_without_a_log_no_names_are_shown(published: Home) -> None:
    log_path(published).mkdir(parents=True)
    with pytest.raises(MusterError, match="no names are shown"):
        who(published, "duty", Question())
    assert ids(who(published, "analyst", Question()))


@pytest.mark.parametrize(
    "question",
    [
        Question(from_at=instant("2026-11-22")),
        Question(from_at=instant("2026-11-22"), to_at=instant("2026-11-22")),
        Question(at=instant("2026-11-22"), from_at=instant("2026-11-22"), to_at=instant("2026-11-23")),
        Question(min_level=6),
        Question(country_code="Kenya"),
        Question(include=("cruise",)),
        Question(at=datetime.datetime.max),
    ],
)
def test_contradictory_questions_are_wrong_use(published: Home, question: Question) -> None:
    with pytest.raises(UsageError):
        who(published, "duty", question)


def test_a_stay_without_an_end_is_overdue_after_its_time_also_where_that_is_yet_to_come(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute(
            """
            update mart.stay set presence = 'likely', starts_at = '2026-11-20', since_at = '2026-11-20'
            where stay_id = 's3'
            """
        )
    told = {}
    for day in ("2026-12-19", "2026-12-20"):
        answer = who(published, "analyst", Question(at=instant(day)))
        told[day] = dict(zip(ids(answer), column(answer, "presence"), strict=True))["t_cat"]
    assert told == {"2026-12-19": "likely", "2026-12-20": "overdue"}


def test_a_lodging_without_an_end_is_overdue_after_its_time_too_and_has_no_end(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute(
            """
            update mart.stay
            set presence = 'confirmed', starts_at = '2026-11-20', since_at = '2026-11-20', until_at = '2027-02-01'
            where stay_id = 's3'
            """
        )
    answer = who(published, "analyst", Question(at=instant("2026-12-20")))
    at = ids(answer).index("t_cat")
    assert (column(answer, "presence")[at], column(answer, "until_at")[at]) == ("overdue", None)


def test_a_rejected_record_of_a_trip_is_said_whether_or_not_its_traveller_is_listed(published: Home) -> None:
    def said(**asked: datetime.datetime) -> str:
        return " ".join(who(published, "analyst", Question(country_code="JP", **asked)).notes)

    assert "rejected" not in said() and "could be read" not in said()
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("update mart.trip set is_incomplete = true where traveller_id = 't_ann'")
        con.execute("update mart.data_quality set check_name = 'every_trip_kept_a_record', failing_rows = 2")
    for asked in ({}, {"at": instant("2026-12-05")}):
        assert "A record of a trip of 1 traveller was rejected" in said(**asked)
        assert "No record of 2 trips (registration, booking or expense report) could be read" in said(**asked)
    assert "was rejected" not in said(at=instant("2025-01-01")) and "No record of 2 trips" in said()
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("update mart.trip set trip_status = 'cancelled' where traveller_id = 't_ann'")
    assert "was rejected" not in said()


def test_a_stay_away_that_has_no_exposure_is_still_listed_at_an_unknown_level(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("delete from mart.exposure where stay_id = 's6'")
    answer = who(published, "analyst", Question(at=instant("2026-12-22"), min_level=4))
    assert "t_fay" in ids(answer)


def test_an_open_stay_keeps_the_level_that_is_in_force_at_as_of(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute("update mart.exposure set risk_level = 2 where stay_id = 's3'")  # its level until just before as_of
    for question in (
        Question(at=instant("2026-11-23")),
        Question(at=instant("2026-11-23"), near=Near(0, 0, 20_000)),
        Question(from_at=instant("2026-11-21"), to_at=instant("2026-11-24")),
    ):
        answer = who(published, "analyst", question)
        assert dict(zip(ids(answer), column(answer, "risk_level"), strict=True))["t_cat"] == 5


def test_an_open_stay_has_the_level_that_is_known_to_begin_later(published: Home) -> None:
    with duckdb.connect(str(published.published / "current" / "analyst.duckdb")) as con:
        con.execute(
            """
            update mart.open_exposure set ends_at = '2026-11-25' where stay_id = 's3';
            insert into mart.open_exposure by name
            select * replace (timestamp '2026-11-25' as starts_at, null as ends_at, 2 as risk_level)
            from mart.open_exposure where stay_id = 's3'
            """
        )

    def level(question: Question) -> int:
        answer = who(published, "analyst", question)
        return dict(zip(ids(answer), column(answer, "risk_level"), strict=True))["t_cat"]

    assert [level(Question(at=instant(day))) for day in ("2026-11-24", "2026-11-25", "2027-11-25")] == [5, 2, 2]
    assert level(Question(from_at=instant("2026-11-24"), to_at=instant("2026-11-26"))) == 5
    assert level(Question(from_at=instant("2026-11-25"), to_at=instant("2026-11-26"))) == 2
