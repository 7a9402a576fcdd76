"""Builds the gazetteer: every place and name that the installed packages know, as slim Parquet files.

Built once for each set of package versions, under a lock, in a folder of its own that appears whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.errors import MusterError
from pipelines.places import nodes, sources
from pipelines.places.normal import key_sql
from pipelines.settings import PROJECT

Progress = Callable[[str], None]

_PLACE = pa.schema(
    [
        ("place_id", pa.string()),
        ("place_type", pa.string()),
        ("place_name", pa.string()),
        ("country_code", pa.string()),
        ("sovereign_country_code", pa.string()),
        ("region_code", pa.string()),
        ("parent_region_code", pa.string()),
        ("city_place_id", pa.string()),
        ("area_id", pa.string()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("timezone", pa.string()),
        ("is_zone_assumed", pa.bool_()),
        ("population", pa.int64()),
        ("valid_from", pa.string()),
        ("valid_to", pa.string()),
    ]
)
_NAME = pa.schema(
    [("name", pa.string()), ("place_id", pa.string()), ("name_kind", pa.string()), ("site_id", pa.string())]
)

_HOLDER = pa.schema([(name, pa.string()) for name in ("code_key", "place_id", "valid_from", "valid_to")])

# The weight orders places of one name where nothing in the text chooses: people, less for names that are not the
# usual one; a country before all, a region only where no city of the name has a twentieth of its people. Another
# language's name of a country gives way to a larger city called so: Granada is in Spain, and Grenada only in Spanish.
_NAMES_SQL = f"""
    with name as (
        select distinct {key_sql("name.name")} as name_key, name.place_id, name.name_kind, name.site_id
        from name
    ),

    -- A city called as its own region, in whatever language, is usually what people mean ('Genève', 'Québec').
    region_name as (
        select distinct name.name_key, place.region_code
        from name
        inner join place on name.place_id = place.place_id
        where place.place_type = 'region' and name.name_kind = 'name'
    ),

    city_name as (
        select name.name_key, max(place.population) as population
        from name
        inner join place on name.place_id = place.place_id
        where place.place_type = 'city' and name.name_kind = 'name'
        group by name.name_key
    ),

    weighed as (
        select
            name.name_key,
            case name.name_kind when 'foreign' then 'name' else name.name_kind end as name_kind,
            name.place_id,
            name.site_id,
            place.place_type,
            place.country_code,
            place.region_code,
            place.parent_region_code,
            place.population,
            coalesce(site.valid_to, place.valid_to) is null as is_current,
            case
                when name.name_kind = 'iata' then 1e12
                when name.name_kind = 'foreign' and city_name.population > place.population then 1
                when place.place_type = 'country' then 1e10
                when place.place_type = 'region' then 0.05
                when name.name_kind = 'name' then 1
                when name.name_kind = 'english' or region_name.name_key is not null then 0.5
                else 0.02
            end * (place.population + 1) as weight
        from name
        inner join place on name.place_id = place.place_id
        left join place as site on name.site_id = site.place_id
        left join city_name on name.name_key = city_name.name_key
        left join region_name on name.name_key = region_name.name_key and place.region_code = region_name.region_code
        where name.name_key <> ''
    ),

    grouped as (
        select
            name_key,
            name_kind,
            place_id,
            max(site_id) as site_id,
            place_type,
            country_code,
            region_code,
            max(parent_region_code) as parent_region_code,
            max(population) as population,
            bool_or(is_current) as is_current,
            max(weight) as weight
        from weighed
        group by name_key, name_kind, place_id, place_type, country_code, region_code
    ),

    -- GeoNames repeats the usual name among the others; one is enough.
    ranked as (
        select
            *,
            row_number() over (
                partition by
                    name_key, place_id, case when name_kind in ('english', 'alternate') then 'name' else name_kind end
                order by weight desc, name_kind desc
            ) as name_rank
        from grouped
    )

    select * exclude (name_rank)
    from ranked
    where name_rank = 1
    order by name_key, weight desc, place_id, name_kind
