"""``muster forget``: a person is erased everywhere in a home, and a certificate says what, where and when.

The order is such that a stop at any point is mended by the next run or by asking again: first it is remembered what
must not come back, then received files are changed, then what people wrote, then everything that was made from them is
made anew, and only then are the old generations removed. ``erasures/pending.json`` says that an erasure is under way
and how far it is, so that whichever process comes next does the rest, the certificate included.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import access_log, journal
from pipelines.contracts import Contract, load_contracts
from pipelines.erasure import digests, traces
from pipelines.erasure.files import Eraser, Wanted, again, change_inbox
from pipelines.erasure.pending import BEGUN, RECEIVED, WRITTEN, Concerned, Work, pending_path
from pipelines.erasure.people import Everything, FileKey, Person
from pipelines.erasure.tokens import Tokens
from pipelines.errors import MusterError
from pipelines.kept import drop_kept
from pipelines.landing.store import LandedFile, land_inbox, ledger
from pipelines.settings import Home, load_settings

__all__ = ["Forgotten", "forget", "pending_path"]

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


def forget(
    home: Home,
    asked: list[str],
    confirm: Callable[[list[Person]], bool] = lambda people: True,
    progress: Progress | None = None,
) -> list[Forgotten]:
    """Erase the people whom ids, e-mail addresses or traveller_ids name; returns what became of each.

    ``confirm`` is shown whom it concerns before anything is changed; where it says no, nothing is done and the list is
    empty. An erasure that was interrupted is finished first; whom that was about need not be found again. Raises
    MusterError for a text that names nobody or several, before anything is changed.
    """
    from pipelines.landing.stage import stage_files
    from pipelines.locking import run_lock
    from pipelines.permissions import require_private

    require_private(home.require().prepare())
    tell = progress or (lambda message: None)
    settings = load_settings(home)
    contracts = dict(load_contracts(home, settings))
    finished, asked = _finish_first(home, contracts, asked, tell, progress)
    if not asked:
        return finished
    with run_lock(home, on_wait=tell):
        tell("Reading everything that was received …")
        land_inbox(home, contracts)
        refuse_returning(home, contracts)
        stage_files(home, contracts)
        with Everything(home, settings, contracts) as everything:
            people = {person.traveller_id: person for person in map(everything.find, asked)}
        if not confirm(list(people.values())):
            return finished
        work = Work.of(home, list(people.values()), asked)
        tell("Erasing records from received files …")
        _erase_received(home, contracts, work, list(people.values()))
        tell("Erasing decisions and answers …")
        _erase_written(home, work)
    tell("Building and publishing anew …")
    _make_anew(home, contracts, progress)
    return finished + [_forgotten(home, work, one) for one in work.people]


def _finish_first(
    home: Home, contracts: dict[str, Contract], asked: list[str], tell: Progress, progress: Progress | None
) -> tuple[list[Forgotten], list[str]]:
    """Finish an erasure that was interrupted; returns what became of whom it was about, and what is still asked."""
    work = Work.read(home)
    if work is None or not work.people:
        return [], asked
    tell("Finishing an erasure that was interrupted …")
    _make_anew(home, contracts, progress)
    named = {text: work.of_text(home, text) for text in asked}
    found = {one.traveller_id: one for one in named.values() if one}
    return [_forgotten(home, work, one) for one in found.values()], [text for text in asked if not named[text]]


def _erase_received(home: Home, contracts: dict[str, Contract], work: Work, people: list[Person]) -> None:
    files = {(landed.feed, landed.sha256): landed for landed in ledger(home)}
    wanted = _wanted(home, contracts, files, people)
    eraser = Eraser(home, contracts)
    for key, what in wanted.items():
        eraser.look(files[key], what)
    # One file, there or not, from which the next run can do all of it: no stop can lose what was asked.
    work.records = eraser.found
    work.save(home)
    digests.remember(home, eraser.found)
    changes = []
    for key, what in wanted.items():
        changed = eraser.erase(files[key], what)
        if changed is not None:
            changes.append(changed)
    work.counts["inbox_files"] = change_inbox(home, changes)
    work.add_files(changes)
    work.step = RECEIVED
    work.save(home)


def _wanted(
    home: Home, contracts: dict[str, Contract], files: dict[FileKey, LandedFile], people: list[Person]
) -> dict[FileKey, Wanted]:
    """What to erase of every file: the people's records, addresses elsewhere, and files that cannot be read."""
    from pipelines.landing.staged import Staged

    tokens = Tokens()
    for person in people:
        tokens |= person.tokens
    found = {}
    for key, landed in files.items():
        wanted = Wanted(tokens=tokens)
        for person in people:
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


