"""What Data health shows: findings, files, rejected records and what is vague or unknown."""

from __future__ import annotations

from dashboards.data import Publication, Row, query


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
