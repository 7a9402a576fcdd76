"""A small published generation, made by hand, for tests and screenshots of the dashboard.

Every name is invented. Levels, presences and places are chosen so that each group and flag of the pages occurs, and
names and places include what a hostile feed could send.
"""

from __future__ import annotations

import functools
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipelines.settings import SQL
from tests.dashboards import fixture_queues

AS_OF = datetime(2026, 11, 12, 9, 0)

HOSTILE = [
    '=HYPERLINK("http://evil.example/","click")',
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<b>bold</b> &amp; **stars** [link](http://evil.example)",
    "אברהם לוי ‮evil‬ عبد الله",
    "👩‍👩‍👧‍👦 Zoë 🧨 Ōtsuka",
    "O'Brien; drop table mart.traveller; --",
    "Very long " + "Wolfeschlegelsteinhausenbergerdorff" * 12,
    "$x^2$ :red[red] `code` :material/home:",
    "%{customdata} <br> <a href='javascript:alert(1)'>x</a>",
]

# place_id, name, country, region, latitude, longitude, precision, place_status, security, medical, worst case, status
PLACES: list[tuple[Any, ...]] = [
    ("703448", "Kyiv", "UA", "UA-30", 50.45, 30.52, "city", "resolved", 5, 3, 5, "rated"),
    ("706483", "Kharkiv", "UA", "UA-63", 49.98, 36.25, "city", "resolved", 5, 4, 5, "rated"),
    ("1138958", "Kabul", "AF", "AF-KAB", 34.53, 69.17, "city", "resolved", 5, 4, 5, "stale"),
    ("2332459", "Lagos", "NG", "NG-LA", 6.45, 3.39, "city", "resolved", 4, 4, 4, "rated"),
    ("184745", "Nairobi", "KE", "KE-30", -1.28, 36.82, "city", "resolved", 3, 3, 3, "rated"),
    ("3718426", "Port-au-Prince", "HT", "HT-OU", 18.54, -72.34, "city", "resolved", 5, 4, 5, "rated"),
    ("276781", "Beirut", "LB", "LB-BA", 33.89, 35.5, "city", "fuzzy", 4, 2, 4, "rated"),
    ("2988507", "Paris", "FR", "FR-IDF", 48.85, 2.35, "city", "resolved", 2, 1, 2, "rated"),
    ("1850147", "Tokyo", "JP", "JP-13", 35.69, 139.69, "city", "resolved", 1, 1, 1, "rated"),
    ("3448439", "São Paulo", "BR", "BR-SP", -23.55, -46.64, "city", "resolved", 3, 2, 3, "rated"),
    ("1880252", "Singapore", "SG", None, 1.29, 103.85, "city", "resolved", 1, 1, 1, "rated"),
    ("ET", "Ethiopia", "ET", None, 9.0, 39.5, "country", "resolved", 3, 3, 5, "rated"),
    ("3381670", "Cayenne", "GF", None, 4.93, -52.33, "city", "resolved", None, None, None, "unrated"),
    (
        "unknown:=cmd|' /C calc'!A0",
        "=cmd|' /C calc'!A0",
        None,
        None,
        None,
        None,
        "unknown",
        "unknown",
        None,
        None,
        None,
        "place_unknown",
    ),
    (
        "unknown:<script>",
        "<script>alert('place')</script>",
        None,
        None,
        None,
        None,
        "unknown",
        "unknown",
        None,
        None,
        None,
        "place_unknown",
    ),
    (
        "4004330",
        "Guadalajara <b>x</b> " + "y" * 200,
        "MX",
        "MX-JAL",
        20.67,
        -103.35,
        "city",
        "resolved",
        4,
        2,
        4,
        "rated",
    ),
]

# place, people, presence, days since the start, days until the end (None: open)
GROUPS: list[tuple[str, int, str, float, float | None]] = [
    ("703448", 4, "confirmed", 3.2, 2.1),
    ("703448", 1, "possible", 1.0, 0.5),
    ("706483", 1, "likely", 0.4, 6),
    ("1138958", 2, "confirmed", 12, 9),
    ("3718426", 1, "overdue", 41, None),
    ("2332459", 7, "confirmed", 5, 3),
    ("2332459", 1, "en_route", 0.1, 0.2),
    ("276781", 3, "likely", 2, None),
    ("4004330", 1, "confirmed", 0.6, 4),
    ("184745", 5, "confirmed", 6, 8),
    ("2988507", 12, "confirmed", 2, 5),
    ("1850147", 6, "likely", 9, 1),
    ("3448439", 4, "confirmed", 3, 12),
    ("3448439", 1, "overdue", 33, None),
    ("1880252", 2, "transit", 0.1, 0.1),
    ("ET", 2, "likely", 1, 7),
    ("3381670", 1, "confirmed", 2, 2),
    ("unknown:=cmd|' /C calc'!A0", 1, "likely", 4, 3),
    ("unknown:<script>", 1, "possible", 1, 3),
]

SCHEMA = """
create schema mart;
create table mart.publication (generation varchar, as_of timestamp, known_at timestamp, built_at timestamp, count_home
    boolean, configuration_sha256 varchar, landed_files bigint, has_invented_ratings boolean, office_timezone varchar);
create table mart.traveller (traveller_id varchar, affiliation varchar, school varchar, department varchar,
    home_country_code varchar, identity_status varchar, is_on_roster boolean, has_phone boolean, has_email boolean,
    identity_reason varchar);
create table mart.place_issue (place_text varchar, place_status varchar, place_id varchar, place_name varchar,
    country_code varchar, stays bigint, travellers bigint, person_days double, candidate_number integer);
create table mart.traveller_contact (traveller_id varchar, full_name varchar, email varchar, mobile_phone varchar);
create table mart.stay (stay_id varchar, traveller_id varchar, trip_id varchar, place_id varchar, place_name varchar,
    country_code varchar, region_code varchar, latitude double, longitude double, starts_at timestamp, ends_at
    timestamp, since_at timestamp, until_at timestamp, presence varchar, weight double, is_home boolean, place_status
    varchar, precision varchar, is_zone_assumed boolean, evidence varchar[], timezone varchar);
create table mart.trip (trip_id varchar, traveller_id varchar, source varchar, trip_status varchar, registered_at
    timestamp, registered_trip_id varchar, starts_at timestamp, ends_at timestamp, purpose varchar, has_booking boolean,
    has_expense boolean, is_incomplete boolean);
create table mart.exposure (exposure_id varchar, stay_id varchar, traveller_id varchar, trip_id varchar, place_id
    varchar, place_name varchar, country_code varchar, starts_at timestamp, ends_at timestamp, is_open boolean, presence
    varchar, weight double, security_level integer, medical_level integer, level_highest integer, level_most_specific
    integer, risk_level integer, worst_case_level integer, rating_status varchar, evacuation_status varchar);
create table mart.current_exposure (exposure_id varchar, stay_id varchar, traveller_id varchar, trip_id varchar,
    place_id varchar, place_name varchar, country_code varchar, starts_at timestamp, ends_at timestamp, presence
    varchar, weight double, security_level integer, medical_level integer, level_highest integer, level_most_specific
    integer, risk_level integer, worst_case_level integer, rating_status varchar, evacuation_status varchar, is_open
    boolean, since_at timestamp, until_at timestamp, latitude double, longitude double, place_status varchar,
    precision varchar);
create table mart.open_exposure (stay_id varchar, traveller_id varchar, place_id varchar, starts_at timestamp, ends_at
    timestamp, security_level integer, medical_level integer, risk_level integer, worst_case_level integer,
    rating_status varchar, evacuation_status varchar);
create table mart.feed_status (feed varchar, files bigint, records bigint, loaded bigint, rejected bigint, blank
    bigint, newest_received_at timestamp, status varchar, is_optional boolean, failed_files bigint, held_files
    bigint);
create table mart.landed_file (feed varchar, table_name varchar, file_name varchar, file_sha256 varchar, received_at
    timestamp, landed_at timestamp, byte_count bigint, part varchar, file_status varchar, records bigint, loaded
    bigint, rejected bigint, blank bigint, message varchar);
create table mart.data_quality (check_name varchar, severity varchar, table_name varchar, failing_rows bigint, message
    varchar);
create table mart.rejected_record (feed varchar, file_sha256 varchar, record_number bigint, line_number bigint, reason
    varchar, raw blob);
create table mart.uncertainty (kind varchar, stays bigint, travellers bigint, travellers_now bigint, person_days
    double);
"""

FAMILY = ["Adeyemi", "Brandt", "Castillo", "Dupont", "Eriksen", "Fontaine", "Grant", "Haddad", "Ito", "Jensen"]
GIVEN = ["Ada", "Bruno", "Chidi", "Dalia", "Emre", "Freya", "Goran", "Hana", "Ines", "Jonas", "Kofi"]
REASONS = {
    "matched": "person id",
    "ambiguous": "2 people of the roster have the name, and nothing tells them apart",
    "unknown": "not on the roster",
}
SCHOOLS = ["Medicine", "Law", "Engineering", None, "Public Health"]


def _name(number: int) -> str:
    if number < 2 * len(HOSTILE) and number % 2:
        return HOSTILE[number // 2]
    return f"{GIVEN[number % len(GIVEN)]} {FAMILY[number % len(FAMILY)]}"


def _fill_people(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    by_id = {place[0]: place for place in PLACES}
    number = 0
    for place_id, people, presence, days, ahead in GROUPS:
        _, name, country, region, lat, lon, precision, status, security, medical, worst, rated = by_id[place_id]
        for _ in range(people):
            key = f"t_{number:016x}"
            start = as_of - timedelta(days=days, minutes=37 * (number % 9))
            end = None if ahead is None else as_of + timedelta(days=ahead, minutes=11 * (number % 7))
            identity = "unknown" if number % 11 == 4 else "ambiguous" if number % 17 == 5 else "matched"
            phone = None if number % 6 == 3 else f"+44 20 7946 {number:04d}"
            affiliation = ("student", "faculty", "administration")[number % 3]
            school = SCHOOLS[number % len(SCHOOLS)]
            person = (key, affiliation, school, None, "GB", identity, identity == "matched", phone is not None, True)
            con.execute("insert into mart.traveller values (?,?,?,?,?,?,?,?,?,?)", [*person, REASONS[identity]])
            contact = [key, _name(number), f"person{number}@university.example", phone]
            con.execute("insert into mart.traveller_contact values (?,?,?,?)", contact)
            weight = 0.5 if presence == "possible" else 1.0
            con.execute(
                "insert into mart.stay values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                [
                    f"s{number}",
                    key,
                    f"trip{number}",
                    place_id,
                    name,
                    country,
                    region,
                    lat,
                    lon,
                    start,
                    end,
                    start,
                    end,
                    presence,
                    weight,
                    False,
                    status,
                    precision,
                    status == "unknown",
                    ["registrations:ab:1", "bookings:cd:2", "bookings:cd:3"],
                    "UTC",
                ],
            )
            risk = None if security is None else max(security, medical)
            evacuation = "evacuate_nonessential" if place_id == "706483" else "none"
            con.execute(
                "insert into mart.current_exposure values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                [
                    f"e{number}",
                    f"s{number}",
                    key,
                    f"trip{number}",
                    place_id,
                    name,
                    country,
                    start,
                    end or as_of,
                    presence,
                    weight,
                    security,
                    medical,
                    risk,
                    security,
                    risk,
                    worst,
                    rated,
                    evacuation,
                    end is None,
                    start,
                    end,
                    lat,
                    lon,
                    status,
                    precision,
                ],
            )
            number += 1


def _fill_from_stays(con: duckdb.DuckDBPyConnection) -> None:
    """What follows from the stays: their exposure, a trip each."""
    names = [row[0] for row in con.execute("describe mart.exposure").fetchall()]
    con.execute(f"insert into mart.exposure select {', '.join(names)} from mart.current_exposure")
    con.execute(
        """
        insert into mart.open_exposure
        select stay_id, traveller_id, place_id, ends_at, null, security_level, medical_level, risk_level,
            worst_case_level, rating_status, evacuation_status from mart.exposure where is_open
        """
    )
    con.execute(
        """
        insert into mart.trip
        select trip_id, traveller_id, 'registration', 'active', starts_at - interval 20 day, null, starts_at, ends_at,
            'university', true, false, false
        from mart.stay
        """
    )


ALERTS = """
    select * from (values
        ('A1', '=cmd|''/C calc''!A0 <b>explosion</b>', 5, 'Kyiv', '703448', 'UA', 50.4, 30.6, 30.0,
            timestamp '2026-11-12 06:00:00', timestamp '2026-11-13 06:00:00', 'circle'),
        ('A2', 'Unrest in a country', 3, 'Ethiopia', 'ET', 'ET', 9.0, 39.5, 50.0,
            timestamp '2026-11-12 06:00:00', timestamp '2026-11-13 06:00:00', 'country'),
        ('A3', 'Somewhere <script>', 2, 'Xyzzy <script>', null, null, null, null, 50.0,
            timestamp '2026-11-10 06:00:00', timestamp '2026-11-11 06:00:00', 'unknown')
    ) as alert(alert_id, title, severity, place_name, place_id, country_code, latitude, longitude, radius_km,
        issued_at, expires_at, reach)
"""


def _fill_alerts(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Alerts, and whom they concern by the real model, so that a page can be held to it."""
    con.execute("create schema core; create schema land; create schema reference")
    con.execute(f"create table reference.parameter as select timestamp '{as_of}' as as_of, false as count_home")
    con.execute(f"create table land.alerts as select *, true as is_current, null as url from ({ALERTS})")
    con.execute(
        """
        create table core.alert_reach as
        select *, null::varchar as region_code, 1 as candidate_number,
            if(reach = 'unknown', 'unknown', 'resolved') as place_status,
            least(greatest((select as_of from reference.parameter), issued_at), expires_at) as asked_at
        from land.alerts;
        create table core.place as
        select row_number() over (order by place_id) as place_key, *
        from (select distinct place_id, precision, country_code, region_code, latitude, longitude from mart.stay);
        create table core.pseudonym as
        select row_number() over (order by traveller_id) as traveller_key, traveller_id from mart.traveller;
        create table core.stay_piece as
        select s.*, p.place_key, k.traveller_key
        from mart.stay as s inner join core.place as p using (place_id)
        inner join core.pseudonym as k using (traveller_id);
        """
    )
    con.execute("create table core.alert_cover (alert_id varchar, candidate_number integer, place_id varchar)")
    for name in ("alert_impact", "alert"):
        con.execute(f"create table mart.{name} as {(SQL / 'mart' / f'{name}.sql').read_text()}")
    con.execute("drop schema core cascade; drop schema land cascade; drop schema reference cascade")


def _fill_weeks(con: duckdb.DuckDBPyConnection) -> None:
    """Person-days by week, the plain way."""
    con.execute(
        """
        create or replace table mart.exposure_by_week as
        with cells as (
            select *, unnest(
                    generate_series(date_trunc('week', starts_at), date_trunc('week', ends_at), interval 7 day)
                ) as week
            from mart.exposure
        )

        select week::date as week_start_date, country_code, place_id, place_name, risk_level, affiliation,
            case when presence in ('transit', 'en_route') then 'moving'
                when presence in ('possible', 'overdue') then presence else 'present' end as presence_group,
            sum(weight * epoch(least(ends_at, week + interval 7 day) - greatest(starts_at, week))) / 86400
                as person_days,
            0.0 as person_days_planned
        from cells inner join mart.traveller using (traveller_id)
        group by all
        """
    )


def _fill_ratings(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Ratings of two providers, one of them hostile in its words, with a change and a difference."""
    con.execute(
        f"""
        create table mart.rating_period as
        select *, 'none' as evacuation_status, false as has_regional_advice, level as worst_case_level,
            true as is_invented, null::double as radius_km
        from (values
            ('alpha', 'security', 'UA', 'Ukraine', 'country', 'UA', 4, 'four', timestamp '2025-01-01',
                timestamp '{as_of}' - interval 3 day, null, null),
            ('alpha', 'security', 'UA', 'Ukraine', 'country', 'UA', 5, '=five() <b>do not</b>',
                timestamp '{as_of}' - interval 3 day, null, null, null),
            ('alpha', 'security', 'FR', 'France', 'country', 'FR', 2, 'two', timestamp '2025-01-01', null, null, null),
            ('alpha', 'security', '2332459', 'Lagos', 'city', 'NG', 4, 'four', timestamp '2025-01-01', null, 6.45,
                3.39),
            ('alpha', 'security', 'KE', 'Kenya', 'country', 'KE', null, 'who knows', timestamp '2025-01-01', null, null,
                null),
            ('beta <i>x</i>', 'overall', 'FR', 'France', 'country', 'FR', 3, 'iii', timestamp '2025-01-01', null, null,
                null)
        ) as rating(provider, category, place_id, place_name, place_type, country_code, level, native_level,
            valid_from, valid_to, latitude, longitude);
        create table mart.rating_change as
        select 'UA' as place_id, 'Ukraine' as place_name, 'country' as place_type, 'UA' as country_code,
            'security' as category, 'alpha' as provider, 4 as from_level, 5 as to_level,
            timestamp '{as_of}' - interval 3 day as changed_at, 5 as travellers_in_place, 1 as travellers_arriving
        union all
        select 'PF', 'French Polynesia', 'country', 'PF', 'security', 'alpha', 2, null,
            timestamp '{as_of}' - interval 20 day, 0, 0;
        create table mart.rating_disagreement as
        select 'FR' as place_id, 'France' as place_name, 'country' as place_type, 'FR' as country_code,
            'security' as category, timestamp '2025-01-01' as valid_from, null::timestamp as valid_to,
            2 as lowest_level, 3 as highest_level, 'alpha 2, beta <i>x</i> 3' as levels, 'alpha' as deciding_provider,
            2 as deciding_level
        """
    )


def _fill_feeds(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    hour = timedelta(hours=1)
    for row in (
        ("people", 1, 2000, 2000, 0, 0, as_of - 30 * hour, "current"),
        ("registrations", 41, 10400, 10391, 7, 2, as_of - 3 * hour, "current"),
        ("bookings", 40, 8000, 8000, 0, 0, as_of - 75 * hour, "stale"),
        ("ratings", 4, 520, 518, 2, 0, as_of - 20 * hour, "current"),
        ("alerts", 0, 0, 0, 0, 0, None, "missing"),
    ):
        con.execute(
            "insert into mart.feed_status values (?,?,?,?,?,?,?,?,?,0,?)",
            [*row, row[0] in ("bookings", "alerts"), int(row[0] == "people")],
        )
    for number, (feed, name, status, message) in enumerate(
        (
            ("registrations", "registrations-2026-11-12.csv", "loaded", None),
            (
                "people",
                "<i>roster</i> " + "x" * 90 + ".csv",
                "held",
                "It would drop 41 % of the rows; release it if so.",
            ),
            ("bookings", "bookings-2026-11-09.csv", "loaded", "unknown column Seat"),
        )
    ):
        count = 100 if status == "loaded" else 0
        sha256, received = f"{number:02x}" * 32, as_of - (number + 3) * hour
        con.execute(
            "insert into mart.landed_file values (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [feed, feed, name, sha256, received, received, 4096, None, status, count, count, 0, 0, message],
        )
    for row in (
        ("place_resolved", "warning", "stay", 2, "2 stays are at a place that is not recognised."),
        ("evidence_known", "warning", "stay", 0, "Every stay names its evidence."),
    ):
        con.execute("insert into mart.data_quality values (?,?,?,?,?)", row)
    for row in (
        ("place_unknown", 3, 2, 1, 12.5),
        ("place_fuzzy", 2, 2, 0, 4.0),
        ("place_historical", 0, 0, 0, 0.0),
        ("country_only", 1234, 7, 3, 1250.25),
        ("unrated", 1, 1, 1, 2.0),
        ("all", 5000, 90, 40, 2500.5),
    ):
        con.execute("insert into mart.uncertainty values (?,?,?,?,?)", row)
    for row in (
        ("<script>alert('place')</script>", "unknown", None, None, None, 2, 1, 12.5, 1),
        ("Beirutt, Lebanon", "fuzzy", "276781", "Beirut", "LB", 2, 2, 4.0, 1),
    ):
        con.execute("insert into mart.place_issue values (?,?,?,?,?,?,?,?,?)", row)
    for number in range(9):
        reason = "the start is no date" if number < 7 else "the level is not on the provider's scale"
        feed = "registrations" if number < 7 else "ratings"
        raw = f"T-{number},<script>alert(1)</script>,31/31/2026".encode() + b"\xff"
        con.execute(
            "insert into mart.rejected_record values (?,?,?,?,?,?)", [feed, "ab" * 32, number, number, reason, raw]
        )


@functools.cache
def _template(as_of: datetime, empty: bool) -> bytes:
    """The steward's file of any generation as of an instant; made once, for filling it takes most of the time."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "steward.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute(SCHEMA)
            con.execute(fixture_queues.SCHEMA)
            if not empty:
                _fill_people(con, as_of)
                _fill_from_stays(con)
                fixture_queues.fill(con, as_of)
            _fill_alerts(con, as_of)
            _fill_weeks(con)
            _fill_ratings(con, as_of)
            _fill_feeds(con, as_of)
            _make_views(con)
            con.execute("checkpoint")
        return path.read_bytes()


def _make_views(con: duckdb.DuckDBPyConnection) -> None:
    """Each mart under its bare name, as in a published file."""
    for (table,) in con.execute("select table_name from duckdb_tables() where schema_name = 'mart'").fetchall():
        con.execute(f'create view main."{table}" as select * from mart."{table}"')


def write_generation(
    root: Path,
    generation: str = "20261112T090000-fixture",
    as_of: datetime = AS_OF,
    invented: bool = True,
    empty: bool = False,
) -> Path:
    """Write one generation below `root`/published and make it current by an atomic swap; returns its folder."""
    folder = root / "published" / generation
    folder.mkdir(parents=True)
    for role in ("steward", "duty", "analyst"):
        (folder / f"{role}.duckdb").write_bytes(_template(as_of, empty))
        with duckdb.connect(str(folder / f"{role}.duckdb")) as con:
            built = as_of + timedelta(minutes=4)
            facts = [generation, as_of, as_of, built, False, "c0ffee" * 10 + "c0ff", 86, invented, "Europe/London"]
            con.execute("insert into mart.publication values (?,?,?,?,?,?,?,?,?)", facts)
            if role == "analyst":
                con.execute("delete from mart.traveller_contact")
                for table in ("trip_audit", "policy_decision"):
                    con.execute(f"update mart.{table} set decided_by = null, decision_note = null")
            if role != "steward":
                con.execute("delete from mart.rejected_record")
            con.execute("checkpoint")
    (root / "logs").mkdir(exist_ok=True)
    pointer = root / "published" / f".current-{generation}"
    pointer.symlink_to(generation)
    pointer.replace(root / "published" / "current")
    return folder


if __name__ == "__main__":
    import sys

    print(write_generation(Path(sys.argv[1])))
