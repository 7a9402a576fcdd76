"""The audit against the truth of a generated office: what it finds, what it misses, and that decisions live on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines import audit, decisions
from pipelines.cli import execute
from pipelines.errors import MusterError, UsageError
from pipelines.generate.office import generate
from pipelines.run import run_plain
from pipelines.settings import Home

AS_OF = datetime(2026, 11, 16, 12, tzinfo=UTC)

# A trip of the truth has what the rows say that hold its booking or its report.
_JUDGED = """
with ref as (
    select audit_id, audit_status, starts_date, unnest(observed_refs) as ref from mart.trip_audit
),

said as (
    select t.trip_number, r.audit_status
    from ref as r
    inner join truth as t
        on (r.ref like 'booking:%' and split_part(r.ref, ':', 2) = t.record_locator
            and abs(date_diff('day', r.starts_date, cast(t.departs_at as date))) < 20)
        or r.ref = concat('expense:', t.expense_report_id)
)

select
    t.trip_number,
    t.audit_status as truth,
    case
        when bool_or(s.audit_status = 'partial')
            or (bool_or(s.audit_status = 'unregistered') and bool_or(s.audit_status like 'registered%')) then 'partial'
        when bool_or(s.audit_status = 'unregistered') then 'unregistered'
        else coalesce(min(s.audit_status), 'no row')
    end as said
