"""Names without a resolver: every server of this package talks to loopback and nothing else."""

from __future__ import annotations

import ipaddress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["address_of", "known_hosts", "require_loopback"]

# RFC 6761, section 6.2: names in .test never exist outside a test.
_DEFAULT_HOSTS: Mapping[str, str] = {"*.test": "127.0.0.1", "localhost": "127.0.0.1"}


def require_loopback(address: str) -> str:
    """Return ``address`` if it is a loopback address; ValueError for anything else, names included."""
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise ValueError(f"{address!r} is not a loopback address: pacaware.testing uses 127.0.0.1 and ::1 only")


def known_hosts(hosts: Mapping[str, str] | None) -> dict[str, str]:
    """Return the names that ``hosts=`` of a proxy means; ValueError if one is not on loopback."""
    if hosts is None:
        return dict(_DEFAULT_HOSTS)
    return {pattern.lower(): require_loopback(address) for pattern, address in hosts.items()}


def address_of(host: str, hosts: Mapping[str, str]) -> str | None:
    """Return the loopback address of a name or address; None means that it must not be contacted.

    Keys of ``hosts`` may hold ``*`` and ``?``; the first that matches holds.
    """
    name = host.strip("[]").rstrip(".").lower()
    for pattern, address in hosts.items():
        if fnmatchcase(name, pattern):
            return address
    try:
        return require_loopback(name)
    except ValueError:
        return None
