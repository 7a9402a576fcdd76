"""The commands about people's data: ``muster forget``, ``muster privacy`` and ``muster log``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli_options import FormatOption, HomeOption, VerboseOption, home_of

_WHO = "person id, e-mail address or traveller_id"

privacy_app = typer.Typer(no_args_is_help=True, help="Say what is held about a person.")
log_app = typer.Typer(no_args_is_help=True, help="Check the access log.")


def forget(
    person: Annotated[
        list[str], typer.Option("--person", metavar="P", help=f"{_WHO}; repeat it to forget several at once")
    ],
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")] = False,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Erase a person everywhere in the home, with a certificate.

    Received files, the inbox, every generation, reports and decisions are made anew without the person. What was
    erased does not come back when the same records are delivered again. Backups are not reached.
    """
    from pipelines.commands import privacy

    privacy.forget(home_of(home), person, yes, output_format)


@privacy_app.command("receipt")
def receipt(
    person: Annotated[str, typer.Option("--person", metavar="P", help=_WHO)],
    home: HomeOption = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Say what is held about a person.

    Since when, from which files, who looked, and when it will be deleted. Asking is itself written to the access log.
    """
    from pipelines.commands import privacy

    privacy.receipt(home_of(home), person, output_format)


@log_app.command("verify")
def verify_log(home: HomeOption = None, verbose: VerboseOption = False) -> None:
    """Say whether the access log is whole.

    A line that was changed, removed, moved or added is named.
    """
    from pipelines.commands import privacy

    privacy.verify_log(home_of(home))


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command("forget")(forget)
    app.add_typer(privacy_app, name="privacy")
    app.add_typer(log_app, name="log")