from truth as t
left join said as s using (trip_number)
group by all
"""


def measure(con: duckdb.DuckDBPyConnection, truth: Path, status: str) -> tuple[float, float, int]:
    """Precision, recall and the number of trips of one status."""
    con.execute(f"create or replace temp view truth as from read_parquet('{truth / 'trip.parquet'}')")
    row = con.execute(
        f"""select
            count(*) filter (where truth = $status and said = $status),
            count(*) filter (where said = $status),
            count(*) filter (where truth = $status)
        from ({_JUDGED})""",
        {"status": status},
    ).fetchone()
    assert row is not None
    right, said, true = row
    return right / said, right / true, true


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("audit") / "office"
    generate(root, 2_000, 11, AS_OF)
    (root / "muster.yml").write_text("office_country_code: US\noffice_timezone: America/New_York\n")
    home = Home(root).prepare()
    run_plain(home, as_of=AS_OF)
    return home


def opened(home: Home, role: str) -> duckdb.DuckDBPyConnection:
    # The resolved path: DuckDB would hand out the older generation for the pointer's own.
    return duckdb.connect(str((home.published / "current").resolve() / f"{role}.duckdb"), read_only=True)


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(home, "analyst") as con:
        yield con


@pytest.mark.slow
def test_precision_and_recall_hold_their_floors(home: Home, con: duckdb.DuckDBPyConnection) -> None:
    for status, least_precision, least_recall in (("unregistered", 0.97, 0.97), ("partial", 0.8, 0.8)):
        precision, recall, trips = measure(con, home.root / "truth", status)
        print(f"{status}: precision {precision:.3f}, recall {recall:.3f} of {trips} trips")
        assert precision >= least_precision
        assert recall >= least_recall


@pytest.mark.slow
def test_what_no_feed_saw_is_estimated_in_the_right_order(home: Home, con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "select seen_count, trip_estimate, trip_estimate_low, trip_estimate_high from mart.audit_estimate"
    )
    for seen, estimate, low, high in rows.fetchall():
        assert seen <= low <= estimate <= high


@pytest.mark.slow
def test_reasons_end_every_row_and_name_no_person(home: Home, con: duckdb.DuckDBPyConnection) -> None:
    with opened(home, "steward") as steward:
        rows = steward.execute("select full_name from mart.traveller_contact where full_name is not null").fetchall()
    names = {name for (name,) in rows}
    for (reason,) in con.execute("select reason from mart.trip_audit").fetchall():
        assert reason.startswith("You ")
        assert reason.endswith(".")
        assert not any(name in reason for name in names)


@pytest.mark.slow
def test_a_decision_survives_the_next_run(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.root, copy.root, symlinks=True)
    before = audit.findings(copy, "analyst", "partial")
    key = before.columns.index("audit_id")
    chosen = before.rows[0][key]
    audit.decide(copy, chosen, "dismissed", "on leave")
    place = before.columns.index("decision")
    assert {row[key]: row[place] for row in audit.findings(copy, "analyst", "partial").rows}[chosen] == "dismissed"
    run_plain(copy, as_of=AS_OF)
    after = audit.findings(copy, "steward", "partial")
    assert [row[key] for row in before.rows] == [row[after.columns.index("audit_id")] for row in after.rows]
    with opened(copy, "steward") as con:
        told = con.execute("select audit_id, decision, decision_note from mart.trip_audit where decision is not null")
        assert told.fetchall() == [(chosen, "dismissed", "on leave")]
    with opened(copy, "analyst") as con:
        told = con.execute("select distinct decision_note, decided_by from mart.trip_audit")
        assert told.fetchall() == [(None, None)]


@pytest.fixture
def finding(con: duckdb.DuckDBPyConnection) -> str:
    row = con.execute(
        """select audit_id from mart.trip_audit inner join mart.traveller using (traveller_id)
        where audit_status = 'unregistered' and has_email order by audit_id limit 1"""
    ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.slow
def test_the_list_is_pseudonymous_unless_names_are_asked_for(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    log = home.root / "logs" / "access.log"
    before = log.read_text() if log.exists() else ""
    assert execute(["audit", "--home", str(home.root), "--format", "csv"]) == 0
    assert "@" not in capsys.readouterr().out
    assert (log.read_text() if log.exists() else "") == before
    assert execute(["audit", "--home", str(home.root), "--role", "steward", "--status", "partial"]) == 0
    assert "@example.edu" in capsys.readouterr().out
    assert '"action": "audit"' in log.read_text().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--status", "lost"], "There is no status 'lost'; choose one of unregistered, partial"),
        (["decide", "a_none", "--as", "confirmed"], "There is no finding 'a_none' in the current publication"),
        (["decide", "FINDING", "--as", "maybe"], "There is no decision 'maybe'; choose one of confirmed, dismissed."),
        (["decide", "FINDING"], "There is nothing to record; give --as, --note or both."),
        (["draft", "FINDING", "--role", "analyst"], "A letter needs a name, which the role 'analyst' does not see"),
        (["draft", "FINDING", "--role", "steward", "--template", "none.txt"], "The template none.txt cannot be read"),
    ],
)
def test_wrong_use_is_one_sentence(
    home: Home, finding: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [finding if word == "FINDING" else word for word in arguments]
    assert execute(["audit", *words, "--home", str(home.root)]) == 2
    assert message in capsys.readouterr().err
    assert not decisions.decisions_path(home).exists()


@pytest.mark.slow
def test_a_letter_names_trip_and_request(home: Home, finding: str) -> None:
    letter = audit.draft(home, "steward", finding)
    head, _, body = letter.partition("\n\n")
    assert head.startswith("To: ")
    assert "\nSubject: Your trip to " in head
    assert "Please register the trip" in body
    assert "$" not in letter


@pytest.mark.slow
def test_a_home_has_its_own_letter_and_its_wrong_fields_are_named(home: Home, finding: str, tmp_path: Path) -> None:
    for text, message in (("Dear $nmae", r"has the field \$nmae, which does not exist; choose from"), ("$ 5", "lone")):
        template = tmp_path / "letter.txt"
        template.write_text(text)
        with pytest.raises(UsageError, match=message):
            audit.draft(home, "steward", finding, template)


def test_a_spoilt_line_of_decisions_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path).prepare()
    path = decisions.decisions_path(home)
    path.parent.mkdir(exist_ok=True)
    good = '{"decided_at": "2026-01-01T00:00:00+00:00", "audit_id": "a_1", "decision": "note"}'
    path.write_text(f'{good}\n{{"nonsense": 1}}\n')
    with pytest.raises(MusterError, match=r"Line 2 of .* is no decision"):
        decisions.read(home)


def test_a_decision_after_a_crash_begins_a_line_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path).prepare()
    path = decisions.decisions_path(home)
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"audit_id": "a_1", "dec')
    about = decisions.Finding("a_2", "t_1", "NG", None, None, [])
    decisions.record(home, [about], "confirmed", None, user="dora")
    assert [entry["audit_id"] for entry in decisions.read(home)] == ["a_2"]
