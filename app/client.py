"""A client of the HTTP interface, as the command line uses it: against a service that runs, or one of its own."""

import io
import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

import httpx

_TIMEOUT = httpx.Timeout(30.0, read=300.0)
_PATIENT = httpx.Timeout(30.0, read=None)
_OF_THE_FILE = frozenset({413, 415, 422})
_BATCH_FILES = 64  # files in one upload
_BATCH_BYTES = 32 << 20
_POLL_SECONDS = 0.3
_QUEUED_POLL_SECONDS = 2.0  # at most, while a document waits in the queue: it is read for a moment before it is ready
_POLL_PAUSE = 30  # times as long as the look before: thousands of documents are listed in a second or more
_FEW = 64  # documents that are looked up one by one
_UNSETTLED = frozenset({"queued", "processing"})
_LISTED = 500  # entries of a list asked for at once: the most that the API gives
# A connection that was silent is closed just as it is used again: after a machine's sleep, for one.
_DROPPED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)

Json = dict[str, Any]


class ServiceError(Exception):
    """The service said no, or cannot be reached; the message is its own."""


class Refused(ServiceError):
    """The service said no, by this problem."""

    def __init__(self, problem: Json) -> None:
        super().__init__(f"{problem['title']}: {problem['detail']}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks version 1 of the HTTP interface; waits when told to come back later."""

    http: httpx.Client

    def get(self, path: str, **params: str | int | None) -> Json:
        """The body of a GET; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._json("GET", path, params=given)

    def post(self, path: str, body: Json) -> Json:
        """The body of a POST's reply."""
        return self._json("POST", path, json=body)

    def put(self, path: str, body: Json) -> Json:
        """The body of a PUT's reply."""
        return self._json("PUT", path, json=body)

    def patch(self, path: str, body: Json) -> Json:
        """The body of a PATCH's reply."""
        return self._json("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """A DELETE, in force when this returns."""
        self._request("DELETE", path)

    def ensure_collection(self, name: str) -> None:
        """Make the collection unless it is there."""
        if all(each["name"] != name for each in self.listed("/v1/admin/collections")):
            self.post("/v1/admin/collections", {"name": name})

    def listed(self, path: str, **params: str) -> Iterator[Json]:
        """Every row of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, limit=_LISTED, cursor=cursor, **params)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def upload(
        self, paths: Sequence[Path], collection: str, password: str | None = None
    ) -> Iterator[tuple[Path, Json]]:
        """Upload in batches; one document or problem per file, in order."""
        form = {"collection": collection} | ({"password": password} if password else {})
        for batch in _batches(paths):
            with ExitStack() as opened:
                files = [("file", (path.name, opened.enter_context(path.open("rb")))) for path in batch]
                entries = self._uploaded(files, form)
            yield from zip(batch, entries, strict=True)

    def add(self, path: Path, collection: str, metadata: Json) -> Json:
        """Upload one file with metadata of its own. Raises Refused."""
        form = {"collection": collection, "metadata": json.dumps(metadata)}
        return self._sent("POST", "/v1/admin/documents", path, form)["documents"][0]

    def replace(self, id: str, path: Path) -> Json:
        """A new version of a document; what is said of it stays. Raises Refused."""
        return self._sent("PUT", f"/v1/admin/documents/{id}", path, {})

    def settled(self, collection: str, ids: set[str]) -> Iterator[Json]:
        """Each of these documents once it is ready or has failed; looking takes a twentieth of the time at most."""
        waiting = set(ids)
        while waiting:
            began = time.monotonic()
            for document in self._looked_up(collection, waiting):
                if document["latest_status"] not in _UNSETTLED:
                    waiting.remove(document["id"])
                    yield document
            if waiting:
                self._pause(max(waiting), _POLL_PAUSE * (time.monotonic() - began))

    def _pause(self, last: str, seconds: float) -> None:
        """Until so much time has passed, or the last document, which is mostly the last in the queue, is settled."""
        end = time.monotonic() + seconds
        pause = _POLL_SECONDS
        time.sleep(pause)
        while time.monotonic() < end:
            status = self.get(f"/v1/documents/{last}")["latest_status"]
            if status not in _UNSETTLED:
                break
            pause = min(pause * 1.5, _QUEUED_POLL_SECONDS) if status == "queued" else _POLL_SECONDS
            time.sleep(pause)

    def _looked_up(self, collection: str, ids: set[str]) -> list[Json]:
        if len(ids) <= _FEW:
            return [self.get(f"/v1/documents/{each}") for each in ids]
        oldest, newest_first = min(ids), self.listed("/v1/documents", collection=collection)
        return [each for each in takewhile(lambda each: each["id"] >= oldest, newest_first) if each["id"] in ids]

    def stream_answer(self, body: Json) -> Iterator[tuple[str, Json]]:
        """The events of a streamed answer: name and body."""
        while True:
            with self._reached(), self.http.stream("POST", "/v1/answers", json={**body, "stream": True}) as reply:
                if (seconds := _asked_to_wait(reply)) is None:
                    yield from _events(reply)
                    return
            time.sleep(seconds)

    def download(self, path: str, file: BinaryIO) -> None:
        """The body of a GET, written as it comes; the service may take its time before it begins."""
        with self._reached(), self.http.stream("GET", path, timeout=_PATIENT) as reply:
            if reply.is_error:
                reply.read()
                raise _problem(reply)
            for piece in reply.iter_bytes(1 << 20):
                file.write(piece)

    def send(self, path: str, file: BinaryIO, **params: str) -> Json:
        """POST a file as the body, and wait for as long as the service works on it."""
        size = file.seek(0, io.SEEK_END)
        headers = {"Content-Length": str(size), "Content-Type": "application/x-tar"}
        return self._json("POST", path, content=_Body(file), headers=headers, params=params, timeout=_PATIENT)

    def _sent(self, method: str, route: str, path: Path, form: Json) -> Json:
        with path.open("rb") as file:
            return self._json(method, route, data=form, files=[("file", (path.name, file))])

    def _uploaded(self, files: Sequence[tuple[str, tuple[str, BinaryIO]]], form: Json) -> list[Json]:
        try:
            reply = self._json("POST", "/v1/admin/documents", data=form, files=files)
        except Refused as refusal:
            if len(files) > 1 or refusal.problem["status"] not in _OF_THE_FILE:
                raise
            return [{"name": files[0][1][0], "problem": refusal.problem}]
        return reply["documents"]

    @contextmanager
    def _reached(self) -> Generator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ServiceError(f"{self.http.base_url} does not answer: {error}") from error

    def _json(self, method: str, path: str, **options: Any) -> Json:
        return self._request(method, path, **options).json()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        while True:
            with self._reached():
                try:
                    reply = self.http.request(method, path, **options)
                except _DROPPED:
                    if method != "GET":
                        raise
                    reply = self.http.request(method, path, **options)
            if (seconds := _asked_to_wait(reply)) is None:
                break
            time.sleep(seconds)
        if reply.is_error:
            raise _problem(reply)
        return reply


@dataclass(frozen=True, slots=True)
class _Body:
    """A file as a request's body, from its start each time that it is sent."""

    file: BinaryIO

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(0)
        while piece := self.file.read(1 << 20):
            yield piece


def _asked_to_wait(reply: httpx.Response) -> float | None:
    if reply.status_code == HTTPStatus.TOO_MANY_REQUESTS and "Retry-After" in reply.headers:
        return float(reply.headers["Retry-After"])
    return None


def _events(reply: httpx.Response) -> Iterator[tuple[str, Json]]:
    if reply.is_error:
        reply.read()
        raise _problem(reply)
    event = "message"
    for line in reply.iter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def _problem(reply: httpx.Response) -> ServiceError:
    try:
        return Refused(reply.json())
    except (ValueError, KeyError, TypeError):  # a front server's own page
        return ServiceError(f"{reply.request.url} answered {reply.status_code}")


def _batches(paths: Sequence[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for path in paths:
        length = path.stat().st_size
        if batch and (len(batch) == _BATCH_FILES or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield batch


@contextmanager
def client_of(url: str, secret: str | None) -> Generator[Client]:
    """A client of the service at that address, with that key."""
    headers: Mapping[str, str] = {"Authorization": f"Bearer {secret}"} if secret else {}
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT) as http:
        yield Client(http)
