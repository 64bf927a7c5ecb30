"""What all connections over one route share: the proxy, the logon, and how to get a stream through it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from pacaware._auth.store import ProxyAuth
from pacaware._core.actions import (
    Action,
    Authenticate,
    Established,
    Receive,
    Reconnect,
    Refused,
    RouteBroken,
    Send,
)
from pacaware._core.auth import AuthController
from pacaware._core.connect import ConnectHandshake
from pacaware._core.route import Route
from pacaware._core.socks import Socks4Handshake, Socks5Handshake
from pacaware._deadline import Deadline
from pacaware._models import ProxyServer
from pacaware._requests._dial import SocketOptions, dial
from pacaware._requests._failure import BadTarget, FinalRefusal, refusal, route_failed
from pacaware.errors import ConfigError, ProxyAuthError

__all__ = ["Handshake", "Verdict", "Wiring", "certificate_of", "handshake", "reconnected"]

Handshake: TypeAlias = ConnectHandshake | Socks4Handshake | Socks5Handshake
Verdict: TypeAlias = Established | Refused | Reconnect

_RECEIVE_SIZE: Final = 65536


def handshake(sock: socket.socket, machine: Handshake, auth: AuthController | None, deadline: Deadline) -> Verdict:
    """Run a handshake on a connection up to its verdict, or up to the wish for a new connection.

    Raises RouteFailed if the proxy broke off or ran out of time.
    """
    if auth is not None:
        auth.certificate = certificate_of(sock)
    try:
        while True:
            action: Action = machine.next_action()
            if isinstance(action, Send):
                deadline.bound(sock)
                _send(sock, action.data)
            elif isinstance(action, Receive):
                deadline.bound(sock)
                machine.feed(_receive(sock))
            elif isinstance(action, Authenticate):
                assert auth is not None
                assert isinstance(machine, ConnectHandshake)
                machine.authenticated(auth.respond(action.challenges, action.method, action.target))
            elif isinstance(action, Established | Refused | Reconnect):
                return action
            else:
                assert_never(action)
    except (OSError, RouteBroken) as exc:
        if auth is not None:
            auth.abandon()
        raise route_failed(exc, "the handshake with it", deadline.seconds) from exc
    except ConfigError:
        raise  # a ValueError, but of the credentials
    except ValueError as exc:
        raise BadTarget(str(exc)) from exc


def _send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except TimeoutError:
        raise
    except OSError:
        """What the proxy said before it closed is still to be read."""


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_RECEIVE_SIZE)
    except TimeoutError:
        raise
    except OSError:
        return b""  # to the handshake a reset is a close


def certificate_of(sock: object) -> bytes | None:
    """Return the certificate (DER) that a TLS proxy showed."""
    return sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None


def reconnected(machine: ConnectHandshake) -> None:
    """Tell the machine of a new connection to the same proxy; raises RouteFailed if that was one too many."""
    try:
        machine.reconnected()
    except RouteBroken as exc:
        raise route_failed(exc, "the handshake with it", None) from exc


@dataclass(frozen=True, eq=False)
class Wiring:
    """Makes the connections of one route. ``tls`` returns the context for TLS to the proxy itself."""

    route: Route
    auth: ProxyAuth
    tls: Callable[[], ssl.SSLContext]
    connect_headers: Sequence[tuple[str, str]] = ()
    family: Callable[[], int] = lambda: socket.AF_UNSPEC

    @property
    def proxy(self) -> ProxyServer:
        """The proxy; ask only where the route has one."""
        proxy = self.route.proxy
        assert proxy is not None
        return proxy

    def controller(self) -> AuthController:
        """Return the controller for one new connection."""
        return self.auth.controller(self.proxy, self.route.trust)

    def reach(
        self,
        host: str,
        port: int,
        deadline: Deadline,
        source_address: tuple[str, int] | None,
        options: SocketOptions | None,
    ) -> socket.socket:
        """Connect to ``host:port``, the proxy or (DIRECT) the origin; raises RouteFailed."""
        try:
            return dial(host, port, deadline, family=self.family(), source_address=source_address, options=options)
        except (OSError, UnicodeError) as exc:
            raise route_failed(exc, "no connection", deadline.seconds) from exc

    def secure(self, sock: socket.socket, deadline: Deadline) -> ssl.SSLSocket:
        """Speak TLS with the proxy, whose certificate is checked whatever the caller's ``verify`` says."""
        try:
            deadline.bound(sock)
            return self.tls().wrap_socket(sock, server_hostname=self.proxy.host)
        except (OSError, ValueError) as exc:
            sock.close()
            raise route_failed(exc, "TLS with it", deadline.seconds) from exc

    def connect_handshake(self, host: str, port: int, auth: AuthController) -> ConnectHandshake:
        """Return the machine that asks the proxy for a tunnel."""
        return ConnectHandshake(host.strip("[]"), port, auth, self.connect_headers)

    def stream(
        self,
        host: str,
        port: int,
        deadline: Deadline,
        source_address: tuple[str, int] | None,
        options: SocketOptions | None,
    ) -> socket.socket:
        """Return a connection that leads to ``host:port`` at its other end; raises RouteFailed, or on a refusal."""
        proxy = self.route.proxy
        if proxy is None:
            return self.reach(host, port, deadline, source_address, options)
        auth = self.controller() if proxy.scheme in ("http", "https") else None
        machine = self._machine(host.strip("[]"), port, auth)
        while True:
            sock = self.reach(proxy.host, proxy.port, deadline, source_address, options)
            try:
                if proxy.scheme == "https":
                    sock = self.secure(sock, deadline)
                verdict = handshake(sock, machine, auth, deadline)
            except BaseException:
                sock.close()
                raise
            if isinstance(verdict, Established):
                return sock
            sock.close()
            if isinstance(verdict, Refused):
                refused = refusal(verdict)
                raise refused if isinstance(refused, FinalRefusal) else FinalRefusal(str(refused))
            assert isinstance(machine, ConnectHandshake)
            reconnected(machine)

    def _machine(self, host: str, port: int, auth: AuthController | None) -> Handshake:
        if auth is not None:
            return self.connect_handshake(host, port, auth)
        try:
            return self.auth.socks_handshake(self.proxy, host, port, self.route.trust)
        except RouteBroken as exc:
            raise route_failed(exc, "the handshake with it", None) from exc
        except ProxyAuthError as exc:
            raise FinalRefusal(str(exc), exc) from exc
        except ConfigError:
            raise
        except ValueError as exc:
            raise BadTarget(str(exc)) from exc
