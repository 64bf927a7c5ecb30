"""Plain http through a proxy: one connection to the proxy that takes absolute-form requests, with 407 legs."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, Final, assert_never

import httpcore

from pacaware._core.actions import Authenticate
from pacaware._core.auth import AuthController
from pacaware._core.forward import Body, Buffer, Deliver, ForwardExchange, Prime, Transmit
from pacaware._httpx._async.backend import AsyncRouteBackend, respond
from pacaware._httpx._async.body import body_of, read_ahead
from pacaware._httpx.errors import RouteFailed
from pacaware._httpx.network import AsyncNetwork
from pacaware._httpx.routing import RouteOrigin, RouteSettings, absolute_target, certificate_of

__all__ = ["AsyncForwardConnection"]

_log: Final = logging.getLogger("pacaware")
_MAX_DRAINED: Final = 256 * 1024
_IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_BROKEN: Final = (httpcore.NetworkError, httpcore.ProtocolError)


class AsyncForwardConnection(httpcore.AsyncConnectionInterface):
    """One connection to an HTTP proxy, for the http origins of one route.

    Between two legs of a logon the connection underneath is idle. The lock keeps the pool, and other tasks and threads,
    from using it then; it is never waited for.
    """

    def __init__(
        self,
        origin: RouteOrigin,
        settings: RouteSettings,
        keepalive_expiry: float | None,
        pool: httpcore.AsyncConnectionPool,
    ) -> None:
        proxy = origin.route.proxy
        assert proxy is not None
        self._route = origin.route
        self._settings = settings
        self._backend = AsyncRouteBackend(origin.route, settings)
        self._auth: AuthController = settings.auth.controller(proxy, origin.route.trust)
        self._proxy_origin = httpcore.Origin(b"http", proxy.host.encode("ascii"), proxy.port)
        self._keepalive_expiry = keepalive_expiry
        self._pool = pool
        self._connection: httpcore.AsyncHTTP11Connection | None = None
        self._used = False
        self._retired = False
        self._busy = threading.Lock()

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send one request and return the response; raises RouteFailed if the proxy cannot be reached."""
        if not self._busy.acquire(blocking=False):
            raise httpcore.ConnectionNotAvailable
        try:
            self._used = True
            response = await self._exchange(await self._usable(request), request)
        except httpcore.ConnectionNotAvailable:
            raise
        except BaseException:
            self._auth.abandon()
            await self._end()
            raise
        finally:
            self._busy.release()
        if self._retired:
            response.stream = _LastBody(response.stream, self)
        return response

    async def _usable(self, request: httpcore.Request) -> httpcore.AsyncHTTP11Connection:
        # A pool may promise an idle connection to one request and make room for another by closing it.
        if self._retired or self not in self._pool.connections:
            raise httpcore.ConnectionNotAvailable
        if self._connection is None:
            return await self._open(request)
        if not self._connection.is_available():
            raise httpcore.ConnectionNotAvailable
        return self._connection

    async def _open(self, request: httpcore.Request) -> httpcore.AsyncHTTP11Connection:
        timeout = request.extensions.get("timeout", {}).get("connect")
        place = {"host": self._proxy_origin.host.decode("ascii"), "port": self._proxy_origin.port, "timeout": timeout}
        await _trace(request, "connect_tcp.started", place)
        try:
            stream = await self._backend.connect_proxy(timeout)
        except RouteFailed as exc:
            await _trace(request, "connect_tcp.failed", {"exception": exc})
            raise
        self._auth.certificate = certificate_of(stream)
        self._connection = httpcore.AsyncHTTP11Connection(self._proxy_origin, stream, self._keepalive_expiry)
        await _trace(request, "connect_tcp.complete", {"return_value": stream})
        return self._connection

    async def _exchange(
        self, connection: httpcore.AsyncHTTP11Connection, request: httpcore.Request
    ) -> httpcore.Response:
        target = absolute_target(request.url)
        machine = ForwardExchange(self._auth, request.method.decode("ascii"), target.decode("ascii"), body_of(request))
        pending: httpcore.Response | None = None
        challenged = False  # the connection has carried a 407, so the proxy may close it at any time
        while True:
            action = machine.next_action()
            match action:
                case Transmit() | Prime():
                    if pending is not None:
                        await _drain(pending)
                        pending, challenged = None, True
                        if action.reconnect or connection.is_closed() or connection.has_expired():
                            await connection.aclose()
                            connection, challenged = await self._open(request), False
                            machine.reconnected()
                            continue
                    leg = self._leg(request, target, action)
                    try:
                        pending = await connection.handle_async_request(leg)
                    except _BROKEN as exc:
                        if not challenged or request.method not in _IDEMPOTENT or body_of(request) is Body.ONCE:
                            raise
                        connection, challenged = await self._open_again(request, exc), False
                        machine.reconnected()
                        continue
                    machine.responded(
                        pending.status, _challenges(pending), reusable=_stays_open(pending), info=_info(pending)
                    )
                case Buffer():
                    machine.buffered(complete=await read_ahead(request, action.limit))
                case Authenticate():
                    machine.authenticated(await respond(self._auth, action))
                case Deliver():
                    assert pending is not None
                    if pending.status == 407:
                        self._warn(request)
                    return pending
                case _:
                    assert_never(action)

    async def _open_again(self, request: httpcore.Request, broken: Exception) -> httpcore.AsyncHTTP11Connection:
        """Return a new connection after ``broken``, which is what counts if that fails: a request was under way."""
        try:
            return await self._open(request)
        except RouteFailed:
            raise broken from None

    def _leg(self, request: httpcore.Request, target: bytes, action: Transmit | Prime) -> httpcore.Request:
        method, headers = request.method, list(request.headers)
        content: Any = request.stream
        if isinstance(action, Prime):
            method, content = b"TRACE", b""
            headers = [pair for pair in headers if pair[0].lower() in (b"host", b"user-agent")]
            headers.append((b"Max-Forwards", b"0"))
        headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in self._settings.proxy_headers]
        if action.authorization is not None:
            headers.append((b"Proxy-Authorization", action.authorization.encode("latin-1")))
        origin = self._proxy_origin
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target)
        extensions = request.extensions
        if "target" in extensions:  # it is part of the absolute target already
            extensions = {name: value for name, value in extensions.items() if name != "target"}
        return httpcore.Request(method, url, headers=headers, content=content, extensions=extensions)

    def _warn(self, request: httpcore.Request) -> None:
        why = self._auth.failure or f"the proxy {self._auth.proxy} refused us, and the body cannot be sent twice"
        _log.warning("407 for %s http://%s: %s", request.method.decode("ascii"), request.url.host.decode("ascii"), why)

    # What the pool asks

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        """Any http origin that is forwarded by the same route."""
        return isinstance(origin, RouteOrigin) and origin.forward and origin.route == self._route

    def is_connected(self) -> bool:
        """Say whether there is a connection (httpcore 2 asks this)."""
        return self._connection is not None and not self.is_closed()

    def is_available(self) -> bool:
        """Say whether a request may be sent now."""
        return self._connection is not None and not self._busy.locked() and self._connection.is_available()

    def has_expired(self) -> bool:
        """Say whether the connection was idle for too long, or closed by the proxy."""
        return self._connection is not None and not self._busy.locked() and self._connection.has_expired()

    def is_idle(self) -> bool:
        """Say whether the connection is open and unused."""
        return self._connection is not None and not self._busy.locked() and self._connection.is_idle()

    def is_closed(self) -> bool:
        """Say whether the connection is of no more use."""
        if self._busy.locked():
            return False
        return self._used if self._connection is None else self._connection.is_closed()

    async def aclose(self) -> None:
        """Close the connection; if a request has just begun on it, when that has its response."""
        self._retired = True
        if not self._busy.acquire(blocking=False):
            return
        try:
            await self._end()
        finally:
            self._busy.release()

    async def _end(self) -> None:
        if self._connection is not None:
            with AsyncNetwork.shield():
                await self._connection.aclose()

    def info(self) -> str:
        """Describe the connection as httpcore's own do."""
        return "CONNECTING" if self._connection is None else self._connection.info()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.info()}]>"


