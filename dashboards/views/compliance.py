"""Compliance: what trips lack by the policy in force, why, and what somebody decided about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboards import data, export, parts, queue_list, words
from dashboards.data import Publication, Row, compliance, queue
from dashboards.data.queue import Filters
from dashboards.parts import Card
from dashboards.queue_list import Deciding, Item
from pipelines import compliance as deciding

KEY = "policy"
STATUS = {"missing": "Missing", "late": "Too late", "rejected": "Rejected", "risen": "Level rose later: no breach"}
REQUIREMENT = {
    "register": "Registration",
    "itinerary_review": "Itinerary review",
    "elevated_approval": "Elevated approval",
    "provost_approval": "Provost's approval",
    "waiver": "Waiver",
    "training": "Training",
}
OBLIGATION = {"required": "required", "recommended": "recommended", "prohibited": "trip prohibited"}
CHOICES = {
    "accepted": "Accept as it is",
    "followed_up": "Followed up",
    "waived": "Waive",
    "wrong": "Finding is wrong",
}
BY_SCHOOL = {"n": "Findings", "trips": "Trips", "undecided": "Open", **STATUS, "risen": "Rose later"}
BY_KIND = {"n": "Findings", "trips": "Trips", "undecided": "Open", "not_past": "Open, not over"}


def show_cards(shown: Publication) -> None:
    """What is open, before any filter."""
    found = compliance.counts(shown, Filters())

    def card(title: str, status: str, note: str, look: str = "plain") -> Card:
        rows = [row for row in found if row["status"] == status]
        ahead = sum(row["not_past"] for row in rows)
        return Card(title, sum(row["undecided"] for row in rows), f"{ahead:,} of trips not over yet; {note}", look)

    decided = sum(row["n"] - row["undecided"] for row in found)
    parts.cards(
        [
            card("Open: missing", "missing", "nothing of what is asked is recorded", "high"),
            card("Open: rejected", "rejected", "asked for and turned down", "extreme"),
            card("Open: too late", "late", "done after it was due"),
            card("Open: rose later", "risen", "the level rose after the deciding moment: no breach"),
            Card("Decided", decided, "accepted, followed up, waived or wrong"),
        ]
    )


def ask_filters(shown: Publication) -> Filters:
    """The filters, most of them folded away."""
    offered = compliance.choices(shown)
    decided = queue_list.ask_open(KEY)
    with st.expander("Filters: result, requirement, time, level, school, affiliation, search", expanded=False):
        first, second = st.columns(3), st.columns(4)
        statuses = first[0].multiselect(
            "Result", list(STATUS), format_func=lambda one: STATUS[one], key=f"{KEY}-status"
        )
        kinds = first[1].multiselect(
            "Requirement", offered["kinds"], format_func=lambda one: REQUIREMENT.get(one, one), key=f"{KEY}-kind"
        )
        label = "Search" if shown.role == "analyst" else "Search names too"
        search = first[2].text_input(label, key=f"{KEY}-search", placeholder="Trip, rule")
        times = second[0].multiselect(
            "When", list(queue_list.TIMES), format_func=lambda one: queue_list.TIMES[one], key=f"{KEY}-time"
        )
        levels = second[1].multiselect(
            "Highest level",
            [5, 4, 3, 2, 1, 0],
            format_func=lambda number: words.level_of(number or None).text,
            key=f"{KEY}-level",
        )
        schools = second[2].multiselect(
            "School", offered["schools"], format_func=queue_list.or_none, key=f"{KEY}-school"
        )
        affiliations = second[3].multiselect(
            "Affiliation", offered["affiliations"], format_func=queue_list.or_none, key=f"{KEY}-affiliation"
        )
    return Filters(
        statuses=tuple(statuses),
        kinds=tuple(kinds),
        levels=tuple(levels),
        schools=tuple(schools),
        affiliations=tuple(affiliations),
        times=tuple(times),
        decided=decided,
        search=search,
    )


def where(row: Row) -> str:
    """Where a trip goes, in a few words."""
    names = sorted({str(place["name"]) for place in row["places"] if place["name"]})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def body(row: Row, shown: Publication, rules: dict[str, Row]) -> str:
    """What is told of a finding below its title."""
    look = "m-tag m-tag-alarm" if row["status"] in ("missing", "rejected") else "m-tag"
    what = REQUIREMENT.get(row["requirement"], row["requirement"])
    state = f"{what}: {STATUS[row['status']].lower()}"
    tags = f'{words.badge(row["highest_level"])} <span class="{look}">{words.safe(state)}</span>'
    tags += f'<span class="m-tag">{words.safe(OBLIGATION.get(row["obligation"], row["obligation"]))}</span>'
    if row["time"] != "past":
        tags += f'<span class="m-tag m-tag-here">{words.safe(queue_list.TIMES[row["time"]].lower())}</span>'
    if row["is_undetermined"]:
        tags += '<span class="m-tag">level or affiliation not known</span>'
    rule = rules.get(row["rule_id"], {})
    source = f'<p class="m-dim">{words.safe(rule["policy"])}: {words.safe(rule["source"], 400)}</p>' if rule else ""
    about = " · ".join(one for one in (row["affiliation"], row["school"], row["group_id"]) if one)
    page = f"person?traveller={quote(row['traveller_id'])}"
    due = f"due before {words.moment(row['due_at'], shown.zone, shown.as_of)}" if row["due_at"] else "no due date"
    return (
        f'<div class="m-item">{tags}<p>{words.safe(row["reason"], 900)}</p>{source}'
        f"<small>Trip {words.safe(row['trip_id'], 80)}, {words.safe(due)}. {words.safe(about, 160) if about else ''} "
        f'<a href="{page}">The person</a></small>{queue_list.said(row, shown)}</div>'
    )


def show_queue(shown: Publication, filters: Filters, found: list[Row]) -> None:
    """The list with its decisions."""
    total, undecided = (sum(row[name] for row in found) for name in ("n", "undecided"))
    st.subheader(f"To decide: {undecided:,} of {total:,}", anchor="queue")
    told = queue_list.describe(filters, STATUS, REQUIREMENT)
    st.html(f'<p class="m-facts">Listed: {words.safe(told, 400)}. Who is away now first, then who leaves next.</p>')
    if not total:
        text = "Every trip has what the policy asks, or the filters leave the findings out."
        parts.notice("info", "No finding to list.", text)
        return
    rows = compliance.findings(shown, filters, parts.rows_to_show(f"{KEY}-rows", total, queue_list.FIRST))
    contacts, may_decide = queue_list.look_up(shown, "compliance", filters, rows)
    rules = compliance.rules(shown)
    by_key = {f"{row['trip_id']}|{row['requirement']}": row for row in rows}
    items = []
    for key, row in by_key.items():
        leaves = ""
        if row["departs_at"]:
            verb = "leaves" if row["departs_at"] > shown.as_of else "left"
            leaves = f"{verb} {words.moment(row['departs_at'], shown.zone, shown.as_of)}"
        items.append(Item(key, queue_list.title(row, contacts, where(row), leaves), body(row, shown, rules)))

    def keep(chosen: list[str], decision: str | None, note: str | None, user: str | None) -> str:
        ids = [(by_key[one]["trip_id"], by_key[one]["requirement"]) for one in chosen]
        return deciding.decide(data.home(), ids, decision, note, user)

    if not may_decide:
        parts.notice("info", "Names and decisions are for duty and steward.", "Your role sees keys and reasons.")
    queue_list.show(shown, KEY, items, total, Deciding("policy", CHOICES, keep) if may_decide else None)


def show_counts(shown: Publication, filters: Filters, found: list[Row]) -> None:
    """Counts by kind and by school under the filters."""
    if not found:
        return
    st.subheader("By requirement")
    rows = [
        [
            f"{words.safe(REQUIREMENT.get(row['requirement'], row['requirement']))}"
            f"<small>{words.safe(STATUS[row['status']])}</small>",
            *(f"{row[name]:,}" for name in BY_KIND),
        ]
        for row in found
    ]
    parts.table("Findings by requirement", ["Requirement", *BY_KIND.values()], rows)
    st.subheader("By school")
    schools = [
        [words.safe(queue_list.or_none(row["school"]), 80), *(f"{row[name]:,}" for name in BY_SCHOOL)]
        for row in compliance.by_school(shown, filters)
    ]
    parts.table("Findings by school", ["School", *BY_SCHOOL.values()], schools)


def offer_file(shown: Publication, filters: Filters, total: int) -> None:
    """The findings under the filters as a file."""
    if not total:
        return
    columns = ["trip_id", "requirement", "status", "obligation", "traveller_id"]
    columns += ["full_name", "email"] if shown.role != "analyst" else []
    columns += ["affiliation", "school", "group_id", "departs_at", "due_at", "highest_level", "rule_id", "reason"]
    columns += ["decision", "decided_at", "decided_by", "decision_note"]

    def make() -> bytes:
        rows = compliance.for_export(shown, filters)
        ids = [row["traveller_id"] for row in rows] if shown.role != "analyst" else []
        asked: dict[str, Any] = {"statuses": list(filters.statuses), "kinds": list(filters.kinds)}
        asked |= {"decided": filters.decided, "search": bool(filters.search)}
        body = [[row[one] for one in columns] for row in rows]
        return export.take(shown, "compliance", "Policy findings", columns, body, asked, ids)

    label = f"Make a file of {queue_list.say_export(total)}"
    signature = (filters, sorted(queue.newest("policy").items()))
    export.offer(shown, f"{KEY}-file", label, "muster-compliance.csv", signature, make)


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    st.title("Compliance")
    parts.banner(shown)
    for table in compliance.NEEDED:
        if not queue.has_table(shown, table):
            queue_list.say_missing(table)
            return
    show_cards(shown)
    filters = ask_filters(shown)
    found = compliance.counts(shown, filters)
    show_queue(shown, filters, found)
    show_counts(shown, filters, found)
    offer_file(shown, filters, sum(row["n"] for row in found))


parts.run_page(show)
