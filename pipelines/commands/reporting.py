"""``muster report week``: writes the report and says where, with the headline figures."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.settings import Home
from pipelines.tables import FORMATS, print_rows


@dataclasses.dataclass(frozen=True)
class WeekOptions:
    """The options of ``muster report week`` as they were typed."""

    week: str | None = None
    out: Path | None = None
    copy: str = "office"
    is_verbose: bool = False


def report_week(home: Home, options: WeekOptions, output_format: str) -> None:
    """Write the report of a week and print its files; raises what :func:`pipelines.reports.week.issue` raises."""
    from pipelines.reports.week import issue

    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    issued = issue(home, options.week, options.out, options.copy, _tell)
    report = issued.report
    rows = [(str(path.relative_to(issued.folder)), path.stat().st_size) for path in issued.files]
    notes = [f"{figure.label}: {figure.value} {figure.note}".rstrip() for figure in report.figures]
    notes += [report.banner] if report.banner else []
    notes.append(f"Written to {issued.folder}")
    if options.is_verbose:
        notes += [f"{part:<10}{seconds:6.2f} s" for part, seconds in issued.seconds.items()]
    print_rows(("file", "bytes"), rows, output_format, title=f"{report.title}, {report.period}", notes=notes)


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
