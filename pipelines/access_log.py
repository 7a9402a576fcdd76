"""The access log: who looked at which names, when and why, kept so that a change to it shows.

``logs/access.log`` of a home holds one JSON object a line. Each line carries the SHA-256 of the line before it,
so a line that was changed, removed, moved or inserted breaks the chain at that place. ``logs/access.head`` says how
many lines there are and which is the last, sealed with the home's secret, so that lines missing at the end show as
well. Lines name travellers by their pseudonym only. A look is written, and on disk, before anything is shown.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines import journal
from pipelines.errors import MusterError
from pipelines.privacy import secret_key
from pipelines.settings import Home

_FIRST = "0" * 64
_TAIL_BYTES = 65_536


@dataclass(frozen=True)
class Head:
    """What is known of the log beside it."""

    lines: int
    """Lines that the log has."""
    last_sha256: str
    """Digest of the last of them."""
    before_sha256: str = _FIRST
    """Digest of the line before the first, where retention removed lines at the beginning."""
    removed_lines: int = 0
    """How many retention removed."""


@dataclass(frozen=True)
class Verdict:
    """What became of checking the log."""

    lines: int
    problem: str | None = None
    """One sentence that names the line, None where the log is whole."""
    note: str | None = None
    """What could not be checked, in words."""


def log_path(home: Home) -> Path:
    """Where the access log of a home is."""
    return home.logs / "access.log"


def record_look(
    home: Home,
    action: str,
    role: str,
    generation: str,
    parameters: Mapping[str, Any],
    traveller_ids: Iterable[str] = (),
    user: str | None = None,
    *,
    purpose: str | None = None,
    rows: int | None = None,
) -> None:
    """Append one look at names and make sure it is on disk.

    ``action`` is the command or page, ``parameters`` what was asked (no personal values), ``traveller_ids`` the
    pseudonyms whose names will be shown, ``user`` the signed-in person (default: the account of this process),
    ``purpose`` what the person says it is for, ``rows`` how many rows will be shown or taken.
    Raises MusterError where the line cannot be written; the caller then shows nothing.
    """
    ids = sorted(set(traveller_ids))
    entry = {
        "looked_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "user": user or journal.account(),
        "role": role,
        "action": action,
        "generation": generation,
        "purpose": purpose,
        "rows": rows,
        "parameters": {key: value for key, value in parameters.items() if value is not None},
        "travellers": len(ids),
        "traveller_ids": ids,
    }
    try:
        _append(home, entry)
    except OSError as error:
        raise MusterError(
            f"The access log {log_path(home)} cannot be written ({error.strerror}), so no names are shown; mend it and "
            "ask again."
        ) from error


def _append(home: Home, entry: dict[str, Any]) -> None:
    with journal.locked(log_path(home)) as descriptor:
        last = _last_line(descriptor)
        # A line cut off by a crash is closed first; it stays in the chain as it is.
        opening = b"" if not last or last.endswith(b"\n") else b"\n"
        head = _head(home) or _counted(log_path(home))
        if head.lines and head.last_sha256 != _digest(last):
            # A crash came between a line and the head, which catches up. Or somebody changed the end of the log: then
            # the new line follows the one that was there, and the chain breaks before it.
            head = _caught_up(log_path(home), head) or head
        line = journal.line_of({"previous_sha256": head.last_sha256 if head.lines else head.before_sha256, **entry})
        journal.write_all(descriptor, opening + line)
        _write_head(home, Head(head.lines + 1, _digest(line), head.before_sha256, head.removed_lines))


def _digest(line: bytes) -> str:
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest() if line else _FIRST


def head_path(home: Home) -> Path:
    """Where it is kept how long the log is."""
    return home.logs / "access.head"


def _next_path(home: Home) -> Path:
    """Where the head of a log that is about to lose its oldest lines waits until the log has lost them."""
    return home.logs / "access.head.next"


def _seal(home: Home, head: Head) -> str:
    text = json.dumps(asdict(head), sort_keys=True)
    return hmac.new(secret_key(home), b"access log\0" + text.encode(), hashlib.sha256).hexdigest()


def _write_head(home: Home, head: Head, path: Path | None = None) -> None:
    journal.replace(path or head_path(home), journal.line_of({**asdict(head), "seal": _seal(home, head)}))


def _head(home: Home) -> Head | None:
    """The head, None where there is none; raises MusterError where it is not the one that was written.

    Where a crash came after the oldest lines were removed and before the head said so, it is the head that waited.
    """
    head, after = _read_head(home, head_path(home)), _read_head(home, _next_path(home))
    if after is not None and (head is None or head.before_sha256 != after.before_sha256):
        first = next(_lines(log_path(home)), b"")
        link = (_entry(first) or {}).get("previous_sha256") if first else after.before_sha256
        if link == after.before_sha256 and bool(first) == bool(after.lines):
            return after
    return head


def _read_head(home: Home, path: Path) -> Head | None:
    try:
        document = json.loads(path.read_bytes())
        seal = document.pop("seal")
        head = Head(**document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise MusterError(f"{path} cannot be read, so nobody can tell whether lines are missing; restore it.") from None
    if not hmac.compare_digest(str(seal), _seal(home, head)):
        raise MusterError(f"{path} was not written by this home: it was changed, or secret.key was.")
    return head


def _lines(path: Path) -> Iterator[bytes]:
    """The lines without their ends, one after the other: the log grows for years and is never held as a whole."""
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")


def _counted(path: Path) -> Head:
    number, last = 0, b""
    for line in _lines(path):
        number, last = number + 1, line
    return Head(number, _digest(last))


def _caught_up(path: Path, head: Head) -> Head | None:
    """The head of a log that is longer than it says; None where the log does not begin as the head knows it."""
    number, last = 0, b""
    for number, last in enumerate(_lines(path), start=1):
        if number == head.lines and _digest(last) != head.last_sha256:
            return None
    return Head(number, _digest(last), head.before_sha256, head.removed_lines) if number > head.lines else None


def _last_line(descriptor: int) -> bytes:
    """The last line with its line end, if any; lines may be long, so the tail read grows until it holds one."""
    size = os.fstat(descriptor).st_size
    want = _TAIL_BYTES
    while True:
        start = max(0, size - want)
        tail = os.pread(descriptor, size - start, start)
        cut = tail.rstrip(b"\n").rfind(b"\n")
        if cut >= 0 or start == 0:
            return tail[cut + 1 :]
        want *= 4


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def verify(home: Home) -> Verdict:
    """Check every link of the log, and its end against the head; the first problem is told."""
    path = log_path(home)
    try:
        head = _head(home)
        return _verdict(path, head)
    except OSError as error:
        return Verdict(0, f"{path} cannot be read: {error.strerror}.")
    except MusterError as error:
        return Verdict(_counted(path).lines, str(error))


def _verdict(path: Path, head: Head | None) -> Verdict:
    number, problem, sealed = 0, None, None
    previous = head.before_sha256 if head else _FIRST
    for number, line in enumerate(_lines(path), start=1):
        problem = problem or _broken_link(path, number, line, previous)
        previous = _digest(line)
        if head and number == head.lines:
            sealed = previous
    if problem or head is None:
        note = None if problem or not number else "there is no access.head, so lines missing at the end would not show"
        return Verdict(number, problem, note)
    if number < head.lines:
        gone = head.lines - number
        what = "1 line was" if gone == 1 else f"{gone:,} lines were"
        return Verdict(number, f"{path} ends before line {number + 1}: {what} removed from its end.")
    if head.lines and sealed != head.last_sha256:
        return Verdict(number, f"{path} was changed: line {head.lines} is not the one that was written.")
    late = number - head.lines
    return Verdict(number, note=f"a crash left the last {late} unsealed" if late else None)


def _broken_link(path: Path, number: int, line: bytes, previous: str) -> str | None:
    entry = _entry(line)
    if entry is None:
        return f"{path} was changed or cut off: line {number} is no entry."
    if entry.get("previous_sha256") == previous:
        return None
    if number == 1:
        return f"{path} was changed: line 1 is not its first line, so lines before it were removed or moved."
    return (
        f"{path} was changed: line {number} does not follow line {number - 1}, so one of the two was changed, "
        "removed, added or moved."
    )


def entries(home: Home, traveller_id: str) -> list[dict[str, Any]]:
    """Every entry that names a traveller, the oldest first."""
    found = (_entry(line) for line in _lines(log_path(home)))
    return [entry for entry in found if entry is not None and traveller_id in entry.get("traveller_ids", ())]


def forget_before(home: Home, moment: datetime.datetime) -> int:
    """Remove the lines written before an instant (naive UTC) from the beginning of the log; returns how many.

    The chain then begins at the first line that is kept. A log that is not whole is left alone, and a MusterError says
    what is wrong with it.
    """

    path = log_path(home)
    if not path.exists() or _is_kept(next(_lines(path), b""), moment):
        return 0  # on most days; whether the log is whole is then for `verify` to say, which reads all of it
    with journal.locked(path):
        verdict = verify(home)
        if verdict.problem:
            raise MusterError(f"Nothing was removed from the access log, because it is not whole. {verdict.problem}")
        gone, last_gone = 0, b""
        for line in _lines(path):
            if _is_kept(line, moment):
                break
            gone, last_gone = gone + 1, line
        if not gone:
            return 0
        old = _head(home) or _counted(path)
        before, lines = old.removed_lines + gone, verdict.lines - gone
        after = Head(lines, _counted(path).last_sha256, _digest(last_gone), before)
        # The new head is on disk before the log changes: a crash leaves the old log with the old head, or the new log
        # with the head that waits for it.
        _write_head(home, after, _next_path(home))
        journal.replace(path, (line + b"\n" for line in itertools.islice(_lines(path), gone, None)))
        _write_head(home, after)
        _next_path(home).unlink(missing_ok=True)
    return gone


def _is_kept(line: bytes, moment: datetime.datetime) -> bool:
    """Whether a line was written at an instant (naive UTC) or later; False for what is no entry."""
    try:
        looked_at = datetime.datetime.fromisoformat((_entry(line) or {})["looked_at"])
    except (KeyError, TypeError, ValueError):
        return False
    return looked_at.astimezone(datetime.UTC).replace(tzinfo=None) >= moment
