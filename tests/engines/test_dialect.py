"""DuckDB's SQL for Spark: each rule, on the smallest query that needs it."""

from __future__ import annotations

import pytest

from pipelines.engines.dialect import Script, translate

TYPES = {
    "land.t": {
        "a": "string",
        "b": "string",
        "n": "int",
        "big": "bigint",
        "x": "double",
        "d": "date",
        "e": "date",
        "s": "timestamp_ntz",
        "words": "array<string>",
    }
}


def script(sql: str) -> Script:
    return translate(sql, TYPES)


def spark(expression: str) -> str:
    """One expression over land.t as Spark gets it, without the quotes round names."""
    text = script(f"select {expression} as y from land.t").sql.replace("`", "").replace("t.", "")
    return text.removeprefix("SELECT ").removesuffix(" AS y FROM land__t AS t")


@pytest.mark.parametrize(
    ("duckdb", "expected"),
    [
        ("d - e", "CAST(DATEDIFF(d, e) AS BIGINT)"),
        ("n - 1", "n - 1"),
        ("cast(x as integer)", "CAST(RINT(x) AS INT)"),
        ("cast(a as integer)", "CAST(a AS INT)"),
        ("concat(a, n)", "CONCAT_WS('', a, n)"),
        ("ltrim(a, '0')", "TRIM(LEADING '0' FROM a)"),
        ("words[1]", "TRY_ELEMENT_AT(words, 1)"),
        ("words[n]", "TRY_ELEMENT_AT(words, CAST(n AS INT))"),
        ("words[1:n]", "SLICE(words, 1, GREATEST(((n) - (1)) + 1, 0))"),
        ("len(words)", "SIZE(words)"),
        ("length(a)", "LENGTH(a)"),
        ("range(1, n)", "IF(1 <= (n) - 1, SEQUENCE(1, (n) - 1), ARRAY())"),
        ("to_days(n)", "MAKE_DT_INTERVAL(n)"),
        ("to_seconds(n)", "MAKE_DT_INTERVAL(0, 0, 0, n)"),
        ("lower(a)", "LOWER(TRANSLATE(a, 'İΣ', 'iσ'))"),
        ("arg_max(a, n)", "MAX_BY(a, IF(a IS NULL, NULL, n))"),
        ("list(a)", "IF(SIZE(COLLECT_LIST(a)) > 0, COLLECT_LIST(a), NULL)"),
        ("row_number() over ()", "MONOTONICALLY_INCREASING_ID()"),
        ("sum(big)", "SUM(CAST(big AS DECIMAL(38, 0)))"),
        ("sum(epoch_us(s) // n)", "SUM(CAST(UNIX_MICROS(CAST(s AS TIMESTAMP_LTZ)) DIV n AS DECIMAL(38, 0)))"),
        ("sum(n)", "SUM(n)"),
        ("sum(x order by n)", "SUM(x)"),
        ("cast(n as hugeint)", "CAST(n AS DECIMAL(38, 0))"),
        ("regexp_replace(a, '[ -]', '', 'g')", "REGEXP_REPLACE(a, '[ -]', '')"),
        ("regexp_replace(a, '(b)c$', 'd')", r"REGEXP_REPLACE(a, '(?s)\\A(.*?)(?-s:(b)c\\z)', '$1d')"),
        ("regexp_replace(a, '(b)', '$\\1', 'g')", r"REGEXP_REPLACE(a, '(b)', '\\$$1')"),
        (
            "regexp_matches(a, '^[^\\s,]+\\s' || '[[&]')",
            r"REGEXP_LIKE(a, '^[^\\t\\n\\f\\r ,]+[\\t\\n\\f\\r ][\\[\\&]')",
        ),
    ],
)
def test_expressions(duckdb: str, expected: str) -> None:
    assert spark(duckdb) == expected


def test_what_cannot_be_written_for_spark_is_refused() -> None:
    with pytest.raises(ValueError, match="sort it with list_sort"):
        spark("list(a order by n)")
    with pytest.raises(ValueError, match="must be texts"):
        spark("regexp_matches(a, b)")


def test_a_generator_inside_an_expression_becomes_a_lateral_view() -> None:
    text = script("select concat('x', unnest(words)) as y from land.t").sql
    assert "LATERAL VIEW EXPLODE(`t`.`words`) generated AS each_1" in text
    assert "CONCAT_WS('', 'x', generated.each_1)" in text


def test_generators_side_by_side_are_walked_together() -> None:
    text = script("select unnest([1, 2]) as y, unnest(['a', 'b']) as z").sql
    assert "INLINE(ARRAYS_ZIP(ARRAY(1, 2), ARRAY('a', 'b'))) generated AS each_1, each_2" in text


def test_what_is_named_twice_is_worked_out_once_unless_it_is_a_mere_scan() -> None:
    made = script(
        """
        with plain as (select a, n from land.t),
        grouped as (select a, count(*) as copies from plain group by a),
        once as (select a from grouped where copies > 1)
        select o.a, g.copies, p.n
        from once as o
        inner join grouped as g on o.a = g.a
        inner join plain as p on o.a = p.a
        """
    )
    assert [step.name for step in made.steps] == ["grouped"]
    assert made.steps[0].sql.startswith("WITH `plain` AS")
    assert "`grouped` AS (" not in made.sql
    assert "`once` AS (" in made.sql


def test_a_place_in_a_list_is_an_int_and_counted_from_one() -> None:
    script = translate(
        "select prefixes[number // 64] as found, prefixes[1] as first from core.t",
        {"core.t": {"prefixes": "array<string>", "number": "bigint"}},
    )
    assert "TRY_ELEMENT_AT(`t`.`prefixes`, CAST(`t`.`number` DIV 64 AS INT))" in script.sql
    assert "TRY_ELEMENT_AT(`t`.`prefixes`, 1)" in script.sql
