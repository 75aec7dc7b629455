"""Calls against a server of our own that sends what it sends, byte by byte if need be, whatever HTTP says."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from retrieval.server_client import ReplyTooLong, ServerClient

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
PAUSE_SECONDS = 0.02
DRIPS = 10_000


def dripping(peer: socket.socket) -> None:
    """A byte now and then, for minutes."""
    for _ in range(DRIPS):
        peer.sendall(b"x")
        time.sleep(PAUSE_SECONDS)


def body(peer: socket.socket) -> None:
    peer.sendall(HEAD % DRIPS)
    dripping(peer)


def head(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    dripping(peer)


def nothing(peer: socket.socket) -> None:
    peer.recv(1)  # until the client leaves


def in_turn(*answers: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    left = iter(answers)

    def answer(peer: socket.socket) -> None:
        next(left)(peer)

    return answer


def of(content: bytes) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(HEAD % len(content) + content)


def whole_request(received: IO[bytes]) -> bytes:
    """A request's head in small letters; its body is read, too. Empty at the end."""
    head = b""
    while (line := received.readline()).strip():
        head += line.lower()
    received.read(sum(int(line.partition(b":")[2]) for line in head.splitlines() if line.startswith(b"content-length")))
    return head


@contextmanager
def serving(
    answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None
) -> Generator[tuple[str, list[bytes]]]:
    """Answers each request; its address, and the requests."""
    seen: list[bytes] = []

    def serve(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            stream = context.wrap_socket(peer, server_side=True) if context else peer
            with stream, stream.makefile("rb") as received:
                while request := whole_request(received):
                    seen.append(request)
                    answer(stream)

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield f"http{'s' if context else ''}://127.0.0.1:{listener.getsockname()[1]}/", seen
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def test_one_connection_serves_call_after_call_and_carries_the_key() -> None:
    with serving(of(b"well")) as (url, seen), closing(ServerClient("secret", 5)) as client:
        assert [client.get(url, 4), client.post(url, {"a": 1}, 4)] == [b"well", b"well"]
    assert [request.partition(b" ")[0] for request in seen] == [b"get", b"post"]
    for request in seen:
        assert b"authorization: bearer secret" in request
        assert b"accept-encoding: identity" in request


@pytest.mark.parametrize("answer", [body, head, nothing])
def test_what_drips_is_cut_at_the_timeout_of_the_whole(answer: Callable[[socket.socket], None]) -> None:
    with serving(answer) as (url, _), closing(ServerClient(None, 0.2)) as client, pytest.raises(httpx.ReadTimeout):
        client.post(url, {}, 1 << 20)


def test_a_call_that_was_cut_takes_nothing_from_the_next() -> None:
    with serving(in_turn(body, of(b"well"))) as (url, _), closing(ServerClient(None, 0.5)) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(url, 1 << 20)
        assert client.get(url, 4) == b"well"


def test_a_server_that_reads_nothing_is_cut() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(ServerClient(None, 0.2)) as client,
        pytest.raises(httpx.WriteTimeout),
    ):
        client.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", {"a": "x" * (64 << 20)}, 1)


def test_a_reply_past_its_bound_is_cut() -> None:
    with serving(of(b"12345")) as (url, _), closing(ServerClient(None, 5)) as client:
        with pytest.raises(ReplyTooLong, match="its reply has more than 4 bytes"):
            client.get(url, 4)
        assert client.get(url, 5) == b"12345"


def test_a_status_that_is_no_success_is_told_and_no_redirect_is_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with (
        serving(lambda peer: peer.sendall(moved)) as (url, seen),
        closing(ServerClient(None, 5)) as client,
        pytest.raises(httpx.HTTPStatusError) as told,
    ):
        client.get(url, 5)
    assert (told.value.response.status_code, len(seen)) == (302, 1)


def test_over_tls_what_drips_is_cut_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served, trusting = contexts(tmp_path)
    monkeypatch.setattr(httpx, "create_ssl_context", partial(returned, trusting))
    with serving(in_turn(of(b"well"), body), served) as (url, _), closing(ServerClient(None, 1)) as client:
        assert client.get(url, 4) == b"well"
        with pytest.raises(httpx.ReadTimeout):
            client.get(url, 1 << 20)


def test_a_handshake_that_does_not_go_on_is_cut() -> None:
    with serving(nothing) as (url, _), closing(ServerClient(None, 0.2)) as client, pytest.raises(httpx.ConnectTimeout):
        client.get(url.replace("http", "https"), 4)


def returned(context: ssl.SSLContext, *, trust_env: bool) -> ssl.SSLContext:
    assert not trust_env
    return context


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server at 127.0.0.1, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(pem)
    trusting = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
    trusting.check_hostname = False
    return served, trusting
