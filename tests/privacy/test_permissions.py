"""A home is for its owner alone: what is made is closed, and what is open is refused with the way to mend it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.errors import MusterError
from pipelines.permissions import check_every_file, require_private
from pipelines.settings import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").prepare()


@pytest.fixture
def reachable() -> Iterator[Home]:
    """A home below folders that let everybody through, as those of most servers do."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Home(Path(folder)).prepare()


@pytest.fixture(autouse=True)
def keep_umask():
    mask = os.umask(0o022)
    yield
    os.umask(mask)


def test_folders_are_made_closed_whatever_the_account_is_used_to(home: Home) -> None:
    require_private(home)
    (home.logs / "new.log").write_text("x")
    for path in home.root.rglob("*"):
        if path.name != "home.json":
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("name", ["landing", "warehouse", "published", "reports", "decisions", "logs", "erasures"])
def test_an_open_folder_is_refused_and_the_command_told_mends_it(home: Home, name: str) -> None:
    (home.root / name).chmod(0o750)
    with pytest.raises(MusterError, match=f"Others may read {name}; run: chmod -R go= ") as refused:
        require_private(home)
    subprocess.run(re.findall(r"run: (.*)", str(refused.value))[0], shell=True, check=True)  # noqa: S602
    require_private(home)


@pytest.mark.parametrize("name", ["secret.key", "auth.toml", "smtp.password"])
def test_an_open_secret_is_refused(home: Home, name: str) -> None:
    (home.root / name).write_text("x" * 32)
    (home.root / name).chmod(0o640)
    with pytest.raises(MusterError, match=re.escape(name)):
        require_private(home)


def test_a_group_may_deliver_into_the_inbox_and_nobody_else(reachable: Home) -> None:
    reachable.inbox.chmod(0o770)
    require_private(reachable)
    reachable.inbox.chmod(0o775)
    require_private(reachable)
    with pytest.raises(MusterError, match="may read inbox"):
        check_every_file(reachable)
    reachable.inbox.chmod(0o777)
    with pytest.raises(MusterError, match="Anybody may put files into"):
        require_private(reachable)


def test_what_is_delivered_is_not_open_where_no_way_leads_to_it(reachable: Home) -> None:
    (reachable.inbox / "people").mkdir()
    (reachable.inbox / "people" / "roster.csv").write_text("x")  # as a sender with the usual umask writes it
    with pytest.raises(MusterError, match="may read inbox"):
        check_every_file(reachable)
    reachable.root.chmod(0o700)
    check_every_file(reachable)


@pytest.mark.parametrize("command", [["run"], ["serve"]])
def test_nothing_starts_on_an_open_home(home: Home, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    home.landing.chmod(0o755)
    assert cli.execute([*command, "--home", str(home.root)]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert "chmod -R go=" in told[-1] and "Traceback" not in "".join(told)


def test_check_config_looks_at_every_file(home: Home) -> None:
    (home.landing / "people").mkdir(mode=0o700)
    path = home.landing / "people" / "x"
    path.touch(mode=0o600)
    check_every_file(home)
    path.chmod(0o644)
    with pytest.raises(MusterError, match="may read landing/people; run"):
        check_every_file(home)
