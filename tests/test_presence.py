from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pipelines.presence import EARTH_KM, Near, box


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    radius_km=st.floats(0.001, 21_000),
    share=st.floats(0, 1),
    bearing=st.floats(0, 2 * math.pi),
)
def test_every_point_of_a_circle_lies_in_its_box(
    latitude: float, longitude: float, radius_km: float, share: float, bearing: float
) -> None:
    found = box(Near(latitude, longitude, radius_km))
    north, angle = math.radians(latitude), min(radius_km * share / EARTH_KM, math.pi)
    sine = math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(bearing)
    east = math.atan2(math.sin(bearing) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * sine)
    there = math.degrees(math.asin(max(-1.0, min(1.0, sine))))
    around = (longitude + math.degrees(east) + 180) % 360 - 180
    assert found["near_south"] <= there <= found["near_north"]
    is_pole = abs(there) > 90 - 1e-6  # where every longitude is the same place
    assert is_pole or found["near_west"] <= around <= found["near_east"]


def test_a_box_is_hardly_larger_than_its_circle() -> None:
    found = box(Near(60.0, 20.0, 50.0))
    assert found["near_north"] - found["near_south"] < 0.91
    assert found["near_east"] - found["near_west"] < 1.81
