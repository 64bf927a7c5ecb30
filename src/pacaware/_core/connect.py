"""CONNECT (RFC 9110, section 9.3.6) as a machine: sends, 407 legs, reconnects, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11

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
from pacaware._core.challenge import parse_challenges
from pacaware._hosts import host_for_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacaware._core.auth import AuthController

__all__ = ["ConnectHandshake", "printable"]

_MAX_HEADERS: Final = 64 * 1024
_MAX_BODY: Final = 256 * 1024


class ConnectHandshake:
    """Make a connection to an HTTP proxy a tunnel to ``host:port``.

    Follows Chromium (net/http/http_proxy_client_socket.cc): only 200 opens the tunnel, bytes behind the 200 are an
    attack, a 407 is answered on the same connection if that stays open, else on a new one to the same proxy.
    """

    def __init__(self, host: str, port: int, auth: AuthController, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._target = f"{host_for_url(host)}:{port}"
        self._auth = auth
        self._headers = [("Host", self._target), *headers, ("Proxy-Connection", "keep-alive")]
        self._authorization = auth.preemptive("CONNECT", self._target)
        self._open()

    def _open(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEADERS)
        self._response: h11.Response | None = None
        self._answered = False  # has this connection given an answer yet?
        self._drained = 0
        self._next: Action | None = None
        self._must_send = True

    def next_action(self) -> Action:
        """Say what to do now; raises RouteBroken if the proxy broke off before an answer."""
        if self._must_send:
            self._must_send = False
            return Send(self._request())
        if self._next is not None:
            return self._next
        try:
            return self._read()
        except h11.RemoteProtocolError as exc:
            if self._response is not None:
                return self._answer(reusable=False)
            raise RouteBroken(f"its answer to CONNECT is not HTTP ({exc})") from None

    def feed(self, data: bytes) -> None:
        """Report what was read; ``b""`` says that the proxy closed or reset the connection, also while we sent."""
        if not data and self._response is None:
            if not self._answered:
                raise RouteBroken("it closed the connection without answering CONNECT")
            self._next = Reconnect()  # closed while we made the next leg's token
            return
        self._http.receive_data(data)

    def authenticated(self, authorization: str | None) -> None:
        """Report what the AuthController answered."""
        response = self._response
        assert response is not None
        if authorization is None:
            self._next = Refused(response.status_code, printable(response.reason), self._auth.failure)
            return
        self._authorization = authorization
        self._next = None
        if self._reusable and not self._auth.wants_new_connection:
            self._http.start_next_cycle()
            self._response, self._drained, self._must_send = None, 0, True
        else:
            self._next = Reconnect()

    def reconnected(self) -> None:
        """Report a new connection to the same proxy. That the legs are counted ends this."""
        if self._auth.reconnected(sent=self._response is None):
            self._authorization = self._auth.preemptive("CONNECT", self._target)
        self._open()

    def _request(self) -> bytes:
        try:
            fields = [(name.encode("ascii"), value.encode("ascii")) for name, value in self._headers]
            if self._authorization is not None:
                fields.append((b"Proxy-Authorization", self._authorization.encode("latin-1")))
            head = self._http.send(h11.Request(method="CONNECT", target=self._target, headers=fields))
            end = self._http.send(h11.EndOfMessage())
        except (h11.LocalProtocolError, UnicodeError):  # their text may hold a header's value
            raise ValueError(
                f"CONNECT to {self._target!r} cannot be written as HTTP: check the host, and the headers for the proxy"
            ) from None
        assert head is not None
        assert end is not None
        return head + end

    def _read(self) -> Action:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                return Receive()
            if isinstance(event, h11.Response):
                self._response, self._answered = event, True
                if event.status_code != 407:
                    self._next = self._verdict(event)
                    return self._next
                if not _may_stay_open(event):
                    return self._answer(reusable=False)  # its body may never end
            elif isinstance(event, h11.Data):
                self._drained += len(event.data)
                if self._drained > _MAX_BODY:
                    return self._answer(reusable=False)
            elif isinstance(event, h11.EndOfMessage):
                ready = self._http.their_state is h11.DONE and self._http.trailing_data == (b"", False)
                return self._answer(reusable=ready)
            # 1xx answers are passed over.

    def _verdict(self, response: h11.Response) -> Action:
        reason = printable(response.reason)
        if response.status_code == 401:
            # Only an origin may say so, and none was reached: tinyproxy rejects a wrong password like this.
            return Refused(401, reason, self._auth.rejected())
        self._auth.accepted(_field(response, b"proxy-authentication-info"))
        if response.status_code != 200:
            return Refused(response.status_code, reason)
        if self._http.trailing_data[0]:
            return Refused(502, "the proxy sent bytes of its own into the tunnel")
        return Established()

    def _answer(self, *, reusable: bool) -> Action:
        response = self._response
        assert response is not None
        self._reusable = reusable
        self._auth.connection_ends = not reusable
        offered = [value.decode("latin-1") for name, value in response.headers if name == b"proxy-authenticate"]
        self._next = Authenticate(parse_challenges(offered), "CONNECT", self._target)
        return self._next


def _field(response: h11.Response, wanted: bytes) -> str | None:
    """Return the first value of a field (its name in lower case), or None."""
    return next((value.decode("latin-1") for name, value in response.headers if name == wanted), None)


def _may_stay_open(response: h11.Response) -> bool:
    """Say whether the end of the body will show, and the proxy did not announce to close behind it."""
    framed = closes = False
    for name, value in response.headers:
        framed = framed or name in (b"content-length", b"transfer-encoding")
        closes = closes or (name in (b"connection", b"proxy-connection") and b"close" in value.lower())
    return framed and not closes


def printable(reason: bytes | str) -> str:
    """Return a reason phrase fit for a message: printable ASCII, at most 100 characters."""
    text = reason.decode("latin-1") if isinstance(reason, bytes) else reason
    return "".join(char if " " <= char <= "~" else "?" for char in text[:100])
