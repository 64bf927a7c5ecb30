"""The one logon of a run: which credentials there are, what was sent, and what the proxy made of it."""

from __future__ import annotations

import contextlib
import getpass
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pacaware._cli.doctor.findings import Finding, fail, ok
from pacaware._cli.doctor.net import Head, Trouble, ask, open_to, read_head, trouble
from pacaware._core.actions import Authenticate, Established, Receive, Reconnect, Refused, RouteBroken, Send
from pacaware._core.challenge import Challenge, parse_challenges
from pacaware._core.connect import ConnectHandshake
from pacaware._core.forward import Deliver, ForwardExchange, Transmit
from pacaware._deadline import Deadline
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from pacaware._auth.store import ProxyAuth
    from pacaware._core.actions import Action
    from pacaware._core.auth import AuthController, Credentials
    from pacaware._core.scope import Trust
    from pacaware._models import ProxyServer

__all__ = ["Logon", "Purse", "forward", "judge_credentials", "judge_logon", "judge_offers", "look_in_purse", "tunnel"]

_RECEIVE: Final = 65_536
#: Schemes whose first message only opens the talk: what the proxy says to it judges no password (RFC 4559; MS-NLMP).
_OPENING: Final = "ntlm"
# What AuthController says of a verdict, and of nothing else.
_REJECTED: Final = "it rejected the"
# Windows alone lends its login to NTLM: elsewhere there is a ticket at most, and that is Kerberos'.
_TAKE_THE_LOGIN: Final = frozenset({"negotiate", "ntlm"} if sys.platform == "win32" else {"negotiate"})


@dataclass(frozen=True, slots=True)
class Purse:
    """The credentials for a proxy, without the secret: user, where they came from, whether they are this login."""

    user: str = ""
    origin: str = ""
    ambient: bool = False
    found: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Logon:
    """A logon as it went. ``sent`` are the schemes of the messages sent, ``legs`` what the proxy said to each.

    ``head`` is the last answer, ``failure`` why nothing more was sent, ``trouble`` how the connection broke.
    """

    sent: tuple[str, ...] = ()
    legs: tuple[tuple[Challenge, ...], ...] = ()
    accepted: bool = False
    head: Head | None = None
    failure: str = ""
    notes: tuple[str, ...] = ()
    trouble: Trouble | None = None
    ms: float = 0.0


def look_in_purse(auth: ProxyAuth, proxy: ProxyServer) -> Purse:
    """Say which credentials there are for a proxy; the secret stays where it is."""
    try:
        found: Credentials | None = auth.find(proxy)
    except ConfigError as exc:
        return Purse(error=str(exc))
    if found is None:
        return Purse()
    user = found.user
    if not user and found.ambient:
        with contextlib.suppress(OSError, KeyError, ImportError):  # no such user, no USERNAME
            user = getpass.getuser()
    return Purse(user, found.origin, found.ambient, found=True)


def judge_offers(head: Head, usable: Sequence[str]) -> Finding:
    """Judge the challenges of a 407; ``usable`` are the schemes that this installation knows."""
    challenges = parse_challenges(head.all("proxy-authenticate"))
    names = ", ".join(dict.fromkeys(challenge.scheme[:40] for challenge in challenges))
    if not challenges:
        return fail("offers", "offers-nothing", f"{head.status} {head.reason}")
    if not any(challenge.scheme in usable for challenge in challenges):
        return fail("offers", "offers-unusable", ", ".join(usable), schemes=names)
    return ok("offers", "offers-some", schemes=names)


def judge_credentials(purse: Purse, head: Head) -> Finding:
    """Judge what was found for the schemes that a 407 offers; the login of this machine serves some of them."""
    if purse.error:
        return fail("credentials", "credentials-broken", purse.error)
    offered = {challenge.scheme for challenge in parse_challenges(head.all("proxy-authenticate"))}
    if not purse.found or (purse.ambient and not offered & _TAKE_THE_LOGIN):
        return fail("credentials", "credentials-none")
    if purse.ambient:
        return ok("credentials", "credentials-ambient", user=purse.user or "?")
    return ok("credentials", "credentials-found", user=purse.user, origin=purse.origin)


