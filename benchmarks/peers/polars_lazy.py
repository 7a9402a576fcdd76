"""Polars with its streaming engine: the same joins and cuts as lazy expressions, weeks by arithmetic and equality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.peers import DAY_MICROSECONDS, KEYS, PRESENCE_GROUPS
from benchmarks.tasks import Clock

_WEEK = 7 * DAY_MICROSECONDS
_FIRST_MONDAY = 7305 * DAY_MICROSECONDS  # 1990-01-01, where core.week begins to count


def polars(inputs: str, target: str) -> dict[str, Any]:
    """Two lazy plans: stays to exposure, and exposure to weeks."""
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    with clock.working():
        exposure = _exposure(inputs).collect(engine="streaming")
        exposure.select("stay_id", "starts_at", "ends_at", "risk_level").write_parquet(folder / "exposure.parquet")
        week = _weeks(inputs, exposure.lazy()).collect(engine="streaming")
        week.write_parquet(folder / "week.parquet")
    return clock.taken()


def _scan(inputs: str, table: str) -> pl.LazyFrame:
    return pl.scan_parquet(Path(inputs, f"{table}.parquet"))


def _parameter(inputs: str) -> dict[str, Any]:
    return _scan(inputs, "reference.parameter").collect().row(0, named=True)


def _exposure(inputs: str) -> pl.LazyFrame:
    parameter = _parameter(inputs)
    as_of = pl.lit(parameter["as_of"])
    open_end = (
        pl.when(pl.col("starts_at") < as_of)
        .then(as_of)
        .otherwise(pl.col("starts_at") + pl.duration(days=parameter["open_ended_days"]))
    )
    stays = (
        _scan(inputs, "core.stay_piece")
        .filter(pl.lit(parameter["count_home"]) | ~pl.col("is_home"))
        .select(
            "stay_id", "traveller_key", "place_key", "trip_key", "presence", "candidate_count", "starts_at",
            pl.coalesce("ends_at", open_end).alias("ends_at"),
        )
        .join(_scan(inputs, "core.place_zone"), on="place_key", how="left")
    )  # fmt: skip
    levels = _scan(inputs, "core.zone_level").select("zone_key", "starts_at", "ends_at", "risk_level")
    rated = (
        stays.join(levels, on="zone_key", suffix="_level")
        .filter((pl.col("starts_at") < pl.col("ends_at_level")) & (pl.col("ends_at") > pl.col("starts_at_level")))
        .with_columns(
            starts_at=pl.max_horizontal("starts_at", "starts_at_level"),
            ends_at=pl.min_horizontal("ends_at", "ends_at_level"),
        )
        .drop("starts_at_level", "ends_at_level")
    )
    unrated = stays.filter(pl.col("zone_key").is_null()).with_columns(risk_level=pl.lit(None, pl.Int32))
    return pl.concat([rated, unrated])


def _weeks(inputs: str, exposure: pl.LazyFrame) -> pl.LazyFrame:
    # A zone's Monday lies within a day of UTC's, so a week more on either side is enough; the overlap then decides.
    starts, ends = (pl.col(name).dt.epoch("us") - _FIRST_MONDAY for name in ("starts_at", "ends_at"))
    number = pl.int_ranges((starts - DAY_MICROSECONDS) // _WEEK, (ends + DAY_MICROSECONDS) // _WEEK + 1)
    weeks = _scan(inputs, "core.week").select(
        pl.col("week_number").cast(pl.Int64),
        "week_start_date",
        pl.col("starts_at").alias("week_starts_at"),
        pl.col("ends_at").alias("week_ends_at"),
    )
    as_of = pl.lit(_parameter(inputs)["as_of"])
    places = _scan(inputs, "core.place").select("place_key", "place_id", "country_code", "region_code")
    travellers = _scan(inputs, "core.traveller").select("traveller_key", pl.col("affiliation").fill_null("unknown"))
    share = 1.0 / pl.col("candidate_count") / DAY_MICROSECONDS
    from_us, to_us, as_of_us = (each.dt.epoch("us") for each in (pl.col("starts_at"), pl.col("ends_at"), as_of))
    return (
        exposure.with_columns(week_number=number)
        .explode("week_number")
        .join(weeks, on="week_number")
        .filter((pl.col("starts_at") < pl.col("week_ends_at")) & (pl.col("ends_at") > pl.col("week_starts_at")))
        .with_columns(
            starts_at=pl.max_horizontal("starts_at", "week_starts_at"),
            ends_at=pl.min_horizontal("ends_at", "week_ends_at"),
        )
        .join(places, on="place_key")
        .join(travellers, on="traveller_key")
        .with_columns(
            presence_group=pl.col("presence").replace_strict(PRESENCE_GROUPS, return_dtype=pl.String),
            person_days=(to_us - from_us) * share,
            person_days_actual=(pl.min_horizontal(to_us, as_of_us) - from_us).clip(0) * share,
        )
        .group_by(KEYS)
        .agg(
            travellers=pl.col("traveller_key").n_unique(),
            trips=pl.col("trip_key").n_unique(),
            person_days=pl.col("person_days").sum(),
            person_days_actual=pl.col("person_days_actual").sum(),
        )
    )
