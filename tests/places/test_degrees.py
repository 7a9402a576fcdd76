"""Coordinates as people type them: a decimal comma is understood, what is no coordinate is refused, never bent."""

from __future__ import annotations

import pytest

from pipelines.degrees import parse_latitude, parse_longitude
from pipelines.errors import UsageError


@pytest.mark.parametrize(
    ("text", "degrees"),
    [("9,02", 9.02), ("9.02", 9.02), (" -1.29 ", -1.29), ("−1,29", -1.29), ("28.65°", 28.65), ("+7", 7), ("90", 90)],
)
def test_a_number_of_degrees_is_understood(text: str, degrees: float) -> None:
    assert parse_latitude(text) == degrees


@pytest.mark.parametrize("text", ["902", "90.1", "-91"])
def test_degrees_beyond_the_globe_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"'{text}' is no latitude: it lies between -90 and 90 degrees."):
        parse_latitude(text)


@pytest.mark.parametrize(
    "text", ["", "north", "1.29 S", "28.65, 77.23", "28,65,1", "1.234,5", "1e1", "nan", "inf", "٩", "9 02", "--1", "."]
)
def test_what_is_no_number_of_degrees_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no longitude: write one number of degrees, west negative"):
        parse_longitude(text)


def test_a_longitude_reaches_to_180() -> None:
    assert parse_longitude("-180") == -180
    with pytest.raises(UsageError, match="between -180 and 180"):
        parse_longitude("180.1")
