"""OpenAI's protocol over the same gate and the same Answerer: the model `openbook` answers from the documents."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.sse import ServerSentEvent
from pydantic import Discriminator, Field, JsonValue, Tag, model_validator

from app import auth
from app.api.answer_bodies import AnswerBody
from app.api.answer_options import ResponseFormat, schema_of
from app.api.answers import HISTORY_TURNS, STREAM_SECONDS, Ask, Told, begin, whole
from app.api.bodies import Closed, Text
from app.api.dependencies import AppGiven, KeyGiven, PlaceHeld, while_connected
from app.api.events import EventStream
from app.api.problems import InvalidRequest, problem, request_id_of
from app.api.search import QUESTION_MAX
from app.http.gate import NoRoute
from generation.errors import InvalidOutput
from generation.types import AnswerOptions, Delta, Turn

router = APIRouter(prefix="/v1", tags=["compatibility"])

MODEL = "openbook"
_MODEL = {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}
_ONE_MODEL = f"there is only the model {MODEL!r}"
_TURN_MAX = 20_000  # characters of one message
_TOKENS_MOST = 4096
_TOKENS_ASKED = 1_000_000
_SHORT = 500  # characters of a field that is neither question nor message


class TextPart(Closed):
    """A part of a message; only text is understood."""

    type: Literal["text"]
    text: Annotated[Text, Field(max_length=_TURN_MAX)]


def _form(content: object) -> str:
    return "parts" if isinstance(content, list) else "text"


Content = Annotated[
    Annotated[Text, Field(max_length=_TURN_MAX), Tag("text")]
    | Annotated[list[TextPart], Field(max_length=20), Tag("parts")],
    Discriminator(_form),
]


class ChatMessage(Closed):
    """What somebody is claimed to have said: untrusted text, whatever its role."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Content | None = None
    name: Annotated[Text, Field(max_length=100)] | None = None
    # a client that sends our own reply back as history sends these with it
    refusal: Annotated[Text, Field(max_length=_TURN_MAX)] | None = None
    annotations: list[JsonValue] | None = None
    audio: None = None
    function_call: None = None
    tool_calls: None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.content is None and (self.role != "assistant" or self.refusal is None):
            raise ValueError("content is missing; only an assistant's refusal goes without")
        return self

    def text(self) -> str:
        """The message's words."""
        if self.content is None:
            return self.refusal or ""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class StreamOptions(Closed):
    """Whether the stream ends with its usage."""

    include_usage: bool = False
    include_obfuscation: bool = False


Short = Annotated[Text, Field(max_length=_SHORT)] | None
TokensAsked = Annotated[int, Field(ge=1, le=_TOKENS_ASKED)] | None


