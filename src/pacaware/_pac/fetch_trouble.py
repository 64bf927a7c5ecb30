"""Why a PAC file was not obtained, for a person who can do something about it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import urllib3.exceptions
from urllib3.util.ssl_match_hostname import CertificateError

from pacaware._models import redact_url
from pacaware.errors import PacFetchError

__all__ = ["not_obtained", "refused"]

# urllib3 begins with the connection: as <... object at 0x7f...> up to 2.0, as its class, host and port since.
_CONNECTION: Final = re.compile(r"(?:<.*>|\w+\(host='[^']*', port=\d+\)): ", re.DOTALL)


def not_obtained(url: str, exc: Exception, connect_timeout: float) -> PacFetchError:
    """Return the error for an exception of urllib3 or of a socket, with the likely cause and what to look at."""
    host = _parts(url)[0]
    reason: BaseException = exc
    while isinstance(reason, urllib3.exceptions.MaxRetryError) and reason.reason is not None:
        reason = reason.reason
    text = _CONNECTION.sub("", str(reason)) or type(reason).__name__
    chain = tuple(_causes(exc))
    if any(isinstance(cause, ssl.SSLCertVerificationError | CertificateError) for cause in chain):
        kind = "certificate"
        advice = "the certificate of its server was not accepted; if your company signs its own, install that root"
    elif any(isinstance(cause, urllib3.exceptions.SSLError | ssl.SSLError) for cause in chain):
        kind, advice = "tls", f"{host} does not speak TLS there as it should; is the address one of http:?"
    elif any(isinstance(cause, socket.gaierror | UnicodeError) for cause in chain):
        kind, advice = "server-name", f"the name {host} is not known here; check it, and that this is its network"
    elif isinstance(reason, urllib3.exceptions.ConnectTimeoutError) and not _is_refused(reason):
        kind, advice = "server-down", f"no connection to {host} within {connect_timeout:g} s"
    elif isinstance(reason, urllib3.exceptions.NewConnectionError):
        kind = "server-down"
        advice = f"no connection to {host}; check the address and that this network reaches it without a proxy"
    elif isinstance(reason, urllib3.exceptions.ReadTimeoutError):
        kind, advice = "late", f"{host} did not send it in time"
    else:
        kind, advice = "server-down", f"{host} did not send it"
    shown = f"the PAC file {redact_url(url)} was not obtained: {advice} ({_redacted(text, url)})"
    return PacFetchError(shown, kind)


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it was raised for; urllib3 hides some in its own."""
    while exc is not None:
        yield exc
        hidden = exc.reason if isinstance(exc, urllib3.exceptions.MaxRetryError) else None
        exc = hidden or exc.__cause__ or exc.__context__


def _is_refused(exc: Exception) -> bool:
    # NewConnectionError was a ConnectTimeoutError up to urllib3 2.5 or so.
    return isinstance(exc, urllib3.exceptions.NewConnectionError)


def _redacted(text: str, url: str) -> str:
    for secret in _parts(url)[1:]:
        if secret:
            text = text.replace(secret, "...")
    return text[:300]


def _parts(url: str) -> tuple[str, str, str]:
    """Return the host, and the query and userinfo, which are nobody's business."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "its server", parts.query, parts.netloc.rpartition("@")[0]
    except ValueError:
        return "its server", url, ""


def refused(url: str, status: int) -> PacFetchError:
    """Return the error for an answer that is none of 200 and 304."""
    reasons = {
        401: "its server wants a logon, and PAC files are fetched without one",
        403: "its server does not give it to this machine",
        404: "its server does not have it; check the path",
        407: "a proxy stands in the way, and PAC files are fetched without one",
    }
    reason = reasons.get(status, "only 200 is accepted" if status < 500 else "its server has trouble; try again later")
    shown = f"the PAC file {redact_url(url)} was not obtained: status {status}; {reason}"
    return PacFetchError(shown, "missing" if status == 404 else "refused")
