"""Dagster: every table is an asset, one job runs everything in this process, its gate and its errors are ours."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines import definitions, head_start, instance, models, run, run_history, validation
from pipelines.errors import MusterError
from pipelines.kept import Kept
from pipelines.locking import run_lock
from pipelines.settings import Home
from pipelines.validation import SqlCheck

PERSON = "Zebulon"
PEOPLE = (
    "person_id,given_name,family_name,email,other_emails,affiliation,school,department,mobile_phone,"
    "home_country_code,active_from_date,active_to_date\n"
    f"p1,{PERSON},Quux,z.quux@example.org,,staff,,,,US,2020-01-01,\n"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.prepare()
    folder = home.inbox / "people"
    folder.mkdir(parents=True)
    (folder / "people.csv").write_text(PEOPLE)
    yield home


@pytest.fixture(scope="module")
def definitions_of_an_empty_home(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return definitions.build_definitions(Home(tmp_path_factory.mktemp("home")))


def test_every_model_is_an_asset_with_its_columns_group_and_lineage(
    definitions_of_an_empty_home: dg.Definitions,
) -> None:
    graph = definitions_of_an_empty_home.resolve_asset_graph()
    for model in models.discover():
        node = graph.get(dg.AssetKey([model.layer, model.name]))
        assert node.group_name == model.layer
        assert {".".join(key.path) for key in node.parent_keys} == set(model.depends_on)
        schema = node.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == list(model.twin.columns)
        assert node.description


def test_there_are_few_steps_two_jobs_two_schedules_and_a_sensor(definitions_of_an_empty_home: dg.Definitions) -> None:
    job = definitions_of_an_empty_home.resolve_job_def(definitions.JOB)
    assert len(list(job.graph.nodes)) <= 10
    assert job.executor_def is dg.in_process_executor
    assert [schedule.name for schedule in definitions_of_an_empty_home.schedules or []] == ["daily", "weekly"]
    assert [sensor.name for sensor in definitions_of_an_empty_home.sensors or []] == ["inbox"]


def test_the_same_inbox_starts_one_run(home: Home) -> None:
    defs = definitions.build_definitions(home)
    sensor = defs.resolve_sensor_def("inbox") if hasattr(defs, "resolve_sensor_def") else defs.get_sensor_def("inbox")
    with dg.DagsterInstance.ephemeral() as ephemeral:
        first = sensor(dg.build_sensor_context(ephemeral))
        assert len(first.run_requests) == 1
        again = sensor(dg.build_sensor_context(ephemeral, cursor=first.cursor))
        assert isinstance(again, dg.SkipReason)
        (home.inbox / "people" / "more.csv").write_text(PEOPLE)
        second = sensor(dg.build_sensor_context(ephemeral, cursor=first.cursor))
    assert second.run_requests[0].run_key != first.run_requests[0].run_key


def test_a_run_publishes_and_is_recorded_without_personal_values(
    home: Home, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    result = run.run_pipeline(home, progress=told.append, verbose=True)
    assert result.publication.generation == 1
    assert result.check_count > 50
    assert any("reference" in line for line in told)
    assert "dagster" not in "".join(capfd.readouterr()).lower()
    steward = home.published / "current" / "steward.duckdb"
    with duckdb.connect(str(steward), read_only=True) as con:
        assert con.execute("select count(*) from mart.traveller").fetchall() == [(1,)]
    assert not list(home.warehouse.glob("build-*"))
    instance.prepare(home)
    with dg.DagsterInstance.get() as recorded:
        (record,) = recorded.get_run_records()
        assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
        events = recorded.all_logs(record.dagster_run.run_id)
    assert PERSON not in repr(events)
    assert "quux" not in repr(events).lower()
    _a_failing_gate_keeps_the_publication(home, monkeypatch, capfd)


def _a_failing_gate_keeps_the_publication(
    home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (home.published / "current").resolve()
    check = SqlCheck("nobody_travels", "Nobody is there", "blocking", "select 1 from mart.traveller", "mart.traveller")
    monkeypatch.setattr(validation, "sql_checks", lambda: [check])
    with pytest.raises(validation.BlockingCheckFailed, match=r"nobody_travels.* 1 row.*stays in force"):
        run.run_pipeline(home)
    assert (home.published / "current").resolve() == before
    assert "Traceback" not in "".join(capfd.readouterr())
    failed, succeeded = run_history.last_runs(home, 5)
    assert failed.problem == "A blocking check failed: 1 row breaks the rule: Nobody is there."
    assert (failed.status, succeeded.status, succeeded.problem) == ("failed", "succeeded", "")
    assert failed.began_at >= succeeded.began_at and succeeded.ended_at


def test_a_failing_step_raises_its_own_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(self: run.Run) -> None:
        raise MusterError("The inbox is on fire; put it out and run again.")

    monkeypatch.setattr(run.Run, "_land", fail)
    with pytest.raises(MusterError, match="on fire"):
        run.run_pipeline(home)
    assert capfd.readouterr().err == ""
    assert not (home.published / "current").exists()
    (failed,) = run_history.last_runs(home, 5)
    assert failed.problem == "The inbox is on fire; put it out and run again."


def _recorded(home: Home) -> Sequence[dg.EventLogEntry]:
    with dg.DagsterInstance.get() as recorded:
        return recorded.all_logs(recorded.get_run_records(limit=1)[0].dagster_run.run_id)


def test_a_run_with_nothing_new_records_only_what_it_made(home: Home) -> None:
    def made() -> tuple[set[str], set[str]]:
        events = [entry.dagster_event for entry in _recorded(home) if entry.dagster_event]
        materialised = {
            event.asset_key.to_user_string() for event in events if event.is_step_materialization and event.asset_key
        }
        checked = {
            event.asset_check_evaluation_data.asset_key.to_user_string()
            for event in events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        }
        return materialised, checked

    run.run_pipeline(home)
    everything, checked = made()
    settled = time.time_ns() - 10_000_000_000  # a file that was changed just now is looked at again
    os.utime(home.inbox / "people" / "people.csv", ns=(settled, settled))
    run.run_pipeline(home)
    assert made()[0] == everything, "a file that may have changed is asked about in full"

    result = run.run_pipeline(home)
    only, checked_again = made()
    assert "core/finding" in only and "published/generation" in only
    rebuilt = {f"{each.step}/{each.part}" for each in result.timings if each.is_made}
    assert rebuilt and rebuilt <= only and len(only) < len(everything) / 2
    assert checked_again < checked
    assert {f"{each.step}/{each.part}" for each in result.timings if each.is_made and each.step == "mart"} & checked

    (home.inbox / "people" / "more.csv").write_text(PEOPLE.replace("p1", "p2").replace("z.quux", "y.quux"))
    run.run_pipeline(home)
    assert made()[0] == everything


def test_run_configuration_chooses_the_instants_and_nothing_else(home: Home) -> None:
    job = definitions.build_definitions(home).resolve_job_def(definitions.JOB)
    good = {"resources": {"muster": {"config": {"as_of": "2026-11-16", "known_at": "2026-11-16T09:00:00Z"}}}}
    assert dg.validate_run_config(job, good)
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(job, {"resources": {"muster": {"config": {"home": "/elsewhere"}}}})


def test_a_launch_reads_instants_as_the_command_line_does() -> None:
    def read(text: str) -> str | None:
        moment = definitions._instant(text, "America/New_York", "as_of")
        return moment.isoformat() if moment else None

    assert read("2026-11-16") == "2026-11-16T05:00:00+00:00"
    assert read("2026-11-16T09:00:00+05:00") == "2026-11-16T04:00:00+00:00"
    assert read("") is None
    with pytest.raises(MusterError, match="as_of 'yesterday' is no instant"):
        read("yesterday")


def _job(home: Home) -> dg.JobDefinition:
    return definitions.build_definitions(home).resolve_job_def(definitions.JOB)


def test_the_record_of_old_runs_is_bounded(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "KEPT_RUNS", 1)
    monkeypatch.setattr(run.Run, "_land", lambda self: (_ for _ in ()).throw(MusterError("No.")))
    for _ in range(2):
        with pytest.raises(MusterError):
            run.run_pipeline(home)
    with dg.DagsterInstance.get() as recorded:
        assert len(recorded.get_run_records()) == 1
        under_way = recorded.create_run_for_job(_job(home), status=dg.DagsterRunStatus.STARTED)
        for _ in range(2):
            recorded.create_run_for_job(_job(home), status=dg.DagsterRunStatus.SUCCESS)
        instance.forget_old_runs(recorded)
        kept = {record.dagster_run.run_id for record in recorded.get_run_records()}
    assert under_way.run_id in kept and len(kept) == 2, "the newest, and what is under way"


def test_a_run_that_dagster_starts_forgets_old_ones_as_well(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "KEPT_RUNS", 2)
    monkeypatch.setattr(run.Run, "_land", lambda self: (_ for _ in ()).throw(MusterError("No.")))
    instance.prepare(home)
    with dg.DagsterInstance.get() as recorded:
        for _ in range(4):
            assert not _job(home).execute_in_process(instance=recorded, raise_on_error=False).success
        instance.forget_old_runs(recorded)
        kept = {record.dagster_run.run_id for record in recorded.get_run_records()}
    assert len(kept) == 2
    assert {path.stem for path in home.root.glob("dagster/history/runs/*-*.db")} == kept, "no file of a forgotten run"


def _import_until(step: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A run that seems quiet, with Dagster's import lasting until it comes to a step; returns the steps it takes."""
    arrived = threading.Event()
    steps: list[str] = []
    reach = run.Run.reach

    def reach_and_tell(self: run.Run, name: str) -> None:
        steps.append(name)
        if name == step:
            arrived.set()
        reach(self, name)

    monkeypatch.setattr(run.Run, "reach", reach_and_tell)
    monkeypatch.setattr(head_start, "_seems_quiet", lambda home: True)
    monkeypatch.setattr(head_start, "_import_dagster", lambda: arrived.wait(60))
    return steps


