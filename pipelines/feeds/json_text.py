"""JSON of a stranger, walked element by element, so that each record keeps the bytes that it came from (F1)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from pipelines.landing.text import GateError

MAX_BYTES = 64 * 1024 * 1024
ENVELOPE = "muster_fetched_at"
"""First member of what ``muster fetch`` wraps an answer in; ``answer`` holds it as it was received."""

_SPACE = re.compile(r"[ \t\r\n]*")
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<script")


def gate(data: bytes) -> str:
    """The text of a file; raises GateError where it is empty, too large, a web page or no UTF-8 (F3)."""
    if len(data) > MAX_BYTES:
        raise GateError(f"it is larger than {MAX_BYTES // 1024**2} MB")
    head = data[:4096].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if not head:
        raise GateError("the file is empty")
    if head.startswith(_MARKUP):
        raise GateError("it is a web page (HTML), not the provider's data; a challenge page may have been saved")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GateError("it is not valid text in the encoding utf-8") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class JsonText:
    """A JSON text with the positions of its members and elements."""

    def __init__(self, data: bytes) -> None:
        """Check the whole text first; raises GateError where it is no JSON, cut short, or nested beyond reason."""
        self.text = gate(data)
        self._is_ascii = self.text.isascii()
        self._characters = self._bytes = self._counted = 0
        self._line = 1
        self._decoder = json.JSONDecoder(parse_constant=_no_constant)
        try:
            json.loads(self.text.removeprefix("\ufeff"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise GateError("it is no whole JSON text; it may have been cut short") from error
        self.root = self._skip(1 if self.text.startswith("\ufeff") else 0)
        if self.text.startswith("{", self.root):
            names = {name: position for name, position, _ in self.members(self.root)}
            if ENVELOPE in names and "answer" in names:
                self.root = names["answer"]

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        return match.end() if match else position

    def is_object(self, position: int) -> bool:
        """Whether the value at a position is an object."""
        return self.text.startswith("{", position)

    def is_array(self, position: int) -> bool:
        """Whether the value at a position is an array."""
        return self.text.startswith("[", position)

    def value(self, position: int) -> tuple[Any, int]:
        """The value at a position and the position after it."""
        return self._decoder.raw_decode(self.text, position)

    def members(self, position: int) -> Iterator[tuple[str, int, int]]:
        """Name, start and end of each member's value of the object at a position."""
        position = self._skip(position + 1)
        while not self.text.startswith("}", position):
            name, after = self.value(position)
            start = self._skip(self._skip(after) + 1)
            _, end = self.value(start)
            yield str(name), start, end
            position = self._skip(end)
            if self.text.startswith(",", position):
                position = self._skip(position + 1)

    def elements(self, position: int) -> Iterator[tuple[int, int]]:
        """Start and end of each element of the array at a position."""
        position = self._skip(position + 1)
        while not self.text.startswith("]", position):
            _, end = self.value(position)
            yield position, end
            position = self._skip(end)
            if self.text.startswith(",", position):
                position = self._skip(position + 1)

    def place_of(self, start: int, end: int) -> tuple[int, int, int]:
        """First byte, byte after the last, and line of a stretch; stretches must be asked for in order."""
        self._line += self.text.count("\n", self._counted, start)
        self._counted = start
        return self._byte(start), self._byte(end), self._line

    def _byte(self, position: int) -> int:
        if self._is_ascii:
            return position
        self._bytes += len(self.text[self._characters : position].encode())
        self._characters = position
        return self._bytes


def text_of(value: Any, limit: int = 300) -> str | None:
    """A JSON value as the text of a field: None for null and empty text; other types as short JSON, never guessed."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())[:limit] or None
