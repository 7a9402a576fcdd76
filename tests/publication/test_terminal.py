"""What a terminal shows: nothing but prose is broken over lines, whatever the width; a pipe gets what it always got."""

from __future__ import annotations

import datetime
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.settings import Home
from pipelines.tables import print_rows

COLUMNS = ("level", "traveller", "name", "phone", "place", "since (UTC)", "reason")
ROWS = [
    (
        "5 Extreme",
        "t_37ed91ad33414e66",
        "Maria-Teresa Ōtsuka y Fernández de la Torre",
        "+1 646 555 0122",
        "Addis Ababa",
        datetime.datetime(2026, 7, 12, 2, 55),
        "The traveller is booked to fly to Kingston, Jamaica on 4 March 2027 (booking 35WMQV, 6 nights).",
    ),
    ("4 High", "t_3aee00c225511eef", "Thiri Park", None, "Kyiv", datetime.datetime(2026, 11, 25, 3, 45), "Short."),
]
WHOLE = [str(one) for row in ROWS for one in row[:5] if one] + ["2026-07-12 02:55", "2026-11-25 03:45"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(width: int, monkeypatch: pytest.MonkeyPatch, spare: Sequence[str] = ()) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "40")  # without both a dumb terminal is 80 wide
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    print_rows(COLUMNS, ROWS, stream=out, first=("level", "name", "phone"), spare=spare, notes=["A note."])
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


@pytest.mark.parametrize("width", [60, 80, 100, 160, 300])
def test_a_name_a_phone_an_id_and_an_instant_are_whole_at_every_width(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(shown(width, monkeypatch))
    assert [one for one in WHOLE if one not in text] == []


def test_a_table_too_wide_is_a_block_a_row_the_most_important_first(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(80, monkeypatch)
    assert [line.split()[0] for line in lines[:7]] == [
        "level",
        "name",
        "phone",
        "traveller",
        "place",
        "since",
        "reason",
    ]
    assert lines[3] == "traveller    t_37ed91ad33414e66"
    assert "level        4 High" in lines and lines[-1] == "A note."
    second = lines[lines.index("level        4 High") :]
    assert not any(line.startswith("phone") for line in second), "what is not known takes no line"


def test_columns_to_spare_are_left_out_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(150, monkeypatch, spare=("traveller",))
    assert lines[1].split()[:3] == ["level", "name", "phone"]
    assert "Left out here: traveller. A wider terminal shows them, and so does --format csv." in lines
    assert not any(line.startswith("Left out") for line in shown(300, monkeypatch, spare=("traveller",)))


def test_a_pipe_gets_every_column_in_one_line_a_row() -> None:
    out = io.StringIO()
    print_rows(COLUMNS, ROWS, stream=out, spare=("traveller",))
    lines = out.getvalue().splitlines()
    assert lines[1].split()[:3] == ["level", "traveller", "name"] and "6 nights)." in lines[3] and len(lines) == 6


def in_terminal(width: int, arguments: list[str]) -> str:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    code = "import sys; from pipelines.cli import main; sys.exit(main())"
    environment: dict[str, Any] = {**os.environ, "TERM": "dumb", "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("COLUMNS", None)
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                more = os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            told += more
    os.close(ours)
    assert process.returncode == 0, told.decode()
    return told.decode()


@pytest.mark.parametrize("width", [80, 160])
def test_who_in_a_terminal_can_be_read_and_dialled(width: int, published: Home) -> None:
    path = (published.root / "published" / "current").resolve() / "duty.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("update mart.traveller_contact set mobile_phone = null where traveller_id = 't_ann'")
        con.execute("delete from mart.traveller_contact where traveller_id = 't_bob'")
    lines = [line.rstrip() for line in in_terminal(width, ["who", "--home", str(published.root)]).splitlines()]
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for whole in ("Name of t_cat", "+1 555 01", "Name of t_ann", "no phone", "2026-11-20 00:00", "t_bob", "not known"):
        assert whole in text, whole
    assert text.count("no phone") == 1, "of whom no contact is held, a phone may well exist"
    if width == 80:
        first = [line.split()[0] for line in lines[lines.index("level        5 Extreme") :][:8]]
        assert first == ["level", "name", "phone", "place", "country", "since", "until", "presence"]
