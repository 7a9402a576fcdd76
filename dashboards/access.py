"""Who is at the screen: a person who signed in with a role in ``muster.yml``, or the single local user.

With ``auth.toml`` in the home (:mod:`pipelines.sign_in`) Streamlit speaks OpenID Connect with the office's provider and
hands over its claims; here they become a person and a role, anew at each drawing, so that a role that is taken away is
gone at once. Whatever is not clearly allowed is refused.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

import streamlit as st

from pipelines.commands.serving import SIGN_IN_VARIABLE
from pipelines.errors import MusterError
from pipelines.settings import Home, SignInRole, default_home, load_settings
from pipelines.sign_in import is_configured, role_of

Role = Literal["viewer", "analyst", "duty", "steward"]
EVERYBODY: tuple[Role, ...] = get_args(Role)
KEYS: tuple[Role, ...] = ("analyst", "duty", "steward")
"""Roles that see people one by one, by key or name."""
NAMES: tuple[Role, ...] = ("duty", "steward")

SIGNED_IN_FOR = timedelta(hours=12)
"""How long a sign-in holds; the provider is then asked again."""
_CLOCKS_DIFFER = timedelta(minutes=10)


class NotSignedIn(MusterError):  # noqa: N818 - a state of the session that has a page of its own
    """Nobody has signed in yet, or too long ago."""


class NotAllowed(MusterError):  # noqa: N818 - as above
    """Somebody has signed in who may not see anything here."""


@dataclass(frozen=True)
class User:
    """Who looks: the e-mail address of who signed in, or without sign-in the single local user."""

    name: str
    role: Role
    is_local: bool

    @property
    def account(self) -> str | None:
        """The person as the access log names them; None for the account that runs the server."""
        return None if self.is_local else self.name


def is_required() -> bool:
    """Whether people must sign in: the home says so, or said so when the server was started."""
    return bool(os.environ.get(SIGN_IN_VARIABLE)) or is_configured(Home(default_home()))


def roles() -> set[Role]:
    """The roles that may come: those of ``muster.yml`` where people sign in, else the one of the single local user.

    Raises MusterError where they cannot be told.
    """
    return set(_roles().values()) if is_required() else {_local().role}


def user() -> User:
    """The person at the screen and their role at this moment.

    Raises NotSignedIn or NotAllowed where sign-in is required, MusterError where ``MUSTER_ROLE`` names no role.
    """
    return _signed_in(_claims()) if is_required() else _local()


def _local() -> User:
    role = os.environ.get("MUSTER_ROLE") or "duty"
    if role not in EVERYBODY:
        raise MusterError(f"MUSTER_ROLE is '{role}'; set it to one of {', '.join(EVERYBODY)}, or unset it.")
    return User("local user", role, is_local=True)


def _claims() -> dict[str, Any]:
    return dict(st.user.to_dict())


def _signed_in(claims: Mapping[str, Any]) -> User:
    if claims.get("is_logged_in") is not True:
        raise NotSignedIn("Sign in with your account to go on.")
    issued = claims.get("iat")
    if not isinstance(issued, int | float) or not _is_recent(issued):
        raise NotSignedIn(f"A sign-in holds for {SIGNED_IN_FOR // timedelta(hours=1)} hours. Sign in again to go on.")
    email = claims.get("email")
    if not isinstance(email, str) or not email.strip():
        raise NotAllowed(
            "Your provider told no e-mail address, by which people are known here; ask your travel office."
        )
    if claims.get("email_verified", True) not in (True, "true"):
        raise NotAllowed("Your provider has not verified your e-mail address; verify it there and sign in again.")
    role = role_of(email, _roles())
    if role is None:
        raise NotAllowed("You are signed in, but you have no access to Muster; ask your travel office for it.")
    return User(email.strip(), role, is_local=False)


def _is_recent(issued: float) -> bool:
    age = timedelta(seconds=time.time() - issued)
    return -_CLOCKS_DIFFER < age < SIGNED_IN_FOR


def _roles() -> Mapping[str, SignInRole]:
    home = Home(default_home())
    try:
        state = home.settings_file.stat()
        return _read_roles(str(home.root), state.st_ino, state.st_mtime_ns, state.st_size)
    except (OSError, MusterError) as error:
        # Whoever has no role yet is told nothing of the file, which holds addresses.
        text = "Who may see what cannot be read; 'muster check-config' tells the steward why."
        raise NotAllowed(text) from error


@functools.lru_cache(maxsize=4)
def _read_roles(root: str, inode: int, changed: int, size: int) -> Mapping[str, SignInRole]:
    return load_settings(Home(root)).roles
