"""The commands about findings: ``muster policy`` and ``muster audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli_options import FormatOption, HomeOption, RoleOption, VerboseOption, home_of

policy_app = typer.Typer(no_args_is_help=True, help="Say why a trip breaks policy; try another policy.")
audit_app = typer.Typer(help="List trips nobody registered; decide; draft letters.")


@policy_app.command("explain")
def explain_policy(
    trip: Annotated[str, typer.Argument(metavar="TRIP", help="a trip_id, as the table trip has it")],
    home: HomeOption = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Say what each rule in force asks of a trip, and why."""
    from pipelines.commands import policies

    policies.explain(home_of(home), trip, output_format)


@policy_app.command("what-if")
def try_policy(
    file: Annotated[str, typer.Option("--file", metavar="F", help="a policy file, or columbia, umb, denver")],
    home: HomeOption = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Compare another policy with the one in force.

    Both judge the published trips; the table says how many findings of each kind would come and go.
    """
    from pipelines.commands import policies

    policies.what_if(home_of(home), file, output_format)


@policy_app.command("decide")
def decide_requirement(
    trip: Annotated[str, typer.Argument(metavar="TRIP", help="a trip_id, as the table policy_check has it")],
    requirement: Annotated[str, typer.Argument(metavar="REQUIREMENT", help="what is asked, such as register")],
    decision: Annotated[str | None, typer.Option("--as", help="accepted, followed_up, waived or wrong")] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="why, for whoever reads it later")] = None,
    home: HomeOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Decide on what a trip lacks, or write a note to it; kept through every run, following the trip."""
    from pipelines.commands import policies

    policies.decide(home_of(home), trip, requirement, decision, note)


@audit_app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    home: HomeOption = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="S", help="one status, or all [unregistered, partial, registered_late]"),
    ] = None,
    role: RoleOption = "analyst",
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """List trips that bookings and expenses show and the registry does not.

    The analyst's list has pseudonyms; with --role duty or steward it has names, and the look is written to the access
    log first.
    """
    if context.invoked_subcommand is None:
        from pipelines.commands import auditing

        auditing.show(home_of(home), role, status, output_format)


@audit_app.command("decide")
def decide_finding(
    audit_id: Annotated[str, typer.Argument(metavar="FINDING", help="its id, as 'muster audit' lists it")],
    decision: Annotated[str | None, typer.Option("--as", metavar="D", help="confirmed or dismissed")] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="why, for whoever reads it later")] = None,
    home: HomeOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Confirm or dismiss a finding, or write a note to it.

    A decision is kept in decisions/ of the home, survives every run, and follows the trip when its booking is issued
    anew.
    """
    from pipelines.commands import auditing

    auditing.decide(home_of(home), audit_id, decision, note)


@audit_app.command("draft")
def draft_letter(
    audit_id: Annotated[str, typer.Argument(metavar="FINDING", help="its id, as 'muster audit' lists it")],
    template: Annotated[
        Path | None, typer.Option("--template", metavar="F", help="text with $name, $reason, $request and the like")
    ] = None,
    home: HomeOption = None,
    role: RoleOption = "duty",
    verbose: VerboseOption = False,
) -> None:
    """Draft an e-mail to the traveller about a finding; nothing is sent.

    A home's own templates/audit_letter.txt replaces the shipped text.
    """
    from pipelines.commands import auditing

    auditing.draft(home_of(home), role, audit_id, template)


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.add_typer(policy_app, name="policy")
    app.add_typer(audit_app, name="audit")
