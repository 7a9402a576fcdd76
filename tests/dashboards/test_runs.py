"""What Data health and the banner tell of the last runs, and whether Dagster's pages are reachable."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines import instance, run_history
from pipelines.settings import Home
from tests.dashboards import fixture
from tests.dashboards.conftest import use
from tests.dashboards.test_pages import run, text

BEGAN = datetime(2026, 11, 12, 10, tzinfo=UTC).timestamp()
"""An hour after the publication of the fixture."""


def record(root: Path, run_id: str, status: str, began: float, ended: float | None, error: str | None = None) -> None:
    """One run, as Dagster keeps it."""
    folder = root / "dagster" / "history" / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(folder.parent / "runs.db") as con:
        con.execute(
            "create table if not exists runs (id integer primary key, run_id, pipeline_name, status, create_timestamp, "
            "start_time, end_time)"
        )
        con.execute(
            "insert into runs values (null, ?, 'muster_run', ?, '2026-11-12 10:00:00', ?, ?)",
            [run_id, status, began, ended],
        )
    con.close()
    if error is None:
        return
    with sqlite3.connect(folder / f"{run_id}.db") as con:
        con.execute("create table event_logs (id integer primary key, dagster_event_type, step_key, event)")
        event = {
            "event_type_value": "STEP_FAILURE",
            "event_specific_data": {"error": {"message": "dagster.Odd: x\n", "cause": {"message": error}}},
        }
        con.execute(
            "insert into event_logs values (null, 'STEP_FAILURE', 'core', ?)", [json.dumps({"dagster_event": event})]
        )
    con.close()


def test_a_failed_run_is_loud_on_every_page_and_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    record(tmp_path, "aaaaaaaa-1", "SUCCESS", BEGAN - 3600, BEGAN - 3500)
    use(tmp_path, monkeypatch)
    assert "The last run failed" not in text(run())
    sentence = "pipelines.errors.MusterError: The disk <b>is full</b>; make room.\n"
    record(tmp_path, "bbbbbbbb-2", "FAILURE", BEGAN, BEGAN + 95, sentence)
    assert "The last run failed: this is the publication before it." in text(run())
    body = text(run("views/data_health.py"))
    assert "The disk &lt;b&gt;is full&lt;/b&gt;; make room." in body and "took 2 minutes" in body
    assert "Thu 12 Nov 10:00 GMT" in body and "Succeeded" in body
    assert "make dagster" in body and 'href="http://127.0.0.1' not in body
    monkeypatch.setenv("MUSTER_ROLE", "viewer")
    body = text(run("views/data_health.py"))
    assert "Failed" in body and "is full" not in body and "make dagster" not in body


def test_only_musters_own_sentence_is_told(tmp_path: Path) -> None:
    record(tmp_path, "aaaaaaaa-1", "FAILURE", BEGAN, BEGAN, "KeyError: 'ada@university.example'\n")
    (failed,) = run_history.last_runs(Home(tmp_path), 5)
    assert failed.problem == "It broke in the step 'core'. Dagster's pages hold why."


def test_a_run_that_was_killed_is_not_at_work(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert run_history.last_runs(home, 5) == [] and run_history.newest_run(home) is None
    record(tmp_path, "aaaaaaaa-1", "STARTED", BEGAN, None)
    assert run_history.last_runs(home, 5)[0].status == "broken_off"
    home.warehouse.mkdir()
    with (home.warehouse / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run_history.last_runs(home, 5)[0].status == "running"


def test_a_record_that_cannot_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    record(tmp_path, "aaaaaaaa-1", "SUCCESS", BEGAN, BEGAN)
    (tmp_path / "dagster" / "history" / "runs.db").write_bytes(b"no database" * 100)
    use(tmp_path, monkeypatch)
    assert "The record of runs cannot be read" in text(run("views/data_health.py"))


def test_dagsters_pages_are_linked_while_they_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture.write_generation(tmp_path)
    record(tmp_path, "aaaaaaaa-1", "SUCCESS", BEGAN - 3600, BEGAN - 3500)
    use(tmp_path, monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (tmp_path / "dagster" / "served").write_text(f"{os.getpid()} {port}\n")
        assert instance.served_at(Home(tmp_path)) == f"http://127.0.0.1:{port}"
        body = text(run("views/data_health.py"))
        assert f'href="http://127.0.0.1:{port}/runs/aaaaaaaa-1"' in body
    assert instance.served_at(Home(tmp_path)) is None


def test_what_nothing_resolves_is_listed_with_what_hangs_on_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch)
    body = text(run("views/data_health.py"))
    assert "&lt;script&gt;alert(&#x27;place&#x27;)&lt;/script&gt;" in body and "Beirutt, Lebanon" in body
    assert "276781" in body and "not on the roster" in body and "away now" in body
    for role, is_told in (("analyst", True), ("viewer", False)):
        monkeypatch.setenv("MUSTER_ROLE", role)
        body = text(run("views/data_health.py"))
        assert ("Beirutt" in body) is is_told and "Castillo" not in body


def test_people_to_settle_stay_nameless_where_the_log_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.write_generation(tmp_path)
    use(tmp_path, monkeypatch)
    assert "Emre Eriksen" in text(run("views/data_health.py"))
    (tmp_path / "logs" / "access.log").unlink()
    (tmp_path / "logs" / "access.log").mkdir()
    body = text(run("views/data_health.py"))
    assert "Names and phones are hidden." in body and "Emre Eriksen" not in body
