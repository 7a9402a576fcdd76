"""The roll call on the Incident page: one line a person with the four answers, and how far it has come."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboards import data, export, parts, people, words
from dashboards.data import Publication, Row, incident
from dashboards.parts import Card
from pipelines import roll_call
from pipelines.errors import MusterError
from pipelines.roll_call import ACCOUNTED, ANSWERS, Answer, RollCall

WORDS = {"safe": "Safe", "needs_help": "Needs help", "no_answer": "No answer", "not_there": "Not there"}
RELATIONS = {"inside": "inside", "arriving": "arriving", "left": "just left", "gone": "no longer placed here"}
REFRESH_SECONDS = 10
"""How often answers that others set are shown."""


def with_gone(shown: Publication, call: RollCall, rows: list[Row], answers: dict[str, Answer]) -> list[Row]:
    """The people listed, and those who once were or who answered but whom newer data place elsewhere: nobody drops."""
    listed = {row["traveller_id"] for row in rows}
    gone = tuple(sorted({*answers, *call.traveller_ids} - listed))
    facts = incident.travellers(shown, gone) if gone else {}
    blank = dict.fromkeys(("affiliation", "school", "distance_km", "place_name", "country_code", "presence"))
    return rows + [{**blank, **facts.get(key, {}), "traveller_id": key, "relation": "gone"} for key in gone]


def times(call: RollCall, rows: list[Row], answers: dict[str, Answer]) -> tuple[timedelta, timedelta | None, int]:
    """(time to list, time to account or None while it runs, people accounted for)."""
    accounted = [answers[row["traveller_id"]] for row in rows if _is_accounted(answers, row)]
    to_account = None
    if rows and len(accounted) == len(rows):
        to_account = max(answer.set_at for answer in accounted) - call.opened_at
    return call.opened_at - call.started_at, to_account, len(accounted)


def _is_accounted(answers: dict[str, Answer], row: Row) -> bool:
    given = answers.get(row["traveller_id"])
    return given is not None and given.answer in ACCOUNTED


def show_progress(call: RollCall, rows: list[Row], answers: dict[str, Answer]) -> None:
    """How many of each answer, and how long it took."""
    to_list, to_account, accounted = times(call, rows, answers)
    counts = {one: sum(answer.answer == one for answer in answers.values()) for one in ANSWERS}
    parts.cards(
        [
            Card("Accounted for", accounted, f"of {len(rows):,}: safe, needs help or not there"),
            Card("Needs help", counts["needs_help"], "call them first", "extreme"),
            Card("Safe", counts["safe"], "said so, or somebody saw them"),
            Card("Not there", counts["not_there"], "the data were wrong"),
            Card("No answer", counts["no_answer"], "tried in vain; try again", "high"),
            Card("Not tried", len(rows) - len(answers), "nobody has called yet", "unknown"),
        ]
    )
    running = parts.now() - call.opened_at
    account = f"{words.span(to_account)}" if to_account is not None else f"still running, {words.span(running)} so far"
    text = f"Time to list: {words.span(to_list)}, from opening this page. Time to account: {account}."
    st.html(f'<p class="m-facts"><strong>{words.safe(text, 300)}</strong> Opened by {words.safe(call.opened_by)}.</p>')


def show_person(shown: Publication, call: RollCall, row: Row, contact: Row, given: Answer | None) -> None:
    """One person: name, phone, where, and the answers; a press is kept at once."""
    key = row["traveller_id"]
    distance = "" if row["distance_km"] is None else f"{row['distance_km']:,.0f} km"
    presence = words.lookup(words.PRESENCE, row["presence"]) if row["presence"] else ""
    where = " · ".join(part for part in (RELATIONS[row["relation"]], distance, row["place_name"], presence) if part)
    said = f"{given.set_by}, {words.moment(given.set_at, shown.zone, shown.as_of)}" if given else "not tried yet"
    with st.container(border=True, key=f"m-call-{key}"):
        columns = st.columns([3, 4], vertical_alignment="center")
        columns[0].html(
            f'<div class="m-call">{people.name(row, {key: contact})} {parts.link_to_call(contact.get("mobile_phone"))}'
            f"<small>{words.safe(where, 200)}</small></div>"
        )

        def keep(widget: str) -> None:
            chosen = st.session_state.get(widget)
            try:
                newest = roll_call.answers(data.home(), call.roll_call_id).get(key)
                if chosen is None or (newest and newest.answer == chosen):
                    return
                roll_call.answer(data.home(), call.roll_call_id, key, chosen, shown.generation, data.user().name)
            except MusterError as problem:
                st.session_state["call-problem"] = str(problem)

        # Named by the answer it shows: what somebody else sets meanwhile is a new widget that shows it.
        widget = f"answer-{call.roll_call_id}-{key}-{given.set_at if given else 'none'}-{given.answer if given else ''}"
        columns[1].segmented_control(
            f"Answer of {words.label(contact.get('full_name') or key)}",
            ANSWERS,
            default=given.answer if given else None,
            format_func=lambda one: WORDS[one],
            key=widget,
            on_change=keep,
            args=(widget,),
            label_visibility="collapsed",
        )
        columns[1].html(f'<p class="m-facts m-dim">{words.safe(said, 120)}</p>')


@st.fragment(run_every=REFRESH_SECONDS)
def show(shown: Publication, call: RollCall, found: list[Row]) -> None:
    """Draw the roll call: progress, then the people, those without an answer first."""
    answers = roll_call.answers(data.home(), call.roll_call_id)
    rows = with_gone(shown, call, found, answers)
    st.subheader(f"Roll call: {len(rows):,}")
    problem = st.session_state.pop("call-problem", None)
    if problem:
        parts.notice("alarm", "The answer was not kept.", problem)
    show_progress(call, rows, answers)
    contacts = people.look_up(shown, "incident", {"roll_call": call.roll_call_id}, rows)
    if contacts is None:
        return
    offer_list(shown, call, rows, contacts, answers)
    open_only = st.toggle("Only those not accounted for", key="open-only")
    listed = [row for row in rows if not (open_only and _is_accounted(answers, row))]
    if not listed:
        parts.notice("info", "Everybody is accounted for.", "Switch the filter off to see all answers.")
        return
    number = parts.rows_to_show("call-rows", len(listed), 30)
    for row in listed[:number]:
        contact = contacts.get(row["traveller_id"], {})
        show_person(shown, call, row, contact, answers.get(row["traveller_id"]))
    parts.show_more_button("call-rows", number, len(listed))


def offer_list(
    shown: Publication, call: RollCall, rows: list[Row], contacts: dict[str, Row], answers: dict[str, Answer]
) -> None:
    """The roll call as a file."""
    columns = ["full_name", "mobile_phone", "email", "relation", "place_name", "answer", "set_at", "set_by"]

    def make() -> bytes:
        body = []
        for row in rows:
            contact, given = contacts.get(row["traveller_id"], {}), answers.get(row["traveller_id"])
            body.append(
                [
                    contact.get("full_name") or row["traveller_id"],
                    contact.get("mobile_phone"),
                    contact.get("email"),
                    RELATIONS[row["relation"]],
                    row["place_name"],
                    WORDS[given.answer] if given else "not tried",
                    given.set_at if given else None,
                    given.set_by if given else None,
                ]
            )
        ids = [row["traveller_id"] for row in rows]
        asked = {"roll_call": call.roll_call_id}
        return export.take(shown, "incident", f"Roll call: {call.title}", columns, body, asked, ids)

    export.offer(
        shown,
        "call-file",
        "Make the roll call's list",
        "muster-roll-call.csv",
        sorted(answers.items(), key=lambda item: item[0]),
        make,
    )
