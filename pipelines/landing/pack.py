"""Packs: the staged rows of many small files of a feed once more, in one file, for a run reads all of them.

Opening a file costs more than a hundred rows of it, and a feed that comes every day has thousands of files. Beside the
landed files lies ``pack-<contract digest>-<digest>.parquet``, the staged rows of its members with each one's number in
the pack, and ``….account.json``, which is written last and names the members. A pack is a cache and holds nothing that
its members do not: it goes when one of them goes or is staged by another contract, and it is verified before it is
read, like staged files.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.landing.cast import quote
from pipelines.landing.staged import Account, Staged, sha256_of
from pipelines.landing.store import LandedFile, Look, look, write_atomically
from pipelines.settings import Home

PACKED_FILES = 250
"""Files of a pack: what waits to be packed is fewer, and so are the packs of sixty thousand files."""
SMALL_BYTES = 128 * 1024
"""Landed files of more bytes lie by themselves."""

_ACCOUNT = ".account.json"


@dataclass(frozen=True)
class Pack:
    """One pack: where it is, its digest, and the SHA-256 of each member and of its staged rows, in their order."""

    path: Path
    sha256: str
    members: tuple[tuple[str, str], ...]


_READ: dict[Path, tuple[Look, Pack]] = {}
_SOUND: dict[Path, Look] = {}
"""Packs that this process found to be what was written, as each then looked."""


def packs(home: Home, feed: str, digest: str) -> list[Pack]:
    """The packs of a feed's files as a contract stages them; what cannot be read as one is none."""
    found = (_read(path) for path in sorted((home.landing / feed).glob(f"pack-{digest}-*{_ACCOUNT}")))
    return [pack for pack in found if pack is not None]


def _account_of(path: Path) -> Path:
    return path.with_name(path.name.partition(".")[0] + _ACCOUNT)


def _rows_of(path: Path) -> Path:
    return path.with_name(path.name.partition(".")[0] + ".parquet")


def _read(path: Path) -> Pack | None:
    try:
        seen = look(path.lstat())
        known = _READ.get(path)
        if known is None or known[0] != seen:
            document = json.loads(path.read_bytes())
            members = tuple((str(sha256), str(rows)) for sha256, rows in document["members"])
            if not path.name.endswith(f"-{_digest_of(members)}{_ACCOUNT}"):
                return None
            known = seen, Pack(_rows_of(path), document["sha256"], members)
            _READ[path] = known
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return known[1]


def _digest_of(members: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:16]


def sound_packs(home: Home, feed: str, digest: str, tell: Callable[[str], None] | None = None) -> list[Pack]:
    """The packs whose bytes are what was written; one that a disk spoilt is named and removed, for it can be made."""
    found = []
    for pack in packs(home, feed, digest):
        try:
            seen = look(pack.path.lstat())
        except OSError:
            continue
        if _SOUND.get(pack.path) != seen:
            if sha256_of(pack.path) != pack.sha256:
                if tell is not None:
                    tell(f"{pack.path} is not what was written: its files are read one by one.")
                _remove(pack.path)
                continue
            _SOUND[pack.path] = seen
        found.append(pack)
    return found


def pack_small(con: duckdb.DuckDBPyConnection, home: Home, staged_files: Iterable[Staged]) -> int:
    """Pack what waits, where a feed has enough of it; remove packs of no use. Returns how many were made."""
    by_feed: dict[tuple[str, str], dict[str, tuple[Staged, Account]]] = {}
    for staged in staged_files:
        mine = by_feed.setdefault((staged.landed.feed, staged.digest), {})
        account = staged.known_account() if staged.landed.byte_count <= SMALL_BYTES else None
        if account is not None and account.rows:
            mine[staged.landed.sha256] = (staged, account)
    made = 0
    for (feed, digest), mine in by_feed.items():
        waiting = dict(mine)
        for pack in packs(home, feed, digest):
            if all(sha256 in waiting and waiting[sha256][1].staged_sha256 == rows for sha256, rows in pack.members):
                for sha256, _ in pack.members:
                    del waiting[sha256]
            else:
                _remove(pack.path)
        chosen = list(waiting.values())
        for first in range(0, len(chosen) - PACKED_FILES + 1, PACKED_FILES):
            made += _write(con, home.landing / feed, digest, chosen[first : first + PACKED_FILES])
    return made


def _write(
    con: duckdb.DuckDBPyConnection, folder: Path, digest: str, members: Sequence[tuple[Staged, Account]]
) -> bool:
    if any(sha256_of(staged.rows) != account.staged_sha256 for staged, account in members):
        return False  # who reads these rows finds out, names the file and makes it anew
    named = [(staged.landed.sha256, account.staged_sha256) for staged, account in members]
    target = folder / f"pack-{digest}-{_digest_of(named)}.parquet"
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    paths = ", ".join(quote(str(staged.rows)) for staged, _ in members)
    try:
        con.execute(
            f"copy (select *, file_index::integer as member from read_parquet([{paths}])) "
            f"to {quote(str(temporary))} (format parquet, compression snappy)"
        )
        found = sha256_of(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    write_atomically(_account_of(target), json.dumps({"sha256": found, "members": named}).encode())
    return True


def _remove(path: Path) -> None:
    _account_of(path).unlink(missing_ok=True)
    _rows_of(path).unlink(missing_ok=True)


def drop_packs(home: Home, landed: LandedFile) -> None:
    """Remove every pack that holds rows of a landed file, and what is no whole pack."""
    folder = home.landing / landed.feed
    for path in {_account_of(each) for each in folder.glob("pack-*")}:
        pack = _read(path)
        if pack is None or landed.sha256 in (sha256 for sha256, _ in pack.members):
            _remove(path)
