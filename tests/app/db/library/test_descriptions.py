from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.db.tables import MetadataValue, Version
from app.db.types import DocumentRecord
from ingestion.errors import UnknownDocument
from ingestion.types import Accepted, DocumentId, Metadata
from retrieval.types import Condition
from tests.app.db.builders import World, publication, upload


def add(here: World, content: str, *texts: str, given: Metadata, own: Metadata, name: str = "guide.md") -> DocumentId:
    [document] = here.register(upload(content, name=name, metadata=given))
    here.publish(*texts, metadata=own)
    return document


def told(record: DocumentRecord) -> tuple[str, str, Metadata]:
    return record.name, record.title, record.metadata


def found(here: World, field: str, value: str | int) -> int:
    return len(here.chunks.allowed(here.home.id, (Condition(f"metadata.{field}", "eq", value),)))


def test_a_document_gets_another_name_and_other_metadata_without_a_version(here: World) -> None:
    document = add(here, "v1", "one", given={"year": 2026, "team": "red"}, own={"author": "Ada", "team": "blue"})
    before = here.documents.get(document, here.scope)
    changed = here.documents.describe(document, "manual.md", {"year": 2027, "title": "Manual"})
    assert told(changed) == (
        "manual.md",
        "Manual",
        {"author": "Ada", "team": "blue", "year": 2027, "title": "Manual"},
    )
    assert (changed.version, changed.latest_version, changed.chunks) == (1, 1, 1)
    assert changed.updated_at > before.updated_at
    assert [found(here, "year", 2026), found(here, "year", 2027), found(here, "team", "blue")] == [0, 1, 1]
    [hit] = here.chunks.placed([*here.changes.live(here.home.id, 1)[1].tolist()], here.scope, ())
    assert (hit.source.name, hit.source.title, hit.source.metadata["year"]) == ("manual.md", "Manual", 2027)
    assert here.changes.head(here.home.id).seq == 1
    assert told(here.documents.describe(document, None, {})) == (
        "manual.md",
        "Guide",
        {"author": "Ada", "team": "blue"},
    )


def test_a_document_holds_from_the_day_that_is_said_of_it(here: World) -> None:
    document = add(here, "v1", "one", given={"effective_at": "2024-05-01"}, own={"published": "2020-01-01"})

    def since() -> tuple[datetime | None, datetime | None]:
        [hit] = here.chunks.placed([*here.changes.live(here.home.id, 1)[1].tolist()], here.scope, ())
        return here.documents.get(document, here.scope).effective_at, hit.source.effective_at

    assert since() == (datetime(2024, 5, 1, tzinfo=UTC),) * 2
    here.documents.describe(document, None, {})
    assert since() == (datetime(2020, 1, 1, tzinfo=UTC),) * 2
    here.documents.describe(document, None, {"published": "once"})
    assert since() == (None, None)


def test_what_is_already_so_changes_nothing(here: World) -> None:
    document = add(here, "v1", "one", given={"year": 2026}, own={})
    before = here.documents.get(document, here.scope)
    assert here.documents.describe(document, "guide.md", {"year": 2026}) == before
    assert here.documents.describe(document, None, None) == before
    with pytest.raises(UnknownDocument):
        here.documents.describe(DocumentId("doc_none"), "x", None)


def test_words_that_change_while_a_file_is_read_are_those_that_are_published(here: World) -> None:
    [document] = here.register(upload("v1", metadata={"year": 2026}))
    [job] = here.claim()
    waiting = here.documents.describe(document, "new.md", {"year": 2027})
    assert told(waiting) == ("new.md", "new.md", {"year": 2027})
    here.publications.publish([publication(job, "one", metadata={"author": "Ada"})])
    assert told(here.documents.get(document, here.scope)) == ("new.md", "Guide", {"author": "Ada", "year": 2027})
    assert [found(here, "year", 2026), found(here, "year", 2027)] == [0, 1]


def test_the_same_bytes_put_again_bring_their_name_and_metadata_along(here: World) -> None:
    document = add(here, "v1", "one", given={"year": 2026}, own={})
    again = here.documents.register(
        here.home.id, [upload("v1", name="new.md", document=document, metadata={"year": 2027})]
    )
    assert again == [Accepted(document, duplicate=True)]
    here.register(upload("v1", name="newer.md", document=document))
    changed = here.documents.get(document, here.scope)
    assert (changed.name, changed.metadata, changed.latest_version) == ("newer.md", {"year": 2027}, 1)
    assert here.jobs.depth()["queued"] == 0


def test_a_restored_version_brings_its_name_and_metadata_back(here: World) -> None:
    document = add(here, "v1", "one", given={"year": 2026}, own={"author": "Ada"}, name="first.md")
    here.documents.describe(document, None, {"year": 2025})
    here.register(upload("v2", name="second.md", document=document, metadata={"year": 2027}))
    here.publish("two", metadata={"author": "Bob"})
    assert told(here.documents.restore(document, 1)) == ("first.md", "Guide", {"author": "Ada", "year": 2025})
    assert [found(here, "year", 2025), found(here, "year", 2027)] == [1, 0]
    here.register(upload("v3", document=document))
    here.publish("three")
    assert here.documents.get(document, here.scope).metadata == {"year": 2025}
    assert told(here.documents.restore(document, 2)) == ("second.md", "Guide", {"author": "Bob", "year": 2027})


def test_a_document_that_is_being_replaced_is_called_as_its_replacement(here: World) -> None:
    [document] = here.register(upload("v1", name="first.md", metadata={"year": 2026}))
    [first] = here.claim()
    here.register(upload("v2", name="second.md", document=document, metadata={"year": 2027}))
    here.publications.publish([publication(first, "one")])
    serving = here.documents.get(document, here.scope)
    assert (serving.name, serving.metadata) == ("second.md", {"year": 2026})
    here.register(upload("v3", name="third.md", document=document))
    for job in here.claim():
        here.publications.publish([publication(job, f"text of {job.name}")])
    assert told(here.documents.get(document, here.scope)) == ("third.md", "Guide", {"year": 2027})


def test_a_failed_replacement_follows_too_and_older_versions_stay_as_they_were(here: World) -> None:
    document = add(here, "v1", "one", given={"year": 2026}, own={})
    here.register(upload("v2", document=document))
    here.publish("two")
    here.register(upload("v3", name="third.md", document=document))
    here.documents.describe(document, "now.md", {"year": 2028})
    with here.db.read() as session:
        rows = session.execute(select(Version.number, Version.name, Version.metadata_).order_by(Version.number))
        assert [tuple(row) for row in rows] == [
            (1, "guide.md", {"year": 2026}),
            (2, "now.md", {"year": 2028}),
            (3, "now.md", {"year": 2028}),
        ]
        assert session.scalar(select(func.count()).select_from(MetadataValue)) == 2
