"""This machine's own addresses as ``myIpAddress()`` reports them.

Chromium services/network/proxy_auto_config_library.cc (M72 and later): the source address of a UDP socket towards the
public internet, else the addresses of our own name, else the source addresses towards private networks. Connecting a
UDP socket sends nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from pacaware._probes import PRIVATE, PUBLIC, source_address

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["my_addresses"]


def my_addresses(
    ex: bool, probe: Callable[[str], str | None] | None = None, own_name: Callable[[], list[str]] | None = None
) -> list[str]:
    """Return the addresses that ``myIpAddress()`` (at most one) or ``myIpAddressEx()`` reports; empty: none found.

    ``probe(destination)`` returns the source address towards it or None; ``own_name()`` resolves this machine's name.
    Loopback addresses do not count, and a link-local one only if there is nothing else.
    """
    probe = probe or source_address
    link_local: list[str] = []
    for stage in (PUBLIC, None, PRIVATE):
        found: list[str] = []
        sources = (probe(destination) for destination in stage) if stage else iter((own_name or _resolve_own_name)())
        for source in sources:
            _sort_in(source, found, link_local)
            if not ex and any(":" not in address for address in found):
                break
        if found:
            return found if ex else [_ipv4_first(found)]
    return [_ipv4_first(link_local)] if link_local else []


def _sort_in(source: str | None, found: list[str], link_local: list[str]) -> None:
    if source is None:
        return
    address = ipaddress.ip_address(source)
    if address.is_loopback or address.is_unspecified:
        return
    group = link_local if address.is_link_local else found
    if source not in group:
        group.append(source)


def _ipv4_first(addresses: list[str]) -> str:
    return next((address for address in addresses if ":" not in address), addresses[0])


def _resolve_own_name() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]
