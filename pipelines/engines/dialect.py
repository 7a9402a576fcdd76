"""From DuckDB's SQL to Spark's: every difference between the two engines is declared here and nowhere else.

A model is written once, in DuckDB's SQL. SQLGlot knows most of what Spark spells otherwise; the rest are functions that
Spark has not, or that mean something else there. They are rules on functions and types, never on a model: the columns
that a model reads are known by type, so that ``date - date`` is told from ``number - number``.

Of a model a :class:`Script` is made. Spark works a common table expression out anew wherever it is named, so that what
is named several times and costs more than a scan is a step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

Types = Mapping[str, Mapping[str, str]]
"""Columns of tables with their types as Spark names them, by qualified table name."""

_SPACES = "".join(map(chr, (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))
"""What DuckDB trims: every space of Unicode; Spark trims the first of them alone."""

_ICU = "com.ibm.icu.text.Normalizer"
"""Unicode's normal forms, which no SQL function of Spark gives: in the ICU that Spark brings along."""


_RESULTS = {
    **DuckDB.EXPRESSION_METADATA,
    exp.Split: {"returns": exp.DataType.build("array<varchar>", dialect="duckdb")},
}
"""What functions return, with what SQLGlot does not say of itself."""

_CALLS: dict[str, object] = {"epoch_us": "bigint"}
"""What functions return that SQLGlot does not know at all."""


@dataclass(frozen=True)
class Step:
    """A common table expression whose rows are worked out once and kept while the model is built."""

    name: str
    sql: str


@dataclass(frozen=True)
class Script:
    """A model for Spark: what to work out and keep, in order, and the query for the table's rows."""

    steps: tuple[Step, ...]
    sql: str


def view_name(table: str) -> str:
    """The name under which Spark knows a table of a layer: ``core.stay`` is ``core__stay``."""
    return table.replace(".", "__")


def translate(sql: str, types: Types) -> Script:
    """A model's text for Spark; ``types`` has the columns of every table that it reads."""
    nested: dict[str, Any] = {}
    for table, columns in types.items():
        layer, _, name = table.partition(".")
        nested.setdefault(layer, {})[name] = dict(columns)
    schema = MappingSchema(nested, dialect="spark", udf_mapping=_CALLS)
    tree = qualify(
        sqlglot.parse_one(sql, dialect="duckdb"), schema=schema, dialect="duckdb", validate_qualify_columns=False
    )
    tree = annotate_types(tree, schema=schema, dialect="duckdb", expression_metadata=_RESULTS)
    for node in tree.find_all(exp.Table):
        if node.db:
            node.set("this", exp.to_identifier(view_name(f"{node.db}.{node.name}"), quoted=True))
            node.set("db", None)
    for select in list(tree.find_all(exp.Select)):
        _move_generators(select)
    ctes = {cte.alias: cte for cte in getattr(tree, "ctes", ())}
    kept = _to_keep(tree)
    tree.set("with_", None)
    steps = [Step(name, _with_needed(cte.this, ctes, kept)) for name, cte in ctes.items() if name in kept]
    return Script(tuple(steps), _with_needed(tree, ctes, kept))


def _with_needed(query: exp.Expr, ctes: Mapping[str, exp.CTE], kept: set[str]) -> str:
    """A query's text with those common table expressions before it that it names and that are not kept."""
    needed: set[str] = set()
    unseen = [query]
    while unseen:
        for table in unseen.pop().find_all(exp.Table):
            if table.name in ctes and table.name not in kept | needed:
                needed.add(table.name)
                unseen.append(ctes[table.name].this)
    text = query.sql(dialect=MusterSpark)
    parts = [cte.sql(dialect=MusterSpark) for name, cte in ctes.items() if name in needed]
    return f"WITH {', '.join(parts)} {text}" if parts else text


def _to_keep(tree: exp.Expr) -> set[str]:
    """The common table expressions that are named more than once and cost more than reading one table."""
    ctes = {cte.alias: cte.this for cte in getattr(tree, "ctes", ())}
    uses = dict.fromkeys(ctes, 0)
    for table in tree.find_all(exp.Table):
        if table.name in uses:
            uses[table.name] += 1
    cheap: set[str] = set()
    for name, query in ctes.items():
        is_plain = isinstance(query, exp.Select) and not any(
            query.args.get(part) for part in ("joins", "group", "distinct", "laterals")
        )
        reads = [table.name for table in query.find_all(exp.Table)]
        if (
            is_plain
            and not query.find(exp.Window, exp.AggFunc)
            and all(read in cheap or read not in ctes for read in reads)
        ):
            cheap.add(name)
    return {name for name, count in uses.items() if count > 1 and name not in cheap}


