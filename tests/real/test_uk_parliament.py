"""The example home on the real registers and advice, held to figures counted from the source files by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MUSTER_REAL_DATA") or PROJECT.parent / "shared" / "real")

SOURCES = {
    "visits": "uk_mp_visits/*.csv",
    "members": "uk_mp_visits/*.csv",
    "advice_canada": "advisories_canada/changes_2025.csv",
    "advice_united_kingdom": "advisories_uk_fcdo/changes_2025.csv",
    "advice_united_states": "advisories_us/changes_2025.csv",
    "advice_australia": "advisories_australia/changes_2025.csv",
}

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "uk_mp_visits").is_dir(),
        reason=f"the real data are not at {DATA}; set MUSTER_REAL_DATA to the folder that holds uk_mp_visits",
    ),
]


def lay_out(home: Path) -> Path:
    """Copy the example and the real files into a home of its own, as its README says."""
    shutil.copytree(PROJECT / "examples" / "uk_parliament", home)
    for feed, pattern in SOURCES.items():
        folder = home / "inbox" / feed
        folder.mkdir(parents=True)
        for source in sorted(DATA.glob(pattern)):
            shutil.copy(source, folder)
    return home


def publish(home: Path, as_of: datetime, known_at: datetime | None = None) -> duckdb.DuckDBPyConnection:
    """Run the pipeline on the home; returns the steward's file, read-only."""
    from pipelines.run import Run
    from pipelines.settings import Home

    with Run(Home(home), as_of=as_of, known_at=known_at) as run:
        run.reach("publish")
    steward = (home / "published" / "current").resolve() / "steward.duckdb"
    return duckdb.connect(str(steward), read_only=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("real") / "uk_parliament")


