"""Which part of an address names the town."""

import pytest

from pipelines.feeds.address import locality


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Platz d. Republik 1, 10557 Berlin", "Berlin"),
        ("108 Rue Saint-Lazare, 75008 Paris, France", "Paris, France"),
        ("1535 Broadway, New York, NY 10036, USA", "New York, NY, USA"),
        ("The Invented Inn, 1 Yonge St, Toronto, ON M5E 1E5, Canada", "Toronto, ON, Canada"),
        ("8001 Zürich, Switzerland", "Zürich, Switzerland"),
        ("Bahnhofstrasse 5a\n8001 Zürich", "Zürich"),
        ("Betahaus (Rudi-Dutschke-Straße 23, Berlin, BE, Germany 10969)", "Berlin, BE, Germany"),
        ("Nairobi, Kenya", "Nairobi, Kenya"),
        ("Room 214", "Room 214"),
        ("12345", "12345"),
        ("", ""),
    ],
)
def test_locality(address: str, expected: str) -> None:
    assert locality(address) == expected
