"""The only writable connection: one build file per run, and read-only looks at finished files."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.errors import MusterError
from pipelines.settings import Home, load_settings

LAYERS = ("land", "reference", "stage", "core", "mart")


def new_run_id(now: datetime | None = None) -> str:
    """A run's name: the UTC instant of its start and four random hexadecimal digits, sortable by time."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def build_path(home: Home, run_id: str) -> Path:
    """Where the build file of a run lies."""
    return home.warehouse / f"build-{run_id}.duckdb"


def build_folder(home: Home, run_id: str) -> Path:
    """Where an engine keeps what it needs beside the build file of a run."""
    return home.warehouse / f"build-{run_id}.tables"


def open_build(home: Home, run_id: str) -> duckdb.DuckDBPyConnection:
    """Open (or create) the build file of a run for writing, with every layer's schema and UTC as session zone.

    Raises MusterError where the file is locked by another process or the disk refuses.
    """
    path = build_path(home, run_id)
    spill = home.warehouse / "spill"
    try:
        con = duckdb.connect(str(path))
    except duckdb.IOException as error:
        raise MusterError(
            f"The warehouse file {path} cannot be opened: another process holds it or the disk refuses. "
            "Wait for the other run, or free space, and run again."
        ) from error
    configure(con, spill)
    con.execute(f"set memory_limit = '{memory_gb(home):.2f}GB'")
    for layer in LAYERS:
        con.execute(f"create schema if not exists {layer}")
    return con


def memory_gb(home: Home) -> float:
    """Gigabytes that the database of a run may use: the home's setting, else 2 for each processor.

    Never more than four fifths of the machine's memory. What does not fit lies in ``warehouse/spill`` for a while.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return min(load_settings(home).memory_gb or 2.0 * len(os.sched_getaffinity(0)), 0.8 * machine)


def configure(con: duckdb.DuckDBPyConnection, spill: Path | None = None) -> None:
    """Set what every connection of ours relies on: UTC, no lookup of Python variables, bounded threads."""
    con.execute("set TimeZone = 'UTC'")
    con.execute("set python_enable_replacements = false")
    con.execute("set preserve_insertion_order = false")
    con.execute(f"set threads = {len(os.sched_getaffinity(0))}")
    if spill is not None:
        con.execute("set temp_directory = ?", [str(spill)])


def connect_readonly(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a finished database file read-only; raises MusterError where it is missing or not a database."""
    if not path.exists():
        raise MusterError(f"There is no database at {path}. Publish one with 'muster run'.")
    try:
        con = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise MusterError(f"{path} cannot be read as a DuckDB database; publish it anew with 'muster run'.") from error
    con.execute("set TimeZone = 'UTC'")
    con.execute("set python_enable_replacements = false")
    return con
