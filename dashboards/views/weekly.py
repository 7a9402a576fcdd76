"""Weekly exposure: person-days, travellers, trips and nights by level and destination, this week against last."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from dashboards import charts, data, export, parts, words
from dashboards.data import Publication, Row, weekly
from dashboards.parts import Card
from pipelines.errors import MusterError

MEASURES = {
    "person_days": "Person-days",
    "travellers": "Travellers",
    "trips": "Trips",
    "traveller_nights": "Nights",
}
NOTES = {
    "person_days": "days of everybody added up",
    "travellers": "different people",
    "trips": "different trips",
    "traveller_nights": "people times local nights",
}
CAUSES = {
    "late": ("Late data", "about last week or before, come after its end"),
    "cancelled_or_changed": ("Cancelled or changed", "trips whose plan of then no longer held"),
    "new": ("New", "days of trips and places that began"),
    "ended": ("Ended", "days of trips and places that were over"),
    "re_rated": ("Re-rated", "days in places whose level changed; over all levels nothing"),
}
NOTHING: Row = {"person_days": 0.0, "travellers": 0, "trips": 0, "traveller_nights": 0}


def week_name(week: date, current: date) -> str:
    """A week as people say it: its ISO number, its days, and where it lies."""
    last = week + timedelta(days=6)
    year, number, _ = week.isocalendar()
    where = {0: ", this week", 1: ", last week", -1: ", next week"}.get((current - week).days // 7, "")
    return f"{year}-W{number:02d} · {week.day} {week:%b} to {last.day} {last:%b} {last.year}{where}"


def difference(now: float, before: float, digits: int = 0) -> str:
    """The change against the week before, with its sign."""
    change = round(now - before, digits)
    return "as the week before" if change == 0 else f"{change:+,.{digits}f} against the week before"


def amount(row: Row, before: Row, name: str) -> str:
    """One figure as a table cell, the change below it."""
    digits = 1 if name == "person_days" else 0
    return (
        f"{float(row[name]):,.{digits}f}<small>{difference(float(row[name]), float(before[name]), digits)[:60]}</small>"
    )


def show_cards(this: Row, last: Row) -> None:
    """The four figures of the week."""
    parts.cards(
        [
            Card(title, round(this[name]), f"{NOTES[name]}; {difference(float(this[name]), float(last[name]))}")
            for name, title in MEASURES.items()
        ]
    )


def show_levels(shown: Publication, week: date) -> None:
    """By level, the unknown in a line of its own."""
    this = weekly.figures(shown, week, ("risk_level",))
    last = weekly.figures(shown, week - timedelta(weeks=1), ("risk_level",))
    rows = []
    for level in (5, 4, 3, 2, 1, None):
        one, before = this.get((level,), NOTHING), last.get((level,), NOTHING)
        if (level,) in this or (level,) in last:
            rows.append([words.badge(level), *(amount(one, before, name) for name in MEASURES)])
    st.subheader("By level")
    st.html(
        '<p class="m-facts">Person-days add up over levels; a person who was at two levels counts at both, once in the '
        "figures above.</p>"
    )
    parts.table("Exposure by level", ["Level", *MEASURES.values()], rows)


def place_rows(this: dict[weekly.Key, Row], last: dict[weekly.Key, Row]) -> list[list[str]]:
    """Destinations as table rows: highest level first, then person-days."""
    both = {**{key: NOTHING | {"highest_level": None} for key in last}, **this}

    def order(item: tuple[weekly.Key, Row]) -> tuple[bool, int, float]:
        row = item[1]
        is_unknown = bool(row.get("has_unknown_level")) and row["highest_level"] is None
        return (not is_unknown, -(row["highest_level"] or 0), -row["person_days"])

    rows = []
    for key, row in sorted(both.items(), key=order):
        title = words.safe(words.country_name(str(key[0])) if len(key) == 1 else key[1], 80)
        level = (
            words.badge(row["highest_level"]) if row["travellers"] else '<span class="m-dim">nobody this week</span>'
        )
        rows.append([title, level, *(amount(row, last.get(key, NOTHING), one) for one in MEASURES)])
    return rows


def show_destinations(shown: Publication, week: date) -> None:
    """Countries, and the places of one of them."""
    before = week - timedelta(weeks=1)
    this, last = (weekly.figures(shown, one, ("country",)) for one in (week, before))
    gone = f", {len(last.keys() - this.keys()):,} more the week before only" if last.keys() - this.keys() else ""
    st.subheader(f"By country: {len(this):,}{gone}")
    columns = ["Highest level", *MEASURES.values()]
    rows = place_rows(this, last)
    number = parts.rows_to_show("countries", len(rows), 25)
    parts.table("Exposure by country", ["Country", *columns], rows[:number])
    parts.show_more_button("countries", number, len(rows))
    offered = sorted({str(key[0]) for key in (*this, *last)}, key=words.country_name)
    country = st.selectbox(
        "Places of a country",
        offered,
        None,
        format_func=words.country_name,
        key="drill",
        placeholder="Choose a country to see its places",
    )
    if country is None:
        return
    places = [weekly.figures(shown, one, ("place_id", "place_name"), country) for one in (week, before)]
    body = place_rows(places[0], places[1])
    parts.table(f"Exposure in {words.country_name(country)}", ["Place", *columns], body)


def show_causes(shown: Publication, week: date, current: date) -> None:
    """Why the week differs from the one before: the published causes, as a chart over all levels and by level."""
    st.subheader("Why it changed")
    held = weekly.weeks_with_causes(shown)
    if week not in held:
        if not held:
            text = "This publication holds no causes; the next 'muster run' that ends with a completed week makes them."
            parts.notice("info", "Nothing is known of the causes.", text)
            return
        text = "Those of another week are in its report, below."
        parts.notice("info", f"The causes are published for {week_name(held[0], current)}.", text)

        def choose() -> None:
            st.session_state["week"] = held[0]

        st.button("Show that week", key="causes-week", on_click=choose)
        return
    rows = weekly.causes(shown, week)
    last, this = (sum(row[name] or 0 for row in rows) for name in ("last_week_as_known_then", "person_days"))
    changes = [(title, sum(row[name] or 0 for row in rows)) for name, (title, _) in CAUSES.items()]
    told = "; ".join(f"{title.lower()}: {note}" for title, note in CAUSES.values())
    st.html(
        f'<p class="m-facts">From the week before, as it was known when it ended ({last:,.1f} person-days), to this '
        f"one, as it is known now ({this:,.1f}). Journeys and transit are counted here. {words.safe(told, 600)}.</p>"
    )
    st.plotly_chart(charts.change(last, changes, this), config=charts.CHART_CONFIG, key="causes")
    columns = ["Level", "Week before", *(title for title, _ in CAUSES.values()), "This week"]
    body = [
        [
            words.badge(row["risk_level"]),
            f"{charts.tenth(row['last_week_as_known_then']):,.1f}",
            *(f"{charts.tenth(row[name] or 0):+,.1f}" for name in CAUSES),
            f"{row['person_days']:,.1f}",
        ]
        for row in rows
    ]
    parts.table("Causes of the change by level", columns, body)


REPORT_FILES = {
    ".html": ("Page to read", "text/html"),
    ".pdf": ("To print", "application/pdf"),
    ".xlsx": ("Workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".eml": ("E-mail draft", "message/rfc822"),
    ".zip": ("CSV files", "application/zip"),
}


def offer_report(shown: Publication, week: date) -> None:
    """The week's report in every format, made when asked for."""
    st.subheader("The report of this week")
    name = weekly.report_name(shown, week)
    if weekly.bounds(shown, week)[0] > shown.as_of:
        begins = words.moment(weekly.bounds(shown, week)[0], shown.zone, shown.as_of)
        parts.notice("info", "This week has not begun.", f"Its report can be made from {begins} on, after a run.")
        return
    st.html(
        '<p class="m-facts">Muster sends nothing: the e-mail opens as a draft in a mail program, PDF and workbook '
        "attached. A week whose causes are not kept yet may take minutes.</p>"
    )
    if st.button(f"Make the report of {name} (logged)", key="report-make"):
        try:
            with st.spinner("Making the report …"):
                files = export.take_files(
                    shown, "weekly", {"report": name}, lambda: weekly.report(shown, week), len(REPORT_FILES)
                )
            st.session_state["report-files"] = (shown.generation, shown.role, name, files)
        except MusterError as problem:
            parts.notice("alarm", "No report was made.", str(problem))
    *of, files = st.session_state.get("report-files", (None, None, None, {}))
    if of != [shown.generation, shown.role, name]:
        return
    with st.container(horizontal=True):
        for suffix, (title, mime) in REPORT_FILES.items():
            file_name = next((one for one in files if one.endswith(suffix)), None)
            if file_name is not None:
                export.download(files[file_name], file_name, mime, f"report{suffix}", title)


