"""A client that asks for an answer and goes before it has read it."""

import json
import socket
from collections.abc import Mapping


def begin(host: str, port: int, authorization: str, body: Mapping[str, object]) -> socket.socket:
    """A connection on which an answer's stream was asked for and nothing of it is read; to close it is to leave."""
    content = json.dumps({**body, "stream": True}).encode()
    connection = socket.create_connection((host, port))
    connection.sendall(
        f"POST /v1/answers HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )
    return connection
