"""The command line: options, exit codes, one sentence for a failure. Pure commands run in this process."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from pipelines import cli
from pipelines.settings import PROJECT, Home

COMMANDS = [info.name or info.callback.__name__ for info in cli.app.registered_commands if info.callback]


@pytest.fixture(autouse=True)
def keep_umask():
    mask = os.umask(0o077)
    yield
    os.umask(mask)


def muster(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = cli.execute([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def is_one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and text.strip().endswith((".", "…")) and "Traceback" not in text


def test_help_answers_at_once_and_lists_every_command() -> None:
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "pipelines.cli", "--help"], capture_output=True, text=True)
        seconds.append(time.perf_counter() - began)
        assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    assert "..." not in done.stdout.partition("Commands:")[2], "a summary is cut"
    assert min(seconds) < 0.5  # 0.07 s on an idle machine; several tests share it here


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.cli; print(sorted({'duckdb','pandas','dagster','rich','pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_home(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = muster(capsys, command, "--help")
    assert code == 0
    assert "--home" in out and "--format" in out


def test_every_command_is_in_the_readme() -> None:
    text = (PROJECT / "README.md").read_text()
    assert [name for name in COMMANDS if not re.search(rf"muster {re.escape(name)}\b", text)] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["who", "--min-level", "high"],
        ["who", "--min-level", "9"],
        ["who", "--at", "yesterday"],
        ["who", "--near", "1,2"],
        ["who", "--role", "boss"],
        ["who", "--format", "xml"],
        ["who", "--from", "2026-11-22"],
        ["sql", "select 1", "--query", "unknown_places"],
        ["sql", "--query", "nonsense"],
        ["sql", "--file", "/does/not/exist.sql"],
        ["sql", "select 1", "--param", "broken"],
        ["generate"],
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(
    published: Home, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    home = [] if arguments[0] in ("nonsense", "generate") else ["--home", str(published.root)]
    code, out, err = muster(capsys, *arguments, *home)
    assert (code, out) == (2, "")
    assert is_one_sentence(err), err


@pytest.mark.parametrize("command", ["run", "who", "sql", "serve", "feeds", "check-config"])
def test_a_missing_home_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    query = ["select 1"] if command == "sql" else []
    code, out, err = muster(capsys, command, *query, "--home", tmp_path / "none")
    assert (code, out) == (1, "")
    assert "There is no home" in err and len(err.strip().splitlines()) == 1


def test_a_home_without_a_publication_says_what_to_do(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = muster(capsys, "who", "--home", home.root)
    assert code == 1 and "Nothing has been published" in err


def test_a_newer_home_is_refused(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    published.format_file.write_text('{"format": 99}')
    code, _, err = muster(capsys, "who", "--home", published.root)
    assert code == 1 and "newer version" in err


def test_a_broken_muster_yml_names_its_line(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    published.settings_file.write_text("office_timezone: [\n")
    code, _, err = muster(capsys, "who", "--home", published.root)
    assert code == 1 and "line" in err and is_one_sentence(err)


def test_a_defect_is_one_sentence_without_values(capsys: pytest.CaptureFixture[str], monkeypatch, published) -> None:
    monkeypatch.setattr("pipelines.commands.look.show_who", lambda *_: [][len("ann@example.org")])
    code, _, err = muster(capsys, "who", "--home", published.root)
    assert code == 1 and is_one_sentence(err) and "--verbose" in err
    with pytest.raises(IndexError):
        cli.execute(["who", "--home", str(published.root), "--verbose"])


def test_who_as_a_table_names_people_levels_and_times(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = muster(capsys, "who", "--home", published.root)
    assert (code, err) == (0, "")
    for part in ("5 Extreme", "not known", "Name of t_cat", "open", "2026-11-22 08:00 UTC", "INVENTED RATINGS"):
        assert part in out


def test_who_for_programs(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = muster(capsys, "who", "--home", published.root, "--role", "analyst", "--format", "json")
    rows = json.loads(out)
    assert [row["traveller_id"] for row in rows] == ["t_cat", "t_ann", "t_bob"]
    assert rows[1]["since_at"] == "2026-11-20T00:00:00Z" and "full_name" not in rows[0]
    assert "INVENTED RATINGS" in err
    _, out, _ = muster(capsys, "who", "--home", published.root, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert [line["risk_level"] for line in lines] == ["5", "3", ""]
    assert lines[0]["mobile_phone"] == "+1 555 01"


def test_a_time_without_an_offset_is_office_time(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    published.settings_file.write_text("office_timezone: America/New_York\n")
    arguments = ["who", "--home", published.root, "--role", "analyst", "--format", "json", "--at"]
    # 2026-11-25 00:00 UTC ends the stay of t_ann; it is 19:00 on the 24th at the office.
    for at, is_there in [("2026-11-24T18:59", True), ("2026-11-24T19:00", False), ("2026-11-24T23:59Z", True)]:
        _, out, _ = muster(capsys, *arguments, at)
        assert ("t_ann" in out) == is_there, at


def test_near_takes_a_southern_latitude(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = muster(capsys, "who", "--home", published.root, "--role", "analyst", "--near", "-1.3,36.8,20")
    assert code == 0 and "t_ann" in out and "t_cat" not in out


def test_sql_answers_and_logs_a_look_at_names(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = muster(capsys, "sql", "select count(*) as n from stay", "--home", published.root, "--format", "csv")
    assert code == 0 and out.splitlines() == ["n", "7"]
    assert not (published.logs / "access.log").exists()
    query = "select full_name from traveller_contact order by 1"
    code, out, _ = muster(capsys, "sql", query, "--home", published.root, "--role", "steward", "--format", "csv")
    assert code == 0 and "Name of t_ann" in out
    assert '"sql_sha256"' in (published.logs / "access.log").read_text()


def test_sql_lists_and_runs_saved_queries(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = muster(capsys, "sql", "--home", published.root)
    assert code == 0 and "unknown_places" in out
    arguments = ["--query", "people_by_country_now", "--param", "min_level=5", "--format", "csv"]
    code, out, _ = muster(capsys, "sql", *arguments, "--home", published.root)
    assert code == 0 and {line.split(",")[1] for line in out.splitlines()[1:]} == {"", "5"}


def test_sql_that_writes_is_refused(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = muster(capsys, "sql", "drop table mart.stay", "--home", published.root)
    assert code == 1 and "Only a SELECT" in err and is_one_sentence(err)


def test_feeds_lists_every_file_and_its_account(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = muster(capsys, "feeds", "--home", published.root)
    assert (code, err) == (0, "")
    assert "10 records = 8 loaded + 1 rejected + 1 blank" in out and "bookings" in out and "stale" in out
    code, _, err = muster(capsys, "feeds", "--release", "0123456789", "--home", published.root)
    assert code == 1 and "muster feeds" in err


def test_check_config_lists_every_check(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = muster(capsys, "check-config", "--home", published.root)
    assert (code, err) == (0, ""), out
    (published.logs / "access.log").write_text("x\n")
    (published.logs / "access.log").chmod(0o644)
    code, out, err = muster(capsys, "check-config", "--home", published.root)
    assert code == 1 and "permissions" in err and "access log" in err


def test_a_closed_pipe_is_no_failure(published: Home) -> None:
    command = f"{sys.executable} -m pipelines.cli sql 'select * from range(9000)' --home {published.root} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, cwd=PROJECT)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unwritable_or_damaged_home_is_one_sentence(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    (published.published / "current" / "duty.duckdb").resolve().write_bytes(b"not a database")
    code, out, err = muster(capsys, "who", "--home", published.root)
    assert (code, out) == (1, "") and is_one_sentence(err)
    shutil.rmtree(published.published)
    code, out, err = muster(capsys, "who", "--home", published.root)
    assert (code, out) == (1, "") and "Nothing has been published" in err


def test_a_publication_older_than_policy_is_one_sentence(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["explain", "T1"], ["what-if", "--file", "umb"]):
        code, out, err = muster(capsys, "policy", *arguments, "--home", published.root)
        assert (code, out) == (1, "") and is_one_sentence(err) and "muster run" in err


@pytest.mark.parametrize(
    "command",
    [
        ["demo"],
        ["run"],
        ["who"],
        ["report", "week"],
        ["audit"],
        ["sql", "select 1"],
        ["serve"],
        ["feeds"],
        ["generate", "--trips", "1"],
        ["fetch", "ratings", "--provider", "canada"],
        ["forget", "--person", "ada", "--yes"],
        ["check-config"],
    ],
    ids=" ".join,
)
def test_every_command_takes_a_home_and_a_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    code, _, err = muster(capsys, *command, "--home", tmp_path, "--format", "xml")
    assert code == 2 and "There is no format 'xml'" in err and is_one_sentence(err)
    assert not list(tmp_path.iterdir())


def test_generate_makes_one_trip_and_tells_a_program_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = muster(capsys, "generate", "--trips", "1", "--home", tmp_path, "--format", "json")
    (told,) = json.loads(out)
    assert code == 0 and told["trips"] == 1 and told["folder"] == str(tmp_path)
    assert (tmp_path / "inbox" / "registrations").is_dir() and (tmp_path / "truth").is_dir()
    code, _, err = muster(capsys, "generate", "--trips", "1")
    assert code == 2 and "--out DIR" in err and is_one_sentence(err)


def test_every_instant_of_an_answer_says_that_it_is_utc(published: Home, capsys: pytest.CaptureFixture[str]) -> None:
    query = "select as_of, known_at, as_of as valid_from, as_of as valid_to from publication"
    for kind in ("json", "csv"):
        code, out, _ = muster(capsys, "sql", query, "--format", kind, "--home", published.root)
        assert code == 0 and len(re.findall(r"T\d\d:\d\d:\d\d(?:\.\d+)?Z", out)) == 4, out


@pytest.mark.parametrize(
    "words",
    [
        ["forget", "--yes", "--person", "\udcff"],
        ["privacy", "receipt", "--person", "ada\udcfe@example.edu"],
        ["places", "resolve", "\udcff"],
        ["policy", "explain", "TR\udcff"],
        ["sql", "select '\udcff'"],
        ["who", "--country", "\udcff\udcfe"],
    ],
)
def test_bytes_that_are_no_text_are_refused_in_one_sentence(
    published: Home, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, err = muster(capsys, *words, "--home", published.root)
    assert (code, out) == (2, "") and is_one_sentence(err) and "no UTF-8 text" in err


def test_a_file_of_sql_that_never_ends_is_refused_at_once(
    published: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = muster(capsys, "sql", "--file", "/dev/zero", "--home", published.root)
    assert (code, out) == (2, "") and is_one_sentence(err) and "longer than 20 KB" in err


@pytest.mark.parametrize("inside", ["published/current/steward.duckdb", "places.csv", "logs/x.csv", "new.csv"])
def test_an_answer_is_not_written_into_the_home(
    published: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path, inside: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(published.root)
    before = sorted((path, path.stat().st_size) for path in published.root.rglob("*"))
    for target in (published.root / inside, link / inside):
        code, out, err = muster(capsys, "sql", "select 1 as a", "--output", target, "--home", published.root)
        assert (code, out) == (2, "") and is_one_sentence(err) and "inside the home" in err
        code, out, err = muster(capsys, "report", "week", "--out", target, "--home", published.root)
        assert (code, out) == (2, "") and is_one_sentence(err) and "inside the home" in err
    assert sorted((path, path.stat().st_size) for path in published.root.rglob("*")) == before


@pytest.mark.parametrize("as_of", ["1950-01-01", "2065-01-01", "9999-12-31"])
def test_a_run_as_of_a_year_without_weeks_is_refused(
    published: Home, capsys: pytest.CaptureFixture[str], as_of: str
) -> None:
    code, _, err = muster(capsys, "run", "--as-of", as_of, "--home", published.root)
    assert code == 2 and "outside the years 1991 to 2059" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "asked", [["--at", "2026-11-23"], ["--from", "2026-11-16", "--to", "2026-11-23", "--near", "50.45,30.52,100"]]
)
def test_a_publication_of_a_version_before_a_column_is_one_sentence(
    published: Home, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    for path in (published.published / "current").glob("*.duckdb"):
        with duckdb.connect(str(path)) as con:
            con.execute("alter table mart.stay drop column since_at")
            con.execute("alter table mart.stay drop column until_at")
    code, out, err = muster(capsys, "who", *asked, "--home", published.root)
    assert (code, out) == (1, "") and is_one_sentence(err)
    assert "made by another version" in err and "'muster run'" in err
