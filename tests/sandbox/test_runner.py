"""The worker's process: limits said plainly, errors without values, cancelling, absent layers, the kernel's part."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import MusterError
from pipelines.sandbox import messages, runner, wall
from pipelines.sandbox.runner import Limits, Query, Request, cut_note, run_query
from pipelines.settings import PROJECT
from tests.sandbox.conftest import CANARY, Place


def test_rows_and_bytes_have_limits_that_are_said(place: Place) -> None:
    result = run_query(place.file, "select * from range(20000)")
    assert len(result.rows) == 10_000 and result.cut_by == "rows"
    assert cut_note(result.cut_by).startswith("These are the first 10,000 rows of more;")
    result = run_query(place.file, "select repeat('x', 400000) from range(10)", limits=Limits(byte_limit=1 << 20))
    assert len(result.rows) == 2 and result.cut_by == "bytes"
    assert cut_note("bytes").startswith("The answer was cut at 32 MB")
    assert run_query(place.file, "select * from range(10000)").cut_by == ""


def test_cancelling_ends_the_process_at_once(place: Place) -> None:
    query = Query(Request(place.file, "select sum(i) from range(1000000000000) t(i)"))
    assert next(query.lines(pause=0.2)) is None
    start = time.monotonic()
    query.close()
    assert time.monotonic() - start < 1
    assert query._process.wait(5) != 0


SURROUNDINGS = """
import json, os, sys
inherited = int(json.load(sys.stdin)["parameters"]["inherited"])
try:
    is_open = os.fstat(inherited) is not None
except OSError:
    is_open = False
seen = [[sorted(os.environ), os.getcwd(), sys.argv[1:], is_open, os.getsid(0) == os.getpid()]]
for line in ({"columns": ["seen"], "absent": []}, {"rows": seen}, {"end": "all"}):
    print(json.dumps(line))
"""


def test_nothing_is_in_the_worker_s_surroundings(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process started as the worker is sees no variable, folder, argument or open file of the one that asked."""
    (tmp_path / "worker.py").write_text(SURROUNDINGS)
    monkeypatch.setattr(runner, "_WORKER", tmp_path / "worker.py")
    monkeypatch.setenv("MUSTER_SECRET", CANARY)
    with place.canary.open() as canary:
        os.set_inheritable(canary.fileno(), True)
        seen = run_query(place.file, "select 1", {"inherited": str(canary.fileno())}).rows
    assert seen == [[["LC_ALL", "MALLOC_ARENA_MAX"], "/", [], False, True]]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select full_name::int from mart.traveller_contact", "could not convert string '…' to INT32"),
        ("select full_name::date from mart.traveller_contact", "invalid date field format"),
        ("select full_name::json from mart.traveller_contact where full_name not like '<%'", "malformed JSON"),
        ("select strptime(full_name, '%d') from mart.traveller_contact", "could not parse string"),
        ("select regexp_matches('a', full_name || '(') from mart.traveller_contact", "missing"),
        ("select email::uuid from mart.traveller_contact", "could not convert string"),
        ("select date_trunc(full_name, now()) from mart.traveller_contact", "specifier"),
    ],
)
def test_an_error_holds_no_value(place: Place, sql: str, words: str) -> None:
    names = [str(row[0]) for row in run_query(place.file, "select full_name from mart.traveller_contact").rows]
    with pytest.raises(MusterError) as error:
        run_query(place.file, sql)
    text = str(error.value)
    assert words in text and "\n" not in text and str(place.root) not in text
    parts = {part for name in names for part in name.split() if len(part) > 3}
    assert not [part for part in parts if part in text]


def test_words_of_the_query_stay_in_an_error() -> None:
    message = "Conversion Error: Could not convert string 'abc Smith-Jones +44 20 7946' to INT32\n\nLINE 2: x"
    text = messages.explain("ConversionException", message, "select 'abc'::int", 1)
    assert text == "The query cannot be answered: could not convert string 'abc …' to INT32. (line 2)"
    text = messages.explain("BinderException", 'Binder Error: no file "/home/ann/x.csv" here', "select 1", 1)
    assert "/home" not in text and "…" in text
    for kind in ("IOException", "PermissionException"):
        text = messages.explain(kind, "File system LocalFileSystem has been disabled by configuration", "", 1)
        assert text == "The query cannot be answered: it asks for a file or a setting, which no query here may."


@pytest.mark.parametrize("layer", ["landlock", "seccomp"])
def test_an_absent_layer_is_said_and_may_be_required(layer: str, place: Place) -> None:
    """An old kernel is played by a worker whose wall finds the layer missing."""
    code = (
        "import json, os, sys; sys.path[:0] = [sys.argv[1]]\n"
        "from pipelines.sandbox import wall, worker\n"
        "wall.landlock_version = lambda: 0 if sys.argv[2] == 'landlock' else 3\n"
        "wall._AUDIT_ARCH = {} if sys.argv[2] == 'seccomp' else wall._AUDIT_ARCH\n"
        "worker.serve(json.load(sys.stdin), sys.stdout.buffer.write); sys.stdout.flush(); os._exit(0)"
    )
    for required, words in ((False, f'"absent": ["{layer} is absent'), (True, "require_landlock is set")):
        request = Request(place.file, "select 1", {}, Limits(require_landlock=required))
        message = json.dumps(request.message(time.monotonic() + 30)).encode()
        command = [sys.executable, "-c", code, str(PROJECT), layer]
        done = subprocess.run(command, input=message, capture_output=True, check=False)
        assert words in done.stdout.decode() and (required or '"end": "all"' in done.stdout.decode())


