"""What a run knows before any feed: the instant asked about, settings, rating scales, time zones.

Everything lands in schema ``reference`` of the build file, so that no SQL model reads the clock or a setting
from elsewhere (F5).
"""

from __future__ import annotations

import functools
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

NightAtChange = tuple[str, datetime, datetime, int]


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
    path = folder / f"zone_transition-{version('tzdata')}-v2.parquet"
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

    A night is the instant 03:00 local (E2). Where the clock passes over 03:00 at the change, forward or back, counting
    days by the local time alone is one off until ``nights_differ_until``: ``nights_differ_by`` is then to be added.
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
            seconds, night = int(offset.total_seconds()), _night_at_change(starts, before, offset)
            for year in range(local_starts.year, (local_ends - timedelta(microseconds=1)).year + 1):
                row = (name, year, starts, ends, local_starts, local_ends, flagged_from, seconds, *night)
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
        ("nights_differ_until", pa.timestamp("us")),
        ("nights_differ_by", pa.int32()),
    ]
)


def _night_at_change(change: datetime, before: timedelta, offset: timedelta) -> tuple[datetime | None, int | None]:
    """Until when, and by how much, local time alone miscounts nights after a change of offset; none where it does not.

    A 03:00 that comes twice is the earlier one, so it is over at the change and yet to come by the clock. One that is
    skipped moves forward by the gap, so it is over by the clock at the change and yet to come (S1).
    """
    first, last = change + min(before, offset), change + max(before, offset)
    night = first.replace(hour=3, minute=0, second=0, microsecond=0)
    night += timedelta(days=night < first)
    if night >= last:
        return None, None
    return (night - offset, 1) if offset < before else (night - before, -1)


def nights_at_changes(first: datetime, last: datetime) -> list[NightAtChange]:
    """Every (timezone, change, ``nights_differ_until``, ``nights_differ_by``) that touches a span of naive UTC."""
    return [row for row in _nights_at_changes() if row[1] <= last and row[2] >= first]


@functools.cache
def _nights_at_changes() -> tuple[NightAtChange, ...]:
    columns = ["timezone", "starts_at", "nights_differ_until", "nights_differ_by"]
    try:
        table = pq.read_table(ensure_zone_transitions(), columns=columns)
    except OSError:  # a dashboard may have no right to write where a run does
        table = _zone_transitions().select(columns)
    rows = table.filter(table["nights_differ_by"].is_valid()).to_pylist()
    return tuple(sorted({tuple(row[name] for name in columns) for row in rows}))


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
