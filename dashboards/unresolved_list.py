"""The place texts and people on Data health that nothing resolves: what hangs on each, and how to settle it."""

from __future__ import annotations

import streamlit as st

from dashboards import parts, people, words
from dashboards.data import Publication, Row, health

ROWS_FIRST = 15


def place_cells(row: Row) -> list[str]:
    """One place text and one place that it may mean."""
    guessed = row["place_status"] == "fuzzy"
    meant = f"{words.safe(row['place_name'], 80)}<small>{words.safe(words.country_name(row['country_code']))}</small>"
    return [
        words.safe(row["place_text"], 80),
        f'<span class="m-tag{"" if guessed else " m-tag-alarm"}">{"guessed" if guessed else "not recognised"}</span>',
        f"{meant}<small>id {words.safe(row['place_id'])}</small>" if guessed else words.safe(None),
        f"{row['stays']:,}",
        f"{row['travellers']:,}",
        f"{row['person_days']:,.1f}",
    ]


def show_places(shown: Publication) -> None:
    """Texts that no place is called by, or that were guessed, those with the most person-days first (P1, P2)."""
    total = health.count_unresolved_places(shown)
    st.subheader(f"Places to settle: {total:,}")
    if not total:
        parts.notice("info", "Every place text is resolved.", "None was guessed and none is unknown.")
        return
    st.html(
        '<p class="m-facts">A line <code>text,place id</code> in places.csv of the home settles a text at the next '
        "run; a text with commas takes quotes. 'muster places resolve' tells the id of a place.</p>"
    )
    number = parts.rows_to_show("unresolved-places", total, ROWS_FIRST)
    rows = health.unresolved_places(shown, number)
    columns = ["Text", "State", "Guessed as", "Stays", "People", "Person-days"]
    parts.table("Places to settle", columns, [place_cells(row) for row in rows])
    parts.show_more_button("unresolved-places", number, total)


def show_people(shown: Publication) -> None:
    """People whom the roster does not know or who may be several (S10), those who are away most first."""
    total, away = health.count_unresolved_people(shown)
    st.subheader(f"People to settle: {total:,}")
    if not total:
        parts.notice("info", "Everybody was found on the roster.", "Nobody is ambiguous or unknown.")
        return
    st.html(
        f'<p class="m-facts">Not on the roster, or several people of it fit; {words.count_of(away, "is", "are")} away '
        "now. They are listed and counted everywhere; a newer roster or a person id in the feed settles them.</p>"
    )
    number = parts.rows_to_show("unresolved-people", total, ROWS_FIRST)
    rows = health.unresolved_people(shown, number)
    contacts = people.look_up(shown, "data_health", {"unresolved_people": number}, rows) if shown.has_names else None
    body = [
        [
            people.name(row, contacts),
            "Ambiguous" if row["identity_status"] == "ambiguous" else "Not found",
            words.safe(row["identity_reason"], 200),
            f"{row['trips']:,}",
            '<span class="m-tag m-tag-here">away now</span>' if row["is_away"] else words.safe(None),
        ]
        for row in rows
    ]
    parts.table("People to settle", ["Traveller", "Roster", "Why", "Trips", "Now"], body)
    parts.show_more_button("unresolved-people", number, total)
