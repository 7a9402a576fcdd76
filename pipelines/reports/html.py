"""The report as one HTML file: no script, no outside request, readable by a screen reader, made to be printed."""

from __future__ import annotations

from html import escape
from typing import Any

from dashboards.words import LEVELS
from pipelines.reports.chart import chart, description
from pipelines.reports.model import ALL_LEVELS, NUMBERS, Column, Report, Table, text

_FONT = "Georgia, 'Libertinus Serif', serif"
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 Georgia, 'Libertinus Serif', serif; color: #11171B; background: #FFF; margin: 0 auto;
  max-width: 66rem; padding: 1.5rem; }
h1 { font-size: 1.9rem; margin: 0 0 .2rem; } h2, h3 { font-size: 1.25rem; margin: 2.2rem 0 .4rem;
  break-after: avoid; } .appendix h2 { font-size: 1.9rem; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; }
.banner { border: 3px solid #9A1B1B; background: #FBE9E4; color: #4A0D0D; padding: .5rem .8rem; font-weight: bold; }
.source, .note, .query { color: #3B464D; font-size: .86rem; } .note { max-width: 52rem; margin: .3rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1rem 0;
  padding: 0; list-style: none; }
.figures li { border-top: 4px solid #11171B; padding: .4rem 0; } .figures b { display: block; font-size: 1.9rem;
  line-height: 1.2; } .figures span { display: block; font-size: .82rem; color: #3B464D; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .86rem; line-height: 1.35; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .25rem .5rem; border-bottom: 1px solid #D6D2C6; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #11171B; vertical-align: bottom; } .n { text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody th { font-weight: normal; } tr.sum td, tr.sum th { font-weight: bold; border-top: 2px solid #11171B; }
.level { white-space: nowrap; } .level i { display: inline-block; width: .7em; height: .7em; margin-right: .4em;
  border: 1px solid #11171B; } svg { max-width: 100%; height: auto; } .caveats li { max-width: 52rem; }
@page { size: A4; margin: 16mm; } @media print { body { font-size: 10pt; padding: 0; max-width: none; }
  .appendix { break-before: page; } tr, .figures li { break-inside: avoid; } thead { display: table-header-group; }
  .scroll { overflow: visible; } }
"""


def render(report: Report) -> str:
    """The whole page as text; every value is escaped."""
    banner = f'<p class="banner" role="note">{escape(report.banner)}</p>' if report.banner else ""
    copy = "Viewer's copy. " if report.copy == "viewer" else ""
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>",
            '<a class="skip" href="#report">Skip to the report</a><main id="report"><header>',
            f"<h1>{escape(report.title)}</h1><p>{escape(report.period)}</p>{banner}",
            f'<p class="source">{copy}{escape(report.source)}</p></header>\n',
            _figures(report),
            f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in report.sentences)}</ul>\n",
            f'<figure aria-label="Thirteen weeks">{chart(report, _FONT)}',
            f'<figcaption class="note">{escape(description(report))}</figcaption></figure>\n',
            _table(report.page[0]),
            _caveats(report),
            *(_table(table) for table in report.page[1:]),
            f'<div class="appendix"><h2>Appendix</h2>{banner}</div>\n',
            *(_table(table, "h3") for table in report.appendix),
            "</main></body></html>\n",
        ]
    )


def _figures(report: Report) -> str:
    items = (
        f"<li>{escape(figure.label)}<b>{escape(figure.value)}</b><span>{escape(figure.note)}</span></li>"
        for figure in report.figures
    )
    return f'<ul class="figures">{"".join(items)}</ul>\n'


def _caveats(report: Report) -> str:
    if not report.caveats:
        return ""
    items = "".join(f"<li>{escape(caveat)}</li>" for caveat in report.caveats)
    return f'<section><h2>What to bear in mind</h2><ul class="caveats">{items}</ul></section>\n'


def _table(table: Table, head: str = "h2") -> str:
    heading = f'<section id="{table.name}"><{head}>{escape(table.title)}</{head}>'
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    query = f'<p class="query">Query: sql/queries/{table.query}.sql. {escape(table.rest)}</p></section>\n'
    if not table.rows:
        return f"{heading}{note}<p>{escape(table.empty)}</p>{query}"
    heads = "".join(f'<th scope="col"{_number(column)}>{escape(column.title)}</th>' for column in table.columns)
    rows = "".join(_row(table, row) for row in table.printed)
    return (
        f'{heading}{note}<div class="scroll" role="region" aria-label="{escape(table.title)}" tabindex="0">'
        f"<table><caption>{escape(table.title)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"</div>{query}"
    )


def _number(column: Column) -> str:
    return ' class="n"' if column.kind in NUMBERS else ""


def _row(table: Table, row: tuple[Any, ...]) -> str:
    is_sum = row[0] == ALL_LEVELS
    named = _cell(row[0], table.columns[0], 'th scope="row"')
    cells = named + "".join(_cell(value, column) for value, column in zip(row[1:], table.columns[1:], strict=True))
    return f'<tr class="sum">{cells}</tr>' if is_sum else f"<tr>{cells}</tr>"


def _cell(value: Any, column: Column, tag: str = "td") -> str:
    end = tag.partition(" ")[0]
    shown = escape(text(value, column))
    if column.kind == "level" and not isinstance(value, str):
        fill = LEVELS[value].fill if value in LEVELS else "#FFFFFF"
        return f'<{tag} class="level"><i aria-hidden="true" style="background:{fill}"></i>{shown}</{end}>'
    return f"<{tag}{_number(column)}>{shown}</{end}>"
