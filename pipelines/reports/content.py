"""Fills the model of a weekly report: one query of ``sql/queries`` a table, sentences from the same rows."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Hashable, Iterable
from typing import Any

import duckdb

from pipelines.bridge import Week
from pipelines.published import PublicationRow
from pipelines.reports import columns, viewer
from pipelines.reports.disclosure import WITHHELD, Shown, shown_count, shown_days, shown_share
from pipelines.reports.first_issue import FirstIssue
from pipelines.reports.model import (
    ALL_LEVELS,
    Bar,
    Column,
    Copy,
    Figure,
    Report,
    Table,
    clean,
    date_words,
    instant_words,
)
from pipelines.settings import SQL

ARRIVAL_DAYS = 14


@functools.cache
def _query(name: str) -> str:
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def _rows(con: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    text = _query(query)
    cursor = con.execute(text, {name: value for name, value in parameters.items() if f"${name}" in text})
    names = [item[0] for item in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Reader:
    """The queries of one week on one publication; rows are kept, so each query runs once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, publication: PublicationRow, week: Week, copy: Copy) -> None:
        self.con = con
        self.as_of = publication.as_of
        self.copy = copy
        self.parameters = {"week": str(week.monday), "days": str(ARRIVAL_DAYS)}
        found = con.execute(
            "select table_name from information_schema.tables where table_catalog = 'memory' and table_schema = 'mart'"
        ).fetchall()
        self.published = {name for (name,) in found}
        self._kept: dict[str, list[dict[str, Any]]] = {}
        self.shown: dict[Hashable, Shown] = viewer.numbers(self.rows) if copy == "viewer" else {}

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query by column name."""
        if query not in self._kept:
            self._kept[query] = _rows(self.con, query, self.parameters)
        return self._kept[query]

    def table(self, query: str, title: str, shape: tuple[Column, ...], **options: Any) -> Table:
        """A table of a query's rows."""
        rows = tuple(tuple(row[column.name] for column in shape) for row in self.rows(query))
        return Table(query, title, shape, rows, **options)

    def copied(self, tables: Iterable[Table]) -> tuple[Table, ...]:
        """The tables as the copy may show them."""
        if self.copy == "office":
            return tuple(tables)
        seen = (viewer.table(table, self.shown) for table in tables)
        return tuple(table for table in seen if table is not None)

    def people(self, number: int, key: Hashable = None) -> str:
        """A number of people in words, as the copy may show it."""
        return _words(number if self.copy == "office" else self.shown.get(key, shown_count(number)))

    def days(self, days: float, key: Hashable = None, digits: int = 0) -> str:
        """Person-days in words, as the copy may show them."""
        if self.copy == "office":
            return f"{days:,.{digits}f}"
        return _words(self.shown.get(key, shown_days(days)))

    def share(self, part: int, whole: int) -> str:
        """A share of people or trips in words, as the copy may show it."""
        if self.copy == "viewer":
            return shown_share(part, whole)
        return f"{part / whole:.0%}" if whole else "–"

    def level_days(self, name: str, levels: tuple[int | None, ...]) -> float | None:
        """Person-days of levels together, from what the copy shows of each; None where one is not shown."""
        found = [
            self.shown.get(("week_levels", name, index), row[name])
            for index, row in enumerate(self.rows("week_levels"))
            if row["risk_level"] in levels
        ]
        return None if any(isinstance(days, str) for days in found) else sum(days for days in found)


def _words(shown: Shown) -> str:
    return shown if isinstance(shown, str) else f"{shown:,}"


