"""A file from which records were erased did not come again: an old roster stays old."""

import os
from typing import Any

import pytest

from pipelines import landing
from pipelines.erasure.files import Changed, Eraser, Wanted, change_inbox
from pipelines.erasure.tokens import Tokens
from pipelines.landing import store
from pipelines.settings import Home
from tests.landing.conftest import Office
from tests.landing.test_load import roster


@pytest.fixture
def office(tmp_path: Any) -> Any:
    made = Office(Home(tmp_path / "home").prepare())
    yield made
    made.con.close()


def _erase(office: Office, name: str, wanted: Wanted) -> Changed:
    contracts = office.contracts()
    [entry] = [entry for entry in landing.ledger(office.home) if entry.file_name == name]
    changed = Eraser(office.home, contracts).erase(entry, wanted)
    assert changed is not None
    change_inbox(office.home, [changed])
    return changed


@pytest.mark.parametrize("older", [False, True])
def test_an_old_roster_without_a_person_stays_old(office: Office, older: bool) -> None:
    for name, each in (("a", (1, 2)), ("b", (2, 3))):
        path = office.put(f"people/{name}.csv", roster(*each))
        os.utime(path, (1, 1))
        office.run()
    if older:
        for entry in landing.ledger(office.home):
            text = (office.home.landing / "people" / f"{entry.sha256}.json").read_text()
            text = text.replace(f'"changed_ns": {entry.changed_ns}', '"changed_ns": 0')
            (office.home.landing / "people" / f"{entry.sha256}.json").write_text(text)
    _erase(office, "a.csv", Wanted(records={1}))
    office.run()
    assert "erased" in (office.home.inbox / "people" / "a.csv").read_text()
    assert office.rows("select person_id from land.people where is_current order by 1") == [("p2",), ("p3",)]
    assert [entry.again for entry in landing.ledger(office.home)] == [(), ()]


def test_every_name_under_which_a_file_came_loses_the_persons_and_keeps_its_place(office: Office) -> None:
    for name, each in (("a", (1, 2)), ("b", (2, 3)), ("roster zebra@example.edu new", (1, 2))):
        path = office.put(f"people/{name}.csv", roster(*each))
        os.utime(path, (1, 1))
        office.run()
    changed = _erase(office, "a.csv", Wanted(records={1}, tokens=Tokens(emails=frozenset({"zebra@example.edu"}))))
    assert changed.after is not None
    assert [receipt.file_name for receipt in changed.after.receipts] == ["a.csv", "roster erased new.csv"]
    assert sorted(path.name for path in (office.home.inbox / "people").iterdir()) == [
        "a.csv",
        "b.csv",
        "roster erased new.csv",
    ]
    office.run()
    assert office.rows("select record_number from land.people where is_current") == [(2,)]
    assert {len(entry.again) for entry in landing.ledger(office.home)} == {0, 1}


def test_two_files_that_become_the_same_came_whenever_either_did(office: Office) -> None:
    office.put("people/a.csv", roster(1, 2))
    office.run()
    changed = _erase(office, "a.csv", Wanted(records={1}))
    office.put("people/b.csv", roster(2, 3))
    office.run()
    office.put("people/c.csv", roster(1, 2))
    office.run()
    again = _erase(office, "c.csv", Wanted(records={1}))
    assert changed.after is not None and again.after is not None and changed.after.sha256 == again.after.sha256
    entry = store.read_sidecar(office.home.landing / "people" / f"{again.after.sha256}.json")
    assert [receipt.file_name for receipt in entry.receipts] == ["a.csv", "c.csv"]
    office.run()
    assert office.rows("select person_id from land.people where is_current") == [("p2",)]
