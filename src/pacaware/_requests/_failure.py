"""How a route fails, and which exception of requests its caller gets to see."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any, Final

from pacaware._core.actions import Refused, RouteBroken
from pacaware._requests._pair import Pair
from pacaware.errors import PacawareError

__all__ = [
    "BadTarget",
    "FinalRefusal",
    "RouteFailed",
    "TunnelRefused",
    "refusal",
    "route_failed",
    "translated",
]

# What OpenSSL makes of an answer in plain text.
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST"})


class RouteFailed(Exception):
    """The route did not come about, so not a byte of the request has left: the next candidate may be tried.

    urllib3 does not know this exception, so it passes through its pools untouched and unseen by its Retry.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


class FinalRefusal(Exception):
    """The proxy said no, and so it will the next time; passes through urllib3 unseen by its Retry.

    That is what a refused logon must do: to repeat it would lock the account.
    """

    def __init__(self, text: str, error: PacawareError | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.error = error


class TunnelRefused(OSError):
    """The proxy answered CONNECT with no; urllib3 and its Retry treat this as the refusals they know."""


class BadTarget(Exception):
    """The origin's name cannot be said to this kind of proxy."""


def refusal(action: Refused) -> Exception:
    """Return the exception for a proxy that said no."""
    text = f"Tunnel connection failed: {action.status} {action.reason}" if action.status else action.reason
    if action.status == http.client.PROXY_AUTHENTICATION_REQUIRED or action.error is not None:
        return FinalRefusal(text, action.error)
    return TunnelRefused(text)


def route_failed(exc: Exception, what: str, limit: float | None) -> RouteFailed:
    """Return the failure of a route for what went wrong during ``what``."""
    if isinstance(exc, RouteBroken):
        return RouteFailed(str(exc))
    if isinstance(exc, TimeoutError):
        within = "" if limit is None else f" within {limit:g} s"
        return RouteFailed(f"{what}: no answer{within}", timed_out=True)
    if isinstance(exc, socket.gaierror):
        return RouteFailed(f"its name cannot be resolved ({exc.strerror})")
    if isinstance(exc, ssl.SSLCertVerificationError):
        return RouteFailed(f"its certificate is not trusted ({exc.verify_message})")
    if isinstance(exc, ssl.SSLError) and exc.reason in _NOT_TLS:
        return RouteFailed("it does not speak TLS; is it an http:// proxy (PROXY in a PAC file)?")
    if isinstance(exc, ssl.SSLError):
        return RouteFailed(f"{what}: {exc.reason or exc}")
    if isinstance(exc, OSError) and exc.strerror:
        return RouteFailed(f"{what}: {exc.strerror.lower()}")
    return RouteFailed(f"{what}: {exc}")


def translated(pair: Pair, exc: Exception, request: Any) -> Exception | None:
    """Return what ``requests.adapters.HTTPAdapter.send`` makes of an exception of urllib3; None: it lets it pass."""
    seen, errors = pair.exceptions, pair.errors
    kind: Any = None
    if isinstance(exc, errors.MaxRetryError):
        reason = exc.reason
        if isinstance(reason, errors.ConnectTimeoutError) and not isinstance(reason, errors.NewConnectionError):
            kind = seen.ConnectTimeout
        elif isinstance(reason, errors.ResponseError):
            kind = seen.RetryError
        elif isinstance(reason, errors.ProxyError):
            kind = seen.ProxyError
        else:
            kind = seen.SSLError if isinstance(reason, errors.SSLError) else seen.ConnectionError
    elif isinstance(exc, errors.ProtocolError | errors.ClosedPoolError | OSError):
        kind = seen.ConnectionError
    elif isinstance(exc, errors.LocationValueError | BadTarget):
        kind = seen.InvalidURL
    else:
        table = (
            (errors.ProxyError, seen.ProxyError),
            (errors.SSLError, seen.SSLError),
            (errors.ReadTimeoutError, seen.ReadTimeout),
            (errors.InvalidHeader, seen.InvalidHeader),
        )
        kind = next((theirs for ours, theirs in table if isinstance(exc, ours)), None)
    return None if kind is None else kind(exc, request=request)
