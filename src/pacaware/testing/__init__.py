"""Loopback servers for tests of programs behind a proxy: origins, PAC files, proxies that work and proxies that fail.

Each is a context manager on a free port of 127.0.0.1 (``host="::1"`` for IPv6), looks no name up, contacts nothing but
loopback, keeps a log in ``requests``, and leaves no thread or socket behind. ``pacaware.testing.fixtures`` has them as
pytest fixtures.

    with Origin() as origin, Proxy(BasicUsers({"alice": "s3cret"})) as proxy:
        with PacServer(pac_returning(proxy.pac_text)) as pac:
            ...  # let the program use pac.url, ask for origin.url_for("origin.test"), then look at proxy.requests
"""

from pacaware.testing._base import ProxyEndpoint, Server
from pacaware.testing._digest import DigestUsers
from pacaware.testing._faults import (
    BlackHole,
    ClosingProxy,
    DeadProxy,
    GarbageProxy,
    HalfAnswerProxy,
    HugeHeadersProxy,
    RefusingProxy,
    SilentProxy,
    dead_port,
)
from pacaware.testing._http import SeenRequest
from pacaware.testing._origin import Origin
from pacaware.testing._pac import PacServer, pac_returning
from pacaware.testing._proxy import Proxy, SeenProxyRequest, SlowProxy
from pacaware.testing._socks import SeenSocksRequest, SocksProxy
from pacaware.testing._spnego import NegotiateUsers, NtlmUsers
from pacaware.testing._tls import Certificates
from pacaware.testing._verify import BasicUsers, ConnectionState, Offer, Verifier

__all__ = [
    "BasicUsers",
    "BlackHole",
    "Certificates",
    "ClosingProxy",
    "ConnectionState",
    "DeadProxy",
    "DigestUsers",
    "GarbageProxy",
    "HalfAnswerProxy",
    "HugeHeadersProxy",
    "NegotiateUsers",
    "NtlmUsers",
    "Offer",
    "Origin",
    "PacServer",
    "Proxy",
    "ProxyEndpoint",
    "RefusingProxy",
    "SeenProxyRequest",
    "SeenRequest",
    "SeenSocksRequest",
    "Server",
    "SilentProxy",
    "SlowProxy",
    "SocksProxy",
    "Verifier",
    "dead_port",
    "pac_returning",
]
