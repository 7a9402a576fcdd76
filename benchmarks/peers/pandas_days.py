"""pandas as an analyst writes it: a row for every person and day, joined to the level of that day."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers import pandas_tables as tables
from benchmarks.tasks import Clock


def pandas_days(inputs: str, target: str) -> dict[str, Any]:
    """Explode stays into days of the office's calendar, join the levels, add up."""
    clock = Clock()
    with clock.working():
        given = tables.read(inputs)
        days = _days(tables.counted_stays(given), given.office_timezone)
        levels = given.levels.assign(level_number=range(len(given.levels)))
        rated = days.merge(levels, on="zone_key", suffixes=("", "_level"))
        rated = rated[(rated.starts_at < rated.ends_at_level) & (rated.ends_at > rated.starts_at_level)]
        rated = rated.assign(
            starts_at=rated[["starts_at", "starts_at_level"]].max(axis=1),
            ends_at=rated[["ends_at", "ends_at_level"]].min(axis=1),
        )
        pieces = pd.concat([rated, days[days.zone_key.isna()].assign(risk_level=math.nan, level_number=-1)])
        exposure = (
            pieces.groupby(["stay_id", "level_number"])
            .agg(starts_at=("starts_at", "min"), ends_at=("ends_at", "max"), risk_level=("risk_level", "first"))
            .reset_index()
        )
        week = tables.by_week(pieces, given)
        tables.write(exposure, week, Path(target))
    return clock.taken()


def _days(stays: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """One row a stay and local day, clipped to both."""
    # The last moment of a half-open interval is the one before its end.
    first, last = (
        moments.dt.tz_localize("UTC").dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
        for moments in (stays.starts_at, stays.ends_at - pd.Timedelta(microseconds=1))
    )
    calendar: Any = [pd.date_range(*span, freq="D") for span in zip(first, last, strict=True)]
    days = stays.assign(day=calendar).explode("day").reset_index(drop=True)
    days["day"] = pd.to_datetime(days["day"]).dt.as_unit("us")
    day_starts, day_ends = (
        moments.dt.tz_localize(timezone).dt.tz_convert("UTC").dt.tz_localize(None)
        for moments in (days.day, days.day + pd.Timedelta(days=1))
    )
    return days.assign(
        starts_at=days.starts_at.where(days.starts_at > day_starts, day_starts),
        ends_at=days.ends_at.where(days.ends_at < day_ends, day_ends),
        week_start_date=days.day - pd.to_timedelta(days.day.dt.dayofweek, unit="D"),
    )
