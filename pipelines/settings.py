"""A home and its settings: where everything is, and every choice an office can make.

A *home* is one folder that holds an office's inbox, landed files, warehouse and publications. It may hold
a ``muster.yml``; without one the defaults below apply (DOMAIN.md section 2).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import zoneinfo
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import MusterError

MOST_RHYTHM_DAYS = 3660
"""A feed that comes less often than every ten years is none."""

HOME_FORMAT = 1
"""Version of the layout of a home; a home of a newer format is refused, never rewritten."""

PROJECT = Path(__file__).resolve().parent.parent
SQL = PROJECT / "sql"
REFERENCE = PROJECT / "data" / "reference"

CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
SignInRole = Literal["viewer", "analyst", "duty", "steward"]
"""What a person may see in the dashboard: counts alone, keys, names of people away, everything."""


def same_address(email: str) -> str:
    """An e-mail address in the form in which two are compared: capitals of ASCII make no difference.

    Other letters do: folding them could make the address of one person that of another.
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in email.strip())


def _country_codes() -> set[str]:
    """Alpha-2 codes of ISO 3166-1, and Kosovo, from the list that comes with the time zones: it is read at once."""
    lines = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8").splitlines()
    return {line[:2] for line in lines if not line.startswith("#")} | {"XK"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FeedSettings(_Strict):
    """What a home may change about one feed."""

    rhythm_days: float | None = Field(
        None,
        gt=0,
        le=MOST_RHYTHM_DAYS,
        validation_alias=AliasChoices("rhythm_days", "rhythm"),
        description="days after which the feed counts as stale (F3); may be written rhythm",
    )
    mode: Literal["snapshot", "upsert", "rolling"] | None = Field(None, description="how a newer file replaces")
    contract: str | None = Field(None, description="file name in contracts/ of the home that declares the feed")


class Retention(_Strict):
    """Days that each kind of data is kept; None keeps it. What the days are counted from is in SECURITY.md."""

    trips_days: int | None = Field(None, ge=60, description="records of a trip, from its last day on")
    people_days: int | None = Field(
        None, ge=60, description="people who left the roster, and rosters that were replaced"
    )
    landed_days: int | None = Field(None, ge=60, description="received files as a whole, from their receipt on")
    decisions_days: int | None = Field(None, ge=60, description="decisions on findings, and roll calls")
    reports_days: int | None = Field(None, ge=60, description="reports, from the end of their week on")
    access_log_days: int | None = Field(None, ge=60, description="lines of the access log")


EmailAddress = Annotated[str, Field(pattern=r"^[!-~]+@[!-~]+$", max_length=254)]
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Smtp(_Strict):
    """The mail server that sends reports. There is no password here: see :mod:`pipelines.reports.sending`."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]+$", description="name or address of the mail server")
    port: int = Field(587, gt=0, lt=65536, description="its port")
    tls: Literal["starttls", "tls", "none"] = Field("starttls", description="how the connection is made safe")
    sender: EmailAddress = Field(description="address that reports come from")
    recipients: tuple[EmailAddress, ...] = Field(min_length=1, description="addresses that reports go to")
    user: str | None = Field(None, description="name to sign in with; its password is kept elsewhere")

    @field_validator("sender", "recipients")
    @classmethod
    def _addresses_are_plain(cls, given: Any) -> Any:
        for address in (given,) if isinstance(given, str) else given:
            if any(letter in address for letter in ",;<>\"'()"):
                raise ValueError("write each address alone, such as office@example.edu")
        return given

    @model_validator(mode="after")
    def _secrets_travel_safely(self) -> Smtp:
        if self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError("tls: none would send the report in the clear; use starttls or tls")
        return self


class Settings(_Strict):
    """Every setting of ``muster.yml`` with its default (DOMAIN.md section 2)."""

    office_timezone: str = Field("UTC", description="IANA zone of the office; weeks begin Monday 00:00 there (E3)")
    policy: Literal["columbia", "umb", "denver"] = Field("umb", description="policy preset (section 7)")
    policy_file: str | None = Field(None, description="a policy of the home's own, instead of a preset")
    resolution: Literal["highest", "most_specific"] = Field("highest", description="which level is risk_level (R2)")
    headline: Literal["max", "security", "medical"] = Field("max", description="how categories make one level (R3)")
    provider_order: tuple[str, ...] = Field((), description="providers by precedence (R2); others follow by name")
    office_country_code: CountryCode | None = Field(None, description="home country where the roster has none (S9)")
    transit_hours: float = Field(10, gt=0, le=72, description="a shorter stop without lodging is transit (S6)")
    open_ended_days: int = Field(30, gt=0, le=366, description="a stay without an end is overdue after this (S7)")
    count_home: bool = Field(False, description="whether home stays count in exposure (S9)")
    retention: Retention = Field(Retention(), description="how long each kind of data is kept")
    publish_older_file: bool = Field(
        False, description="whether a run also writes analyst_older.duckdb, for DuckDB before 2.0"
    )
    memory_gb: float | None = Field(
        None, ge=1, description="memory of a run's database; more is put on disk for a while [2 for each processor]"
    )
    keep_tables: bool = Field(
        True,
        description="whether a run leaves its tables to the next, which makes only what changed; else half the disk",
    )
    require_landlock: bool = Field(
        False, description="whether ad-hoc SQL is refused where the kernel lacks a layer of the sandbox"
    )
    roles: dict[str, SignInRole] = Field({}, description="e-mail address of a signed-in person to role")
    feeds: dict[str, FeedSettings] = Field({}, description="rhythm, mode and contract of each feed")
    smtp: Smtp | None = Field(None, description="mail server, sender and recipients of reports")

    @field_validator("office_timezone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        if zone not in zoneinfo.available_timezones():
            raise ValueError(f"'{zone}' is no IANA time zone; write one such as 'America/New_York'")
        return zone

    @field_validator("office_country_code")
    @classmethod
    def _country_exists(cls, code: str | None) -> str | None:
        if code is not None and code not in _country_codes():
            hint = "; the United Kingdom is GB" if code == "UK" else ""
            raise ValueError(f"there is no country '{code}' in ISO 3166-1{hint}")
        return code

    @field_validator("roles")
    @classmethod
    def _one_role_each(cls, roles: dict[str, SignInRole]) -> dict[str, SignInRole]:
        addresses = [same_address(email) for email in roles]
        if not all("@" in address.strip("@") for address in addresses):
            raise ValueError("a line must be an e-mail address and its role")
        if len(set(addresses)) != len(addresses):
            raise ValueError("an e-mail address is listed twice; capitals make no difference")
        return roles

    def sha256(self) -> str:
        """The digest of all values that the data rest on, defaults included, as hexadecimal text.

        Who gets reports and who may look is no part of it, nor how much memory and disk a run has, nor what is in the
        files that settings name.
        """
        excluded = {"smtp", "memory_gb", "keep_tables"}
        text = json.dumps(self.model_dump(mode="json", exclude=excluded) | {"roles": {}}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def yaml_files(folder: Path) -> list[Path]:
    """The files of a folder that are read as YAML, by name."""
    return sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])


def configuration_sha256(home: Home, settings: Settings) -> str:
    """The digest of all that a person chooses: settings, the policy in force, the home's contracts and place names.

    Two publications of one digest were made by the same choices; files are told apart by name and content.
    """
    policy = (
        home.root / settings.policy_file if settings.policy_file else REFERENCE / "policies" / f"{settings.policy}.yml"
    )
    digest = hashlib.sha256(settings.sha256().encode())
    for path in (policy, *yaml_files(home.contracts), home.root / "places.csv"):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class Home:
    """The folders of one office. Creates nothing until :meth:`prepare` is called."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser().absolute()
        self.inbox = self.root / "inbox"
        self.landing = self.root / "landing"
        self.warehouse = self.root / "warehouse"
        self.published = self.root / "published"
        self.reports = self.root / "reports"
        self.decisions = self.root / "decisions"
        self.logs = self.root / "logs"
        self.erasures = self.root / "erasures"
        self.contracts = self.root / "contracts"
        self.settings_file = self.root / "muster.yml"
        self.format_file = self.root / "home.json"

    def prepare(self) -> Home:
        """Make the folders, for the owner alone (0700), and mark the home's format; returns itself.

        Raises MusterError where the home cannot be written or belongs to a newer version.
        """
        self.check_format()
        try:
            for folder in (
                self.root,
                self.inbox,
                self.landing,
                self.warehouse,
                self.published,
                self.reports,
                self.decisions,
                self.logs,
                self.erasures,
            ):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.landing, self.warehouse, self.published, self.logs, self.root / "dagster"):
                if folder.exists() and not os.access(folder, os.W_OK):
                    code = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
                    raise OSError(code, os.strerror(code), str(folder))
            if not self.format_file.exists():
                self.format_file.write_text(json.dumps({"format": HOME_FORMAT}) + "\n")
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise MusterError(
                f"The home {self.root} cannot be written: {error.strerror}{where}. "
                "Choose another with --home or mend it."
            ) from error
        return self

    def check_format(self) -> None:
        """Refuse a home that a newer version of Muster has written."""
        if not self.format_file.exists():
            return
        try:
            found = int(json.loads(self.format_file.read_text())["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MusterError(f"{self.format_file} cannot be read; restore it from a backup.") from error
        if found > HOME_FORMAT:
            raise MusterError(
                f"The home {self.root} was written by a newer version of Muster (format {found}, this one knows "
                f"{HOME_FORMAT}). Install the newer version; nothing was changed."
            )

    def require(self) -> Home:
        """Return itself if the home exists and is of a known format, else raise MusterError."""
        if not self.root.is_dir():
            raise MusterError(
                f"There is no home at {self.root}. Make one with 'muster demo --home {self.root}', or create the "
                "folder and put feeds below its inbox."
            )
        self.check_format()
        return self


def default_home() -> Path:
    """``MUSTER_HOME`` if set, else the project's ``data/``."""
    return Path(os.environ.get("MUSTER_HOME") or PROJECT / "data")


def _each_key_once(base: Any) -> Any:
    """A loader that refuses a key that is written twice, of which YAML would take the last in silence."""

    class Loader(base):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    if key.value in seen:
                        problem = f"'{key.value[:60]}' is given twice; keep one"
                        raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                    seen.add(key.value)
            found: dict[Any, Any] = super().construct_mapping(node, deep)
            return found

    return Loader


_CLEAR_LOADER = _each_key_once(yaml.SafeLoader)
_LOADER = _each_key_once(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
"""Compiled where PyYAML was built with libyaml, and then ten times as fast."""


def compose_yaml(path: Path) -> yaml.Node | None:
    """The syntax tree of a YAML file that was read before; its nodes know their lines."""
    return yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)


_MOST_YAML_BYTES = 1 << 20
_MOST_BRACKETS = 5_000
"""So many may be nested without the parser, which is not Python's own, running out of its stack."""


def _yaml_text(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(_MOST_YAML_BYTES + 1)
    if len(content) > _MOST_YAML_BYTES:
        raise MusterError(f"{path} is longer than 1 MB, which no file of settings is; mend it and run again.")
    nested = max(content.count(b"[") + content.count(b"{"), max(map(len, content.split(b"\n"))) // 2)
    if nested > _MOST_BRACKETS:
        raise MusterError(f"{path} is nested too deeply, or has too long a line; mend the file and run again.")
    return content.decode("utf-8")


def load_yaml(path: Path) -> Any:
    """Read one YAML file; a missing or broken one becomes a MusterError that names file, line and column."""
    try:
        text = _yaml_text(path)
        with contextlib.suppress(yaml.YAMLError):
            return yaml.load(text, Loader=_LOADER)  # noqa: S506
        # Refused: read again for the clearer words of the other loader.
        return yaml.load(text, Loader=_CLEAR_LOADER)  # noqa: S506
    except OSError as error:
        raise MusterError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise MusterError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except RecursionError:
        raise MusterError(f"{path} is nested too deeply; mend the file and run again.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise MusterError(f"{path}{where}: {problem}. Mend the file and run again.") from error


def describe_validation(path: Path, error: ValidationError) -> str:
    """The first problem of a validated document as one sentence: file, key, what is wrong."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "the document"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "there is no such setting"
    more = f" ({error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    return f"{path}: {key}: {message}{more}."


def load_settings(home: Home) -> Settings:
    """The settings of a home; raises MusterError with file and key where one is wrong."""
    if not home.settings_file.exists():
        return Settings()
    document = load_yaml(home.settings_file)
    if document is None:
        return Settings()
    if not isinstance(document, dict):
        raise MusterError(f"{home.settings_file} must be a list of 'name: value' lines.")
    try:
        return Settings(**document)
    except ValidationError as error:
        raise MusterError(describe_validation(home.settings_file, error)) from error
