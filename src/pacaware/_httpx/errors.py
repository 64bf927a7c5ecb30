"""What goes wrong on the way to an origin, in httpcore's terms inside and in httpx's terms for the program."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from typing import Final

import httpcore
import httpx

from pacaware._core.failover import FailOver
from pacaware._core.route import failure_notes
from pacaware.errors import PacawareError

__all__ = ["CORE_ERRORS", "RouteFailed", "TunnelRefused", "nothing_reached", "reason_of", "translate"]


class RouteFailed(httpcore.ConnectError):
    """The route could not be built, so no byte of the request has left: the next candidate may be tried."""

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


class TunnelRefused(httpcore.ProxyError):
    """The proxy answered, and the answer is no; ``error`` says why a logon failed, if that was it."""

    def __init__(self, message: str, error: PacawareError | None = None) -> None:
        super().__init__(message)
        self.error = error


# What OpenSSL makes of an answer in plain text.
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST"})

CORE_ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)

_TRANSLATIONS: Final[dict[type[Exception], type[httpx.TransportError]]] = {
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.ProtocolError: httpx.ProtocolError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}


def translate(exc: Exception, request: httpx.Request, failover: FailOver | None = None) -> httpx.TransportError:
    """Return httpx's error for one of CORE_ERRORS, its cause, and a note for each candidate that failed."""
    kind = next(_TRANSLATIONS[base] for base in type(exc).__mro__ if base in _TRANSLATIONS)
    # On trio a failed TLS handshake has no text of its own.
    error = kind(str(exc) or str(_innermost(exc.__context__ or exc)), request=request)
    error.__cause__ = exc.error if isinstance(exc, TunnelRefused) and exc.error is not None else exc
    return _with_notes(error, () if failover is None else failure_notes(failover.failures))


def nothing_reached(
    last: RouteFailed, request: httpx.Request, failover: FailOver, *, timed_out: bool
) -> httpx.TransportError:
    """Return the error for a list of which every candidate failed; ``timed_out`` says that all ran out of time."""
    cause = failover.error()
    kind = httpx.ConnectTimeout if timed_out else httpx.ConnectError
    goes_direct = len(failover.failures) == 1 and failover.current.pac_text == "DIRECT"
    error = kind(last.reason if goes_direct else str(cause), request=request)
    error.__cause__ = cause
    return _with_notes(error, failure_notes(failover.failures))


def _with_notes(error: httpx.TransportError, notes: Iterable[str]) -> httpx.TransportError:
    for note in notes:
        error.add_note(note)
    return error


def reason_of(exc: BaseException) -> str:
    """Return the innermost reason for a failed connection: the network libraries wrap it several times."""
    found = _innermost(exc)
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {found.verify_message}"
    if isinstance(found, ssl.SSLError) and found.reason in _NOT_TLS:
        return "it does not speak TLS; is it an http:// proxy (PROXY in a PAC file)?"
    if isinstance(found, OSError) and not isinstance(found, ssl.SSLError | socket.gaierror) and found.errno:
        return os.strerror(found.errno)  # asyncio has a text of its own
    if isinstance(found, socket.gaierror) and found.strerror:
        return found.strerror
    return str(found) or str(exc) or type(found).__name__


def _innermost(exc: BaseException) -> BaseException:
    while not isinstance(exc, ssl.SSLError):
        inner = exc.exceptions[0] if isinstance(exc, BaseExceptionGroup) else exc.__cause__
        if inner is None:
            break
        exc = inner
    return exc
