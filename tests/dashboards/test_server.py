"""What the dashboard's server does before it answers, so that nobody's first page waits for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboards import data, server
from pipelines.commands import serving
from tests.dashboards import browser
from tests.dashboards.conftest import use

APP = str(browser.PROJECT / "dashboards" / "app.py")
DRAW_ALL = """
import contextlib
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from dashboards import server

server.warm_up()
known = set(sys.modules)
for view in sorted(Path(sys.argv[1]).parent.glob("views/*.py")):
    app = AppTest.from_file(sys.argv[1], default_timeout=120).run()
    with contextlib.suppress(ValueError):  # a page of other roles
        app.switch_page(f"views/{view.name}")
    app.run()
    assert not app.exception, view
print(*sorted(set(sys.modules) - known))
"""


@pytest.mark.parametrize("role", ["duty", "viewer"])
def test_a_warm_server_has_imported_whatever_its_pages_need(home: Path, role: str) -> None:
    environment = os.environ | {"MUSTER_HOME": str(home), "MUSTER_ROLE": role, "PYTHONPATH": str(browser.PROJECT)}
    command = [sys.executable, "-c", DRAW_ALL, APP]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    # The rest belongs to the frame that the test draws in.
    assert roots <= {"streamlit", "packaging", "pwd"}, "what is missing belongs into LATE_MODULES"


def test_who_is_where_now_was_asked_before_anybody_looks(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.ask_ahead()
    monkeypatch.setattr(duckdb, "connect", _refuse)  # opens a file, and keeps an answer
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert not app.exception and "There now, in Extreme and High places: 18" in [one.value for one in app.subheader]
    weekly = app.switch_page("views/weekly.py").run()
    assert not weekly.exception and "By level" in [one.value for one in weekly.subheader]


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("a page opened what the server should have opened ahead")


@pytest.mark.parametrize("role", ["analyst", "duty", "steward"])
def test_no_name_is_read_and_no_look_is_logged_ahead(role: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch, role)
    asked: list[str] = []
    monkeypatch.setattr(data, "_connection", _listen(data._connection, asked))
    log = home / "logs" / "access.log"
    before = log.read_bytes() if log.exists() else None
    server.warm_up()
    assert any("mart.stay" in sql for sql in asked)
    assert not any("traveller_contact" in sql or "rejected_record" in sql or "decision" in sql for sql in asked)
    assert (log.read_bytes() if log.exists() else None) == before


def _listen(connect: Any, asked: list[str]) -> Any:
    """The function `connect`, with each statement of its connections' cursors added to `asked`."""

    class Cursor:
        def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
            self._cursor = cursor

        def __getattr__(self, name: str) -> Any:
            def call(sql: str, *given: Any, **named: Any) -> Any:
                asked.append(sql)
                return getattr(self._cursor, name)(sql, *given, **named)

            return call if name in ("sql", "execute") else getattr(self._cursor, name)

        def __enter__(self) -> Cursor:
            return self

        def __exit__(self, *_: object) -> None:
            self._cursor.close()

    class Connection:
        def __init__(self, path: str) -> None:
            self._path = path

        def cursor(self) -> Cursor:
            return Cursor(connect(self._path).cursor())

    return Connection


@pytest.mark.parametrize(("role", "settings"), [("duty", ""), ("king", ""), ("duty", "roles: [")])
def test_a_home_that_shows_nothing_is_served_all_the_same(
    role: str, settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(tmp_path, monkeypatch, role)
    if settings:
        (tmp_path / "muster.yml").write_text(settings)
        monkeypatch.setenv(serving.SIGN_IN_VARIABLE, "required")
    server.ask_ahead()


def test_each_role_that_somebody_has_is_prepared_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(home, monkeypatch)
    monkeypatch.setenv(serving.SIGN_IN_VARIABLE, "required")
    monkeypatch.setattr("dashboards.access._roles", lambda: {"a@b.example": "duty", "c@b.example": "viewer"})
    asked: list[str] = []
    monkeypatch.setattr(data, "publication_of", lambda role: asked.append(role) or _refuse_publication())
    server.ask_ahead()
    assert sorted(asked) == ["duty", "viewer"]


def _refuse_publication() -> None:
    raise data.NothingPublished("Nothing has been published yet.")


def test_the_address_is_told_once_the_server_is_warm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(serving.READY_VARIABLE, "It is there.")
    monkeypatch.setattr(server, "warm_up", lambda: print("warm"))

    async def start() -> None:
        async with server.lifespan(None):
            assert capsys.readouterr().out.split("\n") == ["warm", "It is there.", ""]

    with ThreadPoolExecutor(1) as pool:  # where a browser test has been, this thread has a loop already
        pool.submit(asyncio.run, start()).result()
