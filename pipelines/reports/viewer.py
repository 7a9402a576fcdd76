"""The viewer's copy: which tables and columns it has, and its numbers after :mod:`.disclosure`."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from pipelines.reports.disclosure import WITHHELD, Cell, Interval, Relation, Shown, audited, masked, shown_days, stated
from pipelines.reports.model import ALL_LEVELS, Table

Rows = Callable[[str], list[dict[str, Any]]]

DAYS = ("person_days", "person_days_last_week", "person_days_last_year", "person_days_quarter_mean")
_LEFT_OUT = frozenset({"week_school_places", "week_arrivals", "week_requirements"})
"""Tables of single people, or whose cells are nearly all below five."""
_SUMMED = frozenset({"week_bridge", "report/week_since_issue"})
"""Tables of which the sum alone is shown: a level's change may be one person."""
_SHARES = "week_shares"
_AT = {5: "at_extreme", 4: "at_high", None: "at_unknown_level"}
_FIRST_WITHHELD = (2, 3, 1, None, 4, 5)
"""Levels in the order in which their person-days are withheld to protect another's."""


def numbers(rows: Rows) -> dict[Hashable, Shown]:
    """What is shown of the numbers that stand in relations, by (query, column, row), after the audit.

    The headline's people are ("week_shares", column), the weeks' person-days ("total", column).
    """
    levels, schools, places = rows("week_levels"), rows("week_schools"), rows("week_destinations")
    shares = rows("week_shares")[0]
    cells: dict[Hashable, Cell] = {(_SHARES, name): Cell(shares[name]) for name in ("travellers", "travellers_high")}
    cells |= _column("week_levels", "travellers", levels)
    cells |= _column("week_destinations", "travellers", places)
    for name in ("travellers", *_AT.values()):
        cells |= _column("week_schools", name, schools)
    relations = _people(levels, schools, places, cells)
    index_of = {row["risk_level"]: index for index, row in enumerate(levels)}
    for name in DAYS:
        cells |= _column("week_levels", name, levels, is_days=True)
        told = _told_by_trend(rows) if name == DAYS[3] else None
        cells["total", name] = Cell(sum(row[name] for row in levels), True, told)
        parts = tuple(("week_levels", name, index_of[level]) for level in _FIRST_WITHHELD)
        relations.append(Relation(("total", name), parts))
    return audited(cells, relations)


def _column(query: str, name: str, rows: list[dict[str, Any]], is_days: bool = False) -> dict[Hashable, Cell]:
    return {(query, name, index): Cell(row[name], is_days) for index, row in enumerate(rows)}


def _people(
    levels: list[dict[str, Any]],
    schools: list[dict[str, Any]],
    places: list[dict[str, Any]],
    cells: dict[Hashable, Cell],
) -> list[Relation]:
    """What the counts of people have to do with each other: schools are parts, levels and countries overlap."""

    def smallest_first(keys: Iterable[Hashable]) -> tuple[Hashable, ...]:
        return tuple(sorted(keys, key=lambda key: cells[key].value))

    def of_schools(name: str) -> tuple[Hashable, ...]:
        return smallest_first(("week_schools", name, index) for index in range(len(schools)))

    of_level: dict[int | None, Hashable] = {
        row["risk_level"]: ("week_levels", "travellers", index) for index, row in enumerate(levels)
    }
    everybody: Hashable = (_SHARES, "travellers")
    high: Hashable = (_SHARES, "travellers_high")
    below = smallest_first(key for level, key in of_level.items() if level not in (4, 5))
    relations = [
        Relation(everybody, of_schools("travellers")),
        Relation(everybody, smallest_first(of_level.values()), is_exact=False),
        Relation(high, (of_level[4], of_level[5]), is_exact=False),
        Relation(everybody, (*below, high), is_exact=False),
    ]
    relations += [Relation(of_level[level], of_schools(name)) for level, name in _AT.items()]
    for level, key in of_level.items():
        there = [index for index, row in enumerate(places) if row["risk_level"] == level]
        parts = smallest_first(("week_destinations", "travellers", index) for index in there)
        relations.append(Relation(key, parts, is_exact=False))
    return relations


def _told_by_trend(rows: Rows) -> Interval:
    """What the bars of thirteen weeks tell of their mean."""
    bounds = [stated(shown_days(days), True) for days in weeks(rows).values()]
    return sum(low for low, _ in bounds) / 13, sum(high for _, high in bounds) / 13


def weeks(rows: Rows) -> dict[datetime.date, float]:
    """The person-days of each week of the trend, all levels together."""
    found: dict[datetime.date, float] = {}
    for row in rows("week_trend"):
        found[row["week_start_date"]] = found.get(row["week_start_date"], 0) + row["person_days"]
    return found


def trend(rows: Rows, shown: dict[Hashable, Shown]) -> dict[datetime.date, Shown]:
    """The bars of the trend: one for a week, or none at all where their mean would tell too much."""
    if shown["total", DAYS[3]] == WITHHELD:
        return {}
    days = weeks(rows)
    bars: dict[datetime.date, Shown] = {monday: shown_days(value) for monday, value in days.items()}
    for steps, name in enumerate(DAYS[:2], start=1):
        if len(bars) >= steps and shown["total", name] == WITHHELD:
            bars[sorted(days)[-steps]] = WITHHELD
    return bars


def table(made: Table, shown: dict[Hashable, Shown]) -> Table | None:
    """A table of the office's copy as a viewer sees it, None where it is left out."""
    if made.query in _LEFT_OUT:
        return None
    places = [place for place, column in enumerate(made.columns) if not column.is_office]

    def seen(index: int, row: tuple[Any, ...], place: int) -> Any:
        column = made.columns[place]
        if not column.is_people:
            return row[place]
        key = (made.name, column.name, index)
        return shown[key] if key in shown else masked(row[place], column.kind)

    rows = tuple(
        tuple(seen(index, row, place) for place in places)
        for index, row in enumerate(made.rows)
        if _is_listed(made, row)
    )
    # Multiples of five read as what they are, not to a tenth.
    columns = tuple(
        dataclasses.replace(column, kind="count") if column.kind == "days" and column.is_people else column
        for column in (made.columns[place] for place in places)
    )
    return dataclasses.replace(made, columns=columns, rows=rows)


def _is_listed(made: Table, row: tuple[Any, ...]) -> bool:
    if made.query in _SUMMED:
        return bool(row[0] == ALL_LEVELS)
    if made.query == "week_destinations":  # one without people is there for last week's, who may have been few
        return any(column.name == "travellers" and value for column, value in zip(made.columns, row, strict=True))
    return True
