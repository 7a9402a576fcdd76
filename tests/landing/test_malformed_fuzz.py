"""Clean files damaged at random: whatever the damage, each byte is in one record and the rows beside it load.

Three hundred files a run; ``MUSTER_FAULTS`` multiplies them and ``MUSTER_FAULTS_SEED`` chooses others.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.landing.parse import prepare
from pipelines.landing.store import ledger
from pipelines.landing.text import GateError
from pipelines.settings import PROJECT
from tests.conftest import Figure

from .conftest import Office
from .malformed import CONTRACT

SCALE = int(os.environ.get("MUSTER_FAULTS", "1"))
SEED = int(os.environ.get("MUSTER_FAULTS_SEED", "6"))
FILES = 300 * SCALE
MEGABYTE = 1024 * 1024

PIECES = [
    b"", b"\0", b'"', b'""', b'"\n', b",", b",,,", b"\n", b"\n\n", b"\r", b"\r\n", b"\xff", b"\xc3", b"\xe2\x80\xa8",
    b"\xef\xbb\xbf", b"\\", b"'", b"#", b";", b"\t", b"\x1a", b"x" * 70_000, b'"' + b"y\n" * 60, b"2026-13-01",
    b"1e999", b"\xff\xfe", b"<html>", b"id,name,day,amount\n",
]  # fmt: skip


@dataclass(frozen=True)
class Damaged:
    """A file of clean rows with one damaged stretch, and the keys of the rows outside of it."""

    data: bytes
    untouched: list[str]
    has_quotes: bool
    """Whether a quote that the damage opens may pair with one of a later row, and take those between with it."""


PLAIN = ["Zoë", "Ana", "Łukasz", ""]
QUOTED = ['"Example, Ada"', '"two\nlines"', '"say ""so"""']


def clean_rows(chance: random.Random, has_quotes: bool) -> list[bytes]:
    """Header and rows, most with text beyond ASCII, as names have it; some in quotes, some of several lines."""
    rows = [b"id,name,day,amount\n"]
    for number in range(chance.randint(3, 40)):
        name = chance.choice(PLAIN + QUOTED if has_quotes else PLAIN)
        rows.append(f"k{number},{name},2026-03-{chance.randint(1, 28):02},{chance.randint(0, 99)}\n".encode())
    return rows


def damage(chance: random.Random) -> Damaged:
    """Replace one stretch of up to 30 bytes by another, or cut the file there."""
    has_quotes = chance.random() < 0.5
    rows = clean_rows(chance, has_quotes)
    data = b"".join(rows)
    at = chance.randrange(len(data))
    length = chance.choice([0, 0, 1, 2, 5, 30])
    if chance.random() < 0.1:
        broken, end = data[:at], len(data)
    else:
        broken, end = data[:at] + chance.choice(PIECES) + data[at + length :], at + length
    untouched, start = [], 0
    for row in rows:
        # A stretch that ends where a row begins, or begins where one ends, may join it to its neighbour.
        if start > end or start + len(row) < at:
            untouched.append(row.split(b",")[0].decode())
        start += len(row)
    return Damaged(broken, [key for key in untouched if key != "id"], has_quotes)


def test_damaged_files_are_accounted_for_and_the_rows_beside_the_damage_load(
    office: Office, tmp_path: Path, figure: Figure
) -> None:
    chance = random.Random(SEED)
    office.contract({**CONTRACT, "feed": "things"})
    cases = {f"{number:06}.csv": damage(chance) for number in range(FILES)}
    for name, case in cases.items():
        office.put(f"things/{name}", case.data)
    office.run()
    accounts = {
        name: (status, message, records, loaded, rejected, blank)
        for name, status, message, records, loaded, rejected, blank in office.rows(
            "select file_name, status, message, records, loaded, rejected, blank from land.file"
        )
    }
    contracts = office.contracts()
    told: Counter[str] = Counter()
    for number, landed in enumerate(ledger(office.home)):
        case = cases[landed.file_name]
        status, message, records, loaded, rejected, blank = accounts[landed.file_name]
        assert records == loaded + rejected + blank
        told["files"] += 1
        told[status] += 1
        told["records"] += records
        told["rejected"] += rejected
        assert status == "loaded" or (message and "\n" not in message)
        try:
            prepared = prepare(office.home, landed, contracts["things"], tmp_path / str(number))
        except GateError as error:
            assert str(error) == message
            continue
        split = prepared.split
        ends = [prepared.header.end_byte, *split.ends.tolist()]
        assert ends == sorted(set(ends)) and ends[-1] == prepared.text.path.stat().st_size
        assert len(ends) - 1 == records
    check_neighbours(office, cases, told)
    for reason, raw, start, end, name in office.rows(
        "select reason, raw, byte_start, byte_end, file_name "
        "from land.rejected_record join land.file using (file_number)"
    ):
        assert reason and cases[name].data[start:end].startswith(raw)
    figure(
        f"malformed: {told['files']} damaged files, {told['loaded']} loaded, {told['failed']} failed; "
        f"{told['records']} records, {told['rejected']} rejected with a reason, {told['rows']} clean rows loaded"
    )
    assert told["loaded"] > FILES / 2


