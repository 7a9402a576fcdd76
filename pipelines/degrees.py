"""Degrees on the map as people type them, turned into numbers, or refused with a sentence."""

from __future__ import annotations

import re

from pipelines.errors import UsageError

_NUMBER = re.compile(r"[+-]?(\d{1,3}([.,]\d*)?|[.,]\d+)")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})


def parse_latitude(text: str) -> float:
    """A latitude in degrees, south negative; the decimal point may be a comma. Raises UsageError for anything else."""
    return _parse(text, "latitude", 90, "south", "-1.29 or -1,29")


def parse_longitude(text: str) -> float:
    """A longitude in degrees, west negative; the decimal point may be a comma. Raises UsageError for anything else."""
    return _parse(text, "longitude", 180, "west", "36.82 or 36,82")


def _parse(text: str, name: str, most: int, negative: str, example: str) -> float:
    number = text.strip().removesuffix("°").rstrip().translate(_MINUS)
    # Digits of ASCII alone: what is no plain number is asked for again, never guessed.
    if not (number.isascii() and _NUMBER.fullmatch(number)):
        raise UsageError(
            f"'{text.strip()[:40]}' is no {name}: write one number of degrees, {negative} negative, such as {example}."
        )
    degrees = float(number.replace(",", "."))
    if not -most <= degrees <= most:
        raise UsageError(f"'{text.strip()[:40]}' is no {name}: it lies between -{most} and {most} degrees.")
    return degrees
