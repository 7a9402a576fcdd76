"""The weekly report: its figures, its formats, what a viewer may not see, and its refusals in one sentence."""

from __future__ import annotations

import dataclasses
import datetime
import email
import email.policy
import io
import os
import re
import shutil
import zipfile
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from lxml import etree, html
from pypdf import PdfReader

from pipelines import bridge
from pipelines.commands import reporting
from pipelines.errors import MusterError, UsageError
from pipelines.reports import content, pdf, proof, week, workbook
from pipelines.reports.model import Column, Table
from pipelines.settings import SQL, Home

WEEK = "2026-W46"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="session")
def issued(office: Home, tmp_path_factory: pytest.TempPathFactory) -> week.Issued:
    return week.issue(office, WEEK, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="session")
def viewer(office: Home, tmp_path_factory: pytest.TempPathFactory) -> week.Issued:
    return week.issue(office, WEEK, tmp_path_factory.mktemp("out"), "viewer")


def one(issued: week.Issued, suffix: str) -> Path:
    return next(path for path in issued.files if path.suffix == suffix)


def html_lines(path: Path) -> str:
    """The text of the page, a line for each block and each row of a table."""
    root = html.fromstring(path.read_bytes())
    for gone in root.iter("style", "svg"):
        gone.drop_tree() if gone.tail is None else gone.clear(keep_tail=True)
    found = []
    for block in root.iter("h1", "h2", "h3", "p", "li", "tr", "figcaption"):
        parts = [cell.text_content() for cell in block] if block.tag == "tr" else [block.text_content()]
        found.append(" | ".join(" ".join(part.split()) for part in parts))
    return "\n".join(found) + "\n"


def pdf_lines(path: Path) -> str:
    pages = [page.extract_text() for page in PdfReader(path).pages]
    return "\n\f\n".join("\n".join(line.rstrip() for line in page.splitlines()) for page in pages) + "\n"


def cells(path: Path) -> dict[str, list[list[str]]]:
    """Every sheet's rows of ``type:value``: s text, n number or date, b truth."""
    with zipfile.ZipFile(path) as book:
        strings = [
            "".join(item.itertext()) for item in etree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{SHEET}si")
        ]
        names = [sheet.get("name") for sheet in etree.fromstring(book.read("xl/workbook.xml")).iter(f"{SHEET}sheet")]
        found = {}
        for number, name in enumerate(names, 1):
            root = etree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
            assert not list(root.iter(f"{SHEET}f")), "a cell is a formula"
            found[str(name)] = [
                [_cell(cell, strings) for cell in row.iter(f"{SHEET}c")] for row in root.iter(f"{SHEET}row")
            ]
    return found


