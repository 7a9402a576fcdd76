"""Landed files without some of their records: what is erased leaves a mark, everything else stays as it was received.

A landed file is named by its digest, so the file without the records is another file: it takes the place of the old
one in the ledger, with the same instant of landing, and the old one and all that was staged of it go. The inbox gets
the same bytes. A file that was packed stays packed, and a file keeps its encoding.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from pipelines.contracts import Contract
from pipelines.erasure import digests
from pipelines.erasure.digests import Digester, Known
from pipelines.erasure.people import FileKey
from pipelines.erasure.tokens import BLANK, Tokens, address_form
from pipelines.landing import store
from pipelines.landing.documents import read_document
from pipelines.landing.marks import mark_of, reason_of
from pipelines.landing.pack import drop_packs
from pipelines.landing.parse import Prepared, prepare
from pipelines.landing.store import LandedFile
from pipelines.landing.text import GateError
from pipelines.settings import Home

_BLOCK = 4 * 1024 * 1024
_ADDRESS = re.compile(rb"[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")


@dataclass(frozen=True)
class Changed:
    """One landed file that another took the place of; ``after`` is None where the file went as a whole."""

    before: LandedFile
    after: LandedFile | None
    records: int
    """Records erased."""
    mentions: int = 0
    """Records of other people in which an address was blanked."""


@dataclass
class Wanted:
    """What to erase of one landed file."""

    records: set[int] = field(default_factory=set)
    is_whole: bool = False
    """The whole file: it cannot be read, or is a document."""
    tokens: Tokens = field(default_factory=Tokens)
    """What the file's name must not say; its addresses are blanked in the records that stay."""
    mentions: set[int] | None = None
    """The records in which addresses are blanked; None for all that stay."""
    kind: str = "erased"


