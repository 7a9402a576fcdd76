"""Spark on this machine, where pyspark is installed: the exposure step in Spark's SQL on ``local[*]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.peers import DAY_MICROSECONDS
from benchmarks.tasks import Clock
from pipelines.engines.spark import stop

_EXPOSURE = """
    with counted as (
        select
            s.stay_id, s.traveller_key, s.place_key, s.trip_key, s.presence, s.candidate_count, s.starts_at,
            coalesce(
                s.ends_at,
                case when s.starts_at < a.as_of then a.as_of else s.starts_at + make_dt_interval(a.open_ended_days) end
            ) as ends_at,
            z.zone_key
        from stay_piece as s
        cross join parameter as a
        left join place_zone as z on s.place_key = z.place_key
        where not s.is_home or a.count_home
    )
    select
        c.stay_id, c.traveller_key, c.place_key, c.trip_key, c.presence, c.candidate_count,
        greatest(c.starts_at, l.starts_at) as starts_at, least(c.ends_at, l.ends_at) as ends_at, l.risk_level
    from counted as c
    inner join zone_level as l on c.zone_key = l.zone_key and c.starts_at < l.ends_at and c.ends_at > l.starts_at
    union all
    select
        stay_id, traveller_key, place_key, trip_key, presence, candidate_count, starts_at, ends_at,
        cast(null as int) as risk_level
    from counted
    where zone_key is null
"""

_WEEK = f"""
    with cells as (
        select
            e.*, w.week_start_date, greatest(e.starts_at, w.starts_at) as from_at, least(e.ends_at, w.ends_at) as to_at
        from exposure as e
        inner join week as w on e.starts_at < w.ends_at and e.ends_at > w.starts_at
    )
    select
        c.week_start_date, p.country_code, p.region_code, p.place_id, c.risk_level,
        case c.presence
            when 'possible' then 'possible' when 'overdue' then 'overdue'
            when 'transit' then 'moving' when 'en_route' then 'moving' else 'present'
        end as presence_group,
        coalesce(t.affiliation, 'unknown') as affiliation,
        count(distinct c.traveller_key) as travellers,
        count(distinct c.trip_key) as trips,
        sum((unix_micros(c.to_at) - unix_micros(c.from_at)) / c.candidate_count / {DAY_MICROSECONDS}) as person_days,
        sum(
            greatest(unix_micros(least(c.to_at, a.as_of)) - unix_micros(c.from_at), 0)
            / c.candidate_count / {DAY_MICROSECONDS}
        ) as person_days_actual
    from cells as c
    cross join parameter as a
    inner join place as p on c.place_key = p.place_key
    inner join traveller as t on c.traveller_key = t.traveller_key
    group by 1, 2, 3, 4, 5, 6, 7
"""


def spark(inputs: str, target: str) -> dict[str, Any]:
    """The step in two statements; starting Spark is not counted."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )
    folder = Path(target)
    java = SparkContext._gateway.proc.pid
    before = _processor_seconds(java)
    clock = Clock()
    with clock.working():
        for path in Path(inputs).glob("*.parquet"):
            session.read.parquet(str(path)).createOrReplaceTempView(path.stem.partition(".")[2])
        exposure = session.sql(_EXPOSURE).cache()
        exposure.createOrReplaceTempView("exposure")
        written = {"exposure": exposure.select("stay_id", "starts_at", "ends_at", "risk_level")}
        written["week"] = session.sql(_WEEK)
        for name, frame in written.items():
            frame.coalesce(1).write.mode("overwrite").parquet(str(folder / "parts" / name))
    for name in written:
        part = next((folder / "parts" / name).glob("part-*.parquet"))
        part.replace(folder / f"{name}.parquet")
    taken = clock.taken()
    taken["cpu_seconds"] += _processor_seconds(java) - before
    stop(session)  # waits for Java, whose memory then counts as this process's
    return taken


def _processor_seconds(process: int) -> float:
    """What a process that goes on has used, of user and of system."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
