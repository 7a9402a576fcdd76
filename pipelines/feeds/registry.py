"""The formats that a contract's ``format`` may name besides ``csv``, and where each one's reader is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from pipelines.feeds.record import Reader


@dataclass(frozen=True)
class Format:
    """A named reader: where its code is, and how large a file it takes."""

    module: str
    """Module with a function ``read`` that is a Reader."""
    version: int
    """Raised whenever the same bytes would be read differently; staged files are then made anew."""
    max_bytes: int


FORMATS: dict[str, Format] = {
    "advice_australia": Format("pipelines.feeds.advice_australia", version=1, max_bytes=64 * 1024 * 1024),
    "advice_canada": Format("pipelines.feeds.advice_canada", version=1, max_bytes=64 * 1024 * 1024),
    "advice_united_kingdom": Format("pipelines.feeds.advice_united_kingdom", version=1, max_bytes=64 * 1024 * 1024),
    "advice_united_states": Format("pipelines.feeds.advice_united_states", version=1, max_bytes=64 * 1024 * 1024),
    "itinerary": Format("pipelines.feeds.itinerary", version=3, max_bytes=10 * 1024 * 1024),
}


def reader(name: str) -> Reader:
    """The reader of a format; its module, and the libraries that it needs, are imported on first use."""
    found: Reader = import_module(FORMATS[name].module).read
    return found
