"""Choosing an engine: what cannot work here is told in one sentence, before anything is landed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import engines
from pipelines.engines import spark
from pipelines.errors import MusterError, UsageError


@pytest.fixture
def with_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda name: object())


def told(master: str | None = None, name: str = "spark") -> str:
    with pytest.raises(MusterError) as error:
        engines.choose(name, master)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_duckdb_is_the_default() -> None:
    assert engines.choose().name == "duckdb"


def test_an_unknown_engine_names_those_there_are() -> None:
    assert "duckdb, spark" in told(name="flink")


def test_a_master_goes_with_spark() -> None:
    assert "--engine spark" in told("local[2]", name="duckdb")


def test_a_master_of_another_form_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="no Spark master"):
        engines.choose("spark", "http://example.org")


def test_missing_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda name: None)
    assert "extra 'spark'" in told("local[2]")


def test_missing_java(monkeypatch: pytest.MonkeyPatch, with_pyspark: None, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no java here" in told("local[2]")


def test_old_java(monkeypatch: pytest.MonkeyPatch, with_pyspark: None, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o700)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "is older" in told("local[2]")


def test_a_master_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, with_pyspark: None) -> None:
    monkeypatch.setattr(spark, "_require_java", lambda: None)
    assert "does not answer" in told("spark://127.0.0.1:1")
