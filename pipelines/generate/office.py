"""The generator itself: an office of any size, written chunk by chunk in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import MusterError, UsageError
from pipelines.generate import bookings, claims, faults, people, ratings, registrations
from pipelines.generate import trips as travel
from pipelines.generate.malformed import Spoiler
from pipelines.generate.observe import Scene, observe
from pipelines.generate.registrations import Rows
from pipelines.generate.tables import DAY, HOUR, CsvFile, Ints
from pipelines.generate.truth import Truth
from pipelines.generate.world import World

DEFAULT_AS_OF = datetime(2026, 11, 16, 12, tzinfo=UTC)
"""The instant that trips lie around when the caller names none."""

TRIPS_PER_TRAVELLER = 5
CHUNK_TRAVELLERS = 10_000
FILES = 5
MOST_TRIPS = 50_000_000
HISTORY_DAYS = 600

Progress = Callable[[int, int], None]


def generate(
    out: Path,
    trips: int,
    seed: int,
    as_of: datetime | None = None,
    noise: float = 1.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write ``out/inbox/<feed>/*.csv`` and ``out/truth/*`` for an invented office; returns what was written.

    The same ``trips``, ``seed``, ``as_of`` and ``noise`` give the same bytes. Trips lie between 18 months before and
    three months after ``as_of`` (UTC, a naive one is read as UTC; floored to the hour). ``noise`` scales the rates of
    all faults, 0 turns them off. ``progress`` is called with trips done and trips in all. The result holds
    ``travellers``, ``trips``, ``as_of``, ``rows`` by feed, ``bytes``, ``faults`` by kind and ``audit`` by status.

    Raises UsageError for senseless numbers, and MusterError where ``out`` holds feeds already or cannot be written.
    """
    if not 1 <= trips <= MOST_TRIPS:
        raise UsageError(f"The number of trips must lie between 1 and {MOST_TRIPS:,}.")
    if not 0 <= noise <= 10:
        raise UsageError("The noise must lie between 0 (no faults) and 10.")
    if seed < 0:
        raise UsageError("The seed must be 0 or a positive whole number.")
    out = Path(out)
    for name in ("inbox", "truth"):
        if (out / name).is_dir() and any(path.is_file() for path in (out / name).rglob("*")):
            raise MusterError(f"{out / name} is not empty; choose another folder, or clear it yourself.")
    moment = as_of or DEFAULT_AS_OF
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    try:
        return _Office(out, trips, seed, moment.replace(minute=0, second=0, microsecond=0), noise).write(progress)
    except OSError as error:
        raise MusterError(f"The synthetic feeds cannot be written to {out}: {error.strerror}.") from error


