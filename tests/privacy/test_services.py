"""The units and proxy files of ``examples/`` name commands, options, folders and ports that exist."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.commands.serving import ADDRESS, FIRST_PORT
from pipelines.settings import PROJECT

UNITS = sorted((PROJECT / "examples" / "systemd").glob("*.service"))
INSTALLED = "/opt/muster"
BIN = Path(sys.executable).parent
MOST_EXPOSED = "25"  # of 100, as systemd-analyze counts; a unit without hardening has 96


class _Unit(configparser.RawConfigParser):
    """A unit file: keys keep their case and may be repeated."""

    def __init__(self) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(path: Path) -> _Unit:
    parsed = _Unit()
    parsed.read_string(path.read_text())
    return parsed


def command(path: Path) -> list[str]:
    words = shlex.split(unit(path)["Service"]["ExecStart"])
    return [str(BIN / Path(words[0]).name), *words[1:]]


def test_there_are_units_for_the_dashboard_and_for_dagster() -> None:
    assert [path.stem for path in UNITS] == ["muster-dagster", "muster-dashboard"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_the_command_and_its_options_exist(path: Path) -> None:
    words = command(path)
    assert unit(path)["Service"]["ExecStart"].startswith(f"{INSTALLED}/.venv/bin/") and Path(words[0]).is_file()
    options = [word for word in words if word.startswith("--")]
    plain = words[: words.index(options[0])]
    done = subprocess.run([*plain, "--help"], capture_output=True, text=True, cwd=PROJECT, timeout=60)
    assert done.returncode == 0 and len(options) == 2
    assert all(re.search(rf"{option}\b", done.stdout) for option in options)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_keeps_personal_data_to_its_account(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["UMask"] == "0077" and service["StateDirectoryMode"] == "0700"
    assert service["User"] == "muster" and service["NoNewPrivileges"] == service["ProtectHome"] == "yes"
    home = words[words.index("--home") + 1] if "--home" in (words := command(path)) else ""
    assert home == f"/var/lib/{service['StateDirectory']}"
    assert not re.search(r"secret|password", path.read_text(), re.IGNORECASE)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_unit(path: Path, tmp_path: Path) -> None:
    known = re.findall(r"^(\w+)=", path.read_text(), re.MULTILINE)
    assert len(known) > 30  # also where systemd is absent: the file is not empty
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze; install systemd to have the units checked by it")
    copy = tmp_path / path.name
    text = path.read_text().replace(f"{INSTALLED}/.venv/bin", str(BIN)).replace(INSTALLED, str(PROJECT))
    copy.write_text(text)
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, timeout=60)
    mine = [line for line in done.stderr.splitlines() if path.name in line]
    assert (done.returncode, mine) == (0, []), done.stderr
    rated = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_a_proxy_passes_to_where_the_dashboard_listens(name: str) -> None:
    text = (PROJECT / "examples" / "proxy" / name).read_text()
    ports = {word for path in UNITS if "dashboard" in path.stem for word in command(path)}
    assert f"{ADDRESS}:{FIRST_PORT}" in text and str(FIRST_PORT) in ports
    assert "Strict-Transport-Security" in text and text.count("{") == text.count("}")
    if name == "nginx.conf":
        assert "proxy_set_header Host $host;" in text and "proxy_set_header Upgrade $http_upgrade;" in text
