"""The build file of a run: how much memory its database may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines import warehouse
from pipelines.errors import MusterError
from pipelines.settings import Home, load_settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").prepare()


def _limit_gb(home: Home) -> float:
    with warehouse.open_build(home, "test") as con:
        (text,) = con.execute("select current_setting('memory_limit')").fetchone() or ("",)
    number, unit = text.split()
    return float(number) * {"MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[unit] / 1e9


def test_a_run_may_use_two_gigabytes_for_each_processor(home: Home) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    expected = min(2.0 * len(os.sched_getaffinity(0)), 0.8 * machine)
    assert _limit_gb(home) == pytest.approx(expected, rel=0.1)


def test_a_home_may_set_the_memory_of_its_runs(home: Home) -> None:
    plain = load_settings(home).sha256()
    home.settings_file.write_text("memory_gb: 1.5\n")
    assert _limit_gb(home) == pytest.approx(1.5, rel=0.1)
    assert load_settings(home).sha256() == plain, "the data do not rest on it"
    home.settings_file.write_text("memory_gb: 1000000\n")
    assert _limit_gb(home) < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    home.settings_file.write_text("memory_gb: 0.1\n")
    with pytest.raises(MusterError, match=r"memory_gb.*greater than or equal to 1"):
        warehouse.memory_gb(home)
