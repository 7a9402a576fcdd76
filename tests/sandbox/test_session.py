"""``muster sql`` in use: a session, files that are marked and logged, lists."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.commands import sql_shell
from pipelines.commands.ask import SqlOptions, saved_queries, saved_text
from pipelines.errors import UsageError
from pipelines.settings import Home
from tests.dashboards import fixture


@pytest.fixture
def home(tmp_path: Path) -> Home:
    fixture.write_generation(tmp_path / "home")
    return Home(tmp_path / "home")


def session(home: Home, *lines: str, **options: object) -> None:
    typed = iter(lines)

    def read(prompt: str) -> str:
        try:
            line = next(typed)
        except StopIteration:
            raise EOFError from None
        if line == "^C":
            raise KeyboardInterrupt
        return line

    sql_shell.run_shell(home, SqlOptions(**options), "csv", read)  # type: ignore[arg-type]


def test_a_session_answers_and_goes_on_after_errors(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    session(
        home,
        *(".tables", ".describe mart.stay", ".describe nothing", "select 1", "  as one;", "select no;", "sel", "^C"),
        *(".param week=2026-11-09", "select $week as week;", ".param week=", ".queries", ".run feed_accounts"),
        *(".run nothing", ".what", ".format json", "select ';' as sign;", ".quit", "select 2 as two;"),
    )
    out = capsys.readouterr().out
    expected = ("current_exposure", "stay_id", "There is no published table 'nothing'", "one\n1\n", 'column "no" ')
    expected += ("week\n2026-11-09\n", "people_by_country_now", "There is no saved query 'nothing'", ".describe TABLE")
    for words in (*expected, '"sign": ";"'):
        assert words in out, words
    assert "two" not in out


def test_what_is_typed_is_kept_for_the_owner_and_answers_never(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    file = sql_shell.history_file(home)
    session(home, "select 'typed' || 'answered' as x;", has_history=False)
    assert not file.exists()
    session(home, "select 'typed' || 'answered'", " as x;")
    assert "typedanswered" in capsys.readouterr().out
    kept = file.read_text()
    assert "select 'typed' || 'answered' as x;" in kept and "typedanswered" not in kept
    assert file.stat().st_mode & 0o777 == 0o600


def test_words_are_completed(home: Home) -> None:
    state = sql_shell.Session(
        home, SqlOptions(), "table", columns={"stay": ["stay_id", "presence"], "trip": ["trip_id"]}
    )
    complete = sql_shell._completer(state)

    def offered(text: str) -> list[str]:
        found = [complete(text, number) for number in range(200)]
        return [word for word in found if word]

    assert {"stay", "stay_id"} <= set(offered("sta")) and offered("stay.p") == ["stay.presence"]
    assert ".describe" in offered(".d") and "date_trunc(" in offered("date_t") and "presence" in offered("pres")


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_file_is_marked_logged_and_private(home: Home, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"answer.{ending}"
    query = "select i, 'a' || i as text from range(12000) t(i) order by i"
    done = CliRunner().invoke(app, ["sql", query, "--home", str(home.root), "--output", str(target)])
    assert done.exit_code == 0, done.output
    assert "first 10,000 rows of more" in done.stderr and target.stat().st_mode & 0o777 == 0o600
    if ending == "parquet":
        file = pyarrow.parquet.ParquetFile(target)
        assert file.metadata.num_rows == 10_000
        mark = file.schema_arrow.metadata[b"muster"].decode()
    elif ending == "json":
        document = json.loads(target.read_text())
        mark = document["about"]
        assert document["rows"][9999] == {"i": 9999, "text": "a9999"}
    else:
        with target.open(newline="") as file:
            rows = list(csv.reader(file))
        mark = rows[0][0]
        assert rows[1] == ["i", "text"] and rows[-1] == ["9999", "a9999"]
    assert "Taken by" in mark and "Personal data" in mark and "INVENTED RATINGS" in mark
    look = json.loads((home.logs / "access.log").read_text().splitlines()[-1])
    assert look["action"] == "sql export" and look["parameters"]["format"] == ending


def test_wrong_use_is_said(home: Home) -> None:
    for arguments, words in (
        (["select 1", "--format", "parquet"], "name it with --output"),
        (["select 1", "--format", "xml"], "no format 'xml'"),
        (["--list", "--output", "x.parquet"], "list of saved queries"),
        (["select 1", "--output", "/nonexistent/x.csv"], "cannot be written"),
    ):
        done = CliRunner().invoke(app, ["sql", *arguments, "--home", str(home.root)])
        assert words in str(done.exception), arguments
    listed = CliRunner().invoke(app, ["sql", "--list", "--format", "csv"])
    assert "person_days_by_week" in listed.stdout


def test_a_saved_query_takes_an_iso_week_for_a_date(home: Home) -> None:
    options = SqlOptions(name="week_feeds", parameters=("week=2026-W46",))
    query = next(query for query in saved_queries() if query.defaults.get("week") == "2026-11-09")
    assert saved_text(dataclasses.replace(options, name=query.name))[1]["week"] == "2026-11-09"
    with pytest.raises(UsageError, match="no week 2026-W54"):
        saved_text(dataclasses.replace(options, name=query.name, parameters=("week=2026-W54",)))
    assert saved_text(SqlOptions(text="select $week", parameters=("week=2026-W46",)))[1] == {"week": "2026-W46"}


def test_json_and_csv_stream_whole_batches(home: Home) -> None:
    query = "select i, [i] as l from range(1200) t(i)"
    done = CliRunner().invoke(app, ["sql", query, "--home", str(home.root), "--format", "json"])
    assert [row["i"] for row in json.loads(done.stdout)] == list(range(1200))
    done = CliRunner().invoke(app, ["sql", query, "--home", str(home.root), "--format", "csv"])
    assert len(done.stdout.splitlines()) == 1201
    done = CliRunner().invoke(app, ["sql", "select 1 as a where false", "--home", str(home.root), "--format", "json"])
    assert json.loads(done.stdout) == []
