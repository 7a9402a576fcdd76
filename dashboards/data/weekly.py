"""Exposure by week: person-days are summed, travellers, trips and nights recounted (E2).

Journeys and transit are left out of every figure, as on every headline (E1); possible and overdue people are in them.
Weeks begin Monday 00:00 in the office's zone (E3).
"""

from __future__ import annotations

import functools
import io
import threading
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from dashboards import data, words
from dashboards.data import Publication, Row, keep_answer, query, query_answer, queue
from pipelines.bridge import Week
from pipelines.errors import MusterError
from pipelines.instants import parse_instant
from pipelines.reference import nights_at_changes
from pipelines.settings import SQL

Key = tuple[object, ...]
WEEKS_BEFORE, WEEKS_AHEAD = 8, 4
CAUSES = ("late", "cancelled_or_changed", "new", "ended", "re_rated")
_MAKING = threading.Lock()


def bounds(shown: Publication, week: date) -> tuple[datetime, datetime]:
    """The instants, naive UTC, at which a week begins and ends."""
    first, last = (parse_instant(f"{day}T00:00:00", shown.zone, "Week") for day in (week, week + timedelta(days=7)))
    return first, last


def week_of(shown: Publication, instant: datetime) -> date:
    """The Monday of the office week that holds an instant."""
    day = words.in_zone(instant, shown.zone).date()
    return day - timedelta(days=day.weekday())


def weeks(shown: Publication) -> list[date]:
    """Every week with exposure, the latest first."""
    sql = "select distinct week_start_date as week from mart.exposure_by_week order by week desc"
    return [row["week"] for row in query(shown.role, shown.file, sql)]


def keep(shown: Publication) -> None:
    """Ask for the pieces of this week and the last, by key and without names, before anybody looks."""
    current = week_of(shown, shown.as_of)
    for week in (current, current - timedelta(weeks=1)):
        keep_answer(shown, _CELLS, _span(shown, week))


def _span(shown: Publication, week: date) -> dict[str, Any]:
    """A week's bounds, and the changes of clocks in it that pass over a night."""
    first, last = bounds(shown, week)
    columns = zip(*nights_at_changes(first, last), strict=True)
    changes = [list(column) for column in columns] or [[]] * 4
    return {
        "first": first,
        "last": last,
        **dict(zip(("zones", "changes", "untils", "differences"), changes, strict=True)),
    }


def by_level(shown: Publication, week: date) -> list[Row]:
    """Person-days by week and level for the chart, from 8 weeks before the week to 4 after it."""
    sql = """
        select week_start_date as week, risk_level, sum(person_days) as person_days,
            sum(person_days_planned) as person_days_planned
        from mart.exposure_by_week
        where presence_group <> 'moving' and week_start_date between ? and ?
        group by week_start_date, risk_level
        order by week_start_date, risk_level nulls first
    """
    span = [week - timedelta(weeks=WEEKS_BEFORE), week + timedelta(weeks=WEEKS_AHEAD)]
    return query(shown.role, shown.file, sql, span)


def moving(shown: Publication, week: date) -> float:
    """Person-days on the way and in transit in a week, which the other figures leave out."""
    sql = """
        select coalesce(sum(person_days), 0) as n from mart.exposure_by_week
        where week_start_date = ? and presence_group = 'moving'
    """
    return float(query(shown.role, shown.file, sql, [week])[0]["n"])


# One week's pieces of exposure, clipped to it; asked once a week and kept, for the page looks at it in many ways.
# The time is said of both tables: what lies outside it is then not read of either.
# Nights are numbered as in mart.exposure_by_week, with what is to be added where a change of clocks passes over 03:00.
_CELLS = """
    with change as (
        select
            unnest($zones::varchar[]) as timezone,
            unnest($changes::timestamp[]) as changes_at,
            unnest($untils::timestamp[]) as until_at,
            unnest($differences::integer[]) as nights
    ),

    cell as (
        select
            e.traveller_id, e.trip_id, e.place_id, e.place_name, e.risk_level, e.weight,
            coalesce(e.country_code, '') as country,
            greatest(e.starts_at, $first) as cell_starts_at,
            least(e.ends_at, $last) as cell_ends_at,
            s.timezone,
        from mart.exposure as e
        inner join mart.stay as s on e.stay_id = s.stay_id
        where e.starts_at < $last and e.ends_at > $first and e.presence not in ('transit', 'en_route')
            and s.starts_at < $last and (s.ends_at > $first or s.ends_at is null)
    )

    select
        c.* exclude (timezone),
        (epoch_us((cell_starts_at at time zone 'UTC') at time zone c.timezone) - 10800000001) // 86400000000
            + coalesce(a.nights, 0) + 1 as first_night,
        (epoch_us((cell_ends_at at time zone 'UTC') at time zone c.timezone) - 10800000001) // 86400000000
            + coalesce(b.nights, 0) as last_night
    from cell as c
    left join change as a
        on c.timezone = a.timezone and cell_starts_at >= a.changes_at and cell_starts_at <= a.until_at
    left join change as b
        on c.timezone = b.timezone and cell_ends_at >= b.changes_at and cell_ends_at <= b.until_at
"""

