"""``muster report week``: writes the report and says where, with the headline figures."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import MusterError, UsageError
from pipelines.permissions import require_outside
from pipelines.settings import Home
from pipelines.tables import FORMATS, print_rows

if TYPE_CHECKING:
    from pipelines.reports.sending import Sent, Server
    from pipelines.reports.week import Issued


@dataclasses.dataclass(frozen=True)
class WeekOptions:
    """The options of ``muster report week`` as they were typed."""

    week: str | None = None
    out: Path | None = None
    copy: str = "office"
    is_sent: bool = False
    is_verbose: bool = False


def report_week(home: Home, options: WeekOptions, output_format: str) -> None:
    """Write the report of a week, send it where asked, and print its files.

    Raises what :func:`pipelines.reports.week.issue` and :func:`pipelines.reports.sending.send` raise; a report that
    could not be sent stays where it was written.
    """
    from pipelines.reports import sending
    from pipelines.reports.week import issue

    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    if options.out is not None:
        require_outside(home, options.out, "--out", home.reports)
    server = sending.server(home.require()) if options.is_sent else None
    issued = issue(home, options.week, options.out, options.copy, _tell)
    report = issued.report
    rows = [(str(path.relative_to(issued.folder)), path.stat().st_size) for path in issued.files]
    notes = [f"{figure.label}: {figure.value} {figure.note}".rstrip() for figure in report.figures]
    notes += [report.banner] if report.banner else []
    notes.append(f"Written to {issued.folder}")
    if options.is_verbose:
        notes += [f"{part:<10}{seconds:6.2f} s" for part, seconds in issued.seconds.items()]
    if server is not None:
        sent = _send(home, server, issued)
        notes.append(f"Sent by {server.name} to {sent.recipients} recipients at {sent.sent_at:%Y-%m-%d %H:%M} UTC")
    print_rows(("file", "bytes"), rows, output_format, title=f"{report.title}, {report.period}", notes=notes)


def _whole(difference: float) -> float:
    return round(difference, 9) + 0.0  # no minus zero


def check_weeks(home: Home, output_format: str) -> None:
    """Print one line a week; raises MusterError after the list if a sum does not hold."""
    from pipelines.reports.proof import prove

    if output_format not in FORMATS:
        raise UsageError(f"There is no format '{output_format}'; choose one of {', '.join(FORMATS)}.")
    found = prove(home.require(), _tell)
    rows = [
        (
            str(one.week),
            one.person_days,
            one.changed,
            # A sum of floats may miss zero by its last digits; what counts is whether it holds.
            _whole(one.bridge_difference),
            _whole(one.exposure_difference),
            one.holds,
        )
        for one in found
    ]
    columns = ("week", "person_days", "changed", "unexplained", "off_exposure", "holds")
    broken = [str(one.week) for one in found if not one.holds]
    notes = [f"{len(found) - len(broken)} of {len(found)} weeks hold."]
    print_rows(columns, rows, output_format, title="Changes against their causes, weeks against stays", notes=notes)
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise MusterError(
            f"The sums of week {broken[0]}{more} do not hold; do not use its report, and tell the makers."
        )


def _send(home: Home, server: Server, issued: Issued) -> Sent:
    from pipelines.reports import sending

    try:
        return sending.send(home, server, issued)
    except MusterError as error:
        raise MusterError(f"{str(error).removesuffix('.')}; the report itself is in {issued.folder}.") from error


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
