"""Now: who is in High or Extreme places at `as_of`, what is not known, and how to reach them."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data, parts, words
from dashboards.data import Filters, Publication, Row
from dashboards.parts import Card
from pipelines.errors import MusterError

DEFAULT_LEVELS = [5, 4]


def headline_cards(counts: Row) -> list[Card]:
    """The figures on top: presence at 4 and 5, and what stands apart from it."""

    def level_note(level: int) -> str:
        place = words.count_of(counts[f"places_{level}"], "place")
        more = [
            f"{counts[f'{group}_{level}']:,} more {word}"
            for group, word in (("possible", "possibly"), ("overdue", "overdue"))
            if counts[f"{group}_{level}"]
        ]
        return ", ".join(["there, in " + place if counts[f"level_{level}"] else "nobody known to be there", *more])

    return [
        Card("5 Extreme", counts["level_5"], level_note(5), "extreme"),
        Card("4 High", counts["level_4"], level_note(4), "high"),
        Card("Level unknown", counts["unknown"], "not rated or place not recognised; never read as low", "unknown"),
        Card("Overdue", counts["overdue"], f"{counts['high_overdue']:,} of them in High or Extreme; no end known"),
        Card("Possible", counts["possible"], f"{counts['high_possible']:,} of them in High or Extreme; not certain"),
        Card(
            "On the way", counts["moving"], f"{counts['high_moving']:,} of them in or to High or Extreme; counted apart"
        ),
    ]


def ask_filters(shown: Publication) -> Filters:
    """The filters, folded away on a narrow screen's worth of controls."""
    offered = data.choices(shown)
    with st.expander("Filters: level, country, presence, affiliation, school", expanded=False):
        first = st.columns(3)
        levels = first[0].multiselect(
            "Level",
            [5, 4, 3, 2, 1],
            default=DEFAULT_LEVELS,
            format_func=lambda number: words.level_of(number).text,
            help="People at an unknown level always stay listed.",
        )
        countries = first[1].multiselect("Country", offered["country"], format_func=words.country_name)
        presences = first[2].multiselect(
            "Presence", offered["presence"], format_func=lambda value: words.lookup(words.PRESENCE, value)
        )
        second = st.columns(3)
        affiliations = second[0].multiselect("Affiliation", offered["affiliation"], format_func=_or_none)
        schools = second[1].multiselect("School", offered["school"], format_func=_or_none)
    chosen = [
        joined
        for joined in (
            words.joined([words.level_of(number).text for number in levels]) or "all levels",
            words.joined([words.country_name(code) for code in countries]),
            words.joined([words.lookup(words.PRESENCE, value).lower() for value in presences]),
            words.joined([_or_none(value) for value in affiliations]),
            words.joined([_or_none(value) for value in schools]),
        )
        if joined
    ]
    st.html(f'<p class="m-facts">Shown below: {words.safe("; ".join(chosen), 400)}; unknown levels always.</p>')
    return Filters(tuple(levels), tuple(countries), tuple(presences), tuple(affiliations), tuple(schools))


def _or_none(value: str) -> str:
    return value or "Not known"


def show_map(shown: Publication, filters: Filters) -> None:
    """The map with its legend, and who is not on it."""
    places = data.places(shown, filters)
    marked = charts.worth_marking(places)
    lost = sum(row["everybody"] for row in places if not charts.is_located(row))
    small = sum(charts.is_located(row) for row in places) - len(marked)
    with st.container(height=440, border=False, key="m-map"):  # style.css lowers it on a narrow screen
        st.plotly_chart(charts.world_map(places, marked), config=charts.MAP_CONFIG, height="stretch", key="world")
    legend = "".join(words.badge(number) for number in (5, 4, 3, 2, 1, None))
    missing = (
        f" {words.count_of(lost, 'person', 'people')} without a position on the map: only in the lists." if lost else ""
    )
    if small:
        missing += f" {words.count_of(small, 'place')} of lower levels or with fewer people not marked."
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">Larger mark: more people, possible and overdue included; '
        f"on the way not. A country has the highest level at which somebody is there.{missing}</span></div>"
    )


def tags(row: Row) -> str:
    """What makes a row less certain, or more urgent, in words."""
    found: list[tuple[str, str]] = []
    if row["evacuation_status"] not in (None, "none"):
        found.append(("m-tag m-tag-alarm", words.lookup(words.EVACUATION, row["evacuation_status"])))
    if row["place_status"] == "fuzzy":
        found.append(("m-tag", "place guessed from its spelling"))
    if row["place_status"] == "unknown":
        found.append(("m-tag", "place not recognised"))
    if row["precision"] == "country":
        found.append(("m-tag", "only the country is known"))
    worst = row["worst_case_level"]
    if worst is not None and worst > (row["risk_level"] or 0):
        found.append(("m-tag m-tag-alarm", f"up to {words.level_of(worst).text} within"))
    if row["identity_status"] in ("ambiguous", "unknown"):
        found.append(("m-tag", f"person {'not on the roster' if row['identity_status'] == 'unknown' else 'ambiguous'}"))
    return "".join(f'<span class="{look}">{words.safe(text)}</span>' for look, text in found)


