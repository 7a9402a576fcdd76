"""The access log tells of every way in which somebody may have changed it, and names the line."""

from __future__ import annotations

import datetime
import json
import os
import signal
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import access_log, cli
from pipelines.access_log import head_path, log_path, verify
from pipelines.errors import MusterError
from pipelines.settings import Home

LINES = 8
Lines = list[bytes]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home").prepare()
    for number in range(LINES):
        look(found, number)
    return found


def look(home: Home, number: int) -> None:
    access_log.record_look(home, "who", "duty", "000001-x", {"country": "KE"}, [f"t_{number}"], user="officer", rows=1)


def change(home: Home, edit: Callable[[Lines], Lines]) -> None:
    path = log_path(home)
    path.write_bytes(b"".join(line + b"\n" for line in edit(path.read_bytes().splitlines())))


def edited(number: int) -> Callable[[Lines], Lines]:
    return lambda lines: [
        line.replace(b'"officer"', b'"nobody"') if at == number else line for at, line in enumerate(lines, 1)
    ]


def swapped(lines: Lines) -> Lines:
    lines[2], lines[5] = lines[5], lines[2]
    return lines


TAMPERED = {
    "an edit": (edited(4), "line 5 does not follow line 4"),
    "an edit of the first": (edited(1), "line 2 does not follow line 1"),
    "an edit of the last": (edited(LINES), f"line {LINES} is not the one that was written"),
    "a line removed": (lambda lines: lines[:3] + lines[4:], "line 4 does not follow line 3"),
    "the first removed": (lambda lines: lines[1:], "line 1 is not its first line"),
    "the last removed": (lambda lines: lines[:-1], f"ends before line {LINES}: 1 line was removed"),
    "three removed at the end": (lambda lines: lines[:-3], f"ends before line {LINES - 2}: 3 lines were removed"),
    "all removed": (lambda lines: [], f"ends before line 1: {LINES} lines were removed"),
    "two exchanged": (swapped, "line 3 does not follow line 2"),
    "one inserted": (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3 does not follow line 2"),
    "JSON without end": (lambda lines: [*lines[:2], b"[" * 100_000, *lines[3:]], "line 3 is no entry"),
    "no JSON": (lambda lines: [*lines[:2], b"nothing happened", *lines[3:]], "line 3 is no entry"),
    "cut off": (lambda lines: [*lines[:-1], lines[-1][:40]], f"line {LINES} is no entry"),
}


def test_a_whole_log_is_told_as_one(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verify(home)
    assert (verdict.lines, verdict.problem, verdict.note) == (LINES, None, None)
    assert cli.execute(["log", "verify", "--home", str(home.root)]) == 0
    assert f"{LINES} lines" in capsys.readouterr().out
    assert oct(head_path(home).stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("what", TAMPERED)
@pytest.mark.parametrize("looks_after", [0, 2])
def test_a_change_is_told_with_its_line(
    home: Home, capsys: pytest.CaptureFixture[str], what: str, looks_after: int
) -> None:
    edit, told = TAMPERED[what]
    change(home, edit)
    for number in range(looks_after):
        look(home, number)  # what is written afterwards does not cover it up
    problem = verify(home).problem
    assert problem is not None and problem.count(".log") == 1 and problem.endswith(".")
    if not looks_after:
        assert told in problem
        assert cli.execute(["log", "verify", "--home", str(home.root)]) == 1
        assert capsys.readouterr().err.strip() == problem


def test_a_head_that_somebody_else_wrote_is_told(home: Home) -> None:
    change(home, lambda lines: lines[:-1])
    document = json.loads(head_path(home).read_bytes())
    document["lines"] -= 1
    head_path(home).write_text(json.dumps(document))
    assert "was not written by this home" in str(verify(home).problem)
    with pytest.raises(MusterError, match="was not written by this home"):
        look(home, 99)


def test_without_a_head_the_end_cannot_be_checked_and_that_is_said(home: Home) -> None:
    head_path(home).unlink()
    assert "would not show" in str(verify(home).note)
    look(home, 99)
    assert verify(home).note is None and verify(home).lines == LINES + 1


def test_a_crash_between_line_and_head_is_no_tampering(home: Home) -> None:
    kept = head_path(home).read_bytes()
    look(home, 98)
    head_path(home).write_bytes(kept)
    verdict = verify(home)
    assert verdict.problem is None and "last 1 unsealed" in str(verdict.note)
    look(home, 99)
    assert (verify(home).problem, verify(home).note, verify(home).lines) == (None, None, LINES + 2)


def test_old_lines_leave_from_the_beginning_and_the_rest_still_holds(home: Home) -> None:
    lines = log_path(home).read_bytes().splitlines()
    moment = datetime.datetime.fromisoformat(json.loads(lines[4])["looked_at"]).replace(tzinfo=None)
    gone = access_log.forget_before(home, moment)
    assert 1 <= gone <= 4 and verify(home).problem is None and verify(home).lines == LINES - gone
    change(home, lambda kept: kept[1:])
    assert "line 1 is not its first line" in str(verify(home).problem)


def test_a_log_emptied_by_age_goes_on(home: Home) -> None:
    assert access_log.forget_before(home, datetime.datetime(2100, 1, 1)) == LINES
    assert verify(home).problem is None
    look(home, 0)
    assert (verify(home).problem, verify(home).lines) == (None, 1)


@pytest.mark.parametrize("is_all", [False, True])
@pytest.mark.parametrize("point", range(8))
def test_a_kill_while_old_lines_leave_is_no_tampering_and_the_next_time_ends_it(
    home: Home, point: int, is_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [json.loads(line)["looked_at"] for line in log_path(home).read_bytes().splitlines()]
    at = datetime.datetime.fromisoformat(written[4]).replace(tzinfo=None)
    moment = datetime.datetime(2100, 1, 1) if is_all else at
    gone = LINES if is_all else sum(each < written[4] for each in written)
    count = 0

    def killed_at_point(kind: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == point + 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return kind(*arguments, **options)

        return call

    process = os.fork()
    if not process:
        monkeypatch.setattr(os, "fsync", killed_at_point(os.fsync))
        monkeypatch.setattr(Path, "replace", killed_at_point(Path.replace))
        monkeypatch.setattr(Path, "unlink", killed_at_point(Path.unlink))
        access_log.forget_before(home, moment)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    verdict = verify(home)
    assert verdict.problem is None and verdict.lines in (LINES, LINES - gone)
    look(home, 90)
    assert verify(home).problem is None
    access_log.forget_before(home, moment)
    assert verify(home).problem is None
    kept = [json.loads(line)["traveller_ids"][0] for line in log_path(home).read_bytes().splitlines()]
    expected = [] if is_all else [*(f"t_{number}" for number in range(gone, LINES)), "t_90"]
    assert kept == expected or (is_all and kept == ["t_90"])
    change(home, lambda found: found[:-1])
    assert verify(home).problem is not None or not kept


def test_a_log_of_years_is_not_held_in_memory_when_old_lines_leave(home: Home) -> None:
    ids = [f"t_{number:016x}" for number in range(2_000)]
    for _ in range(250):
        access_log.record_look(home, "who", "duty", "000001-x", {}, ids, user="officer", rows=len(ids))
    size = log_path(home).stat().st_size
    written = [json.loads(line)["looked_at"] for line in log_path(home).read_bytes().splitlines()]
    moment = datetime.datetime.fromisoformat(written[LINES]).replace(tzinfo=None)
    tracemalloc.start()
    gone = access_log.forget_before(home, moment)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert gone == sum(each < written[LINES] for each in written) > 0
    assert verify(home).problem is None and verify(home).lines == LINES + 250 - gone
    assert size > 9_000_000 and peak < size / 5


def test_a_log_that_was_changed_is_not_trimmed(home: Home) -> None:
    change(home, edited(4))
    with pytest.raises(MusterError, match="Nothing was removed"):
        access_log.forget_before(home, datetime.datetime(2100, 1, 1))


def test_where_there_is_no_log_none_is_made_and_nothing_removed(tmp_path: Path) -> None:
    nothing = Home(tmp_path / "new")
    assert access_log.forget_before(nothing, datetime.datetime(2100, 1, 1)) == 0
    assert not log_path(nothing).exists()
