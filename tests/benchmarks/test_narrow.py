"""Models cut down to some columns: what only other columns need goes, what decides about rows stays."""

from __future__ import annotations

import duckdb
import pytest

from benchmarks.narrow import narrowed

MODEL = """
    with spread as (
        select s.stay_id, s.place_id, unnest(generate_series(1, s.days)) as day_number, epoch_us(s.starts_at) as began
        from core.stay as s
    ),

    named as (
        select s.stay_id, s.day_number, s.began, p.name
        from spread as s
        left join core.place as p on s.place_id = p.place_id
    )

    select n.stay_id, n.name, count(*) as days, min(n.began) as began
    from named as n
    inner join core.counted as c on n.stay_id = c.stay_id
    group by n.stay_id, n.name
    order by n.stay_id
"""


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("""
        create schema core;
        create table core.stay as select i as stay_id, i % 3 as place_id, i as days,
            timestamp '2026-11-16 12:00:00' as starts_at from range(1, 8) as t(i);
        create table core.place as select i as place_id, 'place' || i as name from range(2) as t(i);
        create table core.counted as select i as stay_id from range(1, 5) as t(i);
    """)
    return con


def test_what_only_other_columns_need_is_left_out_and_the_rows_are_the_same(con: duckdb.DuckDBPyConnection) -> None:
    columns = "stay_id, days"
    text = narrowed(con, MODEL.replace("n.name,", "").replace(", n.name", ""), columns)
    for gone in ("core.place", "LEFT", "epoch_us", "EPOCH_US", "ORDER BY"):
        assert gone not in text, text
    whole = con.execute(f"select {columns} from ({MODEL}) order by all").fetchall()
    assert con.execute(f"from ({text}) order by all").fetchall() == whole == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_join_that_is_asked_for_or_chooses_rows_stays(con: duckdb.DuckDBPyConnection) -> None:
    text = narrowed(con, MODEL, "stay_id, name")
    assert "core.place" in text and "core.counted" in text and "EPOCH_US" not in text
    assert con.execute(f"from ({text}) order by all").fetchall() == [
        (1, "place1"),
        (2, None),
        (3, "place0"),
        (4, "place1"),
    ]
