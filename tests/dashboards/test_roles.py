"""What each role opens, whatever it asks for: pages, files of the publication, counts, the access log, exports."""

from __future__ import annotations

import ast
import io
import json
import re
import time
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lxml import etree
from streamlit.testing.v1 import AppTest

from dashboards import access, data, export, small
from dashboards.access import NotAllowed, NotSignedIn
from dashboards.data import now, weekly
from pipelines.errors import MusterError
from tests.dashboards import browser, fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import APP, looks, run, text

PAGES = ("now", "incident", "weekly", "ratings", "person", "sql", "data_health")
KEY = "t_0000000000000002"
PERSON: dict[str, Any] = {"is_logged_in": True, "email": "dora@university.example", "email_verified": True}


def run_all(app: AppTest, page: str) -> str:
    """Everything that a page says, in whatever element."""
    app.query_params["traveller"] = KEY
    app.switch_page(page).run()
    assert not app.exception
    return text(app) + repr(app.main)


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_no_page_tells_these_roles_a_name_or_contact(role: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, role)
    app = run()
    files = [f"views/{name}.py" for name in PAGES]
    if role == "viewer":
        files = ["views/now_counts.py", "views/weekly_counts.py", "views/ratings.py", "views/data_health.py"]
    said = "".join(run_all(app, page) for page in files)
    assert "Castillo" not in said and "@university.example" not in said and "tel:" not in said
    assert ("t_00000" in said) is (role == "analyst")
    assert "the start is no date" not in said, "no reason or raw record that was rejected"


@pytest.mark.parametrize("page", ["now", "incident", "weekly", "person", "sql"])
def test_a_viewer_is_refused_at_the_address_of_a_page_of_others(
    page: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(home, monkeypatch, "viewer")
    app = AppTest.from_file(APP, default_timeout=30).run()
    with pytest.raises(ValueError, match=page):  # the file is no page of this role's navigation
        app.switch_page(f"views/{page}.py")


@pytest.mark.parametrize("role", ["viewer", "analyst", "duty"])
@pytest.mark.parametrize("other", ["analyst", "duty", "steward"])
def test_a_role_reads_no_file_but_its_own(role: str, other: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, role)
    shown = data.publication()
    own = data.FILES[shown.role]
    if other == own:
        assert data.query(shown.role, shown.file, "select 1 as one") == [{"one": 1}]
        return
    file = shown.file.with_name(f"{other}.duckdb")
    for asked in (shown.role, other):
        with pytest.raises(MusterError, match="does not open this file"):
            data.query(asked, file, "select 1 as one")  # type: ignore[arg-type]
    forged = data.Publication(**{**vars(shown), "role": other, "file": file})
    for way in (
        lambda: now.headline(forged, forged.as_of),
        lambda: data.contacts(forged, "now", {}, [KEY]),
        lambda: data.record(forged, "sql", {}),
    ):
        with pytest.raises(MusterError, match="Your role"):
            way()


def test_what_was_shown_is_gone_with_the_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "steward")
    app = run("views/sql.py")
    app.text_area[0].set_value("select full_name from mart.traveller_contact").run()
    app.button(key="run").click().run()
    app.button(key="sql-make").click().run()
    assert "Castillo" in text(app) and "sql-answer" in app.session_state and "sql-file" in app.session_state
    monkeypatch.setenv("MUSTER_ROLE", "analyst")
    app.run()
    assert not app.exception
    assert "Castillo" not in text(app) + repr(app.main)
    assert "sql-answer" not in app.session_state and "sql-file" not in app.session_state


def test_a_viewer_reads_counts_in_which_nobody_can_be_made_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, "viewer")
    app = run()
    body = text(app)
    figures = re.findall(r'm-card-figure">([^<]*(?:&lt;5)?)<', body)
    assert figures == ["5", "10", "&lt;5", "&lt;5", "&lt;5", "&lt;5"], "7, 11, 3, 2, 2, 3"
    hovers = json.dumps(json.loads(app.get("plotly_chart")[0].proto.spec), ensure_ascii=False)
    assert "people are counted by country" in hovers and "people there" not in hovers and "possibly" not in hovers
    assert not app.multiselect and not app.radio and not app.toggle, "nothing by which counts could be compared"
    shown = data.publication()
    exact = {row["everybody"] for row in now.countries(shown, shown.as_of)}
    table = body[body.index("People by country") :]
    told = set(re.findall(r'data-label="People"><div><bdi>([^<]*)<', table))
    assert told == {"&lt;5", "5", "10"} and exact & {1, 2, 3}
    weeks = text(run("views/weekly_counts.py"))
    cells = re.findall(r'data-label="(?:Travellers|Trips|Person-days|Nights)"><div><bdi>([^<]*)<', weeks)
    words_read = {cell for cell in cells if not cell.replace(",", "").isdigit()}
    assert words_read <= {"&lt;5", "&lt;30", "withheld"} and "&lt;5" in words_read and "&lt;30" in words_read
    assert all(int(cell.replace(",", "")) % 5 == 0 for cell in set(cells) - words_read)


