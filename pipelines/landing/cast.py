"""Typed casts: one SQL statement that turns a file's texts into typed rows, each with a reason if it is rejected.

The order is: regular expression, cast, range check. A reason names the column and what is wrong with it, never the
value. Empty text and white space are NULL; leading and trailing space is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.contracts import SQL_TYPES, Column, Contract, ReceivedAtColumn, normalise_header
from pipelines.landing.text import GateError

MIN_YEAR, MAX_YEAR = 1900, 2200
TRAVEL_YEARS = (1991, 2059)
"""Of the times of travel: the years whose changes of clocks and weeks are known (`pipelines.reference`), less a margin.
One trip of another year, which is a slip of somebody's pen, would otherwise keep all others from being counted."""
TRAVEL_DATES = ("transaction_date",)
"""Dates on which somebody was somewhere; local times always are."""

_TRUE = ("true", "yes", "y", "t", "1")
_FALSE = ("false", "no", "n", "f", "0")
_DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%m": "[0-9]{1,2}",
    "%d": "[0-9]{1,2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}",
}
_INTEGER = "[+-]?[0-9]{1,18}"
_DECIMAL = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_CLOCK = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_OFFSET = "(?:[zZ]|[+-][0-9]{2}:?[0-9]{2})"
_ISO_OFFSET = "(?:Z|[+-][0-9]{2}:?[0-9]{2})"


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """A quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


@dataclass(frozen=True)
class Binding:
    """How one file's header fills a contract's columns."""

    contract: Contract
    texts: dict[str, list[str]]
    """Canonical column to the SQL of its text, one for each repetition of a repeated group, else one."""
    key_positions: list[int | None]
    """Position in the file of each key column, where it is taken from one column as it stands."""
    repetitions: int
    unknown: list[str]
    received_at: str | None

    @property
    def repeated(self) -> list[str]:
        """Columns that belong to the repeated group."""
        return [column for column, texts in self.texts.items() if len(texts) > 1]


class _Header:
    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.positions: dict[str, list[int]] = {}
        for position, header in enumerate(names):
            self.positions.setdefault(normalise_header(header), []).append(position)
        self.used: set[int] = set()

    def find(self, *wanted: str) -> int | None:
        """The position of the first of these names that the file has; GateError where the file has it twice."""
        for header in wanted:
            found = self.positions.get(normalise_header(header), [])
            if len(found) > 1:
                raise GateError(f"its header names '{header}' {len(found)} times")
            if found:
                self.used.add(found[0])
                return found[0]
        return None


def _trimmed(column: str) -> str:
    """SQL of a text without white space around it, NULL where nothing is left; most texts need no costly trim."""
    # A byte order mark stands before a value where files were joined; no letter of any name sorts after it.
    needs = f"{column} < '!' or {column} >= '\ufeff' or {column}[-1] <= ' ' or contains({column}, '\u00a0')"
    return f"case when {needs} then nullif(trim({column}, ' \t\r\n\u00a0\ufeff'), '') else {column} end"


def _text(position: int | None) -> str:
    return "null" if position is None else f"t{position}"


def _template(template: str, header: _Header, repetition: int) -> str | None:
    """SQL of a template: literals between two placeholders stand only where text precedes and follows."""
    parts = re.split(r"\{([^{}]+)\}", template)
    positions = [header.find(placeholder.replace("#", str(repetition))) for placeholder in parts[1::2]]
    if all(position is None for position in positions):
        return None
    values = [_text(position) for position in positions]
    pieces = [f"case when {values[0]} is null then '' else {values[0]} end"]
    for index in range(1, len(values)):
        before = ", ".join([*values[:index], "null"])
        glue = f"case when coalesce({before}) is null then '' else {quote(parts[2 * index])} end"
        pieces.append(f"case when {values[index]} is null then '' else {glue} || {values[index]} end")
    body = f"nullif({' || '.join(pieces)}, '')"
    return f"{quote(parts[0])} || {body} || {quote(parts[-1])}" if parts[0] or parts[-1] else body


def _column_texts(column_name: str, column: Column, header: _Header) -> tuple[list[str], int | None, bool]:
    """SQL texts of a column by repetition, its plain position if it has one, and whether the header offers it."""
    if column.constant is not None:
        return [quote(column.constant)], None, True
    texts: list[str] = []
    plain: int | None = None
    is_offered = False
    for repetition in range(1, (column.repeat or 1) + 1):
        if column.template is not None:
            text = _template(column.template, header, repetition)
        else:
            wanted = [alias.replace("#", str(repetition)) for alias in column.aliases]
            canonical = [f"{column_name}_{repetition}"] if column.repeat else [column_name]
            plain = header.find(*canonical, *wanted)
            text = None if plain is None else _text(plain)
        is_offered = is_offered or text is not None
        if column.default is not None:
            text = quote(column.default) if text is None else f"coalesce({text}, {quote(column.default)})"
            is_offered = True
        texts.append(text or "null")
    return texts, plain if len(texts) == 1 and column.template is None else None, is_offered


def bind(contract: Contract, names: list[str]) -> Binding:
    """Match a header to a contract; raises GateError where the file lacks a column that every record needs."""
    contract = contract.for_header(names)
    header = _Header(names)
    texts: dict[str, list[str]] = {}
    positions: dict[str, int | None] = {}
    missing: list[str] = []
    for column_name, column in contract.columns.items():
        texts[column_name], positions[column_name], is_offered = _column_texts(column_name, column, header)
        if contract.is_required(column_name) and not is_offered:
            missing.append(column_name)
    received: str | None = None
    if isinstance(contract.received_at, ReceivedAtColumn):
        given = contract.received_at.column
        column = contract.columns.get(given, Column())
        position = header.find(given, *column.aliases)
        if position is None and given not in missing:
            missing.append(given)
        received = _text(position)
    if not header.used:
        raise GateError("its first line names no column that the contract knows: the header is missing or unknown")
    if missing:
        known = contract.columns[missing[0]].aliases if missing[0] in contract.columns else ()
        also = f" (known also as {', '.join(known)})" if known else ""
        raise GateError(f"its header lacks the required column {', '.join(missing)}{also}; name it in the contract")
    ignored = {normalise_header(ignored) for ignored in contract.ignore_columns}
    unknown = [
        header_name
        for position, header_name in enumerate(names)
        if header_name and position not in header.used and normalise_header(header_name) not in ignored
    ]
    repetitions = max(len(alternatives) for alternatives in texts.values())
    return Binding(contract, texts, [positions[key] for key in contract.key], repetitions, unknown, received)


def date_pattern(date_format: str) -> str:
    """The regular expression of a declared date format."""
    pieces = re.split(r"(%[YmdbB])", date_format)
    return "".join(_DIRECTIVES.get(piece) or re.escape(piece).replace("\\ ", " ") for piece in pieces)


def _date(text: str, date_format: str) -> str:
    cast = f"try_cast({text} as date)" if date_format == "%Y-%m-%d" else f"try_strptime({text}, {quote(date_format)})"
    return f"case when regexp_full_match({text}, {quote(date_pattern(date_format))}) then {cast}::date end"


def _naive(text: str, date_format: str) -> str:
    """Date with an optional clock time as TIMESTAMP; anything after the minute's fraction is cut by the caller."""
    formats = [date_format] + [date_format + clock for clock in (" %H:%M", " %H:%M:%S", " %H:%M:%S.%f")]
    listed = ", ".join(quote(each) for each in formats)
    spaced = f"regexp_replace({text}, '[tT ]+([0-9]{{2}}:)', ' \\1')"
    return f"try_strptime({spaced}, [{listed}])"


