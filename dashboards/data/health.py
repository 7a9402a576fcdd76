"""What Data health shows: runs, findings, files, rejected records and what is vague, unknown or unresolved."""

from __future__ import annotations

from dashboards.data import Publication, Row, home, query, queue
from pipelines import run_history
from pipelines.errors import MusterError
from pipelines.run_history import PastRun


def uncertainty(shown: Publication) -> dict[str, Row]:
    """What is vague or unknown, by kind; nothing where the generation is older than the table."""
    sql = "select 1 from information_schema.tables where table_schema = 'mart' and table_name = 'uncertainty'"
    if not query(shown.role, shown.file, sql):
        return {}
    return {row["kind"]: row for row in query(shown.role, shown.file, "select * from mart.uncertainty")}


def findings(shown: Publication) -> list[Row]:
    """The findings of data quality, blocking ones first."""
    sql = "select * from mart.data_quality order by severity, failing_rows desc, check_name, table_name"
    return query(shown.role, shown.file, sql)


def files(shown: Publication, limit: int) -> tuple[int, list[Row]]:
    """(number of landed files, the files that need a look and then the newest): each with its account."""
    total = query(shown.role, shown.file, "select count(*) as n from mart.landed_file")[0]["n"]
    sql = f"""
        select feed, file_name, left(file_sha256, 12) as file_sha256, received_at, file_status, records, loaded,
            rejected, blank, message
        from mart.landed_file
        order by file_status = 'loaded', received_at desc, feed, file_name
        limit {int(limit)}
    """
    return int(total), query(shown.role, shown.file, sql)


def rejected_reasons(shown: Publication) -> list[Row]:
    """Rejected records by feed and reason; the steward's file alone holds them."""
    sql = """
        select feed, reason, count(*) as n, count(distinct file_sha256) as files
        from mart.rejected_record group by feed, reason order by n desc, feed, reason limit 200
    """
    return query(shown.role, shown.file, sql)


def rejected_raw(shown: Publication, limit: int) -> list[Row]:
    """Raw rejected records for the steward, the undecodable bytes escaped; log the look first."""
    sql = f"""
        select feed, left(file_sha256, 12) as file, record_number, line_number, reason, raw
        from mart.rejected_record order by feed, file_sha256, record_number limit {int(limit)}
    """
    rows = query(shown.role, shown.file, sql)
    for row in rows:
        raw = row["raw"]
        row["raw"] = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    return rows


def count_unresolved_places(shown: Publication) -> int:
    """How many lines :func:`unresolved_places` has; none where the generation is older than the table."""
    if not queue.has_table(shown, "place_issue"):
        return 0
    return int(query(shown.role, shown.file, "select count(*) as n from mart.place_issue")[0]["n"])


def unresolved_places(shown: Publication, limit: int) -> list[Row]:
    """Place texts that are unknown or guessed, those with the most person-days first, as ``muster places unresolved``.

    A text that may mean several places has a row for each.
    """
    sql = f"""
        select place_text, place_status, place_id, place_name, country_code, stays, travellers, person_days
        from mart.place_issue
        order by person_days desc, place_text, candidate_number
        limit {int(limit)}
    """
    return query(shown.role, shown.file, sql)


def count_unresolved_people(shown: Publication) -> tuple[int, int]:
    """(people who are ambiguous or not on the roster, those of them who are away now)."""
    sql = """
        select count(*) as n,
            count(*) filter (traveller_id in (select traveller_id from mart.current_exposure)) as away
        from mart.traveller where identity_status <> 'matched'
    """
    row = query(shown.role, shown.file, sql)[0]
    return int(row["n"]), int(row["away"])


def unresolved_people(shown: Publication, limit: int) -> list[Row]:
    """People who are ambiguous or not on the roster, without names: who is away now first, then most trips."""
    sql = f"""
        with trips as (
            select t.traveller_id, count(*) as trips
            from mart.trip as t semi join mart.traveller as p
                on t.traveller_id = p.traveller_id and p.identity_status <> 'matched'
            group by t.traveller_id
        )

        select p.*, coalesce(t.trips, 0) as trips,
            p.traveller_id in (select traveller_id from mart.current_exposure) as is_away
        from mart.traveller as p
        left join trips as t on p.traveller_id = t.traveller_id
        where p.identity_status <> 'matched'
        order by is_away desc, trips desc, p.traveller_id
        limit {int(limit)}
    """
    return query(shown.role, shown.file, sql)


def last_runs(limit: int) -> list[PastRun]:
    """The newest runs of the home, whatever came of them. Raises MusterError where their record cannot be read."""
    try:
        return run_history.last_runs(home(), limit)
    except OSError as error:
        raise MusterError(f"The record of runs cannot be read: {error}") from error
