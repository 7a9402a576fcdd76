"""Downloads of governments' travel advice: the only outside request that Muster makes, and only when it is asked to.

What comes is hostile until it has been read: only https, no redirect to another host, a limit of bytes and of seconds,
the provider's own format, and no fewer countries than the provider has long rated. An answer that fails in any of this
is refused as a whole, so that the last good copy stays in force (F4). Nothing of the home is sent.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx
import tenacity

from pipelines.errors import MusterError, UsageError
from pipelines.feeds.json_text import ENVELOPE
from pipelines.feeds.registry import reader
from pipelines.landing.store import write_atomically
from pipelines.landing.text import GateError
from pipelines.settings import REFERENCE, Home

ATTEMPTS = 4
MAX_BYTES = 20 * 1024 * 1024
MAX_DOCUMENTS = 400
MAX_SECONDS = 60.0
"""For one answer from its first byte to its last, however slowly it drips."""
LEAST_READABLE = 0.9
"""Share of the records that must carry a level of the provider's scale."""
LOST_DOCUMENTS = 5
"""Documents of a provider with one a country that may be missing; such countries keep their level, stale."""
_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Source:
    """Where a provider publishes its advice, and the fewest countries that a whole answer has."""

    urls: tuple[str, ...]
    """Tried in this order; a later one only where those before were refused."""
    least_countries: int
    ending: tuple[str, ...]


SOURCES: dict[str, Source] = {
    "australia": Source(("https://www.smartraveller.gov.au/destinations-export",), 140, (".json",)),
    "canada": Source(("https://data.international.gc.ca/travel-voyage/index-alpha-eng.json",), 180, (".json",)),
    "united_kingdom": Source(("https://www.gov.uk/api/content/foreign-travel-advice",), 180, (".json",)),
    "united_states": Source(
        ("https://cadataapi.state.gov/api/TravelAdvisories", "https://travel.state.gov/_res/rss/TAsTWs.xml"),
        150,
        (".json", ".xml"),
    ),
}
"""Providers with a published format of their own."""

_DOCUMENT = re.compile(r"^/foreign-travel-advice/[a-z0-9-]{1,80}$")


class RefusedError(Exception):
    """An answer that is not used; the message says why, in words."""


class _PassingError(Exception):
    """A failure that may pass: worth asking again."""


@dataclass(frozen=True)
class Fetched:
    """One file that was put into the inbox."""

    provider: str
    path: Path
    countries: int
    byte_count: int
    note: str | None = None
    """What the reader of the summary should know, such as that the second source answered."""


@dataclass(frozen=True)
class Options:
    """What tests and unusual networks change."""

    base_url: str | None = None
    """Stands for scheme, host and port of every address."""
    pause_seconds: float = 1.0
    """Before the second attempt; doubled before each later one."""
    max_bytes: int = MAX_BYTES
    max_seconds: float = MAX_SECONDS


def fetch_ratings(home: Home, provider: str, options: Options | None = None) -> Fetched:
    """Download a provider's current advice into ``inbox/advice_<provider>``.

    Raises UsageError where there is no such provider, MusterError where its answers were refused; the inbox then is
    as before.
    """
    if provider not in SOURCES:
        raise UsageError(f"There is no provider '{provider}'; choose one of {', '.join(sorted(SOURCES))} or all.")
    options = options or Options(base_url=os.environ.get("MUSTER_FETCH_BASE_URL"))
    source = SOURCES[provider]
    refusals: list[str] = []
    for url, ending in zip(source.urls, source.ending, strict=True):
        address = _address(url, options.base_url)
        fetched_at = datetime.now(UTC)
        try:
            data = _download(provider, address, fetched_at, options)
            countries = _check(provider, data, source.least_countries)
        except RefusedError as refusal:
            refusals.append(f"{httpx.URL(address).host} {refusal}")
            continue
        path = _put(home, provider, data, ending, fetched_at)
        note = f"from the second source, because {refusals[0]}" if refusals else None
        return Fetched(provider, path, countries, len(data), note)
    raise MusterError(
        f"{provider}: nothing was taken over, because {'; '.join(refusals)}. The last good copy stays in force; "
        "try again later."
    )


def _address(url: str, base_url: str | None) -> str:
    """The address to ask; https but for a server on this machine."""
    address = httpx.URL(url)
    if base_url:
        base = httpx.URL(base_url)
        address = address.copy_with(scheme=base.scheme, host=base.host, port=base.port)
    if address.scheme != "https" and address.host not in _LOCAL:
        raise UsageError(f"The address of travel advice must begin with https, not {address.scheme or 'nothing'}.")
    return str(address)


def _same_server(origin: httpx.URL) -> Callable[[httpx.Request], None]:
    def check(request: httpx.Request) -> None:
        if (request.url.scheme, request.url.host, request.url.port) != (origin.scheme, origin.host, origin.port):
            raise RefusedError("redirects to another server")

    return check


def _client(address: str) -> httpx.Client:
    return httpx.Client(
        headers={"User-Agent": f"muster/{version('muster')}", "Accept": "application/json, application/rss+xml;q=0.9"},
        timeout=httpx.Timeout(20, connect=10),
        follow_redirects=True,
        max_redirects=3,
        event_hooks={"request": [_same_server(httpx.URL(address))]},
    )


