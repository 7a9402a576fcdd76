"""``muster forget``: a person is erased everywhere in a home, and a certificate says what, where and when.

The order is such that a stop at any point is mended by the next run or by asking again: first it is remembered what
must not come back, then received files are changed, then everything that was made from them is made anew, and only
then are the old generations removed. ``erasures/pending.json`` says that an erasure is under way, and of which records.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import access_log, journal
from pipelines.contracts import Contract, load_contracts
from pipelines.erasure import digests, traces
from pipelines.erasure.files import Changed, Eraser, Wanted, again, change_inbox
from pipelines.erasure.people import Everything, FileKey, Person
from pipelines.erasure.tokens import Tokens
from pipelines.errors import MusterError
from pipelines.kept import drop_kept
from pipelines.landing.store import LandedFile, land_inbox, ledger
from pipelines.settings import Home, load_settings

Progress = Callable[[str], None]
_MOST_SEARCHED = 256 * 1024 * 1024


@dataclass(frozen=True)
class Forgotten:
    """What became of one person: the pseudonym, the certificate and what it says in figures."""

    traveller_id: str
    certificate: Path
    files: int
    records: int
    doubtful: int


@dataclass
class _Work:
    """What one erasure did so far."""

    people: list[Person]
    changes: list[Changed] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> Tokens:
        found = Tokens()
        for person in self.people:
            found |= person.tokens
        return found

    @property
    def traveller_ids(self) -> set[str]:
        return {person.traveller_id for person in self.people}

    @property
    def trips(self) -> set[str]:
        return {trip for person in self.people for trip in person.trips}


def pending_path(home: Home) -> Path:
    """Where it is kept that an erasure is under way."""
    return home.erasures / "pending.json"


def forget(
    home: Home,
    asked: list[str],
    confirm: Callable[[list[Person]], bool] = lambda people: True,
    progress: Progress | None = None,
) -> list[Forgotten]:
    """Erase the people whom ids, e-mail addresses or traveller_ids name; returns what became of each.

    ``confirm`` is shown whom it concerns before anything is changed; where it says no, nothing is done and the list is
    empty. Raises MusterError for a text that names nobody or several, before anything is changed.
    """
    from pipelines.landing.stage import stage_files
    from pipelines.locking import run_lock
    from pipelines.permissions import require_private

    require_private(home.require().prepare())
    tell = progress or (lambda message: None)
    settings = load_settings(home)
    contracts = dict(load_contracts(home, settings))
    with run_lock(home, on_wait=tell):
        tell("Reading everything that was received …")
        land_inbox(home, contracts)
        refuse_returning(home, contracts)
        stage_files(home, contracts)
        with Everything(home, settings, contracts) as everything:
            people = {person.traveller_id: person for person in map(everything.find, asked)}
        work = _Work(list(people.values()))
        if not confirm(work.people):
            return []
        tell("Erasing records from received files …")
        _erase_received(home, contracts, work)
        tell("Erasing decisions and answers …")
        _erase_written(home, work)
    tell("Building and publishing anew …")
    _make_anew(home, work, progress)
    return [_certify(home, work, person) for person in work.people]


def _erase_received(home: Home, contracts: dict[str, Contract], work: _Work) -> None:
    files = {(landed.feed, landed.sha256): landed for landed in ledger(home)}
    wanted = _wanted(home, contracts, files, work)
    eraser = Eraser(home, contracts)
    for key, what in wanted.items():
        eraser.look(files[key], what)
    # One file, there or not, from which the next run can do all of it: no stop can lose what was asked.
    begun = {"traveller_ids": sorted(work.traveller_ids), "records": eraser.found.lines()}
    journal.replace(pending_path(home), journal.line_of(begun))
    digests.remember(home, eraser.found)
    for key, what in wanted.items():
        changed = eraser.erase(files[key], what)
        if changed is not None:
            work.changes.append(changed)
    work.counts["inbox_files"] = change_inbox(home, work.changes)


def _wanted(
    home: Home, contracts: dict[str, Contract], files: dict[FileKey, LandedFile], work: _Work
) -> dict[FileKey, Wanted]:
    """What to erase of every file: the people's records, addresses elsewhere, and files that cannot be read."""
    from pipelines.landing.staged import Staged

    tokens = work.tokens
    found = {}
    for key, landed in files.items():
        wanted = Wanted(tokens=tokens)
        for person in work.people:
            wanted.records |= person.records.get(key, set())
        contract = contracts.get(landed.feed)
        account = Staged(home, landed, contract).account() if contract else None
        is_readable = account is not None and account.records > 0
        if not is_readable and landed.byte_count <= _MOST_SEARCHED:
            wanted.is_whole = tokens.are_in(_content(landed.path(home)))
        if wanted.is_whole or is_readable:
            found[key] = wanted
    return found


def _content(path: Path) -> bytes:
    """The bytes of a file that no contract could read, unpacked where it is packed."""
    import gzip
    import zlib

    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.open(path) as packed:
            return packed.read(_MOST_SEARCHED)
    except (OSError, EOFError, zlib.error):
        return data


def _erase_written(home: Home, work: _Work) -> None:
    ids, tokens = work.traveller_ids, work.tokens
    work.counts["decisions"] = traces.clear_decisions(home, ids, tokens)
    work.counts["roll_call_answers"] = traces.clear_roll_calls(home, ids, tokens)
    work.counts["lines_of_sql_history"] = traces.clear_history(home, ids, tokens)
    work.counts["first_issues_of_reports"] = traces.clear_first_issues(home, work.trips)
    work.counts["records_of_dagster"] = traces.clear_dagster(home, ids, tokens)


