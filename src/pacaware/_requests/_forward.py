"""Plain http through an HTTP proxy: the legs of a logon around urllib3's ``request()`` and ``getresponse()``."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import selectors
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, assert_never
from urllib.parse import urlsplit

from pacaware._core.actions import Authenticate
from pacaware._core.auth import AuthController
from pacaware._core.forward import Body, Buffer, Deliver, ForwardExchange, Prime, Transmit
from pacaware._requests._connection import Routed
from pacaware._requests._failure import RouteFailed
from pacaware._requests._wiring import certificate_of

__all__ = ["ForwardConnection"]

_log: Final = logging.getLogger("pacaware")
_CHUNK: Final = 16384
_MAX_DRAIN: Final = 256 * 1024
_LOGON_REQUIRED: Final = 407
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class _Message:
    """The caller's request, as often as it has to be sent."""

    def __init__(
        self, send: Callable[..., None], method: str, url: str, body: Any, headers: Mapping[str, str], options: Any
    ) -> None:
        self._send = send
        self.method = method
        self.url = url
        self.headers = headers
        self.options = options
        self._body = body
        self._position: int | None = None
        self._sent = False

    def kind(self) -> Body:
        """Say whether the body can be sent again."""
        body = self._body
        if body is None or isinstance(body, str | list | tuple) or _is_buffer(body):
            return Body.REPLAYABLE
        try:
            self._position = body.tell()
            body.seek(self._position)
        except (AttributeError, OSError, TypeError):
            self._position = None
            return Body.ONCE
        return Body.REPLAYABLE

    def transmit(self, authorization: str | None) -> None:
        """Send it, with this Proxy-Authorization or none."""
        if self._sent and self._position is not None:
            self._body.seek(self._position)
        self._sent = True
        self._send(self.method, self.url, body=self._body, headers=self._with(authorization), **self.options)

    def read_ahead(self, limit: int) -> bool:
        """Read up to ``limit`` bytes of the body into memory; returns whether that was all of it."""
        pieces, size = [], 0
        rest = _pieces(self._body)
        for piece in rest:
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                self._body = itertools.chain(pieces, rest)
                return False
        self._body = b"".join(pieces)
        return True

    def _with(self, authorization: str | None) -> Mapping[str, str]:
        if authorization is None:
            return self.headers
        headers = dict(self.headers)
        headers["Proxy-Authorization"] = authorization
        return headers


def _pieces(body: Any) -> Iterator[bytes]:
    read = getattr(body, "read", None)
    pieces: Iterable[Any] = body if read is None else iter(lambda: read(_CHUNK), "" if _is_text(body) else b"")
    for piece in pieces:
        yield piece.encode() if isinstance(piece, str) else piece


def _is_buffer(body: Any) -> bool:
    try:
        memoryview(body)
    except TypeError:
        return False
    return True


def _is_text(body: Any) -> bool:
    return isinstance(body, io.TextIOBase)


