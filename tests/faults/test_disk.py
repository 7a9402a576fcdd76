"""A disk that is full, or that does not take what it was given, at points over a whole run; files that it spoils."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.landing.store import ledger
from tests.conftest import Figure
from tests.faults import kernel
from tests.faults.conftest import Server, Victim
from tests.faults.test_kills import reached

SYNC_MARKERS = ("Landing new", "Building core", "Publishing")


def spoilt(answer: dict[str, Any]) -> str:
    """The sentence of a run that failed: one, and no trace."""
    lines = [line for _, line in answer["lines"]]
    assert answer["code"] == 1, lines
    sentence = lines[-1]
    assert sentence.endswith(".") and not any("Traceback" in line for line in lines), lines
    return sentence


def test_a_disk_that_is_full_at_twenty_points_of_a_run(server: Server, victim: Victim, figure: Figure) -> None:
    """The kernel refuses every write of the process, DuckDB's and SQLite's too, from an instant on."""
    began, where, ended = time.monotonic(), Counter[str](), 0
    whole = server.one(victim.steps())
    victim.check_finished()
    for point in range(20):
        request = victim.command if point % 5 == 0 else victim.steps
        victim.receive(point, 1)
        fault = {"error": kernel.FULL_DISK, "marker": "", "after": whole["seconds"] * point / 20}
        answer = server.one(request(fault=fault))
        victim.check_store()
        if answer["code"] == 0:
            ended += 1  # a machine that was busy when the first was measured is faster now
            victim.check_finished()
            continue
        sentence = spoilt(answer)
        assert "full" in sentence or "space" in sentence or "has room" in sentence, sentence
        assert not victim.check_published()
        where[reached(answer)] += 1
    assert where.total() >= 12
    assert server.one(victim.command())["code"] == 0
    victim.check_finished()
    told = ", ".join(f"{count} {step.lower()}" for step, count in where.items())
    figure(f"disk full at 20 points: {told}; {ended} runs had ended; {time.monotonic() - began:.0f} s")


@pytest.mark.parametrize("marker", SYNC_MARKERS)
def test_a_disk_that_refuses_to_sync_from_some_step_on(marker: str, server: Server, victim: Victim) -> None:
    victim.receive(0, 2)
    fault = {"error": kernel.FAILING_SYNC, "marker": marker, "after": 0}
    answer = server.one(victim.steps(fault=fault))
    sentence = spoilt(answer)
    assert "defect" not in sentence, sentence
    victim.check_store()
    assert not victim.check_published()
    assert server.one(victim.steps())["code"] == 0
    victim.check_finished()


def change_a_byte(path: Path) -> None:
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_landed_file_that_the_disk_spoilt_is_named_and_refused(server: Server, victim: Victim) -> None:
    spoilt_file = next(entry for entry in ledger(victim.home) if entry.feed == "ratings").path(victim.home)
    good = spoilt_file.read_bytes()
    change_a_byte(spoilt_file)
    sentence = spoilt(server.one(victim.command()))
    assert spoilt_file.name in sentence and "SHA-256 is another" in sentence and "restore it" in sentence
    assert not victim.check_published()
    spoilt_file.write_bytes(good)
    assert server.one(victim.steps())["code"] == 0
    victim.check_finished()


def test_a_landed_file_that_is_gone_is_taken_from_the_inbox_again_or_named_and_refused(
    server: Server, victim: Victim
) -> None:
    entry = next(entry for entry in ledger(victim.home) if entry.feed == "bookings")
    entry.path(victim.home).unlink()
    assert server.one(victim.steps())["code"] == 0
    victim.check_finished()
    assert entry in ledger(victim.home), "it counts as received anew"
    entry.path(victim.home).unlink()
    (victim.home.inbox / entry.feed / entry.file_name).unlink()
    assert entry.sha256 in spoilt(server.one(victim.steps()))
    assert not victim.check_published()
