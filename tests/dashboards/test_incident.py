"""Incident: whom a place, a point and an alert concern, the contact list, and a roll call that outlives rebuilds."""

from __future__ import annotations

import csv
import io
import json
import math
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboards import charts, data, export, roll_call_list
from dashboards.data import incident
from dashboards.data.incident import Area, Place
from pipelines import roll_call
from pipelines.errors import MusterError
from pipelines.settings import Home
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import looks, run, text

PLACES = {
    "kyiv": [Place("703448", "city", "Kyiv", "resolved", "UA", "UA-30", 50.45, 30.52)],
    "kyyv": [Place("703448", "city", "Kyiv", "fuzzy", "UA", "UA-30", 50.45, 30.52)],
    "kenya": [Place("KE", "country", "Kenya", "resolved", "KE", None, 1.0, 38.0)],
    "xyzzy": [],
    "san josé": [
        Place(
            "5392171",
            "city",
            "San Jose",
            "resolved",
            "US",
            "US-CA",
            37.34,
            -121.89,
            "California",
            (
                Place("3621849", "city", "San José", "resolved", "CR", "CR-SJ", 9.93, -84.08, "San Jose"),
                Place("CR-SJ", "region", "San Jose", "resolved", "CR", "CR-SJ", 9.5, -83.9),
            ),
        )
    ],
}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, whose gazetteer knows the places above."""
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    monkeypatch.setattr(incident, "find_places", lambda text_: PLACES[text_.strip().lower()])
    monkeypatch.setattr(incident, "covered_places", lambda latitude, *_: ["ET", "ET-TI"] if latitude == 13.5 else [])
    yield tmp_path


def ask(source: str, role_page: str = "views/incident.py") -> AppTest:
    app = run(role_page)
    app.radio(key="source").set_value(source).run()
    assert not app.exception
    return app


def ask_place(name: str) -> AppTest:
    app = run("views/incident.py")
    app.text_input(key="place").set_value(name).run()
    assert not app.exception
    return app


def figures(app: AppTest) -> dict[str, str]:
    body = text(app)
    return {
        title: body.split(f'{title}</div><div class="m-card-figure">')[1].split("<")[0]
        for title in ("Inside", "Arriving", "Just left", "Distance not known", "Nowhere placed")
    }


@pytest.mark.parametrize("alert_id", ["A1", "A2"])
def test_an_alert_and_its_area_concern_the_same_people(alert_id: str, at_home: Path) -> None:
    shown = data.publication()
    alert = next(row for row in incident.alerts(shown) if row["alert_id"] == alert_id)
    by_alert = incident.concerned_by_alert(shown, alert_id)
    by_area = incident.concerned(shown, incident.alert_area(alert))
    names = ("traveller_id", "stay_id", "relation", "distance_km")
    assert by_alert, "the alert concerns somebody"
    assert [[row[name] for name in names] for row in by_alert] == [[row[name] for name in names] for row in by_area]


def test_a_place_lists_who_is_there_with_distance_presence_and_phone(page: Path) -> None:
    app = ask_place("Kyiv")
    assert figures(app) == {
        "Inside": "5",
        "Arriving": "0",
        "Just left": "0",
        "Distance not known": "0",
        "Nowhere placed": "2",
    }
    body = text(app)
    assert "Chidi Castillo" in body and "tel:+442079460002" in body and "0 km" in body
    assert "There (confirmed)" in body and "Possibly there" in body
    look = looks(page)[-1]
    assert look["action"] == "dashboard incident" and look["travellers"] == 5
    assert look["parameters"]["title"] == "Kyiv, Ukraine"


def test_a_country_a_guess_and_a_place_that_is_not_recognised(page: Path) -> None:
    assert figures(ask_place("Kenya"))["Inside"] == "5"
    assert "Guessed from the spelling: Kyiv, Ukraine." in text(ask_place("Kyyv"))
    body = text(ask_place("Xyzzy"))
    assert "This place was not recognised." in body and 'class="m-card-figure"' not in body
    assert "Name the place." in text(run("views/incident.py"))


def test_namesakes_are_offered_and_what_was_understood_is_said_loudly(page: Path) -> None:
    app = ask_place("San José")
    said = "Understood as San Jose, California, United States."
    assert f'm-notice-warn" role="status"><strong>{said}' in text(app)
    assert "choose it above or add its country to the name: San José, San Jose, Costa Rica; San Jose (region)" in text(
        app
    )
    choice = app.selectbox(key="namesake-5392171")
    assert choice.options == [
        "San Jose, California, United States",
        "San José, San Jose, Costa Rica",
        "San Jose (region), Costa Rica",
    ]
    choice.set_value(1).run()
    body = text(app)
    assert not app.exception and "Understood as San José, San Jose, Costa Rica." in body
    assert "within 50 km of San José, San Jose, Costa Rica" in body
    assert "Understood as Kyiv, Ukraine." in text(ask_place("Kyiv")), "nobody else is called so"


def test_the_resolver_tells_namesakes_that_the_text_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(tmp_path, monkeypatch)
    one = incident.find_places("San José")[0]
    assert (one.place_name, one.region_name, one.country_code) == ("San Jose", "California", "US")
    assert [(place.place_name, place.country_code) for place in one.namesakes[:2]] == [
        ("San José", "CR"),
        ("San Jose", "PH"),
    ]
    told = incident.find_places("San José, Costa Rica")[0]
    assert told.country_code == "CR" and {place.country_code for place in told.namesakes} <= {"CR"}
    assert incident.find_places("Kyiv")[0].namesakes == (), "the region around a city is no namesake"
    both = incident.find_places("Paris and Nairobi, Kenya")
    assert both[0].namesakes and not both[1].namesakes and "TX" in str(both[0].namesakes)


def test_who_has_left_and_who_arrives_by_the_hours_asked(page: Path) -> None:
    shown = data.publication()
    at = shown.as_of + timedelta(days=2.6)  # Kyiv's last stay ends at 2.1 days and some minutes
    area = Area("Kyiv", "circle", 50.45, 30.52, 50.0, None, "UA", None, at - timedelta(hours=24), at, at)
    assert {row["relation"] for row in incident.concerned(shown, area)} == {"left"}
    early = shown.as_of - timedelta(days=4)
    area = Area("Kyiv", "circle", 50.45, 30.52, 50.0, None, "UA", None, early, early, early + timedelta(hours=30))
    assert {row["relation"] for row in incident.concerned(shown, area)} == {"arriving"}


def test_who_has_no_position_is_in_no_circle(page: Path) -> None:
    at = data.publication().as_of
    area = Area("The globe", "circle", 50.45, 30.52, 20_030.0, None, None, None, at, at, at)
    found = incident.concerned(data.publication(), area)
    assert found and all(row["latitude"] is not None for row in found)


@pytest.mark.parametrize("is_counted", [False, True])
def test_home_counts_where_exposure_holds_it(is_counted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        con.execute("update mart.stay set is_home = true where place_name = 'Kyiv'")
        if not is_counted:
            con.execute("delete from mart.exposure where place_name = 'Kyiv'")
    use(tmp_path, monkeypatch)
    at = data.publication().as_of
    area = Area("Kyiv", "circle", 50.45, 30.52, 50.0, "703448", "UA", None, at, at, at)
    assert len(incident.concerned(data.publication(), area)) == (5 if is_counted else 0)


def test_a_point_needs_both_numbers(page: Path) -> None:
    app = ask("A point")
    assert "Choose the point." in text(app)
    app.text_input(key="latitude").set_value("9,1")
    app.text_input(key="longitude").set_value("39.4").run()
    assert not app.exception
    assert figures(app)["Inside"] == "2" and figures(app)["Distance not known"] == "2"
    app.text_input(key="latitude").set_value("-60").run()
    assert "The feeds place nobody there." in text(app)
    assert app.button(key="open-call").disabled


def test_a_point_lists_who_is_known_only_by_the_country_that_it_lies_in(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ask("A point")
    app.text_input(key="latitude").set_value("13.5")
    app.text_input(key="longitude").set_value("39.5").run()
    assert not app.exception
    assert figures(app)["Inside"] == "2" and figures(app)["Distance not known"] == "2"
    assert "The circle covers a part of Ethiopia: whoever is known only by such a country" in text(app)
    app.number_input(key="point-radius").set_value(60)

    def fail(*_: float) -> list[str]:
        raise MusterError("The gazetteer cannot be written.")

    monkeypatch.setattr(incident, "covered_places", fail)
    app.run()
    assert not app.exception
    assert "The feeds place nobody there." in text(app) and "there is no gazetteer" in text(app)


@pytest.mark.parametrize(
    ("kind", "key", "value", "said"),
    [
        ("text_input", "latitude", "902", "&#x27;902&#x27; is no latitude: it lies between -90 and 90 degrees."),
        ("text_input", "longitude", "38.75 E", "&#x27;38.75 E&#x27; is no longitude"),
        ("number_input", "point-radius", 90_000, "Radius in km: 90,000 is not between 5 and 2,000."),
        ("number_input", "before", -1, "Just left: hours before: -1 is not between 0 and 336."),
        ("date_input", "incident-day", "2027-03-01", "2027-03-01 is outside the days that can be asked about."),
    ],
)
def test_there_is_no_answer_while_a_field_is_refused(page: Path, kind: str, key: str, value: object, said: str) -> None:
    app = ask("A point")
    app.radio(key="incident-how").set_value("Another time")
    app.text_input(key="latitude").set_value("9.1")
    app.text_input(key="longitude").set_value("39.4").run()
    assert figures(app)["Inside"] == "2"
    getattr(app, kind)(key=key).set_value(value).run()
    assert not app.exception
    body = text(app)
    assert said in body and 'class="m-card-figure"' not in body and "The feeds place nobody" not in body
    assert not [one for one in app.button if one.key == "open-call"] and not app.subheader


def test_an_alert_of_an_unknown_place_says_that_nobody_was_looked_for(page: Path) -> None:
    app = ask("An alert")
    assert figures(app)["Inside"] == "5"
    assert "<script>" not in text(app).replace("&lt;script&gt;", "")
    app.selectbox(key="alert").set_value(2).run()
    assert "The place of this alert was not recognised: Xyzzy &lt;script&gt;." in text(app)
    assert 'class="m-card-figure"' not in text(app)


def test_no_alert_and_an_older_generation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        con.execute("drop table mart.alert")
    use(tmp_path, monkeypatch)
    assert "No alert has come." in text(ask("An alert"))
    assert "No roll call was opened yet." in text(ask("A roll call"))


def test_an_analyst_sees_counts_and_keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, "analyst")
    app = ask("An alert")
    assert figures(app)["Inside"] == "5"
    assert "Castillo" not in text(app) and "tel:" not in text(app) and "t_0000000000000002" in text(app)
    assert not [button for button in app.button if button.key in ("open-call", "contacts-make")]


def test_the_contact_list_is_harmless_marked_and_logged_first(page: Path) -> None:
    app = ask_place("Kyiv")
    before = len(looks(page))
    app.button(key="contacts-make").click().run()
    assert not app.exception
    assert app.get("download_button")
    look = looks(page)[before]
    assert look["action"] == "dashboard incident export" and look["travellers"] == 5
    assert look["rows"] == 5 and "Castillo" not in json.dumps(look)
    content = app.session_state["contacts-file"][1].decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows[0][0].startswith("Contact list: Kyiv, Ukraine. Taken by local user (duty) on ")
    assert "from generation 20261112T090000-fixture" in rows[0][0] and "INVENTED" in rows[0][0]
    names = [row[1] for row in rows[2:]]
    assert "'" + fixture.HOSTILE[0] in names and "Chidi Castillo" in names
    assert all(not cell.startswith(("=", "@", "\t")) for row in rows for cell in row)
    app.number_input(key="before").set_value(48).run()
    assert not app.get("download_button"), "a file of another question is offered no more"


def test_no_file_without_the_log(page: Path) -> None:
    shown = data.publication()
    log = page / "logs" / "access.log"
    log.unlink(missing_ok=True)
    log.mkdir()
    with pytest.raises(MusterError, match="cannot be written"):
        export.take(shown, "incident", "x", ["a"], [["b"]], {})
    body = text(ask_place("Kyiv"))
    assert "Names and phones are hidden." in body and "Castillo" not in body


def test_every_hostile_string_is_exported_harmlessly(at_home: Path) -> None:
    mark = export.watermark(data.publication(), fixture.HOSTILE[0])
    hostile = [*fixture.HOSTILE, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", 'a"b,c\nd']
    content = export.csv_bytes(mark, ["name"], [[one] for one in hostile]).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert len(rows) == len(hostile) + 2
    assert all(not row[0].startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows)


def test_a_roll_call_is_kept_across_rebuilds_with_who_and_when(page: Path) -> None:
    app = ask_place("Kyiv")
    app.button(key="open-call").click().run()
    assert not app.exception
    assert app.radio(key="source").value == "A roll call"
    call = roll_call.roll_calls(Home(page))[0]
    assert call.title == "Kyiv, Ukraine" and len(call.traveller_ids) == 5 and call.opened_by == "local user"
    body = text(app)
    assert "of 5: safe, needs help or not there" in body and "still running" in body and "not tried yet" in body
    first = next(one for one in app.get("button_group") if "t_0000000000000002" in str(one.key))
    first.set_value("safe").run()
    assert not app.exception
    given = roll_call.answers(Home(page), call.roll_call_id)
    assert {key: (one.answer, one.set_by) for key, one in given.items()} == {
        "t_0000000000000002": ("safe", "local user")
    }
    assert stat.S_IMODE(roll_call.path(Home(page)).stat().st_mode) == 0o600
    # A rebuild in which nobody is anywhere: the people listed and their answers are still there.
    fixture.write_generation(page, "second", empty=True)
    again = ask("A roll call")
    assert "no longer placed here" in text(again) and "of 5: safe" in text(again)
    assert roll_call.answers(Home(page), call.roll_call_id) == given


def test_a_roll_call_of_an_alert_is_opened_from_it(page: Path) -> None:
    app = ask("An alert")
    app.button(key="open-call").click().run()
    assert not app.exception
    assert "Roll call: 5" in [heading.value for heading in app.subheader]
    assert roll_call.roll_calls(Home(page))[0].asked["alert_id"] == "A1"


def test_time_to_account_ends_with_the_last_answer(tmp_path: Path) -> None:
    home = Home(tmp_path)
    start = fixture.AS_OF
    call = roll_call.open_roll_call(home, "T", {}, ["t_1", "t_2"], start, "me")
    rows = [{"traveller_id": "t_1"}, {"traveller_id": "t_2"}]
    roll_call.answer(home, call.roll_call_id, "t_1", "safe", "1", "me")
    roll_call.answer(home, call.roll_call_id, "t_2", "no_answer", "1", "me")
    to_list, to_account, accounted = roll_call_list.times(call, rows, roll_call.answers(home, call.roll_call_id))
    assert (to_list, to_account, accounted) == (call.opened_at - start, None, 1)
    roll_call.answer(home, call.roll_call_id, "t_2", "needs_help", "1", "you")
    _, to_account, accounted = roll_call_list.times(call, rows, roll_call.answers(home, call.roll_call_id))
    assert accounted == 2 and to_account is not None and to_account >= timedelta(0)


def test_a_line_cut_off_by_a_crash_spoils_nothing_else(tmp_path: Path) -> None:
    home = Home(tmp_path)
    call = roll_call.open_roll_call(home, "T", {}, ["t_1"], fixture.AS_OF, "me")
    with roll_call.path(home).open("a") as file:
        file.write('{"kind": "answer", "roll_call_id": "')
    roll_call.answer(home, call.roll_call_id, "t_1", "safe", "1", "me")
    assert roll_call.answers(home, call.roll_call_id)["t_1"].answer == "safe"
    assert [one.title for one in roll_call.roll_calls(home)] == ["T"]
    with pytest.raises(MusterError, match="is no answer"):
        roll_call.answer(home, call.roll_call_id, "t_1", "fine", "1", "me")


def test_a_roll_call_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    roll_call.path(home).mkdir(parents=True)
    with pytest.raises(MusterError, match="was not kept"):
        roll_call.open_roll_call(home, "T", {}, [], fixture.AS_OF, "me")


def test_the_circle_on_the_map_is_as_wide_as_what_is_looked_into() -> None:
    for latitude, longitude in ((50.45, 30.52), (-1.29, 179.9), (89.5, 0.0)):
        figure = charts.incident_map([], [], (latitude, longitude, 100.0))
        ring, centre = figure.data[-2], figure.data[-1]
        assert (centre.lat[0], centre.lon[0]) == (latitude, longitude)
        for lat, lon in zip(ring.lat, ring.lon, strict=True):
            assert -180 <= lon <= 180
            turns = [math.radians(degrees) for degrees in (latitude, lat, lon - longitude)]
            cosine = math.sin(turns[0]) * math.sin(turns[1]) + math.cos(turns[0]) * math.cos(turns[1]) * math.cos(
                turns[2]
            )
            assert 6371.0088 * math.acos(min(1.0, cosine)) == pytest.approx(100, abs=0.01)
    assert len(charts.incident_map([], [], None).data) == 0
