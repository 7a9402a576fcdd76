"""The ``muster`` command: names and options; what each command does is in :mod:`pipelines.commands`.

Nothing heavy is imported here, so that ``muster --help`` answers at once. Exit codes: 0 success, 2 wrong use,
1 failure with one clear sentence on standard error.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipelines import cli_findings, cli_privacy
from pipelines.cli_options import FormatOption, HomeOption, RoleOption, VerboseOption, home_of
from pipelines.errors import CHECKSUM, DAMAGED, MusterError, UsageError

app = typer.Typer(
    name="muster",
    help="Who is where, at what risk, and do we know about it?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_STOPPED = 130
_GC_OBJECTS = 100_000
"""New objects after which garbage is looked for: what is imported lives on, and was looked through ever again."""
INSTANT = "ISO 8601, such as 2026-11-22T08:00Z; without an offset it is office time, a date alone its midnight"


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"muster {version('muster')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and stop")
    ] = False,
) -> None:
    pass


@app.command()
def demo(home: HomeOption = None, output_format: FormatOption = "table", verbose: VerboseOption = False) -> None:
    """Make a demo office in an empty home and run it."""
    from pipelines.commands import pipeline

    pipeline.make_demo(home_of(home), verbose, output_format)


@app.command()
def run(
    home: HomeOption = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="T", help=f"the instant asked about; {INSTANT}")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="T", help="use only files received by then [now]")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="what runs the models: duckdb, or spark for a cluster")
    ] = "duckdb",
    master: Annotated[
        str | None,
        typer.Option("--master", metavar="URL", help="the Spark master, such as spark://HOST:7077 [local[*]]"),
    ] = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Land the inbox, build, check and publish."""
    from pipelines.commands import pipeline

    options = pipeline.RunOptions(as_of, known_at, engine, master, verbose)
    pipeline.run(home_of(home), options, output_format)


@app.command()
def who(
    home: HomeOption = None,
    at: Annotated[str | None, typer.Option("--at", metavar="T", help=f"the instant [as_of]; {INSTANT}")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="T", help="start of a period, with --to")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="T", help="end of the period")] = None,
    min_level: Annotated[
        int | None, typer.Option("--min-level", metavar="1-5", help="this risk level or higher, or not known")
    ] = None,
    country: Annotated[str | None, typer.Option("--country", metavar="CC", help="ISO code, such as KE")] = None,
    near: Annotated[str | None, typer.Option("--near", metavar="LAT,LON,KM", help="within a circle")] = None,
    include: Annotated[
        str | None, typer.Option("--include", metavar="LIST", help="also list transit, en_route, home")
    ] = None,
    role: RoleOption = "duty",
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """List who is, was or will be there.

    One row is one traveller at one place. A level that is not known passes every --min-level. Every look at names
    is written to the access log before anything is shown.
    """
    from pipelines.commands import look

    options = look.WhoOptions(at, from_, to, min_level, country, near, include)
    look.show_who(home_of(home), role, options, output_format)


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="['SELECT …']", help="one SELECT; - reads it from input")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="F", help="read the SELECT from a file")] = None,
    name: Annotated[str | None, typer.Option("--query", metavar="NAME", help="a saved query of sql/queries")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="K=V", help="a value for $K in the query; repeatable")
    ] = None,
    home: HomeOption = None,
    role: RoleOption = "analyst",
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, max=3600, help="stop the query after this long")] = 30,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="write a marked .csv, .json or .parquet, logged"),
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="list the saved queries")] = False,
    no_history: Annotated[bool, typer.Option("--no-history", help="keep nothing that is typed in a session")] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|csv|json|parquet", help="how rows are printed or written")
    ] = "table",
    verbose: VerboseOption = False,
) -> None:
    """Ask the published tables in SQL, read-only, in a sandbox.

    Without a query a terminal opens a session (.help there); elsewhere the saved queries are listed. The first
    10,000 rows are shown.
    """
    from pipelines.commands import ask

    options = ask.SqlOptions(query, file, name, tuple(param or ()), role, seconds, output, is_list, not no_history)
    ask.run_sql(home_of(home), options, output_format)


