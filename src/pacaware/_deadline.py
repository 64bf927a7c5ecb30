"""One time limit over several operations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import socket

__all__ = ["Deadline"]


class Deadline:
    """The end of a number of seconds from now; None is no end."""

    __slots__ = ("_until", "seconds")

    expired: ClassVar[type[Exception]] = TimeoutError

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._until = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Return the seconds that are left; raises ``expired`` when there are none."""
        if self._until is None:
            return None
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.expired("timed out")
        return left

    def bound(self, sock: socket.socket) -> None:
        """Let the next operation on ``sock`` end with the deadline."""
        sock.settimeout(self.left())
