"""``muster check-config``: everything that can be known to be wrong before a run, in one list."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.commands.serving import ADDRESS
from pipelines.errors import MusterError
from pipelines.permissions import check_every_file
from pipelines.privacy import SECRET_BYTES, secret_path
from pipelines.settings import Home, load_settings
from pipelines.sign_in import auth_path, load_sign_in
from pipelines.tables import print_rows


def check(home: Home, output_format: str) -> None:
    """Print one line a check; raises MusterError after the list if any failed."""
    home.require()
    rows = [
        ("settings", *_outcome(lambda: _settings(home))),
        ("contracts", *_outcome(lambda: _contracts(home))),
        ("policy", *_outcome(lambda: _policy(home))),
        ("places", *_outcome(lambda: _places(home))),
        ("decisions", *_outcome(lambda: _decisions(home))),
        ("permissions", *_outcome(lambda: _permissions(home))),
        ("secret", *_outcome(lambda: _secret(home))),
        ("mail", *_outcome(lambda: _mail(home))),
        ("access log", *_outcome(lambda: _access_log(home))),
        ("sign-in", *_outcome(lambda: _sign_in(home))),
        ("address", "ok", f"the dashboard listens on {ADDRESS} alone"),
    ]
    print_rows(("check", "result", "detail"), rows, output_format)
    failed = [name for name, result, _ in rows if result != "ok"]
    if failed:
        raise MusterError(f"The configuration of {home.root} is not in order: {', '.join(failed)}.")


def _outcome(run: Callable[[], str]) -> tuple[str, str]:
    try:
        return "ok", run()
    except MusterError as error:
        return "failed", str(error)


def _settings(home: Home) -> str:
    load_settings(home)
    return str(home.settings_file) if home.settings_file.exists() else "no muster.yml: the defaults hold"


def _contracts(home: Home) -> str:
    from pipelines.contracts import load_contracts

    contracts = load_contracts(home, load_settings(home))
    return f"{len(contracts)} feeds: {', '.join(sorted(contracts))}"


def _policy(home: Home) -> str:
    from pipelines.policy import load_policy, policy_path

    policy = load_policy(policy_path(home, load_settings(home)))
    return f"{policy.title or policy.policy}: {len(policy.rules)} rules"


def _places(home: Home) -> str:
    path = home.root / "places.csv"
    if not path.exists():
        return "no places.csv: the shipped names hold"
    import duckdb

    from pipelines.places import load_reference

    with duckdb.connect() as con:
        load_reference(con, home)
    return str(path)


def _decisions(home: Home) -> str:
    from pipelines import decisions

    count = len(decisions.read(home)) + len(decisions.read_policy(home))
    return f"{count:,} kept" if count else "none yet"


def _permissions(home: Home) -> str:
    check_every_file(home)
    return "for the owner alone"


def _secret(home: Home) -> str:
    path = secret_path(home)
    if not path.exists():
        return "none yet; the first run makes it"
    if path.stat().st_size != SECRET_BYTES:
        raise MusterError(f"{path} is damaged; restore it from a backup")
    return str(path)


def _mail(home: Home) -> str:
    from pipelines.reports import sending

    if load_settings(home).smtp is None:
        return "no mail server: reports are drafts"
    found = sending.server(home)
    return f"{found.name} to {len(found.settings.recipients)} recipients; nothing is asked of it here"


def _access_log(home: Home) -> str:
    from pipelines.access_log import log_path, verify

    verdict = verify(home)
    if verdict.problem:
        raise MusterError(verdict.problem.rstrip("."))
    return "its chain holds" if log_path(home).exists() else "no look at names yet"


def _sign_in(home: Home) -> str:
    roles = load_settings(home).roles
    if load_sign_in(home) is None:
        return "none: the dashboard has a single local user"
    if not roles:
        raise MusterError(f"{auth_path(home)} asks people to sign in, but muster.yml gives nobody a role")
    counts = {role: sum(one == role for one in roles.values()) for role in sorted(set(roles.values()))}
    return ", ".join(f"{number} {role}" for role, number in counts.items())
