"""``muster forget``, ``muster privacy receipt`` and ``muster log verify``: words on the screen, work elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home
from pipelines.tables import print_rows, require_format

if TYPE_CHECKING:
    from pipelines.erasure.people import Person


def forget(home: Home, asked: list[str], yes: bool, output_format: str) -> None:
    """Ask, erase, and print the certificate of each person. Raises MusterError, UsageError."""
    from pipelines.erasure.forget import forget as erase

    require_format(output_format)
    if not yes and not sys.stdin.isatty():
        raise UsageError("Nobody is there to confirm; give --yes to erase without being asked.")

    def confirm(people: list[Person]) -> bool:
        for person in people:
            records = sum(len(numbers) for numbers in person.records.values())
            doubt = f"; {person.doubtful:,} more may be a namesake's and stay" if person.doubtful else ""
            print(
                f"{person.traveller_id}: {records:,} records in {len(person.records):,} files{doubt}.", file=sys.stderr
            )
        if yes:
            return True
        print(
            "They are erased for good, and every report and generation is made anew. Erase? [y/N] ", end="", flush=True
        )
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    done = erase(home, asked, confirm, lambda message: print(message, file=sys.stderr))
    if not done:
        print("Nothing was erased.")
        return
    rows = [(one.traveller_id, one.records, one.files, one.doubtful, str(one.certificate)) for one in done]
    notes = ["Backups, copies that were given away and the systems that deliver the feeds still hold what they held."]
    print_rows(("traveller_id", "records", "files", "left_in_doubt", "certificate"), rows, output_format, notes=notes)


def receipt(home: Home, asked: str, output_format: str) -> None:
    """Print what is held about a person. Raises MusterError, UsageError."""
    from pipelines.receipt import receipt as make

    require_format(output_format)
    made = make(home, asked)
    rows = [(line.kind, line.where, line.since, line.number, line.until, line.what) for line in made.lines]
    notes = ["Every look that is listed was written before anything was shown; this question is the last of them."]
    if made.doubtful:
        notes.append(f"{made.doubtful:,} records may be this person's or a namesake's, and are counted as nobody's.")
    title = f"What is held about {made.traveller_id}"
    print_rows(
        ("kind", "where", "since", "number", "kept_until", "what"), rows, output_format, title=title, notes=notes
    )


def verify_log(home: Home) -> None:
    """Print that the access log is whole; raises MusterError in the sentence that names the line where it is not."""
    from pipelines.access_log import log_path, verify

    verdict = verify(home.require())
    if verdict.problem:
        raise MusterError(verdict.problem)
    lines = "1 line" if verdict.lines == 1 else f"{verdict.lines:,} lines"
    note = f"; {verdict.note}" if verdict.note else ""
    print(f"{log_path(home)} is whole: {lines}, each following the one before it{note}.")
