"""``muster forget``, ``muster privacy receipt`` and ``muster log verify``: words on the screen, work elsewhere."""

from __future__ import annotations

from pipelines.errors import MusterError
from pipelines.settings import Home


def verify_log(home: Home) -> None:
    """Print that the access log is whole; raises MusterError in the sentence that names the line where it is not."""
    from pipelines.access_log import log_path, verify

    verdict = verify(home.require())
    if verdict.problem:
        raise MusterError(verdict.problem)
    lines = "1 line" if verdict.lines == 1 else f"{verdict.lines:,} lines"
    note = f"; {verdict.note}" if verdict.note else ""
    print(f"{log_path(home)} is whole: {lines}, each following the one before it{note}.")
