"""The landing store: every received file once, byte for byte, named by its SHA-256 (F2).

``landing/<feed>/<sha256>`` holds the bytes and ``<sha256>.json`` beside it is the commit point and the ledger entry.
Both are made by an exclusive hard link, so that two runs that race land a file once and the first wins.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.contracts import Contract, received_pattern
from pipelines.errors import MusterError
from pipelines.settings import Home

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many are done and how many there are."""

INBOX_CACHE = ".inbox.json"
LOOSE_FEED = "inbox"
"""Stands for the feed of a file that lies in the inbox itself, in no feed's folder."""

_BLOCK = 4 * 1024 * 1024
_SHA = re.compile(r"^[0-9a-f]{64}$")
_TEMPORARY = re.compile(r"(^[.~#])|(~$)|\.(tmp|temp|part|partial|crdownload|filepart|swp|lock)$", re.IGNORECASE)
_SETTLED_NS = 2_000_000_000
_HARMLESS = "\u200c\u200d\u00a0\u3000"
"""Joiners and spaces that names of some scripts need."""


@dataclass(frozen=True)
class LandedFile:
    """One entry of the ledger: a file as it was received."""

    feed: str
    sha256: str
    byte_count: int
    file_name: str
    landed_at: str
    """UTC instant of landing, ISO 8601 with microseconds and without offset."""

    def path(self, home: Home) -> Path:
        """Where its bytes are."""
        return home.landing / self.feed / self.sha256

    def received_at(self, contract: Contract | None) -> datetime | None:
        """Naive UTC instant of receipt: from the file name where the contract says so, else of landing.

        None where the contract takes it from the name and the name does not give it.
        """
        if contract is None or not isinstance(contract.received_at, str):
            return datetime.fromisoformat(self.landed_at)
        match = received_pattern(contract.received_at).fullmatch(self.file_name)
        if match is None:
            return None
        parts = {key: int(value) for key, value in match.groupdict().items() if value is not None}
        try:
            local = datetime(**parts, tzinfo=ZoneInfo(contract.time_zone))
        except ValueError:
            return None
        return local.astimezone(UTC).replace(tzinfo=None)

    def part(self, contract: Contract) -> str | None:
        """The part of a snapshot that the file name names; None where it names none."""
        lowered = self.file_name.casefold()
        return next((part for part in contract.parts if part.casefold() in lowered), None)


def printable(name: str) -> str:
    """A file's name as text that can be stored and shown: what is no letter, or would steer a screen, is spelt out."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() or letter in _HARMLESS else _spelt(letter) for letter in name)


def _spelt(letter: str) -> str:
    byte = ord(letter) - 0xDC00  # how Python holds a byte of a name that is not in the file system's encoding
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else letter.encode("unicode_escape").decode()


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def newest_landing(home: Home) -> datetime | None:
    """The latest instant of landing in the ledger, naive UTC: time went at least that far, whatever the clock says."""
    return _newest(ledger(home))


def _newest(entries: Iterable[LandedFile]) -> datetime | None:
    return max((datetime.fromisoformat(entry.landed_at) for entry in entries), default=None)


def _landing_instant(newest: datetime | None) -> str:
    """Now, or the instant after the newest landing where the clock was set back: what comes later is received later."""
    now = datetime.fromisoformat(_now())
    if newest is not None and newest >= now:
        now = newest + timedelta(microseconds=1)
    return now.isoformat(timespec="microseconds")


def sync_folder(folder: Path) -> None:
    """Make renames and links in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file as a whole; a reader sees the old or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _link_once(temporary: Path, target: Path) -> bool:
    """Give a finished file its name unless it exists; says whether this call did."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    return True


def _copy(source: Path, target: Path) -> tuple[str, os.stat_result] | None:
    """Copy a regular file and return its digest; None where it is not regular or changed meanwhile."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            return None
        digest = hashlib.sha256()
        with target.open("wb") as out:
            target.chmod(0o600)
            while block := stream.read(_BLOCK):
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    return digest.hexdigest(), after


