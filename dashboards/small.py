"""What a viewer may read: counts in which nobody can be made out, by the method of a viewer's copy of the report.

See :mod:`pipelines.reports.disclosure`: 1 to 4 people are ``<5``, person-days and nights of a week below 30 are
``<30``, everything else is rounded to the nearest 5 by itself, and where sums would still narrow a masked number a part
of them is withheld.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from dashboards.data import Row
from pipelines.reports.disclosure import BASE, MASKED, MASKED_DAYS, SMALL, Cell, Relation, Shown, audited, shown_count

EXPLAINED = (
    f"Fewer than {SMALL} people are shown as {MASKED}, few days and nights as {MASKED_DAYS}, other figures to the "
    f"nearest {BASE}, so that nobody can be made out by comparing; some are withheld for it."
)
DAYS = ("person_days", "traveller_nights")
"""Measures of days, of which one person has up to seven a week; the others count people or trips."""

Figures = Mapping[tuple[object, ...], Row]


def text(shown: Shown) -> str:
    """A figure as text."""
    return shown if isinstance(shown, str) else f"{shown:,}"


def count(number: int) -> str:
    """A count of people that is part of no sum, as a viewer reads it."""
    return text(shown_count(number))


def count_for(role: str, number: int) -> str:
    """A count of people as a role reads it."""
    return count(number) if role == "viewer" else f"{number:,}"


def figures(whole: Row, partings: Mapping[str, Figures], measures: tuple[str, ...]) -> dict[Hashable, str]:
    """The figures of a whole and of its partings, each (measure, parting, key) as a viewer reads it.

    A parting divides the whole by one property, such as the level; the whole itself is (measure, "", ()).
    """
    cells: dict[Hashable, Cell] = {}
    relations = []
    for name in measures:
        is_days = name in DAYS
        cells[(name, "", ())] = Cell(float(whole[name]), is_days)
        for parting, rows in partings.items():
            parts: list[Hashable] = []
            for key, row in rows.items():
                parts.append((name, parting, key))
                cells[parts[-1]] = Cell(float(row[name]), is_days)
            # One person may be at two levels or in two countries; their days add up.
            relations.append(Relation((name, "", ()), tuple(parts), is_exact=name == "person_days"))
    return {key: text(shown) for key, shown in audited(cells, relations).items()}


def marks(places: list[Row]) -> list[Row]:
    """Places of a map that say where somebody is and at what level, all of one size."""
    return [row | {"everybody": 1, "told": "people are counted by country"} for row in places]
