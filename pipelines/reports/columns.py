"""The columns of the report's tables, by the names that their queries give them, and the notes above them."""

from __future__ import annotations

import dataclasses

from pipelines.reports.model import Column

DAYS = (
    Column("person_days", "Person-days", "days", is_people=True),
    Column("person_days_last_week", "Days last week", "days", is_people=True),
    Column("person_days_last_year", "Days last year", "days", is_people=True),
    Column("person_days_quarter_mean", "Days, mean of 13 weeks", "days", is_people=True),
)
LEVELS = (
    Column("risk_level", "Level", "level"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("travellers_last_week", "Travellers last week", "count", is_people=True),
    Column("travellers_last_year", "Travellers last year", "count", is_people=True),
    *DAYS,
    Column("person_days_moving", "In transit and en route", "days", is_office=True),
)
BRIDGE = (
    Column("risk_level", "Level", "level"),
    Column("last_week_as_known_then", "Last week, as known then", "days", is_people=True),
    Column("late", "Late data", "change", is_people=True),
    Column("cancelled_or_changed", "Cancelled or changed", "change", is_people=True),
    Column("new", "New", "change", is_people=True),
    Column("ended", "Ended", "change", is_people=True),
    Column("re_rated", "Re-rated", "change", is_people=True),
    Column("person_days", "This week", "days", is_people=True),
)
SINCE = (
    Column("risk_level", "Level", "level"),
    Column("country_code", "Country", "country"),
    Column("person_days_first_issued", "First issued", "days", is_people=True),
    Column("late", "Late data", "change", is_people=True),
    Column("cancelled_or_changed", "Cancelled or changed", "change", is_people=True),
    Column("re_rated", "Re-rated", "change", is_people=True),
    Column("person_days", "Now", "days", is_people=True),
)
SCHOOLS = (
    Column("school", "School"),
    Column("affiliation", "Affiliation"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("at_extreme", "At Extreme", "count", is_people=True),
    Column("at_high", "At High", "count", is_people=True),
    Column("at_unknown_level", "Level not known", "count", is_people=True),
    Column("countries", "Countries", "count", is_office=True),
    Column("person_days", "Person-days", "days", is_office=True),
)
CHANGES = (
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
DESTINATIONS = (
    Column("country_code", "Country", "country"),
    Column("risk_level", "Level", "level"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("arrivals", "Arrivals", "count", is_people=True),
    *(dataclasses.replace(column, is_office=True) for column in DAYS),
)
SCHOOL_PLACES = (
    Column("school", "School"),
    Column("affiliation", "Affiliation"),
    Column("country_code", "Country", "country"),
    Column("risk_level", "Highest level", "level"),
    Column("travellers", "Travellers", "count", is_people=True),
    Column("possibly_there", "Of these possibly", "count", is_people=True),
)
ARRIVALS = (
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
REQUIREMENTS = (
    Column("trip_id", "Trip"),
    Column("traveller_id", "Traveller"),
    Column("requirement", "Requirement"),
    Column("obligation", "Obligation"),
    Column("status", "Status"),
    Column("due_at", "Due (UTC)", "instant"),
    Column("reason", "Why", is_long=True),
)
AUDIT = (
    Column("audit_status", "What the audit says"),
    Column("trips", "Trips", "count", is_people=True),
    Column("travellers", "Travellers", "count", is_people=True),
)
FEEDS = (
    Column("feed", "Feed"),
    Column("status", "Status"),
    Column("newest_received_at", "Newest file (UTC)", "instant"),
    Column("rhythm_days", "Due every (days)", "days"),
    Column("records", "Records", "count"),
    Column("rejected", "Rejected", "count"),
    Column("failed_files", "Failed files", "count"),
    Column("held_files", "Held files", "count"),
)

BRIDGE_NOTE = (
    "From last week as it was known when it ended to this week as it is known now; the causes sum to the difference "
    "{exactly}. Late: data about last week or earlier that came after its end. Cancelled or changed: trips whose "
    "plan of then no longer held. New and ended: days of trips and places that began or ended. Re-rated: days in "
    "places whose level changed. Time in transit and en route is counted here."
)


SINCE_NOTE = (
    "Person-days of this week as first issued, known at {then}, and now, known at {now}. Late: trips that were not "
    "known then. Cancelled or changed: trips whose days at a place differ. Re-rated: the same days at other levels. "
    "The causes sum to the difference {exactly}; time in transit and en route is counted. Rows that have not changed "
    "are left out, but for their sum."
)
NOTHING = 1e-9
"""Person-days too few to be a change: less than a tenth of a millisecond."""
