"""The audit measured against the truth of a generated office: precision and recall, and how they fall with noise.

``make audit-curve`` prints the table of ``docs/audit.md``. A true trip is judged by what the rows say that hold its
booking or its expense report. Where A1 joins two true trips into one observed trip, because at most two days lie
between what the feeds show of them, one of which is registered and the other is not, ``partial`` is the right word for
both; ``by_itself`` counts without that, each true trip by its own status.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

AS_OF = datetime(2026, 11, 16, 12, tzinfo=UTC)
STATUSES = ("unregistered", "partial", "registered_late")
SETTINGS = "office_country_code: US\noffice_timezone: America/New_York\n"

# A record locator is used again after a year at the earliest, so the days of the row tell whose it is. A trip is told
# from its departure to its return at home, so days abroad that are 2 apart are up to 4 apart here.
_JUDGED = """
with refs as (
    select audit_id, audit_status, starts_date, ends_date, unnest(observed_refs) as ref
    from mart.trip_audit
    where has_booking or has_expense
),

trips as (
    select *, cast(departs_at as date) as departs_date, cast(returns_at as date) as returns_date
    from read_parquet($trips)
),

held as (
    select r.audit_id, r.audit_status, t.trip_number, t.audit_status as truth, t.departs_date, t.returns_date
    from refs as r
    inner join trips as t
        on split_part(r.ref, ':', 2) = t.record_locator
            and t.departs_date between r.starts_date - 20 and r.ends_date + 20
    where r.ref like 'booking:%'
    union
    select r.audit_id, r.audit_status, t.trip_number, t.audit_status as truth, t.departs_date, t.returns_date
    from refs as r
    inner join trips as t on r.ref = concat('expense:', t.expense_report_id)
),

reached as (
    select *,
        max(returns_date) over (
            partition by audit_id
            order by departs_date, trip_number
            rows between unbounded preceding and 1 preceding
        ) as before_date
    from held
),

joined as (
    select *,
        sum(case when departs_date <= before_date + 4 then 0 else 1 end) over (
            partition by audit_id order by departs_date, trip_number
        ) as island
    from reached
),

mixed as (
    select trip_number, audit_status,
        bool_or(truth in ('registered', 'registered_late', 'partial')) over one
        and bool_or(truth in ('unregistered', 'partial')) over one as is_mixed
    from joined
    window one as (partition by audit_id, island)
),

said as (
    select trip_number, bool_or(is_mixed) as is_mixed,
        case
            when bool_or(audit_status = 'partial')
                or (bool_or(audit_status = 'unregistered') and bool_or(audit_status like 'registered%')) then 'partial'
            when bool_or(audit_status = 'unregistered') then 'unregistered'
            else min(audit_status)
        end as said
    from mixed
    group by trip_number
)

select t.trip_number, t.audit_status as by_itself, coalesce(s.said, 'no row') as said,
    case
        when s.is_mixed and t.audit_status in ('registered', 'registered_late', 'unregistered') then 'partial'
        else t.audit_status
    end as truth
from trips as t
left join said as s on t.trip_number = s.trip_number
"""


@dataclass(frozen=True)
class Score:
    """How well one status is told: shares of 1, and how many true trips have it."""

    status: str
    precision: float
    recall: float
    trips: int


def judge(con: duckdb.DuckDBPyConnection, truth: Path, table: str = "judged") -> None:
    """Make the temporary ``table``: each true trip with what the audit says, and what it should (A1, A2)."""
    con.execute(f"create or replace temp table {table} as {_JUDGED}", {"trips": str(truth / "trip.parquet")})


def scores(con: duckdb.DuckDBPyConnection, truth: Path, column: str = "truth") -> dict[str, Score]:
    """Precision and recall by status of the audit published in ``con``; ``column`` is ``truth`` or ``by_itself``."""
    judge(con, truth)
    found = {}
    for status in STATUSES:
        row = con.execute(
            f"""select count(*) filter ({column} = $status and said = $status), count(*) filter (said = $status),
                count(*) filter ({column} = $status)
            from judged""",
            {"status": status},
        ).fetchone()
        assert row is not None
        right, said, true = row
        found[status] = Score(status, right / max(said, 1), right / max(true, 1), true)
    return found


def measured(root: Path, trips: int, seed: int, noise: float) -> dict[str, dict[str, Score]]:
    """Generate an office, run it, and score its audit, by column of the truth."""
    from pipelines.generate.office import generate
    from pipelines.run import run_plain
    from pipelines.settings import Home

    generate(root, trips, seed, AS_OF, noise=noise)
    (root / "muster.yml").write_text(SETTINGS, encoding="utf-8")
    home = Home(root).prepare()
    run_plain(home, as_of=AS_OF)
    path = (home.published / "current").resolve() / "analyst.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        return {column: scores(con, root / "truth", column) for column in ("truth", "by_itself")}


def main() -> None:
    """Print the curve as a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.5, 1, 2, 4])
    parser.add_argument("--home", type=Path, help="a published home with truth/, instead of generated ones")
    options = parser.parse_args()
    print("| noise | status | true trips | precision | recall | by itself: precision | recall |")
    print("|---|---|---|---|---|---|---|")
    if options.home:
        path = (options.home / "published" / "current").resolve() / "analyst.duckdb"
        with duckdb.connect(str(path), read_only=True) as con:
            found = {column: scores(con, options.home / "truth", column) for column in ("truth", "by_itself")}
        _print("", found)
        return
    for noise in options.noise:
        with tempfile.TemporaryDirectory() as folder:
            _print(f"x {noise:g}", measured(Path(folder) / "office", options.trips, options.seed, noise))


def _print(label: str, found: dict[str, dict[str, Score]]) -> None:
    for status in STATUSES:
        one, alone = found["truth"][status], found["by_itself"][status]
        print(
            f"| {label} | `{status}` | {one.trips:,} | {one.precision:.3f} | {one.recall:.3f} | "
            f"{alone.precision:.3f} | {alone.recall:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