class Eraser:
    """Takes records out of landed files; remembers them in ``found``. The caller holds the run lock."""

    def __init__(self, home: Home, contracts: dict[str, Contract]) -> None:
        self.home, self.contracts = home, contracts
        self.digest = Digester(home)
        self.found = Known()
        self.work = home.landing / f".work-{os.getpid()}-{secrets.token_hex(4)}"

    def look(self, landed: LandedFile, wanted: Wanted) -> None:
        """Add to ``found`` the digests of what :meth:`erase` would erase, without changing anything."""
        for _ in self._pieces(landed, wanted):
            pass

    def erase(self, landed: LandedFile, wanted: Wanted) -> Changed | None:
        """Put a file without what is wanted in the place of a landed one; None where there is nothing to erase."""
        draft = self.home.landing / landed.feed / f".{secrets.token_hex(8)}.tmp"
        count = _Count()
        try:
            with draft.open("wb") as out:
                draft.chmod(0o600)
                for piece in self._pieces(landed, wanted, count):
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            if not count.records and not count.mentions:
                return None
            after = self._take_place(landed, draft, wanted)
        finally:
            draft.unlink(missing_ok=True)
        return Changed(landed, after, count.records, count.mentions)

    def _pieces(self, landed: LandedFile, wanted: Wanted, count: _Count | None = None) -> Iterator[bytes]:
        count = count or _Count()
        folder = self.work / secrets.token_hex(8)
        folder.mkdir(mode=0o700, parents=True)
        contract = self.contracts.get(landed.feed)
        try:
            if contract is None or wanted.is_whole or contract.format != "csv":
                yield from self._document(landed, contract, wanted, count)
                return
            prepared = prepare(self.home, landed, contract, folder)
            is_packed = landed.path(self.home).open("rb").read(2) == b"\x1f\x8b"
            pieces = _encoded(self._table(prepared, wanted, count), prepared)
            yield from _packed(pieces, folder / "packed") if is_packed else pieces
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    def _document(
        self, landed: LandedFile, contract: Contract | None, wanted: Wanted, count: _Count
    ) -> Iterator[bytes]:
        """A mark for each record of a document, or the document with the addresses blanked letter by letter."""
        data = landed.path(self.home).read_bytes()
        if not wanted.is_whole and not wanted.records:
            blanked = _blank_in_place(data, wanted.tokens)
            if blanked != data:
                count.mentions += 1
                self.found.add(digests.MENTION, self.digest(digests.MENTION, data))
                self._remember_addresses(wanted.tokens.addresses(), data.decode("latin-1"))
            yield blanked
            return
        number = 1
        if contract is not None and contract.format != "csv":
            try:
                number = len(read_document(self.home, landed, contract)[1])
            except GateError:
                number = 1
        digest = self.digest(digests.FILE, data)
        self.found.add(digests.FILE, digest)
        count.records += number
        first = mark_of(wanted.kind, digest, ",", 0)
        yield first + b"\n"
        for each in range(1, number):
            yield mark_of(wanted.kind, self.digest(digests.FILE, digest.encode() + b"%d" % each), ",", 0) + b"\n"

    def _table(self, prepared: Prepared, wanted: Wanted, count: _Count) -> Iterator[bytes]:
        """The text of a table, record by record where something is to be done, else in blocks."""
        split = prepared.split
        with prepared.text.path.open("rb") as stream:
            yield stream.read(split.first_byte)
            mentions = self._mentions(prepared, wanted) if wanted.mentions is None else wanted.mentions
            position = split.first_byte
            for number in sorted(wanted.records | mentions):
                start, end = split.span(number)
                yield from _stretch(stream, position, start)
                stream.seek(start)
                text = stream.read(end - start)
                position = end
                if number in wanted.records:
                    yield self._mark(prepared, text, wanted.kind, count)
                else:
                    count.mentions += 1
                    self.found.add(digests.MENTION, self.digest(digests.MENTION, text.rstrip(b"\r\n")))
                    yield self._blanked(text, wanted.tokens)
            yield from _stretch(stream, position, int(split.ends[-1]) if split.records else position)

    def _mark(self, prepared: Prepared, text: bytes, kind: str, count: _Count) -> bytes:
        content = text.rstrip(b"\r\n")
        if reason_of(content):
            return text  # erased before
        count.records += 1
        digest = self.digest(digests.RECORD, content)
        if kind == "erased":
            self.found.add(digests.RECORD, digest)
        return mark_of(kind, digest, prepared.contract.delimiter, prepared.columns) + text[len(content) :]

    def _mentions(self, prepared: Prepared, wanted: Wanted) -> set[int]:
        """Records in which an address stands that is one of the person's alone."""
        import numpy as np

        split = prepared.split
        found: set[int] = set()
        emails = sorted(wanted.tokens.emails)
        forms = [re.compile(address_form(email, wanted.tokens.others).encode()) for email in emails]
        with prepared.text.path.open("rb") as stream:
            stream.seek(split.first_byte)
            offset, carry = split.first_byte, b""
            while block := stream.read(_BLOCK):
                data = (carry + block).lower()
                for email, form in zip(emails, forms, strict=True):
                    local = email.partition("@")[0].encode()
                    for start in (local + b"@", local + b"+"):
                        at = data.find(start)
                        while at >= 0:
                            if form.match(data, at):
                                place = offset - len(carry) + at
                                found.add(int(np.searchsorted(split.ends, place, side="right")) + 1)
                            at = data.find(start, at + 1)
                offset += len(block)
                carry = data[-400:]
        return {number for number in found - wanted.records if self._has_address(prepared, number, wanted.tokens)}

    def _has_address(self, prepared: Prepared, number: int, tokens: Tokens) -> bool:
        start, end = prepared.split.span(number)
        with prepared.text.path.open("rb") as stream:
            stream.seek(start)
            text = stream.read(end - start)
        return _blanked(text, tokens) != text

    def _blanked(self, text: bytes, tokens: Tokens) -> bytes:
        decoded = text.decode("utf-8", "surrogateescape")
        self._remember_addresses(tokens.addresses(), decoded)
        return _blanked(text, tokens)

    def _remember_addresses(self, tokens: Tokens, text: str) -> None:
        """Remember the addresses that are blanked in a text, as they stand there."""
        for pattern in tokens.patterns_in(text):
            for match in pattern.finditer(text):
                self.found.add(digests.ADDRESS, self.digest(digests.ADDRESS, match[0].lower().encode()))

    def _take_place(self, landed: LandedFile, draft: Path, wanted: Wanted) -> LandedFile:
        folder = draft.parent
        with draft.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        came = [replace(each, file_name=self._name(landed, each.file_name, wanted)) for each in landed.receipts]
        after = store.with_receipts(replace(landed, sha256=sha256, byte_count=draft.stat().st_size), came)
        if not (folder / f"{sha256}.json").exists():
            draft.replace(folder / sha256)
            store.write_entry(self.home, after)
        else:
            twin = store.read_sidecar(folder / f"{sha256}.json")
            store.write_entry(self.home, store.with_receipts(twin, [*twin.receipts, *came]))
        released = folder / f"{landed.sha256}.release"
        if released.exists():
            shutil.copy2(released, folder / f"{sha256}.release")
        store.sync_folder(folder)
        remove_landed(self.home, landed)
        return after

    def _name(self, landed: LandedFile, name: str, wanted: Wanted) -> str:
        """A name of the file, without the person's; of a document only its ending, unless it says when it came."""
        contract = self.contracts.get(landed.feed)
        is_document = contract is None or contract.format != "csv"
        if is_document and (wanted.is_whole or wanted.records) and not (contract and contract.received_at):
            return f"erased-{self.digest('name', landed.sha256.encode())[:12]}{Path(name).suffix[:8]}"
        return wanted.tokens.blank(name).replace(BLANK, "erased")


@dataclass
class _Count:
    records: int = 0
    mentions: int = 0


def remove_landed(home: Home, landed: LandedFile) -> None:
    """Remove a landed file, its ledger entry before its bytes, and everything that was staged of it."""
    folder = home.landing / landed.feed
    drop_packs(home, landed)  # before the entry, by which alone a removal that was cut short is found again
    (folder / f"{landed.sha256}.json").unlink(missing_ok=True)
    for path in folder.glob(f"{landed.sha256}*"):
        path.unlink(missing_ok=True)
    (home.landing / store.INBOX_CACHE).unlink(missing_ok=True)


