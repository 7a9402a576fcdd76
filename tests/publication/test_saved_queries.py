from __future__ import annotations

import re

import pytest

from pipelines.commands.ask import SavedQuery, saved_queries


@pytest.mark.parametrize("query", saved_queries(), ids=lambda query: query.name)
def test_a_saved_query_declares_what_it_uses(query: SavedQuery) -> None:
    body = re.sub(r"--.*", "", query.text)
    assert set(re.findall(r"\$(\w+)", body)) == set(query.defaults)
    assert query.title and not query.title.endswith(".")
    assert not re.search(r"\b(now|today|current_date|current_timestamp)\b", body), "F5: no SQL reads the clock"
