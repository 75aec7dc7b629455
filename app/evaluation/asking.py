"""Questions asked of the service as anybody asks them, and what came back in the corpus's own names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.client import Client, Json, ServiceError
from app.evaluation.configurations import Configuration
from app.evaluation.corpus import CorpusIds
from app.evaluation.types import Place, Question
from generation.citations import without_labels

_HITS = 100  # of a search, for recall@100


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Hits of a search, best first: documents once each, at their best hit; places and the first document per hit.

    `chunks` are the hits' texts by chunk id; times are milliseconds per stage.
    """

    documents: tuple[str, ...]
    places: tuple[frozenset[Place], ...]
    first: frozenset[str]
    chunks: Mapping[str, str]
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that an answer cites, with the documents that hold them and the places where they stand."""

    text: str
    documents: frozenset[str]
    places: frozenset[Place]


@dataclass(frozen=True, slots=True)
class Replied:
    """An answer without its labels, and the passages that it was made from, by chunk id, as the generator saw them.

    `beside_the_point` are the chunks that compression left out of the context.
    """

    text: str
    abstained: bool
    evidence: float
    quotes: tuple[Quote, ...]
    passages: Mapping[str, str]
    beside_the_point: tuple[str, ...]
    tokens: int
    tokens_uncompressed: int
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one collection, whose documents have these ids in the corpus."""

    client: Client
    collection: str
    corpus_ids: CorpusIds
    configuration: Configuration

    def search(self, question: Question) -> Retrieved:
        """The hundred best hits."""
        body: Json = {"query": question.text, "collections": [self.collection], "k": _HITS}
        reply = self.client.post("/v1/search", {**body, **self.configuration.search})
        hits: Sequence[Json] = reply["hits"]
        found = [self._ids(hit["document"]) for hit in hits]
        return Retrieved(
            documents=tuple(dict.fromkeys(each for ids in found for each in ids)),
            places=tuple(
                frozenset((each, page) for each in ids for page in hit["chunk"]["pages"])
                for hit, ids in zip(hits, found, strict=True)
            ),
            first=frozenset(found[0]) if found else frozenset(),
            chunks={hit["chunk"]["id"]: hit["chunk"]["text"] for hit in hits},
            timings=reply["timings_ms"],
        )

    def ask(self, question: Question) -> Replied:
        """The answer. Raises ServiceError when there is none."""
        body: Json = {"question": question.text, "collections": [self.collection]}
        events = self.client.stream_answer({**body, "options": dict(self.configuration.answer)})
        context, answer = _last(events)
        return Replied(
            text=without_labels(answer["answer"]).strip(),
            abstained=answer["abstained"],
            evidence=answer["evidence"],
            quotes=tuple(self._quote(each) for each in answer["citations"]),
            passages={each["chunk_id"]: each["text"] for each in context["passages"]},
            beside_the_point=tuple(context["beside_the_point"]),
            tokens=answer["usage"]["context_tokens"],
            tokens_uncompressed=answer["usage"]["context_tokens_uncompressed"],
            timings=answer["timings_ms"],
        )

    def _quote(self, citation: Json) -> Quote:
        ids = self._ids(citation["document"])
        page: int | None = citation["page"]
        places = frozenset((each, page) for each in ids) if page is not None else frozenset[Place]()
        return Quote(citation["quote"], frozenset(ids), places)

    def _ids(self, document: Json) -> Sequence[str]:
        return self.corpus_ids.get(document["id"], ())


def _last(events: Iterator[tuple[str, Json]]) -> tuple[Json, Json]:
    """The context and the answer; an answer to what finds nothing comes without a context."""
    context: Json = {"passages": (), "beside_the_point": ()}
    for name, body in events:
        if name == "context":
            context = body
        elif name == "error":
            raise ServiceError(f"{body['title']}: {body['detail']}")
        elif name == "answer":
            return context, body
    raise ServiceError("the answer ended before it was whole")
