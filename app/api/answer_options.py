"""What an asker may choose for one answer, and in what form it is to come."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from app.api.bodies import Closed, Text
from app.api.search import PreferRecent
from generation.answer_schema import AnswerSchema, answer_schema
from generation.types import AnswerOptions, Style
from retrieval.types import Filter as Conditions


class Options(Closed):
    """What an asker may choose for one answer; null means the service's own choice.

    `queries` is how many are searched, the question among them. They, `hypothetical`, `decompose` and `search_rounds`
    need a language model; what none was there for in time is named in the answer's `degraded`. `multi_hop` needs none:
    it brings forward the documents that the best hits name.
    `json_schema` asks for an answer in that form, which a language model alone can give.
    """

    k: Annotated[int, Field(ge=1, le=100)] | None = None
    context_tokens: Annotated[int, Field(ge=128, le=32_768)] | None = None
    compress: bool = True
    rerank: bool = True
    queries: Annotated[int, Field(ge=1, le=8)] = 1
    hypothetical: bool = False
    decompose: bool = False
    search_rounds: Annotated[int, Field(ge=0, le=4)] = 0
    prefer_recent: PreferRecent = 0.0
    multi_hop: bool = False
    generator: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 512
    style: Style = "concise"
    language: Literal["auto", "en", "zh"] = "auto"
    json_schema: dict[str, JsonValue] | None = None

    def chosen(self, filter: Conditions) -> AnswerOptions:
        """As generation knows them. Raises InvalidSchema."""
        return AnswerOptions(
            k=self.k,
            context_tokens=self.context_tokens,
            compress=self.compress,
            rerank=self.rerank,
            queries=self.queries,
            hypothetical=self.hypothetical,
            decompose=self.decompose,
            search_rounds=self.search_rounds,
            generator=self.generator,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            prefer_recent=self.prefer_recent,
            multi_hop=self.multi_hop,
            style=self.style,
            language=None if self.language == "auto" else self.language,
            schema=answer_schema(self.json_schema) if self.json_schema is not None else None,
            filter=filter,
        )


class TextFormat(Closed):
    """Words, as ever."""

    type: Literal["text"]


class ObjectFormat(Closed):
    """Any JSON object."""

    type: Literal["json_object"]


class NamedSchema(Closed):
    """A schema as OpenAI's protocol wraps it; a value is always held to it, whatever `strict` says."""

    name: Annotated[Text, Field(max_length=100)]
    description: Annotated[Text, Field(max_length=2000)] | None = None
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]
    strict: bool | None = None


class SchemaFormat(Closed):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")]
"""The forms of OpenAI's `response_format`."""


def schema_of(form: TextFormat | ObjectFormat | SchemaFormat | None) -> AnswerSchema | None:
    """The schema that the form asks for, or none where it asks for text. Raises InvalidSchema."""
    match form:
        case SchemaFormat():
            return answer_schema(form.json_schema.schema_)
        case ObjectFormat():
            return answer_schema({"type": "object"})
        case _:
            return None
