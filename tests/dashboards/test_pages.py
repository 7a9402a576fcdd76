from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboards import data
from tests.dashboards import browser, fixture
from tests.dashboards.conftest import use

APP = str(browser.PROJECT / "dashboards" / "app.py")


def run(page: str | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30).run()
    if page:
        app.switch_page(page).run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    """Everything that the page says in HTML."""
    return "\n".join(element.proto.body for element in app.get("html"))


def looks(root: Path) -> list[dict[str, Any]]:
    log = root / "logs" / "access.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_now_says_who_may_be_at_a_level_inside_a_country(at_home: Path) -> None:
    said = "2 people known only by country (Ethiopia) are below the levels chosen"
    app = run()
    assert said in text(app)
    levels = next(one for one in app.multiselect if one.label == "Level")
    levels.set_value([5, 4, 3]).run()
    assert said not in text(app), "they are listed"
    levels.set_value([1]).run()
    assert said not in text(app), "nothing inside is at that level"
    levels.set_value([]).run()
    assert said not in text(app), "every level is listed"


def test_now_counts_and_lists(at_home: Path) -> None:
    app = run()
    body = text(app)
    for title, figure in (("5 Extreme", 7), ("4 High", 11), ("Level unknown", 3), ("Overdue", 2), ("Possible", 2)):
        assert f'{title}</div><div class="m-card-figure">{figure}<' in body, title
    headings = [heading.value for heading in app.subheader]
    assert headings[0] == "There now, in Extreme and High places: 18"
    assert "Level unknown: 3" in headings
    assert "Invented ratings: demonstration only." in body
    assert "bookings: stale" in body and "people: needs a look, 1 file held for a decision" in body
    assert "alerts" not in body  # an optional feed that never came is no alarm
    assert "single local user" in body


def test_a_filter_narrows_the_lists_but_not_the_headline(at_home: Path) -> None:
    app = run()
    app.multiselect[1].set_value(["NG"]).run()
    assert not app.exception
    assert app.subheader[0].value == "There now, in Extreme and High places: 7"
    assert 'figure">11<' in text(app)
    app.multiselect[0].set_value([1]).run()
    assert app.subheader[0].value == "There now, in Insignificant places: 0"
    assert "Nobody listed." in text(app) and "safe" not in text(app).lower()
    assert "not up to date: bookings, people" in text(app)


def test_who_is_hidden_by_the_level_filter_in_a_country_is_said_and_shown(at_home: Path) -> None:
    app = run()
    assert "of the whole world" not in text(app)
    app.multiselect[1].set_value(["KE"]).run()
    body = text(app)
    assert app.subheader[0].value == "There now, in Extreme and High places: 0"
    assert "5 people in Kenya at lower levels, hidden by the level filter." in body
    assert "They are there; only the filter leaves them out." in body
    assert "These figures are of the whole world, not of Kenya alone." in body
    app.button(key="now-levels").click().run()
    assert not app.exception
    assert app.subheader[0].value == "There now, at any level: 5"
    assert app.multiselect[0].value == [] and app.multiselect[1].value == ["KE"]
    assert not [one for one in app.button if one.key == "now-levels"]
    assert "hidden by the level filter" not in text(app)


def test_countries_are_offered_by_their_names(at_home: Path) -> None:
    names = list(run().multiselect[1].options)
    assert names == sorted(names) and names[:2] == ["Afghanistan", "Brazil"]


def test_an_empty_list_of_a_country_says_nobody_there_only_where_nobody_is(at_home: Path) -> None:
    app = run()
    app.multiselect[1].set_value(["BR"]).run()
    body = text(app)
    assert "4 people in Brazil at lower levels" in body and "1 person in Brazil at lower levels" in body
    assert body.count("No feed places anybody in Brazil on this list as of") == 3, "unknown, possible and on the way"
    app.multiselect[0].set_value([3]).run()
    app.multiselect[3].set_value(["student"]).run()
    assert "in Brazil left out by the other filters." in text(app)


def test_an_empty_publication_says_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path, empty=True, invented=False)
    use(tmp_path, monkeypatch)
    body = text(run())
    assert "No traveller is away." in body and "Invented" not in body
    assert "as of Thu 12 Nov 2026 09:00 GMT, by 4 feeds; not up to date: bookings, people" in body


def test_no_publication_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(tmp_path, monkeypatch)
    for page in (None, "views/data_health.py"):
        app = run(page)
        assert app.title[0].value == "Nothing to show yet"
        assert any("muster demo" in code.value for code in app.code)


