"""Sign-in to the dashboard: the home's ``auth.toml`` with the secrets of the identity provider, and who has which role.

``auth.toml`` holds what Streamlit needs to speak OpenID Connect (``[auth]``: ``redirect_uri``, ``cookie_secret``,
``client_id``, ``client_secret``, ``server_metadata_url``) and nothing else. It belongs to the account that runs Muster
and nobody else may read it. The people and their roles are no secret; they are in ``roles`` of ``muster.yml``.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.errors import MusterError
from pipelines.settings import Home, SignInRole, describe_validation, same_address

__all__ = ["SignIn", "auth_path", "is_configured", "load_sign_in", "role_of"]

CALLBACK = "/oauth2callback"
"""The end of every ``redirect_uri``; Streamlit listens there."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SignIn(BaseModel):
    """The section ``[auth]``. Its values are secrets: they are never printed, logged or passed on a command line."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    redirect_uri: str = Field(description="the dashboard's own address and /oauth2callback, as told to the provider")
    cookie_secret: str = Field(min_length=32, repr=False, description="random; signs the cookie of who is signed in")
    client_id: str = Field(min_length=1, repr=False)
    client_secret: str = Field(min_length=1, repr=False)
    server_metadata_url: str = Field(description="the provider's …/.well-known/openid-configuration")
    client_kwargs: dict[str, str] = Field({}, repr=False, description="more parameters of the request, such as prompt")

    @field_validator("redirect_uri", "server_metadata_url")
    @classmethod
    def _is_private(cls, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("must begin with https:// (http:// only on this machine)")
        return address

    @field_validator("redirect_uri")
    @classmethod
    def _ends_in_the_callback(cls, address: str) -> str:
        if not urlsplit(address).path.endswith(CALLBACK):
            raise ValueError(f"must end in {CALLBACK}")
        if not _port_is_number(urlsplit(address)):
            raise ValueError("must name its port as a number")
        return address

    @property
    def host(self) -> str:
        """The host under which people reach the dashboard."""
        return urlsplit(self.redirect_uri).hostname or ""

    @property
    def address(self) -> str:
        """The address that people open."""
        return self.redirect_uri.removesuffix(CALLBACK)

    @property
    def port(self) -> int | None:
        """The port to listen on where people reach the server itself, None where a proxy stands before it."""
        return urlsplit(self.redirect_uri).port if self.host in _LOOPBACK else None


def _port_is_number(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def auth_path(home: Home) -> Path:
    """Where the secrets of a home's sign-in are."""
    return home.root / "auth.toml"


def is_configured(home: Home) -> bool:
    """Whether a home has sign-in; a file that cannot be used counts, so that a mistake never opens the dashboard."""
    path = auth_path(home)
    return path.exists() or path.is_symlink()


def load_sign_in(home: Home) -> SignIn | None:
    """The sign-in of a home, None without one.

    Raises MusterError, without a value of the file, where others may read it or something in it is wrong.
    """
    path = auth_path(home)
    if not is_configured(home):
        return None
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            raise MusterError(f"{path} must be a file of its own, no link or folder.")
        if state.st_mode & 0o077:
            raise MusterError(f"Others may read the secrets in {path}; run: chmod 600 '{path}'")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MusterError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MusterError(f"{path} is not TOML; see 'Sign-in' in README.md for its lines.") from error
    if set(document) != {"auth"} or not isinstance(document["auth"], dict):
        raise MusterError(f"{path} must hold the section [auth] and nothing else.")
    try:
        return SignIn(**document["auth"])
    except ValidationError as error:
        raise MusterError(describe_validation(path, error)) from error


def role_of(email: str, roles: Mapping[str, SignInRole]) -> SignInRole | None:
    """The role of an e-mail address, None for one that is not listed; capitals make no difference."""
    wanted = same_address(email)
    return next((role for listed, role in roles.items() if same_address(listed) == wanted), None)
