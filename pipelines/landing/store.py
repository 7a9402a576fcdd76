"""The landing store: every received file once, byte for byte, named by its SHA-256 (F2).

``landing/<feed>/<sha256>`` holds the bytes and ``<sha256>.json`` beside it is the commit point and the ledger entry.
Both are made by an exclusive hard link, so that two runs that race land a file once and the first wins. Bytes that come
again are not landed again; the entry then says when and under which name (:mod:`pipelines.landing.receipts`).
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

from pipelines.contracts import Contract
from pipelines.errors import MusterError
from pipelines.landing.receipts import Receipt, Remembered, added, is_new, is_touched, received_at
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
    changed_ns: int = 0
    """When the file of the inbox was last changed, by the file system; 0 where that is not known."""
    again: tuple[Receipt, ...] = ()
    """Each time that the same bytes came after that, oldest first."""

    def path(self, home: Home) -> Path:
        """Where its bytes are."""
        return home.landing / self.feed / self.sha256

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Each time that the bytes came, as they were landed, oldest first."""
        return (Receipt(self.landed_at, self.file_name, self.changed_ns), *self.again)

    def received(self, contract: Contract | None) -> list[tuple[datetime, str]]:
        """Each naive UTC instant of receipt and its file name: from that name where the contract says so, else landing.

        Empty where the contract takes it from the name and none gives it.
        """
        found = {(at, each.file_name) for each in self.receipts if (at := received_at(each, contract)) is not None}
        return sorted(found)

    @staticmethod
    def part(contract: Contract, file_name: str) -> str | None:
        """The part of a snapshot that a file name names; None where it names none."""
        lowered = file_name.casefold()
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
    return max((datetime.fromisoformat(entry.receipts[-1].landed_at) for entry in entries), default=None)


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


def _land_one(home: Home, feed: str, source: Path, landed_at: str) -> tuple[LandedFile, os.stat_result, bool] | None:
    """Land one file: its entry, what it looked like, and whether it was not landed before."""
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
            return read_sidecar(sidecar), status, False
        landed = LandedFile(feed, sha256, status.st_size, printable(source.name), landed_at, status.st_mtime_ns)
        with sidecar_temporary.open("w") as out:
            json.dump(asdict(landed), out)
            out.flush()
            os.fsync(out.fileno())
        is_first = _link_once(sidecar_temporary, sidecar)
        return (landed if is_first else read_sidecar(sidecar)), status, is_first
    finally:
        temporary.unlink(missing_ok=True)
        sidecar_temporary.unlink(missing_ok=True)


def write_entry(home: Home, entry: LandedFile) -> None:
    """Replace a ledger entry by what is now known of its file."""
    write_atomically(home.landing / entry.feed / f"{entry.sha256}.json", json.dumps(asdict(entry)).encode())


def with_receipts(entry: LandedFile, came: Iterable[Receipt]) -> LandedFile:
    """An entry that came when these say; the first of them is its landing."""
    first, *again = sorted(dict.fromkeys(came), key=lambda each: each.landed_at)
    return replace(
        entry,
        landed_at=first.landed_at,
        file_name=first.file_name,
        changed_ns=first.changed_ns,
        again=tuple(again),
    )


def read_sidecar(path: Path) -> LandedFile:
    """One ledger entry; a MusterError names a broken one."""
    try:
        document = json.loads(path.read_text())
        again = (Receipt(**each) for each in document.pop("again", ()))
        found = LandedFile(
            **document, again=tuple(replace(each, file_name=printable(each.file_name)) for each in again)
        )
        name = printable(found.file_name)
        return found if name == found.file_name else replace(found, file_name=name)
    except (OSError, ValueError, TypeError, AttributeError) as error:
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
    """A file that was being written when it landed is remembered with a size of -1, and so read again."""
    return known is not None and known[:3] == [status.st_size, status.st_mtime_ns, status.st_ino]


def land_inbox(home: Home, contracts: dict[str, Contract], progress: Progress | None = None) -> list[LandedFile]:
    """Land every file of the inbox that is not landed yet; returns the ledger entry of each file of the inbox.

    Files stay in the inbox. The same bytes of one feed land once, whatever their names (F2), and the entry tells when
    they came again; a file that is still being written is left to the next run. Files of a folder without a contract
    are landed too, and listed as failed. Raises MusterError where the store cannot be written.
    """
    del contracts  # what lands does not depend on them; load_contracts has refused broken ones
    try:
        home.landing.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = list(_inbox_files(home, []))
        landing = _Landing(home, len(files))
        for done, (feed, path) in enumerate(files):
            if progress and (done % 100 == 0 or path.stat().st_size > _BLOCK):
                progress("landing files", done, len(files))
            landing.take(feed, path)
        landed = landing.finish()
    except OSError as error:
        where = error.filename or home.landing
        raise MusterError(f"Landing stopped: {where}: {error.strerror}. Nothing that was landed is lost.") from error
    if progress:
        progress("landing files", len(files), len(files))
    return landed


_Key = tuple[str, str]
"""Feed and SHA-256."""


