"""The same bytes received again: once in the account, but the newest truth of a snapshot, and fresh (F2, F3, F5)."""

import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import landing
from pipelines.commands import pipeline
from pipelines.errors import MusterError, UsageError
from pipelines.landing import receipts, store
from pipelines.landing.receipts import Receipt
from tests.landing.test_load import DATED, roster

HIGH, LOW = "place,level\nKE,high\nFR,low\n", "place,level\nKE,low\nFR,low\n"
SNAPSHOT = {
    "feed": "advisories",
    "table": "ratings",
    "mode": "snapshot",
    "key": ["provider", "category", "place_type", "place", "valid_from"],
    "key_fallbacks": {"valid_from": ["received_at"]},
    "columns": {
        "provider": {"constant": "p"},
        "category": {"constant": "overall"},
        "place_type": {"constant": "country"},
        "place": {},
        "level": {},
    },
}
IN_FORCE = "select person_id from land.people where is_current order by 1"


@pytest.fixture
def advisories(office: Any) -> Any:
    office.contract(SNAPSHOT)
    return office


def kenya(office: Any) -> list[Any]:
    return [level for (level,) in office.rows("select level from land.ratings where place = 'KE' order by received_at")]


def people(office: Any) -> list[Any]:
    return [person for (person,) in office.rows(IN_FORCE)]


def settle(path: Path) -> Path:
    """Give a file a time of change that lies back, as of one that is not being written."""
    then = time.time() - 60
    os.utime(path, (then, then))
    return path


def test_a_list_that_goes_back_to_earlier_bytes_is_in_force_and_the_one_before_is_history(advisories: Any) -> None:
    for name, text in (("d1", HIGH), ("d2", LOW), ("d3", HIGH)):
        advisories.put(f"advisories/{name}.csv", text)
        advisories.run()
    assert kenya(advisories) == ["high", "low", "high"]
    assert advisories.rows("select level from land.ratings where place = 'KE' and is_current group by all") == [
        ("high",)
    ]
    files = advisories.rows("select file_name, came_again, loaded from land.file order by file_number")
    assert files == [("d1.csv", True, 2), ("d2.csv", False, 2), ("d3.csv", False, 2)]


def test_all_of_a_first_inbox_comes_in_the_order_of_its_names(advisories: Any) -> None:
    for name, text in (("d1", HIGH), ("d2", LOW), ("d3", HIGH)):
        advisories.put(f"advisories/{name}.csv", text)
    advisories.run()
    assert kenya(advisories) == ["high", "low", "high"]


def test_one_name_that_is_written_over_may_go_back_too(office: Any) -> None:
    for each in ((1, 2), (1, 2, 3), (1, 2)):
        settle(office.put("people/latest.csv", roster(*each)))
        office.run()
    assert people(office) == ["p1", "p2"]


def test_one_name_that_goes_back_with_its_old_time_of_change(office: Any) -> None:
    for each in ((1, 2), (1, 2, 3), (1, 2)):
        path = office.put("people/latest.csv", roster(*each))
        os.utime(path, (len(each), len(each)))
        office.run()
    assert people(office) == ["p1", "p2"]


def test_people_of_a_roster_that_came_again_are_there_once(office: Any) -> None:
    for name, each in (("a", (1, 2)), ("b", (1, 3)), ("c", (1, 2)), ("d", (1, 3)), ("e", (1, 2))):
        office.put(f"people/{name}.csv", roster(*each))
        office.run()
    assert office.rows("select person_id, is_current from land.people order by 1") == [
        ("p1", True),
        ("p2", True),
        ("p3", False),
    ]
    assert office.rows("select count(distinct file_sha256), sum(loaded) from land.file where not came_again") == [
        (2, 4)
    ]


def test_what_was_known_before_bytes_came_again_stays_known(advisories: Any) -> None:
    for name, text in (("d1", HIGH), ("d2", LOW)):
        advisories.put(f"advisories/{name}.csv", text)
        advisories.run()
    between = datetime.now(UTC).replace(tzinfo=None)
    before = advisories.rows("select * from land.ratings order by all"), advisories.rows("from land.file order by all")
    advisories.put("advisories/d3.csv", HIGH)
    advisories.run()
    advisories.run(between)
    after = advisories.rows("select * from land.ratings order by all"), advisories.rows("from land.file order by all")
    assert after == before


