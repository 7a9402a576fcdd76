"""Data health: the last runs, which feeds came and when, the account of every record, and what the checks found."""

from __future__ import annotations

import html

import streamlit as st

from dashboards import data, parts, small, unresolved_list, words
from dashboards.data import Publication, Row, health
from pipelines import instance
from pipelines.errors import MusterError
from pipelines.run_history import PastRun

RAW_SHOWN = 50
FILES_SHOWN = 25
RUNS_SHOWN = 8
JOBS = {"muster_run": "Run", "weekly_report": "Weekly report"}


def run_cells(run: PastRun, shown: Publication, address: str | None) -> list[str]:
    """One run as table cells; its number leads to its page of Dagster while that is served."""
    look = "m-tag" if run.status in ("succeeded", "running") else "m-tag m-tag-alarm"
    took = "" if run.ended_at is None else f"took {words.span(run.ended_at - run.began_at)}"
    number = words.safe(run.run_id[:8])
    if address is not None:
        number = f'<a href="{address}/runs/{html.escape(run.run_id)}" target="_blank" rel="noreferrer">{number}</a>'
    return [
        f"{words.safe(words.moment(run.began_at, shown.zone, shown.as_of))}<small>{took}</small>",
        words.safe(words.lookup(JOBS, run.job)),
        f'<span class="{look}">{words.safe(words.lookup(words.RUN_STATUS, run.status))}</span>',
        words.safe(run.problem or None, 400),
        number,
    ]


def show_runs(shown: Publication) -> None:
    """The last runs with what came of them, and the way to Dagster's pages."""
    st.subheader("Last runs")
    try:
        runs = health.last_runs(RUNS_SHOWN)
    except MusterError as problem:
        parts.notice("warn", "The last runs are not known.", str(problem))
        return
    address = instance.served_at(data.home())
    if shown.role == "viewer":  # a reason may count people
        body = [run_cells(run, shown, None)[:3] for run in runs]
        columns = ["Began", "What", "Result"]
    else:
        body = [run_cells(run, shown, address) for run in runs]
        columns = ["Began", "What", "Result", "Why", "Dagster"]
    if runs:
        parts.table("Last runs", columns, body)
    else:
        parts.notice("info", "No run is recorded in this home.", "'muster run' records each in the home's Dagster.")
    if shown.role == "viewer":
        return
    if address is not None:
        link = f'<a href="{address}" target="_blank" rel="noreferrer">Dagster\'s pages</a>'
        text = f"{link}, on this computer alone: assets, checks, schedules and every run."
    else:
        text = (
            "Dagster's pages, with assets, checks and schedules, are not served now; on this computer "
            f"<code>make dagster HOME_DIR={html.escape(str(data.home().root))}</code> serves them."
        )
    st.html(f'<p class="m-facts">{text}</p>')


def feed_cells(feed: Row, shown: Publication) -> list[str]:
    """One feed as table cells: state, newest receipt, and its account (F1)."""
    look = "m-tag m-tag-alarm" if parts.is_late(feed) else "m-tag"
    newest = feed["newest_received_at"]
    troubles = "".join(
        f"{words.count_of(feed[name], 'file')} {word}<br>"
        for name, word in (("held_files", "held"), ("failed_files", "failed"))
        if feed[name]
    )
    records, kept = feed["records"] or 0, [feed[name] or 0 for name in ("loaded", "rejected", "blank")]
    missing = records - sum(kept)
    account = "adds up" if missing == 0 else f"{missing:+,} not accounted for"
    return [
        f"<strong>{words.safe(feed['feed'])}</strong>",
        f'<span class="{look}">{words.safe(parts.feed_state(feed))}</span>'
        f"<small>{troubles}{'optional' if feed['is_optional'] else ''}</small>",
        f"{words.safe(words.moment(newest, shown.zone, shown.as_of) if newest else None)}"
        f"<small>{words.until(newest, shown.as_of).replace('ago', 'before') if newest else ''}</small>",
        f'<span class="m-tag{"" if missing == 0 else " m-tag-alarm"}">{account}</span>',
        *(f"{number:,}" for number in (feed["files"] or 0, records, *kept)),
    ]


