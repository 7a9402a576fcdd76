"""Publishing that is killed, or whose disk fails, while others read: no bad read, generations only grow."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.settings import Home
from tests.conftest import Figure
from tests.faults.conftest import SCALE, Server, Victim

KILLS = 100 * SCALE
SEED = 20261119
MARTS = (Path(__file__).parents[1] / "publication" / "marts.sql").read_text()


@pytest.fixture
def office(tmp_path: Path, server: Server) -> Victim:
    """A home of seven people, its build at hand and published once."""
    made = Victim(Home(tmp_path / "home").prepare())
    with duckdb.connect(str(tmp_path / "build.duckdb")) as con:
        con.execute(MARTS)
    assert server.one(publishing(made, 1))["code"] == 0
    assert made.check_published()
    return made


def publishing(office: Victim, run: int, **more: Any) -> dict[str, Any]:
    build = str(office.home.root.parent / "build.duckdb")
    return {"what": "publish", "home": str(office.home.root), "build": build, "run_id": f"r{run}"} | more


@pytest.fixture
def readers(office: Victim) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, str(Path(__file__).with_name("reader.py")), str(office.home.published)]
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, **streams) for _ in range(2)]
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_readers_see_whole_generations_that_only_grow_while_publishing_is_killed(
    office: Victim, server: Server, readers: list[subprocess.Popen[str]], figure: Figure
) -> None:
    chance, began, published, kills, late = random.Random(SEED), time.monotonic(), 1, 0, 0
    whole = server.one(publishing(office, 2))
    length, run = whole["seconds"], 2
    assert office.check_published()
    while kills < KILLS:
        run += 1
        answer = server.one(publishing(office, run, kill={"after": chance.uniform(0, 1.2 * length)}))
        assert answer["code"] in (-9, 0), answer["lines"]
        is_new = office.check_published()
        assert is_new or answer["code"] == -9, "it ended well and published nothing"
        kills += answer["code"] == -9
        late += is_new and answer["code"] == -9
        published += answer["code"] == 0
    assert server.one(publishing(office, run + 1))["code"] == 0
    assert office.check_published()
    assert len([path for path in office.home.published.iterdir() if not path.is_symlink()]) <= 3
    accounts = [json.loads(reader.communicate("\n", timeout=30)[0]) for reader in readers]
    assert [account["bad"] for account in accounts] == [[], []]
    assert all(account["newest"] <= office.generation() for account in accounts)
    reads = sum(account["reads"] for account in accounts)
    figure(
        f"kill -9 while publishing: {kills} kills, {late} of them after the swap, {published + 1} publications, "
        f"{reads:,} reads by two processes, 0 bad, {time.monotonic() - began:.0f} s, seed {SEED}"
    )


def test_an_fsync_that_fails_at_any_point_leaves_a_whole_generation_and_says_which(
    office: Victim, server: Server, figure: Figure
) -> None:
    whole = server.one(publishing(office, 2))
    points = int(whole["lines"][-1][1].split()[0])
    assert office.check_published() and points > 10
    for point in range(1, points + 1):
        answer = server.one(publishing(office, 2 + point, fail_sync=point))
        is_new = office.check_published()
        sentence = answer["lines"][-1][1]
        assert answer["code"] == 1 and sentence.endswith(".") and "Input/output error" in sentence, answer["lines"]
        assert ("is in force" in sentence and str(office.generation()) in sentence) == is_new, sentence
        assert ("stays in force" in sentence) != is_new, sentence
    assert server.one(publishing(office, 3 + points))["code"] == 0
    assert office.check_published()
    figure(f"failing fsync while publishing: each of {points} calls, the old generation or the new one in force")