FORBIDDEN = {
    "os.open('/etc/passwd', os.O_RDONLY)": "landlock",
    "os.listdir('/')": "landlock",
    "os.open(sys.argv[2], os.O_WRONLY)": "both",
    "os.open('/tmp/muster-made', os.O_WRONLY | os.O_CREAT)": "both",
    "os.mkdir('/tmp/muster-made')": "both",
    "os.unlink(sys.argv[2])": "both",
    "os.rename(sys.argv[2], '/tmp/muster-made')": "both",
    "os.symlink('/etc', '/tmp/muster-made')": "both",
    "os.chmod(sys.argv[2], 0o777)": "seccomp",
    "os.truncate(sys.argv[2], 0)": "both",
    "socket.socket()": "seccomp",
    "socket.socket(socket.AF_UNIX)": "seccomp",
    "socket.create_connection(('127.0.0.1', 9))": "both",
    "os.fork()": "seccomp",
    "os.execv('/bin/sh', ['sh', '-c', 'true'])": "both",
    "os.kill(os.getppid(), 0)": "seccomp",
    "os.memfd_create('x')": "seccomp",
    "os.pipe()": "seccomp",
    "ctypes.CDLL(None).ptrace(0, 0, 0, 0) and (_ for _ in ()).throw(PermissionError)": "seccomp",
}


@pytest.mark.parametrize("layer", ["landlock", "seccomp"])
def test_the_kernel_forbids_what_no_query_needs(layer: str, place: Place) -> None:
    if layer == "landlock" and wall.landlock_version() < 4:
        pytest.skip("this kernel has no Landlock, or one that knows no network")
    lines = [
        "import ctypes, os, socket, sys, threading; sys.path[:0] = [sys.argv[1]]",
        "from pathlib import Path",
        "from pipelines.sandbox import wall",
        "wall.allow_reading_only([Path(sys.argv[2])])" if layer == "landlock" else "wall.allow_computing_only()",
        "assert os.open(sys.argv[2], os.O_RDONLY) > 2",
    ]
    for action, forbidden_by in FORBIDDEN.items():
        if forbidden_by in (layer, "both"):
            done = f"print({action!r}, 'was done')"
            lines += ["try:", f"    {action}", f"    {done}", "except PermissionError:", "    pass"]
    lines += ["t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()"]
    command = [sys.executable, "-c", "\n".join(lines), str(PROJECT), str(place.file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("thread\n", "")
    assert place.file.exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_each_listed_call_and_no_other(machine: str) -> None:
    column = 0 if machine == "x86_64" else 1
    listed = {numbers[column] for numbers in wall._CALLS.values() if numbers[column] is not None}
    program = wall.filter_program(machine)
    architecture = wall._AUDIT_ARCH[machine]
    allowed = {number for number in range(512) if _judge(program, number, architecture, [0] * 6) == 0x7FFF0000}
    opening = {
        number for number in (wall._OPENAT[column], wall._OPEN[column], wall._PRLIMIT[column]) if number is not None
    }
    assert allowed == listed | opening
    assert _judge(program, 0, 0x40000003, [0] * 6) == 0x80000000
    for flags, is_allowed in (
        (0, True),
        (os.O_CLOEXEC, True),
        (os.O_WRONLY, False),
        (os.O_RDWR, False),
        (os.O_CREAT, False),
    ):
        given = [0, 0, flags, 0, 0, 0]
        assert (_judge(program, wall._OPENAT[column], architecture, given) == 0x7FFF0000) is is_allowed
    clone = int(wall._CLONE[column] or 0)
    assert _judge(program, clone, architecture, [0x10F00, 0, 0, 0, 0, 0]) == 0x7FFF0000
    assert _judge(program, clone, architecture, [0x11, 0, 0, 0, 0, 0]) == 0x50001
    assert _judge(program, 435, architecture, [0] * 6) == 0x50000 | 38
    assert _judge(program, int(wall._PRLIMIT[column] or 0), architecture, [0, 7, 1 << 40, 0, 0, 0]) == 0x50001


def _judge(program: list[tuple[int, int, int, int]], number: int | None, architecture: int, given: list[int]) -> int:
    """Run the filter as the kernel would, on the data of one system call."""
    data = struct.pack("=IIQ6Q", number or 0, architecture, 0, *given)
    accumulator = place = 0
    while True:
        code, if_true, if_false, value = program[place]
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        else:
            tests = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            place += if_true if tests[code] else if_false