class ForwardConnection(Routed):
    """A connection to an HTTP proxy for plain http requests; all legs of a logon stay on it."""

    # urllib3 2 keeps the timeout that holds now in ``timeout``, 1.26 only in the socket.
    _timeout_is_current = True
    # A response that came before urllib3 asked for one: the refusal of a TRACE.
    _early: Any = None
    _exchange: ForwardExchange | None = None
    _message: _Message
    _auth: AuthController
    _connect_timeout: Any = None

    def _new_conn(self) -> socket.socket:
        proxy = self._wiring.proxy
        sock = self._wiring.reach(proxy.host, proxy.port, self._deadline, self.source_address, self.socket_options)
        return self._wiring.secure(sock, self._deadline) if proxy.scheme == "https" else sock

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send a request in absolute form; log on first where its body can be sent only once."""
        self._begin(super(Routed, self).request, method, url, body, headers, options)

    def request_chunked(self, method: str, url: str, body: Any = None, headers: Any = None) -> None:
        """Do as ``request()`` with a chunked body; urllib3 1.26 asks for it by this name."""
        self._begin(super().request_chunked, method, url, body, headers, {})

    def _begin(self, send: Any, method: str, url: str, body: Any, headers: Any, options: dict[str, Any]) -> None:
        if self.sock is None:
            self.connect()
            self._auth = self._wiring.controller()
            self._auth.certificate = certificate_of(self.sock)
        else:
            self._route_stands()
        self._connect_timeout = self.timeout
        self._message = _Message(send, method, url, body, headers or {}, options)
        self._exchange = ForwardExchange(self._auth, method, url, self._message.kind())
        self._early = self._advance(self._exchange, None)

    def getresponse(self) -> Any:
        """Return the response to the request, after all legs of the logon."""
        early, self._early = self._early, None
        exchange, self._exchange = self._exchange, None
        if early is not None or exchange is None:
            return early or super().getresponse()
        read_timeout = None if self._timeout_is_current or self.sock is None else self.sock.gettimeout()
        response = super().getresponse()
        while True:
            self._report(exchange, response)
            delivered = self._advance(exchange, response)
            if delivered is not None:
                return delivered
            try:
                response = self._read_response(read_timeout)
            except ConnectionError:
                # Some proxies close after a 407 without saying so; but they may have passed the request on.
                if self._message.method not in _REPEATABLE:
                    raise
                self._reconnect(exchange)
                self._advance(exchange, None)
                response = self._read_response(read_timeout)

    def _read_response(self, timeout: float | None) -> Any:
        if not self._timeout_is_current and self.sock is not None:
            self.sock.settimeout(timeout)
        return super().getresponse()

    def _report(self, exchange: ForwardExchange, response: Any) -> None:
        # http.client closes the connection as soon as it has read that the other side will do so.
        offered = response.headers.get_all("proxy-authenticate") or () if response.status == _LOGON_REQUIRED else ()
        info = response.headers.get("proxy-authentication-info")
        exchange.responded(response.status, offered, reusable=self.sock is not None, info=info)

    def _advance(self, exchange: ForwardExchange, response: Any) -> Any:
        """Do what the exchange says; returns a response to deliver, or None when the caller's request has gone out."""
        while True:
            action = exchange.next_action()
            if isinstance(action, Transmit | Prime) and response is not None:
                self._make_way(exchange, response, reconnect=action.reconnect)
                response = None  # and ask again: on a new connection the logon may begin anew
            elif isinstance(action, Transmit):
                with contextlib.suppress(BrokenPipeError):  # the proxy may have answered before it closed
                    self._message.transmit(action.authorization)
                return None
            elif isinstance(action, Prime):
                self._prime(action.authorization)
                response = super().getresponse()
                self._report(exchange, response)
            elif isinstance(action, Buffer):
                exchange.buffered(complete=self._message.read_ahead(action.limit))
            elif isinstance(action, Authenticate):
                exchange.authenticated(self._auth.respond(action.challenges, action.method, action.target))
            elif isinstance(action, Deliver):
                if response.status == _LOGON_REQUIRED:
                    self._warn()
                return response
            else:
                assert_never(action)

    def _prime(self, authorization: str | None) -> None:
        message = self._message
        headers = {name: value for name, value in message.headers.items() if name.lower() == "host"}
        headers["Max-Forwards"] = "0"
        if authorization is not None:
            headers["Proxy-Authorization"] = authorization
        options = {name: value for name, value in message.options.items() if name != "chunked"}
        super().request("TRACE", message.url, headers=headers, **options)

    def _make_way(self, exchange: ForwardExchange, response: Any, *, reconnect: bool) -> None:
        """Read the response to its end, or take a new connection to the same proxy."""
        if not reconnect and self.sock is not None and _drained(response) and not _is_over(self.sock):
            return
        response.close()
        self._reconnect(exchange)

    def _reconnect(self, exchange: ForwardExchange) -> None:
        now, self.timeout = self.timeout, self._connect_timeout
        self.close()
        try:
            self.connect()
        except RouteFailed as exc:
            # The proxy has answered once, so this is no failure that another candidate should make good.
            raise ConnectionError(f"the proxy closed the connection during the logon, and then: {exc.reason}") from exc
        self.timeout = now
        self.sock.settimeout(now)
        self._auth.certificate = certificate_of(self.sock)
        exchange.reconnected()

    def _warn(self) -> None:
        why = (
            self._auth.failure or f"the proxy {self._wiring.proxy} asks for a logon, and the body cannot be sent again"
        )
        message = self._message
        _log.warning("407 for %s http://%s: %s", message.method, urlsplit(message.url).hostname, why)


def _is_over(sock: socket.socket) -> bool:
    """Say whether there is something to read now, which after a whole response can only be the end."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _drained(response: Any) -> bool:
    """Read the rest of a response; says whether its end was reached."""
    left = _MAX_DRAIN
    while left > 0:
        try:
            data = response.read(_CHUNK)
        except Exception:  # noqa: BLE001  # of urllib3 2, of http.client or of the socket: all mean a new connection
            return False
        if not data:
            response.close()
            return True
        left -= len(data)
    return False
