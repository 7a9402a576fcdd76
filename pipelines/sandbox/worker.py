"""The process that answers one query: a request on standard input, the answer on standard output, then its end.

Started as ``python -I -S -B worker.py`` with an empty environment, it builds the wall round itself before it opens the
database and before it looks at the text of the query. The answer is lines of JSON: a head with columns, types and the
layers that are absent; batches of rows; and an end that says whether there was more. A Parquet answer is the head,
the bytes of the file in pieces, and the end. The parent bounds the wall clock and kills it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).resolve().parents[2]
_BATCH = 500

# In this order: once external access is off no file system can be opened, and once locked nothing can be set back.
_SETTINGS = (
    "set TimeZone = 'UTC'",
    "set python_enable_replacements = false",
    "set python_scan_all_frames = false",
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    "set allow_community_extensions = false",
    "set allow_persistent_secrets = false",
    "set enable_logging = false",
    "set enable_external_file_cache = false",
    "set temp_directory = ''",
    "set max_temp_directory_size = '0KB'",
    "set memory_limit = '{memory_mb}MB'",
    "set enable_external_access = false",
    "set disabled_filesystems = 'LocalFileSystem'",
    "set lock_configuration = true",
)


class Answer:
    """Writes the lines of one answer and counts its bytes."""

    def __init__(self, write: Callable[[bytes], Any], byte_limit: int) -> None:
        self._write = write
        self._left = byte_limit

    def line(self, content: dict[str, Any]) -> None:
        """One line; never refused."""
        self._write(json.dumps(content, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n")

    def rows(self, rows: list[list[Any]]) -> bool:
        """A batch of rows as far as the limit of bytes goes; false where that was reached."""
        parts: list[str] = []
        for row in rows:
            text = json.dumps(row, ensure_ascii=False)
            self._left -= len(text.encode("utf-8", errors="replace"))
            if self._left < 0:
                break
            parts.append(text)
        if parts:
            self._write(b'{"rows": [' + ",".join(parts).encode("utf-8", errors="replace") + b"]}\n")
        return self._left >= 0


def main() -> None:
    """Read the request, build the wall, answer, end."""
    request = json.loads(sys.stdin.buffer.read())
    sys.path[:0] = [str(_PROJECT), request["packages"]]
    out = sys.stdout.buffer

    def write(content: bytes) -> None:
        out.write(content)
        out.flush()

    serve(request, write)
    # Nothing of the interpreter's or the database's own ending is needed, and some of it would want to write.
    os._exit(0)


def serve(request: dict[str, Any], write: Callable[[bytes], Any]) -> None:
    """Answer one request through ``write``; an error is a line of the answer too."""
    answer = Answer(write, int(request["byte_limit"]))
    try:
        absent = _build_wall(request)
        if absent and request["require_all"]:
            answer.line({"error": f"No query is answered here: {'; '.join(absent)}, and require_landlock is set."})
            return
        _answer(request, answer, absent)
    except MemoryError:
        answer.line({"error": "The query needs more memory than a query may use; ask for less at once."})


def _build_wall(request: dict[str, Any]) -> list[str]:
    """Everything that the process gives up before the database is opened; returns the layers that are absent."""
    # Whatever will be imported must be before no file can be read any more.
    import decimal  # noqa: F401
    import uuid  # noqa: F401

    import _duckdb  # noqa: F401
    import pytz  # type: ignore[import-untyped]  # noqa: F401

    from pipelines import errors, tables  # noqa: F401
    from pipelines.sandbox import gate, messages, wall  # noqa: F401

    if request["format"] == "parquet":
        import duckdb  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    os.environ.clear()
    wall.die_with_parent()
    absent: list[str] = []
    if "limits" not in request["layers"]:
        return absent
    wall.limit_resources(int(request["address_space"]), int(request["cpu_seconds"]))
    steps: dict[str, Callable[[], None]] = {
        "landlock": lambda: wall.allow_reading_only([Path(request["file"])]),
        "seccomp": wall.allow_computing_only,
    }
    for name, step in steps.items():
        if name in request["layers"]:
            try:
                step()
            except (wall.MissingLayerError, OSError) as error:
                absent.append(f"{name} is absent ({error})")
    return absent


def _open(request: dict[str, Any]) -> Any:
    import _duckdb as duckdb

    from pipelines.errors import MusterError, unopened

    # Threads start when the database opens; everything that guards is set in order afterwards.
    if request["format"] == "parquet":
        import duckdb  # type: ignore[no-redef]  # with what makes Arrow of an answer; it takes longer to import
    try:
        con = duckdb.connect(request["file"], read_only=True, config={"threads": "2"})
    except duckdb.Error as error:
        raise MusterError(unopened(Path(request["file"]), error)) from error
    if "settings" in request["layers"]:
        for statement in _SETTINGS:
            con.execute(statement.format(memory_mb=int(request["memory_mb"])))
    else:
        con.execute("set TimeZone = 'UTC'")
    return con


def _answer(request: dict[str, Any], answer: Answer, absent: list[str]) -> None:
    import _duckdb as duckdb

    from pipelines.errors import MusterError
    from pipelines.sandbox import messages, wall
    from pipelines.sandbox.rewrite import RefusedError

    stop: threading.Timer | None = None
    seconds = float(request["seconds"])
    try:
        con = _open(request)
        stop = threading.Timer(max(0.05, request["deadline"] - time.monotonic()), con.interrupt)
        stop.daemon = True
        stop.start()
        if "limits" in request["layers"] and any(item.startswith("seccomp") for item in absent):
            wall.no_more_processes()  # every thread that is needed has started
        sql, parameters = _judge(request, con)
        if parameters is None:
            answer.line({"error": sql, "is_usage": True})
            return
        send = _send_parquet if request["format"] == "parquet" else _send_rows
        send(con, sql, parameters, request, answer, absent)
    except RefusedError as error:
        answer.line({"error": str(error), "is_refused": True})
    except MusterError as error:
        answer.line({"error": str(error)})
    except duckdb.Error as error:
        answer.line({"error": messages.explain(type(error).__name__, str(error), request["sql"], seconds)})
    except (ValueError, TypeError, OverflowError, RuntimeError):
        answer.line({"error": "The query cannot be answered: a value of its result cannot be shown; cast it to text."})
    finally:
        if stop is not None:
            stop.cancel()


def _judge(request: dict[str, Any], con: Any) -> tuple[str, dict[str, str] | None]:
    """The text to run with its parameters, or a sentence and None where the parameters do not fit."""
    given: dict[str, str] = request["parameters"]
    if "gate" not in request["layers"]:
        return request["sql"], given
    from pipelines.sandbox.gate import Allowed, Gate

    names = con.execute(
        "select table_name from duckdb_tables() where schema_name in ('mart', 'main') and not internal "
        "union select view_name from duckdb_views() where schema_name in ('mart', 'main') and not internal"
    ).fetchall()

    def values(sql: str, wanted: list[str]) -> list[str]:
        rows = con.execute(sql, {name: given.get(name) for name in wanted} or None).fetchall()
        return [str(row[0]) for row in rows]

    gate = Gate(con, Allowed.of(request["allowed"]), [str(row[0]) for row in names])
    passed = gate.check(request["sql"], values)
    missing = [name for name in passed.parameters if name not in given]
    if missing:
        return f"The query needs --param {missing[0]}=…", None
    unknown = [name for name in given if name not in passed.parameters]
    if unknown:
        return f"The query has no parameter ${unknown[0]}.", None
    return passed.sql, {name: given[name] for name in passed.parameters}


def _head(absent: list[str], columns: list[str], types: list[str]) -> dict[str, Any]:
    return {"columns": columns, "types": types, "absent": absent}


def _send_rows(
    con: Any, sql: str, parameters: dict[str, str], request: dict[str, Any], answer: Answer, absent: list[str]
) -> None:
    from pipelines.tables import is_utc_column, plain

    cursor = con.execute(sql, parameters or None)
    columns = [str(item[0]) for item in cursor.description or []]
    answer.line(_head(absent, columns, [str(item[1]) for item in cursor.description or []]))
    are_utc = [is_utc_column(name) for name in columns]
    left = int(request["row_limit"])
    while True:
        rows = cursor.fetchmany(min(_BATCH, left + 1))
        body = [list(map(plain, row, are_utc)) for row in rows[:left]]
        if not answer.rows(body):
            answer.line({"end": "bytes"})
            return
        if len(rows) > left:
            answer.line({"end": "rows"})
            return
        left -= len(rows)
        if not rows:
            answer.line({"end": "all"})
            return


def _send_parquet(
    con: Any, sql: str, parameters: dict[str, str], request: dict[str, Any], answer: Answer, absent: list[str]
) -> None:
    import io

    import pyarrow
    import pyarrow.parquet

    reader = con.execute(sql, parameters or None).to_arrow_reader(_BATCH)
    schema = reader.schema.with_metadata({b"muster": str(request["mark"]).encode()})
    answer.line(_head(absent, list(schema.names), [str(field.type) for field in schema]))
    out = io.BytesIO()
    ends = ["all"]
    with pyarrow.parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch, end in _bounded(reader, int(request["row_limit"]), int(request["byte_limit"])):
            writer.write_batch(batch)
            ends.append(end)
    content = out.getvalue()
    for start in range(0, len(content), 1 << 16):
        answer.line({"bytes": base64.b64encode(content[start : start + (1 << 16)]).decode()})
    answer.line({"end": ends[-1]})


def _bounded(reader: Any, rows: int, byte_limit: int) -> Iterator[tuple[Any, str]]:
    """The batches of an answer up to its limits, each with how the answer ends if it ends here."""
    for batch in reader:
        byte_limit -= batch.nbytes
        if byte_limit < 0:
            yield batch.slice(0, 0), "bytes"
            return
        if batch.num_rows > rows:
            yield batch.slice(0, rows), "rows"
            return
        rows -= batch.num_rows
        yield batch, "all"


if __name__ == "__main__":
    main()
