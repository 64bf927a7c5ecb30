"""The transport: chooses for each request, walks along the candidates, and speaks httpx to the program."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import httpcore
import httpx

from pacaware._auth.store import ProxyAuthArgument
from pacaware._core.failover import FailOver
from pacaware._core.route import connect_limit, route_of
from pacaware._httpx._async.pool import AsyncRoutePool
from pacaware._httpx.certificates import of_the_system
from pacaware._httpx.choice import ProxyArgument, choose
from pacaware._httpx.errors import CORE_ERRORS, RouteFailed, nothing_reached, translate
from pacaware._httpx.network import AsyncNetwork
from pacaware._httpx.routing import PoolLimits, RouteSettings, RouteURL
from pacaware._models import Decision, ProxyConfig
from pacaware._resolver import ProxyResolver
from pacaware._system.trust import trusts_system
from pacaware.errors import PacawareError

__all__ = ["AsyncPacTransport"]

_log: Final = logging.getLogger("pacaware")
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20)
_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_NOT_TRIED: Final = (httpcore.PoolTimeout, httpcore.UnsupportedProtocol)


class AsyncPacTransport(httpx.AsyncBaseTransport):
    """A transport that finds the proxy for each request: by PAC file, by settings, or the one that is given.

    At most one of ``resolver``, ``config``, ``pac_url`` and ``proxy`` (a URL or DIRECT, for everything) may be given;
    with none of them the environment decides, then the system's settings. ``proxy_auth`` is how to log on to proxies:
    a (user, password) pair, a mapping from proxies to pairs, or an object of pacaware.auth. The other arguments are
    those of httpx's own transport, with the same meaning; ``limits`` hold over all proxies together, ``retries``
    around the whole fail-over list, and ``uds`` uses no proxy. With PACAWARE_TRUST=system servers are verified with the
    operating system's certificates where ``verify`` is left alone. Raises ConfigError for what cannot be used.
    """

    def __init__(
        self,
        resolver: ProxyResolver | None = None,
        *,
        config: ProxyConfig | None = None,
        pac_url: str | None = None,
        proxy: ProxyArgument = None,
        proxy_auth: ProxyAuthArgument = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: str | tuple[str, str] | tuple[str, str, str] | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: httpx.Limits = _LIMITS,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> None:
        choice = choose(resolver, config, pac_url, proxy, proxy_auth, trust_env=trust_env)
        if trust_env and trusts_system(os.environ):
            verify = of_the_system(verify, trust_env=trust_env)
        context = httpx.create_ssl_context(verify=verify, cert=cert, trust_env=trust_env)
        self._plain: httpx.AsyncHTTPTransport | None = None
        if uds is not None:
            self._plain = httpx.AsyncHTTPTransport(
                verify=context, http1=http1, http2=http2, limits=limits, uds=uds, retries=retries
            )
        self._chooser = choice.chooser
        self._owned = choice.owned
        self._http1 = http1
        self._retries = retries
        self._has_warned = False
        self._pool = AsyncRoutePool(
            context,
            RouteSettings(
                auth=choice.auth,
                proxy_tls=choice.proxy_tls,
                proxy_headers=choice.proxy_headers,
                local_address=local_address,
                socket_options=None if socket_options is None else tuple(socket_options),
            ),
            PoolLimits(limits.max_connections, limits.max_keepalive_connections, limits.keepalive_expiry, http1, http2),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises httpx's exceptions, with pacaware's as their cause."""
        if self._plain is not None:
            return await self._plain.handle_async_request(request)
        url = str(request.url)
        decision = self._chooser.cached(url)
        if decision is None:
            if request.url.scheme not in _SCHEMES:
                raise httpx.UnsupportedProtocol(f"{request.url.scheme}:// URLs cannot be asked for", request=request)
            try:
                decision = await self._chooser.aresolve(url)
            except PacawareError as exc:
                raise httpx.ProxyError(f"no decision about a proxy: {exc}", request=request) from exc
        response, decision = await self._send(request, decision)
        extensions: dict[str, Any] = dict(response.extensions)
        extensions["pacaware"] = decision
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_ResponseStream(response.stream, request),
            extensions=extensions,
        )

    async def _send(self, request: httpx.Request, decision: Decision) -> tuple[httpcore.Response, Decision]:
        """Try the candidates in turn; go on to the next only if no byte of the request can have left.

        Returns the decision that led to the response, too: after all have failed, there may be another.
        """
        core, may_forward = self._prepare(request)
        tries = 0
        while True:
            failover = self._chooser.start(decision)
            timed_out, may_retry = True, True
            while True:
                _aim(core, request, decision, failover, may_forward=may_forward)
                try:
                    response = await self._pool.handle_async_request(core)
                except RouteFailed as exc:
                    timed_out = timed_out and exc.timed_out
                    if failover.failed(exc.reason):
                        continue
                    other = await self._chooser.areconsider(decision, failover)
                    if other is not None:
                        decision = other
                        continue
                    error = nothing_reached(exc, request, failover, timed_out=timed_out)
                    break
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                    self._chooser.connected(decision, failover)
                    error = translate(exc, request, failover)
                    break
                except CORE_ERRORS as exc:
                    if not isinstance(exc, _NOT_TRIED):
                        self._chooser.connected(decision, failover)
                    error, may_retry = translate(exc, request, failover), False
                    break
                self._chooser.connected(decision, failover)
                return response, decision
            if not may_retry or tries == self._retries:
                raise error
            # As httpx waits: not at all, then half a second, doubled each time.
            await AsyncNetwork.backend().sleep(0.5 * 2 ** (tries - 1) if tries else 0)
            tries += 1

    def _prepare(self, request: httpx.Request) -> tuple[httpcore.Request, bool]:
        """Return the request in httpcore's form, and whether a proxy may forward it."""
        headers = request.headers.raw
        names = {name.lower() for name, _ in headers}
        if b"proxy-authorization" in names:
            headers = [pair for pair in headers if pair[0].lower() != b"proxy-authorization"]
            self._warn_of_header()
        url = request.url
        target = request.extensions.get("target", url.raw_path)
        core = httpcore.Request(
            request.method,
            RouteURL(url.raw_scheme, url.raw_host, url.port, target),
            headers=headers,
            content=request.stream,
            extensions=request.extensions,
        )
        # A forwarding proxy speaks HTTP/1.1 and does not switch protocols.
        return core, core.url.scheme == b"http" and self._http1 and b"upgrade" not in names

    def _warn_of_header(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "the header Proxy-Authorization was taken out of a request, because origins and other proxies could "
                "see it there: give proxy_auth=(user, password) to the transport instead"
            )

    async def aclose(self) -> None:
        """Close all connections, and the resolver if the transport has made it."""
        if self._plain is not None:
            await self._plain.aclose()
        await self._pool.aclose()
        if self._owned is not None:
            await AsyncNetwork.call(self._owned.close, blocking=True)


def _aim(
    core: httpcore.Request, request: httpx.Request, decision: Decision, failover: FailOver, *, may_forward: bool
) -> None:
    """Point the request at the current candidate and give that its time."""
    candidate = failover.current
    route = route_of(decision, candidate)
    proxy = route.proxy
    forward = may_forward and proxy is not None and proxy.scheme in ("http", "https")
    core.url = RouteURL.by(core.url, route, forward=forward)
    timeouts = request.extensions.get("timeout", {})
    given = timeouts.get("connect")
    limit = connect_limit(given, is_last=failover.is_last)
    if limit != given:
        core.extensions = {**request.extensions, "timeout": {**timeouts, "connect": limit}}
    else:
        core.extensions = request.extensions


class _ResponseStream(httpx.AsyncByteStream):
    """A response body that raises httpx's exceptions."""

    def __init__(self, stream: Any, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except CORE_ERRORS as exc:
            raise translate(exc, self._request) from exc

    async def aclose(self) -> None:
        await self._stream.aclose()
