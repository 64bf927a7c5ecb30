"""The address that this machine uses towards a destination; nothing is sent to find it out."""

from __future__ import annotations

import socket
from typing import Final

__all__ = ["PRIVATE", "PUBLIC", "source_address"]

# Chromium services/network/proxy_auto_config_library.cc: the public internet, then private networks.
PUBLIC: Final = ("8.8.8.8", "2001:4860:4860::8888")
PRIVATE: Final = ("10.0.0.0", "172.16.0.0", "192.168.0.0", "FC00::")


def source_address(destination: str) -> str | None:
    """Return the source address towards an IP address, without a zone, or None if there is no way to it."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.settimeout(1.0)
            probe.connect((destination, 80))
            return str(probe.getsockname()[0]).partition("%")[0]
    except OSError:
        return None
