"""Unregistered trips: what bookings and expenses show and the registry does not, to be decided on and written about."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from dashboards import data, export, parts, queue_list, words
from dashboards.data import Publication, Row, queue, unregistered
from dashboards.data.queue import Filters
from dashboards.parts import Card
from dashboards.queue_list import Deciding, Item
from pipelines import audit
from pipelines.errors import MusterError

KEY = "audit"
STATUS = {
    "unregistered": "Not registered",
    "partial": "Partly registered",
    "registered_late": "Registered late",
    "undetermined": "Undetermined",
    "unconfirmed": "Registered, nothing confirms it",
    "registered": "Registered",
    "not_required": "Not required",
    "cancelled": "Cancelled",
}
CHOICES = {"confirmed": "Confirm: to be registered", "dismissed": "Dismiss: nothing to do"}
BY_SCHOOL = {
    "n": "Findings",
    "people": "People",
    "undecided": "Open",
    "confirmed": "Confirmed",
    "dismissed": "Dismissed",
}


def show_cards(shown: Publication) -> None:
    """What is open, before any filter."""
    found = {row["audit_status"]: row for row in unregistered.counts(shown, Filters())}

    def card(status: str, note: str, look: str = "plain") -> Card:
        row = found.get(status, {"n": 0, "undecided": 0, "not_past": 0})
        ahead = f"{row['not_past']:,} of them not over yet; {note}" if row["undecided"] else note
        return Card(f"Open: {STATUS[status].lower()}", row["undecided"], ahead, look)

    decided = sum(row["n"] - row["undecided"] for row in found.values())
    parts.cards(
        [
            card("unregistered", "booked or claimed, and not in the registry", "high"),
            card("partial", "days or countries are missing"),
            card("registered_late", "registered after leaving"),
            card("undetermined", "person or place not known, so not compared", "unknown"),
            Card("Decided", decided, "confirmed or dismissed by somebody"),
        ]
    )
    row = unregistered.estimate(shown)
    if row:
        low, high = (f"{row[f'unseen_estimate_{end}']:,.0f}" for end in ("low", "high"))
        text = f"Ended trips that no feed saw: about {row['unseen_estimate']:,.0f} ({low} to {high})."
        st.html(
            f'<details class="m-facts"><summary><strong>{words.safe(text)}</strong> What it assumes</summary>'
            f"{words.safe(row['assumptions'], 600)}</details>"
        )


def ask_filters(shown: Publication) -> Filters:
    """The filters, most of them folded away."""
    offered = unregistered.choices(shown)
    decided = queue_list.ask_open(KEY)
    with st.expander("Filters: result, time, school, affiliation, country, search", expanded=False):
        first, second = st.columns(3), st.columns(3)
        statuses = first[0].multiselect(
            "Result", list(STATUS), list(audit.TO_ANSWER), format_func=lambda one: STATUS[one], key=f"{KEY}-status"
        )
        times = first[1].multiselect(
            "When", list(queue_list.TIMES), format_func=lambda one: queue_list.TIMES[one], key=f"{KEY}-time"
        )
        label = "Search" if shown.role == "analyst" else "Search names too"
        search = first[2].text_input(label, key=f"{KEY}-search", placeholder="Booking, report, trip, words")
        schools = second[0].multiselect(
            "School", offered["schools"], format_func=queue_list.or_none, key=f"{KEY}-school"
        )
        affiliations = second[1].multiselect(
            "Affiliation", offered["affiliations"], format_func=queue_list.or_none, key=f"{KEY}-affiliation"
        )
        countries = second[2].multiselect(
            "Country",
            sorted(offered["countries"], key=words.country_name),
            format_func=words.country_name,
            key=f"{KEY}-country",
        )
    return Filters(
        statuses=tuple(statuses),
        schools=tuple(schools),
        affiliations=tuple(affiliations),
        countries=tuple(countries),
        times=tuple(times),
        decided=decided,
        search=search,
    )


def days(row: Row) -> str:
    """The days of a trip: ``3 to 9 Nov 2026``."""
    first, last = row["starts_date"], row["ends_date"]
    if first is None:
        return "days not known"
    if last is None or last == first:
        return f"{first.day} {first:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {last.day} {last:%b %Y}"
    start = f"{first.day} {first:%b}" if first.year == last.year else f"{first.day} {first:%b %Y}"
    return f"{start} to {last.day} {last:%b %Y}"


def evidence(row: Row) -> str:
    """What the finding comes from: bookings with their day of issue, expense reports, registrations."""
    told = []
    for ref in row["observed_refs"] or []:
        kind, _, rest = str(ref).partition(":")
        name, _, issued = rest.partition(":")
        told.append(f"{kind} {name}{f' of {issued}' if issued and kind == 'booking' else ''}")
    if row["matched_trip_id"]:
        told.append(f"compared with registration {row['matched_trip_id']}")
    return "; ".join(told)


def whereabouts(row: Row, shown: Publication, places: list[Row]) -> str:
    """Where somebody who is away now is, which need not be the country of most nights that the finding names."""
    if row["time"] != "now":
        return ""
    if not places:
        return "<p><strong>Now</strong> no stay says where.</p>"
    told = []
    for place in places:
        until = place["until_at"]
        end = f"until {words.moment(until, shown.zone, shown.as_of)}" if until else "no end known"
        presence = words.lookup(words.PRESENCE, place["presence"]).lower()
        where = f"{words.safe(place['place_name'], 80)}, {words.safe(words.country_name(place['country_code']))}"
        told.append(f"{where} {words.badge(place['risk_level'])} {words.safe(f'{presence}, {end}', 200)}")
    return f"<p><strong>Now</strong> {' or '.join(told)}</p>"


def body(row: Row, shown: Publication, places: list[Row]) -> str:
    """What is told of a finding below its title."""
    look = "m-tag m-tag-alarm" if row["audit_status"] in ("unregistered", "partial") else "m-tag"
    about = " · ".join(one for one in (row["affiliation"], row["school"]) if one)
    tags = f'<span class="{look}">{words.safe(STATUS.get(row["audit_status"], row["audit_status"]))}</span>'
    if row["time"] != "past":
        tags += f'<span class="m-tag m-tag-here">{words.safe(queue_list.TIMES[row["time"]].lower())}</span>'
    page = f"person?traveller={quote(row['traveller_id'])}"
    return (
        f'<div class="m-item">{tags}{whereabouts(row, shown, places)}<p>{words.safe(row["reason"], 700)}</p>'
        f"<small>From {words.safe(evidence(row), 300)}. {words.safe(about, 120) if about else ''} "
        f'<a href="{page}">The person</a> · {words.safe(row["audit_id"])}</small>{queue_list.said(row, shown)}</div>'
    )


def show_queue(shown: Publication, filters: Filters) -> list[Row]:
    """The list with its decisions; returns the rows that are listed."""
    found = unregistered.counts(shown, filters)
    total, undecided = (sum(row[name] for row in found) for name in ("n", "undecided"))
    st.subheader(f"To decide: {undecided:,} of {total:,}", anchor="queue")
    st.html(
        f'<p class="m-facts">Listed: {words.safe(queue_list.describe(filters, STATUS, {}), 400)}. '
        "Who is away now first, then who leaves next.</p>"
    )
    if not total:
        text = "The audit found nothing of this kind, or the filters leave it out."
        parts.notice("info", "No finding to list.", text)
        return []
    rows = unregistered.findings(shown, filters, parts.rows_to_show(f"{KEY}-rows", total, queue_list.FIRST))
    contacts, may_decide = queue_list.look_up(shown, "unregistered", filters, rows)
    places = unregistered.places_now(shown, rows)
    items = [
        Item(
            row["audit_id"],
            queue_list.title(row, contacts, words.country_name(row["country"]), days(row)),
            body(row, shown, places.get(row["traveller_id"], [])),
        )
        for row in rows
    ]

    def keep(chosen: list[str], decision: str | None, note: str | None, user: str | None) -> str:
        return audit.decide(data.home(), chosen, decision, note, user)

    if not may_decide:
        parts.notice("info", "Names and decisions are for duty and steward.", "Your role sees keys and reasons.")
    queue_list.show(shown, KEY, items, total, Deciding("audit", CHOICES, keep) if may_decide else None)
    return rows if may_decide else []


def show_letter(shown: Publication, rows: list[Row]) -> None:
    """A letter about one of the findings that are listed, to copy or to open in a mail program."""
    wanted = {row["audit_id"]: row for row in rows if row["audit_status"] in audit.REQUESTS}
    if not wanted:
        return
    st.subheader("A letter to the traveller")

    def label(audit_id: str) -> str:
        row = wanted[audit_id]
        status = STATUS[row["audit_status"]].lower()
        return f"{words.country_name(row['country'])}, {days(row)}, {status} ({audit_id})"

    chosen = st.selectbox("Finding", list(wanted), format_func=label, key=f"{KEY}-letter")
    if st.button("Write the letter (logged)", key=f"{KEY}-write"):
        try:
            who = data.user()
            letter = audit.draft(data.home(), shown.role, chosen, user=None if who.is_local else who.name)
            st.session_state[f"{KEY}-written"] = (shown.generation, shown.role, chosen, letter)
        except MusterError as problem:
            parts.notice("alarm", "No letter was written.", str(problem))
            return
    *of, letter = st.session_state.get(f"{KEY}-written", (None, None, None, ""))
    if of != [shown.generation, shown.role, chosen]:
        return
    st.html('<p class="m-facts">A draft: Muster sends nothing. Copy it, or open the file in a mail program.</p>')
    st.code(letter, language=None, wrap_lines=True)
    export.download(audit.as_message(letter), f"muster-letter-{chosen}.eml", "message/rfc822", f"{KEY}-letter-get")


def show_schools(shown: Publication, filters: Filters) -> None:
    """Counts by school under the filters."""
    rows = unregistered.by_school(shown, filters)
    if not rows:
        return
    st.subheader("By school")
    table = [
        [words.safe(queue_list.or_none(row["school"]), 80), *(f"{row[name]:,}" for name in BY_SCHOOL)] for row in rows
    ]
    parts.table("Findings by school", ["School", *BY_SCHOOL.values()], table)


def offer_file(shown: Publication, filters: Filters, total: int) -> None:
    """The findings under the filters as a file."""
    if not total:
        return
    columns = ["audit_id", "audit_status", "traveller_id"]
    columns += ["full_name", "email"] if shown.role != "analyst" else []
    columns += ["affiliation", "school", "country", "starts_date", "ends_date", "matched_trip_id", "match_score"]
    columns += ["reason", "observed_refs", "decision", "decided_at", "decided_by", "decision_note"]

    def make() -> bytes:
        rows = unregistered.for_export(shown, filters)
        cells = [["; ".join(row[one] or []) if one == "observed_refs" else row[one] for one in columns] for row in rows]
        ids = [row["traveller_id"] for row in rows] if shown.role != "analyst" else []
        asked = {"statuses": list(filters.statuses), "decided": filters.decided, "search": bool(filters.search)}
        return export.take(shown, "unregistered", "Audit of trips", columns, cells, asked, ids)

    label = f"Make a file of {queue_list.say_export(total)}"
    signature = (filters, sorted(queue.newest("audit").items()))
    export.offer(shown, f"{KEY}-file", label, "muster-unregistered-trips.csv", signature, make)


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    st.title("Unregistered trips")
    parts.banner(shown)
    if not queue.has_table(shown, "trip_audit"):
        queue_list.say_missing("trip_audit")
        return
    show_cards(shown)
    filters = ask_filters(shown)
    rows = show_queue(shown, filters)
    show_letter(shown, rows)
    show_schools(shown, filters)
    offer_file(shown, filters, sum(row["n"] for row in unregistered.counts(shown, filters)))


parts.run_page(show)
