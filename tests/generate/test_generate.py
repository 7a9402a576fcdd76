"""The synthetic office: same seed, same bytes; canonical headers; feeds that agree with their truth and its faults."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import airportsdata
import duckdb
import pytest

from pipelines.errors import MusterError, UsageError
from pipelines.generate import DEFAULT_AS_OF, faults, generate, make_demo, office
from pipelines.settings import Home, load_settings

HEADERS = {
    "people": "person_id,given_name,family_name,email,other_emails,affiliation,school,department,mobile_phone,"
    "home_country_code,active_from_date,active_to_date",
    "registrations": "trip_id,registered_at,updated_at,trip_status,channel,traveller_email,traveller_name,person_id,"
    "trip_name,purpose,travels_with_students,group_id,segment_number,segment_type,from_place,to_place,starts_local,"
    "ends_local,carrier_code,service_number,property_name,contact_phone",
    "bookings": "record_locator,issued_at,updated_at,traveller_name,traveller_email,traveller_phone,employee_id,"
    "segment_number,segment_type,status_code,from_code,to_code,starts_local,ends_local,carrier_code,service_number,"
    "property_name,city,country_code",
    "expenses": "report_id,line_number,employee_id,email,transaction_date,expense_type,vendor,city,"
    "country_subdivision_code,country_code,amount,currency_code,is_personal",
    "ratings": "provider,category,place_type,place,level,evacuation_status,valid_from,published_at,latitude,longitude,"
    "radius_km,note",
    "reviews": "review_id,trip_id,email,kind,outcome,decided_at,approver",
    "alerts": "alert_id,issued_at,expires_at,title,severity,place,latitude,longitude,radius_km,url",
}
TRIPS = 6_000


class Generated:
    """A generated office opened in DuckDB: one view a feed (malformed records left out) and a truth table."""

    def __init__(self, folder: Path, noise: float = 1.0, trips: int = TRIPS) -> None:
        self.folder = folder
        self.told = generate(folder, trips, seed=3, noise=noise)
        self.con = duckdb.connect()
        for feed, header in HEADERS.items():
            columns = ", ".join(f"'{name}': 'varchar'" for name in header.split(","))
            self.con.execute(
                f"create view {feed} as from read_csv('{folder}/inbox/{feed}/*.csv', auto_detect = false, "
                f"""header = true, delim = ',', quote = '"', escape = '"', columns = {{{columns}}}, """
                "ignore_errors = true, filename = true)"
            )
        for path in (folder / "truth").glob("*.parquet"):
            self.con.execute(f"create view truth_{path.stem} as from '{path}'")

    def rows(self, query: str) -> list[tuple]:
        return self.con.sql(query).fetchall()

    def value(self, query: str) -> int:
        return self.rows(query)[0][0]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return Generated(tmp_path_factory.mktemp("noisy"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return Generated(tmp_path_factory.mktemp("clean"), noise=0, trips=2_000)


def digest(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        generate(tmp_path / name, 400, seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    other = digest(tmp_path / "other")
    assert all(other[name] != value for name, value in digest(tmp_path / "one").items() if "registrations" in name)


def test_chunks_hold_every_trip_and_person_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "CHUNK_TRAVELLERS", 97)
    seen: list[tuple[int, int]] = []
    generate(tmp_path, 2_003, 1, progress=lambda done, whole: seen.append((done, whole)))
    counts = duckdb.sql(f"select count(*), count(distinct trip_number) from '{tmp_path}/truth/trip.parquet'").fetchall()
    assert counts == [(2_003, 2_003)]
    people = duckdb.sql(f"select count(*), count(distinct email) from '{tmp_path}/truth/traveller.parquet'").fetchall()
    assert people == [(400, 400)]
    assert len(seen) == 5 and seen[-1] == (2_003, 2_003)


@pytest.mark.parametrize("feed", HEADERS)
def test_headers_are_canonical(noisy: Generated, feed: str) -> None:
    files = sorted((noisy.folder / "inbox" / feed).glob("*.csv"))
    assert files
    for path in files:
        with path.open(encoding="utf-8") as text:
            assert text.readline().rstrip("\n") == HEADERS[feed]


def test_every_record_leads_to_the_truth(noisy: Generated) -> None:
    orphans = {
        "registrations": "trip_id not in (select registration_trip_id from truth_trip where "
        "registration_trip_id is not null)",
        "bookings": "record_locator not in (select record_locator from truth_trip where record_locator is not null)",
        "expenses": "report_id not in (select expense_report_id from truth_trip where expense_report_id is not null)",
        "reviews": "trip_id not in (select trip_id from registrations)",
        "people": "person_id not in (select person_id from truth_traveller where is_on_roster)",
    }
    for feed, condition in orphans.items():
        assert noisy.value(f"select count(*) from {feed} where {condition}") == 0, feed
    for feed, (key, column) in {
        "registrations": ("trip_id", "registration_trip_id"),
        "bookings": ("record_locator", "record_locator"),
        "expenses": ("report_id", "expense_report_id"),
    }.items():
        lost = (
            f"select count(*) from truth_trip where {column} is not null and {column} not in (select {key} from {feed})"
        )
        assert noisy.value(lost) <= (1 if feed == "expenses" else noisy.told["trips"] * 0.02), feed


def test_versions_of_one_trip_are_never_in_one_file(noisy: Generated) -> None:
    repeated = (
        "select filename, {0}, segment_number, {1} from {2} where segment_number <> '90' group by all "
        "having count(*) > 1"
    )
    assert noisy.rows(repeated.format("trip_id", "1", "registrations")) == []
    assert noisy.rows(repeated.format("record_locator", "traveller_name", "bookings")) == []
    assert noisy.value(
        "select count(*) from (select trip_id from registrations group by all having count(distinct filename) > 1)"
    )
    assert noisy.value(
        "select count(*) from (from bookings select record_locator group by all having count(distinct filename) > 1)"
    )


def test_local_times_are_those_of_the_truth(clean: Generated) -> None:
    zones = {code: ZoneInfo(port["tz"]) for code, port in airportsdata.load("IATA").items()}

    def utc(text: str, code: str) -> datetime:
        local = datetime.fromisoformat(text).replace(tzinfo=zones[code])
        return local.astimezone(UTC).replace(tzinfo=None)

    rows = clean.rows(
        "select b.starts_local, b.ends_local, b.from_code, b.to_code, list((m.departs_at, m.arrives_at)) "
        "from bookings as b join truth_trip as t using (record_locator) join truth_movement as m on "
        "m.trip_number = t.trip_number and m.from_code = b.from_code and m.to_code = b.to_code and m.kind = 'flight' "
        "where b.segment_type = 'AIR' group by all"
    )
    assert len(rows) > 3_000
    for starts, ends, origin, place, moments in rows:
        assert (utc(starts, origin), utc(ends, place)) in moments


def test_nobody_is_truly_in_two_places_and_flights_fly_at_the_speed_of_flights(noisy: Generated) -> None:
    overlaps = (
        "select count(*) from (select ends_at, lead(starts_at) over (partition by person_id order by starts_at) "
        "as next_at from truth_stay) where next_at < ends_at"
    )
    assert noisy.value(overlaps) == 0
    assert noisy.value("select count(*) from truth_stay where ends_at <= starts_at + interval 10 hours") == 0
    assert noisy.value("select count(*) from truth_movement where arrives_at - departs_at > interval 18 hours") == 0
    assert noisy.value("select count(*) from truth_movement where arrives_at <= departs_at") == 0


def test_a_time_that_the_clock_repeats_or_skips_is_written_so(noisy: Generated) -> None:
    rows = noisy.rows(
        "select distinct k.kind, r.starts_local[12:], m.departs_at from truth_trip_fault as k join truth_trip as t "
        "using (trip_number) join truth_movement as m on m.trip_number = t.trip_number and m.slot = 'out' join "
        "registrations as r on r.trip_id = t.registration_trip_id and r.segment_number = '1' and "
        "r.segment_type = 'flight' where k.kind like 'dst%'"
    )
    assert {kind for kind, _, _ in rows} == {"dst_ambiguous", "dst_nonexistent"}
    for kind, text, moment in rows:
        written, true = ("01:30", "05:30") if kind == "dst_ambiguous" else ("02:30", "07:30")
        assert (text, moment.strftime("%H:%M")) == (written, true)


def test_faults_come_at_their_rates_and_noise_scales_them(noisy: Generated, clean: Generated) -> None:
    told = noisy.told["faults"]
    for kind in ("cancelled_trip", "name_misspelt", "missing_person_id", "personal", "unregistered_booking", "one_way"):
        rate = (faults.RATES | faults.COVERAGE)[kind][0]
        assert told[kind] / TRIPS == pytest.approx(rate, rel=0.4), kind
    declared = {**faults.COVERAGE, **faults.RATES}
    for kind, (rate, _) in declared.items():
        assert told[kind] > 0, kind
        assert told[kind] / TRIPS < rate * 1.6 or kind in ("overlapping_trip", "name_only"), kind
    leftover = {kind for kind in declared if clean.told["faults"][kind]} - {"overlapping_trip"}
    assert leftover == set()
    assert set(noisy.told["audit"]) == {
        "cancelled", "not_required", "partial", "registered", "registered_late", "unconfirmed", "undetermined",
        "unregistered", "unseen",
    }  # fmt: skip
    assert noisy.value("select count(*) from truth_malformed_record") > 2


def test_nothing_points_to_a_real_person_or_place_on_the_net(noisy: Generated) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (noisy.folder / "inbox").rglob("*.csv")).lower()
    assert set(re.findall(r"@([a-z0-9.-]+)", text)) <= {"example.edu", "mail.example.org"}
    assert set(re.findall(r"https?://([a-z0-9.-]+)", text)) <= {"alerts.example.org"}
    phones = noisy.rows("select distinct mobile_phone from people where mobile_phone is not null")
    assert all(re.fullmatch(r"\+1-\d{3}-555-01\d\d|\+44 7700 900\d{3}", phone) for (phone,) in phones)


def test_ratings_are_invented_dated_and_nearly_complete(noisy: Generated) -> None:
    assert noisy.value("select count(*) from ratings where not starts_with(note, 'invented') or level is null") == 0
    assert {row[0] for row in noisy.rows("select distinct provider from ratings")} == {"invented", "invented_second"}
    assert (
        noisy.value("select count(distinct place) from ratings where place_type = 'country' and category = 'medical'")
        > 240
    )
    newest = noisy.rows("select max(published_at) from ratings")[0][0]
    assert (DEFAULT_AS_OF - datetime.fromisoformat(newest)).total_seconds() < 86_400
    first = noisy.rows("select min(valid_from) from ratings")[0][0]
    changes = noisy.value(f"select count(*) from ratings where valid_from > '{first}'")
    assert changes / 600 * 7 == pytest.approx(2, rel=0.1)
    key = "select provider, category, place_type, place, valid_from from ratings group by all having count(*) > 1"
    assert noisy.rows(key) == []


def test_nothing_is_told_after_as_of(noisy: Generated) -> None:
    as_of = DEFAULT_AS_OF.strftime("%Y-%m-%dT%H:%M:%SZ")
    for feed, column in (
        ("registrations", "updated_at"), ("bookings", "updated_at"), ("reviews", "decided_at"),
        ("ratings", "published_at"), ("alerts", "issued_at"), ("expenses", "transaction_date"),
    ):  # fmt: skip
        assert noisy.value(f"select count(*) from {feed} where {column} > '{as_of}'") == 0, feed


def test_senseless_numbers_and_full_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        generate(tmp_path, 0, 1)
    with pytest.raises(UsageError):
        generate(tmp_path, 100, -1)
    with pytest.raises(UsageError):
        generate(tmp_path, 100, 1, noise=-0.1)
    generate(tmp_path, 100, 1)
    with pytest.raises(MusterError, match="not empty"):
        generate(tmp_path, 100, 1)


def test_the_demo_home_has_settings_and_current_travellers_and_is_made_once(tmp_path: Path) -> None:
    root = tmp_path / "home"
    told = make_demo(root, trips=1_000, as_of=datetime(2026, 3, 20, 14, 44, tzinfo=UTC))
    assert told["as_of"] == datetime(2026, 3, 20, 14, tzinfo=UTC)
    settings = load_settings(Home(root))
    assert settings.provider_order == ("invented", "invented_second")
    assert (settings.office_timezone, settings.office_country_code) == ("America/New_York", "US")
    here = "starts_at <= timestamp '2026-03-20 14:00' and ends_at > timestamp '2026-03-20 14:00'"
    assert duckdb.sql(f"select count(*) from '{root}/truth/stay.parquet' where {here}").fetchall()[0][0] > 5
    with pytest.raises(MusterError, match="not empty"):
        make_demo(root)


def test_a_hundred_thousand_trips_need_little_memory(tmp_path: Path) -> None:
    # The kernel's high-water mark of this address space: ru_maxrss would begin with that of the process that began it.
    program = (
        "import sys; from pathlib import Path; from pipelines.generate import generate; "
        "generate(Path(sys.argv[1]), 100_000, 1); print(Path('/proc/self/status').read_text())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    peak = next(line for line in done.stdout.splitlines() if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) / 1024 < 1_000
