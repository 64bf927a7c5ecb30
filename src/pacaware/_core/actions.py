"""What a handshake asks of its driver, and how it fails.

A machine never does I/O. Its driver asks ``next_action()``, does what it is told, reports back by the method named
below, and asks again until it is told Established or Refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pacaware._core.challenge import Challenge
    from pacaware.errors import PacawareError

__all__ = [
    "Action",
    "Authenticate",
    "Established",
    "Receive",
    "Reconnect",
    "Refused",
    "RouteBroken",
    "Send",
]


@dataclass(frozen=True, slots=True)
class Send:
    """Write ``data`` to the proxy, all of it."""

    data: bytes = field(repr=False)  # may hold credentials


@dataclass(frozen=True, slots=True)
class Receive:
    """Read some bytes and report them by ``feed()``; no bytes mean that the proxy closed the connection."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Call ``AuthController.respond(challenges, method, target)`` and report its answer by ``authenticated()``.

    The call may wait for a key server, a key ring or a file: never make it on an event loop.
    """

    challenges: tuple[Challenge, ...]
    method: str
    target: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close the connection, dial the same proxy again and report that by ``reconnected()``."""


@dataclass(frozen=True, slots=True)
class Established:
    """The connection now leads to the origin."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The proxy answered, and the answer is no: this is policy, so no other candidate is tried."""

    status: int
    reason: str
    error: PacawareError | None = None


Action: TypeAlias = Send | Receive | Authenticate | Reconnect | Established | Refused


class RouteBroken(Exception):
    """The proxy broke off before it answered, so nothing of the request has left: the next candidate may be tried."""
