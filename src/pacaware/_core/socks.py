"""SOCKS 4, 4a and 5 (RFC 1928, RFC 1929) as machines; the proxy resolves the name.

Which refusals let the next candidate be tried follows Chromium (net/http/proxy_fallback.cc): all but "host unreachable"
and a rejected logon.
"""

from __future__ import annotations

import abc
import ipaddress
from typing import Final, Literal

from socksio import socks4, socks5

from pacaware._core.actions import Action, Established, Receive, Refused, RouteBroken, Send
from pacaware.errors import ProxyAuthError

__all__ = ["Socks4Handshake", "Socks5Handshake"]

_SOCKS5_REPLIES: Final = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}
_SOCKS4_REPLIES: Final = {
    0x5B: "rejected or failed",
    0x5C: "it cannot reach identd on this machine",
    0x5D: "identd named another user",
}


class _Handshake(abc.ABC):
    """Collects bytes until a reply is whole; replies may come split at any byte."""

    def __init__(self, first: bytes) -> None:
        self._out = first
        self._in = b""
        self._verdict: Action | None = None

    def next_action(self) -> Action:
        """Say what to do now; raises RouteBroken for a refusal that another candidate may not share."""
        if self._verdict is not None:
            return self._verdict
        if self._out:
            data, self._out = self._out, b""
            return Send(data)
        return Receive()

    def feed(self, data: bytes) -> None:
        """Report what was read; ``b""`` says that the proxy closed the connection."""
        if not data:
            raise RouteBroken("it closed the connection during the SOCKS handshake")
        self._in += data
        size = self._reply_size()
        if len(self._in) < size:
            return
        reply, more, self._in = self._in[:size], self._in[size:], b""
        self._read(reply)
        if more and not isinstance(self._verdict, Refused):
            self._verdict = Refused(0, "the proxy sent bytes of its own into the tunnel")

    @abc.abstractmethod
    def _reply_size(self) -> int:
        """Return the size of the reply that has begun, or of the part that tells its size."""

    @abc.abstractmethod
    def _read(self, reply: bytes) -> None:
        """Take a whole reply."""


class Socks4Handshake(_Handshake):
    """SOCKS4 for an IPv4 address, 4a for a name. ``user`` is sent as the user id, unchecked by most proxies."""

    def __init__(self, host: str, port: int, user: str = "") -> None:
        address: tuple[str | bytes, int] = (host, port)
        user_id = user.encode()
        if b"\0" in user_id or "\0" in host:
            raise ValueError("SOCKS4 ends the user id and the host name by a NUL, so neither can contain one")
        if ":" in host:
            raise RouteBroken("SOCKS4 cannot reach an IPv6 address")
        request: socks4.SOCKS4Request | socks4.SOCKS4ARequest
        if _is_ipv4(host):
            request = socks4.SOCKS4Request.from_address(socks4.SOCKS4Command.CONNECT, address, user_id=user_id)
        else:
            request = socks4.SOCKS4ARequest.from_address(socks4.SOCKS4Command.CONNECT, address, user_id=user_id)
        super().__init__(request.dumps(user_id=user_id))

    def _reply_size(self) -> int:
        return 8

    def _read(self, reply: bytes) -> None:
        if reply[0] not in (0, 4):
            raise RouteBroken("its answer is not SOCKS4")
        if reply[1] != 0x5A:
            raise RouteBroken(f"SOCKS4 refused: {_SOCKS4_REPLIES.get(reply[1], f'reply {reply[1]}')}")
        self._verdict = Established()


class Socks5Handshake(_Handshake):
    """SOCKS5 without a logon, or with user and password where the proxy wants one (RFC 1929).

    ``name`` is what messages call the proxy, ``advice`` what to do where it wants a logon and there is none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        credentials: tuple[str, str] | None = None,
        *,
        name: str = "the SOCKS5 proxy",
        advice: str = "",
    ) -> None:
        self._credentials = credentials
        self._name = name
        self._advice = f"; {advice}" if advice else ""
        if not 0 < len(host.encode()) < 256:
            raise ValueError(f"a host name of {len(host)} characters does not fit into SOCKS5")
        if credentials is not None and not all(0 < len(part.encode()) < 256 for part in credentials):
            raise ProxyAuthError(f"{name} cannot be given the user and password: SOCKS5 takes 1 to 255 bytes for each")
        self._command = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port)).dumps()
        methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
        if credentials is not None:
            methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
        self._phase: Literal["method", "logon", "command"] = "method"
        super().__init__(socks5.SOCKS5AuthMethodsRequest(methods).dumps())

    def _reply_size(self) -> int:
        if self._phase != "command" or self._in[:2] != b"\x05\x00"[: len(self._in)]:
            return 2  # a refusal is complete with its code: servers cut the rest short, or fill it with zeros
        if len(self._in) < 5:
            return 5
        # VER REP RSV ATYP, the address (IPv4, length and name, IPv6), two bytes of port
        address = {1: 4, 3: 1 + self._in[4], 4: 16}.get(self._in[3])
        if address is None:
            raise RouteBroken("its answer is not SOCKS5")
        return 4 + address + 2

    def _read(self, reply: bytes) -> None:
        if self._phase == "method":
            self._read_method(reply)
        elif self._phase == "logon":
            self._read_logon(reply)
        else:
            self._read_command(reply)

    def _read_method(self, reply: bytes) -> None:
        if reply[0] != 5:
            raise RouteBroken("its answer is not SOCKS5")
        if reply[1] == 0:
            self._ask()
        elif reply[1] == 2 and self._credentials is not None:
            user, password = (part.encode() for part in self._credentials)
            self._out, self._phase = socks5.SOCKS5UsernamePasswordRequest(user, password).dumps(), "logon"
        else:
            none = self._credentials is None and reply[1] in (2, 0xFF)
            wanted = f"a user and password, and there are none for it{self._advice}"
            error = ProxyAuthError(f"{self._name} wants {wanted if none else 'a way to log on that we lack'}")
            self._verdict = Refused(0, "no acceptable logon", error)

    def _read_logon(self, reply: bytes) -> None:
        if reply[1] == 0:
            self._ask()
        else:
            error = ProxyAuthError(f"{self._name} rejected the user or password; check both")
            self._verdict = Refused(0, "logon rejected", error)

    def _ask(self) -> None:
        self._out, self._phase = self._command, "command"

    def _read_command(self, reply: bytes) -> None:
        code = reply[1]
        if reply[0] != 5:
            raise RouteBroken("its answer is not SOCKS5")
        reason = _SOCKS5_REPLIES.get(code, f"reply {code}")
        if code == 0:
            self._verdict = Established()
        elif code == 4:
            self._verdict = Refused(0, f"SOCKS5: {reason}")
        else:
            raise RouteBroken(f"SOCKS5 refused: {reason}")


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
