"""The offices that are measured: generated feeds, homes made of them, and what a step alone starts from.

Everything lies below one work folder and is made once: what is there whole is used again, so that a run of the
benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import measure
from benchmarks.machine import PIPELINE, code_digest

AS_OF = "2026-11-16T12:00:00+00:00"
SEED = 7


@dataclasses.dataclass(frozen=True)
class Bench:
    """One size being measured: how many trips, where, how often."""

    trips: int
    work: Path
    repeats: int
    questions: int = 200
    is_lean: bool = False
    """Whether room is short: feeds are removed once landed, and no table of a run is kept for the next."""

    @property
    def folder(self) -> Path:
        """Where all that belongs to this size lies."""
        return self.work / f"trips-{self.trips}"

    @property
    def inbox(self) -> Path:
        """The generated feeds."""
        return self.folder / "feeds" / "inbox"

    @property
    def home(self) -> Path:
        """A home that ran once on all feeds."""
        return self.folder / "home"

    @property
    def build(self) -> Path:
        """The database of a run, kept: every table of every layer."""
        return self.folder / "build.duckdb"

    def feeds(self) -> Path:
        """Generate the feeds if there are none; returns their inbox."""
        if not _is_made(self.inbox.parent, "feeds"):
            shutil.rmtree(self.inbox.parent, ignore_errors=True)
            measure.muster("generate", "--trips", str(self.trips), "--seed", str(SEED), "--as-of", AS_OF,
                           "--out", self.inbox.parent)  # fmt: skip
            _mark_made(self.inbox.parent, "feeds")
        return self.inbox

    def published(self) -> Path:
        """The home after a run; made if there is none, else as it is."""
        if not _is_made(self.home, code_digest(PIPELINE)):
            self.run_cold()
        return self.home

    def published_with_tables(self) -> Path:
        """The home with the tables that a run leaves; a kept build has taken them away, and a run makes them anew."""
        home = self.published()
        if not (home / "warehouse" / "kept.duckdb").exists():
            run(home)
        return home

    def run_cold(self) -> measure.Sample:
        """Make :attr:`home` anew, with all feeds in its inbox, and run it."""
        new_home(self.home, self.feeds(), is_lean=self.is_lean)
        sample = measure.run_task("run_lean", home=self.home, as_of=AS_OF) if self.is_lean else run(self.home)
        _mark_made(self.home, code_digest(PIPELINE))
        return sample

    def landed_feeds(self) -> Path:
        """The feeds once :attr:`home` has landed them: as generated, or the landed files by the names they came by."""
        if not self.is_lean:
            return self.inbox
        landed = self.folder / "landed"
        shutil.rmtree(landed, ignore_errors=True)
        for path in landed_files(self.home):
            name = json.loads(path.with_suffix(".json").read_text())["file_name"]
            (landed / path.parent.name).mkdir(parents=True, exist_ok=True)
            os.link(path, landed / path.parent.name / name)
        return landed

    def kept_build(self) -> Path:
        """The database of a run of the home, with every table of every layer; made if there is none."""
        if not _is_made(self.folder, f"build {code_digest(PIPELINE)}", "build"):
            measure.run_task("keep_build", home=self.published(), as_of=AS_OF, target=self.build)
            _mark_made(self.folder, f"build {code_digest(PIPELINE)}", "build")
        return self.build


def new_home(home: Path, *inboxes: Path, is_lean: bool = False) -> Path:
    """An empty home, its inbox filled with the feeds of ``inboxes``; one that was there is removed.

    A lean one takes the feeds away from there and keeps no tables.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    add_feeds(home, *inboxes)
    if is_lean:
        for inbox in inboxes:
            shutil.rmtree(inbox.parent)
    measure.run_task("write_settings", home=home, keep_tables=not is_lean)
    return home


def add_feeds(home: Path, *inboxes: Path) -> None:
    """Put more files into a home's inbox, by a hard link where the disk is the same."""
    for inbox in inboxes:
        for source in sorted(path for path in inbox.rglob("*") if path.is_file()):
            target = home / "inbox" / source.parent.name / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)


def only_landed(home: Path, target: Path) -> Path:
    """A home that has only what cannot be made again: landed files, settings and the secret; nothing is staged."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in landed_files(home):
        for landed in (path, path.with_suffix(".json")):
            copy = target / landed.relative_to(home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(landed, copy)
    for name in ("muster.yml", "secret.key", "home.json"):
        shutil.copyfile(home / name, target / name)
    return target


def landed_files(home: Path) -> list[Path]:
    """The landed files of a home, byte for byte as they came; beside each lies its note, ``<name>.json``."""
    return [path for path in home.glob("landing/*/*") if len(path.name) == 64]


def run(home: Path, known_at: str | None = None, options: Sequence[str] = (), minutes_later: int = 0) -> measure.Sample:
    """``muster run`` as a process, at the benchmark's instant or some minutes after it, with further options."""
    known = ["--known-at", known_at] if known_at else []
    as_of = datetime.fromisoformat(AS_OF) + timedelta(minutes=minutes_later)
    return measure.muster("run", "--home", home, "--as-of", as_of.isoformat(), *known, *options)


def _is_made(folder: Path, what: str, name: str = "made") -> bool:
    try:
        return bool(json.loads((folder / f".{name}.json").read_text())["what"] == what)
    except (OSError, ValueError, KeyError):
        return False


def _mark_made(folder: Path, what: str, name: str = "made") -> None:
    (folder / f".{name}.json").write_text(json.dumps({"what": what}))
