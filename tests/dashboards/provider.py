"""A small OpenID Connect provider on 127.0.0.1 for tests: discovery, authorize, token with a signed id token, keys.

Whoever asks is signed in at once as `person`, the claims that a test sets. `spoil` changes a token before it is signed,
`forge` signs it with a key that the provider never published.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, CLIENT_SECRET = "muster-test", "client-secret-of-the-test"
COOKIE_SECRET = "of-the-test-0123456789-0123456789-abcdef"  # noqa: S105 - opens nothing but a test

Claims = dict[str, Any]


class Provider:
    """The provider's state; its address is known once it listens."""

    def __init__(self) -> None:
        self.person: Claims = {}
        self.spoil: Callable[[Claims], Claims] = lambda claims: claims
        self.forge = False
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.stranger = RSAKey.generate_key(2048, {"kid": "one"})
        self.codes: dict[str, dict[str, str]] = {}
        self.signed_out = 0

    def discovery(self) -> Claims:
        """What ``/.well-known/openid-configuration`` says."""
        ends = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "jwks", "leave")}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": ends["authorize"],
            "token_endpoint": ends["token"],
            "jwks_uri": ends["jwks"],
            "end_session_endpoint": ends["leave"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """The address to which the browser is sent back."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str], authorization: str) -> Claims | None:
        """The tokens for a code, once, to the client that knows its secret and the verifier; else None."""
        asked = self.codes.pop(given.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        if asked is None or authorization != f"Basic {basic}" or given["redirect_uri"] != asked["redirect_uri"]:
            return None
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        key = self.stranger if self.forge else self.key
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, self.spoil(claims | self.person), key)
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *_: object) -> None:
        return

    def _answer(self, body: object, status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_to(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._answer(self.provider.discovery())
        elif parts.path == "/jwks":
            self._answer({"keys": [self.provider.key.as_dict(private=False) | {"use": "sig", "alg": "RS256"}]})
        elif parts.path == "/authorize":
            self._send_to(self.provider.authorize(asked))
        elif parts.path == "/leave":
            self.provider.signed_out += 1
            self._send_to(asked["post_logout_redirect_uri"])
        else:
            self._answer({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        tokens = self.provider.token(given, self.headers.get("Authorization", ""))
        self._answer(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """A provider that listens until the block ends."""
    found = Provider()
    handler = type("Handler", (_Handler,), {"provider": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    found.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def write_auth(home: Path, issuer: str, port: int, **more: str) -> Path:
    """The home's ``auth.toml`` for the provider."""
    lines = {
        "redirect_uri": f"http://127.0.0.1:{port}/oauth2callback",
        "cookie_secret": COOKIE_SECRET,
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
    } | more
    path = home / "auth.toml"
    path.write_text("[auth]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))
    path.chmod(0o600)
    return path
