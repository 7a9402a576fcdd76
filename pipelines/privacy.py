"""Pseudonyms: a keyed digest of who a traveller is, the same in every generation of one home.

The key is the home's own secret. Whoever lacks it can neither turn a ``traveller_id`` back into a person nor
test whether a known e-mail address is in the data; two homes give the same person different identifiers.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import MusterError
from pipelines.settings import Home

if TYPE_CHECKING:
    import duckdb

SECRET_BYTES = 32
"""Length of a home's secret."""

_BLOCK_BYTES = 64  # of SHA-256, which HMAC pads its key to
_ID_DIGITS = 16


def secret_path(home: Home) -> Path:
    """Where the secret of a home is kept (0600, never copied into a publication)."""
    return home.root / "secret.key"


def secret_key(home: Home) -> bytes:
    """The home's 32 secret bytes, made on first use.

    Creation is atomic: of two runs that start at once, both get the bytes of whichever came first.
    Raises MusterError where the file is damaged or cannot be read or written; a damaged secret is never
    replaced silently, because every pseudonym would change.
    """
    path = secret_path(home)
    try:
        if not path.exists():
            _create(path)
        key = path.read_bytes()
    except OSError as error:
        raise MusterError(f"The secret {path} cannot be read or made: {error.strerror}.") from error
    if len(key) != SECRET_BYTES:
        raise MusterError(
            f"The secret {path} is damaged ({len(key)} bytes instead of {SECRET_BYTES}). Restore it from a backup; "
            "with a new one every traveller_id would change."
        )
    return key


def _create(path: Path) -> None:
    draft = path.with_name(f".secret-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A hard link, unlike a rename, never replaces a secret that another run has just made.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def load_pseudonyms(con: duckdb.DuckDBPyConnection, home: Home, source: str = "core.traveller_key") -> int:
    """Make ``core.pseudonym(traveller_key, traveller_id)`` from ``source(traveller_key, identity_key)``.

    ``traveller_id`` is ``t_`` and the first 16 hexadecimal digits of HMAC-SHA256(secret, identity_key). DuckDB
    has no HMAC, so it is spelt out as its definition: a digest of (outer pad, digest of (inner pad, message)).
    Returns the number of travellers. Raises MusterError if two identities share an identifier.
    """
    padded = secret_key(home).ljust(_BLOCK_BYTES, b"\0")
    pads = {"inner": bytes(byte ^ 0x36 for byte in padded), "outer": bytes(byte ^ 0x5C for byte in padded)}
    # The pads are bound as parameters, so that no error message or log of the statement can hold them.
    con.execute(
        f"""
        create or replace table core.pseudonym as
        select
            traveller_key,
            't_' || substr(
                sha256($outer::blob || unhex(sha256($inner::blob || encode(identity_key)))), 1, {_ID_DIGITS}
            ) as traveller_id,
        from {source}
        """,
        pads,
    )
    row = con.execute(
        "select count(*), count(distinct traveller_id), count(traveller_id) from core.pseudonym"
    ).fetchone()
    travellers, distinct, known = row or (0, 0, 0)
    if known != travellers or distinct != travellers:
        raise MusterError(
            f"{travellers} travellers have {distinct} distinct pseudonyms; two rows of {source} share an identity."
        )
    return int(travellers)
