"""The functions that Python adds to Spark give what DuckDB gives."""

from __future__ import annotations

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.engines.functions import edit_distance

TEXT = st.text("abcé ", max_size=8)
CON = duckdb.connect()


@settings(deadline=None)
@given(TEXT, TEXT)
def test_the_edit_distance_is_duckdbs(left: str, right: str) -> None:
    rows = CON.execute("select damerau_levenshtein(?, ?)", [left, right]).fetchall()
    assert [edit_distance()(left, right)] == [row[0] for row in rows]


def test_no_text_has_no_distance() -> None:
    assert edit_distance()(None, "a") is None
