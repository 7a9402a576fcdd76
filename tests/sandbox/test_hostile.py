"""Hostile statements under the whole sandbox and with each of its layers off: refused or harmless, in time, in memory.

``make test`` tries every statement that ends at once under the gate alone and under the wall alone, and a part of the
rest; ``make hostile`` tries all of them under every layer, and prints the figures.
"""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.sandbox.runner import LAYERS
from tests.conftest import Figure
from tests.sandbox.conftest import CANARY, Place, Run

WALL = tuple(layer for layer in LAYERS if layer != "gate")
CONFIGURATIONS = {
    "all layers": LAYERS,
    "the wall without the gate": WALL,
    "the gate without the wall": ("gate",),
    "the kernel's limits alone": ("limits", "landlock", "seccomp"),
    "limits and settings without Landlock and seccomp": ("limits", "settings"),
    "Landlock without seccomp": ("limits", "landlock"),
    "seccomp and settings without Landlock": ("limits", "seccomp", "settings"),
}
MEMORY_MB = 1300 * 10**6 >> 20
SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Statement:
    group: str
    sql: str
    kind: str  # refused by the gate, slow (may pass it), fine (shows nothing)


def statements() -> list[Statement]:
    document: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("hostile.yml").read_text())
    found = []
    for group, texts in document.items():
        for text in texts:
            sql = _made(text.removeprefix("make: ")) if text.startswith("make: ") else text
            kind = next((kind for kind in ("slow", "fine") if sql.startswith(f"{kind}: ")), "refused")
            found.append(Statement(group, sql.removeprefix(f"{kind}: "), kind))
    return found


def _made(expression: str) -> str:
    """A text too long to write down; the expression is ours."""
    ast.parse(expression, mode="eval")
    return str(eval(expression))  # noqa: S307


STATEMENTS = statements()


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(STATEMENTS) >= 250
    assert len({statement.sql for statement in STATEMENTS}) == len(STATEMENTS)


def chosen(name: str, is_long: bool) -> list[Statement]:
    """The statements tried under a configuration; in the short run those that take time are a sample."""
    if is_long:
        return STATEMENTS
    quick = [statement for statement in STATEMENTS if statement.kind != "slow"]
    slow = [statement for statement in STATEMENTS if statement.kind == "slow"]
    if name == "the gate without the wall":
        # That the gate refuses the others is what test_gate.py asks, of every one and without running it.
        return [statement for statement in quick if statement.kind == "fine"] + quick[::40]
    if name == "the wall without the gate":
        return quick[::4] + slow[::9]
    return quick[::40] + slow[::14]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_nothing_is_read_written_or_kept_from_ending(
    name: str, place: Place, run: Run, is_long: bool, figure: Figure
) -> None:
    before = place.listing()
    tried = chosen(name, is_long)
    texts = [place.filled(statement.sql) for statement in tried]
    seconds = 2.0 if is_long else SECONDS
    outcomes = run(texts, CONFIGURATIONS[name], seconds)
    assert len(outcomes) == len(tried)
    faults = [
        f"{statement.sql[:120]!r}: {fault} {outcome['text'][:200]}"
        for statement, outcome in zip(tried, outcomes, strict=True)
        for fault in faults_of(statement, outcome, CONFIGURATIONS[name], seconds)
    ]
    slowest = max(outcome["seconds"] for outcome in outcomes)
    largest = max(outcome["peak_mb"] for outcome in outcomes)
    cpu = sum(outcome["cpu"] for outcome in outcomes)
    refused = sum(bool(outcome["error"]) for outcome in outcomes)
    figure(
        f"{name}: {len(tried)} statements, {refused} refused in words, slowest {slowest:.2f} s of {seconds:g} s "
        f"+ 1.5 s, largest {largest} MB, {cpu:.0f} CPU s"
    )
    assert not faults, "\n".join(faults)
    assert place.listing() == before, "a file was written, changed or removed"


def faults_of(statement: Statement, outcome: dict[str, Any], layers: tuple[str, ...], seconds: float) -> list[str]:
    found = []
    if outcome["seconds"] > seconds + 1.5:
        found.append(f"took {outcome['seconds']:.2f} s")
    if outcome["peak_mb"] > MEMORY_MB:
        found.append(f"took {outcome['peak_mb']} MB")
    if CANARY in outcome["text"]:
        found.append("read what nobody may read")
    if "gate" in layers:
        if statement.kind == "refused" and not outcome["is_refused"]:
            found.append(f"passed the gate ({outcome['error'] or 'answered'})")
        if statement.kind == "fine" and outcome["error"]:
            found.append(f"was not answered ({outcome['error']})")
    return found
