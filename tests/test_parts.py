"""Models made part by part: every row in one part, the text as written, numbers that go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import models, parts
from pipelines.models import Model, Parts, Twin

DIVIDED = [model for model in models.discover() if model.twin.parts]


@pytest.fixture
def con(monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """Twelve claims of four travellers, in a memory for three rows."""
    con = duckdb.connect(config={"memory_limit": "1GB", "threads": 2})
    con.execute("create schema core")
    con.execute(
        "create table core.claim as select cast(number % 4 + 1 as integer) as traveller_key, number "
        "from range(12) as t (number)"
    )
    con.execute("create table core.place as select 1 as place_key")
    monkeypatch.setattr(parts, "ROWS_A_GIGABYTE", 3)
    yield con
    con.close()


def _model(sql: str, divided: Parts, *reads: str) -> Model:
    twin = Twin(description="", grain="", parts=divided, columns=("number",))
    return Model("core", "made", Path("made.sql"), sql, reads or ("core.claim",), twin)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 40), st.integers(1, 40))
def test_every_key_and_none_is_in_one_range(rows: int, largest: int, fitting: int) -> None:
    con = duckdb.connect(config={"memory_limit": "1GB"})
    con.execute("create schema core")
    con.execute(f"create table core.claim as select {largest} as traveller_key from range({rows})")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ROWS_A_GIGABYTE", fitting)
        tables, ranges = parts.ranges(con, "traveller_key", ["core.claim", "core.place"])
    assert tables == (["core.claim"] if rows > fitting else [])
    assert len(ranges) == -(-rows // fitting)
    met = " + ".join(f"cast(coalesce({each.condition('key')}, false) as integer)" for each in ranges)
    keys = f"select * from range(-1, {largest + 2}) as t (key) union all select null"
    assert con.execute(f"select distinct {met} from ({keys}) as keys").fetchall() == [(1,)]


def test_what_fits_is_made_in_one_go(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_A_GIGABYTE", 12)
    monkeypatch.setattr(parts, "limited", lambda *_: pytest.fail("was divided"))
    assert models.build(con, _model("select number from core.claim", Parts(by="traveller_key"))).rows == 12


def test_a_large_table_without_the_key_divides_nothing(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create table core.episode as from range(100)")
    con.execute("create table core.stop as select 1 as traveller_key")
    tables, ranges = parts.ranges(con, "traveller_key", ["core.episode", "core.stop"])
    assert (tables, ranges) == (["core.stop"], [parts.Range(None, None)])


def test_a_part_reads_its_range_of_each_table_that_has_the_key(con: duckdb.DuckDBPyConnection) -> None:
    sql = (
        "with claims as (\n    select * -- of core.claim\n    from core.claim\n)\n\n"
        "select c.number, p.place_key, 'core.claim' as word\n"
        "from claims as c\ncross join core.place as p\ninner join core.claim as o on c.number = o.number"
    )
    assert parts.limited(sql, ["core.claim"], "traveller_key > 2") == (
        "with claims as (\n    select * -- of core.claim\n"
        "    from (select * from core.claim where traveller_key > 2) as claim\n)\n\n"
        "select c.number, p.place_key, 'core.claim' as word\n"
        "from claims as c\ncross join core.place as p\n"
        "inner join (select * from core.claim where traveller_key > 2) as o on c.number = o.number"
    )


def test_parts_give_the_rows_of_the_whole(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("insert into core.claim values (null, 99)")
    sql = "select traveller_key, count(*) as number from core.claim group by traveller_key"
    assert models.build(con, _model(sql, Parts(by="traveller_key"))).rows == 5
    assert set(con.execute("from core.made").fetchall()) == {(1, 3), (2, 3), (3, 3), (4, 3), (None, 1)}


def test_only_the_tables_named_are_limited(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create table core.episode as select 1 as traveller_key")
    sql = "select c.number, e.traveller_key from core.claim as c cross join core.episode as e"
    divided = Parts(by="traveller_key", of=("core.claim",))
    assert models.build(con, _model(sql, divided, "core.claim", "core.episode")).rows == 12


def test_numbers_go_on_from_part_to_part(con: duckdb.DuckDBPyConnection) -> None:
    sql = (
        "select cast(row_number() over (order by traveller_key, number) as integer) as claim_key, number "
        "from core.claim"
    )
    models.build(con, _model(sql, Parts(by="traveller_key", numbered="claim_key")))
    assert con.execute("select claim_key, number, typeof(claim_key) from core.made order by claim_key").fetchall() == [
        (position, number, "INTEGER") for position, number in enumerate((0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11), 1)
    ]


def test_a_part_that_does_not_fit_is_made_by_one_thread() -> None:
    class Scarce:
        """Refuses the second part once."""

        def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
            self.con, self.threads = con, []

        def execute(self, sql: str, *given: Any) -> Any:
            if sql.startswith("insert into"):
                ((threads,),) = self.con.execute("select current_setting('threads')").fetchall()
                self.threads.append(threads)
                if len(self.threads) == 1:
                    raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of size 128.0 KiB")
            return self.con.execute(sql, *given)

    con: Any = Scarce(duckdb.connect(config={"memory_limit": "1GB", "threads": 2}))
    con.execute("create schema core")
    con.execute("create table core.claim as select number as traveller_key, number from range(1, 7) as t (number)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ROWS_A_GIGABYTE", 3)
        assert models.build(con, _model("select number from core.claim", Parts(by="traveller_key"))).rows == 6
    assert con.threads == [2, 1]


@pytest.mark.parametrize("model", DIVIDED, ids=lambda model: model.table)
def test_what_a_twin_says_of_parts_is_there(model: Model) -> None:
    divided = model.twin.parts
    assert divided is not None
    columns = {each.table: each.twin.columns for each in models.discover()}
    having = [table for table in model.depends_on if divided.by in columns.get(table, ())]
    assert having
    assert set(divided.of) <= set(having)
    assert divided.numbered is None or divided.numbered in model.twin.columns