_AMOUNTS = """
    select {keys}, count(distinct traveller_id) as travellers, count(distinct trip_id) as trips,
        sum(weight * (epoch_us(cell_ends_at) - epoch_us(cell_starts_at))) / 86400e6 as person_days,
        max(risk_level) as highest_level, bool_or(risk_level is null) as has_unknown_level
    from answer
    where {rule}
    group by {group}
"""

# The night of a date is the instant 03:00 local on the next; its number is that of the day (E2). Pieces may share one.
_NIGHTS = """
    with nights as (
        select distinct {columns}, traveller_id, unnest(generate_series(first_night, last_night)) as night
        from answer
        where {rule} and last_night >= first_night
    )

    select {keys}, count(*) as traveller_nights
    from nights
    group by {group}
"""


def figures(shown: Publication, week: date, keys: tuple[str, ...] = (), country: str | None = None) -> dict[Key, Row]:
    """The figures of one week by the columns `keys` of the exposure (none: one row), within one country if given.

    Each row holds person_days, travellers, trips, traveller_nights and highest_level.
    """
    names = ", ".join(keys) if keys else "1 as whole"
    group = ", ".join(keys) if keys else "()"
    rule, given = ("true", {}) if country is None else ("country = $country", {"country": country})
    found: dict[Key, Row] = {}
    for part in (_AMOUNTS, _NIGHTS):
        sql = part.format(keys=names, columns=", ".join(keys) or "1", group=group, rule=rule)
        for row in query_answer(shown, _CELLS, _span(shown, week), sql, given):
            key = tuple(row[name] for name in keys)
            found.setdefault(key, {"traveller_nights": 0}).update(row)
    return {key: row for key, row in found.items() if row.get("travellers")}


@functools.cache
def _bridge() -> str:
    return (SQL / "queries" / "week_bridge.sql").read_text(encoding="utf-8")


def weeks_with_causes(shown: Publication) -> list[date]:
    """The weeks whose change is published with its causes, the latest first; none by an older version of Muster."""
    if not queue.has_table(shown, "exposure_change_by_week"):
        return []
    sql = "select distinct week_start_date as week from mart.exposure_change_by_week order by week desc"
    return [row["week"] for row in query(shown.role, shown.file, sql)]


def causes(shown: Publication, week: date) -> list[Row]:
    """By level: last week as known at its end, each of CAUSES, and this week as known now, in person-days (E5).

    The saved query of the weekly report, so that both say the same; transit and journeys are counted.
    """
    return query(shown.role, shown.file, _bridge(), {"week": week})


def report_name(shown: Publication, week: date) -> str:
    """The name of a week's report, as its folder and files bear it."""
    return f"{Week(week)}-viewer" if str(shown.role) == "viewer" else str(Week(week))


def report(shown: Publication, week: date) -> dict[str, bytes]:
    """The files of a week's report by name, its CSV files as one ZIP; made where this publication has none yet.

    Raises MusterError in one sentence: for a week outside the data, while a run holds the home, where the disk refuses.
    """
    from pipelines.reports.week import issue

    home, name = data.home(), report_name(shown, week)
    with _MAKING:  # two sessions of this process would write to the same draft folder
        folder = home.reports / name
        if not _is_current(shown, folder / f"muster-{name}.html"):
            copy = "viewer" if name.endswith("-viewer") else "office"
            folder = issue(home, str(Week(week)), copy=copy).folder
        try:
            files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
            files[f"muster-{name}-csv.zip"] = _zipped(sorted((folder / "csv").iterdir()))
        except OSError as error:
            raise MusterError(
                f"The report in {folder} cannot be read ({error.strerror}); mend it and ask again."
            ) from error
    return files


def _is_current(shown: Publication, page: Path) -> bool:
    """Whether a report was made from the publication shown: reports are made of the newest one alone."""
    try:
        made_at = datetime.fromtimestamp(page.stat().st_mtime, UTC).replace(tzinfo=None)
    except OSError:
        return False
    return made_at > shown.built_at


def _zipped(paths: list[Path]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return out.getvalue()
