import json
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.http.protocol import Deadlines, guarded

BIG = 8 << 20


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """`/big` sends a lot, `/refuse` answers before the body, everything else reads the body and gives its length."""
    length = 0
    while scope["path"] != "/refuse":
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = b"x" * BIG if scope["path"] == "/big" else str(length).encode()
    size = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
    for start in range(0, len(body), 1 << 16):
        await send({"type": "http.response.body", "body": body[start : start + (1 << 16)], "more_body": True})
    await send({"type": "http.response.body"})


@contextmanager
def serving(deadlines: Deadlines) -> Generator[tuple[str, int]]:
    config = uvicorn.Config(
        serve,
        http=guarded(deadlines),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=30,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                thread.join(0.01)
            yield listener.getsockname()
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def address() -> Generator[tuple[str, int]]:
    with serving(Deadlines(header_seconds=0.6, stall_seconds=1.2, max_connections=100)) as bound:
        yield bound


def closed_after(client: socket.socket, limit: float = 8.0) -> float:
    """Seconds until the server closes or resets the connection; what it sends until then is thrown away."""
    start = time.monotonic()
    client.settimeout(limit)
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - start


def reply(client: socket.socket, request: bytes) -> bytes:
    """The whole reply to a request."""
    client.settimeout(5)
    client.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(1 << 16)
    return head + b"\r\n\r\n" + body


def trickle(client: socket.socket, seconds: float) -> float:
    """Send a byte every now and then; gives the seconds until the server had enough."""
    start = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - start < seconds:
            client.sendall(b"a")
            time.sleep(0.1)
    return time.monotonic() - start


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_silent_connection_is_closed(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        assert 0.4 < closed_after(client) < 2


def test_headers_that_trickle_in_are_cut(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert trickle(client, 5) < 2.5


def test_a_second_requests_headers_have_their_deadline_too(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        assert b" 200 " in reply(client, GET)
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert 0.4 < closed_after(client) < 2


def test_an_idle_kept_alive_connection_still_answers(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        assert b" 200 " in reply(client, GET)
        time.sleep(1.5)  # longer than a header may take: nothing was begun
        assert b" 200 " in reply(client, GET)


def test_a_small_reply_does_not_wait_for_its_clients_acknowledgement(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        start = time.monotonic()
        for _ in range(20):
            reply(client, GET)
        assert time.monotonic() - start < 20 * 0.035


def test_a_body_that_trickles_in_is_cut(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        assert trickle(client, 6) < 3


def test_a_slow_but_honest_body_is_taken(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(10):
            client.sendall(b"a" * 300)
            time.sleep(0.2)
        assert reply(client, b"").endswith(b"\r\n\r\n3000")


def test_a_client_that_does_not_read_is_cut_and_frees_its_memory(address: tuple[str, int]) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(address)
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(3)
        client.settimeout(5)
        received = 0
        with suppress(ConnectionResetError):
            while chunk := client.recv(1 << 16):
                received += len(chunk)
        assert received < BIG


def test_a_client_that_reads_slowly_gets_it_all(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        client.settimeout(5)
        received = 0
        while chunk := client.recv(1 << 18):
            received += len(chunk)
            time.sleep(0.04)
        assert received > BIG


def test_a_refused_body_is_dropped_only_so_far(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        head = b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"
        assert b" 200 " in reply(client, head)
        sent = 0
        with suppress(ConnectionError):
            while sent < 64 << 20:
                sent += client.send(b"x" * (1 << 16))
        assert sent < 16 << 20  # what the kernel's buffers hold comes on top of the one MiB


def test_an_endless_header_is_refused_as_a_problem(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        client.settimeout(5)
        answer = b""
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (1 << 20))
            answer = client.recv(1 << 16)
        except ConnectionError:
            return  # reset while we were still sending: refused all the same
        assert answer.startswith(b"HTTP/1.1 400")


def test_what_is_not_http_gets_a_problem(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        head, _, body = reply(client, b"\x16\x03\x01 tls?\r\n\r\n").partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 400


def test_the_oldest_silent_connection_makes_room_for_a_new_one() -> None:
    with serving(Deadlines(header_seconds=30, stall_seconds=30, max_connections=3)) as bound:
        silent = [socket.create_connection(bound) for _ in range(3)]
        time.sleep(0.2)
        with socket.create_connection(bound) as client:
            assert b" 200 " in reply(client, GET)
        assert closed_after(silent[0]) < 1
        with pytest.raises(TimeoutError):
            closed_after(silent[1], 0.3)
        for each in silent:
            each.close()


def test_deadlines_are_looked_at_often_enough() -> None:
    assert Deadlines(header_seconds=10, stall_seconds=30, max_connections=1).tick_seconds <= 2.5
