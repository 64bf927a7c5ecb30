"""PacAdapter and mount() for one pair of modules."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pacaware._auth.store import ProxyAuth, ProxyAuthArgument
from pacaware._models import Candidate, ProxyConfig
from pacaware._requests._dispatch import Dispatcher
from pacaware._requests._manager import ManagerFactory, RouteName
from pacaware._requests._merge import Given, read_proxy, recorded
from pacaware._requests._pair import Pair
from pacaware._system.trust import trusts_system
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

    from pacaware._resolver import ProxyResolver
else:
    HTTPAdapter = object

__all__ = ["PacAdapterBase", "record_on"]


class PacAdapterBase(HTTPAdapter):
    """An HTTPAdapter that chooses the proxy for each request, fails over, and logs on at proxies.

    At most one of ``resolver``, ``config``, ``pac_url`` and ``proxy`` (a URL, a ProxyServer, or DIRECT) may be given;
    without any, the process's default resolver reads the environment and the system's settings. ``proxy_auth`` is for
    the proxies, not the origins. ``options`` are those of ``requests.adapters.HTTPAdapter``. Raises ConfigError. With
    PACAWARE_TRUST=system servers are verified with the operating system's certificates where ``verify`` is left alone.

    Pickling keeps the settings and drops credentials.
    """

    _pair: Pair
    _factory: ManagerFactory

    def __init__(
        self,
        resolver: ProxyResolver | None = None,
        *,
        config: ProxyConfig | None = None,
        pac_url: str | None = None,
        proxy: str | Candidate | None = None,
        proxy_auth: ProxyAuthArgument = None,
        **options: Any,
    ) -> None:
        sources = {"resolver": resolver, "config": config, "pac_url": pac_url, "proxy": proxy}
        given = [name for name, value in sources.items() if value is not None]
        if len(given) > 1:
            raise ConfigError(
                f"PacAdapter takes at most one of resolver, config, pac_url and proxy, not {' and '.join(given)}"
            )
        if pac_url is not None:
            config = ProxyConfig(pac_url=pac_url)
        forced = None if proxy is None else read_proxy(proxy)
        self._pacaware_settings = (resolver, config, None if forced is None else forced.candidate)
        self._wire(resolver, config, forced, proxy_auth)
        super().__init__(**options)

    def _wire(
        self,
        resolver: ProxyResolver | None,
        config: ProxyConfig | None,
        forced: Given | None,
        proxy_auth: ProxyAuthArgument,
    ) -> None:
        from pacaware._resolver import ProxyResolver, default_resolver

        self._own_resolver = None if config is None else ProxyResolver(config)
        chosen = resolver or self._own_resolver
        find: Callable[[], ProxyResolver] = default_resolver if chosen is None else lambda: chosen
        self._dispatcher = Dispatcher(
            self._pair,
            self._factory,
            find,
            proxy_auth=proxy_auth,
            forced=forced,
            heeds_trust_env=chosen is None,
            system_trust=trusts_system(os.environ),
        )

    def send(
        self,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Send a request by the first of its proxies that can be reached; the decision is ``response.pacaware``."""
        return self._dispatcher.send(self, request, stream, timeout, verify, cert, proxies)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Return the manager for a proxy; as with requests, a subclass may add arguments of urllib3's."""
        if isinstance(proxy, RouteName):
            return self._dispatcher.new_manager(self, proxy, **proxy_kwargs)
        return super().proxy_manager_for(proxy, **proxy_kwargs)

    def close(self) -> None:
        """Close the connections, and the resolver if it was made here from ``config`` or ``pac_url``."""
        super().close()
        if self._own_resolver is not None:
            self._own_resolver.close()

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]  # types-requests does not know it
        state["_pacaware_settings"] = self._pacaware_settings
        state["_pacaware_auth"] = self._dispatcher.auth
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        resolver, config, candidate = state["_pacaware_settings"]
        auth: ProxyAuth = state.pop("_pacaware_auth")
        self._wire(resolver, config, None if candidate is None else Given(candidate), auth)
        super().__setstate__(state)  # type: ignore[misc]  # types-requests does not know it


def record_on(session: Any) -> None:
    """Have this session say which proxies its caller gave, before requests merges the environment's into them."""
    merge = session.merge_environment_settings
    if getattr(merge, "records_proxies", False):
        return

    @functools.wraps(merge)
    def merge_environment_settings(url: str, proxies: Any, stream: Any, verify: Any, cert: Any) -> dict[str, Any]:
        return recorded(session, merge, url, proxies, stream, verify, cert)

    merge_environment_settings.records_proxies = True  # type: ignore[attr-defined]  # a mark against a second wrapping
    session.merge_environment_settings = merge_environment_settings