"""

# Names that a misspelt word may stand for: of countries and regions, usual names of towns, every name of large cities;
# by country, so that a search reads only the countries it looks in.
_SPELLING_SQL = """
    select
        country_code,
        place_type,
        name_key,
        place_id,
        region_code,
        parent_region_code,
        population,
        bool_or(name_kind <> 'alternate') as is_usual,
        max(weight) as weight,
        left(name_key, 3) as name_start,
        left(name_key, 1) || right(name_key, 3) as name_end
    from read_parquet('{names}')
    where
        length(name_key) between 4 and 42
        and (
            (place_type in ('country', 'region') and name_kind = 'name')
            or (
                place_type = 'city'
                and population >= 1000
                and (name_kind in ('name', 'english') or (name_kind = 'alternate' and population >= 100000))
            )
        )
    group by country_code, place_type, name_key, place_id, region_code, parent_region_code, population
    order by place_type, country_code, name_key, place_id
"""

TABLES = ("place", "name", "spelling", "code_holder")
"""The Parquet files of a gazetteer; the folder appears with all of them."""


def _quiet(_: str) -> None:
    """Say nothing."""


def gazetteer_root() -> Path:
    """``MUSTER_GAZETTEER`` if set, else ``data/gazetteer`` of the project."""
    return Path(os.environ.get("MUSTER_GAZETTEER") or PROJECT / "data" / "gazetteer")


def digest() -> str:
    """Twelve hexadecimal digits for the package versions, the shipped names of regions and the code of this build."""
    modules = ("gazetteer", "nodes", "normal", "regions", "sources")
    code = [Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8") for module in modules]
    parts = {**sources.versions(), "code": code, "regions": [*sources.english_regions()]}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def ensure_gazetteer(progress: Progress | None = None) -> Path:
    """The folder of the gazetteer's Parquet files, built now if these package versions have none yet.

    Raises MusterError where the folder cannot be written or a package is missing.
    """
    root = gazetteer_root()
    target = root / digest()
    if (target / "name.parquet").exists():
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / ".lock"):
            if not (target / "name.parquet").exists():
                _build(root, target, progress or _quiet)
    except OSError as error:
        raise MusterError(
            f"The gazetteer cannot be written to {root}: {error.strerror}. Free some space or set MUSTER_GAZETTEER."
        ) from error
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(root: Path, target: Path, say: Progress) -> None:
    """Write all files into a temporary folder beside the target, then rename it."""
    folder = Path(tempfile.mkdtemp(prefix=".building-", dir=root))
    try:
        say("Building the gazetteer (once for each version of its packages)")
        found = nodes.collect(say)
        con = duckdb.connect()
        con.execute("set enable_progress_bar = false")
        con.register("place_rows", pa.Table.from_pylist(found.places, _PLACE))
        con.execute("create table place as select * from place_rows")
        con.register("name", pa.Table.from_pylist([vars(name) for name in found.names], _NAME))
        say(f"Writing {len(found.places):,} places and {len(found.names):,} names")
        _write(con, "select * from place order by place_type, place_id", folder / "place.parquet")
        _write(con, _NAMES_SQL, folder / "name.parquet")
        _write(con, _SPELLING_SQL.format(names=folder / "name.parquet"), folder / "spelling.parquet", 10_000)
        con.register("holder", pa.Table.from_pylist(found.holders, _HOLDER))
        _write(con, "select distinct * from holder order by all", folder / "code_holder.parquet")
        con.close()
        summary = {"packages": sources.versions(), **found.coverage}
        (folder / "coverage.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
        if target.exists():
            shutil.rmtree(target)
        folder.chmod(0o755)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(con: duckdb.DuckDBPyConnection, query: str, path: Path, group_rows: int = 60_000) -> None:
    con.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd, row_group_size {group_rows})")
