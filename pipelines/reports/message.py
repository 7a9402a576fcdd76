"""The report as an e-mail that opens as a draft: text, HTML, and the PDF and workbook attached.

The file is opened in a mail program, given its recipients there and sent by a person; or :mod:`.sending` addresses and
sends it where a mail server is configured and somebody asks for it.
"""

from __future__ import annotations

import datetime
import email.policy
import email.utils
import hashlib
from email.message import EmailMessage

from pipelines.reports.model import Report

_WORKBOOK = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def render(report: Report, html: str, pdf: bytes, workbook: bytes, name: str) -> bytes:
    """The message as bytes; its date is the report's ``as_of`` and its boundaries follow from its content."""
    message = EmailMessage(policy=email.policy.SMTP)
    mark = " (invented ratings)" if report.is_invented else ""
    message["Subject"] = f"{report.title}{mark}"
    message["Date"] = email.utils.format_datetime(report.as_of.replace(microsecond=0, tzinfo=datetime.UTC))
    message["X-Unsent"] = "1"
    message.set_content(_plain(report), cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="base64")
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{name}.pdf")
    message.add_attachment(workbook, maintype=_WORKBOOK[0], subtype=_WORKBOOK[1], filename=f"{name}.xlsx")
    digest = hashlib.sha256(html.encode() + pdf + workbook).hexdigest()
    message["Message-ID"] = f"<{digest[:32]}@muster.invalid>"
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"={digest[:24]}{number}=")
    return message.as_bytes()


def _plain(report: Report) -> str:
    lines = [report.title, report.period, *([report.banner] if report.banner else []), ""]
    lines += [f"{figure.label}: {figure.value} {figure.note}".rstrip() for figure in report.figures]
    lines += ["", *report.sentences]
    if report.caveats:
        lines += ["", "What to bear in mind", *(f"- {caveat}" for caveat in report.caveats)]
    lines += ["", "The whole report is attached as PDF and as a workbook.", "", report.source, ""]
    return "\n".join(lines)
