"""``muster sql`` at a terminal: queries with history and completion, and commands that begin with a dot."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from pipelines.commands import ask
from pipelines.errors import MusterError
from pipelines.published import open_role, role_file
from pipelines.sandbox import rewrite
from pipelines.sandbox.runner import allowed_document
from pipelines.settings import Home
from pipelines.tables import print_rows

HISTORY_LINES = 1000
_WORDS = tuple(
    "select from where group by order having limit join left using on with as distinct case when then else end and or "  # noqa: SIM905
    "not in is null between like ilike union all pivot unpivot summarize describe explain over partition qualify "
    "filter exclude replace asc desc".split()
)
_HELP = (
    (".tables", "the published tables and what they hold"),
    (".describe TABLE", "the columns of a table: type and meaning"),
    (".queries", "the saved queries; run one with .run NAME"),
    (".run NAME [K=V …]", "run a saved query"),
    (".param K=V", "a value for $K in the queries to come; .param K= forgets it"),
    (".format table|csv|json", "how answers are printed"),
    (".quit", "leave; so does Ctrl-D. Ctrl-C stops a query. A query ends with a semicolon"),
)


@dataclasses.dataclass
class Session:
    """What a session remembers between queries."""

    home: Home
    options: ask.SqlOptions
    output_format: str
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    columns: dict[str, list[str]] = dataclasses.field(default_factory=dict)


def history_file(home: Home) -> Path:
    """Where the queries typed in sessions are kept, for the owner alone; never their answers."""
    return home.logs / "sql_history"


def run_shell(home: Home, options: ask.SqlOptions, output_format: str, read: Callable[[str], str] = input) -> None:
    """Answer what is typed until the end of input or ``.quit``; ``read`` gives a line after a prompt."""
    role_file(home.require(), options.role)
    session = Session(home, options, output_format, ask.read_parameters(options.parameters))
    session.columns = _columns(session)
    editor = _editor(session)
    print(f"Muster, the tables of the role {options.role}. .help lists commands; a query ends with a semicolon.")
    lines: list[str] = []
    while True:
        try:
            line = read("   ...> " if lines else "muster> ")
        except EOFError:
            print()
            break
        except KeyboardInterrupt:
            print()
            lines = []
            continue
        if not lines and line.lstrip().startswith("."):
            _remember(session, editor, line)
            if not _try(lambda line=line: _command(session, line.split())):  # type: ignore[misc]
                break
            continue
        lines.append(line)
        text = "\n".join(lines).strip()
        if not text:
            lines = []
        elif _is_complete(text):
            lines = []
            _remember(session, editor, text)
            _try(lambda text=text: _ask(session, text))  # type: ignore[misc]


def _is_complete(text: str) -> bool:
    found = rewrite.tokens(text)
    return bool(found) and found[-1].text == ";"


def _try(action: Callable[[], bool]) -> bool:
    """Do one thing; an error or Ctrl-C ends it and not the session. False ends the session."""
    try:
        return action()
    except MusterError as error:
        print(error)
    except KeyboardInterrupt:
        print("\nStopped.")
    return True


def _ask(session: Session, text: str) -> bool:
    found = rewrite.tokens(text)
    wanted = {after.text for sign, after in itertools.pairwise(found) if sign.text == "$"}
    parameters = {name: value for name, value in session.parameters.items() if name in wanted}
    ask.answer(ask.prepare(session.home, session.options, text, parameters, session.output_format))
    return True


def _command(session: Session, words: list[str]) -> bool:
    name, rest = words[0], words[1:]
    if name in (".quit", ".exit"):
        return False
    if name == ".tables":
        _tables(session)
    elif name == ".describe" and len(rest) == 1:
        _describe(session, rest[0].lower().removeprefix("mart."))
    elif name == ".queries":
        ask.list_saved("table")
    elif name == ".run" and rest:
        options = dataclasses.replace(session.options, name=rest[0], parameters=tuple(rest[1:]))
        sql, parameters = ask.saved_text(options)
        ask.answer(ask.prepare(session.home, options, sql, parameters, session.output_format))
    elif name == ".param" and rest:
        for key, value in ask.read_parameters(rest).items():
            session.parameters.pop(key, None)
            if value:
                session.parameters[key] = value
    elif name == ".format" and rest and rest[0] in ("table", "csv", "json"):
        session.output_format = rest[0]
    else:
        print_rows(("command", "does"), _HELP)
    return True


def _columns(session: Session) -> dict[str, list[str]]:
    sql = "select table_name, column_name from duckdb_columns() where schema_name = 'mart' order by all"
    found: dict[str, list[str]] = {}
    with open_role(session.home, session.options.role) as con:
        for table, column in con.execute(sql).fetchall():
            found.setdefault(str(table), []).append(str(column))
    return found


def _tables(session: Session) -> None:
    sql = "select table_name, comment from duckdb_tables() where schema_name = 'mart' order by table_name"
    with open_role(session.home, session.options.role) as con:
        print_rows(("table", "what it holds"), con.execute(sql).fetchall())


def _describe(session: Session, table: str) -> None:
    sql = """
        select column_name, data_type, comment from duckdb_columns()
        where schema_name = 'mart' and table_name = $table order by column_index
    """
    with open_role(session.home, session.options.role) as con:
        rows = con.execute(sql, {"table": table}).fetchall()
    if not rows:
        raise MusterError(f"There is no published table '{table}'; .tables lists them.")
    print_rows(("column", "type", "meaning"), rows)


def _editor(session: Session) -> ModuleType | None:
    """The line editor of the standard library, with this home's history and completion; None where there is none."""
    try:
        import readline
    except ImportError:
        return None
    readline.set_auto_history(False)
    readline.set_completer_delims(" \t\n,()=<>;$'\"")
    readline.set_completer(_completer(session))
    readline.parse_and_bind("tab: complete")
    if session.options.has_history:
        with contextlib.suppress(OSError):
            readline.read_history_file(history_file(session.home))
    return readline


def _completer(session: Session) -> Callable[[str, int], str | None]:
    document = allowed_document()
    functions = [
        str(name) for kind in ("scalar_functions", "aggregate_functions", "window_functions") for name in document[kind]
    ]
    names = sorted({column for columns in session.columns.values() for column in columns})
    saved = [query.name for query in ask.saved_queries()]
    commands = [command.split()[0] for command, _ in _HELP]

    def complete(text: str, state: int) -> str | None:
        table, dot, _ = text.partition(".")
        if text.startswith("."):
            offered = commands
        elif dot and table in session.columns:
            offered = [f"{table}.{column}" for column in session.columns[table]]
        else:
            offered = [*session.columns, *names, *_WORDS, *saved, *(f"{name}(" for name in functions)]
        found = [word for word in offered if word.lower().startswith(text.lower())]
        return found[state] if state < len(found) else None

    return complete


def _remember(session: Session, editor: ModuleType | None, text: str) -> None:
    """Keep what was typed for the next session; its answers are never kept. A full disk keeps nothing."""
    if editor is None:
        return
    editor.add_history(" ".join(text.split()))
    if not session.options.has_history:
        return
    with contextlib.suppress(OSError):
        path = history_file(session.home)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        path.chmod(0o600)
        editor.set_history_length(HISTORY_LINES)
        editor.write_history_file(str(path))
