"""The text of a railway connection as the timetable system of many European railways writes it into calendar files.

Lines alternate between departure and arrival, in the traveller's language:
``ab 10:26 Frankfurt(Main)Hbf - Gleis 19 (ICE   16)`` and ``an 11:33 Köln Hbf - Gleis 6``. A newer form gives the train
in a line of its own before them.
"""

from __future__ import annotations

import re
from datetime import timedelta

from pipelines.feeds.moments import Moment
from pipelines.feeds.reservation import Leg

_STOP = re.compile(r"\W{0,3}[^\W\d]{2,6}\.?[ ]+(\d{1,2}):(\d{2})[ ]+(\S.{0,120})")
_TRAIN = re.compile(r"\(([A-Z][A-Za-z]{0,4} *\d{1,6})\)\s*$")
_TRAIN_LINE = re.compile(r"([A-Z][A-Za-z]{0,4} +\d{1,6})(?: \(\d+\))?\s*")
_PLATFORM = re.compile(r"\s+-\s.*$|\s*▷.*$|\s+\([^()]*\)\s*$")
_MAX_LINES = 400


def connection_legs(description: str, first: Moment) -> list[Leg]:
    """The legs of a connection that begins on the date of ``first``; none where the text is no such connection."""
    if first.wall is None:
        return []
    day = first.wall.replace(hour=0, minute=0, second=0)
    stops: list[tuple[Moment, str, str]] = []
    train, last = "", timedelta(0)
    for line in description.splitlines()[:_MAX_LINES]:
        train_line = _TRAIN_LINE.fullmatch(line)
        if train_line:
            train = train_line[1]
        match = _STOP.fullmatch(line.strip())
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            continue
        clock = timedelta(hours=int(match[1]), minutes=int(match[2]))
        if clock < last:
            day += timedelta(days=1)
        last = clock
        own = _TRAIN.search(match[3])
        station = _PLATFORM.sub("", _TRAIN.sub("", match[3])).strip()
        stops.append((Moment(day + clock, True), station, " ".join((own[1] if own else train).split())))
    if not stops or len(stops) % 2:
        return []
    return [_leg(stops[index], stops[index + 1]) for index in range(0, len(stops), 2)]


def _leg(start: tuple[Moment, str, str], end: tuple[Moment, str, str]) -> Leg:
    kind = "road" if start[2].lower().startswith("bus") else "rail"
    return Leg(kind, start[1], end[1], start[0], end[0], service_number=start[2])
