"""What an exported collection says of its documents and chunks: closed models that believe nothing they read."""

import base64
import binascii
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.archives.archive import Damaged, json_object
from ingestion.chunking import identity
from ingestion.pace import TokenCounter
from ingestion.types import ChunkDraft, MediaType, PersonalKind
from retrieval.regions import region_of
from retrieval.types import PassageEmbedding

_Number = Annotated[int, Field(ge=0, lt=2**31)]
_Single = bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | float | Annotated[str, Field(max_length=65_536)]
_Metadata = Annotated[
    dict[Annotated[str, Field(max_length=1024)], _Single | Annotated[tuple[_Single, ...], Field(max_length=1000)]],
    Field(max_length=1000),
]
_Line = Annotated[str, Field(max_length=4096)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


class Opening(_Closed):
    """Which collection this was, and whose vectors these are.

    `redact` is its rule; `blackened` is what of it held already when the chunks were made.
    """

    kind: Literal["collection"]
    format: int
    created_at: AwareDatetime
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\w[\w .\-]*$")]
    fingerprint: Annotated[str, Field(max_length=255)]
    redact: Annotated[list[PersonalKind], Field(max_length=16)]
    blackened: Annotated[list[PersonalKind], Field(max_length=16)]


class DocumentEntry(_Closed):
    """A document's version that answered; title and metadata are the file's own, `given_metadata` its uploader's."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    media_type: MediaType
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, lt=2**40)]
    given_metadata: _Metadata
    title: Annotated[str, Field(max_length=65_536)]
    metadata: _Metadata
    language: Annotated[str, Field(max_length=8)]
    pages: _Number
    warnings: Annotated[list[_Line], Field(max_length=10_000)]
    counts: Annotated[dict[Annotated[str, Field(max_length=64)], _Number], Field(max_length=1000)]


class ChunkEntry(_Closed):
    """A chunk where it stands; vectors are little-endian fp16 in base64. What names a chunk is made from it anew."""

    text: Annotated[str, Field(min_length=1, max_length=1 << 20)]
    headings: Annotated[tuple[_Line, ...], Field(max_length=64)]
    sentences: Annotated[tuple[tuple[_Number, _Number], ...], Field(max_length=65_536)]
    language: Annotated[str, Field(max_length=8)]
    tokens: _Number
    pages: Annotated[tuple[_Number, ...], Field(max_length=65_536)]
    regions: Annotated[
        tuple[
            tuple[_Number, _Number, _Number]
            | tuple[_Number, _Number, _Number, float, float, float, float]
            | tuple[_Number, _Number, _Number, float, float, float, float, Literal[1]],
            ...,
        ],
        Field(max_length=65_536),
    ]
    page_labels: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=65_536)]
    vector: Annotated[str, Field(max_length=1 << 20)]
    sentence_vectors: Annotated[str, Field(max_length=1 << 28)]

    @model_validator(mode="after")
    def _spans_lie_in_the_text(self) -> "ChunkEntry":
        for start, end, *_ in (*self.sentences, *self.regions):
            if not start <= end <= len(self.text):
                raise ValueError("a sentence or region reaches out of its chunk's text")
        if self.page_labels and len(self.page_labels) != len(self.pages):
            raise ValueError("a chunk has not one label for each of its pages")
        return self

    def draft(self, window: int, count_tokens: TokenCounter) -> ChunkDraft:
        """The chunk as the pipeline would have cut it; its key follows from what the model sees, not from the file."""
        prefix, key = identity(self.headings, self.text, window, count_tokens)
        return ChunkDraft(
            key=key,
            prefix=prefix,
            text=self.text,
            headings=self.headings,
            sentences=self.sentences,
            regions=tuple(map(region_of, self.regions)),
            pages=self.pages,
            language=self.language,
            tokens=self.tokens,
            page_labels=self.page_labels,
        )

    def embedding(self, dim: int) -> PassageEmbedding:
        """The stored vectors; raises Damaged unless they are of that many numbers, each at most of length one."""
        vector = _vectors(self.vector, 1, dim)
        return PassageEmbedding(vector[0].astype(np.float32), _vectors(self.sentence_vectors, len(self.sentences), dim))


def document_entry(line: bytes) -> DocumentEntry:
    """Raises Damaged."""
    try:
        return DocumentEntry.model_validate(json_object(line))
    except ValidationError as error:
        raise Damaged(f"a document makes no sense: {_first(error)}") from error


def chunk_entry(line: bytes) -> ChunkEntry:
    """Raises Damaged."""
    try:
        return ChunkEntry.model_validate(json_object(line))
    except ValidationError as error:
        raise Damaged(f"a chunk makes no sense: {_first(error)}") from error


def opening_entry(head: dict[str, object]) -> Opening:
    """Raises Damaged."""
    try:
        return Opening.model_validate(head)
    except ValidationError as error:
        raise Damaged(f"the file's opening makes no sense: {_first(error)}") from error


def _vectors(text: str, rows: int, dim: int) -> NDArray[np.float16]:
    try:
        flat: NDArray[np.float16] = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2")
    except (binascii.Error, ValueError) as error:
        raise Damaged("a vector cannot be read") from error
    if len(flat) != rows * dim:
        raise Damaged(f"a chunk has {len(flat)} numbers for {rows} vectors of {dim}")
    matrix = flat.reshape(rows, dim)
    lengths = np.linalg.norm(matrix.astype(np.float32), axis=1)
    if not np.all(lengths <= 1.01):  # also where one is not a number
        raise Damaged("a vector is longer than one")
    return matrix


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))[:100]}: {found['msg']}"