def judge_logon(purse: Purse, logon: Logon, proxy: ProxyServer, *, skewed: bool) -> Finding:
    """Judge how the logon went: whose fault it is if it failed, the password's or somebody else's."""
    said = f"{logon.head.status} {logon.head.reason}" if logon.head else ""
    notes = (note for note in dict.fromkeys(logon.notes) if note not in logon.failure)
    detail = "; ".join(part for part in (said, logon.failure, *notes) if part)
    who = {"user": purse.user or "?", "origin": purse.origin}
    if logon.accepted:
        return ok(
            "accepted", "accepted-ok", "; ".join(logon.notes), logon.ms, scheme=logon.sent[-1] if logon.sent else "?"
        )
    if logon.trouble is not None:
        return fail("accepted", "accepted-broken", logon.trouble.detail, logon.ms, proxy=str(proxy))
    if not logon.sent:
        if "PACAWARE_AUTH_PROXIES=" in logon.failure:
            return fail("accepted", "accepted-withheld", detail, logon.ms, proxy=proxy.netloc)
        key = "accepted-no-ticket" if purse.ambient else "accepted-impossible"
        return fail("accepted", key, detail, logon.ms, **who)
    if logon.head is not None and logon.head.status >= 500:
        return fail("accepted", "accepted-service-down", detail, logon.ms, **who)
    if _talk_never_began(logon):
        return fail("accepted", "accepted-service-down", detail, logon.ms, **who)
    if logon.failure and _REJECTED not in logon.failure:
        # It never came to a verdict: the proxy closed in the middle, or asked for more without end.
        return fail("accepted", "accepted-broken", detail, logon.ms, proxy=str(proxy))
    if skewed and "negotiate" in logon.sent:
        return fail("accepted", "accepted-clock", detail, logon.ms, **who)
    if purse.ambient:
        # The person at this machine logged on to it with this very login today.
        return fail("accepted", "accepted-login-refused", detail, logon.ms, **who)
    return fail("accepted", "accepted-rejected", detail, logon.ms, scheme=logon.sent[-1], **who)


def _talk_never_began(logon: Logon) -> bool:
    """Whether the proxy refused a message that holds no password: it cannot ask whoever knows the passwords.

    What another scheme got after that is no verdict on the password either.
    """
    if logon.sent[:1] != (_OPENING,):
        return False
    answers = [challenge for challenge in (logon.legs[0] if logon.legs else ()) if challenge.scheme == _OPENING]
    return all(challenge.token is None for challenge in answers)


class _Diary:
    """Collects what becomes a Logon."""

    def __init__(self, controller: AuthController) -> None:
        self.controller = controller
        self._started = time.perf_counter()
        self._sent: list[str] = []
        self._legs: list[tuple[Challenge, ...]] = []

    def respond(self, challenges: tuple[Challenge, ...], method: str, target: str) -> str | None:
        """Have a 407 answered; note what it said to the last message and which scheme answers it."""
        if self._sent:
            self._legs.append(challenges)
        header = self.controller.respond(challenges, method, target)
        if header is not None:
            self._sent.append(header.partition(" ")[0].lower())
        return header

    def close(self, *, accepted: bool = False, head: Head | None = None, broken: Trouble | None = None) -> Logon:
        failure = "" if self.controller.failure is None else str(self.controller.failure)
        ms = (time.perf_counter() - self._started) * 1000
        notes = tuple(self.controller.notes)
        return Logon(tuple(self._sent), tuple(self._legs), accepted, head, failure, notes, broken, ms)


def tunnel(
    server: ProxyServer,
    place: tuple[str, int],
    auth: ProxyAuth,
    trust: Trust,
    context: Callable[[], ssl.SSLContext],
    deadline: Deadline,
) -> tuple[socket.socket | None, Logon]:
    """Ask for a tunnel and log on; the socket leads to the origin, and is None where the proxy said no."""
    diary = _Diary(auth.controller(server, trust))
    machine = ConnectHandshake(*place, diary.controller)
    while True:
        try:
            sock = open_to(server, context, deadline)
        except (OSError, UnicodeError) as exc:
            return None, diary.close(broken=trouble(exc))
        try:
            action, raw = _drive(sock, machine, diary, deadline)
        except (OSError, RouteBroken, ConfigError) as exc:
            sock.close()
            diary.controller.abandon()
            return None, diary.close(broken=trouble(exc) if isinstance(exc, OSError) else Trouble("closed", str(exc)))
        if isinstance(action, Established):
            return sock, diary.close(accepted=True, head=read_head(raw, connect=True))
        sock.close()
        if isinstance(action, Refused):
            head = read_head(raw, connect=True) or Head(action.status, action.reason)
            return None, diary.close(accepted=_lets_in("CONNECT", head), head=head)
        try:
            machine.reconnected()
        except RouteBroken as exc:
            return None, diary.close(broken=Trouble("closed", str(exc)))


