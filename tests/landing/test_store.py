"""F2 and the store: once, byte for byte, whoever races, and nothing from outside the inbox."""

import json
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import landing
from pipelines.errors import MusterError
from pipelines.landing import store
from pipelines.settings import Home, Settings
from tests.landing.conftest import LATER

PEOPLE = "person_id,email\np1,a@example.edu\n"


def test_the_same_file_five_times_renamed_loads_once(office: Any) -> None:
    for number in range(5):
        office.put(f"people/roster {number}.csv", PEOPLE)
    office.run()
    assert office.rows("select file_name, records, loaded from land.file") == [("roster 0.csv", 1, 1)]
    office.put("people/roster 6.csv", PEOPLE)
    office.run()
    assert office.one("select count(*) from land.people") == 1


def _land(root: Path, start: Any, results: Any) -> None:
    start.wait()
    entries = landing.land_inbox(Home(root), {})
    results.put(sorted((entry.sha256, entry.landed_at, entry.file_name) for entry in entries))


def test_two_runs_at_once_land_each_file_once(office: Any) -> None:
    for number in range(30):
        office.put(f"people/{number}.csv", PEOPLE + f"p{number},\n")
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    runs = [context.Process(target=_land, args=(office.home.root, start, results)) for _ in range(2)]
    for run in runs:
        run.start()
    start.set()
    first, second = results.get(timeout=60), results.get(timeout=60)
    for run in runs:
        run.join()
    assert first == second
    assert len(landing.ledger(office.home)) == 30
    assert not list((office.home.landing / "people").glob(".*"))


def test_bytes_and_ledger_are_what_was_received(office: Any) -> None:
    office.put("people/a.csv", PEOPLE)
    [entry] = landing.land_inbox(office.home, {})
    assert entry.path(office.home).read_text() == PEOPLE
    assert json.loads(entry.path(office.home).with_suffix(".json").read_text())["byte_count"] == len(PEOPLE)
    assert entry.path(office.home).stat().st_mode & 0o077 == 0


def test_an_unchanged_inbox_is_not_read_again(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = office.put("people/a.csv", PEOPLE)
    os.utime(path, (1, 1))
    [entry] = landing.land_inbox(office.home, {})
    monkeypatch.setattr(store, "_land_one", None)
    assert landing.land_inbox(office.home, {}) == [entry]


def test_links_and_folders_below_a_feed_are_told_and_not_read(office: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(PEOPLE)
    office.put("people/below/a.csv", PEOPLE)
    (office.home.inbox / "people" / "link.csv").symlink_to(outside)
    (office.home.inbox / "ratings").symlink_to(tmp_path)
    os.mkfifo(office.home.inbox / "people" / "pipe")
    assert landing.land_inbox(office.home, {}) == []
    told = " ".join(landing.inbox_notices(office.home))
    assert all(name in told for name in ("people/below", "people/link.csv", "inbox/ratings", "people/pipe"))


def test_hidden_and_temporary_files_are_left_alone(office: Any) -> None:
    for name in (".hidden.csv", "~$a.csv", "a.csv.tmp", "a.csv.part", "a.csv~", "a.crdownload"):
        office.put(f"people/{name}", PEOPLE)
    assert landing.land_inbox(office.home, {}) == []


def test_a_folder_without_a_contract_is_a_finding(office: Any) -> None:
    office.put("registration/a.csv", "trip_id\n1\n")
    office.put("loose.csv", "trip_id\n2\n")
    office.run()
    found = dict(office.rows("select feed, message from land.file where status = 'failed'"))
    assert "no contract declares the feed registration" in found["registration"]
    assert "no feed's folder" in found["inbox"]


def test_a_landed_file_that_changed_later_is_an_error_that_names_it(office: Any) -> None:
    office.put("people/a.csv", PEOPLE)
    contracts = office.contracts()
    [entry] = landing.land_inbox(office.home, contracts)
    entry.path(office.home).write_text(PEOPLE + "p2,\n")
    with pytest.raises(MusterError, match=entry.sha256):
        landing.stage_files(office.home, contracts)


def test_unchanged_files_are_not_parsed_again_and_a_changed_contract_parses_them(office: Any) -> None:
    office.put("people/a.csv", "Nummer,email\np1,x\n")
    contracts = office.contracts()
    landing.land_inbox(office.home, contracts)
    assert [account.status for account in landing.stage_files(office.home, contracts)] == ["failed"]
    assert landing.stage_files(office.home, contracts) == []
    office.contract({"feed": "people", "columns": {"person_id": {"aliases": ["Nummer"]}}})
    assert [account.loaded for account in landing.stage_files(office.home, office.contracts())] == [1]
    digest = office.contracts()["people"].digest()
    beside = [path.name for path in (office.home.landing / "people").iterdir()]
    assert all(name.count(".") < 2 or digest in name for name in beside)


def flip(path: Path, at: int) -> None:
    """Spoil one byte and leave size and time of change as they were, as a disk does."""
    content, times = bytearray(path.read_bytes()), path.stat()
    content[at] ^= 0x10
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("kind", ["staged", "rejected", "account"])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.5, 0.99])
def test_a_spoilt_staged_file_is_named_and_made_anew_and_never_read(office: Any, kind: str, where: float) -> None:
    office.put(
        "people/a.csv", PEOPLE + "".join(f"p{number},{number}@example.edu\n" for number in range(2, 200)) + "x\n"
    )
    office.run()
    people, rejected = office.rows("from land.people order by all"), office.rows("from land.rejected_record")
    assert len(people) == 199 and len(rejected) == 1
    [path] = (office.home.landing / "people").glob(f"*.{kind}.*")
    sound = path.read_bytes()
    flip(path, int(where * len(sound)))
    told: list[str] = []
    contracts = office.contracts()
    staged_anew = landing.stage_files(office.home, contracts)  # which looks at accounts alone
    landing.load(office.con, office.home, Settings(), contracts, LATER, tell=told.append)
    assert len(told) + len(staged_anew) == 1 and all(str(path) in line for line in told)
    assert office.rows("from land.people order by all") == people
    assert office.rows("from land.rejected_record") == rejected
    assert path.read_bytes() == sound
    landing.load(office.con, office.home, Settings(), contracts, LATER, tell=told.append)
    assert len(told) + len(staged_anew) == 1


