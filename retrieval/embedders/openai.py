"""Vectors by any server that speaks OpenAI's /v1/embeddings: vLLM, text-embeddings-inference, a cloud.

It gives no token embeddings, so each sentence is a text of its own. The protocol knows no prompts: a model that wants
one before a query, or before a document, gets it with the text, and the fingerprint spells both out. Retries answer
what passes (429, 5xx, a broken connection) and nothing else. What it does not know is the server's tokenizer: tokens
are estimated, on the high side, since a server like vLLM refuses a text that is longer than its model's window.
"""

import random
import re
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError

from retrieval.embedders.parts import parted
from retrieval.embedders.prompts import NO_PROMPTS, Prompts
from retrieval.errors import InputRefused, ModelUnavailable
from retrieval.ports import Embedder
from retrieval.server_client import ReplyTooLong, ServerClient
from retrieval.types import Matrix, PassageEmbedding, PassageInput

BATCH_TEXTS = 128  # in one request
REPLY_BYTES = 64 << 20  # of so many texts; 4,096 numbers each, spelled out, take a sixth of it
ATTEMPTS = 3  # of one request
FIRST_WAIT_SECONDS = 0.5  # doubled each time, at most MOST_WAIT_SECONDS, half of it by chance
MOST_WAIT_SECONDS = 8.0
_REFUSALS = (400, 413, 422)
MARKS = 2  # tokens that a model puts about each text
SPELLED = 4  # letters of a word that make one token, about
_WORDS = re.compile(r"[a-zA-Z]+|[^\sa-zA-Z]")


class _Row(BaseModel):
    index: int
    embedding: list[float]


class _Reply(BaseModel):
    data: list[_Row]


class OpenAIEmbedder(Embedder):
    """`url` is the server's base, with or without /v1; `dim` is asked of the server when it is not given.

    `window` is the most tokens that it takes of a text, those that the model puts about it counted.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        dim: int | None = None,
        prompts: Prompts = NO_PROMPTS,
        window: int = 512,
        languages: frozenset[str] = frozenset(),
        timeout_seconds: float = 30.0,
        wait_seconds: float = FIRST_WAIT_SECONDS,
    ) -> None:
        self._model = model
        self._dim = dim
        self._prompts = prompts
        self._window = window
        self._languages = languages
        self._wait_seconds = wait_seconds
        self._url = url.rstrip("/").removesuffix("/v1") + "/v1/embeddings"
        self._client = ServerClient(api_key, timeout_seconds)

    @property
    def fingerprint(self) -> str:
        return f"openai:{self._model}|{self._window}{self._prompts.of_served}"

    @property
    def dim(self) -> int:
        if self._dim is None:
            self._dim = len(self._ask(["dimension"])[0])
        return self._dim

    @property
    def window(self) -> int:
        return self._window - MARKS - self.count_tokens([self._prompts.document])[0]

    @property
    def languages(self) -> frozenset[str]:
        return self._languages

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [sum(_pieces(word) for word in _WORDS.findall(text)) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """What of a query lies past the window is not read, as by a model of one's own."""
        most = self._window - MARKS - self.count_tokens([self._prompts.query])[0]
        return self._embed([_beginning(text, most) for text in texts], self._prompts.query)

    def _embed(self, texts: Sequence[str], prompt: str) -> Matrix:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        asked = [row for row, text in enumerate(texts) if text.strip()]  # servers refuse an empty text
        for rows in _batches(asked):
            vectors[rows] = self._ask([prompt + texts[row].encode("utf-8", "replace").decode() for row in rows])
        return vectors

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        whole = [passage.prefix + passage.text for passage in passages]
        sentences = [passage.text[start:end] for passage in passages for start, end in passage.sentences]
        vectors = self._embed([*whole, *sentences], self._prompts.document)
        return parted(vectors, [len(passage.sentences) for passage in passages])

    def close(self) -> None:
        self._client.close()

    def _ask(self, texts: Sequence[str]) -> Matrix:
        reply = self._post({"model": self._model, "input": list(texts), "encoding_format": "float"})
        try:
            rows = sorted(_Reply.model_validate_json(reply).data, key=lambda row: row.index)
            vectors = np.array([row.embedding for row in rows], np.float32)
        except (ValidationError, ValueError) as error:
            raise self._unavailable("its reply is not a list of embeddings") from error
        if [row.index for row in rows] != list(range(len(texts))) or vectors.ndim != 2:
            raise self._unavailable(f"it gave {len(rows)} embeddings for {len(texts)} texts")
        if self._dim is not None and vectors.shape[1] != self._dim:
            raise self._unavailable(f"it gave {vectors.shape[1]} numbers per embedding, not {self._dim}")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and lengths.all()):
            raise self._unavailable("it gave an embedding without a direction")
        return vectors / lengths

    def _post(self, body: dict[str, object]) -> bytes:
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                wait = min(self._wait_seconds * 2 ** (attempt - 1), MOST_WAIT_SECONDS)
                time.sleep(wait * (0.5 + random.random() / 2))  # noqa: S311 - spreads the retries, keeps no secret
            try:
                return self._client.post(self._url, body, REPLY_BYTES)
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
            except ReplyTooLong as error:
                raise self._unavailable(str(error)) from error
            except httpx.TransportError as error:
                why = f"{type(error).__name__}: {error}"
                continue
            why = f"it answered {status}"
            if status in _REFUSALS:
                raise InputRefused(
                    str(self._unavailable(f"{why}, as for a text longer than OPENBOOK_EMBEDDER_WINDOW promises"))
                )
            if status != HTTPStatus.TOO_MANY_REQUESTS and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise self._unavailable(why)

    def _unavailable(self, why: str) -> ModelUnavailable:
        return ModelUnavailable(
            f"embedding model {self._model!r} at {self._url}: {why}. Check the model's name, OPENBOOK_EMBEDDER_URL and "
            "OPENBOOK_EMBEDDER_API_KEY, or set OPENBOOK_EMBEDDER to another model."
        )


def _pieces(word: str) -> int:
    """Tokens of a word, by its length."""
    return -(-len(word) // SPELLED)


def _beginning(text: str, most: int) -> str:
    """As many whole words of the text as make at most so many tokens."""
    tokens = 0
    for word in _WORDS.finditer(text):
        tokens += _pieces(word[0])
        if tokens > most:
            return text[: word.start()]
    return text


def _batches(rows: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(rows), BATCH_TEXTS):
        yield list(rows[start : start + BATCH_TEXTS])
