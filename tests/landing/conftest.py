"""A small office whose files are landed, staged and loaded as a run does it."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from pipelines import landing
from pipelines.contracts import Contract, load_contracts
from pipelines.settings import Home, load_settings

LATER = datetime(2100, 1, 1)


@dataclass
class Office:
    """A home, with the shortest way from a file's bytes to the rows of schema ``land``."""

    home: Home
    con: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def put(self, path: str, content: bytes | str) -> Path:
        target = self.home.inbox / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def contract(self, document: dict[str, Any]) -> None:
        self.home.contracts.mkdir(exist_ok=True)
        (self.home.contracts / f"{document['feed']}.yml").write_text(yaml.safe_dump(document, sort_keys=False))

    def contracts(self) -> dict[str, Contract]:
        return load_contracts(self.home, load_settings(self.home))

    def run(self, known_at: datetime = LATER) -> None:
        contracts = self.contracts()
        landing.land_inbox(self.home, contracts)
        landing.stage_files(self.home, contracts)
        self.con.execute("set TimeZone = 'UTC'")
        landing.load(self.con, self.home, load_settings(self.home), contracts, known_at)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(Home(tmp_path / "home").prepare())
    yield made
    made.con.close()


@pytest.fixture
def packed() -> Any:
    return lambda text: gzip.compress(text.encode(), mtime=0)
