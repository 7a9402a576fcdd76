"""Charts. The map's outlines come from the dashboard's own static files, never from another host."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import plotly.graph_objects as go

from dashboards import words
from dashboards.data import Row

MAP_CONFIG: dict[str, Any] = {
    "topojsonURL": "/app/static/topojson/",
    "displaylogo": False,
    "scrollZoom": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "toImage"],
}
"""What every map must be shown with; the default address of the outlines is a foreign host."""


CHART_CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False}

BARS = 60
"""Bars that a chart of an answer shows."""

MARKS = 250
"""Marks a map can carry and still be drawn at once."""

CROWD = 60
"""Beyond this many, marks are smaller so that they hide less of each other."""


def _is_loud(number: int | None) -> bool:
    return number is None or number >= 4


def is_located(row: Row) -> bool:
    """Whether a place has a position."""
    return row["latitude"] is not None and row["longitude"] is not None


def _hover(row: Row) -> str:
    """A place in words, escaped: Plotly reads markup in hover text.

    `told` of a row stands in for its counts, where a role may not read them.
    """
    people = [
        words.count_of(row["present"], "person there", "people there") if row["present"] else "",
        f"{row['possible']:,} possibly there" if row["possible"] else "",
        f"{row['overdue']:,} overdue" if row["overdue"] else "",
    ]
    told = html.escape(row["told"]) if "told" in row else ", ".join(part for part in people if part)
    name = str(row["place_name"] or "Place not known")[:80]
    return (
        f"<b>{html.escape(name)}</b>, {html.escape(words.country_name(row['country']))}<br>"
        f"{html.escape(words.level_of(row['risk_level']).text)}<br>{told}"
    )


def _countries(places: Sequence[Row]) -> list[go.Choropleth]:
    """Countries shaded by the highest level at which somebody is there; one trace a level for exact colours."""
    worst: dict[str, int | None] = {}
    own: dict[str, str] = {}
    for row in places:
        code = words.country_alpha_3(row["country"])
        if code:
            levels = [level for level in (worst.get(code), row["risk_level"]) if level is not None]
            worst[code] = max(levels) if levels else None
            own[code] = row["country"]
    traces = []
    for number in (None, 1, 2, 3, 4, 5):
        codes = sorted(code for code, level in worst.items() if level == number)
        fill = "#E9E6F2" if number is None else words.level_of(number).fill
        if codes:
            traces.append(
                go.Choropleth(
                    locations=codes,
                    z=[1] * len(codes),
                    colorscale=[[0, fill], [1, fill]],
                    showscale=False,
                    marker={"line": {"color": "#8A8F94", "width": 0.5}, "opacity": 0.6},
                    # Whatever is chosen or not, a country keeps its colour, which says its level.
                    selected={"marker": {"opacity": 0.6}},
                    unselected={"marker": {"opacity": 0.6}},
                    customdata=[[own[code]] for code in codes],
                    text=[html.escape(words.country_name(own[code])) for code in codes],
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    return traces


def _points(places: Sequence[Row], number: int | None, largest: int, is_crowded: bool) -> go.Scattergeo:
    level = words.level_of(number)
    is_loud = _is_loud(number)
    smallest, range_ = (15.0, 17.0) if is_loud else (12.0, 10.0)
    if is_crowded:
        smallest, range_ = (12.0, 12.0) if is_loud else (8.0, 9.0)
    sizes = [smallest + range_ * math.sqrt(row["everybody"] / largest) for row in places]
    return go.Scattergeo(
        lat=[row["latitude"] for row in places],
        lon=[row["longitude"] for row in places],
        mode="markers+text",
        text=[level.sign] * len(places),
        textfont={
            "color": level.ink,
            "size": (10 if is_crowded else 12) if is_loud else (7 if is_crowded else 9),
            "weight": 700,
        },
        hovertext=[_hover(row) for row in places],
        hovertemplate="%{hovertext}<extra></extra>",
        customdata=[[row["country"], row["place_name"], row["latitude"], row["longitude"]] for row in places],
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0 if is_loud else 0.9}},
        marker={
            "size": sizes,
            "color": level.fill,
            "symbol": level.symbol,
            "opacity": 1.0 if is_loud else 0.9,
            "line": {"color": "#1B2329", "width": 1.5 if number is None else 0.8},
        },
        name=level.text,
        showlegend=False,
    )


def worth_marking(places: Sequence[Row]) -> list[Row]:
    """The places that are marked: with a position, at most MARKS, High, Extreme and unknown ones before the others."""
    located = [row for row in places if is_located(row)]
    located.sort(key=lambda row: (not _is_loud(row["risk_level"]), -row["everybody"]))
    return located[:MARKS]


def _look_of_world(figure: go.Figure) -> None:
    figure.update_geos(
        resolution=50,
        projection_type="natural earth",
        showland=True,
        landcolor="#EFEDE6",
        showcountries=True,
        countrycolor="#C3BFB3",
        countrywidth=0.5,
        showcoastlines=False,
        showlakes=False,
        showocean=False,
        showframe=False,
        bgcolor="#DCE7EC",
        lataxis_range=[-58, 80],
    )
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="#DCE7EC",
        hoverlabel={"bgcolor": "#FFFFFF", "font": {"color": "#1B2329", "size": 14}, "align": "left"},
        dragmode="pan",
    )


def _say_rating(row: Row) -> str:
    """A rating in words, escaped: Plotly reads markup in hover text."""
    name = row["place_name"] or words.country_name(row["country"])
    own = html.escape(str(row["native_level"] or "no words")[:80])
    return f"<b>{html.escape(str(name)[:80])}</b><br>{words.level_of(row['risk_level']).text}<br>in its words: {own}"


def rating_map(rows: Sequence[Row]) -> go.Figure:
    """A provider's levels: countries shaded with their number, other places marked by shape and number.

    Rows as :func:`dashboards.data.ratings.levels` gives them.
    """
    figure = go.Figure()
    for number in (1, 2, 3, None, 4, 5):
        level = words.level_of(number)
        countries = [
            (code, row)
            for row in rows
            if row["place_type"] == "country"
            and row["risk_level"] == number
            and (code := words.country_alpha_3(row["country"])) is not None
        ]
        if countries:
            figure.add_trace(
                go.Choropleth(
                    locations=[code for code, _ in countries],
                    z=[1] * len(countries),
                    colorscale=[[0, level.fill], [1, level.fill]],
                    showscale=False,
                    marker={"line": {"color": "#8A8F94", "width": 0.5}},
                    text=[_say_rating(row) for _, row in countries],
                    hovertemplate="%{text}<extra></extra>",
                    name=level.text,
                )
            )
            figure.add_trace(
                go.Scattergeo(
                    locations=[code for code, _ in countries],
                    mode="text",
                    text=[level.sign] * len(countries),
                    textfont={"color": level.ink, "size": 8},
                    hoverinfo="skip",
                    showlegend=False,
                )
            )
    marked = [row for row in rows if row["place_type"] != "country" and is_located(row)][:MARKS]
    for number in (1, 2, 3, None, 4, 5):
        level, found = words.level_of(number), [row for row in marked if row["risk_level"] == number]
        if found:
            figure.add_trace(
                go.Scattergeo(
                    lat=[row["latitude"] for row in found],
                    lon=[row["longitude"] for row in found],
                    mode="markers+text",
                    text=[level.sign] * len(found),
                    textfont={"color": level.ink, "size": 9, "weight": 700},
                    hovertext=[_say_rating(row) for row in found],
                    hovertemplate="%{hovertext}<extra></extra>",
                    marker={
                        "size": 15,
                        "color": level.fill,
                        "symbol": level.symbol,
                        "line": {"color": "#1B2329", "width": 1.2},
                    },
                    showlegend=False,
                )
            )
    _look_of_world(figure)
    return figure


def world_map(places: Sequence[Row], marked: Sequence[Row]) -> go.Figure:
    """The world with a mark a place: colour, shape and number say the level, size the people (not on the way).

    Rows as :func:`dashboards.data.places` gives them: `places` shade the countries, `marked` are those of
    :func:`worth_marking`. Higher levels are drawn over lower ones.
    """
    figure = go.Figure(_countries(places))
    largest = max((row["everybody"] for row in marked), default=1)
    for number in (1, 2, 3, None, 4, 5):
        chosen = [row for row in marked if row["risk_level"] == number]
        if chosen:
            figure.add_trace(_points(chosen, number, largest, len(marked) > CROWD))
    _look_of_world(figure)
    return figure


def incident_map(places: Sequence[Row], marked: Sequence[Row], centre: tuple[float, float, float] | None) -> go.Figure:
    """The map of :func:`world_map` and the circle that is looked into: latitude, longitude and radius in km."""
    figure = world_map(places, marked)
    if centre is None:
        return figure
    latitude, longitude, radius = centre
    ring = [_away(latitude, longitude, radius, math.radians(turn)) for turn in range(0, 361, 6)]
    line = {"color": "#1F5A7A", "width": 2.5}
    for lat, lon, mode in (
        ([one[0] for one in ring], [one[1] for one in ring], "lines"),
        ([latitude], [longitude], "markers"),
    ):
        figure.add_trace(
            go.Scattergeo(
                lat=lat,
                lon=lon,
                mode=mode,
                line=line,
                marker={"symbol": "cross-thin", "size": 22, "line": line},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    # About six circles across, at least a tenth of the world.
    figure.update_geos(
        center={"lat": latitude, "lon": longitude},
        projection_rotation={"lon": longitude},
        projection_scale=max(1.0, min(10.0, 3000 / radius)),
        lataxis_range=[-90, 90],
    )
    return figure


def _away(latitude: float, longitude: float, kilometres: float, bearing: float) -> tuple[float, float]:
    """The point so far away on the sphere, in degrees."""
    angle, lat, lon = kilometres / 6371.0088, math.radians(latitude), math.radians(longitude)
    there = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(bearing))
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
    )
    return math.degrees(there), (math.degrees(lon + turn) + 540) % 360 - 180


def _week_label(week: date) -> str:
    return f"{week.day} {week:%b %y}"


def weeks(rows: Sequence[Row], chosen: date, current: date) -> go.Figure:
    """Person-days by week, stacked by level from high to low; number, order and colour say the level.

    Rows as :func:`dashboards.data.weekly.by_level` gives them. The chosen week is marked, and where the plan begins.
    """
    figure = go.Figure()
    for number in (5, 4, 3, 2, 1, None):
        level = words.level_of(number)
        found = [row for row in rows if row["risk_level"] == number]
        if not found:
            continue
        figure.add_trace(
            go.Bar(
                x=[_week_label(row["week"]) for row in found],
                y=[row["person_days"] for row in found],
                name=level.text,
                text=[level.sign] * len(found),
                textposition="inside",
                textangle=0,
                insidetextanchor="middle",
                marker={
                    "color": level.fill,
                    "line": {"color": "#1B2329", "width": 0.6},
                    "pattern": {"shape": "/" if number is None else ""},
                },
                textfont={"color": level.ink},
                hovertemplate=f"%{{x}}<br>{level.text}: %{{y:,.1f}} person-days<extra></extra>",
            )
        )
    for week, text in ((current, "now"), (chosen, "chosen")):
        if week != current or text == "now":
            figure.add_annotation(
                x=_week_label(week), y=1.02, yref="paper", text=text, showarrow=False, yanchor="bottom"
            )
    figure.update_layout(
        barmode="stack",
        height=320,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="#FFFFFF",
        showlegend=False,
        font={"color": "#1B2329", "size": 13},
        bargap=0.18,
        dragmode=False,
    )
    ordered = [_week_label(week) for week in sorted({row["week"] for row in rows})]
    figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=ordered, tickangle=-45, tickfont={"size": 11}
    )
    figure.update_yaxes(title="person-days", gridcolor="#E4E1D7", rangemode="tozero")
    return figure


def tenth(value: float) -> float:
    """A figure to one digit after the point, where nothing is never minus nothing."""
    return round(value, 1) + 0.0


def change(start: float, parts: Sequence[tuple[str, float]], end: float) -> go.Figure:
    """How one week's person-days become the next's: from `start` by each cause to `end`, downwards.

    More is dark, less is light, and each bar bears its figure with its sign.
    """
    labels = ["Last week", *(label for label, _ in parts), "This week"]
    text = [f"{start:,.1f}", *(f"{tenth(value):+,.1f}" for _, value in parts), f"{end:,.1f}"]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            measure=["absolute", *["relative"] * len(parts), "total"],
            y=labels,
            x=[start, *(value for _, value in parts), end],
            text=text,
            textposition="outside",
            cliponaxis=False,
            connector={"line": {"color": "#8A8F94", "width": 1}},
            totals={"marker": {"color": "#1F5A7A"}},
            increasing={"marker": {"color": "#DB641F"}},
            decreasing={"marker": {"color": "#8FC3E8"}},
            hovertemplate="%{y}: %{text} person-days<extra></extra>",
        )
    )
    highest, at = max(start, end), start
    for _, value in parts:
        at += value
        highest = max(highest, at)
    figure.update_layout(
        height=300,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="#FFFFFF",
        font={"color": "#1B2329", "size": 13},
        showlegend=False,
        dragmode=False,
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    # Room for the figure to the right of the longest bar, also on a narrow screen.
    figure.update_xaxes(title="person-days", gridcolor="#E4E1D7", range=[0, highest * 1.3 or 1])
    return figure


def bars(labels: Sequence[str], values: Sequence[float | None], title: str) -> go.Figure:
    """One bar a row in the order of the rows; labels are escaped, for Plotly reads markup in them."""
    figure = go.Figure(
        go.Bar(
            x=list(range(len(labels))),
            y=list(values),
            marker={"color": "#1F5A7A"},
            hovertext=[html.escape(label[:120]) for label in labels],
            hovertemplate="%{hovertext}: %{y:,}<extra></extra>",
        )
    )
    figure.update_layout(
        height=360,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="#FFFFFF",
        font={"color": "#1B2329", "size": 13},
        dragmode=False,
    )
    ticks = [html.escape(label if len(label) <= 24 else f"{label[:24]}…") for label in labels]
    figure.update_xaxes(tickvals=list(range(len(labels))), ticktext=ticks, tickangle=-45)
    figure.update_yaxes(title=html.escape(title[:60]), gridcolor="#E4E1D7", rangemode="tozero")
    return figure


def prepare() -> None:
    """Draw one figure of each kind for nobody: Plotly imports its parts, and learns what they may be, at first use."""
    week = date(2026, 1, 5)
    place = {"place_id": "", "place_name": "", "country": "CH", "latitude": 0.0, "longitude": 0.0, "risk_level": 4}
    place |= {"everybody": 1, "present": 1, "possible": 0, "overdue": 0}
    for figure in (
        incident_map([place], [place], (0.0, 0.0, 50.0)),
        weeks([{"week": week, "risk_level": 4, "person_days": 1.0}], week, week),
        change(1.0, [("", 0.0)], 1.0),
        bars([""], [1.0], ""),
    ):
        figure.to_json()
