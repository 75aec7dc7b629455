"""A dataset's corpus in a collection of the service, brought in once: its name tells what is in it."""

import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from app.client import Client
from app.evaluation.types import CorpusDocument, CorpusFile, Dataset

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~^$&])")
_NOT_IN_NAMES = re.compile(r"[^\w.\-]+")
_NAME_LONGEST = 64  # characters that a collection's name may have
_DIGEST = 12  # hex digits of the corpus's hash
_PREFIX = "evaluation-"
_UNTITLED = "untitled.md"  # a name becomes the title of what has none, and one with a number in it would be asked for

CorpusIds = Mapping[str, Sequence[str]]
"""Ids of the corpus by the id of the service's document: the same text twice is one document."""


class UnknownDocuments(Exception):
    """Questions name documents that their collection does not hold."""


def markdown(document: CorpusDocument) -> str:
    """The document as a Markdown file whose plain text is exactly its title and text."""
    text = f"{_escaped(document.text)}\n"
    return f"# {_escaped(document.title)}\n\n{text}" if document.title else text


def collection_of(dataset: Dataset) -> str:
    """The name of its scratch collection, by its own name and a hash of all that its corpus holds."""
    digest = hashlib.sha256()
    for document in dataset.corpus:
        digest.update(hashlib.sha256(_content(document)).digest())
        if isinstance(document, CorpusDocument) and not document.title:
            digest.update(_UNTITLED.encode())
    name = _NOT_IN_NAMES.sub("-", dataset.name)[: _NAME_LONGEST - len(_PREFIX) - _DIGEST - 1]
    return f"{_PREFIX}{name}-{digest.hexdigest()[:_DIGEST]}"


def prepare(client: Client, dataset: Dataset) -> tuple[str, CorpusIds]:
    """The corpus in its scratch collection; what is there already, read as files are read today, is not sent again."""
    collection = collection_of(dataset)
    for there in client.listed("/v1/admin/collections"):
        if there["name"] == collection and there["outdated"]:
            client.delete(f"/v1/admin/collections/{collection}")
    return collection, fill(client, dataset, collection)


def fill(client: Client, dataset: Dataset, collection: str) -> CorpusIds:
    """Bring the corpus into the collection, as far as it is not there, and wait until it can be found."""
    client.ensure_collection(collection)
    hashes = [hashlib.sha256(_content(document)).hexdigest() for document in dataset.corpus]
    held = {
        str(each["sha256"]): str(each["id"])
        for each in client.listed("/v1/documents", collection=collection)
        if each["latest_status"] != "failed"
    }
    wanted: dict[str, int] = {}
    for position, sha256 in enumerate(hashes):
        if sha256 not in held:
            wanted.setdefault(sha256, position)
    held |= _uploaded(client, dataset, collection, wanted)
    for _ in client.settled(collection, set(held.values())):
        pass
    found: dict[str, list[str]] = {}
    for document, sha256 in zip(dataset.corpus, hashes, strict=True):
        if sha256 in held:  # an empty text is refused, and no query can ask for it
            found.setdefault(held[sha256], []).append(document.id)
    return found


def standing(client: Client, dataset: Dataset, collection: str) -> tuple[Dataset, CorpusIds]:
    """The dataset with its documents by the ids that they have in a collection which is there.

    They may be named by id, by name, or by name without its ending; of a name that several have, the first has it.
    Raises UnknownDocuments.
    """
    meant: dict[str, str] = {}
    documents = list(client.listed("/v1/documents", collection=collection))
    for each in documents:
        name = str(each["name"])
        for alias in (str(each["id"]), name, PurePath(name).stem):
            meant.setdefault(alias, str(each["id"]))
    missing = {name for question in dataset.questions for name in question.grades} - meant.keys()
    if missing:
        raise UnknownDocuments(f"{collection} holds no document {', '.join(sorted(missing))}")
    questions = tuple(
        replace(question, grades={meant[name]: grade for name, grade in question.grades.items()})
        for question in dataset.questions
    )
    return replace(dataset, questions=questions), {str(each["id"]): (str(each["id"]),) for each in documents}


def _uploaded(client: Client, dataset: Dataset, collection: str, wanted: Mapping[str, int]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [_path(dataset.corpus[position], Path(folder), position) for position in wanted.values()]
        replies = [reply for _, reply in client.upload(paths, collection)]
    return {sha256: str(reply["id"]) for sha256, reply in zip(wanted, replies, strict=True) if "id" in reply}


def _path(document: CorpusDocument | CorpusFile, folder: Path, position: int) -> Path:
    if isinstance(document, CorpusFile):
        return document.path
    path = folder / str(position) / (f"{position}.md" if document.title else _UNTITLED)
    path.parent.mkdir()
    path.write_bytes(_content(document))
    return path


def _content(document: CorpusDocument | CorpusFile) -> bytes:
    return document.path.read_bytes() if isinstance(document, CorpusFile) else markdown(document).encode()


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