def _drive(
    sock: socket.socket, machine: ConnectHandshake, diary: _Diary, deadline: Deadline
) -> tuple[Established | Refused | Reconnect, bytes]:
    """Run the handshake on one connection; returns its verdict and what was read since the last request."""
    import ssl

    if isinstance(sock, ssl.SSLSocket):
        diary.controller.certificate = sock.getpeercert(binary_form=True)
    raw = b""
    while True:
        action: Action = machine.next_action()
        if isinstance(action, Send):
            raw = b""
            deadline.bound(sock)
            with contextlib.suppress(ConnectionError):  # what it said before it closed is still to be read
                sock.sendall(action.data)
        elif isinstance(action, Receive):
            deadline.bound(sock)
            try:
                piece = sock.recv(_RECEIVE)
            except ConnectionError:
                piece = b""
            raw += piece
            machine.feed(piece)
        elif isinstance(action, Authenticate):
            machine.authenticated(diary.respond(action.challenges, action.method, action.target))
        else:
            return action, raw


def forward(
    server: ProxyServer,
    question: tuple[str, str, str],
    auth: ProxyAuth,
    trust: Trust,
    context: Callable[[], ssl.SSLContext],
    deadline: Deadline,
) -> Logon:
    """Send a request with a whole URL through a proxy and log on; ``question`` is method, URL and Host.

    The head of the Logon is the last answer, the origin's or the proxy's.
    """
    method, url, host = question
    diary = _Diary(auth.controller(server, trust))
    exchange = ForwardExchange(diary.controller, method, url)
    sock: socket.socket | None = None
    head: Head | None = None
    reused = False
    try:
        while True:
            action = exchange.next_action()
            if isinstance(action, Deliver):
                return diary.close(accepted=head is not None and _lets_in(method, head), head=head)
            if isinstance(action, Authenticate):
                exchange.authenticated(diary.respond(action.challenges, action.method, action.target))
                continue
            assert isinstance(action, Transmit)  # the other actions are for bodies, and there is none
            if sock is None or action.reconnect:
                if sock is not None:
                    sock.close()
                    exchange.reconnected()
                    action = exchange.next_action()
                    assert isinstance(action, Transmit)
                sock = open_to(server, context, deadline)
                reused = False
            heard = ask(sock, request_bytes(method, url, host, action.authorization), deadline)
            if heard.trouble is not None and heard.trouble.kind == "closed" and reused:
                # It closed silently behind the last answer, before it saw this one.
                sock.close()
                sock = None
                exchange.reconnected()
                continue
            reused = True
            if heard.head is None:
                assert heard.trouble is not None
                return diary.close(broken=heard.trouble)
            head = heard.head
            reusable = _read_to_end(sock, head, deadline)
            exchange.responded(head.status, head.all("proxy-authenticate"), reusable=reusable)
    except (OSError, UnicodeError, RouteBroken, ConfigError) as exc:
        diary.controller.abandon()
        return diary.close(broken=trouble(exc))
    finally:
        if sock is not None:
            sock.close()


def _lets_in(method: str, head: Head) -> bool:
    """Whether an answer to credentials is about the origin, so that the logon is not what the proxy minds.

    500 is the proxy's own trouble; of the other 5xx only the answers to a TRACE, for which no origin is asked.
    """
    if head.status == 401 and method == "GET":
        # An origin may say so; tinyproxy says it of a wrong password, in its own name.
        return "proxy" not in head.get("server").lower()
    if head.status in (401, 407, 500):
        return False
    return method != "TRACE" or head.status < 500 or head.status == 501


def _read_to_end(sock: socket.socket, head: Head, deadline: Deadline) -> bool:
    """Read a 407 to its end, so that the connection can be used again; nobody reads other answers."""
    if head.status != 407:
        return False
    length = head.get("content-length")
    closes = "close" in (head.get("connection") + head.get("proxy-connection")).lower()
    if closes or not length.isdigit() or int(length) > 1_000_000:
        return False
    left = int(length) - len(head.rest)
    while left > 0:
        deadline.bound(sock)
        piece = sock.recv(min(left, _RECEIVE))
        if not piece:
            return False
        left -= len(piece)
    return left == 0


def request_bytes(method: str, target: str, host: str, authorization: str | None = None) -> bytes:
    """Return a request without a body; a TRACE is for the proxy itself."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "User-Agent: pacaware-doctor"]
    if method == "TRACE":
        lines.append("Max-Forwards: 0")
    if authorization is not None:
        lines.append(f"Proxy-Authorization: {authorization}")
    return "\r\n".join([*lines, "Proxy-Connection: keep-alive", "", ""]).encode("latin-1")
