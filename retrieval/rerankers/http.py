"""A reranker on a server: `/rerank` as vLLM, Jina and Cohere have it, or as Text Embeddings Inference has it."""

from collections.abc import Sequence
from math import isfinite

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from retrieval.breaker import Breaker
from retrieval.errors import RerankerUnavailable
from retrieval.ports import Reranker
from retrieval.rerankers.passages import passage
from retrieval.server_client import ServerClient
from retrieval.types import PlacedChunk, Vector

MOST = 32  # candidates: what Text Embeddings Inference takes in one request, unless told otherwise
REPLY_BYTES = 4 << 20  # some servers send the texts back
CONNECT_SECONDS = 1.0
_REFUSED = frozenset({400, 404, 413, 422})  # of one request: it says nothing of the next


class _Result(BaseModel):
    index: int
    relevance_score: float


class _Results(BaseModel):
    results: list[_Result]


class _Rank(BaseModel):
    index: int
    score: float


_RANKS = TypeAdapter(list[_Rank])


class HttpReranker(Reranker):
    """`url` is the server's base, like http://host:8000/v1; which of the two protocols it speaks is found out."""

    weight: float = 0.9
    """Its order stands; where it finds two alike, what was fused decides."""
    most: int | None = MOST

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        timeout_seconds: float = 5.0,
        breaker: Breaker | None = None,
    ) -> None:
        self._url = url.rstrip("/").removesuffix("/rerank") + "/rerank"
        self._model = model
        self._breaker = breaker or Breaker()
        self._speaks_tei: bool | None = None
        self._client = ServerClient(api_key, timeout_seconds, CONNECT_SECONDS)

    def scores(self, query: str, query_vector: Vector | None, candidates: Sequence[PlacedChunk]) -> list[float]:
        if not candidates:
            return []
        if not self._breaker.admits():
            raise self._unavailable("it failed repeatedly and rests")
        texts = [passage(candidate) for candidate in candidates]
        try:
            scores = self._asked(query.encode("utf-8", "replace").decode(), texts)
        except _Refused as refused:
            raise self._unavailable(f"it answered {refused}") from refused
        except RerankerUnavailable:
            self._breaker.failed()
            raise
        except httpx.HTTPError as error:
            self._breaker.failed()
            raise self._unavailable(f"{type(error).__name__}: {error}") from error
        self._breaker.succeeded()
        return scores

    def close(self) -> None:
        self._client.close()

    def _asked(self, query: str, texts: Sequence[str]) -> list[float]:
        """In the protocol that it is known to speak, else in one after the other."""
        if self._speaks_tei is not None:
            return self._ask(query, texts, tei=self._speaks_tei)
        try:
            scores = self._ask(query, texts, tei=False)
        except _Refused as first:
            try:
                scores = self._ask(query, texts, tei=True)
            except _Refused as second:
                raise _Refused(f"{first} to one protocol and {second} to the other") from first
            self._speaks_tei = True
            return scores
        self._speaks_tei = False
        return scores

    def _ask(self, query: str, texts: Sequence[str], *, tei: bool) -> list[float]:
        body: dict[str, object] = {"model": self._model, "query": query, "documents": list(texts)}
        reply = self._post({"query": query, "texts": list(texts), "truncate": True} if tei else body)
        try:
            if tei:
                rows = [(one.index, one.score) for one in _RANKS.validate_json(reply)]
            else:
                rows = [(one.index, one.relevance_score) for one in _Results.model_validate_json(reply).results]
        except ValidationError as error:
            raise self._unavailable("its reply is not a list of scores") from error
        by_index = dict(rows)
        if sorted(index for index, _ in rows) != list(range(len(texts))):
            raise self._unavailable(f"it gave {len(by_index)} scores for {len(texts)} texts")
        if not all(isfinite(score) and 0 <= score <= 1 for score in by_index.values()):
            raise self._unavailable("its scores are not between 0 and 1: let it apply the model's activation")
        return [by_index[index] for index in range(len(texts))]

    def _post(self, body: dict[str, object]) -> bytes:
        try:
            return self._client.post(self._url, body, REPLY_BYTES)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status in _REFUSED:
                raise _Refused(str(status)) from error
            raise self._unavailable(f"it answered {status}") from error

    def _unavailable(self, why: str) -> RerankerUnavailable:
        return RerankerUnavailable(
            f"reranker {self._model!r} at {self._url}: {why}. Check the model's name, OPENBOOK_RERANKER_URL and "
            "OPENBOOK_RERANKER_API_KEY, or set OPENBOOK_RERANKER to 'sentence'."
        )


class _Refused(Exception):
    """The server is well but does not take this request; its text is the status."""
