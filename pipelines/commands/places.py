"""``muster places``: what a text means and why, and the texts that somebody should settle."""

from __future__ import annotations

import re
from typing import Any

from pipelines.errors import UsageError
from pipelines.settings import Home
from pipelines.tables import FORMATS, print_rows

_SETTLE = (
    "A line 'text,place id' in places.csv of the home settles a text at the next run. A text with commas takes quotes. "
    "A place id is a country (GB), a region (US-CA), a GeoNames city id or an IATA code."
)


def resolve(home: Home, text: str, country: str | None, flight_date: str | None, output_format: str) -> None:
    """Print the places that a text means; the steps follow as notes."""
    from pipelines.places.explain import explain

    _require_format(output_format)
    hint = country.strip().upper() if country else None
    if hint is not None and not re.fullmatch(r"[A-Z]{2}", hint):
        raise UsageError(f"--country '{country}' is not a country code of two letters, such as KE.")
    kind = "text"
    if flight_date is not None:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", flight_date):
            raise UsageError(f"--flight-date '{flight_date}' is not a date; write it like 2014-05-03.")
        kind = f"iata {flight_date}"
    found = explain(text, hint, kind, home if home.root.is_dir() else None)
    columns = ("place_id", "place", "type", "region", "country", "status", "score", "method")
    rows: list[tuple[Any, ...]] = [
        (
            match.place_id,
            match.place_name,
            match.place_type,
            match.region_code,
            match.country_code,
            match.place_status,
            match.match_score,
            match.match_method,
        )
        for match in found.matches
    ]
    print_rows(columns, rows, output_format, notes=found.steps)


def show_unresolved(home: Home, limit: int, output_format: str) -> None:
    """Print the texts of the current publication that are unknown or guessed, the most person-days first."""
    import duckdb

    from pipelines.errors import MusterError
    from pipelines.published import open_role

    _require_format(output_format)
    con = open_role(home.require(), "analyst")
    try:
        found = con.execute(
            "select place_text as text, country_hint, place_status as status, match_method as method, "
            "place_id, place_name as place, country_code as country, stays, travellers, "
            "round(person_days, 1) as person_days from mart.place_issue "
            "order by mart.place_issue.person_days desc, place_text, candidate_number limit ?",
            [limit],
        )
        columns = [column[0] for column in found.description]
        rows = found.fetchall()
        total = con.execute("select count(*) from mart.place_issue").fetchall()[0][0]
    except duckdb.CatalogException:
        raise MusterError(
            f"The publication in {home.root} was made before place texts were listed; run 'muster run' again."
        ) from None
    finally:
        con.close()
    if not rows:
        print_rows(columns, rows, output_format, notes=["Every place text is resolved."])
        return
    notes = [f"{total - len(rows):,} more; --limit shows them."] if total > len(rows) else []
    print_rows(columns, rows, output_format, notes=[*notes, _SETTLE], spare=("method", "place_id"))


def _require_format(output_format: str) -> None:
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
