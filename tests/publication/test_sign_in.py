"""The home's ``auth.toml`` and ``roles``: what is refused, and what reaches the server's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.commands import serving
from pipelines.errors import MusterError
from pipelines.settings import Home, Settings, load_settings
from pipelines.sign_in import load_sign_in, role_of

GOOD = {
    "redirect_uri": "https://muster.university.example/oauth2callback",
    "cookie_secret": "c" * 40,
    "client_id": "client-4711",
    "client_secret": "do-not-tell",
    "server_metadata_url": "https://login.university.example/.well-known/openid-configuration",
}


def write(home: Home, lines: dict[str, str], mode: int = 0o600) -> Path:
    path = home.root / "auth.toml"
    path.write_text("[auth]\n" + "".join(f'{name} = "{value}"\n' for name, value in lines.items()))
    path.chmod(mode)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Home:
    return Home(tmp_path).prepare()


def test_a_home_without_the_file_has_a_single_local_user(bare: Home) -> None:
    assert load_sign_in(bare) is None
    flags = serving.flags(bare, 8600)
    assert f"--secrets.files={bare.root / 'auth.toml'}" in flags and "--server.address=127.0.0.1" in flags
    assert "--server.allowedHosts=127.0.0.1" in flags and len([f for f in flags if "allowedHosts" in f]) == 2


def test_the_command_line_holds_no_secret(bare: Home) -> None:
    write(bare, GOOD)
    sign_in = load_sign_in(bare)
    assert sign_in and sign_in.port is None and sign_in.address == "https://muster.university.example"
    flags = serving.flags(bare, 8600, sign_in)
    assert "--server.allowedHosts=muster.university.example" in flags and "--server.address=127.0.0.1" in flags
    assert not any(GOOD[name] in flag for flag in flags for name in ("cookie_secret", "client_secret", "client_id"))
    assert GOOD["client_secret"] not in repr(sign_in) and GOOD["cookie_secret"] not in repr(sign_in)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_read_is_refused(mode: int, bare: Home) -> None:
    write(bare, GOOD, mode)
    with pytest.raises(MusterError, match="chmod 600"):
        load_sign_in(bare)
    with pytest.raises(MusterError, match="chmod 600"):
        serving.serve(bare, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"redirect_uri": "http://muster.university.example/oauth2callback"}, "https://"),
        ({"redirect_uri": "https://muster.university.example/"}, "/oauth2callback"),
        ({"redirect_uri": "http://localhost:port/oauth2callback"}, "port"),
        ({"server_metadata_url": "http://login.university.example/x"}, "https://"),
        ({"cookie_secret": "short-secret"}, "32"),
        ({"client_id": ""}, "client_id"),
        ({"expose_tokens": "access"}, "no such setting"),
    ],
)
def test_a_wrong_file_is_one_sentence_without_its_values(change: dict[str, str], said: str, bare: Home) -> None:
    write(bare, GOOD | change)
    with pytest.raises(MusterError, match=said) as problem:
        load_sign_in(bare)
    assert "do-not-tell" not in str(problem.value) and "short-secret" not in str(problem.value)


def test_what_is_no_such_file_is_refused(bare: Home, tmp_path: Path) -> None:
    path = bare.root / "auth.toml"
    for content in ("[auth\nclient_secret = 'do-not-tell", "[other]\na = 1\n", "auth = 1\n", ""):
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(MusterError) as problem:
            load_sign_in(bare)
        assert "do-not-tell" not in str(problem.value)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(MusterError, match="no link"):
        load_sign_in(bare)


def test_sign_in_without_anybody_listed_is_not_served(bare: Home) -> None:
    write(bare, GOOD)
    with pytest.raises(MusterError, match="gives nobody a role"):
        serving.serve(bare, None)


def test_a_port_that_the_provider_does_not_know_is_refused(bare: Home) -> None:
    write(bare, GOOD | {"redirect_uri": "http://localhost:8733/oauth2callback"})
    bare.settings_file.write_text("roles: {a@university.example: duty}\n")
    with pytest.raises(MusterError, match="names port 8733"):
        serving.serve(bare, 8734)


@pytest.mark.parametrize(
    "lines", ["a@b.example: duty, A@B.example: viewer", "nobody: duty", "'@': duty", "a@b.c: king"]
)
def test_roles_that_cannot_be_meant_are_refused(lines: str, bare: Home) -> None:
    bare.settings_file.write_text("roles: {" + lines + "}\n")
    with pytest.raises(MusterError, match="roles"):
        load_settings(bare)


def test_who_may_look_changes_nothing_that_is_published() -> None:
    listed = Settings(roles={"Ann@b.example": "viewer"})
    assert listed.sha256() == Settings().sha256()
    assert role_of("ann@B.example ", listed.roles) == "viewer" and role_of("ann@c.example", listed.roles) is None
