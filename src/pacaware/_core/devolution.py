"""Where automatic detection may look for a PAC file: names to ask DNS for, and what of the answers is refused.

A name too high in the tree belongs to strangers: ``wpad.co.jp`` would choose the proxy of every company of Japan
(US-CERT TA16-144A). A PAC file on this machine itself or on a link-local address is no company's either: such URLs
serve to reach what only this machine can reach.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from pacaware._core.scope import is_loopback
from pacaware._hosts import canonical_host

__all__ = ["MAX_NAMES", "address_refusal", "url_refusal", "wpad_names"]

MAX_NAMES: Final = 16
_LONGEST_NAME: Final = 253


def wpad_names(suffixes: Iterable[str], is_public: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the names to look up, best first: ``wpad.`` before each suffix and the suffixes above it.

    Nothing is put before what ``is_public`` calls a public suffix (``com``, ``co.jp``, and any single label), nor
    before what is above one; anything that is not a domain name is skipped. At most MAX_NAMES names.
    """
    names: dict[str, None] = {}
    for text in suffixes:
        suffix = _domain(text)
        while suffix and "." in suffix and not is_public(suffix):
            names[f"wpad.{suffix}"] = None
            suffix = suffix.partition(".")[2]
    return tuple(names)[:MAX_NAMES]


def _domain(text: str) -> str:
    """Return the canonical text of a domain name, or "" for anything else."""
    try:
        name = canonical_host(text.strip().strip("."))
    except ValueError:
        return ""
    return "" if _address(name) or len(name) > _LONGEST_NAME - len("wpad.") else name


def url_refusal(url: str) -> str | None:
    """Say why a URL that detection found is not used, or return None if it may be fetched."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("", "http", "https"):
            return f"{parts.scheme}: is not accepted from automatic detection, only http and https are"
        host = canonical_host(f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "")
        port = parts.port
    except ValueError:
        return "it is not a URL"
    if not parts.scheme or not url.isprintable() or " " in url:
        return "it is not a URL"
    if port == 0:
        return "port 0 cannot be connected to"
    if is_loopback(host):
        return "it leads to this machine itself"
    return address_refusal(host) if _address(host) else None


def address_refusal(address: str) -> str | None:
    """Say why a PAC file that detection found is not fetched from an IP address, or return None if it may be."""
    ip = _address(address.partition("%")[0])
    if ip is None:
        return f"{address} is not an IP address"
    if ip.is_loopback or ip.is_unspecified:
        return f"{address} is this machine itself"
    if ip.is_link_local:
        return f"{address} is a link-local address"
    return f"{address} is a multicast address" if ip.is_multicast or str(ip) == "255.255.255.255" else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    # What is meant is the IPv4 address inside.
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip
