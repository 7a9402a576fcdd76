"""``muster report week``: checks the week, fills the report from the publication, writes its files as one folder."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import duckdb

from pipelines import bridge
from pipelines.bridge import Week
from pipelines.errors import MusterError, UsageError
from pipelines.published import PublicationRow, attach, publication_row, role_file
from pipelines.reports import content, first_issue
from pipelines.reports.model import Copy, Report
from pipelines.settings import Home, configuration_sha256, load_settings
from pipelines.tables import print_rows


@dataclasses.dataclass(frozen=True)
class Issued:
    """What was written: the folder, its files, and where the time went."""

    report: Report
    folder: Path
    files: tuple[Path, ...]
    seconds: dict[str, float]

    @property
    def draft(self) -> Path:
        """The e-mail among the files."""
        return next(path for path in self.files if path.suffix == ".eml")


def issue(
    home: Home,
    week: str | None = None,
    out: Path | None = None,
    copy: str = "office",
    progress: Callable[[str], None] | None = None,
) -> Issued:
    """Write the report of a week below ``out`` (else ``reports/`` of the home) as a folder named by the week.

    ``week`` is text such as ``2026-W46``, None the last completed week of the publication. The same week of the same
    publication gives the same bytes; a folder of that name is replaced as a whole. What the first report of a completed
    week is made of is kept in the home, and a later one from other data lists what changed since. Raises UsageError for
    a week that is none, has not begun or lies before all data, MusterError where nothing is published or the disk
    refuses.
    """
    if copy not in get_args(Copy):
        raise UsageError(f"There is no copy '{copy}'; choose office or viewer.")
    asked = Week.of(week) if week else None
    began = time.perf_counter()
    with open_published(home) as con:
        publication = publication_row(con)
        chosen = asked or bridge.last_completed(publication.as_of, publication.office_timezone)
        _check(con, publication, chosen, is_asked=asked is not None)
        seconds = {"change": _ensure_change(con, home, publication, chosen, progress)}
        first = first_issue.read(con, home, chosen)
        if first is not None:
            first_issue.show(con, first)
        try:
            report = content.fill(con, publication, chosen, "viewer" if copy == "viewer" else "office", first)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise MusterError(
                "The publication was made by another version of Muster and lacks what the report reads; run "
                "'muster run' first."
            ) from error
        seconds["queries"] = time.perf_counter() - began - seconds["change"]
        name = f"{chosen}-viewer" if copy == "viewer" else str(chosen)
        files = _render(report, f"muster-{name}", seconds)
        began = time.perf_counter()
        # Only a week that is over has a report that others rest on; before, each is a look ahead.
        kept = first_issue.keep(con, home, publication, chosen) if first is None and report.is_over else None
    try:
        folder = _write(home, out, name, files)
    except BaseException:
        if kept is not None:
            kept.unlink(missing_ok=True)
        raise
    seconds["write"] = time.perf_counter() - began
    return Issued(report, folder, tuple(folder / file for file in files), seconds)


def open_published(home: Home) -> duckdb.DuckDBPyConnection:
    """A database in memory whose schema ``mart`` shows the analyst's published tables."""
    path = role_file(home.require(), "analyst")
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set python_enable_replacements = false")
    attach(con, path)
    con.execute("create schema mart")
    tables = con.execute(
        "select table_name from duckdb_tables() where database_name = 'published' and schema_name = 'mart'"
    ).fetchall()
    for (table,) in tables:
        con.execute(f'create view mart."{table}" as select * from published.mart."{table}"')
    return con


