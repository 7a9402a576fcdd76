"""Proof over all weeks of a publication: a change is the sum of its causes (E5), a week that of its stays (E4)."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

from pipelines import bridge
from pipelines.bridge import Week
from pipelines.contracts import load_contracts
from pipelines.published import publication_row
from pipelines.reports import week as weekly
from pipelines.settings import SQL, Home, load_settings

TOLERANCE = 1e-6
"""Person-days by which two sums may differ."""


@dataclasses.dataclass(frozen=True)
class WeekProof:
    """One week: its person-days, those of its exposures, and the largest of its levels' unexplained changes."""

    week: Week
    person_days: float
    changed: float
    """Person-days that the causes move, up or down."""
    bridge_difference: float
    exposure_difference: float

    @property
    def holds(self) -> bool:
        """Whether both sums agree."""
        return max(abs(self.bridge_difference), abs(self.exposure_difference)) <= TOLERANCE


def prove(home: Home, progress: Callable[[str], None] | None = None) -> list[WeekProof]:
    """Check every week of the publication that has begun; the past state before each is built where none is kept.

    Raises MusterError where nothing is published or the settings have changed since.
    """
    with weekly.open_published(home) as con:
        publication = publication_row(con)
        zone = publication.office_timezone
        weekly.require_same_settings(home, publication)
        found = (SQL / "queries" / "weeks_against_exposure.sql").read_text(encoding="utf-8")
        sums = {
            Week(monday): (days, difference)
            for monday, days, _, difference in con.execute(found).fetchall()
            if Week(monday).starts_at(zone) <= publication.as_of
        }
        settings = load_settings(home)
        contracts = dict(load_contracts(home, settings))
        weekly.drop_change(con)
        bridge.compute(home, settings, contracts, con, sums, publication.as_of, publication.known_at, progress)
        check = (SQL / "checks" / "bridge_sums_to_difference.sql").read_text(encoding="utf-8")
        unexplained: dict[datetime.date, float] = {}
        for monday, _, difference in con.execute(check).fetchall():
            unexplained[monday] = max(unexplained.get(monday, 0.0), abs(difference))
        changed = dict(
            con.execute(
                "select week_start_date, sum(abs(person_days_change)) from mart.exposure_change_by_week group by all"
            ).fetchall()
        )
    return [
        WeekProof(week, days, changed.get(week.monday, 0.0), unexplained.get(week.monday, 0.0), difference)
        for week, (days, difference) in sorted(sums.items())
    ]
