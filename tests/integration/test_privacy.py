"""Who may see whom: nothing that names a person is in any byte that an analyst, an operator or a log gets."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.kept import kept_path
from pipelines.settings import SQL, load_yaml

from .conftest import Office


@pytest.fixture(scope="module")
def looked_at(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A copy on which everybody did what leaves traces: looked, asked, and ran into an error."""
    copy = office.copy(tmp_path_factory.mktemp("privacy") / "home")
    for arguments in (
        ["who"],
        ["who", "--role", "steward", "--from", "2026-11-01", "--to", "2026-12-01", "--include", "home,transit"],
        ["sql", "select full_name, email from traveller_contact", "--role", "steward"],
        ["feeds"],
    ):
        assert copy.muster(*arguments).returncode == 0
    return copy


def _names(office: Office) -> set[str]:
    """Every e-mail address, telephone number and long full name that any feed holds, in lower case."""
    found: set[str] = set()
    for path in (office.home.inbox).glob("*/*.csv"):
        if path.parent.name == "ratings":
            continue
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                for column, value in row.items():
                    if isinstance(value, str) and column:
                        found.update(_sensitive(column, value))
                if row.get("given_name"):
                    found.update(_name_forms(row["given_name"], row["family_name"]))
    return {token.lower() for token in found if len(token) >= 8}


def _sensitive(column: str, value: str) -> Iterator[str]:
    if "email" in column:
        yield from (part.strip() for part in value.split(";"))
    elif "phone" in column:
        yield value
        yield re.sub(r"\D", "", value)
    elif column == "traveller_name":
        yield value


def _name_forms(given: str, family: str) -> Iterator[str]:
    yield f"{given} {family}"
    yield f"{family}, {given}"
    yield f"{family}/{given}"


def _found_in_bytes(path: Path, names: set[str]) -> list[str]:
    content = path.read_bytes().lower()
    return [name for name in names if name.encode() in content]


def _found_in_tables(con: duckdb.DuckDBPyConnection, names: set[str]) -> list[tuple[str, str]]:
    """Files are compressed, so what a reader would see is looked through as well."""
    con.execute("create temp table token as select unnest($1::varchar[]) as name", [sorted(names)])
    found = []
    for (table,) in con.execute("select table_name from duckdb_tables() where schema_name = 'mart'").fetchall():
        found += con.execute(
            f"""
            with line as (select distinct lower(t::varchar) as line from mart."{table}" as t)
            select '{table}', name from line inner join token on contains(line, name)
            """
        ).fetchall()
    return found


def test_there_is_something_to_find(looked_at: Office) -> None:
    names = _names(looked_at)
    assert len(names) > 150
    steward = looked_at.home.published / "current" / "steward.duckdb"
    with duckdb.connect(str(steward), read_only=True) as con:
        assert len(_found_in_tables(con, names)) > 100


def test_analysts_files_name_nobody(looked_at: Office) -> None:
    names, folder = _names(looked_at), looked_at.home.published / "current"
    with duckdb.connect(str(folder / "analyst.duckdb"), read_only=True) as con:
        assert _found_in_tables(con, names) == []
    with duckdb.connect() as con:
        con.execute("create schema mart")
        for path in folder.glob("parquet/*.parquet"):
            con.execute(f"create table mart.{path.stem} as select * from read_parquet('{path}')")
        assert con.execute("select count(*) from mart.stay").fetchall() != [(0,)]
        assert _found_in_tables(con, names) == []
    for path in [folder / "analyst.duckdb", *folder.glob("parquet/*")]:
        assert _found_in_bytes(path, names) == [], path


def test_records_of_runs_and_logs_name_nobody(looked_at: Office) -> None:
    names, root = _names(looked_at), looked_at.home.root
    folders = (root / "dagster", root / "logs", root / "warehouse", root / "reports", root / "decisions")
    # The tables that the next run takes over are data, as landed files are.
    kept = kept_path(looked_at.home)
    files = [
        path for path in itertools.chain(*(folder.rglob("*") for folder in folders)) if path.is_file() and path != kept
    ]
    assert any(path.suffix == ".db" for path in files) and any(path.name == "access.log" for path in files)
    for path in files:
        assert _found_in_bytes(path, names) == [], path


def test_file_names_and_permissions_are_for_the_owner_alone(looked_at: Office) -> None:
    home = looked_at.home
    for folder in (home.landing, home.warehouse, home.published, home.logs, home.root / "dagster"):
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("role", ["analyst", "duty", "steward"])
def test_the_publication_describes_itself(office: Office, role: str) -> None:
    assert office.rows("select generation, landed_files, has_invented_ratings from publication", role) == [
        (1, 19, True)
    ]
    assert office.rows("select table_name from duckdb_tables() where comment is null or comment = ''", role) == []
    silent = office.rows(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'mart' and coalesce(comment, '') = '' and not internal",
        role,
    )
    assert silent == []
    tables = {row[0] for row in office.rows("select table_name from duckdb_tables() where schema_name = 'mart'", role)}
    assert tables == {path.stem for path in (SQL / "mart").glob("*.sql")} | {"publication"}


def test_columns_of_each_table_are_those_of_its_twin(office: Office) -> None:
    for path in (SQL / "mart").glob("*.yml"):
        columns = [row[0] for row in office.rows(f"select column_name from (describe mart.{path.stem})")]
        assert columns == load_yaml(path)["columns"], path.stem
