"""An origin that says what it received."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import h11

from pacaware._hosts import host_for_url
from pacaware.testing._base import Connection, RecordingServer
from pacaware.testing._http import Body, HeaderPairs, Peer, SeenRequest, converse, encode_pairs, header_pairs
from pacaware.testing._tls import server_context_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

__all__ = ["Answer", "Origin", "answer_to"]

_STATUS = re.compile(r"/status/([2-5]\d\d)")
_BYTES = re.compile(r"/(bytes|chunked)/(\d{1,9})")
_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass(frozen=True, slots=True)
class Answer:
    """What the origin is going to say; ``wait`` is in seconds, ``chunked`` leaves the length out."""

    status: int = 200
    headers: HeaderPairs = ()
    body: bytes = b""
    wait: float = 0.0
    chunked: bool = False


class Origin(RecordingServer[SeenRequest]):
    """An origin on loopback that describes each request in JSON, over HTTP/1.1 and with ``h2=True`` over HTTP/2 too.

    The description has method, path (with query), headers (pairs), body_length, body_sha256, peer_port, connection,
    http_version, and tls (None, or version, alpn and the common name of the client's certificate). Other answers:
    ``/redirect?to=URL`` (``&status=307``), ``/status/NNN``, ``/slow?s=SECONDS``, ``/bytes/N``, ``/chunked/N``.
    A request with ``Upgrade`` gets 101, and from then on its bytes come back. HTTP/2 needs the package h2: chosen by
    ALPN with ``tls``, by its preface without.
    """

    def __init__(
        self,
        *,
        tls: bool | ssl.SSLContext = False,
        h2: bool = False,
        host: str = "127.0.0.1",
        timeout: float = 30.0,
    ) -> None:
        super().__init__(host=host, tls=server_context_for(tls, h2=h2) or False, timeout=timeout)
        self._serve_h2 = _h2_server() if h2 else None

    def url_for(self, host: str, path: str = "/") -> str:
        """Return the URL of a path under another name, such as ``origin.test``, that only a proxy can resolve."""
        return f"{self.scheme}://{host_for_url(host)}:{self.port}{path}"

    def _serve(self, connection: Connection) -> None:
        if self._serve_h2 is not None and _speaks_h2(connection):
            self._serve_h2(self, connection)
        else:
            converse(connection, lambda peer, request: self._handle(connection, peer, request))

    def _handle(self, connection: Connection, peer: Peer, request: h11.Request) -> None:
        if peer.expects_continue:
            peer.send(h11.InformationalResponse(status_code=100, headers=[]))
        body = Body()
        body.drain(peer.body())
        method, target = request.method.decode("ascii"), request.target.decode("latin-1")
        version, headers = request.http_version.decode("ascii"), header_pairs(request)
        upgrade = next((value for name, value in headers if name.lower() == "upgrade"), None)
        if upgrade is not None:
            self._log.add(
                SeenRequest(connection.number, method, target, version, headers, body.length, body.sha256, 101)
            )
            _switch(peer, upgrade, headers)
            return
        answer = self.respond(connection, method, target, version, headers, body)
        if answer.chunked:
            peer.send(h11.Response(status_code=answer.status, headers=encode_pairs(answer.headers)))
            if method != "HEAD":
                peer.send(h11.Data(data=answer.body))
            peer.send(h11.EndOfMessage())
        else:
            peer.answer(answer.status, answer.headers, answer.body, head=method == "HEAD")

    def respond(
        self, connection: Connection, method: str, target: str, version: str, headers: HeaderPairs, body: Body
    ) -> Answer:
        """Log one whole request and return its answer, after the wait it asks for."""
        description = {
            "method": method,
            "path": target,
            "headers": headers,
            "body_length": body.length,
            "body_sha256": body.sha256,
            "peer_port": connection.peer_port,
            "connection": connection.number,
            "http_version": version,
            "tls": _tls_description(connection.tls),
        }
        answer = answer_to(target, description)
        self._pause(answer.wait)
        self._log.add(
            SeenRequest(connection.number, method, target, version, headers, body.length, body.sha256, answer.status)
        )
        return answer


def answer_to(target: str, description: dict[str, Any]) -> Answer:
    """Decide by the path what to answer; ``description`` is the JSON for any other path."""
    parts = urlsplit(target)
    query = parse_qs(parts.query)
    status = _STATUS.fullmatch(parts.path)
    size = _BYTES.fullmatch(parts.path)
    if parts.path == "/redirect" and "to" in query:
        return Answer(int(query.get("status", ["302"])[0]), (("Location", query["to"][0]),))
    if status:
        return Answer(int(status[1]), (("Content-Type", "text/plain"),), f"status {status[1]}\n".encode())
    if size:
        body = (bytes(range(256)) * (int(size[2]) // 256 + 1))[: int(size[2])]
        return Answer(200, (("Content-Type", "application/octet-stream"),), body, chunked=size[1] == "chunked")
    wait = float(query.get("s", ["0"])[0]) if parts.path == "/slow" else 0.0
    return Answer(200, (("Content-Type", "application/json"),), json.dumps(description).encode(), wait)


def _switch(peer: Peer, protocol: str, headers: HeaderPairs) -> None:
    """Change the protocol to an echo of bytes; a WebSocket handshake gets its accept value (RFC 6455, 4.2.2)."""
    fields = [("Connection", "Upgrade"), ("Upgrade", protocol)]
    key = next((value for name, value in headers if name.lower() == "sec-websocket-key"), None)
    if key is not None:
        digest = hashlib.sha1((key + _WEBSOCKET_GUID).encode("ascii"), usedforsecurity=False).digest()
        fields.append(("Sec-WebSocket-Accept", base64.b64encode(digest).decode("ascii")))
    peer.send(h11.InformationalResponse(status_code=101, headers=encode_pairs(fields)))
    data = peer.switched() or peer.sock.recv(65536)
    while data:
        peer.sock.sendall(data)
        data = peer.sock.recv(65536)


def _tls_description(sock: ssl.SSLSocket | None) -> dict[str, str | None] | None:
    if sock is None:
        return None
    certificate: Any = sock.getpeercert() or {}
    subject = {name: value for entry in certificate.get("subject", ()) for name, value in entry}
    return {"version": sock.version(), "alpn": sock.selected_alpn_protocol(), "client": subject.get("commonName")}


def _speaks_h2(connection: Connection) -> bool:
    if connection.tls is not None:
        return connection.tls.selected_alpn_protocol() == "h2"
    import socket

    # No HTTP/1.1 method starts as the preface does (RFC 9113, section 3.4).
    return connection.sock.recv(3, socket.MSG_PEEK) == b"PRI"


def _h2_server() -> Callable[[Origin, Connection], None]:
    try:
        from pacaware.testing._h2 import serve
    except ImportError as exc:
        raise ImportError("Origin(h2=True) needs the package h2: pip install h2") from exc
    return serve
