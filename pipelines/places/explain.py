"""What one text means and why: the steps of the models, told in words."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipelines.places.resolve import Match, matches, resolving
from pipelines.settings import Home

_NAMES_SQL = """
    select a.atom_number, a.span_key, a.span_kind, c.place_id, p.place_type, p.place_name, c.country_code,
        c.region_code, c.name_kind, c.support_score, c.is_heaviest, c.choice_rank,
        count(distinct c.place_id) over (partition by a.atom_number) as candidates
    from core.place_atom as a
    left join core.place_candidate as c using (place_text_number, atom_number)
    left join reference.gazetteer_place as p on c.place_id = p.place_id
    where coalesce(c.choice_rank, 1) <= 20
    order by a.atom_number, c.choice_rank
"""
_UNREAD_SQL = """
    select s.span_key
    from core.place_span as s
    where s.span_kind = 'part' and not exists (
        select 1
        from core.place_atom as a
        where a.group_number = 0 or (a.group_number = s.group_number and a.piece_number = s.piece_number)
            or (a.span_kind = 'pair' and a.group_number = s.group_number and a.piece_number + 1 = s.piece_number)
    )
    order by s.group_number, s.piece_number, s.part_number
"""
_WAYS = {
    "name": "the usual name",
    "alternate": "another name",
    "alias": "an alias of Muster",
    "home": "an alias of this home",
    "code": "a code",
    "iata": "an airport code",
    "misspelt": "perhaps misspelt",
}


@dataclass(frozen=True)
class Explanation:
    """The places that a text may mean, and the steps that led there, one line each."""

    matches: list[Match]
    steps: list[str]


def explain(text: str, country_hint: str | None = None, kind: str = "text", home: Home | None = None) -> Explanation:
    """Resolve one text as a run would, and say how; ``kind`` is as in :func:`resolve_texts`.

    Raises MusterError where the gazetteer or the home's ``places.csv`` cannot be read.
    """
    with resolving([(text, country_hint)], kind, home) as con:
        found = matches(con)
        guessed = {match.place_id for match in found if match.match_method == "fuzzy"}
        return Explanation(found, [*_folded(con), *_names(con), *_left_over(con, guessed), *_outcome(found)])


def _folded(con: duckdb.DuckDBPyConnection) -> list[str]:
    marked = con.execute("select trim(regexp_replace(marked_text, ' +', ' ', 'g')) from core.place_text").fetchone()
    return [f"Read as: {marked[0]}"] if marked and marked[0] else ["There is nothing to read."]


def _names(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute(_NAMES_SQL).fetchall()
    steps = []
    for number in dict.fromkeys(row[0] for row in rows):
        named = [row for row in rows if row[0] == number]
        first = named[0]
        if first[3] is None:
            steps.append(f"'{first[1]}' ({first[2]}): a code in small letters, or nothing in the country given.")
            continue
        others = list(dict.fromkeys(_place(row) for row in named[1:] if row[3] != first[3]))[:3]
        rest = f"; not {', '.join(others)}" if others else ""
        more = f" (of {first[12]} places)" if first[12] > 1 else ""
        steps.append(f"'{first[1]}' ({first[2]}): {_place(first)} by {_WAYS[first[8]]}{more}, {_why(first)}{rest}.")
    return steps


def _place(row: tuple) -> str:
    where = row[7] if row[4] in ("city", "site") and row[7] else row[6]
    return f"{row[5]} [{row[3]}, {row[4]}{f' in {where}' if row[4] != 'country' and where else ''}]"


def _why(row: tuple) -> str:
    support, is_heaviest = row[9], row[10]
    if support >= 800:
        return "as the country or region after it says"
    if support >= 300:
        return "as the country or region before it says"
    if support > 0:
        return "as a country or region elsewhere in the text says"
    return "the most likely by its people and kind" if is_heaviest else "as what stands beside it or the feed says"


def _left_over(con: duckdb.DuckDBPyConnection, guessed: set[str]) -> list[str]:
    like = con.execute(
        "select f.span_key, f.place_id, p.place_name, f.match_score from core.place_fuzzy as f "
        "join reference.gazetteer_place as p using (place_id) order by f.span_key"
    ).fetchall()
    taken = {key: (name, score) for key, place_id, name, score in like if place_id in guessed}
    steps = [f"'{key}': most like {name} (likeness {score:.2f})." for key, (name, score) in taken.items()]
    unread = [key for (key,) in con.execute(_UNREAD_SQL).fetchall() if key not in taken]
    return steps + [f"'{key}': nothing is called so; not used." for key in unread]


def _outcome(found: list[Match]) -> list[str]:
    steps = []
    if any(match.match_method == "contradiction" for match in found):
        steps.append("Its words contradict each other, so that all of it is a guess.")
    if any(match.match_method == "hint" for match in found):
        steps.append("Only the country that the feed gives beside it is known.")
    if found[0].place_status in ("fuzzy", "unknown"):
        steps.append("To settle it, add a line with the text and a place id to places.csv of the home, and run again.")
    return steps
