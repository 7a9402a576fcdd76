"""Starts a worker for one query, waits for it as long as allowed, and turns its answer into rows."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import MusterError, UsageError
from pipelines.settings import PROJECT


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one query may use."""

    row_limit: int = 10_000
    seconds: float = 30.0
    memory_mb: int = 1024


@dataclasses.dataclass(frozen=True)
class Result:
    """Rows of an answer; ``is_cut`` says that there were more than the row limit."""

    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool


def run_query(
    file: Path, sql: str, parameters: Mapping[str, str] | None = None, limits: Limits | None = None
) -> Result:
    """Run one SELECT, read-only, on a published file; MusterError says in one sentence why it was not answered."""
    limits = limits or Limits()
    request = {
        "file": str(file),
        "sql": sql,
        "parameters": dict(parameters or {}),
        "row_limit": limits.row_limit,
        "cpu_seconds": int(limits.seconds * 2) + 2,
        "memory_mb": limits.memory_mb,
    }
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(PROJECT),
        "MALLOC_ARENA_MAX": "2",
        "LC_ALL": "C.UTF-8",
    }
    try:
        # subprocess.run kills the worker when the time is up, whatever it is doing.
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.sandbox.worker"],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MusterError(f"The query took longer than {limits.seconds:g} s and was stopped.") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise MusterError(
            "The query was stopped because it used more processor time or memory than a query may."
        ) from None
    if "error" in answer:
        raise (UsageError if answer.get("is_usage") else MusterError)(answer["error"])
    return Result(answer["columns"], answer["rows"], bool(answer["is_cut"]))
