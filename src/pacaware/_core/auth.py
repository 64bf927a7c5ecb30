"""The logon to one proxy on one connection, independent of the scheme.

RFC 9110, section 11; the order of things follows Chromium (net/http/http_auth_controller.cc). The controller chooses
the scheme, keeps count, and explains failures; the schemes plug in by ``pacaware._core.scheme``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pacaware._core.challenge import Challenge
from pacaware._core.credential_store import Claim, CredentialStore
from pacaware._core.scheme import AuthExchange, AuthScheme, Credentials, CredentialsRejected, SchemeUnavailable
from pacaware._core.scope import Trust, scope_advice
from pacaware._core.wording import BROKEN, CLOSES, CUT_OFF, NEEDS_A_PAIR, names, source, title
from pacaware.errors import ProxyAuthError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pacaware._models import ProxyServer

__all__ = [
    "AuthController",
    "AuthExchange",
    "AuthScheme",
    "Claim",
    "CredentialStore",
    "Credentials",
    "CredentialsRejected",
    "SchemeUnavailable",
]

MAX_LEGS: Final = 8


@dataclass(slots=True)
class _Logon:
    """A logon under way or done on this connection; ``remembered`` ones began with a header that nobody asked for."""

    scheme: AuthScheme
    exchange: AuthExchange
    challenge: Challenge
    credentials: Credentials
    remembered: bool = False
    legs: int = 1
    done: bool = False


class AuthController:
    """Answers the 407s of one connection to one proxy; make one for each connection.

    ``failure`` explains, after ``respond()`` returned None, why the logon did not succeed; ``notes`` say what was not
    possible on the way. ``certificate`` is for the driver to set: what a TLS proxy showed (DER), for channel binding.
    ``connection_ends`` is for the machine to set before a 407 is answered: the proxy closes the connection behind it.
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
        self.certificate: bytes | None = None
        self.connection_ends = False
        self.notes: list[str] = []
        self._drops = False  # has the proxy closed a connection after a 407 without saying so?
        self._cut_off = 0  # logons that the proxy hung up on after it had seen a secret
        self._refused: _Logon | None = None
        self._schemes = sorted(schemes, key=lambda scheme: -scheme.strength)
        self._store = store
        self._trust = trust
        self._legs = 0
        self._logon: _Logon | None = None
        self._claim: Claim | None = None
        self._impossible: dict[str, str] = {}
        self._offers: Sequence[Challenge] = ()

    @property
    def may_log_on(self) -> bool:
        """Whether there may be credentials for this proxy, so that a 407 may be answered; never blocks."""
        return self._store is not None and self._store.may_find(self.proxy)

    @property
    def blocking(self) -> bool:
        """Whether ``respond()`` may have to wait for something outside this process, or for another's logon."""
        if self._logon is not None and not self._logon.done and not self._logon.remembered:
            # Those who wait for this logon may fill the driver's threads: a leg that can do without goes on at once.
            return self._logon.scheme.blocking and self._logon.exchange.waits
        return self._store is not None and (self._store.blocking or any(scheme.blocking for scheme in self._schemes))

    @property
    def holds_connection(self) -> bool:
        """Whether the logon belongs to this connection, so that no other may be used in its place."""
        return self._logon is not None and self._logon.scheme.connection_bound

    @property
    def went_unasked(self) -> bool:
        """Whether what ``preemptive()`` has returned is by a scheme that the proxy may not even take."""
        return self._logon is not None and not self._logon.done and self._logon.credentials.preemptive

    def answer_to(self, challenges: Sequence[Challenge]) -> str:
        """Say in a few words what a 407 offered and how ``respond()`` has just answered it; nothing secret."""
        offers = names(challenges) or "no scheme"
        logon = self._logon
        if logon is None:
            return f"it offers {offers}; not answered"
        leg = f", leg {logon.legs}" if logon.legs > 1 else ""
        scheme = f"{title(logon.scheme.name)}{leg}"
        return f"it offers {offers}; answered by {scheme}, with what {logon.credentials.origin} has"

    def preemptive(self, method: str, target: str) -> str | None:
        """Return a Proxy-Authorization for a request that was not challenged yet, if one is known; never blocks."""
        if self.holds_connection:
            return None
        logon, self._logon = self._logon, None  # a 407 to a request without a header rejects nothing
        known = None if self._store is None else self._store.accepted(self.proxy)
        if known is None or self._store is None:
            return None
        challenge, credentials = known
        scheme = next((one for one in self._schemes if one.name == challenge.scheme), None)
        if scheme is None or scheme.connection_bound or not credentials.allow(scheme.name):
            return None
        if not self._may_send(scheme, credentials):
            return None
        if logon is None or logon.scheme is not scheme or logon.credentials != credentials:
            self._claim = self._store.claim(self.proxy, credentials, wait=False)
            if self._claim is None:
                return None  # another connection tries them just now: the answer to the 407 waits for the outcome
            try:
                exchange = self._start(scheme, credentials)
            except SchemeUnavailable:
                self.abandon()
                return None  # the answer to the 407 will say why
            logon = _Logon(scheme, exchange, challenge, credentials, remembered=True)
        authorization = logon.exchange.preemptive(challenge, method, target)
        if authorization is None:
            self.abandon()
            return None
        logon.challenge, logon.remembered = challenge, True
        self._logon = logon
        return authorization

    def respond(self, challenges: Sequence[Challenge], method: str, target: str) -> str | None:
        """Answer a 407: return the next Proxy-Authorization, or None to give up (see ``failure``). May block."""
        self._legs += 1
        if self._legs > MAX_LEGS:
            what = f"it offers {self._names(challenges)}, and still asked for more"
            return self._fail(f"{what} after {MAX_LEGS} legs of the logon", BROKEN)
        if self._claim is not None:
            self._claim.touch()
        if self._logon is not None:
            return self._continue(self._logon, challenges, method, target)
        self._offers = challenges
        refused, self._refused = self._refused, None
        if refused is not None:
            return self._reject(refused, challenges, CUT_OFF)
        return self._begin(challenges, method, target)

    def accepted(self, info: str | None = None) -> None:
        """Report an answer other than 407, and its Proxy-Authentication-Info."""
        self._legs = 0
        self._impossible.clear()
        logon = self._logon
        if logon is not None and self._store is not None:
            logon.done = True
            if info is not None:
                logon.challenge = logon.exchange.renewed(logon.challenge, info)
            known = Challenge(logon.scheme.name) if logon.scheme.connection_bound else logon.challenge
            self._store.remember(self.proxy, known, replace(logon.credentials, preemptive=False))
        self.abandon()

    def rejected(self) -> ProxyAuthError | None:
        """Report an answer that is not a 407 and yet a no to the logon; returns why, or None if nothing was tried."""
        if self._logon is not None:
            self._reject(self._logon, ())
        return self.failure

    def abandon(self) -> None:
        """Report that the logon under way will not be finished: whoever waits for its outcome may try."""
        if self._logon is not None and not self._logon.done:
            self._logon = None
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def reconnected(self, *, sent: bool = True) -> bool:
        """Report a new connection to the proxy; returns whether the logon starts again from the beginning.

        ``sent`` says whether the last answer went out on the old connection: a first leg that did not is still good.
        """
        logon = self._logon
        if logon is None:
            return False
        first = logon.legs == 1
        self._drops = self._drops or (sent and first and not logon.done)
        if not self.holds_connection or (first and not sent):
            return False
        if not first and self._drops:
            self._note(logon.scheme, "; ".join(part for part in (logon.exchange.note, CLOSES) if part))
        elif not first and not logon.done:
            self._cut_off += 1
            # Once may be the network; twice is how this proxy says no.
            self._refused = logon if self._cut_off > 1 else None
        self._logon = None
        return True

    @property
    def wants_new_connection(self) -> bool:
        """Whether the answer just made had better go out on a new connection.

        Only what continues a logon cannot go elsewhere.
        """
        logon = self._logon
        return self._drops and logon is not None and (not logon.scheme.connection_bound or logon.legs == 1)

    def _start(self, scheme: AuthScheme, credentials: Credentials) -> AuthExchange:
        exchange = scheme.start(self.proxy, credentials)
        exchange.certificate = self.certificate
        return exchange

    def _continue(self, logon: _Logon, challenges: Sequence[Challenge], method: str, target: str) -> str | None:
        asked = [one for one in challenges if one.scheme == logon.scheme.name]
        unsuitable: list[str] = []
        for again in asked:
            if logon.exchange.rejects(again):
                continue
            if self.connection_ends and logon.scheme.connection_bound:
                unsuitable.append(CLOSES)
                continue
            try:
                authorization = logon.exchange.step(again, method, target)
            except SchemeUnavailable as exc:
                unsuitable.append(str(exc))
                continue
            except CredentialsRejected as exc:
                return self._reject(logon, challenges, str(exc))
            logon.challenge = again
            logon.legs += 1
            return authorization
        if logon.done and logon.scheme.connection_bound:
            self._logon = None  # the proxy forgot a logon that it had accepted
            return self._begin(challenges, method, target)
        if not asked and logon.credentials.preemptive:
            # What went out unasked was by a scheme that this proxy does not take, so it has judged nothing.
            self._logon, self._offers = None, challenges
            return self._begin(challenges, method, target, logon.credentials)
        if not unsuitable:
            found = self._successor(logon)
            return self._reject(logon, challenges) if found is None else self._begin(challenges, method, target, found)
        self._note(logon.scheme, "; ".join(part for part in (logon.exchange.note, *unsuitable) if part))
        self._logon = None
        # In the middle of a logon a proxy offers its scheme alone; what it offered before still holds.
        return self._begin([*challenges, *self._offers], method, target, logon.credentials)

    def _reject(self, logon: _Logon, challenges: Sequence[Challenge], why: str = "") -> str | None:
        assert self._store is not None  # without one no logon begins
        self._store.reject(self.proxy, logon.credentials)
        what = "login" if logon.credentials.ambient else "user or password"
        tried = "; ".join(part for part in (title(logon.scheme.name), logon.exchange.note, why) if part)
        offers = self._names(challenges)
        return self._fail(
            f"it rejected the {what} that came from {source(logon.credentials)} (tried with {tried})"
            + (f"; it offers {offers}" if offers else ""),
            "look whether the clock of this machine is right, and ask those who run the proxy whether this account "
            "may use it"
            if logon.credentials.ambient
            else "check both; in a URL, write @ : # % of a password percent-encoded",
        )

    def _successor(self, logon: _Logon) -> Credentials | None:
        """Return what has taken the place of remembered credentials that the proxy rejects, None if nothing has."""
        if not logon.remembered or self._store is None:
            return None
        old, found = logon.credentials, self._store.find(self.proxy)
        if found is None or (found.user, found.password) == (old.user, old.password):
            return None
        self._store.reject(self.proxy, old)
        self.abandon()
        self._logon = None
        return found

    def _names(self, challenges: Sequence[Challenge]) -> str:
        """Return what the proxy offers; in the middle of a logon it says less than at its beginning."""
        return names((*self._offers, *challenges))

    def _begin(
        self, challenges: Sequence[Challenge], method: str, target: str, credentials: Credentials | None = None
    ) -> str | None:
        offered: dict[str, list[Challenge]] = {}
        for challenge in challenges:
            offered.setdefault(challenge.scheme, []).append(challenge)
        offers = self._names(challenges)
        usable = [scheme for scheme in self._schemes if scheme.name in offered]
        if not offered:
            return self._fail("it asked for a logon without saying which schemes it takes", BROKEN)
        if self._store is None:
            return self._fail(f"it asks for a logon ({offers}), and logging on was not allowed here")
        found = (credentials or self._store.find(self.proxy)) if usable else None
        if found is not None and found.schemes:
            usable = sorted(
                (scheme for scheme in usable if found.allow(scheme.name)),
                key=lambda scheme: found.schemes.index(scheme.name),
            )
        if not usable:
            allowed = (scheme.name for scheme in self._schemes if found is None or found.allow(scheme.name))
            known = ", ".join(title(name) for name in allowed) or "none"
            return self._fail(
                f"it offers {offers}, and of these none can be used here (usable: {known})",
                "schemes= or PACAWARE_AUTH_SCHEMES allows no other: add one that it offers"
                if found is not None and found.schemes
                else "ask those who run the proxy for a logon by one of these",
            )
        if found is None or (found.ambient and not any(scheme.takes_ambient for scheme in usable)):
            return self._fail(
                f"it asks for a logon ({offers}), and no credentials were found for it", self._store.advice
            )
        if self._claim is None:
            self._claim = self._store.claim(self.proxy, found)
        if self._claim is None:
            return self._fail(
                f"it asks for a logon ({offers}), and the user or password that came from {source(found)} "
                "was rejected before",
                "it is not offered again for 15 minutes, so that the account is not locked; correct it to try at once",
            )
        return self._first_step(usable, offered, found, method, target)

    def _first_step(
        self,
        usable: Sequence[AuthScheme],
        offered: Mapping[str, Sequence[Challenge]],
        credentials: Credentials,
        method: str,
        target: str,
    ) -> str | None:
        for scheme in usable:
            if scheme.name in self._impossible:
                continue
            if not self._may_send(scheme, credentials):
                self._note(scheme, scope_advice(self._trust, self.proxy))
                continue
            if credentials.ambient and not scheme.takes_ambient:
                self._note(scheme, NEEDS_A_PAIR)
                continue
            unsuitable: list[str] = []
            for challenge in offered[scheme.name]:
                try:
                    exchange = self._start(scheme, credentials)
                    logon = _Logon(scheme, exchange, challenge, credentials)
                    try:
                        authorization = exchange.step(challenge, method, target)
                    except CredentialsRejected as exc:
                        return self._reject(logon, (), str(exc))
                except SchemeUnavailable as exc:
                    unsuitable.append(str(exc))
                    continue
                self._logon = logon
                if logon.exchange.note:
                    self.notes.append(f"{title(scheme.name)}: {logon.exchange.note}")
                return authorization
            self._note(scheme, "; ".join(dict.fromkeys(unsuitable)))
        advice = self._store.advice if self._store is not None and credentials.ambient else ""
        reasons: dict[str, list[str]] = {}
        for scheme in usable:
            reasons.setdefault(self._impossible[scheme.name], []).append(title(scheme.name))
        why = "; ".join(f"{', '.join(titles)}: {reason}" for reason, titles in reasons.items())
        return self._fail(
            f"it asks for a logon ({self._names(())}), which is not possible here with {source(credentials)}. {why}",
            advice,
        )

    def _note(self, scheme: AuthScheme, why: str) -> None:
        self._impossible[scheme.name] = why
        self.notes.append(f"{title(scheme.name)}: {why}")

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
        self.abandon()
        self.failure = ProxyAuthError(f"the proxy {self.proxy} refused us: {what}" + (f"; {advice}" if advice else ""))
        return None
