"""Rehearsed: a backup taken while a run is at work, restored into an empty folder, publishes the same."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import access_log, decisions
from pipelines.run import run_plain
from pipelines.settings import PROJECT, Home

from .planted import Marked, booking, expense, plant_small, registration, roster, write

PEOPLE = [Marked(number) for number in range(40)]
AS_OF = datetime.datetime(2026, 11, 18, 12, tzinfo=datetime.UTC)
SCRIPT = PROJECT / "examples" / "backup.sh"


def marts(home: Home) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(home.published / "current" / "steward.duckdb"), read_only=True) as con:
        names = con.execute("select table_name from duckdb_tables() where schema_name = 'mart'").fetchall()
        kept = {"publication": "* exclude (generation, built_at)"}
        return {
            name: con.execute(f"select {kept.get(name, '*')} from mart.{name} order by all").fetchall()
            for (name,) in names
        }


def make_home(root: Path) -> Home:
    home = plant_small(root)
    day = AS_OF.date() - timedelta(days=6)
    write(home.inbox / "people" / "roster.csv", roster(PEOPLE))
    write(home.inbox / "registrations" / "trips.csv", [registration(one, day) for one in PEOPLE[::2]])
    write(home.inbox / "bookings" / "agency.csv", [booking(one, day) for one in PEOPLE])
    (home.root / "places.csv").write_text("alias,place_id\nthe inn,KE\n")
    return home


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path, datetime.datetime]:
    """A home, the archive of it that was made while a run landed more files, and the instant before that run."""
    folder = tmp_path_factory.mktemp("backup")
    home = make_home(folder / "home")
    run_plain(home, AS_OF)
    decisions.record(home, [decisions.Finding("a_1", "t_1", "KE", None, None, [])], "dismissed", "a note", "officer")
    for number in range(5):
        access_log.record_look(home, "who", "duty", "1", {}, [f"t_{number}"], user="officer")
    known_at = datetime.datetime.now(datetime.UTC)
    # Many files arrive, a run lands and reads them, and people look at names, while the backup is made.
    for one in PEOPLE:
        write(home.inbox / "expenses" / f"{one.number}.csv", [expense(one, AS_OF.date())])
    environment = os.environ | {"MUSTER_WAIT_SECONDS": "120"}
    command = [sys.executable, "-m", "pipelines.cli", "run", "--home", str(home.root)]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list(home.landing.glob("expenses/*.json")) and process.poll() is None:
        time.sleep(0.01)
    archives = []
    while process.poll() is None:
        archive = folder / f"backup-{len(archives)}.tar"
        access_log.record_look(home, "who", "duty", "1", {}, ["t_9"], user="officer")
        done = subprocess.run([str(SCRIPT), str(home.root), str(archive)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        archives.append(archive)
    assert process.returncode == 0 and archives
    return home, archives[0], known_at


@pytest.fixture(scope="module")
def restored(backed_up: tuple[Home, Path, datetime.datetime], tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("restored") / "home"
    root.mkdir(mode=0o700)
    subprocess.run(["tar", "-xpf", str(backed_up[1]), "-C", str(root)], check=True)
    return Home(root)


def test_the_archive_is_for_its_owner_and_holds_whole_files(
    backed_up: tuple[Home, Path, datetime.datetime], restored: Home
) -> None:
    assert backed_up[1].stat().st_mode & 0o077 == 0
    entries = list(restored.landing.glob("*/*.json"))
    assert len(entries) >= 5
    for entry in entries:
        landed = json.loads(entry.read_text())
        assert hashlib.sha256(entry.with_suffix("").read_bytes()).hexdigest() == landed["sha256"]
    assert not (restored.root / "published").exists() and not list(restored.landing.glob("*/*.parquet"))


def test_the_restored_home_publishes_the_same_and_pseudonyms_survive(
    backed_up: tuple[Home, Path, datetime.datetime], restored: Home
) -> None:
    home, _, known_at = backed_up
    run_plain(home, AS_OF, known_at)
    expected = marts(home)
    run_plain(restored, AS_OF, known_at)
    found = marts(restored)
    assert len(expected["traveller"]) == len(PEOPLE) and expected.keys() == found.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert (restored.root / "secret.key").read_bytes() == (home.root / "secret.key").read_bytes()
    assert decisions.read(restored) == decisions.read(home)


def test_the_access_log_is_whole_after_restoring(restored: Home) -> None:
    verdict = access_log.verify(restored)
    assert verdict.problem is None and verdict.lines >= 6


def test_what_is_no_home_is_refused(tmp_path: Path) -> None:
    done = subprocess.run([str(SCRIPT), str(tmp_path), str(tmp_path / "x.tar")], capture_output=True, text=True)
    assert done.returncode == 1 and "is no home" in done.stderr and not (tmp_path / "x.tar").exists()
