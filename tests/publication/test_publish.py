from __future__ import annotations

import errno
import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines import publish as publishing
from pipelines.errors import MusterError
from pipelines.locking import run_lock
from pipelines.publish import clean_up, current, publish
from pipelines.settings import Home

POINTS = ["analyst", "duty", "steward", "written", "durable", "renamed", "swapped"]
MakeBuild = Callable[[str], Path]


def read(home: Home, role: str, sql: str) -> list[tuple]:
    with duckdb.connect(str(current(home) / f"{role}.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_first_publication_makes_every_file_private(home: Home, make_build: MakeBuild) -> None:
    publication = publish(home, make_build("r1"), "r1")
    assert current(home) == publication.path == home.published / "000001-r1"
    names = {path.name for path in publication.path.iterdir()}
    assert names == {"analyst.duckdb", "duty.duckdb", "steward.duckdb", "parquet"}
    assert {oct(path.stat().st_mode & 0o777) for path in publication.path.rglob("*") if path.is_file()} == {"0o600"}
    assert oct(publication.path.stat().st_mode & 0o777) == oct(home.published.stat().st_mode & 0o777) == "0o700"


def test_analyst_file_and_parquet_hold_no_names_and_no_raw_bytes(published: Home) -> None:
    assert read(published, "analyst", "select * from traveller_contact") == []
    assert read(published, "analyst", "select * from rejected_record") == []
    assert read(published, "analyst", "select count(*) from exposure") == [(7,)]
    folder = current(published)
    for path in [folder / "analyst.duckdb", *folder.glob("parquet/*")]:
        content = path.read_bytes()
        assert [marker for marker in (b"example.org", b"RAW-MARKER", b"Name of t_") if marker in content] == [], path
    assert {path.stem for path in folder.glob("parquet/*")}.isdisjoint({"traveller_contact", "rejected_record"})


def test_duty_file_holds_contacts_of_people_near_in_time_and_abroad(published: Home) -> None:
    ids = {row[0] for row in read(published, "duty", "select traveller_id from traveller_contact")}
    assert ids == {"t_ann", "t_bob", "t_cat", "t_eve"}
    assert read(published, "duty", "select * from rejected_record") == []
    assert b"RAW-MARKER" not in (current(published) / "duty.duckdb").read_bytes()


def test_duty_file_holds_notes_of_people_near_in_time_and_no_names_of_files(
    home: Home, make_build: Callable[[str], Path]
) -> None:
    build = make_build("r1")
    with duckdb.connect(str(build)) as con:
        con.execute(
            "create table mart.trip_audit as select traveller_id, 'confirmed' as decision, 'officer' as decided_by, "
            "'NOTE on ' || traveller_id as decision_note from mart.traveller"
        )
    publish(home, build, "r1")
    notes = read(home, "duty", "select traveller_id from trip_audit where decision_note is not null order by all")
    assert notes == [("t_ann",), ("t_bob",), ("t_cat",), ("t_eve",)]
    assert read(home, "duty", "select count(*) from trip_audit where decided_by = 'officer'") == [(7,)]
    assert b"NOTE on t_gus" not in (current(home) / "duty.duckdb").read_bytes()
    assert read(home, "duty", "select file_name from landed_file") == [(None,)]
    assert read(home, "analyst", "select count(decision_note), count(decided_by) from trip_audit") == [(0, 0)]
    assert read(home, "steward", "select count(decision_note) from trip_audit") == [(7,)]
    assert read(home, "steward", "select file_name from landed_file") == [("people.csv",)]


def test_steward_file_holds_everything(published: Home) -> None:
    assert read(published, "steward", "select count(*) from traveller_contact") == [(7,)]
    assert read(published, "steward", "select decode(raw) from rejected_record") == [
        ("RAW-MARKER someone@example.org",)
    ]


def test_contact_columns_are_withheld_from_analysts(
    home: Home, make_build: MakeBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_withheld_columns", lambda: frozenset({"message"}))
    publish(home, make_build("r1"), "r1")
    assert read(home, "analyst", "select message from data_quality") == [(None,)]
    assert read(home, "duty", "select message from data_quality") == [(None,)]
    assert read(home, "steward", "select message from data_quality") == [("one row",)]
    assert read(home, "steward", "select message from data_quality") == [("one row",)]


def test_publication_row_describes_itself(published: Home) -> None:
    row = read(published, "analyst", "select generation, landed_files, has_invented_ratings from publication")
    assert row == [(1, 2, True)]


def test_publishing_from_an_open_connection_gives_the_same(home: Home, make_build: MakeBuild) -> None:
    con = duckdb.connect(str(make_build("r1")))
    publish(home, con, "r1")
    assert con.execute("select count(*) from mart.stay").fetchone() == (7,)
    con.close()
    assert read(home, "analyst", "select count(*) from stay") == [(7,)]


def test_last_three_generations_are_kept_and_numbers_grow(home: Home, make_build: MakeBuild) -> None:
    for run in range(5):
        assert publish(home, make_build(f"r{run}"), f"r{run}").generation == run + 1
    kept = sorted(path.name for path in home.published.iterdir())
    assert kept == ["000003-r2", "000004-r3", "000005-r4", "current"]
    clean_up(home, keep_build=home.warehouse / "build-r4.duckdb", remove_builds=True)
    assert [path.name for path in home.warehouse.glob("build-*")] == ["build-r4.duckdb"]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_publication_leaves_the_old_generation_or_the_new_one(
    home: Home, make_build: MakeBuild, point: str
) -> None:
    publish(home, make_build("r1"), "r1")
    build = make_build("r2")

    def die_at(reached: str) -> None:
        if reached == point:
            os._exit(9)

    def attempt() -> None:
        publishing._reached = die_at
        publish(home, build, "r2")

    process = multiprocessing.get_context("fork").Process(target=attempt)
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert current(home).name == ("000002-r2" if point == "swapped" else "000001-r1")
    assert read(home, "steward", "select count(*) from stay") == [(7,)]
    publish(home, make_build("r3"), "r3")
    assert current(home).name.endswith("-r3")
    names = {path.name for path in home.published.iterdir()}
    assert not [name for name in names if name.startswith(".")]
    assert read(home, "analyst", "select generation from publication")[0][0] > 1


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), duckdb.IOException("IO Error: No space left on device")]
)
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    home: Home, make_build: MakeBuild, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    publish(home, make_build("r1"), "r1")

    def fill(point: str) -> None:
        if point == "duty":
            raise error

    monkeypatch.setattr(publishing, "_reached", fill)
    with pytest.raises(MusterError, match=r"disk .* is full"):
        publish(home, make_build("r2"), "r2")
    assert current(home).name == "000001-r1"
    assert not list(home.published.glob(".*"))


