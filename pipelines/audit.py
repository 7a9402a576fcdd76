"""The audit of unregistered trips as it is read: findings, decisions on them, and letters about them (section 8)."""

from __future__ import annotations

import dataclasses
import datetime
import email.message
import email.policy
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipelines import access_log, decisions
from pipelines.errors import MusterError, UsageError
from pipelines.notes import publication_notes
from pipelines.published import NAME_ROLES, current, open_role, publication_row
from pipelines.settings import REFERENCE, Home

if TYPE_CHECKING:
    import duckdb

STATUSES = (
    "unregistered",
    "partial",
    "registered_late",
    "undetermined",
    "unconfirmed",
    "registered",
    "not_required",
    "cancelled",
)
TO_ANSWER = ("unregistered", "partial", "registered_late")
"""What somebody should act on; listed unless another status is asked for."""

ALL = "all"

REQUESTS = {
    "unregistered": "Please register the trip, or tell us under which name or number it is registered.",
    "partial": "Please add the missing days to your registration.",
    "registered_late": "Please register before you leave next time; nothing else is needed now.",
    "unconfirmed": "Please tell us whether you made the trip, and cancel the registration if you did not.",
}
"""What a letter asks for, by status; the other statuses need no letter."""

LETTER_FIELDS = ("audit_id", "country", "dates", "email", "name", "reason", "request", "starts", "ends", "status")

_COLUMNS = (
    "audit_id, audit_status, traveller_id, country_code, starts_date, ends_date, match_score, matched_trip_id, "
    "registered_at, uncovered_dates, reason, observed_refs, evidence, decision, decided_at, decision_note, decided_by"
)

_FINDINGS = """
    with place_now as (
        select
            traveller_id,
            string_agg(
                concat_ws(', ',
                    place_name, country_code, 'level ' || coalesce(risk_level::varchar, 'not known'), presence,
                    coalesce('until ' || strftime(until_at, '%Y-%m-%d %H:%M') || ' UTC', 'no end known')),
                '; or ' order by risk_level desc nulls first, place_name, stay_id
            ) as where_now,
            list(trip_id) filter (presence = 'overdue') as overdue_trips
        from mart.current_exposure
        group by traveller_id
    ),

    finding as (
        select
            a.*,
            p.where_now,
            -- The audit counts an open stay for some days only; who is overdue may be away longer.
            case
                when a.starts_date > $today then 'to come'
                when a.ends_date >= $today then 'now'
                when list_has_any(a.observed_refs, p.overdue_trips) then 'now'
                when list_contains(p.overdue_trips, a.matched_trip_id) then 'now'
                else 'past'
            end as trip_time
        from mart.trip_audit as a
        left join place_now as p on a.traveller_id = p.traveller_id
    )

    select
        {columns},
        case when trip_time = 'now' then coalesce(where_now, 'no stay says where') end as where_now
    from finding
    {join}
    where list_contains($wanted, audit_status)
    order by
        case trip_time when 'now' then 1 when 'to come' then 2 else 3 end,
        case when trip_time = 'to come' then starts_date end,
        starts_date desc nulls last,
        audit_id
"""


