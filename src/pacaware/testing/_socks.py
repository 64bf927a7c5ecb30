"""A SOCKS proxy: versions 4, 4a and 5."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pacaware.testing._base import Connection, ProxyEndpoint, RecordingServer
from pacaware.testing._names import address_of, known_hosts
from pacaware.testing._relay import relay

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SeenSocksRequest", "SocksProxy"]

_GRANTED = {4: 0x5A, 5: 0x00}
_NOT_ALLOWED = {4: 0x5B, 5: 0x02}
_UNREACHABLE = {4: 0x5B, 5: 0x05}
_BAD_COMMAND = {4: 0x5B, 5: 0x07}
_BAD_USER = {4: 0x5D, 5: 0x01}
_NO_METHOD = 0xFF
_CONNECT = 1


@dataclass(frozen=True, slots=True)
class SeenSocksRequest:
    """One request as a SOCKS proxy saw it.

    ``host`` is the name or address as the client sent it; ``host_type`` is name, ipv4 or ipv6, or empty where a failed
    logon ended it before. ``user`` is None where none was sent. ``methods`` are what a SOCKS5 client offered. ``reply``
    is the code answered: 0x5A or 0x00 is success; 0xFF says that no method was acceptable.
    """

    connection: int
    version: int
    command: int
    host: str
    port: int
    host_type: str = ""
    user: str | None = None
    methods: tuple[int, ...] = ()
    reply: int = 0


class SocksProxy(ProxyEndpoint, RecordingServer[SeenSocksRequest]):
    """A SOCKS proxy on loopback (CONNECT only); ``version`` 4 takes 4a too, 5 is RFC 1928 with RFC 1929.

    ``users`` maps user to password; for version 4, which has none, its keys are the user ids allowed. ``hosts`` are
    the names it resolves, as for Proxy; other targets are refused as not allowed. ``refuse`` answers every request with
    that reply code. ``broken`` is said to whatever a client says first, then the connection is closed (``b""``: just
    closed). ``byte_by_byte`` sends each answer in pieces of one byte. ``delay`` seconds pass before an answer.
    """

    def __init__(
        self,
        version: Literal[4, 5] = 5,
        *,
        users: Mapping[str, str] | None = None,
        hosts: Mapping[str, str] | None = None,
        refuse: int | None = None,
        broken: bytes | None = None,
        byte_by_byte: bool = False,
        delay: float = 0.0,
        host: str = "127.0.0.1",
        timeout: float = 30.0,
    ) -> None:
        super().__init__(host=host, timeout=timeout)
        self.scheme = f"socks{version}"
        self._version = version
        self._users = None if users is None else dict(users)
        self._hosts = known_hosts(hosts)
        self._refuse = refuse
        self._broken = broken
        self._byte_by_byte = byte_by_byte
        self._delay = delay

    def _serve(self, connection: Connection) -> None:
        version = _read(connection, 1)[0]
        if self._broken is not None:
            self._send(connection, self._broken)
            return
        if version != self._version:
            return
        if self._version == 4:
            self._serve4(connection)
        else:
            self._serve5(connection)

    def _send(self, connection: Connection, data: bytes) -> None:
        self._pause(self._delay)
        if self._byte_by_byte:
            connection.send_slowly(data, 0.001, self._stop)
        else:
            connection.sock.sendall(data)

    def _serve4(self, connection: Connection) -> None:
        head = _read(connection, 7)
        user = _read_to_zero(connection)
        host, kind = str(ipaddress.IPv4Address(head[3:7])), "ipv4"
        # 4a: an address 0.0.0.x that cannot be meant says that a name follows.
        if head[3:6] == b"\0\0\0" and head[6]:
            host, kind = _read_to_zero(connection), "name"
        seen = SeenSocksRequest(
            connection.number, 4, head[0], host, int.from_bytes(head[1:3], "big"), kind, user or None
        )
        known = self._users is None or user in self._users
        self._connect(connection, seen, None if known else _BAD_USER[4])

    def _serve5(self, connection: Connection) -> None:
        methods = tuple(_read(connection, _read(connection, 1)[0]))
        wanted = 0 if self._users is None else 2
        if wanted not in methods:
            self._log.add(SeenSocksRequest(connection.number, 5, 0, "", 0, methods=methods, reply=_NO_METHOD))
            self._send(connection, bytes((5, _NO_METHOD)))
            return
        self._send(connection, bytes((5, wanted)))
        user = None
        if self._users is not None:
            _read(connection, 1)
            user = _read(connection, _read(connection, 1)[0]).decode()
            password = _read(connection, _read(connection, 1)[0]).decode()
            good = self._users.get(user) == password
            if not good:
                self._log.add(
                    SeenSocksRequest(connection.number, 5, 0, "", 0, user=user, methods=methods, reply=_BAD_USER[5])
                )
            self._send(connection, bytes((1, 0 if good else 1)))
            if not good:
                return
        _, command, _, address_type = _read(connection, 4)
        host, kind = _read_address5(connection, address_type)
        port = int.from_bytes(_read(connection, 2), "big")
        seen = SeenSocksRequest(connection.number, 5, command, host, port, kind, user, methods)
        self._connect(connection, seen, None)

    def _connect(self, connection: Connection, seen: SeenSocksRequest, refused: int | None) -> None:
        version = seen.version
        if refused is None:
            refused = self._refuse
        if refused is None and seen.command != _CONNECT:
            refused = _BAD_COMMAND[version]
        address = address_of(seen.host, self._hosts)
        if refused is None and address is None:
            refused = _NOT_ALLOWED[version]
        if refused is not None or address is None:
            self._reply(connection, seen, _NOT_ALLOWED[version] if refused is None else refused)
            return
        try:
            sock = socket.create_connection((address, seen.port), self._timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self._reply(connection, seen, _UNREACHABLE[version])
            return
        with self._tracked(sock):
            self._reply(connection, seen, _GRANTED[version])
            relay(connection.sock, sock, self._timeout)

    def _reply(self, connection: Connection, seen: SeenSocksRequest, code: int) -> None:
        self._log.add(replace(seen, reply=code))
        if seen.version == 4:
            self._send(connection, bytes((0, code)) + bytes(6))
        else:
            self._send(connection, bytes((5, code, 0, 1)) + bytes(6))


def _read(connection: Connection, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.sock.recv(count - len(data))
        if not piece:
            raise ConnectionResetError("the client closed inside its request")
        data += piece
    return data


def _read_to_zero(connection: Connection) -> str:
    data = b""
    while not data.endswith(b"\0"):
        data += _read(connection, 1)
    return data[:-1].decode()


def _read_address5(connection: Connection, address_type: int) -> tuple[str, str]:
    if address_type == 1:
        return str(ipaddress.IPv4Address(_read(connection, 4))), "ipv4"
    if address_type == 4:
        return str(ipaddress.IPv6Address(_read(connection, 16))), "ipv6"
    if address_type == 3:
        return _read(connection, _read(connection, 1)[0]).decode(), "name"
    raise ConnectionResetError(f"{address_type} is not an address type")