def _make_anew(home: Home, work: _Work, progress: Progress | None) -> None:
    """The generation in force once more, of the same instants, and all that came before it removed."""
    from pipelines.published import open_role, publication_row
    from pipelines.run import run_plain

    work.counts["generations_removed"] = []
    drop_earlier_builds(home)
    if (home.published / "current").exists():
        con = open_role(home, "analyst")
        try:
            row = publication_row(con)
        finally:
            con.close()
        as_of, known_at = (moment.replace(tzinfo=UTC) for moment in (row.as_of, row.known_at))
        old = {path.name for path in home.published.iterdir() if path.is_dir() and not path.is_symlink()}
        made = run_plain(home, as_of, known_at, progress)  # which removes the old ones, as an erasure is under way
        work.counts["generation"] = made.publication.path.name
        work.counts["generations_removed"] = sorted(old)
        work.counts["reports"] = traces.reissue_reports(home, {*work.traveller_ids, *work.trips})
    pending_path(home).unlink(missing_ok=True)


def drop_earlier_builds(home: Home) -> None:
    """Remove what runs go on from: the last one's tables, and what was known before earlier weeks."""
    shutil.rmtree(home.warehouse / "weeks", ignore_errors=True)
    drop_kept(home)


def remove_old_generations(home: Home) -> None:
    """Remove every generation but the one in force.

    The caller holds the run lock, and what is in force was built after the erasure.
    """
    in_force = (home.published / "current").resolve()
    for folder in home.published.iterdir():
        if folder.is_dir() and folder.resolve() != in_force:
            shutil.rmtree(folder)


def refuse_returning(home: Home, contracts: dict[str, Contract], landed: list[LandedFile] | None = None) -> int:
    """Take out of newly landed files what was erased before, in the inbox as well; returns how many files changed.

    Looks at files that are not read yet, and at all where an erasure was interrupted. Does nothing where nobody was
    ever forgotten. The caller holds the run lock.
    """
    from pipelines.landing.staged import Staged

    is_pending = pending_path(home).exists()
    if is_pending:
        _remember_begun(home)
        drop_earlier_builds(home)
    known = digests.read(home)
    if not known:
        return 0
    eraser = Eraser(home, contracts)
    changes = []
    for entry in landed or ledger(home):
        contract = contracts.get(entry.feed)
        if not is_pending and contract is not None and Staged(home, entry, contract).account() is not None:
            continue
        wanted = again(eraser, entry, known)
        changed = eraser.erase(entry, wanted) if wanted else None
        if changed is not None:
            changes.append(changed)
    if changes:
        change_inbox(home, changes)
    return len(changes)


def _remember_begun(home: Home) -> None:
    """Remember what an interrupted erasure meant to erase, which it may not have come to remember itself."""
    path = pending_path(home)
    found = digests.Known()
    try:
        found.take(json.loads(path.read_bytes()).get("records", []))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise MusterError(
            f"{path}, which says what an interrupted erasure is about, cannot be read; restore it from a backup, or "
            "remove it and ask for the erasure again."
        ) from error
    digests.remember(home, found)


def finish_interrupted(home: Home) -> None:
    """After a publication: remove what an interrupted erasure left. The caller holds the run lock."""
    if pending_path(home).exists():
        remove_old_generations(home)
        pending_path(home).unlink()


def _certify(home: Home, work: _Work, person: Person) -> Forgotten:
    """Write the certificate of one person, without a name, and log that it was written."""
    completed_at = datetime.now(UTC).replace(microsecond=0)
    mine = [change for change in work.changes if _key(change) in person.records or change.mentions]
    listed = [
        {
            "feed": change.before.feed,
            "sha256_before": change.before.sha256,
            "sha256_after": change.after.sha256 if change.after else None,
            "records": len(person.records.get(_key(change), ())),
        }
        for change in mine
    ]
    document = {
        "certificate": f"{completed_at:%Y%m%dT%H%M%SZ}-{person.traveller_id}",
        "traveller_id": person.traveller_id,
        "completed_at": completed_at.isoformat(),
        "erased_by": journal.account(),
        "together_with": len(work.people) - 1,
        "files": listed,
        "records": sum(len(numbers) for numbers in person.records.values()),
        "documents_whole": sum(change.before.feed == "itineraries" for change in mine),
        "everything_made_anew": work.counts,
        "kept": {
            "access_log_lines": len(access_log.entries(home, person.traveller_id)),
            "records_of_a_namesake_or_this_person": person.doubtful,
            "digests_of_erased_records": str(digests.path_of(home).relative_to(home.root)),
        },
        "not_reached": "backups, copies given away, reports sent by e-mail, and the systems that deliver the feeds",
    }
    path = home.erasures / f"{document['certificate']}.json"
    data = json.dumps(document, indent=2).encode() + b"\n"
    try:
        journal.replace(path, data)
    except OSError as error:
        raise MusterError(f"The person is erased, but {path} cannot be written: {error.strerror}.") from error
    about = {"certificate": path.name, "sha256": hashlib.sha256(data).hexdigest()}
    generation = str(work.counts.get("generation", "none"))
    access_log.record_look(home, "forget", "steward", generation, about, [person.traveller_id])
    return Forgotten(person.traveller_id, path, len(mine), document["records"], person.doubtful)  # type: ignore[arg-type]


def _key(change: Changed) -> FileKey:
    return change.before.feed, change.before.sha256