def _noun(number: str, noun: str) -> str:
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def fill(
    con: duckdb.DuckDBPyConnection,
    publication: PublicationRow,
    week: Week,
    copy: Copy,
    first: FirstIssue | None = None,
) -> Report:
    """The report of a week; ``con`` holds the published tables, and the change into the week, in schema ``mart``.

    ``first`` is the week's first issue, whose exposures are ``mart.issued_exposure``, or None where this is the first.
    """
    reader = Reader(con, publication, week, copy)
    last = week.monday + datetime.timedelta(days=6)
    is_over = week.moved(1).starts_at(publication.office_timezone) <= publication.as_of
    return Report(
        week=str(week),
        first_date=week.monday,
        last_date=last,
        is_over=is_over,
        as_of=publication.as_of,
        known_at=publication.known_at,
        timezone=publication.office_timezone,
        copy=copy,
        is_invented=publication.has_invented_ratings,
        configuration_sha256=publication.configuration_sha256,
        figures=_figures(reader),
        sentences=_sentences(reader),
        trend=_trend(reader),
        page=reader.copied(_page(reader, publication, first)),
        appendix=reader.copied(_appendix(reader)),
        caveats=_caveats(reader, publication, is_over),
    )


def _figures(reader: Reader) -> tuple[Figure, ...]:
    shares = reader.rows("week_shares")[0]
    high, before = (reader.level_days(name, (4, 5)) for name in viewer.DAYS[:2])
    trips, registered = shares["trips"], shares["trips_registered"]
    is_office = reader.copy == "office"
    return (
        Figure(
            "Travellers abroad",
            reader.people(shares["travellers"], ("week_shares", "travellers")),
            "during the week",
        ),
        Figure(
            "At High or Extreme",
            reader.people(shares["travellers_high"], ("week_shares", "travellers_high")),
            "travellers, counted once",
        ),
        Figure(
            "Days at High or Extreme",
            WITHHELD if high is None else f"{high:,.0f}",
            "person-days" + ("" if before is None else f"; {before:,.0f} the week before"),
        ),
        Figure(
            "Trips registered",
            reader.share(registered, trips),
            f"{registered:,} of {trips:,}" if is_office else "in steps of 5%",
        ),
        Figure(
            "Travellers contactable",
            reader.share(shares["travellers_contactable"], shares["travellers"]),
            "by telephone or e-mail",
        ),
        _unknown_level(reader, shares),
    )


def _unknown_level(reader: Reader, shares: dict[str, Any]) -> Figure:
    days, whole = shares["person_days_unknown"], shares["person_days"]
    if reader.copy == "office":
        return Figure("Level not known", f"{days / whole:.1%}" if whole else "–", "of person-days")
    index = next(index for index, row in enumerate(reader.rows("week_levels")) if row["risk_level"] is None)
    return Figure("Level not known", reader.days(days, ("week_levels", "person_days", index)), "person-days")


def change_words(now: float, before: float) -> str:
    """How a figure stands to the week before, in whole per cent: a change too small for one is none."""
    percent = f"{now / before - 1:+.0%}"
    if percent.strip("+-") == "0%":
        return ", as the week before"
    return f", {percent.replace('-', '−')} against the week before"


def _sentences(reader: Reader) -> tuple[str, ...]:
    said = []
    levels = reader.rows("week_levels")
    totals = [reader.shown.get(("total", name), sum(row[name] for row in levels)) for name in viewer.DAYS[:2]]
    now, before = totals
    if isinstance(now, str):
        said += [f"{now} person-days abroad."] if now != WITHHELD else []
    elif now or before:
        known = not isinstance(before, str) and before
        change = change_words(float(now), float(before)) if known else ""
        said.append(f"{now:,.0f} person-days abroad{change}.")
    arrivals = [row for row in reader.rows("week_arrivals") if row["risk_level"] is not None]
    people = _noun(reader.people(len({row["traveller_id"] for row in arrivals})), "traveller")
    said.append(
        f"{people} expected at High or Extreme places in the {ARRIVAL_DAYS} days after {date_words(reader.as_of)}."
    )
    changes = reader.rows("week_rating_changes")
    touched = [row for row in changes if row["travellers_in_place"] or row["travellers_arriving"]]
    number = "1 rating" if len(changes) == 1 else f"{len(changes)} ratings"
    touch = f"{len(touched)} of them touched" if touched else "none of them touched"
    if changes:
        said.append(f"{number} changed in the week; {touch} somebody in place or on the way.")
    else:
        said.append("No rating changed in the week.")
    return tuple(said)


