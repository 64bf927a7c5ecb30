"""A forward proxy for http and CONNECT that logs what it is asked."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import h11

from pacaware._hosts import split_host_port
from pacaware.testing._base import Connection, ProxyEndpoint, RecordingServer
from pacaware.testing._http import (
    Body,
    HeaderPairs,
    Peer,
    SeenRequest,
    converse,
    encode_pairs,
    header_pairs,
    reason_of,
)
from pacaware.testing._names import address_of, known_hosts
from pacaware.testing._relay import relay
from pacaware.testing._tls import Certificates
from pacaware.testing._verify import ConnectionState, Verifier, scheme_of, verify

if TYPE_CHECKING:
    import ssl

__all__ = ["Proxy", "SeenProxyRequest", "SlowProxy", "seen_by_proxy"]

# RFC 9110, section 7.6.1, and what belongs to the proxy itself.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-authentication-info",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class SeenProxyRequest(SeenRequest):
    """One request as a proxy saw it; ``target`` is a URL, or ``host:port`` for CONNECT.

    ``authorization`` is the scheme of Proxy-Authorization (None: the field was missing), ``authorized`` whether the
    proxy was content (None: it did not ask). ``body_length`` counts what the client sent, up to the answer's head.
    """

    authorization: str | None = None
    authorized: bool | None = None


def seen_by_proxy(connection: int, request: h11.Request) -> SeenProxyRequest:
    """Return the record of a request that is not answered yet."""
    headers = header_pairs(request)
    return SeenProxyRequest(
        connection=connection,
        method=request.method.decode("ascii"),
        target=request.target.decode("latin-1"),
        version=request.http_version.decode("ascii"),
        headers=headers,
        authorization=scheme_of(
            next((value for name, value in headers if name.lower() == "proxy-authorization"), None)
        ),
    )


class _Refusal(Exception):
    def __init__(self, status: int, text: str, headers: HeaderPairs = ()) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers


class Proxy(ProxyEndpoint, RecordingServer[SeenProxyRequest]):
    """A forward proxy on loopback: absolute-form http, and CONNECT to any port; bodies are streamed both ways.

    ``hosts`` maps the names it knows to loopback addresses (default: everything in ``.test``); any other target gets
    403. ``auth`` is one verifier or several, whose challenges are offered in that order. ``close_after_407`` closes the
    connection after each 407: True says so in the answer, ``"silently"`` does not, ``"by reset"`` breaks off when the
    next request comes. ``requests_per_connection`` closes silently after so many answers. ``http10`` answers as
    HTTP/1.0 and closes each time. ``delay`` seconds pass before each answer. ``via`` is the name that the origin sees
    in the Via field.

    Hop-by-hop fields and Proxy-Authorization end here; so does Upgrade (the switch is refused: the origin answers an
    ordinary request). ``Expect: 100-continue`` is passed on, interim answers are not. TRACE with ``Max-Forwards: 0``
    is answered by the proxy itself, after the logon; OPTIONS likewise gets 501.
    """

    def __init__(
        self,
        auth: Verifier | Sequence[Verifier] = (),
        *,
        hosts: Mapping[str, str] | None = None,
        close_after_407: bool | Literal["silently", "by reset"] = False,
        requests_per_connection: int | None = None,
        http10: bool = False,
        delay: float = 0.0,
        via: str = "pacaware-testing",
        intercept: Certificates | None = None,
        tls: bool | ssl.SSLContext = False,
        host: str = "127.0.0.1",
        timeout: float = 30.0,
    ) -> None:
        super().__init__(host=host, tls=tls, timeout=timeout)
        if intercept is not None and tls:
            raise ValueError("a proxy that is itself behind TLS cannot intercept: Python has no TLS inside TLS here")
        self._intercept = intercept
        self._verifiers: tuple[Verifier, ...] = tuple(auth) if isinstance(auth, Sequence) else (auth,)
        self._hosts = known_hosts(hosts)
        self._close_after_407 = close_after_407
        self._limit = requests_per_connection
        self._http10 = http10
        self._delay = delay
        self._via = via

    def _serve(self, connection: Connection) -> None:
        handler = _Handler(self, connection)
        with contextlib.suppress(_Closed):
            converse(connection, handler.handle, http10=self._http10)


class _Closed(Exception):
    pass


class _Handler:
    """The requests of one connection, one after the other."""

    def __init__(self, proxy: Proxy, connection: Connection) -> None:
        self._proxy = proxy
        self._connection = connection
        self._state = ConnectionState(connection.number)
        self._answered = 0
        self._body = Body()
        self._incoming: Iterator[bytes] = iter(())
        self._seen: SeenProxyRequest
        self._peer: Peer

    def handle(self, peer: Peer, request: h11.Request) -> None:
        self._peer, self._body = peer, Body()
        self._incoming = self._body.count(peer.body())
        self._seen = seen_by_proxy(self._connection.number, request)
        self._proxy._pause(self._proxy._delay)
        try:
            self._authenticate()
            if self._seen.method == "CONNECT":
                self._tunnel()
            elif self._seen.header("Max-Forwards") == "0" and self._seen.method in ("TRACE", "OPTIONS"):
                self._answer_here()
            else:
                self._forward(request)
        except _Refusal as refusal:
            self._refuse(refusal)
        self._answered += 1
        if self._answered == self._proxy._limit:
            raise _Closed

    def _drain(self) -> None:
        for _ in self._incoming:
            pass

    def _log(self, status: int) -> None:
        self._seen = replace(self._seen, status=status, body_length=self._body.length, body_sha256=self._body.sha256)
        self._proxy._log.add(self._seen)

    def _extra_headers(self) -> list[tuple[str, str]]:
        headers, self._state.answer_headers = self._state.answer_headers, []
        return headers

    def _authenticate(self) -> None:
        if not self._proxy._verifiers:
            return
        header = self._seen.header("Proxy-Authorization")
        challenges = verify(self._proxy._verifiers, self._state, self._seen.method, self._seen.target, header)
        self._seen = replace(self._seen, authorized=challenges is None)
        if challenges is not None:
            fields = tuple(("Proxy-Authenticate", challenge) for challenge in challenges)
            raise _Refusal(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, "The proxy asks for a logon.\n", fields)

    def _refuse(self, refusal: _Refusal) -> None:
        self._drain()
        self._log(refusal.status)
        closing = refusal.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and self._proxy._close_after_407
        headers = [("Content-Type", "text/plain"), *refusal.headers, *self._extra_headers()]
        if closing is True:
            headers.append(("Connection", "close"))
        self._peer.answer(refusal.status, headers, refusal.text.encode(), head=self._seen.method == "HEAD")
        if closing == "by reset":
            self._connection.sock.recv(1)
            self._connection.reset()
        if closing:
            raise _Closed

    @contextlib.contextmanager
    def _upstream(self, host: str, port: int) -> Iterator[socket.socket]:
        address = address_of(host, self._proxy._hosts)
        if address is None:
            raise _Refusal(HTTPStatus.FORBIDDEN, f"{host} is not a name of this test.\n")
        try:
            sock = socket.create_connection((address, port), self._proxy._timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as exc:
            raise _Refusal(HTTPStatus.GATEWAY_TIMEOUT, f"{host}:{port} does not answer.\n") from exc
        except OSError as exc:
            raise _Refusal(HTTPStatus.BAD_GATEWAY, f"{host}:{port} cannot be reached.\n") from exc
        with self._proxy._tracked(sock):
            yield sock

    def _tunnel(self) -> None:
        self._drain()
        try:
            host, port = split_host_port(self._seen.target)
        except ValueError as exc:
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"CONNECT: {exc}\n") from exc
        if port is None:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "CONNECT needs host:port.\n")
        with self._upstream(host, port) as sock:
            self._log(HTTPStatus.OK)
            fields = encode_pairs(self._extra_headers())
            self._peer.send(h11.Response(status_code=200, headers=fields, reason=b"Connection established"))
            first = self._peer.switched()
            if self._proxy._intercept is None:
                relay(self._connection.sock, sock, self._proxy._timeout, first=first)
            elif not first:  # a client that begins before it is told to is none that could be intercepted
                self._look_inside(self._proxy._intercept, sock, host)
        raise _Closed

    def _look_inside(self, authority: Certificates, sock: socket.socket, host: str) -> None:
        """Have one TLS connection end here and begin another."""
        upstream = Certificates.shared().client_context().wrap_socket(sock, server_hostname=host)
        with self._proxy._tracked(upstream):
            client = authority.server_context().wrap_socket(
                self._connection.sock, server_side=True, do_handshake_on_connect=False
            )
            with self._proxy._tracked(client):
                client.do_handshake()
                relay(client, upstream, self._proxy._timeout)

    def _answer_here(self) -> None:
        """Be the final recipient (RFC 9110, section 9.3.8); what is secret is not sent back."""
        if self._seen.method == "OPTIONS":
            raise _Refusal(HTTPStatus.NOT_IMPLEMENTED, "OPTIONS is not answered by this proxy.\n")
        self._drain()
        secret = ("proxy-authorization", "authorization", "cookie")
        fields = [f"{name}: {value}" for name, value in self._seen.headers if name.lower() not in secret]
        text = "\r\n".join([f"TRACE {self._seen.target} HTTP/{self._seen.version}", *fields, "", ""])
        self._log(HTTPStatus.OK)
        headers = [("Content-Type", "message/http"), *self._extra_headers()]
        self._peer.answer(HTTPStatus.OK, headers, text.encode("latin-1"))

    def _forward(self, request: h11.Request) -> None:
        host, port, authority, target = _split_target(self._seen.target)
        with self._upstream(host, port) as sock:
            origin = Peer(sock, h11.CLIENT)
            headers = [
                ("Host", authority),
                *(pair for pair in _end_to_end(self._seen.headers) if pair[0].lower() != "host"),
                ("Via", f"{self._seen.version} {self._proxy._via}"),
                ("Connection", "close"),
            ]
            origin.send(h11.Request(method=request.method, target=target, headers=encode_pairs(headers)))
            self._send_body(origin)
            try:
                response = origin.response()
            except (OSError, h11.RemoteProtocolError) as exc:
                raise _Refusal(HTTPStatus.BAD_GATEWAY, f"{authority} gave no usable answer.\n") from exc
            self._pass_on(origin, response)

    def _send_body(self, origin: Peer) -> None:
        """Pass the body on; an origin that has heard enough may stop listening, and its answer still counts."""
        for chunk in self._incoming:
            try:
                origin.send(h11.Data(data=chunk))
            except (BrokenPipeError, ConnectionResetError):
                self._drain()
                return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            origin.send(h11.EndOfMessage())

    def _pass_on(self, origin: Peer, response: h11.Response) -> None:
        self._log(response.status_code)
        fields = [*_end_to_end(header_pairs(response)), *self._extra_headers()]
        reason = bytes(response.reason) or reason_of(response.status_code)
        self._peer.send(h11.Response(status_code=response.status_code, headers=encode_pairs(fields), reason=reason))
        for chunk in origin.body():
            self._peer.send(h11.Data(data=chunk))
        self._peer.send(h11.EndOfMessage())


def _split_target(target: str) -> tuple[str, int, str, str]:
    parts = urlsplit(target)
    authority = parts.netloc.rpartition("@")[2]
    if parts.scheme.lower() == "https":
        raise _Refusal(HTTPStatus.NOT_IMPLEMENTED, "https goes by CONNECT.\n")
    if parts.scheme.lower() != "http" or not authority:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "A proxy needs an absolute URL.\n")
    try:
        host, port = split_host_port(authority)
    except ValueError as exc:
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"{exc}\n") from exc
    path = parts.path or "/"
    return host, port or 80, authority, f"{path}?{parts.query}" if parts.query else path


def _end_to_end(headers: HeaderPairs) -> HeaderPairs:
    """Drop what is for this hop only: the fixed names and those that Connection lists."""
    listed = {
        token.strip().lower() for name, value in headers if name.lower() == "connection" for token in value.split(",")
    }
    return tuple(pair for pair in headers if pair[0].lower() not in _HOP_BY_HOP | listed)


class SlowProxy(Proxy):
    """A proxy that works, ``delay`` seconds late with every answer."""

    def __init__(self, delay: float, **options: Any) -> None:
        super().__init__(delay=delay, **options)
