"""The address of a proxy or PAC file as somebody typed it: what could be wrong with the characters themselves."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from pacaware._cli.doctor.findings import Finding, fail, warn
from pacaware._hosts import split_host_port, split_userinfo
from pacaware._models import ProxyServer, redact_url
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["judge_pac_address", "judge_proxy_address", "judge_text", "typed_addresses"]

_PROXIES: Final = ("PACAWARE_PROXY", "http_proxy", "https_proxy", "all_proxy")
_PAC_URLS: Final = ("PACAWARE", "PACAWARE_PAC_URL", "auto_proxy", "WSL_PAC_URL")
_NOT_URLS: Final = frozenset({"", "0", "1", "off", "on", "no", "yes", "true", "false", "system"})
_HALF_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEY: Final = re.compile(r"\s*[A-Za-z]+=")


def typed_addresses(environ: Mapping[str, str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the (variable, text) pairs that name proxies, and those that name PAC files."""

    def given(names: tuple[str, ...]) -> list[tuple[str, str]]:
        spelt = dict.fromkeys(spelling for name in names for spelling in (name, name.upper()))
        return [(name, environ[name]) for name in spelt if environ.get(name, "").strip()]

    proxies = []
    for name, text in given(_PROXIES):
        parts = text.split(";") if _KEY.match(text) else [text]
        proxies += [(name, _KEY.sub("", part, count=1)) for part in parts if part.strip()]
    return proxies, [(name, text) for name, text in given(_PAC_URLS) if text.strip().lower() not in _NOT_URLS]


def judge_proxy_address(text: str, where: str) -> Finding | None:
    """Look at one proxy as it was typed; None if there is nothing to say.

    What is shown of it never includes what stands before an ``@``.
    """
    clean, user = split_userinfo(text.strip())
    shown = text.strip().rpartition("@")[2]
    if user is not None and _is_unescaped(text.strip()):
        return warn("address", "address-escape", f"...@{shown}", where=where)
    strange = judge_text(shown, where)
    try:
        server = ProxyServer.parse(clean.rstrip("/"))
    except ConfigError:
        return strange or fail("address", "address-wrong", repr(shown), where=where)
    if strange is not None:
        return strange
    if server.scheme in ("http", "https") and _port(clean) is None:
        return warn("address", "address-port", f"{shown} -> {server.netloc}", where=where)
    return None


def judge_pac_address(text: str, where: str) -> Finding | None:
    """Look at the address of a PAC file as it was typed."""
    return judge_text(redact_url(text.strip()), where)


def judge_text(shown: str, where: str) -> Finding | None:
    """Look for blanks within an address, and for characters that only look like the right ones."""
    if any(char.isspace() for char in shown.strip()):
        return fail("address", "address-blank", repr(shown), where=where)
    odd = [char for char in shown if not char.isascii() or not char.isprintable()]
    if not odd:
        return None
    names = ", ".join(dict.fromkeys(f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip() for char in odd[:4]))
    return fail("address", "address-wide", f"{shown!a}: {names}", where=where)


def _is_unescaped(text: str) -> bool:
    """Whether a user or password holds characters that end it for other programs (RFC 3986, section 3.2.1)."""
    userinfo = text.rpartition("://")[2] if text.count("://") == 1 else text
    userinfo = userinfo.rpartition("@")[0]
    return (
        any(char in userinfo for char in "@#/?[] ")
        or userinfo.count(":") > 1
        or _HALF_ESCAPE.search(userinfo) is not None
    )


def _port(clean: str) -> int | None:
    try:
        return split_host_port(clean.rpartition("://")[2].rstrip("/"))[1]
    except ValueError:
        return None