def _erase_written(home: Home, work: Work) -> None:
    ids, tokens = work.traveller_ids, work.tokens
    work.counts["decisions"] = traces.clear_decisions(home, ids, tokens)
    work.counts["roll_call_answers"] = traces.clear_roll_calls(home, ids, tokens)
    work.counts["lines_of_sql_history"] = traces.clear_history(home, ids, tokens)
    work.counts["first_issues_of_reports"] = traces.clear_first_issues(home, work.trips)
    work.counts["records_of_dagster"] = traces.clear_dagster(home, ids, tokens)
    work.step = WRITTEN
    work.save(home)


def _make_anew(home: Home, contracts: dict[str, Contract], progress: Progress | None) -> None:
    """The generation in force once more, of the same instants; a run ends what is under way."""
    from pipelines.locking import run_lock
    from pipelines.published import open_role, publication_row
    from pipelines.run import run_plain

    if (home.published / "current").exists():
        con = open_role(home, "analyst")
        try:
            row = publication_row(con)
        finally:
            con.close()
        as_of, known_at = (moment.replace(tzinfo=UTC) for moment in (row.as_of, row.known_at))
        run_plain(home, as_of, known_at, progress)
        return
    with run_lock(home, on_wait=progress):
        land_inbox(home, contracts)
        refuse_returning(home, contracts)
        finish_interrupted(home)
    complete(home)


def drop_earlier_builds(home: Home) -> None:
    """Remove what runs go on from: the last one's tables, and what was known before earlier weeks."""
    shutil.rmtree(home.warehouse / "weeks", ignore_errors=True)
    drop_kept(home)


def remove_old_generations(home: Home) -> list[str]:
    """Remove every generation but the one in force; returns the names of what went.

    The caller holds the run lock, and what is in force was built after the erasure.
    """
    in_force = (home.published / "current").resolve()
    folders = list(home.published.iterdir()) if home.published.is_dir() else []
    old = [folder for folder in folders if folder.is_dir() and folder.resolve() != in_force]
    for folder in old:
        shutil.rmtree(folder)
    return sorted(folder.name for folder in old)


def refuse_returning(home: Home, contracts: dict[str, Contract], landed: list[LandedFile] | None = None) -> int:
    """Take out of newly landed files what was erased before, in the inbox as well; returns how many files changed.

    Looks at files that are not read yet, and at all where an erasure was interrupted, of which it also clears what
    people wrote. Does nothing where nobody was ever forgotten. The caller holds the run lock.
    """
    from pipelines.landing.staged import Staged

    begun = Work.read(home)
    is_begun = begun is not None and begun.step == BEGUN
    if begun is not None:
        digests.remember(home, begun.records)
        drop_earlier_builds(home)
    known = digests.read(home)
    eraser = Eraser(home, contracts)
    changes = []
    for entry in (landed or ledger(home)) if known else ():
        contract = contracts.get(entry.feed)
        if not is_begun and contract is not None and Staged(home, entry, contract).account() is not None:
            continue
        wanted = again(eraser, entry, known)
        if wanted and begun is not None:
            wanted.tokens |= begun.tokens  # the names that the file's own name may say
        changed = eraser.erase(entry, wanted) if wanted else None
        if changed is not None:
            changes.append(changed)
    if changes:
        change_inbox(home, changes)
    if begun is not None and begun.people and begun.step != WRITTEN:
        begun.add_files(changes)
        begun.was_interrupted = True
        _erase_written(home, begun)
    return len(changes)


