"""Records spoilt on purpose, a handful in ten thousand trips, so that rejects show up and are explained."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from pipelines.generate.observe import Scene
from pipelines.generate.registrations import Rows
from pipelines.generate.tables import CsvFile

RATE = 0.0008
KINDS = ("too_few_fields", "too_many_fields", "bad_date", "unclosed_quote")
_EXTRA_SEGMENT = "90"


class Spoiler:
    """Adds spoilt segments to existing trips of a chunk; those trips have lost a segment (F1)."""

    def __init__(self, rng: np.random.Generator, scene: Scene, noise: float) -> None:
        self.rng, self.scene = rng, scene
        wanted = len(scene.number) * RATE * noise
        self.count = int(wanted) + int(rng.random() < wanted % 1)

    def spoil(self, feed: str, rows: Rows, files: list[CsvFile]) -> dict[str, Any]:
        """Append spoilt copies of random rows, in force, to their files; returns the truth about them."""
        count = min(self.count, len(rows.trip))
        newest = np.full(len(self.scene.number), -1)
        np.maximum.at(newest, rows.trip, rows.file)
        in_force = np.flatnonzero(rows.file == newest[rows.trip])
        chosen = np.sort(self.rng.choice(in_force, count, replace=False))
        picked = rows.select(chosen)
        told: dict[str, list] = {"trip_number": [], "feed": [], "file_name": [], "kind": []}
        for n, position in enumerate(chosen):
            file = files[rows.file[position]]
            fields = [picked[name][n].as_py() or "" for name in file.columns]
            fields[file.columns.index("segment_number")] = _EXTRA_SEGMENT
            # An unclosed quote swallows what follows, so one in a file is enough to show the recovery.
            kind = KINDS[int(self.rng.choice(len(KINDS), p=[0.35, 0.2, 0.4, 0.05]))]
            file.write_raw(_spoilt(fields, kind, file.columns.index("starts_local")))
            for name, value in zip(
                told, (self.scene.number[rows.trip[position]], feed, file.path.name, kind), strict=True
            ):
                told[name].append(value)
        told_types: dict[str, Any] = {"trip_number": np.array(told["trip_number"], dtype=np.int64)}
        for name in ("feed", "file_name", "kind"):
            told_types[name] = np.array(told[name], dtype=str)
        return told_types


def _spoilt(fields: list[str], kind: str, date_position: int) -> bytes:
    if kind == "too_few_fields":
        fields = fields[: date_position - 2]
    elif kind == "too_many_fields":
        fields = [*fields, "", "see note"]
    elif kind == "bad_date":
        fields = [*fields[:date_position], "31.02.26 afternoon", *fields[date_position + 1 :]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    line = text.getvalue()
    if kind == "unclosed_quote":
        parts = line.rstrip("\n").split(",")
        line = ",".join([*parts[:-1], '"' + parts[-1]]) + "\n"
    return line.encode()
