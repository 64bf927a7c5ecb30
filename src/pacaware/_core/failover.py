"""One request's walk along its fail-over list, and the memory of dead proxies.

Chromium net/proxy_resolution/proxy_list.cc and proxy_info.cc; thirty minutes as WinINet (KB320507).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacaware._models import DIRECT, Candidate, ProxyServer
from pacaware.errors import NoProxyWorked

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BadProxies", "FailOver"]


class FailOver:
    """Walks along the candidates. Call ``failed()`` only if no byte of the request can have reached an origin.

    ``epoch`` is the resolver's: a walk that began before everything was forgotten teaches nothing. ``may_go_on`` says
    that another list may follow this one, so that its last candidate has no more time than the others.
    """

    def __init__(self, candidates: Sequence[Candidate], *, epoch: int = 0, may_go_on: bool = False) -> None:
        self._candidates = tuple(candidates)
        self._at = 0
        self._failures: list[tuple[Candidate, str]] = []
        self._may_go_on = may_go_on
        self.epoch = epoch

    @property
    def current(self) -> Candidate:
        """The candidate to try now."""
        return self._candidates[self._at]

    @property
    def is_last(self) -> bool:
        """Whether nothing is left to try after the current candidate."""
        return self._at + 1 >= len(self._candidates) and not self._may_go_on

    @property
    def failures(self) -> tuple[tuple[Candidate, str], ...]:
        """The candidates that failed so far, with the reason of each."""
        return tuple(self._failures)

    def failed(self, reason: str) -> bool:
        """Note that the current candidate failed; returns whether there is another to try."""
        self._failures.append((self.current, reason))
        if self._at + 1 >= len(self._candidates):
            return False
        self._at += 1
        return True

    def go_on_with(self, candidates: Sequence[Candidate], *, epoch: int) -> bool:
        """Append a list that came to light after this one had failed; returns whether it has anything not yet tried."""
        tried = {candidate for candidate, _ in self._failures}
        more = tuple(candidate for candidate in candidates if candidate not in tried)
        self._may_go_on, self.epoch = False, epoch
        if not more:
            return False
        self._candidates = (*self._candidates[: self._at + 1], *more)
        self._at += 1
        return True

    def newly_bad(self) -> tuple[ProxyServer, ...]:
        """Return the proxies to mark now that the current candidate has connected."""
        failed = (candidate for candidate, _ in self._failures if isinstance(candidate, ProxyServer))
        return tuple(candidate for candidate in failed if candidate != self.current)  # a list may name one twice

    def error(self) -> NoProxyWorked:
        """Return the error that lists every attempt."""
        return NoProxyWorked(tuple((candidate.pac_text, reason) for candidate, reason in self._failures))


class BadProxies:
    """Proxies that could not be reached, each until its time is over. DIRECT is never among them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[ProxyServer, float] = {}

    def mark(self, proxies: Sequence[ProxyServer], now: float) -> None:
        """Mark proxies as bad; an existing later end is kept."""
        if self._seconds <= 0:
            return
        for proxy in proxies:
            self._until[proxy] = max(now + self._seconds, self._until.get(proxy, 0.0))

    def unmark(self, proxy: ProxyServer) -> bool:
        """Forget the mark of a proxy that worked; returns whether there was one."""
        return self._until.pop(proxy, None) is not None

    def clear(self) -> None:
        """Forget every mark."""
        self._until.clear()

    def order(self, candidates: Sequence[Candidate], now: float) -> tuple[tuple[Candidate, ...], float]:
        """Return the candidates with the bad ones last, and the time from which this order may be different.

        If all are bad, the one nearest its end comes first.
        """
        self._until = {proxy: until for proxy, until in self._until.items() if until > now}
        bad = [(self._until[c], c) for c in candidates if isinstance(c, ProxyServer) and c in self._until]
        if not bad:
            return tuple(candidates), float("inf")
        good = [c for c in candidates if c is DIRECT or c not in self._until]
        if not good:
            bad.sort(key=lambda pair: pair[0])
        return (*good, *(c for _, c in bad)), min(until for until, _ in bad)

    def is_bad(self, candidate: Candidate, now: float) -> bool:
        """Say whether the candidate is a proxy with a mark."""
        return isinstance(candidate, ProxyServer) and self._until.get(candidate, 0.0) > now

    def __len__(self) -> int:
        return len(self._until)
