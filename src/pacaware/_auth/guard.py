"""The lock-out guard: a rejected secret is not offered again until it changes or fifteen minutes are over.

Many directories lock an account after a few failed logons; a program with threads and retries gets there in a second.
So credentials that have not worked at a proxy are tried by one connection at a time, and the others wait for the
outcome.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacaware._core.auth import Claim, Credentials
    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = ["LogonMemory"]

_GUARD_SECONDS: Final = 15 * 60
# How long the others wait after the last leg of a logon that neither succeeds, fails nor is given up.
_PATIENCE: Final = 10.0

_Secret: TypeAlias = "tuple[str, str, bool]"


class LogonMemory:
    """What is known of logons, shared by every connection of a transport. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, patience: float = _PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        # Reentrant, because a claim may be collected while its own thread is in here.
        self._changed = threading.Condition(threading.RLock())
        self._accepted: dict[ProxyServer, tuple[Challenge, Credentials]] = {}
        self._worked: set[tuple[ProxyServer, _Secret]] = set()
        self._rejected: dict[_Secret, float] = {}
        self._claims: dict[_Secret, tuple[int, float]] = {}
        self._number = 0

    def accepted(self, proxy: ProxyServer) -> tuple[Challenge, Credentials] | None:
        """Return the last challenge that was answered with success at this proxy."""
        return self._accepted.get(proxy)

    def remember(self, proxy: ProxyServer, challenge: Challenge, credentials: Credentials) -> None:
        """Note a success."""
        if self._accepted.get(proxy) == (challenge, credentials):
            return
        with self._changed:
            self._accepted[proxy] = (challenge, credentials)
            self._worked.add((proxy, _secret(credentials)))

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note a rejection."""
        with self._changed:
            known = self._accepted.get(proxy)
            if known is not None and known[1] == credentials:
                del self._accepted[proxy]
            self._worked.discard((proxy, _secret(credentials)))
            # A Kerberos ticket cannot lock an account, and a new one must count at once; on Windows it is a password.
            if not credentials.ambient or sys.platform == "win32":
                self._rejected[_secret(credentials)] = self._clock() + _GUARD_SECONDS

    def is_rejected(self, proxy: ProxyServer, credentials: Credentials) -> bool:
        """Say whether these credentials were rejected lately, and have not worked at this very proxy."""
        with self._changed:
            if (proxy, _secret(credentials)) in self._worked:
                return False
            return self._rejected.get(_secret(credentials), 0.0) > self._clock()

    def claim(self, proxy: ProxyServer, credentials: Credentials, *, wait: bool = True) -> Claim | None:
        """Return the right to try these credentials, None where the guard forbids it.

        What worked at this proxy may be tried by all at once. Otherwise the outcome of another's try anywhere is waited
        for, or None returned with ``wait=False``.
        """
        secret = _secret(credentials)
        with self._changed:
            while not self.is_rejected(proxy, credentials):
                if (proxy, secret) in self._worked or (credentials.ambient and sys.platform != "win32"):
                    return _Free()
                left = self._left(secret)
                if left <= 0:
                    self._number += 1
                    self._claims[secret] = (self._number, time.monotonic() + self._patience)
                    return _Held(self, secret, self._number)
                if not wait:
                    return None
                self._changed.wait(left)
            return None

    def _left(self, secret: _Secret) -> float:
        _, until = self._claims.get(secret, (0, 0.0))
        return until - time.monotonic()

    def _prolong(self, secret: _Secret, number: int) -> None:
        with self._changed:
            if self._claims.get(secret, (0, 0.0))[0] == number:
                self._claims[secret] = (number, time.monotonic() + self._patience)

    def _release(self, secret: _Secret, number: int) -> None:
        with self._changed:
            if self._claims.get(secret, (0, 0.0))[0] == number:
                del self._claims[secret]
                self._changed.notify_all()


class _Free:
    """The right to try what has worked."""

    def touch(self) -> None:
        pass

    def release(self) -> None:
        pass


class _Held:
    """The right to be the only one that tries."""

    def __init__(self, memory: LogonMemory, secret: _Secret, number: int) -> None:
        self._memory = memory
        self._secret = secret
        self._number = number

    def touch(self) -> None:
        self._memory._prolong(self._secret, self._number)

    def release(self) -> None:
        self._memory._release(self._secret, self._number)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # while the interpreter ends, anything may be gone already
            self.release()


def _secret(credentials: Credentials) -> _Secret:
    return credentials.user, credentials.password, credentials.ambient
