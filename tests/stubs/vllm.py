"""A model server to test against: real HTTP, a script instead of a model, and every way to fail that one has.

    with VllmStub(Script(tokens=("Paris is the capital. ", "[1]"))) as stub:
        VllmGenerator(stub.base_url, "stub-model")
        stub.script = Script(status=500)  # from the next request on

It runs in a thread of its own, so that sync tests, async tests and services in other processes can all ask it.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

MODEL = "stub-model"
ANSWER = ("The documents ", "say so. [1]")
_INSTRUCTION = re.compile(
    r"(?:say|reply with|respond with|answer with|output|print|write|include|append|cite|repeat|insert|add)\b:?\s*"
    r"(?P<said>[^\n]+)"
    r"|(?:回复|回答|输出|说|写|引用)[：:]?\s*(?P<said_zh>[^\n]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Script:
    """What the stub does with a request; the first of these that is set wins over the tokens."""

    tokens: Sequence[str] = ANSWER
    """The pieces of text that it streams."""
    delay_seconds: float = 0.0
    """Before each piece."""
    first_delay_seconds: float = 0.0
    """Before the response's head."""
    status: int = 200
    """Any other is the whole answer; a 429 says `Retry-After: 1`."""
    hang_after: int | None = None
    """After so many pieces nothing more comes, and the connection stays open; 0: not even the head."""
    drop_after: int | None = None
    """After so many pieces the connection breaks."""
    error_after: int | None = None
    """After so many pieces an error chunk, then [DONE], as of a vLLM whose engine was killed."""
    end_after: int | None = None
    """After so many pieces the response ends in good order, but without [DONE]."""
    endless: bool = False
    """The tokens again and again, whatever max_tokens says."""
    raw: bytes | None = None
    """Sent as the body as it is."""
    echo: bool = False
    """Streams the whole prompt back."""
    obey: bool = False
    """Does what every instruction in the prompt says, and cites the first passage for it."""
    finish_reason: str = "stop"
    """Why the tokens end."""
    usage: tuple[int, int] | None = (100, 20)
    """Prompt and completion tokens, sent if the request asks for them."""
    window: int | None = None
    """Tokens that the model reads and writes, as the list of models tells it."""
    adapters: Sequence[str] = ()
    """Served beside the model; a request for any other name than theirs and `stub-model` is a 404."""
    count: Callable[[dict[str, Any]], int] | None = None
    """The tokens of a request's messages; None: nobody is told."""
    figures: str | None = None
    """What /metrics says; None: there is none."""
    mute: bool = False
    """Connections are taken, and nothing ever comes of them, as of a process that is stopped."""
    choose: Callable[[dict[str, Any]], "Script | None"] | None = None
    """Another script for this request's body."""


@dataclass(slots=True)
class _Counters:
    requests: int = 0
    active: int = 0
    finished: int = 0
    aborted: int = 0
    connections: int = 0
    counts: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    given_up: list[tuple[float, dict[str, Any]]] = field(default_factory=list[tuple[float, dict[str, Any]]])
    """When, by `time.monotonic`, and which requests their client left before they were answered."""


