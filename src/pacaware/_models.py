"""The values that rooms hand to each other: proxies, fail-over lists, settings, decisions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeAlias, overload

from pacaware._hosts import host_for_url, split_host_port, split_userinfo
from pacaware.errors import ConfigError

__all__ = [
    "DIRECT",
    "CachePolicy",
    "Candidate",
    "Decision",
    "ProxyConfig",
    "ProxyList",
    "ProxyServer",
    "Step",
    "on_one_line",
    "pac_elements",
    "redact_url",
    "step_lines",
]

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


class ConfigReaders(NamedTuple):
    """How ProxyConfig reads the machine; the room that can do so plugs itself in (imports go one way)."""

    system: Callable[[str | None, Mapping[str, str] | None], ProxyConfig]
    environ: Callable[[Mapping[str, str]], ProxyConfig]


_readers: list[ConfigReaders] = []


def plug_in_readers(readers: ConfigReaders) -> None:
    """Make ``readers`` what ProxyConfig.from_system and from_environ use."""
    _readers[:] = [readers]


def _plugged_in() -> ConfigReaders:
    if not _readers:  # this module alone was imported, perhaps to unpickle a config: the facade knows the room
        getattr(import_module(__package__), ProxyConfig.__name__)
    return _readers[0]


# One entry of proxy_server. An unescaped password may hold the separators; what looks like a port is not a password.
_SERVER_TOKEN: Final = re.compile(
    r"(?>(?:[A-Za-z0-9]+=)?)(?>(?:[A-Za-z][A-Za-z0-9]*://)?)"
    r"[^;,\s@:/=\[]*+:(?![0-9]+(?:[;,\s]|\Z))[^@]*@[^;,\s]*|[^;,\s]+"
)
_SCHEME_KEY: Final = re.compile(r"[A-Za-z0-9]+=")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """One source of settings, as the settings dialog of Windows has them; immutable.

    What is set is asked in the order automatic detection, PAC file, manual proxy, direct, and the next only where no
    script was obtained (LAN settings article of the Japan IE Support Team Blog). Nothing is checked before it is used:
    a value that means nothing is a ConfigError from ``resolve()``.

    ``auto_detect`` looks for a PAC file by DHCP and DNS. ``pac_url`` is an http, https or data URL, with ``allow_file``
    also a file. ``proxy_server`` is in WinINet's form: ``p:8080`` or ``http=a:1;https=b:2;socks=c``. ``bypass`` is a
    list in ``bypass_dialect`` (windows, no_proxy, chromium, gnome, kde, macos) of what needs no manual proxy, with
    ``reverse_bypass`` of what needs it.

    ``pac_mandatory`` says whether a PAC file that cannot be had, or fails, is an error (True) or leads to the next
    setting and at last to DIRECT (False); None: an error for settings from code and from PACAWARE variables.
    ``pac_dialect="windows"`` prefers FindProxyForURLEx; None: for the settings of Windows.

    ``origin`` says where the settings come from. A user and password found in a proxy's URL are moved to
    ``proxy_credentials``: (host:port, user, password) triples that no repr and no pickle shows. ``notes`` are what the
    reader has to say about them; they become steps of every decision.
    """

    auto_detect: bool = False
    pac_url: str | None = None
    proxy_server: str | None = None
    bypass: str | None = None
    bypass_dialect: str = "windows"
    reverse_bypass: bool = False
    pac_mandatory: bool | None = None
    pac_dialect: str | None = None
    allow_file: bool = False
    origin: str = field(default="code", repr=False)
    proxy_credentials: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    notes: tuple[Step, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proxy_server and "@" in self.proxy_server:
            found: list[tuple[str, str, str]] = []
            clean = _SERVER_TOKEN.sub(lambda match: _without_userinfo(match[0], found), self.proxy_server)
            object.__setattr__(self, "proxy_server", clean)
            object.__setattr__(self, "proxy_credentials", (*self.proxy_credentials, *found))

    @classmethod
    def from_system(cls, source: str | None = None, environ: Mapping[str, str] | None = None) -> ProxyConfig:
        """Read the settings of this machine: the environment's, else the system's; raises ConfigError.

        ``source`` names one place instead: environment, windows, winhttp, macos, gnome or kde. ``environ`` stands in
        for ``os.environ``.
        """
        return _plugged_in().system(source, environ)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> ProxyConfig:
        """Read the PACAWARE variables, ``auto_proxy``, ``WSL_PAC_URL`` and the proxy variables; raises ConfigError."""
        return _plugged_in().environ(environ)

    def __repr__(self) -> str:
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.repr}
        if self.pac_url is not None:
            values["pac_url"] = redact_url(self.pac_url)
        return f"ProxyConfig({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Secrets are dropped on pickling: what was pickled may be stored or sent.
        values = {name: getattr(self, name) for name in self.__slots__ if name != "proxy_credentials"}
        if self.pac_url is not None:
            values["pac_url"] = _drop_userinfo(self.pac_url)
        return _rebuild_config, (values,)

    def __copy__(self) -> ProxyConfig:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> ProxyConfig:
        return self


def _rebuild_config(values: dict[str, Any]) -> ProxyConfig:
    return ProxyConfig(**values)


def _without_userinfo(token: str, found: list[tuple[str, str, str]]) -> str:
    key = _SCHEME_KEY.match(token)
    prefix = key[0] if key else ""
    clean, pair = split_userinfo(token[len(prefix) :])
    if pair is not None:
        server = clean.partition("://")[2] or clean
        found.append((server.rstrip("/").lower(), *pair))
    return prefix + clean


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What is remembered, and for how long (seconds); raises ConfigError for what makes no sense.

    ``key="exact"`` never gives a URL another URL's answer; ``"host"`` is WinINet's (KB271361). ``result_cache=False``
    asks the script each time. ``bad_proxy_seconds`` is how long a proxy that failed comes last (KB2551554; 0: not at
    all). ``sticky_seconds`` ends the memory of which proxy was in fact used; None keeps it until something invalidates
    it. ``max_entries`` bounds each memory.
    """

    key: str = "exact"
    result_cache: bool = True
    bad_proxy_seconds: float = 1800
    sticky_seconds: float | None = None
    max_entries: int = 10_000

    def __post_init__(self) -> None:
        if self.key not in ("exact", "host"):
            raise ConfigError(f"CachePolicy(key={self.key!r}): the key is 'exact' or 'host'")
        if self.max_entries < 1 or self.bad_proxy_seconds < 0:
            raise ConfigError("CachePolicy: max_entries must be at least 1 and bad_proxy_seconds not negative")

    @classmethod
    def ie(cls) -> CachePolicy:
        """Remember as Internet Explorer does: one answer for a whole host (KB271361)."""
        return cls(key="host")


