"""How a scheme plugs in: what it says of itself, and one logon by it on one connection.

An AuthScheme says its name and strength and makes one AuthExchange per connection, which turns challenges into header
values.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = ["AuthExchange", "AuthScheme", "Credentials", "CredentialsRejected", "SchemeUnavailable"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password for a proxy, and where they came from. Both are hidden from repr.

    ``named`` says that they were given for this very proxy, ``preemptive`` that they go out before a challenge.
    ``ambient`` says that they are the login of this machine, whose user and password nobody here knows. ``schemes``
    are the only ones they may be used with, best first; empty: all, strongest first.
    """

    user: str = field(repr=False)
    password: str = field(repr=False)
    origin: str = "proxy_auth"
    named: bool = False
    preemptive: bool = False
    ambient: bool = False
    schemes: tuple[str, ...] = ()

    def allow(self, scheme: str) -> bool:
        """Say whether they may be used with the scheme of this name."""
        return not self.schemes or scheme in self.schemes


class SchemeUnavailable(Exception):
    """A scheme cannot be used here (no ticket, package missing); the next one may be tried."""


class CredentialsRejected(Exception):
    """The user or password is known to be wrong before the proxy has seen it: a key server said so."""


class AuthExchange(abc.ABC):
    """One logon by one scheme on one connection.

    ``certificate`` is set before the first step: the certificate (DER) that a TLS proxy showed, to bind the logon to
    this connection (RFC 5929). ``waits`` says whether the next step may wait for something outside this process; it is
    looked at after the first. ``note`` is for people: what was not possible on the way.
    """

    certificate: bytes | None = None
    waits: bool = True
    note: str = ""

    @abc.abstractmethod
    def step(self, challenge: Challenge, method: str, target: str) -> str:
        """Return the value of Proxy-Authorization for this leg; may block.

        Each character is one byte on the wire (Latin-1). Raises SchemeUnavailable if the scheme cannot be used here,
        CredentialsRejected if the user or password is wrong.
        """

    def rejects(self, challenge: Challenge) -> bool:
        """Say whether this new challenge means that the last step's secret was refused."""
        return True

    def preemptive(self, challenge: Challenge, method: str, target: str) -> str | None:
        """Return a header for a request that was not challenged, from a challenge accepted before; never blocks."""
        return None

    def renewed(self, challenge: Challenge, info: str) -> Challenge:
        """Return what to answer from now on, after a success that came with this Proxy-Authentication-Info."""
        return challenge


class AuthScheme(abc.ABC):
    """A way to log on: ``name`` as in the challenge (lower case), ``strength`` for the order, strongest first.

    ``connection_bound`` schemes (RFC 4559) authenticate the connection, others each request. ``clear_text`` schemes
    show the password to whoever reads the connection. ``blocking`` schemes may wait in the first ``step()``.
    ``takes_ambient`` schemes can use the login of this machine. ``Exchange`` is the base class of what ``start``
    returns; ``Unavailable`` and ``Rejected`` are what it may raise.
    """

    Exchange: TypeAlias = AuthExchange
    Unavailable: TypeAlias = SchemeUnavailable
    Rejected: TypeAlias = CredentialsRejected

    name: ClassVar[str]
    strength: ClassVar[int]
    connection_bound: ClassVar[bool] = False
    clear_text: ClassVar[bool] = False
    blocking: ClassVar[bool] = True
    takes_ambient: ClassVar[bool] = False

    @abc.abstractmethod
    def start(self, proxy: ProxyServer, credentials: Credentials) -> AuthExchange:
        """Begin a logon; raises SchemeUnavailable if the scheme cannot be used here."""