def _land_one(home: Home, feed: str, source: Path, landed_at: str) -> tuple[LandedFile, os.stat_result] | None:
    folder = home.landing / feed
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    sidecar_temporary = temporary.with_suffix(".json.tmp")
    try:
        copied = _copy(source, temporary)
        if copied is None:
            return None
        sha256, status = copied
        sidecar = folder / f"{sha256}.json"
        _link_once(temporary, folder / sha256)  # also where an entry has lost its bytes, as in a copy of a home at work
        if sidecar.exists():
            return read_sidecar(sidecar), status
        landed = LandedFile(feed, sha256, status.st_size, printable(source.name), landed_at)
        with sidecar_temporary.open("w") as out:
            json.dump(asdict(landed), out)
            out.flush()
            os.fsync(out.fileno())
        is_first = _link_once(sidecar_temporary, sidecar)
        return (landed if is_first else read_sidecar(sidecar)), status
    finally:
        temporary.unlink(missing_ok=True)
        sidecar_temporary.unlink(missing_ok=True)


def read_sidecar(path: Path) -> LandedFile:
    """One ledger entry; a MusterError names a broken one."""
    try:
        found = LandedFile(**json.loads(path.read_text()))
        name = printable(found.file_name)
        return found if name == found.file_name else replace(found, file_name=name)
    except (OSError, ValueError, TypeError) as error:
        raise MusterError(f"The ledger entry {path} cannot be read; restore it from a backup.") from error


Look = tuple[int, int, int, int]
"""Size, times and inode: what the file system tells of a file; setting a time back changes the last of its times."""


