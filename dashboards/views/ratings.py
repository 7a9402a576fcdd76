"""Ratings: each provider's levels at any date, what changed and whom it touches, and where providers differ."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from dashboards import charts, data, parts, small, words
from dashboards.data import Publication, Row, ratings

LOOK_BACK = timedelta(days=1826)
DAYS = {7: "last 7 days", 30: "last 30 days", 90: "last 90 days", 366: "last year"}
CATEGORIES = {"overall": "Overall", "security": "Security", "medical": "Medical"}
TYPES = {"country": "country", "region": "region", "city": "city", "area": "area", "site": "site"}


def name_of(row: Row) -> str:
    """The place with its kind and country."""
    kind = words.lookup(TYPES, row["place_type"])
    country = "" if row["place_type"] == "country" else f", {words.country_name(row.get('country_code'))}"
    name = row["place_name"] or (words.country_name(row["place_id"]) if row["place_type"] == "country" else None)
    return f"{words.safe(name, 80)}<small>{words.safe(kind + country)}</small>"


def show_map(shown: Publication, at: datetime) -> list[Row]:
    """One provider's levels of one category, which it returns."""
    found = ratings.providers(shown)
    columns = st.columns(2)
    number = columns[0].selectbox(
        "Provider",
        range(len(found)),
        format_func=lambda n: words.without_steering(found[n]["provider"]),
        key="provider",
    )
    one = found[number]
    category = columns[1].selectbox(
        "Category",
        sorted(one["categories"], reverse=True),
        format_func=lambda value: words.lookup(CATEGORIES, value),
        key="category",
    )
    rows = ratings.levels(shown, one["provider"], category, at)
    when = words.moment(at, shown.zone, shown.as_of)
    if not rows:
        text = "It had published nothing yet, or only later; move the date."
        parts.notice("info", f"No rating of this provider is in force on {when}.", text)
        return rows
    with st.container(height=440, border=False, key="m-map"):
        st.plotly_chart(charts.rating_map(rows), config=charts.MAP_CONFIG, height="stretch", key="levels")
    legend = "".join(words.badge(level) for level in (5, 4, 3, 2, 1, None))
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">'
        "The provider's words, mapped to our levels. Land without a number "
        "is not rated by it, which is not low. Marks are cities, regions and areas with ratings of their own."
        "</span></div>"
    )
    return rows


def show_levels(rows: list[Row], shown: Publication) -> None:
    """The ratings as a list: whoever cannot see the map reads it here."""
    st.subheader(f"Rated places: {len(rows):,}")
    number = parts.rows_to_show("rated", len(rows), 25)
    body = []
    for row in rows[:number]:
        flags = ["with regional advice"] if row["has_regional_advice"] else []
        if row["evacuation_status"] not in (None, "none"):
            flags.append(words.lookup(words.EVACUATION, row["evacuation_status"]))
        tags = "".join(f'<span class="m-tag">{words.safe(flag)}</span>' for flag in flags)
        since = words.moment(row["valid_from"], shown.zone, shown.as_of)
        level = words.badge(row["risk_level"])
        body.append(
            [
                level,
                name_of(row | {"country_code": row["country"]}),
                words.safe(row["native_level"]) + tags,
                words.safe(since),
            ]
        )
    parts.table("Rated places", ["Level", "Place", "In the provider's words", "Since"], body)
    parts.show_more_button("rated", number, len(rows))


def change_cells(row: Row, shown: Publication) -> list[str]:
    """One change as table cells."""
    before, after = row["from_level"], row["to_level"]
    if before is None or after is None:
        way = "became known" if before is None else "no longer known"
    else:
        way = "raised" if after > before else "lowered"
    tag = "m-tag m-tag-alarm" if way in ("raised", "no longer known") else "m-tag"
    return [
        words.safe(words.moment(row["changed_at"], shown.zone, shown.as_of)),
        name_of(row),
        f'{words.badge(before)} → {words.badge(after)}<br><span class="{tag}">{way}</span>',
        f"{words.safe(words.lookup(CATEGORIES, row['category']))}<small>{words.safe(row['provider'])}</small>",
        words.safe(small.count_for(shown.role, row["travellers_in_place"])),
        words.safe(small.count_for(shown.role, row["travellers_arriving"])),
    ]


def show_changes(shown: Publication, at: datetime) -> None:
    """What changed lately, and whom it touches."""
    days = st.selectbox("Changes of the", list(DAYS), 1, format_func=lambda number: DAYS[number], key="days")
    rows = ratings.changes(shown, at, days)
    touching = [row for row in rows if row["travellers_in_place"] or row["travellers_arriving"]]
    st.subheader(f"Changes of level: {len(rows):,}, of which {len(touching):,} touch somebody")
    if not rows:
        parts.notice(
            "info", "No level changed in this time.", "Choose a longer time, or see Data health for old feeds."
        )
        return
    only = st.toggle("Only those that touch somebody", key="touching")
    listed = touching if only else rows
    number = parts.rows_to_show("changes", len(listed), 25)
    columns = ["When", "Place", "Level", "Rating", "There then", "Arriving in 14 days"]
    if listed:
        parts.table("Changes of level", columns, [change_cells(row, shown) for row in listed[:number]])
    else:
        parts.notice("info", "No change touches anybody.", "Switch the filter off to see all changes.")
    parts.show_more_button("changes", number, len(listed))


def show_disagreements(shown: Publication, at: datetime) -> None:
    """Providers side by side where they differ."""
    rows = ratings.disagreements(shown, at)
    st.subheader(f"Providers side by side: {words.count_of(len(rows), 'difference')}")
    if not rows:
        parts.notice("info", "No providers differ.", "Either one alone rates each place, or all say the same level.")
        return
    st.html(
        '<p class="m-facts">Who decides comes from the order of providers in the settings. The level is that of a stay '
        "there, which may come from a wider place.</p>"
    )
    number = parts.rows_to_show("differences", len(rows), 25)
    body = []
    for row in rows[:number]:
        said = "<br>".join(words.safe(one.strip(), 80) for one in str(row["levels"]).split(","))
        body.append(
            [
                name_of(row),
                words.safe(words.lookup(CATEGORIES, row["category"])),
                said,
                f"{words.badge(row['deciding_level'])}<small>by {words.safe(row['deciding_provider'])}</small>",
                words.safe(words.moment(row["valid_from"], shown.zone, shown.as_of)),
            ]
        )
    parts.table("Providers side by side", ["Place", "Category", "Levels", "Decides", "Since"], body)
    parts.show_more_button("differences", number, len(rows))


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    st.title("Ratings")
    parts.banner(shown)
    if not ratings.providers(shown):
        text = (
            "Run 'muster fetch ratings --provider …' or put ratings into the inbox; until then every level is unknown."
        )
        parts.notice("warn", "Nobody has rated anything.", text)
        return
    at = parts.ask_instant(shown, "Levels in force", "ratings", LOOK_BACK, timedelta(0))
    if at is None:
        return
    rows = show_map(shown, at)
    show_changes(shown, at)
    show_disagreements(shown, at)
    if rows:
        show_levels(rows, shown)


parts.run_page(show)
