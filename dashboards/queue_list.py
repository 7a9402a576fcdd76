"""The list of a work queue: tick findings, write a note, decide on all that are ticked in one go.

The list is a form, so that ticking asks nothing of the server: ten findings are ten ticks and one press.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboards import data, parts, people, words
from dashboards.data import Publication, Row, queue
from dashboards.data.queue import Filters
from pipelines import decisions
from pipelines.errors import MusterError

FIRST = 20
TIMES = {"now": "Away now", "coming": "To come", "past": "Past"}
OPEN = {"All, open ones first": None, "Open only": False, "Decided only": True}
DECISIONS = {
    "confirmed": "Confirmed",
    "dismissed": "Dismissed",
    "accepted": "Accepted",
    "followed_up": "Followed up",
    "waived": "Waived",
    "wrong": "Wrong",
}


@dataclass(frozen=True)
class Item:
    """One finding of the list: its id, a title in plain words, and what is told below it as HTML."""

    key: str
    title: str
    body: str


@dataclass(frozen=True)
class Deciding:
    """What can be decided: each code with what its button says, and the function that keeps it."""

    name: str
    choices: dict[str, str]
    keep: Callable[[list[str], str | None, str, str | None], str]


def or_none(value: str) -> str:
    """A filter's value in words."""
    return value or "Not known"


def ask_open(key: str) -> bool | None:
    """Whether open findings, decided ones or both are listed."""
    return OPEN[st.radio("Show", list(OPEN), horizontal=True, key=f"{key}-open")]


def describe(filters: Filters, statuses: dict[str, str], kinds: dict[str, str]) -> str:
    """The filters in force, in words."""
    told = [
        words.joined([statuses[one] for one in filters.statuses]) or "every result",
        words.joined([kinds.get(one, one) for one in filters.kinds]),
        words.joined([words.level_of(one or None).text for one in filters.levels], "or"),
        words.joined([or_none(one) for one in filters.schools], "or"),
        words.joined([or_none(one) for one in filters.affiliations], "or"),
        words.joined([words.country_name(one) for one in filters.countries], "or"),
        words.joined([TIMES[one].lower() for one in filters.times], "or"),
        "found by the search" if filters.search.strip() else "",
    ]
    return "; ".join(one for one in told if one)


def said(row: Row, shown: Publication) -> str:
    """What was decided on a finding, by whom and when, as HTML; nothing where nobody has."""
    if row["decision"] is None and row["decision_note"] is None:
        return ""
    what = DECISIONS.get(row["decision"], row["decision"]) if row["decision"] else "Noted"
    who = f" by {row['decided_by']}" if row["decided_by"] else ""
    when = f", {words.moment(row['decided_at'], shown.zone, shown.as_of)}" if row["decided_at"] else ""
    note = f" <q>{words.safe(row['decision_note'], 600)}</q>" if row["decision_note"] else ""
    return f'<p class="m-said"><strong>{words.safe(what)}</strong>{words.safe(who + when, 200)}{note}</p>'


def title(row: Row, contacts: dict[str, Row] | None, *more: str) -> str:
    """A finding's title: who, and what else is given. It is read aloud as it is written, so nothing marks it bold."""
    contact = (contacts or {}).get(row["traveller_id"], {})
    who = words.label(contact.get("full_name") or row["traveller_id"], 60)
    return " · ".join([who, *(words.label(one, 80) for one in more if one)])


def show(shown: Publication, key: str, items: Sequence[Item], total: int, deciding: Deciding | None) -> None:
    """Draw the list; without `deciding` it is only read."""
    if deciding is None:
        for item in items:
            with st.container(border=True, gap="xsmall", key=f"m-item-{key}-{item.key}"):
                st.markdown(f"**{item.title}**")
                st.html(item.body)
    else:
        tick_all(key, items)
        with st.form(f"{key}-form", border=False):
            for item in items:
                with st.container(border=True, gap="xsmall", key=f"m-item-{key}-{item.key}"):
                    st.checkbox(item.title, key=f"{key}-tick-{item.key}")
                    st.html(item.body)
            show_bar(key, [item.key for item in items], deciding)
    parts.show_more_button(f"{key}-rows", len(items), total)


def tick_all(key: str, items: Sequence[Item]) -> None:
    """The buttons that tick all that is listed, and nothing."""

    def tick(value: bool) -> None:
        for item in items:
            st.session_state[f"{key}-tick-{item.key}"] = value

    with st.container(horizontal=True):
        st.button(f"Tick all {len(items):,} listed", key=f"{key}-all", on_click=tick, args=(True,))
        st.button("Tick none", key=f"{key}-none", on_click=tick, args=(False,))


def show_bar(key: str, listed: list[str], deciding: Deciding) -> None:
    """The note and the buttons, which stay in sight while the list is scrolled."""

    def decide(decision: str | None) -> None:
        chosen = [one for one in listed if st.session_state.get(f"{key}-tick-{one}")]
        if not chosen:
            st.session_state[f"{key}-said"] = ("warn", "Nothing is ticked.", "Tick the findings that you decide on.")
            return
        note = str(st.session_state.get(f"{key}-note") or "")
        who = data.user()
        try:
            deciding.keep(chosen, decision, note, None if who.is_local else who.name)
        except MusterError as problem:
            st.session_state[f"{key}-said"] = ("alarm", "Nothing was kept.", str(problem))
            return
        for one in chosen:
            st.session_state[f"{key}-tick-{one}"] = False
        st.session_state[f"{key}-note"] = ""
        count = words.count_of(len(chosen), "finding")
        what = f"{count} decided: {DECISIONS[decision].lower()}." if decision else f"A note was added to {count}."
        text = "Kept through every run; deciding anew replaces it."
        st.session_state[f"{key}-said"] = ("info", what, text)

    with st.container(key=f"m-decide-{key}"):
        message = st.session_state.pop(f"{key}-said", None)
        if message:
            parts.notice(*message)
        st.text_input(
            "Note for whoever reads it later",
            key=f"{key}-note",
            max_chars=decisions.MOST_NOTE_LETTERS,
            placeholder="Note for whoever reads it later (optional)",
            label_visibility="collapsed",
        )
        with st.container(horizontal=True):
            for code, label in deciding.choices.items():
                st.form_submit_button(label, key=f"{key}-decide-{code}", on_click=decide, args=(code,))
            st.form_submit_button("Only add the note", key=f"{key}-decide-note", on_click=decide, args=(None,))


def look_up(shown: Publication, page: str, filters: Filters, rows: Sequence[Row]) -> tuple[dict[str, Row] | None, bool]:
    """(contacts of the people listed after the logged look, whether the role may decide)."""
    if shown.role not in ("duty", "steward"):
        return None, False
    asked = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(filters).items() if value}
    asked |= {"search": True} if filters.search else {}
    return people.look_up(shown, page, asked, rows), True


def say_missing(table: str) -> None:
    """The page of a publication that is older than its table."""
    text = f"It holds no table {table}. Run 'muster run' with this version, and the page fills itself."
    parts.notice("warn", "This publication was made by an older version of Muster.", text)


def say_export(total: int) -> str:
    """What a file leaves out, if anything."""
    return f"the first {queue.EXPORT_ROWS:,} of {total:,}" if total > queue.EXPORT_ROWS else f"all {total:,}"
