"""What requests and replies have in common: closed models, bounded and storable text, pages of lists."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import orjson
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from app.db.types import Paged
from ingestion.dates import EFFECTIVE, exact_moment
from retrieval.types import MetadataValue

Row = TypeVar("Row")
Model = TypeVar("Model", bound=BaseModel)

PAGE_MAX = 500


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("the character U+0000 is not allowed")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair is not a character")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Text that every database can hold."""

Id = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
CollectionName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\w[\w .\-]*$")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, Query(max_length=2000, pattern=r"^[A-Za-z0-9_=.:\-]*$")]


METADATA_BYTES = 16_384
_METADATA_KEYS = 50

_Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\w[\w .:/-]*$")]
_WHOLE_END = 2**63
"""Whole numbers from minus this to below it are kept as such, others as floats."""


def _kind(value: object) -> str | None:
    """By its kind a value is held to one form alone, so that a refusal speaks of that one."""
    match value:
        case bool():
            return "flag"
        case int() if -_WHOLE_END <= value < _WHOLE_END:
            return "integer"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list() | tuple():
            return "list"
        case _:
            return None


_OF_ITS_KIND = Discriminator(
    _kind,
    custom_error_type="no_value",
    custom_error_message="Input should be text, a number, true or false, or a flat list of those",
)
_Single = (
    Annotated[bool, Tag("flag")]
    | Annotated[int, Field(ge=-_WHOLE_END, lt=_WHOLE_END), Tag("integer")]
    | Annotated[float, Field(allow_inf_nan=False), Tag("number")]
    | Annotated[Text, Field(max_length=1024), Tag("text")]
)
_Several = Annotated[
    tuple[Annotated[_Single, _OF_ITS_KIND], ...],
    Field(max_length=100),
    Tag("list"),
]
Value = Annotated[_Single | _Several, _OF_ITS_KIND]
"""A value of metadata, and what filters compare it with."""


def _small(metadata: dict[str, MetadataValue]) -> dict[str, MetadataValue]:
    if len(orjson.dumps(metadata)) > METADATA_BYTES:
        raise ValueError(f"more than {METADATA_BYTES} bytes of metadata")
    return metadata


def _dated(metadata: dict[str, MetadataValue]) -> dict[str, MetadataValue]:
    date = metadata.get(EFFECTIVE)
    if date is not None and not (isinstance(date, str) and exact_moment(date)):
        raise ValueError(f"{EFFECTIVE}: {date!r} is no RFC 3339 time such as 2026-11-30T12:00:00Z, and no date")
    return metadata


GivenMetadata = Annotated[
    dict[_Key, Value],
    Field(max_length=_METADATA_KEYS),
    AfterValidator(_small),
    AfterValidator(_dated),
]
"""Metadata as an uploader gives it: flat, and comparable by filters."""


class Closed(BaseModel):
    """A request's body: what it does not name is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reply(BaseModel):
    """A reply's body."""

    model_config = ConfigDict(frozen=True)


class Page(Reply, Generic[Model]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Model]
    next_cursor: str | None


class Failure(Reply):
    """Why something did not succeed: a stable code, and words."""

    code: str
    message: str


def page(paged: Paged[Row], model: Callable[[Row], Model]) -> Page[Model]:
    """A store's page as a reply."""
    return Page(items=[model(row) for row in paged.rows], next_cursor=paged.next_cursor)


def failure(code: str | None, message: str | None) -> Failure | None:
    """The error of a row that may have none."""
    return Failure(code=code, message=message or code) if code else None
