"""One pool for all routes, so that limits hold over all of them together."""

from __future__ import annotations

import ssl

import httpcore

from pacaware._httpx._async.backend import AsyncRouteBackend
from pacaware._httpx._async.forward import AsyncForwardConnection
from pacaware._httpx.routing import PoolLimits, RouteOrigin, RouteSettings

__all__ = ["AsyncRoutePool"]


class AsyncRoutePool(httpcore.AsyncConnectionPool):
    """httpcore's pool, for RouteURLs: each connection belongs to an origin and a route."""

    def __init__(self, ssl_context: ssl.SSLContext, settings: RouteSettings, limits: PoolLimits) -> None:
        super().__init__(
            ssl_context=ssl_context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=limits.http1,
            http2=limits.http2,
        )
        self._tls = ssl_context
        self._settings = settings
        self._limits = limits

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """Return a new connection to the origin, by its route."""
        assert isinstance(origin, RouteOrigin)
        limits = self._limits
        if origin.forward:
            return AsyncForwardConnection(origin, self._settings, limits.keepalive_expiry, self)
        return httpcore.AsyncHTTPConnection(
            origin=origin,
            ssl_context=self._tls,
            keepalive_expiry=limits.keepalive_expiry,
            http1=limits.http1,
            http2=limits.http2,
            network_backend=AsyncRouteBackend(origin.route, self._settings),
        )
