"""What a transport was told about proxies: a resolver, settings, or one proxy for everything."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import httpx

from pacaware._auth.store import ProxyAuth, ProxyAuthArgument
from pacaware._core.failover import FailOver
from pacaware._core.route import explicit_decision
from pacaware._hosts import split_userinfo
from pacaware._models import DIRECT, Candidate, Decision, ProxyConfig, ProxyServer
from pacaware._resolver import ProxyResolver, default_resolver
from pacaware.errors import ConfigError

__all__ = ["Choice", "Chooser", "ProxyArgument", "choose"]

ProxyArgument: TypeAlias = "Candidate | str | httpx.URL | httpx.Proxy | None"


class Chooser(Protocol):
    """The part of ProxyResolver that a transport uses."""

    def cached(self, url: str) -> Decision | None:
        """Return the decision for ``url`` if it is known; never blocks."""

    def resolve(self, url: str) -> Decision:
        """Return the decision for ``url``."""

    async def aresolve(self, url: str) -> Decision:
        """Return the decision for ``url`` without blocking the event loop."""

    def start(self, decision: Decision) -> FailOver:
        """Return the walk along the candidates of a decision."""

    def connected(self, decision: Decision, failover: FailOver) -> None:
        """Note that the current candidate stands."""

    def reconsider(self, decision: Decision, failover: FailOver) -> Decision | None:
        """Return another decision when every candidate has failed, with which ``failover`` goes on, or None."""

    async def areconsider(self, decision: Decision, failover: FailOver) -> Decision | None:
        """Do as ``reconsider()`` without blocking the event loop."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where decisions come from, how to log on, and what TLS to proxies is checked with.

    ``owned`` is the resolver that was made here and ends with the transport.
    """

    chooser: Chooser
    auth: ProxyAuth
    proxy_tls: Callable[[], ssl.SSLContext]
    proxy_headers: tuple[tuple[str, str], ...] = ()
    owned: ProxyResolver | None = None


class _Forced:
    """One proxy, or DIRECT, for every URL: no rule and no settings apply."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate

    def cached(self, url: str) -> Decision | None:
        return explicit_decision(url, self._candidate)

    def resolve(self, url: str) -> Decision:
        return explicit_decision(url, self._candidate)

    async def aresolve(self, url: str) -> Decision:
        return explicit_decision(url, self._candidate)

    def start(self, decision: Decision) -> FailOver:
        return FailOver(decision.proxies)

    def connected(self, decision: Decision, failover: FailOver) -> None:
        """Nothing is remembered of a list of one."""

    def reconsider(self, decision: Decision, failover: FailOver) -> Decision | None:
        return None

    async def areconsider(self, decision: Decision, failover: FailOver) -> Decision | None:
        return None


def choose(
    resolver: ProxyResolver | None,
    config: ProxyConfig | None,
    pac_url: str | None,
    proxy: ProxyArgument,
    proxy_auth: ProxyAuthArgument,
    *,
    trust_env: bool,
) -> Choice:
    """Read the arguments that say which proxy to use; raises ConfigError if there is more than one."""
    given = {"resolver": resolver, "config": config, "pac_url": pac_url, "proxy": proxy}
    names = [f"{name}=" for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ConfigError(f"{' and '.join(names)} contradict each other: give one of them")
    if proxy is not None:
        return _forced(proxy, proxy_auth, trust_env=trust_env)
    owned = None
    if pac_url is not None:
        config = ProxyConfig(pac_url=pac_url)
    if resolver is None and config is None and trust_env:
        resolver = default_resolver()
    elif resolver is None:
        resolver = owned = ProxyResolver(config, trust_env=trust_env)
    auth = ProxyAuth(proxy_auth, settings=resolver.embedded_credentials, trust_env=trust_env)
    used = resolver
    return Choice(resolver, auth, lambda: used.proxy_ssl_context, owned=owned)


def _forced(
    proxy: Candidate | str | httpx.URL | httpx.Proxy, proxy_auth: ProxyAuthArgument, *, trust_env: bool
) -> Choice:
    headers: tuple[tuple[str, str], ...] = ()
    context: ssl.SSLContext | None = None
    pair: tuple[str, str] | None = None
    if isinstance(proxy, httpx.Proxy):
        headers, context, pair = tuple(proxy.headers.multi_items()), proxy.ssl_context, proxy.auth
        proxy = proxy.url
    if isinstance(proxy, ProxyServer) or proxy is DIRECT:
        candidate: Candidate = proxy
    elif isinstance(proxy, str | httpx.URL):
        text, in_url = split_userinfo(str(proxy) if isinstance(proxy, str) else _with_password(proxy))
        candidate = ProxyServer.parse(text.rstrip("/"))
        pair = pair or in_url
    else:
        raise ConfigError(
            f"proxy={type(proxy).__name__} is not understood: give a URL such as 'http://p:8080', or DIRECT"
        )
    urls = [(candidate.netloc, *pair)] if pair is not None and isinstance(candidate, ProxyServer) else []
    auth = ProxyAuth(proxy_auth, urls=urls, trust_env=trust_env)
    return Choice(
        _Forced(candidate),
        auth,
        lambda: default_resolver().proxy_ssl_context if context is None else context,
        headers,
    )


def _with_password(url: httpx.URL) -> str:
    userinfo = url.userinfo.decode("ascii")
    text = str(url.copy_with(userinfo=b""))
    scheme, mark, rest = text.partition("://")
    return f"{scheme}{mark}{userinfo}@{rest}" if userinfo else text
