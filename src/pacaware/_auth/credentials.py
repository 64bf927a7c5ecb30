"""Where credentials come from: the caller, a mapping by proxy, the environment, and chains of these."""

from __future__ import annotations

import abc
import os
import stat
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Final, TypeGuard

from pacaware._core.auth import Credentials
from pacaware._hosts import host_for_url
from pacaware._models import ProxyServer
from pacaware.errors import ConfigError

__all__ = [
    "CredentialProvider",
    "EnvironCredentials",
    "MappingCredentials",
    "StaticCredentials",
    "chain",
    "is_pair",
    "matches_pattern",
    "named_in_environ",
    "scheme_names",
]

_SCHEMES: Final = ("negotiate", "ntlm", "digest", "basic")


class CredentialProvider(abc.ABC):
    """A place where the credentials for a proxy may be found; derive from it to ask one of your own.

    ``find`` returns what ``StaticCredentials(user, password).find(proxy)`` returns, or None. It is asked at the first
    407 of a proxy, from any thread.
    """

    blocking: ClassVar[bool] = True
    """Whether ``find`` may wait for a disk, a daemon or a person; it is then kept off event loops."""

    @abc.abstractmethod
    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the credentials for ``proxy``, or None if this place knows none; raises ConfigError."""

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether ``find`` may return any; never waits, so a place that would have to look says yes."""
        return self.blocking or self.find(proxy) is not None


def is_pair(given: object) -> TypeGuard[tuple[str, str]]:
    """Say whether this is a (user, password) pair."""
    return isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, str) for part in given)


def matches_pattern(proxy: ProxyServer, pattern: str) -> bool:
    """Say whether ``host``, ``host:port`` or a glob such as ``*.corp`` names this proxy."""
    text = pattern.strip().lower().rpartition("://")[2].rstrip("/")
    glob = text.replace("[", "[[]")  # of an IPv6 address, not a set of characters
    return any(fnmatchcase(name, glob) for name in (proxy.netloc, proxy.host, host_for_url(proxy.host)))


def named_in_environ(proxy: ProxyServer, environ: Mapping[str, str]) -> bool:
    """Say whether PACAWARE_AUTH_PROXIES, a list of patterns, names this proxy."""
    patterns = environ.get("PACAWARE_AUTH_PROXIES", "").split(",")
    return any(matches_pattern(proxy, pattern) for pattern in patterns if pattern.strip())


def scheme_names(given: str | Sequence[str], where: str) -> tuple[str, ...]:
    """Return the names of schemes in a sequence, or in a list with commas; raises ConfigError for unknown ones."""
    names = given.split(",") if isinstance(given, str) else given
    found = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    for name in found:
        if name not in _SCHEMES:
            raise ConfigError(f"{where}: {name[:40]!r} is no scheme; there are {', '.join(_SCHEMES)}")
    return found


class StaticCredentials(CredentialProvider):
    """One user and password, for every proxy of the scope or only for those that match ``proxies``.

    ``schemes`` are the only ones to log on with, best first (``["negotiate", "ntlm"]``); by default all, strongest
    first. Raises ConfigError for a scheme that does not exist.
    """

    blocking: ClassVar[bool] = False

    def __init__(
        self,
        user: str,
        password: str,
        proxies: Sequence[str] = (),
        *,
        schemes: Sequence[str] = (),
        origin: str = "proxy_auth=",
    ) -> None:
        self._proxies = (proxies,) if isinstance(proxies, str) else tuple(proxies)
        self._credentials: Credentials | None = Credentials(
            user, password, origin, named=bool(self._proxies), schemes=scheme_names(schemes, "schemes=")
        )

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the pair if ``proxies`` is empty or names this proxy."""
        if self._proxies and not any(matches_pattern(proxy, pattern) for pattern in self._proxies):
            return None
        return self._credentials

    def __getstate__(self) -> dict[str, Any]:
        return {"_proxies": self._proxies, "_credentials": None}  # the secret stays in this process


class MappingCredentials(CredentialProvider):
    """A mapping from proxy patterns (``"proxy.corp:8080"``, ``"*.corp"``) to (user, password); the first match counts.

    Naming a proxy here is consent to send it these credentials.
    """

    blocking: ClassVar[bool] = False

    def __init__(self, mapping: Mapping[str, tuple[str, str]]) -> None:
        self._entries: list[StaticCredentials] = []
        for pattern, pair in mapping.items():
            if not is_pair(pair):
                raise ConfigError(f"the credentials for {pattern!r} must be a (user, password) pair")
            self._entries.append(StaticCredentials(*pair, proxies=[pattern]))

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the pair of the first pattern that names this proxy."""
        return next((found for entry in self._entries if (found := entry.find(proxy)) is not None), None)


class EnvironCredentials(CredentialProvider):
    """PACAWARE_PROXY_USERNAME with PACAWARE_PROXY_PASSWORD or PACAWARE_PROXY_PASSWORD_FILE.

    PACAWARE_AUTH_PROXIES names further proxies that may have them. Raises ConfigError if the file can be read by group
    or others, or not at all. In the CREDENTIALS_DIRECTORY of a systemd service the group does not matter.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the pair from the environment, marked as named where PACAWARE_AUTH_PROXIES says so."""
        environ = os.environ if self._environ is None else self._environ
        user = environ.get("PACAWARE_PROXY_USERNAME")
        if not user:
            return None
        password, origin = environ.get("PACAWARE_PROXY_PASSWORD"), "PACAWARE_PROXY_PASSWORD"
        path = environ.get("PACAWARE_PROXY_PASSWORD_FILE")
        if password is None and path:
            password, origin = _read_password(path, environ), "PACAWARE_PROXY_PASSWORD_FILE"
        return Credentials(user, password or "", origin, named=named_in_environ(proxy, environ))

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether there is a user in the environment."""
        environ = os.environ if self._environ is None else self._environ
        return bool(environ.get("PACAWARE_PROXY_USERNAME"))

    def __getstate__(self) -> dict[str, Any]:
        return {"_environ": None}


def _read_password(path: str, environ: Mapping[str, str]) -> str:
    others = stat.S_IRWXG | stat.S_IRWXO
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory and Path(path).parent == Path(directory):
        # Nobody but the service gets into it. Its user may read by an ACL, whose mask looks like rights of the group.
        others &= ~stat.S_IRGRP
    try:
        with Path(path).open(encoding="utf-8") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & others:
                raise ConfigError(f"PACAWARE_PROXY_PASSWORD_FILE={path}: others can read it; run chmod 600 {path}")
            return file.read(4096).removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"PACAWARE_PROXY_PASSWORD_FILE={path} cannot be read: {type(exc).__name__}") from None


class _Chain(CredentialProvider):
    def __init__(self, providers: Sequence[CredentialProvider]) -> None:
        self._providers = tuple(providers)

    @property
    def blocking(self) -> bool:  # type: ignore[override]  # of a chain it depends on its members
        return any(provider.blocking for provider in self._providers)

    def find(self, proxy: ProxyServer) -> Credentials | None:
        return next((found for provider in self._providers if (found := provider.find(proxy)) is not None), None)

    def may_find(self, proxy: ProxyServer) -> bool:
        return any(provider.may_find(proxy) for provider in self._providers)


def chain(*providers: CredentialProvider) -> CredentialProvider:
    """Return a provider that asks these in order; the first that knows the proxy counts."""
    return _Chain(providers)