def test_an_unchanged_roster_under_a_new_name_is_fresh_and_loads_once(office: Any) -> None:
    office.put("people/a.csv", roster(1, 2))
    office.run()
    [before] = landing.ledger(office.home)
    office.put("people/b.csv", roster(1, 2))
    office.run()
    [after] = landing.ledger(office.home)
    assert [receipt.file_name for receipt in after.again] == ["b.csv"]
    assert office.rows("select file_name, loaded, received_at, last_received_at from land.file") == [
        ("a.csv", 2, datetime.fromisoformat(before.landed_at), datetime.fromisoformat(after.again[0].landed_at))
    ]


def test_an_upsert_feed_that_came_again_is_fresh_and_nothing_else(office: Any) -> None:
    head = "trip_id,segment_type,to_place\n"
    for name, place in (("a", "X"), ("b", "Y"), ("c", "X")):
        office.put(f"registrations/{name}.csv", f"{head}t1,rail,{place}\n")
        office.run()
    assert office.rows("select to_place from land.registrations") == [("Y",)]
    [(newest,)] = office.rows("select max(last_received_at) from land.file")
    assert newest == max(datetime.fromisoformat(entry.receipts[-1].landed_at) for entry in landing.ledger(office.home))


@pytest.mark.parametrize("memory", ["kept", "lost"])
def test_a_file_that_stays_in_the_inbox_is_no_receipt(office: Any, memory: str) -> None:
    settle(office.put("people/a.csv", roster(1, 2)))
    office.put("people/b.csv", roster(1, 2, 3))
    office.run()
    for _ in range(2):
        if memory == "lost":
            (office.home.landing / store.INBOX_CACHE).unlink()
        office.run()
    assert [entry.again for entry in landing.ledger(office.home)] == [(), ()]


def test_an_entry_of_an_older_version_whose_inbox_is_no_longer_remembered_is_no_receipt(office: Any) -> None:
    settle(office.put("people/a.csv", roster(1, 2)))
    settle(office.put("people/twin.csv", roster(1, 2)))
    office.put("people/b.csv", roster(1, 2, 3))
    office.run()
    for entry in landing.ledger(office.home):
        store.write_entry(office.home, replace(entry, changed_ns=0, again=()))
    (office.home.landing / store.INBOX_CACHE).unlink()
    office.run()
    assert [entry.again for entry in landing.ledger(office.home)] == [(), ()]
    assert people(office) == ["p1", "p2", "p3"]


def test_a_file_that_is_renamed_in_the_inbox_is_no_receipt(office: Any) -> None:
    old = settle(office.put("people/roster.csv", roster(1, 2)))
    office.run()
    old.rename(old.with_name("roster_old.csv"))
    office.put("people/roster.csv", roster(1, 2, 3))
    office.run()
    assert people(office) == ["p1", "p2", "p3"]
    assert all(not entry.again for entry in landing.ledger(office.home))


def test_a_copy_that_is_kept_before_a_new_file_comes_is_not_newer_than_it(office: Any) -> None:
    path = settle(office.put("people/roster.csv", roster(1, 2)))
    office.run()
    shutil.copy(path, path.with_name("roster_old.csv"))
    time.sleep(0.02)
    path.unlink()
    office.put("people/roster.csv", roster(1, 2, 3))
    office.run()
    assert people(office) == ["p1", "p2", "p3"]


def test_what_came_again_after_a_new_file_of_the_same_run_is_newer_than_it(office: Any) -> None:
    settle(office.put("people/d1.csv", roster(1, 2)))
    office.run()
    office.put("people/d2.csv", roster(1, 2, 3))
    time.sleep(0.02)
    office.put("people/d3.csv", roster(1, 2))
    office.run()
    assert people(office) == ["p1", "p2"]


def test_a_home_that_was_copied_without_its_times_keeps_its_order(office: Any) -> None:
    for name, each in (("z", (1, 2)), ("a", (1, 2, 3))):
        settle(office.put(f"people/{name}.csv", roster(*each)))
        office.run()
    for name in ("a", "z"):
        os.utime(office.home.inbox / "people" / f"{name}.csv")
    office.run()
    assert people(office) == ["p1", "p2", "p3"]


def test_a_new_file_is_newer_than_old_ones_that_were_only_written_again(office: Any) -> None:
    path = settle(office.put("people/a.csv", roster(1, 2)))
    office.run()
    office.put("people/b.csv", roster(1, 2, 3))
    time.sleep(0.02)
    os.utime(path)
    office.run()
    assert people(office) == ["p1", "p2", "p3"]


