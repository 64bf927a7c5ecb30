"""One proxy: whether its name resolves, its port is open, it is a proxy, and it lets us in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, assert_never

from pacaware._cli.doctor.answer import Follows, Question, has_signs, judge_answer, judge_clock, judge_refusal
from pacaware._cli.doctor.findings import Finding, Started, fail, ok
from pacaware._cli.doctor.logon import (
    Logon,
    forward,
    judge_credentials,
    judge_logon,
    judge_offers,
    look_in_purse,
    request_bytes,
    tunnel,
)
from pacaware._cli.doctor.net import Heard, Looked, Trouble, ask, ask_once, knock, look_up, open_to, trouble
from pacaware._core.target import parse_target
from pacaware._deadline import Deadline
from pacaware._hosts import host_for_url
from pacaware._requests._dial import dial
from pacaware._requests._failure import BadTarget, FinalRefusal, RouteFailed
from pacaware._requests._wiring import handshake
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from pacaware._auth.store import ProxyAuth
    from pacaware._cli.doctor.net import Head
    from pacaware._cli.doctor.walk import Limits
    from pacaware._core.scope import Trust
    from pacaware._core.target import Target
    from pacaware._models import ProxyServer

__all__ = ["Arrival", "Trip", "approach"]

Event: TypeAlias = Started | Finding
_USABLE: Final = ("negotiate", "ntlm", "digest", "basic")
_SOCKS5_HELLO: Final = b"\x05\x01\x00"


class Trip(NamedTuple):
    """Where to, with what, and for how long. ``url`` is None where only the proxy is looked at."""

    target: Target
    url: str | None
    auth: ProxyAuth
    context: Callable[[], ssl.SSLContext]
    now: Callable[[], datetime]
    limits: Limits

    @property
    def path(self) -> str:
        """Path and query of the URL, as a browser asks for them."""
        assert self.url is not None  # nothing is asked for without one
        # What scripts may see of an https URL has no path.
        seen = parse_target("http://" + self.url.partition("://")[2]).pac_url
        return "/" + seen.partition("://")[2].partition("/")[2]

    @property
    def shown(self) -> str:
        """The origin, as it is shown."""
        return self.target.origin


@dataclass(slots=True)
class Arrival:
    """What became of one candidate. ``spoke``: it answered, so no other is tried; ``open``: it lets us through.

    ``sock`` leads to the origin (https); ``head`` is what came back from it (http), ``refused`` what the proxy said
    of it; ``proxy`` and ``trust`` are there to go that way again.
    """

    spoke: bool = False
    open: bool = False
    skewed: bool = False
    sock: socket.socket | None = None
    head: Head | None = None
    refused: Finding | None = None
    proxy: ProxyServer | None = None


def approach(server: ProxyServer, trust: Trust, trip: Trip, arrival: Arrival) -> Iterator[Event]:
    """Yield what is found on the way through one proxy; what comes of it is put into ``arrival``."""
    arrival.proxy = server
    yield Started("name")
    looked = look_up(server.host, trip.limits.name)
    named = judge_name(server.host, looked)
    yield named
    if named.status == "fail":
        return
    yield Started("port")
    heard = knock(server.host, server.port, trip.limits.connect)
    port = judge_port(server, heard)
    yield port
    if port.status == "fail":
        return
    yield Started("speaks")
    if server.scheme.startswith("socks"):
        yield from _socks(server, trust, trip, arrival)
    else:
        yield from _http(server, trust, trip, arrival)


def judge_name(host: str, looked: Looked) -> Finding:
    """Judge the look-up of a proxy's name."""
    if looked.trouble is None:
        if looked.addresses == (host,):
            return ok("name", "name-address", ms=looked.ms, host=host)
        return ok("name", "name-ok", ms=looked.ms, host=host, addresses=", ".join(looked.addresses[:4]))
    key = "name-silent" if looked.trouble.kind == "silent" else "name-unknown"
    return fail("name", key, looked.trouble.detail, looked.ms, host=host)


def judge_port(server: ProxyServer, heard: Heard) -> Finding:
    """Judge a knock at a proxy's port."""
    values = {"proxy": server.netloc, "port": str(server.port)}
    if heard.trouble is None:
        return ok("port", "port-ok", ms=heard.ms, **values)
    keys = {"refused": "port-refused", "silent": "port-silent"}
    return fail("port", keys.get(heard.trouble.kind, "port-unreachable"), heard.trouble.detail, heard.ms, **values)


