"""A plain http request through a proxy (absolute-form, RFC 9112, section 3.2.2) as a machine: 407 legs around it.

The host library writes the request and reads the response; the machine says which Proxy-Authorization goes with it,
when to send it again, and what to do about a body that exists only once.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from pacaware._core.actions import Authenticate
from pacaware._core.challenge import parse_challenges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacaware._core.auth import AuthController

__all__ = ["BUFFER_LIMIT", "Body", "Buffer", "Deliver", "ForwardAction", "ForwardExchange", "Prime", "Transmit"]

BUFFER_LIMIT: Final = 1024 * 1024


class Body(enum.Enum):
    """Whether the request can be sent a second time."""

    REPLAYABLE = "replayable"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send the caller's request with this Proxy-Authorization (or none) and report by ``responded()``.

    First read the pending response to its end, if there is one; with ``reconnect``, or where it cannot be read to its
    end, do so on a new connection to the same proxy, after ``reconnected()``.
    """

    authorization: str | None = field(repr=False)
    reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Prime:
    """As Transmit, but send ``TRACE`` with ``Max-Forwards: 0`` and no body.

    The proxy answers that itself (RFC 9110, sections 7.6.2 and 9.3.8), so the logon is done before the body goes out.
    """

    authorization: str | None = field(repr=False)
    reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Buffer:
    """Read up to ``limit`` bytes of the body ahead and report by ``buffered()`` whether that was all of it."""

    limit: int = BUFFER_LIMIT


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the pending response to the caller, untouched."""


ForwardAction: TypeAlias = Transmit | Prime | Buffer | Authenticate | Deliver


class ForwardExchange:
    """One request over one forwarding connection; ``auth`` is the connection's controller."""

    def __init__(self, auth: AuthController, method: str, target: str, body: Body = Body.REPLAYABLE) -> None:
        self._auth = auth
        self._method = method
        self._target = target
        self._body = body
        self._priming = False
        self._reconnect = False
        self._first = authorization = auth.preemptive(method, target)
        self._next: ForwardAction = Transmit(authorization)
        # Where no logon is possible, or none is needed any more, a 407 could change nothing.
        settled = body is Body.REPLAYABLE or auth.holds_connection or not auth.may_log_on
        settled = settled or (authorization is not None and not auth.went_unasked)
        if not settled:
            self._next = Buffer()

    def next_action(self) -> ForwardAction:
        """Say what to do now."""
        return self._next

    def buffered(self, *, complete: bool) -> None:
        """Report whether the whole body now is in memory."""
        if complete:
            self._body = Body.REPLAYABLE
            self._next = Transmit(self._first)
        else:
            self._priming = True
            self._next = Prime(self._first)

    def responded(
        self, status: int, proxy_authenticate: Iterable[str], *, reusable: bool, info: str | None = None
    ) -> None:
        """Report the head of the response; ``reusable`` says whether the connection will stay open after it.

        ``info`` is the value of Proxy-Authentication-Info, if there is one.
        """
        self._reconnect = not reusable
        self._auth.connection_ends = not reusable
        if status == 407:
            method = "TRACE" if self._priming else self._method
            self._next = Authenticate(parse_challenges(proxy_authenticate), method, self._target)
            return
        self._auth.accepted(info)
        if not self._priming:
            self._next = Deliver()
            return
        self._priming = False
        self._next = Transmit(self._auth.preemptive(self._method, self._target), self._reconnect)

    def authenticated(self, authorization: str | None) -> None:
        """Report what the AuthController answered."""
        if authorization is None:
            self._next = Deliver()
        elif self._priming:
            self._next = Prime(authorization, self._reconnect or self._auth.wants_new_connection)
        elif self._body is Body.ONCE:
            self._auth.abandon()
            self._next = Deliver()  # the body is gone: the 407 is all there is to give back
        else:
            self._next = Transmit(authorization, self._reconnect or self._auth.wants_new_connection)

    def reconnected(self) -> None:
        """Report a new connection to the same proxy; the pending action then goes out on it."""
        if isinstance(self._next, Transmit | Prime):
            restarted = self._auth.reconnected(sent=not self._next.reconnect)
            self._next = type(self._next)(None if restarted else self._next.authorization)
