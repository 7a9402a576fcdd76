"""The marked office, planted and run once; a test that changes it takes a copy."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines import decisions, roll_call
from pipelines.settings import Home

from . import planted


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Home]:
    """Makes a home once for all processes that share the work; it is only read afterwards."""
    base = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist each have a folder below one that they share.
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "marked"
    shared.mkdir(exist_ok=True)

    def make_once(name: str, make: Callable[[Path], object]) -> Home:
        root, marker = shared / name / "home", shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not marker.exists():
                shutil.rmtree(root.parent, ignore_errors=True)
                root.parent.mkdir()
                make(root)
                marker.touch()
        return Home(root)

    return make_once


@pytest.fixture(scope="session")
def used(once: Callable[[str, Callable[[Path], object]], Home]) -> Home:
    """The office after a run and after everybody did what leaves traces."""
    return once("used", use)


def use(root: Path) -> None:
    home = planted.plant(root)
    for arguments in (
        ["run", "--as-of", planted.AS_OF],
        ["report", "week"],
        ["report", "week", "--copy", "viewer"],
        ["who", "--role", "steward", "--format", "csv"],
        ["audit", "--role", "steward"],
        ["sql", "select full_name, email from traveller_contact", "--role", "steward"],
        ["sql", "select no_such_column from traveller_contact", "--role", "steward"],
        ["feeds"],
    ):
        done = planted.muster(home, *arguments)
        assert done.returncode == int("no_such_column" in " ".join(arguments)), done.stderr
    with duckdb.connect(str(home.published / "current" / "steward.duckdb"), read_only=True) as con:
        ids = dict(con.execute("select lower(email), traveller_id from traveller_contact").fetchall())
    named = [planted.Marked(number) for number in (4, 240)]
    for one in named:
        note = f"spoke to {one.given} {one.family} ({one.phone})"
        finding = decisions.Finding(f"a_{one.number}", ids[one.email], "KE", None, None, [])
        decisions.record(home, [finding], "dismissed", note, "officer")
        policy = decisions.PolicyFinding(f"TR-{one.number}", "register", ids[one.email], None, None, "missing")
        decisions.record(home, [policy], "waived", "a note on nobody", "officer")
    moment = datetime.datetime(2026, 11, 18)
    opened = roll_call.open_roll_call(home, "Nairobi", {"place": "KE"}, ids.values(), moment, "officer")
    for one in named:
        roll_call.answer(home, opened.roll_call_id, ids[one.email], "safe", "1", "officer")
    typed = f"select * from traveller_contact where email = '{named[0].email}';\nselect 1;\n"
    (home.logs / "sql_history").write_text(typed)
    (home.root.parent / "ids.json").write_text(json.dumps(ids))


@pytest.fixture
def copied(used: Home, tmp_path: Path) -> Home:
    shutil.copytree(used.root, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def ids(used: Home) -> dict[str, str]:
    """E-mail address to traveller_id."""
    found: dict[str, str] = json.loads((used.root.parent / "ids.json").read_text())
    return found
