"""Now: who is in High or Extreme places at an instant, what is not known, and how to reach them."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboards import charts, data, parts, people, words
from dashboards.data import Publication, Row, now
from dashboards.data.now import Filters, Hidden
from dashboards.parts import Card

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


def ask_filters(shown: Publication, at: datetime) -> Filters:
    """The filters, folded away on a narrow screen's worth of controls."""
    offered = now.choices(shown, at)
    kept = [code for code in st.session_state.get("now-country", []) if code in offered["country"]]
    st.session_state["now-country"] = kept  # at another time nobody may be there
    st.session_state.setdefault("now-level", DEFAULT_LEVELS)
    with st.expander("Filters: level, country, presence, affiliation, school", expanded=False):
        first = st.columns(3)
        levels = first[0].multiselect(
            "Level",
            [5, 4, 3, 2, 1],
            format_func=lambda number: words.level_of(number).text,
            key="now-level",
            help="People at an unknown level always stay listed.",
        )
        countries = first[1].multiselect(
            "Country",
            sorted(offered["country"], key=words.country_name),
            format_func=words.country_name,
            key="now-country",
        )
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


def choose_country() -> None:
    """Narrow the page to the country that was clicked on the map, or whose mark was."""
    codes = [given[0] for given in parts.clicked("world")]
    if codes and codes[0]:
        st.session_state["now-country"] = [codes[0]]


def show_all() -> None:
    """Widen the page to all countries again."""
    st.session_state["now-country"] = []


def show_all_levels() -> None:
    """Widen the lists to all levels."""
    st.session_state["now-level"] = []


def in_countries(filters: Filters) -> str:
    """The countries that are chosen, in words: `` in Kenya and Peru``; nothing where none is."""
    names = words.joined([words.country_name(code) for code in filters.countries])
    return f" in {names}" if names else ""


def say_hidden(hidden: Hidden, filters: Filters) -> str:
    """Whom a list does not show because of the filters, and by which of them."""
    where = in_countries(filters)
    # Beside the levels from some level up to 5, only lower ones are hidden.
    is_top = set(filters.levels) == set(range(min(filters.levels, default=6), 6))
    which = "lower" if is_top else "other"
    told = []
    if hidden.by_level:
        number = words.count_of(hidden.by_level, "person", "people")
        told.append(f"{number}{where} at {which} levels, hidden by the level filter.")
    if hidden.by_others:
        number = words.count_of(hidden.by_others, "person", "people")
        told.append(f"{number}{where} left out by the other filters.")
    if hidden.elsewhere:
        told.append(f"{hidden.elsewhere:,} in other countries.")
    return " ".join(told)


def say_reach(filters: Filters) -> None:
    """That the big figures are of everybody, where the page is narrowed to some."""
    where = in_countries(filters)
    if where:
        text = f"These figures are of the whole world, not of {where.removeprefix(' in ')} alone."
    elif filters.presences or filters.affiliations or filters.schools:
        text = "These figures are of everybody, whatever the filters."
    else:
        return
    st.html(f'<p class="m-facts"><strong>{words.safe(text, 400)}</strong></p>')


def offer_levels(shown: Publication, at: datetime, filters: Filters) -> None:
    """Where countries are chosen and the level filter hides people there: how many, and the button that shows them."""
    found = now.hidden(shown, at, "everybody", filters)
    if not filters.countries or not found.by_level:
        return
    text = "They are there; only the filter leaves them out. The lists below are of the levels chosen."
    parts.notice("warn", say_hidden(Hidden(found.by_level, 0, 0), filters), text)
    st.button("Show all levels", key="now-levels", on_click=show_all_levels)


def show_map(shown: Publication, at: datetime, filters: Filters) -> None:
    """The map with its legend, and who is not on it."""
    places = now.places(shown, at, filters)
    marked = charts.worth_marking(places)
    lost = sum(row["everybody"] for row in places if not charts.is_located(row))
    small = sum(charts.is_located(row) for row in places) - len(marked)
    with st.container(height=440, border=False, key="m-map"):  # style.css lowers it on a narrow screen
        st.plotly_chart(
            charts.world_map(places, marked),
            config=charts.MAP_CONFIG,
            height="stretch",
            key=parts.map_key("world"),
            on_select=choose_country,
            selection_mode="points",
        )
    if filters.countries:
        st.button("Show all countries", key="now-all", on_click=show_all)
    legend = "".join(words.badge(number) for number in (5, 4, 3, 2, 1, None))
    missing = (
        f" {words.count_of(lost, 'person', 'people')} without a position on the map: only in the lists." if lost else ""
    )
    if small:
        missing += f" {words.count_of(small, 'place')} of lower levels or with fewer people not marked."
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">Larger mark: more people, possible and overdue included; '
        "on the way not. A country has the highest level at which somebody is there. Click a country or a mark to "
        f"list only its people.{missing}</span></div>"
    )


def cells(row: Row, shown: Publication, at: datetime, contacts: dict[str, Row] | None) -> list[str]:
    """One person at one place as table cells."""
    zone = shown.zone
    end = "open" if row["until_at"] is None else words.moment(row["until_at"], zone, at)
    found = [
        people.level(row),
        people.name(row, contacts),
        people.place(row),
        f"{words.safe(words.moment(row['since_at'], zone, at))}<small>{words.since(row['since_at'], at)}</small>",
        f"{words.safe(end)}<small>{words.until(row['until_at'], at) or 'no end known'}</small>",
        people.presence(row),
    ]
    if contacts is not None:
        contact = contacts.get(row["traveller_id"], {})
        found.insert(2, parts.link_to_call(contact.get("mobile_phone")))
    return found


