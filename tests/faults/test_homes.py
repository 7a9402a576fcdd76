"""A home that two runs share, that is copied while one is at work, whose clock is set back, whose feeds stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.landing import store
from pipelines.landing.store import ledger
from pipelines.run import run_plain
from pipelines.settings import Home
from tests.conftest import Figure
from tests.faults.conftest import AS_OF, Server, Victim


def test_two_runs_at_once_both_end_and_land_everything_once(server: Server, victim: Victim) -> None:
    victim.receive(0, 10)
    before = victim.generation()
    answers = server.run(victim.command(), victim.command())
    assert [answer["code"] for answer in answers] == [0, 0], answers
    waited = [any("Waiting for another run" in line for _, line in answer["lines"]) for answer in answers]
    assert sorted(waited) == [False, True]
    assert victim.generation() == before + 2
    victim.check_finished()


def test_one_of_two_runs_that_may_not_wait_says_who_is_at_work(server: Server, victim: Victim) -> None:
    answers = server.run(*[victim.command(environment={"MUSTER_WAIT_SECONDS": "0"}) for _ in range(2)])
    assert sorted(answer["code"] for answer in answers) == [0, 1]
    [told] = [answer["lines"][-1][1] for answer in answers if answer["code"]]
    assert "Another run is at work" in told and "process" in told
    victim.check_finished()


def copied(home: Home, target: Path) -> None:
    """A copy as a person's own tool makes it: file by file, leaving out what vanishes meanwhile."""

    def copy(source: str, there: str) -> str:
        try:
            return shutil.copy2(source, there, follow_symlinks=False)
        except FileNotFoundError:
            return there

    with contextlib.suppress(shutil.Error):  # of folders that vanished
        shutil.copytree(home.root, target, symlinks=True, copy_function=copy)


