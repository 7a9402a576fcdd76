"""Places: the gazetteer, its names, and what a text means (DOMAIN.md section 3)."""

from pipelines.places.gazetteer import TABLES, digest, ensure_gazetteer
from pipelines.places.reference import load_reference
from pipelines.places.resolve import Match, resolve_texts

__all__ = ["TABLES", "Match", "digest", "ensure_gazetteer", "load_reference", "resolve_texts"]