def _move_generators(select: exp.Select) -> None:
    """``select f(unnest(x))`` becomes a lateral view: Spark takes a generator nowhere else inside an expression.

    Several in one select are walked side by side, the shorter ones filled up with NULL, as DuckDB does.
    """
    found = [
        node
        for projection in select.expressions
        for node in projection.find_all(exp.Explode)
        if node.find_ancestor(exp.Select) is select
    ]
    if not found:
        return
    names = [f"each_{number}" for number in range(1, len(found) + 1)]
    view: exp.Expr
    if len(found) == 1:
        view = exp.Explode(this=found[0].this.copy())
    else:
        view = exp.Inline(this=exp.func("arrays_zip", *(node.this.copy() for node in found)))
    for node, name in zip(found, names, strict=True):
        node.replace(exp.column(name, table="generated"))
    alias = exp.TableAlias(this=exp.to_identifier("generated"), columns=[exp.to_identifier(name) for name in names])
    if select.args.get("from_") is None:
        select.set("from_", exp.From(this=exp.select("1 AS one").subquery("one")))
    select.append("laterals", exp.Lateral(this=view, view=True, alias=alias))


def _pattern(text: str) -> str:
    r"""A regular expression of RE2 with the same meaning in Java.

    ``\s`` and ``\b`` are of ASCII, ``$`` is the end of the text and nothing before it, ``.`` is anything but a newline.
    """
    found, is_inside, place = [], False, 0
    while place < len(text):
        letter = text[place]
        if letter == "\\":
            pair = text[place : place + 2]
            spaces = r"\t\n\f\r "
            found.append(
                {
                    r"\s": spaces if is_inside else f"[{spaces}]",
                    r"\b": r"(?:(?<![0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?![0-9A-Za-z_]))",
                }.get(pair, pair)
            )
            place += 2
            continue
        if is_inside and letter in "[&":
            letter = f"\\{letter}"  # Java reads a class inside a class, and && as their intersection
        elif letter == "[":
            is_inside = True
            # A closing bracket that comes first is a member.
            skipped = 2 if text[place + 1 : place + 2] == "^" else 1
            if text[place + skipped : place + skipped + 1] == "]":
                letter, place = text[place : place + skipped] + r"\]", place + skipped
        elif letter == "]":
            is_inside = False
        elif letter == "$" and not is_inside:
            letter = r"\z"
        found.append(letter)
        place += 1
    return "".join(found)


def _text(node: exp.Expr) -> str:
    """A text written in a model, also in several pieces."""
    if isinstance(node, exp.DPipe):
        return _text(node.this) + _text(node.expression)
    if isinstance(node, exp.Literal):
        return str(node.this)
    raise ValueError("a pattern and its replacement must be texts, so that they can be written for Java")


def _java_pattern(node: exp.Expr) -> exp.Expr:
    return exp.Literal.string(_pattern(_text(node)))


def _java_replacement(node: exp.Expr) -> exp.Expr:
    # RE2 names a group \1 and Java $1, where a backslash guards.
    text = _text(node).replace("$", r"\$")
    for digit in "0123456789":
        text = text.replace(f"\\{digit}", f"${digit}")
    return exp.Literal.string(text)


def _is(node: exp.Expr, *types: exp.DType) -> bool:
    return node.type is not None and node.type.this in types


_FRACTIONS = (exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.DECIMAL)
_WHOLE = (exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.INT128)


