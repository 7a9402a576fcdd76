"""Models: discovery, order, what a model may say; the shipped models keep their word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import dictionary, models
from pipelines.errors import MusterError
from pipelines.model_rules import tables_read

TWIN = "description: A table.\ngrain: row\ncolumns: [a]\n"


def project(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.suffix == ".sql" and path.with_suffix(".yml").name not in "".join(files):
            path.with_suffix(".yml").write_text(TWIN)
    return root


def test_order_follows_what_the_queries_read_and_not_the_names(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "mart/a.sql": "select a from core.b",
            "core/b.sql": "with x as (select a from core.z) select a from x",
            "core/sub/z.sql": "select a from stage.y, land.trips",
            "stage/y.sql": "select 1 as a",
        },
    )
    found = models.discover(root)
    assert [model.table for model in found] == ["stage.y", "core.z", "core.b", "mart.a"]
    assert found[1].depends_on == ("land.trips", "stage.y")


def test_models_become_tables_with_rows_counted(tmp_path: Path) -> None:
    root = project(tmp_path, {"stage/y.sql": "select range as a from range(7)", "core/z.sql": "select a from stage.y"})
    con = duckdb.connect()
    told: list[models.ModelResult] = []
    models.run(con, "stage", told.append, models=models.discover(root))
    models.run(con, "core", told.append, models=models.discover(root))
    models.run(con, "core", told.append, models=models.discover(root))
    assert [(result.table, result.rows) for result in told] == [("stage.y", 7), ("core.z", 7), ("core.z", 7)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"stage/a.sql": "select a from stage.b", "stage/b.sql": "select a from stage.a"}, "in a circle"),
        ({"stage/a.sql": "select a from core.b", "core/b.sql": "select 1 as a"}, "a later layer"),
        ({"stage/a.sql": "select a from stage.nothing"}, "which no file makes"),
        ({"stage/a.sql": "select 1 as a", "stage/deep/a.sql": "select 2 as a"}, "the same table"),
        ({"stage/a.sql": "select 1 as a", "stage/a.yml": "description: x\n"}, "grain"),
        ({"stage/a.sql": "select 1 as a", "stage/a.yml": f"{TWIN}colour: blue\n"}, "no such setting"),
    ],
)
def test_a_wrong_project_is_refused_in_one_sentence(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(MusterError, match=message) as caught:
        models.discover(project(tmp_path, files))
    assert "\n" not in str(caught.value)


def test_a_model_without_a_twin_is_refused(tmp_path: Path) -> None:
    project(tmp_path, {"stage/a.sql": "select 1 as a"})
    (tmp_path / "stage/a.yml").unlink()
    with pytest.raises(MusterError, match="has no twin"):
        models.discover(tmp_path)
    assert len(models.discover(tmp_path, twins_required=False)) == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select now() as a", "clock"),
        ("select current_date as a", "clock"),
        ("select today() as a", "clock"),
        ("select current_timestamp as a", "clock"),
        ("select get_current_timestamp() as a", "clock"),
        ("select age(t.b) as a from land.t", "clock"),
        ("select random() as a", "chance"),
        ("select uuid() as a", "chance"),
        ("select a from land.t using sample 3 rows", "by chance"),
        ("select a from land.t qualify row_number() over (order by a) = 1", "QUALIFY"),
        ("select list_transform([1], x -> x + 1) as a", "'->'"),
        ("select a from read_csv('x.csv')", "reads a file"),
        ("select a from read_parquet('x.parquet')", "reads a file"),
        ("select 1 as a; select 2 as a", "2 statements"),
        ("create table x as select 1 as a", "not a SELECT"),
        ("insert into land.t values (1)", "not a SELECT"),
        ("select a from people", "without its schema"),
        ("select from where", "no SQL"),
        ("with people as (select * from land.t) select a from people", "holds land.t once more as people"),
        ("with people as (from land.t as t) select a from people", "holds land.t once more as people"),
    ],
)
def test_a_model_that_is_not_a_pure_select_is_refused(sql: str, message: str) -> None:
    with pytest.raises(MusterError, match=re.escape(message)):
        tables_read(sql, "sql/stage/a.sql")


def test_lambdas_unnest_and_age_between_two_instants_are_allowed() -> None:
    sql = """
        with parts as (select unnest(list_transform([1, 2], lambda x: x + 1)) as a, age(b, c) as d from land.t)
        select p.a from parts as p, lateral (select u.v from unnest([p.a]) as u(v))
    """
    assert tables_read(sql, "a.sql") == ["land.t"]


@pytest.mark.parametrize(
    "people",
    [
        "select a from land.t",
        "select * from land.t where a = 1",
        "select distinct * from land.t",
        "select * from land.t union all select * from land.t",
        "select t.*, 1 as b from land.t as t",
        "select * from (select a from land.t)",
    ],
)
def test_a_common_table_expression_that_chooses_or_works_out_is_allowed(people: str) -> None:
    assert tables_read(f"with people as ({people}) select a from people", "a.sql") == ["land.t"]


def test_a_failing_model_is_named_without_its_data(tmp_path: Path) -> None:
    root = project(tmp_path, {"stage/a.sql": "select cast(x as integer) as a from land.t"})
    con = duckdb.connect()
    con.execute("create schema land; create table land.t as select 'jane@example.org' as x")
    with pytest.raises(MusterError, match=r"stage/a\.sql failed") as caught:
        models.run(con, models=models.discover(root))
    assert "jane" not in str(caught.value)


def test_only_what_lies_between_inputs_and_target_is_needed(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "stage/a.sql": "select a from land.t",
            "stage/other.sql": "select a from land.t",
            "core/b.sql": "select a from stage.a",
            "core/c.sql": "select a from core.b",
        },
    )
    found = models.discover(root)
    assert [model.name for model in models.needed(found, "core.c", {"stage.a"})] == ["b", "c"]
    assert [model.name for model in models.needed(found, "core.c", set())] == ["a", "b", "c"]


def test_every_column_of_every_model_is_described() -> None:
    known = models.fields()
    missing = {
        f"{model.table}.{name}" for model in models.discover() for name in model.twin.columns if name not in known
    }
    assert not missing


def test_the_dictionary_is_up_to_date() -> None:
    assert dictionary.TARGET.read_text(encoding="utf-8") == dictionary.dictionary_markdown(), (
        "run 'python -m pipelines.dictionary'"
    )


class _Scarce:
    """A connection whose first statement that makes a table finds too little memory, or every one."""

    def __init__(self, fails: int) -> None:
        self._con = duckdb.connect()
        self._con.execute("create schema core")
        self._con.execute("set threads = 2")
        self._fails = fails
        self.threads: list[int] = []

    def execute(self, sql: str) -> Any:
        if sql.startswith("create or replace table"):
            self.threads += [row[0] for row in self._con.execute("select current_setting('threads')").fetchall()]
            if len(self.threads) <= self._fails:
                raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of size 128.0 KiB")
        return self._con.execute(sql)


def test_what_does_not_fit_with_all_threads_is_made_by_one() -> None:
    model = next(model for model in models.discover() if model.table == "core.record_prefix")
    con: Any = _Scarce(1)
    con.execute("create schema land")
    con.execute("create table land.file (file_number integer, feed varchar, file_sha256 varchar)")
    assert models.build(con, model).rows == 1
    assert con.threads == [2, 1]
    assert con.execute("select current_setting('threads')").fetchall() == [(2,)]


def test_a_model_that_fits_into_no_memory_names_the_setting() -> None:
    con: Any = _Scarce(2)
    with pytest.raises(MusterError, match=r"raise memory_gb in muster\.yml"):
        models.build(con, next(model for model in models.discover() if model.table == "core.record_prefix"))
    assert con.threads == [2, 1]
    assert con.execute("select current_setting('threads')").fetchall() == [(2,)]