def test_a_spoilt_staged_file_of_a_changed_landed_one_is_refused(office: Any) -> None:
    office.put("people/a.csv", PEOPLE)
    office.run()
    [staged] = (office.home.landing / "people").glob("*.staged.parquet")
    flip(staged, 40)
    [entry] = landing.ledger(office.home)
    entry.path(office.home).write_text(PEOPLE.replace("p1", "p9"))
    with pytest.raises(MusterError, match=entry.sha256):
        landing.load(office.con, office.home, Settings(), office.contracts(), LATER)


def test_what_a_version_without_digests_staged_is_parsed_once_more(office: Any) -> None:
    office.put("people/a.csv", PEOPLE)
    office.run()
    [account] = (office.home.landing / "people").glob("*.account.json")
    document = json.loads(account.read_text())
    account.write_text(json.dumps({name: value for name, value in document.items() if "_sha256" not in name}))
    assert [each.loaded for each in landing.stage_files(office.home, office.contracts())] == [1]
    assert landing.stage_files(office.home, office.contracts()) == []


def test_receipt_comes_from_the_file_name_in_the_zone_of_the_contract(office: Any) -> None:
    office.contract({"feed": "people", "received_at": "{*}{YYYYMMDD}.csv", "time_zone": "America/New_York"})
    office.put("people/roster-20260301.csv", PEOPLE)
    office.put("people/other.csv", PEOPLE + "p2,\n")
    office.run()
    found = office.rows("select file_name, received_at, status from land.file order by file_name desc")
    assert found[0] == ("roster-20260301.csv", datetime(2026, 3, 1, 5), "loaded")
    assert found[1][2] == "failed"


def test_a_broken_ledger_entry_is_an_error_that_names_it(office: Any) -> None:
    office.put("people/a.csv", PEOPLE)
    [entry] = landing.land_inbox(office.home, {})
    entry.path(office.home).with_suffix(".json").write_text("{")
    with pytest.raises(MusterError, match="ledger entry"):
        landing.ledger(office.home)


def test_an_unwritable_store_is_one_clear_sentence(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "landing")

    office.put("people/a.csv", PEOPLE)
    monkeypatch.setattr(store, "_copy", full)
    with pytest.raises(MusterError, match="No space left"):
        landing.land_inbox(office.home, {})
    assert landing.ledger(office.home) == []


def test_feeds_are_missing_ok_or_stale(office: Any) -> None:
    office.put("people/a.csv", PEOPLE)
    office.run()
    contracts = office.contracts()
    files = landing.files_report(office.home, contracts)
    assert [(file.feed, file.records, file.loaded) for file in files] == [("people", 1, 1)]
    status = {each.feed: each.status for each in landing.feeds_report(files, contracts, datetime.now(UTC))}
    assert (status["people"], status["alerts"]) == ("ok", "missing")
    later = landing.feeds_report(files, contracts, datetime(2090, 1, 1, tzinfo=UTC))
    assert {each.feed: each.status for each in later}["people"] == "stale"
