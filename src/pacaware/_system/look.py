"""A look at the desktop's settings from time to time, without a thread of our own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SystemLook"]

_SECONDS: Final = 10.0


class SystemLook:
    """Tells whether the settings of the desktop or system may have changed, asking it at most every 10 seconds.

    Not thread-safe.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0
        self._seen: tuple[object, ...] | None = None

    def changed(self, environ: Mapping[str, str]) -> bool:
        """Whether there is something new since the last time that this was true; the first look is no change."""
        now = self._clock()
        if self._seen is not None and now < self._next:
            return False
        from pacaware._system.system import fingerprint  # not needed where code or the environment decides

        before, self._seen, self._next = self._seen, fingerprint(environ), now + _SECONDS
        return before is not None and before != self._seen
