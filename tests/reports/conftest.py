"""One small generated office whose files came week by week, built and published once for all tests here."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines import bridge, landing, models, privacy, publish, reference, validation, warehouse
from pipelines.contracts import load_contracts
from pipelines.generate.demo import make_demo
from pipelines.locking import run_lock
from pipelines.reference import naive_utc
from pipelines.settings import Home, load_settings

AS_OF = datetime(2026, 11, 18, 12, tzinfo=UTC)
EARLIER = datetime(2026, 11, 10, 12, tzinfo=UTC)
TRIPS = 250
RECEIVED = ("2026-10-01", "2026-10-24", "2026-10-31", "2026-11-07", "2026-11-14")
"""When the first, second … file of a feed came, at noon UTC."""


def receive_in_steps(home: Home) -> None:
    """Date the landed files as if they had come week by week."""
    for path in home.landing.glob("*/*.json"):
        entry = json.loads(path.read_text())
        if "landed_at" in entry:
            number = re.search(r"_0(\d)\.csv$", entry["file_name"])
            entry["landed_at"] = f"{RECEIVED[int(number.group(1)) - 1 if number else 0]}T12:00:00"
            path.write_text(json.dumps(entry))


def build(home: Home, as_of: datetime, read: Callable[[duckdb.DuckDBPyConnection], object]) -> object:
    """A run without the checks of Great Expectations, whose import costs more than all else here."""
    settings, run_id = load_settings(home), warehouse.new_run_id()
    contracts = dict(load_contracts(home, settings))
    with run_lock(home):
        con = warehouse.open_build(home, run_id)
        landing.stage_files(home, contracts)
        landing.load(con, home, settings, contracts, as_of)
        reference.load(con, home, settings, as_of, as_of)
        week = bridge.last_completed(naive_utc(as_of), settings.office_timezone)
        bridge.load(con, home, settings, contracts, [week], naive_utc(as_of))
        validation.prepare_findings(con)

        def after(result: models.ModelResult) -> None:
            if result.table == "core.traveller":
                privacy.load_pseudonyms(con, home, "core.traveller")

        models.run(con, on_model=after)
        found = read(con)
        con.close()
        warehouse.build_path(home, run_id).unlink()
    return found


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("report") / "home")
    home.root.mkdir()
    (home.root / "secret.key").write_bytes(bytes(range(32)))
    (home.root / "secret.key").chmod(0o600)
    make_demo(home.root, TRIPS, 7, AS_OF)
    landing.land_inbox(home, dict(load_contracts(home, load_settings(home))))
    receive_in_steps(home)
    built_at = datetime(2026, 11, 18, 13)
    build(home, AS_OF, lambda con: publish.publish(home, con, "report", built_at))
    yield home


@pytest.fixture(scope="session")
def earlier(office: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same office as it was published on the first Tuesday after week 45, before the last files came."""
    home = Home(tmp_path_factory.mktemp("earlier") / "home")
    shutil.copytree(office.root, home.root, symlinks=True, ignore=shutil.ignore_patterns("reports", "published"))
    build(home, EARLIER, lambda con: publish.publish(home, con, "earlier", datetime(2026, 11, 10, 13)))
    return home


@pytest.fixture
def golden() -> Path:
    return Path(__file__).parent / "golden"
