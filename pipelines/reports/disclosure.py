"""Keeps small counts of people from being worked out from what a viewer's copy shows beside them.

The method is that of official statistics (Hundepool and others, *Statistical Disclosure Control*, Wiley 2012, chapters
4 and 5), three steps in this order:

1. *Primary suppression.* A count of 1 to 4 people is shown as ``<5``. Person-days below 30 in a week may belong to four
   people, so they are shown as ``<30``.
2. *Rounding.* Every other count of people and number of person-days is rounded to the nearest multiple of 5, each on
   its own, so sums need not add up. What is derived (a change in percent, say) is derived from what is shown.
3. *Audit and complementary suppression.* What a reader can then infer is computed: each shown number as an interval,
   each sum that the report's tables state as a relation between them. Where that narrows a masked count (any of 1 to 4
   people must stay possible) a rounded part of the sum is withheld as well; where there is none, the total and all its
   parts are, so that not even the reason for withholding tells. A total below five is not parted at all.

Zero is shown as it is. The intervals follow from the method alone, which is public, and not from the data.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SMALL = 5
"""Counts of people below this are not shown in a viewer's copy."""
BASE = 5
"""What is shown is a multiple of this."""
SMALL_DAYS = 30
"""Person-days of a week below this are not shown: four people have at most 28, or 28.2 where a clock is set back."""
MASKED = f"<{SMALL}"
MASKED_DAYS = f"<{SMALL_DAYS}"
WITHHELD = "withheld"
TOLD = "told by others"
_LEAST_DAYS = 7.0
"""Person-days that one person can have in a week: a masked number known to be larger would tell of two."""
_NOTHING = 1e-9

Interval = tuple[float, float]
Shown = int | str


def shown_count(number: int) -> Shown:
    """A count of people as it is shown, before the audit."""
    if number == 0:
        return 0
    return MASKED if number < SMALL else round(number / BASE) * BASE


def shown_days(days: float) -> Shown:
    """A number of person-days, or a change of it, as it is shown, before the audit."""
    if abs(days) < _NOTHING:
        return 0
    return MASKED_DAYS if abs(days) < SMALL_DAYS else round(days / BASE) * BASE


def shown_share(part: int, whole: int) -> str:
    """A share of people or trips in steps of five per cent; withheld where one side of it is 1 to 4."""
    if not whole:
        return "–"
    if 0 < part < SMALL or 0 < whole - part < SMALL:
        return WITHHELD
    if part in (0, whole):
        return f"{part // whole * 100}%"
    return f"{min(max(round(part / whole * 100 / BASE) * BASE, BASE), 100 - BASE)}%"


@dataclass(frozen=True)
class Cell:
    """One number of the report: what is true, and whether it counts person-days or people."""

    value: float
    is_days: bool = False
    told: Interval | None = None
    """What other numbers of the report tell of one that is not shown itself; withheld, those are left out."""

    @property
    def shown(self) -> Shown:
        """What is shown of it before the audit."""
        return shown_days(self.value) if self.is_days else shown_count(int(self.value))


@dataclass(frozen=True)
class Relation:
    """A total and its parts, in the order in which parts are withheld to protect others.

    ``is_exact`` says that the parts sum to the total; otherwise they may overlap, and it is at most their sum and at
    least the largest of them.
    """

    total: Hashable
    parts: tuple[Hashable, ...]
    is_exact: bool = True


def audited(cells: Mapping[Hashable, Cell], relations: Sequence[Relation]) -> dict[Hashable, Shown]:
    """What is shown of each cell, so that no relation narrows a masked one."""
    shown: dict[Hashable, Shown] = {key: TOLD if cell.told else cell.shown for key, cell in cells.items()}
    for relation in relations:
        if relation.is_exact and shown[relation.total] == MASKED:
            shown |= dict.fromkeys(relation.parts, WITHHELD)
    while True:
        bounds = inferred(cells, shown, relations)
        narrowed = {key for key in cells if _is_masked(shown[key]) and not _is_open(cells[key], bounds[key])}
        if not narrowed:
            return shown
        shown |= dict.fromkeys(_complement(narrowed, cells, shown, relations), WITHHELD)


