"""Which entry of a list was in fact used for a host (jpdsi LAN settings article, "automatic proxy cache"; KB271361).

It outlives the thirty minutes of a bad proxy: after A failed over to B, B comes first until something invalidates it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from pacaware._models import DIRECT, Candidate

__all__ = ["RouteMemory"]

_FOREVER: Final = float("inf")


class RouteMemory:
    """A bounded memory (host, list) -> the proxy that was used; the one not used for the longest time goes first."""

    def __init__(self, max_entries: int, sticky_seconds: float | None) -> None:
        self._max_entries = max_entries
        self._sticky_seconds = _FOREVER if sticky_seconds is None else sticky_seconds
        self._used: OrderedDict[tuple[str, tuple[Candidate, ...]], tuple[Candidate, float]] = OrderedDict()

    def note(self, host: str, listed: tuple[Candidate, ...], used: Candidate, now: float) -> bool:
        """Note what was used; returns whether that changes anything.

        The time of a proxy counts from when it was first used instead of another one: each use would else put off the
        return to the first of the list. DIRECT reached by fail-over is never remembered, the marks of the proxies
        before it keep it in front for as long as they last: one short failure of a proxy must not send a whole day's
        traffic around it.
        """
        key = (host, listed)
        if used is DIRECT or used == listed[0]:
            return self._used.pop(key, None) is not None
        known = self.recall(host, listed, now)
        if known is not None and known[0] == used:
            return False
        until = now + self._sticky_seconds
        if until <= now:
            return self._used.pop(key, None) is not None
        self._used[key] = (used, until)
        self._used.move_to_end(key)
        if len(self._used) > self._max_entries:
            self._used.popitem(last=False)
        return True

    def recall(self, host: str, listed: tuple[Candidate, ...], now: float) -> tuple[Candidate, float] | None:
        """Return what was used and until when that is remembered, or None."""
        key = (host, listed)
        known = self._used.get(key)
        if known is None:
            return None
        if known[1] <= now:
            del self._used[key]
            return None
        self._used.move_to_end(key)
        return known

    def clear(self) -> None:
        """Forget everything."""
        self._used.clear()

    def __len__(self) -> int:
        return len(self._used)
