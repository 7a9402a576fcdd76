"""What this DuckDB knows by name: ``python -m tests.sandbox.snapshot`` writes it down after a review of what is new."""

from __future__ import annotations

import json
import re
from pathlib import Path

import _duckdb
import duckdb

FILE = Path(__file__).with_name("duckdb_names.json")
# The names of kinds of node and statement as DuckDB's own serialiser writes them.
_NODES = re.compile(rb"(?<![A-Z_])[A-Z][A-Z_]{2,40}_(?:NODE|STATEMENT|MODIFIER|REF)(?![A-Z_])")


def names() -> dict[str, list[str]]:
    """Functions by kind, settings, types, keywords, and kinds of node and statement, each sorted."""
    found: dict[str, list[str]] = {}
    with duckdb.connect() as con:
        for kind, name in con.execute(
            "select distinct function_type, function_name from duckdb_functions() order by all"
        ).fetchall():
            found.setdefault(f"{kind} functions", []).append(name)
        for part, sql in {
            "settings": "select name from duckdb_settings() order by 1",
            "types": "select distinct lower(type_name) from duckdb_types() order by 1",
            "keywords": "select distinct keyword_name from duckdb_keywords() order by 1",
            "extensions": "select extension_name from duckdb_extensions() where loaded order by 1",
        }.items():
            found[part] = [name for (name,) in con.execute(sql).fetchall()]
    library = Path(str(_duckdb.__file__)).read_bytes()
    found["nodes and statements"] = sorted({name.decode() for name in _NODES.findall(library)})
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(names(), indent=1) + "\n")
    print(f"{FILE} is written; commit it with what the review changed in pipelines/sandbox/allowed.yml.")
