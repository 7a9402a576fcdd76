"""What the first report of a completed week was made of, kept so that a later one can tell what changed and why.

``reports/first/<week>.parquet`` of a home holds the exposures that touch the week as they were published then, and a
mark for each other trip known within thirteen weeks of it, so that a trip that moved into the week is told from one
that came late. Trips are named by a digest, for only their sameness matters. The file is written once and is never
changed.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.bridge import Week
from pipelines.errors import MusterError
from pipelines.published import PublicationRow
from pipelines.settings import Home

_WEEKS_AROUND = 13

_KEEP = """
copy (
    select
        md5_number_lower(trip_id) as trip_mark, place_id, country_code, risk_level, starts_at, ends_at, is_open,
        cast(candidate_count as integer) as candidate_count
    from mart.exposure
    where starts_at < timestamp '{ends}' and ends_at > timestamp '{starts}'
    union all
    select distinct md5_number_lower(trip_id), null, null, null, null::timestamp, null::timestamp, null, null
    from mart.exposure
    where starts_at < timestamp '{latest}' and ends_at > timestamp '{earliest}'
    order by all
) to '{path}' (format parquet, compression zstd, kv_metadata {{
    known_at: '{known_at}', as_of: '{as_of}', configuration_sha256: '{configuration}'
}})
"""


@dataclass(frozen=True)
class FirstIssue:
    """The first issue of a week; instants are naive UTC."""

    path: Path
    known_at: datetime.datetime
    as_of: datetime.datetime
    configuration_sha256: str


def path_of(home: Home, week: Week) -> Path:
    """Where a home keeps what the first issue of a week was made of."""
    return home.reports / "first" / f"{week}.parquet"


def read(con: duckdb.DuckDBPyConnection, home: Home, week: Week) -> FirstIssue | None:
    """The first issue of a week, None where there was none; raises MusterError where its file cannot be read."""
    path = path_of(home, week)
    if not path.exists():
        return None
    try:
        pairs = con.execute("select key::varchar, value::varchar from parquet_kv_metadata(?)", [str(path)]).fetchall()
        found = dict(pairs)
        known_at, as_of = (datetime.datetime.fromisoformat(found[name]) for name in ("known_at", "as_of"))
        return FirstIssue(path, known_at, as_of, found["configuration_sha256"])
    except (duckdb.Error, KeyError, ValueError):
        raise MusterError(
            f"{path}, which says what the first report of {week} was made of, cannot be read; restore it from a "
            "backup, or remove it and this report is the first."
        ) from None


def show(con: duckdb.DuckDBPyConnection, first: FirstIssue) -> None:
    """Have what the first issue was made of as ``mart.issued_exposure``."""
    path = str(first.path).replace("'", "''")
    con.execute(f"create or replace view mart.issued_exposure as select * from read_parquet('{path}')")


def keep(con: duckdb.DuckDBPyConnection, home: Home, publication: PublicationRow, week: Week) -> Path | None:
    """Keep what the first issue of a week is made of; returns the new file, None where there was one already.

    ``con`` has the publication in schema ``mart``. Raises MusterError where the home cannot be written.
    """
    path = path_of(home, week)
    draft = path.with_name(f".tmp-{week}-{os.getpid()}")
    zone = publication.office_timezone
    earliest, starts, ends, latest = (
        week.moved(step).starts_at(zone) for step in (-_WEEKS_AROUND, 0, 1, 1 + _WEEKS_AROUND)
    )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        con.execute(
            _KEEP.format(
                earliest=earliest,
                starts=starts,
                ends=ends,
                latest=latest,
                path=str(draft).replace("'", "''"),
                known_at=publication.known_at.isoformat(),
                as_of=publication.as_of.isoformat(),
                configuration=publication.configuration_sha256,
            )
        )
        draft.chmod(0o600)
        # A link takes no other's place: of two first issues at once one is the first.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
            return path
    except (OSError, duckdb.IOException) as error:
        reason = error.strerror if isinstance(error, OSError) else "the disk refuses"
        raise MusterError(
            f"What the report of {week} is made of cannot be kept in {path.parent} ({reason}), so it is not issued."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return None