def test_a_parquet_file_that_cannot_be_written_is_one_sentence_and_loses_nothing(
    home: Home, make_build: MakeBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: publishing._Writer, *_: object) -> None:
        raise duckdb.IOException("IO Error: No space left on device")

    publish(home, make_build("r1"), "r1")
    monkeypatch.setattr(publishing._Writer, "_write_parquet", refuse)
    with pytest.raises(MusterError, match=r"disk .* is full"):
        publish(home, make_build("r2"), "r2")
    assert current(home).name == "000001-r1"
    assert not list(home.published.glob(".*"))


def test_no_more_parquet_is_written_once_a_role_file_has_failed(make_build: MakeBuild, tmp_path: Path) -> None:
    (tmp_path / "parquet").mkdir()
    stopped = threading.Event()
    with publishing._source(make_build("r1")) as (con, source):
        writer = publishing._Writer(con, source, tmp_path, publishing._Timer(), has_older=False)
        stopped.set()
        writer._write_parquet(con, stopped)
        assert not list(tmp_path.glob("parquet/*"))
        stopped.clear()
        writer._write_parquet(con, stopped)
        assert list(tmp_path.glob("parquet/*"))


def test_a_build_without_marts_is_not_published(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(MusterError, match="no marts"):
        publish(home, path, "r1")
    with pytest.raises(MusterError, match="Nothing has been published"):
        current(home)


def test_a_second_run_waits_and_then_says_so(home: Home) -> None:
    told: list[str] = []
    with (
        run_lock(home),
        pytest.raises(MusterError, match="Another run is at work"),
        run_lock(home, wait_seconds=0.3, on_wait=told.append),
    ):
        pass
    assert len(told) == 1
    with run_lock(home, wait_seconds=0):
        pass
