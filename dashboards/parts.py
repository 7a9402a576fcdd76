"""Pieces every page shares: the banner of freshness and warnings, notices, headline cards and tables.

All text goes through :func:`dashboards.words.safe`: what comes from a feed is shown as text, never as markup.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import data, words
from dashboards.data import Publication, Row
from pipelines.errors import MusterError
from pipelines.instants import OLD_AFTER, parse_instant
from pipelines.run_history import newest_run

Kind = Literal["alarm", "warn", "info"]

STYLE = Path(__file__).parent / "style.css"
ALL_DAYS = (date(1000, 1, 1), date(9998, 12, 31))
"""What a day's field takes: every year of four digits, so that a refused one is known here and not only on screen."""


def now() -> datetime:
    """The clock, as naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Notice:
    """A banner: a bold title and a text after it, both plain text."""

    kind: Kind
    title: str
    text: str


def notices(shown: Sequence[Notice]) -> None:
    """Banners below each other, the alarms first."""
    order: dict[Kind, int] = {"alarm": 0, "warn": 1, "info": 2}
    body = "".join(
        f'<div class="m-notice m-notice-{one.kind}" role="{"alert" if one.kind == "alarm" else "status"}">'
        f"<strong>{html.escape(one.title)}</strong> <span>{html.escape(one.text)}</span></div>"
        for one in sorted(shown, key=lambda one: order[one.kind])
    )
    if body:
        st.html(f'<div class="m-notices">{body}</div>')


def notice(kind: Kind, title: str, text: str) -> None:
    """One banner."""
    notices([Notice(kind, title, text)])


def is_late(feed: Row) -> bool:
    """Whether a feed's state must be said loudly (F3, F4); an optional feed that never came is said calmly."""
    if feed["status"] == "missing":
        return not feed["is_optional"]
    return feed["status"] != "current" or bool(feed["held_files"] or feed["failed_files"])


def feed_state(feed: Row) -> str:
    """A feed's state in the office's words; one that came but has files held or failed needs a look."""
    if feed["status"] == "current" and is_late(feed):
        return "Needs a look"
    return words.lookup(words.FEED_STATUS, feed["status"])


def describe_feed(feed: Row, shown: Publication) -> str:
    """A feed's state in words: ``registrations: stale, newest received Tue 10 Nov 06:00 GMT``."""
    state = feed_state(feed).lower()
    for name, word in (("held_files", "held for a decision"), ("failed_files", "failed")):
        if feed[name]:
            state += f", {words.count_of(feed[name], 'file')} {word}"
    if feed["newest_received_at"] is None:
        return f"{feed['feed']}: {state}"
    newest = words.moment(feed["newest_received_at"], shown.zone, shown.as_of)
    return f"{feed['feed']}: {state}, newest received {newest}"


def old_age(shown: Publication) -> timedelta | None:
    """How old what is shown is, where that is older than a daily run leaves it."""
    age = now() - shown.as_of
    return age if age >= OLD_AFTER else None


def banner(shown: Publication) -> None:
    """What is shown, as of when, for whom, and what makes all of it less than certain."""
    at = words.moment(shown.as_of, shown.zone)
    facts = [f"<strong>As of {html.escape(at)}</strong>", f"times are office time, {html.escape(shown.zone)}"]
    if abs(shown.known_at - shown.as_of) > timedelta(minutes=1):
        facts.append(f"by what was known on {html.escape(words.moment(shown.known_at, shown.zone))}")
    facts.append(f"published {html.escape(words.moment(shown.built_at, shown.zone, shown.as_of))}")
    facts.append(f"generation {words.safe(shown.generation, 40)}")
    who = data.user()
    if who.is_local:
        facts.append(
            f'<span class="m-tag">single local user, role {shown.role}</span> no sign-in: whoever reaches this '
            "computer's address sees this page; looks at names are logged"
        )
    else:
        facts.append(f'<span class="m-tag">role {shown.role}</span>')
    st.html(f'<p class="m-facts">{" · ".join(facts)}</p>')
    found = []
    if shown.has_invented_ratings:
        text = "Levels on this page come from no real provider. Decide nothing by them."
        found.append(Notice("alarm", "Invented ratings: demonstration only.", text))
    age = old_age(shown)
    if age:
        text = "Nothing newer has been published; run 'muster run' to bring it up to date."
        found.append(Notice("warn", f"This is the state {words.span(age)} ago.", text))
    newest = newest_run(data.home())
    if newest is not None and newest.status in ("failed", "broken_off") and newest.began_at > shown.built_at:
        began = words.moment(newest.began_at, shown.zone, shown.as_of)
        text = f"What it brought is not in it. 'Data health' says why the run of {began} failed."
        found.append(Notice("alarm", "The last run failed: this is the publication before it.", text))
    late = [feed for feed in data.feeds(shown) if is_late(feed)]
    if late:
        title = f"{words.count_of(len(late), 'feed')} not up to date: people may be missing here."
        found.append(Notice("alarm", title, "; ".join(describe_feed(feed, shown) for feed in late) + "."))
    found += _incomplete(shown)
    notices(found)


