"""Where the time of a run went."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Wall seconds of one part of a step, with the rows of its table; ``is_made`` where a model was run for them."""

    step: str
    part: str
    seconds: float
    rows: int | None = None
    is_made: bool = False


def timing_lines(timings: tuple[Timing, ...] | list[Timing], least_seconds: float = 0.05) -> list[str]:
    """Where the time went, as lines: each step, and below it the parts that took a twentieth of a second or more."""
    lines = []
    for step in (timing for timing in timings if timing.part == "all"):
        lines.append(f"{step.step:<12}{step.seconds:8.2f} s")
        parts = [part for part in timings if part.step == step.step and part.part != "all"]
        for part in sorted(parts, key=lambda timing: -timing.seconds):
            if part.seconds >= least_seconds:
                rows = f"{part.rows:>12,} rows" if part.rows is not None else ""
                lines.append(f"    {part.part:<32}{part.seconds:6.2f} s{rows}")
    return lines
