"""Landing: inbox to content-addressed store, byte-accounted records, staged rows, and schema ``land`` (F1 to F5)."""

from pipelines.landing.load import load
from pipelines.landing.report import FeedReport, FileReport, feeds_report, files_report
from pipelines.landing.stage import Account, stage_files
from pipelines.landing.store import LandedFile, inbox_notices, land_inbox, ledger, release

__all__ = [
    "Account",
    "FeedReport",
    "FileReport",
    "LandedFile",
    "feeds_report",
    "files_report",
    "inbox_notices",
    "land_inbox",
    "ledger",
    "load",
    "release",
    "stage_files",
]