class _Office:
    """One run of the generator: open files, the world, and counts."""

    def __init__(self, out: Path, trips: int, seed: int, as_of: datetime, noise: float) -> None:
        self.out, self.count, self.seed, self.noise, self.as_of = out, trips, seed, noise, as_of
        self.moment = int(as_of.timestamp())
        self.world = World(as_of - timedelta(days=950), as_of + timedelta(days=420))
        self.inbox = out / "inbox"
        self.files: dict[str, list[CsvFile]] = {}
        self.present: Ints = np.zeros(len(self.world.codes), np.int64)
        self.first_moment = self.moment - (travel.PAST_DAYS + 60) * DAY

    def write(self, progress: Progress | None) -> dict[str, Any]:
        travellers = max(self.count // TRIPS_PER_TRAVELLER, 4)
        chunks = -(-travellers // CHUNK_TRAVELLERS)
        self._open()
        truth = Truth(self.out / "truth")
        done = 0
        try:
            for chunk in range(chunks):
                first = chunk * CHUNK_TRAVELLERS
                last = min(first + CHUNK_TRAVELLERS, travellers)
                until = self.count * last // travellers
                self._write_chunk(truth, chunk, first, last - first, done, until - done)
                done = until
                if progress:
                    progress(done, self.count)
        finally:
            for files in self.files.values():
                for file in files:
                    file.close()
            truth.close()
        rows = {feed: sum(file.rows for file in files) for feed, files in self.files.items()}
        rows["ratings"] = ratings.write_ratings(
            self.inbox / "ratings", self.seed, self.world, self.moment, self.moment - HISTORY_DAYS * DAY
        )
        rows["alerts"] = ratings.write_alerts(self.inbox / "alerts", self.world, self.moment, self.present)
        size = sum(path.stat().st_size for path in self.inbox.rglob("*.csv"))
        return {
            "travellers": travellers,
            "trips": self.count,
            "as_of": self.as_of,
            "rows": rows,
            "bytes": size,
            "faults": truth.fault_counts,
            "audit": truth.audit_counts,
        }

    def _open(self) -> None:
        self.files["people"] = [CsvFile(self.inbox / "people" / "people.csv", people.COLUMNS)]
        self.files["expenses"] = [CsvFile(self.inbox / "expenses" / "expenses_01.csv", claims.EXPENSE_COLUMNS)]
        self.files["reviews"] = [CsvFile(self.inbox / "reviews" / "reviews_01.csv", claims.REVIEW_COLUMNS)]
        for feed, columns in (("registrations", registrations.COLUMNS), ("bookings", bookings.COLUMNS)):
            self.files[feed] = [
                CsvFile(self.inbox / feed / f"{feed}_{n:02d}.csv", columns) for n in range(1, FILES + 1)
            ]

    def _write_chunk(self, truth: Truth, chunk: int, first: int, count: int, first_trip: int, trip_count: int) -> None:
        """People and trips of one chunk, to all feeds and the truth."""
        rng = np.random.default_rng([self.seed, 1, chunk])
        staff = people.make_people(self.world, rng, first, count, self.moment, self.noise)
        self.files["people"][0].write(people.roster_rows(staff))
        truth.add_people(self.world, staff)
        scene = self._scene(np.random.default_rng([self.seed, 2, chunk]), staff, first_trip, trip_count)
        registered = registrations.make_registrations(
            np.random.default_rng([self.seed, 3, chunk]), scene, FILES, self.first_moment
        )
        booked = bookings.make_bookings(np.random.default_rng([self.seed, 4, chunk]), scene, FILES, self.first_moment)
        spoiler = Spoiler(np.random.default_rng([self.seed, 5, chunk]), scene, self.noise)
        for feed, rows in (("registrations", registered), ("bookings", booked)):
            self._write_rows(feed, rows)
            truth.write("malformed_record", spoiler.spoil(feed, rows, self.files[feed]))
        rng = np.random.default_rng([self.seed, 6, chunk])
        self.files["expenses"][0].write(claims.make_expenses(rng, scene))
        self.files["reviews"][0].write(claims.make_reviews(rng, scene))
        truth.add_trips(scene)
        self._count_present(scene)

    def _scene(self, rng: np.random.Generator, staff: people.People, first_trip: int, count: int) -> Scene:
        deal, singles, _ = travel.deal_trips(rng, staff, self.world, count)
        drawn = faults.draw(rng, count, self.noise)
        # Whoever shares a name is now and then told by name alone.
        drawn["name_only"] |= staff.has_namesake[deal.person] & (rng.random(count) < min(0.2 * self.noise, 0.9))
        plans = travel.make_plans(rng, self.world, staff, deal, singles, self.moment, drawn)
        fixed = plans.departs_at[deal.plan] >= 0
        drawn["overlapping_trip"] = travel.separate(deal, plans, singles, drawn["overlapping_trip"], fixed)
        route = travel.build(rng, self.world, plans)
        return observe(rng, self.world, staff, deal, plans, route, drawn, first_trip, self.moment)

    def _write_rows(self, feed: str, rows: Rows) -> None:
        for number, file in enumerate(self.files[feed]):
            file.write(rows.select(rows.file == number))

    def _count_present(self, scene: Scene) -> None:
        """Count who is where at ``as_of``, for the alerts."""
        for slot in (travel.STAY_A, travel.STAY_B):
            route = scene.route
            here = (route.kind[:, slot] >= 0) & scene.is_travelled & ~scene.is_home
            here &= (route.starts[:, slot] <= self.moment) & (route.ends[:, slot] > self.moment + 5 * HOUR)
            self.present += np.bincount(route.place[here, slot], minlength=len(self.present))