def _moment_pattern(date_format: str) -> str:
    if date_format == "%Y-%m-%d":
        return f"{date_pattern(date_format)}([T ]{_CLOCK}{_ISO_OFFSET}?)?"
    return f"{date_pattern(date_format)}([tT ]+{_CLOCK}( ?{_OFFSET})?)?"


def _to_utc(local: str, zone: str) -> str:
    """A local time as UTC; the earlier instant of an ambiguous one (S1)."""
    if zone == "UTC":
        return local

    def back(instant: str) -> str:
        return f"(({instant}) at time zone 'UTC' at time zone {quote(zone)})"

    instant = f"(({local}) at time zone {quote(zone)} at time zone 'UTC')"
    earlier = [f"{instant} - interval {minutes} minute" for minutes in (60, 30, 120)]
    cases = " ".join(f"when {back(each)} = {local} then {each}" for each in earlier)
    return f"case {cases} else {instant} end"


def _instant(text: str, date_format: str, zone: str) -> str:
    fits = f"regexp_full_match({text}, {quote(_moment_pattern(date_format))})"
    if date_format == "%Y-%m-%d":
        # The cast honours an offset, and takes a text without one in the session's zone, which is UTC.
        utc = f"(try_cast({text} as timestamptz) at time zone 'UTC')"
        if zone == "UTC":
            return f"case when {fits} then {utc} end"
        has_offset = f"regexp_matches({text}, ':[0-9.]+{_ISO_OFFSET}$')"
        return f"case when not {fits} then null when {has_offset} then {utc} else {_to_utc(utc, zone)} end"
    bare = f"regexp_replace({text}, ' ?{_OFFSET}$', '')"
    mark = f"regexp_extract({text}, ':[0-9.]+ ?({_OFFSET})$', 1)"
    sign = f"case when {mark}[1] = '-' then 1 else -1 end"
    minutes = f"(try_cast({mark}[2:3] as integer) * 60 + try_cast({mark}[-2:] as integer))"
    plain = _naive(text, date_format)
    has_offset = f"regexp_matches({text}, ':[0-9.]+ ?{_OFFSET}$')"
    with_zulu = f"case when upper({mark}) = 'Z' then 0 else {sign} * {minutes} end"
    shifted = f"{_naive(bare, date_format)} + to_minutes({with_zulu})"
    return f"case when not {fits} then null when {has_offset} then {shifted} else {_to_utc(plain, zone)} end"