class Step(NamedTuple):
    """One thing that was looked at on the way to a decision; ``ms`` is how long it took, 0 where nobody waited.

    ``status`` is ok, note, skipped (it was there and something else comes first), warning or failed. ``reason`` is that
    of the error, where there was one; records leave it out.
    """

    name: str
    status: str
    detail: str
    ms: float = 0.0
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {"name": self.name, "status": self.status, "detail": self.detail, "ms": self.ms}


_SHOWN_MS: Final = 0.05
_WIDE_BLANK: Final = "\u3000"  # of Japanese text; to Python it is not printable
_BECAUSE: Final = {
    "explicit": "the program gave this proxy",
    "implicit-bypass": "this machine and its own network need no proxy",
    "bypass": "the list of exceptions says so",
    "wpad-dhcp": "the PAC file that DHCP names says so",
    "wpad-dns": "the PAC file that DNS names says so",
    "pac": "the PAC file says so",
    "manual": "this proxy is set",
    "no-proxy": "no proxy is set that could be used",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The fail-over list for one URL, and why; responses carry theirs.

    It is ``response.pacaware`` with requests, ``response.extensions["pacaware"]`` with httpx. ``url`` is what was asked
    about, ``proxies`` the candidates in the order in which they are tried, ``pac_url`` the PAC file that was asked.
    ``source`` is explicit, implicit-bypass, bypass, wpad-dhcp, wpad-dns, pac, manual or no-proxy; ``config_origin`` is
    code, environment, windows, winhttp, macos, gnome, kde, wsl or none. ``cached`` says that the answer was known
    before. ``steps`` are what was looked at on the way: name, status, detail and ms (milliseconds).
    """

    url: str = field(repr=False)
    proxies: ProxyList
    source: str
    config_origin: str
    pac_url: str | None = field(default=None, repr=False)
    cached: bool = False
    steps: tuple[Step, ...] = field(default=(), repr=False)
    listed: tuple[Candidate, ...] = field(default=(), repr=False, compare=False)
    """The candidates as the settings or the script list them, before dead proxies are moved to the end."""
    answered: float = field(default=0.0, repr=False, compare=False)
    """When (Unix time) the settings or the script gave this answer; 0 where nobody was asked."""
    holds: str = field(default="", repr=False, compare=False)
    """What an answer that was known before rests on."""
    network: int = field(default=0, repr=False, compare=False)
    """How often the network had changed when this was decided."""

    def for_url(self, url: str) -> Decision:
        """The same answer, said of another URL that shares it, and known before."""
        return Decision(
            *(url, self.proxies, self.source, self.config_origin, self.pac_url, True, self.steps, self.listed),
            *(self.answered, self.holds, self.network),
        )

    def as_cached(self) -> Decision:
        """The same decision, marked as known before."""
        return self.for_url(self.url)

    @property
    def freshness(self) -> str:
        """Whether this was found out for this request, or known before: since when, and why it still holds."""
        if not self.cached or not self.answered:
            return "fresh"
        age = max(0.0, time.time() - self.answered)
        return f"known for {age:.0f} s" + (f", holds {self.holds}" if self.holds else "")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record without secrets: no userinfo, no query values.

        Keys: url, proxies (texts such as ``PROXY a:1``), source, config_origin, pac_url, cached, and steps, each with
        name, status, detail and ms (milliseconds). They stay as they are within a major version.
        """
        steps = (*self.steps, Step("memory", "ok", self.freshness)) if self.cached and self.answered else self.steps
        return {
            "url": redact_url(self.url),
            "proxies": [candidate.pac_text for candidate in self.proxies],
            "source": self.source,
            "config_origin": self.config_origin,
            "pac_url": None if self.pac_url is None else redact_url(self.pac_url),
            "cached": self.cached,
            "steps": [step.to_dict() for step in steps],
        }

    def explain(self) -> str:
        """The same record as lines of text for a person; no character in it moves a cursor or ends a line."""
        record = self.to_dict()
        because = _BECAUSE[self.source]
        if self.source == "manual" and self.proxies[0] is DIRECT:
            because = "proxies are set, and none for this scheme"
        lines = [
            record["url"],
            f"  goes by  {self.proxies}",
            f"  because  {because} ({self.source}; settings from: {self.config_origin})"
            + (", cached" if self.cached else ", fresh" if self.answered else ""),
        ]
        if record["pac_url"]:
            lines.append(f"  PAC      {record['pac_url']}")
        return "\n".join((*map(on_one_line, lines), *step_lines([Step(**step) for step in record["steps"]])))


def step_lines(steps: Iterable[Step]) -> Iterator[str]:
    """Yield a line for each step, with its time where it took any."""
    for step in steps:
        took = f" [{step.ms:.1f} ms]" if step.ms >= _SHOWN_MS else ""
        yield on_one_line(f"  {step.status:<7}  {step.name}: {step.detail}{took}")


def on_one_line(text: str) -> str:
    """Return the text with its control characters written as escapes, and its line ends as blanks.

    What a server, a script or a person wrote must not move the cursor of a terminal, nor look like a line of ours.
    """
    if text.isprintable():
        return text
    words = " ".join(text.split("\n"))
    return "".join(char if char.isprintable() or char == _WIDE_BLANK else ascii(char)[1:-1] for char in words)


# What stands between "//" and the path, and an authority that cannot be the beginning of an unescaped password.
_AUTHORITY: Final = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?([^/?#]*)")
_HOST_AND_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?")


def redact_url(url: str) -> str:
    """Return the URL without userinfo and fragment, each query value replaced by an ellipsis."""
    head, mark, query = _drop_userinfo(url).partition("#")[0].partition("?")
    if mark:
        query = "&".join(_redact_parameter(parameter) for parameter in query.split("&"))
    return f"{head}{mark}{query}"


def _drop_userinfo(url: str) -> str:
    match = _AUTHORITY.match(url)
    assert match is not None  # every part of the pattern may be empty
    start, authority = match[1] or "", match[2]
    if "@" in authority:
        return start + authority.rpartition("@")[2] + url[match.end() :]
    if not _HOST_AND_PORT.fullmatch(authority):  # user:pa/ss@host, or no URL at all: up to the last @ it may be secret
        return start + url[len(start) :].rpartition("@")[2]
    return url


def _redact_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}=..." if equals else "..." if parameter else ""
