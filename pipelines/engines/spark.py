"""The models on Spark: sources out of the build file as Parquet, models on the cluster, their tables back into it.

Each table is a folder of Parquet files beside the build file, where every worker must reach it under the same path.
Spark's own words may quote data, so that none of them is shown or logged: an error is told by its kind.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines import models
from pipelines.errors import MusterError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from pipelines.engines import Builder, OnModel

OLDEST_JAVA = 17
_MASTER = re.compile(r"local(\[[\d*,]+\])?|yarn|k8s://\S+|spark://[^\s:,]+:\d+(,[^\s:,]+:\d+)*")
_WAIT_SECONDS = 5
_STOP_SECONDS = 30

_ALWAYS = {
    "spark.app.name": "muster",
    # Instants are naive UTC, as in DuckDB, and what does not fit is an error and not NULL.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.caseSensitive": "false",
    # Nothing of the data is shown or kept but the tables themselves.
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.log.level": "OFF",
    "spark.executor.syncLogLevel.enabled": "true",
}
"""What the meaning of the models and the privacy of the data need on every master."""


class SparkEngine:
    """Spark under one master; its session begins with the first builder.

    Raises UsageError for a master that is none, and MusterError where Java or pyspark is missing or the master does not
    answer.
    """

    name = "spark"

    def __init__(self, master: str) -> None:
        if not _MASTER.fullmatch(master):
            raise UsageError(
                f"--master '{master}' is no Spark master; write local[*], spark://HOST:PORT, yarn or k8s://URL."
            )
        if find_spec("pyspark") is None:
            raise MusterError(
                "The engine spark needs pyspark, which is not installed here; install Muster with its extra 'spark'."
            )
        _require_java()
        _require_master(master)
        self.master = master
        self._session: SparkSession | None = None

    def builder(self, con: duckdb.DuckDBPyConnection, folder: Path, targets: Collection[str] | None = None) -> Builder:
        """See :class:`pipelines.engines.Engine`."""
        if self._session is None:
            self._session = _start(self.master, folder.parent / "spill")
        return _SparkBuilder(self._session.newSession(), con, folder, targets)

    def close(self) -> None:
        """Stop Spark."""
        if self._session is not None:
            # What cannot be stopped any more is gone already.
            with contextlib.suppress(Exception):
                stop(self._session)
            self._session = None


class _SparkBuilder:
    """The tables of one build on Spark, and those of them that are read from the build file loaded into it."""

    def __init__(
        self,
        session: SparkSession,
        con: duckdb.DuckDBPyConnection,
        folder: Path,
        targets: Collection[str] | None,
    ) -> None:
        from pipelines.engines import functions

        self._session, self._con, self._folder = session, con, folder
        self._targets = targets
        self._types: dict[str, dict[str, str]] = {}
        folder.mkdir(mode=0o700, parents=True)
        functions.register(session)

    def run(self, chosen: Sequence[models.Model], on_model: OnModel | None = None) -> list[models.ModelResult]:
        for layer in models.LAYERS:
            self._con.execute(f"create schema if not exists {layer}")
        # What code makes may have changed since: findings grow between the marts.
        for table in models.MADE_BY_CODE:
            self._types.pop(table, None)
        targets = _read_later() if self._targets is None else self._targets
        results = []
        for model in chosen:
            began = time.perf_counter()
            self._build(model)
            rows = self._load(model) if model.layer == "mart" or model.table in targets else None
            results.append(models.ModelResult(model.table, time.perf_counter() - began, rows or 0))
            if on_model is not None:
                on_model(results[-1])
        return results

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _build(self, model: models.Model) -> None:
        from pipelines.engines.dialect import translate, view_name

        with _told(model):
            for table in model.depends_on:
                if table not in self._types:
                    self._export(table)
            script = translate(model.sql, {table: self._types[table] for table in model.depends_on})
            kept = self._folder / f"{model.table}.kept"
            for step in script.steps:
                self._write(step.sql, kept / step.name, step.name)
            schema = self._write(script.sql, self._folder / model.table, view_name(model.table))
            self._types[model.table] = _type_names(schema)
            for step in script.steps:
                self._session.catalog.dropTempView(step.name)
            shutil.rmtree(kept, ignore_errors=True)

    def _write(self, sql: str, folder: Path, view: str) -> StructType:
        frame = self._session.sql(sql)
        frame.write.parquet(folder.as_uri())
        self._session.read.schema(frame.schema).parquet(folder.as_uri()).createOrReplaceTempView(view)
        return frame.schema

    def _export(self, table: str) -> None:
        """Make a table of the build file known to Spark."""
        from pipelines.engines.dialect import view_name

        folder = self._folder / table
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        target = str(folder / "rows.parquet").replace("'", "''")
        self._con.execute(f"copy (select * from {table}) to '{target}' (format parquet, compression zstd)")
        frame = self._session.read.parquet(folder.as_uri())
        frame.createOrReplaceTempView(view_name(table))
        self._types[table] = _type_names(frame.schema)

    def _load(self, model: models.Model) -> int:
        """Fill the table of the build file, in the order of its rows; a mart with the types that are published.

        Raises MusterError where DuckDB cannot read what Spark wrote.
        """
        columns = ", ".join(f'"{name}"' for name in model.twin.columns)
        if model.layer == "mart":
            known = models.fields()
            # A name may be a list in one table and one of its members in another: lists come as they are.
            scalars = {name: known[name].type for name in model.twin.columns if not known[name].type.endswith("[]")}
            columns = ", ".join(
                f'cast("{name}" as {scalars[name]}) as "{name}"' if name in scalars else f'"{name}"'
                for name in model.twin.columns
            )
        files = sorted(str(path) for path in (self._folder / model.table).glob("*.parquet"))
        self._con.execute("set preserve_insertion_order = true")
        try:
            row = self._con.execute(
                f"create or replace table {model.table} as select {columns} from read_parquet(?)", [files]
            ).fetchone()
        except duckdb.Error as error:
            raise MusterError(
                f"The table {model.table} that Spark wrote cannot be loaded ({type(error).__name__}); run again, and "
                "on the engine duckdb if it stays so."
            ) from error
        finally:
            self._con.execute("set preserve_insertion_order = false")
        return int(row[0]) if row else 0


def _type_names(schema: StructType) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in schema.fields}


def _read_later() -> set[str]:
    """The tables between the layers that checks or code read from the build file; marts all are."""
    from pipelines import validation
    from pipelines.model_rules import tables_read

    checked = {model.table for model in models.discover() if model.twin.checks}
    for check in validation.sql_checks():
        checked.update(tables_read(check.sql, check.name))
    return checked | set(models.MADE_AFTER.values())


@contextlib.contextmanager
def _told(model: models.Model) -> Iterator[None]:
    """Errors of Spark as one sentence that names the model and the kind of error, and no value of a row."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    name = f"sql/{model.layer}/{model.path.name}"
    try:
        yield
    except PySparkException as error:
        kind = error.getCondition() or type(error).__name__
        raise MusterError(f"{name} failed on Spark: {kind}. {_what_to_do(str(error))}") from None
    except (Py4JError, ConnectionError) as error:
        raise MusterError(f"{name} failed on Spark: {type(error).__name__}. {_what_to_do(str(error))}") from None
    except ValueError as error:
        raise MusterError(f"{name} cannot be written for Spark: {error}.") from error


