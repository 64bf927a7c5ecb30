"""Settings: which proxies there are, and what is remembered of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, Final, NamedTuple

from pacaware._hosts import split_userinfo
from pacaware._models.decision import Step
from pacaware._models.texts import redact_url, without_userinfo
from pacaware.errors import ConfigError

__all__ = ["CachePolicy", "ConfigReaders", "ProxyConfig", "plug_in_readers"]


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
        getattr(import_module(__package__.partition(".")[0]), ProxyConfig.__name__)
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
            values["pac_url"] = without_userinfo(self.pac_url)
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
