"""The one error that a user sees: a clear sentence of what, where and what to do."""

from __future__ import annotations

from pathlib import Path


class MusterError(Exception):
    """A failure explained in one sentence; the command line prints it and exits 1.

    The message never holds a personal value (a name, an address, a raw record).
    """


class UsageError(MusterError):
    """Wrong use of a command or function; the command line exits 2."""


DAMAGED = "A published file is damaged (a checksum does not match); run 'muster run' to publish again."
"""What to say where DuckDB finds the damage only as it reads."""
CHECKSUM = "Corrupt database file"
"""What DuckDB says then."""


def unopened(path: Path, error: Exception) -> str:
    """What to say of a published file that DuckDB refuses to open, in one place for all that read one."""
    lines = str(error).splitlines()
    return (
        f"{path} cannot be opened ({lines[0] if lines else type(error).__name__}); close other programs that write to "
        "it, or publish again."
    )
