"""Figures that tests measure, printed at the end of every run, also where several processes share the work."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Figure = Callable[[str], None]


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """Tell one figure of a test in words."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    told = [
        text for report in reports if report.when == "call" for name, text in report.user_properties if name == "figure"
    ]
    if told:
        terminalreporter.section("figures")
        for text in sorted(told):
            terminalreporter.line(text)
