"""Which proxies may see which credentials: how far the place that named a proxy is trusted."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacaware._models import ProxyServer

__all__ = ["Trust", "is_loopback", "scope_advice", "trust_of"]


class Trust(enum.Enum):
    """How far a proxy is trusted with credentials that were not given for it by name."""

    FULL = "full"
    NO_CLEAR_TEXT = "no clear text"
    NONE = "none"


def trust_of(proxy: ProxyServer, source: str, pac_url: str | None) -> Trust:
    """Return the trust in a proxy that a decision of this ``source`` names.

    Anybody on the network can forge what WPAD or a PAC file fetched without TLS says; such a script could name a proxy
    of its own and collect passwords.
    """
    if source in ("wpad-dhcp", "wpad-dns"):
        return Trust.NONE
    if source != "pac" or is_loopback(proxy.host):
        return Trust.FULL
    scheme = (pac_url or "").partition(":")[0].lower()
    return Trust.NO_CLEAR_TEXT if scheme == "http" else Trust.FULL


def is_loopback(host: str) -> bool:
    """Say whether a canonical host is this machine itself, without asking DNS."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or host == "::1":
        return True
    return name.startswith("127.") and name.replace(".", "").isdigit()


def scope_advice(trust: Trust, proxy: ProxyServer) -> str:
    """Say why credentials were held back, and the exact line that names this proxy for them."""
    why = (
        "the proxy was named by automatic detection, which anybody on the network can forge"
        if trust is Trust.NONE
        else "the proxy was named by a PAC file fetched without TLS, and the logon would show it the password"
    )
    return f"{why}; if you trust it: PACAWARE_AUTH_PROXIES={proxy.netloc}"
