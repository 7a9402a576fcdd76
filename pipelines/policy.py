"""Policy as data: what is asked of which trip, read from YAML and validated with the line of any error (section 7).

A policy is a preset of ``data/reference/policies`` (setting ``policy``) or a home's own file (``policy_file``). It
becomes the table ``reference.policy_rule``, one row a rule; what the rules mean for a trip is SQL
(``core.policy_case``, ``mart.policy_check``).
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import MusterError
from pipelines.settings import REFERENCE, Home, Settings, compose_yaml, load_yaml

PRESETS = REFERENCE / "policies"

LEVELS = {"insignificant": 1, "low": 2, "medium": 3, "high": 4, "extreme": 5}

Requirement = Literal["register", "itinerary_review", "elevated_approval", "provost_approval", "waiver", "training"]
Obligation = Literal["required", "recommended", "prohibited"]
Evacuation = Literal["none", "standby", "evacuate_nonessential", "evacuate_full"]

_ID = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,79}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Strict):
    """Whom a rule speaks of; what is not named does not matter. Personal trips are never judged (S2)."""

    affiliations: tuple[str, ...] = Field((), description="keys of the policy's 'affiliations'; none is everybody")
    purpose: Literal["university"] = "university"
    travels_with_students: bool | None = None
    min_group_size: int | None = Field(None, ge=1)
    max_group_size: int | None = Field(None, ge=1)
    is_international: bool | None = None
    booked_with_agency: bool | None = None

    @model_validator(mode="after")
    def _sizes_fit(self) -> Population:
        if self.min_group_size and self.max_group_size and self.min_group_size > self.max_group_size:
            raise ValueError("min_group_size is greater than max_group_size")
        return self

    def named(self) -> int:
        """How many conditions are named: of two rules that ask the same, the narrower one is quoted."""
        chosen = self.model_dump(exclude={"purpose"})
        return sum(value not in (None, ()) for value in chosen.values())


class Rule(_Strict):
    """One rule, or one version of it: who, at what level, must have what, by when.

    ``levels`` and ``evacuation_statuses`` are compared with the highest of the trip's places; either is enough, and
    a rule that names neither holds at any level.
    """

    id: str
    source: str = Field(min_length=1, description="the sentence that the rule renders")
    population: Population = Population()
    levels: tuple[int, ...] = ()
    evacuation_statuses: tuple[Evacuation, ...] = ()
    requirement: Requirement
    obligation: Obligation
    lead_days: int = Field(0, ge=0, le=366, description="whole days before the local day of departure")
    days_after_return: int | None = Field(
        None, ge=0, le=366, description="whole days after the last day of the trip, instead of lead_days"
    )
    approver: str | None = None
    decisive: Literal["registration", "departure"]
    scope: Literal["traveller", "group"] = Field("traveller", description="whose approval counts")
    satisfied_by: Requirement | None = Field(None, description="kind of review that counts [the requirement]")
    registration_email: Literal["any", "university"] = "any"
    remedy: str | None = Field(None, description="what would satisfy the rule, where the standard words do not do")
    effective_from: datetime.date | None = Field(None, description="first day")
    effective_to: datetime.date | None = Field(None, description="last day")

    @field_validator("id")
    @classmethod
    def _id_is_plain(cls, value: str) -> str:
        if not _ID.match(value):
            raise ValueError(f"'{value}' is no rule id; use lower-case letters, digits and hyphens")
        return value

    @field_validator("levels", mode="before")
    @classmethod
    def _levels_are_known(cls, values: Any) -> Any:
        if not isinstance(values, list | tuple):
            raise ValueError("levels is a list such as [high, extreme]")
        return tuple(_level(value) for value in values)

    @model_validator(mode="after")
    def _is_consistent(self) -> Rule:
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError("effective_to is earlier than effective_from")
        if self.registration_email != "any" and self.requirement != "register":
            raise ValueError("registration_email belongs to the requirement 'register' alone")
        if self.requirement == "register" and (self.scope != "traveller" or self.satisfied_by):
            raise ValueError(
                "'register' is satisfied by the traveller's own registration; leave out scope, satisfied_by"
            )
        if self.days_after_return is not None and self.lead_days:
            raise ValueError("lead_days and days_after_return exclude each other; keep one")
        if self.satisfied_by == "register":
            raise ValueError("satisfied_by names a kind of review, and 'register' is none")
        return self

    @property
    def review_kind(self) -> str | None:
        """The kind of review that satisfies the rule; None for a registration. A prohibition is lifted by a waiver."""
        if self.requirement == "register":
            return None
        return self.satisfied_by or ("waiver" if self.obligation == "prohibited" else self.requirement)


class Policy(_Strict):
    """A whole policy: its name, the roster's words for kinds of people, and its rules."""

    policy: str = Field(min_length=1)
    title: str | None = None
    affiliations: dict[str, tuple[str, ...]] = {}
    rules: tuple[Rule, ...] = Field(min_length=1)