def _trend(reader: Reader) -> tuple[Bar, ...]:
    if reader.copy == "viewer":
        weeks = viewer.trend(reader.rows, reader.shown)
        return tuple(Bar(str(Week(monday)), shown=shown) for monday, shown in weeks.items())
    bars: dict[datetime.date, dict[int | None, float]] = {monday: {} for monday in viewer.weeks(reader.rows)}
    for row in reader.rows("week_trend"):
        if row["risk_level"] is not None or row["person_days"]:  # a week without exposure is a row of nothing
            bars[row["week_start_date"]][row["risk_level"]] = row["person_days"]
    return tuple(Bar(str(Week(monday)), days) for monday, days in bars.items())


def _page(reader: Reader, publication: PublicationRow, first: FirstIssue | None) -> tuple[Table, ...]:
    is_office = reader.copy == "office"
    is_later = first is not None and publication.known_at > first.known_at
    return (
        reader.table(
            "week_levels",
            "Exposure by level",
            columns.LEVELS,
            note=f"Time in transit and en route {'is in the last column alone' if is_office else 'is left out'}. Last "
            "year is the same week 52 weeks before. People are recounted, so a traveller at two levels is in both "
            "rows; only person-days add up.",
        ),
        _bridge(reader),
        *([_since(reader, publication, first)] if first is not None and is_later else []),
        reader.table(
            "week_rating_changes",
            "Ratings that changed, and whom they touched",
            columns.CHANGES,
            limit=5,
            empty="No rating changed in this week.",
        ),
    )


def _exactly(reader: Reader) -> str:
    return "exactly" if reader.copy == "office" else "before rounding"


def _bridge(reader: Reader) -> Table:
    """The change by level with its total."""
    table = reader.table(
        "week_bridge",
        "What changed since last week",
        columns.BRIDGE,
        note=columns.BRIDGE_NOTE.format(exactly=_exactly(reader)),
        empty="There was no exposure in either week.",
    )
    if not table.rows:
        return table
    sums = tuple(sum(row[index] for row in table.rows) for index in range(1, len(columns.BRIDGE)))
    return dataclasses.replace(table, rows=(*table.rows, (ALL_LEVELS, *sums)))


def _since(reader: Reader, publication: PublicationRow, first: FirstIssue) -> Table:
    """What changed since the week was first issued: the rows that differ, and the sum of all."""
    query = "report/week_since_issue"
    title = f"Changed since first issued, as known on {date_words(first.known_at)}"
    note = columns.SINCE_NOTE.format(
        then=instant_words(first.known_at), now=instant_words(publication.known_at), exactly=_exactly(reader)
    )
    if first.configuration_sha256 != publication.configuration_sha256:
        note += " The configuration has changed since, which by itself may move places and levels."
    rows = [tuple(row[column.name] for column in columns.SINCE) for row in reader.rows(query)]
    sums = tuple(sum(row[index] for row in rows) for index in range(2, len(columns.SINCE)))
    changed = [row for row in rows if any(abs(part) > columns.NOTHING for part in row[3:6])]
    if not changed:
        return Table(query, title, columns.SINCE, (), note, empty="Nothing of this week has changed since.")
    return Table(query, title, columns.SINCE, ((ALL_LEVELS, "All countries", *sums), *changed), note, limit=7)


