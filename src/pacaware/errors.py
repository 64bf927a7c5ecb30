"""The exceptions of pacaware.

    PacawareError
    ├── ConfigError            a setting that cannot be used
    ├── PacError
    │   ├── PacFetchError      the PAC file was not obtained
    │   ├── PacScriptError     it does not parse, throws, or answers nonsense
    │   ├── PacTimeout         it ran or looked up names for too long
    │   └── PacEngineError     no JavaScript engine, or its process died
    ├── WpadError              automatic detection failed
    ├── ProxyAuthError         a proxy did not accept our logon
    └── NoProxyWorked          every candidate of the fail-over list failed

Programs that use requests or httpx see that library's exceptions; these are their ``__cause__``.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Self

__all__ = [
    "ConfigError",
    "NoProxyWorked",
    "PacEngineError",
    "PacError",
    "PacFetchError",
    "PacScriptError",
    "PacTimeout",
    "PacawareError",
    "ProxyAuthError",
    "WpadError",
]


class PacawareError(Exception):
    """Base of everything pacaware raises on purpose; messages say what happened, where, and what to do.

    ``steps`` are what was looked at for a decision before it failed (those of a Decision), without secrets.
    ``reason`` is a word for the cause, by which pacaware's own commands tell what to do.
    """

    steps: tuple[Any, ...] = ()
    reason: str = "other"

    def again(self) -> Self:
        """Return a copy without traceback: one object raised in many threads would collect theirs."""
        return copy(self)


class ConfigError(PacawareError, ValueError):
    """A setting or an argument cannot be used; the message shows its text and where it came from. Also a ValueError."""


class PacError(PacawareError):
    """Base of the troubles with a PAC file; programs see requests.exceptions.ProxyError or httpx.ProxyError."""


class PacFetchError(PacError):
    """The PAC file was not obtained: unreachable, refused, too large, or not a PAC file."""

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


class PacScriptError(PacError):
    """The script does not parse, throws, or did not answer with a usable string.

    ``line`` and ``column`` count from 1 in the PAC text, or are None where the engine did not say.
    """

    def __init__(
        self, message: str, line: int | None = None, column: int | None = None, reason: str = "throws"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.reason = reason

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        place = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column}"
        return f"{self.message} ({place})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.line, self.column, self.reason)


class PacTimeout(PacError):
    """The script (5 s), or the name lookups it asked for (``resolve_timeout``), took longer than allowed."""

    reason = "endless"


class PacEngineError(PacError):
    """No JavaScript engine can be used here, or its process failed; the message says what to install or to set."""

    reason = "engine"


class WpadError(PacawareError):
    """Automatic detection found no PAC file, and no other setting is left; the message lists where it looked."""

    reason = "not-detected"


class ProxyAuthError(PacawareError):
    """A proxy asked for a logon and none was accepted.

    The message says which proxy, what it offered, what was tried with which user from where, and what to do; never a
    secret. It is the cause of requests.exceptions.ProxyError or httpx.ProxyError where the proxy refused a tunnel; over
    plain http the program gets the proxy's 407 as its response.
    """


class NoProxyWorked(PacawareError):
    """Every candidate of the fail-over list failed before a byte of the request had left.

    ``attempts`` holds a pair (candidate, reason) of strings for each, in the order tried. It is the cause of the
    exception that the library itself has for a failed connection, such as requests.exceptions.ProxyError or
    ConnectTimeout, httpx.ConnectError or httpx.ConnectTimeout.
    """

    def __init__(self, attempts: tuple[tuple[str, str], ...]) -> None:
        super().__init__(attempts)
        self.attempts = tuple(attempts)

    def __str__(self) -> str:
        tried = "; ".join(f"{candidate}: {reason}" for candidate, reason in self.attempts)
        return f"no proxy worked ({tried}); check their addresses, and the network" if tried else "no proxy worked"