def _local_time(text: str, date_format: str) -> str:
    fits = f"regexp_full_match({text}, {quote(_moment_pattern(date_format))})"
    if date_format == "%Y-%m-%d":
        # The cast to TIMESTAMP drops an offset and keeps the clock on the wall, which is what a local time is.
        return f"case when {fits} then try_cast({text} as timestamp) end"
    bare = f"case when contains({text}, ':') then regexp_replace({text}, ' ?{_OFFSET}$', '') else {text} end"
    return f"case when {fits} then {_naive(bare, date_format)} end"


def _number(text: str, column: Column, separator: str) -> str:
    pattern, kind = (_INTEGER, "bigint") if column.type == "integer" else (_DECIMAL, "double")
    plain = f"replace({text}, ',', '.')" if separator == "," and column.type == "decimal" else text
    fits = [f"regexp_full_match({plain}, {quote(pattern)})"]
    value = f"try_cast({plain} as {kind})"
    if column.type == "decimal":
        fits.append(f"isfinite({value})")
    return f"case when {' and '.join(fits)} then {value} end"


def _typed(text: str, column: Column, contract: Contract) -> str:
    """SQL of the typed value; NULL where the text is none of the type."""
    date_format = column.date_format or contract.date_format
    zone = column.time_zone or contract.time_zone
    if column.type in ("integer", "decimal"):
        return _number(text, column, contract.decimal_separator)
    if column.type == "boolean":
        true, false = (", ".join(map(quote, words)) for words in (_TRUE, _FALSE))
        return f"case when lower({text}) in ({true}) then true when lower({text}) in ({false}) then false end"
    if column.type == "choice":
        aliases = {alias.lower(): value for alias, value in column.value_aliases.items()}
        cases = "".join(f"when {quote(alias)} then {quote(value)} " for alias, value in aliases.items())
        same = ", ".join(map(quote, column.values))
        lowered = f"case when lower({text}) in ({same}) then lower({text}) end"
        return f"case lower({text}) {cases}else {lowered} end" if cases else lowered
    if column.type == "list":
        parts = f"string_split({text}, {quote(column.separator)})"
        trimmed = f"list_transform({parts}, lambda part: trim(part, ' \t\r\n\u00a0'))"
        return f"list_filter({trimmed}, lambda part: part != '')"
    if column.type == "date":
        return _date(text, date_format)
    if column.type == "instant":
        return _instant(text, date_format, zone)
    return _local_time(text, date_format) if column.type == "local_time" else text


def _problems(column_name: str, column: Column, text: str, value: str) -> list[tuple[str, str]]:
    """Conditions under which a filled column rejects its record, with the reason in words."""
    wrong = f"{text} is not null and {value} is null"
    if column.type == "choice":
        return [(wrong, f"{column_name} is not one of {', '.join(column.values)}")]
    if column.type in ("integer", "decimal"):
        found = [(wrong, f"{column_name} is not a{'n integer' if column.type == 'integer' else ' number'}")]
        low, high = column.minimum, column.maximum
        if low is not None or high is not None:
            lowest = [f"{value} < {low!r}"] if low is not None else []
            highest = [f"{value} > {high!r}"] if high is not None else []
            words = [f"at least {low:.12g}"] if low is not None else []
            words += [f"at most {high:.12g}"] if high is not None else []
            found.append((" or ".join(lowest + highest), f"{column_name} is not {' and '.join(words)}"))
        return found
    kinds = {
        "boolean": "true or false",
        "date": "a date",
        "instant": "an instant",
        "local_time": "a date or local time",
    }
    if column.type not in kinds:
        return []
    found = [(wrong, f"{column_name} is not {kinds[column.type]} in the declared format")]
    if column.type != "boolean":
        is_travel = column.type == "local_time" or column_name in TRAVEL_DATES
        first, last = TRAVEL_YEARS if is_travel else (MIN_YEAR, MAX_YEAR)
        found.append(
            (f"year({value}) not between {first} and {last}", f"{column_name} is outside the years {first} to {last}")
        )
    return found


def _text_name(column_name: str, index: int) -> str:
    return name(f"text {column_name} {index}")


def _value_name(column_name: str, index: int) -> str:
    return name(f"value {column_name} {index}")


