"""The faults of real feeds, at invented rates, drawn for every trip and recorded in the truth.

``RATES`` are shares of all trips at ``noise=1``; ``noise`` scales them. A fault that cannot apply to a trip (a misspelt
second city where there is none) is dropped before it is recorded, so that shares found may be lower, never higher.
"""

from __future__ import annotations

import numpy as np

from pipelines.generate.tables import Bools

COVERAGE = {
    "unregistered_booking": (0.07, "booked, never registered"),
    "unregistered_expense": (0.035, "only an expense report shows the trip"),
    "unseen": (0.02, "no feed shows the trip"),
    "unconfirmed": (0.03, "registered, never booked, never travelled"),
}
"""Which feeds know a trip; at most one applies to a trip."""

RATES = {
    "cancelled_trip": (0.04, "the trip is cancelled in every feed that knows it, and was not made"),
    "cancelled_segment": (0.02, "the booking also holds a cancelled flight that was replaced"),
    "one_way": (0.03, "no onward or return movement and no end in any feed; the traveller did come back"),
    "surface_gap": (0.08, "the movement between two cities is in no feed; only where there are two"),
    "overlapping_trip": (0.008, "planned over another trip of the same traveller, and not made"),
    "reissued_booking": (0.05, "an older version of the booking, with other times, came in an earlier file"),
    "retimed_duplicate": (0.05, "registration and booking tell different times of the same outward flight"),
    "dates_only": (0.08, "the registration has dates without times"),
    "dst_ambiguous": (
        0.002,
        "the outward flight leaves in the hour that the clock repeats; the earlier instant is true",
    ),
    "dst_nonexistent": (0.002, "the outward flight's written local time does not exist; one hour later is true"),
    "place_country_only": (0.02, "the registration names the country alone"),
    "place_two_in_one": (0.005, "the registration names two places in one text"),
    "place_misspelt": (0.015, "the registration misspells the city"),
    "place_historical": (0.04, "the registration uses the city's old name; only where there is one"),
    "place_unknown": (0.004, "the registration names a place nobody knows"),
    "place_city_only": (0.06, "the registration names the city without its country"),
    "name_misspelt": (0.015, "the traveller's name is misspelt wherever it appears"),
    "email_misspelt": (0.01, "the traveller's e-mail address is misspelt wherever it appears"),
    "missing_person_id": (0.10, "no feed has the person id"),
    "name_only": (0.01, "no feed has person id or e-mail"),
    "partial": (0.03, "the registration covers only part of the trip"),
    "wrong_country": (0.01, "the registration names another country"),
    "registered_late": (0.04, "the trip was registered after departure"),
    "personal": (0.03, "a personal trip"),
    "unlisted_status": (0.002, "the booking has a status code that no list knows"),
    "waitlisted": (0.01, "the booking is waitlisted"),
    "reused_locator": (0.003, "the record locator was another traveller's over a year earlier"),
}
"""Faults drawn independently, as (share, meaning)."""

DERIVED = {
    "duplicate_segment": "the same flight is in the registration and in the booking",
    "not_on_roster": "the traveller is not on the roster",
    "ambiguous_name": "only a name is given, and two people have it",
    "date_line": "a flight arrives on an earlier local date than it left, or two or more days later",
    "overnight": "a flight arrives on a later local date",
}
"""Traits that follow from the rest, recorded in the same table."""


def draw(rng: np.random.Generator, count: int, noise: float) -> dict[str, Bools]:
    """Booleans by kind for ``count`` trips; where rates times noise exceed what is possible they are capped."""
    coverage = rng.random(count)
    faults: dict[str, Bools] = {}
    low = 0.0
    scale = min(noise, 0.9 / sum(rate for rate, _ in COVERAGE.values()))
    for kind, (rate, _) in COVERAGE.items():
        faults[kind] = (coverage >= low) & (coverage < low + rate * scale)
        low += rate * scale
    for kind, (rate, _) in RATES.items():
        faults[kind] = rng.random(count) < min(rate * noise, 0.9)
    _settle(faults)
    return faults


def _settle(faults: dict[str, Bools]) -> None:
    """Remove combinations that would make the truth unclear: the first of each group stays."""
    hidden = faults["unregistered_booking"] | faults["unregistered_expense"] | faults["unseen"]
    places = [kind for kind in RATES if kind.startswith("place_")]
    faults["dst_nonexistent"] &= ~faults["dst_ambiguous"]
    dst = faults["dst_ambiguous"] | faults["dst_nonexistent"]
    faults["wrong_country"] &= ~dst
    taken = hidden | dst | faults["wrong_country"] | faults["one_way"]
    for kind in places:
        faults[kind] &= ~taken
        taken = taken | faults[kind]
    for kind in ("wrong_country", "partial", "registered_late", "dates_only", "retimed_duplicate"):
        faults[kind] &= ~hidden
    faults["partial"] &= ~(faults["wrong_country"] | faults["one_way"] | taken)
    faults["registered_late"] &= ~(faults["wrong_country"] | faults["partial"] | faults["unconfirmed"])
    for kind in ("dates_only", "retimed_duplicate", "reissued_booking", "overlapping_trip"):
        faults[kind] &= ~dst
    for kind in ("one_way", "surface_gap", "unconfirmed", "overlapping_trip"):
        faults[kind] &= ~faults["cancelled_trip"]
    faults["one_way"] &= ~(faults["unconfirmed"] | faults["unregistered_expense"] | faults["wrong_country"])
    faults["overlapping_trip"] &= ~(faults["unconfirmed"] | faults["unregistered_expense"] | faults["unseen"])
    faults["retimed_duplicate"] &= ~(faults["dates_only"] | faults["unconfirmed"])
    faults["name_only"] &= ~(faults["missing_person_id"] | faults["email_misspelt"])
    faults["waitlisted"] &= ~faults["unlisted_status"]


def meanings() -> dict[str, str]:
    """Every kind of fault with its meaning, for the README of the truth."""
    told = {kind: meaning for source in (COVERAGE, RATES) for kind, (_, meaning) in source.items()}
    return told | DERIVED
