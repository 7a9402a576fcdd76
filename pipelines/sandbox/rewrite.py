"""The two forms of query that DuckDB's serialiser does not take, brought into one that it does.

``EXPLAIN`` is set apart, so that what follows it is judged as a query by itself. A ``PIVOT`` that does not name its
values is several statements to DuckDB; here its values are asked first and written into it. Nothing rests on this
reading of the text: whatever comes out is judged by the gate and parsed by DuckDB as any other query.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

MAX_PIVOT_VALUES = 500

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<text>[eE]'(?:[^'\\]|\\.|'')*'?|'(?:[^']|'')*'?|\$(?P<tag>[^\W\d]\w*|)\$.*?(?:\$(?P=tag)\$|\Z))
    |(?P<quoted>"(?:[^"]|"")*"?)
    |(?P<word>[^\W\d]\w*)
    |(?P<other>\d[\w.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLAUSES = ("using", "group", "order", "limit", "union", "except", "intersect")


class RefusedError(Exception):
    """The query is not one that may run: a reason, and where in the text, if that is known."""

    def __init__(self, reason: str, position: int | str | None = None) -> None:
        super().__init__(reason, position)
        self.reason = reason
        self.position = position

    def __str__(self) -> str:
        """One sentence."""
        where = self.position if isinstance(self.position, str) else ""
        return f"{self.reason.rstrip('.!')}{where}."


@dataclasses.dataclass(frozen=True)
class Token:
    """A word, sign or literal; ``depth`` counts the brackets open before it."""

    text: str
    start: int
    end: int
    depth: int
    is_word: bool

    def is_one_of(self, *words: str) -> bool:
        """Whether it is one of these unquoted words."""
        return self.is_word and self.text.lower() in words


def tokens(sql: str) -> list[Token]:
    """Words, signs and literals of the text, without spaces and comments."""
    found = []
    depth = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "space" or match.group("space") is not None:
            continue
        text = match.group()
        if text in (")", "]", "}"):
            depth = max(0, depth - 1)
        found.append(Token(text, match.start(), match.end(), depth, match.group("word") is not None))
        if text in ("(", "[", "{"):
            depth += 1
    return found


def first_word(sql: str) -> str:
    """``: this begins with 'drop'``, where the text begins with a word."""
    found = tokens(sql[:2000])
    return f": this begins with '{found[0].text[:30].lower()}'" if found and found[0].is_word else ""


def split_explain(sql: str) -> tuple[str, str]:
    """``explain`` or ``explain analyze`` and the query after it; blanks take its place, so that positions hold."""
    found = tokens(sql)
    if not found or not found[0].is_one_of("explain"):
        return "", sql
    last = found[1] if len(found) > 1 and found[1].is_one_of("analyze") else found[0]
    head = sql[: last.end]
    blanks = "".join(letter if letter == "\n" else " " * len(letter.encode()) for letter in head)
    return ("explain analyze " if last is not found[0] else "explain "), blanks + sql[last.end :]


def write_pivot_values(sql: str, values: Callable[[str], list[str]]) -> str | None:
    """The text with the values of its first PIVOT written in, or None where there is nothing to write.

    ``values`` answers a query of one column with the texts found.
    """
    found = tokens(sql)
    start = next((index for index, token in enumerate(found) if token.is_one_of("pivot")), None)
    if start is None:
        return None
    pivot = found[start]
    inner = _until_closed(found[start + 1 :], pivot.depth)
    outer = [index for index, token in enumerate(inner) if token.depth == pivot.depth and token.is_one_of("on")]
    on = outer[0] if outer else 0
    if not on:
        return None
    source = sql[inner[0].start : inner[on - 1].end]
    written = sql
    # From the last to the first, so that positions before stay right.
    for item in reversed(_items(inner[on + 1 :], pivot.depth)):
        if any(token.depth == pivot.depth and token.is_one_of("in") for token in item):
            continue
        column = sql[item[0].start : item[-1].end]
        where = f"where ({column}) is not null order by 1 limit {MAX_PIVOT_VALUES + 1}"
        asked = f"{_with_parts(sql, found, start)} select distinct ({column})::varchar from {source} {where}"
        texts = values(asked)
        if len(texts) > MAX_PIVOT_VALUES:
            raise RefusedError(f"PIVOT would make more than {MAX_PIVOT_VALUES} columns; name those wanted: ON … IN (…)")
        if not texts:
            raise RefusedError("PIVOT ON finds no value to make columns of")
        literals = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
        written = f"{written[: item[-1].end]} in ({literals}){written[item[-1].end :]}"
    return None if written == sql else written


def _until_closed(found: list[Token], depth: int) -> list[Token]:
    """The tokens up to the end of the bracket in which they stand, or of the statement."""
    for index, token in enumerate(found):
        if token.depth < depth or (token.text == ";" and token.depth == depth):
            return found[:index]
    return found


def _items(found: list[Token], depth: int) -> list[list[Token]]:
    """What stands between the commas after ON, up to the next clause."""
    items: list[list[Token]] = [[]]
    for token in found:
        if token.depth == depth and token.is_one_of(*_CLAUSES):
            break
        if token.depth == depth and token.text == ",":
            items.append([])
        else:
            items[-1].append(token)
    return [item for item in items if item]


def _with_parts(sql: str, found: list[Token], pivot: int) -> str:
    """The WITH before a PIVOT, without what follows it."""
    if not found[0].is_one_of("with"):
        return ""
    for index, token in enumerate(found[1:], start=1):
        if token.depth == 0 and token.is_one_of("select", "from", "pivot"):
            return sql[: token.start] if index <= pivot else ""
    return ""
