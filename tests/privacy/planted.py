"""An office in which every person is marked: names, addresses and numbers that no other text holds."""

from __future__ import annotations

import csv
import gzip
import io
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.settings import PROJECT, Home

PEOPLE = 1000
SECRETS = {
    "smtp.password": "planted-password-of-mail\n",
    "auth.toml": """[auth]
redirect_uri = "https://muster.example.edu/oauth2callback"
cookie_secret = "planted-cookie-secret-0123456789abcdef"
client_id = "muster"
client_secret = "planted-client-secret"
server_metadata_url = "https://login.example.edu/.well-known/openid-configuration"
""",
}
AS_OF = "2026-11-18T12:00:00Z"
_PLACES = (("NBO", "Nairobi, Kenya", "KE"), ("CDG", "Paris, France", "FR"), ("KBP", "Kyiv, Ukraine", "UA"))
_LETTERS = "bcdfghjklmnpqrstvwxz"


@dataclass(frozen=True)
class Marked:
    """One invented person."""

    number: int

    @property
    def word(self) -> str:
        """Three letters for each digit: no digit, so that the names are names."""
        return "".join(_LETTERS[int(digit)] + "u" + _LETTERS[int(digit) + 10] for digit in f"{self.number:04d}")

    @property
    def given(self) -> str:
        return f"Zelm{self.word}"

    @property
    def family(self) -> str:
        return f"Quor{self.word}"

    @property
    def email(self) -> str:
        return f"zq{self.word}@marked.example.edu"

    @property
    def private_email(self) -> str:
        return f"zp{self.word}@home.example.org"

    @property
    def person_id(self) -> str:
        return f"ZPX{self.number:05d}"

    @property
    def phone(self) -> str:
        return f"+1 914 55{self.number:05d}"

    def marks(self) -> list[str]:
        """What must be nowhere, in lower case."""
        digits = self.phone.replace(" ", "").lstrip("+")
        return [
            self.given.lower(),
            self.family.lower(),
            self.email,
            self.private_email,
            self.phone,
            digits[1:],
            self.person_id.lower(),
        ]


def everybody() -> list[Marked]:
    return [Marked(number) for number in range(PEOPLE)]


