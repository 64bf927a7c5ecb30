"""A route: one candidate of a decision, with what its connections may do. Transports keep connections apart by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._core.scope import Trust, trust_of
from pacaware._models import DIRECT, Candidate, Decision, ProxyList, ProxyServer

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DIRECT_ROUTE", "Route", "connect_limit", "explicit_decision", "failure_notes", "route_of"]

_CANDIDATE_SECONDS: Final = 10.0


class Route(NamedTuple):
    """Where a connection leads through, and how far that proxy is trusted with credentials.

    ``network`` counts the networks: a connection that was kept on another one leads nowhere, and only a request that is
    lost on it would tell.
    """

    candidate: Candidate
    trust: Trust = Trust.FULL
    network: int = 0

    @property
    def proxy(self) -> ProxyServer | None:
        """The proxy, or None for DIRECT."""
        return self.candidate if isinstance(self.candidate, ProxyServer) else None


DIRECT_ROUTE: Final = Route(DIRECT)


def route_of(decision: Decision, candidate: Candidate) -> Route:
    """Return the route for one candidate of a decision."""
    if not isinstance(candidate, ProxyServer):
        return DIRECT_ROUTE
    return Route(candidate, trust_of(candidate, decision.source, decision.pac_url), decision.network)


def explicit_decision(url: str, candidate: Candidate) -> Decision:
    """Return the decision for a proxy (or DIRECT) that the caller gave: no rule and no settings apply."""
    return Decision(url, ProxyList([candidate]), "explicit", "code")


def connect_limit(connect_timeout: float | None, *, is_last: bool) -> float | None:
    """Return the seconds that one candidate has until its route stands, DNS, TCP, TLS and all legs together.

    None means no limit: only the last candidate of a caller who set none.
    """
    if connect_timeout is not None:
        return connect_timeout
    return None if is_last else _CANDIDATE_SECONDS


def failure_notes(failures: Iterable[tuple[Candidate, str]]) -> list[str]:
    """Return one line for each candidate that was tried, for ``add_note()`` of the error that the caller sees."""
    return [f"pacaware: {candidate.pac_text} failed: {reason}" for candidate, reason in failures]
