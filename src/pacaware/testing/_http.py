"""HTTP/1.1 on a blocking socket by h11, and the record of a request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

import h11

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

    from pacaware.testing._base import Connection

__all__ = ["Body", "HeaderPairs", "Peer", "SeenRequest", "converse", "header_pairs"]

HeaderPairs: TypeAlias = tuple[tuple[str, str], ...]
_LONGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as a server saw it; ``connection`` counts the server's connections from 1.

    ``target`` is the request target as sent, ``headers`` every field in order and in the spelling of the client,
    ``status`` the answer (None: there was none). A repr leaves the headers out, for they may hold credentials.
    """

    connection: int
    method: str
    target: str
    version: str
    headers: HeaderPairs = field(repr=False)
    body_length: int = 0
    body_sha256: str = field(default="", repr=False)
    status: int | None = None

    def header(self, name: str) -> str | None:
        """Return the first value of a field, None where it is missing."""
        return next(iter(self.all_headers(name)), None)

    def all_headers(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, in order."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(slots=True)
class Body:
    """Counts and hashes a body that flows by."""

    length: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """The hexadecimal digest so far."""
        return self._hash.hexdigest()

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the chunks on."""
        for chunk in chunks:
            self.length += len(chunk)
            self._hash.update(chunk)
            yield chunk

    def drain(self, chunks: Iterable[bytes]) -> None:
        """Read to the end."""
        for _ in self.count(chunks):
            pass


class Peer:
    """One side of an HTTP/1.1 conversation; ``http10`` writes answers as an HTTP/1.0 server does."""

    def __init__(self, sock: socket.socket, role: type[h11.CLIENT | h11.SERVER], *, http10: bool = False) -> None:
        self.sock = sock
        self._h11 = h11.Connection(role, max_incomplete_event_size=_LONGEST_HEAD)
        self._http10 = http10

    def next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        """Return what the other side says next, reading as needed."""
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(self.sock.recv(65536))
        return event

    def body(self) -> Iterator[bytes]:
        """Yield the body's pieces as they come, to its end."""
        while isinstance(event := self.next_event(), h11.Data):
            yield bytes(event.data)

    def response(self) -> h11.Response:
        """Return the head of the final answer; interim ones are skipped."""
        while isinstance(event := self.next_event(), h11.InformationalResponse):
            pass
        assert isinstance(event, h11.Response)  # a close in place of it is h11's RemoteProtocolError
        return event

    @property
    def may_answer(self) -> bool:
        """Whether a server can still begin an answer."""
        return self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for ``100 Continue``."""
        return self._h11.they_are_waiting_for_100_continue

    def send(self, event: h11.Event) -> None:
        """Write one event."""
        if self._http10 and isinstance(event, h11.Response):
            event = h11.Response(
                status_code=event.status_code,
                headers=[*event.headers.raw_items(), (b"Connection", b"close")],
                reason=event.reason,
            )
        data = self._h11.send(event)
        if data:
            if self._http10 and isinstance(event, h11.Response):
                data = data.replace(b"HTTP/1.1 ", b"HTTP/1.0 ", 1)
            self.sock.sendall(data)

    def answer(
        self, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", *, head: bool = False
    ) -> None:
        """Send a whole response; ``head`` leaves the body out and says its length all the same."""
        fields = [*headers]
        if status >= HTTPStatus.OK and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            fields.append(("Content-Length", str(len(body))))
        else:
            body = b""
        self.send(h11.Response(status_code=status, headers=encode_pairs(fields), reason=reason_of(status)))
        if body and not head:
            self.send(h11.Data(data=body))
        self.send(h11.EndOfMessage())

    def switched(self) -> bytes:
        """Return what had already arrived behind the head when the protocol changed."""
        return self._h11.trailing_data[0]

    def next_cycle(self) -> bool:
        """Make ready for the next request; False where the connection has to end."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True


def converse(connection: Connection, handle: Callable[[Peer, h11.Request], None], *, http10: bool = False) -> None:
    """Hand each request of a connection to ``handle`` until one side ends it; what is no request gets 400."""
    peer = Peer(connection.sock, h11.SERVER, http10=http10)
    try:
        while isinstance(request := peer.next_event(), h11.Request):
            handle(peer, request)
            if not peer.next_cycle():
                return
    except h11.RemoteProtocolError as exc:
        if peer.may_answer:
            peer.answer(HTTPStatus.BAD_REQUEST, [("Connection", "close")], f"{exc}\n".encode())


def header_pairs(message: h11.Request | h11.Response) -> HeaderPairs:
    """Return the fields as text, in the sender's spelling."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.raw_items())


def encode_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return the fields as h11 takes them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def reason_of(status: int) -> bytes:
    """Return the usual reason phrase, or nothing for an unknown status."""
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
