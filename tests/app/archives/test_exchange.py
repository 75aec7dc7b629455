"""A collection leaves in one file and comes back anywhere: without a model, doubles, or belief in what it says."""

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
import pytest

from app.archives import archive, exchange
from app.archives.archive import Damaged, Member
from app.archives.entries import ChunkEntry, DocumentEntry
from app.archives.readers import OtherIndex, Unfit
from app.wiring import Services
from ingestion.types import ChunkDraft, Publication
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.types import PassageEmbedding, PassageInput
from tests.app.library import add, everything, found, read_all, services

METALS = ("gallium", "tin", "lead")


class Unloaded(HashingEmbedder):
    """Knows what it would do and never does it."""

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        raise AssertionError("a model was run")


class Other(HashingEmbedder):
    """Another model."""

    @property
    def fingerprint(self) -> str:
        return "another"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The collection `metals`, exported."""
    with services(tmp_path_factory.mktemp("here")) as here:
        for metal in METALS:
            text = f"# {metal}\n\nThe metal {metal} melts when it is hot. It is shiny.\n\n## Use\n\nMany uses."
            add(here, f"{metal}.md", text, "metals", {"of": metal, "tags": ("a", "b"), "year": 1875})
        file = io.BytesIO()
        assert exchange.export(here, here.collections.ids()["metals"], file) == len(METALS)
        return file.getvalue()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Services]:
    """Another service, whose embedder is never to be run."""
    with services(tmp_path / "there") as built:
        yield with_embedder(built, Unloaded())


def test_an_import_answers_without_a_model_run(exported: bytes, there: Services) -> None:
    imported = exchange.take_in(there, io.BytesIO(exported), None)

    assert (imported.collection, imported.documents, imported.duplicates, imported.waiting) == ("metals", 3, 0, 0)
    records = there.documents.page(everything(there), None, None, 10, None).rows
    assert [(each.name, each.title, each.status, each.chunks) for each in reversed(records)] == [
        (f"{metal}.md", metal, "ready", 2) for metal in METALS
    ]
    assert records[0].metadata == {"of": "lead", "tags": ("a", "b"), "year": 1875}
    with there.blobs.open(records[0].blob_key) as content:
        assert content.read().startswith(b"# lead")
    assert there.jobs.claim("w", 10, 1 << 30) == []  # pyright: ignore[reportArgumentType]
    assert found(there, "gallium melts")[0][0] == records[-1].id


def test_a_second_import_doubles_nothing(exported: bytes, there: Services) -> None:
    exchange.take_in(there, io.BytesIO(exported), None)
    chunks, originals = len(found(there, "metal", 50)), len(list(there.blobs.stored()))

    again = exchange.take_in(there, io.BytesIO(exported), None)

    assert (again.documents, again.duplicates) == (0, 3)
    assert (len(found(there, "metal", 50)), len(list(there.blobs.stored()))) == (chunks, originals)


def test_what_is_imported_is_exported_the_same(exported: bytes, there: Services) -> None:
    exchange.take_in(there, io.BytesIO(exported), "copy")
    again = io.BytesIO()

    exchange.export(there, there.collections.ids()["copy"], again)

    assert contents(again) == contents(io.BytesIO(exported))


def test_a_document_that_was_imported_shares_its_chunks_with_one_that_is_uploaded(
    exported: bytes, tmp_path: Path
) -> None:
    with services(tmp_path / "there") as there:
        exchange.take_in(there, io.BytesIO(exported), None)
        text = "# tin\n\nThe metal tin melts when it is hot. It is shiny.\n\n## Use\n\nOther uses."
        document = add(there, "tin.md", text, "metals")

        record = there.documents.get(document, everything(there))

        assert record.counts.get("duplicate_chunks") == 1


def test_another_embedder_is_named_and_the_originals_can_be_ingested_anew(exported: bytes, tmp_path: Path) -> None:
    with services(tmp_path / "there") as built:
        there = with_embedder(built, Other())
        with pytest.raises(OtherIndex, match="another"):
            exchange.take_in(there, io.BytesIO(exported), None)
        assert there.collections.ids() == {}

        assert exchange.take_in(there, io.BytesIO(exported), None, anew=True).waiting == 3

        read_all(there)
        assert there.documents.page(everything(there), "ready", None, 10, None).rows[0].metadata["of"] == "lead"


def test_chunks_that_were_never_blackened_stay_out_of_a_collection_that_blackens(
    exported: bytes, there: Services
) -> None:
    there.collections.create("metals", there.embedder.fingerprint, ("email",))

    with pytest.raises(OtherIndex, match="blackens email"):
        exchange.take_in(there, io.BytesIO(exported), None)


def test_a_rule_that_came_after_the_chunks_does_not_vouch_for_them(tmp_path: Path) -> None:
    file, ruled = io.BytesIO(), io.BytesIO()
    with services(tmp_path / "here") as here:
        add(here, "a.md", "# Gallium\n\nWrite to ada@example.com about gallium.", "metals")
        here.collections.update("metals", ("email",))
        exchange.export(here, here.collections.ids()["metals"], file)
        here.collections.create("ruled", here.embedder.fingerprint)
        here.collections.update("ruled", ("email",))  # while it is empty
        add(here, "a.md", "# Gallium\n\nWrite to ada@example.com about gallium.", "ruled")
        exchange.export(here, here.collections.ids()["ruled"], ruled)
    with services(tmp_path / "there") as there:
        there.collections.create("theirs", there.embedder.fingerprint, ("email",))
        for name in ("theirs", None):
            with pytest.raises(OtherIndex, match="blackens email"):
                exchange.take_in(there, file, name)
        assert exchange.take_in(there, ruled, "theirs").documents == 1


def with_embedder(built: Services, embedder: HashingEmbedder) -> Services:
    built.embedders.configured = embedder
    return replace(built, embedder=embedder)


def changed(key: str, value: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda entry: {**entry, key: value}


LONG = base64.b64encode(np.full(HashingEmbedder().dim, 2.0, dtype="<f2").tobytes()).decode()
HOSTILE: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "another hash": ("about", changed("sha256", "0" * 64)),
    "another type": ("about", changed("media_type", "application/pdf")),
    "no type at all": ("about", changed("media_type", "application/x-sh")),
    "a field too many": ("about", changed("owner", "me")),
    "a size too large": ("about", changed("size", 1 << 50)),
    "a span out of the text": ("chunk", changed("sentences", [[0, 10_000]])),
    "a vector that is too short": ("chunk", changed("vector", "AAAA")),
    "a vector that is too long": ("chunk", changed("vector", LONG)),
    "a vector of nothing": ("chunk", changed("vector", base64.b64encode(b"\x00\x7e" * 256).decode())),
    "sentence vectors missing": ("chunk", changed("sentence_vectors", "")),
    "a pickle": ("chunk", changed("vector", "gASVCgAAAAAAAABLAS4=")),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_contradicts_itself_is_refused_whole(exported: bytes, there: Services, case: str) -> None:
    kind, change = HOSTILE[case]

    with pytest.raises((Damaged, Unfit)):
        exchange.take_in(there, rewritten(exported, kind, change), None)

    assert (there.collections.ids(), list(there.blobs.stored())) == ({}, [])


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 0, 1, 2], [0, 2, 3], [0, 1], [1, 2]], ids=str)
def test_members_out_of_their_order_are_refused(exported: bytes, there: Services, order: list[int]) -> None:
    found = [(name, content.read()) for name, content in archive.members(io.BytesIO(exported))][1:]
    chosen = [found[position] for position in order]

    with pytest.raises((Damaged, Unfit)):
        exchange.take_in(there, packed(chosen), None)


def test_a_text_cannot_take_the_name_of_another(exported: bytes, there: Services) -> None:
    """A key in the file would let one text be cited for another; there is none, and one that is added is refused."""
    with pytest.raises(Damaged, match="key"):
        exchange.take_in(there, rewritten(exported, "chunk", changed("key", "0" * 64)), None)


def test_all_that_a_publication_needs_is_in_the_file() -> None:
    made_anew = {"key", "prefix"}
    assert {each.name for each in fields(ChunkDraft)} - made_anew <= ChunkEntry.model_fields.keys()
    here = {"job", "drafts", "embeddings", "fingerprint"}
    assert {each.name for each in fields(Publication)} - here <= DocumentEntry.model_fields.keys()


def rewritten(exported: bytes, kind: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> BinaryIO:
    """The same file, in order and with all digests right, with its documents or chunks changed."""
    members: list[tuple[str, bytes]] = []
    for name, content in list(_all(exported))[1:]:
        if kind == "about" and name.endswith("about.json"):
            members.append((name, orjson.dumps(change(orjson.loads(content)))))
        elif kind == "chunk" and name.endswith(".zst"):
            rows = [change(archive.json_object(line)) for line in archive.read_lines(io.BytesIO(content))]
            folder = name.rpartition("/")[0]
            members += [(each.name, b"".join(each.content)) for each in archive.lines(folder, map(orjson.dumps, rows))]
        else:
            members.append((name, content))
    return packed(members)


def packed(members: Sequence[tuple[str, bytes]]) -> BinaryIO:
    file = io.BytesIO()
    opening: dict[str, object] = {"created_at": "2026-01-02T03:04:05Z", "name": "metals", "redact": [], "blackened": []}
    opening["fingerprint"] = HashingEmbedder().fingerprint
    archive.write(file, "collection", 1, opening, (Member(name, len(each), [each]) for name, each in members))
    return file


def contents(file: BinaryIO) -> list[tuple[str, Any]]:
    return [
        (name, archive.read_lines(io.BytesIO(content)) if name.endswith(".zst") else content)
        for name, content in list(_all_of(file))[1:]
    ]


def _all(exported: bytes) -> Iterator[tuple[str, bytes]]:
    return _all_of(io.BytesIO(exported))


def _all_of(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    return ((name, content.read()) for name, content in archive.members(file))
