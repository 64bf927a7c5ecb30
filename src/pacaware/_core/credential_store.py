"""What a logon needs to know beyond its connection: credentials, and what became of them elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pacaware._core.challenge import Challenge
    from pacaware._core.scheme import Credentials
    from pacaware._models import ProxyServer

__all__ = ["Claim", "CredentialStore"]


class Claim(Protocol):
    """The right to try credentials that have not worked yet; one connection has it at a time."""

    def touch(self) -> None:
        """Say that the logon goes on: whoever waits for its outcome waits longer."""

    def release(self) -> None:
        """Let the next one try; the last reference to a claim that goes away does the same."""


class CredentialStore(Protocol):
    """Credentials, and what all connections that share them know of proxies and secrets."""

    advice: str
    """What to do when no credentials are found."""

    @property
    def blocking(self) -> bool:
        """Whether ``find`` may wait for something outside this process."""

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether ``find`` may return any for this proxy; never blocks."""

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the credentials for this proxy, or None."""

    def accepted(self, proxy: ProxyServer) -> tuple[Challenge, Credentials] | None:
        """Return the challenge that a request-bound scheme last answered with success, or may answer unasked."""

    def remember(self, proxy: ProxyServer, challenge: Challenge, credentials: Credentials) -> None:
        """Note that these credentials were accepted."""

    def reject(self, proxy: ProxyServer, credentials: Credentials) -> None:
        """Note that these credentials were rejected: they are not offered again for a while."""

    def claim(self, proxy: ProxyServer, credentials: Credentials, *, wait: bool = True) -> Claim | None:
        """Return the right to try these credentials at this proxy, or None where the lock-out guard forbids it.

        Waits for the outcome of another's first try; with ``wait=False`` it returns None instead.
        """