def _incomplete(shown: Publication) -> list[Notice]:
    """Whose trips near `as_of` lack what was rejected: they may be elsewhere, or on no list (F1)."""
    counts = data.incomplete(shown, shown.as_of)
    texts = []
    if counts["people"]:
        texts.append("Where they are shown may be old, and they may be missing.")
    if counts["lost_trips"]:
        texts.append(f"No record of {words.count_of(counts['lost_trips'], 'trip')} could be read at all.")
    if not texts:
        return []
    people = f", of {words.count_of(counts['people'], 'traveller')} near this time" if counts["people"] else ""
    title = f"Records of trips were rejected{people}."
    return [Notice("warn", title, f"{' '.join(texts)} 'Data health' lists what was rejected.")]


def doubts(counts: Row) -> None:
    """What the headline figures leave open: levels that are not known, ratings that are old."""
    found = []
    if counts["unknown"]:
        title = f"{words.count_of(counts['unknown'], 'person is', 'people are')} at a level that is not known"
        text = (
            f"({counts['unrated']:,} where nobody rates the place, {counts['place_unknown']:,} where the place was not "
            "recognised). They have a list of their own below and are never counted as low."
        )
        found.append(Notice("warn", title, text))
    if counts["rating_stale"]:
        title = f"{words.count_of(counts['rating_stale'], 'person is', 'people are')} rated by old ratings:"
        text = "the provider has sent nothing newer in its usual time; the last level is kept and shown."
        found.append(Notice("warn", title, text))
    notices(found)


def ask_instant(shown: Publication, label: str, key: str, back: timedelta, ahead: timedelta) -> datetime | None:
    """The instant that is asked about: `as_of`, or one that is chosen by office date and time within the bounds.

    Naive UTC. A time that the clocks skip or show twice is read as S1 says. None, and a notice, for a day outside the
    bounds: the widget would keep the day before and leave its answer below the refused one.
    """
    options = ["Now", "Another time"]
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"m-when-{key}"):
        how = st.radio(
            label, options, horizontal=True, key=f"{key}-how", help="Now is the instant published.", width="content"
        )
        if how != options[1]:
            return shown.as_of
        local = words.in_zone(shown.as_of, shown.zone)
        first, last = (words.in_zone(shown.as_of + shift, shown.zone) for shift in (-back, ahead))
        day = st.date_input(
            f"Day ({shown.zone})",
            local.date(),
            *ALL_DAYS,
            key=f"{key}-day",
            format="YYYY-MM-DD",
            width=220,
        )
        hour = local.time().replace(minute=0, second=0, microsecond=0)
        time = st.time_input(f"Time ({shown.zone})", hour, key=f"{key}-time", step=900, width=220)
    if not first.date() <= day <= last.date():
        text = f"Choose a day from {first.date()} to {last.date()}; nothing is shown for any other."
        notice("alarm", f"{day} is outside the days that can be asked about.", text)
        return None
    return parse_instant(f"{day}T{time}", shown.zone, "Time")


def ask_whole_number(
    column: DeltaGenerator, label: str, low: int, high: int, usual: int, key: str, step: int
) -> int | None:
    """A whole number within bounds; None, and a notice, for one outside, of which the widget would keep the last."""
    number = int(column.number_input(label, value=usual, step=step, key=key))
    if low <= number <= high:
        return number
    notice("alarm", f"{label}: {number:,} is not between {low:,} and {high:,}.", "Nobody is looked for until it is.")
    return None


