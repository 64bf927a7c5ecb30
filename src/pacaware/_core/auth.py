"""The logon to one proxy on one connection, independent of the scheme.

RFC 9110, section 11; the order of things follows Chromium (net/http/http_auth_controller.cc).
A scheme plugs in by two small classes: an AuthScheme says its name and strength and makes one AuthExchange per
connection, which turns challenges into header values. The controller chooses, keeps count, and explains failures.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from pacaware._core.scope import Trust, scope_advice
from pacaware.errors import ProxyAuthError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = [
    "AuthController",
    "AuthExchange",
    "AuthScheme",
    "CredentialStore",
    "Credentials",
    "SchemeUnavailable",
]

MAX_LEGS: Final = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password for a proxy, and where they came from. Both are hidden from repr.

    ``named`` says that they were given for this very proxy, ``preemptive`` that they go out before a challenge.
    """

    user: str = field(repr=False)
    password: str = field(repr=False)
    origin: str = "proxy_auth"
    named: bool = False
    preemptive: bool = False


class SchemeUnavailable(Exception):
    """A scheme cannot be used here (no ticket, package missing); the next one may be tried."""


class AuthExchange(abc.ABC):
    """One logon by one scheme on one connection."""

    @abc.abstractmethod
    def step(self, challenge: Challenge, method: str, target: str) -> str:
        """Return the value of Proxy-Authorization for this leg; may block.

        Raises SchemeUnavailable if the scheme cannot be used here.
        """

    def rejects(self, challenge: Challenge) -> bool:
        """Say whether this new challenge means that the last step's secret was refused."""
        return True

    def preemptive(self, challenge: Challenge, method: str, target: str) -> str | None:
        """Return a header for a request that was not challenged, from a challenge accepted before; never blocks."""
        return None


class AuthScheme(abc.ABC):
    """A way to log on: ``name`` as in the challenge (lower case), ``strength`` for the order, strongest first.

    ``connection_bound`` schemes (RFC 4559) authenticate the connection, others each request. ``clear_text`` schemes
    show the password to whoever reads the connection. ``blocking`` schemes may wait in ``step()``.
    """

    name: ClassVar[str]
    strength: ClassVar[int]
    connection_bound: ClassVar[bool] = False
    clear_text: ClassVar[bool] = False
    blocking: ClassVar[bool] = True

    @abc.abstractmethod
    def start(self, proxy: ProxyServer, credentials: Credentials) -> AuthExchange:
        """Begin a logon; raises SchemeUnavailable if the scheme cannot be used here."""


