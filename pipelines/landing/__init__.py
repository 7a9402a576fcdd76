"""Landing: inbox to content-addressed store, byte-accounted records, staged rows, and schema ``land`` (F1 to F5)."""

from pipelines.landing.load import load
from pipelines.landing.report import FeedReport, FileReport, feeds_report, files_report, release
from pipelines.landing.stage import stage_files
from pipelines.landing.staged import Account
from pipelines.landing.store import (
    LandedFile,
    clean_store,
    inbox_notices,
    is_inbox_known,
    land_inbox,
    ledger,
    newest_landing,
)
from pipelines.landing.verify import verify_store

__all__ = [
    "Account",
    "FeedReport",
    "FileReport",
    "LandedFile",
    "clean_store",
    "feeds_report",
    "files_report",
    "inbox_notices",
    "is_inbox_known",
    "land_inbox",
    "ledger",
    "load",
    "newest_landing",
    "release",
    "stage_files",
    "verify_store",
]
