"""What a report is, whatever it is rendered to: figures, tables that name their query, caveats in plain words.

Every renderer takes texts of cells from :func:`text`, so that a number reads the same in each. A viewer's copy is made
by :mod:`.viewer` before any renderer sees it.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Literal

from dashboards.words import country_name

Kind = Literal["text", "count", "days", "change", "share", "level", "instant", "date", "yes_no", "country"]
Copy = Literal["office", "viewer"]

ALL_LEVELS = "All levels"
"""Begins the row that sums the others."""
LEVEL_WORDS = {1: "1 Insignificant", 2: "2 Low", 3: "3 Medium", 4: "4 High", 5: "5 Extreme", None: "Not known"}
NUMBERS: frozenset[str] = frozenset({"count", "days", "change", "share"})


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: the query's name for it, its heading, how its values read."""

    name: str
    title: str
    kind: Kind = "text"
    is_people: bool = False
    """A number of people or of their days, which a viewer sees rounded, and small ones not at all."""
    is_office: bool = False
    """In the office's copy alone."""
    is_long: bool = False
    """Sentences: wide on a printed page."""


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of one saved query, in its order."""

    query: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    empty: str = "Nothing to list."
    limit: int | None = None
    """Rows that a printed page shows; the workbook and the CSV hold all."""

    @property
    def name(self) -> str:
        """The table's own name, as files, sheets and anchors have it."""
        return self.query.rpartition("/")[2]

    @property
    def printed(self) -> tuple[tuple[Any, ...], ...]:
        """The rows of a printed page."""
        return self.rows if self.limit is None else self.rows[: self.limit]

    @property
    def rest(self) -> str:
        """What a printed page leaves out, in words, or nothing."""
        left = len(self.rows) - len(self.printed)
        return f"{left:,} more rows are in the workbook and the CSV." if left else ""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One headline number with what it counts and the words beneath it."""

    label: str
    value: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Bar:
    """One week of the chart: person-days by level, NULL as None; of a viewer's copy the week's number as shown."""

    week: str
    days: dict[int | None, float] = dataclasses.field(default_factory=dict)
    shown: int | str | None = None

    @property
    def total(self) -> float:
        """The height of the bar: what is not shown has none."""
        if self.shown is not None:
            return self.shown if isinstance(self.shown, int) else 0
        return sum(self.days.values())


@dataclasses.dataclass(frozen=True)
class Report:
    """The report of one week. Instants are naive UTC."""

    week: str
    first_date: datetime.date
    last_date: datetime.date
    is_over: bool
    as_of: datetime.datetime
    known_at: datetime.datetime
    timezone: str
    copy: Copy
    is_invented: bool
    configuration_sha256: str
    figures: tuple[Figure, ...]
    sentences: tuple[str, ...]
    trend: tuple[Bar, ...]
    page: tuple[Table, ...]
    appendix: tuple[Table, ...]
    caveats: tuple[str, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table, in reading order."""
        return self.page + self.appendix

    @property
    def title(self) -> str:
        """The report's name."""
        return f"Travel exposure, week {self.week}"

    @property
    def period(self) -> str:
        """The week's first and last day in words."""
        return f"{date_words(self.first_date)} to {date_words(self.last_date)}"

    @property
    def banner(self) -> str:
        """What stands on every page of a report on invented ratings, or nothing."""
        return "INVENTED RATINGS: the risk levels in this report are made up." if self.is_invented else ""

    @property
    def source(self) -> str:
        """What the report was made of."""
        return (
            f"As of {instant_words(self.as_of)}, known at {instant_words(self.known_at)}; weeks begin on Monday 00:00 "
            f"{self.timezone}. Configuration {self.configuration_sha256[:12]}."
        )


def date_words(date: datetime.date) -> str:
    """A date as people read it, such as 9 November 2026."""
    return f"{date.day} {date:%B %Y}"


def instant_words(moment: datetime.datetime) -> str:
    """An instant (naive UTC) to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def text(value: Any, column: Column) -> str:
    """A cell in words; what is not known says so."""
    if column.kind == "country":
        return country_words(value)
    if isinstance(value, str):
        return clean(value)
    if column.kind == "level":
        return LEVEL_WORDS[value]
    if value is None:
        return "–"
    if column.kind == "yes_no":
        return "yes" if value else "no"
    if column.kind == "count":
        return f"{value:,}"
    if column.kind == "days":
        return f"{value:,.1f}".replace("-0.0", "0.0") if abs(value) < 0.05 else f"{value:,.1f}"
    if column.kind == "change":
        shown = (f"{value:+,}" if isinstance(value, int) and value else f"{value:+,.1f}").replace("-", "−")
        return "0.0" if shown in ("+0.0", "−0.0") else shown
    if column.kind == "share":
        return f"{value:.1%}"
    if column.kind == "instant":
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def country_words(code: str | None) -> str:
    """A country's English name and its code, such as Kenya (KE)."""
    if code is None:
        return "Not known"
    name = country_name(code)
    return code if name == code else f"{name} ({code})"


def clean(value: str) -> str:
    """A text without control characters; names of places and feeds come from outside."""
    return "".join(letter if letter.isprintable() else " " for letter in value)