@pytest.fixture(scope="module")
def steward(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with publish(home, datetime(2025, 12, 15, tzinfo=UTC)) as con:
        yield con


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()


def test_every_record_of_every_file_is_accounted_for(steward: duckdb.DuckDBPyConnection) -> None:
    account = rows(
        steward,
        "select feed, files, records, loaded, rejected, blank from mart.feed_status where files > 0 order by feed",
    )
    assert account == [
        ("advice_australia", 1, 626, 626, 0, 0),
        ("advice_canada", 1, 6290, 6290, 0, 0),
        ("advice_united_kingdom", 1, 521, 521, 0, 0),
        ("advice_united_states", 1, 589, 589, 0, 0),
        ("members", 27, 7350, 7350, 0, 0),
        ("visits", 27, 7350, 7350, 0, 0),
    ]
    assert rows(steward, "select * from mart.landed_file where records <> loaded + rejected + blank") == []


def test_two_spellings_of_a_member_are_one_person(steward: duckdb.DuckDBPyConnection) -> None:
    found = rows(steward, "select count(*), count(*) filter (identity_status = 'matched') from mart.traveller")
    assert found == [(293, 293)]


def test_a_visit_in_several_registers_is_one_trip_as_last_told(steward: duckdb.DuckDBPyConnection) -> None:
    assert rows(steward, "select count(*) from mart.trip") == [(676,)]
    # The register of 24 March 2025 corrects the first day of this visit from the 11th to the 14th of January.
    assert rows(steward, "select min(starts_at) from mart.stay where trip_id = '11691'") == [
        (datetime(2025, 1, 14, 5),)  # midnight in Washington
    ]


def test_the_one_visit_without_a_place_stays_unknown(steward: duckdb.DuckDBPyConnection) -> None:
    unknown = "select distinct trip_id, country_code from mart.stay where place_status = 'unknown'"
    assert rows(steward, unknown) == [("4668", None)]


def test_person_days_are_those_of_the_registers(steward: duckdb.DuckDBPyConnection) -> None:
    # Counted from the files: each member's days abroad once, however many visits and places share them.
    (by_week,) = rows(steward, "select sum(person_days) from mart.exposure_by_week")
    assert by_week[0] == pytest.approx(3786.875, abs=1e-6)


def test_visits_to_places_that_canada_advised_against(steward: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        steward,
        """select count(distinct e.trip_id), count(distinct e.traveller_id)
        from mart.exposure as e
        inner join mart.rating_period as r
            on e.country_code = r.country_code and r.place_type = 'country' and r.provider = 'canada' and r.level >= 4
            and r.valid_from < e.ends_at and (r.valid_to is null or r.valid_to > e.starts_at)""",
    )
    assert found == [(43, 39)]


def test_the_week_with_the_most_person_days_at_high_or_extreme(steward: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        steward,
        """select week_start_date::varchar, country_code, round(sum(person_days), 4)
        from mart.exposure_by_week
        where risk_level >= 4 and week_start_date = (
            select week_start_date from mart.exposure_by_week where risk_level >= 4
            group by week_start_date order by sum(person_days) desc limit 1
        )
        group by all order by all""",
    )
    assert found == [("2025-05-26", "IL", 16.0), ("2025-05-26", "PS", 12.0833), ("2025-05-26", "UA", 11.875)]


def test_visits_registered_more_than_28_days_after_their_last_day(steward: duckdb.DuckDBPyConnection) -> None:
    # Counted from the files: each visit's last version, and the date of its first registration.
    query = (PROJECT / "sql" / "queries" / "registered_after.sql").read_text()
    found = steward.execute(query, {"days": "28"}).fetchall()
    assert [(label, trips) for label, trips, *_ in found] == [
        ("by the last day", 4),
        ("within 28 days", 540),
        ("more than 28 days after", 132),
    ]
    early = rows(
        steward,
        """select count(*) from mart.trip_audit
        where ends_date <= date '2024-07-04'
            and cast(timezone('Europe/London', timezone('UTC', registered_at)) as date) - ends_date > 28""",
    )
    assert early == [(59,)]


def test_the_rule_of_28_days_is_a_policy_that_says_who_was_late(home: Path, steward: duckdb.DuckDBPyConnection) -> None:
    # The same 132 visits as the query counts, and the one without dates of a place is judged as well.
    found = rows(steward, "select status, count(*) from mart.policy_check group by all order by all")
    assert found == [("late", 132), ("met", 544)]
    reasons = rows(steward, "select reason from mart.policy_check where status = 'late'")
    assert all("within 28 days of the last day of the trip" in reason for (reason,) in reasons)


def test_a_renamed_place_keeps_one_chain_of_ratings(steward: duckdb.DuckDBPyConnection) -> None:
    # Canada's "Israel, the West Bank and the Gaza Strip" became "Israel and Palestine" in one snapshot.
    gaps = rows(
        steward,
        """select place_id, valid_to, following from (
            select place_id, valid_to, lead(valid_from) over (partition by place_id order by valid_from) as following
            from mart.rating_period where provider = 'canada' and place_id in ('IL', 'PS')
        ) where following is not null and valid_to is distinct from following""",
    )
    assert gaps == []
    level = "select place_id, level from mart.rating_period where provider = 'canada' and valid_to is null"
    assert rows(steward, f"{level} and place_id in ('IL', 'PS') order by 1") == [("IL", 3), ("PS", 3)]


def test_a_scrape_error_lowers_no_level(steward: duckdb.DuckDBPyConnection) -> None:
    # The United States' page of France has been blank in the archive since 27 March 2025.
    france = "select level, valid_to from mart.rating_period where provider = 'united_states' and place_id = 'FR'"
    assert rows(steward, france) == [(3, None)]


def test_what_was_known_then_is_rebuilt(home: Path, steward: duckdb.DuckDBPyConnection) -> None:
    then = datetime(2024, 11, 1, tzinfo=UTC)
    with publish(home, then, then) as con:
        files = rows(con, "select feed, files from mart.feed_status where records > 0 order by feed")
        assert files == [("members", 4), ("visits", 4)]
        assert rows(con, "select count(*) from mart.rating_period") == [(0,)]
        assert rows(con, "select count(*) from mart.exposure where risk_level is not null") == [(0,)]
