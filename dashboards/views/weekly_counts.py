"""Weekly exposure, for a viewer: by level and country, this week beside the one before, small counts withheld."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from dashboards import charts, data, parts, small, words
from dashboards.data import Publication, Row, weekly
from dashboards.parts import Card

MEASURES = {
    "travellers": ("Travellers", "different people"),
    "person_days": ("Person-days", "days of everybody added up"),
    "trips": ("Trips", "different trips"),
    "traveller_nights": ("Nights", "people times local nights"),
}
NOTHING: Row = dict.fromkeys(MEASURES, 0)


def week_name(week: date) -> str:
    """A week by its ISO number and days."""
    last = week + timedelta(days=6)
    year, number, _ = week.isocalendar()
    return f"{year}-W{number:02d} · {week.day} {week:%b} to {last.day} {last:%b} {last.year}"


def amount(row: Row, name: str) -> str:
    """One figure as a viewer reads it."""
    if name == "travellers":
        return small.count(row[name])
    return small.beside(float(row[name]), row["travellers"])


def cell(this: Row, last: Row, name: str) -> str:
    """One figure as a table cell, that of the week before below it."""
    return f"{words.safe(amount(this, name))}<small>week before: {words.safe(amount(last, name))}</small>"


def show_chart(shown: Publication, week: date, current: date) -> None:
    """Person-days by week and level, those of few people left out."""
    people = weekly.people_by_level(shown, week)
    rows = [
        row | {"person_days": small.rounded(row["person_days"])}
        for row in weekly.by_level(shown, week)
        if people.get((row["week"], row["risk_level"]), 0) >= small.SMALL
    ]
    if not rows:
        parts.notice("info", "No chart.", "So few people travelled in these weeks that it is withheld.")
        return
    st.plotly_chart(charts.weeks(rows, week, current), config=charts.CHART_CONFIG, key="weeks")
    legend = "".join(words.badge(number) for number in (5, 4, 3, 2, 1, None))
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">Person-days by week, by the Monday it begins; those of '
        f"fewer than {small.SMALL} people are not drawn.</span></div>"
    )


def show_levels(shown: Publication, week: date) -> None:
    """By level, the unknown in a line of its own."""
    this, last = (weekly.figures(shown, one, ("risk_level",)) for one in (week, week - timedelta(weeks=1)))
    rows = [
        [words.badge(level), *(cell(this.get((level,), NOTHING), last.get((level,), NOTHING), one) for one in MEASURES)]
        for level in (5, 4, 3, 2, 1, None)
        if (level,) in this or (level,) in last
    ]
    st.subheader("By level")
    parts.table("Exposure by level", ["Level", *(title for title, _ in MEASURES.values())], rows)


def show_countries(shown: Publication, week: date) -> None:
    """By country, the highest level first."""
    this, last = (weekly.figures(shown, one, ("country",)) for one in (week, week - timedelta(weeks=1)))
    ordered = sorted(this.items(), key=lambda item: (-(item[1]["highest_level"] or 6), -item[1]["travellers"]))
    st.subheader(f"By country: {len(ordered):,}")
    number = parts.rows_to_show("countries", len(ordered), 25)
    rows = [
        [
            words.safe(words.country_name(str(key[0])), 80),
            words.badge(row["highest_level"]),
            *(cell(row, last.get(key, NOTHING), one) for one in MEASURES),
        ]
        for key, row in ordered[:number]
    ]
    columns = ["Country", "Highest level", *(title for title, _ in MEASURES.values())]
    parts.table("Exposure by country", columns, rows)
    parts.show_more_button("countries", number, len(ordered))


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    st.title("Weekly exposure")
    parts.banner(shown)
    weeks = weekly.weeks(shown)
    if not weeks:
        parts.notice("warn", "No exposure is known.", "Put feeds into the inbox of the home and run 'muster run'.")
        return
    current = weekly.week_of(shown, shown.as_of)
    index = weeks.index(current) if current in weeks else 0
    week = st.selectbox("Week", weeks, index, format_func=week_name, key="week")
    st.html(
        f'<p class="m-facts">{words.safe(small.EXPLAINED, 300)} Journeys and transit are left out; possible and '
        "overdue people are in it. What lies after the time above is planned.</p>"
    )
    this = weekly.figures(shown, week).get((), NOTHING)
    parts.cards([Card(title, amount(this, name), note) for name, (title, note) in MEASURES.items()])
    show_chart(shown, week, current)
    show_levels(shown, week)
    show_countries(shown, week)


parts.run_page(show)
