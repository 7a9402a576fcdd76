"""Weekly exposure, for a viewer: by level and country, this week beside the one before, small counts withheld."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import streamlit as st

from dashboards import charts, data, parts, small, words
from dashboards.data import Publication, Row, weekly
from dashboards.parts import Card
from pipelines.reports.disclosure import shown_days

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


@st.cache_data(max_entries=60, ttl=3600, show_spinner=False)
def figures(shown: Publication, week: date) -> tuple[dict[Any, str], dict[Any, Row], dict[Any, Row]]:
    """(every figure of a week as a viewer reads it, the rows by level, the rows by country); kept by generation."""
    levels, countries = (weekly.figures(shown, week, (name,)) for name in ("risk_level", "country"))
    whole = weekly.figures(shown, week).get((), NOTHING)
    read = small.figures(whole, {"level": levels, "country": countries}, tuple(MEASURES))
    return dict(read), dict(levels), dict(countries)


def cells(shown: Publication, week: date, parting: str, key: tuple[object, ...]) -> list[str]:
    """The figures of one row as table cells, those of the week before below them."""
    this, last = (figures(shown, one)[0] for one in (week, week - timedelta(weeks=1)))
    return [
        f"{words.safe(this.get((name, parting, key), '0'))}"
        f"<small>week before: {words.safe(last.get((name, parting, key), '0'))}</small>"
        for name in MEASURES
    ]


def show_chart(shown: Publication, week: date) -> None:
    """Person-days by week, all levels together."""
    days: dict[date, float] = {}
    for row in weekly.by_level(shown, week):
        days[row["week"]] = days.get(row["week"], 0.0) + row["person_days"]
    read = {one: shown_days(value) for one, value in sorted(days.items())}
    values = [float(value) if isinstance(value, int) else None for value in read.values()]
    if any(values):
        labels = [f"{one.day} {one:%b %y}" for one in read]
        st.plotly_chart(charts.bars(labels, values, "person-days"), config=charts.CHART_CONFIG, key="weeks")
        st.html('<p class="m-facts">Person-days by week, by the Monday it begins; few are not drawn.</p>')


def show_levels(shown: Publication, week: date) -> None:
    """By level, the unknown in a line of its own."""
    this, last = (figures(shown, one)[1] for one in (week, week - timedelta(weeks=1)))
    rows = [
        [words.badge(level), *cells(shown, week, "level", (level,))]
        for level in (5, 4, 3, 2, 1, None)
        if (level,) in this or (level,) in last
    ]
    st.subheader("By level")
    parts.table("Exposure by level", ["Level", *(title for title, _ in MEASURES.values())], rows)


def show_countries(shown: Publication, week: date) -> None:
    """By country, the highest level first, then by name: an order by number would tell of it."""
    this = figures(shown, week)[2]
    names = {key: words.country_name(str(key[0])) for key in this}
    ordered = sorted(this.items(), key=lambda item: (-(item[1]["highest_level"] or 6), names[item[0]]))
    st.subheader(f"By country: {len(ordered):,}")
    number = parts.rows_to_show("countries", len(ordered), 25)
    rows = [
        [words.safe(names[key], 80), words.badge(row["highest_level"]), *cells(shown, week, "country", key)]
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
    this = figures(shown, week)[0]
    parts.cards([Card(title, this[(name, "", ())], note) for name, (title, note) in MEASURES.items()])
    show_chart(shown, week)
    show_levels(shown, week)
    show_countries(shown, week)


parts.run_page(show)
