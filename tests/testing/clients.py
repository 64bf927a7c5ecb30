"""Plain clients, so that the servers are not judged by the library that they are made to test."""

import base64
import http.client
import json
import socket
from typing import Any

TIMEOUT = 5


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header that logs on with Basic."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {pair}"}


def fetch(
    server: Any, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
):
    """Send one request on a connection of its own; return (status, headers, body)."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT)
    try:
        connection.request(method, target, body, headers or {}, **options)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def fetch_json(server: Any, target: str, **options: Any) -> dict[str, Any]:
    """GET a description."""
    status, _, body = fetch(server, "GET", target, **options)
    assert status == 200
    return json.loads(body)


def dial(server: Any) -> socket.socket:
    """Connect, with a timeout."""
    return socket.create_connection((server.host, server.port), TIMEOUT)


def read_all(sock: socket.socket) -> bytes:
    """Read to the end of the stream."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes."""
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, f"the stream ended after {len(data)} of {count} bytes"
        data += piece
    return data


def read_head(sock: socket.socket) -> bytes:
    """Read to the blank line."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += read_exactly(sock, 1)
    return data
