"""What is remembered of erased records, so that the same records delivered again do not bring a person back.

``erasures/records`` of a home holds one line for each: a kind and a keyed digest, from which nobody can tell what the
record was. What is new about a person, be it one letter, is not the same record, and counts.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import journal
from pipelines.errors import MusterError
from pipelines.landing.marks import DIGEST_DIGITS
from pipelines.privacy import secret_key
from pipelines.settings import Home

RECORD, FILE, MENTION, ADDRESS = "record", "file", "mention", "address"
_KINDS = (RECORD, FILE, MENTION, ADDRESS)


def path_of(home: Home) -> Path:
    """Where a home keeps the digests of what was erased."""
    return home.erasures / "records"


class Digester:
    """Makes the keyed digests of one home."""

    def __init__(self, home: Home) -> None:
        self._key = secret_key(home)

    def __call__(self, kind: str, data: bytes) -> str:
        """The digest of a record without its line end, a whole file, or an address."""
        return hmac.digest(self._key, b"erased " + kind.encode() + b"\0" + data, "sha256").hex()[:DIGEST_DIGITS]


@dataclass
class Known:
    """The digests of what was erased, by kind."""

    of: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in _KINDS})

    def __bool__(self) -> bool:
        return any(self.of.values())

    def add(self, kind: str, digest: str) -> None:
        """Take one more."""
        self.of[kind].add(digest)

    def lines(self) -> list[str]:
        """A line for each, as they are kept, in order."""
        return [f"{kind} {digest}" for kind in _KINDS for digest in sorted(self.of[kind])]

    def take(self, lines: Iterable[str]) -> None:
        """Take what such lines say; raises ValueError or KeyError for anything else."""
        for line in lines:
            kind, digest = line.split(" ")
            self.add(kind, digest)


def read(home: Home) -> Known:
    """Everything that is remembered; raises MusterError where it cannot be read: erased people might return."""
    known = Known()
    path = path_of(home)
    try:
        lines = path.read_text(encoding="ascii").split("\n") if path.exists() else []
        known.take(filter(None, lines))
    except (OSError, ValueError, KeyError) as error:
        raise MusterError(
            f"{path}, which keeps erased people from coming back, cannot be read; restore it from a backup."
        ) from error
    return known


def remember(home: Home, found: Known) -> None:
    """Keep these as well, on disk; the file is replaced as a whole, so that no stop leaves half a line.

    The caller holds the run lock.
    """
    known = read(home)
    before = known.lines()
    known.take(found.lines())
    if (lines := known.lines()) != before:
        journal.replace(path_of(home), "".join(f"{line}\n" for line in lines).encode())