def test_a_viewers_week_masks_few_people_and_their_days(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [small.count(number) for number in (0, 1, 4, 5, 7, 8, 1001)] == ["0", "<5", "<5", "5", "5", "10", "1,000"]
    use(home, monkeypatch, "viewer")
    shown = data.publication()
    for week in (date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)):
        levels = weekly.figures(shown, week, ("risk_level",))
        whole = weekly.figures(shown, week)[()]
        read = small.figures(whole, {"level": levels}, ("travellers", "person_days"))
        masked = {key[0] for key, row in levels.items() if 0 < row["travellers"] < 5}
        assert masked, "the fixture has levels of few people"
        for level in masked:
            assert read["travellers", "level", (level,)] in ("<5", "withheld")
            assert read["person_days", "level", (level,)] in ("<30", "withheld")


def sheet(workbook: bytes) -> list[list[str]]:
    """The rows of the one sheet as ``type:value``; no formula and no link is among them."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        texts = ["".join(item.itertext()) for item in etree.fromstring(book.read("xl/sharedStrings.xml"))]
        root = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        assert not any("_rels" in name and "worksheets" in name for name in book.namelist()), "a link or a picture"
    assert not list(root.iter(f"{space}f")) and not list(root.iter(f"{space}hyperlink"))
    rows = []
    for row in root.iter(f"{space}row"):
        cells = [(cell.get("t", "n"), cell.findtext(f"{space}v") or "") for cell in row]
        rows.append([f"{kind}:{texts[int(value)] if kind == 's' else value}" for kind, value in cells])
    return rows


def as_signed_in(monkeypatch: pytest.MonkeyPatch, home: Path, **claims: Any) -> None:
    monkeypatch.setenv("MUSTER_HOME", str(home))
    monkeypatch.setenv("MUSTER_SIGN_IN", "required")
    told = PERSON | {"iat": int(time.time())} | claims
    monkeypatch.setattr(access, "_claims", lambda: {name: value for name, value in told.items() if value is not None})


@pytest.mark.parametrize(
    ("claims", "outcome"),
    [
        ({}, "duty"),
        ({"email": " DORA@University.Example "}, "duty"),
        ({"email_verified": None}, "duty"),
        ({"email_verified": "true"}, "duty"),
        ({"email_verified": False}, NotAllowed),
        ({"email_verified": "false"}, NotAllowed),
        ({"email_verified": 1.5}, NotAllowed),
        ({"email": None}, NotAllowed),
        ({"email": ["dora@university.example"]}, NotAllowed),
        ({"email": "dora@university.example.evil.example"}, NotAllowed),
        ({"email": "doRa@university.example".replace("R", "\u0280")}, NotAllowed),
        ({"email": "\u212aai@university.example"}, NotAllowed),  # the sign of kelvin, whose small letter is k
        ({"email": "kai@university.example"}, "steward"),
        ({"is_logged_in": False}, NotSignedIn),
        ({"is_logged_in": "yes"}, NotSignedIn),
        ({"is_logged_in": None}, NotSignedIn),
        ({"iat": None}, NotSignedIn),
        ({"iat": 1_700_000_000}, NotSignedIn),
        ({"iat": 4_000_000_000}, NotSignedIn),
    ],
)
def test_claims_become_a_person_or_nobody(
    claims: dict[str, Any], outcome: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "muster.yml").write_text("roles: {Dora@university.example: duty, KAI@university.example: steward}\n")
    as_signed_in(monkeypatch, tmp_path, **claims)
    if isinstance(outcome, str):
        assert access.user().role == outcome and not access.user().is_local
        return
    with pytest.raises(outcome) as problem:  # type: ignore[call-overload]
        access.user()
    assert "university.example" not in str(problem.value)


@pytest.mark.parametrize("content", [None, "roles: [", "roles: {dora@university.example: king}", "roles: {}"])
def test_roles_that_cannot_be_read_are_nobodys(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "muster.yml").write_text(content)
    as_signed_in(monkeypatch, tmp_path)
    with pytest.raises(NotAllowed):
        access.user()


def test_a_home_with_sign_in_is_never_served_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "steward")
    (tmp_path / "auth.toml").write_text("damaged")  # and Streamlit was started without it
    app = run()
    body = text(app)
    assert "Please sign in." in body and "Kyiv" not in body and "As of" not in body
    app.button(key="sign-in").click().run()
    assert not app.exception and "Sign-in is required here, but does not work." in text(app)
    (tmp_path / "auth.toml").unlink()
    monkeypatch.setenv("MUSTER_SIGN_IN", "required")
    assert "Please sign in." in text(run()), "the file vanished while the server ran"


def open_named(page: str) -> AppTest:
    """A page as far as it shows names."""
    app = run(f"views/{page}.py")
    if page == "person":
        app.query_params["traveller"] = KEY
        app.run()
    if page == "incident":
        app.radio(key="source").set_value("An alert").run()
    if page == "sql":
        app.text_area[0].set_value("select full_name from mart.traveller_contact").run()
        app.button(key="run").click().run()
    if page == "data_health":
        app.toggle(key="raw").set_value(True).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("page", ["now", "incident", "person", "sql", "data_health"])
def test_a_look_is_logged_in_full_and_nothing_is_shown_where_it_cannot_be(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "steward")
    named = re.compile(r"Castillo|tel:|@university\.example|T-0,")
    app = open_named(page)
    assert named.search(text(app))
    entry = looks(tmp_path)[-1]
    assert entry["action"].startswith(f"dashboard {page}") and entry["role"] == "steward" and entry["user"]
    assert entry["generation"] == "20261112T090000-fixture" and entry["rows"] and entry["parameters"]
    (tmp_path / "logs" / "access.log").rename(tmp_path / "logs" / "kept.log")
    (tmp_path / "logs" / "access.log").mkdir()
    app = open_named(page)
    assert not named.search(text(app) + repr(app.main))
    assert "cannot be written" in text(app)


@pytest.mark.parametrize(("page", "key"), [("weekly", "week"), ("incident", "contacts"), ("sql", "sql")])
def test_an_export_says_what_for_and_is_not_made_where_the_log_cannot_be_written(
    page: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "duty")
    app = open_named(page)
    app.text_input(key=f"{key}-purpose").set_value("call them\u202e\n").run()
    app.get("button_group")[-1].set_value("Excel").run()
    app.button(key=f"{key}-make").click().run()
    assert not app.exception
    entry = looks(tmp_path)[-1]
    assert entry["action"] == f"dashboard {page} export" and entry["purpose"] == "call them"
    rows = sheet(app.session_state[f"{key}-file"][1])
    assert len(rows) == entry["rows"] + 2 and "Taken by local user (duty)" in rows[0][0]
    assert "generation 20261112T090000-fixture" in rows[0][0]
    (tmp_path / "logs" / "access.log").unlink()
    (tmp_path / "logs" / "access.log").mkdir()
    app.text_input(key=f"{key}-purpose").set_value("another").run()
    app.button(key=f"{key}-make").click().run()
    assert "No file was made." in text(app) or "hidden" in text(app)
    assert f"{key}-file" not in app.session_state or app.session_state[f"{key}-file"][0][2].purpose != "another"


def test_files_leave_the_dashboard_by_one_function() -> None:
    gates = {"download_button", "dataframe", "data_editor", "table", "file_uploader", "image", "pdf", "audio", "video"}
    writers = {"write_bytes", "write_text", "to_csv", "to_excel", "to_parquet"}
    found = set()
    for path in (browser.PROJECT / "dashboards").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute):
                continue
            is_streamlit = isinstance(node.value, ast.Name) and node.value.id == "st"
            if (is_streamlit and node.attr in gates) or node.attr in writers or node.attr == "download_button":
                found.add((path.name, node.attr))
    assert found == {("export.py", "download_button")}
    for path in (browser.PROJECT / "dashboards").rglob("*.py"):
        if path.name != "export.py":
            assert "csv_bytes(" not in path.read_text() and "excel_bytes(" not in path.read_text(), path


def test_hostile_cells_are_text_in_both_formats(at_home: Path, tmp_path: Path) -> None:
    hostile = [*fixture.HOSTILE, "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "a\x00b\x1b[31m", "http://evil.example"]
    rows = [[text_, number, True, None] for number, text_ in enumerate(hostile)]
    columns = ["=evil()", "count", "is_true", "nothing"]
    mark = export.watermark(data.publication(), "=Title\u202e")
    made = export.csv_bytes(mark, columns, rows)
    frame = pd.read_csv(io.BytesIO(made), skiprows=1)
    assert len(frame) == len(hostile) and list(frame["count"]) == list(range(len(hostile)))
    assert not any(str(cell).startswith(("=", "@", "\t", "\r")) for cell in frame.iloc[:, 0])
    assert mark.encode() in made and "\u202e" not in mark
    rows_read = sheet(export.excel_bytes(mark, columns, rows))
    assert len(rows_read) == len(hostile) + 2 and rows_read[1] == [f"s:{name}" for name in columns]
    assert rows_read[2] == [f"s:{hostile[0]}", "n:0", "b:1"]
