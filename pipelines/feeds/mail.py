"""E-mails as saved (.eml): the parts that may hold reservations, and who wrote to whom.

Headers are read with the parser that guesses least. Nothing is written anywhere, so a file name in an attachment is
never used for more than its ending.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime

from pipelines.feeds.reservation import Correspondence, Person
from pipelines.landing.text import GateError

_MAX_PARTS = 200
_MAX_DEPTH = 12
_MAX_LINES = 300_000
_MAX_HEADER = 2000
_SENDERS = ("Resent-From", "From", "Resent-To", "Delivered-To", "To")
_ENDINGS = {".ics": "calendar", ".json": "json", ".html": "html", ".htm": "html", ".eml": "mail"}
_TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/calendar": "calendar",
    "application/ics": "calendar",
    "application/json": "json",
    "application/ld+json": "json",
}


@dataclass(frozen=True)
class Part:
    """One part of a message that may hold reservations."""

    kind: str
    """html, calendar or json."""
    data: bytes
    charset: str | None


def read_mail(data: bytes) -> tuple[list[Part], Correspondence]:
    """The parts of a message and of those within it, and the correspondence; raises GateError where it is none."""
    if data.count(b"\n") > _MAX_LINES:
        raise GateError(f"it has more than {_MAX_LINES} lines, which no e-mail of an itinerary has")
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(data)
        parts: list[Part] = []
        people: list[Person] = []
        _walk(message, parts, people, 0, [0])
        return parts, Correspondence(tuple(dict.fromkeys(people)), _sent_at(message))
    except (MessageError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise GateError("it is an e-mail that is damaged or cut short") from error


def _walk(message: Message, parts: list[Part], people: list[Person], depth: int, count: list[int]) -> None:
    count[0] += 1
    if count[0] > _MAX_PARTS or depth > _MAX_DEPTH:
        raise GateError("it is an e-mail of more parts than an itinerary has")
    if depth == 0 or message.get("From") is not None:
        people += _people(message)
    if message.is_multipart():
        payload = message.get_payload()
        for inner in payload if isinstance(payload, list) else []:
            if isinstance(inner, Message):
                _walk(inner, parts, people, depth + 1, count)
        return
    kind = _kind(message)
    if kind is None:
        return
    payload = message.get_payload(decode=True)
    if isinstance(payload, bytes) and payload.strip():
        if kind == "mail":  # attached as a file
            _walk(BytesParser(policy=policy.compat32).parsebytes(payload), parts, people, depth + 1, count)
            return
        parts.append(Part(kind, payload, _charset(message)))


def _kind(message: Message) -> str | None:
    name = str(message.get_filename() or "").lower()[-10:]
    by_ending = next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)
    return _TYPES.get(message.get_content_type()) or by_ending


def _charset(message: Message) -> str | None:
    try:
        charset = str(message.get_content_charset() or "")
        "".encode(charset)
    except (LookupError, UnicodeError, ValueError):
        return None
    return charset or None


def _header(message: Message, name: str) -> str:
    raw = str(message.get(name) or "")[:_MAX_HEADER]
    parts: list[str] = []
    for text, charset in decode_header(raw):
        if isinstance(text, str):
            parts.append(text)
            continue
        try:
            parts.append(text.decode(charset or "utf-8", "replace"))
        except LookupError:
            parts.append(text.decode("utf-8", "replace"))
    return "".join(parts)


def _people(message: Message) -> list[Person]:
    found: list[Person] = []
    for name in _SENDERS:
        addresses = getaddresses([str(message.get(name) or "")[:_MAX_HEADER]])
        for display, email in addresses[:5]:
            if "@" in email:
                found.append(Person(_decoded(display), email))
    return found


def _decoded(text: str) -> str:
    holder = Message()
    holder["Name"] = text.replace("\n", " ").replace("\r", " ")
    return _header(holder, "Name").strip()


def _sent_at(message: Message) -> str:
    try:
        sent = parsedate_to_datetime(str(message.get("Date") or "")[:_MAX_HEADER])
        sent = sent.astimezone(UTC) if sent.tzinfo else sent.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    return sent.strftime("%Y-%m-%dT%H:%M:%SZ") if 1980 <= sent.year < 2200 else ""
