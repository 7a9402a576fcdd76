"""Settings, and the digest of a configuration: what a person may choose changes it, and nothing else does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.contracts import load_contracts
from pipelines.errors import MusterError
from pipelines.policy import PRESETS
from pipelines.settings import Home, Settings, configuration_sha256, load_settings


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "own.yml").write_text((PRESETS / "denver.yml").read_text()),
        lambda root: (root / "contracts" / "registrations.yml").write_text("feed: registrations\noptional: true\n"),
        lambda root: (root / "contracts" / "registrations.yaml").write_text("feed: registrations\noptional: true\n"),
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


@pytest.mark.parametrize(("code", "told"), [("XX", "no country 'XX'"), ("UK", "the United Kingdom is GB")])
def test_an_office_is_in_a_country_that_exists(tmp_path: Path, code: str, told: str) -> None:
    (tmp_path / "muster.yml").write_text(f"office_country_code: {code}\n")
    with pytest.raises(MusterError, match=told):
        load_settings(Home(tmp_path))
    (tmp_path / "muster.yml").write_text("office_country_code: XK\n")
    assert load_settings(Home(tmp_path)).office_country_code == "XK"


def test_the_rhythm_of_a_feed_may_be_written_either_way(tmp_path: Path) -> None:
    digests = set()
    for name in ("rhythm", "rhythm_days"):
        (tmp_path / "muster.yml").write_text(f"feeds: {{bookings: {{{name}: 7}}}}\n")
        settings = load_settings(Home(tmp_path))
        assert settings.feeds["bookings"].rhythm_days == 7
        digests.add(settings.sha256())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"{" * 50_000 + b"\n", "nested too deeply"),
        (b"[\n" * 50_000, "nested too deeply"),
        (b"- " * 50_000, "nested too deeply"),
        (b"[" * 3_000 + b"]" * 3_000, "muster.yml"),
        (b"x: y\n" * 300_000, "longer than 1 MB"),
    ],
)
def test_settings_that_no_parser_survives_are_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "muster.yml").write_bytes(content)
    with pytest.raises(MusterError, match=words):
        load_settings(Home(tmp_path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("feeds: {people: {rhythm_days: .inf}}\n", "feeds.people.rhythm"),
        ("feeds: {people: {rhythm_days: 1e300}}\n", "feeds.people.rhythm"),
        ("transit_hours: .nan\n", "transit_hours"),
        ("policy: umb\nresolution: highest\npolicy: denver\n", r"line 3, column 1: 'policy' is given twice"),
        ("feeds: {people: {rhythm: 7, rhythm: 1}}\n", "'rhythm' is given twice"),
    ],
)
def test_a_setting_that_would_stop_or_bend_a_run_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "muster.yml").write_text(text)
    with pytest.raises(MusterError, match=told):
        load_settings(Home(tmp_path))


@pytest.mark.parametrize("pattern", ["{YYYYMMDD}{HHMM}{HHMM}.csv", "{YYYYMMDD}{HHMM}-{HHMMSS}.csv"])
def test_a_pattern_of_names_that_tells_the_time_twice_is_refused(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "people.yml").write_text(f"feed: people\nreceived_at: '{pattern}'\n")
    with pytest.raises(MusterError, match="more than one"):
        load_contracts(Home(tmp_path), Settings())


@pytest.mark.parametrize("rhythm", [".inf", "1e300"])
def test_a_contract_without_a_rhythm_is_refused(tmp_path: Path, rhythm: str) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "people.yml").write_text(f"feed: people\nrhythm_days: {rhythm}\n")
    with pytest.raises(MusterError, match="rhythm_days"):
        load_contracts(Home(tmp_path), Settings())


def test_a_home_on_a_disk_that_is_read_only_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path).prepare()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != home.warehouse)
    with pytest.raises(MusterError, match="cannot be written: Permission denied"):
        home.prepare()
