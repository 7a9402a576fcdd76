"""The report as tagged PDF by Typst, with the fonts that Typst brings, so that every machine makes the same bytes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any, Literal

from dashboards.words import LEVELS
from pipelines.errors import MusterError
from pipelines.reports.chart import chart, description
from pipelines.reports.model import ALL_LEVELS, NUMBERS, Report, Table, clean, text

TEMPLATE = Path(__file__).with_name("week.typ")
_FONT = "Libertinus Serif"
_PORTRAIT, _LANDSCAPE = (110, 46), (165, 28)
"""Letters that fit beside each other on a page, and rows that fit below each other."""
_WIDE = 8
"""Tables of more columns than this are set in smaller type."""


def render(report: Report) -> bytes:
    """The PDF as bytes, after PDF/UA-1 wherever its fonts know every letter; raises MusterError where Typst refuses.

    A school's or a place's name in a script that the fonts lack is in the other formats as it is.
    """
    import typst

    document = json.dumps(_document(report))
    moment = int(report.as_of.replace(tzinfo=datetime.UTC).timestamp())
    try:
        try:
            return _compile(document, moment, "ua-1")
        except typst.TypstError:
            return _compile(document, moment, "1.7")
    except typst.TypstError as error:
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise MusterError(f"The PDF could not be set: {first}; nothing was written.") from error


def _compile(document: str, moment: int, standard: Literal["ua-1", "1.7"]) -> bytes:
    import typst

    return typst.compile(
        str(TEMPLATE),
        format="pdf",
        pdf_standards=standard,
        ignore_system_fonts=True,
        sys_inputs={"report": document},
        timestamp=moment,
    )


def _document(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "date": [report.as_of.year, report.as_of.month, report.as_of.day],
        "period": report.period,
        "banner": report.banner,
        "source": report.source,
        "copy": "Viewer's copy. " if report.copy == "viewer" else "",
        "figures": [{"label": each.label, "value": each.value, "note": each.note} for each in report.figures],
        "sentences": [clean(sentence) for sentence in report.sentences],
        "caveats": [clean(caveat) for caveat in report.caveats],
        "chart": chart(report, _FONT),
        "chart_words": description(report),
        "page": [_table(table, _PORTRAIT) for table in report.page],
        "appendix": [_table(table, _LANDSCAPE) for table in report.appendix],
    }


def _table(table: Table, page: tuple[int, int]) -> dict[str, Any]:
    letters, lines = page
    rows = [[text(value, column) for value, column in zip(row, table.columns, strict=True)] for row in table.printed]
    widths = []
    for index, column in enumerate(table.columns):
        longest = max((len(row[index]) for row in rows), default=0)
        word = max(len(part) for part in column.title.split())
        box = 5.0 if column.kind == "level" else 2.5
        widths.append(min(max(longest, word, len(column.title) / 2.2, 4) + box, 70.0 if column.is_long else 30.0))
    return {
        "query": table.query,
        "title": table.title,
        "note": table.note,
        "empty": table.empty,
        "rest": table.rest,
        "size": 7.5 if len(table.columns) > _WIDE or any(column.is_long for column in table.columns) else 8.5,
        "widths": widths,
        # A narrow table is not drawn out over the page, and one that fits on a page is not broken.
        "share": min(max(sum(widths) * 1.15 / letters, 0.4), 1.0) * 100,
        "is_broken": sum(4 if any(column.is_long for column in table.columns) else 1 for _ in rows) > lines,
        "numbers": [column.kind in NUMBERS for column in table.columns],
        "heads": [column.title for column in table.columns],
        "rows": [
            {
                "is_sum": row[0] == ALL_LEVELS,
                "cells": [
                    {"text": shown, "fill": _fill(value) if column.kind == "level" else None}
                    for shown, value, column in zip(texts, row, table.columns, strict=True)
                ],
            }
            for texts, row in zip(rows, table.printed, strict=True)
        ],
    }


def _fill(level: Any) -> str | None:
    if isinstance(level, str):
        return None
    return LEVELS[level].fill if level in LEVELS else "#FFFFFF"
