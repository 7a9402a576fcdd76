"""The digest of a configuration: what a person may choose changes it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.policy import PRESETS
from pipelines.settings import Home, Settings, configuration_sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "own.yml").write_text((PRESETS / "denver.yml").read_text()),
        lambda root: (root / "contracts" / "registrations.yml").write_text("feed: registrations\noptional: true\n"),
        lambda root: (root / "contracts" / "people.yml").unlink(),
        lambda root: (root / "contracts" / "people.yml").rename(root / "contracts" / "persons.yml"),
        lambda root: (root / "places.csv").write_text("alias,place_id\nHQ,2643743\n"),
    ],
)
def test_two_configurations_never_share_a_digest(tmp_path: Path, change: Callable[[Path], object]) -> None:
    home, settings = Home(tmp_path), Settings(policy_file="own.yml")
    (tmp_path / "own.yml").write_text((PRESETS / "umb.yml").read_text())
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "people.yml").write_text("feed: people\noptional: true\n")
    before = configuration_sha256(home, settings)
    (tmp_path / "inbox").mkdir()
    assert configuration_sha256(home, settings) == before
    change(tmp_path)
    assert configuration_sha256(home, settings) != before


def test_presets_and_settings_are_told_apart(tmp_path: Path) -> None:
    home = Home(tmp_path)
    chosen = (Settings(), Settings(policy="denver"), Settings(transit_hours=8), Settings(policy_file="none.yml"))
    assert len({configuration_sha256(home, settings) for settings in chosen}) == len(chosen)
