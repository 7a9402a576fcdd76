"""What a measurement was taken on: the machine, how busy it was, and the versions of what ran."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipelines.settings import PROJECT

PACKAGES = ("duckdb", "pandas", "polars", "pyarrow", "numpy", "dagster", "great-expectations", "streamlit", "pyspark")
PIPELINE = ("pipelines", "sql")
"""Where the code lies that makes a home."""
ALL = (*PIPELINE, "dashboards", "benchmarks")
"""Where the code lies that a figure rests on."""


def describe() -> dict[str, Any]:
    """The machine and the versions, as they are written into every result."""
    return {
        "processor": _first_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[1], 2),
        "versions": {name: found for name in PACKAGES if (found := installed(name))},
        "commit": _commit(),
    }


def installed(package: str) -> str | None:
    """The version of an installed package, else None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache
def code_digest(places: tuple[str, ...] = ALL) -> str:
    """A digest of all code and SQL in some folders: what was made or measured with another is so again."""
    digest = hashlib.sha256()
    for place in places:
        for path in sorted((PROJECT / place).rglob("*")):
            if path.suffix in (".py", ".sql", ".yml"):
                digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _first_value(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)


def _commit() -> str | None:
    try:
        found = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=PROJECT, capture_output=True, text=True)  # noqa: S607
    except OSError:
        return None
    return found.stdout.strip() or None