def _http(server: ProxyServer, trust: Trust, trip: Trip, arrival: Arrival) -> Iterator[Event]:
    question, heard, sock = _first_question(server, trip)
    verdict = judge_answer(question, heard, trip.now())
    if verdict.follows is Follows.AGAIN:
        question = Question(server, "CONNECT", trip.target.host, trip.target.port)
        again, sock = _question_by_connect(question, trip)
        if again.head is None and heard.head is not None and has_signs(heard.head):
            # It is a proxy that forbids TRACE, and does not get to where the tunnel should lead.
            verdict = replace(verdict, finding=ok("speaks", "speaks-ok", ms=heard.ms, proxy=str(server)))
            verdict = replace(verdict, follows=Follows.ORIGIN)
        else:
            heard, verdict = again, judge_answer(question, again, trip.now())
    if verdict.follows is Follows.STOP and heard.head is None:
        verdict = replace(verdict, finding=_second_look(server, verdict.finding, trip))
    if verdict.follows is Follows.ORIGIN and trip.url is None:
        verdict = replace(verdict, finding=replace(verdict.finding, status="warn", key="speaks-unsure"))
    head = heard.head
    arrival.spoke = head is not None
    yield verdict.finding
    stops = verdict.follows is Follows.STOP
    clock = None if head is None or stops else judge_clock(head, trip.now())
    if clock is not None:
        arrival.skewed = clock.status != "ok"
        yield Started("clock")
        yield clock
    match verdict.follows:
        case Follows.STOP:
            _close(sock)
        case Follows.LOG_ON:
            _close(sock)
            assert head is not None
            yield from _log_on(server, trust, trip, arrival, question, head)
        case Follows.THROUGH | Follows.ORIGIN | Follows.AGAIN:
            assert head is not None
            yield Started("offers")
            yield ok("offers", "offers-none")
            arrival.open = True
            _note_origin(trip, arrival, question, head, sock)
        case _:
            assert_never(verdict.follows)


def _first_question(server: ProxyServer, trip: Trip) -> tuple[Question, Heard, socket.socket | None]:
    """Ask what shows most: for an https URL the tunnel itself, else what a proxy answers without asking anybody.

    That is a TRACE that goes no further, with the proxy's own address, so that there is no name to look up.
    """
    target = trip.target
    if trip.url is not None and target.scheme == "https":
        question = Question(server, "CONNECT", target.host, target.port)
        return question, *_question_by_connect(question, trip)
    question = Question(server, "TRACE", server.host, server.port)
    host = _authority(question)
    data = request_bytes("TRACE", f"http://{host}/", host)
    return question, ask_once(server, data, trip.context, trip.limits.answer), None


def _question_by_connect(question: Question, trip: Trip) -> tuple[Heard, socket.socket | None]:
    """Ask for a tunnel; the socket stays open where there is an answer."""
    deadline = Deadline(trip.limits.answer)
    try:
        sock = open_to(question.server, trip.context, deadline)
    except (OSError, UnicodeError) as exc:
        return Heard(trouble=trouble(exc)), None
    authority = _authority(question)
    heard = ask(sock, request_bytes("CONNECT", authority, authority), deadline, connect=True)
    if heard.head is None:
        sock.close()
        return heard, None
    return heard, sock


def _authority(question: Question) -> str:
    return f"{host_for_url(question.host)}:{question.port}"


def _note_origin(trip: Trip, arrival: Arrival, question: Question, head: Head, sock: socket.socket | None) -> None:
    """Keep what an answer to CONNECT says of the origin, where that is where the person wants to go."""
    wanted = trip.url is not None and trip.target.scheme == "https" and question.method == "CONNECT"
    if not wanted:
        _close(sock)
    elif head.status == 200:
        arrival.sock = sock
    else:
        _close(sock)
        arrival.refused = judge_refusal(trip.shown, question.port, head)


def _second_look(server: ProxyServer, finding: Finding, trip: Trip) -> Finding:
    """Find out what stands there, if it does not understand HTTP: TLS, or SOCKS."""
    if finding.key not in ("speaks-closed", "speaks-garbage", "speaks-silent", "speaks-tls") or server.scheme != "http":
        return finding
    if _speaks_tls(server, trip.limits.connect):
        return replace(finding, key="speaks-tls")
    if finding.key != "speaks-tls" and _speaks_socks(server, trip.limits.connect):
        return replace(finding, key="speaks-socks")
    return finding


