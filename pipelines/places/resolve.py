"""Resolves texts outside a run, by the run's own models: for tests, and to explain one text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.places.gazetteer import ensure_gazetteer
from pipelines.places.reference import load_reference
from pipelines.settings import SQL, Home

MODELS = (
    "place_text",
    "place_span",
    "place_hit",
    "place_atom",
    "place_candidate",
    "place_bracket",
    "place_fuzzy",
    "place_match",
    "place",
)
"""The models of places in their order."""

_TEXT = pa.schema([(name, pa.string()) for name in ("place_text", "country_hint", "region_hint", "text_kind")])


@dataclass(frozen=True)
class Match:
    """One place that a text may mean; place_name and the columns after it are of ``core.place``."""

    place_text: str | None
    country_hint: str | None
    candidate_number: int
    candidate_count: int
    place_id: str
    place_status: str
    match_score: float
    match_method: str
    place_type: str
    place_name: str
    country_code: str | None
    region_code: str | None


def run_models(con: duckdb.DuckDBPyConnection) -> None:
    """Make the place tables of schema ``core`` from ``stage.place_text`` and ``reference``."""
    con.execute("create schema if not exists core")
    for model in MODELS:
        query = (SQL / "core" / f"{model}.sql").read_text(encoding="utf-8")
        con.execute(f"create or replace table core.{model} as {query}")


@contextmanager
def resolving(
    texts: Iterable[tuple[str | None, str | None]],
    text_kind: str = "text",
    home: Home | None = None,
    region_hint: str | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in whose schema ``core`` the (text, country hint) pairs are resolved, step by step.

    Raises MusterError as :func:`load_reference` does.
    """
    con = duckdb.connect()
    try:
        con.execute("set enable_progress_bar = false")
        con.execute("set timezone = 'UTC'")
        load_reference(con, home)
        con.execute("create schema stage")
        rows = [
            {"place_text": text, "country_hint": hint, "region_hint": region_hint, "text_kind": text_kind}
            for text, hint in dict.fromkeys(texts)
        ]
        con.register("given", pa.Table.from_pylist(rows, _TEXT))
        con.execute("create table stage.place_text as select * from given")
        con.execute("create or replace table reference.parameter as select 'UTC' as office_timezone")
        run_models(con)
        yield con
    finally:
        con.close()


def covered_places(latitude: float, longitude: float, radius_km: float) -> list[str]:
    """The countries and regions that a circle covers, by their codes: what ``core.alert_cover`` says of an alert.

    Raises MusterError where there is no gazetteer.
    """
    places = str(ensure_gazetteer() / "place.parquet").replace("'", "''")
    con = duckdb.connect()
    try:
        con.execute("set enable_progress_bar = false")
        con.execute("create schema reference; create schema core")
        con.execute(f"create view reference.gazetteer_place as select * from read_parquet('{places}')")
        con.execute(
            "create table core.alert_reach as select 'asked' as alert_id, 1 as candidate_number, 'circle' as reach, "
            "?::double as latitude, ?::double as longitude, ?::double as radius_km",
            [latitude, longitude, radius_km],
        )
        sql = (SQL / "core" / "alert_cover.sql").read_text(encoding="utf-8")
        return [row[0] for row in con.execute(f"select place_id from ({sql}) order by place_id").fetchall()]
    finally:
        con.close()


def matches(con: duckdb.DuckDBPyConnection) -> list[Match]:
    """What :func:`resolving` found, by candidate number."""
    found = con.execute(
        "select m.place_text, m.country_hint, m.candidate_number, m.candidate_count, m.place_id, m.place_status, "
        "m.match_score, m.match_method, p.place_type, p.place_name, p.country_code, p.region_code "
        "from core.place_match as m join core.place as p using (place_id) order by m.candidate_number"
    ).fetchall()
    return [Match(*row) for row in found]


def resolve_texts(
    texts: Iterable[tuple[str | None, str | None]],
    text_kind: str = "text",
    home: Home | None = None,
    region_hint: str | None = None,
) -> list[Match]:
    """Matches of (text, country hint) pairs, in the order of the texts' first appearance.

    text_kind is ``text``, ``iata`` (with the day, where a code has moved: ``iata 2014-05-03``) or ``rating``, whose
    region_hint is the type of the place that is rated; a home's own aliases count where one is given.

    Raises MusterError as :func:`load_reference` does.
    """
    pairs = list(dict.fromkeys(texts))
    with resolving(pairs, text_kind, home, region_hint) as con:
        found = matches(con)
    order = {pair: number for number, pair in enumerate(pairs)}
    return sorted(found, key=lambda match: order[match.place_text, match.country_hint])
