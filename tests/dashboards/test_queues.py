"""The work queues: what they list, decisions that show at once and are followed by rebuilds, letters, files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pipelines import audit, decisions
from pipelines.cli import execute
from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import looks, run, text

AUDIT, POLICY = "views/unregistered.py", "views/compliance.py"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, looked at as steward."""
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch, "steward")
    return tmp_path


def card(app: AppTest, title: str) -> str:
    return text(app).split(f'{title}</div><div class="m-card-figure">')[1].split("<")[0]


def heading(app: AppTest) -> str:
    return next(one.value for one in app.subheader if one.value.startswith("To decide"))


def press(app: AppTest, key: str) -> AppTest:
    next(one for one in app.button if one.key == key or (one.form_id and one.key and key in one.key)).click().run()
    assert not app.exception
    return app


def sheet(app: AppTest, key: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(app.session_state[key][1].decode("utf-8-sig"), newline="")))


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_audit_lists_reason_evidence_and_who_after_a_logged_look(home: Path) -> None:
    app = run(AUDIT)
    body = text(app)
    assert heading(app) == "To decide: 14 of 14" and card(app, "Open: not registered") == "12"
    assert card(app, "Decided") == "1" and "about 86 (68 to 109)" in body
    assert "booking BK4 of 2026-10-01; expense ER4" in body
    assert "The traveller flew to a place" in body and "You flew" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body and "<script>" not in body
    titles = [box.label for box in app.checkbox]
    assert not any("**" in one.replace("\\*", "") for one in titles), "what is read aloud has no Markdown"
    assert any("Chidi Castillo" in one and "Ukraine" in one and "23 to 25 Oct 2026" in one for one in titles)
    assert looks(home)[-1]["action"] == "dashboard unregistered" and looks(home)[-1]["travellers"] == 14


def test_who_is_away_now_is_told_where_beside_the_country_of_most_nights(home: Path) -> None:
    app = run(AUDIT)
    first = next(one for one in text(app).split('<div class="m-item">') if "a_006" in one)
    assert "Ukraine" in app.checkbox[0].label and "12 to 14 Nov 2026" in app.checkbox[0].label
    assert "<strong>Now</strong> <bdi>Kabul</bdi>, <bdi>Afghanistan</bdi>" in first and "5 Extreme" in first
    assert "there (confirmed), until Sat 21 Nov" in first
    assert text(app).count("<strong>Now</strong>") == 1, "of who is away now alone"


def test_the_command_lists_who_is_away_now_first_and_where_they_are(home: Path) -> None:
    found = audit.findings(Home(home), "analyst")
    listed = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    order = [row["audit_id"] for row in listed]
    assert order == [f"a_{n:03d}" for n in (6, 7, 8, 9, 10, 11, 12, 13, 5, 4, 3, 2, 1, 0)]
    assert listed[0]["where_now"] == "Kabul, AF, level 5, confirmed, until 2026-11-21 10:06 UTC"
    assert {row["where_now"] for row in listed[1:]} == {None}
    audit.decide(Home(home), ["a_006"], "dismissed", None)
    found = audit.findings(Home(home), "analyst")
    assert [row[found.columns.index("audit_id")] for row in found.rows] == [*order[1:], "a_006"]


def test_ten_trips_are_decided_in_one_go_and_show_at_once(home: Path) -> None:
    app = run(AUDIT)
    for box in app.checkbox[:10]:
        box.check()
    app.text_input(key="audit-note").set_value("on leave <i>")
    press(app, "audit-decide-dismissed")
    assert heading(app) == "To decide: 4 of 14" and card(app, "Open: not registered") != "12"
    body = text(app)
    assert "10 findings decided: dismissed." in body and "<q><bdi>on leave &lt;i&gt;</bdi></q>" in body
    assert not any(box.value for box in app.checkbox) and app.text_input(key="audit-note").value == ""
    lines = kept(home / "decisions" / "audit.jsonl")
    assert len(lines) == 10 and {line["decision"] for line in lines} == {"dismissed"}
    assert {line["decided_by"] for line in lines} and all(line["decided_at"] for line in lines)
    app.radio(key="audit-open").set_value("Open only").run()
    assert heading(app) == "To decide: 4 of 4"
    app.radio(key="audit-open").set_value("Decided only").run()
    assert heading(app) == "To decide: 0 of 10"
    # Another mind, and a note alone, which leaves the decision as it is.
    app.checkbox[0].check()
    press(app, "audit-decide-confirmed")
    assert len(kept(home / "decisions" / "audit.jsonl")) == 11 and "Confirmed" in text(app)
    app.checkbox[0].check()
    app.text_input(key="audit-note").set_value("rang them")
    press(app, "audit-decide-note")
    assert heading(app) == "To decide: 0 of 10" and "rang them" in text(app)


