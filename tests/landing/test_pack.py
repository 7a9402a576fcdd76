"""Packs: the rows of many small files come from few, are the same, and hold nothing that was erased or spoilt."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import landing
from pipelines.erasure.files import remove_landed
from pipelines.landing import pack, rows
from pipelines.settings import Settings

LATER = datetime(2100, 1, 1)


def register(office: Any, files: int, first: int = 0) -> None:
    """Files of two trips each; every file changes one trip of the file before it."""
    for number in range(first, first + files):
        lines = ["trip_id,updated_at,segment_type,to_place"]
        lines += [f"T{number + each},2026-01-01T00:{number:02d}:00Z,lodging,place {number}" for each in range(2)]
        office.put(f"registrations/{number:03d}.csv", "\n".join(lines) + "\n")


def content(office: Any) -> list[Any]:
    return office.rows("select * exclude (received_at) from land.registrations order by all")


def pack_files(office: Any) -> list[Path]:
    return sorted((office.home.landing / "registrations").glob("pack-*.parquet"))


@pytest.fixture
def registered(office: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Seven files that were read one by one, and may be packed by threes."""
    register(office, 7)
    office.run()
    assert pack_files(office) == []
    monkeypatch.setattr(pack, "PACKED_FILES", 3)
    return office


def read_alone(office: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run; returns the files whose rows were read from beside them."""
    asked: list[str] = []
    sound = rows.require_sound

    def watch(home: Any, staged_files: list[Any], tell: Any) -> list[Path]:
        asked.extend(each.landed.file_name for each in staged_files)
        return sound(home, staged_files, tell)

    with monkeypatch.context() as watched:
        watched.setattr(rows, "require_sound", watch)
        office.run()
    return asked


def test_packed_rows_are_those_of_their_files(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(registered)
    assert len(before) == 8
    alone = read_alone(registered, monkeypatch)
    assert len(pack_files(registered)) == 2 and len(alone) == 1
    assert content(registered) == before


def test_what_comes_later_is_read_beside_packs_and_is_packed_when_it_is_enough(
    registered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered.run()
    register(registered, 1, first=7)
    assert len(read_alone(registered, monkeypatch)) == 2
    register(registered, 1, first=8)
    assert len(read_alone(registered, monkeypatch)) == 0 and len(pack_files(registered)) == 3
    packed = content(registered)
    assert len(packed) == 10
    for each in pack_files(registered):
        each.unlink()
    monkeypatch.setattr(pack, "PACKED_FILES", 100)
    assert len(read_alone(registered, monkeypatch)) == 9
    assert content(registered) == packed


def test_only_files_received_by_known_at_count_from_packs(registered: Any) -> None:
    registered.run()
    landed = sorted(entry.landed_at for entry in landing.ledger(registered.home))
    known_at = datetime.fromisoformat(landed[4])
    registered.run(known_at)
    assert registered.one("select count(*) from land.file") == 5
    assert registered.one("select count(distinct file_number) from land.registrations") <= 5
    seen = content(registered)
    for each in pack_files(registered):
        each.unlink()
    registered.run(known_at)
    assert content(registered) == seen


def test_a_held_snapshot_counts_for_nothing_in_a_pack(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "PACKED_FILES", 3)
    office.contract({"feed": "people", "received_at": "{YYYYMMDD}{*}.csv"})
    for day, people in (("01", range(20)), ("08", range(13)), ("15", range(14))):
        office.put(f"people/202601{day}.csv", "person_id\n" + "".join(f"p{number}\n" for number in people))
    office.run()
    assert len(list((office.home.landing / "people").glob("pack-*.parquet"))) == 1
    found = office.rows("select file_name, status from land.file order by 1")
    assert found == [("20260101.csv", "loaded"), ("20260108.csv", "held"), ("20260115.csv", "loaded")]
    assert office.one("select count(*) from land.people where is_current") == 14


def test_a_spoilt_pack_is_named_and_its_files_are_read(registered: Any) -> None:
    before = content(registered)
    registered.run()
    victim = pack_files(registered)[0]
    spoilt = bytearray(victim.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    victim.write_bytes(spoilt)
    told: list[str] = []
    contracts = registered.contracts()
    landing.load(registered.con, registered.home, Settings(), contracts, LATER, tell=told.append)
    assert len(told) == 1 and victim.name in told[0] and "one by one" in told[0]
    assert content(registered) == before
    assert not victim.exists()
    registered.run()
    assert victim.exists()  # it was made anew


def test_a_pack_that_does_not_say_what_it_holds_is_not_read(registered: Any) -> None:
    before = content(registered)
    registered.run()
    account = pack_files(registered)[0].with_suffix(".account.json")
    document = json.loads(account.read_text())
    document["members"].reverse()
    account.write_text(json.dumps(document))
    landing.load(registered.con, registered.home, Settings(), registered.contracts(), LATER)
    assert content(registered) == before


def test_nothing_that_was_removed_stays_in_a_pack(registered: Any) -> None:
    registered.run()
    gone = next(entry for entry in landing.ledger(registered.home) if entry.file_name == "003.csv")
    holding = [each for each in pack_files(registered) if gone.sha256 in each.with_suffix(".account.json").read_text()]
    assert holding
    (registered.home.inbox / "registrations/003.csv").unlink()
    remove_landed(registered.home, gone)
    assert not any(each.exists() for each in holding)
    for path in (registered.home.landing / "registrations").iterdir():
        assert gone.sha256.encode() not in path.read_bytes()
    registered.run()
    assert registered.one("select count(*) from land.file") == 6


def test_a_changed_contract_leaves_no_pack_of_the_old_one(registered: Any) -> None:
    registered.run()
    old = pack_files(registered)
    registered.contract({"feed": "registrations", "ignore_columns": ["note"]})
    registered.run()
    assert len(pack_files(registered)) == 2 and not any(each.exists() for each in old)


def test_large_files_lie_by_themselves(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "SMALL_BYTES", 40)
    registered.run()
    assert pack_files(registered) == []


def test_a_copy_of_what_was_received_leaves_packs_out(registered: Any) -> None:
    registered.run()
    named = (registered.home.landing / "registrations").glob("*.json")
    entries = [path.name for path in named if not path.name.endswith(".account.json")]
    assert len(entries) == 7 and not any(name.startswith("pack-") for name in entries)
