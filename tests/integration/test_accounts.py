"""F1 and F2 through the whole pipeline: every record has its place, the same bytes count once."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess

from .conftest import Office


def test_every_record_of_every_file_is_accounted_for(office: Office) -> None:
    done = office.muster("feeds", "--format", "json")
    accounts = {(row["feed"], row["file_name"]): row for row in json.loads(done.stdout)}
    files = [path for path in office.home.inbox.rglob("*") if path.is_file()]
    assert len(accounts) == len(files) > 15
    for path in files:
        account = accounts[path.parent.name, path.name]
        assert account["file_status"] == "loaded", account
        assert account["records"] == account["loaded"] + account["rejected"] + account["blank"]
        with path.open(newline="") as file:
            # csv leaves blank lines out when it counts records.
            assert account["records"] - account["blank"] == sum(1 for row in csv.reader(file) if row) - 1, path


def test_rejected_records_are_kept_with_their_bytes_and_a_reason(office: Office) -> None:
    rows = office.rows("select record_number, line_number, reason, raw from rejected_record where feed = 'bookings'")
    content = (office.home.inbox / "bookings" / "spoilt.csv").read_bytes()
    assert len(rows) == 2
    for _, line, reason, raw in rows:
        assert bytes(raw).strip() == content.splitlines()[line - 1]
        assert reason and "example.edu" not in reason
    account = office.rows("select records, loaded, rejected, blank from landed_file where file_name = 'spoilt.csv'")
    assert account == [(5, 2, 2, 1)]
    assert office.rows("select * from rejected_record", "duty") == []


def test_the_same_bytes_under_five_names_and_two_runs_at_once_load_once(copied: Office) -> None:
    inbox = copied.home.inbox
    for number, name in enumerate(["copy (2).csv", "ÄÖ.CSV", "x.txt", "registrations_01.csv.bak", "2026 11 22.csv"]):
        shutil.copy(inbox / "registrations" / "registrations_01.csv", inbox / "registrations" / name)
        shutil.copy(inbox / "people" / "people.csv", inbox / "people" / f"people{number}.csv")
    before, generation = copied.marts(), copied.one("select generation from publication")
    instants = copied.rows("select as_of, known_at from publication")[0]
    options = ["--as-of", f"{instants[0].isoformat()}Z", "--known-at", f"{instants[1].isoformat()}Z"]
    streams = {**copied.streams(), "capture_output": False, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    streams["env"] = streams["env"] | {"MUSTER_WAIT_SECONDS": "200"}
    streams.pop("capture_output")
    runs = [subprocess.Popen(copied.command("run", *options), **streams) for _ in range(2)]
    for run in runs:
        _, told = run.communicate(timeout=240)
        assert run.returncode == 0, told
    assert copied.marts() == before
    assert copied.one("select generation from publication") == generation + 2
    assert not list(copied.home.warehouse.glob("build-*"))
