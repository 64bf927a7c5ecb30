"""What the caller said about proxies: seen before requests merges the environment in, or told apart afterwards."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from pacaware._hosts import split_userinfo
from pacaware._models import DIRECT, Candidate, ProxyServer
from pacaware._requests._pair import Pair
from pacaware.errors import ConfigError

__all__ = ["Given", "MergedProxies", "given_proxy", "read_proxy", "recorded", "recording"]


class Given(NamedTuple):
    """The proxy (or DIRECT) that the caller gave, and the (host:port, user, password) of its URL."""

    candidate: Candidate
    embedded: tuple[tuple[str, str, str], ...] = ()


class MergedProxies(dict[str, Any]):
    """The ``proxies`` that requests hands on, with what the caller himself had given, and his ``trust_env``.

    requests copies the mapping for each redirect; the copy keeps both.
    """

    def __init__(self, merged: Mapping[str, Any], given: Mapping[str, Any], *, trust_env: bool) -> None:
        super().__init__(merged)
        self.given = given
        self.trust_env = trust_env

    def copy(self) -> Self:
        """Return a copy that remembers the same."""
        return type(self)(self, self.given, trust_env=self.trust_env)


def recording(merge: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return ``Session.merge_environment_settings`` (a function of the class) with a memory of what was given."""

    @functools.wraps(merge)
    def merge_environment_settings(
        self: Any, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> dict[str, Any]:
        return recorded(self, functools.partial(merge, self), url, proxies, stream, verify, cert)

    return merge_environment_settings


def recorded(
    session: Any, merge: Callable[..., dict[str, Any]], url: str, proxies: Any, stream: Any, verify: Any, cert: Any
) -> dict[str, Any]:
    """Call ``merge`` and add the record to the proxies that it returns."""
    # Before merge() is called, which writes the environment's into ``proxies``; None is as good as "".
    given = {key: value or "" for key, value in (*(session.proxies or {}).items(), *(proxies or {}).items())}
    settings = merge(url, proxies, stream, verify, cert)
    settings["proxies"] = MergedProxies(settings["proxies"] or {}, given, trust_env=session.trust_env)
    return settings


def given_proxy(pair: Pair, url: str, proxies: Mapping[str, Any] | None) -> str | ProxyServer | None:
    """Return the proxy that the caller gave for ``url``, ``""`` for direct, None if he left it to the settings."""
    if isinstance(proxies, MergedProxies):
        return pair.requests.utils.select_proxy(url, proxies.given) if proxies.given else None
    if not proxies:
        return None
    value: str | None = pair.requests.utils.select_proxy(url, proxies)
    if value and _is_from_environment(pair, url, value):
        return None
    return value


def _is_from_environment(pair: Pair, url: str, value: Any) -> bool:
    environ = os.environ
    if not environ.get("no_proxy") and not environ.get("NO_PROXY"):
        scheme = url.partition(":")[0].lower()
        if value in (environ.get(f"{scheme}_proxy"), environ.get("all_proxy")):
            return True
    utils = pair.requests.utils
    return bool(value == utils.select_proxy(url, utils.get_environ_proxies(url)))


def read_proxy(value: str | ProxyServer | Any) -> Given:
    """Read a proxy as requests takes it: a URL, with or without scheme, user and password; ``""`` is DIRECT.

    Raises ConfigError.
    """
    if not value or value is DIRECT:
        return Given(DIRECT)
    if isinstance(value, ProxyServer):
        return Given(value)
    if not isinstance(value, str):
        raise ConfigError(f"a proxy is given as a URL, a ProxyServer or DIRECT, not as {type(value).__name__}")
    clean, pair = split_userinfo(value.strip())
    scheme, mark, server = clean.partition("://")
    proxy = ProxyServer.parse(f"{scheme}://{server.partition('/')[0]}" if mark else clean.partition("/")[0])
    return Given(proxy, () if pair is None else ((proxy.netloc, *pair),))
