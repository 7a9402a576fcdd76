"""An erasure that is under way: what any process needs to finish it, in ``erasures/pending.json`` until it is done.

It says whom it is about by pseudonym, which records go (as keyed digests), and what is done. The names and addresses
that decisions, notes and histories are searched for are in it until these are cleared; it is for its owner alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import journal
from pipelines.erasure import traces
from pipelines.erasure.digests import Digester, Known
from pipelines.erasure.files import Changed
from pipelines.erasure.people import FileKey, Person
from pipelines.erasure.tokens import Tokens
from pipelines.errors import MusterError
from pipelines.settings import Home

BEGUN, RECEIVED, WRITTEN = "begun", "received", "written"
"""Nothing is certain to be erased; received files are without the records; so is what people wrote."""


def pending_path(home: Home) -> Path:
    """Where it is kept that an erasure is under way."""
    return home.erasures / "pending.json"


@dataclass
class Concerned:
    """One person of an erasure."""

    traveller_id: str
    records: dict[FileKey, int] = field(default_factory=dict)
    """How many records of each landed file go."""
    trips: frozenset[str] = frozenset()
    doubtful: int = 0
    answers_to: frozenset[str] = frozenset()
    """Keyed digests of what may be asked to forget this person again."""


@dataclass
class Work:
    """What one erasure is about and did so far."""

    people: list[Concerned] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Tokens)
    records: Known = field(default_factory=Known)
    step: str = BEGUN
    begun_at: str = ""
    erased_by: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    was_interrupted: bool = False
    """Whether it was stopped before all was cleared, so that not all of what was done is counted."""

    @classmethod
    def of(cls, home: Home, people: list[Person], asked: list[str]) -> Work:
        """An erasure that begins now."""
        digest = Digester(home)
        work = cls(begun_at=datetime.now(UTC).isoformat(timespec="seconds"), erased_by=journal.account())
        for person in people:
            texts = {*person.tokens.emails, *person.tokens.words, person.traveller_id}
            texts |= set(asked) if len(people) == 1 else set()
            work.tokens |= person.tokens
            work.people.append(
                Concerned(
                    person.traveller_id,
                    {key: len(numbers) for key, numbers in person.records.items()},
                    person.trips | traces.published_trips(home, person.traveller_id),
                    person.doubtful,
                    frozenset(digest("asked", text.strip().lower().encode()) for text in texts),
                )
            )
        return work

    @property
    def traveller_ids(self) -> set[str]:
        """The pseudonyms of all."""
        return {one.traveller_id for one in self.people}

    @property
    def trips(self) -> set[str]:
        """The trips of all."""
        return {trip for one in self.people for trip in one.trips}

    def add_files(self, changes: list[Changed]) -> None:
        """Note which landed files another took the place of."""
        self.files += [
            {
                "feed": change.before.feed,
                "before": change.before.sha256,
                "after": change.after.sha256 if change.after else None,
                "mentions": change.mentions,
            }
            for change in changes
        ]

    def of_text(self, home: Home, text: str) -> Concerned | None:
        """The person whom an id, e-mail address or traveller_id named."""
        asked = Digester(home)("asked", text.strip().lower().encode())
        return next((one for one in self.people if asked in one.answers_to), None)

    def save(self, home: Home) -> None:
        """Keep it on disk; once all is cleared that people wrote, names and addresses are not kept any longer."""
        tokens = Tokens() if self.step == WRITTEN else self.tokens
        document = {
            "traveller_ids": sorted(self.traveller_ids),
            "step": self.step,
            "was_interrupted": self.was_interrupted,
            "begun_at": self.begun_at,
            "erased_by": self.erased_by,
            "people": [
                {
                    "traveller_id": one.traveller_id,
                    "records": [[feed, sha256, count] for (feed, sha256), count in sorted(one.records.items())],
                    "trips": sorted(one.trips),
                    "doubtful": one.doubtful,
                    "answers_to": sorted(one.answers_to),
                }
                for one in self.people
            ],
            "texts": [sorted(texts) for texts in (tokens.emails, tokens.words, tokens.digits, tokens.others)],
            "files": self.files,
            "counts": self.counts,
            "records": self.records.lines(),
        }
        journal.replace(pending_path(home), journal.line_of(document))

    @classmethod
    def read(cls, home: Home) -> Work | None:
        """What an erasure that has not ended left, None where there is none; of retention it names nobody.

        Raises MusterError where it cannot be read: what it is about would stay for good.
        """
        path = pending_path(home)
        if not path.exists():
            return None
        try:
            said = json.loads(path.read_bytes())
            work = cls(
                step=said.get("step", BEGUN),
                begun_at=said.get("begun_at", ""),
                erased_by=said.get("erased_by", ""),
                files=said.get("files", []),
                counts=said.get("counts", {}),
                tokens=Tokens(*map(frozenset, said.get("texts", ()))),
                was_interrupted=said.get("was_interrupted", False),
            )
            work.records.take(said.get("records", []))
            people = said.get("people") or [{"traveller_id": one} for one in said.get("traveller_ids", [])]
            work.people = [
                Concerned(
                    one["traveller_id"],
                    {(feed, sha256): count for feed, sha256, count in one.get("records", [])},
                    frozenset(one.get("trips", ())),
                    one.get("doubtful", 0),
                    frozenset(one.get("answers_to", ())),
                )
                for one in people
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise MusterError(
                f"{path}, which says what an interrupted erasure is about, cannot be read; restore it from a backup, "
                "or remove it and ask for the erasure again."
            ) from error
        return work
