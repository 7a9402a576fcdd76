"""What lies beside a landed file once it is staged, and whether that is still what was written (F1).

The account is written last and makes the others valid; it holds the SHA-256 of the others and of itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pipelines.contracts import Contract
from pipelines.landing.store import LandedFile, Look, look, write_atomically
from pipelines.settings import Home


@dataclass(frozen=True)
class Account:
    """What became of one file: ``records = loaded + rejected + blank`` (F1)."""

    sha256: str
    status: Literal["loaded", "failed"]
    records: int = 0
    loaded: int = 0
    rejected: int = 0
    blank: int = 0
    rows: int = 0
    """Rows of the staged file; more than ``loaded`` where a record has a repeated group."""
    message: str | None = None
    received_to: str | None = None
    """The latest receipt that a column gives; None where no column does."""
    staged_bytes: int = 0
    rejected_bytes: int = 0
    staged_sha256: str = ""
    rejected_sha256: str = ""


class Staged:
    """The files beside one landed file for one contract."""

    def __init__(self, home: Home, landed: LandedFile, contract: Contract, digest: str | None = None) -> None:
        """``digest`` is the contract's, for a caller with many files, who works it out once."""
        self.landed = landed
        self.contract = contract
        self.digest = digest or contract.digest()
        self._stem = f"{home.landing}/{landed.feed}/{landed.sha256}.{self.digest}"
        self._account: Account | None = None

    @cached_property
    def rows(self) -> Path:
        """The accepted rows."""
        return Path(f"{self._stem}.staged.parquet")

    @cached_property
    def rejected(self) -> Path:
        """The rejected records, where there are any."""
        return Path(f"{self._stem}.rejected.parquet")

    @cached_property
    def account_file(self) -> Path:
        """The account, which makes the others valid."""
        return Path(f"{self._stem}.account.json")

    def account(self) -> Account | None:
        """The account if the file is staged and as long as it was, else None; its bytes are for `require_sound`."""
        self._account = None
        try:
            account = _read_account(f"{self._stem}.account.json")
            if all(os.lstat(path).st_size == byte_count for path, byte_count, _ in self._files(account)):
                self._account = account
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return self._account

    def known_account(self) -> Account | None:
        """The account that was last asked for; asks where none was."""
        return self._account or self.account()

    def _files(self, account: Account) -> Iterator[tuple[str, int, str]]:
        if account.staged_bytes:
            yield f"{self._stem}.staged.parquet", account.staged_bytes, account.staged_sha256
        if account.rejected_bytes:
            yield f"{self._stem}.rejected.parquet", account.rejected_bytes, account.rejected_sha256

    def spoilt(self) -> Path | None:
        """The first file whose bytes are not those that were written; the account itself where it is not whole."""
        account = self.known_account()
        if account is None:
            return self.account_file
        return next((Path(path) for path, _, sha256 in self._files(account) if sha256_of(path) != sha256), None)

    def looks(self) -> tuple[Look, ...]:
        """What the file system tells of what lies beside the landed file."""
        found = []
        for path in (f"{self._stem}.staged.parquet", f"{self._stem}.rejected.parquet", f"{self._stem}.account.json"):
            with contextlib.suppress(OSError):
                found.append(look(os.lstat(path)))
        return tuple(found)

    def describe_files(self, rejected: int) -> dict[str, Any]:
        """Size and digest of what was written, for the account."""
        made: dict[str, Any] = {"staged_bytes": self.rows.stat().st_size, "staged_sha256": sha256_of(self.rows)}
        if rejected:
            made |= {"rejected_bytes": self.rejected.stat().st_size, "rejected_sha256": sha256_of(self.rejected)}
        return made

    def write(self, account: Account) -> Account:
        """Commit: the account is written last."""
        document = asdict(account)
        sealed = {**document, "account_sha256": _digest_of(document)}
        write_atomically(self.account_file, json.dumps(sealed).encode())
        return account


_ACCOUNTS: dict[str, tuple[Look, Account]] = {}
"""Accounts that this process has read, with what the file system told of each: a file that looks the same is."""


def _read_account(path: str) -> Account:
    seen = look(os.lstat(path))
    known = _ACCOUNTS.get(path)
    if known is not None and known[0] == seen:
        return known[1]
    document = json.loads(Path(path).read_bytes())
    if document.pop("account_sha256") != _digest_of(document):
        raise ValueError(f"{path} is not whole")
    account = Account(**document)
    _ACCOUNTS[path] = seen, account
    return account


def _digest_of(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def sha256_of(path: str | Path) -> str:
    """The digest of a file's bytes; nothing where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
