"""Comparing answers: a time is believed only where what was made is what was to be made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import MusterError

READ_AT_LEAST = 0.98
"""The share of records that a plain CSV reader gets over: it leaves out those that are no good."""

_OF_THE_BUILD = {"publication": ("generation", "built_at")}
"""Columns that name a build and not what it says."""

_KEYS = "week_start_date, country_code, region_code, place_id, risk_level, presence_group, affiliation"


def require(holds: bool, what: str) -> None:
    """Raise MusterError, which ends the benchmark, where an answer is not what it has to be."""
    if not holds:
        raise MusterError(f"The answers differ: {what}. No time of this workload is believed.")


def accounts(home: str) -> dict[str, Any]:
    """What a home published: its feeds' accounts, the rows of each mart, and by when it was known."""
    with duckdb.connect(str(Path(home, "published", "current", "steward.duckdb")), read_only=True) as con:
        feeds = con.execute("select feed, records, loaded, rejected, blank from mart.feed_status where records > 0")
        found: dict[str, Any] = {"feeds": {feed: counts for feed, *counts in feeds.fetchall()}}
        tables = con.execute("select table_name from duckdb_tables() where schema_name = 'mart'").fetchall()
        counted = {table: con.execute(f"select count(*) from mart.{table}").fetchone() for (table,) in tables}
        known_at = con.execute("select known_at from mart.publication").fetchall()[0][0]
        found["known_at"] = f"{known_at.isoformat()}Z"
        return found | {"marts": {table: row[0] for table, row in counted.items() if row}}


def require_floor(floor: Mapping[str, Any], published: Mapping[str, Any]) -> float:
    """The floor read the records that Muster accounts for and wrote the marts that Muster published.

    Returns the share of all records that it read.
    """
    for feed, (records, loaded, rejected, blank) in published["feeds"].items():
        require(records == loaded + rejected + blank, f"the account of {feed} does not add up")
        rows = floor["feeds"].get(feed, 0)
        require(READ_AT_LEAST * records <= rows <= records, f"the floor read {rows} of {records} records of {feed}")
    require(floor["marts"] == published["marts"], "the floor wrote other marts than Muster published")
    return float(sum(floor["feeds"].values()) / sum(records for records, *_ in published["feeds"].values()))


def same_marts(left: str, right: str, is_exact: bool = True) -> dict[str, Any]:
    """Compare every published table of two homes, row by row; returns how many tables and rows are the same.

    Where not ``is_exact``, fractions may differ by a billionth (1e-9) of their size, and nothing else at all. Raises
    MusterError with the tables that differ.
    """
    con = duckdb.connect()
    con.execute("set preserve_insertion_order = false")
    for name, home in (("a", left), ("b", right)):
        con.execute(f"attach '{Path(home, 'published', 'current', 'steward.duckdb')}' as {name} (read_only)")
    tables = {
        name: con.execute(
            f"select table_name from duckdb_tables() where database_name = '{name}' and schema_name = 'mart' order by 1"
        ).fetchall()
        for name in ("a", "b")
    }
    require(tables["a"] == tables["b"], "the two homes published different tables")
    different, rows = [], 0
    for (table,) in tables["a"]:
        hidden = _OF_THE_BUILD.get(table, ())
        described = con.execute(f"describe a.mart.{table}").fetchall()
        columns = {name: kind for name, kind, *_ in described if name not in hidden}
        fractions = [] if is_exact else [name for name, kind in columns.items() if kind in ("DOUBLE", "FLOAT")]
        count, other = (_one(con, f"select count(*) from {name}.mart.{table}") for name in ("a", "b"))
        missing = _missing(con, table, [name for name in columns if name not in fractions], fractions)
        rows += count
        if missing or count != other:
            different.append(f"{table} ({count} and {other} rows, {missing} of them different)")
    require(not different, f"the two homes published different rows of {', '.join(different)}")
    return {"tables": len(tables["a"]), "rows": rows}


def _missing(con: duckdb.DuckDBPyConnection, table: str, exact: list[str], fractions: list[str]) -> int:
    """Rows of a table of ``a`` that ``b`` has not."""
    chosen = ", ".join(exact)
    if not fractions:
        ours, theirs = (f"select {chosen} from {name}.mart.{table}" for name in ("a", "b"))
        return int(_one(con, f"select count(*) from ({ours} except all {theirs})"))
    measures = ", ".join(fractions)
    sides = [
        f"(select of_row, row_number() over (partition by of_row order by {measures}) as nth, {measures} "
        f"from (select hash({chosen}) as of_row, {measures} from {name}.mart.{table}))"
        for name in ("a", "b")
    ]
    close = " and ".join(
        f"(abs(a.{name} - b.{name}) <= 1e-9 * greatest(1, abs(a.{name})) or a.{name} is not distinct from b.{name})"
        for name in fractions
    )
    same = f"select count(*) from {sides[0]} as a inner join {sides[1]} as b using (of_row, nth) where {close}"
    return int(_one(con, f"select count(*) from a.mart.{table}")) - int(_one(con, same))


def same_exposure(one: str, other: str) -> dict[str, Any]:
    """Compare two folders with ``exposure.parquet`` and ``week.parquet``.

    Intervals, levels, keys and counts must be equal, person-days to 1e-9 of their size.
    """
    con = duckdb.connect()
    con.execute("set preserve_insertion_order = false")
    exposures = [f"(select stay_id, starts_at, ends_at, risk_level from '{folder}/exposure.parquet')"
                 for folder in (one, other)]  # fmt: skip
    counts = [_one(con, f"select count(*) from {rows}") for rows in exposures]
    missing = _one(con, f"select count(*) from (from {exposures[0]} except all from {exposures[1]})")
    require(counts[0] == counts[1] and not missing, f"{counts} exposure rows, {missing} of them different")
    weeks = [f"(select {_KEYS}, travellers, trips, person_days, person_days_actual from '{folder}/week.parquet')"
             for folder in (one, other)]  # fmt: skip
    same = " and ".join(f"a.{key.strip()} is not distinct from b.{key.strip()}" for key in _KEYS.split(","))
    close = " and ".join(
        f"abs(a.{name} - b.{name}) <= 1e-9 * greatest(1, a.{name})" for name in ("person_days", "person_days_actual")
    )
    counts = [_one(con, f"select count(*) from {rows}") for rows in weeks]
    equal = _one(
        con,
        f"select count(*) from {weeks[0]} as a inner join {weeks[1]} as b on {same} "
        f"where a.travellers = b.travellers and a.trips = b.trips and {close}",
    )
    require(counts[0] == counts[1] == equal, f"{counts} rows of weeks, {equal} of them the same")
    return {"exposures": int(_one(con, f"select count(*) from {exposures[0]}")), "weeks": int(counts[0])}


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    found = con.execute(sql).fetchone()
    return found[0] if found else None
