"""The demo home: a believable office around the present hour, ready for a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import MusterError
from pipelines.generate.office import Progress, generate
from pipelines.settings import Home

DEMO_TRIPS = 10_000
DEMO_SEED = 20

SETTINGS = """\
# A demo office: people, trips and ratings are invented.
office_timezone: America/New_York
office_country_code: US
policy: columbia
provider_order: [invented, invented_second]
"""


def make_demo(
    home_root: Path,
    trips: int = DEMO_TRIPS,
    seed: int = DEMO_SEED,
    as_of: datetime | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fill an empty home with the demo office: inbox, ``muster.yml`` and ``truth/``; returns what ``generate`` does.

    ``as_of`` defaults to the present hour, so that people are travelling now. Raises MusterError where the home's inbox
    holds files, or the home has settings of its own: nothing of a real office is ever mixed with the demo.
    """
    home = Home(home_root)
    if home.inbox.is_dir() and any(path.is_file() for path in home.inbox.rglob("*")):
        raise MusterError(f"The inbox {home.inbox} is not empty; give the demo a home of its own with --home DIR.")
    if home.settings_file.exists():
        raise MusterError(f"{home.settings_file} exists already; give the demo a home of its own with --home DIR.")
    home.prepare()
    moment = as_of or datetime.now(UTC)
    told = generate(home.root, trips, seed, moment, progress=progress)
    home.settings_file.write_text(SETTINGS, encoding="utf-8")
    return told
