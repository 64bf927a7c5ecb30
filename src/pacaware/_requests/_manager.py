"""One pool manager of urllib3 for each route, whose pools make our connections."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from pacaware._auth.store import ProxyAuth
from pacaware._core.route import Route
from pacaware._requests._connection import StreamConnection, TunnelConnection
from pacaware._requests._forward import ForwardConnection
from pacaware._requests._pair import Pair
from pacaware._requests._wiring import Wiring

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager
else:
    PoolManager = ProxyManager = object

__all__ = ["ManagerFactory", "Managers", "RouteKey", "RouteName"]

_MAX_ROUTES: Final = 32


class RouteKey(NamedTuple):
    """What keeps connections apart. ``stream`` connections lead to the origin also for plain http."""

    route: Route
    auth: ProxyAuth
    stream: bool


class RouteName(str):
    """A route as ``proxy_manager_for()`` takes it: the proxy's URL, and the key behind it."""

    __slots__ = ("key",)
    key: RouteKey

    def __new__(cls, key: RouteKey) -> Self:
        """Name the route of a key."""
        name = super().__new__(cls, key.route.candidate)
        name.key = key
        return name


class _Closing(PoolManager):
    """Closes connections when it is told to.

    urllib3 2 leaves that to the garbage collector, which comes late where the connection is part of a cycle: an error
    of another library that keeps its own traceback is enough, for that holds the whole stack.
    """

    def clear(self) -> None:
        """Forget the pools, and close what is idle in them."""
        pools = [self.pools.get(key) for key in list(self.pools.keys())]
        super().clear()
        for pool in pools:
            if pool is not None:
                pool.close()


class _RouteManager(ProxyManager):
    """Has the pools of all http origins be one pool of connections to the proxy, spoken to in clear text or TLS."""

    def connection_from_host(
        self, host: str | None, port: int | None = None, scheme: str | None = "http", pool_kwargs: Any = None
    ) -> HTTPConnectionPool:
        # urllib3 would take an "https" pool for an http origin behind a TLS proxy, and the origin's ``verify`` with it.
        if scheme != "https":
            assert self.proxy is not None
            host, port = self.proxy.host, self.proxy.port
        return self._plain_connection_from_host(host, port, scheme, pool_kwargs=pool_kwargs)

    _plain_connection_from_host: Callable[..., HTTPConnectionPool]


class ManagerFactory:
    """Makes the managers of one pair of modules."""

    def __init__(self, pair: Pair) -> None:
        urllib3 = pair.urllib3
        self._pair = pair
        plain, tls = urllib3.connection.HTTPConnection, urllib3.connection.HTTPSConnection
        current = {"_timeout_is_current": not urllib3.__version__.startswith("1.")}
        self._forward = type("HTTPConnection", (ForwardConnection, plain), current)
        self._tunnel = type("HTTPSConnection", (TunnelConnection, tls), {})
        self._stream = type("HTTPConnection", (StreamConnection, plain), {})
        self._tls_stream = type("HTTPSConnection", (StreamConnection, tls), {})
        plain_lookup = urllib3.PoolManager.connection_from_host
        adapter = pair.requests.adapters.HTTPAdapter
        self.plain_send, self.plain_request_url = adapter.send, adapter.request_url
        self._genuine = self._connection_classes()
        self._manager = type(
            "ProxyManager",
            (_RouteManager, _Closing, urllib3.ProxyManager),
            {"_plain_connection_from_host": plain_lookup},
        )
        self._stream_manager = type("PoolManager", (_Closing, urllib3.PoolManager), {})

    def _connection_classes(self) -> tuple[Any, Any]:
        pools = self._pair.urllib3.connectionpool
        return pools.HTTPConnectionPool.ConnectionCls, pools.HTTPSConnectionPool.ConnectionCls

    @property
    def is_replaced(self) -> bool:
        """Whether something (vcrpy) has put connections of its own into urllib3: then no proxy is to be used."""
        return self._connection_classes() != self._genuine

    def address_family(self) -> int:
        """Return the family of addresses that urllib3 was told to use."""
        return int(self._pair.urllib3.util.connection.allowed_gai_family())

    def make(self, wiring: Wiring, *, stream: bool, **options: Any) -> Any:
        """Return a manager whose connections go by ``wiring``; ``options`` are those of urllib3's."""
        if stream:
            manager = self._stream_manager(**options)
            classes = self._stream, self._tls_stream
        else:
            headers = dict(wiring.connect_headers)
            manager = self._manager(str(wiring.proxy), proxy_headers=headers, **options)
            classes = self._forward, self._tunnel
        pools = self._pair.urllib3.connectionpool
        manager.pool_classes_by_scheme = {
            "http": functools.partial(_make_pool, pools.HTTPConnectionPool, classes[0], wiring),
            "https": functools.partial(_make_pool, pools.HTTPSConnectionPool, classes[1], wiring),
        }
        return manager


def _make_pool(pool_class: Any, connection_class: Any, wiring: Wiring, *args: Any, **kwargs: Any) -> Any:
    pool = pool_class(*args, **kwargs)
    pool.ConnectionCls = functools.partial(connection_class, wiring)
    return pool


class Managers:
    """The managers of one adapter, the most recently used routes. Thread-safe.

    They live in the adapter's own ``proxy_manager``, so that its ``close()`` reaches them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def get(self, adapter: Any, key: RouteKey, make: Callable[[RouteName], Any]) -> Any:
        """Return the manager for a route; the one that was not used for longest goes when there are too many."""
        managers = adapter.proxy_manager
        with self._lock:
            manager = managers.pop(key, None)
            if manager is None:
                manager = make(RouteName(key))
                ours = [old for old in managers if isinstance(old, RouteKey)]
                for old in ours[: max(0, len(ours) + 1 - _MAX_ROUTES)]:
                    managers.pop(old).pools.clear()  # without closing what another thread is about to use
            managers[key] = manager
        return manager
