"""Who somebody is in everything that was ever received, by the same rules by which travellers are found (S10).

For this all landed files are read into a build of their own, superseded versions and held files included, and the
models up to the traveller are run on it. So what is erased, and what a receipt lists, is what the rules take for this
person, whatever the record calls them.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

import duckdb

from pipelines.contracts import Contract
from pipelines.erasure.tokens import Tokens
from pipelines.errors import MusterError
from pipelines.settings import Home, Settings

FileKey = tuple[str, str]
"""Feed and SHA-256 of a landed file."""

_ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
_ID_COLUMNS = ("person_id", "employee_id")
_EMAIL_COLUMNS = ("traveller_email", "email")
_TRIPS = {
    "registrations": "trip_id",
    "reviews": "trip_id",
    "bookings": "concat('booking:', record_locator, ':', booking_issued_date::varchar)",
    "expenses": "concat('expense:', report_id)",
}
_KEYS = {"registrations": "trip_id", "bookings": "record_locator", "expenses": "report_id"}

_FACTS = """
create temp table fact as
with said as (
    select 'id' as kind, c.person_id as value, i.identity_key
    from core.identity_claim as c inner join core.identity as i on c.identity_text = i.identity_text
    union all
    select 'email', lower(c.email), i.identity_key
    from core.identity_claim as c inner join core.identity as i on c.identity_text = i.identity_text
    union all
    select 'id', person_id, 'person:' || person_id from land.people
    union all
    select 'email', lower(trim(unnest(list_prepend(email, coalesce(other_emails, []))))), 'person:' || person_id
    from land.people
    union all
    select 'trip', s.trip_ref, i.identity_key
    from stage.segment as s inner join core.identity as i on s.identity_text = i.identity_text
)
select kind, value, min(identity_key) as identity_key, count(distinct identity_key) as people
from said where value is not null and trim(value) <> '' group by kind, value
"""

_RECORDS = """
create temp table record as
select distinct
    (s.segment_key // 68719476736)::integer as file_number,
    (s.segment_key % 68719476736 // 64)::bigint as record_number,
    i.identity_key,
    i.identity_status,
    i.identity_text
from stage.segment as s inner join core.identity as i on s.identity_text = i.identity_text
"""


@dataclass(frozen=True)
class Person:
    """One person as the feeds know them. ``tokens`` holds names and addresses and is never written anywhere."""

    identity_key: str = field(repr=False)
    traveller_id: str
    records: dict[FileKey, set[int]] = field(repr=False)
    """Records of each landed file that are about the person."""
    trips: frozenset[str] = field(repr=False)
    """Trips that are the person's alone, as the feeds refer to them."""
    doubtful: int
    """Records that may be about this person or about somebody of the same name; they are nobody's."""
    tokens: Tokens = field(repr=False)


class Everything:
    """All that was ever received, resolved to people; a context manager. The caller holds the run lock."""

    def __init__(self, home: Home, settings: Settings, contracts: dict[str, Contract]) -> None:
        self.home, self.settings, self.contracts = home, settings, contracts
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Everything:
        from pipelines import landing, models, privacy, reference, warehouse

        run_id = warehouse.new_run_id()
        build = warehouse.build_path(self.home, run_id)
        for leftover in (build.with_name(f"{build.name}.wal"), build):
            self._stack.callback(leftover.unlink, missing_ok=True)
        self.con = warehouse.open_build(self.home, run_id)
        self._stack.callback(self.con.close)
        try:
            landing.load(self.con, self.home, self.settings, self.contracts, _ALWAYS, every_version=True)
            reference.load(self.con, self.home, self.settings, _ALWAYS, _ALWAYS)
            every = models.discover()
            models.run(self.con, models=models.needed(every, "core.traveller", ()))
            privacy.load_pseudonyms(self.con, self.home, "core.traveller")
            self.con.execute(_FACTS)
            self.con.execute(_RECORDS)
            for table in {contract.table for contract in self.contracts.values()}:
                self._add_named(table)
            self.con.execute(
                "insert into record select file_number, record_number, 'person:' || person_id, '', '' from land.people"
            )
        except duckdb.Error as error:
            self._stack.close()
            raise MusterError(
                f"What was received could not be read ({models.describe_database_error(error)}); nothing was changed."
            ) from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _add_named(self, table: str) -> None:
        """Records that no segment is made of, such as fees and reviews, by an id, address or trip of one person."""
        found = self.con.execute(
            "select column_name from duckdb_columns() where schema_name = 'land' and table_name = ? "
            "and database_name = current_database()",
            [table],
        ).fetchall()
        columns = {name for (name,) in found}
        ways = [("id", f'"{name}"') for name in _ID_COLUMNS if name in columns]
        ways += [("email", f'lower(trim("{name}"))') for name in _EMAIL_COLUMNS if name in columns]
        ways += [("trip", _TRIPS[table])] if table in _TRIPS else []
        for kind, value in ways if table != "people" else []:
            self.con.execute(
                f"insert into record select distinct l.file_number, l.record_number, f.identity_key, '', '' "
                f"from land.{table} as l inner join fact as f on f.kind = '{kind}' and f.people = 1 "
                f"and f.value = {value} anti join (select * from record where identity_text <> '') as r "
                f"on l.file_number = r.file_number and l.record_number = r.record_number"
            )

    def find(self, text: str) -> Person:
        """The person whom an id, e-mail address or traveller_id names; raises MusterError for nobody and for several.

        The message never repeats what was asked for.
        """
        wanted = text.strip()
        if re.fullmatch(r"t_[0-9a-f]{16}", wanted):
            how = "traveller_id"
            sql = (
                "select t.identity_key from core.traveller as t inner join core.pseudonym as p "
                "on t.traveller_key = p.traveller_key where p.traveller_id = ?"
            )
            found = self.con.execute(sql, [wanted]).fetchall()
        else:
            how = "e-mail address" if "@" in wanted else "person id"
            found = self._said("email" if "@" in wanted else "id", wanted)
        if not found:
            raise MusterError(f"Nobody in {self.home.root} has this {how}; nothing was done.")
        if len(found) > 1:
            raise MusterError(
                f"{len(found)} people in {self.home.root} have this {how}; name one of them by traveller_id (or by "
                "person id). Nothing was done."
            )
        return self._person(found[0][0])

    def _said(self, kind: str, value: str) -> list[tuple[str]]:
        rows = self.con.execute(
            "select distinct identity_key from (select 'person:' || person_id as identity_key, "
            "unnest(if($kind = 'id', [person_id], list_prepend(email, coalesce(other_emails, [])))) as value "
            "from land.people union all select i.identity_key, if($kind = 'id', c.person_id, c.email) "
            "from core.identity_claim as c inner join core.identity as i on c.identity_text = i.identity_text) "
            "where lower(trim(value)) = lower($value) order by identity_key",
            {"kind": kind, "value": value},
        ).fetchall()
        # An id of the roster is that person's, whatever else was booked under it.
        own = [row for row in rows if kind == "id" and row[0].lower() == f"person:{value}".lower()]
        return own or rows

    def _person(self, identity_key: str) -> Person:
        con = self.con
        (traveller_id,) = con.execute(
            "select p.traveller_id from core.traveller as t inner join core.pseudonym as p "
            "on t.traveller_key = p.traveller_key where t.identity_key = ?",
            [identity_key],
        ).fetchall()[0]
        rows = con.execute(
            "select f.feed, f.file_sha256, list(distinct r.record_number) from record as r "
            "inner join land.file as f on r.file_number = f.file_number where r.identity_key = ? group by all",
            [identity_key],
        ).fetchall()
        facts = con.execute("select kind, value from fact where identity_key = ? and people = 1", [identity_key])
        own: dict[str, set[str]] = {"id": set(), "email": set(), "trip": set()}
        for kind, value in facts.fetchall():
            own[kind].add(value)
        doubtful = con.execute(
            "select count(distinct (r.file_number, r.record_number)) from record as r inner join "
            "core.identity_candidate as c on r.identity_text = c.identity_text "
            "where r.identity_status = 'ambiguous' and 'person:' || c.person_id = ? and r.identity_key <> ?",
            [identity_key, identity_key],
        ).fetchall()[0][0]
        tokens = Tokens.of(own["email"], own["id"], self._names(identity_key), self._phones(identity_key))
        person = Person(
            identity_key,
            traveller_id,
            {(feed, sha): set(numbers) for feed, sha, numbers in rows},
            frozenset(own["trip"]),
            int(doubtful),
            tokens,
        )
        self._add_rejected(person)
        return person

    def _names(self, identity_key: str) -> list[tuple[str, str]]:
        """Given and family name of each form; a name as one text has no family name."""
        return self.con.execute(
            "select distinct coalesce(given_name, ''), coalesce(family_name, '') from land.people "
            "where 'person:' || person_id = $key union select distinct c.traveller_name, '' "
            "from core.identity_claim as c inner join core.identity as i on c.identity_text = i.identity_text "
            "where i.identity_key = $key and c.traveller_name is not null",
            {"key": identity_key},
        ).fetchall()

    def _phones(self, identity_key: str) -> list[str]:
        rows = self.con.execute(
            "select distinct mobile_phone from land.people where 'person:' || person_id = $key union "
            "select distinct s.phone from stage.segment as s inner join core.identity as i "
            "on s.identity_text = i.identity_text where i.identity_key = $key",
            {"key": identity_key},
        ).fetchall()
        return [phone for (phone,) in rows if phone]

    def _add_rejected(self, person: Person) -> None:
        """Rejected records that name the person, or that belong to a trip that is the person's alone."""
        keys = {trip.partition(":")[2].partition(":")[0] or trip for trip in person.trips}
        rows = self.con.execute(
            "select f.feed, r.file_sha256, r.record_number, r.raw, split_part(r.key_text, '|', 1), r.table_name "
            "from land.rejected_record as r inner join land.file as f on r.file_number = f.file_number"
        )
        while batch := rows.fetchmany(10_000):
            for feed, sha, number, raw, key, table in batch:
                if (key in keys and table in _KEYS) or person.tokens.are_in(raw):
                    person.records.setdefault((feed, sha), set()).add(number)
