"""A viewer's copy keeps small numbers small: nothing that it shows narrows them, tried by an attacker of its own."""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.reports import viewer
from pipelines.reports.disclosure import (
    MASKED,
    MASKED_DAYS,
    WITHHELD,
    Cell,
    Relation,
    Shown,
    audited,
    shown_count,
    shown_days,
    shown_share,
)

LEVELS = (5, 4, 3, 2, 1, None)
MONDAY = datetime.date(2026, 11, 9)
Person = tuple[int, list[tuple[int | None, str, float]]]
"""A person's school and stays: level, country, days."""


def rows_of(people: list[Person]) -> dict[str, list[dict[str, Any]]]:
    """What the queries of the report would give for such people in each of thirteen weeks and the week a year ago."""
    stays = [(number, school, *stay) for number, (school, found) in enumerate(people) for stay in found]

    def count(test: Any) -> int:
        return len({stay[0] for stay in stays if test(stay)})

    levels = []
    for level in LEVELS:
        days = sum(stay[4] for stay in stays if stay[2] == level)
        row = {"risk_level": level, "travellers": count(lambda stay, level=level: stay[2] == level)}
        levels.append(row | dict.fromkeys(viewer.DAYS, days))
    schools = []
    for school in sorted({school for school, _ in people}):
        row = {"travellers": count(lambda stay, school=school: stay[1] == school)}
        for level, name in viewer._AT.items():
            row[name] = count(lambda stay, school=school, level=level: stay[1] == school and stay[2] == level)
        schools.append(row)
    places = [
        {"risk_level": level, "travellers": count(lambda stay, place=(level, country): stay[2:4] == place)}
        for level, country in sorted({stay[2:4] for stay in stays}, key=str)
    ]
    high = count(lambda stay: stay[2] in (4, 5))
    trend = [
        {"week_start_date": MONDAY - datetime.timedelta(weeks=back), "person_days": row["person_days"]}
        for back in range(13)
        for row in levels
    ]
    return {
        "week_levels": levels,
        "week_schools": schools,
        "week_destinations": places,
        "week_shares": [{"travellers": count(lambda stay: True), "travellers_high": high}],
        "week_trend": trend,
    }


class Attacker:
    """Knows the report and how its numbers hang together, and looks for a world in which a masked number is another."""

    def __init__(self, shown: dict[Hashable, Shown], sums: list[tuple[Hashable, list[Hashable], bool]]) -> None:
        self.ranges = {key: self._range(value) for key, value in shown.items()}
        self.sums = sums

    @staticmethod
    def _range(value: Shown) -> tuple[int, int]:
        if value == MASKED:
            return 1, 4
        if value == WITHHELD:
            return 0, 60
        assert isinstance(value, int)
        return (value, value) if value == 0 else (max(5, value - 2), value + 2)

    def has_world(self, key: Hashable, value: int) -> bool:
        return self._search(self.ranges | {key: (value, value)})

    def _search(self, ranges: dict[Hashable, tuple[int, int]]) -> bool:
        ranges = dict(ranges)
        while True:
            before = dict(ranges)
            for total, parts, is_exact in self.sums:
                low, high = (sum(ranges[part][side] for part in parts) for side in (0, 1))
                ranges[total] = (max(ranges[total][0], low if is_exact else 0), min(ranges[total][1], high))
                for part in parts:
                    rest_low, rest_high = low - ranges[part][0], high - ranges[part][1]
                    most = ranges[total][1] - rest_low if is_exact else ranges[total][1]
                    ranges[part] = (max(ranges[part][0], ranges[total][0] - rest_high), min(ranges[part][1], most))
            if any(low > high for low, high in ranges.values()):
                return False
            if ranges == before:
                break
        free = [key for key, (low, high) in ranges.items() if low < high]
        if not free:
            return True
        key = min(free, key=lambda one: ranges[one][1] - ranges[one][0])
        return any(self._search(ranges | {key: (value, value)}) for value in range(ranges[key][0], ranges[key][1] + 1))


def sums_of(rows: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[Hashable, list[Hashable], bool]]:
    """What anybody can know of the report: schools part the travellers; levels and countries overlap."""
    schools, everybody = range(len(rows["week_schools"])), ("week_shares", "travellers")
    levels = [("week_levels", "travellers", index) for index in range(6)]
    yield everybody, [("week_schools", "travellers", index) for index in schools], True
    yield everybody, [*levels], False
    yield ("week_shares", "travellers_high"), [*levels[:2]], False
    for index, name in ((0, "at_extreme"), (1, "at_high"), (5, "at_unknown_level")):
        yield levels[index], [("week_schools", name, school) for school in schools], True
    for index, level in enumerate(LEVELS):
        there = [number for number, row in enumerate(rows["week_destinations"]) if row["risk_level"] == level]
        yield levels[index], [("week_destinations", "travellers", number) for number in there], False


