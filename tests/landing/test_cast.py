"""Typed values: formats, zones, choices, templates, repeated groups and variants; three ways to read agree."""

import csv
import shutil
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.landing import parse, stage
from pipelines.landing.store import land_inbox


def contract(columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    given_columns = {"id": {"required": True}, **columns}
    return {"feed": "things", "mode": "upsert", "key": ["id"], "rhythm_days": 1, "columns": given_columns, **more}


def values(office: Any, kind: str, texts: list[str], **more: Any) -> list[Any]:
    """The typed value of each text, 'rejected' where it is none."""
    top = {key: more.pop(key) for key in ("decimal_separator",) if key in more}
    office.contract(contract({"value": {"type": kind, **more}}, **top))
    out = StringIO()
    csv.writer(out).writerows(
        [["id", "value"], ["ok", ""], *([str(number), text] for number, text in enumerate(texts))]
    )
    office.put("things/a.csv", out.getvalue())
    office.run()
    found = dict(office.rows("select id, value from land.things"))
    return [found.get(str(number), "rejected") for number in range(len(texts))]


def test_dates_follow_the_declared_format_alone(office: Any) -> None:
    texts = ["03/04/2026", "3/4/2026", "2026-04-03", "31/02/2026", "03/04/26"]
    found = values(office, "date", texts, date_format="%d/%m/%Y")
    assert [str(value) for value in found] == ["2026-04-03", "2026-04-03", "rejected", "rejected", "rejected"]


def test_dates_may_name_the_month(office: Any) -> None:
    found = values(office, "date", ["3 Apr 2026", "3 April 2026", "03 May 2026"], date_format="%d %b %Y")
    assert [str(value) for value in found] == ["2026-04-03", "rejected", "2026-05-03"]


@pytest.mark.parametrize(
    ("date_format", "day"), [("%Y-%m-%d", "2026-03-01"), ("%d/%m/%Y", "01/03/2026"), ("%d %B %Y", "1 March 2026")]
)
def test_instants_honour_an_offset_and_else_take_the_declared_zone(office: Any, date_format: str, day: str) -> None:
    texts = [f"{day}T10:00Z", f"{day} 10:00:30+05:30", f"{day}T23:00-0500", f"{day}T10:00:00.5", day, f"{day}T25:00"]
    found = values(office, "instant", texts, date_format=date_format, time_zone="America/New_York")
    assert found == [
        datetime(2026, 3, 1, 10),
        datetime(2026, 3, 1, 4, 30, 30),
        datetime(2026, 3, 2, 4),
        datetime(2026, 3, 1, 15, 0, 0, 500000),
        datetime(2026, 3, 1, 5),
        "rejected",
    ]


def test_an_ambiguous_instant_is_the_earlier_and_a_nonexistent_one_moves_forward(office: Any) -> None:
    texts = ["2026-10-25T01:30", "2026-03-29T01:30", "2026-07-01T12:00"]
    found = values(office, "instant", texts, time_zone="Europe/London")
    # 01:30 first happened in summer time; 01:30 in March did not happen and becomes 02:30 summer time.
    assert found == [datetime(2026, 10, 25, 0, 30), datetime(2026, 3, 29, 1, 30), datetime(2026, 7, 1, 11)]


@pytest.mark.parametrize(("date_format", "day"), [("%Y-%m-%d", "2026-03-01"), ("%m/%d/%Y", "03/01/2026")])
def test_local_times_keep_the_clock_on_the_wall(office: Any, date_format: str, day: str) -> None:
    texts = [f"{day}T10:00", day, f"{day} 10:00:00+09:00", "10:00"]
    found = values(office, "local_time", texts, date_format=date_format)
    assert found == [datetime(2026, 3, 1, 10), datetime(2026, 3, 1), datetime(2026, 3, 1, 10), "rejected"]
    assert office.rows("select value_has_time from land.things where value is not null order by id") == [
        (True,),
        (False,),
        (True,),
    ]


def test_numbers_booleans_choices_and_lists(office: Any) -> None:
    assert values(office, "integer", ["7", "-7", "7.0", "1e3", "x"]) == [7, -7, "rejected", "rejected", "rejected"]
    assert values(office, "boolean", ["TRUE", "no", "1", "perhaps"]) == [True, False, True, "rejected"]
    choice = {"values": ["active", "cancelled"], "value_aliases": {"Approved": "active"}}
    assert values(office, "choice", ["ACTIVE", "approved", "other"], **choice) == ["active", "active", "rejected"]
    assert values(office, "list", ["a; b ;;", "c"]) == [["a", "b"], ["c"]]
    assert values(office, "decimal", ["1,5", "1.5"], decimal_separator=",") == [1.5, 1.5]


def test_constants_defaults_and_templates(office: Any) -> None:
    columns = {
        "kind": {"constant": True},
        "level": {"default": "low", "aliases": ["Level"]},
        "place": {"template": "{City}, {Region} - {Country}"},
    }
    office.contract(contract(columns))
    office.put("things/a.csv", "id,Level,City,Region,Country\n1,,Lyon,,FR\n2,high,,,FR\n3,,,,\n4,,Bath,Avon,\n")
    office.run()
    assert office.rows("select kind, level, place from land.things order by id") == [
        ("true", "low", "Lyon - FR"),
        ("true", "high", "FR"),
        ("true", "low", None),
        ("true", "low", "Bath, Avon"),
    ]


def test_a_repeated_group_becomes_rows_and_leaves_out_empty_ones(office: Any) -> None:
    columns = {
        "place": {"template": "{City_#}, {Country_#}", "repeat": 3},
        "day": {"type": "date", "aliases": ["Day #"], "repeat": 3},
    }
    office.contract(contract(columns))
    office.put(
        "things/a.csv",
        "id,City_1,Country_1,Day 1,City_2,Country_2,Day 2\n1,A,X,2026-01-01,B,Y,\n2,,,,C,Z,\n3,,,,,,\n4,A,X,,B,Y,bad\n",
    )
    office.run()
    assert office.rows("select id, repetition, place from land.things order by all") == [
        ("1", 1, "A, X"),
        ("1", 2, "B, Y"),
        ("2", 2, "C, Z"),
        ("3", 1, None),
    ]
    assert office.rows("select records, loaded, rejected from land.file") == [(4, 3, 1)]


def test_the_first_variant_whose_headers_are_present_is_used(office: Any) -> None:
    office.contract(
        contract(
            {"day": {"type": "date", "aliases": ["Day"]}},
            variants=[
                {"when_header": ["Old Day", "Extra"], "columns": {"day": {"aliases": ["Old Day"]}}},
                {"when_header": ["old_day"], "date_format": "%d/%m/%Y", "columns": {"day": {"aliases": ["Old Day"]}}},
            ],
        )
    )
    office.put("things/1.csv", "id,Day\n1,2026-01-31\n")
    office.put("things/2.csv", "id,Old Day\n2,31/01/2026\n")
    office.put("things/3.csv", "id,Old Day,Extra\n3,2026-01-31,\n")
    office.run()
    assert office.rows("select distinct day::varchar from land.things") == [("2026-01-31",)]
    assert office.one("select count(*) from land.things") == 3


FIELD = st.one_of(
    st.sampled_from(
        ["", " ", "1", "2026-03-01", "2026-3-1", "x", "01", "é ", '"', "a,b", "a\nb", "#", "NULL", "\u00a0"]
    ),
    st.text(st.sampled_from('ab",\n\r é1-'), max_size=6),
)


@example(rows=[["1\r\n1", "", ""], ["2", "", ""]], broken=['"'], line_end="\r\n")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(FIELD, min_size=2, max_size=4), min_size=1, max_size=12),
    broken=st.lists(st.sampled_from(['"', ",", "\n", "\r\n", 'a,"b"c,d\n', "1,2,3\n"]), max_size=3),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_three_ways_to_read_a_file_agree(office: Any, rows: list[list[str]], broken: list[str], line_end: str) -> None:
    text = StringIO(newline="")
    csv.writer(text, lineterminator=line_end).writerows([["id", "name", "day"], *rows])
    shutil.rmtree(office.home.root)
    office.home.prepare()
    office.contract(contract({"name": {}, "day": {"type": "date"}}))
    office.put("things/a.csv", text.getvalue() + "".join(broken))
    contracts = office.contracts()
    [landed] = land_inbox(office.home, contracts)
    work = Path(office.home.landing / "work")
    work.mkdir()
    staged = stage.Staged(office.home, landed, contracts["things"])
    with parse.staging_connection(work, 1.0) as con:
        groups = stage.Groups(con, office.home, work)
        answers = [snapshot(con, staged, [*groups.add(staged), *groups.flush()][0])]
        answers.append(snapshot(con, staged, stage.stage_one(con, office.home, staged, work)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parse, "_csv_source", lambda *_: "(select null as c0 where false)")
            patch.setattr(stage, "read_typed", slow)
            answers.append(snapshot(con, staged, stage.stage_one(con, office.home, staged, work)))
    assert answers[0] == answers[1] == answers[2]


def slow(con: duckdb.DuckDBPyConnection, prepared: parse.Prepared, work: Path) -> tuple[Path, int]:
    return parse.read_typed(con, prepared, work, force_slow=True)


def snapshot(con: duckdb.DuckDBPyConnection, staged: stage.Staged, account: stage.Account) -> list[Any]:
    """All that was staged of one file."""
    answer: list[Any] = [account.status, account.records, account.loaded, account.rejected, account.blank]
    if account.staged_bytes:
        answer += con.execute(f"select * from '{staged.rows}' order by record_number").fetchall()
        answer += sorted(con.execute(f"describe from '{staged.rows}'").fetchall())
    if account.rejected_bytes:
        answer += con.execute(f"select * from '{staged.rejected}' order by record_number").fetchall()
    for path in (staged.rows, staged.rejected, staged.account_file):
        path.unlink(missing_ok=True)
    return [tuple(sorted(map(str, each))) if isinstance(each, tuple) else each for each in answer]
