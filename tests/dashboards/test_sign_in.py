"""Sign-in with a real server, a real browser and a provider of the test's own: who sees what, and who sees nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.dashboards import browser, fixture
from tests.dashboards.provider import CLIENT_SECRET, COOKIE_SECRET, Provider, provider, write_auth
from tests.dashboards.test_pages import looks

ROLES = """
roles:
  Vera.Viewer@University.example: viewer
  ann.analyst@university.example: analyst
  dora.duty@university.example: duty
  stella.steward@university.example: steward
"""
NAME, KEY = "Chidi Castillo", "t_0000000000000002"


class Served(NamedTuple):
    """A home that ``muster serve`` serves to people who sign in."""

    home: Path
    address: str
    provider: Provider


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("signed")
    fixture.write_generation(home)
    (home / "muster.yml").write_text(ROLES)
    port = browser.free_port()
    with provider() as found:
        write_auth(home, found.issuer, port)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        # A role in the environment is the local user's alone: nobody who signs in gets it.
        environment |= {"MUSTER_ROLE": "steward", "PYTHONPATH": str(browser.PROJECT)}
        command = [sys.executable, "-m", "pipelines.cli", "serve", "--home", str(home)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(200):
                with contextlib.suppress(httpx.HTTPError):
                    httpx.get(f"{address}/_stcore/health", timeout=2)
                    break
                assert process.poll() is None, process.stdout.read() if process.stdout else ""
                time.sleep(0.2)
            command_line = Path(f"/proc/{process.pid}/cmdline")
            if command_line.exists():
                text = command_line.read_text() + Path(f"/proc/{process.pid}/environ").read_text()
                assert CLIENT_SECRET not in text and COOKIE_SECRET not in text
            yield Served(home, address, found)
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(autouse=True)
def honest(request: pytest.FixtureRequest) -> None:
    if "served" in request.fixturenames:
        found: Provider = request.getfixturevalue("served").provider
        found.person, found.forge, found.spoil = {}, False, lambda claims: claims


def shown(page: Any) -> str:
    browser.settle(page)
    return str(page.locator("body").inner_text())


def sign_in(chromium: Any, served: Served, email: str | None, **claims: Any) -> Any:
    """A page in a browser of its own, after somebody signed in."""
    served.provider.person = ({"email": email} if email else {}) | claims
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(served.address)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("text=/Sign out/", timeout=30_000)
    return page


@pytest.mark.browser
def test_nothing_is_shown_before_sign_in_at_any_address(chromium: Any, served: Served) -> None:
    before = len(looks(served.home))
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(repr(data))))
    for path in ("", f"person?traveller={KEY}", "sql", "now_counts", "analyst"):
        page.goto(f"{served.address}/{path}")
        page.wait_for_selector("text=Please sign in.", timeout=30_000)
        body = page.locator("body").inner_text()
        assert "Kyiv" not in body and NAME not in body and "generation" not in body and "As of" not in body
        assert page.locator("[data-testid=stTopNavLink]").count() == 0
    sent = "".join(frames)
    assert frames and "Castillo" not in sent and "t_00000" not in sent and "Kyiv" not in sent
    assert CLIENT_SECRET not in sent and COOKIE_SECRET not in sent
    assert len(looks(served.home)) == before
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("email", "role", "pages", "names", "keys"),
    [
        ("vera.viewer@university.EXAMPLE", "viewer", 4, False, False),
        ("ANN.Analyst@university.example", "analyst", 9, False, True),
        ("dora.duty@university.example", "duty", 9, True, True),
        ("stella.steward@university.example", "steward", 9, True, True),
    ],
)
def test_each_role_sees_its_own_and_no_more(
    chromium: Any, served: Served, email: str, role: str, pages: int, names: bool, keys: bool
) -> None:
    page = sign_in(chromium, served, email, email_verified=True)
    page.wait_for_selector(f".m-tag:has-text('role {role}')", timeout=30_000)
    body = shown(page)
    assert f"Signed in as {email}" in body and "single local user" not in body
    assert page.locator("[data-testid=stTopNavLink]").count() == pages
    assert (NAME in body) is names and ("tel:" in page.content()) is names
    assert ("t_00000" in page.content()) is keys
    page.goto(f"{served.address}/person?traveller={KEY}")
    page.wait_for_selector("h1", timeout=30_000)
    person = shown(page)
    assert (NAME in person) is names
    assert ("This page is not for your role." in person) is (role == "viewer")
    assert ("Kyiv" in person) is keys
    people = {look["user"] for look in looks(served.home) if look["role"] == role}
    assert people == ({email} if role != "viewer" else set()), "a look is logged with who and role"
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("email", "claims", "said"),
    [
        ("somebody.else@university.example", {"email_verified": True}, "you have no access to Muster"),
        ("dora.duty@university.example", {"email_verified": False}, "has not verified your e-mail address"),
        (None, {"preferred_username": "dora.duty@university.example"}, "told no e-mail address"),
    ],
)
def test_who_may_not_see_gets_one_sentence_and_a_way_out(
    chromium: Any, served: Served, email: str | None, claims: dict[str, Any], said: str
) -> None:
    before, left = len(looks(served.home)), served.provider.signed_out
    page = sign_in(chromium, served, email, **claims)
    body = shown(page)
    assert said in body and "There is nothing for you here." in body
    assert NAME not in body and "As of" not in body and page.locator("[data-testid=stTopNavLink]").count() == 0
    assert len(looks(served.home)) == before
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector("text=Please sign in.", timeout=30_000)
    assert served.provider.signed_out == left + 1
    page.context.close()


@pytest.mark.browser
def test_a_role_that_is_taken_away_is_gone_from_an_open_page(chromium: Any, served: Served) -> None:
    page = sign_in(chromium, served, "dora.duty@university.example")
    page.wait_for_selector(f"text={NAME}", timeout=30_000)
    try:
        (served.home / "muster.yml").write_text(ROLES.replace("example: duty", "example: viewer"))
        page.wait_for_selector("text=How many were at risk", timeout=15_000)
        assert NAME not in shown(page)
        (served.home / "muster.yml").write_text("roles: {}\n")
        page.wait_for_selector("text=you have no access to Muster", timeout=15_000)
        (served.home / "muster.yml").write_text("roles: [dora.duty@university.example\n")
        page.wait_for_selector("text=Who may see what cannot be read", timeout=15_000)
        assert "dora" not in page.locator("[data-testid=stMain]").inner_text()
    finally:
        (served.home / "muster.yml").write_text(ROLES)
    page.context.close()


def callback(served: Served, **claims: Any) -> httpx.Response:
    """The way of a browser through sign-in; the last answer before the dashboard's own page."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    served.provider.person = {"email": "dora.duty@university.example"} | claims
    asked = {"provider": "default", "exp": int(time.time()) + 60}
    start = jwt.encode({"alg": "HS256"}, asked, OctKey.import_key(COOKIE_SECRET))
    with httpx.Client(timeout=20) as client:
        answer = client.get(f"{served.address}/auth/login", params={"provider": start})
        while answer.next_request and answer.next_request.url.path != "/":
            answer = client.send(answer.next_request)
        return answer


def is_signed_in(answer: httpx.Response) -> bool:
    cookie = answer.cookies.get("_streamlit_user") or ""
    return len(cookie) > 60


def test_a_token_that_the_provider_did_not_sign_for_us_signs_nobody_in(served: Served) -> None:
    assert is_signed_in(callback(served))
    found = served.provider
    found.forge = True
    assert not is_signed_in(callback(served)), "signed by a stranger"
    found.forge = False
    for wrong in ({"aud": "another"}, {"iss": "http://evil.example"}, {"exp": 1}, {"nonce": "another"}):
        found.spoil = lambda claims, wrong=wrong: claims | wrong
        assert not is_signed_in(callback(served)), wrong
