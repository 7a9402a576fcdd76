"""``muster fetch ratings``: public travel advice into the inbox; one sentence a provider."""

from __future__ import annotations

from pipelines.contracts import load_contracts
from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home, load_settings
from pipelines.tables import print_rows, require_format

ALL = "all"


def fetch_ratings(home: Home, provider: str, output_format: str = "table") -> None:
    """Download one provider's advice, or that of all; what one refuses does not keep the others from coming.

    Raises UsageError for an unknown provider and MusterError naming every provider that gave nothing usable.
    """
    from pipelines.fetch import SOURCES, fetch_ratings

    require_format(output_format)
    wanted = sorted(SOURCES) if provider == ALL else [provider]
    if any(each not in SOURCES for each in wanted):
        raise UsageError(f"There is no provider '{provider}'; choose one of {', '.join(sorted(SOURCES))} or {ALL}.")
    contracts = load_contracts(home.require(), load_settings(home))
    refusals, rows = [], []
    for each in wanted:
        feed = f"advice_{each}"
        if contracts[feed].format != feed:
            found = contracts[feed].format
            refusals.append(f"{each}: nothing was asked for, because this home's contract of {feed} reads {found}.")
            continue
        try:
            fetched = fetch_ratings(home, each)
        except MusterError as error:
            refusals.append(str(error))
            continue
        file = str(fetched.path.relative_to(home.root))
        if output_format != "table":
            rows.append((each, fetched.countries, file, fetched.note))
            continue
        note = f" ({fetched.note})" if fetched.note else ""
        print(
            f"{each}: {fetched.countries} countries in {file}{note}; 'muster run' takes them over.",
            flush=True,
        )
    if output_format != "table":
        print_rows(("provider", "countries", "file", "note"), rows, output_format)
    if refusals:
        raise MusterError(" ".join(refusals))
