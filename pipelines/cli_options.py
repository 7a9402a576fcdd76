"""Options that several commands take, in one wording. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.settings import Home

HomeOption = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="the office's folder [MUSTER_HOME, else data/]")
]
FormatOption = Annotated[str, typer.Option("--format", metavar="table|csv|json", help="how rows are printed")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="details: where time goes, and the trace of a defect")]
RoleOption = Annotated[str, typer.Option("--role", metavar="analyst|duty|steward", help="whose file is read")]


def home_of(given: Path | None) -> Home:
    """The home that ``--home`` names, else the default one."""
    from pipelines.settings import Home, default_home

    return Home(given or default_home())
