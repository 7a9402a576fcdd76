from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import MusterError
from pipelines.privacy import load_pseudonyms, secret_key, secret_path
from pipelines.settings import Home


def pseudonyms(home: Home, identities: list[str]) -> dict[int, str]:
    con = duckdb.connect()
    con.execute("create schema core; create table core.traveller_key(traveller_key integer, identity_key varchar)")
    con.executemany("insert into core.traveller_key values (?, ?)", list(enumerate(identities)))
    assert load_pseudonyms(con, home) == len(identities)
    return dict(con.execute("select traveller_key, traveller_id from core.pseudonym").fetchall())


def test_pseudonym_is_hmac_sha256_of_the_identity(home: Home) -> None:
    identities = ["person:17", "email:zoë@example.org", "name:" + "x" * 200]
    found = pseudonyms(home, identities)
    for number, identity in enumerate(identities):
        digest = hmac.new(secret_key(home), identity.encode(), hashlib.sha256).hexdigest()
        assert found[number] == f"t_{digest[:16]}"


def test_pseudonyms_are_stable_in_a_home_and_differ_between_homes(home: Home, tmp_path: Path) -> None:
    assert pseudonyms(home, ["a", "b"]) == pseudonyms(home, ["a", "b"])
    other = Home(tmp_path / "other").prepare()
    assert pseudonyms(home, ["a"]) != pseudonyms(other, ["a"])


def test_two_rows_of_one_identity_are_refused(home: Home) -> None:
    with pytest.raises(MusterError, match="share an identity"):
        pseudonyms(home, ["a", "a"])


def test_secret_is_made_once_even_by_many_at_a_time(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret_key(home), range(32)))
    assert len(keys) == 1
    assert oct(secret_path(home).stat().st_mode & 0o777) == "0o600"
    assert not list(home.root.glob(".secret-*"))


def test_a_damaged_secret_is_never_replaced(home: Home) -> None:
    secret_path(home).write_bytes(b"short")
    with pytest.raises(MusterError, match="damaged"):
        secret_key(home)
    assert secret_path(home).read_bytes() == b"short"
