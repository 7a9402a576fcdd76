"""Bad input and bad luck: one clear sentence, exit 1, no trace, and what was published stays in force."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli, validation
from pipelines.locking import run_lock
from pipelines.settings import PROJECT, Home
from pipelines.validation import SqlCheck

from .conftest import Office


@pytest.fixture(scope="module")
def spare(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A copy that these tests damage and mend again."""
    return office.copy(tmp_path_factory.mktemp("failures") / "home")


@pytest.fixture
def untouched(spare: Office) -> Iterator[Office]:
    """The spare office; afterwards its publication must be what it was."""
    before = spare.fingerprint()
    yield spare
    assert spare.fingerprint() == before
    assert not list(spare.home.published.glob(".*"))


def fails(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit 1, and after the progress one sentence that holds the words."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    *progress, sentence = done.stderr.strip().splitlines()
    assert all(line.lstrip()[:1].isdigit() for line in progress), done.stderr
    assert sentence.endswith(".") and [word for word in words if word not in sentence] == [], sentence
    assert "example.edu" not in sentence


def test_a_missing_home(tmp_path: Path) -> None:
    fails(Office(Home(tmp_path / "none")).muster("run"), "There is no home", "muster demo")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("office_timezone: [\n", ["muster.yml", "line 2"]),
        ("nonsense: 1\n", ["muster.yml", "nonsense", "no such setting"]),
        ("office_timezone: Mars/Olympus\n", ["muster.yml", "office_timezone", "America/New_York"]),
        ("- a\n- b\n", ["muster.yml"]),
        ("transit_hours: many\n", ["muster.yml", "transit_hours"]),
    ],
)
def test_broken_settings(untouched: Office, text: str, words: list[str]) -> None:
    file = untouched.home.settings_file
    good = file.read_text()
    file.write_text(text)
    try:
        fails(untouched.muster("run"), *words)
    finally:
        file.write_text(good)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feed: [people\n", ["own.yml", "line 2"]),
        ("feed: people\nmode: sideways\n", ["own.yml"]),
        (
            "feed: visits\ntable: visits\nmode: upsert\nkey: [a]\ncolumns: {a: {type: text}}\n",
            ["own.yml", "rhythm_days"],
        ),
    ],
)
def test_a_broken_contract(untouched: Office, text: str, words: list[str]) -> None:
    untouched.home.contracts.mkdir(exist_ok=True)
    file = untouched.home.contracts / "own.yml"
    file.write_text(text)
    try:
        fails(untouched.muster("run"), *words)
    finally:
        file.unlink()


def test_a_home_of_a_newer_version(untouched: Office) -> None:
    file = untouched.home.format_file
    good = file.read_text()
    file.write_text('{"format": 99}\n')
    try:
        fails(untouched.muster("run"), "newer version", "nothing was changed")
    finally:
        file.write_text(good)


def test_a_run_at_work_elsewhere(untouched: Office) -> None:
    with run_lock(untouched.home):
        done = untouched.muster("run")
    *told, sentence = [line for line in done.stderr.strip().splitlines() if "process" in line]
    assert done.returncode == 1 and str(os.getpid()) in sentence and "try again" in sentence
    assert "Waiting for another run" in told[0]


def test_a_file_that_may_not_be_read(untouched: Office, without_root: Callable[[], None]) -> None:
    file = untouched.home.inbox / "people" / "secret.csv"
    file.write_text("person_id\n1\n")
    file.chmod(0)
    try:
        fails(untouched.muster("run", preexec_fn=without_root), "secret.csv", "Permission denied")
    finally:
        file.unlink()


