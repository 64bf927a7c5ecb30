"""Proxies that fail, each in one way."""

from __future__ import annotations

import contextlib
import errno
import socket
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pacaware.testing._base import Connection, Log, ProxyEndpoint, RecordingServer, Server
from pacaware.testing._http import Body, Peer, converse
from pacaware.testing._names import require_loopback
from pacaware.testing._proxy import SeenProxyRequest, seen_by_proxy

if TYPE_CHECKING:
    import ssl

    import h11

__all__ = [
    "BlackHole",
    "ClosingProxy",
    "DeadProxy",
    "GarbageProxy",
    "HalfAnswerProxy",
    "HugeHeadersProxy",
    "RefusingProxy",
    "SilentProxy",
    "dead_port",
]


class DeadProxy(ProxyEndpoint):
    """An address where nobody listens, held so that nobody else can: every connection is refused at once."""

    def __init__(self, *, scheme: str = "http", host: str = "127.0.0.1") -> None:
        self.scheme = scheme
        self.host = require_loopback(host)

    def __enter__(self) -> Self:
        self._socket = _bound(self.host)
        self.port = self._socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@contextlib.contextmanager
def dead_port(host: str = "127.0.0.1") -> Iterator[int]:
    """Yield the port of a DeadProxy."""
    with DeadProxy(host=host) as dead:
        yield dead.port


class BlackHole(ProxyEndpoint):
    """An address that never answers.

    With ``connects`` the connection comes about (the kernel's doing) and nobody ever reads. Without, connecting itself
    hangs, as to an address that a firewall drops: the backlog is full. Only Linux drops what is over the backlog;
    elsewhere that raises OSError.
    """

    def __init__(self, *, connects: bool = True, scheme: str = "http", host: str = "127.0.0.1") -> None:
        self.scheme = scheme
        self.host = require_loopback(host)
        self._connects = connects
        self._fillers: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._socket = _bound(self.host)
        self.port = self._socket.getsockname()[1]
        self._socket.listen(128 if self._connects else 0)
        if not self._connects:
            try:
                self._fill()
            except BaseException:
                self.__exit__()
                raise
        return self

    def _fill(self) -> None:
        for _ in range(16):
            filler = socket.socket(self._socket.family)
            self._fillers.append(filler)
            filler.settimeout(0.2)
            try:
                filler.connect((self.host, self.port))
            except TimeoutError:
                return
        raise OSError(errno.ENOTSUP, "this system does not drop connections over the backlog")

    def __exit__(self, *_: object) -> None:
        for sock in (*self._fillers, self._socket):
            sock.close()


def _bound(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.bind((host, 0))
    return sock


class SilentProxy(ProxyEndpoint, Server):
    """Accepts, reads whatever comes, never says a byte; ``received`` is what came, all connections together."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._log = Log[bytes]()

    @property
    def received(self) -> bytes:
        """Everything read so far."""
        return b"".join(self._log.snapshot())

    def wait_for_data(self, timeout: float = 5.0) -> bytes:
        """Return ``received`` as soon as there is any; TimeoutError after ``timeout`` seconds."""
        self._log.wait(1, timeout)
        return self.received

    def _serve(self, connection: Connection) -> None:
        while data := connection.sock.recv(65536):
            self._log.add(data)


class _Exchange(NamedTuple):
    """One request and what it can be answered with."""

    connection: Connection
    peer: Peer
    seen: SeenProxyRequest


class _Misbehaving(ProxyEndpoint, RecordingServer[SeenProxyRequest]):
    """Reads each request to its end, logs it, and does what the subclass does."""

    _status: int | None = None

    def __init__(self, *, tls: bool | ssl.SSLContext = False, host: str = "127.0.0.1", timeout: float = 30.0) -> None:
        super().__init__(host=host, tls=tls, timeout=timeout)

    def _serve(self, connection: Connection) -> None:
        converse(connection, lambda peer, request: self._handle(connection, peer, request))

    def _handle(self, connection: Connection, peer: Peer, request: h11.Request) -> None:
        body = Body()
        body.drain(peer.body())
        seen = replace(
            seen_by_proxy(connection.number, request),
            body_length=body.length,
            body_sha256=body.sha256,
            status=self._status,
        )
        self._log.add(seen)
        self._answer(_Exchange(connection, peer, seen))

    @abstractmethod
    def _answer(self, exchange: _Exchange) -> None:
        """Misbehave; where ``peer`` has not answered, the connection is closed after it."""


class ClosingProxy(_Misbehaving):
    """Swallows each request whole and closes without an answer; with ``reset`` the close is a TCP reset."""

    def __init__(self, *, reset: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._reset = reset

    def _answer(self, exchange: _Exchange) -> None:
        if self._reset:
            exchange.connection.reset()
            exchange.connection.sock.close()


class GarbageProxy(_Misbehaving):
    """Answers each request with ``data``, which is no HTTP, and closes."""

    def __init__(self, data: bytes = b"\x00\xffthis is not HTTP\r\n\r\n", **options: Any) -> None:
        super().__init__(**options)
        self._data = data

    def _answer(self, exchange: _Exchange) -> None:
        exchange.connection.sock.sendall(self._data)


class HalfAnswerProxy(_Misbehaving):
    """Answers CONNECT with half a head and anything else with half a body, and closes."""

    def _answer(self, exchange: _Exchange) -> None:
        half = b"HTTP/1.1 200 Conn"
        if exchange.seen.method != "CONNECT":
            half = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf of it"
        exchange.connection.sock.sendall(half)


class HugeHeadersProxy(_Misbehaving):
    """Answers each request with a head of at least ``size`` bytes, and closes."""

    def __init__(self, size: int = 10_000_000, **options: Any) -> None:
        super().__init__(**options)
        self._size = size

    def _answer(self, exchange: _Exchange) -> None:
        line = b"X-Padding: " + b"x" * 1000 + b"\r\n"
        exchange.connection.sock.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(self._size // len(line) + 1):
            exchange.connection.sock.sendall(line)
        exchange.connection.sock.sendall(b"Content-Length: 0\r\n\r\n")


class RefusingProxy(_Misbehaving):
    """Answers every request, CONNECT and forward, with one status, such as 403 or 503."""

    def __init__(
        self,
        status: int = 403,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"The proxy does not allow this.\n",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._status = status
        self._headers = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
        self._text = body

    def _answer(self, exchange: _Exchange) -> None:
        head = exchange.seen.method == "HEAD"
        exchange.peer.answer(self._status or 403, self._headers, self._text, head=head)
