"""Reads what is in force again and again until its standard input ends; tells how often, and every bad read."""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path

import duckdb

ROLES = ("analyst", "duty", "steward")


def read(published: Path) -> tuple[int, list[str]]:
    """One read, as a program of an analyst's own would do it: the generation, and what is wrong with it."""
    folder = (published / "current").resolve(strict=True)
    number = int(folder.name.partition("-")[0])
    rows = set()
    for role in ROLES:
        with duckdb.connect(str(folder / f"{role}.duckdb"), read_only=True) as con:
            rows |= set(con.execute("select generation, (select count(*) from mart.stay) from publication").fetchall())
            files = f"'{folder}/parquet/publication.parquet'), (select count(*) from '{folder}/parquet/stay.parquet')"
            if role == "analyst":
                rows |= set(con.execute(f"select (select generation from {files}").fetchall())
    return number, [] if rows == {(number, 7)} else [f"generation {number} holds {sorted(rows)}"]


def main() -> None:
    """Read until told to stop, then print the account."""
    published = Path(sys.argv[1])
    reads, newest, bad = 0, 0, []
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        try:
            number, wrong = read(published)
            bad += wrong
            if number < newest:
                bad.append(f"generation {number} came after {newest}")
            newest = max(newest, number)
        except Exception as error:
            bad.append(f"{type(error).__name__}: {error}")
        reads += 1
    print(json.dumps({"reads": reads, "newest": newest, "bad": bad[:20]}))


if __name__ == "__main__":
    main()