class MusterSpark(Spark):
    """SQLGlot's Spark 4 with the functions and meanings of DuckDB that Muster's models use."""

    class Generator(SparkGenerator):
        """What is written otherwise. Each rule says what the two engines differ in."""

        TYPE_MAPPING: ClassVar = {**SparkGenerator.TYPE_MAPPING, exp.DType.INT128: "DECIMAL(38, 0)"}

        TRANSFORMS: ClassVar = {
            **{
                node: rule
                for node, rule in SparkGenerator.TRANSFORMS.items()
                if node not in (exp.GenerateSeries, exp.RegexpReplace, exp.Trim)  # methods below
            },
            exp.ArgMax: lambda self, e: _extreme(self, "MAX_BY", e),
            exp.ArgMin: lambda self, e: _extreme(self, "MIN_BY", e),
            exp.Length: lambda self, e: self.func("SIZE" if _is(e.this, exp.DType.ARRAY) else "LENGTH", e.this),
            # A NULL among the parts counts as empty text.
            exp.Concat: lambda self, e: self.func("CONCAT_WS", exp.Literal.string(""), *e.expressions),
            # A NULL list counts as empty.
            exp.ArrayConcat: lambda self, e: self.func(
                "CONCAT", *(exp.func("COALESCE", part, exp.Array()) for part in (e.this, *e.expressions))
            ),
            # NULLs are left out of the distinct members.
            exp.ArrayDistinct: lambda self, e: self.func("ARRAY_DISTINCT", exp.func("ARRAY_COMPACT", e.this)),
            exp.ArrayOverlaps: lambda self, e: self.func("ARRAYS_OVERLAP", e.this, e.expression),
            # sort_array, unlike DuckDB, puts NULLs first.
            exp.ArraySort: lambda self, e: self.func("ARRAY_SORT", e.this),
            exp.Sum: lambda self, e: _sum(self, e.this),
            # Spark's lower writes two letters for a capital dotted I and a final sigma at the end of a word.
            exp.Lower: lambda self, e: self.func(
                "LOWER", exp.func("TRANSLATE", e.this, exp.Literal.string("İΣ"), exp.Literal.string("iσ"))
            ),
            exp.RegexpLike: lambda self, e: self.func("REGEXP_LIKE", e.this, _java_pattern(e.expression)),
            exp.RegexpExtract: lambda self, e: self.func(
                "REGEXP_EXTRACT", e.this, _java_pattern(e.expression), e.args.get("group") or exp.Literal.number(0)
            ),
            exp.ToDays: lambda self, e: self.func("MAKE_DT_INTERVAL", e.this),
            exp.UnixToTime: lambda self, e: f"CAST({self.func('TIMESTAMP_MICROS', e.this)} AS TIMESTAMP_NTZ)",
        }

        def alias_sql(self, expression: exp.Alias) -> str:
            """A column under its own name has no alias: Spark 4.3 loses track of such columns in a union."""
            if isinstance(expression.this, exp.Column) and expression.this.name == expression.alias:
                return self.sql(expression, "this")
            return super().alias_sql(expression)

        def sub_sql(self, expression: exp.Sub) -> str:
            """Dates: DuckDB counts days, Spark gives an interval."""
            if _is(expression.this, exp.DType.DATE) and _is(expression.expression, exp.DType.DATE):
                return f"CAST({self.func('DATEDIFF', expression.this, expression.expression)} AS BIGINT)"
            return super().sub_sql(expression)

        def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
            """Fractions become whole numbers by rounding, halves to the even one; Spark cuts them off."""
            if expression.to.this in _WHOLE and _is(expression.this, *_FRACTIONS):
                return f"CAST({self.func('RINT', expression.this)} AS {self.sql(expression, 'to')})"
            return super().cast_sql(expression, safe_prefix)

        def trim_sql(self, expression: exp.Trim) -> str:
            """Without a list of letters all spaces of Unicode go."""
            letters = expression.expression or exp.Literal.string(_SPACES)
            position = expression.args.get("position") or "BOTH"
            return f"TRIM({position} {self.sql(letters)} FROM {self.sql(expression, 'this')})"

        def regexpreplace_sql(self, expression: exp.RegexpReplace) -> str:
            """Without the modifier g only the first match is replaced: its text is split off by a group of its own."""
            pattern = _java_pattern(expression.expression)
            replacement = _java_replacement(expression.args["replacement"])
            modifiers = expression.args.get("modifiers")
            if modifiers is None or "g" not in modifiers.name:
                if "$" in replacement.name:
                    raise ValueError("a replacement of the first match alone cannot name groups")
                pattern = exp.Literal.string(f"(?s)\\A(.*?)(?-s:{pattern.this})")
                replacement = exp.Literal.string(f"$1{replacement.this}")
            return self.func("REGEXP_REPLACE", expression.this, pattern, replacement)

        def bracket_sql(self, expression: exp.Bracket) -> str:
            """Outside its list an index gives NULL; lists begin at 1."""
            (index,) = expression.expressions
            if isinstance(index, exp.Slice):
                return self._slice(expression.this, index.this, index.expression)
            # SQLGlot counts a number from 0 when it reads it, and leaves everything else as it was; Spark wants an INT.
            is_number = isinstance(index, exp.Literal)
            place = exp.Literal.number(int(index.this) + 1) if is_number else exp.cast(index.copy(), "int")
            return self.func("TRY_ELEMENT_AT", expression.this, place)

        def _slice(self, array: exp.Expr, first: exp.Expr, last: exp.Expr) -> str:
            count = exp.func("GREATEST", exp.paren(last.copy()) - exp.paren(first.copy()) + 1, exp.Literal.number(0))
            return self.func("SLICE", array, first, count)

        def generateseries_sql(self, expression: exp.GenerateSeries) -> str:
            """Nothing lies between a start and an end before it; Spark counts down or complains."""
            start, end, step = expression.args["start"], expression.args["end"], expression.args.get("step")
            last = exp.paren(end.copy()) - 1 if expression.args.get("is_end_exclusive") else end
            numbers = self.func("SEQUENCE", start, last, step)
            return f"IF({self.sql(start)} <= {self.sql(last)}, {numbers}, ARRAY())"

        def arrayagg_sql(self, expression: exp.ArrayAgg) -> str:
            """Spark collects in no order."""
            if isinstance(expression.this, exp.Order):
                raise ValueError("a list cannot be collected in an order; sort it with list_sort")
            return self._list(self.func("COLLECT_LIST", expression.this))

        def filter_sql(self, expression: exp.Filter) -> str:
            """A filter belongs to the collecting, not to what is done with the list."""
            if not isinstance(expression.this, exp.ArrayAgg):
                return super().filter_sql(expression)
            collected = self.func("COLLECT_LIST", expression.this.this)
            return self._list(f"{collected} FILTER({self.sql(expression, 'expression')})")

        def _list(self, collected: str) -> str:
            # Of no rows DuckDB makes no list, and Spark an empty one.
            return f"IF(SIZE({collected}) > 0, {collected}, NULL)"

        def window_sql(self, expression: exp.Window) -> str:
            """Rows numbered in no order: any number of their own."""
            if isinstance(expression.this, exp.RowNumber) and not (
                expression.args.get("order") or expression.args.get("partition_by")
            ):
                return "MONOTONICALLY_INCREASING_ID()"
            return super().window_sql(expression)

        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            """Functions that Spark has not, by what says the same there."""
            rule = _FUNCTIONS.get(expression.name.lower())
            return super().anonymous_sql(expression) if rule is None else rule(self, *expression.expressions)


