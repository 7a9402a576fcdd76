"""Policy through the whole pipeline: every trip has its results, another policy can be tried, a broken one is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pipelines.settings import REFERENCE, SQL

from .conftest import Office


def test_each_trip_has_one_result_a_requirement_with_its_why(office: Office) -> None:
    judged = office.one("select count(*) from trip where trip_status <> 'cancelled' and purpose <> 'personal'")
    assert office.one("select count(*) from policy_trip") == judged > 250
    results = office.rows("select requirement, count(*) from policy_check group by all order by all")
    assert results == [
        (name, judged) for name in ("elevated_approval", "itinerary_review", "provost_approval", "register")
    ]
    assert office.one("select count(*) from policy_check where reason is null or reason not like '%.'") == 0
    statuses = {row[0] for row in office.rows("select distinct status from policy_check")}
    assert statuses >= {"met", "missing", "late", "not_applicable"}


def test_personal_and_cancelled_trips_are_left_out(office: Office) -> None:
    left_out = "select trip_id from trip where trip_status = 'cancelled' or purpose = 'personal'"
    assert len(office.rows(left_out)) > 5
    assert office.rows(f"select * from policy_check where trip_id in ({left_out})") == []


def test_the_highest_level_of_a_trip_is_no_lower_than_that_of_its_exposures(office: Office) -> None:
    lower = """
        select e.trip_id, t.highest_level, max(e.risk_level)
        from exposure as e
        inner join policy_trip as t on e.trip_id = t.trip_id
        where e.presence not in ('transit', 'en_route')
        group by all
        having max(e.risk_level) > coalesce(t.highest_level, 0)
    """
    assert office.rows(lower) == []
    unknown = """
        select count(*), count(*) filter (t.highest_has_unknown)
        from (select distinct trip_id from exposure
              where risk_level is null and presence not in ('transit', 'en_route')) as e
        inner join policy_trip as t on e.trip_id = t.trip_id
    """
    ((count, told),) = office.rows(unknown)
    assert count == told


def test_the_rating_named_was_in_force_at_the_level_named(office: Office) -> None:
    wrong = """
        select c.trip_id
        from policy_check as c
        inner join rating_period as r on c.rating_id = r.rating_id
        where c.requirement <> 'provost_approval' and (r.level <> c.decisive_level
            or c.decisive_at < r.valid_from or c.decisive_at >= coalesce(r.valid_to, timestamp '9999-01-01'))
    """
    assert office.rows(wrong) == []
    assert office.one("select count(rating_id) from policy_check") > 100
    assert office.one("select count(*) from policy_check where decisive_level is not null and rating_id is null "
                      "and requirement <> 'register'") == 0  # fmt: skip


def test_explain_says_what_each_rule_says(office: Office) -> None:
    trip = office.one("select min(trip_id) from policy_check where status = 'missing'")
    done = office.muster("policy", "explain", trip, "--format", "json")
    assert done.returncode == 0, done.stderr
    rules = json.loads(done.stdout)
    assert [rule["rule"] for rule in rules] == [row[0] for row in office.rows("select rule_id from policy_rule")]
    published = dict(office.rows(f"select requirement, status from policy_check where trip_id = '{trip}'"))
    for requirement, status in published.items():
        assert status in {rule["status"] for rule in rules if rule["requirement"] == requirement}
        assert f"{requirement}: {status}" in done.stderr


def test_explain_of_a_trip_that_is_not_judged_is_one_sentence(office: Office) -> None:
    personal = office.one("select min(trip_id) from trip where purpose = 'personal' and trip_status = 'active'")
    for trip, words in ((personal, "is personal, and policy does not judge"), ("TR-0", "There is no trip 'TR-0'")):
        done = office.muster("policy", "explain", trip)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert words in done.stderr


def test_the_policy_in_force_tried_again_changes_nothing(office: Office) -> None:
    done = office.muster("policy", "what-if", "--file", "columbia", "--format", "json")
    assert done.returncode == 0, done.stderr
    kinds = json.loads(done.stdout)
    assert len(kinds) > 5
    assert {(kind["change"], kind["appearing"], kind["vanishing"]) for kind in kinds} == {(0, 0, 0)}


def test_what_if_counts_what_a_run_with_that_policy_finds(copied: Office) -> None:
    before = copied.fingerprint()
    done = copied.muster("policy", "what-if", "--file", "umb", "--format", "json")
    assert copied.fingerprint() == before
    told = {(k["requirement"], k["obligation"], k["status"]): k["after"] for k in json.loads(done.stdout) if k["after"]}
    shutil.copy(REFERENCE / "policies" / "umb.yml", copied.home.root / "own.yml")
    with copied.home.settings_file.open("a") as file:
        file.write("policy_file: own.yml\n")
    as_of, known_at = copied.rows("select as_of, known_at from publication")[0]
    run = copied.muster("run", "--as-of", f"{as_of}Z".replace(" ", "T"), "--known-at", f"{known_at}Z".replace(" ", "T"))
    assert run.returncode == 0, run.stderr
    found = copied.rows("select requirement, obligation, status, count(*) from policy_check "
                        "where status <> 'not_applicable' group by all")  # fmt: skip
    assert {tuple(row[:3]): row[3] for row in found} == told


def test_a_broken_policy_stops_before_anything_is_landed(copied: Office, tmp_path: Path) -> None:
    text = (REFERENCE / "policies" / "umb.yml").read_text().replace("[high, extreme]", "[hihg]")
    (copied.home.root / "own.yml").write_text(text)
    with copied.home.settings_file.open("a") as file:
        file.write("policy_file: own.yml\n")
    line = next(number for number, row in enumerate(text.splitlines(), start=1) if "hihg" in row)
    before = copied.fingerprint()
    for arguments in (["run"], ["policy", "what-if", "--file", str(copied.home.root / "own.yml")]):
        done = copied.muster(*arguments)
        assert done.returncode == 1, done.stderr
        assert (
            f"own.yml line {line}: rule 'umb-attestation': levels: there is no level 'hihg'"
            in done.stderr.splitlines()[-1]
        )
    assert copied.fingerprint() == before
    checked = copied.muster("check-config")
    assert checked.returncode == 1
    assert "policy" in checked.stderr
    assert f"line {line}" in checked.stdout


def test_the_sql_of_policy_reads_no_names() -> None:
    for path in (*SQL.glob("core/policy_*.sql"), *SQL.glob("mart/policy_*.sql")):
        assert "core.contact" not in path.read_text(), path
