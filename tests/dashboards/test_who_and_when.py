"""Now at another instant, and a person's page: the same people as ``muster who``, by the same evidence."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboards import data, parts, words
from dashboards.data import incident, now, person
from dashboards.data.incident import Place
from dashboards.data.now import Filters
from pipelines.settings import Home
from pipelines.who import Question, who
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import looks, run, text

KYIV = Place("703448", "city", "Kyiv", "resolved", "UA", "UA-30", 50.45, 30.52)


@pytest.mark.parametrize(
    ("role", "days"), [*(("duty", days) for days in (-40, -3, -0.2, 0, 0.2, 2.5, 13)), ("analyst", 0), ("steward", 7)]
)
def test_the_page_lists_whom_the_command_lists(
    role: str, days: float, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(home, monkeypatch, role)
    at = fixture.AS_OF + timedelta(days=days)
    # First the command: the dashboard's connection to the same file is locked for the whole process.
    answer = who(Home(home), role, Question(at=at, include=("transit", "en_route")))
    shown = data.publication()
    names = ("traveller_id", "place_name", "presence", "risk_level", "since_at", "until_at", "weight")
    places = [answer.columns.index(name) for name in names]
    listed = [
        row
        for group in ("present", "possible", "overdue", "moving")
        for row in now.people(shown, at, group, Filters(), 10_000)
    ]
    unknown = now.people(shown, at, "unknown", Filters(), 10_000)
    # The list "level unknown" repeats who is possible or overdue there; who is present there is in it alone.
    listed += [row for row in unknown if row["presence_group"] == "present"]
    key = [tuple(str(row[name]) for name in names) for row in listed]
    assert sorted(key) == sorted(tuple(str(row[place]) for place in places) for row in answer.rows)
    counts = now.headline(shown, at)
    assert counts["everybody"] == len({row[places[0]] for row in answer.rows})


def test_the_instant_can_be_moved(at_home: Path) -> None:
    app = run()
    app.radio[0].set_value("Another time").run()
    assert app.title[0].value.startswith("Who was at risk "), "the time offered first is this hour"
    app.date_input[0].set_value("2026-11-20").run()
    assert not app.exception
    assert app.title[0].value == "Who will be at risk on Fri 20 Nov 09:00 GMT"
    body = text(app)
    assert "in 8 days." in body and "whoever books later is not in it" in body
    assert 'Overdue</div><div class="m-card-figure">2<' in body
    assert app.subheader[0].value.startswith("There then, in Extreme and High places: 5")
    app.date_input[0].set_value("2026-09-20").run()
    assert app.title[0].value == "Who was at risk on Sun 20 Sep 09:00 BST"
    assert "Names reach 30 days back" in text(app) and "No traveller is away." in text(app)
    app.date_input[0].set_value("2027-03-01").run()
    assert not app.exception
    body = text(app)
    assert "2027-03-01 is outside the days that can be asked about." in body
    assert "Choose a day from 2025-11-11 to 2026-11-26" in body
    assert not app.subheader and 'class="m-card-figure"' not in body and app.title[0].value == "Who is at risk"


@pytest.mark.parametrize(
    ("hours", "title"),
    [(1, "Who is at risk now"), (30, "Who was at risk 30 hours ago"), (86, "Who was at risk 4 days ago")],
)
def test_the_title_says_how_old_the_state_is_as_the_command_does(
    hours: int, title: str, at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "now", lambda: fixture.AS_OF + timedelta(hours=hours))
    monkeypatch.setattr("pipelines.notes.now", lambda: fixture.AS_OF + timedelta(hours=hours))
    notes = who(Home(at_home), "analyst", Question()).notes
    assert run().title[0].value == title
    said = title.removeprefix("Who was at risk ")
    assert [note for note in notes if note.startswith("This is the state")] == (
        [f"This is the state {said}; 'muster run' makes it that of now."] if hours > 26 else []
    )


def test_evidence_is_in_words(at_home: Path) -> None:
    assert "by registration and booking" in text(run())
    assert words.evidence(None) == "no evidence named"
    assert words.evidence(["expenses:a:1", "<b>:x:1", "registrations:x:2"]) == "by registration, expense and <b>"


def test_the_same_instants_stand_on_every_page_and_in_the_contact_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fixture.write_generation(tmp_path)
    key = "t_0000000000000002"
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        for table in ("mart.stay", "mart.current_exposure"):
            con.execute(
                f"update {table} set since_at = timestamp '2026-07-11 10:00', until_at = timestamp '2026-12-20 11:00' "
                "where traveller_id = ?",
                [key],
            )
    use(tmp_path, monkeypatch)
    monkeypatch.setattr(incident, "find_places", lambda _: [KYIV])
    now_page, person_page = text(run()), text(open_person(key))
    app = run("views/incident.py")
    app.text_input(key="place").set_value("Kyiv").run()
    for body in (now_page, person_page, text(app)):
        row = next(one for one in body.split("<tr>") if "Sat 11 Jul 11:00 BST" in one)
        assert "Sun 20 Dec 11:00 GMT" in row
    assert "this part from" in person_page and "this part until" in person_page
    app.button(key="contacts-make").click().run()
    rows = list(csv.reader(io.StringIO(app.session_state["contacts-file"][1].decode("utf-8-sig"), newline="")))
    found = next(dict(zip(rows[1], row, strict=True)) for row in rows[2:] if key in row)
    assert found["since_at"].startswith("2026-07-11T10:00") and found["until_at"].startswith("2026-12-20T11:00")


def open_person(traveller_id: str) -> AppTest:
    app = run("views/person.py")
    app.query_params["traveller"] = traveller_id
    app.run()
    assert not app.exception
    return app


def test_a_person_has_a_timeline_and_the_look_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    app = open_person("t_0000000000000002")
    body = text(app)
    assert "Chidi" in app.title[0].value and "tel:+442079460002" in body
    assert "Kyiv" in body and "There (confirmed)" in body and "5 Extreme" in body and "trip2" in body
    last = looks(tmp_path)[-1]
    assert last["action"] == "dashboard person" and last["traveller_ids"] == ["t_0000000000000002"]


def test_a_person_is_hidden_where_the_log_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    (tmp_path / "logs" / "access.log").mkdir()
    use(tmp_path, monkeypatch)
    body = text(open_person("t_0000000000000002"))
    assert "This person&#x27;s page is hidden." in body and "Kyiv" not in body


def test_a_person_is_found_by_a_part_of_the_name_and_the_text_is_not_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    app = run("views/person.py")
    assert "Nobody chosen." in text(app)
    app.text_input[0].set_value("ch").run()
    assert "at least three letters" in text(app)
    app.text_input[0].set_value("CASTILLO").run()
    assert not app.exception
    assert "Chidi Castillo" in text(app) and "person?traveller=t_0000000000000002" in text(app)
    assert "castillo" not in json.dumps(looks(tmp_path)).lower()
    app.text_input[0].set_value("nobody of that name").run()
    assert "Nobody found." in text(app)


def test_an_analyst_finds_by_key_only_and_sees_no_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, "analyst")
    shown = data.publication()
    assert person.search(shown, "Castillo") == []
    app = open_person("t_0000000000000002")
    assert app.title[0].value == "Person"
    assert "Kyiv" in text(app) and "Castillo" not in text(app) and "tel:" not in text(app)


def test_a_key_that_nobody_has(at_home: Path) -> None:
    assert "holds no such person" in text(open_person("t_<script>"))


@pytest.mark.parametrize("number", range(1, 20, 2))
def test_a_hostile_name_is_text_in_a_heading(number: int, at_home: Path) -> None:
    heading = open_person(f"t_{number:016x}").title[0].value
    unescaped = [c for i, c in enumerate(heading) if c in "<>[]*_`$:" and heading[i - 1] != "\\"]
    assert heading != "Person" and unescaped == []


def test_a_publication_of_a_version_before_a_column_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    for path in (tmp_path / "published" / "current").glob("*.duckdb"):
        with duckdb.connect(str(path)) as con:
            con.execute("alter table mart.stay drop column since_at")
            con.execute("alter table mart.stay drop column until_at")
    use(tmp_path, monkeypatch)
    app = run()
    app.radio[0].set_value("Another time").run()
    app.date_input[0].set_value("2026-11-20").run()
    assert not app.exception
    body = text(app)
    assert "This page cannot be shown." in body and "made by another version of Muster" in body
    assert "BinderException" not in body and "since_at" not in body
