"""Placeholders for the names of users, hosts, domains and companies: the same name always gets the same one."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Placeholders", "names_in_list"]

# What looks like the name of a host and is none: files, and names of programs' own.
_NOT_HOSTS: Final = re.compile(
    r".*\.(?:pac|dat|js|py|txt|json|html?|crt|pem|exe|conf|plist)|org\.gnome\..*|com\.(?:google|microsoft)\..*"
    r"|(?:.*\.)?example\.(?:com|org|net)|localhost|(?:pacaware|python)\..*",
    re.IGNORECASE,
)
_WORDS: Final = frozenset(
    {"", "http", "https", "ftp", "socks", "socks4", "socks5", "local", "direct", "localhost", "loopback", "pac"}
)
_PUBLIC_PATHS: Final = frozenset({"/", "/wpad.dat", "/proxy.pac"})
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
# Where a name may begin: behind the "*." of a wildcard too.
_BEGIN: Final = r"(?<![\w-])(?<!\w\.)"
_TOKEN: Final = re.compile(
    rf"(?P<mail>[\w.+-]+@(?:{_LABEL}\.)*{_LABEL})"
    r"|(?P<v6>(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w+)?(?![\w:]))"
    r"|(?P<v4>(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]))"
    rf"|(?P<host>{_BEGIN}(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]+(?![\w-]))"
    rf"|(?P<server>(?<![\w.\\-])(?:{_LABEL})(?=:[0-9]{{2,5}}(?![0-9:])))"
    rf"|(?<=(?-i:\bPROXY ))(?P<proxy>{_LABEL})|(?<=(?-i:\bHTTPS ))(?P<tls>{_LABEL})"
    rf"|(?<=(?-i:\bSOCKS ))(?P<socks>{_LABEL})|(?<=(?-i:\bSOCKS5 ))(?P<socks5>{_LABEL})"
)
_URL_PATH: Final = re.compile(r"(https?://[^/\s'\"]+)(/[^\s'\"?;]*)(\?[^\s'\"]*)?")


class Placeholders:
    """Replaces names in texts, those that are known and those that look like one.

    ``table`` says afterwards which placeholder stands for what.
    """

    def __init__(self, hosts: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        self.table: dict[str, str] = {}
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._hosts = {host.lower() for host in hosts if host and host.lower() not in _WORDS}
        self._users: set[str] = set()
        for user in users:
            # DOMAIN\user and user@domain: each part on its own, too.
            parts = [user, *re.split(r"[\\@]", user)]
            self._users |= {part.lower() for part in parts if len(part) > 1}
        known = sorted((*self._hosts, *self._users), key=len, reverse=True)
        names = "|".join(map(re.escape, known)) or r"(?!)"
        given = rf"{_BEGIN}(?:{names})(?![\w-])"
        # One pass, so that no placeholder is taken for a name in the next.
        self._pattern = re.compile(f"(?P<known>{given})|{_TOKEN.pattern}", re.IGNORECASE | re.ASCII)

    def __call__(self, text: str) -> str:
        """Return the text with placeholders."""
        return self._pattern.sub(self._replaced, _URL_PATH.sub(_short_path, text))

    def user(self, name: str) -> str:
        """Return the placeholder for a user."""
        return self._placeholder("user", name)

    def organisation(self, name: str) -> str:
        """Return the placeholder for whoever signed a certificate."""
        return self._placeholder("organisation", name)

    def host(self, name: str) -> str:
        """Return the placeholder for a host; hosts of one domain share the second half."""
        _, dot, domain = name.lower().rstrip(".").partition(".")
        if not dot:
            return self._placeholder("host", name)
        if ("domain", name.lower()) in self._given:
            return self._given["domain", name.lower()]
        placeholder = self._given.get(("host", name.lower()))
        if placeholder is None:
            placeholder = f"{self._count('host')}.{self._placeholder('domain', domain)}"
            self._given["host", name.lower()] = placeholder
            self.table[placeholder] = name
        return placeholder

    def _replaced(self, match: re.Match[str]) -> str:
        kind, text = match.lastgroup, match[0]
        if kind == "known":
            return self.host(text) if text.lower() in self._hosts else self.user(text)
        if kind == "mail":
            user, _, host = text.partition("@")
            return f"{self.user(user)}@{self.host(host)}"
        if kind in ("v4", "v6"):
            return self._address(text)
        return text if _NOT_HOSTS.fullmatch(text) or text.lower() in _WORDS else self.host(text)

    def _address(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return text
        return text if address.is_loopback or address.is_unspecified else self._placeholder("address", text)

    def _placeholder(self, kind: str, name: str) -> str:
        key = (kind, name.lower())
        if key not in self._given:
            self._given[key] = self._count(kind)
            self.table[self._given[key]] = name
        return self._given[key]

    def _count(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}{self._counts[kind]}"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _short_path(match: re.Match[str]) -> str:
    """Leave the path of a URL out: it may hold names of people and projects."""
    path = match[2] if match[2] in _PUBLIC_PATHS else "/..."
    return f"{match[1]}{path}{'?...' if match[3] else ''}"


def names_in_list(text: str | None) -> list[str]:
    """Return the host names in a list of proxies or exceptions, without schemes, ports and wildcards."""
    names = []
    for token in re.split(r"[;,\s=|]+", text or ""):
        server = token.rpartition("://")[2].rpartition("@")[2].split("/")[0].lower()
        name = re.sub(r"(?<=[^:]):[0-9]+\Z", "", server).strip("*.<>[]-")
        if name not in _WORDS and not _is_address(name):
            names.append(name)
    return names
