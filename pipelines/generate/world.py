"""The world of the generator: airports, zones and distances, and the way between local and UTC time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import airportsdata
import numpy as np
import pyarrow as pa
from babel import Locale

from pipelines.generate import destinations as data
from pipelines.generate.tables import DAY, Floats, Ints

RADIUS_KM = 6_371.0
_ZONE_STRIDE = 1 << 40


class World:
    """Every airport of the destination list as parallel arrays; an airport's number is its position in the list.

    ``weight`` is the popularity as a destination; ``country`` a number into ``countries``; ``city`` a number that
    airports of one city share; ``zone`` a number into ``zones``. Zone transitions cover the given UTC days.
    """

    def __init__(self, first: datetime, last: datetime) -> None:
        known = airportsdata.load("IATA")
        codes, names, weights, countries = [], [], [], []
        for line in data.DESTINATIONS.strip().splitlines():
            country, _, entries = line.partition("|")
            for entry in entries.split(";"):
                code, weight, city = entry.split(" ", 2)
                codes.append(code)
                names.append(city)
                weights.append(float(weight))
                countries.append(country)
        self.codes = codes
        self.number = {code: position for position, code in enumerate(codes)}
        self.names = names
        self.weight: Floats = np.array(weights)
        self.countries = sorted(set(countries))
        country_number = {code: position for position, code in enumerate(self.countries)}
        self.country: Ints = np.array([country_number[code] for code in countries])
        self.latitude: Floats = np.array([known[code]["lat"] for code in codes])
        self.longitude: Floats = np.array([known[code]["lon"] for code in codes])
        zone_of = [known[code]["tz"] for code in codes]
        self.zones = sorted(set(zone_of))
        self.zone: Ints = np.array([self.zones.index(zone) for zone in zone_of])
        cities = sorted({*zip(names, countries, strict=True)})
        self.city: Ints = np.array([cities.index(pair) for pair in zip(names, countries, strict=True)])
        self.country_of = countries
        territories = Locale("en").territories
        self.country_names = [data.COUNTRY_NAMES.get(code, territories[code]) for code in self.countries]
        self.text = pa.array(
            [f"{name}, {self.country_names[number]}" for name, number in zip(names, self.country, strict=True)]
        )
        self.code_text = pa.array(codes)
        self.name_text = pa.array(names)
        self.country_text = pa.array(countries)
        self._changes, self._offsets = _transitions(self.zones, first, last)
        self.distance_km = _distances(self.latitude, self.longitude)

    def numbers(self, codes: Sequence[str]) -> Ints:
        """The numbers of several airports."""
        return np.array([self.number[code] for code in codes])

    def offset(self, seconds: Ints, place: Ints) -> Ints:
        """Seconds to add to UTC for the local time at a place, at UTC instants."""
        key = self.zone[place] * _ZONE_STRIDE + seconds
        return self._offsets[np.searchsorted(self._changes, key, side="right") - 1]

    def to_local(self, seconds: Ints, place: Ints) -> Ints:
        """Local seconds (as if UTC) of UTC instants at places."""
        return seconds + self.offset(seconds, place)

    def to_utc(self, local: Ints, place: Ints) -> Ints:
        """UTC seconds of local times: the earlier of two, and a time that does not exist moves forward (S1)."""
        before, after = self.offset(local - DAY, place), self.offset(local + DAY, place)
        early, late = local - before, local - after
        is_early = self.offset(early, place) == before
        is_late = self.offset(late, place) == after
        # Valid under the old offset: the earlier instant. Only under the new: that. Neither: 02:30 becomes 03:30.
        return np.where(is_early, early, np.where(is_late, late, early))

    def readable(self, seconds: Ints, place: Ints) -> Ints:
        """UTC instants whose local time means them: the second pass of a repeated hour is put off by an hour (S1)."""
        return seconds + np.where(self.to_utc(self.to_local(seconds, place), place) != seconds, 3_600, 0)

    @cached_property
    def hubs(self) -> Ints:
        """For each origin and destination the three hubs of least detour, [origin, destination, 3]."""
        hub = self.numbers(data.HUBS)
        detour = self.distance_km[:, hub][:, None, :] + self.distance_km[hub, :].T[None, :, :]
        longest = np.maximum(self.distance_km[:, hub][:, None, :], self.distance_km[hub, :].T[None, :, :])
        detour = np.where(longest > 13_500, detour + 20_000, detour)
        near = (self.distance_km[:, hub] < 150)[:, None, :] | (self.distance_km[hub, :].T < 150)[None, :, :]
        return hub[np.argsort(np.where(near, 1e9, detour), axis=2, kind="stable")[:, :, :3]]

    @cached_property
    def is_direct(self) -> np.ndarray:
        """Whether a direct flight is plausible, [origin, destination]."""
        big = self.weight >= 7
        big[self.numbers([*data.HUBS, *data.HOME_AIRPORTS])] = True
        reach = np.where(big[:, None] & big[None, :], 13_200, 2_800)
        return (self.distance_km < reach) & (big[:, None] | big[None, :])

    @cached_property
    def neighbours(self) -> Ints:
        """For each airport six other cities to go on to, [airport, 6], near and popular first."""
        far = (self.distance_km < 120) | (self.city[:, None] == self.city[None, :])
        effort = self.distance_km / np.sqrt(self.weight)[None, :]
        return np.argsort(np.where(far, 1e9, effort), axis=1, kind="stable")[:, :6]

    @cached_property
    def carriers(self) -> tuple[list[str], Ints]:
        """Names of carriers and three choices for each airport, [airport, 3]."""
        names = sorted({name for entry in data.CARRIERS.values() for name in entry.split()})
        hub = self.numbers(data.HUBS)
        nearest = hub[np.argmin(self.distance_km[:, hub], axis=1)]
        rows = []
        for number, country in enumerate(self.country_of):
            words = (data.CARRIERS.get(country) or data.CARRIERS.get(self.country_of[nearest[number]]) or "BA").split()
            rows.append([names.index(words[k % len(words)]) for k in range(3)])
        return names, np.array(rows)

    def transition_days(self, code: str, start: int, end: int) -> tuple[Ints, Ints]:
        """Local midnights (seconds) of the days the clock goes back, and forward, within a span of UTC."""
        zone = self.zone[self.number[code]]
        inside = (self._changes > zone * _ZONE_STRIDE) & (self._changes < (zone + 1) * _ZONE_STRIDE)
        when = self._changes[inside] - zone * _ZONE_STRIDE
        step = np.diff(self._offsets[np.flatnonzero(inside)], prepend=self._offsets[np.flatnonzero(inside)[0] - 1])
        midnight = (when + self._offsets[inside]) // DAY * DAY
        within = (when >= start) & (when < end)
        return midnight[within & (step < 0)], midnight[within & (step > 0)]


def _transitions(zones: list[str], first: datetime, last: datetime) -> tuple[Ints, Ints]:
    """Keys (zone number x stride + UTC second) at which an offset begins, and the offsets."""
    keys, offsets = [], []
    for number, name in enumerate(zones):
        zone = ZoneInfo(name)

        def at(moment: datetime, zone: ZoneInfo = zone) -> int:
            delta = moment.astimezone(zone).utcoffset() or timedelta()
            return int(delta.total_seconds())

        moment, known = first, at(first)
        keys.append(number * _ZONE_STRIDE)
        offsets.append(known)
        while moment < last:
            following = moment + timedelta(days=5)
            if at(following) != known:
                low, high = int(moment.timestamp()), int(following.timestamp())
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if at(datetime.fromtimestamp(middle, UTC)) == known else (low, middle)
                known = at(following)
                keys.append(number * _ZONE_STRIDE + high)
                offsets.append(known)
            moment = following
    return np.array(keys), np.array(offsets)


def _distances(latitude: Floats, longitude: Floats) -> Floats:
    """Great-circle kilometres between all pairs of airports."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    half = np.sin((phi[:, None] - phi[None, :]) / 2) ** 2
    half += np.cos(phi)[:, None] * np.cos(phi)[None, :] * np.sin((lam[:, None] - lam[None, :]) / 2) ** 2
    return 2 * RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