def check_neighbours(office: Office, cases: dict[str, Damaged], told: Counter[str]) -> None:
    """Each row outside the damage is loaded, unless the whole file failed or a quote reached over it."""
    found: dict[str, set[str]] = {}
    rows = office.rows(
        f"select f.file_name, s.id from read_parquet('{office.home.landing}/things/*.staged.parquet', filename = true) "
        "as s join land.file as f on contains(s.filename, f.file_sha256)"
    )
    for name, key in rows:
        found.setdefault(name, set()).add(key)
    for name, keys in found.items():
        case = cases[name]
        lost = set(case.untouched) - keys
        told["rows"] += len(keys & set(case.untouched))
        assert not lost or case.has_quotes, (name, lost, case.data[:300])
        told["swallowed"] += len(lost)
    assert told["swallowed"] < told["rows"] / 50


MEASURE = """
import json, sys
from pathlib import Path
from pipelines import landing
from pipelines.contracts import load_contracts
from pipelines.settings import Home, load_settings
home = Home(sys.argv[1])
contracts = load_contracts(home, load_settings(home))
landing.land_inbox(home, contracts)
[account] = landing.stage_files(home, contracts)
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps([account.status, account.records, account.loaded, account.message, peak // 1024]))
"""


def bomb(path: Path) -> None:
    """A gzip archive of two gigabytes of NULs: a member of a megabyte each, so that making it costs little."""
    member = gzip.compress(bytes(16 * MEGABYTE), 6, mtime=0)
    path.write_bytes(member * 128)


def honest_bomb(path: Path) -> None:
    """A gzip archive whose text is all one row, over and over."""
    row = b"1,a,2026-03-01,1\n"
    path.write_bytes(gzip.compress(b"id,name,day,amount\n", mtime=0) + gzip.compress(row * MEGABYTE, 6, mtime=0) * 40)


def long_line(path: Path) -> None:
    """A line of 300 MB between clean rows."""
    with path.open("wb") as out:
        out.write(b"id,name,day,amount\n1,a,2026-03-01,1.5\n2,")
        for _ in range(300):
            out.write(b"x" * MEGABYTE)
        out.write(b"\n3,c,2026-03-02,2\n")


def long_quoted_value(path: Path) -> None:
    """A quoted value of 40 MB of lines, of which none is a row."""
    with path.open("wb") as out:
        out.write(b'id,name,day,amount\n1,a,2026-03-01,1.5\n2,"')
        for _ in range(40):
            out.write((b"y" * 1023 + b"\n") * 1024)
        out.write(b'",,\n3,c,2026-03-02,2\n')


@pytest.mark.parametrize(
    ("make", "expected", "words"),
    [
        (bomb, ("failed", 0, 0), "unpacks to more than a file of its size can hold"),
        (honest_bomb, ("failed", 0, 0), "unpacks to more than a file of its size can hold"),
        (long_line, ("loaded", 3, 2), None),
        (long_quoted_value, ("loaded", 3 + 40 * 1024, 2), None),
    ],
    ids=["gzip bomb", "gzip bomb of rows", "line of 300 MB", "quoted value of 40 MB"],
)
def test_what_is_huge_needs_little_memory(
    office: Office,
    make: Callable[[Path], None],
    expected: tuple[str, int, int],
    words: str | None,
    figure: Figure,
) -> None:
    office.contract({**CONTRACT, "feed": "things"})
    make(office.put("things/huge.csv", b""))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(office.home.root)], capture_output=True, text=True, cwd=PROJECT, timeout=300
    )
    assert done.returncode == 0, done.stderr
    *account, message, megabytes = json.loads(done.stdout)
    assert tuple(account) == expected
    assert words is None or words in message
    figure(f"malformed: {make.__name__.replace('_', ' ')}: {megabytes} MB of memory at most")
    assert megabytes < 400
    shutil.rmtree(office.home.root)