def _complement(
    narrowed: set[Hashable],
    cells: Mapping[Hashable, Cell],
    shown: Mapping[Hashable, Shown],
    relations: Sequence[Relation],
) -> tuple[Hashable, ...]:
    """What to withhold next: a rounded part of a relation that narrows, by itself if one does; else all of it."""
    touching = [one for one in relations if not narrowed.isdisjoint((one.total, *one.parts))]
    relation = next((one for one in touching if _narrows(one, cells, shown)), touching[0])
    for key in relation.parts:
        if isinstance(shown[key], int) and shown[key]:
            return (key,)
    return (relation.total, *relation.parts)


def _narrows(relation: Relation, cells: Mapping[Hashable, Cell], shown: Mapping[Hashable, Shown]) -> bool:
    keys = (relation.total, *relation.parts)
    bounds = inferred({key: cells[key] for key in keys}, shown, [relation])
    return any(_is_masked(shown[key]) and not _is_open(cells[key], bounds[key]) for key in keys)


def _is_masked(shown: Shown) -> bool:
    return shown in (MASKED, MASKED_DAYS)


def _is_open(cell: Cell, bounds: Interval) -> bool:
    """Whether a masked number may still be any count of people below five, as far as its bounds tell."""
    low, high = bounds
    if cell.is_days:
        return low <= _LEAST_DAYS and high - low >= 1
    return low <= 1 and high >= SMALL - 1


def stated(shown: Shown, is_days: bool) -> Interval:
    """What one shown number tells by itself."""
    smallest = SMALL_DAYS if is_days else SMALL
    if shown == WITHHELD:
        return 0, math.inf
    if isinstance(shown, str):
        return (0.0, smallest) if is_days else (1, smallest - 1)
    if shown == 0:
        return 0, 0
    reach = BASE / 2 if is_days else BASE // 2
    return max(smallest, shown - reach), shown + reach


def inferred(
    cells: Mapping[Hashable, Cell], shown: Mapping[Hashable, Shown], relations: Sequence[Relation]
) -> dict[Hashable, Interval]:
    """What all shown numbers and their relations tell of each: intervals narrowed until nothing moves."""
    bounds = {
        key: cell.told if cell.told and shown[key] == TOLD else stated(shown[key], cell.is_days)
        for key, cell in cells.items()
    }
    for _ in range(20):
        before = dict(bounds)
        for relation in relations:
            _narrow(bounds, relation)
        if bounds == before:
            break
    return bounds


def _narrow(bounds: dict[Hashable, Interval], relation: Relation) -> None:
    lows = [bounds[key][0] for key in relation.parts]
    highs = [bounds[key][1] for key in relation.parts]
    total_low, total_high = bounds[relation.total]
    bounds[relation.total] = (
        max(total_low, sum(lows) if relation.is_exact else max(lows, default=0)),
        min(total_high, sum(highs)),
    )
    open_ended = sum(math.isinf(high) for high in highs)
    high_sum = sum(high for high in highs if not math.isinf(high))
    low_sum = sum(lows)
    for key, low, high in zip(relation.parts, lows, highs, strict=True):
        others_open = open_ended - math.isinf(high)
        others_high = math.inf if others_open else high_sum - (0 if math.isinf(high) else high)
        new_high = min(high, total_high - (low_sum - low) if relation.is_exact else total_high)
        bounds[key] = (max(low, total_low - others_high), new_high)


def masked(value: Any, kind: str) -> Any:
    """A cell that stands in no relation, by its column's kind."""
    if value is None or isinstance(value, str):
        return value
    return shown_days(value) if kind in ("days", "change") else shown_count(value)