def show_group(
    shown: Publication, at: datetime, group: str, title: str, note: str, filters: Filters, named: bool
) -> None:
    """One group of people: heading with its count, then the table, or a sentence that says what an empty one means."""
    number, rows = now.count_people(shown, at, group, filters)
    st.subheader(f"{title}: {number:,}", anchor=group)
    hidden = now.hidden(shown, at, group, filters)
    outside = say_hidden(hidden, filters)
    if not rows and (hidden.by_level or hidden.by_others):
        parts.notice("info", "Nobody within the filters.", outside)
        return
    if not rows:
        parts.notice("info", "Nobody listed.", f"{empty_words(shown, at, filters)} {outside}".strip())
        return
    more = f" Not listed: {words.safe(outside, 400)}" if outside else ""
    st.html(f'<p class="m-facts">{words.safe(note, 400)}{more}</p>')
    key = f"more-{group}"
    limit = parts.rows_to_show(key, rows)
    found = now.people(shown, at, group, filters, limit)
    asked = {"group": group, "at": at, **{name: list(value) for name, value in vars(filters).items() if value}}
    contacts = people.look_up(shown, "now", asked, found) if named else None
    columns = ["Level", "Traveller", "Place", "Since", "Until", "Presence"]
    if contacts is not None:
        columns.insert(2, "Phone")
    parts.table(title, columns, [cells(row, shown, at, contacts) for row in found], look="people")
    parts.show_more_button(key, limit, rows)


def empty_words(shown: Publication, at: datetime, filters: Filters | None = None) -> str:
    """What an empty list does and does not mean: as of when, from which feeds, which of them are stale."""
    feeds = data.feeds(shown)
    late = [feed["feed"] for feed in feeds if parts.is_late(feed)]
    came = [feed for feed in feeds if feed["newest_received_at"] is not None]
    where = in_countries(filters) + " on this list" if filters else ""
    text = f"No feed places anybody{where or ' anywhere'} as of {words.moment(at, shown.zone)}"
    text += f", by {words.count_of(len(came), 'feed')}" if came else ", but no feed has come at all"
    text += f"; not up to date: {', '.join(late)}." if late else "."
    return f"{text} Trips that no feed saw are not in it."


def title(shown: Publication, at: datetime) -> str:
    """What the page asks, in the tense of the instant."""
    if at == shown.as_of:
        age = parts.old_age(shown)
        return f"Who was at risk {words.span(age)} ago" if age else "Who is at risk now"
    return f"Who {'was' if at < shown.as_of else 'will be'} at risk on {words.moment(at, shown.zone, shown.as_of)}"


def say_instant(shown: Publication, at: datetime) -> None:
    """What an instant other than `as_of` means for what is shown."""
    if at == shown.as_of:
        return
    text = "By plans as known now; whoever books later is not in it. Levels are those known now to hold then."
    if at < shown.as_of:
        text = "By what is known now about that time, which may be more than was known then."
        if shown.role == "duty" and at < shown.as_of - now.NAMES_BACK:
            text += " Names reach 30 days back: of people away earlier only the key is shown."
    distance = words.until(at, shown.as_of)
    parts.notice("info", f"Not now: {words.moment(at, shown.zone, shown.as_of)}, {distance}.", text)


def say_higher_inside(shown: Publication, at: datetime, filters: Filters) -> None:
    """Whom the chosen levels hide although they may be in a part of their country that is at one of them."""
    number, countries = now.higher_inside(shown, at, filters) if filters.levels else (0, [])
    if not number:
        return
    names = words.joined([words.country_name(code) for code in countries[:12]])
    names += f" and {len(countries) - 12} more" if len(countries) > 12 else ""
    are = "is" if number == 1 else "are"
    parts.notice(
        "warn",
        f"{words.count_of(number, 'person', 'people')} known only by country ({names}) {are} below the levels chosen.",
        "So is the level of the country, but something rated inside it is at one of them, and they may be there. "
        "Choose the lower levels to list them.",
    )


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    heading = st.empty()
    parts.banner(shown)
    at = parts.ask_instant(shown, "Show who is away", "now", now.LOOK_BACK, now.LOOK_AHEAD)
    if at is None:
        heading.title("Who is at risk")
        return
    heading.title(title(shown, at))
    say_instant(shown, at)
    counts = now.headline(shown, at)
    reach = st.empty()
    parts.cards(headline_cards(counts))
    parts.doubts(counts)
    if not counts["everybody"]:
        parts.notice(
            "warn",
            "No traveller is away.",
            empty_words(shown, at) + " If that surprises you, look at Data health, then put feeds into the inbox.",
        )
    filters = ask_filters(shown, at)
    with reach:
        say_reach(filters)
    say_higher_inside(shown, at, filters)
    show_map(shown, at, filters)
    offer_levels(shown, at, filters)
    named = shown.has_names and st.toggle("Show names and phones (each look is logged)", value=True, key="names")
    levels = [words.level_of(number).word for number in filters.levels]
    where = f"in {words.joined(levels)} places" if levels else "at any level"
    groups = [
        (
            "present",
            f"There {'now' if at == shown.as_of else 'then'}, {where}",
            "Confirmed by lodging or a declared presence, or likely from arrivals.",
        ),
        ("unknown", "Level unknown", words.REASON_NO_LEVEL.capitalize() + "."),
        (
            "overdue",
            "Overdue",
            "No end of the stay was ever told and it has lasted long: find out where they are.",
        ),
        ("possible", "Possibly there", "Itineraries contradict each other or are not confirmed."),
        ("moving", "On the way or in transit", "Counted apart from the figures of Extreme and High."),
    ]
    for group, name, note in groups:
        show_group(shown, at, group, name, note, filters, named)


parts.run_page(show)
