"""The one way by which anything leaves the dashboard as a file: logged first, harmless to spreadsheets, marked."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboards import data, parts
from dashboards.data import Publication
from pipelines.access_log import record_look
from pipelines.errors import MusterError
from pipelines.tables import print_rows

Rows = Sequence[Sequence[Any]]


def csv_bytes(shown: Publication, title: str, columns: Sequence[str], rows: Rows) -> bytes:
    """A CSV file for spreadsheets; its first line says what it is, who took it when, and from which generation.

    Cells that a spreadsheet would run as a formula are made text. Instants are UTC.
    """
    who = data.user()
    taken = parts.now().strftime("%Y-%m-%d %H:%M UTC")
    invented = " INVENTED RATINGS." if shown.has_invented_ratings else ""
    mark = (
        f"{title}. Taken by {who.name} ({shown.role}) on {taken} from generation {shown.generation}, "
        f"as of {shown.as_of:%Y-%m-%d %H:%M UTC}. Personal data: keep it safe and delete it after use.{invented}"
    )
    out = io.StringIO()
    print_rows([mark], [], "csv", stream=out)
    print_rows(columns, rows, "csv", stream=out)
    return out.getvalue().encode("utf-8-sig")


def take(
    shown: Publication,
    page: str,
    title: str,
    columns: Sequence[str],
    rows: Rows,
    asked: dict[str, Any],
    traveller_ids: Sequence[str] = (),
) -> bytes:
    """The file, after the access log holds who took what. Raises MusterError where it cannot be written."""
    who = data.user()
    parameters = {**asked, "export": True, "rows": len(rows)}
    name = None if who.is_local else who.name
    record_look(data.home(), f"dashboard {page} export", shown.role, shown.generation, parameters, traveller_ids, name)
    return csv_bytes(shown, title, columns, rows)


def offer(
    shown: Publication,
    key: str,
    label: str,
    file_name: str,
    signature: object,
    make: Callable[[], bytes],
) -> None:
    """A button that makes the file, and then the one that downloads it; a file of other rows is offered no more."""
    wanted = (shown.generation, shown.role, repr(signature))
    if st.button(f"{label} (logged)", key=f"{key}-make"):
        try:
            st.session_state[f"{key}-file"] = (wanted, make())
        except MusterError as problem:
            parts.notice("alarm", "No file was made.", str(problem))
    made, content = st.session_state.get(f"{key}-file", (None, b""))
    if made == wanted:
        st.download_button(f"Download {file_name}", content, file_name, "text/csv", key=f"{key}-get", on_click="ignore")


def take_files(
    shown: Publication, page: str, asked: dict[str, Any], make: Callable[[], dict[str, bytes]], count: int
) -> dict[str, bytes]:
    """Files that Muster renders itself, as a report, after the access log holds who took them.

    Raises MusterError where it cannot be written, and what `make` raises.
    """
    who = data.user()
    parameters = {**asked, "export": True, "files": count}
    name = None if who.is_local else who.name
    record_look(data.home(), f"dashboard {page} export", shown.role, shown.generation, parameters, (), name)
    return make()


def download(content: bytes, file_name: str, mime: str, key: str, title: str = "") -> None:
    """The button for one file whose making is in the access log already."""
    label = f"{title}: {file_name}" if title else f"Download {file_name}"
    st.download_button(label, content, file_name, mime, key=key, on_click="ignore")
