"""The one picture of the report: thirteen weeks of person-days, stacked by level, as a self-contained SVG."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from dashboards.words import LEVELS, UNKNOWN
from pipelines.reports.model import Bar, Report

WIDTH, HEIGHT = 720, 210
_LEFT, _TOP, _BOTTOM = 48, 30, 24
_PLAIN = "#8A9BA6"
_ORDER = (None, 1, 2, 3, 4, 5)


def description(report: Report) -> str:
    """The chart in words, for those who cannot see it."""
    if not report.trend:
        return "The thirteen weeks are withheld." if report.copy == "viewer" else "No exposure in the thirteen weeks."
    totals = [bar.total for bar in report.trend]
    if report.copy == "viewer":
        hidden = [f"{bar.week} {bar.shown}" for bar in report.trend if isinstance(bar.shown, str)]
        return (
            f"Person-days of each week from {report.trend[0].week} to {report.trend[-1].week}, rounded. The largest "
            f"week has {max(totals):,.0f}.{' Not drawn: ' + ', '.join(hidden) + '.' if hidden else ''}"
        )
    return (
        f"Person-days of each week from {report.trend[0].week} to {report.trend[-1].week}, stacked by level. "
        f"The last week has {totals[-1]:,.0f}, the largest {max(totals):,.0f}, the smallest {min(totals):,.0f}."
    )


def chart(report: Report, font: str) -> str:
    """The chart as a self-contained SVG text."""
    top = _axis_top(max((bar.total for bar in report.trend), default=0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="{escape(font)}" font-size="11" fill="#11171B">',
        f"<title>{escape(description(report))}</title>",
        *(_legend() if report.copy == "office" else [f'<text x="{_LEFT}" y="14">All levels together</text>']),
        *_axis(top),
    ]
    step = (WIDTH - _LEFT) / max(len(report.trend), 1)
    for position, bar in enumerate(report.trend):
        parts += _bar(bar, _LEFT + position * step, step, top)
    return "".join([*parts, "</svg>"])


def _axis_top(largest: float) -> float:
    """The round number at the top of the axis."""
    size = 1.0
    while size * 10 <= largest:
        size *= 10
    return next((size * factor for factor in (1, 2, 4, 5, 10) if size * factor >= largest), size)


def _height(days: float, top: float) -> float:
    return days / top * (HEIGHT - _TOP - _BOTTOM)


def _axis(top: float) -> Iterator[str]:
    for quarter in range(5):
        days = top * quarter / 4
        y = HEIGHT - _BOTTOM - _height(days, top)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}" stroke="#D6D2C6" stroke-width="0.7"/>'
        shown = f"{days:,.0f}" if top >= 4 else f"{days:,.1f}"
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'


def _legend() -> Iterator[str]:
    x = _LEFT
    for number in reversed(_ORDER):
        level = UNKNOWN if number is None else LEVELS[number]
        yield f'<rect x="{x}" y="4" width="11" height="11" fill="{level.fill}" stroke="#1B2329" stroke-width="0.6"/>'
        yield f'<text x="{x + 16}" y="14">{escape(level.text)}</text>'
        x += 112


def _bar(bar: Bar, x: float, step: float, top: float) -> Iterator[str]:
    y = float(HEIGHT - _BOTTOM)
    if isinstance(bar.shown, str):
        yield f'<text x="{x + step / 2:.1f}" y="{y - 4:.1f}" text-anchor="middle">{escape(bar.shown)}</text>'
    elif bar.shown:
        height = _height(bar.shown, top)
        yield (
            f'<rect x="{x + step * 0.14:.1f}" y="{y - height:.2f}" width="{step * 0.72:.1f}" height="{height:.2f}" '
            f'fill="{_PLAIN}" stroke="#1B2329" stroke-width="0.4"/>'
        )
    for number in _ORDER:
        height = _height(bar.days.get(number, 0), top)
        if height:
            y -= height
            fill = (UNKNOWN if number is None else LEVELS[number]).fill
            yield (
                f'<rect x="{x + step * 0.14:.1f}" y="{y:.2f}" width="{step * 0.72:.1f}" height="{height:.2f}" '
                f'fill="{fill}" stroke="#1B2329" stroke-width="0.4"/>'
            )
    week = bar.week.partition("-")[2]
    yield f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{week}</text>'
