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
_SOURCES = {"registrations": "registration", "bookings": "booking", "expenses": "expense"}
_LEAST_ID = 5
"""Shorter ids in a record that cannot be read may be anything else, such as a number of a flight."""

_ID_KEY = "case when regexp_matches(trim({0}), '^[0-9]+$') then ltrim(trim({0}), '0') else upper(trim({0})) end"
"""Ids of digits are compared without leading zeros, which spreadsheets lose, as core.identity_claim has it."""
_ADDRESS = "regexp_extract(lower({0}), '([^\\s<>,;:\"]+@[^\\s<>,;:\"]+)', 1)"
_UNTAGGED = f"regexp_replace({_ADDRESS}, '\\+[^@]*@', '@')"

_FACTS = """
create temp table fact as
with stated as (
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
),
said as (
    select kind, value, identity_key from stated
    union all
    select 'id_key', {id_key}, identity_key from stated where kind = 'id'
)
select kind, value, min(identity_key) as identity_key, count(distinct identity_key) as people
from said where value is not null and trim(value) <> '' group by kind, value
""".format(id_key=_ID_KEY.format("value"))

_KEYS = """
create temp table trip_of_one as
with said as (
    select distinct
        s.source,
        case s.source
            when 'booking' then regexp_replace(substr(s.trip_ref, 9), ':[^:]*$', '')
            when 'expense' then substr(s.trip_ref, 9)
            else s.trip_ref
        end as key,
        i.identity_key
    from stage.segment as s inner join core.identity as i on s.identity_text = i.identity_text
)
select source, key, min(identity_key) as identity_key
from said group by source, key having count(distinct identity_key) = 1
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
            self.con.execute(_KEYS)
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
        ways: list[tuple[str, str, str | None]] = [("id", f'"{name}"', None) for name in _ID_COLUMNS if name in columns]
        ways += [("id_key", _ID_KEY.format(f'"{name}"'), f'"{name}"') for name in _ID_COLUMNS if name in columns]
        emails = [f'"{name}"' for name in _EMAIL_COLUMNS if name in columns]
        ways += [("email", _ADDRESS.format(name), None) for name in emails]
        ways += [("email", _UNTAGGED.format(name), _ADDRESS.format(name)) for name in emails]
        ways += [("trip", _TRIPS[table], None)] if table in _TRIPS else []
        for kind, value, exact in ways if table != "people" else []:
            # Without leading zeros or +tag only what nobody bears with them.
            said = "id" if kind == "id_key" else kind
            but = f"where {exact} not in (select value from fact where kind = '{said}')" if exact else ""
            self.con.execute(
                f"insert into record select distinct l.file_number, l.record_number, f.identity_key, '', '' "
                f"from (select * from land.{table} {but}) as l inner join fact as f on f.kind = '{kind}' "
                f"and f.people = 1 and f.value = {value} "
                "anti join (select * from record where identity_text <> '') as r "
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
        own: dict[str, set[str]] = {"id": set(), "id_key": set(), "email": set(), "trip": set()}
        for kind, value in facts.fetchall():
            own[kind].add(value)
        doubtful = con.execute(
            "select count(distinct (r.file_number, r.record_number)) from record as r inner join "
            "core.identity_candidate as c on r.identity_text = c.identity_text "
            "where r.identity_status = 'ambiguous' and 'person:' || c.person_id = ? and r.identity_key <> ?",
            [identity_key, identity_key],
        ).fetchall()[0][0]
        names, phones = self._names(identity_key), self._phones(identity_key)
        records = {(feed, sha): set(numbers) for feed, sha, numbers in rows}
        others = frozenset(self._tagged(identity_key, own["email"]))
        sure = Tokens(others=others) | Tokens.of(own["email"], own["id"], (), ())
        likely = Tokens.of((), (), names, phones)
        doubtful += self._add_rejected(identity_key, sure, likely, bool(self._namesakes(identity_key)), records)
        return Person(identity_key, traveller_id, records, frozenset(own["trip"]), int(doubtful), sure | likely)

    def _tagged(self, identity_key: str, emails: set[str]) -> set[str]:
        """Addresses with a tag that are somebody else's, though without it they are this person's."""
        rows = self.con.execute(
            f"select value from fact where kind = 'email' and value like '%+%' and {_UNTAGGED.format('value')} in "
            "(select unnest($1::varchar[])) and value not in (select unnest($1::varchar[]))",
            [sorted(emails)],
        ).fetchall()
        return {value for (value,) in rows}

    def _namesakes(self, identity_key: str) -> list[tuple[str]]:
        """People of the roster of the same name."""
        return self.con.execute(
            "with named as (select person_id, strip_accents(lower(concat_ws(' ', given_name, family_name))) as called "
            "from land.people) select distinct o.person_id from named as m inner join named as o "
            "on m.called = o.called and m.person_id <> o.person_id where 'person:' || m.person_id = $key",
            {"key": identity_key},
        ).fetchall()

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

    def _add_rejected(
        self,
        identity_key: str,
        sure: Tokens,
        likely: Tokens,
        has_namesake: bool,
        records: dict[FileKey, set[int]],
    ) -> int:
        """Add rejected records that are about the person; returns how many may be a namesake's.

        An address or id of the person decides. A name, a telephone number or a trip that is the person's alone does
        where the record gives no address or id of somebody else; a name alone, where nobody else bears it.
        """
        con = self.con
        keys = con.execute("select source, key from trip_of_one where identity_key = ?", [identity_key]).fetchall()
        own = set(keys)
        told = con.execute(
            "select value from fact where kind in ('id', 'email') and (kind = 'email' or length(value) >= ?) "
            "and (identity_key <> ? or people > 1)",
            [_LEAST_ID, identity_key],
        )
        somebody_else = {value.strip().lower() for (value,) in told.fetchall()}
        rows = con.execute(
            "select f.feed, r.file_sha256, r.record_number, r.raw, split_part(r.key_text, '|', 1), r.table_name "
            "from land.rejected_record as r inner join land.file as f on r.file_number = f.file_number"
        )
        doubtful = 0
        while batch := rows.fetchmany(10_000):
            for feed, sha, number, raw, key, table in batch:
                is_mine = sure.are_in(raw)
                if not is_mine:
                    by_key = (_SOURCES.get(table), key) in own
                    by_name = not by_key and likely.are_in(raw)
                    is_mine = (by_key or by_name) and not _said_in(raw) & somebody_else
                    if is_mine and by_name and has_namesake:
                        doubtful, is_mine = doubtful + 1, False
                if is_mine:
                    records.setdefault((feed, sha), set()).add(number)
        return doubtful


def _said_in(raw: bytes) -> set[str]:
    """The fields of a record that could not be read, and the addresses in it."""
    text = raw.decode("utf-8", "replace").replace("\0", "").lower()
    return {field.strip(" \"'\r\n") for field in re.split(r"[,;|\t]", text)} | set(
        re.findall(r"[^\s<>,;:\"']+@[^\s<>,;:\"']+", text)
    )