class _LastBody:
    """The body of the last response on a connection that the pool has given up."""

    def __init__(self, stream: Any, connection: AsyncForwardConnection) -> None:
        self._stream = stream
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        await self._connection.aclose()


async def _drain(response: httpcore.Response) -> None:
    """Read a response to its end, so that the connection can be used again; a long or broken one is cut off."""
    size = 0
    assert isinstance(response.stream, AsyncIterable)
    try:
        async for chunk in response.stream:
            size += len(chunk)
            if size > _MAX_DRAINED:
                break
    except _BROKEN:
        """The connection is closed then, and the caller looks at that."""
    finally:
        await response.aclose()


def _challenges(response: httpcore.Response) -> Iterable[str]:
    if response.status != 407:
        return ()
    return [value.decode("latin-1") for name, value in response.headers if name.lower() == b"proxy-authenticate"]


def _info(response: httpcore.Response) -> str | None:
    """Return the value of Proxy-Authentication-Info (RFC 9110, section 11.7.3)."""
    values = (value for name, value in response.headers if name.lower() == b"proxy-authentication-info")
    return next((value.decode("latin-1") for value in values), None)


def _stays_open(response: httpcore.Response) -> bool:
    """Say whether the connection can carry another request after this response (RFC 9112, section 9.3)."""
    if response.status != 407:
        return True  # nobody asks
    tokens = {
        token.strip().lower()
        for name, value in response.headers
        if name.lower() in (b"connection", b"proxy-connection")
        for token in value.split(b",")
    }
    if b"close" in tokens:
        return False
    return response.extensions.get("http_version") != b"HTTP/1.0"


async def _trace(request: httpcore.Request, name: str, info: dict[str, Any]) -> None:
    trace = request.extensions.get("trace")
    if trace is not None:
        await trace(f"connection.{name}", info)
