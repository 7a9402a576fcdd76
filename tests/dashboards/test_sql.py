"""SQL: what the page runs is logged first, goes through the sandbox, and its answer is text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import data
from dashboards.data import catalog
from pipelines.errors import MusterError
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import looks, run, text

PAGE = "views/sql.py"


def ask(sql: str) -> AppTest:
    app = run(PAGE)
    app.text_area[0].set_value(sql)
    app.button(key="run").click().run()
    assert not app.exception
    return app


@pytest.mark.parametrize("role", ["analyst", "duty", "steward"])
def test_the_first_query_answers_for_every_role(role: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, role)
    app = run(PAGE)
    assert "Tables of the role" in app.expander[0].label and "mart.<bdi" in text(app)
    app.button(key="run").click().run()
    assert not app.exception
    assert "Answer: 14 rows" in [heading.value for heading in app.subheader]
    app.selectbox(key="table").set_value("stay").run()
    assert not app.exception and "evidence" in text(app)


def test_every_query_is_logged_by_its_digest_before_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    ask("select 'Castillo' as name from mart.nothing_of_that_name")
    look = looks(tmp_path)[-1]
    assert look["action"] == "dashboard sql" and len(look["parameters"]["sql_sha256"]) == 64
    assert "Castillo" not in json.dumps(look)
    (tmp_path / "logs" / "access.log").unlink()
    (tmp_path / "logs" / "access.log").mkdir()
    with pytest.raises(MusterError, match="cannot be written"):
        catalog.start(data.publication(), "select 1 as one", {})


@pytest.mark.parametrize(
    "sql",
    ["copy (select 1) to '/tmp/x.csv'", "with a as (delete from mart.stay returning 1) select * from a", "select"],
)
def test_what_is_no_query_is_refused_in_one_sentence(sql: str, at_home: Path) -> None:
    body = text(ask(sql))
    assert "No answer." in body and "Traceback" not in body


def test_hostile_answers_are_text_and_export_harmlessly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    app = ask(
        'select full_name, 1 as "=cmd()<b>" from mart.traveller_contact '
        "where full_name like '=%' or full_name like '<%'"
    )
    body = text(app)
    assert "&lt;script&gt;document" in body and "<script>document" not in body and "=cmd()&lt;b&gt;" in body
    app.button(key="sql-make").click().run()
    assert not app.exception
    lines = app.session_state["sql-file"][1].decode("utf-8-sig").splitlines()
    assert all(not line.startswith(("=", '"=')) for line in lines) and "'=cmd()<b>" in lines[1]
    assert looks(tmp_path)[-1]["action"] == "dashboard sql export"


def test_saved_queries_are_offered_with_their_titles(at_home: Path) -> None:
    app = run(PAGE)
    box = app.selectbox(key="saved")
    assert len(box.options) > 3 and box.options[0] == "Your own query"


def test_an_answer_without_rows_or_numbers(at_home: Path) -> None:
    assert "The query found no row." in text(ask("select 1 as one where false"))
    assert "No chart." in text(ask("select 'a' as name"))