def show_feeds(shown: Publication) -> None:
    """The feeds and their accounts."""
    feeds = data.feeds(shown)
    st.subheader("Feeds")
    if not feeds:
        parts.notice("warn", "No feed is declared.", "Put files below the inbox of the home and run 'muster run'.")
        return
    st.html('<p class="m-facts">Every record of every file is loaded, rejected with a reason, or blank.</p>')
    columns = ["Feed", "State", "Newest received", "Account", "Files", "Records", "Loaded", "Rejected", "Blank"]
    absent = [feed["feed"] for feed in feeds if feed["status"] == "missing" and feed["is_optional"]]
    rows = [feed_cells(feed, shown) for feed in feeds if feed["feed"] not in absent]
    parts.table("Feeds", columns, rows, look="counts")
    if absent:
        text = f"Optional, and never came: {words.joined(absent)}."
        st.html(f'<p class="m-facts">{words.safe(text, 600)}</p>')


def show_files(shown: Publication) -> None:
    """The files that need a look, then the newest, each with its account."""
    total, files = health.files(shown, FILES_SHOWN)
    st.subheader("Files")
    if not files:
        parts.notice("warn", "No file has come.", "Put files below the inbox of the home and run 'muster run'.")
        return
    st.html(
        f'<p class="m-facts">{len(files):,} of {total:,}: failed and held ones first, then the newest. '
        "'muster feeds' lists all.</p>"
    )
    rows = []
    for file in files:
        name = file["file_name"] or "name withheld"
        look = "m-tag" if file["file_status"] == "loaded" else "m-tag m-tag-alarm"
        status = words.safe(words.lookup(words.FILE_STATUS, file["file_status"]))
        rows.append(
            [
                words.safe(file["feed"]),
                f"{words.safe(name, 80)}<small>{words.safe(file['file_sha256'])}</small>",
                words.safe(words.moment(file["received_at"], shown.zone, shown.as_of)),
                f'<span class="{look}">{status}</span><small>{words.safe(file["message"] or " ", 300)}</small>',
                *(f"{file[name] or 0:,}" for name in ("records", "loaded", "rejected", "blank")),
            ]
        )
    columns = ["Feed", "File", "Received", "State", "Records", "Loaded", "Rejected", "Blank"]
    parts.table("Files", columns, rows, look="counts")


def show_rejected(shown: Publication) -> None:
    """Rejected records by reason; the raw records for the steward, after the look was logged."""
    st.subheader("Rejected records")
    total = sum(feed["rejected"] or 0 for feed in data.feeds(shown))
    if not total:
        parts.notice("info", "No record was rejected.", "Every record of the files that came is loaded or blank.")
        return
    if shown.role != "steward":
        parts.notice(
            "info",
            f"{words.count_of(total, 'record was', 'records were')} rejected.",
            "Reasons and raw records are in the steward's file; your role sees the counts by feed above.",
        )
        return
    reasons = health.rejected_reasons(shown)
    rows = [
        [words.safe(row["feed"]), words.safe(row["reason"], 300), f"{row['n']:,}", f"{row['files']:,}"]
        for row in reasons
    ]
    parts.table("Rejected records by reason", ["Feed", "Reason", "Records", "Files"], rows)
    if st.toggle("Show raw records (the look is logged)", key="raw"):
        show_raw(shown, total)


def show_raw(shown: Publication, total: int) -> None:
    """The first raw records; they may hold personal data, so nothing is shown where the log cannot be written."""
    number = min(total, RAW_SHOWN)
    try:
        data.look(shown, "data_health", {"raw_rejected_records": number}, rows=number)
    except MusterError as problem:
        parts.notice("alarm", "Raw records are hidden.", str(problem))
        return
    rows = [
        [
            words.safe(row["feed"]),
            words.safe(row["file"]),
            f"{row['record_number']:,}",
            words.safe(row["line_number"]),
            words.safe(row["reason"], 300),
            f'<span class="m-raw">{html.escape(str(row["raw"])[:1000])}</span>',
        ]
        for row in health.rejected_raw(shown, RAW_SHOWN)
    ]
    st.html(f'<p class="m-facts">The first {number:,} of {total:,}.</p>')
    parts.table("Raw rejected records", ["Feed", "File", "Record", "Line", "Reason", "Raw"], rows)


def _days(row: Row, whole: float, shown: Publication) -> tuple[str, str]:
    """Person-days and their share of all."""
    if shown.role == "viewer":
        return words.safe(None), words.safe(None)
    return f"{row['person_days']:,.1f}", f"{row['person_days'] / whole:.1%}" if whole else "–"


