"""Connections of urllib3 that lead over one route: a tunnel for https, and streams that lead to the origin at once.

These classes are put in front of the connection classes of one urllib3 (2.x or 1.26) by ``connection_classes()``.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

from pacaware._core.actions import Established, Refused
from pacaware._core.connect import ConnectHandshake
from pacaware._deadline import Deadline
from pacaware._requests._failure import refusal
from pacaware._requests._wiring import Wiring, handshake, reconnected

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection, HTTPSConnection
else:
    HTTPConnection = HTTPSConnection = object

__all__ = ["OurLimit", "Routed", "StreamConnection", "TunnelConnection"]


class OurLimit(float):
    """A connect timeout that is ours, not the caller's: it is over as soon as the route stands."""


class _Reconnect(Exception):
    """The proxy closed the connection between two legs of the logon."""


class Routed(HTTPConnection):
    """What connections over a route have in common: a deadline until it stands, the caller's timeouts after that."""

    def __init__(self, wiring: Wiring, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wiring = wiring
        self._deadline = Deadline(None)

    def connect(self) -> None:
        """Connect; raises RouteFailed."""
        self._deadline = Deadline(self.timeout)
        super().connect()
        self._route_stands()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send the request; a limit of ours does not apply to it."""
        if self.sock is not None:
            self._route_stands()
        super().request(*args, **kwargs)

    def _route_stands(self) -> None:
        if isinstance(self.timeout, OurLimit):
            self.timeout = None
        if self.sock is not None:
            self.sock.settimeout(self.timeout)


class StreamConnection(Routed):
    """A connection whose socket leads to the origin: SOCKS, CONNECT for plain http, DIRECT in a fail-over list."""

    def _new_conn(self) -> socket.socket:
        return self._wiring.stream(self.host, self.port, self._deadline, self.source_address, self.socket_options)


class TunnelConnection(Routed, HTTPSConnection):
    """A connection to an https origin through CONNECT. urllib3 does the TLS, also inside the TLS to the proxy."""

    _handshake: ConnectHandshake | None = None
    _reconnecting = False

    def connect(self) -> None:
        """Connect, open the tunnel, begin TLS with the origin; raises RouteFailed before the tunnel stands."""
        self._handshake = None
        self._reconnecting = False
        self._deadline = Deadline(self.timeout)
        while True:
            try:
                super(Routed, self).connect()
            except _Reconnect:
                assert self._handshake is not None
                assert self.sock is not None
                self.sock.close()
                self.sock = None
                reconnected(self._handshake)
            else:
                return

    def _new_conn(self) -> socket.socket:
        proxy = self._wiring.proxy
        return self._wiring.reach(proxy.host, proxy.port, self._deadline, self.source_address, self.socket_options)

    def _connect_tls_proxy(self, hostname: str, sock: socket.socket) -> ssl.SSLSocket:
        secured = self._wiring.secure(sock, self._deadline)
        self.proxy_is_verified = True
        return secured

    def _tunnel(self) -> None:
        assert self.sock is not None
        assert self._tunnel_host is not None
        assert self._tunnel_port is not None
        if self._handshake is None:
            auth = self._wiring.controller()
            self._handshake = self._wiring.connect_handshake(self._tunnel_host, self._tunnel_port, auth)
            self._auth = auth
        verdict = handshake(self.sock, self._handshake, self._auth, self._deadline)
        if isinstance(verdict, Refused):
            self.close()
            raise refusal(verdict)
        if not isinstance(verdict, Established):
            raise _Reconnect
        self._route_stands()
