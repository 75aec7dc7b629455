"""First questions to ask, taken by rule from the documents themselves: what they ask, and what their headings name."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from typing import Annotated

from fastapi import APIRouter, Query

from app import auth
from app.api.answer_bodies import CitedDocument
from app.api.bodies import CollectionName, Reply
from app.api.dependencies import KeyGiven, ServicesGiven
from app.db.types import ChunkRecord, DocumentRecord

router = APIRouter(prefix="/v1/suggestions", tags=["answers"])

_DOCUMENTS = 8  # the newest, that questions are taken from
_CHUNKS = 24  # the first of each, that are looked through
_QUESTION = re.compile(
    r"(?:^|(?<=[.!?。！？\n]))[ \t]*([A-Z][^.!?\n]{14,118}\?|[\u4e00-\u9fff][^。！？?\n]{5,58}[?？])", re.MULTILINE
)
_NUMBERED = re.compile(r"^(?:\d+(?:\.\d+)*[.)、]?|[一二三四五六七八九十]+、|第[一二三四五六七八九十\d]+[章节])\s*")
_HEADING_CHARS = range(3, 61)


class Suggestion(Reply):
    """A question, and the document that it was taken from."""

    question: str
    document: CitedDocument
    language: str | None


class Suggestions(Reply):
    """Questions, from as many documents as there are."""

    items: list[Suggestion]


@router.get("")
def suggest(
    key: KeyGiven,
    services: ServicesGiven,
    collection: Annotated[CollectionName | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=20)] = 6,
) -> Suggestions:
    """First questions about what the key may read, one of each document before a second of any."""
    scope = auth.scope_of(services.collections, key, None if collection is None else [collection])
    documents = services.documents.page(scope, "ready", None, _DOCUMENTS, None).rows
    opened = [(each, services.documents.chunks(each.id, scope, _CHUNKS, None).rows) for each in documents]
    found = [[_suggestion(each, question) for question in questions(each, chunks)] for each, chunks in opened]
    turns = (each for turn in zip_longest(*found) for each in turn if each is not None)
    return Suggestions(items=list(islice(turns, limit)))


def questions(document: DocumentRecord, chunks: Sequence[ChunkRecord]) -> Iterator[str]:
    """A document's questions: those that it asks itself, then one for each heading; none twice."""
    texts = (text for chunk in chunks for text in (*chunk.headings, chunk.text))
    asked = (found[1].strip() for text in texts for found in _QUESTION.finditer(text))
    named = (_about(document, heading) for heading in _headings(document, chunks))
    yield from dict.fromkeys([*asked, *named])


def _headings(document: DocumentRecord, chunks: Sequence[ChunkRecord]) -> Iterator[str]:
    """The innermost headings that name something, without their numbers; a table's heads, all in one line, do not."""
    for chunk in chunks:
        named = [heading for heading in chunk.headings if "|" not in heading]
        if len(named) > 1 or (named and named[0] != document.title):
            heading = _NUMBERED.sub("", named[-1]).strip(" :：")
            if len(heading) in _HEADING_CHARS and heading[-1] not in "?？":
                yield heading


def _about(document: DocumentRecord, heading: str) -> str:
    title = document.title or document.name
    if document.language == "zh":
        return f"《{title}》对“{heading}”是怎么规定的？"
    return f"What does “{title}” say about “{heading}”?"


def _suggestion(document: DocumentRecord, question: str) -> Suggestion:
    cited = CitedDocument(id=document.id, name=document.name, title=document.title)
    return Suggestion(question=question, document=cited, language=document.language)
