"""Fills the model of a weekly report: one query of ``sql/queries`` a table, sentences from the same rows."""

from __future__ import annotations

import datetime
import functools
from typing import Any

import duckdb

from pipelines.bridge import Week
from pipelines.published import PublicationRow
from pipelines.reports.first_issue import FirstIssue
from pipelines.reports.model import (
    ALL_LEVELS,
    MASKED,
    WITHHELD,
    Bar,
    Column,
    Copy,
    Figure,
    Report,
    Table,
    clean,
    count_words,
    date_words,
    for_copy,
    instant_words,
    shown_count,
)
from pipelines.settings import SQL

ARRIVAL_DAYS = 14

_DAYS = (
    Column("person_days", "Person-days", "days", is_beside=True),
    Column("person_days_last_week", "Last week", "days", is_beside=True),
    Column("person_days_last_year", "Same week last year", "days", is_beside=True),
    Column("person_days_quarter_mean", "Mean of 13 weeks", "days", is_beside=True),
)
_LEVELS = (
    Column("risk_level", "Level", "level"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("travellers_last_week", "Last week", "count", is_people=True),
    Column("travellers_last_year", "Same week last year", "count", is_people=True),
    *_DAYS,
    Column("person_days_moving", "In transit and en route", "days", is_beside=True),
)
_BRIDGE = (
    Column("risk_level", "Level", "level"),
    Column("last_week_as_known_then", "Last week, as known then", "days"),
    Column("late", "Late data", "change"),
    Column("cancelled_or_changed", "Cancelled or changed", "change"),
    Column("new", "New", "change"),
    Column("ended", "Ended", "change"),
    Column("re_rated", "Re-rated", "change"),
    Column("person_days", "This week", "days"),
)
_SINCE = (
    Column("risk_level", "Level", "level"),
    Column("country_code", "Country", "country"),
    Column("person_days_first_issued", "First issued", "days"),
    Column("late", "Late data", "change"),
    Column("cancelled_or_changed", "Cancelled or changed", "change"),
    Column("re_rated", "Re-rated", "change"),
    Column("person_days", "Now", "days"),
)
_SCHOOLS = (
    Column("school", "School"),
    Column("affiliation", "Affiliation"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("at_extreme", "At Extreme", "count", is_people=True),
    Column("at_high", "At High", "count", is_people=True),
    Column("at_unknown_level", "Level not known", "count", is_people=True),
    Column("countries", "Countries", "count", is_beside=True),
    Column("person_days", "Person-days", "days", is_beside=True),
)
_CHANGES = (
    Column("changed_at", "Changed (UTC)", "instant"),
    Column("place_name", "Place"),
    Column("country_code", "Country", "country"),
    Column("provider", "Provider"),
    Column("category", "Category"),
    Column("from_level", "From", "level"),
    Column("to_level", "To", "level"),
    Column("travellers_in_place", "In place", "count", is_people=True),
    Column("travellers_arriving", "Arriving in 14 days", "count", is_people=True),
)
_DESTINATIONS = (
    Column("country_code", "Country", "country"),
    Column("risk_level", "Level", "level"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("arrivals", "Arrivals", "count", is_people=True),
    *_DAYS,
)
_SCHOOL_PLACES = (
    Column("school", "School"),
    Column("affiliation", "Affiliation"),
    Column("country_code", "Country", "country"),
    Column("risk_level", "Highest level", "level"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("possibly_there", "Of these possibly", "count", is_people=True),
)
_ARRIVALS = (
    Column("arrives_at", "Arrives (UTC)", "instant"),
    Column("place_name", "Place"),
    Column("country_code", "Country", "country"),
    Column("risk_level", "Level", "level"),
    Column("evacuation_status", "Evacuation"),
    Column("presence", "Presence"),
    Column("traveller_id", "Traveller"),
    Column("trip_id", "Trip"),
    Column("is_registered", "Registered", "yes_no"),
)
_REQUIREMENTS = (
    Column("trip_id", "Trip"),
    Column("traveller_id", "Traveller"),
    Column("requirement", "Requirement"),
    Column("obligation", "Obligation"),
    Column("status", "Status"),
    Column("due_at", "Due (UTC)", "instant"),
    Column("reason", "Why", is_long=True),
)
_AUDIT = (
    Column("audit_status", "What the audit says"),
    Column("trips", "Trips", "count", is_people=True),
    Column("travellers", "Travellers", "count", is_people=True),
)
_FEEDS = (
    Column("feed", "Feed"),
    Column("status", "Status"),
    Column("newest_received_at", "Newest file (UTC)", "instant"),
    Column("rhythm_days", "Due every (days)", "days"),
    Column("records", "Records", "count"),
    Column("rejected", "Rejected", "count"),
    Column("failed_files", "Failed files", "count"),
    Column("held_files", "Held files", "count"),
)

_BRIDGE_NOTE = (
    "From last week as it was known when it ended to this week as it is known now; the causes sum to the difference "
    "exactly. Late: data about last week or earlier that came after its end. Cancelled or changed: trips whose plan of "
    "then no longer held. New and ended: days of trips and places that began or ended. Re-rated: days in places whose "
    "level changed. Time in transit and en route is counted here."
)


_SINCE_NOTE = (
    "Person-days of this week as first issued, known at {then}, and now, known at {now}. Late: trips that were not "
    "known then. Cancelled or changed: trips whose days at a place differ. Re-rated: the same days at other levels. "
    "The causes sum to the difference exactly; time in transit and en route is counted. Rows that have not changed are "
    "left out, but for their sum."
)
_NOTHING = 1e-9
"""Person-days too few to be a change: less than a tenth of a millisecond."""


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

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query by column name."""
        if query not in self._kept:
            self._kept[query] = _rows(self.con, query, self.parameters)
        return self._kept[query]

    def table(self, query: str, title: str, columns: tuple[Column, ...], **options: Any) -> Table:
        """A table of a query's rows, as the copy may show them."""
        rows = tuple(tuple(row[column.name] for column in columns) for row in self.rows(query))
        return for_copy(Table(query, title, columns, rows, **options), self.copy)


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
        page=_page(reader, publication, first),
        appendix=_appendix(reader),
        caveats=_caveats(reader, publication, is_over),
    )


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _figures(reader: Reader) -> tuple[Figure, ...]:
    shares = reader.rows("week_shares")[0]
    levels = {row["risk_level"]: row for row in reader.rows("week_levels")}
    high = sum(levels[level]["person_days"] for level in (4, 5))
    high_before = sum(levels[level]["person_days_last_week"] for level in (4, 5))
    people = shown_count(shares["travellers_high"], reader.copy)
    hidden = people == MASKED
    return (
        Figure("Travellers abroad", shown_count(shares["travellers"], reader.copy), "during the week"),
        Figure("At High or Extreme", people, "travellers, counted once"),
        Figure(
            "Days at High or Extreme",
            WITHHELD if hidden else f"{high:,.0f}",
            "" if hidden else f"person-days; {high_before:,.0f} the week before",
        ),
        Figure(
            "Trips registered",
            _share(shares["trips_registered"], shares["trips"]),
            f"{shares['trips_registered']:,} of {shares['trips']:,}",
        ),
        Figure(
            "Travellers contactable",
            _share(shares["travellers_contactable"], shares["travellers"]),
            "by telephone or e-mail",
        ),
        Figure(
            "Level not known",
            f"{shares['person_days_unknown'] / shares['person_days']:.1%}" if shares["person_days"] else "–",
            "of person-days",
        ),
    )


def _sentences(reader: Reader) -> tuple[str, ...]:
    said = []
    levels = reader.rows("week_levels")
    now, before = (sum(row[name] for row in levels) for name in ("person_days", "person_days_last_week"))
    if now or before:
        change = f", {now / before - 1:+.0%} against the week before" if before else ""
        said.append(f"{now:,.0f} person-days abroad{change.replace('-', '−')}.")
    arrivals = [row for row in reader.rows("week_arrivals") if row["risk_level"] is not None]
    people = count_words(len({row["traveller_id"] for row in arrivals}), "traveller", reader.copy)
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
    bars: dict[datetime.date, dict[int | None, float]] = {}
    for row in reader.rows("week_trend"):
        bars.setdefault(row["week_start_date"], {})[row["risk_level"]] = row["person_days"]
    return tuple(Bar(str(Week(monday)), days) for monday, days in bars.items())


def _page(reader: Reader, publication: PublicationRow, first: FirstIssue | None) -> tuple[Table, ...]:
    is_later = first is not None and publication.known_at > first.known_at
    return (
        reader.table(
            "week_levels",
            "Exposure by level",
            _LEVELS,
            note="Time in transit and en route is left out of all but the last column. People are recounted, so a "
            "traveller at two levels is in both rows; only person-days add up.",
        ),
        _bridge(reader),
        *([_since(reader, publication, first)] if first is not None and is_later else []),
        reader.table(
            "week_schools",
            "Who was where: schools and affiliations",
            _SCHOOLS,
            note="Each traveller is counted once in a row.",
        ),
        reader.table(
            "week_rating_changes",
            "Ratings that changed, and whom they touched",
            _CHANGES,
            limit=20,
            empty="No rating changed in this week.",
        ),
    )


def _bridge(reader: Reader) -> Table:
    """The change by level with its total; of a viewer's copy the total alone, for a level may be one person."""
    table = reader.table("week_bridge", "What changed since last week", _BRIDGE, note=_BRIDGE_NOTE)
    if not table.rows:
        return table
    sums = tuple(sum(row[index] for row in table.rows) for index in range(1, len(_BRIDGE)))
    rows = (*(table.rows if reader.copy == "office" else ()), (ALL_LEVELS, *sums))
    return Table(table.query, table.title, table.columns, rows, table.note)


def _since(reader: Reader, publication: PublicationRow, first: FirstIssue) -> Table:
    """What changed since the week was first issued: the rows that differ, and the sum of all."""
    query = "report/week_since_issue"
    title = f"Changed since first issued, as known on {date_words(first.known_at)}"
    note = _SINCE_NOTE.format(then=instant_words(first.known_at), now=instant_words(publication.known_at))
    if first.configuration_sha256 != publication.configuration_sha256:
        note += " The configuration has changed since, which by itself may move places and levels."
    rows = [tuple(row[column.name] for column in _SINCE) for row in reader.rows(query)]
    sums = tuple(sum(row[index] for row in rows) for index in range(2, len(_SINCE)))
    changed = [row for row in rows if any(abs(part) > _NOTHING for part in row[3:6])]
    if not changed:
        return Table(query, title, _SINCE, (), note, empty="Nothing of this week has changed since.")
    shown = changed if reader.copy == "office" else []
    return Table(query, title, _SINCE, (*shown, (ALL_LEVELS, "All countries", *sums)), note, limit=60)


def _appendix(reader: Reader) -> tuple[Table, ...]:
    tables = [
        reader.table("week_destinations", "Exposure by destination and level", _DESTINATIONS, limit=60),
        reader.table("week_school_places", "Schools, affiliations and countries", _SCHOOL_PLACES, limit=60),
    ]
    if reader.copy == "office":
        tables.append(
            reader.table(
                "week_arrivals",
                f"Arrivals expected at High and above, or at a level not known, in the {ARRIVAL_DAYS} days after "
                f"{date_words(reader.as_of)}",
                _ARRIVALS,
                empty="Nobody is expected there.",
                limit=80,
            )
        )
        if "policy_check" in reader.published:
            title = "Requirements not met by these arrivals"
            tables.append(reader.table("week_requirements", title, _REQUIREMENTS, limit=40, empty="All are met."))
    if "trip_audit" in reader.published:
        tables.append(reader.table("week_audit", "Audit of the week's observed trips", _AUDIT))
    tables.append(reader.table("week_feeds", "Feeds", _FEEDS))
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
    said += _unknowns(shares, reader.copy)
    if all(row["last_week_as_known_then"] == 0 for row in reader.rows("week_bridge")):
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
            "Numbers of fewer than 5 people are shown as <5, and in tables the measures beside them are withheld."
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


def _unknowns(shares: dict[str, Any], copy: Copy) -> list[str]:
    """What is vague or unknown about the week's people and days, each in a sentence where there is any."""
    said = []
    days = {
        "person_days_unknown": "have no known level; they are a row of their own and never read as low",
        "person_days_place_unknown": "are at places that were not recognised",
        "person_days_stale": "rest on ratings older than their provider's rhythm",
        "person_days_possible": "are shared between places of which only one is right",
    }
    said += [f"{shares[name]:,.1f} person-days {what}." for name, what in days.items() if shares[name]]
    if shares["travellers_unclear"]:
        people = count_words(shares["travellers_unclear"], "traveller", copy)
        said.append(
            f"{people} could not be matched to one person of the roster; they are counted as people all the same."
        )
    if shares["travellers_overdue"]:
        people = count_words(shares["travellers_overdue"], "traveller", copy)
        said.append(f"Overdue: {people}. Nothing tells that they have left, so they are counted where they were.")
    return said