def _get(client: httpx.Client, address: str, options: Options) -> bytes:
    """One answer's bytes, asked for again while the failure may pass; raises RefusedError."""
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=options.pause_seconds, max=30),
        retry=tenacity.retry_if_exception_type(_PassingError),
        reraise=True,
    )
    try:
        return retrying(_ask, client, address, options)
    except _PassingError as failure:
        raise RefusedError(f"{failure}, {ATTEMPTS} times in a row") from failure


def _ask(client: httpx.Client, address: str, options: Options) -> bytes:
    began = time.monotonic()
    try:
        with client.stream("GET", address) as response:
            if response.status_code == 429 or response.status_code >= 500:
                raise _PassingError(f"answers with status {response.status_code}")
            if response.status_code != 200:
                raise RefusedError(f"answers with status {response.status_code}")
            if response.headers.get("content-type", "").split(";")[0].strip().lower() == "text/html":
                raise RefusedError("answers with a web page, not with data")
            blocks, size = [], 0
            for block in response.iter_bytes():
                size += len(block)
                blocks.append(block)
                if size > options.max_bytes:
                    raise RefusedError(f"sends more than {options.max_bytes // 1024**2} MB")
                if time.monotonic() - began > options.max_seconds:
                    raise RefusedError(f"takes longer than {options.max_seconds:.0f} s")
    except httpx.TimeoutException as error:
        raise _PassingError("does not answer in time") from error
    except httpx.TooManyRedirects as error:
        raise RefusedError("redirects without end") from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise _PassingError(f"cannot be reached or breaks off ({type(error).__name__})") from error
    return b"".join(blocks)


def _download(provider: str, address: str, fetched_at: datetime, options: Options) -> bytes:
    """The file as it is to land: the answer as received, marked with the instant of the download.

    The mark makes each download a file of its own: an answer without news would otherwise land as the bytes of an
    earlier one (F2), and the feed would grow stale although the provider was heard.
    """
    stamp = fetched_at.isoformat(timespec="seconds").encode()
    with _client(address) as client:
        if provider == "united_kingdom":
            answer = _documents(client, address, options)
        else:
            answer = _get(client, address, options).strip()
    if answer[:1] == b"<":
        return answer + b"\n<!-- fetched at " + stamp + b" -->\n"
    return b'{"' + ENVELOPE.encode() + b'": "' + stamp + b'", "answer": ' + answer + b"}\n"


def _documents(client: httpx.Client, address: str, options: Options) -> bytes:
    """The documents that the index of the GOV.UK content API lists, as one JSON array."""
    try:
        children = json.loads(_get(client, address, options))["links"]["children"]
        paths = [child["base_path"] for child in children]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedError("answers without a list of countries") from error
    if not all(isinstance(path, str) and _DOCUMENT.match(path) for path in paths) or len(paths) > MAX_DOCUMENTS:
        raise RefusedError("lists addresses that are no countries' travel advice")
    prefix = address.removesuffix("/foreign-travel-advice")

    def document(path: str) -> bytes | RefusedError:
        try:
            data = _get(client, prefix + path, options)
            json.loads(data)
        except RefusedError as refusal:
            return refusal
        except (ValueError, RecursionError):
            return RefusedError("sends a document that is no whole JSON")
        return data.strip()

    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(document, dict.fromkeys(paths)))
    lost = [answer for answer in answers if isinstance(answer, RefusedError)]
    if len(lost) > LOST_DOCUMENTS:
        raise RefusedError(f"gave {len(lost)} of {len(answers)} documents not, the first because it {lost[0]}")
    return b"[" + b",\n".join(answer for answer in answers if isinstance(answer, bytes)) + b"]"


@functools.cache
def _scale(provider: str) -> frozenset[str]:
    """The native levels of a provider that the published table maps (R5)."""
    with (REFERENCE / "rating_scales.csv").open(encoding="utf-8", newline="") as file:
        return frozenset(line["native_level"] for line in csv.DictReader(file) if line["provider"] == provider)


def _check(provider: str, data: bytes, least: int) -> int:
    """How many countries the file rates; raises RefusedError where it is not the whole advice."""
    try:
        records = list(reader(f"advice_{provider}")(data))
    except GateError as error:
        raise RefusedError(f"sent what cannot be used: {error}") from error
    rated = [
        row["place"] for record in records for row in record.rows if row.get("level", "").lower() in _scale(provider)
    ]
    countries = len(set(rated))
    if countries < least:
        raise RefusedError(f"rates {countries} countries, fewer than the {least} that a whole answer has")
    if len(rated) < LEAST_READABLE * len(records):
        raise RefusedError(f"sent {len(records)} records of which only {len(rated)} carry a level of its scale")
    return countries


def _put(home: Home, provider: str, data: bytes, ending: str, fetched_at: datetime) -> Path:
    folder = home.inbox / f"advice_{provider}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = f"{provider}-{fetched_at:%Y%m%dT%H%M%SZ}"
    names = (f"{stem}{suffix}{ending}" for suffix in ("", *(f"-{number}" for number in range(2, 100))))
    path = next(folder / name for name in names if not (folder / name).exists())
    write_atomically(path, data)
    return path