class CredentialStore(Protocol):
    """Credentials, and what all connections that share them know of proxies and secrets."""

    advice: str
    """What to do when no credentials are found."""

    @property
    def blocking(self) -> bool:
        """Whether ``find`` may wait for something outside this process."""

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether ``find`` may return any for this proxy; never blocks."""

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the credentials for this proxy, or None."""

    def accepted(self, proxy: ProxyServer) -> tuple[Challenge, Credentials] | None:
        """Return the challenge that a request-bound scheme last answered with success, or may answer unasked."""

    def remember(self, proxy: ProxyServer, challenge: Challenge, credentials: Credentials) -> None:
        """Note that these credentials were accepted."""

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note that these credentials were rejected: they are not offered again for a while."""

    def is_rejected(self, proxy: ProxyServer, credentials: Credentials) -> bool:
        """Say whether the lock-out guard forbids these credentials at this proxy."""


@dataclass(slots=True)
class _Logon:
    """A logon under way or done on this connection."""

    scheme: AuthScheme
    exchange: AuthExchange
    challenge: Challenge
    credentials: Credentials
    legs: int = 1


class AuthController:
    """Answers the 407s of one connection to one proxy; make one for each connection.

    ``failure`` explains, after ``respond()`` returned None, why the logon did not succeed.
    """

    def __init__(
        self,
        proxy: ProxyServer,
        schemes: Sequence[AuthScheme] = (),
        store: CredentialStore | None = None,
        trust: Trust = Trust.FULL,
    ) -> None:
        self.proxy = proxy
        self.failure: ProxyAuthError | None = None
        self._schemes = sorted(schemes, key=lambda scheme: -scheme.strength)
        self._store = store
        self._trust = trust
        self._legs = 0
        self._logon: _Logon | None = None
        self._impossible: dict[str, str] = {}

    @property
    def may_log_on(self) -> bool:
        """Whether there may be credentials for this proxy, so that a 407 may be answered; never blocks."""
        return self._store is not None and self._store.may_find(self.proxy)

    @property
    def blocking(self) -> bool:
        """Whether ``respond()`` may have to wait for something outside this process."""
        return self._store is not None and (self._store.blocking or any(scheme.blocking for scheme in self._schemes))

    @property
    def holds_connection(self) -> bool:
        """Whether the logon belongs to this connection, so that no other may be used in its place."""
        return self._logon is not None and self._logon.scheme.connection_bound

    def preemptive(self, method: str, target: str) -> str | None:
        """Return a Proxy-Authorization for a request that was not challenged yet, if one is known; never blocks."""
        if self.holds_connection:
            return None
        logon, self._logon = self._logon, None  # a 407 to a request without a header rejects nothing
        known = None if self._store is None else self._store.accepted(self.proxy)
        if known is None:
            return None
        challenge, credentials = known
        scheme = next((one for one in self._schemes if one.name == challenge.scheme), None)
        if scheme is None or scheme.connection_bound or not self._may_send(scheme, credentials):
            return None
        if logon is None or logon.scheme is not scheme or logon.credentials != credentials:
            try:
                logon = _Logon(scheme, scheme.start(self.proxy, credentials), challenge, credentials)
            except SchemeUnavailable:
                return None  # the answer to the 407 will say why
        authorization = logon.exchange.preemptive(challenge, method, target)
        if authorization is not None:
            self._logon = logon
        return authorization

    def respond(self, challenges: Sequence[Challenge], method: str, target: str) -> str | None:
        """Answer a 407: return the next Proxy-Authorization, or None to give up (see ``failure``). May block."""
        self._legs += 1
        if self._legs > MAX_LEGS:
            return self._fail(f"it still asked for more after {MAX_LEGS} legs of the logon")
        if self._logon is not None:
            return self._continue(self._logon, challenges, method, target)
        return self._begin(challenges, method, target)

    def accepted(self) -> None:
        """Report an answer other than 407."""
        self._legs = 0
        self._impossible.clear()
        if self._logon is not None and self._store is not None:
            self._store.remember(self.proxy, self._logon.challenge, self._logon.credentials)

    def rejected(self) -> ProxyAuthError | None:
        """Report an answer that is not a 407 and yet a no to the logon; returns why, or None if nothing was tried."""
        if self._logon is not None:
            self._reject(self._logon)
        return self.failure

    def reconnected(self, *, sent: bool = True) -> bool:
        """Report a new connection to the proxy; returns whether the logon starts again from the beginning.

        ``sent`` says whether the last answer went out on the old connection: a first leg that did not is still good.
        """
        if self._logon is None or not self.holds_connection or (self._logon.legs == 1 and not sent):
            return False
        self._logon = None
        return True

    def _continue(self, logon: _Logon, challenges: Sequence[Challenge], method: str, target: str) -> str | None:
        again = next((one for one in challenges if one.scheme == logon.scheme.name), None)
        if again is None or logon.exchange.rejects(again):
            return self._reject(logon)
        try:
            authorization = logon.exchange.step(again, method, target)
        except SchemeUnavailable as exc:
            self._impossible[logon.scheme.name] = str(exc)
            self._logon = None
            return self._begin(challenges, method, target)
        logon.challenge = again
        logon.legs += 1
        return authorization

    def _reject(self, logon: _Logon) -> str | None:
        assert self._store is not None  # without one no logon begins
        self._store.reject(self.proxy, logon.credentials)
        return self._fail(
            f"it rejected the user or password that came from {logon.credentials.origin} "
            f"(tried with {_title(logon.scheme.name)})",
            "check both; in a URL, write @ : # % of a password percent-encoded",
        )

    def _begin(self, challenges: Sequence[Challenge], method: str, target: str) -> str | None:
        offered = {challenge.scheme: challenge for challenge in reversed(challenges)}
        names = ", ".join(dict.fromkeys(_title(challenge.scheme) for challenge in challenges))
        usable = [scheme for scheme in self._schemes if scheme.name in offered]
        if not offered:
            return self._fail("it asked for a logon without saying which schemes it takes")
        if self._store is None:
            return self._fail(f"it asks for a logon ({names}), and logging on was not allowed here")
        if not usable:
            known = ", ".join(_title(scheme.name) for scheme in self._schemes) or "none"
            return self._fail(f"it offers {names}, and of these none can be used here (usable: {known})")
        credentials = self._store.find(self.proxy)
        if credentials is None:
            return self._fail(
                f"it asks for a logon ({names}), and no credentials were found for it", self._store.advice
            )
        if self._store.is_rejected(self.proxy, credentials):
            return self._fail(
                f"the user or password that came from {credentials.origin} was rejected before",
                "it is not offered again for 15 minutes, so that the account is not locked; correct it to try at once",
            )
        return self._first_step(usable, offered, credentials, method, target)

    def _first_step(
        self,
        usable: Sequence[AuthScheme],
        offered: Mapping[str, Challenge],
        credentials: Credentials,
        method: str,
        target: str,
    ) -> str | None:
        for scheme in usable:
            if scheme.name in self._impossible:
                continue
            challenge = offered[scheme.name]
            if not self._may_send(scheme, credentials):
                self._impossible[scheme.name] = scope_advice(self._trust, self.proxy)
                continue
            try:
                logon = _Logon(scheme, scheme.start(self.proxy, credentials), challenge, credentials)
                authorization = logon.exchange.step(challenge, method, target)
            except SchemeUnavailable as exc:
                self._impossible[scheme.name] = str(exc)
                continue
            self._logon = logon
            return authorization
        return self._fail("; ".join(f"{_title(scheme.name)}: {self._impossible[scheme.name]}" for scheme in usable))

    def _may_send(self, scheme: AuthScheme, credentials: Credentials) -> bool:
        if credentials.named or self._trust is Trust.FULL:
            return True
        if self._trust is Trust.NONE:
            return False
        return not scheme.clear_text or self.proxy.scheme == "https"

    def _fail(self, what: str, advice: str = "") -> str | None:
        self._legs = 0
        self._logon = None
        self._impossible.clear()
        self.failure = ProxyAuthError(f"the proxy {self.proxy} refused us: {what}" + (f"; {advice}" if advice else ""))
        return None


def _title(scheme: str) -> str:
    """Return a scheme's name for messages; the proxy chose it, so it may be of any length."""
    return "NTLM" if scheme == "ntlm" else scheme[:40].capitalize()
