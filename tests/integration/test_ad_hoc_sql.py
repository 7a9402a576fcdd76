"""Ad-hoc SQL on a demo office: ordinary queries, the questions of sql/questions.md, and what the sandbox costs."""

from __future__ import annotations

import os
import re
import resource
import time
from pathlib import Path

import duckdb
import pytest

from pipelines.commands.ask import SavedQuery, saved_queries
from pipelines.dictionary import Question, questions
from pipelines.sandbox.runner import Limits, Result, run_query
from tests.conftest import Figure
from tests.integration.conftest import Office

ORDINARY = [
    text.strip()
    for text in re.sub(
        r"^--.*$", "", (Path(__file__).parents[1] / "sandbox" / "ordinary.sql").read_text(), flags=re.MULTILINE
    ).split(";\n")
    if text.strip()
]


def answer(office: Office, sql: str, parameters: dict[str, str] | None = None) -> Result:
    file = office.home.published / "current" / "analyst.duckdb"
    return run_query(file, sql, parameters, Limits(seconds=60))


def test_ordinary_queries_of_every_shape_are_answered_and_cost_little(office: Office, figure: Figure) -> None:
    assert len(ORDINARY) >= 60
    refused = {}
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for sql in ORDINARY:
        try:
            result = answer(office, sql)
            assert result.columns
        except Exception as error:
            refused[sql] = str(error)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    assert not refused, "\n\n".join(f"{sql}\n  {error}" for sql, error in refused.items())
    direct, direct_cpu = time.monotonic(), time.process_time()
    with duckdb.connect(str(office.home.published / "current" / "analyst.duckdb"), read_only=True) as con:
        for sql in ORDINARY:
            con.execute(sql).fetchall()
    direct, direct_cpu = time.monotonic() - direct, time.process_time() - direct_cpu
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figure(
        f"{len(ORDINARY)} ordinary queries, each: {1000 * seconds / len(ORDINARY):.0f} ms in the sandbox "
        f"({1000 * cpu / len(ORDINARY):.0f} CPU ms), {1000 * direct / len(ORDINARY):.0f} ms direct "
        f"({1000 * direct_cpu / len(ORDINARY):.0f} CPU ms); load {os.getloadavg()[0]:.0f}"
    )


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_a_worked_question_is_answered_in_its_shape(question: Question, office: Office) -> None:
    result = answer(office, question.sql)
    assert result.columns == question.columns
    if not question.may_be_empty:
        assert result.rows


def test_there_are_ten_worked_questions() -> None:
    assert len(questions()) == 10
    assert any("nights did students spend in High places last term" in question.title for question in questions())


def test_nights_of_students_are_those_that_the_pipeline_counted(office: Office) -> None:
    """The question's nights, by week and place, sum to what exposure_by_week holds (E2)."""
    question = next(question for question in questions() if "nights did students" in question.title)
    head = question.sql.partition("select\n    any_value")[0]
    group = "if(exposure.presence in ('confirmed', 'likely'), 'present', exposure.presence) as presence_group"
    head = head.replace("exposure.traveller_id,", f"exposure.traveller_id, exposure.place_id, {group}, timezone,")
    counted = f"""
        {head}, night as (
            select *, date_trunc('week', ((ends_night::timestamp + interval 3 hours) at time zone timezone)
                at time zone (select office_timezone from publication)) as week
            from midnight where ends_night >= starts_local and ends_night < ends_local
        )
        select
            (select sum(n) from (select count(distinct (traveller_id, ends_night)) as n from night
                group by week, place_id, presence_group)),
            (select sum(traveller_nights) from exposure_by_week
                where affiliation = 'student' and risk_level = 4 and presence_group <> 'moving')
    """
    ((own, published),) = answer(office, counted).rows
    assert own == published and own > 0


@pytest.mark.parametrize("query", saved_queries(), ids=lambda query: query.name)
def test_every_saved_query_passes(query: SavedQuery, office: Office) -> None:
    assert answer(office, query.text, query.defaults).columns
