"""Decisions ready to be handed out again: what most requests need, without a lock and without reading the URL."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from pacaware._core.target import Target
from pacaware._models import Decision

__all__ = ["RecentDecisions"]


class _Recent(NamedTuple):
    decision: Decision
    until: float
    generation: int


class RecentDecisions:
    """A bounded memory of decisions by URL, and by origin where one holds for the whole of it.

    ``get`` may be called by any thread at any time, the others by one at a time. ``put`` and ``outdate`` keep the
    memory right; ``clear`` frees it.
    """

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._urls: OrderedDict[str, _Recent] = OrderedDict()
        self._origins: OrderedDict[str, _Recent] = OrderedDict()
        self._generation = 0

    def get(self, url: str, now: float) -> Decision | None:
        """Return the decision for this very text of a URL, or made from one for another URL of its origin."""
        recent = self._urls.get(url)
        if recent is not None:
            return recent.decision if recent.until > now and recent.generation == self._generation else None
        # Only text that parse_target() read as the very origin is a key here, so that "@" or "?" cannot deceive; what
        # it would refuse behind that is not handed out.
        recent = self._origins.get(_up_to_path(url))
        if recent is None or recent.until <= now or recent.generation != self._generation:
            return None
        return recent.decision.for_url(url) if url.isprintable() and "\\" not in url else None

    def put(self, decision: Decision, target: Target, until: float, *, whole_origin: bool) -> None:
        """Keep a decision until a time; ``whole_origin`` says that every URL of the origin has the same."""
        recent = _Recent(decision, until, self._generation)
        self._keep(self._urls, decision.url, recent)
        start = _up_to_path(decision.url)
        if whole_origin and f"{start}/" == target.origin_only_pac_url:
            self._keep(self._origins, start, recent)

    def _keep(self, memory: OrderedDict[str, _Recent], key: str, recent: _Recent) -> None:
        memory[key] = recent
        memory.move_to_end(key)
        if len(memory) > self._max_entries:
            memory.popitem(last=False)

    def outdate(self) -> None:
        """Make what is kept unusable: its order, or what it rests on, may be different now."""
        self._generation += 1

    def clear(self) -> None:
        """Forget everything."""
        self.outdate()
        self._urls.clear()
        self._origins.clear()

    def __len__(self) -> int:
        return len(self._urls)


def _up_to_path(url: str) -> str:
    """Return the URL up to the slash behind its authority (the earliest place for that slash is the ninth)."""
    end = url.find("/", 8)
    return url if end < 0 else url[:end]
