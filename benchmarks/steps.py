"""Tasks that run some of Muster's models alone, from what the models before them made.

The models are the files of ``sql/``, unchanged. What they read and do not make themselves comes from the kept database
of a run, or for the exposure step from the same Parquet files that the peers read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.answers import require
from benchmarks.narrow import narrowed
from benchmarks.tasks import Clock
from pipelines import models, warehouse
from pipelines.places.reference import load_reference
from pipelines.places.resolve import run_models

EXPOSURE = ("core.exposure_interval", "core.week", "mart.exposure_by_week")
AUDIT = (
    "core.observed_stay",
    "core.registered_interval",
    "core.registered_namesake",
    "core.audit_day",
    "core.observed_trip",
    "core.audit_result",
    "core.audit_reason",
    "core.audit_registration",
    "core.audit_decision",
    "core.audit_statement",
    "mart.trip_audit",
    "mart.audit_estimate",
)
PEER_COLUMNS = (
    "week_start_date, country_code, region_code, place_id, risk_level, presence_group, affiliation, travellers, trips, "
    "person_days, person_days_actual"
)
"""What the peers work out too; nights and arrivals are Muster's alone."""
PEER_INTERVALS = (
    "stay_id, traveller_key, place_key, trip_key, starts_at, ends_at, presence, candidate_count, risk_level"
)
"""What the peers keep of the intervals between: no level but the highest."""


def _chosen(names: Iterable[str]) -> list[models.Model]:
    wanted = set(names)
    found = [model for model in models.discover() if model.table in wanted]
    require(len(found) == len(wanted), f"there is no model {', '.join(wanted - {model.table for model in found})}")
    return found


def _given(chosen: list[models.Model]) -> list[str]:
    made = {model.table for model in chosen}
    return sorted({read for model in chosen for read in model.depends_on} - made)


def _connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    warehouse.configure(con)
    for layer in warehouse.LAYERS:
        con.execute(f"create schema if not exists {layer}")
    return con


def export(build: str, target: str) -> dict[str, Any]:
    """Write what the exposure step starts from as Parquet files, ``<schema>.<table>.parquet``, for all contenders.

    Lists, which name the evidence of a stay, are left out: no contender reads them, and so the floor does not either.
    """
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(build, read_only=True)
    rows = {}
    for table in [*_given(_chosen(EXPOSURE)), "core.week"]:
        order = "order by stay_id" if table == "core.stay_piece" else ""
        lists = [name for name, kind, *_ in con.execute(f"describe {table}").fetchall() if kind.endswith("[]")]
        columns = f"* exclude ({', '.join(lists)})" if lists else "*"
        found = con.execute(
            f"copy (select {columns} from {table} {order}) to '{folder / table}.parquet' (format parquet)"
        ).fetchone()
        rows[table] = found[0] if found else 0
    return {"rows": rows}


def exposure(inputs: str, target: str, whole: bool) -> dict[str, Any]:
    """Stays x levels to exposure and to weeks, by Muster's models; ``whole`` with all that its tables hold.

    Otherwise the columns that the peers make, by the models' text cut down to them (:mod:`benchmarks.narrow`).
    """
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    intervals, weeks, by_week = _chosen(EXPOSURE)
    parts = {model.table: model.sql for model in (intervals, weeks, by_week)}
    shown = "*"
    if not whole:
        con = _reading(inputs)
        for model, columns in ((intervals, PEER_INTERVALS), (weeks, "*"), (by_week, PEER_COLUMNS)):
            parts[model.table] = narrowed(con, model.sql, columns)
            con.execute(f"create view {model.table} as {parts[model.table]}")
        con.close()
        shown = "stay_id, starts_at, ends_at, risk_level"
    clock = Clock()
    with clock.working():
        con = _reading(inputs)
        for model in (intervals, weeks):
            con.execute(f"create table {model.table} as {parts[model.table]}")
        con.execute(f"copy (select {shown} from {intervals.table}) to '{folder / 'exposure.parquet'}' (format parquet)")
        con.execute(f"copy ({parts[by_week.table]}) to '{folder / 'week.parquet'}' (format parquet)")
        con.close()
    return clock.taken()


