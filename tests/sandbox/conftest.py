from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox.runner import Limits, Request
from tests.dashboards import fixture

BATCH = Path(__file__).with_name("batch.py")
CANARY = "canary-7f3a-nobody-may-read-this"


@dataclasses.dataclass(frozen=True)
class Place:
    """A home with one published generation, and files beside it that nobody may read or make."""

    root: Path
    file: Path
    canary: Path
    out: Path

    def filled(self, sql: str) -> str:
        return (
            sql.replace("CANARY", str(self.canary))
            .replace("FILE", str(self.file))
            .replace("OUT", str(self.out))
            .replace("HOME", str(self.root))
        )

    def listing(self) -> dict[str, str]:
        """Every file below the home and beside it, with its digest."""
        paths = sorted(path for path in self.root.parent.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    outside = tmp_path_factory.mktemp("sandbox")
    root = outside / "home"
    folder = fixture.write_generation(root)
    (root / "secret.key").write_text(CANARY)
    (root / "muster.yml").write_text("office_timezone: UTC\n")
    (outside / "canary.csv").write_text(f"a,b\n{CANARY},2\n")
    return Place(root, (folder / "steward.duckdb").resolve(), outside / "canary.csv", outside / "out.csv")


Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def run(place: Place) -> Run:
    """Answer texts in one batch: a process each, with the layers named."""

    def answered(texts: Iterable[str], layers: tuple[str, ...], seconds: float = 1.0) -> list[dict[str, Any]]:
        limits = Limits(seconds=seconds)
        requests = [Request(place.file, text, {}, limits, layers=layers).message(time.monotonic()) for text in texts]
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", str(BATCH)],
            input="\n".join(map(json.dumps, requests)).encode(),
            stdout=subprocess.PIPE,
            env={"MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8", "MUSTER_SECRET": CANARY},
            cwd="/",
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return answered


@pytest.fixture(scope="session")
def is_long() -> bool:
    """Whether every statement is tried under every layer: ``make hostile``."""
    return os.environ.get("MUSTER_HOSTILE") == "long"
