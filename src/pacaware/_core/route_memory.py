"""Which entry of a list was in fact used for a host (document 004, "automatic proxy cache"; KB271361).

It outlives the thirty minutes of a bad proxy: after A failed over to B, B comes first until something invalidates it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from pacaware._models import DIRECT, Candidate

__all__ = ["RouteMemory"]

_FOREVER: Final = float("inf")


class RouteMemory:
    """A bounded memory (host, list) -> the candidate that was used."""

    def __init__(self, max_entries: int, sticky_seconds: float | None) -> None:
        self._max_entries = max_entries
        self._sticky_seconds = _FOREVER if sticky_seconds is None else sticky_seconds
        self._used: OrderedDict[tuple[str, tuple[Candidate, ...]], tuple[Candidate, float]] = OrderedDict()

    def note(self, host: str, listed: tuple[Candidate, ...], used: Candidate, now: float, marks_end: float) -> bool:
        """Note what was used; returns whether that changes anything.

        DIRECT reached by fail-over is remembered no longer than the marks of the proxies before it (``marks_end``):
        one short failure of a proxy must not send a whole day's traffic around it.
        """
        key = (host, listed)
        known = self._used.get(key)
        if used == listed[0]:
            return self._used.pop(key, None) is not None
        until = now + self._sticky_seconds
        if used is DIRECT:
            until = min(until, marks_end)
        if until <= now or (known is not None and known[0] == used and known[1] >= until):
            return False
        self._used[key] = (used, until)
        self._used.move_to_end(key)
        if len(self._used) > self._max_entries:
            self._used.popitem(last=False)
        return True

    def recall(self, host: str, listed: tuple[Candidate, ...], now: float) -> tuple[Candidate, float] | None:
        """Return what was used and until when that is remembered, or None."""
        known = self._used.get((host, listed))
        if known is not None and known[1] <= now:
            del self._used[host, listed]
            return None
        return known

    def clear(self) -> None:
        """Forget everything."""
        self._used.clear()

    def __len__(self) -> int:
        return len(self._used)
