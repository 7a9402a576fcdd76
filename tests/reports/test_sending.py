"""A report by mail: taken by a server on this machine, or refused in one sentence with nothing sent."""

from __future__ import annotations

import email
import email.policy
import json
import shutil
import socket
from pathlib import Path

import pytest

from pipelines import access_log, cli
from pipelines.errors import MusterError, UsageError
from pipelines.reports import sending, week
from pipelines.settings import Home, load_settings
from tests.reports.smtp import mail_server

WEEK = "2026-W46"
SECRET = "correct horse"  # noqa: S105
PEOPLE = ("provost@example.edu", "dean@example.edu")


@pytest.fixture(scope="module")
def issued(office: Home, tmp_path_factory: pytest.TempPathFactory) -> week.Issued:
    return week.issue(office, WEEK, tmp_path_factory.mktemp("out"))


@pytest.fixture
def home(office: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that shares the office's publication and has settings and logs of its own."""
    monkeypatch.delenv(sending.PASSWORD_VARIABLE, raising=False)
    made = Home(tmp_path / "home").prepare()
    made.published.rmdir()
    made.published.symlink_to(office.published)
    shutil.copy(office.settings_file, made.settings_file)
    return made


def configure(home: Home, port: int, more: str = "") -> sending.Server:
    with home.settings_file.open("a") as file:
        file.write(
            f"\nsmtp: {{host: 127.0.0.1, port: {port}, tls: none, sender: office@example.edu, "
            f"recipients: [{', '.join(PEOPLE)}]{more}}}\n"
        )
    return sending.server(home)


def sent_lines(home: Home) -> list[dict[str, object]]:
    path = sending.sent_path(home)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_report_is_sent_to_all_and_kept_as_sent(home: Home, issued: week.Issued) -> None:
    (home.root / "smtp.password").write_text(SECRET + "\n")
    (home.root / "smtp.password").chmod(0o600)
    with mail_server() as server:
        by = configure(home, server.port, ", user: muster")
        sent = sending.send(home, by, issued)
    assert server.logins == [f"\0muster\0{SECRET}"]
    message = email.message_from_bytes(server.messages[0], policy=email.policy.default)
    assert message["From"] == "office@example.edu" and message["To"] == ", ".join(PEOPLE)
    assert message["X-Unsent"] is None and WEEK in message["Subject"] and len(message.get_all("Date")) == 1
    files = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert files[f"muster-{WEEK}.pdf"] == next(p for p in issued.files if p.suffix == ".pdf").read_bytes()
    [line] = sent_lines(home)
    assert (line["week"], line["copy"], line["recipients"], line["sha256"]) == (WEEK, "office", 2, sent.sha256)
    look = json.loads(access_log.log_path(home).read_text())
    assert look["action"] == "report send" and look["parameters"]["sha256"] == sent.sha256
    assert sending.sent_path(home).stat().st_mode & 0o077 == 0
    everything = [path for path in home.logs.rglob("*") if path.is_file()]
    assert not any(SECRET in path.read_text() or "@example.edu" in path.read_text() for path in everything)
    assert SECRET not in repr(by)


@pytest.mark.parametrize(
    ("refuse", "told"),
    [
        ({"connect": "554 no"}, "refused (554)"),
        ({"connect": "hang up"}, "broke off"),
        ({"MAIL": "550 no"}, "did not accept smtp.sender (550)"),
        ({"AUTH": f"535 {SECRET}"}, "did not accept the login of smtp.user (535)"),
        ({"<dean@example.edu>": "550 dean@example.edu unknown"}, "recipient 2 of 2 in smtp.recipients (550)"),
        ({"DATA": "552 too large"}, "refused (552)"),
        ({"end": "554 looks like spam"}, "did not take the message (554)"),
    ],
)
def test_a_server_that_refuses_is_one_sentence_and_nothing_is_sent(
    home: Home, issued: week.Issued, monkeypatch: pytest.MonkeyPatch, refuse: dict[str, str], told: str
) -> None:
    monkeypatch.setenv(sending.PASSWORD_VARIABLE, SECRET)
    with mail_server(refuse) as server:
        by = configure(home, server.port, ", user: muster")
        with pytest.raises(MusterError) as refused:
            sending.send(home, by, issued)
    text = str(refused.value)
    assert told in text and "nothing was sent" in text and text.count(". ") == 0 and "\n" not in text
    assert SECRET not in text and "@" not in text
    assert server.messages == [] and sent_lines(home) == []


def test_a_server_that_vanishes_over_the_message_leaves_it_open(home: Home, issued: week.Issued) -> None:
    told = "whether it was sent is not known"
    with mail_server({"end": "hang up"}) as server, pytest.raises(MusterError, match=told) as refused:
        sending.send(home, configure(home, server.port), issued)
    assert "nothing was sent" not in str(refused.value) and sent_lines(home) == []


def test_a_server_that_is_not_there_or_offers_too_little(
    home: Home, issued: week.Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sending.PASSWORD_VARIABLE, SECRET)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        by = configure(home, taken.getsockname()[1])
        with pytest.raises(MusterError, match=r"cannot be reached \(Connection refused\); nothing was sent"):
            sending.send(home, by, issued)
    with mail_server(offers_login=False) as server:
        settings = by.settings.model_copy(update={"port": server.port, "tls": "starttls"})
        with pytest.raises(MusterError, match=r"does not offer what smtp.tls: starttls"):
            sending.send(home, sending.Server(settings, None), issued)
        settings = settings.model_copy(update={"tls": "none", "user": "muster"})
        with pytest.raises(MusterError, match=r"smtp.user ask for; nothing was sent"):
            sending.send(home, sending.Server(settings, SECRET), issued)
        settings = settings.model_copy(update={"tls": "tls"})
        with pytest.raises(MusterError, match=r"gave no safe connection"):
            sending.send(home, sending.Server(settings, SECRET), issued)
    assert server.messages == [] and sent_lines(home) == []


def test_without_server_or_password_nothing_is_begun(home: Home) -> None:
    with pytest.raises(UsageError, match="No mail server is configured"):
        sending.server(home)
    with pytest.raises(MusterError, match="wants a password") as refused:
        configure(home, 25, ", user: muster")
    assert str(home.root / "smtp.password") in str(refused.value)
    (home.root / "smtp.password").write_text(SECRET)
    (home.root / "smtp.password").chmod(0o640)
    with pytest.raises(MusterError, match="Others may read"):
        sending.server(home)


@pytest.mark.parametrize(
    ("smtp", "told"),
    [
        ("{host: mail.example.edu, sender: a@b.edu, recipients: [c@d.edu], tls: none}", "smtp: tls: none would send"),
        ("{host: mail.example.edu, sender: a@b.edu, recipients: []}", "smtp.recipients"),
        ("{host: mail.example.edu, sender: a@b.edu, recipients: ['c@d.edu, e@f.edu']}", "smtp.recipients"),
        ("{host: mail.example.edu, sender: 'Office <a@b.edu>', recipients: [c@d.edu]}", "smtp.sender"),
        ("{host: mail.example.edu, sender: a@b.edu, recipients: [c@d.edu], password: hunter2}", "smtp.password: there"),
        ("{host: mail.example.edu, sender: a@b.edu, recipients: [c@d.edu], port: 70000}", "smtp.port"),
    ],
)
def test_a_wrong_setting_is_named_and_no_password_is_repeated(home: Home, smtp: str, told: str) -> None:
    home.settings_file.write_text(f"smtp: {smtp}\n")
    with pytest.raises(MusterError, match=r"muster\.yml") as refused:
        load_settings(home)
    assert told in str(refused.value) and "hunter2" not in str(refused.value)


def test_the_mail_server_changes_nothing_about_the_data(home: Home) -> None:
    before = load_settings(home).sha256()
    configure(home, 25)
    assert load_settings(home).sha256() == before


def test_the_command_sends_or_says_where_the_report_is(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["report", "week", "--week", WEEK, "--home", str(home.root), "--out", str(tmp_path / "out")]
    assert cli.execute([*arguments, "--send"]) == 2
    assert "No mail server is configured" in capsys.readouterr().err and not (tmp_path / "out").exists()
    with mail_server() as server:
        configure(home, server.port)
        assert cli.execute([*arguments, "--send", "--copy", "viewer"]) == 0
        assert f"Sent by 127.0.0.1:{server.port} to 2 recipients" in capsys.readouterr().out
        assert [line["copy"] for line in sent_lines(home)] == ["viewer"]
        server.refuse["MAIL"] = "550 no"
        assert cli.execute([*arguments, "--send"]) == 1
    told = capsys.readouterr().err.strip()
    assert told.endswith(f"the report itself is in {tmp_path / 'out' / WEEK}.") and len(told.splitlines()) == 1
    assert len(sent_lines(home)) == 1 and len(server.messages) == 1
