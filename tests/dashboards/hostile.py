"""Forty things that a hostile feed could call a person, a place, a school or a trip, and a publication made of them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.dashboards import fixture

HOSTILE = (
    '=HYPERLINK("http://evil.example/","click")',
    "=cmd|' /C calc'!A0",
    "+SUM(1,2)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=2+2",
    "<script>window.owned=1</script>",
    '<img src=x onerror="window.owned=1">',
    "<svg onload=window.owned=1><circle r=9>",
    '<iframe src="http://evil.example/"></iframe>',
    "<a href='javascript:window.owned=1'>link</a>",
    '"><b onmouseover=window.owned=1>bold</b>',
    "</td></tr></table><h1>over</h1>",
    "<style>body{display:none}</style>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<!-- comment --> ]]> <![CDATA[x",
    "&lt;b&gt; &amp;amp; &#60;i&#62;",
    "**bold** _it_ ~~gone~~ `code` www.evil.example x@evil.example",
    "[link](http://evil.example) ![img](http://evil.example/x.png)",
    "# Heading",
    "- item",
    "1. first",
    "> quoted",
    "| a | b |",
    "$\\frac{1}{2}$ $$x^2$$",
    ":red[x] :blue-background[y] :material/home: :smile:",
    ":violet-badge[VIP] :small[s]",
    "%{customdata} %{text} <extra>x</extra><br>z",
    "{0} {name} %s %n ${HOME} {{7*7}}",
    "O'Brien; drop table mart.traveller; --",
    "' or '1'='1",
    "\u05d0\u05d1\u05e8\u05d4\u05dd \u202eevil\u202c \u0639\u0628\u062f \u0627\u0644\u0644\u0647",
    "zero\u200bwidth\u200dand\ufeffmarks\u2060",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 Zo\u00eb \U0001f9e8 e" + "\u0301" * 8,
    "bell\x07 esc\x1b[31m back\x08space",
    "line one\nline two\r\nline three",
    "W" * 400,
    "Very long " + "Wolfeschlegelsteinhausenbergerdorff " * 12,
    "null",
)


def write(root: Path) -> Path:
    """A generation whose people, places, schools, trips, alerts, files and findings all have these names."""
    folder = fixture.write_generation(root)
    for file in sorted(folder.glob("*.duckdb")):
        with duckdb.connect(str(file)) as con:
            _rename(con, file.stem)
            con.execute("checkpoint")
    return folder


def _rename(con: duckdb.DuckDBPyConnection, role: str) -> None:
    con.execute(
        "create temp table bad as select * from (select unnest($1::varchar[]) as word, unnest(range(40)) as n)",
        [list(HOSTILE)],
    )
    number = "('0x' || right(traveller_id, 8))::integer"
    if role != "analyst":
        con.execute(f"update mart.traveller_contact set full_name = word from bad where n = {number} % 40")
        con.execute("update mart.traveller_contact set email = full_name, mobile_phone = full_name")
    con.execute(f"update mart.traveller set school = word, department = word from bad where n = ({number} + 7) % 40")
    con.execute(f"update mart.traveller set affiliation = word from bad where n = ({number} + 13) % 40")
    for table in ("stay", "exposure", "current_exposure"):
        con.execute(
            f"""
            update mart.{table} set place_name = word, place_id = 'h' || n, country_code = 'UA', trip_id = word || n
            from bad where n = {number} % 40
            """
        )
    con.execute("update mart.stay set starts_at = timestamp '2026-11-10', ends_at = timestamp '2026-11-14'")
    con.execute("update mart.stay set latitude = 50.4, longitude = 30.5, presence = 'confirmed', precision = 'city'")
    for table in ("exposure", "current_exposure"):
        con.execute(f"update mart.{table} set risk_level = 5, security_level = 5, rating_status = 'rated'")
        con.execute(f"update mart.{table} set starts_at = timestamp '2026-11-10', ends_at = timestamp '2026-11-14'")
        con.execute(f"update mart.{table} set presence = 'confirmed', evacuation_status = 'none'")
    con.execute(f"update mart.trip set trip_id = word, purpose = word from bad where n = {number} % 40")
    for table, column in (
        ("alert", "title"),
        ("rating_period", "native_level"),
        ("rating_period", "place_name"),
        ("rating_change", "place_name"),
        ("rating_disagreement", "levels"),
        ("landed_file", "file_name"),
        ("landed_file", "message"),
        ("data_quality", "message"),
        ("data_quality", "table_name"),
        ("rejected_record", "reason"),
        ("trip_audit", "reason"),
        ("trip_audit", "audit_id"),
        ("policy_check", "reason"),
    ):
        con.execute(f"update mart.{table} as t set {column} = word from bad where n = (t.rowid * 7 + 8) % 40")
