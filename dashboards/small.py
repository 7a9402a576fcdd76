"""What a viewer may read: counts in which nobody can be made out, however they are compared.

A count from 1 to 4 is shown as ``<5``; any other is rounded to the nearest 5, each by itself, so that the difference of
two counts (all levels less the others, this week less last) tells nothing of one person. Nobody is 0. What is measured
of few people (their days, nights and trips) is withheld with them.
"""

from __future__ import annotations

from dashboards.data import Row
from pipelines.reports.model import MASKED, SMALL

WITHHELD = "–"
EXPLAINED = (
    f"Counts below {SMALL} are shown as {MASKED}, others to the nearest {SMALL}, so that nobody can be made out by "
    f"comparing; what hangs on fewer than {SMALL} people is withheld ({WITHHELD})."
)


def rounded(number: float) -> int:
    """A number to the nearest 5."""
    return SMALL * round(number / SMALL)


def is_small(number: float) -> bool:
    """Whether so few people could be made out."""
    return 0 < number < SMALL


def count(number: float) -> str:
    """A count as a viewer reads it."""
    return MASKED if is_small(number) else f"{rounded(number):,}"


def beside(amount: float, travellers: int) -> str:
    """A measure of people (days, nights, trips) as a viewer reads it; withheld where they are few."""
    return WITHHELD if is_small(travellers) else count(amount)


def count_for(role: str, number: int) -> str:
    """A count of people as a role reads it."""
    return count(number) if role == "viewer" else f"{number:,}"


def marks(places: list[Row]) -> list[Row]:
    """Places of a map whose marks and words tell no more than the counts: ``<5`` are all of one size."""
    return [
        row | {"everybody": max(SMALL, rounded(row["everybody"])), "told": f"people: {count(row['everybody'])}"}
        for row in places
    ]
