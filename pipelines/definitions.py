"""Dagster's view of Muster: the only place that knows all assets, checks, jobs, schedules and sensors.

What belongs here is how the steps of :mod:`pipelines.run` are shown, ordered, scheduled and recorded. What a step
does belongs there. Every table is an asset with its columns and lineage; the steps that make them are few, because
a step costs Dagster more than a table costs DuckDB. Events hold table names, counts and seconds, never a value.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of steps as objects.
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import sqlalchemy
from dagster._core.errors import DagsterExecutionInterruptedError

from pipelines import engines, validation
from pipelines import instance as dagster_instance
from pipelines import models as sql_models
from pipelines import run as pipeline
from pipelines.errors import MusterError
from pipelines.head_start import HeadStart, is_wish_to_stop
from pipelines.instants import parse_instant
from pipelines.models import Model
from pipelines.settings import Home, Settings, default_home, load_settings

JOB = "muster_run"
GATE = "no_blocking_finding"
PUBLICATION = dg.AssetKey(["published", "generation"])
FINDING = dg.AssetKey(["core", "finding"])
_SCOPES: tuple[validation.Scope, ...] = ("stage", "mart")
_DAILY = "0 5 * * *"
_FIRST_WEEK = "2015-01-05"


class RunConfig(dg.Config):
    """What a launch may choose. No secret and no path: those come from the home."""

    as_of: str = ""
    known_at: str = ""
    engine: str = "duckdb"
    master: str = ""


def _key(table: str) -> dg.AssetKey:
    return dg.AssetKey(table.split("."))


def _columns(names: Iterable[str], known: dict[str, sql_models.ColumnField]) -> dg.TableSchema:
    columns = []
    for name in names:
        field = known.get(name)
        text = sql_models.describe_field(field) if field else ""
        columns.append(dg.TableColumn(name, type=field.type if field else "varchar", description=text))
    return dg.TableSchema(columns=columns)


def _land_specs(contracts: dict[str, Any], known: dict[str, sql_models.ColumnField]) -> list[dg.AssetSpec]:
    by_table: dict[str, list[Any]] = {}
    for contract in contracts.values():
        by_table.setdefault(contract.table, []).append(contract)
    specs = []
    for table, feeds in sorted(by_table.items()):
        names = dict.fromkeys(name for contract in feeds for name in contract.stored_columns())
        text = " ".join(f"{contract.feed}: {contract.description}".strip() for contract in feeds)
        specs.append(
            dg.AssetSpec(
                dg.AssetKey(["land", table]),
                group_name="land",
                description=f"Newest version of every record. Feeds: {text}",
                metadata={"dagster/column_schema": _columns(names, known)},
                kinds={"duckdb"},
            )
        )
    for table, text in _ACCOUNTS.items():
        specs.append(dg.AssetSpec(dg.AssetKey(["land", table]), group_name="land", description=text, kinds={"duckdb"}))
    return specs


_ACCOUNTS = {
    "feed": "Every declared feed with its mode and rhythm.",
    "file": "Every landed file with its account: records = loaded + rejected + blank (F1).",
    "rejected_record": "Every rejected record with its reason (F1).",
}


def _reference_specs(models: Iterable[Model]) -> list[dg.AssetSpec]:
    tables = sorted({read for model in models for read in model.depends_on if read.startswith("reference.")})
    return [dg.AssetSpec(_key(table), group_name="reference", kinds={"duckdb"}) for table in tables]


def _model_spec(model: Model, known: dict[str, sql_models.ColumnField]) -> dg.AssetSpec:
    rules = f"\n\nRules: {', '.join(model.twin.rules)}." if model.twin.rules else ""
    return dg.AssetSpec(
        _key(model.table),
        deps=[_key(table) for table in model.depends_on],
        group_name=model.layer,
        description=f"{model.twin.description.strip()}\n\nOne row per {model.twin.grain.strip().rstrip('.')}.{rules}",
        metadata={"dagster/column_schema": _columns(model.twin.columns, known)},
        kinds={"duckdb", "sql"},
    )


def _insert_after(specs: list[dg.AssetSpec], key: dg.AssetKey, spec: dg.AssetSpec) -> None:
    specs.insert([one.key for one in specs].index(key) + 1, spec)


def _step(name: str, specs: list[dg.AssetSpec], description: str) -> dg.AssetsDefinition:
    """One step of a run that makes several tables."""

    @dg.multi_asset(name=name, specs=specs, required_resource_keys={"muster"}, description=description)
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        run: pipeline.Run = context.resources.muster
        run.reach(name)
        selected = context.op_execution_context.selected_asset_keys
        # Dagster wants tables after those they read, which is the order of the specifications.
        yield from _made(run, [spec.key for spec in specs if spec.key in selected])

    return step


def _made(run: pipeline.Run, keys: Iterable[dg.AssetKey]) -> Iterator[dg.MaterializeResult[Any]]:
    rows = {(timing.step, timing.part): timing for timing in run.timings}
    counts = run.row_counts()
    for key in keys:
        metadata: dict[str, Any] = {}
        layer, table = key.path[0], key.path[-1]
        if (count := counts.get(f"{layer}.{table}")) is not None:
            metadata["dagster/row_count"] = count
        if (timing := rows.get((layer, table))) is not None:
            metadata["seconds"] = round(timing.seconds, 3)
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)


def _made_beside(
    run: pipeline.Run, selected: Collection[dg.AssetKey], checks: Iterable[dg.AssetCheckSpec]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """What a run of a few assets made besides, the tables that were not as they were, and what their checks found."""
    made = set()
    for timing in run.timings:
        key = dg.AssetKey([timing.step, timing.part])
        if timing.is_made and key not in selected:
            made.add(key)
            metadata = {"dagster/row_count": timing.rows, "seconds": round(timing.seconds, 3)}
            yield dg.AssetMaterialization(key, metadata=metadata)
    for spec in checks:
        found = _findings_of(run, spec.asset_key)
        if spec.asset_key in made or found:
            result = _check_result(spec, found)
            yield dg.AssetCheckEvaluation(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=result.passed,
                severity=result.severity,
                description=result.description,
                metadata=dict(result.metadata),
            )


def _check_specs(contracts: dict[str, Any], models: list[Model]) -> list[dg.AssetCheckSpec]:
    """One check for each feed's table and each mart: all its expectations, and the invariants filed under it.

    Tables between those are checked as well; what does not hold there is a finding, and closes the gate.
    """
    tables = {part.table for scope in _SCOPES for part in validation.declared(contracts, models, scope)}
    tables |= {check.table for check in validation.sql_checks()}
    made = {model.table for model in models if model.layer == "mart"}
    made |= {f"land.{contract.table}" for contract in contracts.values()}
    return [
        dg.AssetCheckSpec("expectations", asset=_key(table), description="Every declared expectation of the table.")
        for table in sorted(tables & made)
    ]


def _table_checks(specs: list[dg.AssetCheckSpec]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name="checks", specs=specs, required_resource_keys={"muster"})
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        run: pipeline.Run = context.resources.muster
        run.reach("validate")
        for spec in specs:
            yield _check_result(spec, _findings_of(run, spec.asset_key))

    return checks


def _findings_of(run: pipeline.Run, key: dg.AssetKey) -> list[validation.Finding]:
    table = ".".join(key.path)
    return [finding for finding in run.findings() if finding.table_name.partition(" ")[0] == table]


def _check_result(spec: dg.AssetCheckSpec, findings: list[validation.Finding]) -> dg.AssetCheckResult:
    blocking = any(finding.severity == "blocking" for finding in findings)
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=" ".join(finding.message for finding in findings) or None,
        metadata={"failing_rows": sum(finding.failing_rows for finding in findings)} if findings else {},
    )


def _validation(
    models: list[Model], known: dict[str, sql_models.ColumnField], checks: list[dg.AssetCheckSpec]
) -> dg.AssetsDefinition:
    """What the checks found, and the gate: a failing blocking check stops publication."""
    late = sql_models.telling_of_findings(models)
    inputs = [_key(model.table) for model in models if model not in late]
    text = "What does not hold: checks of feeds and marts with the rows that fail them."
    finding = dg.AssetSpec(FINDING, deps=inputs, group_name="core", description=text, kinds={"duckdb"})
    gate = dg.AssetCheckSpec(GATE, asset=FINDING, blocking=True, description="Every blocking check holds.")

    @dg.multi_asset(
        name="validate",
        specs=[finding, *(_model_spec(model, known) for model in late)],
        check_specs=[gate],
        required_resource_keys={"muster"},
    )
    def validate(context: dg.AssetExecutionContext) -> Iterator[Any]:
        run: pipeline.Run = context.resources.muster
        run.reach("validate")
        if context.run.asset_selection:
            yield from _made_beside(run, context.run.asset_selection, checks)
        yield from _made(run, [FINDING, *(_key(model.table) for model in late)])
        blocking = [finding for finding in run.findings() if finding.severity == "blocking"]
        yield _check_result(gate, blocking)

    return validate


def _publish(models: list[Model]) -> dg.AssetsDefinition:
    @dg.asset(
        name="generation",
        key_prefix="published",
        deps=[FINDING, *(_key(model.table) for model in models if model.layer == "mart")],
        group_name="published",
        required_resource_keys={"muster"},
        description="The role files and Parquet that everybody reads, swapped in as one generation.",
        kinds={"duckdb", "parquet"},
    )
    def generation(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        run: pipeline.Run = context.resources.muster
        run.reach("publish")
        made = run.publication
        return dg.MaterializeResult(metadata={"generation": made.generation, "bytes": made.byte_count})

    return generation


def _week_report(home: Home, settings: Settings) -> dg.AssetsDefinition:
    """The report of each ISO week of the office, partitioned by its Monday; made from what is published."""
    weeks = dg.WeeklyPartitionsDefinition(
        start_date=_FIRST_WEEK, timezone=settings.office_timezone, day_offset=1, fmt="%Y-%m-%d"
    )

    @dg.asset(
        name="week",
        key_prefix="report",
        deps=[dg.AssetKey(["published", "generation"])],
        group_name="report",
        partitions_def=weeks,
        description="The weekly exposure report: HTML, PDF, workbook, CSV and an e-mail draft.",
    )
    def week(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from pipelines.bridge import Week
        from pipelines.reports.week import issue

        dagster_instance.mark_run(context.instance, context.run)
        issued = issue(home, str(Week(date.fromisoformat(context.partition_key))))
        return dg.MaterializeResult(metadata={"folder": str(issued.folder), "files": len(issued.files)})

    return week


def inbox_state(home: Home) -> str:
    """A digest of names and sizes of all files in the inbox: the same state gives the same text."""
    digest = hashlib.sha256()
    if home.inbox.is_dir():
        for path in sorted(home.inbox.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                status = path.stat()
                digest.update(f"{path.relative_to(home.inbox)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _schedule(job: Any, settings: Settings) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="daily",
        job=job,
        cron_schedule=_DAILY,
        execution_timezone=settings.office_timezone,
        description="Every morning at five in the office's time zone.",
    )


def _sensor(job: Any, home: Home) -> dg.SensorDefinition:
    @dg.sensor(name="inbox", job=job, minimum_interval_seconds=60, description="Runs when the inbox has changed.")
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        state = inbox_state(home)
        if state == context.cursor:
            return dg.SkipReason("The inbox is as it was.")
        # The run key is the state itself, so the same files start one run however often they are looked at.
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=state)], cursor=state)

    return inbox


def build_definitions(
    home: Home,
    settings: Settings | None = None,
    take_run: Callable[[], pipeline.Run] | None = None,
) -> dg.Definitions:
    """All assets, checks, the job, the schedule and the sensor of one home.

    Belongs here: names, groups, descriptions, order, schedules. Does not: what a step does, SQL, paths of files.
    ``take_run`` gives the run that was opened for this process; without it every Dagster run opens its own.
    Raises MusterError for a broken contract, model or setting.
    """
    from pipelines.contracts import load_contracts

    settings = settings or load_settings(home)
    contracts = dict(load_contracts(home, settings))
    models = sql_models.discover()
    known = sql_models.fields()
    late = sql_models.telling_of_findings(models)
    by_layer = {
        layer: [_model_spec(model, known) for model in models if model.layer == layer and model not in late]
        for layer in sql_models.LAYERS
    }
    for table, source in sql_models.MADE_AFTER.items():
        _insert_after(by_layer["core"], _key(source), dg.AssetSpec(_key(table), deps=[_key(source)], group_name="core"))
    checks = _check_specs(contracts, models)
    assets: list[Any] = [
        _step("land", _land_specs(contracts, known), "Inbox to typed tables; every record accounted for."),
        _step("reference", _reference_specs(models), "Places, time zones, rating scales, the instant asked about."),
        *(_step(layer, specs, f"The SQL of sql/{layer}.") for layer, specs in by_layer.items() if specs),
        _validation(models, known, checks),
        _publish(models),
    ]
    report = _week_report(home, settings)
    report_job = dg.define_asset_job(
        "week_report",
        selection=dg.AssetSelection.assets(report),
        executor_def=dg.in_process_executor,
        description="Write the report of a week.",
    )
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets(report),
        executor_def=dg.in_process_executor,
        description="Land, build, check, publish.",
    )
    return dg.Definitions(
        assets=[*assets, report],
        asset_checks=[_table_checks(checks)],
        jobs=[job, report_job],
        schedules=[
            _schedule(job, settings),
            # On Monday, an hour after the daily run, for the week that has just ended.
            dg.build_schedule_from_partitioned_job(report_job, name="weekly", hour_of_day=6, minute_of_hour=0),
        ],
        sensors=[_sensor(job, home)],
        resources={"muster": _run_resource(home, take_run)},
        executor=dg.in_process_executor,
    )


def _run_resource(home: Home, take_run: Callable[[], pipeline.Run] | None) -> dg.ResourceDefinition:
    """The run that all steps of a Dagster run share: given, or opened at its first step and closed after its last."""

    @dg.resource(config_schema=RunConfig.to_fields_dict())
    def muster(context: dg.InitResourceContext) -> Iterator[pipeline.Run]:
        if context.instance is not None and context.run is not None:
            dagster_instance.mark_run(context.instance, context.run)
        if take_run is not None:
            yield take_run()
            return
        if context.instance is not None:
            dagster_instance.forget_old_runs(context.instance)
        chosen = context.resource_config or {}
        zone = load_settings(home).office_timezone
        instants = {name: _instant(chosen.get(name), zone, name) for name in ("as_of", "known_at")}
        engine = engines.choose(chosen.get("engine") or "duckdb", chosen.get("master") or None)
        with pipeline.Run(home, instants["as_of"], instants["known_at"], engine=engine) as run:
            yield run

    return muster


def _instant(text: str | None, timezone: str, name: str) -> datetime | None:
    # Read as the command line reads it: without an offset it is office time.
    return parse_instant(text, timezone, name).replace(tzinfo=UTC) if text else None


def execute(
    home: Home,
    start: HeadStart,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    progress: pipeline.Progress | None = None,
    engine: str = "duckdb",
    master: str | None = None,
) -> None:
    """Run the job ``muster_run`` in this process, on the run that ``start`` opened; record it in the home's instance.

    Where nothing seems to have come in since the last run (F5), the job is asked for what it found and published alone:
    an event an asset costs more than to see that its table is as it was. Whatever was made anew is recorded still.

    Raises the run's own MusterError, and BlockingCheckFailed where the gate was closed; Dagster's log stays silent.
    """
    dagster_instance.prepare(home.require().prepare())
    dagster_instance.begin_anew_if_spoilt(home, progress)
    if not sqlalchemy.event.contains(sqlalchemy.Engine, "connect", dagster_instance.save_without_waiting):
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", dagster_instance.save_without_waiting)
    job = build_definitions(home, take_run=start.take).resolve_job_def(JOB)
    instants = {"as_of": as_of, "known_at": known_at}
    config = {name: moment.isoformat() for name, moment in instants.items() if moment is not None}
    config |= {"engine": engine, "master": master or ""}
    with dagster_instance.engines_kept(), dg.DagsterInstance.get() as instance:
        dagster_instance.close_dead_runs(instance)
        try:
            job.execute_in_process(
                run_config={"resources": {"muster": {"config": config}}, "loggers": _SILENT},
                instance=instance,
                tags={dagster_instance.PROCESS_TAG: dagster_instance.this_process()},
                asset_selection=_outcome() if start.seems_quiet else None,
                raise_on_error=True,
            )
        except (Exception, DagsterExecutionInterruptedError) as error:
            _raise_own(error)
            if start.run is not None:
                validation.require_no_blocking(start.run.findings())
            raise
        finally:
            dagster_instance.forget_old_runs(instance)


def _outcome() -> list[dg.AssetKey]:
    """What tells of every run: what its checks found, and its publication."""
    return [
        FINDING,
        *(_key(model.table) for model in sql_models.telling_of_findings(sql_models.discover())),
        PUBLICATION,
    ]


def _raise_own(error: BaseException) -> None:
    """Raise what is behind Dagster's account of a failure: a MusterError, or the wish to stop."""
    behind = list(_behind(error))
    for found in behind:
        if isinstance(found, MusterError):
            raise found from found.__cause__
    if any(isinstance(found, DagsterExecutionInterruptedError) or is_wish_to_stop(found) for found in behind):
        raise KeyboardInterrupt


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An error, then the causes of it. Interrupted errors may name each other, so each is given once."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


_SILENT = {"console": {"config": {"log_level": "CRITICAL"}}}
"""Dagster's console log says nothing: its events are recorded, and errors are raised in one sentence."""


@dg.definitions
def definitions() -> dg.Definitions:
    """What ``dagster dev -m pipelines.definitions`` shows: the home of MUSTER_HOME, else the default one."""
    return build_definitions(Home(default_home()))