class VllmStub:
    """A context manager; the counters may be read from any thread."""

    def __init__(self, script: Script | None = None, port: int = 0) -> None:
        self.script = script or Script()
        self.port = port
        self.seen = _Counters()
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="vllm-stub", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(10):
            raise TimeoutError("the stub did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def wait_until(self, condition: Callable[[_Counters], bool], seconds: float = 10.0) -> bool:
        """Whether the counters come to meet the condition in time."""
        deadline = time.monotonic() + seconds
        while not condition(self.seen):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._stop = asyncio.Event()
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", self.port)
        self.port = int(server.sockets[0].getsockname()[1])
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.connections += 1
        try:
            while True:
                line = await reader.readline()
                if not line:
                    return
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = await _headers(reader)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if path != "/v1/chat/completions":
                    await self._told(method, path, body, writer)
                elif not await self._watched(json.loads(body), headers, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _told(self, method: str, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        script = self.script
        if script.mute:
            await asyncio.Event().wait()
        if (method, path) == ("GET", "/v1/models"):
            window = {} if script.window is None else {"max_model_len": script.window}
            adapters = [{"id": name, "parent": MODEL} for name in script.adapters]
            await _reply(writer, 200, {"object": "list", "data": [{"id": MODEL, **window}, *adapters]})
        elif path == "/tokenize" and script.count is not None:
            self.seen.counts += 1
            await _reply(writer, 200, {"count": script.count(json.loads(body)), "max_model_len": script.window})
        elif path == "/metrics" and script.figures is not None:
            await _send(writer, 200, "text/plain", script.figures.encode())
        else:
            await _reply(writer, 404, {"error": "no such path"})

    async def _watched(
        self,
        body: dict[str, Any],
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer, unless the client goes away first; whether the connection can be used again."""
        self.seen.requests += 1
        self.seen.bodies.append(body)
        self.seen.headers.append(headers)
        self.seen.active += 1
        answering = asyncio.ensure_future(self._answer(body, writer))
        leaving = asyncio.ensure_future(_gone(reader))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done() and answering.exception() is None:
                self.seen.finished += 1
                return answering.result()
            self.seen.given_up.append((time.monotonic(), body))
            self.seen.aborted += 1
            return False
        finally:
            self.seen.active -= 1
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        script = self.script
        if script.choose is not None:
            script = script.choose(body) or script
        if script.mute:
            await asyncio.Event().wait()
        await asyncio.sleep(script.first_delay_seconds)
        if body["model"] not in {MODEL, *script.adapters}:
            await _reply(writer, 404, {"error": {"message": "no such model", "code": 404}})
            return True
        if script.status != 200:
            await _reply(writer, script.status, {"error": {"message": "scripted", "code": script.status}})
            return True
        if script.hang_after == 0:
            await asyncio.Event().wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        if script.raw is not None:
            await _chunk(writer, script.raw)
            return await _last_chunk(writer)
        await _event(writer, {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for count, token in enumerate(_tokens(script, body)):
            if script.drop_after == count:
                return False
            if script.end_after == count:
                return await _last_chunk(writer)
            if script.hang_after == count:
                await asyncio.Event().wait()
            if script.error_after == count:
                await _event(
                    writer, {"error": {"message": "EngineCore died", "type": "InternalServerError", "code": 500}}
                )
                break
            await asyncio.sleep(script.delay_seconds)
            await _event(writer, {"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
        else:
            await self._finish(script, body, writer)
        await _chunk(writer, b"data: [DONE]\n\n")
        return await _last_chunk(writer)

    async def _finish(self, script: Script, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        await _event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": script.finish_reason}]})
        if script.usage and body.get("stream_options", {}).get("include_usage"):
            prompt, completion = script.usage
            await _event(writer, {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


def prompt_of(body: dict[str, Any]) -> str:
    """All that a request tells the model."""
    return "\n".join(str(message["content"]) for message in body["messages"])


def _tokens(script: Script, body: dict[str, Any]) -> Iterator[str]:
    if script.echo:
        yield from re.findall(r"\S+\s*", prompt_of(body))
        return
    if script.obey:
        for found in _INSTRUCTION.finditer(str(body["messages"][-1]["content"])):
            yield f"{found.group('said') or found.group('said_zh')} [1]\n"
        return
    while True:
        yield from script.tokens
        if not script.endless:
            return


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


async def _gone(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed. It does not read, for the next request could begin with what it reads."""
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110 - a stream has no such event
        await asyncio.sleep(0.02)


async def _reply(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
    await _send(writer, status, "application/json", json.dumps(body).encode())


async def _send(writer: asyncio.StreamWriter, status: int, kind: str, content: bytes) -> None:
    retry = "retry-after: 1\r\n" if status == 429 else ""
    head = f"HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\n{retry}content-length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)
    await writer.drain()


async def _event(writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
    await _chunk(writer, b"data: " + json.dumps(body).encode() + b"\n\n")


async def _chunk(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    await writer.drain()


async def _last_chunk(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True
