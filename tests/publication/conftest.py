"""A small build made by hand: seven people around the instant 2026-11-22 08:00 UTC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines.settings import Home

AS_OF = "2026-11-22 08:00:00"

_TABLES = (Path(__file__).parent / "marts.sql").read_text()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").prepare()


@pytest.fixture
def make_build(home: Home) -> Callable[[str], Path]:
    def make(run_id: str) -> Path:
        path = home.warehouse / f"build-{run_id}.duckdb"
        con = duckdb.connect(str(path))
        con.execute(_TABLES)
        con.close()
        return path

    return make


@pytest.fixture
def published(home: Home, make_build: Callable[[str], Path]) -> Home:
    from pipelines.publish import publish

    publish(home, make_build("r1"), "r1")
    return home