def _check(con: duckdb.DuckDBPyConnection, publication: PublicationRow, week: Week, is_asked: bool) -> None:
    zone = publication.office_timezone
    starts_at, ends_at = week.starts_at(zone), week.moved(1).starts_at(zone)
    first = con.execute("select min(starts_at) from mart.exposure").fetchall()[0][0]
    if first is None:
        raise MusterError("No exposure has been published, so there is nothing to report; look at 'muster feeds'.")
    if starts_at > publication.as_of:
        raise UsageError(
            f"Week {week} has not begun as of {publication.as_of:%Y-%m-%d %H:%M} UTC; ask for "
            f"{Week.at(publication.as_of, zone)} or earlier, or run 'muster run' first."
        )
    if ends_at <= first:
        hint = "ask for that week or a later one" if is_asked else "name a week with --week"
        raise UsageError(f"Week {week} lies before all data, which begin in {Week.at(first, zone)}; {hint}.")


def _ensure_change(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    publication: PublicationRow,
    week: Week,
    progress: Callable[[str], None] | None,
) -> float:
    """Have the change into the week in ``mart.exposure_change_by_week``; returns the seconds of making it."""
    held = con.execute(
        "select 1 from duckdb_views() where schema_name = 'mart' and view_name = 'exposure_change_by_week'"
    ).fetchall()
    if held:
        found = con.execute(
            "select 1 from mart.exposure_change_by_week where week_start_date = ? limit 1", [week.monday]
        ).fetchall()
        if found or week == bridge.last_completed(publication.as_of, publication.office_timezone):
            return 0.0
    from pipelines.contracts import load_contracts

    drop_change(con)
    require_same_settings(home, publication)
    settings = load_settings(home)
    contracts = dict(load_contracts(home, settings))
    return bridge.compute(home, settings, contracts, con, [week], publication.as_of, publication.known_at, progress)


def drop_change(con: duckdb.DuckDBPyConnection) -> None:
    """Let go of the published change, so that one of other weeks can take its place."""
    con.execute("drop view if exists mart.exposure_change_by_week")


def require_same_settings(home: Home, publication: PublicationRow) -> None:
    """Raise MusterError where a past state built today would not be like the publication."""
    if configuration_sha256(home, load_settings(home)) != publication.configuration_sha256:
        raise MusterError(
            "The configuration (muster.yml, policy, contracts or places.csv) has changed since the last publication, "
            "so the weeks before it cannot be told alike; run 'muster run' first."
        )


def _render(report: Report, name: str, seconds: dict[str, float]) -> dict[str, bytes]:
    """Every file of the report by its name within the folder."""
    from pipelines.reports import html, message, pdf, workbook

    def timed(part: str, make: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        made = make()
        seconds[part] = time.perf_counter() - began
        return made

    page: str = timed("html", lambda: html.render(report))
    print_file: bytes = timed("pdf", lambda: pdf.render(report))
    book: bytes = timed("xlsx", lambda: workbook.render(report))
    mail: bytes = timed("eml", lambda: message.render(report, page, print_file, book, name))
    files = {f"{name}.html": page.encode(), f"{name}.pdf": print_file, f"{name}.xlsx": book, f"{name}.eml": mail}
    for table in report.tables:
        text = io.StringIO()
        print_rows([column.name for column in table.columns], table.rows, "csv", stream=text)
        files[f"csv/{table.name}.csv"] = text.getvalue().encode()
    return files


def _require_ours(folder: Path, name: str) -> None:
    """Raise MusterError for a folder that holds something else than an earlier report of the same name."""
    if any(path.name != "csv" and path.stem != f"muster-{name}" for path in folder.iterdir()):
        raise MusterError(f"{folder} holds other files than this report's; move them or choose another --out.")


def _write(home: Home, out: Path | None, name: str, files: dict[str, bytes]) -> Path:
    """Write the files as one folder: first beside its place, then renamed, so that no half report is ever there."""
    parent = (out or home.reports).expanduser().absolute()
    folder, draft, old = parent / name, parent / f".tmp-{name}-{os.getpid()}", parent / f".old-{name}-{os.getpid()}"
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, made in files.items():
            path = draft / file
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(made)
            path.chmod(0o600)
        if folder.exists():
            _require_ours(folder, name)
            folder.rename(old)
        draft.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise MusterError(
            f"The report cannot be written to {parent}: {error.strerror}; nothing was changed."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return folder