def write(path: Path, rows: list[dict[str, object]], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def roster(people: Iterable[Marked]) -> list[dict[str, object]]:
    return [
        {
            "person_id": one.person_id,
            "given_name": one.given,
            "family_name": one.family,
            "email": one.email,
            "other_emails": one.private_email,
            "affiliation": "staff",
            "mobile_phone": one.phone,
            "home_country_code": "US",
        }
        for one in people
    ]


def registration(one: Marked, day: date, **other: object) -> dict[str, object]:
    _, place, _ = _PLACES[one.number % 3]
    return {
        "trip_id": f"TR-{one.number:05d}-{day:%m%d}",
        "registered_at": f"{day - timedelta(days=20)}T09:00:00Z",
        "updated_at": f"{day - timedelta(days=20)}T09:00:00Z",
        "trip_status": "active",
        "traveller_email": one.email if one.number % 2 else one.private_email,
        "traveller_name": f"{one.given} {one.family}",
        "person_id": one.person_id if one.number % 4 else "",
        "trip_name": f"Talk of {one.given}, {one.family}",
        "purpose": "university",
        "segment_number": 1,
        "segment_type": "presence",
        "from_place": "",
        "to_place": place,
        "starts_local": f"{day}",
        "ends_local": f"{day + timedelta(days=9)}",
        "contact_phone": one.phone,
    } | other


def booking(one: Marked, day: date) -> dict[str, object]:
    code, _, _ = _PLACES[one.number % 3]
    return {
        "record_locator": f"L{one.number:05d}",
        "issued_at": f"{day - timedelta(days=25)}T09:00:00Z",
        "updated_at": f"{day - timedelta(days=25)}T09:00:00Z",
        "traveller_name": f"{one.family.upper()}/{one.given.upper()} MR",
        "traveller_email": one.private_email,
        "traveller_phone": one.phone.replace(" ", "").lstrip("+1"),
        "employee_id": one.person_id,
        "segment_number": 1,
        "segment_type": "AIR",
        "status_code": "HK",
        "from_code": "JFK",
        "to_code": code,
        "starts_local": f"{day}T18:00",
        "ends_local": f"{day + timedelta(days=1)}T07:00",
        "carrier_code": "ZZ",
        "service_number": str(one.number + 1),
    }


def expense(one: Marked, day: date) -> dict[str, object]:
    return {
        "report_id": f"EX{one.number:05d}",
        "line_number": 1,
        "employee_id": one.person_id,
        "email": one.email.upper(),
        "transaction_date": f"{day + timedelta(days=2)}",
        "expense_type": "Hotel" if one.number % 2 else "Airfare",
        "vendor": "An inn",
        "city": "Nairobi",
        "country_code": "KE",
        "amount": "100.00",
        "currency_code": "USD",
    }


def mail(one: Marked, day: date) -> str:
    code = _PLACES[one.number % 3][0]
    return f"""From: {one.given} {one.family} <{one.email}>
To: trips@marked.example.edu
Subject: Flight of {one.given}
Date: Mon, 02 Nov 2026 09:00:00 +0000
Content-Type: text/html; charset=utf-8

<html><body><script type="application/ld+json">{{"@context": "http://schema.org", "@type": "FlightReservation",
"reservationNumber": "M{one.number:05d}", "underName": {{"@type": "Person", "name": "{one.given} {one.family}"}},
"reservationFor": {{"@type": "Flight", "flightNumber": "{one.number + 1}", "airline": {{"@type": "Airline",
"iataCode": "ZZ"}}, "departureAirport": {{"@type": "Airport", "iataCode": "JFK"}}, "departureTime":
"{day}T18:00:00-05:00", "arrivalAirport": {{"@type": "Airport", "iataCode": "{code}"}}, "arrivalTime":
"{day + timedelta(days=1)}T07:00:00+01:00"}}}}</script></body></html>
"""


def plant_ratings(home: Home) -> None:
    ratings = [
        {"provider": "invented", "category": "overall", "place_type": "country", "place": code, "level": level,
         "evacuation_status": "none", "valid_from": "2024-01-01", "published_at": "2024-01-01T00:00:00Z"}
        for code, level in (("KE", 3), ("FR", 2), ("UA", 5))
    ]  # fmt: skip
    write(home.inbox / "ratings" / "ratings.csv", ratings)


def plant_small(root: Path) -> Home:
    """A home with ratings alone."""
    home = Home(root).prepare()
    plant_ratings(home)
    home.settings_file.write_text("office_country_code: US\n")
    return home


def plant(root: Path) -> Home:
    """Fill an inbox: rosters in three encodings and packings, trips in several versions, mails, and spoilt records."""
    home = Home(root).prepare()
    people, day = everybody(), date(2026, 11, 12)
    write(home.inbox / "people" / "roster-old.csv.gz", roster(people))
    write(home.inbox / "people" / "roster.csv", roster(people)[::-1])
    first = [registration(one, day, trip_status="tentative") for one in people]
    write(home.inbox / "registrations" / "first.csv", first)
    write(home.inbox / "registrations" / "second.csv", [registration(one, day) for one in people[::2]])
    # Spoilt: a ragged record and a day that does not exist are rejected with their bytes.
    path = home.inbox / "registrations" / "spoilt.csv"
    write(path, [registration(one, day, starts_local="2026-11-31", trip_id=f"SP-{one.number}") for one in people[:60]])
    with path.open("ab") as file:
        for one in people[:60]:
            file.write(f"SP2-{one.number},{one.email},{one.given} {one.family}\r\n".encode())
    write(home.inbox / "bookings" / "agency.csv", [booking(one, day) for one in people])
    write(home.inbox / "expenses" / "expenses.csv", [expense(one, day) for one in people])
    reviews = [
        {"review_id": f"RV{one.number}", "trip_id": f"TR-{one.number:05d}-1112", "email": one.email,
         "kind": "itinerary_review", "outcome": "approved", "decided_at": "2026-11-01T00:00:00Z",
         "approver": people[(one.number + 500) % PEOPLE].email}
        for one in people
    ]  # fmt: skip
    write(home.inbox / "reviews" / "reviews.csv", reviews)
    (home.inbox / "itineraries").mkdir(mode=0o700)
    for one in people[:80]:
        (home.inbox / "itineraries" / f"{one.given} {one.family}.eml").write_text(mail(one, day))
    # A file that no contract can read names people as well.
    (home.inbox / "people" / "saved.html").write_text("<html>" + "".join(f"<p>{p.email}" for p in people[:5]))
    (home.inbox / "bookings" / f"{people[7].family}.csv").write_text(
        "record_locator,traveller_name,segment_type\nX1,NOBODY/NORA,AIR\n"
    )
    plant_ratings(home)
    for name in SECRETS:
        (home.root / name).write_text(SECRETS[name])
        (home.root / name).chmod(0o600)
    home.settings_file.write_text(
        "office_country_code: US\npublish_older_file: true\n"
        "smtp: {host: mail.example.edu, sender: a@example.edu, recipients: [b@example.edu], user: muster}\n"
        "roles: {officer@example.edu: duty}\n"
        "feeds:\n  ratings: {rhythm_days: 3650}\n  people: {rhythm_days: 3650}\n"
    )
    return home


def muster(home: Home, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *arguments, "--home", str(home.root)]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, input=text, timeout=300)