def test_a_run_is_at_work_while_dagster_is_imported_and_recorded_in_full(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = _import_until("validate", monkeypatch)
    assert run.run_pipeline(home).publication.generation == 1
    assert steps[:6] == ["land", "reference", "stage", "core", "mart", "validate"]
    assert steps.count("publish") == 1, "nothing is published before Dagster is there to record it"
    made = {
        ".".join(entry.dagster_event.asset_key.path)
        for entry in _recorded(home)
        if entry.dagster_event and entry.dagster_event.is_step_materialization and entry.dagster_event.asset_key
    }
    assert {model.table for model in models.discover()} <= made
    assert not list(home.warehouse.glob("build-*"))


def test_a_run_with_something_new_waits_for_dagster(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(head_start, "_import_dagster", lambda: order.append("imported"))
    monkeypatch.setattr(run.Run, "_land", lambda self: order.append("landing") or _refuse())
    with pytest.raises(MusterError):
        run.run_pipeline(home)
    assert order == ["imported", "landing"]


def _refuse() -> None:
    raise MusterError("The shelf of places is empty; fill it and run again.")


def test_what_fails_while_dagster_is_imported_is_recorded(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = _import_until("reference", monkeypatch)
    monkeypatch.setattr(run.Run, "_reference", lambda self: _refuse())
    with pytest.raises(MusterError, match="shelf of places"):
        run.run_pipeline(home)
    assert "core" not in steps and not (home.published / "current").exists()
    (failed,) = run_history.last_runs(home, 5)
    assert failed.problem == "The shelf of places is empty; fill it and run again."


@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_run_that_cannot_be_opened_is_recorded_as_failed(
    home: Home, monkeypatch: pytest.MonkeyPatch, is_quiet: bool
) -> None:
    monkeypatch.setattr(head_start, "_seems_quiet", lambda home: is_quiet)
    (home.root / "muster.yml").write_text("policy_file: policy.yml\n")
    (home.root / "policy.yml").write_text("rules: none\n")
    with pytest.raises(MusterError, match=r"policy\.yml"):
        run.run_pipeline(home)
    (failed,) = run_history.last_runs(home, 5)
    assert failed.status == "failed" and "policy.yml" in failed.problem


@pytest.mark.parametrize(
    "wish", [KeyboardInterrupt(), RuntimeError("Query interrupted"), duckdb.InterruptException("")]
)
def test_ctrl_c_while_dagster_is_imported_ends_the_run_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch, wish: BaseException
) -> None:
    def stop(self: run.Run) -> None:
        raise wish

    _import_until("core", monkeypatch)
    monkeypatch.setattr(run.Run, "_core", stop)
    with pytest.raises(KeyboardInterrupt):
        run.run_pipeline(home)
    with run_lock(home):
        assert not (home.published / "current").exists(), "the home is free again"


def test_where_dagster_itself_fails_no_run_is_opened(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Dagster is of no use")

    monkeypatch.setattr(dg.JobDefinition, "execute_in_process", fail)
    monkeypatch.setattr(run.Run, "__enter__", lambda self: pytest.fail("a run was opened"))
    with pytest.raises(RuntimeError, match="of no use"):
        run.run_pipeline(home)


def test_a_build_that_cannot_be_kept_fails_no_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Kept, *_: object) -> None:
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr(Kept, "hand_over", refuse)
    told: list[str] = []
    assert run.run_pipeline(home, progress=told.append).publication.generation == 1
    assert any("makes everything anew" in line for line in told)
    assert [path.name for path in home.warehouse.iterdir()] == ["lock"]
    assert run_history.last_runs(home, 1)[0].status == "succeeded"