def test_nothing_ticked_and_a_log_that_cannot_be_written_are_said(home: Path) -> None:
    app = press(run(AUDIT), "audit-decide-confirmed")
    assert "Nothing is ticked." in text(app)
    (home / "decisions" / "audit.jsonl").mkdir(parents=True)
    st.cache_data.clear()
    app = run(AUDIT)
    assert "cannot be read; restore the file from a backup" in text(app)


def test_all_that_is_listed_is_ticked_by_one_press(home: Path) -> None:
    app = press(run(AUDIT), "audit-all")
    assert all(box.value for box in app.checkbox) and len(app.checkbox) == 14
    press(app, "audit-none")
    assert not any(box.value for box in app.checkbox)


@pytest.mark.parametrize(
    ("page", "key", "cases"),
    [
        (
            AUDIT,
            "audit",
            [
                ("multiselect", "status", ["partial", "undetermined"], 2),
                ("multiselect", "status", ["registered"], 1),
                ("multiselect", "time", ["now"], 1),
                ("multiselect", "time", ["coming"], 7),
                ("multiselect", "country", ["KE"], 7),
                ("multiselect", "school", [""], 3),
                ("multiselect", "affiliation", ["student"], 5),
                ("text_input", "search", "bruno castillo", 1),
                ("text_input", "search", "bk7", 1),
                ("text_input", "search", "no such words", 0),
            ],
        ),
        (
            POLICY,
            "policy",
            [
                ("multiselect", "status", ["risen"], 1),
                ("multiselect", "kind", ["register"], 4),
                ("multiselect", "level", [0], 1),
                ("multiselect", "level", [5, 4], 2),
                ("multiselect", "time", ["coming"], 3),
                ("multiselect", "school", ["Law"], 2),
                ("multiselect", "affiliation", ["faculty"], 3),
                ("text_input", "search", "castillo", 1),
                ("text_input", "search", "trip7", 1),
                ("text_input", "search", "no such words", 0),
            ],
        ),
    ],
)
def test_a_queue_is_filtered(home: Path, page: str, key: str, cases: list[tuple[str, str, Any, int]]) -> None:
    app = run(page)
    headline = card(app, "Decided")
    for widget, name, value, count in cases:
        chosen = getattr(app, widget)(key=f"{key}-{name}")
        usual = chosen.value
        chosen.set_value(value).run()
        assert not app.exception
        assert heading(app).endswith(f"of {count}"), (name, value)
        assert ("No finding to list." in text(app)) == (count == 0)
        assert card(app, "Decided") == headline, "a filter leaves the headline"
        getattr(app, widget)(key=f"{key}-{name}").set_value(usual)
    assert "castillo" not in (home / "logs" / "access.log").read_text(), "what is searched is not logged"


def test_an_analyst_reads_reasons_by_key_and_decides_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.decide(Home(home), "a_004", "confirmed", "secret note", "emil")
    use(home, monkeypatch, "analyst")
    for page in (AUDIT, POLICY):
        before = len(looks(home))
        app = run(page)
        body = text(app)
        assert not app.checkbox and "Names and decisions are for duty and steward." in body
        assert "Castillo" not in str(app.markdown) and "secret note" not in body and "emil" not in body
        assert len(looks(home)) == before
    app = run(AUDIT)
    assert heading(app) == "To decide: 13 of 14" and "Confirmed" in text(app)
    press(app, "audit-file-make")
    rows = sheet(app, "audit-file-file")
    assert "full_name" not in rows[1] and "secret note" not in str(rows)


def test_a_letter_is_written_to_copy_and_to_open(home: Path) -> None:
    app = run(AUDIT)
    app.selectbox(key="audit-letter").set_value("a_002").run()
    press(app, "audit-write")
    letter = app.code[0].value
    assert letter.startswith("To: person2@university.example\nSubject: Your trip to") and "Please register" in letter
    assert "You flew to a place" in letter and "The traveller" not in letter
    assert looks(home)[-1]["action"] == "audit draft" and looks(home)[-1]["parameters"] == {"audit_id": "a_002"}
    app.selectbox(key="audit-letter").set_value("a_004").run()
    assert not app.code, "a letter of another finding is shown no more"
    message = audit.as_message(letter + "\nŌtsuka\n").decode()
    assert "X-Unsent: 1\r\n" in message and "=C5=8Ctsuka" in message and "To: person2@" in message


def test_a_letter_without_an_address_is_one_sentence(home: Path) -> None:
    with duckdb.connect(str((home / "published" / "current").resolve() / "steward.duckdb")) as con:
        con.execute("update mart.traveller_contact set email = null")
    app = press(run(AUDIT), "audit-write")
    assert "No letter was written." in text(app) and "No e-mail address is known" in text(app)


