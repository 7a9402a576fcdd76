from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from tests.dashboards import browser, fixture


@pytest.fixture(scope="package", autouse=True)
def private() -> Iterator[None]:
    """Homes are made for this account alone, as Muster makes them, whatever the shell of the tests would."""
    mask = os.umask(0o077)
    yield
    os.umask(mask)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one published generation, shared by the tests that only read."""
    root = tmp_path_factory.mktemp("home")
    fixture.write_generation(root)
    return root


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The process looks at the shared home as duty; the caches are empty."""
    use(home, monkeypatch)
    return home


def use(root: Path, monkeypatch: pytest.MonkeyPatch, role: str = "duty") -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setenv("MUSTER_HOME", str(root))
    monkeypatch.setenv("MUSTER_ROLE", role)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real Chromium; without one the test is skipped with the reason, in continuous integration it fails."""
    if not browser.CHROMIUM.exists():
        reason = f"there is no Chromium at {browser.CHROMIUM}; install it or set MUSTER_CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with browser.chromium() as found:
        yield found


@pytest.fixture(scope="session")
def address(home: Path) -> Iterator[str]:
    """The address of a dashboard that serves the shared home."""
    with browser.served(home) as found:
        yield found
