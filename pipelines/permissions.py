"""Who may read a home: its folders are for the owner alone, and what starts refuses a home where that is not so.

A group may deliver into the inbox, so that folder alone may be open to one; that others may read there, and get as far,
is told by ``muster check-config``, that they may write there stops the start. Files inside a private folder are made
with mode 0600 but are not looked through at every start: nobody gets to them past the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home

SECRETS = ("secret.key", "auth.toml", "smtp.password")
_SHOWN = 3


def private_folders(home: Home) -> list[Path]:
    """The folders of a home that are for its owner alone, those that exist."""
    names = (home.landing, home.warehouse, home.published, home.reports, home.decisions, home.logs, home.erasures)
    return [path for path in (*names, home.root / "dagster") if path.exists()]


def require_outside(home: Home, path: Path, option: str, *allowed: Path) -> None:
    """Refuse to write an answer into the home, where it would take the place of a file or outlive its people's erasure.

    Raises UsageError.
    """
    target = path.resolve()
    if any(target.is_relative_to(folder.resolve()) for folder in allowed):
        return
    if target.is_relative_to(home.root.resolve()):
        raise UsageError(f"{option} {path} is inside the home, whose files are Muster's own; name a place outside it.")


def require_private(home: Home) -> None:
    """Refuse to start where others may read personal data or a secret, or where a folder is somebody else's.

    From then on this process makes files for its owner alone. Raises MusterError that says how to mend it.
    """
    os.umask(0o077)
    folders = private_folders(home)
    paths = [*folders, *(home.root / name for name in SECRETS if (home.root / name).is_file())]
    _refuse_open(home, [path for path in paths if mode(path) & 0o077])
    if home.inbox.exists() and mode(home.inbox) & 0o002:
        raise MusterError(f"Anybody may put files into {home.inbox}; run: chmod -R o= '{home.inbox}'")
    strange = [path for path in paths if path.lstat().st_uid != os.geteuid()]
    if strange and os.geteuid() != 0:
        raise MusterError(
            f"{strange[0]} belongs to another account, which could read what this one writes; run Muster as that "
            f"account, or: sudo chown -R \"$(id -un)\" '{home.root}'"
        )


def check_every_file(home: Home) -> None:
    """Raise MusterError where any file or folder, at any depth, is open to others; says how to mend it.

    What is delivered has the mode that its sender is used to: it is open only where a way leads others to it.
    """
    secrets = [home.root / name for name in SECRETS if (home.root / name).is_file()]
    found = [path for path in (*_below(private_folders(home)), *secrets) if mode(path) & 0o077]
    delivered = _below([home.inbox]) if _others_get_to(home.inbox) else ()
    _refuse_open(home, found + [path for path in delivered if mode(path) & 0o007])


def _others_get_to(folder: Path) -> bool:
    """Whether every folder above lets everybody through."""
    return all(mode(parent) & 0o001 for parent in folder.resolve().parents)


def _refuse_open(home: Home, open_paths: list[Path]) -> None:
    if not open_paths:
        return
    # Two steps deep at most: the name of a file below may be somebody's.
    places = sorted({"/".join(path.relative_to(home.root).parts[:2]) for path in open_paths})
    shown = ", ".join(places[:_SHOWN])
    more = f" and {len(places) - _SHOWN} more places" if len(places) > _SHOWN else ""
    tops = sorted({home.root / path.relative_to(home.root).parts[0] for path in open_paths})
    how = "-R go=" if any(top.is_dir() for top in tops) else "600"
    named = " ".join(f"'{top}'" for top in tops)
    raise MusterError(f"Others may read {shown}{more}; run: chmod {how} {named}")


def _below(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for parent, _, names in os.walk(folder):
            yield Path(parent)
            yield from (Path(parent, name) for name in names)


def mode(path: Path) -> int:
    """The permission bits of a file; a link has none of its own."""
    state = path.lstat()
    return 0 if stat.S_ISLNK(state.st_mode) else stat.S_IMODE(state.st_mode)
