"""ProxyAuth: what a transport knows about logging on, made from whatever the caller gave as ``proxy_auth=``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from pacaware._auth.basic import BasicAuth
from pacaware._auth.credentials import (
    CredentialProvider,
    EnvironCredentials,
    MappingCredentials,
    StaticCredentials,
    chain,
    is_pair,
    named_in_environ,
    scheme_names,
)
from pacaware._auth.digest import DigestAuth
from pacaware._auth.guard import GUARD, LogonMemory
from pacaware._auth.log import LoggedController
from pacaware._auth.spnego import NegotiateAuth, NTLMAuth
from pacaware._auth.stored import AmbientCredentials, KeyringCredentials, NetrcCredentials
from pacaware._core.auth import AuthController, AuthScheme, Claim, Credentials
from pacaware._core.challenge import Challenge
from pacaware._core.scope import Trust, scope_advice
from pacaware._core.socks import Socks4Handshake, Socks5Handshake
from pacaware._models import ProxyServer
from pacaware.errors import ConfigError

__all__ = ["Embedded", "ProxyAuth", "ProxyAuthArgument"]

ProxyAuthArgument: TypeAlias = (
    "tuple[str, str] | Mapping[str, tuple[str, str]] | AuthScheme | CredentialProvider | Any | None"
)
Embedded: TypeAlias = Iterable[tuple[str, str, str]]
"""(host:port, user, password) triples found in proxy URLs."""

_HOW_TO_LOG_ON = "give proxy_auth=(user, password), or set PACAWARE_PROXY_USERNAME and PACAWARE_PROXY_PASSWORD"
# Foreign auth objects with ``username`` and ``password`` that can be given in place of ours, and what they stand for.
_DROP_INS = {
    "HttpNtlmAuth": "ntlm",
    "HTTPDigestAuth": "digest",
    "HTTPBasicAuth": "basic",
    "HttpNegotiateAuth": "negotiate",
}
_DROPPED = "credentials given in code are dropped when a session is pickled: give proxy_auth= again"


class ProxyAuth:
    """The credentials, schemes and logon memory that all connections of one transport share.

    ``proxy_auth`` takes a (user, password) pair, a mapping from proxy patterns to pairs, an ``…Auth`` object, a
    provider, or an auth object of requests or requests_ntlm with ``username`` and ``password``, which stands for its
    scheme. None: the environment, netrc, the key ring, the login of this machine, in this order. ``urls`` are
    credentials of proxy URLs that the caller wrote, sent at once; ``settings`` returns those of the settings now in
    force.
    """

    def __init__(
        self,
        proxy_auth: ProxyAuthArgument = None,
        *,
        urls: Embedded = (),
        settings: Callable[[], Embedded] = tuple,
        trust_env: bool = True,
    ) -> None:
        self.advice = _HOW_TO_LOG_ON
        self._schemes: tuple[AuthScheme, ...] = (NegotiateAuth(), NTLMAuth(), DigestAuth(), BasicAuth())
        self._urls = tuple(urls)
        self._settings = settings
        self._trust_env = trust_env
        self._holds_secrets = bool(self._urls)
        self._provider = self._read(proxy_auth)
        self._memory = LogonMemory(guard=GUARD)

    def _read(self, given: ProxyAuthArgument) -> CredentialProvider:
        providers: list[CredentialProvider] = [EnvironCredentials()] if self._trust_env else []
        stored: list[CredentialProvider] = [NetrcCredentials()] if self._trust_env else []
        self._fallback = chain(*stored, KeyringCredentials(), AmbientCredentials())
        if given is None:
            return chain(*providers)
        if isinstance(given, AuthScheme):
            self._schemes = (given,)
            credentials = getattr(given, "credentials", None)
            if not isinstance(credentials, Credentials):
                return chain(*providers)
            self._holds_secrets = True
            self._fallback = chain()
            return _Fixed(credentials)
        self._holds_secrets = True
        if isinstance(given, Mapping):
            return chain(MappingCredentials(given), *providers)
        self._fallback = chain()
        if isinstance(given, CredentialProvider):
            return given
        if is_pair(given):
            return StaticCredentials(*given)
        user, password = getattr(given, "username", None), getattr(given, "password", None)
        if isinstance(user, str) and isinstance(password, str):
            stands_for = (_DROP_INS[name] for name in _class_names(given) if name in _DROP_INS)
            return StaticCredentials(user, password, schemes=[*stands_for][:1])
        raise ConfigError(
            f"proxy_auth={type(given).__name__} is not understood: give a (user, password) pair, "
            "a mapping from proxies to pairs, an object of pacaware.auth, or a requests auth object"
        )

    def controller(self, proxy: ProxyServer, trust: Trust = Trust.FULL) -> AuthController:
        """Return the controller for one new connection to ``proxy``."""
        return LoggedController(proxy, self._schemes, self, trust)

    def socks_handshake(
        self, proxy: ProxyServer, host: str, port: int, trust: Trust = Trust.FULL
    ) -> Socks4Handshake | Socks5Handshake:
        """Return the machine that asks a SOCKS proxy for ``host:port``, with the user and password for that proxy.

        SOCKS shows them to whoever reads the connection, as Basic does. Raises ValueError for what cannot be said in
        SOCKS, and RouteBroken for what another candidate could do.
        """
        found, advice = self.find(proxy), self.advice
        if found is not None and found.ambient:
            found = None
        if found is not None and trust is not Trust.FULL and not found.named:
            found, advice = None, scope_advice(trust, proxy)
        if proxy.scheme == "socks4":
            return Socks4Handshake(host, port, "" if found is None else found.user)
        pair = None if found is None else (found.user, found.password)
        return Socks5Handshake(host, port, pair, name=f"the proxy {proxy}", advice=advice)

    @property
    def blocking(self) -> bool:
        """Whether ``find`` may wait."""
        return self._provider.blocking or self._fallback.blocking

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether ``find`` may return anything for this proxy, without looking where that may take time."""
        return (
            self._provider.may_find(proxy)
            or self._fallback.may_find(proxy)
            or _embedded(self._urls, proxy, "") is not None
            or _embedded(self._settings(), proxy, "") is not None
        )

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the credentials for this proxy: of the URL, of ``proxy_auth``, of the settings, of this machine."""
        found = (
            _embedded(self._urls, proxy, "the proxy URL", preemptive=True)
            or self._provider.find(proxy)
            or _embedded(self._settings(), proxy, "the proxy URL in the settings")
            or self._fallback.find(proxy)
        )
        return self._scoped(proxy, found)

    def _scoped(self, proxy: ProxyServer, found: Credentials | None) -> Credentials | None:
        """Apply what the environment says of whatever credentials there are: the proxies and the schemes for them."""
        if found is None or not self._trust_env:
            return found
        if not found.named and named_in_environ(proxy, os.environ):
            found = replace(found, named=True)
        schemes = os.environ.get("PACAWARE_AUTH_SCHEMES")
        if schemes and not found.schemes:
            found = replace(found, schemes=scheme_names(schemes, "PACAWARE_AUTH_SCHEMES"))
        return found

    def accepted(self, proxy: ProxyServer) -> tuple[Challenge, Credentials] | None:
        """Return what may be sent to this proxy unasked."""
        known = self._memory.accepted(proxy)
        if known is not None:
            return known
        given = _embedded(self._urls, proxy, "the proxy URL", preemptive=True)
        if given is None and isinstance(self._provider, _Fixed):
            given = self._provider.find(proxy)
        given = self._scoped(proxy, given)
        if given is None or not given.preemptive or self._memory.is_rejected(proxy, given):
            return None
        return Challenge("basic"), given

    def remember(self, proxy: ProxyServer, challenge: Challenge, credentials: Credentials) -> None:
        """Note a success."""
        self._memory.remember(proxy, challenge, credentials)

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note a rejection."""
        self._memory.reject(proxy, credentials)

    def claim(self, proxy: ProxyServer, credentials: Credentials, *, wait: bool = True) -> Claim | None:
        """Return the right to try these credentials, None where the lock-out guard forbids it."""
        return self._memory.claim(proxy, credentials, wait=wait)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_memory"], state["_settings"]
        state["_urls"] = ()
        if self._holds_secrets:
            state["advice"] = _DROPPED
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._memory = LogonMemory(guard=GUARD)
        self._settings = tuple

    def with_settings(self, settings: Callable[[], Embedded]) -> None:
        """Say where the credentials of the settings come from (again, after unpickling)."""
        self._settings = settings


class _Fixed(CredentialProvider):
    """The credentials that an ``…Auth`` object brought along."""

    blocking = False

    def __init__(self, credentials: Credentials) -> None:
        self._credentials: Credentials | None = credentials

    def find(self, proxy: ProxyServer) -> Credentials | None:
        return self._credentials

    def __getstate__(self) -> dict[str, Any]:
        return {"_credentials": None}


def _class_names(given: object) -> list[str]:
    return [one.__name__ for one in type(given).__mro__]


def _embedded(triples: Embedded, proxy: ProxyServer, origin: str, *, preemptive: bool = False) -> Credentials | None:
    for server, user, password in triples:
        if server == proxy.netloc or _same_server(server, proxy):
            return Credentials(user, password, origin, named=True, preemptive=preemptive)
    return None


def _same_server(server: str, proxy: ProxyServer) -> bool:
    try:
        return ProxyServer.parse(server, default_scheme=proxy.scheme) == proxy
    except ConfigError:
        return False
