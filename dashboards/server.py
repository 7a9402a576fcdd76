"""The dashboard's server: Streamlit with the application of ``app.py``, warm before it answers anybody.

``streamlit run dashboards/server.py`` finds `app`; ``muster serve`` runs this file, which does the same. Streamlit
enters `lifespan` after it has taken the port and before it answers: a browser that comes earlier waits those seconds,
and its first page is as fast as any later one. What is done ahead is the same whoever comes: modules, figures of
nothing, who is where now and the exposure of these weeks, by key. No name and no contact is read, so there is no look
to log.

The application's modules are imported in the functions: their caches want Streamlit's runtime, which `app` makes.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st

sys.path[:0] = [] if str(Path(__file__).parents[1]) in sys.path else [str(Path(__file__).parents[1])]

from pipelines.commands.serving import READY_VARIABLE  # noqa: E402 - the path above lets the file be run from anywhere
from pipelines.errors import MusterError  # noqa: E402

HERE = Path(__file__).parent
LATE_MODULES = ("numpy.ma", "PIL.ImageFile")
"""What Streamlit and DuckDB import only when a page is drawn; a test names whatever is missing here."""


def modules(file: Path) -> Iterator[str]:
    """The modules that the import statements of a file name; of ``from x import y`` also ``x.y`` where that is one."""
    for statement in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            yield from (one.name for one in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            spec = find_spec(statement.module)
            if spec is not None and spec.submodule_search_locations:
                names = [f"{statement.module}.{one.name}" for one in statement.names]
                yield from (name for name in names if find_spec(name))


def import_pages() -> None:
    """Import whatever the application and its pages import; a page itself runs when somebody opens it."""
    for file in (HERE / "app.py", *sorted((HERE / "views").glob("*.py"))):
        for name in modules(file):
            importlib.import_module(name)
    for name in LATE_MODULES:
        importlib.import_module(name)
    from dashboards import charts, words

    charts.prepare()
    words.country_name("CH")


def ask_ahead() -> None:
    """Open the file of each role that somebody has and ask, by key, who is where now and in which places these weeks.

    Nothing is given to anybody.

    A home that cannot be read, or has no publication yet, is no reason not to serve: each page says what is wrong.
    """
    from dashboards import access, data
    from dashboards.data import now, weekly

    try:
        roles = access.roles()
    except MusterError:
        return
    for role in roles:
        try:
            shown = data.publication_of(role)
            now.keep(shown)
            weekly.keep(shown)
        except MusterError:
            continue


def warm_up() -> None:
    """Do what the first page would otherwise wait for."""
    import_pages()
    ask_ahead()


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Warm up, say that the server answers, and serve."""
    await asyncio.to_thread(warm_up)
    if os.environ.get(READY_VARIABLE):
        print(os.environ[READY_VARIABLE], flush=True)
    yield


app = st.App(HERE / "app.py", lifespan=lifespan)

if __name__ == "__main__":
    from click.exceptions import Abort
    from streamlit.web.cli import main

    with suppress(Abort):  # Ctrl-C is how a server ends, and no failure
        main(["run", __file__, *sys.argv[1:]], prog_name="streamlit", standalone_mode=False)
