"""A home may ask for the analyst's tables in the storage version that DuckDB read before 2.0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from pipelines.publish import publish
from pipelines.published import current
from pipelines.settings import Home


def test_the_older_file_is_written_where_the_home_asks_for_it(home: Home, make_build: Callable[[str], Path]) -> None:
    publish(home, make_build("r1"), "r1")
    assert not (current(home) / "analyst_older.duckdb").exists()
    home.settings_file.write_text("publish_older_file: true\n")
    publish(home, make_build("r2"), "r2")
    older = current(home) / "analyst_older.duckdb"
    assert older.stat().st_mode & 0o777 == 0o600 and not older.with_name(older.name + ".wal").exists()
    with duckdb.connect() as con:
        con.execute(f"attach '{current(home)}/analyst.duckdb' as new (read_only)")
        con.execute(f"attach '{older}' as old (read_only)")
        tags = dict(con.execute("select database_name, tags['storage_version'] from duckdb_databases()").fetchall())
        assert "v1.5" in tags["old"] and "v1.5" not in tags["new"]
        for (table,) in con.execute("select table_name from duckdb_tables() where database_name = 'new'").fetchall():
            differing = con.execute(
                f'select count(*) from (from new.mart."{table}" except from old.mart."{table}")'
            ).fetchone()
            assert differing == (0,)
        assert con.execute("select count(*) from old.main.traveller_contact").fetchone() == (0,)
