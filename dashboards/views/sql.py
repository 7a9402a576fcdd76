"""SQL: the published tables in words, saved queries, an editor, and the answer as table, chart and file."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data, export, parts, words
from dashboards.data import Publication, catalog
from pipelines.commands.ask import SavedQuery, saved_queries
from pipelines.errors import MusterError
from pipelines.sandbox.runner import Query, Result, cut_note

OWN = "Your own query"
FIRST = """select country_code, count(distinct traveller_id) as travellers
from mart.current_exposure
group by 1
order by 2 desc"""
NUMBERS = (int, float)


def browse(shown: Publication) -> None:
    """The tables and their columns, from the comments that were published with them."""
    tables = catalog.tables(shown)
    with st.expander(f"Tables of the role {shown.role}: {len(tables)}", expanded=False):
        names = [row["table_name"] for row in tables]
        table = st.selectbox("Table", names, None, key="table", placeholder="Choose a table to see its columns")
        if table is None:
            rows = [
                [f"mart.{words.safe(row['table_name'])}", f"{row['rows']:,}", words.safe(row["comment"], 400)]
                for row in tables
            ]
            parts.table("Tables", ["Table", "Rows", "What it holds"], rows)
            return
        rows = [
            [words.safe(row["column_name"]), words.safe(row["data_type"]), words.safe(row["comment"], 400)]
            for row in catalog.columns(shown, table)
        ]
        parts.table(f"Columns of {table}", ["Column", "Type", "Meaning"], rows)


def ask_parameters(query: SavedQuery | None) -> dict[str, str]:
    """The parameters of a saved query, its defaults offered."""
    if query is None or not query.defaults:
        return {}
    columns = st.columns(min(4, len(query.defaults)))
    return {
        name: columns[number % len(columns)].text_input(name, value, key=f"parameter-{query.name}-{name}")
        for number, (name, value) in enumerate(query.defaults.items())
    }


def ask(shown: Publication) -> None:
    """Choose or write a query and run it; the answer stays until another is asked or a generation comes."""
    saved = {query.name: query for query in saved_queries()}
    name = st.selectbox(
        "Query", [OWN, *saved], key="saved", format_func=lambda one: one if one == OWN else saved[one].title
    )
    chosen = saved.get(name)
    text = st.text_area("SQL", chosen.text if chosen else FIRST, height=220, key=f"text-{name}")
    parameters = ask_parameters(chosen)
    if not st.button("Run (logged)", type="primary", key="run"):
        if st.session_state.pop("sql-cancelled", False):
            parts.notice("info", "Cancelled.", "The query was stopped; nothing of it goes on.")
        return
    st.session_state.pop("sql-answer", None)
    try:
        with catalog.start(shown, text, parameters) as query:
            result = wait(query)
        catalog.record_answer(shown, text, len(result.rows))
    except MusterError as problem:
        parts.notice("alarm", "No answer.", str(problem))
        return
    st.session_state["sql-answer"] = (shown.generation, shown.role, chosen.title if chosen else "Query", result)


def wait(query: Query) -> Result:
    """The answer, while a button offers to cancel.

    Each look at the clock is a place where Streamlit may end this run of the page, because somebody pressed the button,
    asked something else or left; the caller then closes the query, which ends its process.
    """
    place = st.empty()
    with place.container():
        st.button("Cancel", key="cancel", on_click=_cancelled)
        clock = st.empty()
    for line in query.lines(pause=0.3):
        query.keep(line)
        if line is None:
            clock.html(f'<p class="m-facts">Asking … {query.seconds:.0f} s</p>')
    place.empty()
    return query.kept()


def _cancelled() -> None:
    st.session_state["sql-cancelled"] = True


def cell(value: object) -> str:
    """One value of an answer as a table cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, NUMBERS):
        return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
    return words.safe(value, 300)


def show_chart(result: Result) -> None:
    """A bar chart where the answer has a column of names or dates and one of numbers."""
    numeric = [
        place
        for place in range(len(result.columns))
        if any(row[place] is not None for row in result.rows)
        and all(row[place] is None or _is_number(row[place]) for row in result.rows)
    ]
    labels = [place for place in range(len(result.columns)) if place not in numeric]
    if not numeric or not labels:
        parts.notice("info", "No chart.", "A chart needs a column of names or dates and a column of numbers.")
        return
    columns = st.columns(2)
    across = columns[0].selectbox("Across", labels, format_func=lambda n: result.columns[n], key="across")
    up = columns[1].selectbox("Up", numeric, format_func=lambda n: result.columns[n], key="up")
    rows = result.rows[: charts.BARS]
    if len(result.rows) > charts.BARS:
        st.html(f'<p class="m-facts">The first {charts.BARS} rows.</p>')
    figure = charts.bars([str(row[across]) for row in rows], [row[up] for row in rows], result.columns[up])
    st.plotly_chart(figure, config=charts.CHART_CONFIG, key="sql-chart")


def _is_number(value: object) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def show_answer(shown: Publication) -> None:
    """The last answer, while its generation and role are those shown."""
    generation, role, title, result = st.session_state.get("sql-answer", (None, None, "", None))
    if result is None or (generation, role) != (shown.generation, shown.role):
        return
    cut = ", the first of more" if result.is_cut else ""
    st.subheader(f"Answer: {words.count_of(len(result.rows), 'row')}{cut}")
    if result.is_cut:
        parts.notice("info", "There is more.", cut_note(result.cut_by, catalog.LIMITS))
    if result.absent:
        parts.notice("info", "A layer of the sandbox is absent on this machine.", "; ".join(result.absent))
    if not result.rows:
        parts.notice("info", "The query found no row.", "Its conditions hold for nothing in this publication.")
        return
    tabs = st.tabs(["Table", "Chart"])
    with tabs[0]:
        number = parts.rows_to_show("sql-rows", len(result.rows), 25)
        body = [[cell(value) for value in row] for row in result.rows[:number]]
        parts.table("Answer", result.columns, body)
        parts.show_more_button("sql-rows", number, len(result.rows))
    with tabs[1]:
        show_chart(result)

    def make() -> bytes:
        return export.take(shown, "sql", title, result.columns, result.rows, {"columns": len(result.columns)})

    export.offer(shown, "sql", "Make a file of all rows", "muster-answer.csv", id(result), make)


def show() -> None:
    """Draw the page."""
    shown = data.publication()
    st.title("SQL")
    parts.banner(shown)
    st.html(
        '<p class="m-facts">One query at a time on the tables of your role; it can change nothing, and ends after '
        f"{catalog.LIMITS.seconds:g} s or {catalog.LIMITS.row_limit:,} rows. Instants (…_at) are UTC.</p>"
    )
    browse(shown)
    ask(shown)
    show_answer(shown)


parts.run_page(show)