def _reading(inputs: str) -> duckdb.DuckDBPyConnection:
    """A connection that knows the exported tables."""
    con = _connection()
    for path in Path(inputs).glob("*.parquet"):
        if path.stem not in EXPOSURE:
            con.execute(f"create view {path.stem} as from '{path}'")
    return con


def audit(build: str) -> dict[str, Any]:
    """The audit's models on the tables of a kept run; returns its findings by status."""
    chosen = _chosen(AUDIT)
    clock = Clock()
    with clock.working():
        con = _connection()
        con.execute(f"attach '{build}' as kept (read_only)")
        for table in _given(chosen):
            con.execute(f"create view {table} as from kept.{table}")
        for model in chosen:
            models.build(con, model)
    order = "order by audit_id"
    kept, made = "kept.mart.trip_audit", "mart.trip_audit"
    different = con.execute(f"select count(*) from (from {kept} except all from {made})").fetchone()
    require(different == (0,), f"{different} findings are not those of the run ({order})")
    found = con.execute(f"select audit_status, count(*) from {made} group by all order by all").fetchall()
    return {"findings": dict(found)} | clock.taken()


def places(texts: int) -> dict[str, Any]:
    """Resolve distinct invented texts: a place with its country, without it, and misspelt by one letter.

    What is made of a name with its country has a known answer; nine in ten must be found.
    """
    clock = Clock()
    con = _connection()
    con.execute("set enable_progress_bar = false")
    load_reference(con)
    con.execute("create or replace table reference.parameter as select 'UTC' as office_timezone")
    made = _texts(con, texts)
    con.execute("create table truth (place_text varchar, place_id varchar, is_plain boolean)")
    con.executemany("insert into truth values (?, ?, ?)", made)
    con.execute(
        "create table stage.place_text as select distinct place_text, cast(null as varchar) as country_hint, "
        "cast(null as varchar) as region_hint, 'text' as text_kind from truth"
    )
    with clock.working():
        run_models(con)
    found = con.execute(
        """
        with best as (
            select place_text, arg_min(place_id, candidate_number) as place_id, min(place_status) as place_status
            from core.place_match
            group by place_text
        )
        select
            count(*),
            count(*) filter (is_plain),
            count(*) filter (is_plain and b.place_id = t.place_id),
            count(*) filter (b.place_text is null),
            count(*) filter (b.place_status = 'unknown')
        from truth as t
        left join best as b using (place_text)
        """
    ).fetchone()
    total, plain, right, lost, unknown = found or (0, 0, 0, 0, 0)
    require(lost == 0 and right >= 0.9 * plain, f"{lost} texts have no answer, {right} of {plain} plain ones the right")
    return {
        "texts": total, "plain": plain, "plain_right": right, "unknown": unknown,
    } | clock.taken()  # fmt: skip


def _texts(con: duckdb.DuckDBPyConnection, count: int) -> list[tuple[str, str, bool]]:
    """Distinct texts with the place each was made of, and whether it is spelt as the gazetteer spells it."""
    rows = con.execute(
        """
        select c.place_name, n.place_name, any_value(c.place_id)
        from reference.gazetteer_place as c
        inner join reference.gazetteer_place as n on n.place_id = c.country_code
        where c.place_type = 'city' and length(c.place_name) > 5
        group by c.place_name, n.place_name
        having count(*) = 1
        order by max(c.population) desc, 1, 2
        limit ?
        """,
        [count],
    ).fetchall()
    chance = random.Random(7)  # noqa: S311 - no secret
    made: dict[str, tuple[str, str, bool]] = {}
    for number, (city, country, place_id) in enumerate(rows):
        at = chance.randrange(2, len(city) - 1)
        text, is_plain = [
            (f"{city}, {country}", True),
            (city, False),
            (f"{city[:at]}{city[at + 1 :]}, {country}", False),
            (f"{country} - {city}", True),
        ][number % 4]
        made.setdefault(text, (text, place_id, is_plain))
    return list(made.values())
