"""F1 and F3 over malformed documents: records that load or are rejected with a reason, or one sentence for the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.settings import Home

from .conftest import Office
from .malformed_documents import DOCUMENTS


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(Home(tmp_path_factory.mktemp("documents") / "home").prepare())
    for number, document in enumerate(DOCUMENTS.values()):
        made.put(f"itineraries/{number:03}.eml", document.data)
    made.run()
    yield made
    made.con.close()


@pytest.fixture(scope="module")
def told(office: Office) -> dict[str, dict[str, Any]]:
    names = ("status", "message", "records", "loaded", "rejected", "blank")
    rows = office.rows(f"select file_name, {', '.join(names)} from land.file")
    by_number = {file_name[:3]: dict(zip(names, account, strict=True)) for file_name, *account in rows}
    return {name: by_number[f"{number:03}"] for number, name in enumerate(DOCUMENTS)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_accounted_for(told: dict[str, dict[str, Any]], name: str) -> None:
    document, found = DOCUMENTS[name], told[name]
    assert found["records"] == found["loaded"] + found["rejected"] + found["blank"]
    assert (found["loaded"], found["rejected"]) == (document.loads, document.rejects), found
    assert found["status"] == ("loaded" if document.fails is None else "failed")
    if document.fails is not None:
        assert document.fails in found["message"] and len(found["message"]) > 10 and "\n" not in found["message"]
        assert "gave up" not in found["message"]


def test_each_rejected_record_has_a_reason_and_its_bytes(office: Office) -> None:
    rejected = office.rows(
        "select reason, raw, byte_start, byte_end, file_name "
        "from land.rejected_record join land.file using (file_number)"
    )
    assert len(rejected) == sum(document.rejects for document in DOCUMENTS.values()) > 0
    data = {f"{number:03}": document.data for number, document in enumerate(DOCUMENTS.values())}
    for reason, raw, start, end, file_name in rejected:
        assert reason and data[file_name[:3]][start:end].startswith(raw)
