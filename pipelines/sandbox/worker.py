"""The process that runs one ad-hoc query: reads a request from standard input, writes one JSON answer.

It limits itself before it opens anything: no file of any size can be written, processor time and address space
are bounded. The parent bounds the wall clock and kills it.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from pathlib import Path
from typing import Any

_ADDRESS_SPACE = 4 << 30


def main() -> None:
    """Answer ``{file, sql, parameters, row_limit, cpu_seconds, memory_mb}`` with ``{columns, rows, is_cut}``."""
    request = json.load(sys.stdin)
    _limit(int(request["cpu_seconds"]))
    try:
        answer = _answer(request)
    except MemoryError:
        answer = {"error": "The query needs more memory than a query may use; ask for less at once."}
    json.dump(answer, sys.stdout, ensure_ascii=False)


def _limit(cpu_seconds: int) -> None:
    os.environ["MALLOC_ARENA_MAX"] = "2"
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, _ADDRESS_SPACE),
    ):
        resource.setrlimit(which, (value, value))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    import duckdb

    from pipelines.sandbox import gate
    from pipelines.tables import is_utc_column, plain

    path = Path(request["file"])
    con = duckdb.connect(str(path), read_only=True)
    # In this order: after external access is off no filesystem can be opened, and nothing can be set back.
    for statement in (
        "set TimeZone = 'UTC'",
        "set python_enable_replacements = false",
        "set autoinstall_known_extensions = false",
        "set autoload_known_extensions = false",
        "set temp_directory = ''",
        f"set memory_limit = '{int(request['memory_mb'])}MB'",
        "set threads = 2",
        "set enable_external_access = false",
        "set disabled_filesystems = 'LocalFileSystem'",
        "set lock_configuration = true",
    ):
        con.execute(statement)
    row_limit = int(request["row_limit"])
    try:
        wanted = gate.check(con, request["sql"])
        given = request["parameters"]
        missing = [name for name in wanted if name not in given]
        if missing:
            return {"error": f"The query needs --param {missing[0]}=…", "is_usage": True}
        unknown = [name for name in given if name not in wanted]
        if unknown:
            return {"error": f"The query has no parameter ${unknown[0]}.", "is_usage": True}
        cursor = con.execute(request["sql"], {name: given[name] for name in wanted} or None)
        rows = cursor.fetchmany(row_limit + 1)
        columns = [item[0] for item in cursor.description or []]
    except gate.RefusedError as error:
        return {"error": str(error)}
    except duckdb.OutOfMemoryException:
        return {"error": "The query needs more memory than a query may use; ask for less at once."}
    except duckdb.Error as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return {"error": _sentence(lines) + _hint(lines)}
    are_utc = [is_utc_column(name) for name in columns]
    return {
        "columns": columns,
        "rows": [list(map(plain, row, are_utc)) for row in rows[:row_limit]],
        "is_cut": len(rows) > row_limit,
    }


def _sentence(lines: list[str]) -> str:
    """DuckDB's first line without the name of its kind of error, ended as a sentence."""
    text = re.sub(r"^[A-Z][\w-]*(?: [A-Z][\w-]*)* Error: ", "", lines[0] if lines else "the database gave no reason")
    return f"The query cannot be answered: {text[:1].lower()}{text[1:].rstrip('.!')}."


def _hint(lines: list[str]) -> str:
    return next((f" {line.strip()}" for line in lines[1:] if line.startswith(("Did you mean", "Candidate"))), "")


if __name__ == "__main__":
    main()
