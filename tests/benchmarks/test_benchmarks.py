"""The harness at a tiny size: answers agree, results are whole, and a wrong answer ends it. No time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks import growth, prepare, results, tables, workloads
from benchmarks.answers import READ_AT_LEAST, same_exposure, same_marts
from benchmarks.measure import Sample, interleave, run_task
from benchmarks.office import AS_OF, Bench
from pipelines import publish
from pipelines.errors import MusterError
from pipelines.settings import PROJECT

TRIPS = 300


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bench")
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--trips",
        str(TRIPS),
        "--workloads",
        "whole exposure audit questions page",
    ]
    command += [
        "--repeats",
        "1",
        "--questions",
        "4",
        "--work",
        str(folder / "work"),
        "--results",
        str(folder / "results"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=280)
    assert done.returncode == 0, done.stderr
    path = results.path_of(folder / "results", f"trips-{TRIPS}")
    return {
        "document": json.loads(path.read_text()),
        "again": subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60).stdout,
        "shown": done.stdout,
        "work": folder / "work",
    }


def test_every_workload_is_measured_and_the_result_is_whole(measured: dict[str, Any]) -> None:
    assert list(measured["document"]["workloads"]) == ["whole", "exposure", "audit", "questions", "page"]
    for entry in measured["document"]["workloads"].values():
        assert entry["machine"]["cores"] >= 1
        assert entry["machine"]["versions"]["duckdb"]
        assert f'TRIPS="{TRIPS}"' in entry["command"]
        assert 'BENCH_OPTIONS="--repeats 1 --questions 4"' in entry["command"]
        for figure in entry["figures"]:
            if not figure["note"]:
                assert figure["median_seconds"] > 0
                assert figure["largest_peak_mib"] > 1


def test_peers_made_the_answer_that_muster_made(measured: dict[str, Any]) -> None:
    figures = {each["contender"]: each for each in measured["document"]["workloads"]["exposure"]["figures"]}
    rivals = {"Muster", "Polars", "pandas, vectorised", "pandas exploding days"}
    answers = [figures[name]["answer"] for name in rivals]
    assert rivals <= set(figures)
    assert all(answer == answers[0] and answer["exposures"] > 0 for answer in answers)


def test_a_table_shows_every_figure_and_what_was_not_measured(measured: dict[str, Any]) -> None:
    for text in (
        "--repeats 1",
        "| whole run, cold | Muster |",
        "| exposure step alone | Polars |",
        "| who at an instant |",
    ):
        assert text in measured["shown"]
    assert "not measured: pyspark is not installed" in measured["shown"] or "| Spark local |" in measured["shown"]


def test_what_is_done_is_not_measured_again_and_nothing_is_left_behind(measured: dict[str, Any]) -> None:
    assert measured["again"].count("measured already") == 5
    assert not list(measured["work"].glob("*/*"))


def test_where_room_is_short_the_home_takes_the_feeds_over_and_keeps_no_tables(tmp_path: Path) -> None:
    bench = Bench(TRIPS, tmp_path, repeats=1, is_lean=True)
    muster, floor = workloads.whole(bench)
    assert len(muster.seconds) == len(floor.seconds) == 1
    assert floor.answer["read_share"] > READ_AT_LEAST
    assert not bench.inbox.exists()
    assert not list(bench.home.glob("warehouse/*.duckdb"))
    assert list(bench.home.glob("published/current/analyst.duckdb"))
    results.save(
        results.path_of(tmp_path / "results", f"trips-{TRIPS}"), "whole", [muster, floor], command="make bench"
    )
    assert "Muster in little room" in tables.all_tables(tmp_path / "results")


def test_a_run_with_nothing_new_finds_tables_also_after_a_build_was_kept(tmp_path: Path) -> None:
    bench = Bench(TRIPS, tmp_path, repeats=1)
    bench.kept_build()
    assert not list(bench.home.glob("warehouse/*.duckdb"))
    assert list(bench.published_with_tables().glob("warehouse/*.duckdb"))


def test_a_run_in_little_room_that_fails_leaves_what_its_steps_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "inbox").mkdir(parents=True)
    prepare.write_settings(str(home), keep_tables=False)

    def fail(*_: object) -> None:
        raise MusterError("The disk is full.")

    monkeypatch.setattr(publish, "publish", fail)
    with pytest.raises(MusterError, match="disk is full"):
        prepare.run_lean(str(home), AS_OF)
    steps = {step for step, _, _ in json.loads((tmp_path / "parts.json").read_text())}
    assert "land" in steps and "publish" not in steps


def test_an_answer_that_differs_ends_the_benchmark(tmp_path: Path) -> None:
    week = "current_date as week_start_date, 'US' as country_code, 'US-NY' as region_code, 'p' as place_id, "
    week += "1 as risk_level, 'present' as presence_group, 'staff' as affiliation, 1 as travellers, 1 as trips"
    con = duckdb.connect()
    for name, days in (("one", 1.0), ("same", 1.0 + 1e-12), ("other", 1.0001)):
        (tmp_path / name).mkdir()
        con.execute(
            f"copy (select 's' as stay_id, timestamp '2026-01-01' as starts_at, timestamp '2026-01-02' as ends_at, "
            f"1 as risk_level) to '{tmp_path / name}/exposure.parquet'"
        )
        con.execute(
            f"copy (select {week}, {days} as person_days, {days} as person_days_actual) "
            f"to '{tmp_path / name}/week.parquet'"
        )
    assert same_exposure(str(tmp_path / "one"), str(tmp_path / "same")) == {"exposures": 1, "weeks": 1}
    with pytest.raises(MusterError, match="The answers differ"):
        same_exposure(str(tmp_path / "one"), str(tmp_path / "other"))


def _publish(home: Path, rows: str) -> str:
    file = home / "published" / "current" / "steward.duckdb"
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as con:
        con.execute("create schema mart")
        con.execute(f"create table mart.week as select * from (values {rows}) as t (place, days, lists)")
    return str(home)


@pytest.mark.parametrize(
    ("rows", "is_same", "is_close"),
    [
        ("('FR', 1e0, [1]), ('FR', 3e0, [1]), (null, null, [2])", True, True),
        ("('FR', 3.000000000001e0, [1]), (null, null, [2]), ('FR', 1e0, [1])", False, True),
        ("('FR', 3.000001e0, [1]), (null, null, [2]), ('FR', 1e0, [1])", False, False),
        ("('FR', 3e0, [1]), (null, 0e0, [2]), ('FR', 1e0, [1])", False, False),
        ("('FR', 3e0, [1]), (null, null, [3]), ('FR', 1e0, [1])", False, False),
        ("('FR', 3e0, [1]), (null, null, [2])", False, False),
    ],
)
def test_marts_are_compared_exactly_or_to_a_billionth(rows: str, is_same: bool, is_close: bool, tmp_path: Path) -> None:
    left = _publish(tmp_path / "a", "('FR', 1e0, [1]), ('FR', 3e0, [1]), (null, null, [2])")
    right = _publish(tmp_path / "b", rows)
    for is_exact, is_equal in ((True, is_same), (False, is_close)):
        if is_equal:
            assert same_marts(left, right, is_exact) == {"tables": 1, "rows": 3}
        else:
            with pytest.raises(MusterError, match="different rows of week"):
                same_marts(left, right, is_exact)


def test_rivals_take_turns_and_no_figure_is_kept_where_they_differ() -> None:
    order: list[str] = []

    def rival(name: str) -> Sample:
        order.append(name)
        return Sample(1.0, 1.0, 10.0, {"rows": 1})

    rivals = {name: (lambda name=name: rival(name)) for name in ("a", "b")}
    figures = interleave(rivals, "w", 1, 2)
    assert order == ["a", "b", "a", "b"]
    assert [figure.median for figure in figures] == [1.0, 1.0]

    rounds = 0

    def differ_in_the_second(answers: Mapping[str, dict[str, Any]]) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise MusterError("The answers differ")
        for answer in answers.values():
            answer["compared"] = rounds

    assert [figure.answer["compared"] for figure in interleave(rivals, "w", 1, 1, differ_in_the_second)] == [1, 1]
    rounds = 0
    with pytest.raises(MusterError, match="differ"):
        interleave(rivals, "w", 1, 2, differ_in_the_second)


def test_a_task_that_fails_says_so_in_words() -> None:
    with pytest.raises(MusterError, match="accounts"):
        run_task("accounts", home="/nowhere")


def test_a_long_access_log_is_checked_whole(tmp_path: Path) -> None:
    figure = growth.access_log(tmp_path, (50,))[0]
    assert figure.answer["looks"] == 20
    assert len(figure.seconds) == 3


def test_small_files_are_counted_as_they_pile_up(tmp_path: Path) -> None:
    figures = growth.small_files(tmp_path, (20,))
    assert [figure.answer["files"] for figure in figures] == [20, 30, 30]
    assert figures[1].answer["records"] > figures[0].answer["records"]


def test_the_readme_keeps_the_marks_of_its_tables(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(tables.README.read_text())
    tables.write("measured", readme)
    tables.write("measured anew", readme)
    assert readme.read_text().count("measured anew") == 1
    readme.write_text("nothing")
    with pytest.raises(MusterError, match="has lost the lines"):
        tables.write("measured", readme)


def test_every_workload_has_a_name_of_its_own() -> None:
    assert not set(workloads.WORKLOADS) & set(growth.WORKLOADS)
