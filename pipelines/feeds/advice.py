"""What the readers of governments' travel advice share: texts, dates, and the codes that they publish.

Every reader gives rows of the table ``ratings`` without ``valid_from``: a file is a full statement of what holds when
it is received, ``published_at`` is what the provider says of its date. A level that is absent, null or of another type
is given as it stands, so that it maps to nothing and is a fault; it is never read as low (F4).
"""

from __future__ import annotations

import csv
import functools
import html
import re
from datetime import UTC, datetime
from typing import Any

from pipelines.settings import REFERENCE

_TAG = re.compile(r"<[^<>]{0,500}>")
_EARLIEST, _LATEST = 0, 4_102_444_800
_MAX_TEXT = 300


def words(value: Any) -> str | None:
    """A published text without tags and entities; None where it is none or empty."""
    if not isinstance(value, str):
        return None
    plain = html.unescape(_TAG.sub(" ", value[:4000])).replace("\u00a0", " ")
    return " ".join(plain.split())[:_MAX_TEXT] or None


def instant_of_epoch(value: Any) -> str | None:
    """Seconds since 1970 as an ISO instant in UTC; None where it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int) or not _EARLIEST < value < _LATEST:
        return None
    return datetime.fromtimestamp(value, UTC).isoformat()


def instant_with_offset(value: Any) -> str | None:
    """An ISO instant that has an offset; a text without one says nothing reliable and gives None."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None or not 1970 < moment.year < 2200:
        return None
    return moment.astimezone(UTC).isoformat()


def row(provider: str, place: str | None, level: str | None, **others: str | None) -> dict[str, str]:
    """A row of ratings of one country; columns without a text are left out."""
    columns = {"provider": provider, "category": "overall", "place_type": "country", "place": place, "level": level}
    return {name: text for name, text in (columns | others).items() if text is not None}


@functools.cache
def country_of_fips() -> dict[str, str]:
    """FIPS 10-4 country code to ISO 3166-1 alpha-2: two systems that share most codes and few meanings."""
    with (REFERENCE / "fips_countries.csv").open(encoding="utf-8", newline="") as file:
        return {line["fips_code"]: line["country_code"] for line in csv.DictReader(file)}