def _speaks_tls(server: ProxyServer, seconds: float) -> bool:
    """Whether a TLS handshake succeeds, whoever signed the certificate: nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = Deadline(seconds)
    try:
        with dial(server.host, server.port, deadline) as sock:
            deadline.bound(sock)
            context.wrap_socket(sock, server_hostname=server.host).close()
    except (OSError, ValueError):
        return False
    return True


def _speaks_socks(server: ProxyServer, seconds: float) -> bool:
    """Whether a SOCKS5 greeting (RFC 1928, section 3) is answered as one."""
    deadline = Deadline(seconds)
    try:
        with dial(server.host, server.port, deadline) as sock:
            deadline.bound(sock)
            sock.sendall(_SOCKS5_HELLO)
            return sock.recv(2)[:1] == b"\x05"
    except OSError:
        return False


def _log_on(
    server: ProxyServer, trust: Trust, trip: Trip, arrival: Arrival, question: Question, head: Head
) -> Iterator[Event]:
    yield Started("offers")
    offers = judge_offers(head, _USABLE)
    yield offers
    if offers.status == "fail":
        return
    yield Started("credentials")
    purse = look_in_purse(trip.auth, server)
    credentials = judge_credentials(purse, head)
    yield credentials
    if credentials.status == "fail":
        return
    yield Started("accepted")
    logon, sock = _one_logon(server, trust, trip, question)
    finding = judge_logon(purse, logon, server, skewed=arrival.skewed)
    yield finding
    arrival.open = finding.status == "ok"
    if not arrival.open or trip.url is None:
        _close(sock)
    elif trip.target.scheme == "https":
        arrival.sock = sock
        if sock is None:
            assert logon.head is not None  # the proxy said no to something
            arrival.refused = judge_refusal(trip.shown, trip.target.port, logon.head)
    else:
        _close(sock)
        arrival.head = logon.head


def _one_logon(server: ProxyServer, trust: Trust, trip: Trip, question: Question) -> tuple[Logon, socket.socket | None]:
    """Log on once, with the request that the person wants if there is one."""
    deadline = Deadline(trip.limits.logon)
    target = trip.target
    if trip.url is not None and target.scheme == "http":
        host = host_for_url(target.host) + ("" if target.port == 80 else f":{target.port}")
        return forward(server, ("GET", target.pac_url, host), trip.auth, trust, trip.context, deadline), None
    if question.method == "TRACE":
        host = _authority(question)
        return forward(server, ("TRACE", f"http://{host}/", host), trip.auth, trust, trip.context, deadline), None
    sock, logon = tunnel(server, (question.host, question.port), trip.auth, trust, trip.context, deadline)
    return logon, sock


def _socks(server: ProxyServer, trust: Trust, trip: Trip, arrival: Arrival) -> Iterator[Event]:
    """SOCKS has no step of its own for a logon: one handshake says it all."""
    proxy = str(server)
    if trip.url is None:
        answers = server.scheme == "socks4" or _speaks_socks(server, trip.limits.answer)
        arrival.spoke = arrival.open = answers
        yield ok("speaks", "speaks-ok", proxy=proxy) if answers else fail("speaks", "speaks-not-socks", proxy=proxy)
        return
    deadline = Deadline(trip.limits.logon)
    failed: Trouble | None = None
    refusal = ""
    try:
        sock = dial(server.host, server.port, deadline)
    except (OSError, UnicodeError) as exc:
        yield fail("speaks", "speaks-closed", trouble(exc).detail, proxy=proxy)
        return
    try:
        machine = trip.auth.socks_handshake(server, trip.target.host, trip.target.port, trust)
        verdict = handshake(sock, machine, None, deadline)
        refusal = getattr(verdict, "reason", "")
    except RouteFailed as exc:
        failed = Trouble("silent" if exc.timed_out else "closed", exc.reason)
    except (FinalRefusal, BadTarget, ConfigError) as exc:
        refusal = str(exc)
    if failed is not None:
        sock.close()
        yield fail(
            "speaks", "speaks-silent" if failed.kind == "silent" else "speaks-not-socks", failed.detail, proxy=proxy
        )
        return
    arrival.spoke = arrival.open = True
    yield ok("speaks", "speaks-ok", proxy=proxy)
    if refusal:
        sock.close()
        arrival.refused = fail("origin", "origin-socks", refusal, url=trip.shown)
    else:
        arrival.sock = sock


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()
