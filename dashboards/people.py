"""How people are shown on every page that lists them: flags, evidence, links, and names after a logged look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from dashboards import data, parts, words
from dashboards.data import Publication, Row
from pipelines.errors import MusterError


def tags(row: Row) -> str:
    """What makes a row less certain, or more urgent, in words."""
    found: list[tuple[str, str]] = []
    if row.get("evacuation_status") not in (None, "none"):
        found.append(("m-tag m-tag-alarm", words.lookup(words.EVACUATION, row["evacuation_status"])))
    if row["place_status"] == "fuzzy":
        found.append(("m-tag", "place guessed from its spelling"))
    if row["place_status"] == "unknown":
        found.append(("m-tag", "place not recognised"))
    if row["precision"] == "country":
        found.append(("m-tag", "only the country is known"))
    if row["precision"] == "region":
        found.append(("m-tag", "only the region is known"))
    worst = row.get("worst_case_level")
    if worst is not None and worst > (row["risk_level"] or 0):
        found.append(("m-tag m-tag-alarm", f"up to {words.level_of(worst).text} within"))
    if row.get("identity_status") in ("ambiguous", "unknown"):
        found.append(("m-tag", f"person {'not on the roster' if row['identity_status'] == 'unknown' else 'ambiguous'}"))
    return "".join(f'<span class="{look}">{words.safe(text)}</span>' for look, text in found)


def level(row: Row) -> str:
    """The level with its categories, and what makes it less than certain."""
    categories = ", ".join(
        f"{category} {words.level_of(row[f'{category}_level']).sign}" for category in ("security", "medical")
    )
    doubts = [] if row["rating_status"] == "rated" else [words.lookup(words.RATING_STATUS, row["rating_status"])]
    if row.get("has_unknown_level") and row["risk_level"] is not None:
        doubts.append("In part not known")
    said = "".join(f"<small>{words.safe(doubt)}</small>" for doubt in doubts)
    return f"{words.badge(row['risk_level'])}<small>{categories}</small>{said}"


def presence(row: Row) -> str:
    """The presence in words, its share where there are several candidate places (S5), and what it rests on."""
    weight = row["weight"] or 1
    shares = "" if weight >= 1 else f"<small>one of {round(1 / weight)} candidate places</small>"
    word = words.safe(words.lookup(words.PRESENCE, row["presence"]))
    return f"{word}{shares}<small>{words.safe(words.evidence(row['evidence']))}</small>"


def name(row: Row, contacts: dict[str, Row] | None) -> str:
    """The person's name, or key where names are hidden, as a link to the person's page."""
    contact = (contacts or {}).get(row["traveller_id"], {})
    about = " · ".join(words.safe(value, 60) for value in (row.get("affiliation"), row.get("school")) if value)
    shown = words.safe(contact.get("full_name") or row["traveller_id"], 90)
    # Relative: it holds below whatever path the dashboard is served.
    return f'<a class="m-who" href="person?traveller={quote(row["traveller_id"])}">{shown}</a><small>{about}</small>'


def place(row: Row) -> str:
    """The place, its country and its flags."""
    country = words.safe(words.country_name(row["country_code"]))
    return f"{words.safe(row['place_name'], 80)}<small>{country}</small>{tags(row)}"


def look_up(shown: Publication, page: str, asked: dict[str, Any], rows: Sequence[Row]) -> dict[str, Row] | None:
    """Contacts of the people listed, the look logged first; None, and a notice, where they must stay hidden."""
    try:
        return data.contacts(shown, page, asked, [row["traveller_id"] for row in rows])
    except MusterError as problem:
        parts.notice("alarm", "Names and phones are hidden.", str(problem))
        return None