def cells(row: Row, shown: Publication, contacts: dict[str, Row] | None) -> list[str]:
    """One person at one place as table cells."""
    at, zone = shown.as_of, shown.zone
    contact = (contacts or {}).get(row["traveller_id"], {})
    name = words.safe(contact.get("full_name") or row["traveller_id"], 90)
    about = " · ".join(words.safe(value, 60) for value in (row["affiliation"], row["school"]) if value)
    end = "open" if row["until_at"] is None else words.moment(row["until_at"], zone, at)
    shares = "" if (row["weight"] or 1) >= 1 else f"<small>one of {round(1 / row['weight'])} candidate places</small>"
    country = words.safe(words.country_name(row["country_code"]))
    categories = ", ".join(
        f"{category} {words.level_of(row[f'{category}_level']).sign}" for category in ("security", "medical")
    )
    found = [
        f"{words.badge(row['risk_level'])}<small>{categories}</small>",
        f"<strong>{name}</strong><small>{about}</small>",
        f"{words.safe(row['place_name'], 80)}<small>{country}</small>{tags(row)}",
        f"{words.safe(words.moment(row['since_at'], zone, at))}<small>{words.since(row['since_at'], at)}</small>",
        f"{words.safe(end)}<small>{words.until(row['until_at'], at) or 'no end known'}</small>",
        f"{words.safe(words.lookup(words.PRESENCE, row['presence']))}{shares}",
        words.safe(words.lookup(words.RATING_STATUS, row["rating_status"])),
    ]
    if contacts is not None:
        found.insert(2, parts.link_to_call(contact.get("mobile_phone")))
    return found


def show_group(
    shown: Publication, group: str, title: str, note: str, filters: Filters, total: int, named: bool
) -> None:
    """One group of people: heading with its count, then the table, or a sentence that says what an empty one means."""
    people, rows = data.count_people(shown, group, filters)
    st.subheader(f"{title}: {people:,}", anchor=group)
    hidden = f" {total - people:,} more outside the filters." if total > people else ""
    if not rows:
        parts.notice("info", "Nobody listed.", empty_words(shown, note) + hidden)
        return
    st.html(f'<p class="m-facts">{words.safe(note, 400)}{hidden}</p>')
    key = f"more-{group}"
    limit = parts.rows_to_show(key, rows)
    found = data.people(shown, group, filters, limit)
    contacts = look_up(shown, group, filters, found) if named else None
    columns = ["Level", "Traveller", "Place", "Since", "Until", "Presence", "Rating"]
    if contacts is not None:
        columns.insert(2, "Phone")
    parts.table(title, columns, [cells(row, shown, contacts) for row in found], look="people")
    parts.show_more_button(key, limit, rows)


def look_up(shown: Publication, group: str, filters: Filters, rows: list[Row]) -> dict[str, Row] | None:
    """Contacts of the people listed, the look logged first; None, and a notice, where they must stay hidden."""
    asked = {"group": group, **{name: list(value) for name, value in vars(filters).items() if value}}
    try:
        return data.contacts(shown, "now", asked, [row["traveller_id"] for row in rows])
    except MusterError as problem:
        parts.notice("alarm", "Names and phones are hidden.", str(problem))
        return None


def empty_words(shown: Publication, note: str) -> str:
    """What an empty list does and does not mean: as of when, from which feeds, which of them are stale."""
    feeds = data.feeds(shown)
    late = [feed["feed"] for feed in feeds if parts.is_late(feed)]
    came = [feed for feed in feeds if feed["newest_received_at"] is not None]
    text = f"No feed places anybody here as of {words.moment(shown.as_of, shown.zone)}"
    text += f", by {words.count_of(len(came), 'feed')}" if came else ", but no feed has come at all"
    text += f"; not up to date: {', '.join(late)}." if late else "."
    return f"{text} Trips that no feed saw are not in it."


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    counts = data.headline(shown)
    st.title("Who is at risk now")
    parts.banner(shown)
    parts.cards(headline_cards(counts))
    parts.doubts(counts)
    if not counts["everybody"]:
        parts.notice(
            "warn",
            "No traveller is away.",
            empty_words(shown, "") + " If that surprises you, look at Data health, then put feeds into the inbox.",
        )
    filters = ask_filters(shown)
    show_map(shown, filters)
    named = shown.role != "analyst" and st.toggle(
        "Show names and phones (each look is logged)", value=True, key="names"
    )
    levels = [words.level_of(number).word for number in filters.levels]
    where = f"in {words.joined(levels)} places" if levels else "at any level"
    present = counts["level_4"] + counts["level_5"] + counts["low_present"]
    groups = [
        (
            "present",
            f"There now, {where}",
            "Confirmed by lodging or a declared presence, or likely from arrivals.",
            present,
        ),
        ("unknown", "Level unknown", words.REASON_NO_LEVEL.capitalize() + ".", counts["unknown"]),
        (
            "overdue",
            "Overdue",
            "No end of the stay was ever told and it has lasted long: find out where they are.",
            counts["overdue"],
        ),
        ("possible", "Possibly there", "Itineraries contradict each other or are not confirmed.", counts["possible"]),
        ("moving", "On the way or in transit", "Counted apart from the figures of Extreme and High.", counts["moving"]),
    ]
    for group, title, note, total in groups:
        show_group(shown, group, title, note, filters, total, named)


parts.run_page(show)
