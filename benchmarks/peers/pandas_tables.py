"""What both pandas peers share: reading the inputs, adding up by week, writing the answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peers import DAY_MICROSECONDS, KEYS, PRESENCE_GROUPS


@dataclasses.dataclass
class Inputs:
    """The tables of the exposure step; instants are naive UTC."""

    stays: pd.DataFrame
    zones: pd.DataFrame
    levels: pd.DataFrame
    weeks: pd.DataFrame
    places: pd.DataFrame
    travellers: pd.DataFrame
    as_of: pd.Timestamp
    open_ended_days: int
    count_home: bool
    office_timezone: str


def read(inputs: str) -> Inputs:
    """Read the columns that are needed."""

    def table(name: str, *columns: str) -> pd.DataFrame:
        return pd.read_parquet(Path(inputs, f"{name}.parquet"), columns=list(columns))

    parameter = table("reference.parameter", "as_of", "open_ended_days", "count_home", "office_timezone").iloc[0]
    return Inputs(
        table(
            "core.stay_piece", "stay_id", "traveller_key", "place_key", "trip_key", "starts_at", "ends_at", "presence",
            "candidate_count", "is_home",
        ),
        table("core.place_zone", "place_key", "zone_key"),
        table("core.zone_level", "zone_key", "starts_at", "ends_at", "risk_level"),
        table("core.week", "week_start_date", "starts_at", "ends_at").sort_values("starts_at", ignore_index=True),
        table("core.place", "place_key", "place_id", "country_code", "region_code"),
        table("core.traveller", "traveller_key", "affiliation"),
        parameter.as_of,
        int(parameter.open_ended_days),
        bool(parameter.count_home),
        str(parameter.office_timezone),
    )  # fmt: skip


def counted_stays(given: Inputs) -> pd.DataFrame:
    """Stays that count in exposure, an open one ended as S7 says, with their zone."""
    stays = given.stays if given.count_home else given.stays[~given.stays.is_home]
    planned = stays.starts_at + pd.Timedelta(days=given.open_ended_days)
    ends_if_open = planned.where(stays.starts_at >= given.as_of, given.as_of)
    stays = stays.assign(ends_at=stays.ends_at.fillna(ends_if_open))
    return stays.merge(given.zones, on="place_key", how="left")


def by_week(cells: pd.DataFrame, given: Inputs) -> pd.DataFrame:
    """Add up pieces of one week each: person-days, those until ``as_of``, distinct travellers and trips."""
    affiliation = given.travellers.assign(affiliation=given.travellers.affiliation.fillna("unknown"))
    cells = cells.merge(given.places, on="place_key").merge(affiliation, on="traveller_key")
    share = 1.0 / cells.candidate_count / DAY_MICROSECONDS
    starts, ends = (
        cells[name].to_numpy().astype("datetime64[us]").astype("int64") for name in ("starts_at", "ends_at")
    )
    as_of = given.as_of.to_datetime64().astype("datetime64[us]").astype("int64")
    actual = np.clip(np.minimum(ends, as_of) - starts, 0, None)
    cells = cells.assign(
        presence_group=cells.presence.map(PRESENCE_GROUPS),
        person_days=(ends - starts) * share,
        person_days_actual=actual * share,
    )
    return (
        cells.groupby(KEYS, dropna=False, observed=True)
        .agg(
            travellers=("traveller_key", "nunique"),
            trips=("trip_key", "nunique"),
            person_days=("person_days", "sum"),
            person_days_actual=("person_days_actual", "sum"),
        )
        .reset_index()
    )


def write(exposure: pd.DataFrame, week: pd.DataFrame, folder: Path) -> None:
    """Write both answers."""
    folder.mkdir(parents=True, exist_ok=True)
    exposure = exposure[["stay_id", "starts_at", "ends_at", "risk_level"]].astype({"risk_level": "Int32"})
    exposure.to_parquet(folder / "exposure.parquet", index=False)
    week = week.assign(week_start_date=pd.to_datetime(week.week_start_date).dt.date)
    week.astype({"risk_level": "Int32"}).to_parquet(folder / "week.parquet", index=False)