class ChatRequest(Closed):
    """The fields that are honoured; then those standard ones that do no harm; then those that only may say nothing."""

    model: Annotated[Text, Field(max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=200)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: TokensAsked = None
    max_completion_tokens: TokensAsked = None

    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    user: Short = None
    safety_identifier: Short = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    reasoning_effort: Short = None
    verbosity: Short = None
    service_tier: Short = None
    prompt_cache_key: Short = None
    prompt_cache_retention: Short = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None

    logprobs: Literal[False] | None = None
    top_logprobs: None = None
    logit_bias: None = None
    stop: None = None
    tools: None = None
    tool_choice: None = None
    functions: None = None
    function_call: None = None
    audio: None = None
    prediction: None = None

    def question(self) -> str:
        """The last message, which must be a user's."""
        question = self.messages[-1].text().strip()
        if self.messages[-1].role != "user" or not question:
            raise InvalidRequest("the last message must be a question of the role user")
        if len(question) > QUESTION_MAX:
            raise InvalidRequest(f"the question is longer than {QUESTION_MAX} characters")
        return question

    def history(self) -> tuple[Turn, ...]:
        """Earlier questions with what followed them; system and developer messages have no say here."""
        turns: list[Turn] = []
        for message in self.messages[:-1]:
            if message.role == "user":
                turns.append(Turn(message.text(), ""))
            elif message.role == "assistant" and turns:
                turns[-1] = Turn(turns[-1].question, f"{turns[-1].answer}\n{message.text()}".strip())
        return tuple(turns[-HISTORY_TURNS:])

    def options(self) -> AnswerOptions:
        """What is honoured of the sampling parameters."""
        most = self.max_completion_tokens or self.max_tokens
        given = AnswerOptions(temperature=self.temperature or 0.0, schema=schema_of(self.response_format))
        return given if most is None else replace(given, max_tokens=min(most, _TOKENS_MOST))


@router.get("/models")
def list_models() -> dict[str, Any]:
    """The one model there is."""
    return {"object": "list", "data": [_MODEL]}


@router.get("/models/{model}")
def show_model(model: str) -> dict[str, Any]:
    """The one model by its name."""
    if model != MODEL:
        raise NoRoute(_ONE_MODEL)
    return _MODEL


@router.post("/chat/completions", response_model=None, responses={200: {"content": {"text/event-stream": {}}}})
async def complete(
    chat: ChatRequest, request: Request, key: KeyGiven, app: AppGiven, _: PlaceHeld
) -> dict[str, Any] | EventStream:
    """Answer the last message from the documents; citations are in the message's annotations."""
    if chat.model != MODEL:
        raise InvalidRequest(_ONE_MODEL)
    scope = await run_sync(auth.scope_of, app.services.collections, key)
    ask = Ask(chat.question(), scope, chat.history(), chat.options())
    told = begin(app, key, ask)
    if not chat.stream:
        return _completion(await while_connected(request, lambda: whole(told)), ask, str(request.base_url))
    usage = chat.stream_options is not None and chat.stream_options.include_usage
    request_id = request_id_of(request.scope)

    def failed(error: Exception) -> ServerSentEvent:
        body = problem(error, request_id).body
        return _data({"error": {**body, "message": body["detail"], "code": body["status"]}})

    source = _chunks(told, ask, str(request.base_url), usage=usage)
    return EventStream(source, failed, app.streams, STREAM_SECONDS)


async def _chunks(
    told: AsyncGenerator[Told, None], ask: Ask, base_url: str, *, usage: bool
) -> AsyncGenerator[ServerSentEvent, None]:
    created = int(time.time())

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> ServerSentEvent:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        told = {"usage": None} if usage else {}  # as OpenAI has it: null until the last chunk
        return _data({**_head(ask.id, "chat.completion.chunk", created), "choices": [choice], **told, **more})

    yield chunk({"role": "assistant", "content": ""})
    async with aclosing(told):
        async for each in told:
            if isinstance(each, Delta) and ask.options.schema is None:
                yield chunk({"content": each.text})
            elif isinstance(each, AnswerBody):
                if ask.options.schema is not None:
                    yield chunk(_structured(each))
                yield chunk({"annotations": _annotations(each, base_url)}, _ended(each), openbook=_beside(each))
                if usage:
                    head = _head(ask.id, "chat.completion.chunk", created)
                    yield _data({**head, "choices": [], "usage": _usage(each)})
    yield ServerSentEvent(raw_data="[DONE]")


def _completion(body: AnswerBody, ask: Ask, base_url: str) -> dict[str, Any]:
    said = _structured(body) if ask.options.schema is not None else {"content": body.answer, "refusal": None}
    message = {"role": "assistant", **said, "annotations": _annotations(body, base_url)}
    choice = {"index": 0, "message": message, "finish_reason": _ended(body), "logprobs": None}
    head = _head(body.id, "chat.completion", int(time.time()))
    return {**head, "choices": [choice], "usage": _usage(body), "openbook": _beside(body)}


def _structured(body: AnswerBody) -> dict[str, Any]:
    """Only JSON is content here: an abstention is a refusal, and extracts in a model's place are none at all."""
    if body.abstained:
        return {"content": None, "refusal": body.answer}
    if not body.structured_values:
        raise InvalidOutput("the model gave nothing that fits the schema")
    return {"content": json.dumps(body.structured, ensure_ascii=False), "refusal": None}


def _ended(body: AnswerBody) -> Literal["stop", "length"]:
    return "length" if "length" in body.degraded else "stop"


def _head(id: str, kind: str, created: int) -> dict[str, Any]:
    return {"id": id, "object": kind, "created": created, "model": MODEL}


def _annotations(body: AnswerBody, base_url: str) -> list[dict[str, Any]]:
    """One per sentence and quote of it, with the sentence's span; `openbook` holds what OpenAI's form has no place for.

    Where the content is JSON the spans are those of the answer's text, which has a line per value.
    """
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": sentence.start,
                "end_index": sentence.end,
                "title": citation.document.title or citation.document.name,
                "url": f"{base_url}v1/documents/{citation.document.id}/file",
            },
            "openbook": citation.model_dump(mode="json"),
        }
        for sentence in body.sentences
        for citation in (body.citations[place] for place in sentence.citations)
    ]


def _usage(body: AnswerBody) -> dict[str, int]:
    prompt, completion = body.usage.prompt_tokens, body.usage.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _beside(body: AnswerBody) -> dict[str, Any]:
    return {
        "abstained": body.abstained,
        "support": body.support,
        "generator": body.generator,
        "degraded": body.degraded,
    }


def _data(content: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(raw_data=json.dumps(content))
