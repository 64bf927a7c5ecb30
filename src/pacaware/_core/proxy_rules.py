"""Manual proxy settings: one string that names a proxy for all schemes, or one for each.

Two readers of the same strings differ. ``windows`` is WinINet's (jpdsi LAN settings article, section 2;
WINHTTP_PROXY_INFO): entries parted by ``;`` or whitespace, a bare entry serves every scheme not named, the first entry
for a scheme counts.
``chromium`` is ProxyConfig::ProxyRules::ParseFromString (net/proxy_resolution/proxy_config.cc): a bare entry counts
only as the first of all, and then alone; entries for one scheme add up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

from pacaware._models import DIRECT, Candidate, ProxyServer
from pacaware.errors import ConfigError

__all__ = ["ProxyRules"]

_Dropped: TypeAlias = tuple[tuple[str, str], ...]

_KEYS: Final = ("http", "https", "ftp", "socks")
#: The key under which the entry for every other scheme is kept.
_BARE: Final = ""
_SPLIT: Final = {"windows": re.compile(r"[; \t\r\n]+"), "chromium": re.compile(r";")}
_SPACED: Final = re.compile(r"[ \t\r\n]*([=,])[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """Which proxies a manual setting names for which scheme; make one with ``parse``.

    ``dropped`` holds (entry, reason) for what could not be used, without user and password.
    """

    entries: tuple[tuple[str, tuple[Candidate, ...]], ...]
    dropped: _Dropped = field(default=(), compare=False)

    @classmethod
    def parse(cls, text: str, dialect: str = "windows") -> Self:
        """Read a setting; raises ConfigError if nothing in it can be used, or for an unknown dialect."""
        separator = _SPLIT.get(dialect)
        if separator is None:
            raise ConfigError(f"{dialect!r} is no dialect of proxy settings; there are windows, chromium")
        chromium = dialect == "chromium"
        found: dict[str, list[Candidate]] = {}
        dropped: list[tuple[str, str]] = []
        keyed = False
        for part in separator.split(_SPACED.sub(r"\1", text)):
            entry = part.strip(" \t\r\n")
            if not entry:
                continue
            name, equals, values = entry.partition("=")
            key, values = (name.lower(), values) if equals else (_BARE, entry)
            if chromium and _BARE in found:
                dropped.append((entry, "the first entry is for all schemes"))
            elif chromium and keyed and not equals:
                dropped.append((entry, "it names no scheme, unlike the entries before it"))
            elif equals and key not in _KEYS:
                dropped.append((entry, f"{key!r} is not one of {', '.join(_KEYS)}"))
            elif not chromium and key in found:
                dropped.append((entry, "an entry before it is for the same scheme"))
            elif candidates := _candidates(values, "socks4" if key == "socks" else "http", dropped):
                found.setdefault(key, []).extend(candidates)
            keyed = keyed or bool(equals)
        notes = _without_secrets(dropped, text)
        if not found:
            reasons = "; ".join(f"{entry!r}: {reason}" for entry, reason in notes) or "it is empty"
            shown = "..." + text[text.rfind("@") :] if "@" in text else text
            raise ConfigError(f"the proxy setting {shown!r} names no usable proxy ({reasons})")
        return cls(tuple((key, tuple(found[key])) for key in (*_KEYS, _BARE) if key in found), notes)

    def candidates(self, scheme: str) -> tuple[Candidate, ...]:
        """Return the fail-over candidates for a URL's scheme; () where the setting names none, which means direct.

        ws and wss prefer a SOCKS proxy, then what https uses (RFC 6455, section 4.1; Chromium does the same).
        """
        wanted: tuple[str, ...] = (scheme, _BARE, "socks")
        if scheme in ("ws", "wss"):
            wanted = ("socks", "https", "http", _BARE)
        elif scheme not in ("http", "https", "ftp"):
            wanted = (_BARE, "socks")
        lists = dict(self.entries)
        return next((lists[key] for key in wanted if key in lists), ())

    def __str__(self) -> str:
        return ";".join(
            (f"{key}=" if key else "") + ",".join("direct://" if item is DIRECT else str(item) for item in items)
            for key, items in self.entries
        )


def _candidates(values: str, default_scheme: str, dropped: list[tuple[str, str]]) -> list[Candidate]:
    """Read a list of proxies parted by commas."""
    found: list[Candidate] = []
    for value in values.split(","):
        uri = value.strip(" \t\r\n")
        if uri.lower() == "direct://":
            found.append(DIRECT)
        elif uri:
            try:
                # People paste the address of the proxy with the slash that their browser shows behind it.
                found.append(ProxyServer.parse(uri.removesuffix("/") if "://" in uri else uri, default_scheme))
            except ConfigError as exc:
                dropped.append((uri, str(exc)))
    return found


def _without_secrets(dropped: list[tuple[str, str]], text: str) -> _Dropped:
    """Say less where the setting holds an ``@``: any piece before the last one may be a piece of a password."""
    if "@" not in text:
        return tuple(dropped)
    reason = "the setting must not contain a user or password"
    return tuple(("..." + entry[at:] if (at := entry.rfind("@")) >= 0 else "...", reason) for entry, _ in dropped)
