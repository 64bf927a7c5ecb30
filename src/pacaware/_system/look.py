"""A look at the desktop's settings from time to time, without a thread of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SystemLook"]

_SECONDS: Final = 10.0


class SystemLook:
    """Tells whether the settings of the desktop or system may have changed, asking it at most every 10 seconds.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._seen: tuple[object, ...] | None = None

    def changed(self, environ: Mapping[str, str], now: float) -> bool:
        """Whether there is something new since the last look; the first one finds no change. ``now`` is in seconds."""
        if self._seen is not None and now < self._next:
            return False
        from pacaware._system.system import fingerprint  # not needed where code or the environment decides

        before, self._seen, self._next = self._seen, fingerprint(environ), now + _SECONDS
        return before is not None and before != self._seen
