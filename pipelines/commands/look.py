"""``muster who``: the question in words, the answer on the screen."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from typing import Any

from pipelines.errors import UsageError
from pipelines.instants import parse_instant
from pipelines.presence import Near
from pipelines.settings import Home, load_settings
from pipelines.tables import FORMATS, print_rows
from pipelines.who import LEVEL_NAMES, NOT_KNOWN, Answer, Question, who

# Column of the answer -> heading on the screen; the rest is for CSV and JSON.
_HEADINGS = {
    "risk_level": "level",
    "traveller_id": "traveller",
    "full_name": "name",
    "mobile_phone": "phone",
    "place_name": "place",
    "country_code": "country",
    "since_at": "since (UTC)",
    "until_at": "until (UTC)",
    "presence": "presence",
    "rating_status": "rating",
    "evacuation_status": "evacuation",
}
_FIRST = (
    "level",
    "name",
    "phone",
    "place",
    "country",
    "since (UTC)",
    "until (UTC)",
    "presence",
    "evacuation",
)
"""What a block of lines begins with, where the terminal is too narrow for a table."""


@dataclasses.dataclass(frozen=True)
class WhoOptions:
    """The options of ``muster who`` as they were typed."""

    at: str | None = None
    from_: str | None = None
    to: str | None = None
    min_level: int | None = None
    country: str | None = None
    near: str | None = None
    include: str | None = None


def show_who(home: Home, role: str, options: WhoOptions, output_format: str) -> None:
    """Answer and print; nothing is printed where the access log cannot be written."""
    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    settings = load_settings(home.require())
    answer = who(home, role, _question(options, settings.office_timezone))
    if output_format == "table":
        columns, rows = _for_screen(answer, sys.stdout.isatty())
        print_rows(
            columns,
            rows,
            output_format,
            title=answer.title,
            notes=answer.notes,
            first=_FIRST,
            spare=_spare(columns, rows),
        )
    else:
        print_rows(answer.columns, answer.rows, output_format, notes=[answer.title, *answer.notes])


def _question(options: WhoOptions, timezone: str) -> Question:
    def instant(text: str | None, option: str) -> datetime.datetime | None:
        return None if text is None else parse_instant(text, timezone, option)

    return Question(
        at=instant(options.at, "--at"),
        from_at=instant(options.from_, "--from"),
        to_at=instant(options.to, "--to"),
        min_level=options.min_level,
        country_code=options.country,
        near=_near(options.near) if options.near else None,
        include=tuple(part.strip().lower() for part in (options.include or "").split(",") if part.strip()),
    )


def _near(text: str) -> Near:
    try:
        latitude, longitude, radius_km = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--near '{text}' is not LAT,LON,KM; write it like -1.29,36.82,50.") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180 and 0 < radius_km <= 20_100):
        raise UsageError("--near takes a latitude of -90 to 90, a longitude of -180 to 180 and a radius above 0 km.")
    return Near(latitude, longitude, radius_km)


def _spare(columns: list[str], rows: list[list[Any]]) -> list[str]:
    """What a narrow table may leave out: columns without a value, and the key beside a name."""
    empty = [name for index, name in enumerate(columns) if rows and all(row[index] in (None, "") for row in rows)]
    return empty + (["traveller", "rating"] if "name" in columns else ["rating"])


def _for_screen(answer: Answer, is_terminal: bool) -> tuple[list[str], list[list[Any]]]:
    shown = [name for name in answer.columns if name in _HEADINGS]
    rows = []
    for row in answer.rows:
        values = dict(zip(answer.columns, row, strict=True))
        rows.append([_cell(name, values) for name in shown])
        # A person of whom a contact is held; of anybody else nothing is known here, a phone may well exist.
        if is_terminal and values.get("mobile_phone") is None and (values.get("full_name") or values.get("email")):
            rows[-1][shown.index("mobile_phone")] = "no phone"
    return [_HEADINGS[name] for name in shown], rows


def _cell(name: str, values: dict[str, Any]) -> Any:
    value = values[name]
    if name == "risk_level":
        if value is None:
            return NOT_KNOWN
        return f"{value} {LEVEL_NAMES.get(value, '')}"
    if name == "until_at":
        return "open" if value is None else _short(value)
    if name == "since_at":
        return _short(value)
    if name == "presence" and values["weight"] is not None and values["weight"] < 1:
        return f"{value} (1/{round(1 / values['weight'])})"
    if name == "country_code" and value is None:
        return NOT_KNOWN
    return value


def _short(value: datetime.datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}"
