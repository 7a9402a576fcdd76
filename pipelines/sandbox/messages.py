"""DuckDB's errors in one sentence, without values of the data and without paths.

What goes wrong before a row is read (a wrong word, an unknown column) speaks of the query and the schema and is kept.
What goes wrong while rows are read may repeat a value, quoted or not ("Could not convert string '…'"), so of such a
message only known words stay, and words that stand in the query itself.
"""

from __future__ import annotations

import re

from pipelines.errors import CHECKSUM, DAMAGED

_KIND = re.compile(r"^[A-Z][\w-]*(?: [A-Z][\w-]*)* Error: ")
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\s\"'\\/:;,]+){2,}[\\/]?")
_WORD = re.compile(r"\b(?:U?INT|FLOAT|UTF)\d+\b|[^\W\d_]+|\d+(?:\.\d+)?|_+|\s+|.", re.DOTALL)
_BEFORE_ROWS = ("ParserException", "BinderException", "CatalogException", "SyntaxException")
_GONE = "…"

# Words of DuckDB's messages about values; anything else in such a message might be a value.
_KNOWN = frozenset(
    """
    a able according an and any applied are argument arguments array as at base be because before between bigint
    blob boolean by byte bytes can cannot cast casting code codepoint column constant conversion convert could
    could't date day decimal decode destination did digit digits divide division does double element elements
    empty entries error escape exceeds expected expression extract failed field fields find float for format
    found from function given greater has have hour hugeint if implicit in index input int integer interval into
    invalid is it its json key keys larger length less list longer malformed map match maximum message minimum
    minute missing month more must name negative no not null number numeric object of offset one only operator
    or out overflow parameter parse part path pattern position positive precision range real recognized regex
    regular result returned row rows scalar scale second sequence should single size smaller smallint source
    specifier string strings struct subquery t text than that the this time timestamp tinyint to too tuple type
    types unable unexpected union unit unknown unsupported use used using utf value values varchar when which
    while width with within year zero zone
    """.split()  # noqa: SIM905
)
_CODES = re.compile(r"^(?:U?INT|FLOAT|UTF)\d+$")


def explain(kind: str, message: str, sql: str, seconds: float) -> str:
    """One sentence for an exception of DuckDB: its class's name, its message, the text of the query."""
    if kind == "OutOfMemoryException":
        return "The query needs more memory than a query may use; ask for less at once."
    if kind == "InterruptException":
        return f"The query took longer than {seconds:g} s and was stopped."
    if CHECKSUM in message:
        return DAMAGED
    if kind in ("InternalException", "FatalException"):
        return "The query cannot be answered: the database has a defect here; write it in another way."
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    text = _KIND.sub("", lines[0]) if lines else "the database gave no reason"
    if kind == "PermissionException" or "disabled by configuration" in text or "file system" in text.lower():
        return "The query cannot be answered: it asks for a file or a setting, which no query here may."
    if kind in _BEFORE_ROWS:
        hint = next((line for line in lines[1:] if line.startswith(("Did you mean", "Candidate"))), "")
        text = _without_paths(text, sql)
        hint = f" {_without_paths(hint, sql)}" if hint else ""
    else:
        text, hint = _without_values(_advice_off(text), sql), ""
    return f"The query cannot be answered: {text[:1].lower()}{text[1:].rstrip('.! ')}.{hint}{_where(lines)}"


def _advice_off(text: str) -> str:
    """Without the advice to change a setting, which nobody can here."""
    return re.split(r"\. Use TRY|, or SET | Use \"SET | \(?try setting ", text, maxsplit=1)[0]


def _without_paths(text: str, sql: str) -> str:
    return _PATH.sub(lambda found: found.group() if found.group() in sql else _GONE, text)


def _without_values(text: str, sql: str) -> str:
    """The message with every word gone that neither DuckDB's messages nor the query hold."""
    own = {word.lower() for word in _WORD.findall(sql)}
    kept: list[str] = []
    for word in _WORD.findall(text):
        known = not word.isalnum() or word.lower() in _KNOWN or word.lower() in own or _CODES.match(word)
        part = word if known else _GONE
        if part == _GONE and _ends_gone(kept):
            # "Santo Domingo" leaves one gap, not one for each word.
            while kept and kept[-1] != _GONE:
                kept.pop()
            continue
        kept.append(part)
    return re.sub(r"…(?:[^\w\s…]*…)+", _GONE, " ".join("".join(kept).split()))


def _ends_gone(kept: list[str]) -> bool:
    rest = [part for part in kept if (not part.isspace() and part.isalnum()) or part == _GONE]
    return bool(rest) and rest[-1] == _GONE


def _where(lines: list[str]) -> str:
    """``(line 2)`` where DuckDB names the line of the query."""
    found = next((match for line in lines[1:] if (match := re.match(r"LINE (\d+):", line))), None)
    return f" (line {found.group(1)})" if found else ""