def offer_file(shown: Publication, week: date) -> None:
    """The week by place and level as a file; it names nobody."""
    keys = ("country", "place_id", "place_name", "risk_level")
    columns = ["week_start_date", *keys, *MEASURES]

    def make() -> bytes:
        found = weekly.figures(shown, week, keys)
        rows = [[week, *key, *(row[name] for name in MEASURES)] for key, row in sorted(found.items(), key=str)]
        asked = {"week": week.isoformat()}
        return export.take(shown, "weekly", f"Exposure in the week of {week}", columns, rows, asked)

    export.offer(shown, "week", "Make this week's file", f"muster-week-{week}.csv", week, make)


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
    week = st.selectbox("Week", weeks, index, format_func=lambda one: week_name(one, current), key="week")
    this, last = (weekly.figures(shown, one).get((), NOTHING) for one in (week, week - timedelta(weeks=1)))
    if weekly.bounds(shown, week)[1] > shown.as_of:
        text = (
            "What lies after it is planned: later bookings are not in it, and comparing it with a past week misleads."
        )
        parts.notice("info", f"This week ends after {words.moment(shown.as_of, shown.zone)}.", text)
    show_cards(this, last)
    st.html(
        f'<p class="m-facts">Journeys and transit are left out ({weekly.moving(shown, week):,.1f} person-days); '
        "possible and overdue people are in it. Weeks begin on Monday in the office's zone.</p>"
    )
    st.plotly_chart(charts.weeks(weekly.by_level(shown, week), week, current), config=charts.CHART_CONFIG, key="weeks")
    legend = "".join(words.badge(number) for number in (5, 4, 3, 2, 1, None))
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">Person-days by week, by the Monday it begins.</span></div>'
    )
    show_causes(shown, week, current)
    show_levels(shown, week)
    show_destinations(shown, week)
    offer_report(shown, week)
    offer_file(shown, week)


parts.run_page(show)
