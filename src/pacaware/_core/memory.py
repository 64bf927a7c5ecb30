"""The memories of a resolver together: answers, decisions made of them, routes that worked, and bad proxies."""

from __future__ import annotations

from pacaware._core.answer_cache import AnswerCache
from pacaware._core.failover import BadProxies, FailOver
from pacaware._core.recent import RecentDecisions
from pacaware._core.route_memory import RouteMemory
from pacaware._models import CachePolicy, Candidate, ProxyServer, Step

__all__ = ["Memory"]


class Memory:
    """What is remembered under one CachePolicy. Times are monotonic seconds."""

    def __init__(self, policy: CachePolicy) -> None:
        self.begin(policy)

    def begin(self, policy: CachePolicy) -> None:
        """Remember under this policy from now on; everything is forgotten."""
        self._remembers = policy.result_cache
        self.recent = RecentDecisions(policy.max_entries)
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

    def explain_order(self, host: str, listed: tuple[Candidate, ...], now: float) -> Step:
        """Say why the candidates are not tried in the order in which they are listed."""
        bad = ", ".join(candidate.pac_text for candidate in listed if self.bad.is_bad(candidate, now))
        late = f"{bad} could not be reached lately and comes last" if bad else ""
        known = self.routes.recall(host, listed, now)
        if known is None or self.bad.is_bad(known[0], now):
            return Step("bad-proxies", "ok", late)
        route = f"{known[0].pac_text} comes first: {host} was reached by it when those before it had failed"
        return Step("route", "ok", f"{route}; {late}" if late else route)

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
        """Forget answers, what was decided by them, and routes."""
        self.recent.clear()
        self.answers.clear()
        self.routes.clear()
