"""The lock-out guard: a rejected secret is not offered again until it changes or fifteen minutes are over.

Many directories lock an account after a few failed logons; a program with threads and retries gets there in a second.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacaware._core.auth import Credentials
    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = ["LogonMemory"]

_GUARD_SECONDS = 15 * 60


class LogonMemory:
    """What is known of logons, shared by every connection of a transport. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: dict[ProxyServer, tuple[Challenge, Credentials]] = {}
        self._worked: set[tuple[ProxyServer, str, str]] = set()
        self._rejected: dict[tuple[str, str], float] = {}

    def accepted(self, proxy: ProxyServer) -> tuple[Challenge, Credentials] | None:
        """Return the last challenge that was answered with success at this proxy."""
        return self._accepted.get(proxy)

    def remember(self, proxy: ProxyServer, challenge: Challenge, credentials: Credentials) -> None:
        """Note a success."""
        if self._accepted.get(proxy) == (challenge, credentials):
            return
        with self._lock:
            self._accepted[proxy] = (challenge, credentials)
            self._worked.add((proxy, credentials.user, credentials.password))

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note a rejection."""
        with self._lock:
            known = self._accepted.get(proxy)
            if known is not None and known[1] == credentials:
                del self._accepted[proxy]
            self._worked.discard((proxy, credentials.user, credentials.password))
            self._rejected[credentials.user, credentials.password] = self._clock() + _GUARD_SECONDS

    def is_rejected(self, proxy: ProxyServer, credentials: Credentials) -> bool:
        """Say whether these credentials were rejected lately, and have not worked at this very proxy."""
        with self._lock:
            if (proxy, credentials.user, credentials.password) in self._worked:
                return False
            return self._rejected.get((credentials.user, credentials.password), 0.0) > self._clock()
