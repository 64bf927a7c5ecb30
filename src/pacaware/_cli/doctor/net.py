"""Looking at a server from outside: its name, its port, and the first thing it says. Nothing is decided here."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import h11

from pacaware._deadline import Deadline
from pacaware._requests._dial import dial

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacaware._models import ProxyServer

__all__ = [
    "Head",
    "Heard",
    "Looked",
    "Stream",
    "Trouble",
    "ask",
    "ask_once",
    "knock",
    "look_up",
    "open_to",
    "read_head",
    "trouble",
]

_LONGEST_HEAD: Final = 65_536
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


class Stream(Protocol):
    """What is asked of a connection: a socket, or TLS inside one."""

    def settimeout(self, seconds: float | None, /) -> None:
        """Bound the next operation."""

    def sendall(self, data: bytes, /) -> None:
        """Send it all."""

    def recv(self, size: int, /) -> bytes:
        """Return what comes next, nothing at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong: refused, silent, unreachable, name, certificate, not-tls, closed or other."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """The addresses of a name, or the trouble with it."""

    addresses: tuple[str, ...] = ()
    trouble: Trouble | None = None
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer, field names in lower case, and the first bytes behind it."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    rest: bytes = b""

    def get(self, name: str) -> str:
        """Return the first value of a field, or an empty text."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return tuple(value for key, value in self.headers if key == name)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a server said to a request: a head, or why there is none."""

    head: Head | None = None
    trouble: Trouble | None = None
    raw: bytes = b""
    ms: float = 0.0


def trouble(exc: Exception) -> Trouble:
    """Sort an exception of a socket into the kinds that a person can do something about."""
    detail = str(exc) or type(exc).__name__
    if isinstance(exc, ssl.SSLCertVerificationError):
        # Errors that are made in Python, as on macOS, may lack what OpenSSL's have.
        return Trouble("certificate", getattr(exc, "verify_message", "") or detail)
    if isinstance(exc, ssl.SSLError):
        # Whoever speaks no TLS answers with anything else, or not at all.
        return Trouble("not-tls", getattr(exc, "reason", "") or detail)
    if isinstance(exc, socket.gaierror | UnicodeError):
        return Trouble("name", detail)
    if isinstance(exc, TimeoutError):
        return Trouble("silent", detail)
    if isinstance(exc, ConnectionRefusedError):
        return Trouble("refused", detail)
    if isinstance(exc, ConnectionError):
        return Trouble("closed", detail)
    if isinstance(exc, OSError) and exc.errno in _UNREACHABLE:
        return Trouble("unreachable", detail)
    return Trouble("other", detail)


def look_up(host: str, seconds: float) -> Looked:
    """Ask the system for the addresses of a name, for at most so many seconds."""
    started = time.perf_counter()
    answer: list[Looked] = []

    def ask_system() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            answer.append(Looked(trouble=trouble(exc)))
        else:
            answer.append(Looked(tuple(dict.fromkeys(str(entry[4][0]) for entry in found))))

    thread = threading.Thread(target=ask_system, name="pacaware-lookup", daemon=True)
    thread.start()
    thread.join(seconds)
    looked = answer[0] if answer else Looked(trouble=Trouble("silent", f"no answer within {seconds:g} s"))
    return Looked(looked.addresses, looked.trouble, (time.perf_counter() - started) * 1000)


def knock(host: str, port: int, seconds: float) -> Heard:
    """Connect and hang up again; ``trouble`` is None where somebody listens."""
    started = time.perf_counter()
    failed = None
    try:
        dial(host, port, Deadline(seconds)).close()
    except (OSError, UnicodeError) as exc:
        failed = trouble(exc)
    return Heard(trouble=failed, ms=(time.perf_counter() - started) * 1000)


def open_to(server: ProxyServer, context: Callable[[], ssl.SSLContext], deadline: Deadline) -> socket.socket:
    """Connect to a proxy, by TLS where its scheme says so; raises OSError."""
    sock = dial(server.host, server.port, deadline)
    if server.scheme != "https":
        return sock
    try:
        deadline.bound(sock)
        return context().wrap_socket(sock, server_hostname=server.host)
    except BaseException:
        sock.close()
        raise


def ask(sock: Stream, request: bytes, deadline: Deadline, *, connect: bool = False) -> Heard:
    """Send a request and read the head of the answer to it."""
    started = time.perf_counter()
    raw = b""
    try:
        sock.settimeout(deadline.left())
        sock.sendall(request)
    except TimeoutError as exc:
        return Heard(trouble=trouble(exc))
    except OSError:
        pass  # what it said before it closed is still to be read
    failed: Trouble | None = None
    while failed is None and b"\r\n\r\n" not in raw and b"\n\n" not in raw and len(raw) < _LONGEST_HEAD:
        try:
            sock.settimeout(deadline.left())
            piece = sock.recv(16384)
        except OSError as exc:
            failed = trouble(exc)
        else:
            raw += piece
            failed = None if piece else Trouble("closed", "it closed the connection")
    head = read_head(raw, connect=connect)
    if head is None and failed is None:
        failed = Trouble("garbage", repr(raw[:40]))
    return Heard(head, None if head else failed, raw[:_LONGEST_HEAD], (time.perf_counter() - started) * 1000)


def ask_once(server: ProxyServer, request: bytes, context: Callable[[], ssl.SSLContext], seconds: float) -> Heard:
    """Open a connection to a proxy for one question."""
    deadline = Deadline(seconds)
    try:
        with open_to(server, context, deadline) as sock:
            return ask(sock, request, deadline)
    except (OSError, UnicodeError) as exc:
        return Heard(trouble=trouble(exc))


def read_head(raw: bytes, *, connect: bool = False) -> Head | None:
    """Return the head of the final answer in these bytes, or None where they hold no HTTP."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
    http.send(
        h11.Request(method="CONNECT" if connect else "GET", target="a:1" if connect else "/", headers=[("Host", "a")])
    )
    http.send(h11.EndOfMessage())
    try:
        http.receive_data(raw)
        event = http.next_event()
        while isinstance(event, h11.InformationalResponse):
            event = http.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Response):
        return None
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    end = raw.find(b"\r\n\r\n")
    rest = raw[end + 4 :] if end >= 0 else b""
    return Head(event.status_code, event.reason.decode("latin-1") if event.reason else "", headers, rest)