def test_a_home_copied_while_a_run_is_at_work_can_be_read_and_run(
    server: Server, victim: Victim, tmp_path: Path, figure: Figure
) -> None:
    """Four copies, from landing to publishing; in each the next run finishes and has landed everything once."""
    copies: list[Path] = []
    is_over = threading.Event()

    def copy_again_and_again() -> None:
        while not is_over.is_set():
            target = tmp_path / f"copy{len(copies)}"
            copied(victim.home, target)
            copies.append(target)
            is_over.wait(0.4)

    victim.receive(0, 20)
    thread = threading.Thread(target=copy_again_and_again)
    thread.start()
    try:
        assert server.one(victim.command())["code"] == 0
    finally:
        is_over.set()
        thread.join()
    victim.check_finished()
    chosen = [copies[len(copies) * part // 4] for part in range(4)]
    for number, root in enumerate(chosen):
        copy = Victim(Home(root), given=victim.given)
        assert copy.check_published(), "the copy cannot be read"
        copy.check_store()
        request = copy.command if number % 2 else copy.steps
        assert server.one(request())["code"] == 0
        copy.check_finished()
    figure(f"a home copied while running: {len(copies)} copies made, {len(chosen)} read, run and found whole")


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db"])
def test_a_spoilt_record_of_runs_begins_anew(name: str, server: Server, victim: Victim) -> None:
    """Copied while it was written, or by a disk; it is no data of anybody's, and no run fails for it."""
    record = victim.home.root / "dagster" / name
    assert record.exists()
    record.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 100)
    for suffix in ("-wal", "-shm"):
        record.with_name(record.name + suffix).unlink(missing_ok=True)
    answer = server.one(victim.command())
    assert answer["code"] == 0, answer["lines"]
    assert any("record of runs" in line and "begins anew" in line for _, line in answer["lines"])
    victim.check_finished()


def test_a_byte_of_staged_rows_that_a_disk_spoilt_is_found_named_and_read_from_the_received_file(
    server: Server, template: Path, victim: Victim, tmp_path: Path
) -> None:
    untouched = Victim.copy_of(template, tmp_path / "untouched")
    largest = max(victim.home.landing.glob("registrations/*.staged.parquet"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    times = largest.stat()
    largest.write_bytes(content)
    os.utime(largest, ns=(times.st_atime_ns, times.st_mtime_ns))
    for home in (victim, untouched):
        home.receive(0, 1)  # so that the table of registrations is made anew
    assert server.one(untouched.steps())["code"] == 0
    answer = server.one(victim.command())
    assert answer["code"] == 0, answer["lines"]
    assert any(str(largest) in line and "made anew" in line for _, line in answer["lines"])
    victim.check_finished()
    sql = "select severity, message from mart.data_quality where check_name = 'staged_file_spoilt'"
    [(severity, message)] = victim.rows(sql)
    assert severity == "warning" and str(largest.name) in message
    for table in ("stay", "exposure", "trip", "exposure_by_week", "traveller_contact"):
        sql = f"select * from mart.{table} order by all"
        assert victim.rows(sql) == untouched.rows(sql) != []


class _Clock(datetime):
    """A clock that was set back by a day."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) - timedelta(days=1)


def test_a_clock_that_was_set_back_forgets_nothing_and_is_told_of(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = victim.rows("select count(*) from mart.stay")
    newest = max(entry.landed_at for entry in ledger(victim.home))
    monkeypatch.setattr(store, "datetime", _Clock)
    monkeypatch.setattr("pipelines.run.datetime", _Clock)
    monkeypatch.setattr("pipelines.warehouse.datetime", _Clock)
    monkeypatch.setattr("pipelines.publish.datetime.datetime", _Clock)
    victim.receive(0, 1)
    said: list[str] = []
    run_plain(victim.home, AS_OF, progress=said.append)
    victim.check_finished()
    assert victim.rows("select count(*) from mart.stay") >= people
    assert victim.rows("select count(*) from mart.trip where trip_id = 'K0'") == [(1,)]
    assert max(entry.landed_at for entry in ledger(victim.home)) > newest, "what came later counts as received before"
    assert any("clock" in message and "set back" in message for message in said)
    [(severity, message)] = victim.rows(
        "select severity, message from mart.data_quality where check_name = 'clock_set_back'"
    )
    assert severity == "warning" and "Set it right" in message
    assert {status for (status,) in victim.rows("select status from mart.feed_status where not is_optional")} == {
        "current"
    }


def test_feeds_that_stop_coming_are_stale_and_nobody_is_said_to_be_nowhere(server: Server, victim: Victim) -> None:
    """A month later, without a new file: the level in force stays, and every answer says what it rests on."""
    later = datetime.now(UTC) + timedelta(days=40)
    run_plain(victim.home, AS_OF, later)
    states = dict(victim.rows("select feed, status from mart.feed_status"))
    assert {states[feed] for feed in ("people", "registrations", "ratings")} == {"stale"}
    levels = victim.rows("select count(*) from mart.exposure where risk_level is not null")
    assert levels[0][0] > 0
    for arguments in (["who"], ["who", "--min-level", "5"], ["who", "--country", "AQ"]):
        answer = server.one({"what": "command", "arguments": [*arguments, "--home", str(victim.home.root)]})
        text = "\n".join(line for _, line in answer["lines"])
        assert answer["code"] == 0 and "is stale" in text, text
        assert "Nobody" not in text and "nobody is" not in text, text


def test_a_killed_run_is_not_recorded_as_under_way_for_ever(server: Server, victim: Victim) -> None:
    """Dagster starts one run at a time, so one that never ends would keep its schedule from ever starting another."""
    killed = server.one(victim.command(kill={"marker": "Building core", "after": 0.05}))
    assert killed["code"] == -9
    assert server.one(victim.command())["code"] == 0
    with contextlib.closing(sqlite3.connect(victim.home.root / "dagster" / "history" / "runs.db")) as con:
        states = [state for (state,) in con.execute("select status from runs order by id")]
    assert states == ["SUCCESS", "FAILURE", "SUCCESS"]
