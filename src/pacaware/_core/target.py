"""The URL that a proxy is chosen for: its origin, and what a PAC script may see of it.

What a script sees follows Chromium's SanitizeUrl (net/proxy_resolution/configured_proxy_resolution_service.cc).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from pacaware._hosts import host_for_url, split_host_port
from pacaware._models import redact_url
from pacaware.errors import ConfigError

__all__ = ["Target", "parse_target"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
# Of an encrypted connection a script learns the origin alone.
_ORIGIN_ONLY: Final = frozenset({"https", "wss"})

# Control characters, lone surrogates and backslashes stand in no URL that every reader splits in the same way.
_BAD: Final = r"\x00-\x1f\x7f\\\ud800-\udfff"
_URL: Final = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#{_BAD}]*)([^?#{_BAD}]*)(\?[^#{_BAD}]*)?(?:#[^{_BAD}]*)?")
_BAD_CHARACTER: Final = re.compile(f"[{_BAD}]")
# What a browser percent-encodes in a path and in a query (WHATWG URL, section 1.3, and "|" as Chromium does), the rest
# being escaped already.
_IN_PATH: Final = re.compile(r"""[ "<>^`{|}]|[^!-~]+""")
_IN_QUERY: Final = re.compile(r"""[ "'<>]|[^!-~]+""")
# Segments "." and "..", also written with %2e.
_DOTS: Final = re.compile(r"/(?:\.|%2[eE]){1,2}(?:/|\Z)")
_DOT: Final = re.compile("%2[eE]")
_ZONE: Final = re.compile(r"%[^\]]*\]")


class Target(NamedTuple):
    """One URL as the rules see it: lower-case scheme, canonical host without brackets or zone, effective port.

    ``port`` is 0 where a scheme has no known default. ``pac_url`` is what a PAC script may see: never a user, password
    or fragment; no path and no query of https and wss.
    """

    scheme: str
    host: str
    port: int
    pac_url: str

    @property
    def pac_host(self) -> str:
        """The second argument of FindProxyForURL: the host without brackets and port."""
        return self.host

    @property
    def origin(self) -> str:
        """``scheme://host:port``, IPv6 in brackets, the port always written where it is known."""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host_for_url(self.host)}{port}"

    @property
    def origin_only_pac_url(self) -> str:
        """The URL without path and query, for scripts that were found by automatic detection."""
        return _base(self.scheme, self.host, self.port) + "/"


def parse_target(url: str) -> Target:
    """Read an absolute URL with a host; raises ConfigError for anything else."""
    parts = _URL.fullmatch(url.strip(" "))
    if parts is None:
        raise ConfigError(_why_not(url))
    scheme, authority, path, query = parts.groups()
    scheme = scheme.lower()
    try:
        host, port, base = _server(scheme, authority.rpartition("@")[2])
    except ValueError as exc:
        raise ConfigError(_why_not(url, str(exc))) from None
    if scheme in _ORIGIN_ONLY:
        return Target(scheme, host, port, base + "/")
    return Target(scheme, host, port, base + _plain_path(path or "/") + _escape(_IN_QUERY, query or ""))


@lru_cache(maxsize=1024)
def _server(scheme: str, text: str) -> tuple[str, int, str]:
    """Return (host, effective port, URL up to the path) for an authority from which the userinfo was taken."""
    # An empty port means the default one (RFC 3986, 3.2.3); the zone of a link-local address is this machine's affair.
    server = _ZONE.sub("]", text.removesuffix(":")) if text[:1] == "[" else text.removesuffix(":")
    host, port = split_host_port(server)
    effective = _DEFAULT_PORTS.get(scheme, 0) if port is None else port
    return host, effective, _base(scheme, host, effective)


def _base(scheme: str, host: str, port: int) -> str:
    shown = "" if port == _DEFAULT_PORTS.get(scheme, 0) else f":{port}"
    return f"{scheme}://{host_for_url(host)}{shown}"


def _plain_path(path: str) -> str:
    """Return the path as a browser asks for it: without "." and ".." (WHATWG URL, "path state"), the rest escaped."""
    if not _DOTS.search(path):
        return _escape(_IN_PATH, path)
    segments: list[str] = []
    parts = path.split("/")[1:]
    for at, part in enumerate(parts):
        plain = _DOT.sub(".", part)
        if plain == "..":
            del segments[-1:]
        elif plain != ".":
            segments.append(part)
        if plain in (".", "..") and at == len(parts) - 1:
            segments.append("")
    return _escape(_IN_PATH, "/" + "/".join(segments))


def _escape(what: re.Pattern[str], text: str) -> str:
    return what.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


def _why_not(url: str, reason: str = "") -> str:
    if "@" in url:
        # An unescaped "/" in a password would make the rest of it look like a path: show only what follows.
        shown, reason = "...@" + redact_url(url.rpartition("@")[2]), ""
    else:
        shown = redact_url(url)
    if not reason:
        bad = _BAD_CHARACTER.search(url)
        reason = f"it contains {bad[0]!r}" if bad else "it needs a scheme and a host, such as http://host/"
    return f"{shown!r} is not an absolute URL: {reason}"
