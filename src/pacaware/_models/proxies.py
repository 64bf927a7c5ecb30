"""Proxies, and lists of them in the words of PAC files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeAlias, overload

from pacaware._hosts import host_for_url, split_host_port, split_userinfo
from pacaware.errors import ConfigError

__all__ = ["DIRECT", "Candidate", "ProxyList", "ProxyServer", "pac_elements"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}
_SCHEMES: Final = {
    "http": "http",
    "https": "https",
    "socks": "socks5",
    "socks4": "socks4",
    "socks4a": "socks4",
    "socks5": "socks5",
    "socks5h": "socks5",
}
# Chromium net/base/proxy_string_util.cc, and Firefox's "HTTP". SOCKS alone means version 4.
_PAC_TYPES: Final = {
    "proxy": "http",
    "http": "http",
    "https": "https",
    "socks": "socks4",
    "socks4": "socks4",
    "socks5": "socks5",
}
_PAC_NAMES: Final = {"http": "PROXY", "https": "HTTPS", "socks4": "SOCKS", "socks5": "SOCKS5"}


@dataclass(frozen=True, slots=True, order=True)
class ProxyServer:
    """One proxy: scheme (http, https, socks4, socks5), canonical host without brackets, port; made by ``parse``.

    Credentials are never part of it. The proxy resolves the origin's name for every scheme. ``str()`` is a URL such as
    ``http://p:8080``. The value is immutable, hashable and ordered.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_scheme: str = "http") -> Self:
        """Read ``[scheme://]host[:port]``; raises ConfigError for anything else, userinfo and paths included.

        ``socks`` means SOCKS5, as in Chromium (net/base/proxy_string_util.cc).
        """
        uri = text.strip(" \t\r\n")
        name, mark, server = uri.partition("://")
        if not mark:
            name, server = default_scheme, uri
        scheme = _SCHEMES.get(name.lower())
        shown = split_userinfo(uri)[0]
        if scheme is None:
            raise ConfigError(f"{shown!r} is not a proxy: the scheme must be http, https, socks4 or socks5")
        if "@" in server:
            raise ConfigError(f"the proxy {shown!r} must not contain a user or password; give them as proxy_auth=")
        return cls._of(scheme, server, uri)

    @classmethod
    def _of(cls, scheme: str, server: str, shown: str) -> Self:
        try:
            host, port = split_host_port(server)
        except ValueError as exc:
            raise ConfigError(f"{shown!r} is not a proxy: {exc}") from None
        if ";" in host:  # a URL may have it in its host, but no list of proxies could name such a host
            raise ConfigError(f"{shown!r} is not a proxy: a ';' separates proxies")
        return cls(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port)

    @classmethod
    def from_pac(cls, kind: str, server: str) -> Self:
        """Read what follows a type name such as ``PROXY`` in a PAC result; raises ConfigError."""
        if "@" in kind + server:
            raise ConfigError("a PAC result may not contain a user or password")
        scheme = _PAC_TYPES.get(kind.lower())
        if scheme is None:
            raise ConfigError(f"unknown type {kind!r}")
        return cls._of(scheme, _pac_server(server), server)

    @property
    def netloc(self) -> str:
        """``host:port``, IPv6 in brackets."""
        return f"{host_for_url(self.host)}:{self.port}"

    @property
    def pac_text(self) -> str:
        """The entry of a PAC result that names this proxy, such as ``PROXY p:8080``."""
        return f"{_PAC_NAMES[self.scheme]} {self.netloc}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def _pac_server(text: str) -> str:
    """Write ``host :80`` and ``::1:80`` as ``host:80`` and ``[::1]:80`` (Chromium net/base/url_util.cc)."""
    host, colon, port = text.rpartition(":")
    host = host.rstrip(" ")
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}{colon}{port}"


class _Direct:
    """The type of DIRECT; there is one instance, also after pickling and copying."""

    __slots__ = ()
    pac_text: ClassVar[str] = "DIRECT"

    def __repr__(self) -> str:
        return "DIRECT"

    def __reduce__(self) -> str:
        return "DIRECT"


DIRECT: Final = _Direct()
"""The member of a ProxyList that means: connect without a proxy. ``proxy=DIRECT`` does so for everything."""
Candidate: TypeAlias = ProxyServer | _Direct


def pac_elements(text: str) -> Iterator[tuple[str, Candidate | None, str]]:
    """Split a PAC result into (element, candidate or None, reason it was dropped); empty elements are skipped.

    Chromium net/proxy_resolution/proxy_list.cc; what is dropped there is dropped here. A user or password in a dropped
    element is not shown; as a password may hold a ";", neither is what is dropped before an "@".
    """
    end, last_at = -1, text.rfind("@")
    for part in text.split(";"):
        end += len(part) + 1
        element = part.strip(" \t")
        if not element:
            continue
        kind, *rest = element.replace("\t", " ").split(" ", 1)
        server = rest[0].strip(" ") if rest else ""
        shown = _without_password(element)
        if "@" not in element and end < last_at:
            shown = f"{kind} ..." if kind.lower() in _PAC_TYPES else "..."
        if kind.lower() == "direct":
            yield (element, DIRECT, "") if not server else (shown, None, "DIRECT takes no address")
            continue
        try:
            yield element, ProxyServer.from_pac(kind, server), ""
        except ConfigError as exc:
            yield shown, None, str(exc) if shown == element or "@" in element else "perhaps half a user and password"


def _without_password(element: str) -> str:
    head, at, server = element.rpartition("@")
    kind = head.partition(" ")[0]
    return f"{f'{kind} ' if kind.lower() in _PAC_TYPES else ''}...@{server}" if at else element


class ProxyList(Sequence[Candidate]):
    """The fail-over candidates of one answer in their order: an immutable sequence of ProxyServer and DIRECT.

    DIRECT may stand anywhere, and nothing is added to what was listed. ``str()`` is a PAC result that means the list.
    """

    __slots__ = ("_items",)
    _items: tuple[Candidate, ...]

    def __init__(self, items: Iterable[Candidate] = ()) -> None:
        object.__setattr__(self, "_items", tuple(items))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a PAC result string as Chromium does: unusable entries are dropped, nothing usable means DIRECT."""
        return cls([candidate for _, candidate, _ in pac_elements(text) if candidate is not None] or [DIRECT])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a ProxyList cannot be changed")

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> ProxyList: ...
    def __getitem__(self, index: int | slice) -> Candidate | ProxyList:
        return ProxyList(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        return self._items == other._items if isinstance(other, ProxyList) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._items)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)

    def __str__(self) -> str:
        return "; ".join(candidate.pac_text for candidate in self._items)

    def __repr__(self) -> str:
        return f"ProxyList.parse({str(self)!r})"
