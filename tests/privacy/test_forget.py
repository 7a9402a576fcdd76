"""Fifty of a thousand marked people are forgotten: no byte of the home names them, and the others are as they were."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines import access_log, journal
from pipelines.erasure.forget import forget
from pipelines.settings import PROJECT, Home

from . import planted
from .planted import AS_OF, Marked, everybody, found_below, muster

FORGOTTEN = [Marked(number) for number in [*range(0, 60, 2), *range(201, 981, 39)]]
PEOPLE_IN_TABLES = ("traveller", "traveller_contact", "trip", "stay", "exposure", "policy_check", "trip_audit")


def marks(people: list[Marked]) -> set[str]:
    return {mark for one in people for mark in one.marks()}


def rows(home: Home, sql: str, role: str = "steward") -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.published / "current" / f"{role}.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def tables(home: Home, ids: set[str]) -> dict[str, list[tuple[object, ...]]]:
    """Every row about somebody else than these people."""
    listed = ", ".join(f"'{one}'" for one in sorted(ids))
    # What is a running number, or depends on the name of a landed file, is left out: other files have other names.
    left = {
        "stay": "exclude (stay_id, evidence)",
        "exposure": "exclude (exposure_id, stay_id)",
        "trip_audit": "exclude (evidence)",
    }
    return {
        table: rows(
            home,
            f"select * {left.get(table, '')} from mart.{table} where traveller_id not in ({listed}) order by all",
        )
        for table in PEOPLE_IN_TABLES
    }


def ways(ids: dict[str, str]) -> list[str]:
    """Some by person id, some by e-mail address in capitals, some by pseudonym."""
    found = []
    for at, one in enumerate(FORGOTTEN):
        found += ["--person", [one.person_id, one.email.upper(), ids[one.email]][at % 3]]
    return found


@pytest.fixture(scope="module")
def before(used: Home, once: Callable[[str, Callable[[Path], object]], Home]) -> Home:
    return once("before", lambda root: shutil.copytree(used.root, root, symlinks=True))


@pytest.fixture(scope="module")
def after(before: Home, ids: dict[str, str], once: Callable[[str, Callable[[Path], object]], Home]) -> Home:
    def forget(root: Path) -> None:
        shutil.copytree(before.root, root, symlinks=True)
        done = muster(Home(root), "forget", *ways(ids), "--yes", "--format", "json")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)) == len(FORGOTTEN) == 50

    return once("after", forget)


def test_there_is_something_to_find(before: Home) -> None:
    found = found_below(before.root, marks(FORGOTTEN))
    assert set().union(*found.values()) == marks(FORGOTTEN)
    kinds = {name.split("/")[0] for name in found}
    assert {"inbox", "landing", "published", "decisions", "logs"} <= kinds


def test_no_byte_of_the_home_names_them(after: Home) -> None:
    assert found_below(after.root, marks(FORGOTTEN)) == {}


def test_pseudonyms_stay_in_the_access_log_and_the_certificates_alone(after: Home, ids: dict[str, str]) -> None:
    gone = [ids[one.email].encode() for one in FORGOTTEN]
    holding = set()
    for path in after.root.rglob("*"):
        if path.is_file():
            texts = [str(path.name).encode(), *planted.texts_of(path)]
            if any(one in text for one in gone for text in texts):
                holding.add(path.relative_to(after.root).parts[0])
    assert holding == {"logs", "erasures"}
    verdict = access_log.verify(after)
    assert verdict.problem is None and verdict.lines >= 50


def test_everybody_else_is_as_before(before: Home, after: Home, ids: dict[str, str]) -> None:
    gone = {ids[one.email] for one in FORGOTTEN}
    others = [one for one in everybody() if one not in FORGOTTEN]
    found = found_below(after.landing, marks(others))
    assert marks(others) <= set().union(*found.values())
    was, now = tables(before, gone), tables(after, gone)
    for table in PEOPLE_IN_TABLES:
        assert was[table] == now[table], table
        assert rows(after, f"select count(*) from mart.{table}") == [(len(now[table]),)]
    assert rows(after, "select as_of, known_at from publication") == rows(
        before, "select as_of, known_at from publication"
    )


def test_the_accounts_still_hold_and_show_what_was_erased(before: Home, after: Home) -> None:
    sql = "select feed, sum(records), sum(loaded + rejected + blank) from landed_file group by feed order by feed"
    assert all(records == accounted for _, records, accounted in rows(after, sql))
    assert rows(after, sql) == rows(before, sql)
    erased = rows(after, "select count(*) from rejected_record where reason like '%at a person''s request%'")[0][0]
    told = rows(after, "select message from landed_file where message like '%erased%'")
    certificates = [json.loads(path.read_text()) for path in after.erasures.glob("*.json")]
    assert erased == sum(one["records"] for one in certificates) > 250
    assert len(told) >= 30
    assert rows(after, "select * from feed_status where status = 'failed'") == []


def test_a_certificate_says_what_was_erased_and_names_nobody(after: Home, ids: dict[str, str]) -> None:
    one = FORGOTTEN[0]
    path = next(after.erasures.glob(f"*-{ids[one.email]}.json"))
    document = json.loads(path.read_text())
    assert document["traveller_id"] == ids[one.email] and document["records"] >= 8
    assert {entry["feed"] for entry in document["files"]} >= {
        "people", "registrations", "bookings", "expenses", "reviews", "itineraries"
    }  # fmt: skip
    landed = {file.name for file in after.landing.glob("*/*")}
    for entry in document["files"]:
        assert entry["sha256_before"] not in landed and entry["sha256_after"] in landed
    assert document["everything_made_anew"]["generations_removed"]
    assert document["kept"]["access_log_lines"] >= 1
    looks = [entry["action"] for entry in access_log.entries(after, ids[one.email])]
    assert "forget" in looks and "who" in looks


def test_only_one_generation_is_left_and_reports_are_made_anew(before: Home, after: Home) -> None:
    assert len([path for path in after.published.iterdir() if path.is_dir() and not path.is_symlink()]) == 1
    names = {path.name for path in before.reports.iterdir()}
    assert {path.name for path in after.reports.iterdir()} == names


def test_the_original_bytes_do_not_bring_them_back(before: Home, after: Home, tmp_path: Path) -> None:
    shutil.copytree(after.root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    for path in before.inbox.glob("*/*"):
        target = home.inbox / path.relative_to(before.inbox)
        shutil.copyfile(
            path, target.with_name(f"again-{target.suffix}" if "Quor" in path.name else f"again-{path.name}")
        )
        if path.suffix == ".eml":
            shutil.copyfile(path, target)  # under its own name, which names somebody
    # The day's export: the same records in another order, and one of them changed, which is news.
    people = [one for one in everybody() if one.number % 2 == 0]
    news = Marked(FORGOTTEN[0].number)
    exported = [planted.registration(one, planted.date(2026, 11, 12), trip_status="tentative") for one in people[::-1]]
    planted.write(home.inbox / "registrations" / "today.csv", exported)
    done = muster(home, "run", "--as-of", AS_OF)
    assert done.returncode == 0, done.stderr
    held = found_below(home.root, marks(FORGOTTEN), leave=[home.inbox / "itineraries"])
    assert held == {}
    named = {path.name for path in (home.inbox / "itineraries").iterdir()}
    assert not {name for name in named for one in FORGOTTEN if one.family in name}
    assert rows(home, "select count(*) from traveller") == [(PEOPLE_LEFT,)]
    planted.write(home.inbox / "registrations" / "news.csv", [planted.registration(news, planted.date(2026, 12, 1))])
    assert muster(home, "run").returncode == 0
    assert rows(home, "select count(*) from traveller") == [(PEOPLE_LEFT + 1,)]


PEOPLE_LEFT = planted.PEOPLE - len(FORGOTTEN) + 1  # NOBODY/NORA of a booking


def test_whom_nobody_or_several_answer_to_is_refused_in_a_sentence(copied: Home) -> None:
    path = copied.inbox / "people" / "twins.csv"
    twin = planted.roster([Marked(10), Marked(11)])
    for row in twin:
        row["other_emails"] = "office@marked.example.edu"
    planted.write(path, twin + planted.roster([one for one in everybody() if one.number not in (10, 11)]))
    state = sorted(path.name for path in copied.published.iterdir())
    for text, told in (
        ("nobody@example.edu", "Nobody in"),
        ("t_0123456789abcdef", "Nobody in"),
        ("office@marked.example.edu", "2 people in"),
    ):
        done = muster(copied, "forget", "--person", text, "--yes")
        assert done.returncode == 1 and told in done.stderr.splitlines()[-1]
        assert text not in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in copied.published.iterdir()) == state
    assert not list(copied.erasures.iterdir())


def test_without_yes_somebody_must_be_there_to_confirm(copied: Home) -> None:
    done = muster(copied, "forget", "--person", FORGOTTEN[0].person_id, text="y\n")
    assert done.returncode == 2 and "--yes" in done.stderr
    assert not list(copied.erasures.iterdir())


@pytest.mark.parametrize("at", ["digests.remember", "Eraser.erase", "change_inbox"])
def test_an_erasure_that_stopped_anywhere_is_finished_by_the_next_run(
    copied: Home, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"pipelines.erasure.forget.{at}", stop)
    with pytest.raises(KeyboardInterrupt):
        forget(copied, [FORGOTTEN[0].person_id])
    monkeypatch.undo()
    assert (copied.erasures / "pending.json").exists()
    assert muster(copied, "run", "--as-of", AS_OF).returncode == 0
    assert found_below(copied.root, marks(FORGOTTEN[:1])) == {}
    assert not (copied.erasures / "pending.json").exists()
    assert len(list(copied.erasures.glob("*.json"))) == 1


def test_what_an_interrupted_erasure_is_about_must_be_legible(copied: Home) -> None:
    journal.replace(copied.erasures / "pending.json", b'{"records": ["what"]}')
    done = muster(copied, "run", "--as-of", AS_OF)
    assert done.returncode == 1 and "pending.json" in done.stderr and "Traceback" not in done.stderr
    assert (copied.erasures / "pending.json").exists()


def test_an_erasure_that_was_killed_is_finished_by_the_next_run(copied: Home) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "forget", "--yes", "--home", str(copied.root)]
    command += ["--person", FORGOTTEN[0].person_id]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (copied.erasures / "pending.json").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.poll() is None, "the erasure ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert muster(copied, "run", "--as-of", AS_OF).returncode == 0
    assert found_below(copied.root, marks(FORGOTTEN[:1])) == {}
    assert not (copied.erasures / "pending.json").exists()
    assert len(list(copied.erasures.glob("*.json"))) == 1
