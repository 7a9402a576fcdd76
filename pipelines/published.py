"""Reading what was published: the pointer to the current generation and read-only access to its role files."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pipelines.errors import MusterError, UsageError, unopened
from pipelines.settings import Home

if TYPE_CHECKING:
    import duckdb

Role = Literal["analyst", "duty", "steward"]
ROLES: tuple[Role, ...] = get_args(Role)
NAME_ROLES: tuple[Role, ...] = ("duty", "steward")
"""Roles whose file holds names; every look at it goes into the access log."""


OTHER_VERSION = (
    "was made by another version of Muster and lacks what is asked of it; run 'muster run' to publish again."
)
"""What a table or a column that is not there means, of a published file that can be opened."""


@dataclasses.dataclass(frozen=True)
class PublicationRow:
    """The one row of ``mart.publication``; instants are naive UTC."""

    generation: int
    as_of: datetime.datetime
    known_at: datetime.datetime
    built_at: datetime.datetime
    configuration_sha256: str
    landed_files: int
    has_invented_ratings: bool
    office_timezone: str
    count_home: bool


def current(home: Home) -> Path:
    """The folder of the generation in force, resolved, so that a later swap does not mix two generations.

    Raises MusterError if nothing has been published.
    """
    pointer = home.published / "current"
    try:
        folder = pointer.resolve(strict=True)
    except (OSError, RuntimeError):
        raise MusterError(
            f"Nothing has been published in {home.root} yet. Put feeds below {home.inbox} and run "
            f"'muster run --home {home.root}', or try 'muster demo' in an empty home."
        ) from None
    return folder


def role_file(home: Home, role: str) -> Path:
    """The current database of one role; UsageError for a role that does not exist."""
    if role not in ROLES:
        raise UsageError(f"There is no role '{role}'; choose one of {', '.join(ROLES)}.")
    path = current(home) / f"{role}.duckdb"
    if not path.is_file():
        raise MusterError(f"{path} is missing; run 'muster run --home {home.root}' to publish again.")
    return path


def open_role(home: Home, role: str) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the current file of a role, its session in UTC.

    The file is attached to a database in memory, because one that this process has open already, as the dashboard has,
    would come with the settings that were locked there.
    """
    import duckdb

    path = role_file(home, role)
    con = duckdb.connect()
    attach(con, path)
    con.execute("use published; set TimeZone = 'UTC'")
    return con


def attach(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Show a published file to a connection as the read-only database ``published``.

    Raises MusterError, and closes the connection, where the file is damaged or another program holds it.
    """
    import duckdb

    try:
        con.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as published (read_only)")
    except duckdb.Error as error:
        con.close()
        raise MusterError(unopened(path, error)) from error


def opened_generation(con: duckdb.DuckDBPyConnection) -> str:
    """The name of the generation, number and run, that :func:`open_role` has opened; it may be no longer current."""
    row = con.execute("select path from duckdb_databases() where database_name = 'published'").fetchone()
    assert row is not None  # noqa: S101 - open_role attached it under this name
    return Path(row[0]).resolve().parent.name


def publication_row(con: duckdb.DuckDBPyConnection) -> PublicationRow:
    """The publication's own row, read from an open role file."""
    names = ", ".join(field.name for field in dataclasses.fields(PublicationRow))
    row = run(con, f"select {names} from mart.publication").fetchone()
    if row is None:
        raise MusterError("The published file has no publication row; run 'muster run' to publish again.")
    return PublicationRow(*row)


_PARSED: dict[str, duckdb.Statement] = {}
"""Statements by their text; they hang on no connection."""


def run(con: duckdb.DuckDBPyConnection, sql: str, parameters: object = None) -> duckdb.DuckDBPyConnection:
    """Run one of the fixed statements that are asked again and again: its text is read once in a process.

    Reading a statement of a page takes as long as planning it. Not for texts that hold values, which never end.
    """
    statement = _PARSED.get(sql)
    if statement is None:
        (statement,) = con.extract_statements(sql)
        _PARSED[sql] = statement
    return con.execute(statement, parameters)
