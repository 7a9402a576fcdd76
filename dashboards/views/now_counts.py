"""Now, for a viewer: how many people are at which level and where, as published; nobody one by one."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data, parts, small, words
from dashboards.data import Publication, Row, now
from dashboards.data.now import Filters
from dashboards.parts import Card


def cards(counts: Row) -> list[Card]:
    """The figures on top."""
    return [
        Card("5 Extreme", small.count(counts["level_5"]), "there, confirmed or likely", "extreme"),
        Card("4 High", small.count(counts["level_4"]), "there, confirmed or likely", "high"),
        Card(
            "Level unknown",
            small.count(counts["unknown"]),
            "not rated or place not recognised; never read as low",
            "unknown",
        ),
        Card("Overdue", small.count(counts["overdue"]), "no end of the stay was ever told"),
        Card("Possible", small.count(counts["possible"]), "itineraries contradict each other; not certain"),
        Card("On the way", small.count(counts["moving"]), "between places or in transit; counted apart"),
    ]


def show_map(shown: Publication) -> None:
    """The map with its legend."""
    places = small.marks(now.places(shown, shown.as_of, Filters()))
    marked = charts.worth_marking(places)
    with st.container(height=440, border=False, key="m-map"):
        st.plotly_chart(charts.world_map(places, marked), config=charts.MAP_CONFIG, height="stretch", key="world")
    legend = "".join(words.badge(number) for number in (5, 4, 3, 2, 1, None))
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">A mark is a place where somebody is, a country has the '
        "highest level of its places.</span></div>"
    )


def show_countries(shown: Publication) -> None:
    """The countries as a list: whoever cannot see the map reads it here."""
    rows = now.countries(shown, shown.as_of)
    st.subheader(f"By country: {len(rows):,}")
    if not rows:
        parts.notice("warn", "No traveller is away.", "No feed places anybody anywhere; see Data health.")
        return
    number = parts.rows_to_show("countries", len(rows), 25)
    body = [
        [
            words.safe(words.country_name(row["country"]), 80),
            words.badge(row["highest_level"])
            + ("<small>level of some not known</small>" if row["has_unknown_level"] and row["highest_level"] else ""),
            words.safe(small.count(row["everybody"])),
        ]
        for row in rows[:number]
    ]
    parts.table("People by country", ["Country", "Highest level", "People"], body)
    parts.show_more_button("countries", number, len(rows))


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    age = parts.old_age(shown)
    st.title(f"How many were at risk {words.span(age)} ago" if age else "How many are at risk now")
    parts.banner(shown)
    st.html(f'<p class="m-facts">{words.safe(small.EXPLAINED, 300)}</p>')
    parts.cards(cards(now.headline(shown, shown.as_of)))
    show_map(shown)
    show_countries(shown)


parts.run_page(show)