def finish_interrupted(home: Home) -> None:
    """After a publication: remove the generations before it, if an erasure is under way.

    The caller holds the run lock, and calls :func:`complete` when it has let go of it.
    """
    work = Work.read(home)
    if work is None:
        return
    gone = remove_old_generations(home)
    if not work.people:
        pending_path(home).unlink()
        return
    work.counts["generations_removed"] = sorted({*work.counts.get("generations_removed", ()), *gone})
    work.counts["generation"] = (
        (home.published / "current").resolve().name if work.counts["generations_removed"] else ""
    )
    work.save(home)


def complete(home: Home) -> None:
    """The last of an erasure that is under way: reports and certificates. The caller does not hold the run lock."""
    work = Work.read(home)
    if work is None or not work.people or "generations_removed" not in work.counts:
        return
    work.counts["reports"] = traces.reissue_reports(home, {*work.traveller_ids, *work.trips})
    for person in work.people:
        _certify(home, work, person)
    pending_path(home).unlink(missing_ok=True)


def _path_of(home: Home, work: Work, person: Concerned) -> Path:
    """Where the certificate lies; one that is written again, after a stop, takes the place of the first."""
    begun_at = datetime.fromisoformat(work.begun_at) if work.begun_at else datetime.now(UTC)
    return home.erasures / f"{begun_at:%Y%m%dT%H%M%SZ}-{person.traveller_id}.json"


def _listed(work: Work, person: Concerned) -> list[dict[str, Any]]:
    """The files of one person, and those in which an address was blanked."""
    changed = {(file["feed"], file["before"]): file for file in work.files}
    keys = [key for key, file in changed.items() if key in person.records or file["mentions"]]
    # What became of a file before a stop is not known any longer.
    keys += [key for key in sorted(person.records) if key not in changed]
    return [
        {
            "feed": key[0],
            "sha256_before": key[1],
            "sha256_after": changed[key]["after"] if key in changed else None,
            "records": person.records.get(key, 0),
        }
        for key in keys
    ]


def _certify(home: Home, work: Work, person: Concerned) -> None:
    """Write the certificate of one person, without a name, and log that it was written."""
    path, listed = _path_of(home, work, person), _listed(work, person)
    document: dict[str, Any] = {
        "certificate": path.stem,
        "traveller_id": person.traveller_id,
        "completed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "erased_by": work.erased_by or journal.account(),
        "together_with": len(work.people) - 1,
        "files": listed,
        "records": sum(person.records.values()),
        "documents_whole": sum(file["feed"] == "itineraries" for file in listed),
        "everything_made_anew": work.counts,
        "kept": {
            "access_log_lines": len(access_log.entries(home, person.traveller_id)),
            "records_of_a_namesake_or_this_person": person.doubtful,
            "digests_of_erased_records": str(digests.path_of(home).relative_to(home.root)),
        },
        "not_reached": "backups, copies given away, reports sent by e-mail, and the systems that deliver the feeds",
    }
    if work.was_interrupted:
        document["interrupted"] = (
            "The erasure was stopped and finished later: counts may leave out what was done before the stop, and a "
            "file may be listed without what took its place."
        )
    data = json.dumps(document, indent=2).encode() + b"\n"
    try:
        journal.replace(path, data)
    except OSError as error:
        raise MusterError(f"The person is erased, but {path} cannot be written: {error.strerror}.") from error
    about = {"certificate": path.name, "sha256": hashlib.sha256(data).hexdigest()}
    generation = str(work.counts.get("generation") or "none")
    access_log.record_look(home, "forget", "steward", generation, about, [person.traveller_id])


def _forgotten(home: Home, work: Work, person: Concerned) -> Forgotten:
    path = _path_of(home, work, person)
    if not path.exists():
        raise MusterError(f"The erasure is under way, but {path} is not written yet; the next run finishes it.")
    said = json.loads(path.read_bytes())
    return Forgotten(person.traveller_id, path, len(said["files"]), said["records"], person.doubtful)
