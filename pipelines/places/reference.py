"""Puts gazetteer and aliases within reach of the models, as schema ``reference`` of a run's build file."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import duckdb

from pipelines.errors import MusterError
from pipelines.places.gazetteer import TABLES, Progress, ensure_gazetteer
from pipelines.places.normal import key_sql
from pipelines.settings import REFERENCE, Home

COLUMNS = ("alias", "place_id", "place_status", "member_country_codes")
"""Columns of an alias file; a home's ``places.csv`` needs the first two."""

_ALIAS = (*COLUMNS, "source")

_ALIAS_SQL = f"""
    create or replace table reference.place_alias as
    with keyed as (
        select *, {key_sql("alias")} as alias_key
        from alias
    ),

    -- A home's own alias replaces the shipped ones of the same text.
    chosen as (
        select *
        from keyed
        where source = 'home' or alias_key not in (select alias_key from keyed where source = 'home')
    )

    select distinct
        chosen.alias_key,
        chosen.alias,
        chosen.place_id,
        chosen.place_status,
        chosen.member_country_codes,
        chosen.source,
        place.place_type,
        place.country_code,
        place.region_code,
        place.parent_region_code,
        place.population
    from chosen
    inner join reference.gazetteer_place as place on chosen.place_id = place.place_id
    where chosen.alias_key <> ''
    order by all
"""


def load_reference(con: duckdb.DuckDBPyConnection, home: Home | None = None, progress: Progress | None = None) -> None:
    """Make ``reference.place_alias`` and, as views, ``reference.gazetteer_*``.

    ``gazetteer_place`` and ``gazetteer_name`` hold every place and name, ``gazetteer_spelling`` the names looked
    through for misspellings, ``gazetteer_code_holder`` who held a reused IATA code when.

    A home may add aliases of its own in ``places.csv`` (columns alias, place_id). Raises MusterError where that file
    cannot be read or names a place that does not exist.
    """
    folder = ensure_gazetteer(progress)
    con.execute("create schema if not exists reference")
    for table in TABLES:
        path = str(folder / f"{table}.parquet").replace("'", "''")
        con.execute(f"create or replace view reference.gazetteer_{table} as select * from read_parquet('{path}')")
    rows = _read(REFERENCE / "place_aliases.csv", "shipped")
    own = home.root / "places.csv" if home else None
    if own is not None and own.exists():
        rows += _read(own, "home")
    # As parameters: an Arrow table that is registered makes DuckDB import pandas.
    values = ", ".join(f"unnest(${name}::varchar[]) as {name}" for name in _ALIAS)
    con.execute(
        f"create or replace temp table alias as select {values}", {name: [row[name] for row in rows] for name in _ALIAS}
    )
    con.execute(_ALIAS_SQL)
    unknown = con.execute(
        "select count(distinct place_id), min(place_id) from alias "
        "where place_id not in (select place_id from reference.gazetteer_place)"
    ).fetchall()[0]
    con.execute("drop table alias")
    if unknown[0]:
        raise MusterError(
            f"{own or 'place_aliases.csv'}: there is no place '{unknown[1]}' ({unknown[0]} such values); write "
            "a country ('GB'), a region ('US-CA'), a GeoNames city id or an IATA code."
        )


def _read(path: Path, source: str) -> list[dict[str, str | None]]:
    """Rows of one alias file; raises MusterError with file and line where one is unfit."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"alias", "place_id"} <= set(reader.fieldnames or ()):
                raise MusterError(f"{path}: the first line must name the columns 'alias' and 'place_id'.")
            return [_alias(path, reader.line_num, row, source) for row in reader]
    except OSError as error:
        raise MusterError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MusterError(f"{path} is not a CSV file in UTF-8; save it as such.") from error


def _alias(path: Path, line: int, row: dict[str, str], source: str) -> dict[str, str | None]:
    status = (row.get("place_status") or "resolved").strip()
    if (
        status not in ("resolved", "historical")
        or not (row["alias"] or "").strip()
        or not (row["place_id"] or "").strip()
    ):
        raise MusterError(
            f"{path} line {line}: give an alias, a place_id and, if any, a place_status of 'resolved' or 'historical'."
        )
    members = re.sub(r"[^A-Z]+", " ", row.get("member_country_codes") or "").strip()
    return {
        "alias": row["alias"].strip(),
        "place_id": row["place_id"].strip(),
        "place_status": status,
        "member_country_codes": members or None,
        "source": source,
    }
