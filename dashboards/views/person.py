"""A person: who they are, how to reach them, and where they were, are and will be, with what each stay rests on."""

from __future__ import annotations

import streamlit as st

from dashboards import data, parts, people, words
from dashboards.data import Publication, Row, person
from pipelines.errors import MusterError

STAYS_BEFORE = 15
"""Stays that are over shown before somebody asks for more."""

STATUS = {"active": "Active", "cancelled": "Cancelled", "tentative": "Tentative"}


def ask_person(shown: Publication) -> str | None:
    """The key of the person asked for: from the address, or chosen among those that a search finds."""
    given = st.query_params.get("traveller")
    label = "Find a person by key" if not shown.has_names else "Find a person by name, e-mail or key"
    text = st.text_input(label, key="search", help="What is searched is not logged; whom it finds is.")
    if not text.strip():
        return given
    if len(text.strip()) < 3:
        parts.notice("info", "Type at least three letters.", "Fewer would find half of the university.")
        return given
    found = person.search(shown, text)
    if not found:
        why = "Names are in the duty and steward files only." if not shown.has_names else "Try a shorter part."
        if shown.role == "duty":
            why += " Duty sees names of people away from 30 days back to 14 days ahead."
        parts.notice("info", "Nobody found.", why)
        return None
    if len(found) == 1:
        return str(found[0]["traveller_id"])
    limit = f"the first {person.FOUND_AT_MOST}" if len(found) == person.FOUND_AT_MOST else f"{len(found)} people"
    st.html(f'<p class="m-facts">Found {limit}; choose one.</p>')
    rows = [[people.name(row, {row["traveller_id"]: row}), words.safe(row.get("email"), 80)] for row in found]
    parts.table("People found", ["Traveller", "E-mail"], rows, look="people")
    return None


def show_facts(row: Row, contact: Row) -> None:
    """Who the person is and how to reach them."""
    phone = parts.link_to_call(contact.get("mobile_phone")) if contact else None
    facts = [
        ("Phone", phone),
        ("E-mail", words.safe(contact.get("email"), 120) if contact else None),
        ("Affiliation", words.safe(row["affiliation"])),
        ("School", words.safe(" · ".join(value for value in (row["school"], row["department"]) if value))),
        ("Home", words.safe(words.country_name(row["home_country_code"]))),
        ("Identity", words.safe(words.lookup(words.IDENTITY, row["identity_status"]))),
        ("On the roster", "yes" if row["is_on_roster"] else "no"),
        ("Key", words.safe(row["traveller_id"])),
    ]
    parts.table("Person", ["Fact", "Value"], [[name, value] for name, value in facts if value], look="pairs")


def levels(row: Row) -> str:
    """The levels of a stay: the highest, and each change while it lasts."""
    if not row["levels"]:
        return '<span class="m-dim">home, not rated</span>' if row["is_home"] else words.badge(None)
    badges = words.badge(row["risk_level"])
    if row["has_unknown_level"] and row["risk_level"] is not None:
        badges += "<small>in part not known</small>"
    changes = [words.level_of(item["risk_level"]).sign for item in row["levels"]]
    if len(set(changes)) > 1:
        badges += f"<small>changed: {words.safe(' → '.join(changes))}</small>"
    last = row["levels"][-1]
    if last["rating_status"] != "rated":
        badges += f"<small>{words.safe(words.lookup(words.RATING_STATUS, last['rating_status']))}</small>"
    return badges


def when(row: Row, shown: Publication) -> str:
    """Whether a stay is over, going on or planned, in words."""
    if row["starts_at"] > shown.as_of:
        return f"planned, {words.since(row['starts_at'], shown.as_of)}"
    if row["ends_at"] is None or row["ends_at"] > shown.as_of:
        return '<span class="m-tag m-tag-here">now</span>'
    return "over"


