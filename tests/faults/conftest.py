"""A tiny office that is killed and spoilt, and the process that forks its runs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.generate.demo import make_demo
from pipelines.landing.store import ledger
from pipelines.published import ROLES, current
from pipelines.settings import PROJECT, Home

AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
SCALE = int(os.environ.get("MUSTER_FAULTS", "1"))
"""``make faults`` kills ten times as often."""

_HEADER = (
    "trip_id,registered_at,updated_at,trip_status,channel,traveller_email,traveller_name,purpose,segment_number,"
    "segment_type,to_place,starts_local,ends_local"
)


class Server:
    """The process of ``server.py``."""

    def __init__(self) -> None:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env=environment,
        )
        self.processor_seconds = 0.0
        assert self._read() == "ready"

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def run(self, *children: dict[str, Any]) -> list[dict[str, Any]]:
        """Fork the children at once and wait until all have ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(children) + "\n")
        self._process.stdin.flush()
        answers: list[dict[str, Any]] = self._read()
        self.processor_seconds += sum(answer["processor_seconds"] for answer in answers)
        return answers

    def one(self, child: dict[str, Any]) -> dict[str, Any]:
        """Fork one child and wait for its end."""
        return self.run(child)[0]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@dataclasses.dataclass
class Victim:
    """A home to which things happen, with what it must never lose."""

    home: Home
    given: dict[str, bytes] = dataclasses.field(default_factory=dict)
    """SHA-256 and bytes of all that was ever put into the inbox."""
    seen: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    """The files of each generation that was in force, with their digests."""
    _sound: set[Path] = dataclasses.field(default_factory=set)

    @classmethod
    def copy_of(cls, template: Path, root: Path) -> Victim:
        shutil.copytree(template, root, symlinks=True)
        made = cls(Home(root))
        for path in made.home.inbox.rglob("*"):
            if path.is_file():
                made.given[hashlib.sha256(path.read_bytes()).hexdigest()] = path.read_bytes()
        return made

    def command(self, **more: Any) -> dict[str, Any]:
        """A request for ``muster run``."""
        return {
            "what": "command",
            "arguments": ["run", "--home", str(self.home.root), "--as-of", AS_OF.isoformat()],
        } | more

    def steps(self, **more: Any) -> dict[str, Any]:
        """A request for the same steps without Dagster's record."""
        return {"what": "steps", "home": str(self.home.root), "as_of": AS_OF.isoformat()} | more

    def receive(self, first: int, number: int) -> None:
        """Put files of a registration each into the inbox."""
        folder = self.home.inbox / "registrations"
        for count in range(first, first + number):
            who = f"Nora Nobody{count},university,1,presence"
            content = (
                f"{_HEADER}\nK{count},2026-10-01T09:00:00Z,2026-10-01T09:00:00Z,active,manual,nora{count}@example.edu,"
                f'{who},"Nairobi, Kenya",2026-11-{1 + count % 28:02d},2026-12-{1 + count % 28:02d}\n'
            ).encode()
            (folder / f"killed_{count}.csv").write_bytes(content)
            self.given[hashlib.sha256(content).hexdigest()] = content

    def rows(self, sql: str, role: str = "steward") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(current(self.home) / f"{role}.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def generation(self) -> int:
        return int(current(self.home).name.partition("-")[0])

    def check_store(self) -> int:
        """Every entry of the ledger has its bytes, which somebody gave; returns how many there are."""
        entries = ledger(self.home)
        for entry in entries:
            path = entry.path(self.home)
            if path not in self._sound:
                assert path.read_bytes() == self.given[entry.sha256], f"{path} holds other bytes than were given"
                self._sound.add(path)
        names = [entry.sha256 for entry in entries]
        assert len(set(names)) == len(names), "a file is landed twice"
        return len(names)

    def check_published(self) -> bool:
        """What is in force is whole and what it was, or newer than all before; says whether it is new."""
        folder = current(self.home)
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        digests = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        if folder.name in self.seen:
            assert digests == self.seen[folder.name], f"{folder.name} is in force and was changed"
            assert folder.name == max(self.seen), "an older generation is in force again"
            return False
        assert not self.seen or folder.name > max(self.seen), "an older generation is in force"
        number = self.generation()
        counts = set()
        for role in ROLES:
            [(generation, stays, people)] = self.rows(
                "select (select generation from mart.publication), (select count(*) from mart.stay), "
                "(select count(*) from mart.traveller)",
                role,
            )
            assert generation == number, f"{role} is of generation {generation} in the folder of {number}"
            counts.add((stays, people))
        assert len(counts) == 1, "the files of one generation differ"
        self.seen[folder.name] = digests
        return True

    def check_finished(self) -> None:
        """After a run that ended well: everything landed once, read once and published; nothing left behind."""
        assert self.check_store() == len(self.given)
        assert self.check_published(), "the run published nothing"
        files = self.rows("select file_sha256, file_status from mart.landed_file order by 1")
        assert [sha256 for sha256, _ in files] == sorted(self.given)
        assert {status for _, status in files} == {"loaded"}
        loaded = self.rows("select count(*), count(distinct trip_id) from mart.trip where trip_id like 'K%'")
        mine = sum(b"\nK" in content for content in self.given.values())
        assert loaded == [(mine, mine)]
        left = [path for path in self.home.published.iterdir() if path.name.startswith(".")]
        left += [*self.home.warehouse.glob("build-*"), *self.home.landing.glob(".work-*")]
        left += self.home.landing.glob("*/.*.tmp")
        assert left == []


@pytest.fixture(scope="session")
def template(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny office that was run once; it is only copied."""
    root = tmp_path_factory.mktemp("faults") / "template"
    make_demo(root, trips=20, seed=5, as_of=AS_OF)
    victim = Victim(Home(root))
    done = server.one(victim.command())
    assert done["code"] == 0, done["lines"]
    return root


@pytest.fixture
def victim(template: Path, tmp_path: Path) -> Victim:
    made = Victim.copy_of(template, tmp_path / "home")
    assert made.check_published()
    return made
