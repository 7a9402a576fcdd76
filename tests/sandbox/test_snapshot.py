"""An upgrade of DuckDB brings names that nobody has looked at: this says which, and what to do."""

from __future__ import annotations

import json

from pipelines.sandbox import worker
from pipelines.sandbox.runner import allowed_document
from tests.sandbox import snapshot

ADVICE = (
    "Review each: may a query use it? Does a setting need a line in pipelines/sandbox/worker.py? "
    "Add what is harmless and useful to pipelines/sandbox/allowed.yml, statements for what is not to "
    "tests/sandbox/hostile.yml, and then run 'python -m tests.sandbox.snapshot'."
)


def test_duckdb_knows_the_names_that_were_reviewed() -> None:
    known, now = json.loads(snapshot.FILE.read_text()), snapshot.names()
    new = {part: sorted(set(found) - set(known.get(part, []))) for part, found in now.items()}
    gone = {part: sorted(set(found) - set(now.get(part, []))) for part, found in known.items()}
    changes = {part: (names, gone.get(part, [])) for part, names in new.items() if names or gone.get(part)}
    told = "; ".join(
        f"{part}: new {', '.join(more) or '-'}, gone {', '.join(less) or '-'}" for part, (more, less) in changes.items()
    )
    assert not changes, f"DuckDB's names changed: {told}. {ADVICE}"


def test_the_list_holds_only_names_that_duckdb_has() -> None:
    now, document = snapshot.names(), allowed_document()
    functions = {name for part, names in now.items() if part.endswith("functions") for name in names}
    listed = {
        name
        for part in (
            "operators",
            "scalar_functions",
            "aggregate_functions",
            "window_functions",
            "macros",
            "table_functions",
        )
        for name in document[part]
    }
    assert listed - functions <= {"count_star"}  # count(*), which only the tree names so
    assert set(document["query_nodes"]) | {"LIMIT_MODIFIER"} <= set(now["nodes and statements"]) | {"ORDER_DEFAULT"}
    set_names = {statement.split()[1] for statement in worker._SETTINGS}
    assert set_names <= set(now["settings"])
    assert not listed & {"query", "query_table", "getenv", "read_text", "glob", "error", "current_setting", "write_log"}
