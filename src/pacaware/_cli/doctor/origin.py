"""The last steps: whether the origin is reached, and who signed its certificate."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pacaware._cli.doctor.answer import judge_refusal
from pacaware._cli.doctor.certificate import judge_certificate, shake_hands
from pacaware._cli.doctor.findings import Finding, Started, fail, ok, skip, warn
from pacaware._cli.doctor.logon import request_bytes
from pacaware._cli.doctor.net import Heard, Trouble, ask, look_up, open_to, trouble
from pacaware._core.connect import printable
from pacaware._deadline import Deadline
from pacaware._hosts import host_for_url
from pacaware._requests._dial import dial

if TYPE_CHECKING:
    from pacaware._cli.doctor.candidate import Arrival, Event, Trip
    from pacaware._cli.doctor.certificate import Roots
    from pacaware._cli.doctor.net import Head

__all__ = ["directly", "judge_origin", "through"]

# A page of its own in place of the one asked for, at a network that wants a logon first (RFC 8910).
_PORTAL: frozenset[int] = frozenset({301, 302, 303, 307, 511})


def through(trip: Trip, arrival: Arrival, roots: Callable[[], Roots]) -> Iterator[Event]:
    """Yield what comes of the origin on the way that a proxy has opened."""
    yield Started("origin")
    if arrival.refused is not None:
        yield arrival.refused
        return
    if trip.target.scheme == "https" or arrival.sock is not None:
        assert arrival.sock is not None  # neither refused nor open is not possible
        yield from _over(arrival.sock, trip, roots, skewed=arrival.skewed)
        return
    head = arrival.head
    if head is None:
        assert arrival.proxy is not None
        heard = _forwarded(trip, arrival)
        if heard.head is None:
            assert heard.trouble is not None
            yield _judge_silence(trip, heard.trouble)
            return
        head = heard.head
    if head.status in (403, 502, 503, 504) and _is_proxys(head):
        yield judge_refusal(trip.shown, trip.target.port, head)
    else:
        yield judge_origin(trip, head)


def directly(trip: Trip, roots: Callable[[], Roots]) -> Iterator[Event]:
    """Yield what comes of the origin without a proxy."""
    yield Started("origin")
    if trip.url is None:
        yield skip("origin", "origin-untested")
        return
    host, port = trip.target.host, trip.target.port
    looked = look_up(host, trip.limits.name)
    if looked.trouble is not None:
        yield fail("origin", "origin-direct-name", looked.trouble.detail, url=trip.shown)
        return
    try:
        sock = dial(host, port, Deadline(trip.limits.connect))
    except (OSError, UnicodeError) as exc:
        yield _judge_silence(trip, trouble(exc))
        return
    yield from _over(sock, trip, roots, skewed=False)


def _over(sock: socket.socket, trip: Trip, roots: Callable[[], Roots], *, skewed: bool) -> Iterator[Event]:
    """Speak with the origin on a connection that leads to it."""
    deadline = Deadline(trip.limits.answer)
    if trip.target.scheme != "https":
        with sock:
            heard = ask(sock, _request(trip), deadline)
        yield _judge_heard(trip, heard)
        return
    with sock:
        inside, shown = shake_hands(sock, trip.target.host, roots(), deadline)
        judged = judge_certificate(shown, skewed=skewed)
        if inside is None:
            if judged is None:
                assert shown.trouble is not None
                yield _judge_silence(trip, shown.trouble)
            else:
                yield ok("origin", "origin-answers", url=trip.shown)
                yield Started("certificate")
                yield judged
            return
        heard = ask(inside, _request(trip), deadline)
        yield _judge_heard(trip, heard)
        if judged is not None:
            yield Started("certificate")
            yield judged


def _request(trip: Trip) -> bytes:
    target = trip.target
    host = host_for_url(target.host) + ("" if target.port in (80, 443) else f":{target.port}")
    return request_bytes("GET", trip.path, host).replace(b"Proxy-Connection: keep-alive", b"Connection: close")


def _forwarded(trip: Trip, arrival: Arrival) -> Heard:
    assert arrival.proxy is not None
    deadline = Deadline(trip.limits.answer)
    target = trip.target
    host = host_for_url(target.host) + ("" if target.port == 80 else f":{target.port}")
    try:
        with open_to(arrival.proxy, trip.context, deadline) as sock:
            return ask(sock, request_bytes("GET", target.pac_url, host), deadline)
    except (OSError, UnicodeError) as exc:
        return Heard(trouble=trouble(exc))


def _is_proxys(head: Head) -> bool:
    """Whether an answer to a forwarded request was written by the proxy: an origin's would carry its Via."""
    return bool(head.get("x-squid-error")) or head.status in (502, 504) or not head.get("via")


def _judge_heard(trip: Trip, heard: Heard) -> Finding:
    if heard.head is None:
        assert heard.trouble is not None
        return _judge_silence(trip, heard.trouble)
    return judge_origin(trip, heard.head, heard.ms)


def judge_origin(trip: Trip, head: Head, ms: float = 0.0) -> Finding:
    """Judge the origin's answer: any will do, but one that sends us elsewhere to log on to the network."""
    line = printable(f"{head.status} {head.reason}")
    elsewhere = _elsewhere(trip, head)
    if elsewhere and trip.target.scheme == "http":
        return warn("origin", "origin-portal", line, ms, url=trip.shown, where=elsewhere)
    if head.status >= 500:
        return warn("origin", "origin-status", line, ms, url=trip.shown, status=str(head.status))
    return ok("origin", "origin-ok", line, ms, url=trip.shown)


def _elsewhere(trip: Trip, head: Head) -> str:
    """Return the host of a redirect that leads out of the site that was asked for; 511 says it outright."""
    if head.status not in _PORTAL:
        return ""
    try:
        host = urlsplit(head.get("location")).hostname or ""
    except ValueError:
        host = ""
    if head.status == 511:
        return host or "?"
    ours = trip.target.host.removeprefix("www.")
    return "" if not host or host.removeprefix("www.").endswith(ours) or ours.endswith(host) else host


def _judge_silence(trip: Trip, failed: Trouble) -> Finding:
    keys = {"refused": "origin-refused", "silent": "origin-silent", "unreachable": "origin-refused"}
    return fail("origin", keys.get(failed.kind, "origin-closed"), failed.detail, url=trip.shown)