def cast_sql(binding: Binding, source: str, columns: int) -> str:
    """The select that turns ``source`` (record_number, c0 ..) into typed rows.

    Grain: record x repetition. Columns: record_number, reason (NULL where accepted), key_text, received_at (where a
    column gives it), repetition, then the contract's columns. A rejected record has one row.
    """
    contract = binding.contract
    texts, values = [], []
    problems: list[tuple[str, str]] = []
    for column_name, column in contract.columns.items():
        alternatives = binding.texts[column_name]
        for index, text in enumerate(alternatives):
            text_name, value_name = _text_name(column_name, index), _value_name(column_name, index)
            texts.append(f"({text})::varchar as {text_name}")
            values.append(
                f"{_typed(text_name, column, contract)} as {value_name}"
                if text != "null"
                else f"null::{SQL_TYPES[column.type]} as {value_name}"
            )
            if text != "null":
                problems += _problems(column_name, column, text_name, value_name)
        if contract.is_required(column_name):
            empty = " and ".join(f"{_text_name(column_name, i)} is null" for i in range(len(alternatives)))
            problems.insert(0, (empty, f"{column_name} is missing"))
    received = "null::timestamp"
    if binding.received_at is not None:
        given = contract.received_at.column if isinstance(contract.received_at, ReceivedAtColumn) else "received_at"
        texts.append(f'({binding.received_at})::varchar as "text of receipt"')
        column = contract.columns.get(given, Column())
        date_format, zone = column.date_format or contract.date_format, column.time_zone or contract.time_zone
        values.append(f'{_instant(name("text of receipt"), date_format, zone)} as "receipt"')
        problems.append(('"receipt" is null', f"{given} is missing or not an instant in the declared format"))
        received = '"receipt"'
    # Columns that the contract does not read are not looked at: a header may have thousands.
    used = sorted({int(number) for number in re.findall(r"\bt(\d+)\b", " ".join(texts)) if int(number) < columns})
    trimmed = ", ".join(["record_number", *(f"{_trimmed(f'c{i}')} as t{i}" for i in used)])
    keys = ", ".join(_text_name(key, 0) for key in contract.key)
    key_text = f"case when reason is not null then nullif(concat_ws('|', {keys}), '') end"
    any_problem = " or ".join(f"({condition})" for condition, _ in problems) or "false"
    listed = ", ".join(f"case when {condition} then {quote(reason)} end" for condition, reason in problems) or "null"
    return (
        f"with trimmed as (select {trimmed} from {source}),\n"
        f"texts as (select record_number, {', '.join(texts)} from trimmed),\n"
        f"typed as (select *, {', '.join(values)} from texts),\n"
        f"judged as (select *, case when {any_problem} then concat_ws('; ', {listed}) end as reason from typed)\n"
        f"select record_number, reason, {key_text} as key_text, {received} as received_at,\n"
        f"{_repeated_select(binding)}"
    )


def _outputs(column_name: str, column: Column, text: str, value: str) -> list[tuple[str, str]]:
    """Name and SQL of a column in the staged file."""
    if column.type != "local_time":
        return [(column_name, value)]
    return [(column_name, value), (f"{column_name}_has_time", f"contains({text}, ':')")]


def _repeated_select(binding: Binding) -> str:
    """The canonical columns; a repeated group is unnested, its empty repetitions left out but for one row."""
    plain: list[str] = []
    grouped: dict[int, list[str]] = {index: [] for index in range(binding.repetitions)}
    for column_name, column in binding.contract.columns.items():
        alternatives = len(binding.texts[column_name])
        for index in range(alternatives):
            text, value = _text_name(column_name, index), _value_name(column_name, index)
            for output, sql in _outputs(column_name, column, text, value):
                if alternatives == 1:
                    plain.append(f"{sql} as {name(output)}")
                else:
                    grouped[index].append(f"{name(output)} := {sql}")
    if binding.repetitions == 1:
        return f"1::integer as repetition, {', '.join(plain)} from judged"
    filled = [
        " or ".join(
            f"{_text_name(column, index)} is not null"
            for column in binding.repeated
            if index < len(binding.texts[column])
        )
        for index in range(binding.repetitions)
    ]
    structs = [
        f"struct_pack(repetition := {index + 1}, is_filled := ({filled[index]}), {', '.join(grouped[index])})"
        for index in range(binding.repetitions)
    ]
    group = f"[{', '.join(structs)}]"
    kept = f"list_filter({group}, lambda each: each.is_filled and reason is null)"
    chosen = f"case when len({kept}) = 0 then {group}[1:1] else {kept} end"
    outputs = ", ".join(plain + [f"part.{each.split(' := ')[0]} as {each.split(' := ')[0]}" for each in grouped[0]])
    return f"part.repetition::integer as repetition, {outputs} from (select *, unnest({chosen}) as part from judged)"
