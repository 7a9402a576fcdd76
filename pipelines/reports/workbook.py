"""The report as a workbook of typed cells: one sheet a table, whole, and what it was made of on the first.

Text from feeds is written as text whatever it begins with: no cell is a formula or a link.
"""

from __future__ import annotations

import datetime
import io
from typing import Any

from pipelines.reports.model import LEVEL_WORDS, Column, Report, Table, clean, country_words

_FORMATS = {
    "count": "#,##0",
    "days": "#,##0.0",
    "change": "+#,##0.0;-#,##0.0;0.0",
    "share": "0.0%",
    "instant": "yyyy-mm-dd hh:mm",
    "date": "yyyy-mm-dd",
}
_WIDTHS = {"text": 22, "level": 16, "country": 28, "instant": 17, "count": 11, "days": 13, "change": 13}


def render(report: Report) -> bytes:
    """The workbook as bytes; its dates are the report's, so the same report gives the same bytes."""
    import xlsxwriter

    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": True,
        "default_date_format": "yyyy-mm-dd hh:mm",
    }
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties(
        {
            "title": report.title,
            "author": "Muster",
            "comments": report.source,
            "created": report.as_of.replace(microsecond=0),
        }
    )
    formats = {kind: book.add_format({"num_format": shape}) for kind, shape in _FORMATS.items()}
    bold = book.add_format({"bold": True})
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "bottom", "bottom": 1})
    alarm = book.add_format({"bold": True, "font_color": "#9A1B1B"})
    _about(book.add_worksheet("About"), report, bold, alarm)
    for table in report.tables:
        # The invented ratings are named in the header of every printed sheet, beside the banner in its first row.
        sheet = book.add_worksheet(table.name.removeprefix("week_")[:31])
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_header(f"&C{report.banner}" if report.banner else f"&C{report.title}")
        sheet.write_string(0, 0, f"{table.title}, {report.week}", bold)
        sheet.write_string(1, 0, report.banner or f"sql/queries/{table.query}.sql", alarm if report.banner else None)
        _rows(sheet, table, head, formats)
    book.close()
    return buffer.getvalue()


def _about(sheet: Any, report: Report, bold: Any, alarm: Any) -> None:
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 2, 30)
    lines: list[tuple[str, ...]] = [(report.title,), (report.period,), (report.source,), (report.banner,), ()]
    lines += [(figure.label, figure.value, figure.note) for figure in report.figures]
    lines += [(), *((sentence,) for sentence in report.sentences), (), ("What to bear in mind",)]
    lines += [(caveat,) for caveat in report.caveats]
    lines += [(), ("Sheet", "Query", "Title")]
    lines += [(t.name.removeprefix("week_"), f"sql/queries/{t.query}.sql", t.title) for t in report.tables]
    for number, line in enumerate(lines):
        for place, cell in enumerate(line):
            style = bold if number == 0 else alarm if cell == report.banner else None
            sheet.write_string(number, place, cell, style)


def _rows(sheet: Any, table: Table, head: Any, formats: dict[str, Any]) -> None:
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, _WIDTHS.get(column.kind, 14))
        sheet.write_string(3, place, column.title, head)
        for number, row in enumerate(table.rows, start=4):
            _cell(sheet, number, place, row[place], column, formats)
    sheet.freeze_panes(4, 0)
    if table.rows:
        sheet.autofilter(3, 0, 3 + len(table.rows), len(table.columns) - 1)


def _cell(sheet: Any, number: int, place: int, value: Any, column: Column, formats: dict[str, Any]) -> None:
    style = formats.get(column.kind)
    if column.kind == "country":
        sheet.write_string(number, place, country_words(value))
    elif isinstance(value, str):
        sheet.write_string(number, place, clean(value)[:32767])
    elif column.kind == "level":
        sheet.write_string(number, place, LEVEL_WORDS[value])
    elif value is None:
        sheet.write_blank(number, place, None, style)
    elif isinstance(value, bool):
        sheet.write_boolean(number, place, value)
    elif isinstance(value, datetime.datetime | datetime.date):
        sheet.write_datetime(number, place, value, style)
    else:
        sheet.write_number(number, place, value, style)
