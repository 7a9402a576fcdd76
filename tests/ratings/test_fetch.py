"""``muster fetch ratings`` against a server on this machine that answers well, badly and with malice."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import cli, fetch
from pipelines.errors import MusterError, UsageError
from pipelines.settings import Home
from tests.ratings import provider as made
from tests.ratings.provider import Answer

CANADA = "/travel-voyage/index-alpha-eng.json"
AUSTRALIA = "/destinations-export"
UNITED_STATES = "/api/TravelAdvisories"
RSS = "/_res/rss/TAsTWs.xml"
INDEX = "/api/content/foreign-travel-advice"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").prepare()


def options(server: Any, **changes: Any) -> fetch.Options:
    return fetch.Options(**({"base_url": server.base_url, "pause_seconds": 0.001} | changes))


def inbox(home: Home) -> list[str]:
    return sorted(str(path.relative_to(home.inbox)) for path in home.inbox.rglob("*") if path.is_file())


def test_a_whole_answer_lies_in_the_inbox_as_it_was_received(home: Home, server: Any) -> None:
    server.give(CANADA, Answer(made.canada()))
    fetched = fetch.fetch_ratings(home, "canada", options(server))
    assert fetched.countries == 250
    assert inbox(home) == [f"advice_canada/{fetched.path.name}"]
    assert fetched.path.name.startswith("canada-20") and fetched.path.name.endswith("Z.json")
    assert made.canada() in fetched.path.read_bytes()


def test_each_provider_is_read_in_its_own_format(home: Home, server: Any) -> None:
    server.give(AUSTRALIA, Answer(made.australia()))
    server.give(UNITED_STATES, Answer(made.united_states()))
    made.united_kingdom(server)
    for provider in ("australia", "united_kingdom", "united_states"):
        assert fetch.fetch_ratings(home, provider, options(server)).countries == 250
    assert len(inbox(home)) == 3


def test_two_downloads_without_news_are_two_files(home: Home, server: Any) -> None:
    server.give(AUSTRALIA, Answer(made.australia()))
    first = fetch.fetch_ratings(home, "australia", options(server)).path
    second = fetch.fetch_ratings(home, "australia", options(server)).path
    assert first != second
    assert len(inbox(home)) == 2


HALF = dict(list(made.COUNTRIES.items())[:125])
HTML = {"Content-Type": "text/html; charset=utf-8"}
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
REFUSED = {
    "a challenge page": (Answer(CHALLENGE, headers=HTML), "web page"),
    "a challenge page that calls itself data": (Answer(CHALLENGE), "web page"),
    "a challenge with its status": (Answer(CHALLENGE, 403, HTML), "status 403"),
    "an empty list": (Answer(made.canada({})), "rates 0 countries"),
    "another list": (Answer(b"[]"), "no object 'data'"),
    "nothing": (Answer(b""), "no whole JSON"),
    "text cut short": (Answer(made.canada()[:20_000]), "no whole JSON"),
    "half the countries": (Answer(made.canada(HALF)), "rates 125 countries, fewer than the 180"),
    "levels of another type": (Answer(made.canada(state={"level": 1})), "rates 0 countries"),
    "levels off the scale": (Answer(made.canada(state=9)), "rates 0 countries"),
    "countries of another type": (Answer(json.dumps({"data": [1, 2, 3]}).encode()), "no object 'data'"),
    "not found": (Answer(b"gone", 404), "status 404"),
    "a redirect to elsewhere": (Answer(status=302, headers={"Location": "http://127.0.0.2:9/"}), "another server"),
    "a redirect to another scheme": (Answer(status=302, headers={"Location": "https://127.0.0.1/"}), "another server"),
    "a redirect to a file": (Answer(status=302, headers={"Location": "file:///etc/passwd"}), ""),
    "a redirect to itself": (Answer(status=302, headers={"Location": CANADA}), "redirects without end"),
    "always a fault": (Answer(b"", 503), "status 503, 4 times in a row"),
    "always broken off": (Answer(made.canada(), cut=True), "breaks off"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_the_whole_advice_is_refused_and_the_last_good_copy_stays(
    home: Home, server: Any, what: str
) -> None:
    server.give(CANADA, Answer(made.canada()))
    fetch.fetch_ratings(home, "canada", options(server))
    before = {name: (home.inbox / name).read_bytes() for name in inbox(home)}
    answer, words = REFUSED[what]
    server.give(CANADA, answer)
    with pytest.raises(MusterError) as refusal:
        fetch.fetch_ratings(home, "canada", options(server))
    assert words in str(refusal.value)
    assert "The last good copy stays in force" in str(refusal.value)
    assert {name: (home.inbox / name).read_bytes() for name in inbox(home)} == before


def test_a_few_countries_without_a_level_are_taken_over_and_many_are_not(home: Home, server: Any) -> None:
    document = json.loads(made.canada())
    for number, entry in enumerate(document["data"].values()):
        entry["advisory-state"] = None if number < 20 else 1
    server.give(CANADA, Answer(json.dumps(document).encode()))
    assert fetch.fetch_ratings(home, "canada", options(server)).countries == 230
    for number, entry in enumerate(document["data"].values()):
        entry["advisory-state"] = None if number < 40 else 1
    server.give(CANADA, Answer(json.dumps(document).encode()))
    with pytest.raises(MusterError, match="only 210 carry a level"):
        fetch.fetch_ratings(home, "canada", options(server))


def test_faults_that_pass_are_waited_out(home: Home, server: Any) -> None:
    server.give(CANADA, Answer(status=500), Answer(status=429), Answer(made.canada(), cut=True), Answer(made.canada()))
    assert fetch.fetch_ratings(home, "canada", options(server)).countries == 250
    assert server.asked == [CANADA] * 4


def test_a_redirect_on_the_same_server_is_followed(home: Home, server: Any) -> None:
    server.give(CANADA, Answer(status=301, headers={"Location": "/moved.json"}))
    server.give("/moved.json", Answer(made.canada()))
    assert fetch.fetch_ratings(home, "canada", options(server)).countries == 250


def test_a_slow_answer_is_given_up(home: Home, server: Any) -> None:
    server.give(CANADA, Answer(made.canada(), pause=0.2))
    began = time.monotonic()
    with pytest.raises(MusterError, match="takes longer than"):
        fetch.fetch_ratings(home, "canada", options(server, max_seconds=0.5))
    assert time.monotonic() - began < 5


def test_a_huge_answer_is_given_up_before_it_is_whole(home: Home, server: Any) -> None:
    server.give(CANADA, Answer(b" " * 30_000_000))
    with pytest.raises(MusterError, match="more than 1 MB"):
        fetch.fetch_ratings(home, "canada", options(server, max_bytes=1024**2))


def test_an_answer_that_unpacks_without_end_is_given_up(home: Home, server: Any) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    server.give(CANADA, Answer(gzip.compress(b" " * 50_000_000), headers=headers))
    with pytest.raises(MusterError, match="more than 20 MB"):
        fetch.fetch_ratings(home, "canada", options(server))


def test_the_second_source_stands_in(home: Home, server: Any) -> None:
    server.give(UNITED_STATES, Answer(CHALLENGE, headers=HTML))
    server.give(RSS, Answer(made.united_states_rss(), headers={"Content-Type": "application/rss+xml"}))
    fetched = fetch.fetch_ratings(home, "united_states", options(server))
    assert fetched.countries == 250
    assert fetched.path.suffix == ".xml"
    assert fetched.note and "second source" in fetched.note


def test_both_sources_refused_are_both_named(home: Home, server: Any) -> None:
    server.give(UNITED_STATES, Answer(CHALLENGE, headers=HTML))
    server.give(RSS, Answer(b"<rss><channel/></rss>", headers={"Content-Type": "application/xml"}))
    with pytest.raises(MusterError, match=r"web page.*rates 0 countries"):
        fetch.fetch_ratings(home, "united_states", options(server))


def test_a_few_lost_documents_are_faults_of_their_countries_alone(home: Home, server: Any) -> None:
    made.united_kingdom(server)
    codes = list(made.COUNTRIES)
    for code, answer in zip(
        codes, [Answer(CHALLENGE, headers=HTML), Answer(b'{"cut'), Answer(status=404)], strict=False
    ):
        server.give(f"/api/content{made.slug(code)}", answer)
    assert fetch.fetch_ratings(home, "united_kingdom", options(server)).countries == 247
    for code in codes[:6]:
        server.give(f"/api/content{made.slug(code)}", Answer(status=404))
    with pytest.raises(MusterError, match="gave 6 of 250 documents not"):
        fetch.fetch_ratings(home, "united_kingdom", options(server))


@pytest.mark.parametrize(
    "index",
    [
        b"{}",
        b"[]",
        b'{"links": {"children": [{"title": "France"}]}}',
        b'{"links": {"children": [{"base_path": "/../../secret"}]}}',
        b'{"links": {"children": [{"base_path": "//elsewhere.example/foreign-travel-advice/france"}]}}',
        b'{"links": {"children": [{"base_path": 7}]}}',
        b'{"links": {"children": "' + b"x" * 10 + b'"}}',
    ],
)
def test_an_index_cannot_send_us_elsewhere(home: Home, server: Any, index: bytes) -> None:
    server.give(INDEX, Answer(index))
    with pytest.raises(MusterError, match="nothing was taken over"):
        fetch.fetch_ratings(home, "united_kingdom", options(server))
    assert set(server.asked) == {INDEX}
    assert inbox(home) == []


def test_only_https_is_asked_beyond_this_machine(home: Home) -> None:
    with pytest.raises(UsageError, match="https"):
        fetch.fetch_ratings(home, "canada", fetch.Options(base_url="http://example.org"))


def test_every_address_is_https() -> None:
    assert all(url.startswith("https://") for source in fetch.SOURCES.values() for url in source.urls)


def run(*arguments: str) -> int:
    return cli.execute(list(arguments))


def test_the_command_says_one_sentence_a_provider(
    home: Home, server: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUSTER_FETCH_BASE_URL", server.base_url)
    server.give(CANADA, Answer(made.canada()))
    server.give(AUSTRALIA, Answer(made.australia()))
    server.give(UNITED_STATES, Answer(made.united_states()))
    made.united_kingdom(server)
    assert run("fetch", "ratings", "--provider", "all", "--home", str(home.root)) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told] == ["australia", "canada", "united_kingdom", "united_states"]
    assert all("250 countries" in line for line in told)
    server.give(CANADA, Answer(b"[]"))
    assert run("fetch", "ratings", "--provider", "all", "--home", str(home.root)) == 1
    told_well, told_badly = capsys.readouterr()
    assert len(told_well.splitlines()) == 3
    assert told_badly.startswith("canada: nothing was taken over, because 127.0.0.1 sent what cannot be used")
    assert len(inbox(home)) == 7


def test_wrong_use_of_the_command(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fetch", "ratings", "--provider", "atlantis", "--home", str(home.root)) == 2
    assert "There is no provider 'atlantis'" in capsys.readouterr().err
    assert run("fetch", "ratings", "--home", str(home.root)) == 2
    assert run("fetch") in (0, 2)


def test_a_home_whose_feed_reads_another_format_is_not_given_ours(
    home: Home, server: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUSTER_FETCH_BASE_URL", server.base_url)
    home.contracts.mkdir(exist_ok=True)
    document = {"feed": "advice_canada", "table": "ratings", "columns": {"provider": {"constant": "canada"}}}
    (home.contracts / "advice_canada.yml").write_text(yaml.safe_dump(document))
    assert run("fetch", "ratings", "--provider", "canada", "--home", str(home.root)) == 1
    assert "contract of advice_canada reads csv" in capsys.readouterr().err
    assert server.asked == []