@dataclasses.dataclass(frozen=True)
class Listing:
    """Findings and the notes that belong under them."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    notes: list[str]
    title: str


def findings(home: Home, role: str, status: str | None = None) -> Listing:
    """The findings of the current publication, with what people decided up to now: the open ones first, of them who is
    away now, then who leaves next, then the latest past trips. Who is away now has ``where_now``, for a trip is told by
    the country of most nights.

    Without a status those that somebody should act on; ``all`` lists every row. For a role that sees names the look
    is written to the access log before this returns. Raises MusterError, UsageError.
    """
    wanted = _wanted(status)
    with_names = role in NAME_ROLES
    con = open_role(home, role)
    try:
        publication = publication_row(con)
        _require_audit(con, home)
        names = "k.full_name, k.email, " if with_names else ""
        join = "left join mart.traveller_contact as k using (traveller_id)" if with_names else ""
        today = publication.as_of.replace(tzinfo=datetime.UTC).astimezone(ZoneInfo(publication.office_timezone)).date()
        cursor = con.execute(
            _FINDINGS.format(columns=names + _COLUMNS, join=join), {"wanted": list(wanted), "today": today}
        )
        columns = [item[0] for item in cursor.description or []]
        rows = cursor.fetchall()
        counts = con.execute("select audit_status, count(*) from mart.trip_audit group by all").fetchall()
        notes = [_count_note(dict(counts)), *_estimate_note(con), *publication_notes(con, publication)]
    finally:
        con.close()
    if with_names:
        place = columns.index("traveller_id")
        access_log.record_look(
            home, "audit", role, current(home).name, {"status": status}, (row[place] for row in rows)
        )
    rows = _with_newer_decisions(home, columns, rows, with_names)
    rows.sort(key=lambda row: row[columns.index("decision")] is not None)
    title = f"Audit of trips as of {publication.as_of:%Y-%m-%d %H:%M} UTC (generation {publication.generation})"
    return Listing(columns, rows, notes, title)


def _wanted(status: str | None) -> tuple[str, ...]:
    if status is None:
        return TO_ANSWER
    if status == ALL:
        return STATUSES
    if status not in STATUSES:
        raise UsageError(f"There is no status '{status}'; choose one of {', '.join((*STATUSES, ALL))}.")
    return (status,)


def _require_audit(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    found = con.execute(
        "select count(*) from duckdb_tables() where schema_name = 'mart' and table_name = 'trip_audit'"
    ).fetchone()
    if found is None or not found[0]:
        raise MusterError(
            f"The publication in {home.root} was made before there was an audit; run 'muster run --home {home.root}'."
        )


def _with_newer_decisions(
    home: Home, columns: list[str], rows: list[tuple[Any, ...]], with_names: bool
) -> list[tuple[Any, ...]]:
    """The rows with decisions that were made since the publication."""
    newest = {}
    for (audit_id,), one in decisions.newest(decisions.read(home), "audit_id").items():
        told = {"decision": one["decision"], "decided_at": one["decided_at"]}
        if with_names:
            told |= {"decided_by": one["decided_by"], "decision_note": one["note"]}
        newest[audit_id] = {name: value for name, value in told.items() if value is not None}
    key = columns.index("audit_id")
    return [
        tuple(newest.get(row[key], {}).get(name, value) for name, value in zip(columns, row, strict=True))
        for row in rows
    ]


def _count_note(counts: dict[str, int]) -> str:
    parts = [f"{counts[status]:,} {status.replace('_', ' ')}" for status in STATUSES if counts.get(status)]
    return f"All rows of the audit: {', '.join(parts) or 'none'}."


def _estimate_note(con: duckdb.DuckDBPyConnection) -> list[str]:
    row = con.execute(
        "select unseen_estimate, unseen_estimate_low, unseen_estimate_high, both_count, assumptions "
        "from mart.audit_estimate where first_source = 'registrations' and second_source = 'bookings or expenses'"
    ).fetchone()
    if row is None or not row[3]:
        return []
    return [
        f"Ended trips that no feed saw: about {row[0]:,.0f} (95 % by chance alone: {row[1]:,.0f} to {row[2]:,.0f}). "
        f"{row[4]}"
    ]


def find(con: duckdb.DuckDBPyConnection, audit_id: str) -> dict[str, Any]:
    """One finding by its id; UsageError where there is none."""
    cursor = con.execute(f"select {_COLUMNS} from mart.trip_audit where audit_id = $audit_id", {"audit_id": audit_id})
    columns = [item[0] for item in cursor.description or []]
    row = cursor.fetchone()
    if row is None:
        raise UsageError(f"There is no finding '{audit_id}' in the current publication; 'muster audit' lists them.")
    return dict(zip(columns, row, strict=True))


def decide(
    home: Home, audit_ids: str | Sequence[str], decision: str | None, note: str | None, user: str | None = None
) -> str:
    """Keep a decision on one finding or on several at once; returns what was kept, in a sentence.

    Where one of the ids is none, nothing is kept. Raises MusterError, UsageError.
    """
    ids = [audit_ids] if isinstance(audit_ids, str) else list(dict.fromkeys(audit_ids))
    con = open_role(home, "analyst")
    try:
        _require_audit(con, home)
        rows = [find(con, audit_id) for audit_id in ids]
    finally:
        con.close()
    names = [field.name for field in dataclasses.fields(decisions.Finding)]
    findings = [decisions.Finding(**{name: row[name] for name in names}) for row in rows]
    decisions.record(home, findings, decision, note, user)
    what, one = (f"Finding {ids[0]}", True) if len(ids) == 1 else (f"{len(ids):,} findings", False)
    kept = f"{'is' if one else 'are'} {decision}" if decision else f"{'has' if one else 'have'} a note"
    return f"{what} {kept}; the next 'muster run' puts it into the tables."


def draft(home: Home, role: str, audit_id: str, template: Path | None = None, user: str | None = None) -> str:
    """A letter about a finding, as the text of an e-mail with its headers; it sends nothing.

    The template is the one given, else ``templates/audit_letter.txt`` of the home, else the shipped one. The look at
    the name is written to the access log first, as that of ``user`` (default: the account of this process). Raises
    MusterError, UsageError.
    """
    if role not in NAME_ROLES:
        raise UsageError(
            f"A letter needs a name, which the role '{role}' does not see; choose {' or '.join(NAME_ROLES)}."
        )
    text, path = _template(home, template)
    con = open_role(home, role)
    try:
        _require_audit(con, home)
        row = find(con, audit_id)
        reason = _letter_reason(con, row)
        contact = con.execute(
            "select full_name, email from mart.traveller_contact where traveller_id = $traveller_id",
            {"traveller_id": row["traveller_id"]},
        ).fetchone()
        country = con.execute(
            "select max(place_name) from mart.rating_period where place_type = 'country' and country_code = $1",
            [row["country_code"]],
        ).fetchone()
    finally:
        con.close()
    if row["audit_status"] not in REQUESTS:
        raise UsageError(f"Finding {audit_id} is '{row['audit_status']}' and needs no letter.")
    if contact is None or contact[1] is None:
        raise MusterError(
            f"No e-mail address is known to the role '{role}' for the traveller of {audit_id}; "
            "the duty file holds only people in place, --role steward knows all."
        )
    asked = {"audit_id": audit_id}
    access_log.record_look(home, "audit draft", role, current(home).name, asked, [row["traveller_id"]], user)
    values = {
        "audit_id": audit_id,
        "country": (country and country[0]) or row["country_code"] or "an unknown place",
        "dates": _dates(row["starts_date"], row["ends_date"]),
        "email": contact[1],
        "name": contact[0] or "traveller",
        "reason": reason,
        "request": REQUESTS[row["audit_status"]],
        "starts": _day(row["starts_date"]),
        "ends": _day(row["ends_date"]),
        "status": row["audit_status"].replace("_", " "),
    }
    # A line end in a name or a reason would end a header of the e-mail.
    values = {key: re.sub(r"\s+", " ", str(value)) for key, value in values.items()}
    return f"To: {values['email']}\n{_fill(text, path, values)}"


def _letter_reason(con: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> str:
    """The reason of a finding as it is said to the traveller; one of an older publication has no other."""
    cursor = con.execute("select * from mart.trip_audit where audit_id = $audit_id", {"audit_id": row["audit_id"]})
    columns = [item[0] for item in cursor.description or []]
    found = dict(zip(columns, cursor.fetchone() or (), strict=True))
    return str(found.get("letter_reason", row["reason"]))


def as_message(letter: str) -> bytes:
    """A letter of :func:`draft` as a file that a mail program opens as a draft; it sends nothing."""
    head, _, body = letter.partition("\n\n")
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.isascii() and name.replace("-", "").isalnum() and name not in message:
            message[name] = value.strip()
    message["X-Unsent"] = "1"
    message.set_content(body, cte="quoted-printable")
    return message.as_bytes()


def _template(home: Home, given: Path | None) -> tuple[str, Path]:
    own = home.root / "templates" / "audit_letter.txt"
    path = given or (own if own.is_file() else REFERENCE / "audit_letter.txt")
    try:
        return path.read_text(encoding="utf-8"), path
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The template {path} cannot be read; give a text file in UTF-8.") from None


def _fill(text: str, path: Path, values: dict[str, str]) -> str:
    try:
        return string.Template(text).substitute(values)
    except KeyError as error:
        raise UsageError(
            f"The template {path} has the field ${error.args[0]}, which does not exist; choose from "
            f"{', '.join(LETTER_FIELDS)}."
        ) from None
    except ValueError:
        raise UsageError(f"The template {path} has a lone $; write $$ for a dollar sign.") from None


def _dates(starts: datetime.date | None, ends: datetime.date | None) -> str:
    return _day(starts) if starts == ends else f"{_day(starts)} to {_day(ends)}"


def _day(day: datetime.date | None) -> str:
    return "an unknown day" if day is None else f"{day.day} {day:%B %Y}"
