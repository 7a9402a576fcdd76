"""kill -9 at random moments: the old generation or the new one, every file landed once, the next run finishes.

Each kill is SIGKILL to a real run, forked from a process that has imported everything. A run spends a fiftieth of its
time on landing, where most could be lost, so landing has most of the kills, and every step, with and without Dagster's
record, the rest. Every killed run begins on what the one before it left; after each batch one must finish.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Figure
from tests.faults.conftest import SCALE, Server, Victim

SEED = 20261118
KILLS = {"landing": 140, "any step": 40, "muster run": 20}
BATCH = {"landing": 35, "any step": 20, "muster run": 10}
STEPS = (
    "Landing",
    "Loading",
    "Building stage",
    "Building core",
    "Building mart",
    "Checking",
    "Publishing",
    "Published",
)


def reached(answer: dict[str, Any]) -> str:
    """The step that a run said last."""
    told = [step for _, line in answer["lines"] for step in STEPS if step in line]
    return told[-1] if told else "before landing"


def moment_of(answer: dict[str, Any], words: str) -> float:
    return next(float(moment) for moment, line in answer["lines"] if words in line)


def tell(name: str, kills: Counter[str], finished: int, began: float, processor_seconds: float) -> str:
    where = ", ".join(f"{kills[step]} {step.lower()}" for step in ("before landing", *STEPS) if kills[step])
    return (
        f"kill -9 of {name}: {kills.total()} kills ({where}), {finished} runs finished, "
        f"{time.monotonic() - began:.0f} s, {processor_seconds:.0f} CPU s, seed {SEED}"
    )


@pytest.mark.parametrize("name", KILLS)
def test_a_killed_run_loses_nothing(name: str, server: Server, victim: Victim, figure: Figure) -> None:
    chance, began = random.Random(f"{SEED} {name}"), time.monotonic()
    wanted = KILLS[name] * SCALE
    request = victim.command if name == "muster run" else victim.steps
    kills: Counter[str] = Counter()
    finished, received, used = 0, 0, server.processor_seconds
    lengths: list[float] = []
    while kills.total() < wanted:
        if not lengths or kills.total() >= BATCH[name] * finished:
            whole = server.one(request())
            assert whole["code"] == 0, whole["lines"]
            victim.check_finished()
            finished += 1
            lengths.append(moment_of(whole, "Loading places") if name == "landing" else whole["seconds"])
        victim.receive(received, 6 if name == "landing" else 1)
        received += 6 if name == "landing" else 1
        after = chance.uniform(0, statistics.median(lengths[-3:]) * 1.05)
        answer = server.one(request(kill={"after": after}))
        assert answer["code"] in (-9, 0), answer["lines"]
        if answer["code"] == -9:
            kills[reached(answer)] += 1
        victim.check_store()
        victim.check_published()
    last = server.one(request())
    assert last["code"] == 0, last["lines"]
    victim.check_finished()
    spent = server.processor_seconds - used
    figure(
        tell("muster run" if name == "muster run" else f"the steps of a run, {name}", kills, finished + 1, began, spent)
    )


def test_a_home_that_was_killed_often_has_the_same_marts_as_one_that_never_was(
    server: Server, template: Path, victim: Victim, tmp_path: Path
) -> None:
    untouched = Victim.copy_of(template, tmp_path / "untouched")
    chance = random.Random(SEED)
    for number in range(4):
        victim.receive(number, 1)
        untouched.receive(number, 1)
        server.one(victim.steps(kill={"marker": chance.choice(STEPS[:7]), "after": chance.uniform(0, 0.2)}))
    for home in (victim, untouched):
        assert server.one(home.steps())["code"] == 0
    for table in ("stay", "exposure", "trip", "exposure_by_week", "traveller_contact"):
        sql = f"select * from mart.{table} order by all"
        assert victim.rows(sql) == untouched.rows(sql) != []