class _Landing:
    """One pass over the inbox.

    Bytes that are new land in the order of their names. Those that came again were received before these, unless they
    came into the inbox later, as its file system tells: a copy that somebody keeps there is not the newest list.
    """

    def __init__(self, home: Home, file_count: int) -> None:
        self.home = home
        self.cache_path = home.landing / INBOX_CACHE
        self.is_lost = not self.cache_path.exists()
        self.cache = read_cache(self.cache_path)
        self.fresh: dict[str, list[Any]] = {}
        self.entries: dict[_Key, LandedFile] = {(entry.feed, entry.sha256): entry for entry in ledger(home)}
        self.began = datetime.fromisoformat(_landing_instant(_newest(self.entries.values())))
        self.newest = self.began + timedelta(microseconds=file_count)  # what came again lies between
        self.remembered: dict[str, Remembered] = {}
        for place, known in self.cache.items():
            feed, _, name = place.partition("/")
            if isinstance(known, list) and len(known) == 4:
                self._before(feed).files[printable(name)] = known
        self.found: list[_Key] = []
        self.first: dict[_Key, int] = {}
        self.waiting: list[tuple[_Key, Receipt, bool, int]] = []
        self.changed: set[_Key] = set()

    def _before(self, feed: str) -> Remembered:
        return self.remembered.setdefault(feed, Remembered({}, self.is_lost))

    def take(self, feed: str, path: Path) -> None:
        """Land one file, or find that it was landed."""
        place = f"{feed}/{path.name}"
        entry = _recall(self.home, feed, path, self.cache, self.entries)
        if entry is not None:
            self.fresh[place] = self.cache[place]
            self.found.append((feed, entry.sha256))
            return
        landed_at = _landing_instant(self.newest)
        result = _land_new(self.home, feed, path, landed_at)
        if result is None:
            return
        entry, status, is_first = result
        key = (feed, entry.sha256)
        self.found.append(key)
        is_settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
        self.fresh[place] = [status.st_size if is_settled else -1, status.st_mtime_ns, status.st_ino, entry.sha256]
        if is_first:
            self.entries[key], self.first[key] = entry, status.st_ctime_ns
            self.newest = datetime.fromisoformat(landed_at)
            return
        receipts = self.entries.setdefault(key, entry).receipts
        name, before = printable(path.name), self._before(feed)
        if key not in self.first and not is_new(receipts, name, status, entry.sha256, before):
            return
        receipt = Receipt(landed_at, name, status.st_mtime_ns)
        if key in self.first:
            self._note(key, receipt)
            self.newest = datetime.fromisoformat(landed_at)
        else:
            is_same = is_touched(receipts, name, entry.sha256, before)
            self.waiting.append((key, receipt, is_same, status.st_ctime_ns))

    def finish(self) -> list[LandedFile]:
        """Write what came again and what the inbox looks like; returns the entry of each file of the inbox."""
        last: dict[str, int] = {}
        for (feed, _), changed_ns in self.first.items():
            last[feed] = max(changed_ns, last.get(feed, 0))
        for number, (key, receipt, is_same, changed_ns) in enumerate(sorted(self.waiting, key=self._order)):
            landed_at = (self.began + timedelta(microseconds=number)).isoformat(timespec="microseconds")
            if not is_same and changed_ns > last.get(key[0], changed_ns):
                landed_at = _landing_instant(self.newest)
                self.newest = datetime.fromisoformat(landed_at)
            self._note(key, replace(receipt, landed_at=landed_at))
        for key in self.changed:
            write_entry(self.home, self.entries[key])
        for folder in {self.home.landing / feed for feed, _ in self.found}:
            sync_folder(folder)
        if self.fresh != self.cache or self.is_lost:
            write_atomically(self.cache_path, json.dumps(self.fresh).encode())
        return [self.entries[key] for key in self.found]

    def _order(self, waiting: tuple[_Key, Receipt, bool, int]) -> tuple[bool, str, int, str]:
        """Files that were only written again come first, in the order in which they came before."""
        key, receipt, is_same, changed_ns = waiting
        return (not is_same, self.entries[key].receipts[-1].landed_at if is_same else "", changed_ns, receipt.file_name)

    def _note(self, key: _Key, receipt: Receipt) -> None:
        entry = self.entries[key]
        others = (
            each.landed_at
            for other in self.entries.values()
            if other.feed == entry.feed and other is not entry
            for each in other.receipts
        )
        self.entries[key] = replace(entry, again=added(entry.landed_at, entry.again, receipt, others))
        self.changed.add(key)


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


def _land_new(home: Home, feed: str, path: Path, landed_at: str) -> tuple[LandedFile, os.stat_result, bool] | None:
    """Land one file; None where it is still being written, or was taken away."""
    try:
        return _land_one(home, feed, path, landed_at)
    except FileNotFoundError:
        if home.landing.is_dir() and not path.exists():
            return None  # taken away while the inbox was read
        raise


def clean_store(home: Home, older_than: timedelta = timedelta(days=1)) -> None:
    """Remove temporary files that a crashed run left behind; who holds the run lock need not wait until they are old.

    What was being parsed holds rows of a feed, so it is not to lie about.
    """
    oldest = time.time() - older_than.total_seconds()
    for path in (*home.landing.glob(".work-*"), *home.landing.glob("*/.*.tmp"), *home.landing.glob(".*.tmp")):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime <= oldest:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def is_released(home: Home, entry: LandedFile) -> bool:
    """Whether a person released this file."""
    return (home.landing / entry.feed / f"{entry.sha256}.release").exists()


def release(home: Home, entry: LandedFile) -> None:
    """Release a held snapshot (F4): that lies beside the landed file and survives every rebuild."""
    path = home.landing / entry.feed / f"{entry.sha256}.release"
    write_atomically(path, json.dumps({"released_at": _now()}).encode())