def change_inbox(home: Home, changes: list[Changed]) -> int:
    """Give files of the inbox the bytes that took the place of theirs, or remove them; returns how many."""
    by_content = {(change.before.feed, change.before.sha256): change for change in changes}
    sizes = {change.before.byte_count for change in changes}
    changed = 0
    for feed, path in list(store._inbox_files(home, [])):
        status = path.stat()
        if status.st_size not in sizes:
            continue
        with path.open("rb") as stream:
            key: FileKey = (feed, hashlib.file_digest(stream, "sha256").hexdigest())
        change = by_content.get(key)
        if change is None:
            continue
        changed += 1
        if change.after is not None:
            target = path.with_name(_inbox_name(path.name, change))
            store.write_atomically(target, change.after.path(home).read_bytes())
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # it did not come again
            if target == path:
                continue
        path.unlink()
    return changed


def _inbox_name(name: str, change: Changed) -> str:
    """The name of the landed file where it was changed, for the same content may lie in the inbox under several."""
    if change.after is None:
        return name
    names = zip(change.before.receipts, change.after.receipts, strict=True)
    after = {before.file_name: after.file_name for before, after in names}.get(store.printable(name))
    after = after or change.after.file_name
    return name if after in (store.printable(name), change.before.file_name) else after


def _stretch(stream: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    stream.seek(start)
    while start < end:
        block = stream.read(min(_BLOCK, end - start))
        start += len(block)
        yield block


def _encoded(pieces: Iterator[bytes], prepared: Prepared) -> Iterator[bytes]:
    """Text in UTF-8 back in the file's own encoding."""
    text = prepared.text
    if text.encoding == "utf-8":
        yield from pieces
        return
    codec = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(text.encoding, text.encoding)
    if text.byte_order_mark:
        yield codecs.BOM_UTF16_BE if codec == "utf-16-be" else codecs.BOM_UTF16_LE
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces:
        yield decoder.decode(piece).encode(codec)
    yield decoder.decode(b"", True).encode(codec)


def _packed(pieces: Iterator[bytes], target: Path) -> Iterator[bytes]:
    with gzip.GzipFile(target, "wb", mtime=0) as packed:
        for piece in pieces:
            packed.write(piece)
    with target.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _blanked(text: bytes, tokens: Tokens) -> bytes:
    decoded = text.decode("utf-8", "surrogateescape")
    return tokens.addresses().blank(decoded).encode("utf-8", "surrogateescape")


def _blank_in_place(data: bytes, tokens: Tokens) -> bytes:
    """A document with each address as so many x, so that no length or offset within it changes."""
    text = tokens.addresses().blank(data.decode("latin-1"), lambda found: "x" * len(found[0]))
    return text.encode("latin-1")


def again(eraser: Eraser, landed: LandedFile, known: Known) -> Wanted | None:
    """What of a landed file was erased before and has come again; None where nothing has."""
    home, digest = eraser.home, eraser.digest
    contract = eraser.contracts.get(landed.feed)
    if contract is not None and contract.format == "csv":
        folder = eraser.work / secrets.token_hex(8)
        try:
            folder.mkdir(mode=0o700, parents=True)
            return _records_again(prepare(home, landed, contract, folder), digest, known)
        except GateError:
            pass  # judged as a whole below
        finally:
            shutil.rmtree(eraser.work, ignore_errors=True)
    data = landed.path(home).read_bytes()
    if digest(digests.FILE, data) in known.of[digests.FILE]:
        return Wanted(is_whole=True)
    if digest(digests.MENTION, data) in known.of[digests.MENTION]:
        return Wanted(tokens=_known_addresses(data, digest, known))
    return None


def _records_again(prepared: Prepared, digest: Digester, known: Known) -> Wanted | None:
    wanted, addresses = Wanted(), Tokens()
    found: set[int] = set()
    records, mentions = known.of[digests.RECORD], known.of[digests.MENTION]
    position = prepared.split.first_byte
    with prepared.text.path.open("rb") as stream:
        stream.seek(position)
        for number, end in enumerate(prepared.split.ends.tolist(), 1):
            content = stream.read(end - position).rstrip(b"\r\n")
            position = end
            if digest(digests.RECORD, content) in records:
                wanted.records.add(number)
            elif mentions and digest(digests.MENTION, content) in mentions:
                addresses |= _known_addresses(content, digest, known)
                found.add(number)
    wanted.tokens, wanted.mentions = addresses, found
    return wanted if wanted.records or found else None


def _known_addresses(data: bytes, digest: Digester, known: Known) -> Tokens:
    found = {match.decode("utf-8", "replace").lower() for match in _ADDRESS.findall(data)}
    known_ones = {one for one in found if digest(digests.ADDRESS, one.encode()) in known.of[digests.ADDRESS]}
    return Tokens(emails=frozenset(known_ones), others=frozenset(found - known_ones))