def _level(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value in LEVELS.values():
        return value
    if isinstance(value, str) and value.strip().lower() in LEVELS:
        return LEVELS[value.strip().lower()]
    raise ValueError(f"there is no level '{value}'; choose from {', '.join(LEVELS)} or 1 to 5")


def policy_path(home: Home, settings: Settings) -> Path:
    """The file of the policy in force: the home's own, relative to the home, else the preset's."""
    return home.root / settings.policy_file if settings.policy_file else PRESETS / f"{settings.policy}.yml"


def load_policy(path: Path) -> Policy:
    """Read and validate one policy; raises MusterError with file, line and what is wrong in one sentence."""
    document = load_yaml(path)
    tree = compose_yaml(path)
    _refuse_repeated_keys(path, tree)
    if not isinstance(document, dict):
        raise MusterError(f"{path} line 1: a policy begins with 'policy: NAME' and holds a list of 'rules'.")
    try:
        policy = Policy(**document)
    except ValidationError as error:
        raise MusterError(_describe(path, tree, document, error)) from error
    _check_whole(path, tree, policy)
    return policy


def _describe(path: Path, tree: yaml.Node | None, document: dict[str, Any], error: ValidationError) -> str:
    # A misspelt setting is also a missing one; the misspelling is what helps.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    where = list(first["loc"])
    words = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        words = f"there is no such setting as '{where[-1]}'"
    elif first["type"] == "literal_error":
        words = (
            f"there is no {where[-1] if isinstance(where[-1], str) else where[-2]} '{first['input']}'; choose "
            + str(first["ctx"]["expected"])
        )
    elif first["type"] == "missing":
        words = f"'{where[-1]}' is missing"
    key = ".".join(str(part) for part in where[2:] or where if not isinstance(part, int))
    rule = _rule_name(document, where)
    more = f" ({error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    subject = ": ".join(part for part in (rule, key) if part)
    return f"{path} line {_line(tree, where)}: {subject}: {words}{more}."


def _rule_name(document: dict[str, Any], where: list[Any]) -> str:
    if len(where) < 2 or where[0] != "rules" or not isinstance(where[1], int):
        return ""
    entry = document["rules"][where[1]]
    name = entry.get("id") if isinstance(entry, dict) else None
    return f"rule '{name}'" if name else f"rule number {where[1] + 1}"


def _line(node: yaml.Node | None, where: list[Any]) -> int:
    """The line, from 1, of the deepest part of the document that the path reaches."""
    line = 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _refuse_repeated_keys(path: Path, node: yaml.Node | None) -> None:
    # YAML would keep the last one and say nothing.
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise MusterError(f"{path} line {key.start_mark.line + 1}: '{key.value}' is given twice; keep one.")
            seen.add(key.value)
            _refuse_repeated_keys(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeated_keys(path, value)


def _check_whole(path: Path, tree: yaml.Node | None, policy: Policy) -> None:
    """What one rule alone cannot show: groups of people that nobody declares, versions of a rule that overlap."""
    words: dict[str, str] = {}
    for group, entries in policy.affiliations.items():
        for word in entries:
            other = words.setdefault(word.casefold(), group)
            if other != group:
                line = _line(tree, ["affiliations", group])
                raise MusterError(f"{path} line {line}: '{word}' stands under both '{other}' and '{group}'; keep one.")
    for number, rule in enumerate(policy.rules):
        for group in rule.population.affiliations:
            if group not in policy.affiliations:
                line = _line(tree, ["rules", number, "population", "affiliations"])
                raise MusterError(
                    f"{path} line {line}: rule '{rule.id}' names the affiliation '{group}', which the policy's "
                    "'affiliations' do not declare."
                )
    _check_versions(path, tree, policy)


def _check_versions(path: Path, tree: yaml.Node | None, policy: Policy) -> None:
    versions: dict[str, list[tuple[datetime.date, datetime.date, int]]] = {}
    for number, rule in enumerate(policy.rules):
        span = (rule.effective_from or datetime.date.min, rule.effective_to or datetime.date.max, number)
        versions.setdefault(rule.id, []).append(span)
    for name, spans in versions.items():
        for (_, until, first), (since, _, second) in pairwise(sorted(spans)):
            if since <= until:
                line, other = _line(tree, ["rules", second, "id"]), _line(tree, ["rules", first, "id"])
                raise MusterError(
                    f"{path} line {line}: rule '{name}' is in force at the same time as its version at line {other}; "
                    "end one the day before the other begins, with effective_to and effective_from."
                )


RULE_COLUMNS = {
    "rule_number": "integer",
    "policy": "varchar",
    "rule_id": "varchar",
    "rule_source": "varchar",
    "affiliations": "varchar[]",
    "known_affiliations": "varchar[]",
    "travels_with_students": "boolean",
    "min_group_size": "integer",
    "max_group_size": "integer",
    "is_international": "boolean",
    "is_agency_booked": "boolean",
    "conditions_named": "integer",
    "rule_levels": "integer[]",
    "evacuation_statuses": "varchar[]",
    "requirement": "varchar",
    "obligation": "varchar",
    "lead_days": "integer",
    "days_after_return": "integer",
    "approver": "varchar",
    "decisive": "varchar",
    "review_scope": "varchar",
    "review_kind": "varchar",
    "needs_university_email": "boolean",
    "remedy": "varchar",
    "effective_from_at": "timestamp",
    "effective_to_at": "timestamp",
}
"""Columns of ``reference.policy_rule``; empty lists and NULL do not restrict, instants are UTC and half-open."""


def load_rules(con: duckdb.DuckDBPyConnection, policy: Policy, office_timezone: str) -> None:
    """Make ``reference.policy_rule``: one row per rule, or per version of a rule. Days begin in the office's zone."""
    columns = ", ".join(f"{name} {kind}" for name, kind in RULE_COLUMNS.items())
    con.execute(f"create or replace table reference.policy_rule ({columns})")
    known = sorted({word.strip().casefold() for words in policy.affiliations.values() for word in words})
    marks = ", ".join("?" for _ in RULE_COLUMNS)
    for number, rule in enumerate(policy.rules, start=1):
        con.execute(
            f"insert into reference.policy_rule values ({marks})", _row(number, rule, policy, known, office_timezone)
        )


def _row(number: int, rule: Rule, policy: Policy, known: list[str], office_timezone: str) -> list[Any]:
    who = rule.population
    words = sorted({w.strip().casefold() for group in who.affiliations for w in policy.affiliations[group]})
    until = rule.effective_to + datetime.timedelta(days=1) if rule.effective_to else None
    return [
        number,
        policy.policy,
        rule.id,
        rule.source,
        words,
        known,
        who.travels_with_students,
        who.min_group_size,
        who.max_group_size,
        who.is_international,
        who.booked_with_agency,
        who.named(),
        sorted(set(rule.levels)),
        sorted(set(rule.evacuation_statuses)),
        rule.requirement,
        rule.obligation,
        rule.lead_days,
        rule.days_after_return,
        rule.approver,
        rule.decisive,
        rule.scope,
        rule.review_kind,
        rule.registration_email == "university",
        rule.remedy,
        _midnight(rule.effective_from, office_timezone),
        _midnight(until, office_timezone),
    ]


def _midnight(day: datetime.date | None, timezone: str) -> datetime.datetime | None:
    if day is None:
        return None
    local = datetime.datetime.combine(day, datetime.time(), zoneinfo.ZoneInfo(timezone))
    return local.astimezone(datetime.UTC).replace(tzinfo=None)
