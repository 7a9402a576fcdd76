"""Sends a report by the mail server that ``muster.yml`` names, to the recipients named there, all of them or none.

The password is in ``MUSTER_SMTP_PASSWORD`` or in ``smtp.password`` of the home, readable by its owner alone; it is
never printed, logged or part of an error. What was sent is a line of ``logs/sent.jsonl`` and of the access log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import email
import email.policy
import email.utils
import hashlib
import os
import smtplib
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from pipelines import access_log, journal
from pipelines.errors import MusterError, UsageError
from pipelines.published import current
from pipelines.reports.week import Issued
from pipelines.settings import Home, Smtp, load_settings

PASSWORD_VARIABLE = "MUSTER_SMTP_PASSWORD"  # noqa: S105
TIMEOUT_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Server:
    """Where and how to send; the password shows in no representation."""

    settings: Smtp
    password: str | None = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """The server as messages name it."""
        return f"{self.settings.host}:{self.settings.port}"


@dataclasses.dataclass(frozen=True)
class Sent:
    """One message that a server took: how many recipients, its bytes' SHA-256, when (UTC)."""

    recipients: int
    sha256: str
    sent_at: datetime.datetime


def sent_path(home: Home) -> Path:
    """Where a home keeps what was sent."""
    return home.logs / "sent.jsonl"


def server(home: Home) -> Server:
    """The server to send by; raises UsageError where none is configured, MusterError where its password is not."""
    settings = load_settings(home).smtp
    if settings is None:
        raise UsageError(
            f"No mail server is configured, so nothing can be sent; write smtp: with host, sender and recipients into "
            f"{home.settings_file}, or open the .eml file in a mail program."
        )
    return Server(settings, _password(home, settings) if settings.user else None)


def _password(home: Home, settings: Smtp) -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    path = home.root / "smtp.password"
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise MusterError(f"Others may read {path}; run: chmod 600 '{path}'.")
        found = path.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        found = ""
    except (OSError, UnicodeDecodeError) as error:
        raise MusterError(
            f"The password in {path} cannot be read; mend the file, or set {PASSWORD_VARIABLE}."
        ) from error
    if not found:
        raise MusterError(
            f"The mail server {settings.host} wants a password for smtp.user; set {PASSWORD_VARIABLE} or write it into "
            f"{path} with mode 600."
        )
    return found


def send(home: Home, by: Server, issued: Issued) -> Sent:
    """Send the e-mail of an issued report and keep that it was sent.

    The access log has the sending before it begins. Raises MusterError where the server cannot be reached or refuses;
    then nobody has got anything, but for a server that vanishes over the message itself, of which the error says so.
    """
    report = issued.report
    message = addressed(issued.draft.read_bytes(), by.settings)
    digest = hashlib.sha256(message).hexdigest()
    recipients = len(by.settings.recipients)
    about = {"week": report.week, "copy": report.copy, "recipients": recipients, "sha256": digest}
    generation = current(home).name
    access_log.record_look(home, "report send", "analyst", generation, about)
    _hand_over(by, message)
    sent = Sent(recipients, digest, datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0))
    kept = {**about, "known_at": report.known_at.isoformat(), "generation": generation}
    try:
        journal.append(sent_path(home), {**kept, "sent_at": sent.sent_at.isoformat(), "sent_by": journal.account()})
    except OSError as error:
        raise MusterError(
            f"The report was sent, but {sent_path(home)} cannot be written ({error.strerror}); mend it, and do not "
            "send again for this."
        ) from error
    return sent


def addressed(draft: bytes, settings: Smtp) -> bytes:
    """The draft as a message from the sender to all recipients, dated now."""
    message = email.message_from_bytes(draft, policy=email.policy.SMTP)
    del message["X-Unsent"], message["Date"]
    message["Date"] = email.utils.format_datetime(datetime.datetime.now(datetime.UTC))
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    return message.as_bytes()


def _hand_over(by: Server, message: bytes) -> None:
    with _told(by):
        connection = _connect(by.settings)
        try:
            if by.settings.user and by.password is not None:
                connection.login(by.settings.user, by.password)
            _address(connection, by)
            code, _ = _data(connection, by, message)
            if code != 250:
                raise MusterError(f"The mail server {by.name} did not take the message ({code}); nothing was sent.")
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                connection.quit()


def _data(connection: smtplib.SMTP, by: Server, message: bytes) -> tuple[int, bytes]:
    try:
        return connection.data(message)
    except smtplib.SMTPResponseException:
        raise
    except OSError:  # of which SMTPServerDisconnected is one
        raise MusterError(
            f"The mail server {by.name} broke off while it took the message, so whether it was sent is not known; ask "
            "a recipient before you send again."
        ) from None


def _connect(settings: Smtp) -> smtplib.SMTP:
    if settings.tls == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_SECONDS, context=context)
    connection = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
    if settings.tls == "starttls":
        try:
            connection.starttls(context=ssl.create_default_context())
        except BaseException:
            connection.close()
            raise
    return connection


def _address(connection: smtplib.SMTP, by: Server) -> None:
    """Name sender and recipients; a refused one ends it before the message, so that all get it or nobody."""
    connection.ehlo_or_helo_if_needed()
    code, _ = connection.mail(by.settings.sender)
    if code != 250:
        raise MusterError(f"The mail server {by.name} did not accept smtp.sender ({code}); nothing was sent.")
    for number, recipient in enumerate(by.settings.recipients, start=1):
        code, _ = connection.rcpt(recipient)
        if code not in (250, 251):
            # The answer often repeats the address, so its code alone is told.
            raise MusterError(
                f"The mail server {by.name} did not accept recipient {number} of {len(by.settings.recipients)} in "
                f"smtp.recipients ({code}); nothing was sent to anybody."
            )


@contextlib.contextmanager
def _told(by: Server) -> Iterator[None]:
    """Whatever goes wrong with the server as one sentence; its own words may hold an address and are left out."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise MusterError(
            f"The mail server {by.name} did not accept the login of smtp.user ({error.smtp_code}); check user and "
            "password; nothing was sent."
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise MusterError(
            f"The mail server {by.name} does not offer what smtp.tls: {by.settings.tls}"
            f"{' and smtp.user' if by.settings.user else ''} ask for; nothing was sent."
        ) from None
    except smtplib.SMTPResponseException as error:
        raise MusterError(f"The mail server {by.name} refused ({error.smtp_code}); nothing was sent.") from None
    except smtplib.SMTPException:
        raise MusterError(f"The mail server {by.name} broke off; nothing was sent.") from None
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "no reason given"
        raise MusterError(f"The mail server {by.name} gave no safe connection ({reason}); nothing was sent.") from None
    except OSError as error:
        reason = error.strerror or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
        raise MusterError(f"The mail server {by.name} cannot be reached ({reason}); nothing was sent.") from None