def look(status: os.stat_result) -> Look:
    """What a file looks like without being read."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_READ: dict[str, dict[str, tuple[Look, LandedFile]]] = {}
"""By folder, the entries that this process has read, with the look of each: of a ledger of years most are old."""


def ledger(home: Home) -> list[LandedFile]:
    """Every landed file, by feed and digest."""
    found: list[LandedFile] = []
    if home.landing.is_dir():
        for folder in sorted(home.landing.iterdir()):
            if folder.is_dir() and not folder.name.startswith("."):
                found += _entries(folder)
    return found


def _entries(folder: Path) -> list[LandedFile]:
    before, now = _READ.get(str(folder), {}), {}
    with os.scandir(folder) as scan:
        for entry in scan:
            if not (entry.name.endswith(".json") and _SHA.match(entry.name[:-5])):
                continue
            known = before.get(entry.name)
            try:
                seen = look(entry.stat())
            except OSError:
                known, seen = None, (0, 0, 0, 0)  # reading it says what is the matter
            now[entry.name] = known if known and known[0] == seen else (seen, read_sidecar(Path(entry.path)))
    _READ[str(folder)] = now
    return [now[name][1] for name in sorted(now)]


def _inbox_files(home: Home, notices: list[str]) -> Iterator[tuple[str, Path]]:
    """Feed and path of every file to land; what is left out is told in ``notices``."""
    if not home.inbox.is_dir():
        return
    for entry in sorted(home.inbox.iterdir()):
        if _TEMPORARY.search(entry.name):
            continue
        if entry.is_symlink():
            notices.append(f"inbox/{printable(entry.name)} is a link and is not read; put a real folder or file there.")
        elif entry.is_file():
            yield LOOSE_FEED, entry
        elif entry.is_dir():
            yield from _folder_files(entry, notices)


def _shown(entry: Path) -> str:
    return printable(f"inbox/{entry.parent.name}/{entry.name}")


def _folder_files(folder: Path, notices: list[str]) -> Iterator[tuple[str, Path]]:
    for entry in sorted(folder.iterdir()):
        if _TEMPORARY.search(entry.name):
            continue
        if entry.is_symlink():
            notices.append(f"{_shown(entry)} is a link and is not read; copy the file itself.")
        elif entry.is_dir():
            notices.append(f"{_shown(entry)} is a folder below a feed and is not read.")
        elif entry.is_file():
            yield printable(folder.name), entry
        else:
            notices.append(f"{_shown(entry)} is no regular file and is not read.")


def inbox_notices(home: Home) -> list[str]:
    """What lies in the inbox and is not landed, in words: links, folders below a feed, special files."""
    notices: list[str] = []
    for _ in _inbox_files(home, notices):
        pass
    return notices


def read_cache(path: Path) -> dict[str, list[Any]]:
    """What a file of remembered looks holds; nothing where it is not there or damaged."""
    try:
        cache = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return cache if isinstance(cache, dict) else {}


def is_inbox_known(home: Home) -> bool:
    """Whether every file of the inbox was landed before, as far as its size and time of change tell."""
    cache = read_cache(home.landing / INBOX_CACHE)
    try:
        return all(_is_known(path.lstat(), cache.get(f"{feed}/{path.name}")) for feed, path in _inbox_files(home, []))
    except OSError:
        return False


def _is_known(status: os.stat_result, known: list[Any] | None) -> bool:
    return known is not None and known[:3] == [status.st_size, status.st_mtime_ns, status.st_ino]


def land_inbox(home: Home, contracts: dict[str, Contract], progress: Progress | None = None) -> list[LandedFile]:
    """Land every file of the inbox that is not landed yet; returns the ledger entry of each file of the inbox.

    Files stay in the inbox. The same bytes of one feed land once, whatever their names (F2); a file that is still
    being written is left to the next run. Files of a folder without a contract are landed too, and listed as failed.
    Raises MusterError where the store cannot be written.
    """
    del contracts  # what lands does not depend on them; load_contracts has refused broken ones
    cache_path = home.landing / INBOX_CACHE
    try:
        home.landing.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache = read_cache(cache_path)
        files = list(_inbox_files(home, []))
        entries = {(entry.feed, entry.sha256): entry for entry in ledger(home)}
        newest = _newest(entries.values())
        fresh: dict[str, list[Any]] = {}
        landed: list[LandedFile] = []
        for done, (feed, path) in enumerate(files):
            if progress and (done % 100 == 0 or path.stat().st_size > _BLOCK):
                progress("landing files", done, len(files))
            entry = _recall(home, feed, path, cache, entries)
            if entry is not None:
                fresh[f"{feed}/{path.name}"] = cache[f"{feed}/{path.name}"]
            else:
                entry = _land_new(home, feed, path, fresh, _landing_instant(newest))
            if entry is not None:
                landed.append(entry)
        for folder in {home.landing / entry.feed for entry in landed}:
            sync_folder(folder)
        if fresh != cache:
            write_atomically(cache_path, json.dumps(fresh).encode())
    except OSError as error:
        where = error.filename or home.landing
        raise MusterError(f"Landing stopped: {where}: {error.strerror}. Nothing that was landed is lost.") from error
    if progress:
        progress("landing files", len(files), len(files))
    return landed


def _recall(
    home: Home, feed: str, path: Path, cache: dict[str, list[Any]], entries: dict[tuple[str, str], LandedFile]
) -> LandedFile | None:
    """The entry of a file that was landed before, by its size and time of change: it need not be read again."""
    known = cache.get(f"{feed}/{path.name}")
    try:
        if not known or not _is_known(os.lstat(path), known):
            return None
    except FileNotFoundError:
        return None
    entry = entries.get((feed, known[3]))
    return entry if entry is not None and entry.path(home).exists() else None


def _land_new(home: Home, feed: str, path: Path, fresh: dict[str, list[Any]], landed_at: str) -> LandedFile | None:
    """Land one file; None where it is still being written, or was taken away."""
    try:
        result = _land_one(home, feed, path, landed_at)
    except FileNotFoundError:
        if home.landing.is_dir() and not path.exists():
            return None  # taken away while the inbox was read
        raise
    if result is None:
        return None
    entry, status = result
    if time.time_ns() - status.st_mtime_ns > _SETTLED_NS:
        fresh[f"{feed}/{path.name}"] = [status.st_size, status.st_mtime_ns, status.st_ino, entry.sha256]
    return entry


def clean_store(home: Home, older_than: timedelta = timedelta(days=1)) -> None:
    """Remove temporary files that a crashed run left behind; who holds the run lock need not wait until they are old.

    What was being parsed holds rows of a feed, so it is not to lie about.
    """
    oldest = time.time() - older_than.total_seconds()
    for path in (*home.landing.glob(".work-*"), *home.landing.glob("*/.*.tmp"), *home.landing.glob(".*.tmp")):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime <= oldest:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def release(home: Home, sha256: str) -> LandedFile:
    """Release a held snapshot (F4), by its SHA-256 or the first eight or more digits of it.

    The release lies beside the landed file and survives every rebuild. Raises MusterError where no landed file, or
    more than one, has that digest.
    """
    wanted = sha256.strip().lower()
    found = [entry for entry in ledger(home) if len(wanted) >= 8 and entry.sha256.startswith(wanted)]
    if len({entry.sha256 for entry in found}) != 1:
        problem = "no landed file has" if not found else "several landed files have"
        raise MusterError(f"Release: {problem} a SHA-256 that begins with '{wanted[:64]}'; 'muster feeds' lists them.")
    for entry in found:
        path = home.landing / entry.feed / f"{entry.sha256}.release"
        write_atomically(path, json.dumps({"released_at": _now()}).encode())
    return found[0]


def is_released(home: Home, entry: LandedFile) -> bool:
    """Whether a person released this file."""
    return (home.landing / entry.feed / f"{entry.sha256}.release").exists()
