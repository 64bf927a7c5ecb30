"""From nothing to a connection that leads to the origin: dial, TLS to the proxy, CONNECT or SOCKS."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, NoReturn, TypeAlias, assert_never

import httpcore

from pacaware._core.actions import Authenticate, Established, Receive, Reconnect, Refused, RouteBroken, Send
from pacaware._core.auth import AuthController
from pacaware._core.connect import ConnectHandshake
from pacaware._core.route import Route
from pacaware._core.socks import Socks4Handshake, Socks5Handshake
from pacaware._httpx.errors import RouteFailed, TunnelRefused, reason_of
from pacaware._httpx.network import AsyncNetwork
from pacaware._httpx.routing import Deadline, RouteSettings, certificate_of, without_zone
from pacaware._models import ProxyServer
from pacaware.errors import PacawareError

__all__ = ["AsyncRouteBackend", "respond"]

_Socks: TypeAlias = Socks4Handshake | Socks5Handshake


class AsyncRouteBackend(httpcore.AsyncNetworkBackend):
    """Connects by one route: what ``connect_tcp`` returns already leads to the origin.

    Everything that happens before that is one deadline's business. Raises RouteFailed or TunnelRefused.
    """

    def __init__(self, route: Route, settings: RouteSettings) -> None:
        self._route = route
        self._settings = settings

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to ``host:port`` by way of the route; where it starts from is in the settings."""
        deadline = Deadline(timeout)
        proxy = self._route.proxy
        if proxy is None:
            return _RouteStream(await self._dial(host.replace("%25", "%", 1), port, deadline))
        host = without_zone(host)
        controller = None
        machine: ConnectHandshake | _Socks
        try:
            if proxy.scheme in ("http", "https"):
                controller = self._settings.auth.controller(proxy, self._route.trust)
                machine = ConnectHandshake(host, port, controller, self._settings.proxy_headers)
            else:
                machine = await self._socks(proxy, host, port, deadline)
        except PacawareError as exc:  # some are ValueErrors too
            raise TunnelRefused(f"no logon to the proxy {proxy}: {exc}", exc) from exc
        except ValueError as exc:
            raise httpcore.LocalProtocolError(str(exc)) from exc
        except RouteBroken as exc:
            raise RouteFailed(str(exc)) from exc
        return _RouteStream(await self._shake_hands(proxy, machine, controller, deadline))

    async def connect_proxy(self, timeout: float | None) -> httpcore.AsyncNetworkStream:
        """Return a connection to the proxy itself, with TLS where that is its scheme."""
        proxy = self._route.proxy
        assert proxy is not None
        return await self._reach(proxy, Deadline(timeout))

    async def _socks(self, proxy: ProxyServer, host: str, port: int, deadline: Deadline) -> _Socks:
        auth = self._settings.auth
        try:
            arguments = proxy, host, port, self._route.trust
            return await AsyncNetwork.call(
                auth.socks_handshake, *arguments, blocking=auth.blocking, seconds=deadline.left()
            )
        except httpcore.ConnectTimeout as exc:
            raise RouteFailed("its credentials were not found in time", timed_out=True) from exc

    async def _dial(self, host: str, port: int, deadline: Deadline) -> httpcore.AsyncNetworkStream:
        settings = self._settings
        try:
            return await AsyncNetwork.dial(host, port, deadline, settings.local_address, settings.socket_options)
        except httpcore.ConnectTimeout as exc:
            raise RouteFailed(_late("no connection", deadline), timed_out=True) from exc
        except httpcore.ConnectError as exc:
            raise RouteFailed(reason_of(exc)) from exc

    async def _reach(self, proxy: ProxyServer, deadline: Deadline) -> httpcore.AsyncNetworkStream:
        stream = await self._dial(proxy.host, proxy.port, deadline)
        if proxy.scheme != "https":
            return stream
        try:
            # Loading the system's certificates takes long enough to be kept off an event loop.
            context = await AsyncNetwork.call(self._settings.proxy_tls, blocking=True, seconds=deadline.left())
            return await _RouteStream(stream).start_tls(context, proxy.host, deadline.left())
        except httpcore.ConnectTimeout as exc:
            await _discard(stream)
            raise RouteFailed(_late("connected, but no TLS", deadline), timed_out=True) from exc
        except httpcore.ConnectError as exc:
            raise RouteFailed(f"no TLS with it: {reason_of(exc)}") from exc
        except BaseException:
            await _discard(stream)
            raise

    async def _shake_hands(
        self,
        proxy: ProxyServer,
        machine: ConnectHandshake | _Socks,
        controller: AuthController | None,
        deadline: Deadline,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._reach(proxy, deadline)
        try:
            if controller is not None:
                controller.certificate = certificate_of(stream)
            while True:
                action = machine.next_action()
                match action:
                    case Send():
                        await _send(stream, action.data, deadline)
                    case Receive():
                        machine.feed(await _receive(stream, deadline))
                    case Authenticate():
                        assert isinstance(machine, ConnectHandshake)
                        assert controller is not None
                        machine.authenticated(await respond(controller, action, deadline.left()))
                    case Reconnect():
                        assert isinstance(machine, ConnectHandshake)
                        await stream.aclose()
                        stream = await self._reach(proxy, deadline)
                        assert controller is not None
                        controller.certificate = certificate_of(stream)
                        machine.reconnected()
                    case Established():
                        return stream
                    case Refused():
                        _refuse(proxy, action)
                    case _:
                        assert_never(action)
        except BaseException as exc:
            if controller is not None:
                controller.abandon()
            await _discard(stream)
            if isinstance(exc, RouteBroken):
                raise RouteFailed(str(exc)) from exc
            if isinstance(exc, httpcore.TimeoutException):
                raise RouteFailed(_late("connected, but no answer", deadline), timed_out=True) from exc
            if isinstance(exc, ValueError):
                raise httpcore.LocalProtocolError(str(exc)) from exc
            raise


async def respond(controller: AuthController, action: Authenticate, seconds: float | None = None) -> str | None:
    """Answer a challenge, off the event loop if that may take time; raises TunnelRefused if that fails."""
    arguments = action.challenges, action.method, action.target
    try:
        return await AsyncNetwork.call(controller.respond, *arguments, blocking=controller.blocking, seconds=seconds)
    except PacawareError as exc:
        raise TunnelRefused(f"no logon to the proxy {controller.proxy}: {exc}", exc) from exc


async def _send(stream: httpcore.AsyncNetworkStream, data: bytes, deadline: Deadline) -> None:
    try:
        await stream.write(data, deadline.left())
    except httpcore.WriteError:
        """What the proxy said before it closed is still to be read."""


async def _receive(stream: httpcore.AsyncNetworkStream, deadline: Deadline) -> bytes:
    try:
        return await stream.read(65536, deadline.left())
    except httpcore.ReadError:
        return b""  # to the handshake a reset is a close


async def _discard(stream: httpcore.AsyncNetworkStream) -> None:
    with AsyncNetwork.shield():
        await stream.aclose()


def _late(what: str, deadline: Deadline) -> str:
    return f"{what} within {deadline.seconds:g} s" if deadline.seconds is not None else f"{what} in time"


def _refuse(proxy: ProxyServer, refused: Refused) -> NoReturn:
    said = f"{refused.status} {refused.reason}".strip() if refused.status else refused.reason
    why = f": {refused.error}" if refused.error is not None else f" (the answer of the proxy {proxy})"
    raise TunnelRefused(f"{said}{why}", refused.error)


class _RouteStream(httpcore.AsyncNetworkStream):
    """A connection that is closed even if it is abandoned while TLS begins."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await _discard(self._stream)
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
