"""An erasure that is stopped, wherever: the next run, or asking again, finishes all of it, certificate included."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pytest

from pipelines import decisions, roll_call
from pipelines.erasure.forget import forget
from pipelines.errors import MusterError
from pipelines.reports.week import issue
from pipelines.settings import Home

from .planted import texts_of
from .small import person, put, rows, run, start

MARKS = (b"zqana", b"wxsilva", b"222 333", b"tr1mark", b"needs_help")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str]:
    """A home with decisions, a roll call, a history and a report that are about somebody."""
    home = start(tmp_path_factory.mktemp("used") / "home")
    zqana = person("00201", "Zqana Wxsilva", "zqana@u.edu", mobile_phone="+1 222 333 4455")
    put(home, "people", "p.csv", zqana, person("00401", "Other Person", "other@u.edu"))
    mine = {"trip_id": "TR1MARK", "traveller_email": "zqana@u.edu", "starts_local": "2026-11-10"}
    put(home, "registrations", "Zqana Wxsilva.csv", mine, {"trip_id": "TR2", "traveller_email": "other@u.edu"})
    run(home)
    ((mine_id,),) = rows(home, "select traveller_id from traveller_contact where email = 'zqana@u.edu'")
    note = "spoke to Zqana Wxsilva, +1 222 333 4455"
    finding = decisions.Finding("a_1", str(mine_id), "KE", None, None, [])
    decisions.record(home, [finding], "dismissed", note, "officer")
    ids = [str(one) for (one,) in rows(home, "select traveller_id from traveller")]
    opened = roll_call.open_roll_call(home, "Kyiv", {"country": "UA"}, ids, datetime.datetime(2026, 11, 27), "officer")
    roll_call.answer(home, opened.roll_call_id, str(mine_id), "needs_help", "1", "officer")
    history = home.logs / "sql_history"
    history.write_text("select * from traveller_contact where email = 'zqana@u.edu';\nselect 1;\n")
    history.chmod(0o600)
    issue(home)
    return home, str(mine_id)


def held(home: Home) -> dict[str, set[bytes]]:
    found = {}
    for path in home.root.rglob("*"):
        if path.is_file():
            texts = [str(path.name).encode(), *texts_of(path)]
            if hits := {mark for mark in MARKS for text in texts if mark in text.lower()}:
                found[str(path.relative_to(home.root))] = hits
    return found


@pytest.mark.parametrize("again", ["run", "forget"])
@pytest.mark.parametrize("at", ["forget.change_inbox", "forget._erase_written", "traces.reissue_reports"])
def test_a_stopped_erasure_is_finished(
    used: tuple[Home, str], tmp_path: Path, at: str, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    base, mine = used
    shutil.copytree(base.root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    with monkeypatch.context() as stopped:
        stopped.setattr(f"pipelines.erasure.{at}", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(home, ["zqana@u.edu"])
    pending = home.erasures / "pending.json"
    assert pending.stat().st_mode & 0o777 == 0o600
    if at.startswith("traces"):
        assert not [mark for mark in MARKS[:3] if mark in pending.read_bytes().lower()]
    if again == "run":
        run(home)
        with pytest.raises(MusterError, match="Nobody in"):
            forget(home, ["zqana@u.edu"])
    else:
        assert [one.traveller_id for one in forget(home, [" Zqana@u.edu"])] == [mine]
    assert held(home) == {}
    assert not pending.exists()
    (certificate,) = home.erasures.glob("*.json")
    said = json.loads(certificate.read_bytes())
    assert said["traveller_id"] == mine and said["records"] == 2
    assert said["everything_made_anew"]["generations_removed"]
    assert ("interrupted" in said) == (not at.startswith("traces"))
    assert rows(home, "select full_name from traveller_contact") == [("Other Person",)]
    assert mine not in (home.decisions / "roll_call.jsonl").read_text()
