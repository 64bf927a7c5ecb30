"""What the first answer of a proxy means: whether it is one, asks for a logon, or what stands there instead."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pacaware._cli.doctor.findings import Finding, fail, ok, warn
from pacaware._core.connect import printable

if TYPE_CHECKING:
    from pacaware._cli.doctor.net import Head, Heard, Trouble
    from pacaware._models import ProxyServer

__all__ = ["Follows", "Question", "Verdict", "has_signs", "judge_answer", "judge_clock", "judge_refusal", "retry_time"]

# Fields that proxies set and web servers do not, and names of proxies in fields that both set.
_SIGNS: Final = frozenset(
    {"via", "proxy-authenticate", "proxy-connection", "proxy-agent", "proxy-status", "x-squid-error", "x-cache-lookup"}
)
_NAMES: Final = re.compile(
    r"squid|proxy|zscaler|blue ?coat|forcepoint|websense|iboss|privoxy|traffic ?server", re.IGNORECASE
)
_TO_A_TLS_PORT: Final = re.compile(
    rb"HTTPS port|SSL-enabled server port|HTTP request to an HTTPS server", re.IGNORECASE
)
_WEB_SERVERS: Final = re.compile(r"apache/|nginx|microsoft-iis|lighttpd", re.IGNORECASE)
# What web servers say to CONNECT, or to a TRACE with a whole URL.
_NOT_MINE: Final = frozenset({400, 401, 404, 405, 410, 411, 414, 421, 426, 501})
_USUAL_PORTS: Final = frozenset({80, 443})
#: Kerberos takes tickets of clocks that are at most this far apart (MIT krb5, clockskew; RFC 4120, section 3.1.3).
_SKEW: Final = timedelta(minutes=5)


class Follows(enum.Enum):
    """What to do after an answer."""

    #: It let the request pass.
    THROUGH = enum.auto()
    #: It wants a logon.
    LOG_ON = enum.auto()
    #: The answer may mean two things: ask in another way.
    AGAIN = enum.auto()
    #: It is a proxy, and what it says is about the origin.
    ORIGIN = enum.auto()
    #: The path ends here.
    STOP = enum.auto()


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: ``CONNECT`` or ``TRACE``, for which host and port."""

    server: ProxyServer
    method: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means and what follows from it."""

    finding: Finding
    follows: Follows


def judge_answer(question: Question, heard: Heard, now: datetime) -> Verdict:
    """Judge the answer to a request without credentials; ``now`` is local time."""
    proxy, head, ms = str(question.server), heard.head, heard.ms
    if head is None:
        assert heard.trouble is not None  # one of the two is there
        return Verdict(_silence(proxy, heard.trouble, heard.raw), Follows.STOP)
    line = printable(f"{head.status} {head.reason}")
    server = printable(head.get("server") or head.get("proxy-agent"))
    fine = ok(
        "speaks", "speaks-ok", f"{question.method}: {line}{f', Server: {server}' if server else ''}", ms, proxy=proxy
    )
    web = Verdict(fail("speaks", "speaks-web", f"{question.method}: {line}", ms, proxy=proxy), Follows.STOP)
    again = Verdict(web.finding, Follows.AGAIN) if question.method == "TRACE" else web
    if head.status == 407:
        return Verdict(fine, Follows.LOG_ON)
    if head.status == 503 and head.get("retry-after"):
        when = _local(retry_time(head, now), now)
        return Verdict(fail("speaks", "speaks-maintenance", line, ms, proxy=proxy, when=when), Follows.STOP)
    if head.status == 511 or (300 <= head.status < 400 and head.get("location")):
        return _redirected(question, head, line, ms)
    if head.status == 400 and _TO_A_TLS_PORT.search(heard.raw):
        return Verdict(fail("speaks", "speaks-tls", line, ms, proxy=proxy), Follows.STOP)
    is_proxy = has_signs(head)
    if head.status == 200:
        return Verdict(fine, Follows.THROUGH) if is_proxy or _passes(question, head) else again
    if head.status in _NOT_MINE:
        if not is_proxy:
            return again
        return Verdict(fine, Follows.AGAIN if question.method == "TRACE" else Follows.ORIGIN)
    if head.status in (403, 500, 502, 503, 504):
        return Verdict(fine, Follows.AGAIN if question.method == "TRACE" else Follows.ORIGIN)
    return Verdict(fail("speaks", "speaks-error", line, ms, proxy=proxy, status=str(head.status)), Follows.STOP)


def _silence(proxy: str, trouble: Trouble, raw: bytes) -> Finding:
    if raw.startswith(b"\x15\x03"):  # a TLS alert (RFC 8446, section 6)
        return fail("speaks", "speaks-tls", "it answers with a TLS alert", proxy=proxy)
    keys = {
        "silent": "speaks-silent",
        "garbage": "speaks-garbage",
        "certificate": "speaks-certificate",
        "not-tls": "speaks-plain",
    }
    return fail("speaks", keys.get(trouble.kind, "speaks-closed"), trouble.detail, proxy=proxy)


def _redirected(question: Question, head: Head, line: str, ms: float) -> Verdict:
    try:
        parts = urlsplit(head.get("location"))
        place, port = parts.hostname or "", parts.port
    except ValueError:
        place, port = "", None
    proxy = str(question.server)
    if head.status != 511 and place in ("", question.server.host) and port in (None, question.server.port, 443):
        # A web server that sends everybody to its own pages.
        return Verdict(fail("speaks", "speaks-web", line, ms, proxy=proxy), Follows.STOP)
    return Verdict(fail("speaks", "speaks-login", line, ms, proxy=proxy, where=place or "?"), Follows.STOP)


def has_signs(head: Head) -> bool:
    """Whether an answer holds what only proxies write."""
    if any(name in _SIGNS or name.startswith("x-bluecoat") for name, _ in head.headers):
        return True
    return bool(_NAMES.search(head.get("server")))


def _passes(question: Question, head: Head) -> bool:
    """Whether a 200 is that of a proxy: a tunnel has no content (RFC 9110, 9.3.6), a TRACE comes back as it was."""
    if question.method == "TRACE":
        # Some web servers answer it too, as if the URL were one of theirs.
        echoed = head.get("content-type").lower().startswith("message/http")
        return echoed and not _WEB_SERVERS.search(head.get("server"))
    return head.get("content-length") in ("", "0") and not head.get("transfer-encoding") and not head.rest


def retry_time(head: Head, now: datetime) -> datetime | None:
    """Return the local time of Retry-After (RFC 9110, section 10.2.3), or None where it cannot be read."""
    text = head.get("retry-after").strip()
    if text.isascii() and text.isdigit():
        return now + timedelta(seconds=min(int(text), 10_000_000))
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(now.tzinfo)


def _local(when: datetime | None, now: datetime) -> str:
    if when is None:
        return "?"
    day = "" if when.date() == now.date() else f"{when:%Y-%m-%d} "
    zone = when.strftime("%z")
    return f"{day}{when:%H:%M} (UTC{zone[:3]}:{zone[3:5]})" if zone else f"{day}{when:%H:%M}"


def judge_refusal(url: str, port: int, head: Head) -> Finding:
    """Judge what a proxy says about an origin that it did not lead to."""
    line = printable(f"{head.status} {head.reason}")
    error = printable(head.get("x-squid-error"))
    detail = f"{line} ({error})" if error else line
    if head.status in (403, 502) and port not in _USUAL_PORTS and not error.startswith("ERR_DNS"):
        return fail("origin", "origin-odd-port", detail, url=url, port=str(port))
    if error.startswith("ERR_DNS"):
        return fail("origin", "origin-name", detail, url=url)
    if head.status == 504:
        return fail("origin", "origin-silent", detail, url=url)
    if head.status >= 500 and head.status != 501:
        return fail("origin", "origin-down", detail, url=url)
    return fail("origin", "origin-forbidden", detail, url=url)


def judge_clock(head: Head, now: datetime) -> Finding | None:
    """Compare this machine's clock with the Date of an answer; None where there is none."""
    try:
        theirs = parsedate_to_datetime(head.get("date"))
    except ValueError:
        return None
    apart = now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    if abs(apart) < _SKEW:
        return ok("clock", "clock-ok")
    minutes = round(apart.total_seconds() / 60)
    return warn("clock", "clock-skew", f"{minutes:+d} min", minutes=str(abs(minutes)))
