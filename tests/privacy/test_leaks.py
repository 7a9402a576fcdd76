"""A thousand planted people: what is not for names holds none of them, whatever it is packed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.kept import kept_path
from pipelines.privacy import secret_path
from pipelines.settings import Home

from .planted import PEOPLE, everybody, found_below, muster

MARKS = {mark for one in everybody() for mark in one.marks()}
SECRET_TEXTS = (b"planted-password-of-mail", b"planted-cookie-secret", b"planted-client-secret")


@pytest.fixture(scope="module")
def analysts(used: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an analyst gets: the role's files, and exports of every table in every format."""
    folder = tmp_path_factory.mktemp("analyst")
    current = used.published / "current"
    for path in (current / "analyst.duckdb", current / "analyst_older.duckdb"):
        (folder / path.name).write_bytes(path.read_bytes())
    for path in (current / "parquet").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
        if path.stem in ("traveller", "trip", "stay", "landed_file", "trip_audit", "publication"):
            output = folder / f"export-{path.stem}.csv"
            assert muster(used, "sql", f"select * from {path.stem}", "--output", str(output)).returncode == 0
    return folder


def test_the_marks_are_there_to_be_found(used: Home) -> None:
    assert len(everybody()) == PEOPLE == 1000
    assert set().union(*found_below(used.root / "landing", MARKS).values()) >= MARKS
    steward = found_below((used.published / "current").resolve(), MARKS)
    names = {mark for one in everybody() for mark in (one.given.lower(), one.family.lower(), one.email)}
    assert names <= steward["steward.duckdb"] and steward["duty.duckdb"]
    assert set(steward) == {"steward.duckdb", "duty.duckdb"}


def test_what_analysts_get_names_nobody(analysts: Path) -> None:
    assert len(list(analysts.iterdir())) > 25
    assert found_below(analysts, MARKS) == {}


@pytest.mark.parametrize("folder", ["dagster", "logs", "warehouse", "reports"])
def test_records_of_runs_logs_and_reports_name_nobody(used: Home, folder: str) -> None:
    assert any(path.is_file() for path in (used.root / folder).rglob("*"))
    # What the next run takes over is data, as landed files are.
    assert found_below(used.root / folder, MARKS, leave=[used.logs / "sql_history", kept_path(used)]) == {}


def test_what_is_printed_for_an_analyst_or_an_operator_names_nobody(copied: Home) -> None:
    for arguments in (["audit"], ["who", "--role", "analyst"], ["check-config"], ["run", "--verbose"]):
        done = muster(copied, *arguments)
        text = (done.stdout + done.stderr).lower()
        assert not [mark for mark in MARKS if mark in text], arguments


def test_no_secret_is_in_a_run_configuration_a_log_or_a_publication(used: Home) -> None:
    secrets = (*SECRET_TEXTS, secret_path(used).read_bytes(), secret_path(used).read_bytes().hex().encode())
    for folder in ("dagster", "logs", "published", "warehouse", "reports", "decisions", "landing"):
        for path in (used.root / folder).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not [one for one in secrets if one in content], path
