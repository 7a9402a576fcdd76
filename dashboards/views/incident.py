"""Incident: who is where something happens, arriving or just left, how to reach them, and their roll call."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from dashboards import charts, data, export, parts, people, roll_call_list, words
from dashboards.data import Publication, Row, incident, now
from dashboards.data.incident import Area, Place
from dashboards.data.now import Filters
from dashboards.parts import Card
from pipelines import roll_call
from pipelines.degrees import parse_latitude, parse_longitude
from pipelines.errors import MusterError
from pipelines.roll_call import RollCall

SOURCES = ["A place", "A point", "An alert", "A roll call"]
TITLES = {
    "inside": ("Inside", "There at that time, transit and overdue included."),
    "arriving": ("Arriving", "On the way there, or there before the end of the time asked about."),
    "left": ("Just left", "Were there and are gone, by what is known; ask whether they really left."),
}
NAMED_COUNTRIES = 6
"""Countries that a circle covers are named up to so many, and counted beyond."""
Found = tuple[Area, list[Row], str | None, RollCall | None]


def ask_alert(shown: Publication) -> Found | None:
    """An alert of the feed, with the people of ``mart.alert_impact``."""
    alerts = incident.alerts(shown)
    if not alerts:
        parts.notice("info", "No alert has come.", "Choose a place or a point; alerts come by the feed 'alerts'.")
        return None

    def label(number: int) -> str:
        alert = alerts[number]
        state = "in force" if alert["is_in_force"] else "not in force"
        people_there = words.count_of(alert["travellers_inside"], "person", "people")
        return f"{words.without_steering(alert['title'] or alert['alert_id'])[:90]} · {state} · {people_there} inside"

    alert = alerts[st.selectbox("Alert", range(len(alerts)), format_func=label, key="alert")]
    if alert["reach"] == "unknown":
        text = "Find it on a map and ask for it by a point; nobody was looked for."
        parts.notice("alarm", f"The place of this alert was not recognised: {alert['place_name'] or 'none'}.", text)
        return None
    area = incident.alert_area(alert)
    facts = [
        f"severity {alert['alert_severity']} of 5 by its provider" if alert["alert_severity"] else "no severity given",
        f"issued {words.moment(alert['issued_at'], shown.zone, shown.as_of)}",
        f"until {words.moment(alert['expires_at'], shown.zone, shown.as_of)}",
        f"near {words.without_steering(alert['place_name'])}" if alert["place_name"] else "",
        words.count_of(alert["candidate_count"], "place") if alert["candidate_count"] > 1 else "",
    ]
    st.html(f'<p class="m-facts">{words.safe("; ".join(fact for fact in facts if fact), 300)}</p>')
    return area, incident.concerned_by_alert(shown, alert["alert_id"]), alert["alert_id"], None


def ask_time(shown: Publication) -> tuple[datetime, datetime, datetime] | None:
    """(since when who left counts, the instant, until when who arrives counts); None while a field is refused."""
    at = parts.ask_instant(shown, "When", "incident", now.LOOK_BACK, now.LOOK_AHEAD)
    columns = st.columns(2)
    before = parts.ask_whole_number(columns[0], "Just left: hours before", 0, 336, 24, "before", 1)
    after = parts.ask_whole_number(columns[1], "Arriving: hours after", 0, 336, 24, "after", 1)
    if at is None or before is None or after is None:
        return None
    return at - timedelta(hours=before), at, at + timedelta(hours=after)


def full_name(place: Place) -> str:
    """A place told apart from its namesakes: ``San Jose, California, United States``."""
    kind = f" ({place.place_type})" if place.place_type == "region" else ""
    told = [place.place_name + kind, place.region_name, words.country_name(place.country_code)]
    return ", ".join(dict.fromkeys(part for part in told if part))


def ask_namesake(understood: Place) -> tuple[Place, str]:
    """The place that was understood, or one of those that have its name, and its title; said loudly."""
    place, title = understood, f"{understood.place_name}, {words.country_name(understood.country_code)}"
    if understood.namesakes:
        offered = [understood, *understood.namesakes]
        number = st.selectbox(
            f"Places called so: {len(offered)}",
            range(len(offered)),
            format_func=lambda n: full_name(offered[n]),
            key=f"namesake-{understood.place_id}",
        )
        place, title = offered[number], full_name(offered[number])
    where = f"At {place.latitude:.2f}, {place.longitude:.2f}."
    if understood.namesakes and place is understood:
        others = "; ".join(full_name(one) for one in understood.namesakes[:3])
        text = f"{where} If another is meant, choose it above or add its country to the name: {others}."
        parts.notice("warn", f"Understood as {title}.", text)
    else:
        parts.notice("info", f"Understood as {title}.", where)
    return place, title


def ask_place(shown: Publication) -> Found | None:
    """A place by its name, and a radius around it where it is no country or region."""
    columns = st.columns([2, 1])
    text = columns[0].text_input("Place", key="place", placeholder="Nairobi, Kenya")
    radius = parts.ask_whole_number(columns[1], "Radius in km", 5, 2000, 50, "place-radius", 5)
    times = ask_time(shown)
    if radius is None or times is None:
        return None
    if not text.strip():
        parts.notice("info", "Name the place.", "A city, region or country; a country after it helps: Nairobi, Kenya.")
        return None
    found = incident.find_places(text)
    if not found:
        text_ = "Nobody was looked for. Add the country, mend the spelling, or ask for a point on the map."
        parts.notice("alarm", "This place was not recognised.", text_)
        return None
    number = 0
    if len(found) > 1:
        number = st.selectbox(
            "Which of them", range(len(found)), format_func=lambda n: full_name(found[n]), key="which"
        )
    place, title = ask_namesake(found[number])
    reach = place.place_type if place.place_type in ("country", "region") else "circle"
    if place.place_status == "fuzzy":
        parts.notice("warn", f"Guessed from the spelling: {title}.", "Check that it is the place you mean.")
    area = Area(
        title,
        reach,
        place.latitude,
        place.longitude,
        float(radius),
        place.place_id,
        place.country_code,
        place.region_code,
        *times,
    )
    return area, incident.concerned(shown, area), None, None


def choose_point() -> None:
    """Make the mark that was clicked on the map the centre of what is looked into."""
    found = [given for given in parts.clicked("incident-map") if len(given) == 4]
    if found:
        _, _, latitude, longitude = found[0]
        st.session_state["latitude"], st.session_state["longitude"] = f"{latitude:.4f}", f"{longitude:.4f}"


def show_map(shown: Publication, at: datetime, centre: tuple[float, float, float] | None) -> None:
    """Where people are at that time, by place; a click on a mark looks around it."""
    places = now.places(shown, at, Filters())
    with st.container(height=440, border=False, key="m-map"):  # style.css lowers it on a narrow screen
        st.plotly_chart(
            charts.incident_map(places, charts.worth_marking(places), centre),
            config=charts.MAP_CONFIG,
            height="stretch",
            key=parts.map_key("incident-map"),
            on_select=choose_point,
            selection_mode="points",
        )
    legend = "".join(words.badge(number) for number in (5, 4, 3, 2, 1, None))
    st.html(
        f'<div class="m-legend">{legend}<span class="m-dim">Where people are then. Click a mark to look around it; the '
        "circle is what is looked into.</span></div>"
    )


def ask_point(shown: Publication) -> Found | None:
    """A point and a radius, typed or clicked on the map above."""
    above, columns = st.container(), st.columns(3)
    latitude = parts.ask_degrees(columns[0], "Latitude (north)", "latitude", parse_latitude)
    longitude = parts.ask_degrees(columns[1], "Longitude (east)", "longitude", parse_longitude)
    radius = parts.ask_whole_number(columns[2], "Radius in km", 5, 2000, 50, "point-radius", 5)
    times = ask_time(shown)
    centre = None
    if latitude is not None and longitude is not None and radius is not None:
        centre = (latitude, longitude, float(radius))
    with above:
        show_map(shown, times[1] if times else shown.as_of, centre)
    if times is None or radius is None:
        return None
    if latitude is None or longitude is None:
        text = "Click a mark on the map, or type degrees as maps show them, south and west negative: -1.29 and 36.82."
        parts.notice("info", "Choose the point.", text)
        return None
    title = f"{latitude:.4f}, {longitude:.4f}"
    area = Area(title, "circle", latitude, longitude, float(radius), None, None, None, *times)
    return area, incident.concerned(shown, area), None, None


def ask_roll_call(shown: Publication) -> Found | None:
    """A roll call opened before, by anybody, with who is there by what is known now."""
    calls = roll_call.roll_calls(data.home())
    if not calls:
        parts.notice("info", "No roll call was opened yet.", "Ask for a place, a point or an alert, then open one.")
        return None

    def label(number: int) -> str:
        call = calls[number]
        return f"{words.without_steering(call.title)[:90]} · {words.moment(call.opened_at, shown.zone, shown.as_of)}"

    call = calls[st.selectbox("Roll call", range(len(calls)), format_func=label, key="call")]
    area = Area.from_json({name: value for name, value in call.asked.items() if name != "alert_id"})
    alert_id = call.asked.get("alert_id")
    rows = incident.concerned_by_alert(shown, alert_id) if alert_id else incident.concerned(shown, area)
    return area, rows, alert_id, call


def describe_vague(area: Area, is_alert: bool) -> str:
    """How a circle reached whoever is known only by country or region, in words."""
    if area.reach != "circle":
        return ""
    if is_alert:
        return " Whoever is known only by a country or region that has a city in the circle is listed as well."
    cover = incident.find_cover(area)
    if cover is None:
        return (
            " Whoever is known only by country or region was compared by its largest city alone, for there is no "
            "gazetteer: ask for the country as well."
        )
    names = [words.country_name(code) for code in cover if len(code) == 2]
    where = (
        words.joined(names) if 0 < len(names) <= NAMED_COUNTRIES else words.count_of(len(names), "country", "countries")
    )
    return f" The circle covers a part of {where}: whoever is known only by such a country or region is listed as well."


def describe(area: Area, shown: Publication, is_alert: bool) -> str:
    """What was looked for, in words."""
    centre = "the point of the alert" if is_alert else area.title
    where = f"within {area.radius_km:g} km of {centre}" if area.reach == "circle" else f"anywhere in {centre}"
    if is_alert and area.reach != "circle":
        where = f"anywhere in the {area.reach} of the alert"
    vague = describe_vague(area, is_alert)
    left, asked, until = (
        words.moment(instant, shown.zone, shown.as_of)
        for instant in (area.left_since_at, area.asked_at, area.arriving_until_at)
    )
    return (
        f"{where}, at {asked}; left since {left}, arriving until {until}. Stays are known by their city: "
        f"distances are to its centre, and whoever is in the very place named is listed.{vague}"
    )


def cells(row: Row, shown: Publication, contacts: dict[str, Row] | None) -> list[str]:
    """One person as table cells."""
    distance = "not known" if row["distance_km"] is None else f"{row['distance_km']:,.0f} km"
    end = "open" if row["until_at"] is None else words.moment(row["until_at"], shown.zone, shown.as_of)
    found = [
        people.name(row, contacts),
        f"<strong>{distance}</strong>",
        people.place(row),
        words.safe(words.moment(row["since_at"], shown.zone, shown.as_of)),
        words.safe(end),
        people.presence(row),
    ]
    if contacts is not None:
        contact = contacts.get(row["traveller_id"], {})
        found.insert(1, parts.link_to_call(contact.get("mobile_phone")))
    return found


def show_lists(shown: Publication, rows: list[Row], contacts: dict[str, Row] | None) -> None:
    """Inside, arriving and just left, each as a list."""
    columns = ["Traveller", "Distance", "Place", "From", "Until", "Presence"]
    if contacts is not None:
        columns.insert(1, "Phone")
    for relation, (title, note) in TITLES.items():
        listed = [row for row in rows if row["relation"] == relation]
        st.subheader(f"{title}: {len(listed):,}", anchor=relation)
        if not listed:
            st.html(f'<p class="m-facts">Nobody by what the feeds say. {words.safe(note)}</p>')
            continue
        st.html(f'<p class="m-facts">{words.safe(note)}</p>')
        number = parts.rows_to_show(f"incident-{relation}", len(listed))
        body = [cells(row, shown, contacts) for row in listed[:number]]
        parts.table(title, columns, body, look="people")
        parts.show_more_button(f"incident-{relation}", number, len(listed))


def offer_contact_list(shown: Publication, area: Area, rows: list[Row], contacts: dict[str, Row]) -> None:
    """The contact list as a file."""
    columns = ["relation", "full_name", "mobile_phone", "email", "distance_km", "place_name", "country_code"]
    columns += ["presence", "since_at", "until_at", "affiliation", "school", "traveller_id"]

    def make() -> bytes:
        merged = [row | contacts.get(row["traveller_id"], {}) for row in rows]
        body = [
            [
                round(row[name], 1) if name == "distance_km" and row[name] is not None else row.get(name)
                for name in columns
            ]
            for row in merged
        ]
        ids = [row["traveller_id"] for row in rows]
        return export.take(shown, "incident", f"Contact list: {area.title}", columns, body, area.to_json(), ids)

    signature = (area.to_json(), [row["traveller_id"] for row in rows])
    export.offer(shown, "contacts", "Make the contact list", "muster-contact-list.csv", signature, make)


def show_cards(rows: list[Row], unplaced: int) -> None:
    """The figures on top."""
    counts = {relation: sum(row["relation"] == relation for row in rows) for relation in TITLES}
    inside = [row for row in rows if row["relation"] == "inside"]
    unsure = sum(row["presence"] in ("possible", "overdue") for row in inside)
    vague = sum(row["distance_km"] is None for row in inside)
    parts.cards(
        [
            Card("Inside", counts["inside"], f"{unsure:,} of them only possible or overdue", "extreme"),
            Card("Arriving", counts["arriving"], "on the way, or there before the end of the time"),
            Card("Just left", counts["left"], "gone by what is known"),
            Card("Distance not known", vague, "inside, known only by country or region", "unknown"),
            Card("Nowhere placed", unplaced, "away at an unrecognised place; may be there too", "unknown"),
        ]
    )


def offer_roll_call(shown: Publication, area: Area, rows: list[Row], alert_id: str | None) -> None:
    """The button that opens a roll call over what is shown."""
    if not st.button("Open a roll call", type="primary", key="open-call", disabled=not rows):
        return
    asked = area.to_json() | ({"alert_id": alert_id} if alert_id else {})
    try:
        call = roll_call.open_roll_call(
            data.home(),
            area.title,
            asked,
            [row["traveller_id"] for row in rows],
            st.session_state["incident-started"],
            data.user().name,
        )
    except MusterError as problem:
        parts.notice("alarm", "The roll call was not opened.", str(problem))
        return
    st.session_state["incident-next"] = call.roll_call_id
    st.rerun()


def start_clock() -> None:
    """Somebody begins to look for people: the time to list counts from here."""
    st.session_state["incident-started"] = parts.now().replace(microsecond=0)


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    if "incident-started" not in st.session_state:
        start_clock()
    st.title("Incident")
    parts.banner(shown)
    if st.session_state.pop("incident-next", None):
        st.session_state["source"], st.session_state["call"] = SOURCES[3], 0
    source = st.radio("What happened where?", SOURCES, horizontal=True, key="source", on_change=start_clock)
    asks = {"A place": ask_place, "A point": ask_point, "An alert": ask_alert, "A roll call": ask_roll_call}
    found = asks[source](shown)
    if found is None:
        return
    area, rows, alert_id, call = found
    looked_for = words.safe(describe(area, shown, alert_id is not None), 600)
    st.html(f'<p class="m-facts"><strong>Looked for</strong> {looked_for}</p>')
    if call is not None and shown.has_names:
        roll_call_list.show(shown, call, rows)
        return
    show_cards(rows, incident.unplaced(shown, area))
    if not rows:
        text = "Ask for the place with more kilometres or hours; trips that no feed saw are not in it."
        parts.notice("warn", "The feeds place nobody there.", text)
    contacts = None
    if shown.has_names and rows:
        contacts = people.look_up(shown, "incident", area.to_json(), rows)
    if contacts is not None:
        offer_contact_list(shown, area, rows, contacts)
    if not shown.has_names:
        parts.notice("info", "Names and roll calls are for duty and steward.", "Your role sees keys and counts.")
    else:
        offer_roll_call(shown, area, rows, alert_id)
    show_lists(shown, rows, contacts)


parts.run_page(show)