def test_names_are_logged_before_they_are_shown_once_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    app = run()
    assert "Chidi Castillo" in text(app)
    first = looks(tmp_path)
    assert {look["parameters"]["group"] for look in first} == {"present", "unknown", "overdue", "possible", "moving"}
    assert sum(look["travellers"] for look in first if look["parameters"]["group"] == "present") == 18
    assert "Castillo" not in json.dumps(first)
    app.run()
    assert len(looks(tmp_path)) == len(first)  # drawing the same list again is no new look
    app.multiselect[1].set_value(["NG"]).run()
    assert len(looks(tmp_path)) > len(first)


def test_names_stay_hidden_where_the_log_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    (tmp_path / "logs" / "access.log").mkdir()
    use(tmp_path, monkeypatch)
    body = text(run())
    assert "Names and phones are hidden." in body
    assert "Chidi Castillo" not in body and "t_0000000000000002" in body


def test_names_can_be_switched_off(at_home: Path) -> None:
    app = run()
    before = len(looks(at_home))
    app.toggle[0].set_value(False).run()
    assert "Chidi Castillo" not in text(app) and "tel:" not in text(app)
    assert len(looks(at_home)) == before


def test_an_analyst_sees_no_contact(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, "analyst")
    app = run()
    assert not app.toggle
    assert "t_0000000000000002" in text(app) and "Castillo" not in text(app) and "tel:" not in text(app)


def test_a_role_that_does_not_exist_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, "king")
    assert "MUSTER_ROLE is &#x27;king&#x27;" in text(run())


@pytest.mark.parametrize("role", ["analyst", "duty"])
def test_data_health_counts_rejects_without_showing_them(
    role: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(home, monkeypatch, role)
    body = text(run("views/data_health.py"))
    assert "&lt;i&gt;roster&lt;/i&gt;" in body and "It would drop 41 % of the rows" in body
    assert "9 records were rejected." in body and "the start is no date" not in body
    assert "10,391" in body and "adds up" in body
    assert "Optional, and never came: alerts." in body
    assert "2 stays are at a place that is not recognised." in body


def test_the_steward_sees_reasons_and_after_a_logged_look_raw_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "steward")
    app = run("views/data_health.py")
    assert "the start is no date" in text(app) and "alert(1)" not in text(app)
    before = len(looks(tmp_path))
    app.toggle[0].set_value(True).run()
    assert not app.exception
    assert "T-0,&lt;script&gt;alert(1)&lt;/script&gt;,31/31/2026\\xff" in text(app)
    assert looks(tmp_path)[before]["parameters"] == {"raw_rejected_records": 9}


def test_data_health_says_how_much_hangs_on_what_is_vague_or_unknown(at_home: Path) -> None:
    body = text(run("views/data_health.py"))
    assert "Vague and unknown" in body
    assert "Place not recognised" in body and "12.5" in body and "0.5%" in body
    assert "Known only by country" in body and "1,234" in body and "1,250.2" in body and "50.0%" in body
    assert "Place of the past" not in body, "a kind without a stay has no line"


def test_nothing_vague_is_said_and_an_older_generation_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "analyst")
    path = next((tmp_path / "published" / "current").resolve().glob("analyst.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute("update mart.uncertainty set stays = 0 where kind <> 'all'")
    assert "Nothing is vague or unknown." in text(run("views/data_health.py"))
    st.cache_data.clear()
    st.cache_resource.clear()
    with duckdb.connect(str(path)) as con:
        con.execute("drop table mart.uncertainty")
    app = run("views/data_health.py")
    assert not app.exception and "vague or unknown" not in text(app).lower()


def test_a_record_that_is_not_accounted_for_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    folder = fixture.write_generation(tmp_path)
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        con.execute("update mart.feed_status set loaded = loaded - 3 where feed = 'people'")
    use(tmp_path, monkeypatch)
    assert "+3 not accounted for" in text(run("views/data_health.py"))


def test_a_damaged_file_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixture.write_generation(tmp_path)
    (folder / "duty.duckdb").write_bytes(b"no database")
    use(tmp_path, monkeypatch)
    assert "cannot be read" in text(run())


def test_a_new_generation_is_read_at_the_next_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    app = run()
    recent = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    fixture.write_generation(tmp_path, "20261113T090000-second", as_of=recent)
    app.run()
    assert not app.exception
    assert "20261113T090000-second" in text(app) and "This is the state" not in text(app)


def test_every_connection_is_read_only_and_closed_to_files(at_home: Path) -> None:
    import duckdb

    shown = data.publication()
    con = data._connection(str(shown.file))
    for statement in (
        "create table t as select 1",
        "copy (select 1) to '/tmp/x.csv'",
        "set enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            con.cursor().execute(statement)