def test_a_home_that_may_not_be_written(untouched: Office, without_root: Callable[[], None]) -> None:
    untouched.home.warehouse.chmod(0o500)
    try:
        (untouched.home.warehouse / "lock").unlink()
        fails(untouched.muster("run", preexec_fn=without_root), "warehouse", "Permission denied")
    finally:
        untouched.home.warehouse.chmod(0o700)


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_so_and_the_next_one_works(copied: Office, wish: signal.Signals) -> None:
    before = copied.fingerprint()
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": PROJECT}
    # A shell's background job ignores the interrupt; this one is to hear it.
    streams["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(copied.command("run"), **streams) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "Building core" in line:
                break
        time.sleep(0.5)
        run.send_signal(wish)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 130 and told.strip().splitlines()[-1] == "Stopped."
    assert "Traceback" not in told
    assert copied.fingerprint() == before
    with run_lock(copied.home, wait_seconds=0):
        pass


def _mounted(folder: Path, megabytes: int) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def test_a_full_disk(office: Office, tmp_path: Path) -> None:
    size = sum(path.stat().st_size for path in office.home.root.rglob("*") if path.is_file())
    disk = tmp_path / "disk"
    if not _mounted(disk, size // 2**20 + 6):
        pytest.skip("a small disk can be made by root alone; the publication tests have the same without a disk")
    try:
        full = office.copy(disk / "home")
        before = full.fingerprint()
        done = full.muster("run")
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        sentence = done.stderr.strip().splitlines()[-1]
        assert "full" in sentence and "free some space" in sentence, sentence
        assert full.fingerprint() == before
        assert full.muster("who", "--role", "analyst").returncode == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_file_with_unknown_headers_fails_loudly_and_the_last_good_one_stays(copied: Office) -> None:
    people = copied.one("select count(*) from traveller where is_on_roster")
    (copied.home.inbox / "people" / "new.csv").write_text("Colour,Size\nred,1\n")
    (copied.home.inbox / "somewhere").mkdir()
    shutil.copy(copied.home.inbox / "alerts" / "alerts_01.csv", copied.home.inbox / "somewhere" / "a.csv")
    done = copied.muster("run")
    assert done.returncode == 0, done.stderr
    assert "received files that could not be read" in done.stdout
    states = dict(copied.rows("select file_name, message from landed_file where file_status = 'failed'"))
    assert "header" in states["new.csv"] and "contract" in states["a.csv"]
    assert copied.one("select count(*) from traveller where is_on_roster") == people
    told = copied.muster("feeds").stdout
    assert "the header is missing or unknown" in told and "2 failed" in told


def test_a_blocking_check_leaves_the_last_publication_in_force(
    untouched: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check = SqlCheck("nobody_travels", "Nobody is there", "blocking", "select 1 from mart.traveller", "mart.traveller")
    monkeypatch.setattr(validation, "sql_checks", lambda: [check])
    mask = os.umask(0o077)
    try:
        code = cli.execute(["run", "--home", str(untouched.home.root)])
    finally:
        os.umask(mask)
    told = capsys.readouterr().err
    assert code == 1
    assert "nobody_travels" in told.splitlines()[-1] and "stays in force" in told.splitlines()[-1]


READERS = (
    ["who"],
    ["audit"],
    ["feeds"],
    ["report", "week"],
    ["report", "check"],
    ["policy", "explain", "TR-1"],
    ["policy", "what-if", "--file", "umb"],
    ["sql", "select 1"],
)


@pytest.mark.parametrize("arguments", READERS, ids=" ".join)
@pytest.mark.parametrize(
    ("damaged", "words"),
    [(slice(0, 20_000), "cannot be opened ("), (slice(20_000, None), "A published file is damaged (")],
    ids=["at its head", "behind it"],
)
def test_a_damaged_published_file_is_told_in_the_same_words_by_all_that_read_it(
    arguments: list[str], damaged: slice, words: str, copied: Office
) -> None:
    for path in (copied.home.published / "current").resolve().glob("*.duckdb"):
        data = bytearray(path.read_bytes())
        data[damaged] = bytes(byte ^ 0x55 for byte in data[damaged])
        path.chmod(0o600)
        path.write_bytes(data)
    done = copied.muster(*arguments)
    fails(done, "publish again")
    assert words in done.stderr or "cannot be opened (Corrupt" in done.stderr, done.stderr
    assert "/published/" in done.stderr or "checksum" in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("places.csv", "alias,place_id\nfoo,notaplace\n", ["places.csv", "there is no place 'notaplace'"]),
        ("decisions/audit.jsonl", '{"audit_id": "a_1"\n{}\n', ["Line 1 of", "audit.jsonl", "is no decision"]),
        (
            "decisions/policy.jsonl",
            '{"decided_at": "2026-01-01T00:00:00+00:00", "departs_date": "soon"}\n',
            ["Line 1 of", "policy.jsonl", "is no decision"],
        ),
    ],
)
def test_what_a_run_refuses_is_found_by_check_config(name: str, text: str, words: list[str], copied: Office) -> None:
    path = copied.home.root / name
    path.write_text(text)
    path.chmod(0o600)
    checked = copied.muster("check-config", "--format", "json")
    assert checked.returncode == 1, checked.stdout
    (told,) = (row["detail"] for row in json.loads(checked.stdout) if row["result"] == "failed")
    assert [word for word in words if word not in told] == [], told
    fails(copied.muster("run"), *words)
