"""Policy files: what is refused and at which line, and what becomes of a good one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import MusterError
from pipelines.policy import PRESETS, load_policy, load_rules, policy_path
from pipelines.settings import Home, Settings

GOOD = """\
policy: ours
affiliations:
  student: [student, Undergraduate]
rules:
  - id: review
    source: Students at high need a review.
    population: {affiliations: [student]}
    levels: [high, 5]
    requirement: itinerary_review
    obligation: required
    decisive: registration
    effective_to: 2026-01-31
  - id: review
    source: Everybody at high needs a review.
    levels: [high, extreme]
    requirement: itinerary_review
    obligation: required
    decisive: departure
    effective_from: 2026-02-01
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("preset", ["columbia", "umb", "denver"])
def test_presets_are_valid_and_each_rule_quotes_its_sentence(preset: str) -> None:
    policy = load_policy(PRESETS / f"{preset}.yml")
    assert policy.policy == preset
    assert all(rule.id.startswith(f"{preset}-") and rule.source.endswith(".") for rule in policy.rules)


def test_rules_become_rows_with_words_levels_and_instants(tmp_path: Path) -> None:
    con = duckdb.connect()
    con.execute("create schema reference")
    load_rules(con, load_policy(write(tmp_path, GOOD)), "America/New_York")
    rows = con.execute(
        "select rule_id, affiliations, known_affiliations, rule_levels, review_kind, "
        "effective_from_at, effective_to_at from reference.policy_rule order by rule_number"
    ).fetchall()
    words = ["student", "undergraduate"]
    turn = datetime(2026, 2, 1, 5)
    assert rows == [
        ("review", words, words, [4, 5], "itinerary_review", None, turn),
        ("review", [], words, [4, 5], "itinerary_review", turn, None),
    ]


def test_a_prohibition_is_lifted_by_a_waiver(tmp_path: Path) -> None:
    text = GOOD.replace("obligation: required", "obligation: prohibited", 1)
    assert [rule.review_kind for rule in load_policy(write(tmp_path, text)).rules] == ["waiver", "itinerary_review"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("[high, 5]", "[hihg]", 8, "there is no level 'hihg'; choose from insignificant, low, medium, high, extreme"),
        ("[high, 5]", "[6]", 8, "there is no level '6'"),
        ("[high, 5]", "high", 8, "levels is a list"),
        ("requirement: itinerary_review", "requirement: visa", 9, "there is no requirement 'visa'; choose 'register'"),
        ("obligation: required", "obligation: must", 10, "there is no obligation 'must'"),
        ("decisive: registration", "decisive: return", 11, "there is no decisive 'return'"),
        ("    decisive: registration\n", "", 5, "'decisive' is missing"),
        ("    source: Students at high need a review.\n", "", 5, "rule 'review': source: 'source' is missing"),
        ("decisive: registration", "decisive: registration\n    lead_day: 3", 12, "no such setting as 'lead_day'"),
        ("decisive: registration", "decisive: registration\n    lead_days: -3", 12, "greater than or equal to 0"),
        ("decisive: registration", "decisive: registration\n    lead_days: soon", 12, "valid integer"),
        (
            "decisive: registration",
            "decisive: registration\n    days_after_return: 400",
            12,
            "less than or equal to 366",
        ),
        (
            "decisive: registration",
            "decisive: registration\n    lead_days: 1\n    days_after_return: 2",
            5,
            "lead_days and days_after_return exclude each other; keep one",
        ),
        ("decisive: registration", "decisive: registration\n    evacuation_statuses: [now]", 12, "'now'"),
        ("effective_to: 2026-01-31", "effective_to: 31 January", 12, "effective_to"),
        (
            "effective_to: 2026-01-31",
            "effective_to: 2026-02-01",
            13,
            "in force at the same time as its version at line 5",
        ),
        ("    effective_to: 2026-01-31\n", "", 12, "in force at the same time"),
        ("effective_from: 2026-02-01", "effective_from: 2025-02-01", 13, "in force at the same time"),
        (
            "effective_to: 2026-01-31",
            "effective_to: 2026-01-31\n    effective_from: 2026-02-02",
            5,
            "effective_to is earlier than effective_from",
        ),
        ("affiliations: [student]}", "affiliations: [pupil]}", 7, "which the policy's 'affiliations' do not declare"),
        ("affiliations: [student]}", "purpose: personal}", 7, "there is no purpose 'personal'"),
        ("affiliations: [student]}", "min_group_size: 5, max_group_size: 3}", 7, "greater than max_group_size"),
        ("  student: [student, Undergraduate]", "  a: [x]\n  b: [X]", 4, "stands under both 'a' and 'b'"),
        ("    obligation: required", "    obligation: required\n    obligation: required", 11, "is given twice"),
        ("- id: review", "- id: Review it", 5, "is no rule id"),
        ("decisive: registration", "decisive: registration\n    registration_email: university", 5, "'register' alone"),
        ("rules:", "rule:", 4, "no such setting as 'rule'"),
        ("policy: ours\n", "", 1, "'policy' is missing"),
        ("levels: [high, 5]", "levels: [high, 5", 9, "Mend the file"),
    ],
)
def test_a_broken_policy_is_one_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(MusterError) as caught:
        load_policy(path)
    text = str(caught.value)
    assert words in text
    assert f"{path} line {line}" in text, text
    assert "\n" not in text
    assert text.endswith(".")


@pytest.mark.parametrize("text", ["", "[]", "rules", "policy: ours\nrules: []\n"])
def test_a_file_without_rules_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(MusterError, match=r"line 1|rules"):
        load_policy(write(tmp_path, text))


def test_a_policy_of_the_home_goes_before_a_preset(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert policy_path(home, Settings(policy="denver")) == PRESETS / "denver.yml"
    assert policy_path(home, Settings(policy="denver", policy_file="own.yml")) == tmp_path / "own.yml"
    with pytest.raises(MusterError, match="cannot be read"):
        load_policy(policy_path(home, Settings(policy_file="own.yml")))