def _appendix(reader: Reader) -> tuple[Table, ...]:
    tables = [
        reader.table(
            "week_schools",
            "Who was where: schools and affiliations",
            columns.SCHOOLS,
            note="Each traveller is counted once in a row.",
        ),
        reader.table("week_destinations", "Exposure by destination and level", columns.DESTINATIONS, limit=60),
        reader.table("week_school_places", "Schools, affiliations and countries", columns.SCHOOL_PLACES, limit=60),
    ]
    tables.append(
        reader.table(
            "week_arrivals",
            f"Arrivals expected at High and above, or at a level not known, in the {ARRIVAL_DAYS} days after "
            f"{date_words(reader.as_of)}",
            columns.ARRIVALS,
            empty="Nobody is expected there.",
            limit=80,
        )
    )
    if "policy_check" in reader.published:
        title = "Requirements not met by these arrivals"
        tables.append(reader.table("week_requirements", title, columns.REQUIREMENTS, limit=40, empty="All are met."))
    if "trip_audit" in reader.published:
        tables.append(reader.table("week_audit", "Audit of the week's observed trips", columns.AUDIT))
    tables.append(reader.table("week_feeds", "Feeds", columns.FEEDS))
    return tuple(tables)


def _caveats(reader: Reader, publication: PublicationRow, is_over: bool) -> tuple[str, ...]:
    shares = reader.rows("week_shares")[0]
    said = []
    if publication.has_invented_ratings:
        said.append("The risk levels are invented. Nothing here says how dangerous a real place is.")
    if not is_over:
        said.append(
            f"The week is not over: what lies after {instant_words(publication.as_of)} is planned, not observed."
        )
    said += _old_feeds(reader)
    said += _unknowns(reader, shares)
    changes = reader.rows("week_bridge")
    if changes and all(row["last_week_as_known_then"] == 0 for row in changes):
        said.append(
            "Nothing of last week was known when it ended, because every file came later; so all of it is late data."
        )
    missing = {"policy_check": "missing approvals", "trip_audit": "the audit of unregistered trips"}
    said += [
        f"This publication holds no table {name}, so {what} cannot be told."
        for name, what in missing.items()
        if name not in reader.published
    ]
    if reader.copy == "viewer":
        said.append(
            "This is a viewer's copy. Fewer than 5 people are shown as <5, person-days below 30 as <30, and other "
            "numbers of people and person-days are rounded to a multiple of 5, so sums need not add up; what would "
            "still give a small number away is withheld."
        )
    return tuple(said)


def _old_feeds(reader: Reader) -> list[str]:
    """The feeds that are not in time, in a sentence for each way of being late (F3)."""
    groups: dict[str, list[str]] = {}
    for feed in reader.rows("week_feeds"):
        if feed["status"] == "current" or (feed["is_optional"] and feed["status"] == "missing"):
            continue
        newest = feed["newest_received_at"]
        since = f" (newest file {date_words(newest)})" if newest else ""
        groups.setdefault(feed["status"], []).append(f"{clean(feed['feed'])}{since}")
    return [
        f"{status.capitalize()} feed{'s' * (len(feeds) > 1)}: {', '.join(feeds)}. Figures that rest on "
        f"{'them' if len(feeds) > 1 else 'it'} may be old or lacking."
        for status, feeds in groups.items()
    ]


def _unknowns(reader: Reader, shares: dict[str, Any]) -> list[str]:
    """What is vague or unknown about the week's people and days, each in a sentence where there is any."""
    said = []
    days = {
        "person_days_unknown": "have no known level; they are a row of their own and never read as low",
        "person_days_place_unknown": "are at places that were not recognised",
        "person_days_stale": "rest on ratings older than their provider's rhythm",
        "person_days_possible": "are shared between places of which only one is right",
    }
    # Of a viewer's copy the level's own row tells how many days have none.
    told = [name for name in days if shares[name] and (reader.copy == "office" or name != "person_days_unknown")]
    said += [f"{reader.days(shares[name], digits=1)} person-days {days[name]}." for name in told]
    if shares["travellers_unclear"]:
        people = _noun(reader.people(shares["travellers_unclear"]), "traveller")
        said.append(
            f"{people} could not be matched to one person of the roster; they are counted as people all the same."
        )
    if shares["travellers_overdue"]:
        people = _noun(reader.people(shares["travellers_overdue"]), "traveller")
        said.append(f"Overdue: {people}. Nothing tells that they have left, so they are counted where they were.")
    return said