def _cell(cell: etree._Element, strings: list[str]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{SHEET}v")
    if value is None:
        return "-"
    return f"s:{strings[int(value)]}" if kind == "s" else f"{kind}:{value}"


@pytest.fixture(scope="session")
def fixed(office: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of the report of a publication without policy and audit, by suffix."""
    with week.open_published(office) as con:
        con.execute("drop view if exists mart.policy_check; drop view if exists mart.trip_audit")
        report = content.fill(con, week.publication_row(con), bridge.Week.of(WEEK), "office")
    report = dataclasses.replace(report, configuration_sha256="0" * 64)
    folder = tmp_path_factory.mktemp("fixed")
    found = {}
    for name, made in week._render(report, "fixed", {}).items():
        if "/" not in name:
            found[Path(name).suffix] = folder / name
            (folder / name).write_bytes(made)
    return found


def compare(golden: Path, name: str, made: str) -> None:
    path = golden / name
    if os.environ.get("MUSTER_UPDATE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8"), f"{name} differs; MUSTER_UPDATE_GOLDEN=1 writes it anew"


def test_the_text_of_the_page_is_golden(fixed: dict[str, Path], golden: Path) -> None:
    compare(golden, "week.html.txt", html_lines(fixed[".html"]))


def test_the_text_of_the_pdf_is_golden(fixed: dict[str, Path], golden: Path) -> None:
    compare(golden, "week.pdf.txt", pdf_lines(fixed[".pdf"]))


def test_the_cells_of_the_workbook_are_golden(fixed: dict[str, Path], golden: Path) -> None:
    lines = [f"[{name}]\n" + "\n".join("\t".join(row) for row in rows) for name, rows in cells(fixed[".xlsx"]).items()]
    compare(golden, "week.xlsx.txt", "\n".join(lines) + "\n")


def test_the_same_week_gives_the_same_bytes(office: Home, issued: week.Issued, tmp_path: Path) -> None:
    again = week.issue(office, WEEK, tmp_path)
    for first, second in zip(issued.files, again.files, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_without_a_week_it_is_the_last_completed_one(office: Home, issued: week.Issued, tmp_path: Path) -> None:
    again = week.issue(office, out=tmp_path)
    assert one(again, ".html").read_bytes() == one(issued, ".html").read_bytes()


def test_the_page_asks_nothing_of_the_network_and_says_what_it_is(issued: week.Issued) -> None:
    text = one(issued, ".html").read_text()
    root = html.fromstring(text.encode())
    assert root.get("lang") == "en"
    assert not root.xpath("//script|//link|//img|//iframe|//@src|//@href[not(starts-with(., '#'))]")
    assert "url(" not in text
    assert all(table.xpath("./caption/text()") for table in root.iter("table"))
    assert all(head.get("scope") == "col" for head in root.xpath("//thead//th"))
    assert all(row[0].tag == "th" and row[0].get("scope") == "row" for row in root.xpath("//tbody/tr"))
    heads = [int(head.tag[1]) for head in root.xpath("//h1|//h2|//h3|//h4")]
    assert heads.count(1) == 1 and all(after - before <= 1 for before, after in pairwise(heads))
    assert len(root.xpath("//main")) == 1 and root.xpath("//svg/@role") == ["img"]


def test_each_table_names_a_saved_query_that_exists(issued: week.Issued) -> None:
    text = one(issued, ".html").read_text()
    for table in issued.report.tables:
        assert (SQL / "queries" / f"{table.query}.sql").is_file()
        assert f"sql/queries/{table.query}.sql" in text


def test_invented_ratings_are_on_every_page_and_sheet(issued: week.Issued) -> None:
    for page in PdfReader(one(issued, ".pdf")).pages:
        assert "INVENTED RATINGS" in page.extract_text()
    assert all("INVENTED" in " ".join(map(" ".join, rows)) for rows in cells(one(issued, ".xlsx")).values())
    assert "invented" in email.message_from_bytes(one(issued, ".eml").read_bytes())["Subject"]


def test_the_draft_holds_text_page_and_both_files(issued: week.Issued) -> None:
    message = email.message_from_bytes(one(issued, ".eml").read_bytes(), policy=email.policy.default)
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert kinds[:3] == ["text/plain", "text/html", "application/pdf"] and len(kinds) == 4
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert attached[f"muster-{WEEK}.pdf"] == one(issued, ".pdf").read_bytes()
    assert attached[f"muster-{WEEK}.xlsx"] == one(issued, ".xlsx").read_bytes()
    assert message["To"] is None and message["X-Unsent"] == "1"


def test_the_bridge_ends_at_the_weeks_person_days(office: Home, issued: week.Issued) -> None:
    table = next(table for table in issued.report.page if table.query == "week_bridge")
    for row in table.rows:
        assert sum(row[1:-1]) == pytest.approx(row[-1], abs=1e-6)
    path = office.published / "current" / "analyst.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        total = con.execute(
            "select sum(person_days) from mart.exposure_by_week where week_start_date = '2026-11-09'"
        ).fetchall()[0][0]
    assert table.rows[-1][-1] == pytest.approx(total, abs=1e-6)


def test_levels_destinations_and_trend_agree_with_the_published_table(office: Home) -> None:
    days = ("person_days", "person_days_last_week", "person_days_last_year", "person_days_quarter_mean")
    counted = (
        "select coalesce(sum(person_days), 0) / {weeks} from mart.exposure_by_week where presence_group <> 'moving' "
        "and week_start_date between date '2026-11-09' - {first} and date '2026-11-09' - {last}"
    )
    spans = ((1, 0, 0), (1, 7, 7), (1, 364, 364), (13, 84, 0))
    with week.open_published(office) as con:
        reader = content.Reader(con, week.publication_row(con), bridge.Week.of(WEEK), "office")
        for name, (weeks, first, last) in zip(days, spans, strict=True):
            told = con.execute(counted.format(weeks=weeks, first=first, last=last)).fetchall()[0][0]
            assert sum(row[name] for row in reader.rows("week_levels")) == pytest.approx(told, abs=1e-6), name
            if name in days[:2]:  # destinations of neither week are left out of the other columns
                assert sum(row[name] for row in reader.rows("week_destinations")) == pytest.approx(told, abs=1e-6)
        mean = sum(row["person_days"] for row in reader.rows("week_trend")) / 13
        assert sum(row[days[3]] for row in reader.rows("week_levels")) == pytest.approx(mean, abs=1e-6)


def test_a_week_without_anybody_is_a_report_that_says_so(office: Home) -> None:
    with week.open_published(office) as con:
        con.execute("create table mart.nothing as from mart.exposure limit 0")
        con.execute("drop view mart.exposure; alter table mart.nothing rename to exposure")
        con.execute("create table mart.none_by_week as from mart.exposure_by_week where week_start_date < '2026-11-02'")
        con.execute("drop view mart.exposure_by_week; alter table mart.none_by_week rename to exposure_by_week")
        con.execute("drop view mart.exposure_change_by_week")
        con.execute("create table mart.exposure_change_by_week as from published.mart.exposure_change_by_week limit 0")
        publication = week.publication_row(con)
        for copy in ("office", "viewer"):
            report = content.fill(con, publication, bridge.Week.of(WEEK), copy)  # type: ignore[arg-type]
            assert [bar.week for bar in report.trend][-2:] == ["2026-W45", WEEK] and len(report.trend) == 13
            assert report.trend[-1].total == 0 and report.figures[0].value == "0"
            assert next(table for table in report.page if table.query == "week_bridge").rows == ()
            assert not any("Nothing of last week was known" in caveat for caveat in report.caveats)
            text = PdfReader(io.BytesIO(pdf.render(report))).pages[0].extract_text()
            assert "There was no exposure in either week." in text


def test_a_viewer_sees_no_count_below_five_and_nobody_apart(viewer: week.Issued) -> None:
    masks = {"<5", "<30", "withheld"}
    for table in viewer.report.tables:
        for row in table.rows:
            for column, value in zip(table.columns, row, strict=True):
                assert column.name not in ("traveller_id", "trip_id") and not column.is_office
                if column.is_people and value is not None:
                    assert value in masks or (isinstance(value, int) and value % 5 == 0), (table.query, column.name)
    text = html_lines(one(viewer, ".html")) + pdf_lines(one(viewer, ".pdf"))
    assert "<5" in text and "<30" in text and not re.search(r"\bt_[0-9a-f]{16}\b", text)


def test_every_format_of_a_viewers_copy_tells_the_same_as_its_tables(viewer: week.Issued) -> None:
    """All are made from the guarded tables alone: no number of people is more exact in one of them."""
    book = cells(one(viewer, ".xlsx"))
    for table in viewer.report.tables:
        guarded = [place for place, column in enumerate(table.columns) if column.is_people]
        sheet = book[table.name.removeprefix("week_")][3:]
        lines = (viewer.folder / "csv" / f"{table.name}.csv").read_text().splitlines()[1:]
        assert len(lines) == len(table.rows)
        for row, cell_row in zip(table.rows, sheet, strict=False):
            for place in guarded:
                value = row[place]
                assert cell_row[place] == (
                    f"s:{value}" if isinstance(value, str) else "-" if value is None else f"n:{value}"
                )
    bars = [bar.shown for bar in viewer.report.trend]
    assert all(bar in ("<30", "withheld") or (isinstance(bar, int) and bar % 5 == 0) for bar in bars)
    assert not any(bar.days for bar in viewer.report.trend)
    told = [figure.value for figure in viewer.report.figures]
    assert all(re.fullmatch(r"<5|<30|withheld|–|[\d,]*[05]%?", value) for value in told), told
    assert not any(re.search(r"\d\.\d", sentence) for sentence in (*viewer.report.sentences, *viewer.report.caveats))


def test_a_name_that_looks_like_a_formula_or_markup_stays_text(issued: week.Issued, tmp_path: Path) -> None:
    hostile = ("=1+1", "<script>alert(1)</script>", "#panic() $x$ *b*", "http://example.org", "\x07bell", "東京")
    table = Table("week_feeds", "Feeds", (Column("a", "A"),), tuple((text,) for text in hostile))
    report = dataclasses.replace(issued.report, page=(table,), appendix=(), caveats=hostile)
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook.render(report))
    assert ["s:=1+1"] in cells(path)["feeds"] and ["s:http://example.org"] in cells(path)["feeds"]
    read = PdfReader(io.BytesIO(pdf.render(report)))
    assert "#panic() $x$ *b*" in read.pages[0].extract_text()
    from pipelines.reports.html import render

    assert "<script" not in render(report)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("2026-46", "is no ISO week"),
        ("2025-W53", "is no ISO week"),
        ("2026-W00", "is no ISO week"),
        ("soon", "is no ISO week"),
        ("2026-W48", "has not begun"),
        ("9998-W01", "has not begun"),
        ("1999-W10", "lies before all data"),
    ],
)
def test_a_week_that_cannot_be_is_refused_in_one_sentence(
    office: Home, tmp_path: Path, asked: str, message: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=message) as refused:
        week.issue(office, asked, out)
    assert str(refused.value).count(". ") == 0 and "\n" not in str(refused.value)
    assert not out.exists()


def test_an_unknown_copy_and_a_home_without_publication_are_refused(office: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no copy 'boss'"):
        week.issue(office, WEEK, tmp_path, "boss")
    with pytest.raises(MusterError, match="Nothing has been published"):
        week.issue(Home(tmp_path).prepare(), WEEK)


def test_a_failure_leaves_no_half_report(
    office: Home, issued: week.Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(issued.folder, tmp_path / WEEK)
    before = {path.name: path.read_bytes() for path in (tmp_path / WEEK).iterdir() if path.is_file()}
    original = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix == ".xlsx":
            raise OSError(28, "No space left on device")
        return original(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MusterError, match="nothing was changed"):
        week.issue(office, WEEK, tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / WEEK).iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == [WEEK]


def test_a_folder_of_somebody_else_is_not_replaced(office: Home, tmp_path: Path) -> None:
    (tmp_path / WEEK).mkdir()
    (tmp_path / WEEK / "thesis.txt").write_text("mine")
    with pytest.raises(MusterError, match="other files"):
        week.issue(office, WEEK, tmp_path)
    assert (tmp_path / WEEK / "thesis.txt").read_text() == "mine"


def test_policy_and_audit_are_told_where_they_are_published(office: Home) -> None:
    with week.open_published(office) as con:
        publication = week.publication_row(con)
        con.execute("drop view if exists mart.policy_check; drop view if exists mart.trip_audit")
        con.execute(
            "create table mart.policy_check as select trip_id, traveller_id, 'elevated_approval' as requirement, "
            "'required' as obligation, 'missing' as status, starts_at as due_at, 'r1' as rule_id, 'why' as reason "
            "from mart.trip; create table mart.trip_audit as select trip_id as audit_id, traveller_id, "
            "'unregistered' as audit_status, date '2026-11-09' as starts_date, date '2026-11-10' as ends_date "
            "from mart.trip"
        )
        asked = bridge.Week.of(WEEK)
        report = content.fill(con, publication, asked, "office")
        queries = {table.query: table for table in report.appendix}
        assert queries["week_audit"].rows[0][0] == "unregistered"
        arriving = {row[7] for row in queries["week_arrivals"].rows}
        assert arriving and {row[0] for row in queries["week_requirements"].rows} == arriving
        assert not any("cannot be told" in caveat for caveat in report.caveats)
        con.execute("drop table mart.policy_check; drop table mart.trip_audit")
        report = content.fill(con, publication, asked, "office")
        assert sum("cannot be told" in caveat for caveat in report.caveats) == 2


def test_an_arrival_is_asked_what_the_registration_that_covers_it_is_asked(office: Home) -> None:
    with week.open_published(office) as con:
        publication = week.publication_row(con)
        asked = bridge.Week.of(WEEK)
        report = content.fill(con, publication, asked, "office")
        arriving = {row[7] for table in report.appendix if table.query == "week_arrivals" for row in table.rows}
        con.execute("drop view if exists mart.policy_check; drop view if exists mart.policy_trip")
        con.execute(
            "create table mart.policy_trip as select trip_id, 'TR-COVER' as registered_trip_id from mart.trip; "
            "create table mart.policy_check as select 'TR-COVER' as trip_id, min(traveller_id) as traveller_id, "
            "'waiver' as requirement, 'required' as obligation, 'missing' as status, min(starts_at) as due_at, "
            "'r1' as rule_id, 'why' as reason from mart.trip"
        )
        report = content.fill(con, publication, asked, "office")
        required = next(table for table in report.appendix if table.query == "week_requirements")
        assert arriving
        assert [row[0] for row in required.rows] == ["TR-COVER"]


def test_weeks_are_those_of_the_office() -> None:
    new_york = bridge.Week(datetime.date(2026, 11, 9))
    assert str(new_york) == "2026-W46"
    assert new_york.starts_at("America/New_York") == datetime.datetime(2026, 11, 9, 5)
    assert bridge.Week.at(datetime.datetime(2026, 11, 9, 4, 59), "America/New_York") == new_york.moved(-1)
    assert bridge.Week.of("2026w53").monday == datetime.date(2026, 12, 28)


def test_dagster_writes_the_report_of_a_partition(office: Home) -> None:
    import dagster as dg

    from pipelines import definitions

    made = definitions.build_definitions(office)
    with dg.DagsterInstance.ephemeral() as instance:
        job = made.resolve_job_def("week_report")
        done = job.execute_in_process(partition_key="2026-11-09", instance=instance, raise_on_error=True)
        folder = office.reports / WEEK
        [event] = done.get_asset_materialization_events()
    assert done.success and event.partition == "2026-11-09"
    assert str(event.asset_key.to_user_string()) == "report/week" and (folder / f"muster-{WEEK}.pdf").is_file()
    # On Monday the schedule asks for the week that has just ended.
    with dg.DagsterInstance.ephemeral() as instance:
        monday = datetime.datetime(2026, 11, 16, 11, tzinfo=datetime.UTC)
        context = dg.build_schedule_context(instance, scheduled_execution_time=monday)
        asked = made.resolve_schedule_def("weekly").evaluate_tick(context)
    assert [request.partition_key for request in asked.run_requests or []] == ["2026-11-09"]


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (141.0, 100.0, ", +41% against the week before"),
        (80.0, 100.0, ", −20% against the week before"),
        (99.9, 100.0, ", as the week before"),
        (100.4, 100.0, ", as the week before"),
        (0.0, 100.0, ", −100% against the week before"),
    ],
)
def test_a_change_of_less_than_one_per_cent_is_none(now: float, before: float, words: str) -> None:
    assert content.change_words(now, before) == words


def test_a_sum_that_misses_zero_by_its_last_digits_is_shown_as_zero(
    office: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [proof.WeekProof(bridge.Week(datetime.date(2026, 11, 2)), 10.0, 2.0, 9.09495e-13, -9.09495e-13)]
    monkeypatch.setattr(proof, "prove", lambda *_: found)
    reporting.check_weeks(office, "csv")
    assert capsys.readouterr().out.splitlines()[1] == "2026-W45,10.0,2.0,0.0,0.0,true"
