"""A run that Dagster's daemon began and that is killed with all of Dagster: closed after, and the next one runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines import definitions, instance, run_history
from pipelines.locking import run_lock
from pipelines.settings import PROJECT, Home
from tests.conftest import Figure
from tests.faults.conftest import Victim

_LAUNCH = """
    mutation ($selector: JobOrPipelineSelector!) {
        launchRun(executionParams: {selector: $selector, runConfigData: {}}) {
            __typename
            ... on LaunchRunSuccess { run { runId } }
            ... on PythonError { message }
        }
    }
"""
_REPOSITORIES = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"


def wait_for(what: str, found: Callable[[], Any], seconds: float = 120) -> Any:
    """The first true answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


class Pages:
    """Dagster as ``make dagster`` starts it: pages, daemon and the server of the code."""

    def __init__(self, home: Home) -> None:
        self._home = home
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._port = server.getsockname()[1]
        command = [sys.executable, "-m", "pipelines.instance", "--home", str(home.root), "--port", str(self._port)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "MUSTER_HOME": str(home.root)}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=PROJECT, env=environment, **quiet)  # type: ignore[call-overload]

    def ask(self, query: str, **variables: Any) -> dict[str, Any] | None:
        """The answer, None while nobody answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/graphql", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 (this machine's own)
                answer: dict[str, Any] = json.load(response)["data"]
                return answer
        except (urllib.error.URLError, OSError):
            return None

    def launch(self, job: str = definitions.JOB) -> str:
        """Launch the job from the pages; returns the run's id."""

        def repositories() -> list[dict[str, Any]]:
            answer = self.ask(_REPOSITORIES)
            return answer["repositoriesOrError"].get("nodes", []) if answer else []

        [repository] = wait_for("the pages of Dagster", repositories)
        selector = {"repositoryName": repository["name"], "repositoryLocationName": repository["location"]["name"]}
        answer = self.ask(_LAUNCH, selector=selector | {"jobName": job})
        assert answer and "run" in answer["launchRun"], answer
        return str(answer["launchRun"]["run"]["runId"])

    def kill(self) -> int:
        """SIGKILL to every process of it at once, as a power cut would; returns how many there were."""
        killed = kill_all(self._home)
        self.process.wait(20)
        return killed


def kill_all(home: Home) -> int:
    """SIGKILL to every process but this one that works for a home; returns how many there were."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            if int(entry.name) != os.getpid() and f"MUSTER_HOME={home.root}".encode() in environment:
                os.kill(int(entry.name), signal.SIGKILL)
                count += 1
    return count


@pytest.fixture
def home(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    instance.prepare(victim.home)
    yield victim.home
    kill_all(victim.home)


def status(run_id: str) -> dg.DagsterRun:
    with dg.DagsterInstance.get() as recorded:
        run = recorded.get_run_by_id(run_id)
    assert run is not None
    return run


def is_marked(run_id: str) -> bool:
    run = status(run_id)
    return run.status == dg.DagsterRunStatus.STARTED and instance.PROCESS_TAG in run.tags


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc, which is Linux")
def test_a_run_that_is_killed_with_all_of_dagster_is_closed_and_the_next_one_runs(home: Home, figure: Figure) -> None:
    began = time.monotonic()
    pages = Pages(home)
    with run_lock(home):  # for which the run waits, so that it is at work when it is killed
        killed = pages.launch()
        wait_for("the run", lambda: is_marked(killed))
        processes = pages.kill()
    assert processes >= 4 and status(killed).status == dg.DagsterRunStatus.STARTED
    restarted = time.monotonic()
    again = Pages(home)
    following = again.launch()
    wait_for("the end of the killed run", lambda: status(killed).status == dg.DagsterRunStatus.FAILURE)
    closed = time.monotonic() - restarted
    wait_for("the end of the next run", lambda: status(following).is_finished, 240)
    assert status(following).status == dg.DagsterRunStatus.SUCCESS
    again.kill()
    [done, ended] = run_history.last_runs(home, 2)
    assert (done.run_id, done.status) == (following, "succeeded")
    assert (ended.run_id, ended.status, ended.problem) == (killed, "failed", run_history.ENDED)
    figure(
        f"kill -9 of all {processes} processes of Dagster and a run at work: closed {closed:.0f} s after Dagster "
        f"began anew, the next run published, {time.monotonic() - began:.0f} s"
    )
