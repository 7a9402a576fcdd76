"""What a run knows before any feed: the instant asked about, settings, rating scales, time zones.

Everything lands in schema ``reference`` of the build file, so that no SQL model reads the clock or a setting
from elsewhere (F5).
"""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import decisions, places, policy
from pipelines.kept import Kept
from pipelines.kept import digest as kept_digest
from pipelines.settings import PROJECT, REFERENCE, Home, Settings, configuration_sha256

FIRST_YEAR, LAST_YEAR = 1990, 2061
_STEP = timedelta(days=7)


def load(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    settings: Settings,
    as_of: datetime,
    known_at: datetime,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Make ``reference.*`` in the build file.

    ``as_of`` and ``known_at`` are aware instants; they become naive UTC timestamps, as all ``_at`` columns are.
    ``progress`` is told of the gazetteer being built, which happens once and takes half a minute.
    """
    _load_parameter(con, home, settings, as_of, known_at)
    _load_lists(con)
    decisions.load(con, home, naive_utc(known_at))
    rules = policy.load_policy(policy.policy_path(home, settings))
    policy.load_rules(con, rules, settings.office_timezone)
    con.execute(
        "create or replace table reference.zone_transition as select * from read_parquet(?)",
        [str(ensure_zone_transitions())],
    )
    places.load_reference(con, home, progress)


def note(con: duckdb.DuckDBPyConnection, kept: Kept) -> None:
    """Tell ``kept`` what ``reference.*`` holds now: small tables by their content, the others by the files they are."""
    folder = places.ensure_gazetteer()
    files = {f"gazetteer_{table}": folder / f"{table}.parquet" for table in places.TABLES}
    files["zone_transition"] = ensure_zone_transitions()
    for table, path in files.items():
        status = path.stat()
        kept.note(f"reference.{table}", kept_digest(str(path), status.st_size, status.st_mtime_ns))
    names = con.execute(
        "select table_name from duckdb_tables() where schema_name = 'reference' and database_name = current_database()"
    ).fetchall()
    kept.note_content(f"reference.{name}" for (name,) in sorted(names) if name not in files)
    kept.note_parameters()


def naive_utc(moment: datetime) -> datetime:
    """An aware instant as the naive UTC timestamp that the warehouse stores."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _load_parameter(
    con: duckdb.DuckDBPyConnection, home: Home, settings: Settings, as_of: datetime, known_at: datetime
) -> None:
    con.execute(
        """create or replace table reference.parameter as select
            ?::timestamp as as_of, ?::timestamp as known_at, ?::varchar as office_timezone,
            ?::varchar as office_country_code, ?::double as transit_hours, ?::integer as open_ended_days,
            ?::boolean as count_home, ?::varchar as resolution, ?::varchar as headline,
            ?::varchar as configuration_sha256""",
        [
            naive_utc(as_of),
            naive_utc(known_at),
            settings.office_timezone,
            settings.office_country_code,
            settings.transit_hours,
            settings.open_ended_days,
            settings.count_home,
            settings.resolution,
            settings.headline,
            configuration_sha256(home, settings),
        ],
    )
    con.execute("create or replace table reference.provider_order (provider varchar, provider_rank integer)")
    for rank, provider in enumerate(settings.provider_order, start=1):
        con.execute("insert into reference.provider_order values (?, ?)", [provider, rank])


_LISTS = {
    "rating_scale": (
        "rating_scales.csv",
        "provider varchar, category varchar, native_level varchar, level integer, worst_case_level integer, "
        "has_regional_advice boolean, is_flagged boolean, note varchar",
    ),
    "expense_type": ("expense_types.csv", "expense_type varchar, places_traveller boolean, note varchar"),
    "booking_status": ("booking_statuses.csv", "status_code varchar, segment_status varchar, note varchar"),
    "nickname": ("nicknames.csv", "nickname varchar, given_name varchar"),
}
"""Closed lists kept as files: table in schema reference -> file in data/reference, column types."""


def _load_lists(con: duckdb.DuckDBPyConnection) -> None:
    for table, (file_name, columns) in _LISTS.items():
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in (column.split() for column in columns.split(", ")))
        con.execute(
            f"create or replace table reference.{table} as select * from read_csv(?, header = true, "
            f"auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = {{{types}}})",
            [str(REFERENCE / file_name)],
        )


def ensure_zone_transitions() -> Path:
    """The cached Parquet file of every IANA zone's offsets, built once per version of tzdata (about 5 s)."""
    folder = Path(os.environ.get("MUSTER_GAZETTEER") or PROJECT / "data" / "gazetteer")
    path = folder / f"zone_transition-{version('tzdata')}-v1.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        pq.write_table(_zone_transitions(), partial)
        partial.replace(path)
    return path


def _zone_transitions() -> pa.Table:
    """One row per zone x calendar year x constant offset: timezone, local_year, offset and bounds.

    ``starts_at``/``ends_at`` are UTC, half-open. ``local_starts``/``local_ends`` are the local times that this
    offset claims under S1: both an ambiguous and a nonexistent local time belong to the offset in force before
    the change, which gives the earlier instant of the first and moves the second forward by the gap. From
    ``flagged_from`` on a local time is ambiguous or nonexistent.
    """
    columns: dict[str, list] = {name: [] for name in _TRANSITION_SCHEMA.names}
    for name in sorted(zoneinfo.available_timezones()):
        periods = _offsets(zoneinfo.ZoneInfo(name))
        for number, (starts, ends, offset) in enumerate(periods):
            before = periods[number - 1][2] if number else offset
            after = periods[number + 1][2] if number + 1 < len(periods) else offset
            local_starts = starts + max(offset, before)
            local_ends = ends + max(offset, after)
            flagged_from = local_ends - abs(after - offset)
            for year in range(local_starts.year, (local_ends - timedelta(microseconds=1)).year + 1):
                row = (name, year, starts, ends, local_starts, local_ends, flagged_from, int(offset.total_seconds()))
                for column, value in zip(_TRANSITION_SCHEMA.names, row, strict=True):
                    columns[column].append(value)
    return pa.table(columns, schema=_TRANSITION_SCHEMA)


_TRANSITION_SCHEMA = pa.schema(
    [
        ("timezone", pa.string()),
        ("local_year", pa.int32()),
        ("starts_at", pa.timestamp("us")),
        ("ends_at", pa.timestamp("us")),
        ("local_starts", pa.timestamp("us")),
        ("local_ends", pa.timestamp("us")),
        ("flagged_from", pa.timestamp("us")),
        ("utc_offset_seconds", pa.int32()),
    ]
)


def _offsets(zone: zoneinfo.ZoneInfo) -> list[tuple[datetime, datetime, timedelta]]:
    """The constant-offset periods of a zone as naive UTC bounds, found by weekly samples and bisection."""

    def offset_at(moment: datetime) -> timedelta:
        return (moment.replace(tzinfo=UTC).astimezone(zone).utcoffset()) or timedelta()

    start, end = datetime(FIRST_YEAR, 1, 1), datetime(LAST_YEAR, 1, 1)
    periods: list[tuple[datetime, datetime, timedelta]] = []
    since, offset, moment = start, offset_at(start), start
    while moment < end:
        following = min(moment + _STEP, end)
        if offset_at(following) != offset:
            low, high = moment, following
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=int((high - low).total_seconds() // 2))
                low, high = (middle, high) if offset_at(middle) == offset else (low, middle)
            periods.append((since, high, offset))
            since, offset = high, offset_at(high)
        moment = following
    return [*periods, (since, end, offset)]