# What every mark looks like: all of them are found in one pass, and the set says whose they are.
_FORM = re.compile(r"z[qp][a-z]{12}@[a-z.]+|(?:zelm|quor)[a-z]{12}|zpx\d{5}|\+1 914 55\d{5}|91455\d{5}")


def found_below(root: Path, marks: Iterable[str], leave: Iterable[Path] = ()) -> dict[str, set[str]]:
    """Every mark that any byte below a folder holds, by file; packed files are searched unpacked as well."""
    wanted = set(marks)
    left = [path.resolve() for path in leave]
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or any(path.resolve().is_relative_to(one) for one in left):
            continue
        for text in [name.encode(), *texts_of(path)]:
            hits = wanted.intersection(_FORM.findall(text.decode("utf-8", "replace").lower()))
            if hits:
                found.setdefault(name, set()).update(hits)
    return found


def texts_of(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif data.startswith(b"%PDF"):
        for piece in data.split(b"stream\n")[1:]:
            try:
                yield zlib.decompressobj().decompress(piece)
            except zlib.error:
                continue
    elif data.startswith(b"PAR1"):
        with duckdb.connect() as con:
            yield _rows(con, f"read_parquet('{path}')")
    elif data[8:12] == b"DUCK":
        with duckdb.connect() as con:
            con.execute(f"attach '{path}' as held (read_only)")
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'held'"
            ).fetchall()
            for schema, table in tables:
                yield _rows(con, f'held."{schema}"."{table}"')
    elif path.suffix == ".eml":
        import email
        import email.policy

        message = email.message_from_bytes(data, policy=email.policy.default)
        for part in message.walk():
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield payload


def _rows(con: duckdb.DuckDBPyConnection, source: str) -> bytes:
    """All values of a table as text, those of binary columns as their bytes."""
    columns = con.execute(f"select column_name, column_type from (describe select * from {source})").fetchall()
    texts = ", ".join(
        "coalesce(" + (f"decode(\"{name}\", 'replace')" if kind == "BLOB" else f'"{name}"::varchar') + ", '')"
        for name, kind in columns
    )
    rows = con.execute(f"select concat_ws(chr(31), {texts}) from {source}").fetchall()
    return "\n".join(text for (text,) in rows).encode()