STAY = st.tuples(st.sampled_from(LEVELS), st.sampled_from("AB"), st.sampled_from([0.25, 2.0, 7.0]))
PERSON = st.tuples(st.integers(0, 2), st.lists(STAY, min_size=1, max_size=2))


@settings(max_examples=120, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=24), st.integers(1, 3))
# Nobody at level 5 beyond those at High and above, who are fewer than five: the rest of eight people are four.
@example([(0, [(5, "A", 0.25)]), (0, [(3, "A", 0.25)])], 4)
# Those at High and above and those at Medium are fewer than five each, and together eight.
@example([(0, [(5, "A", 0.25)]), (1, [(4, "A", 0.25)]), (1, [(3, "A", 0.25)]), (1, [(3, "A", 0.25)])], 2)
def test_no_masked_count_can_be_worked_out(people: list[Person], times: int) -> None:
    rows = rows_of(people * times)
    shown = viewer.numbers(rows.__getitem__)
    counts = {key: value for key, value in shown.items() if key[0] != "total" and key[1] not in viewer.DAYS}  # type: ignore[index]
    attacker = Attacker(counts, list(sums_of(rows)))
    for key, value in counts.items():
        if value == MASKED:
            assert attacker.has_world(key, 1) and attacker.has_world(key, 4), (key, shown)
        assert value in (MASKED, WITHHELD, 0) or (isinstance(value, int) and value % 5 == 0)


@settings(max_examples=120, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=24), st.integers(1, 3))
def test_no_masked_days_tell_how_many_people_they_are(people: list[Person], times: int) -> None:
    rows = rows_of(people * times)
    shown = viewer.numbers(rows.__getitem__)
    bars = viewer.trend(rows.__getitem__, shown)
    for steps, name in ((1, viewer.DAYS[0]), (2, viewer.DAYS[1])):
        total = sorted(bars.items())[-steps][1] if bars else WITHHELD
        parts = [shown["week_levels", name, index] for index in range(6)]
        for hidden, value in enumerate(parts):
            if value != MASKED_DAYS or total == WITHHELD:
                continue
            rest = [days for index, days in enumerate(parts) if index != hidden]
            # All that is shown sums to the total; what is left of it when the others are as large as they may be.
            least = days_range(total)[0] - sum(days_range(days)[1] for days in rest)
            assert least <= 7, (parts, total)


def days_range(value: Shown) -> tuple[float, float]:
    if value == MASKED_DAYS:
        return 0, 30
    if isinstance(value, str):
        return 0, math.inf
    return (0, 0) if value == 0 else (max(30, value - 2.5), value + 2.5)


@pytest.mark.parametrize(
    ("total", "parts", "expected"),
    [
        ((8, [4, 4]), None, (WITHHELD, [WITHHELD, WITHHELD])),  # eight of two groups below five is four and four
        ((3, [1, 2]), None, (MASKED, [WITHHELD, WITHHELD])),  # a total below five is not parted
        ((13, [3, 10]), None, (15, [MASKED, 10])),  # 1 to 4 and 8 to 12 may be 13 to 17
        ((22, [4, 7, 7, 4]), None, (20, [MASKED, 5, 5, MASKED])),
        ((18, [4, 7, 7]), None, (20, [MASKED, WITHHELD, 5])),  # 18 - 7 - 7 is exactly four
        ((5, [5, 0]), None, (5, [5, 0])),
    ],
)
def test_what_is_withheld_beside_a_small_count(
    total: tuple[int, list[int]], parts: None, expected: tuple[Shown, list[Shown]]
) -> None:
    whole, numbers = total
    cells: dict[Hashable, Cell] = {"all": Cell(whole)} | {index: Cell(number) for index, number in enumerate(numbers)}
    shown = audited(cells, [Relation("all", tuple(range(len(numbers))))])
    assert (shown["all"], [shown[index] for index in range(len(numbers))]) == expected


def test_how_single_numbers_are_shown() -> None:
    assert [shown_count(number) for number in (0, 1, 4, 5, 7, 8, 12, 13)] == [0, MASKED, MASKED, 5, 5, 10, 10, 15]
    assert [shown_days(days) for days in (0, 0.1, 29.9, 30, 33, -12, -40.4)] == [
        0, MASKED_DAYS, MASKED_DAYS, 30, 35, MASKED_DAYS, -40,
    ]  # fmt: skip
    assert [shown_share(part, 40) for part in (0, 3, 5, 20, 35, 38, 40)] == [
        "0%", WITHHELD, "10%", "50%", "90%", WITHHELD, "100%",
    ]  # fmt: skip
    assert shown_share(0, 0) == "–" and shown_share(995, 1000) == "95%"
