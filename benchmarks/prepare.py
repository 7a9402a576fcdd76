"""Tasks that make what is measured: settings, a kept build, feeds split into old and new, many small files."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines import warehouse
from pipelines.generate.demo import SETTINGS
from pipelines.run import Run
from pipelines.settings import Home

KEYS = {"registrations": "trip_id", "bookings": "record_locator", "expenses": "report_id", "reviews": "trip_id"}
"""The column by which a feed's records belong together, so that a split leaves no half trip on either side."""


def write_settings(home: str, keep_tables: bool = True) -> dict[str, Any]:
    """Give a home the settings of the demo office, and say whether a run leaves its tables to the next."""
    text = SETTINGS if keep_tables else f"{SETTINGS}keep_tables: false\n"
    Path(home, "muster.yml").write_text(text, encoding="utf-8")
    return {}


def run_lean(home: str, as_of: str) -> dict[str, Any]:
    """Run a home as :mod:`pipelines.run` does, without Dagster's record; what came in is removed once it is landed.

    Returns the seconds of every step. Those of its parts lie in ``parts.json`` beside the home, also where it fails.
    """
    with Run(Home(home), datetime.fromisoformat(as_of)) as run:
        try:
            run.reach("land")
            shutil.rmtree(run.home.inbox)
            run.reach("publish")
        finally:
            parts = [[timing.step, timing.part, round(timing.seconds, 3)] for timing in run.timings]
            Path(home).with_name("parts.json").write_text(json.dumps(parts), encoding="utf-8")
        return {"parts": {step: seconds for step, part, seconds in parts if part == "all"}}


def keep_build(home: str, as_of: str, target: str) -> dict[str, Any]:
    """Run a home up to its marts without publishing, and keep the database that a run makes and removes."""
    with Run(Home(home), datetime.fromisoformat(as_of)) as run:
        run.reach("mart")
        built = warehouse.build_path(run.home, run.run_id)
    built.replace(target)
    return {}


def split_feeds(inbox: str, old: str, new: str, share: int) -> dict[str, Any]:
    """Split feeds by key: one key in ``share`` goes to ``new``, all others, and feeds without keys, to ``old``.

    Values stay text as they are; records that cannot be divided into fields are left out of both.
    """
    con = duckdb.connect()
    counts = {"old": 0, "new": 0}
    for source in sorted(Path(inbox).rglob("*.csv")):
        feed = source.parent.name
        key = KEYS.get(feed)
        rows = _as_text(source)
        chosen = f"hash({key}) % {share} = 0" if key else "false"
        for name, folder, where in (("old", old, f"not coalesce({chosen}, false)"), ("new", new, chosen)):
            if name == "new" and not key:
                continue
            target = Path(folder, feed, source.name if name == "old" else f"new_{source.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            found = con.execute(
                f"copy (from {rows} where {where}) to '{target}' (format csv, header, delimiter ',')"
            ).fetchone()
            counts[name] += found[0] if found else 0
    return counts


def csv_sql(source: Path, types: dict[str, str]) -> str:
    """The SQL of a CSV file's rows, its columns of the given types, text where none is given; bad records left out."""
    columns = ", ".join(f"'{name}': '{types.get(name, 'VARCHAR')}'" for name in _header(source))
    return (
        f"read_csv('{source}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"ignore_errors = true, columns = {{{columns}}})"
    )


def without_open_quotes(source: Path, target: Path) -> Path:
    """A copy of a CSV file below ``target``, without the lines that hold an odd number of quotes."""
    copy = target / source.parent.name / source.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as lines, copy.open("wb") as kept:
        kept.writelines(line for line in lines if line.count(b'"') % 2 == 0)
    return copy


def _as_text(source: Path) -> str:
    return csv_sql(source, {})


def _header(source: Path) -> list[str]:
    with source.open(encoding="utf-8") as stream:
        return stream.readline().rstrip("\r\n").split(",")


def small_files(inbox: str, target: str, first: int, files: int) -> dict[str, Any]:
    """Cut registrations into small files of ten trips each, numbered from ``first``; all of one key in one file.

    Where there are fewer trips than needed they are repeated under other numbers.
    """
    con = duckdb.connect()
    source = sorted(Path(inbox, "registrations").glob("*.csv"))[0]
    columns = _header(source)
    rows = con.execute(f"from {_as_text(source)} limit 400").fetchall()
    folder = Path(target, "registrations")
    folder.mkdir(parents=True, exist_ok=True)
    trip = columns.index("trip_id")
    for number in range(first, first + files):
        chosen = [list(rows[(number * 10 + step) % len(rows)]) for step in range(10)]
        for row in chosen:
            row[trip] = f"{row[trip]}-{number}"
        table = con.from_arrow(_table(columns, chosen))
        table.write_csv(str(folder / f"small_{number:06d}.csv"), header=True)
    return {"files": files}


def _table(columns: list[str], rows: list[list[Any]]) -> Any:
    import pyarrow as pa

    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(columns)})


def later_years(inbox: str, target: str, years: int) -> dict[str, Any]:
    """Spread the registrations of a short time over ``years``: as many trips, each moved back by whole weeks."""
    con = duckdb.connect()
    folder = Path(target, "registrations")
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for source in sorted(Path(inbox, "registrations").glob("*.csv")):
        moved = ", ".join(
            f"coalesce(left(strftime(try_cast({name} as timestamp) - age, '%Y-%m-%dT%H:%M'), length({name})), {name}) "
            f"as {name}"
            for name in ("starts_local", "ends_local")
        )
        aged = f"select *, to_days((hash(trip_id) % {years})::integer * 364) as age from {_as_text(source)}"
        found = con.execute(
            f"copy (select * exclude (age) replace ({moved}) from ({aged})) "
            f"to '{folder / source.name}' (format csv, header)"
        ).fetchone()
        count += found[0] if found else 0
    return {"rows": count}
