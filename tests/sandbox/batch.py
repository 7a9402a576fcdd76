"""Answers many statements as the sandbox does, a process for each, without starting Python anew for each.

``python -I -S -B batch.py < requests > outcomes``: a line of JSON each way. A child builds the same wall and runs the
same code as the worker; this parent watches its time and its memory and kills it, as the real one does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
GRACE = 1.0


def outcome(request: dict[str, Any]) -> dict[str, Any]:
    """Run one request in a child; what came of it, how long it took, and the most memory it held."""
    from pipelines.sandbox import worker

    reading, writing = os.pipe()
    start = time.monotonic()
    request["deadline"] = start + request["seconds"]
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            os.close(reading)
            os.dup2(
                writing, 1
            )  # as in the product: what a statement writes to its standard output is part of its answer
            worker.serve(request, lambda content: os.write(writing, content))
            code = 0
        os._exit(code)
    os.close(writing)
    received, peak, killed = _read(reading, child, request, start)
    os.close(reading)
    seconds = (
        time.monotonic() - start
    )  # the answer is known; the real parent waits no longer for the memory to be freed
    _, status, usage = os.wait4(child, 0)
    lines = [json.loads(line) for line in received.split(b"\n") if line.endswith(b"}")]
    error = next((line["error"] for line in lines if "error" in line), None)
    return {
        "error": error,
        "is_refused": any(line.get("is_refused") for line in lines),
        "killed": killed or (f"status {status}" if status else ""),
        "rows": sum(len(line.get("rows", [])) for line in lines),
        "text": received[:4000].decode(errors="replace"),
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": max(peak, usage.ru_maxrss << 10) >> 20,
    }


def _read(reading: int, child: int, request: dict[str, Any], start: float) -> tuple[bytes, int, str]:
    received, peak, killed = b"", 0, ""
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        with contextlib.suppress(OSError, ValueError, IndexError):
            peak = max(peak, int(Path(f"/proc/{child}/statm").read_text().split()[1]) * page)
        if not killed and time.monotonic() > start + request["seconds"] + GRACE:
            killed = "time"
        if not killed and peak > request["address_space"]:
            killed = "memory"
        if killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            return received, peak, killed
        if not select.select([reading], [], [], 0.02)[0]:
            continue
        found = os.read(reading, 1 << 16)
        if not found:
            return received, peak, killed
        received = (received + found)[:8_000_000]


def main() -> None:
    """Answer every request of standard input in turn."""
    requests = [json.loads(line) for line in sys.stdin]
    sys.path[:0] = [str(PROJECT), requests[0]["packages"]]
    for request in requests:
        print(json.dumps(outcome(request)), flush=True)


if __name__ == "__main__":
    main()
