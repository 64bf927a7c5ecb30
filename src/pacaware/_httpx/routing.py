"""Routes as httpcore sees them: the route is part of the origin, so that one pool keeps all connections apart."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import httpcore

from pacaware import _deadline
from pacaware._auth.store import ProxyAuth
from pacaware._core.route import Route

__all__ = [
    "Deadline",
    "PoolLimits",
    "RouteOrigin",
    "RouteSettings",
    "RouteURL",
    "absolute_target",
    "certificate_of",
    "without_zone",
]


_DEFAULT_PORTS: Final = {b"http": 80, b"https": 443, b"ws": 80, b"wss": 443}


class RouteOrigin(httpcore.Origin):
    """An origin as one route reaches it; ``forward`` means by absolute-form instead of a connection of its own."""

    def __init__(self, scheme: bytes, host: bytes, port: int, route: Route, forward: bool) -> None:
        self.scheme, self.host, self.port = scheme, host, port
        self.route, self.forward = route, forward

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RouteOrigin)
            and self.host == other.host
            and self.port == other.port
            and self.scheme == other.scheme
            and self.forward == other.forward
            and self.route == other.route
        )

    __hash__ = None  # type: ignore[assignment]  # httpcore's own Origin cannot be hashed either


class RouteURL(httpcore.URL):
    """A URL together with the route that leads to it."""

    def __init__(self, scheme: bytes, host: bytes, port: int | None, target: bytes) -> None:
        self.scheme, self.host, self.port, self.target = scheme, host, port, target
        self._origin: RouteOrigin | None = None

    @classmethod
    def by(cls, url: httpcore.URL, route: Route, *, forward: bool) -> RouteURL:
        """Return the URL by this route."""
        found = cls(url.scheme, url.host, url.port, url.target)
        port = url.port or _DEFAULT_PORTS.get(url.scheme, 0)
        found._origin = RouteOrigin(url.scheme, url.host, port, route, forward)
        return found

    @property
    def origin(self) -> RouteOrigin:
        """The origin with the route in it, by which the pool chooses a connection."""
        assert self._origin is not None
        return self._origin


def absolute_target(url: httpcore.URL) -> bytes:
    """Return the request target in absolute-form (RFC 9112, section 3.2.2), IPv6 in brackets."""
    host = url.host
    if b":" in host:
        host = b"[%b]" % host.partition(b"%")[0]
    # OPTIONS * of an origin is an absolute URL without a path (RFC 9112, section 3.2.4).
    target = b"" if url.target == b"*" else url.target
    port = b"" if url.port is None else b":%d" % url.port
    return b"%b://%b%b%b" % (url.scheme, host, port, target)


def certificate_of(stream: httpcore.AsyncNetworkStream | httpcore.NetworkStream) -> bytes | None:
    """Return the certificate (DER) that a TLS proxy showed."""
    tls = stream.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(True)


def without_zone(host: str) -> str:
    """Return an address without its zone, which means nothing to a proxy (RFC 6874, section 4)."""
    return host.partition("%")[0]


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What all connections of one transport share."""

    auth: ProxyAuth
    proxy_tls: Callable[[], ssl.SSLContext]
    proxy_headers: tuple[tuple[str, str], ...] = ()
    local_address: str | None = None
    socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections there may be, and which protocols they may speak; as httpcore's pool takes them."""

    max_connections: int | None
    max_keepalive_connections: int | None
    keepalive_expiry: float | None
    http1: bool
    http2: bool


class Deadline(_deadline.Deadline):
    """A deadline that ends in httpcore's words."""

    __slots__ = ()

    expired = httpcore.ConnectTimeout