def test_the_audits_file_is_logged_and_harmless(home: Path) -> None:
    app = press(run(AUDIT), "audit-file-make")
    rows = sheet(app, "audit-file-file")
    assert rows[0][0].startswith("Audit of trips. Taken by") and len(rows) == 2 + 14
    assert not any(cell[:1] in "=@\t" for row in rows for cell in row if cell)
    last = looks(home)[-1]
    assert (
        last["action"] == "dashboard unregistered export" and last["travellers"] == 14 and last["parameters"]["export"]
    )
    (home / "logs" / "access.log").unlink()
    (home / "logs" / "access.log").mkdir()
    app = run(AUDIT)
    assert "Names and phones are hidden." in text(app) and "Castillo" not in "".join(box.label for box in app.checkbox)
    assert "No file was made." in text(press(app, "audit-file-make"))


def test_the_queue_of_requirements_lists_why_and_who_is_away_first(home: Path) -> None:
    app = run(POLICY)
    body = text(app)
    assert heading(app) == "To decide: 7 of 8" and card(app, "Open: missing") == "4" and card(app, "Decided") == "1"
    assert "&lt;script&gt;alert(2)" in body and "<script>" not in body
    assert "Everybody &lt;b&gt;registers" in body
    assert "Waived</bdi></strong><bdi>by dora" in body and "old note" in body
    assert "left" in app.checkbox[0].label and "leaves" in app.checkbox[4].label, [one.label for one in app.checkbox]
    assert looks(home)[-1]["action"] == "dashboard compliance"


def test_requirements_are_decided_and_the_newest_counts(home: Path) -> None:
    app = run(POLICY)
    app.checkbox[0].check()
    app.checkbox[1].check()
    app.text_input(key="policy-note").set_value("dean says so")
    press(app, "policy-decide-accepted")
    assert heading(app) == "To decide: 5 of 8" and "2 findings decided: accepted." in text(app)
    lines = kept(home / "decisions" / "policy.jsonl")
    assert [line["decision"] for line in lines] == ["accepted"] * 2
    assert {"trip_id", "requirement", "traveller_id", "departs_date", "rule_id", "status"} <= set(lines[0])
    trip = lines[0]["trip_id"]
    assert execute(["policy", "decide", trip, lines[0]["requirement"], "--as", "wrong", "--home", str(home)]) == 0
    app.run()
    assert "Wrong" in text(app) and "dean says so" in text(app)
    press(app, "policy-file-make")
    rows = sheet(app, "policy-file-file")
    by_trip = {row[0]: row for row in rows[2:]}
    assert by_trip[trip][rows[1].index("decision")] == "wrong" and len(rows) == 2 + 8
    assert looks(home)[-1]["action"] == "dashboard compliance export"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trip1", "elevated_approval", "--as", "maybe"], "There is no decision 'maybe'; choose one of accepted, "),
        (["trip1", "elevated_approval"], "There is nothing to record"),
        (["trip9", "elevated_approval", "--as", "waived"], "'elevated_approval' does not apply to the trip 'trip9'"),
        (["trip1", "training", "--as", "waived"], "Nothing is asked of the trip 'trip1' by the name 'training'"),
    ],
)
def test_a_wrong_decision_is_one_sentence(
    home: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["policy", "decide", *arguments, "--home", str(home)]) == 2
    assert message in capsys.readouterr().err
    assert not (home / "decisions" / "policy.jsonl").exists()


def test_of_several_findings_all_are_decided_or_none(home: Path) -> None:
    with pytest.raises(UsageError, match="There is no finding 'a_none'"):
        audit.decide(Home(home), ["a_001", "a_none"], "confirmed", None)
    assert not decisions.decisions_path(Home(home)).exists()
    assert "2 findings are confirmed" in audit.decide(Home(home), ["a_001", "a_002", "a_001"], "confirmed", None)


@pytest.mark.parametrize("page", [AUDIT, POLICY])
def test_an_empty_publication_and_an_older_one_say_what_is_so(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path / "empty", empty=True)
    use(tmp_path / "empty", monkeypatch)
    assert "No finding to list." in text(run(page))
    folder = fixture.write_generation(tmp_path / "older", empty=True)
    with duckdb.connect(str(folder / "duty.duckdb")) as con:
        for table in ("trip_audit", "policy_check", "policy_decision"):
            con.execute(f"drop table mart.{table}")
    use(tmp_path / "older", monkeypatch)
    body = text(run(page))
    assert "made by an older version of Muster" in body and "It holds no table" in body


def test_a_publication_from_before_policy_decisions_still_lists(home: Path) -> None:
    with duckdb.connect(str((home / "published" / "current").resolve() / "steward.duckdb")) as con:
        con.execute("drop table mart.policy_decision; drop table mart.policy_rule")
    assert heading(run(POLICY)) == "To decide: 8 of 8"


def test_what_the_dashboard_holds_open_does_not_stop_the_command_line(home: Path) -> None:
    # Its connections lock their settings; a second one to the same file in this process would inherit that.
    run(AUDIT)
    found = audit.findings(Home(home), "steward")
    assert len(found.rows) == 14
    with pytest.raises(MusterError, match="is missing"):
        (home / "published" / "current" / "duty.duckdb").unlink()
        audit.findings(Home(home), "duty")
