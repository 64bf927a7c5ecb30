"""What every host library must do alike: which proxies a list names, and what becomes of a request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pacaware.testing import (
    BasicUsers,
    BlackHole,
    ClosingProxy,
    DeadProxy,
    GarbageProxy,
    HalfAnswerProxy,
    HugeHeadersProxy,
    Offer,
    Proxy,
    RefusingProxy,
    SocksProxy,
)

USERS = {"alice": "s3cret"}
LOGON = ("alice", "s3cret")

SERVERS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "plain": Proxy,
    "http10": lambda: Proxy(http10=True),
    "basic": lambda: Proxy(BasicUsers(USERS)),
    "basic, http10": lambda: Proxy(BasicUsers(USERS), http10=True),
    "basic, closes after the 407": lambda: Proxy(BasicUsers(USERS), close_after_407=True),
    "basic, drops after the 407": lambda: Proxy(BasicUsers(USERS), close_after_407="silently"),
    "basic, resets after the 407": lambda: Proxy(BasicUsers(USERS), close_after_407="by reset"),
    "basic after an unknown scheme": lambda: Proxy([Offer("Nonsense abc="), BasicUsers(USERS)]),
    "tls": lambda: Proxy(tls=True),
    "tls, basic": lambda: Proxy(BasicUsers(USERS), tls=True),
    "ipv6": lambda: Proxy(host="::1"),
    "socks4": lambda: SocksProxy(4),
    "socks5": lambda: SocksProxy(5),
    "socks5 with a logon": lambda: SocksProxy(5, users=USERS),
    "socks5 byte by byte": lambda: SocksProxy(5, users=USERS, byte_by_byte=True),
    "socks5, host unreachable": lambda: SocksProxy(5, refuse=4),
    "dead": DeadProxy,
    "dead socks": lambda: DeadProxy(scheme="socks5"),
    "dead tls": lambda: DeadProxy(scheme="https"),
    "black hole": BlackHole,
    "black hole tls": lambda: BlackHole(scheme="https"),
    "black hole socks": lambda: BlackHole(scheme="socks5"),
    "drops packets": lambda: BlackHole(connects=False),
    "closes": ClosingProxy,
    "resets": lambda: ClosingProxy(reset=True),
    "garbage": GarbageProxy,
    "half an answer": HalfAnswerProxy,
    "10 MB of headers": HugeHeadersProxy,
    "says 403": RefusingProxy,
    "says 503": lambda: RefusingProxy(503),
}


class BlinkingProxy(Proxy):
    """A proxy that hangs up at once while it is ``down``."""

    down = False

    def _serve(self, connection: Any) -> None:
        if not self.down:
            super()._serve(connection)


@dataclass(frozen=True)
class Scenario:
    """A list of servers, and what comes of a request for a ``scheme`` URL that goes by it.

    Either the origin answers by way of ``used`` (DIRECT: by none), or ``status`` is an answer of a proxy, or the
    library raises ``error`` (a name of httpx's exceptions; other libraries map it).
    """

    servers: tuple[str, ...]
    scheme: str
    used: str = ""
    status: int = 200
    error: str = ""

    def __str__(self) -> str:
        outcome = self.error or (f"by {self.used}" if self.used else str(self.status))
        return f"{self.scheme} by [{'; '.join(self.servers)}] -> {outcome}"


def _both(*servers: str, used: str) -> list[Scenario]:
    return [Scenario(servers, scheme, used) for scheme in ("http", "https")]


WORKING = [
    *_both("plain", used="plain"),
    *_both("http10", used="http10"),
    *_both("basic", used="basic"),
    *_both("basic, http10", used="basic, http10"),
    *_both("basic, closes after the 407", used="basic, closes after the 407"),
    *_both("basic, drops after the 407", used="basic, drops after the 407"),
    *_both("basic, resets after the 407", used="basic, resets after the 407"),
    *_both("basic after an unknown scheme", used="basic after an unknown scheme"),
    *_both("tls", used="tls"),
    *_both("tls, basic", used="tls, basic"),
    *_both("ipv6", used="ipv6"),
    *_both("socks4", used="socks4"),
    *_both("socks5", used="socks5"),
    *_both("socks5 with a logon", used="socks5 with a logon"),
    *_both("socks5 byte by byte", used="socks5 byte by byte"),
    *_both("DIRECT", used="DIRECT"),
]

FAIL_OVER = [
    *_both("dead", "plain", used="plain"),
    *_both("dead", "DIRECT", used="DIRECT"),
    *_both("dead", "dead socks", "dead tls", "plain", used="plain"),
    *_both("dead socks", "socks5", used="socks5"),
    *_both("black hole socks", "plain", used="plain"),
    *_both("black hole tls", "plain", used="plain"),
    *_both("drops packets", "plain", used="plain"),
    Scenario(("black hole", "plain"), "https", "plain"),
    # Nothing of the request has left while CONNECT is unanswered.
    Scenario(("closes", "plain"), "https", "plain"),
    Scenario(("resets", "plain"), "https", "plain"),
    Scenario(("garbage", "plain"), "https", "plain"),
    Scenario(("half an answer", "plain"), "https", "plain"),
    Scenario(("10 MB of headers", "plain"), "https", "plain"),
]

# An answer, or a request that may have arrived, is the end of the list.
FINAL = [
    Scenario(("says 403", "plain"), "http", status=403),
    Scenario(("says 503", "plain"), "http", status=503),
    Scenario(("says 403", "plain"), "https", error="ProxyError"),
    Scenario(("says 503", "plain"), "https", error="ProxyError"),
    Scenario(("socks5, host unreachable", "plain"), "http", error="ProxyError"),
    Scenario(("socks5, host unreachable", "plain"), "https", error="ProxyError"),
    Scenario(("closes", "plain"), "http", error="RemoteProtocolError"),
    Scenario(("garbage", "plain"), "http", error="RemoteProtocolError"),
    Scenario(("half an answer", "plain"), "http", error="RemoteProtocolError"),
    Scenario(("10 MB of headers", "plain"), "http", error="RemoteProtocolError"),
    Scenario(("resets", "plain"), "http", error="ReadError"),
    Scenario(("black hole", "plain"), "http", error="ReadTimeout"),
    Scenario(("dead",), "http", error="ConnectError"),
    Scenario(("dead", "dead tls", "dead socks"), "https", error="ConnectError"),
    Scenario(("black hole",), "https", error="ConnectTimeout"),
]
