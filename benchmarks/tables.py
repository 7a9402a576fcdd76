"""Results as Markdown: the tables of ``benchmarks/README.md``, between their markers."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.measure import Figure
from pipelines.errors import MusterError

Measure = Callable[[], list[Figure]]
Entry = dict[str, Any]

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- begin of the measured tables -->", "<!-- end of the measured tables -->"

BASES = {
    "whole run, cold": "floor",
    "exposure step alone": "floor",
    "run after 1 % new records": "rebuild",
    "start from the shell": "Python opening the file",
}
"""What the ratios of a workload are to."""


def machine_line(machine: Entry) -> str:
    """One sentence of where and with what something was measured."""
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"load {machine['load_average']} at the end; Python {machine['python']}, {versions}; "
        f"commit {machine['commit']}."
    )


def all_tables(folder: Path) -> str:
    """Every results file of a folder as Markdown, sizes in order, growth last."""
    sizes = sorted(folder.glob("trips-*.json"), key=lambda path: int(path.stem.partition("-")[2]))
    parts = [_document(results.load(path), f"{int(path.stem.partition('-')[2]):,} trips") for path in sizes]
    growth = folder / "growth.json"
    if growth.exists():
        parts.append(_document(results.load(growth), "Growth of everything else"))
    if len(sizes) > 1:
        parts.append(_exponents([results.load(path) for path in sizes]))
    return "\n\n".join(parts)


def write(text: str, readme: Path = README) -> None:
    """Put the tables between the markers of the README."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise MusterError(f"{readme} has lost the lines that mark its tables; put '{BEGIN}' and '{END}' back.")
    readme.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _document(document: Entry, title: str) -> str:
    rows = [
        "| workload | contender | seconds | CPU seconds | peak MiB | ratio | CPU ratio | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    asked = ["| question | p50 ms | p95 ms |", "|---|--:|--:|"]
    for workload in document["workloads"].values():
        figures = workload["figures"]
        base = next((each for each in figures if each["contender"] == BASES.get(each["workload"])), None)
        for figure in figures:
            questions = figure["answer"].get("questions", {})
            asked += [f"| {name} | {found['p50']:,.1f} | {found['p95']:,.1f} |" for name, found in questions.items()]
            if not questions:
                rows.append(_row(figure, base))
    lines = [f"### {title}", "", *_where(document)]
    lines += rows if len(rows) > 2 else []
    lines += ["", *asked] if len(asked) > 2 else []
    return "\n".join(lines)


def _where(document: Entry) -> list[str]:
    """Where and by which command it was measured; one line for all workloads of one machine, commit and command."""
    said: dict[str, list[str]] = {}
    for name, workload in document["workloads"].items():
        line = machine_line(workload["machine"] | {"load_average": "%"})
        said.setdefault(f"{line} Made by `{workload['command']}`.", []).append(name)
    loads = [workload["machine"]["load_average"] for workload in document["workloads"].values()]
    span = f"{min(loads)} to {max(loads)}" if loads else "unknown"
    lines = [line.replace("load % at the end", f"load {span}") for line in said]
    if len(lines) > 1:
        lines = [f"{', '.join(names)}: {line}" for line, names in zip(lines, said.values(), strict=True)]
    return [part for line in lines for part in (line, "")]


def _row(figure: Entry, base: Entry | None) -> str:
    name = f"| {figure['workload']} | {figure['contender']} "
    if not figure["seconds"]:
        return f"{name}| | | | | | {figure['note']} |"
    ratios = [""] * 2
    if base is not None and base is not figure and base["seconds"]:
        ratios = [
            f"{figure[key] / base[key]:.2f}" if base[key] else "" for key in ("median_seconds", "median_cpu_seconds")
        ]
    repeats = len(figure["seconds"])
    numbers = (
        f"{figure['median_seconds']:,.2f} | {figure['median_cpu_seconds']:,.2f} | {figure['largest_peak_mib']:,.0f}"
    )
    return f"{name}| {numbers} | {' | '.join(ratios)} | {_remark(figure, repeats)} |"


def _remark(figure: Entry, repeats: int) -> str:
    """What a figure's answer says beside its time."""
    answer = figure["answer"]
    said = [f"{repeats} repeats" if repeats > 1 else "once"]
    if "read_share" in answer:
        said.append(f"{answer['read_share']:.1%} of the records read")
    if "texts" in answer:
        rate = answer["texts"] / figure["median_seconds"] * 60
        said.append(f"{rate:,.0f} texts a minute, {answer['plain_right'] / answer['plain']:.1%} right")
    if "tables" in answer:
        said.append(f"{answer['tables']} tables, {answer['rows']:,} rows the same")
    if "exposures" in answer and "weeks" in answer:
        said.append(
            f"{answer['exposures']:,} exposures, {answer['weeks']:,} {'weeks' if 'steps' in answer else 'rows by week'}"
        )
    if "findings" in answer:
        said.append(f"{sum(answer['findings'].values()):,} findings")
    if "parts" in answer:
        said.append(", ".join(f"{part} {seconds:.2f} s" for part, seconds in answer["parts"].items()))
    if "run_seconds" in answer:
        taken, sizes = answer["run_seconds"], answer["dagster_mib"]
        third = len(taken) // 3
        said.append(
            f"first third {statistics.median(taken[:third]):.2f} s a run, "
            f"last {statistics.median(taken[-third:]):.2f} s; "
            f"record {sizes[third]:.1f}, then {sizes[-1]:.1f} MiB; {answer['generations'][-1]} generations"
        )
    if "seconds_to_check_the_chain" in answer:
        said.append(f"{answer['mib']:.0f} MiB; whole chain checked in {answer['seconds_to_check_the_chain']:.2f} s")
    return "; ".join(said)


def _exponents(documents: list[Entry]) -> str:
    """How Muster's CPU time grows between the smallest and the largest size of each workload."""
    found: dict[str, dict[int, float]] = {}
    for document in documents:
        for workload in document["workloads"].values():
            for figure in workload["figures"]:
                if figure["contender"] == "Muster" and figure["seconds"] and "questions" not in figure["answer"]:
                    found.setdefault(figure["workload"], {})[figure["trips"]] = figure["median_cpu_seconds"]
    lines = ["### Growth with the number of trips", "", "CPU seconds grow with the number of trips to the power of", ""]
    lines += ["| workload | from | to | exponent |", "|---|--:|--:|--:|"]
    for workload, times in found.items():
        sizes = sorted(times)
        for small, large in itertools.pairwise(sizes):
            exponent = math.log(times[large] / times[small]) / math.log(large / small)
            lines.append(f"| {workload} | {small:,} | {large:,} | {exponent:.2f} |")
    return "\n".join(lines)
