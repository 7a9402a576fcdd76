"""Results as JSON: one file a size, which a later run of other workloads adds to."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.measure import Figure

FOLDER = Path(__file__).with_name("results")
FORMAT = 1


def path_of(folder: Path, name: str) -> Path:
    """The file of a size (its number of trips) or of ``growth``."""
    return folder / f"{name}.json"


def load(path: Path) -> dict[str, Any]:
    """A results file, or an empty one."""
    if not path.exists():
        return {"format": FORMAT, "workloads": {}}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def is_done(path: Path, workload: str) -> bool:
    """Whether a workload was measured with the code as it is."""
    entry = load(path)["workloads"].get(workload)
    return bool(entry and entry["code"] == machine.code_digest())


def save(path: Path, workload: str, figures: Sequence[Figure], command: str) -> None:
    """Put a workload's figures into its file, with the machine, the versions and the command that made them."""
    document = load(path)
    document["workloads"][workload] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": machine.code_digest(),
        "command": command,
        "machine": machine.describe(),
        "figures": [_as_json(figure) for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _as_json(figure: Figure) -> dict[str, Any]:
    entry = dataclasses.asdict(figure)
    if figure.seconds:
        entry["median_seconds"] = round(statistics.median(figure.seconds), 4)
        entry["median_cpu_seconds"] = round(statistics.median(figure.cpu_seconds), 3)
        entry["largest_peak_mib"] = max(figure.peak_mib)
    return entry