def test_a_day_in_the_name_says_when_bytes_came_again(office: Any) -> None:
    office.contract({"feed": "people", "received_at": DATED})
    for day, each in (("01", (1, 2)), ("02", (1, 2, 3)), ("05", (1, 2)), ("04", (1, 2, 3))):
        office.put(f"people/202601{day}.csv", roster(*each))
        office.run()
    assert people(office) == ["p1", "p2"]
    found = office.rows("select received_at, last_received_at, came_again from land.file order by 1")
    assert found == [
        (datetime(2026, 1, 1), datetime(2026, 1, 1), True),
        (datetime(2026, 1, 2), datetime(2026, 1, 4), False),
        (datetime(2026, 1, 5), datetime(2026, 1, 5), False),
    ]
    office.run(datetime(2026, 1, 3))
    assert people(office) == ["p1", "p2", "p3"]


def test_the_name_says_which_part_bytes_that_came_again_replace(office: Any) -> None:
    office.contract({"feed": "people", "received_at": DATED, "parts": ["students", "staff"]})
    for name, each in (("20260101-students", (1,)), ("20260102-students", (1, 2)), ("20260103-staff", (1,))):
        office.put(f"people/{name}.csv", roster(*each))
        office.run()
    assert people(office) == ["p1", "p1", "p2"]


def test_a_shrunken_list_stays_held_when_the_good_one_comes_again(office: Any) -> None:
    for name, each in (("a", range(20)), ("b", range(5)), ("c", range(20))):
        office.put(f"people/{name}.csv", roster(*each))
        office.run()
    assert office.rows("select file_name, status, came_again from land.file order by file_number") == [
        ("a.csv", "loaded", True),
        ("b.csv", "held", False),
        ("c.csv", "loaded", False),
    ]
    assert len(people(office)) == 20
    states = landing.files_report(office.home, office.contracts())
    assert [(file.status, file.loaded) for file in states] == [("held", 5), ("loaded", 20)]


def test_an_unknown_entry_of_the_inboxs_memory_is_not_asked(office: Any) -> None:
    office.put("people/a.csv", roster(1))
    office.run()
    (office.home.landing / store.INBOX_CACHE).write_text('{"people/a.csv": [1], "people/b.csv": null}')
    office.put("people/b.csv", roster(1, 2))
    office.run()
    assert people(office) == ["p1", "p2"]


def test_receipts_are_bounded_and_those_between_which_another_file_came_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MOST_RECEIPTS", 3)
    again: tuple[Receipt, ...] = ()
    for number in (2, 4, 5, 6, 7, 8):
        again = receipts.added("1", again, Receipt(str(number), "x"), ["3"])
    assert [receipt.landed_at for receipt in again] == ["2", "4", "8"]


def test_a_file_that_its_name_dates_after_now_is_a_failed_file_until_then(office: Any) -> None:
    office.contract({"feed": "people", "received_at": "{YYYYMMDD}.csv"})
    office.put("people/20260101.csv", roster(1, 2))
    office.put("people/20991231.csv", roster(1, 2, 3))
    now = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=1)
    office.run(now)
    assert people(office) == ["p1", "p2"]
    [(status, message)] = office.rows("select status, message from land.file where file_name = '20991231.csv'")
    assert status == "failed"
    assert "received 2099-12-31 00:00 UTC, which has not come" in message and "time_zone" in message
    office.run()
    assert people(office) == ["p1", "p2", "p3"]
    office.run(datetime(2026, 1, 2))
    assert office.one("select count(*) from land.file") == 1  # before it landed nothing was known of it


def test_bytes_that_came_again_under_a_name_that_dates_them_after_now_are_told(office: Any) -> None:
    office.contract({"feed": "people", "received_at": "{YYYYMMDD}.csv"})
    for day in ("20260101", "20991231"):
        office.put(f"people/{day}.csv", roster(1, 2))
    office.run(datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=1))
    [(status, message, newest)] = office.rows("select status, message, last_received_at from land.file")
    assert (status, newest) == ("loaded", datetime(2026, 1, 1)) and "20991231.csv" in message


def test_a_state_that_is_not_known_yet_cannot_be_asked_for(office: Any) -> None:
    with pytest.raises(UsageError, match="has not come yet"):
        pipeline.run(office.home, pipeline.RunOptions(known_at="2090-01-01"))


@pytest.mark.parametrize(
    ("text", "state"), [(roster(1, 2), "is not held but loaded"), ("person_id,family_name\n", "is not held but failed")]
)
def test_a_file_that_is_not_held_cannot_be_released(office: Any, text: str, state: str) -> None:
    office.put("people/a.csv", text)
    office.run()
    [entry] = landing.ledger(office.home)
    with pytest.raises(MusterError, match=state):
        landing.release(office.home, entry.sha256)
    assert not store.is_released(office.home, entry)
