"""The three memories of a resolver together: answers, routes that worked, and bad proxies."""

from __future__ import annotations

from pacaware._core.answer_cache import AnswerCache
from pacaware._core.failover import BadProxies, FailOver
from pacaware._core.route_memory import RouteMemory
from pacaware._models import CachePolicy, Candidate, ProxyServer

__all__ = ["Memory"]


class Memory:
    """What is remembered under one CachePolicy. Times are monotonic seconds."""

    def __init__(self, policy: CachePolicy) -> None:
        self._remembers = policy.result_cache
        self.answers = AnswerCache(policy.max_entries)
        self.routes = RouteMemory(policy.max_entries, policy.sticky_seconds)
        self.bad = BadProxies(policy.bad_proxy_seconds)

    def order(self, host: str, listed: tuple[Candidate, ...], now: float) -> tuple[tuple[Candidate, ...], float]:
        """Return the candidates in the order to try, and the time from which it may be different.

        The one that was used for this host comes first, unless it is bad itself; bad ones come last.
        """
        if len(listed) == 1:
            return listed, float("inf")
        ordered, until = self.bad.order(listed, now)
        known = self.routes.recall(host, listed, now)
        if known is None:
            return ordered, until
        used, remembered_until = known
        if not self.bad.is_bad(used, now):
            ordered = (used, *(candidate for candidate in ordered if candidate != used))
        return ordered, min(until, remembered_until)

    def connected(self, host: str, listed: tuple[Candidate, ...], failover: FailOver, now: float) -> bool:
        """Note that the current candidate stands; returns whether orders given before may be different now."""
        used = failover.current
        newly_bad = failover.newly_bad()
        self.bad.mark(newly_bad, now)
        changed = bool(newly_bad)
        if isinstance(used, ProxyServer):
            changed |= self.bad.unmark(used)
        if self._remembers:
            # What comes first while the marks last needs no memory before they end, when orders are given anew anyway.
            before, _ = self.order(host, listed, now)
            if self.routes.note(host, listed, used, now):
                changed |= self.order(host, listed, now)[0] != before
        return changed

    def forget_results(self) -> None:
        """Forget answers and routes."""
        self.answers.clear()
        self.routes.clear()