UNCERTAIN = {
    "place_unknown": (
        "Place not recognised",
        "counted under its own text, never as another place, and without a level",
    ),
    "place_fuzzy": ("Place guessed", "recognised by likeness alone: please confirm it or give it an alias"),
    "place_historical": ("Place of the past", "a name that no country or city has today"),
    "country_only": ("Known only by country", "rated as the country; the worst level within it is shown beside"),
    "region_only": ("Known only by region", "rated as the region and its country"),
    "unrated": ("Place recognised, nobody rates it", "without a level, which is not low"),
    "stale": ("Level is stale", "the provider's last word, kept after it fell silent or sent something unreadable"),
}
"""Kinds of what is vague or unknown: in words, and what it means for the figures."""


def show_uncertainty(shown: Publication) -> None:
    """How much hangs on what is vague or unknown (P1 to P3, R4)."""
    found = health.uncertainty(shown)
    if not found:
        return
    st.subheader("Vague and unknown")
    whole = found.get("all", {}).get("person_days") or 0
    kinds = [(*UNCERTAIN[kind], found[kind]) for kind in UNCERTAIN if kind in found and found[kind]["stays"]]
    if not kinds:
        parts.notice("info", "Nothing is vague or unknown.", "Every stay is at a place that is recognised and rated.")
        return
    st.html(
        '<p class="m-facts">Stays, transit and journeys left out; one stay may be in several lines. '
        "'muster sql --query vague_and_unknown' lists all places.</p>"
    )
    rows = [
        [
            f"<strong>{words.safe(title)}</strong><small>{words.safe(meaning, 200)}</small>",
            words.safe(small.count_for(shown.role, row["stays"])),
            words.safe(small.count_for(shown.role, row["travellers"])),
            words.safe(small.count_for(shown.role, row["travellers_now"])),
            *_days(row, whole, shown),
        ]
        for title, meaning, row in kinds
    ]
    parts.table("Vague and unknown", ["What", "Stays", "People", "Now", "Person-days", "Of all"], rows)


def show_findings(shown: Publication) -> None:
    """What the checks found."""
    st.subheader("Checks")
    findings = [row for row in health.findings(shown) if row["failing_rows"] != 0]
    if not findings:
        parts.notice("info", "No check found anything.", "All checks of this publication passed.")
        return
    is_told = shown.role != "viewer"  # a message may count people or quote a text
    rows = []
    for row in findings:
        look = "m-tag m-tag-alarm" if row["severity"] == "blocking" else "m-tag"
        failing = "–" if row["failing_rows"] is None else f"{row['failing_rows']:,}"
        rows.append(
            [
                f'<span class="{look}">{words.safe(row["severity"])}</span>',
                words.safe(row["table_name"]),
                words.safe(row["message"], 400) if is_told else words.safe(None),
                failing if is_told or row["failing_rows"] is None else words.safe(small.count(row["failing_rows"])),
                words.safe(row["check_name"]),
            ]
        )
    parts.table("Findings of data quality", ["Severity", "Table", "Finding", "Rows", "Check"], rows)


def show_publication(shown: Publication) -> None:
    """Which publication this is."""
    st.subheader("This publication")
    facts = [
        ("Generation", shown.generation),
        ("As of", words.moment(shown.as_of, shown.zone)),
        ("By what was known on", words.moment(shown.known_at, shown.zone)),
        ("Built", words.moment(shown.built_at, shown.zone)),
        ("Landed files", f"{shown.landed_files:,}"),
        ("Configuration", shown.configuration_sha256[:16]),
    ] + ([("Home", str(data.home().root))] if data.user().is_local or shown.has_names else [])
    rows = [[words.safe(name), words.safe(value)] for name, value in facts]
    parts.table("This publication", ["Fact", "Value"], rows, look="pairs")


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    st.title("Data health")
    parts.banner(shown)
    show_feeds(shown)
    show_runs(shown)
    if shown.role != "viewer":  # a file may be named after a person
        show_files(shown)
    show_rejected(shown)
    show_uncertainty(shown)
    if shown.role != "viewer":  # one by one
        unresolved_list.show_places(shown)
        unresolved_list.show_people(shown)
    show_findings(shown)
    show_publication(shown)


parts.run_page(show)
