"""Originals go with the last version that refers to them, and with the crash that left them behind."""

import io
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ingestion.intake import IncomingFile
from ingestion.sweep import Sweep
from ingestion.types import Accepted, BlobKey, DocumentId, WorkerId
from tests.ingestion.conftest import Library


def accept(library: Library, text: str, document: DocumentId | None = None) -> Accepted:
    file = IncomingFile("a.txt", io.BytesIO(text.encode()), {}, None, document)
    return library.intake.accept(file, library.collection)


def ingest(library: Library, text: str, document: DocumentId | None = None) -> DocumentId:
    accepted = accept(library, text, document)
    library.pipeline.ingest(library.jobs.claim(WorkerId("tested"), 10, 1 << 20))
    return accepted.document


def left_by_a_crash(library: Library, hours: int) -> BlobKey:
    key = library.blobs.put(io.BytesIO(b"left by a crash"), library.collection, 1 << 20).key
    then = time.time() - hours * 3600
    os.utime(library.blobs.folder / key, (then, then))
    return key


def keeping(library: Library, versions: int) -> Sweep:
    remains: Any = library.sweeper.remains
    return replace(library.sweeper, remains=replace(remains, keep_versions=versions))


def test_the_originals_of_versions_that_are_not_kept_go_with_them(library: Library) -> None:
    document = ingest(library, "Version 1.")
    for number in range(2, 5):
        ingest(library, f"Version {number}.", document)
    assert library.stored() == 4
    assert keeping(library, 2).run() == {"versions": 2, "placements": 2, "originals": 2}
    assert library.stored() == 2
    with library.blobs.open(library.documents.get(document, library.scope).blob_key) as kept:
        assert kept.read() == b"Version 4."
    assert library.sweeper.run() == {}


def test_a_deletion_that_was_cut_off_before_the_original_went_is_finished(library: Library) -> None:
    document = ingest(library, "A fact.")
    library.documents.forget(document)
    assert library.stored() == 1
    assert library.sweeper.run() == {"originals": 1}
    assert library.stored() == 0


def test_a_store_that_fails_is_asked_again_by_the_next_sweep(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.documents.forget(ingest(library, "A fact."))

    def fail(_store: Any, _key: BlobKey) -> None:
        raise ConnectionError("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(type(library.blobs), "delete", fail)
        with pytest.raises(ConnectionError):
            library.sweeper.run()
    assert library.stored() == 1
    assert library.sweeper.run() == {"originals": 1}
    assert library.stored() == 0


def test_old_originals_without_a_version_are_swept(library: Library) -> None:
    accept(library, "A fact.")
    for key, _ in library.blobs.stored():
        os.utime(library.blobs.folder / key, (0, 0))
    being_registered = left_by_a_crash(library, hours=20)
    left_by_a_crash(library, hours=30)
    assert library.sweeper.run() == {"originals": 1}
    assert library.stored() == 2
    assert being_registered in dict(library.blobs.stored())


def test_originals_of_another_database_are_kept(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    accept(library, "A fact.")
    theirs = {left_by_a_crash(library, hours=48) for _ in range(3)}
    assert library.sweeper.run() == {}
    assert "3 of 3 originals" in caplog.text
    assert theirs < set(dict(library.blobs.stored()))


def test_a_sweep_ends_when_it_is_told_to(library: Library) -> None:
    documents: Sequence[DocumentId] = [ingest(library, f"Fact {number}.") for number in range(3)]
    for document in documents:
        library.documents.forget(document)
    assert library.sweeper.run(lambda: False) == {}
    assert library.stored() == 3
