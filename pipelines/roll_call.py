"""Roll calls: who answered what in an incident, kept beside the data so that every rebuild finds them again (A4).

``decisions/roll_call.jsonl`` of a home holds one JSON object a line, only ever appended: an opening says where and when
people are looked for, an answer what one traveller said. The newest answer of a traveller counts, the older stay.
Travellers are named by their pseudonym only.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import journal
from pipelines.errors import MusterError
from pipelines.settings import Home

ANSWERS = ("safe", "needs_help", "no_answer", "not_there")
ACCOUNTED = ("safe", "needs_help", "not_there")
"""Answers after which nobody need look for the person; ``no_answer`` was tried in vain."""


@dataclass(frozen=True)
class RollCall:
    """One opened roll call; instants are naive UTC.

    `asked` is what it looks for, in the words of the page that opened it; `traveller_ids` whom it listed then.
    """

    roll_call_id: str
    title: str
    asked: dict[str, Any]
    started_at: datetime.datetime
    opened_at: datetime.datetime
    opened_by: str
    traveller_ids: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """The newest answer of one traveller in one roll call."""

    answer: str
    set_at: datetime.datetime
    set_by: str


def path(home: Home) -> Path:
    """Where the roll calls of a home are."""
    return home.decisions / "roll_call.jsonl"


def open_roll_call(
    home: Home,
    title: str,
    asked: Mapping[str, Any],
    traveller_ids: Iterable[str],
    started_at: datetime.datetime,
    user: str,
) -> RollCall:
    """Open a roll call; `started_at` is when somebody began to look for the people. Raises MusterError."""
    ids = tuple(sorted(set(traveller_ids)))
    opened = RollCall(uuid.uuid4().hex[:12], title, dict(asked), started_at, _now(), user, ids)
    _append(
        home,
        {
            "kind": "opening",
            "roll_call_id": opened.roll_call_id,
            "title": title,
            "asked": opened.asked,
            "started_at": started_at.isoformat(),
            "opened_at": opened.opened_at.isoformat(),
            "opened_by": user,
            "traveller_ids": list(ids),
        },
    )
    return opened


def answer(home: Home, roll_call_id: str, traveller_id: str, given: str, generation: str, user: str) -> None:
    """Write what one traveller answered.

    Raises MusterError for what is no answer of ANSWERS, and where the file cannot be written.
    """
    if given not in ANSWERS:
        raise MusterError(f"'{given}' is no answer of a roll call; choose one of {', '.join(ANSWERS)}.")
    _append(
        home,
        {
            "kind": "answer",
            "roll_call_id": roll_call_id,
            "traveller_id": traveller_id,
            "answer": given,
            "generation": generation,
            "set_at": _now().isoformat(),
            "set_by": user,
        },
    )


def roll_calls(home: Home) -> list[RollCall]:
    """Every roll call, the newest first."""
    found = [
        RollCall(
            str(line["roll_call_id"]),
            str(line["title"]),
            dict(line["asked"]),
            datetime.datetime.fromisoformat(line["started_at"]),
            datetime.datetime.fromisoformat(line["opened_at"]),
            str(line["opened_by"]),
            tuple(line["traveller_ids"]),
        )
        for line in _lines(home)
        if line.get("kind") == "opening"
    ]
    return sorted(found, key=lambda one: one.opened_at, reverse=True)


def answers(home: Home, roll_call_id: str) -> dict[str, Answer]:
    """The newest answer of each traveller in a roll call."""
    return {
        str(line["traveller_id"]): Answer(
            str(line["answer"]), datetime.datetime.fromisoformat(line["set_at"]), str(line["set_by"])
        )
        for line in _lines(home)
        if line.get("kind") == "answer" and line["roll_call_id"] == roll_call_id
    }


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)


def _append(home: Home, entry: Mapping[str, Any]) -> None:
    target = path(home)
    try:
        journal.append(target, entry)
    except OSError as error:
        raise MusterError(
            f"{target} cannot be written ({error.strerror}), so the roll call was not kept; mend it and try again."
        ) from error


def _lines(home: Home) -> list[dict[str, Any]]:
    try:
        text = path(home).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MusterError(f"{path(home)} cannot be read ({error.strerror}); mend it and look again.") from error
    found = []
    for line in journal.lines_of(text):
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # a line that a crash cut off was never confirmed to anybody
        if isinstance(entry, dict):
            found.append(entry)
    return found
