"""Expenses and reviews: what was claimed back after a trip, and what was decided before it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.generate.observe import Scene, email, person_id
from pipelines.generate.people import STUDENT
from pipelines.generate.ratings import base_levels
from pipelines.generate.registrations import property_text, trip_id
from pipelines.generate.tables import DAY, HOUR, Text, choose, date_text, digits, instant, join, repeat, take
from pipelines.generate.trips import STAY_A, STAY_B

EXPENSE_COLUMNS = [
    "report_id",
    "line_number",
    "employee_id",
    "email",
    "transaction_date",
    "expense_type",
    "vendor",
    "city",
    "country_subdivision_code",
    "country_code",
    "amount",
    "currency_code",
    "is_personal",
]
REVIEW_COLUMNS = ["review_id", "trip_id", "email", "kind", "outcome", "decided_at", "approver"]

EXPENSE_TYPES = ("taxi", "meal", "lodging", "meal", "lodging")
REVIEW_KINDS = ("itinerary_review", "elevated_approval", "provost_approval", "waiver", "training")
EURO_COUNTRIES = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"


def report_id(scene: Scene) -> Text:
    """The expense report's id, ``ER0000001``."""
    return join("ER", digits(scene.number + 1, 7))


def make_expenses(rng: np.random.Generator, scene: Scene) -> dict[str, Text]:
    """Two to five lines a trip, each at a place the traveller was in on that local date, none after ``as_of``."""
    route, world = scene.route, scene.world
    count = len(scene.number)
    slots = np.array([STAY_A, STAY_A, STAY_A, STAY_B, STAY_B])
    share = np.stack([np.zeros(count), rng.random(count), np.ones(count), rng.random(count), np.ones(count)], axis=1)
    starts, ends, place = route.starts[:, slots], route.ends[:, slots], route.place[:, slots]
    moment = starts + (share * (ends - starts)).astype(int)
    moment -= np.where(share == 1, HOUR, 0)
    mask = scene.is_expensed[:, None] & (route.kind[:, slots] >= 0) & (moment < scene.as_of - DAY)
    mask &= np.array([True, True, True, True, True]) & (
        (rng.random(mask.shape) < 0.85) | (slots == STAY_A) & (share == 0)
    )
    trip, line = np.nonzero(mask)
    place = place[trip, line]
    country = take(world.country_text, place)
    lodging = property_text(scene, route.service[trip, slots[line]], place)
    vendor = choose(
        np.isin(line, (2, 4)), lodging, take(["City Cabs", "Café Invented", "", "Bistro Imaginary", ""], line)
    )
    amount = np.round(rng.lognormal(3.6, 0.5, len(trip)) * np.where(np.isin(line, (2, 4)), 12, 1), 2)
    in_euro = np.isin(np.array(world.country_of), EURO_COUNTRIES.split())[place]
    index = pa.array(trip)
    return {
        "report_id": pc.take(report_id(scene), index),
        "line_number": digits(line + 1),
        "employee_id": pc.take(person_id(scene), index),
        "email": pc.take(email(scene), index),
        "transaction_date": date_text(world.to_local(moment[trip, line], place)),
        "expense_type": take(EXPENSE_TYPES, line),
        "vendor": vendor,
        "city": take(world.name_text, place),
        "country_subdivision_code": repeat(None, len(trip)),
        "country_code": country,
        "amount": pc.cast(pa.array(amount), pa.string()),
        "currency_code": choose(in_euro, "EUR", "USD"),
        "is_personal": choose(scene.faults["personal"][trip], "true", "false"),
    }


def make_reviews(rng: np.random.Generator, scene: Scene) -> dict[str, Text]:
    """Reviews that policies ask for at the base level of the country; one in eight is missing."""
    world = scene.world
    level = base_levels(world)[world.country[scene.first]]
    students = scene.people.affiliation[scene.trips.person] == STUDENT
    needed = scene.is_registered & ~scene.faults["personal"] & ~scene.faults["cancelled_trip"]
    mask = np.stack(
        [
            needed & (level >= 3) & students,
            needed & (level >= 4),
            needed & (level >= 5),
            needed & (level >= 4) & ~students,
            needed & students & (scene.trips.group >= 0),
        ],
        axis=1,
    )
    mask &= rng.random(mask.shape) < 0.87
    trip, kind = np.nonzero(mask)
    decided = scene.told_at[trip] + (rng.random(len(trip)) * (scene.departs - scene.told_at)[trip]).astype(int)
    decided = np.minimum(decided, scene.as_of - HOUR)
    draw = rng.random(len(trip))
    outcome = np.where(draw < 0.9, 0, np.where(draw < 0.94, 1, 2))
    index = pa.array(trip)
    approvers = (
        "global-safety@example.edu",
        "dean@example.edu",
        "provost@example.edu",
        "risk@example.edu",
        "training@example.edu",
    )
    return {
        "review_id": join("RV", digits(scene.number[trip] + 1, 7), repeat("-", len(trip)), digits(kind + 1)),
        "trip_id": pc.take(trip_id(scene), index),
        "email": pc.take(email(scene), index),
        "kind": take(REVIEW_KINDS, kind),
        "outcome": take(["approved", "rejected", "pending"], outcome),
        "decided_at": choose(outcome == 2, None, instant(decided)),
        "approver": take(approvers, kind),
    }
