"""What belongs under an answer besides its rows: how old it is, what its instant means, what its source lacks."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from pipelines.instants import OLD_AFTER, now, span
from pipelines.published import PublicationRow, run
from pipelines.tables import instant_text

if TYPE_CHECKING:
    import duckdb


def age_notes(publication: PublicationRow) -> list[str]:
    """Where 'now' was long ago: runs may have stopped, and then no feed could become stale either."""
    age = now() - publication.as_of
    if age < OLD_AFTER:
        return []
    return [f"This is the state {span(age)} ago; 'muster run' makes it that of now."]


def time_notes(
    con: duckdb.DuckDBPyConnection,
    publication: PublicationRow,
    asked: tuple[datetime.datetime, datetime.datetime],
    role: str,
    nameless: int,
) -> list[str]:
    """What an instant or time other than `as_of` means: what is told of it, and of whom no contact is held for it.

    ``asked`` holds its bounds, naive UTC; ``nameless`` of how many listed travellers the role's file has no contact.
    """
    from_at, until_at = asked
    zone, notes = publication.office_timezone, []
    first_at = (run(con, "select min(starts_at) from mart.stay").fetchone() or (None,))[0]
    if first_at is not None and from_at < first_at:
        notes.append(
            f"What is published begins on {instant_text(first_at, zone)}: of a time before it nothing is known, and "
            "that nobody is listed does not mean that nobody was there."
        )
    elif from_at < publication.as_of:
        notes.append("By what is known now about that time, which may be more than was known then.")
    if until_at > publication.as_of:
        notes.append(
            "By plans as known now; whoever books later is not in it. Levels are those known now to hold then."
        )
    if nameless and role == "duty":
        from pipelines.publish import DUTY_DAYS_AFTER, DUTY_DAYS_BEFORE  # takes long to import, and few need it

        first_named_at = publication.as_of - datetime.timedelta(days=DUTY_DAYS_BEFORE)
        last_named_at = publication.as_of + datetime.timedelta(days=DUTY_DAYS_AFTER)
        if from_at < first_named_at or until_at > last_named_at:
            notes.append(
                f"No name or phone of {counted(nameless, 'traveller')}: the role duty has those of people in place"
                f" from {DUTY_DAYS_BEFORE} days before to {DUTY_DAYS_AFTER} days after the run; --role steward has all."
            )
    return notes


def publication_notes(con: duckdb.DuckDBPyConnection, publication: PublicationRow) -> list[str]:
    """What every screen and report must say of its source: invented ratings, feeds that are stale or missing (F3)."""
    notes = []
    if publication.has_invented_ratings:
        notes.append("INVENTED RATINGS: this home holds made-up risk levels. Do not act on them.")
    rows = run(
        con,
        """
        select feed, status, newest_received_at, is_optional
        from mart.feed_status
        where status <> 'current'
        order by feed
        """,
    ).fetchall()
    unused = [feed for feed, status, _, is_optional in rows if status == "missing" and is_optional]
    for feed, status, newest, _ in rows:
        if feed not in unused:
            seen = f", last received {instant_text(newest, publication.office_timezone)}" if newest else ""
            notes.append(f"Feed '{feed}' is {status}{seen}.")
    if unused:
        notes.append(f"Optional feeds that never came: {', '.join(unused)}.")
    return notes


INCOMPLETE = """
    select
        count(distinct traveller_id) as people,
        (select coalesce(sum(failing_rows), 0) from mart.data_quality where check_name = 'every_trip_kept_a_record')
            as lost_trips
    from mart.trip
    where is_incomplete and trip_status <> 'cancelled'
        and coalesce(starts_at, $from_at) < $to_at + interval 30 day
        and coalesce(ends_at, starts_at, $from_at) > $from_at - interval 30 day
"""
"""How many people have a trip near a time of which something was rejected, and how many trips were lost altogether.

A month to both sides, for what is missing may come before or after what is there.
"""


def incomplete_notes(con: duckdb.DuckDBPyConnection, from_at: datetime.datetime, to_at: datetime.datetime) -> list[str]:
    """Whom an answer about a time (naive UTC) may lack or show elsewhere, as a record of theirs was rejected (F1)."""
    people, lost = run(con, INCOMPLETE, {"from_at": from_at, "to_at": to_at}).fetchone() or (0, 0)
    notes = []
    if people:
        notes.append(
            f"A record of a trip of {counted(people, 'traveller')} was rejected or says no time: they may be "
            "elsewhere, or not listed; 'muster feeds' says what was rejected."
        )
    if lost:
        notes.append(
            f"No record of {counted(int(lost), 'trip')} (registration, booking or expense report) could be read: "
            "nobody is placed by them."
        )
    return notes


def counted(number: int, noun: str) -> str:
    """A number with its noun: '1 traveller', '1,200 travellers'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
