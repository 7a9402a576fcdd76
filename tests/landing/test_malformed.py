"""F1 and F3 over many malformed files at once: each byte in one record, each record loaded, blank or with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines.landing import parse, stage
from pipelines.landing.parse import prepare
from pipelines.landing.store import ledger
from pipelines.landing.text import GateError
from pipelines.settings import Home

from .conftest import Office
from .malformed import CASES, CONTRACT, FEEDS


def covered(office: Office, work: Path) -> dict[str, list[tuple[int, int]]]:
    """By file name the byte ranges of all records of each file that could be divided."""
    found = {}
    contracts = office.contracts()
    for number, landed in enumerate(ledger(office.home)):
        try:
            prepared = prepare(office.home, landed, contracts[landed.feed], work / str(number))
        except GateError:
            continue
        split = prepared.split
        found[landed.file_name] = [split.span(record) for record in range(1, split.records + 1)]
        start, size = prepared.header.end_byte, prepared.text.path.stat().st_size
        # The records begin where the header ends, follow each other without a gap, and end where the text ends.
        assert [first for first, _ in found[landed.file_name]] == [start, *[end for _, end in found[landed.file_name]]][
            :-1
        ]
        assert found[landed.file_name][-1][1] == size, landed.file_name
    return found


@pytest.fixture(scope="module", params=["group", "fast", "slow"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """All cases in one home, read in each of the three ways of reading."""
    made = Office(Home(tmp_path_factory.mktemp("malformed") / "home").prepare())
    for feed, more in FEEDS.items():
        made.contract({**CONTRACT, "feed": feed, "table": "things", **more})
    for number, (name, case) in enumerate(CASES.items()):
        # The number keeps files of the same bytes apart from nothing: each case has its own bytes within its feed.
        made.put(f"{case.feed}/{number:03} {name.replace('/', ' ')}.{case.suffix}", case.data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "SMALL_BYTES", 10_000_000 if request.param == "group" else -1)
        if request.param == "slow":
            patch.setattr(stage, "read_typed", partial(parse.read_typed, force_slow=True))
        made.run()
    yield made
    made.con.close()


def test_each_case_is_a_file_of_its_own(office: Office) -> None:
    assert office.one("select count(*) from land.file") == len(CASES) >= 100


@pytest.fixture(scope="module")
def told(office: Office) -> dict[str, dict[str, Any]]:
    """What is known of each case, by its name."""
    names = dict(enumerate(CASES))
    found: dict[str, dict[str, Any]] = {}
    for file_name, number, *account in office.rows(
        "select file_name, file_number, status, message, records, loaded, rejected, blank from land.file"
    ):
        entry = dict(zip(("status", "message", "records", "loaded", "rejected", "blank"), account, strict=True))
        entry["ids"] = []
        entry["reasons"] = []
        entry["number"] = number
        found[names[int(file_name[:3])]] = entry
    by_number = {entry["number"]: entry for entry in found.values()}
    staged = "select file_number, id from staged_things order by file_number, record_number"
    office.con.execute(
        "create or replace temp table staged_things as select f.file_number, s.id, s.record_number from read_parquet("
        f"'{office.home.landing}/*/*.staged.parquet', filename = true, union_by_name = true) as s "
        "join land.file as f on contains(s.filename, f.file_sha256) and contains(s.filename, '/' || f.feed || '/')"
    )
    for number, key in office.rows(staged):
        by_number[number]["ids"].append(key)
    for number, reason in office.rows(
        "select file_number, reason from land.rejected_record order by file_number, record_number"
    ):
        by_number[number]["reasons"].append(reason)
    return found


@pytest.mark.parametrize("name", CASES)
def test_clean_rows_load_and_the_others_have_their_reasons(told: dict[str, dict[str, Any]], name: str) -> None:
    case, found = CASES[name], told[name]
    assert found["records"] == found["loaded"] + found["rejected"] + found["blank"]
    if case.fails is not None:
        assert (found["status"], found["loaded"]) == ("failed", 0)
        assert case.fails in found["message"] and "\n" not in found["message"] and len(found["message"]) > 10
        return
    assert (found["status"], " ".join(found["ids"])) == ("loaded", case.loads)
    assert (found["loaded"], found["blank"]) == (len(case.loads.split()), case.blank)
    assert len(found["reasons"]) == len(case.rejects) == found["rejected"]
    for words, reason in zip(case.rejects, found["reasons"], strict=True):
        assert words in reason


def test_every_byte_after_a_header_is_in_one_record(office: Office, tmp_path: Path) -> None:
    spans = covered(office, tmp_path)
    accounts = dict(office.rows("select file_name, records from land.file where records > 0"))
    assert {name: len(found) for name, found in spans.items() if name in accounts} == accounts
    packed = {f"{number:03}" for number, case in enumerate(CASES.values()) if case.data.startswith(b"\x1f\x8b")}
    data = {f"{number:03}": case.data for number, case in enumerate(CASES.values())}
    for name, start, end, raw in office.rows(
        "select file_name, byte_start, byte_end, raw from land.rejected_record join land.file using (file_number)"
    ):
        if name[:3] not in packed:
            assert data[name[:3]][start:end].startswith(raw) and (len(raw) == end - start or len(raw) > 64 * 1024)


def test_nothing_told_of_a_file_quotes_it(told: dict[str, dict[str, Any]]) -> None:
    words = [entry["message"] or "" for entry in told.values()] + [
        each for entry in told.values() for each in entry["reasons"]
    ]
    assert not [text for text in words if "José" in text or "Example" in text or "xxxx" in text]
