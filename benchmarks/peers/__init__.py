"""Peers: the exposure step as it is written with other tools, from the same files to the same answer.

Each has one function ``(inputs, target) -> answer`` that reads ``<schema>.<table>.parquet`` and writes
``exposure.parquet`` (stays cut where the level changes) and ``week.parquet`` (exposure by week). What they are spared
is said in ``benchmarks/README.md``: the levels of each zone of places are resolved already, and nights and arrivals are
not asked of them.
"""

KEYS = [
    "week_start_date",
    "country_code",
    "region_code",
    "place_id",
    "risk_level",
    "presence_group",
    "affiliation",
]
PRESENCE_GROUPS = {
    "confirmed": "present",
    "likely": "present",
    "possible": "possible",
    "overdue": "overdue",
    "transit": "moving",
    "en_route": "moving",
}
DAY_MICROSECONDS = 86_400_000_000