@app.command()
def serve(
    home: HomeOption = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="[8501, or the next free one]")] = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Serve the dashboard, on this machine alone."""
    from pipelines.commands import serving

    serving.serve(home_of(home), port, output_format)


@app.command()
def feeds(
    home: HomeOption = None,
    release: Annotated[
        str | None,
        typer.Option("--release", metavar="SHA", help="accept a held file (its SHA-256, or the start of it)"),
    ] = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """List every file and the account of its records."""
    from pipelines.commands import accounts

    accounts.show_feeds(home_of(home), release, output_format)


fetch_app = typer.Typer(no_args_is_help=True, help="Download public data into the inbox.")
app.add_typer(fetch_app, name="fetch")


@fetch_app.command("ratings")
def fetch_ratings(
    provider: Annotated[
        str,
        typer.Option("--provider", metavar="P", help="canada, united_kingdom, united_states, australia or all"),
    ],
    home: HomeOption = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Download governments' current travel advice.

    This is the only outside request that Muster makes; nothing of the home is sent. An answer that is cut short, is a
    web page or names too few countries is refused, and the last good copy stays in force.
    """
    from pipelines.commands import fetching

    fetching.fetch_ratings(home_of(home), provider, output_format)


report_app = typer.Typer(no_args_is_help=True, help="Write reports from what was published.")
app.add_typer(report_app, name="report")


@report_app.command("week")
def report_week(
    week: Annotated[
        str | None, typer.Option("--week", metavar="2026-W46", help="an ISO week [the last completed one]")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="where [reports/ of the home]")] = None,
    copy: Annotated[
        str, typer.Option("--copy", metavar="office|viewer", help="a viewer's copy shows no count below 5")
    ] = "office",
    send: Annotated[bool, typer.Option("--send", help="send it by the mail server of muster.yml")] = False,
    home: HomeOption = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Write the weekly exposure report.

    HTML, PDF, workbook, CSV and an e-mail draft, in a folder named by the week. Every table names its saved query.
    A completed week that was issued before lists what changed since. Without --send nothing is sent.
    """
    from pipelines.commands import reporting

    reporting.report_week(home_of(home), reporting.WeekOptions(week, out, copy, send, verbose), output_format)


@report_app.command("check")
def check_report(
    home: HomeOption = None, output_format: FormatOption = "table", verbose: VerboseOption = False
) -> None:
    """Check the sums behind the reports of all weeks.

    Each week's change must be the sum of its causes, each week's person-days those of its stays. What was known before
    a week is built where it is not kept, so the first check of a long history takes a while.
    """
    from pipelines.commands import reporting

    reporting.check_weeks(home_of(home), output_format)


places_app = typer.Typer(no_args_is_help=True, help="Explain what a place text means; list those to settle.")
app.add_typer(places_app, name="places")


@places_app.command("resolve")
def resolve_place(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="a place as a feed writes it")],
    home: HomeOption = None,
    country: Annotated[
        str | None, typer.Option("--country", metavar="CC", help="the country that the feed gives beside it")
    ] = None,
    flight_date: Annotated[
        str | None,
        typer.Option("--flight-date", metavar="D", help="read it as the airport code of a flight on that day"),
    ] = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Say which places a text means, and why."""
    from pipelines.commands import places

    places.resolve(home_of(home), text, country, flight_date, output_format)


@places_app.command("unresolved")
def unresolved_places(
    home: HomeOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="how many texts")] = 50,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """List place texts that are unknown or guessed.

    The most person-days come first. A line in places.csv of the home (alias, place_id) settles a text at the next run.
    """
    from pipelines.commands import places

    places.show_unresolved(home_of(home), limit, output_format)


cli_findings.add_to(app)


