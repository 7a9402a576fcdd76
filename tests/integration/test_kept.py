"""What a run takes over from the run before it is what a full run would make (F5), and nothing that was erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import kept, models
from pipelines.run import Run, RunResult, run_plain
from pipelines.validation import process

from .conftest import AS_OF, Office, write_csv

FAR = datetime(2031, 1, 1, tzinfo=UTC)
"""Later than any file of a test is landed, so that all of them are known."""

TRIP = {
    "trip_id": "LATE-1",
    "registered_at": "2026-11-01T08:00:00Z",
    "updated_at": "2026-11-01T08:00:00Z",
    "trip_status": "active",
    "channel": "manual",
    "traveller_email": "late.comer@example.edu",
    "traveller_name": "Late Comer",
    "purpose": "university",
    "segment_number": 1,
    "segment_type": "lodging",
    "to_place": "Nairobi, Kenya",
    "starts_local": "2026-11-16T15:00",
    "ends_local": "2026-11-21T11:00",
}


def _run(office: Office, as_of: datetime) -> RunResult:
    return run_plain(office.home, as_of, FAR)


def _made(result: RunResult) -> set[str]:
    """The tables of models that a run did not take over."""
    return {f"{each.step}.{each.part}" for each in result.timings if each.is_made}


def _full(office: Office, as_of: datetime) -> RunResult:
    kept.kept_path(office.home).unlink()
    return _run(office, as_of)


def _same_marts(office: Office, as_of: datetime) -> list[str]:
    """The marts in which the last run differs from a full one of the same instant."""
    found = office.marts()
    _full(office, as_of)
    return [name for name, rows in office.marts().items() if found[name] != rows]


@pytest.fixture
def again(office: Office, tmp_path: Path) -> Office:
    """A copy of the office with what its last run left to the next one."""
    return office.copy(tmp_path / "again")


def test_new_records_and_a_later_instant_give_the_marts_of_a_full_run(again: Office) -> None:
    write_csv(again.home.inbox / "registrations" / "late.csv", [TRIP])
    later = AS_OF + timedelta(days=3)
    made = _made(_run(again, later))
    assert "core.claim" in made and "mart.exposure" in made
    assert "stage.person" not in made, "no person came"
    assert again.one("select count(*) from stay where trip_id = 'LATE-1'") > 0
    assert _same_marts(again, later) == []


@pytest.mark.parametrize("days", [1 / 1440, 40])
def test_where_only_the_clock_moved_the_marts_are_those_of_a_full_run(
    again: Office, days: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if days < 1:  # a later week begins from another state, which came in
        monkeypatch.setattr(process, "start", lambda: pytest.fail("Great Expectations has nothing to check"))
    later = AS_OF + timedelta(days=days)
    result = _run(again, later)
    monkeypatch.undo()
    made = _made(result)
    assert {"mart.current_exposure", "mart.feed_status"} <= made
    assert not made & {"stage.segment", "core.segment", "core.trip", "mart.trip", "mart.traveller"}
    checks, findings = result.check_count, sorted(finding.message for finding in result.findings)
    found = again.marts()
    full = _full(again, later)
    assert [name for name, rows in again.marts().items() if found[name] != rows] == []
    assert (full.check_count, sorted(finding.message for finding in full.findings)) == (checks, findings)


def test_a_run_of_the_same_instant_makes_nothing(again: Office) -> None:
    _run(again, AS_OF)
    assert _made(_run(again, AS_OF)) == set()


def test_a_changed_setting_gives_the_marts_of_a_full_run(again: Office) -> None:
    (again.home.root / "muster.yml").write_text(
        "resolution: most_specific\nopen_ended_days: 10\noffice_timezone: Asia/Tokyo\n"
    )
    assert "core.zone_level" in _made(_run(again, AS_OF))
    assert _same_marts(again, AS_OF) == []


def test_what_is_no_longer_landed_is_nowhere_in_the_warehouse(again: Office) -> None:
    name = b"late.comer@example.edu"
    write_csv(again.home.inbox / "registrations" / "late.csv", [TRIP])
    _run(again, AS_OF)
    assert name in kept.kept_path(again.home).read_bytes()
    for path in [*(again.home.landing / "registrations").glob("*"), again.home.inbox / "registrations" / "late.csv"]:
        if path.is_file() and name in path.read_bytes():
            for beside in path.parent.glob(f"{path.name[:64]}*"):
                beside.unlink()
    _run(again, AS_OF)
    assert name not in kept.kept_path(again.home).read_bytes()


@pytest.mark.parametrize("damage", [b"no database", None])
def test_a_damaged_or_foreign_file_costs_a_full_run_and_nothing_else(again: Office, damage: bytes | None) -> None:
    path = kept.kept_path(again.home)
    if damage is None:
        with duckdb.connect(str(path)) as con:
            con.execute("update main.basis set code_sha256 = 'of another version'")
    else:
        path.write_bytes(damage)
    assert {model.table for model in models.discover()} <= _made(_run(again, AS_OF))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_run_that_fails_hands_nothing_over(again: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import publish

    monkeypatch.setattr(publish, "publish", lambda *_: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError):
        _run(again, AS_OF + timedelta(days=1))
    assert not kept.kept_path(again.home).exists()
    monkeypatch.undo()
    _run(again, AS_OF)
    assert [path.name for path in again.home.warehouse.glob("*.duckdb")] == ["kept.duckdb"]


def test_a_home_that_keeps_no_tables_gets_the_same_marts_checks_and_findings(again: Office) -> None:
    full = _full(again, AS_OF)
    expected = again.marts()
    assert kept.kept_path(again.home).exists()
    again.home.settings_file.write_text(again.home.settings_file.read_text() + "\nkeep_tables: false\n")
    with Run(again.home, AS_OF, FAR) as run:
        run.reach("mart")
        left = set(_tables(run))
        assert not kept.kept_path(again.home).exists(), "what an earlier run left is no use any more"
        run.reach("publish")
        lean = run.result()
    assert {name for name, rows in again.marts().items() if expected[name] != rows} == set()
    assert not left & {
        "stage.segment",
        "core.segment",
        "core.episode",
        "core.audit_day",
        "core.stay_slice",
        "land.bookings",
    }
    assert {"land.file", "core.finding", "mart.stay", "mart.exposure"} <= left
    assert lean.check_count == full.check_count
    assert sorted(map(str, lean.findings)) == sorted(map(str, full.findings))
    assert list(again.home.warehouse.glob("*.duckdb")) == []


def _tables(run: Run) -> list[str]:
    found = run.con.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = current_database()"
    ).fetchall()
    return [name for (name,) in found]