def ask_degrees(column: DeltaGenerator, label: str, key: str, parse: Callable[[str], float]) -> float | None:
    """A latitude or longitude typed as text; None for a field left empty, and with a notice for what is none."""
    text = column.text_input(label, key=key)
    if not text.strip():
        return None
    try:
        return parse(text)
    except MusterError as problem:
        notice("alarm", str(problem), "Nobody is looked for until it is mended.")
        return None


def run_page(show: Callable[[], None]) -> None:
    """Draw a page; a home without a publication becomes its own page, any MusterError one sentence."""
    try:
        show()
    except data.NothingPublished as problem:
        nothing_published(str(problem))
    except MusterError as problem:
        notice("alarm", "This page cannot be shown.", str(problem))


def nothing_published(problem: str) -> None:
    """The page where there is no publication: how to make one."""
    st.title("Nothing to show yet")
    notice("warn", problem, "This page fills itself as soon as there is one; it need not be reloaded.")
    root = str(data.home().root)
    st.markdown("To publish from your own feeds, put the files below the inbox of the home and run:")
    st.code(f"muster run --home {root}", language=None)
    st.markdown("To look around first, fill an empty home with a demonstration office:")
    st.code("muster demo --home ~/muster-demo\nmuster serve --home ~/muster-demo", language=None)
    st.markdown("In a fresh copy of the project, `make run` does all of it.")


@dataclass(frozen=True)
class Card:
    """A headline figure: what it counts, the figure, and one line that says what is or is not in it."""

    title: str
    figure: int | str
    note: str
    look: str = "plain"


def cards(shown: Sequence[Card]) -> None:
    """Headline figures side by side, wrapping on a narrow screen."""
    body = "".join(
        f'<div class="m-card m-card-{card.look}{" m-card-zero" if card.figure in (0, "0") else ""}" role="group" '
        f'aria-label="{html.escape(card.title)}">'
        f'<div class="m-card-title">{html.escape(card.title)}</div>'
        f'<div class="m-card-figure">{_figure(card.figure)}</div>'
        f'<div class="m-card-note">{html.escape(card.note)}</div></div>'
        for card in shown
    )
    st.html(f'<div class="m-cards">{body}</div>')


def _figure(figure: int | str) -> str:
    return html.escape(figure) if isinstance(figure, str) else f"{figure:,}"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], look: str = "plain") -> None:
    """A table of HTML cells (each already escaped), which becomes a list of cards on a narrow screen.

    `look` is ``plain`` (cards of label and value), ``people`` (compact cards without labels), ``counts`` (four labelled
    lines, then numbers beside each other) or ``pairs`` (lines).

    Real HTML instead of a canvas: it can be read aloud, searched in the browser and its telephone links called.
    """
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{html.escape(name)}"><div>{cell}</div></td>'
            for name, cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    st.html(
        f'<div class="m-scroll"><table class="m-table m-{look}"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def rows_to_show(key: str, total: int, first: int = data.ROWS_SHOWN) -> int:
    """How many rows to show: a first page, and the same again for each press of the button below the table."""
    return min(total, int(st.session_state.get(key, first)))


def show_more_button(key: str, shown: int, total: int) -> None:
    """The button that shows more rows, only where there are more."""
    if shown >= total:
        return

    def more() -> None:
        st.session_state[key] = shown + 5 * data.ROWS_SHOWN

    st.button(f"Show more ({total - shown:,} not shown)", key=f"{key}-button", on_click=more)


def map_key(name: str) -> str:
    """The key of a map that can be clicked: a new one after each click, so that the same mark can be clicked again."""
    return f"{name}-{st.session_state.get(f'{name}-clicks', 0)}"


def clicked(name: str) -> list[list[Any]]:
    """What the marks say that were clicked on a map just now; only for the map's own callback."""
    points = st.session_state[map_key(name)]["selection"]["points"]
    st.session_state[f"{name}-clicks"] = st.session_state.get(f"{name}-clicks", 0) + 1
    return [list(point["customdata"]) for point in points if point.get("customdata")]


def link_to_call(phone: str | None) -> str:
    """A telephone number as a link that calls it; what is no number stays text."""
    if not phone:
        return '<span class="m-dim">no phone</span>'
    dialled = "".join(c for c in phone if c in "+0123456789")
    strange = [c for c in phone if c not in "+0123456789 ()-./"]
    if strange or not 5 <= len(dialled) <= 18:
        return words.safe(phone, 40)
    return f'<a href="tel:{dialled}">{words.safe(phone, 40)}</a>'