@app.command()
def generate(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="an empty or new folder [the home, if it is empty]")
    ] = None,
    trips: Annotated[int, typer.Option("--trips", min=1, max=100_000_000, help="how many trips")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="the same seed gives the same files")] = 1,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="T", help=f"around this instant [now]; {INSTANT}")
    ] = None,
    home: HomeOption = None,
    output_format: FormatOption = "table",
    verbose: VerboseOption = False,
) -> None:
    """Make synthetic feeds of any size, with a truth file."""
    from pipelines.commands import pipeline

    if out is None and home is None:
        raise UsageError("Say where with --out DIR, or --home DIR for a home that is still empty.")
    pipeline.generate_feeds(out or home_of(home).root, trips, seed, as_of, output_format)


@app.command("check-config")
def check_config(
    home: HomeOption = None, output_format: FormatOption = "table", verbose: VerboseOption = False
) -> None:
    """Validate settings, contracts, places and permissions."""
    from pipelines.commands import configuration

    configuration.check(home_of(home), output_format)


cli_privacy.add_to(app)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    gc.set_threshold(_GC_OBJECTS)
    code = execute(sys.argv[1:])
    # What was asked is done and what must be durable is on disk. The interpreter's own end is left out because
    # DuckDB's binding fills standard error with a list of "leaked" objects there after a failure.
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command and return its exit code; failures are printed as one sentence, never as a trace."""
    os.umask(0o077)
    if not all(argument.isascii() or _is_text(argument) for argument in arguments):
        return _fail("An argument holds bytes that are no UTF-8 text; write it again.", 2)
    try:
        result = app(args=arguments, prog_name="muster", standalone_mode=False)
        sys.stdout.flush()
        if result == _STOPPED:  # typer's answer to Ctrl-C
            return _fail("Stopped.", _STOPPED)
        return result if isinstance(result, int) else 0
    except KeyboardInterrupt:
        return _fail("Stopped.", _STOPPED)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has left: nothing more to say, and nothing to say it to.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        return _fail(str(error), 2)
    except MusterError as error:
        return _fail(str(error), 1)
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # typer's own: wrong use
            return _fail(_usage(error, arguments), int(error.exit_code))
        if type(error).__name__ == "Abort":
            return _fail("Stopped.", _STOPPED)
        if "--verbose" in arguments:
            raise
        return _fail(_describe(error), 1)


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _usage(error: Exception, arguments: list[str]) -> str:
    """The message of typer for wrong use, and where to read what is right."""
    message = error.format_message().rstrip(".?")  # type: ignore[attr-defined]
    if type(error).__name__ == "NoArgsIsHelpError":
        return message
    known = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback}
    known |= {str(group.name) for group in app.registered_groups}
    command = next((f" {word}" for word in arguments if word in known), "")
    end = "?" if "Did you mean" in message else "."
    return f"{message}{end} 'muster{command} --help' shows how."


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"The disk is full ({error.filename or 'no file named'}); free some space and try again."
    if isinstance(error, PermissionError):
        return f"Permission denied: {error.filename}; make it readable and writable for your account."
    # DuckDB, and SQLite below Dagster's record of runs, say it in words of their own, the last one in other words.
    if any(words in text for text in _texts(error) for words in ("No space left", "disk is full")):
        return "The disk is full; free some space and try again. What was published stays in force."
    if any(words in text for text in _texts(error) for words in ("Input/output error", "disk I/O error")):
        return (
            "The disk failed to read or write; check that it is sound and has room, then try again. "
            "What was published stays in force."
        )
    if any(CHECKSUM in text for text in _texts(error)):
        return DAMAGED
    if type(error).__module__.startswith("_duckdb") and type(error).__name__ in ("BinderException", "CatalogException"):
        from pipelines.published import OTHER_VERSION  # late, as all of it: the command line starts in a moment

        return f"The publication {OTHER_VERSION}"
    # The text of an unexpected error may hold a value from a file, so only its kind is shown.
    return f"Muster stopped on a defect of its own ({type(error).__name__}); run with --verbose for details."


def _texts(error: BaseException) -> list[str]:
    """What an error and those behind it say; errors may name each other, so each is asked once."""
    found: dict[int, BaseException] = {}
    behind: BaseException | None = error
    while behind is not None and id(behind) not in found:
        found[id(behind)] = behind
        behind = behind.__cause__ or behind.__context__
    return [str(one) for one in found.values()]


if __name__ == "__main__":
    main()
