"""What was made from a person's records, or written beside them: decisions, roll calls, reports, history, Dagster."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines import decisions, journal, roll_call
from pipelines.erasure.tokens import Tokens
from pipelines.errors import MusterError
from pipelines.settings import Home


def clear_decisions(home: Home, traveller_ids: set[str], tokens: Tokens) -> int:
    """Remove decisions on findings of these people; other notes lose their names. Returns how many lines are gone."""

    def change(lines: list[bytes]) -> list[bytes]:
        kept = []
        for line in lines:
            entry = _entry(line)
            if entry is None or entry.get("traveller_id") not in traveller_ids:
                kept.append(_blanked(line, tokens))
        return kept

    return sum(journal.rewrite(path, change) for path in (decisions.decisions_path(home), decisions.policy_path(home)))


def clear_roll_calls(home: Home, traveller_ids: set[str], tokens: Tokens) -> int:
    """Remove these people's answers, and themselves from whom a roll call listed; returns how many answers are gone."""

    def change(lines: list[bytes]) -> list[bytes]:
        kept = []
        for line in lines:
            entry = _entry(line) or {}
            if entry.get("kind") == "answer" and entry.get("traveller_id") in traveller_ids:
                continue
            if traveller_ids.intersection(entry.get("traveller_ids", ())):
                entry["traveller_ids"] = [one for one in entry["traveller_ids"] if one not in traveller_ids]
                line = journal.line_of(entry).rstrip(b"\n")
            kept.append(_blanked(line, tokens))
        return kept

    return journal.rewrite(roll_call.path(home), change)


def clear_history(home: Home, traveller_ids: set[str], tokens: Tokens) -> int:
    """Remove what was typed about these people in sessions of SQL; returns how many lines are gone."""
    from pipelines.commands.sql_shell import history_file

    path = history_file(home)
    ids = [one.encode() for one in traveller_ids]
    return journal.rewrite(
        path, lambda lines: [line for line in lines if not tokens.are_in(line) and not any(one in line for one in ids)]
    )


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _blanked(line: bytes, tokens: Tokens) -> bytes:
    text = line.decode("utf-8", "surrogateescape")
    return tokens.blank(text).encode("utf-8", "surrogateescape")


def published_trips(home: Home, traveller_id: str) -> set[str]:
    """The ids of a person's trips in every generation there is: of several travellers each has one of its own."""
    import duckdb

    found: set[str] = set()
    for path in home.published.glob("*/analyst.duckdb"):
        with contextlib.suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as con:
            sql = (
                "select trip_id from mart.trip where traveller_id = $1 "
                "union select trip_id from mart.exposure where traveller_id = $1"
            )
            found |= {trip for (trip,) in con.execute(sql, [traveller_id]).fetchall() if trip}
    return found


def clear_first_issues(home: Home, trips: Iterable[str]) -> int:
    """Take these trips out of what the first reports of weeks were made of; returns how many files were made anew."""
    import duckdb

    changed = 0
    with duckdb.connect() as con:
        con.execute("create table trip as select md5_number_lower(unnest($1::varchar[])) as trip_mark", [sorted(trips)])
        for path in sorted((home.reports / "first").glob("*.parquet")):
            source = str(path).replace("'", "''")
            held = con.execute(f"select count(*) from read_parquet('{source}') semi join trip using (trip_mark)")
            if not held.fetchall()[0][0]:
                continue
            pairs = con.execute(f"select key::varchar, value::varchar from parquet_kv_metadata('{source}')").fetchall()
            metadata = ", ".join(f"{key}: '{value}'" for key, value in pairs if key.isidentifier())
            draft = path.with_name(f".tmp-{path.name}")
            con.execute(
                f"copy (select * from read_parquet('{source}') anti join trip using (trip_mark) order by all) "
                f"to '{str(draft).replace(chr(39), chr(39) * 2)}' (format parquet, compression zstd, "
                f"kv_metadata {{{metadata}}})"
            )
            draft.chmod(0o600)
            draft.replace(path)
            changed += 1
    return changed


def reissue_reports(home: Home, marks: Iterable[str]) -> list[str]:
    """Make anew the reports that name one of these pseudonyms or trips; what cannot be is removed. Returns names."""
    from pipelines.reports.week import issue

    wanted = [mark.encode() for mark in marks]
    done = []
    for folder in sorted(path for path in home.reports.glob("*") if path.is_dir() and path.name != "first"):
        texts = [path for path in folder.rglob("*") if path.suffix in (".csv", ".html")]
        if not any(mark in path.read_bytes() for path in texts for mark in wanted):
            continue
        shutil.rmtree(folder)
        done.append(folder.name)
        week, _, copy = folder.name.partition("-viewer")
        try:
            issue(home, week, copy="viewer" if copy or folder.name.endswith("-viewer") else "office")
        except MusterError:
            continue  # a week without data any longer, or a folder of another kind: it stays removed
    return done


def clear_dagster(home: Home, traveller_ids: set[str], tokens: Tokens) -> int:
    """Forget the record of runs where it names one of these people; returns how many files did.

    It never should: events hold table names, counts and seconds. Schedules stay as they are.
    """
    folder = home.root / "dagster"
    ids = [one.encode() for one in traveller_ids]
    found = [path for path in folder.rglob("*") if path.is_file() and _names(path, ids, tokens)]
    if not found:
        return 0
    import dagster as dg

    from pipelines import instance as dagster_instance

    dagster_instance.prepare(home)
    with dg.DagsterInstance.get() as instance:
        instance.wipe()
    for path in folder.rglob("*.db"):
        with sqlite3.connect(path) as con:
            con.execute("pragma wal_checkpoint(truncate)")
            con.execute("vacuum")  # deleted rows stay readable in the file until then
    for path in found:
        if path.exists() and path.suffix != ".db" and _names(path, ids, tokens):
            path.unlink()
    return len(found)


def _names(path: Path, ids: list[bytes], tokens: Tokens) -> bool:
    data = path.read_bytes()
    return any(one in data for one in ids) or tokens.are_in(data)
