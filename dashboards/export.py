"""The one way by which anything leaves the dashboard as a file: logged first, harmless to spreadsheets, marked."""

from __future__ import annotations

import contextvars
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboards import data, parts, words
from dashboards.data import Publication
from pipelines.errors import MusterError
from pipelines.tables import is_utc_column, plain, print_rows

Rows = Sequence[Sequence[Any]]

CSV, EXCEL = "CSV", "Excel"
MIMES = {CSV: "text/csv", EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
CELL_MOST = 32_767
"""Characters that a cell of a workbook holds."""
PURPOSE_MOST = 200


@dataclass(frozen=True)
class Choice:
    """What the person chose beside the button: the format, and what the file is for."""

    file_format: str = CSV
    purpose: str | None = None


_chosen: contextvars.ContextVar[Choice | None] = contextvars.ContextVar("_chosen", default=None)


def watermark(shown: Publication, title: str) -> str:
    """What the file is, who took it when, and from which generation."""
    taken = parts.now().strftime("%Y-%m-%d %H:%M UTC")
    invented = " INVENTED RATINGS." if shown.has_invented_ratings else ""
    return (
        f"{words.without_steering(title)}. Taken by {data.user().name} ({shown.role}) on {taken} from generation "
        f"{shown.generation}, as of {shown.as_of:%Y-%m-%d %H:%M UTC}. Personal data: keep it safe and delete it after "
        f"use.{invented}"
    )


def csv_bytes(mark: str, columns: Sequence[str], rows: Rows) -> bytes:
    """A CSV file for spreadsheets whose first line is the mark; cells that would run as a formula are made text."""
    out = io.StringIO()
    print_rows([mark], [], "csv", stream=out)
    print_rows(columns, rows, "csv", stream=out)
    return out.getvalue().encode("utf-8-sig")


def excel_bytes(mark: str, columns: Sequence[str], rows: Rows) -> bytes:
    """A workbook of one sheet whose first line is the mark; every text is a text, never a formula or a link."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("Muster")
        bold = book.add_format({"bold": True})
        for number, row in enumerate([[mark], list(columns), *rows]):
            for place, value in enumerate(row):
                known = plain(value, is_utc_column(columns[place])) if number > 1 else value
                _write(sheet, number, place, known, bold if number == 1 else None)
    return out.getvalue()


def _write(sheet: Any, number: int, place: int, value: Any, look: Any) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(number, place, value, look)
    elif isinstance(value, int | float) and abs(value) < 1e15:
        sheet.write_number(number, place, value, look)
    elif value is not None:
        sheet.write_string(number, place, f"{value}"[:CELL_MOST], look)


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
    choice = _chosen.get() or Choice()
    asked = {**asked, "export": choice.file_format}
    data.record(shown, f"{page} export", asked, traveller_ids, rows=len(rows), purpose=choice.purpose)
    make = excel_bytes if choice.file_format == EXCEL else csv_bytes
    return make(watermark(shown, title), columns, rows)


def _ask(key: str, label: str) -> tuple[Choice, bool]:
    """Format, purpose and the button beside each other: (what was chosen, whether the button was pressed)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file_format = st.segmented_control("Format", list(MIMES), default=CSV, key=f"{key}-format", width="content")
        purpose = st.text_input(
            "What for (kept in the access log)",
            key=f"{key}-purpose",
            max_chars=PURPOSE_MOST,
            placeholder="optional; no names",
        )
        is_pressed = st.button(f"{label} (logged)", key=f"{key}-make")
    return Choice(file_format or CSV, words.without_steering(purpose) or None), is_pressed


def offer(
    shown: Publication,
    key: str,
    label: str,
    file_name: str,
    signature: object,
    make: Callable[[], bytes],
) -> None:
    """A button that makes the file by :func:`take`, and then the one that downloads it.

    A file of other rows, of another format or purpose, or of another generation is offered no more.
    """
    choice, is_pressed = _ask(key, label)
    wanted = (shown.generation, shown.role, choice, repr(signature))
    if is_pressed:
        token = _chosen.set(choice)
        try:
            st.session_state[f"{key}-file"] = (wanted, make())
        except MusterError as problem:
            parts.notice("alarm", "No file was made.", str(problem))
        finally:
            _chosen.reset(token)
    made, content = st.session_state.get(f"{key}-file", (None, b""))
    if made == wanted:
        name = file_name if choice.file_format == CSV else f"{file_name.removesuffix('.csv')}.xlsx"
        st.download_button(
            f"Download {name}", content, name, MIMES[choice.file_format], key=f"{key}-get", on_click="ignore"
        )


def take_files(
    shown: Publication, page: str, asked: dict[str, Any], make: Callable[[], dict[str, bytes]], count: int
) -> dict[str, bytes]:
    """Files that Muster renders itself, as a report, after the access log holds who took them.

    Raises MusterError where it cannot be written, and what `make` raises.
    """
    data.record(shown, f"{page} export", {**asked, "export": "report", "files": count})
    return make()


def download(content: bytes, file_name: str, mime: str, key: str, title: str = "") -> None:
    """The button for one file whose making is in the access log already."""
    label = f"{title}: {file_name}" if title else f"Download {file_name}"
    st.download_button(label, content, file_name, mime, key=key, on_click="ignore")
