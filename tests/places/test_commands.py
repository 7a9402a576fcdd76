"""``muster places``: the explanation of a text, and the list of texts to settle."""

import json
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.places.explain import explain


def muster(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = cli.execute([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("New York and Washington, United States", "'washington' (part): Washington [4140963, city in US-DC]"),
        ("Sherbooke, Quebec", "'sherbooke': most like Sherbrooke (likeness 0.89)."),
        ("Elmau, Germany", "'elmau': nothing is called so; not used."),
        ("Ankara, Israel", "Its words contradict each other, so that all of it is a guess."),
        ("Various", "To settle it, add a line with the text and a place id to places.csv of the home, and run again."),
        ("", "There is nothing to read."),
    ],
)
def test_an_explanation_says_what_was_read_and_why(text: str, words: str) -> None:
    assert any(words in step for step in explain(text).steps)


def test_a_text_is_explained_without_a_home(tmp_path: Path, capsys) -> None:
    code, out, err = muster(
        capsys, "places", "resolve", "Georgia, Tbilisi", "--home", tmp_path / "none", "--format", "json"
    )
    assert (code, [row["place_id"] for row in json.loads(out)]) == (0, ["611717"])
    assert "Read as: georgia , tbilisi" in err


def test_a_code_that_moved_is_read_by_the_day(capsys) -> None:
    found = []
    for day in ("2015-06-01", "2018-06-01"):
        _, out, _ = muster(capsys, "places", "resolve", "ZIA", "--flight-date", day, "--format", "json")
        found += [row["place"] for row in json.loads(out)]
    assert found == ["Trento", "Moscow"]


@pytest.mark.parametrize("option", [("--country", "Kenya"), ("--flight-date", "June"), ("--format", "xml")])
def test_a_wrong_option_is_refused_in_one_sentence(option: tuple[str, str], capsys) -> None:
    code, out, err = muster(capsys, "places", "resolve", "Nairobi", *option)
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)


def test_a_publication_without_the_list_says_to_run_again(tmp_path: Path, capsys) -> None:
    import duckdb

    generation = tmp_path / "published" / "000001"
    generation.mkdir(parents=True)
    duckdb.connect(str(generation / "analyst.duckdb")).execute("create schema mart").close()
    (tmp_path / "published" / "current").symlink_to(generation)
    code, _, err = muster(capsys, "places", "unresolved", "--home", tmp_path)
    assert code == 1
    assert "run 'muster run' again" in err


def test_the_list_is_ordered_by_person_days_and_says_how_to_settle(tmp_path: Path, capsys) -> None:
    import duckdb

    generation = tmp_path / "published" / "000001"
    generation.mkdir(parents=True)
    con = duckdb.connect(str(generation / "analyst.duckdb"))
    con.execute("create schema mart")
    con.execute(
        "create table mart.place_issue as select * from (values ('Foo', null, 'unknown', 'none', 'unknown:foo', 'Foo', "
        "null, 1, 1, 1, 2.0), ('Sherbooke, Quebec', null, 'fuzzy', 'fuzzy', '6146143', 'Sherbrooke', 'CA', 1, 3, 2, "
        "9.25)) as t(place_text, country_hint, place_status, match_method, place_id, place_name, country_code, "
        "candidate_number, stays, travellers, person_days)"
    )
    con.close()
    (tmp_path / "published" / "current").symlink_to(generation)
    code, out, err = muster(capsys, "places", "unresolved", "--home", tmp_path, "--format", "json", "--limit", "1")
    assert code == 0
    assert [row["text"] for row in json.loads(out)] == ["Sherbooke, Quebec"]
    assert "1 more" in err
    assert "places.csv" in err
