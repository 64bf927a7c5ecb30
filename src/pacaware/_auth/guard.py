"""The lock-out guard: a rejected secret is not offered again until it changes or fifteen minutes are over.

Many directories lock an account after a few failed logons; a program with threads and retries gets there in a second.
So credentials that have not worked at a proxy are tried by one connection of the process at a time, and the others
wait for the outcome.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacaware._core.auth import Claim, Credentials
    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = ["GUARD", "Guard", "LogonMemory"]

_GUARD_SECONDS: Final = 15 * 60
# How long the others wait after the last leg of a logon that neither succeeds, fails nor is given up.
_PATIENCE: Final = 10.0
_SALT: Final = secrets.token_bytes(16)

_Identity: TypeAlias = bytes
"""A user and secret, as a hash: what is kept for the life of the process should not be worth stealing."""


class Guard:
    """Which credentials were rejected, where they have worked, and who tries them now. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, patience: float = _PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        # Reentrant, because a claim may be collected while its own thread is in here.
        self._changed = threading.Condition(threading.RLock())
        self._number = 0
        self.forget()

    def forget(self) -> None:
        """Forget all rejections and successes."""
        with self._changed:
            self._worked: set[tuple[ProxyServer, _Identity]] = set()
            self._rejected: dict[_Identity, float] = {}
            self._claims: dict[_Identity, tuple[int, float]] = {}
            self._changed.notify_all()

    def remember(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note a success."""
        with self._changed:
            self._worked.add((proxy, _identity(credentials)))

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note a rejection."""
        identity = _identity(credentials)
        with self._changed:
            self._worked.discard((proxy, identity))
            if not _harmless(credentials):
                self._rejected[identity] = self._clock() + _GUARD_SECONDS

    def is_rejected(self, proxy: ProxyServer, credentials: Credentials) -> bool:
        """Say whether these credentials were rejected lately, and have not worked at this very proxy."""
        identity = _identity(credentials)
        with self._changed:
            return (proxy, identity) not in self._worked and self._rejected.get(identity, 0.0) > self._clock()

    def claim(self, proxy: ProxyServer, credentials: Credentials, *, wait: bool = True) -> Claim | None:
        """Return the right to try these credentials, None where the guard forbids it.

        What worked at this proxy may be tried by all at once. Otherwise the outcome of another's try anywhere is waited
        for, or None returned with ``wait=False``.
        """
        identity = _identity(credentials)
        with self._changed:
            while not self.is_rejected(proxy, credentials):
                if (proxy, identity) in self._worked or _harmless(credentials):
                    return _FREE
                left = self._claims.get(identity, (0, 0.0))[1] - time.monotonic()
                if left <= 0:
                    self._number += 1
                    self._claims[identity] = (self._number, time.monotonic() + self._patience)
                    return _Held(self, identity, self._number)
                if not wait:
                    return None
                self._changed.wait(left)
            return None

    def prolong(self, identity: _Identity, number: int) -> None:
        """Give the holder of a claim more time."""
        with self._changed:
            if self._claims.get(identity, (0, 0.0))[0] == number:
                self._claims[identity] = (number, time.monotonic() + self._patience)

    def release(self, identity: _Identity, number: int) -> None:
        """End a claim."""
        with self._changed:
            if self._claims.get(identity, (0, 0.0))[0] == number:
                del self._claims[identity]
                self._changed.notify_all()


GUARD: Final = Guard()
"""The guard of this process: a new session does not make a wrong password right."""


class LogonMemory:
    """What the connections of one transport know of logons. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, guard: Guard | None = None) -> None:
        self._guard = Guard(clock) if guard is None else guard
        self._lock = threading.Lock()
        self._accepted: dict[ProxyServer, tuple[Challenge, Credentials]] = {}

    def accepted(self, proxy: ProxyServer) -> tuple[Challenge, Credentials] | None:
        """Return the last challenge that was answered with success at this proxy."""
        return self._accepted.get(proxy)

    def remember(self, proxy: ProxyServer, challenge: Challenge, credentials: Credentials) -> None:
        """Note a success."""
        if self._accepted.get(proxy) == (challenge, credentials):
            return
        with self._lock:
            self._accepted[proxy] = (challenge, credentials)
        self._guard.remember(proxy, credentials)

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note a rejection."""
        with self._lock:
            known = self._accepted.get(proxy)
            if known is not None and known[1] == credentials:
                del self._accepted[proxy]
        self._guard.reject(proxy, credentials)

    def is_rejected(self, proxy: ProxyServer, credentials: Credentials) -> bool:
        """Say whether these credentials were rejected lately, and have not worked at this very proxy."""
        return self._guard.is_rejected(proxy, credentials)

    def claim(self, proxy: ProxyServer, credentials: Credentials, *, wait: bool = True) -> Claim | None:
        """Return the right to try these credentials; see Guard."""
        return self._guard.claim(proxy, credentials, wait=wait)


class _Free:
    """The right to try what has worked."""

    def touch(self) -> None:
        pass

    def release(self) -> None:
        pass


_FREE: Final = _Free()


class _Held:
    """The right to be the only one that tries."""

    def __init__(self, guard: Guard, identity: _Identity, number: int) -> None:
        self._guard = guard
        self._identity = identity
        self._number = number

    def touch(self) -> None:
        self._guard.prolong(self._identity, self._number)

    def release(self) -> None:
        self._guard.release(self._identity, self._number)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # while the interpreter ends, anything may be gone already
            self.release()


def _harmless(credentials: Credentials) -> bool:
    # A Kerberos ticket cannot lock an account, and a new one must count at once; on Windows it may be a password.
    return credentials.ambient and sys.platform != "win32"


def _identity(credentials: Credentials) -> _Identity:
    text = f"{credentials.ambient}\0{credentials.user}\0{credentials.password}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=_SALT, digest_size=16).digest()