def _what_to_do(text: str) -> str:
    if "OutOfMemory" in text or "exit code 137" in text:
        return "Give it more memory (spark.driver.memory, spark.executor.memory) or more partitions and run again."
    if "FileNotFound" in text or "No such file" in text:
        return "Every worker must reach the home under the same path; see docs/scale.md."
    return "Run with --engine duckdb to see whether the model or Spark is at fault."


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    need = f"Java {OLDEST_JAVA} or newer"
    if java is None or not Path(java).exists():
        raise MusterError(f"The engine spark needs {need}, and there is no java here; install one or set JAVA_HOME.")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    match = re.search(r'version "(\d+)', told)
    if match is None or int(match[1]) < OLDEST_JAVA:
        raise MusterError(f"The engine spark needs {need}, and {java} is older; install one or set JAVA_HOME.")


def _require_master(master: str) -> None:
    """A master that does not answer is told at once; Spark would try for a minute."""
    hosts = re.findall(r"([^\s:,/]+):(\d+)", master) if master.startswith("spark://") else []
    for host, port in hosts:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), _WAIT_SECONDS):
            return
    if hosts:
        raise MusterError(f"The Spark master {master} does not answer; start it, or name another with --master.")


def _start(master: str, scratch: Path) -> SparkSession:
    """A session under the master, whose Java writes nothing to our standard error."""
    from pyspark.sql import SparkSession

    # This logger writes the text of every error, which may quote data.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder: Any = SparkSession.builder.master(master)
    for name, value in (_ALWAYS | _sizes(master, scratch)).items():
        builder = builder.config(name, value)
    try:
        with _no_standard_error():
            session: SparkSession = builder.getOrCreate()
    except Exception as error:  # whatever it is, its text may be pages of Java
        raise MusterError(
            f"Spark did not start under {master} ({type(error).__name__}); check the master and SPARK_CONF_DIR."
        ) from None
    return session


def stop(session: SparkSession) -> None:
    """Stop Spark and wait for its Java, so that nothing of it is left, and what it used is known to who started us."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    session.stop()
    process = getattr(gateway, "proc", None)
    if gateway is not None and process is not None:
        gateway.shutdown()
        process.stdin.close()  # Spark's Java ends with its standard input
        process.wait(_STOP_SECONDS)
        SparkContext._gateway = SparkContext._jvm = None


def _sizes(master: str, scratch: Path) -> dict[str, str]:
    """On this machine alone: loopback only, half the memory, spilling into the home; a cluster has its own settings."""
    if not master.startswith("local"):
        return {}
    own = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.local.dir": str(scratch)}
    if "SPARK_CONF_DIR" in os.environ:
        return own
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21
    cores = re.search(r"\d+", master)
    partitions = 4 * (int(cores[0]) if cores else len(os.sched_getaffinity(0)))
    return own | {"spark.driver.memory": f"{max(half, 1024)}m", "spark.sql.shuffle.partitions": str(partitions)}


@contextlib.contextmanager
def _no_standard_error() -> Iterator[None]:
    """What is started inside inherits no standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
