"""A listener on loopback that ends without leftovers, and the log that every server of this package keeps."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import sys
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import h11

from pacaware._hosts import host_for_url
from pacaware._models import ProxyServer
from pacaware.testing._names import require_loopback
from pacaware.testing._tls import server_context_for

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Connection", "Endpoint", "Log", "ProxyEndpoint", "RecordingServer", "Server"]

Entry = TypeVar("Entry")


class Log(Generic[Entry]):
    """A list that threads append to; what is read is a snapshot."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._changed = threading.Condition()

    def add(self, entry: Entry) -> None:
        """Append, and wake who waits."""
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def snapshot(self) -> tuple[Entry, ...]:
        """Everything so far, oldest first."""
        with self._changed:
            return tuple(self._entries)

    def wait(self, count: int, timeout: float) -> tuple[Entry, ...]:
        """Return the snapshot as soon as it has ``count`` entries; TimeoutError after ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._entries) >= count, timeout):
                raise TimeoutError(f"{len(self._entries)} of {count} entries came within {timeout:g} s")
            return tuple(self._entries)


class Endpoint:
    """Something with a loopback address: ``scheme``, ``host``, ``port``."""

    scheme: str = "http"
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """``host:port``, IPv6 in brackets."""
        return f"{host_for_url(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """``scheme://host:port`` without a trailing slash."""
        return f"{self.scheme}://{self.netloc}"


class ProxyEndpoint(Endpoint):
    """An address that a PAC file may name as a proxy."""

    @property
    def server(self) -> ProxyServer:
        """The address as pacaware's own value."""
        return ProxyServer(self.scheme, self.host, self.port)

    @property
    def pac_text(self) -> str:
        """The entry of a PAC result that names it, such as ``PROXY 127.0.0.1:8080``."""
        return self.server.pac_text


class Connection:
    """One accepted connection: its number (from 1), its socket (TLS already done) and the port of the other side."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.peer_port: int = sock.getpeername()[1]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The socket, if it speaks TLS."""
        return self.sock if isinstance(self.sock, ssl.SSLSocket) else None

    def send_slowly(self, data: bytes, pause: float, stop: threading.Event) -> None:
        """Send byte by byte, ``pause`` seconds between two; a stop ends it early."""
        for index in range(len(data)):
            if index and stop.wait(pause):
                return
            self.sock.sendall(data[index : index + 1])

    def reset(self) -> None:
        """Make the close that follows a TCP reset."""
        # struct linger: two ints, on Windows two shorts.
        self.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )


class Server(Endpoint, ABC):
    """A server on a free loopback port; a context manager.

    ``host`` is ``127.0.0.1`` or ``::1``. ``tls`` is True (a certificate of ``Certificates.shared()``) or an SSLContext.
    ``timeout`` bounds every wait on a socket, in seconds. On leaving, every connection is cut and every thread joined.
    """

    tls_scheme: str = "https"

    def __init__(self, *, host: str = "127.0.0.1", tls: bool | ssl.SSLContext = False, timeout: float = 30.0) -> None:
        self.host = require_loopback(host)
        self._context = server_context_for(tls)
        if self._context is not None:
            self.scheme = self.tls_scheme
        self._timeout = timeout
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._accepted = 0
        self._acceptor: threading.Thread | None = None

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._lock:
            return self._accepted

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """Listen on a free port and serve; ``with`` does this."""
        if self._acceptor is not None:
            raise RuntimeError(f"a {type(self).__name__} starts only once")
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=128)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept_loop, name=self._name)
        self._acceptor.start()
        return self

    def close(self) -> None:
        """Stop listening, cut the connections, join the threads; a second call does nothing."""
        if self._acceptor is None or self._stop.is_set():
            return
        self._stop.set()
        self._wake.send(b"x")
        self._acceptor.join(self._timeout)
        with self._lock:
            for sock in self._sockets:
                _cut(sock)
            threads = tuple(self._threads)
        until = time.monotonic() + self._timeout
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        for sock in (self._listener, self._wake, self._woken):
            sock.close()
        left = [thread.name for thread in (self._acceptor, *threads) if thread.is_alive()]
        if left:
            raise RuntimeError(f"threads of a {type(self).__name__} did not end: {', '.join(left)}")

    def _accept_loop(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stop.is_set():
                selector.select()
                # The client may have gone again between the two calls.
                with contextlib.suppress(OSError):
                    while not self._stop.is_set():
                        self._begin(self._listener.accept()[0])

    def _begin(self, sock: socket.socket) -> None:
        with self._lock:
            self._accepted += 1
            number = self._accepted
            thread = threading.Thread(target=self._run, args=(sock, number), name=f"{self._name}-{number}")
            self._threads.add(thread)
        thread.start()

    @property
    def _name(self) -> str:
        return f"{type(self).__name__}-{self.port}"

    def _run(self, sock: socket.socket, number: int) -> None:
        try:
            # What a client does wrong, a reset or a silence included, ends its connection and nothing else.
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                sock.settimeout(self._timeout)
                if self._context is not None:
                    sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                with self._tracked(sock):
                    if isinstance(sock, ssl.SSLSocket):
                        sock.do_handshake()
                    self._serve(Connection(number, sock))
                    _say_goodbye(sock)
        finally:
            sock.close()
            with self._lock:
                self._threads.discard(threading.current_thread())

    @contextlib.contextmanager
    def _tracked(self, sock: socket.socket) -> Iterator[socket.socket]:
        """Have ``sock`` cut when the server closes, and closed when the block ends."""
        try:
            with self._lock:
                if self._stop.is_set():
                    raise ConnectionAbortedError("the server is closing")
                self._sockets.add(sock)
            yield sock
        finally:
            with self._lock:
                self._sockets.discard(sock)
            sock.close()

    def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        if seconds > 0 and self._stop.wait(seconds):
            raise ConnectionAbortedError("the server is closing")

    @abstractmethod
    def _serve(self, connection: Connection) -> None:
        """Answer on one connection, in a thread of its own; returning closes it."""


class RecordingServer(Server, Generic[Entry]):
    """A server that logs each request before the head of its answer leaves: who has the answer finds it complete."""

    def __init__(self, *, host: str = "127.0.0.1", tls: bool | ssl.SSLContext = False, timeout: float = 30.0) -> None:
        super().__init__(host=host, tls=tls, timeout=timeout)
        self._log = Log[Entry]()

    @property
    def requests(self) -> tuple[Entry, ...]:
        """Everything logged so far, oldest first."""
        return self._log.snapshot()

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> tuple[Entry, ...]:
        """Return ``requests`` as soon as it has ``count`` entries; TimeoutError after ``timeout`` seconds."""
        return self._log.wait(count, timeout)


def _cut(sock: socket.socket) -> None:
    """Wake whoever waits on ``sock``; SSLSocket's own shutdown() would pull the TLS state from under that thread."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _say_goodbye(sock: socket.socket) -> None:
    """End our side in order, then drop what is unread: closing with unread input would be a reset."""
    with contextlib.suppress(OSError, ValueError):
        sock.settimeout(0)
        if isinstance(sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                sock.unwrap()
        socket.socket.shutdown(sock, socket.SHUT_WR)
        while socket.socket.recv(sock, 65536):
            pass