def part(row: Row, of_stay: str, of_piece: str, word: str, shown: Publication) -> str:
    """The beginning or end of a stay as every page tells it, and that of this piece of it where it is another."""
    if row[of_stay] is None:
        said = words.safe("open, no end known")
    else:
        said = words.safe(words.moment(row[of_stay], shown.zone, shown.as_of))
    if row[of_piece] in (None, row[of_stay]):
        return said
    return f"{said}<small>this part {word} {words.safe(words.moment(row[of_piece], shown.zone, shown.as_of))}</small>"


def stay_cells(row: Row, shown: Publication) -> list[str]:
    """One stay piece as table cells."""
    return [
        levels(row),
        people.place(row),
        part(row, "since_at", "starts_at", "from", shown),
        part(row, "until_at", "ends_at", "until", shown),
        when(row, shown),
        people.presence(row),
        words.safe(row["trip_id"], 60),
    ]


def show_stays(shown: Publication, traveller_id: str) -> None:
    """The timeline: what is going on and planned in order, then what is over, the latest first."""
    rows = person.stays(shown, traveller_id)
    st.subheader("Now and next")
    if not rows:
        parts.notice("info", "No stay is known.", "Every trip is cancelled, or nothing says where it went.")
        return
    over = [row for row in rows if row["ends_at"] is not None and row["ends_at"] <= shown.as_of]
    ahead = [row for row in rows if row["ends_at"] is None or row["ends_at"] > shown.as_of]
    columns = ["Level", "Place", "From", "Until", "When", "Presence", "Trip"]
    if ahead:
        parts.table("Stays now and next", columns, [stay_cells(row, shown) for row in ahead], look="stays")
    else:
        parts.notice("info", "Not away, and nothing planned.", "All stays that are known are over.")
    if over:
        st.subheader(f"Before: {words.count_of(len(over), 'stay')}, the latest first")
        number = parts.rows_to_show("before", len(over), STAYS_BEFORE)
        shown_over = over[::-1][:number]
        parts.table("Stays before", columns, [stay_cells(row, shown) for row in shown_over], look="stays")
        parts.show_more_button("before", number, len(over))


def show_trips(shown: Publication, traveller_id: str) -> None:
    """The trips, and which feeds know of each."""
    rows = person.trips(shown, traveller_id)
    st.subheader(f"Trips: {len(rows):,}")
    if not rows:
        parts.notice("info", "No trip is known.", "No feed names one of this person.")
        return
    cells = []
    for row in rows:
        flags = [
            word
            for name, word in (("has_booking", "booking"), ("has_expense", "expense"))
            if row[name] and row["source"] != word
        ] + (["incomplete: a record was rejected"] if row["is_incomplete"] else [])
        cells.append(
            [
                words.safe(row["trip_id"], 60),
                words.safe(words.lookup(STATUS, row["trip_status"])),
                words.safe(row["source"]) + (f"<small>{words.safe(', '.join(flags))}</small>" if flags else ""),
                words.safe(words.moment(row["starts_at"], shown.zone, shown.as_of)),
                words.safe(words.moment(row["ends_at"], shown.zone, shown.as_of)),
                words.safe(row["purpose"]),
            ]
        )
    parts.table("Trips", ["Trip", "State", "Known by", "From", "Until", "Purpose"], cells, look="stays")


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    heading = st.empty()
    heading.title("Person")
    parts.banner(shown)
    traveller_id = ask_person(shown)
    if traveller_id is None:
        parts.notice("info", "Nobody chosen.", "Search above, or follow a name on Now or Incident.")
        return
    row = person.traveller(shown, traveller_id)
    if row is None:
        text = "The link may be old, or the person was erased. Search above."
        parts.notice("warn", "This publication holds no such person.", text)
        return
    contact: Row = {}
    # Whole itineraries are personal data too: each look at one is logged, with or without a name.
    try:
        contact = data.contacts(shown, "person", {"timeline": True}, [traveller_id]).get(traveller_id, {})
    except MusterError as problem:
        parts.notice("alarm", "This person's page is hidden.", str(problem))
        return
    if contact.get("full_name"):
        heading.title(words.plain(contact["full_name"]))
    show_facts(row, contact)
    show_stays(shown, traveller_id)
    show_trips(shown, traveller_id)


parts.run_page(show)
