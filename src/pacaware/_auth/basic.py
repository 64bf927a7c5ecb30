"""Basic (RFC 7617)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, ClassVar

from pacaware._core.auth import AuthExchange, AuthScheme, Credentials, SchemeUnavailable

if TYPE_CHECKING:
    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = ["BasicAuth"]


class BasicAuth(AuthScheme):
    """Log on with Basic only, as ``user`` with ``password``; both are sent as UTF-8.

    With ``preemptive`` the header goes out before the proxy has asked.
    """

    name: ClassVar[str] = "basic"
    strength: ClassVar[int] = 1
    clear_text: ClassVar[bool] = True
    blocking: ClassVar[bool] = False

    def __init__(self, user: str | None = None, password: str = "", *, preemptive: bool = False) -> None:
        if user is not None:
            self.credentials = Credentials(user, password, origin="proxy_auth=", preemptive=preemptive)

    def start(self, proxy: ProxyServer, credentials: Credentials) -> AuthExchange:
        """Begin a logon; raises SchemeUnavailable for what RFC 7617, section 2 cannot express."""
        return _BasicExchange(credentials)

    def __reduce__(self) -> tuple[Any, ...]:
        return BasicAuth, ()  # the secret stays in this process


class _BasicExchange(AuthExchange):
    def __init__(self, credentials: Credentials) -> None:
        user, password = credentials.user, credentials.password
        if ":" in user:
            raise SchemeUnavailable("a user with a colon in the name cannot use it (RFC 7617, section 2)")
        if any(char < " " or char == "\x7f" for char in user + password):
            raise SchemeUnavailable("the user or password contains a control character")
        try:
            pair = f"{user}:{password}".encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise SchemeUnavailable("the user or password contains half a surrogate pair") from None
        self._header = f"Basic {base64.b64encode(pair).decode('ascii')}"

    def step(self, challenge: Challenge, method: str, target: str) -> str:
        return self._header

    def preemptive(self, challenge: Challenge, method: str, target: str) -> str | None:
        return self._header