def _sum(self: Any, summands: exp.Expr) -> str:
    # No order of summands: the marts agree to 1e-9 without.
    plain = summands.this if isinstance(summands, exp.Order) else summands
    # The sum of whole numbers may be larger than the largest BIGINT.
    if _is(plain, exp.DType.BIGINT, exp.DType.INT128):
        plain = exp.cast(plain.copy(), exp.DType.INT128)
    return str(self.func("SUM", plain))


def _extreme(self: Any, name: str, node: exp.Expr) -> str:
    # A row whose value is NULL does not count, as large as it may be.
    order = exp.If(this=node.this.copy().is_(exp.null()), true=exp.null(), false=node.expression)
    return str(self.func(name, node.this, order))


def _forms(self: Any, text: exp.Expr, call: str) -> str:
    # Called with NULL, a Java method fails.
    return f"IF({self.sql(text)} IS NULL, NULL, {call})"


def _icu(self: Any, method: str, text: str) -> str:
    return f"REFLECT('{_ICU}', '{method}', {text}, FALSE)"


_FUNCTIONS: dict[str, Any] = {
    "epoch_us": lambda self, moment: self.func("UNIX_MICROS", exp.cast(moment, "timestampltz")),
    "to_seconds": lambda self, seconds: f"MAKE_DT_INTERVAL(0, 0, 0, {self.sql(seconds)})",
    "row": lambda self, *parts: self.func("STRUCT", *parts),
    "list_slice": lambda self, array, first, last: self._slice(array, first, last),
    "nfc_normalize": lambda self, text: _forms(self, text, _icu(self, "compose", self.sql(text))),
    "strip_accents": lambda self, text: _forms(
        self,
        text,
        _icu(
            self,
            "compose",
            f"REGEXP_REPLACE({_icu(self, 'decompose', self.sql(text))}, '\\\\p{{M}}+', '')",
        ),
    ),
}
