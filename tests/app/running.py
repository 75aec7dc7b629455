"""The real app on a real server in a thread, with keys of every kind; documents are read when a test says so."""

import asyncio
import json
import shutil
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import httpx
from fastapi import FastAPI

from app.api.dependencies import App
from app.auth import fingerprint, new_secret
from app.db.types import Role
from app.main import Server, create_app, new_server
from app.settings import Settings
from app.wiring import Services, build, close
from generation.ports import Generator as WritingGenerator
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Usage
from ingestion.types import WorkerId
from tests.parsing import sharing_a_child

WORKER = WorkerId("test")


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers at `url`, and the means to ask it as anybody."""

    services: Services
    app: FastAPI
    server: Server
    host: str
    port: int
    admin_secret: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def state(self) -> App:
        return cast("App", self.app.state.openbook)

    def client(self, secret: str | None = None) -> httpx.Client:
        """A client with that key, or with none."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)

    def new_key(self, role: Role = "reader", collections: tuple[str, ...] | None = None) -> str:
        """The secret of a fresh key."""
        secret = new_secret("api")
        by_name = {each.name: each.id for each in self.services.collections.list()}
        grants = None if collections is None else frozenset(by_name[name] for name in collections)
        self.services.keys.create(f"test {role}", role, grants, fingerprint(secret))
        return secret

    def upload(self, name: str, content: str | bytes, collection: str = "default", **form: str) -> dict[str, Any]:
        """The document of one uploaded file."""
        with self.client(self.admin_secret) as client:
            files = {"file": (name, content.encode() if isinstance(content, str) else content)}
            reply = client.post("/v1/admin/documents", files=files, data={"collection": collection, **form})
        assert reply.status_code == 202, reply.text
        return cast("dict[str, Any]", reply.json()["documents"][0])

    def read_all(self) -> None:
        """Do a worker's work until nothing is queued."""
        while jobs := self.services.jobs.claim(WORKER, 16, 1 << 30):
            self.services.pipeline.ingest(jobs)


@dataclass(slots=True)
class Scripted(WritingGenerator):
    """Writes its sentences, then waits for ever if told to; knows whether it was freed."""

    sentences: tuple[str, ...] = ("Gallium melts at 29.8 degrees [1].",)
    hangs: bool = False
    fails: Exception | None = None
    active: int = 0
    closed: bool = False
    requests: list[GenerationRequest] = field(default_factory=list[GenerationRequest])

    @property
    def name(self) -> str:
        return "scripted"

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        self.requests.append(request)
        self.active += 1
        try:
            for sentence in self.sentences:
                yield GeneratedText(sentence + "\n")
            if self.fails is not None:
                raise self.fails
            if self.hangs:
                await asyncio.sleep(3600)
            yield Usage(11, 7)
        finally:
            self.active -= 1

    async def aclose(self) -> None:
        self.closed = True


def with_generator(services: Services, generator: WritingGenerator, *, default: bool) -> Services:
    """The services with one more generator, chosen by its name or taken when none is."""
    answerer = services.answerer
    generators = {**answerer.generators, generator.name: generator}
    chosen = generator.name if default else answerer.default_generator
    return replace(services, answerer=replace(answerer, generators=generators, default_generator=chosen))


@contextmanager
def running(
    folder: Path, template: Path, generator: WritingGenerator | None = None, *, default: bool = False, **changes: Any
) -> Generator[Running]:
    """Start the app with the embedded backends and the hashing embedder, with `changes` to the settings."""
    shutil.copy(template, folder / "openbook.db")
    given: dict[str, Any] = {"data_dir": folder, "embedder": "hashing", "parse_processes": 1, "abstain_below": 0.0}
    built = build(Settings(**given | changes))
    services = sharing_a_child(built)
    if generator is not None:
        services = with_generator(services, generator, default=default)
    secret = new_secret("api")
    services.keys.ensure_admin(fingerprint(secret))
    app = create_app(services)
    server = new_server(services, app)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield Running(services, app, server, host, port, secret)
        finally:
            server.should_exit = True
            thread.join(20)
            close(built)
    assert not thread.is_alive()


def _wait_until_started(server: Server, thread: threading.Thread) -> None:
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether it comes true in time: a client has its last byte a moment before the server has let go."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def events(reply: httpx.Response) -> list[tuple[str, Any]]:
    """The server-sent events of a reply, as (name, data)."""
    return list(each_event(reply))


def each_event(reply: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The same as they come."""
    name = "message"
    for line in reply.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
            yield name, data if data == "[DONE]" else json.loads(data)
        elif not line:
            name = "message"
