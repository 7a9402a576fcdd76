"""One small office, generated and run once for all tests here and for all processes that share the work."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.generate.demo import make_demo
from pipelines.settings import PROJECT, Home

AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
TRIPS = 300

_STATED = "2026-11-01T09:00:00Z,2026-11-01T09:00:00Z,NOBODY/NORA MS,nora.nobody@example.edu"
_OUT = "1,AIR,HK,JFK,CDG,2026-11-16T18:00,2026-11-17T07:00,AF,7"
_BACK = "2,AIR,HK,CDG,JFK,2026-11-25T10:00,2026-11-25T13:00,AF,8"
# Beside the generated files: two good rows, a blank one, one without its key and one on a day that does not exist.
SPOILT_BOOKINGS = f"""\
record_locator,issued_at,updated_at,traveller_name,traveller_email,segment_number,segment_type,status_code,\
from_code,to_code,starts_local,ends_local,carrier_code,service_number
SPOILT1,{_STATED},{_OUT}
SPOILT1,{_STATED},{_BACK}

,{_STATED},{_OUT}
SPOILT2,{_STATED.replace("2026-11-01", "2026-11-31")},{_OUT}
"""


@dataclass
class Office:
    """A home to run commands on and to read what was published from."""

    home: Home

    def muster(self, *arguments: str, wait: float = 240, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run one command in a process of its own."""
        return subprocess.run(self.command(*arguments), **(self.streams() | options), timeout=wait)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipelines.cli", *arguments, "--home", str(self.home.root)]

    def streams(self) -> dict[str, Any]:
        return {"capture_output": True, "text": True, "cwd": PROJECT, "env": os.environ | {"MUSTER_WAIT_SECONDS": "1"}}

    def rows(self, sql: str, role: str = "steward") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.published / "current" / f"{role}.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def one(self, sql: str, role: str = "steward") -> Any:
        return self.rows(sql, role)[0][0]

    def marts(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every published table as sorted rows; of the publication what does not name this build."""
        names = self.rows("select table_name from duckdb_tables() where schema_name = 'mart' order by 1")
        kept = {"publication": "* exclude (generation, built_at)"}
        return {name: self.rows(f"select {kept.get(name, '*')} from mart.{name} order by all") for (name,) in names}

    def fingerprint(self) -> dict[str, str]:
        """What is in force: its folder, and the digest of every file in it."""
        folder = (self.home.published / "current").resolve()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder.parent)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def copy(self, root: Path) -> Office:
        """The same office in another folder, its publications included."""
        shutil.copytree(self.home.root, root, symlinks=True)
        return Office(Home(root))

    def landed_copy(self, root: Path, without: str = "") -> Office:
        """A home that has only what cannot be made again: landed files, settings, the secret; nothing staged."""
        for path in self.home.landing.glob("*/*"):
            is_needed = len(path.stem) == 64 and path.suffix in ("", ".json")
            if is_needed and path.parent.name != without:
                target = root / path.relative_to(self.home.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
        (root / "landing").chmod(0o700)  # a home that others may read is refused
        for name in ("muster.yml", "secret.key", "home.json"):
            shutil.copy2(self.home.root / name, root / name)
        return Office(Home(root))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The office after its first ``muster run``. It is only read; a test that changes something takes a copy."""
    base = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist each have a folder below one that they share.
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    root, marker = shared / "office", shared / "office.done"
    with (shared / "office.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = Office(Home(root))
        if not marker.exists():
            shutil.rmtree(root, ignore_errors=True)
            make_demo(root, trips=TRIPS, seed=5, as_of=AS_OF)
            (root / "inbox" / "bookings" / "spoilt.csv").write_text(SPOILT_BOOKINGS)
            done = made.muster("run", "--as-of", AS_OF.isoformat())
            assert done.returncode == 0, done.stderr
            marker.write_text(done.stdout)
    return made


@pytest.fixture
def copied(office: Office, tmp_path: Path) -> Office:
    """A copy of the office for one test."""
    return office.copy(tmp_path / "home")


@pytest.fixture
def without_root() -> Callable[[], None]:
    """Run by a child before it starts: root then obeys the permissions of files like anybody else."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def drop() -> None:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH leave the bounding set
            libc.prctl(24, capability, 0, 0, 0)

    return drop
