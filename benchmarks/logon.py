"""Logging on at squid: what it costs on kept connections, and where the time of a cold CONNECT goes.

Needs squid, and for Kerberos an MIT key server and ``pyspnego[kerberos]``; what is missing is said and left out. NTLM
is checked in this process, which is part of the time of its legs; on a kept connection nothing is checked again.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from tests.real import logons, servers

from benchmarks.harness import Result, Single, paired
from benchmarks.servers import Lab
from pacaware._auth.store import ProxyAuth
from pacaware._core.actions import Authenticate, Established, Receive, Send
from pacaware._core.connect import ConnectHandshake
from pacaware.requests import mount
from pacaware.testing import NtlmUsers

__all__ = ["run"]

_CONNECTS = 60
_SLOWEST = 1 / 0.97  # in time; the target is in requests per second


def run(lab: Lab) -> Iterator[Result]:
    """Yield the results, one after the other."""
    with ExitStack() as stack:
        try:
            plain = stack.enter_context(servers.squid())
        except servers.Missing as exc:
            _left_out("logons", exc)
            return
        # What the protocol needs: NTLM is asked, told a nonce, let in; a ticket is shown as soon as it is asked for.
        for name, legs, start in (("NTLM", 3, _ntlm), ("Kerberos", 2, _kerberos)):
            with ExitStack() as inner:
                try:
                    proxy, logon = inner.enter_context(start())
                except servers.Missing as exc:
                    _left_out(name, exc)
                    continue
                yield from _kept(lab, name, proxy, logon, plain)
                yield from _cold(lab, name, legs, proxy, logon)


def _left_out(name: str, why: servers.Missing) -> None:
    print(f"{name}: left out, {why}", file=sys.stderr, flush=True)


@contextmanager
def _ntlm() -> Iterator[tuple[servers.RealProxy, Any]]:
    users = {"alice": servers.USERS["alice"]}
    with (
        logons.token_helper("ntlm", NtlmUsers(users)) as lines,
        servers.squid(logon=lines, users=users) as proxy,
    ):
        yield proxy, (proxy.user, proxy.password)


@contextmanager
def _kerberos() -> Iterator[tuple[servers.RealProxy, Any]]:
    with (
        logons.key_server() as key_server,
        servers.squid(logon=logons.kerberos(key_server.keytab), env=key_server.environ) as proxy,
    ):
        before = os.environ.copy()
        os.environ.update(key_server.environ, KRB5CCNAME=f"FILE:{key_server.folder}/tickets")
        try:
            key_server.kinit("alice", servers.USERS["alice"])
            proxy.host = "localhost"  # the name that its key table has
            yield proxy, None
        finally:
            os.environ.clear()
            os.environ.update(before)


def _kept(lab: Lab, name: str, proxy: servers.RealProxy, logon: Any, plain: servers.RealProxy) -> Iterator[Result]:
    """Requests on connections that are logged on, against connections that need no logon."""
    with requests.Session() as ours, requests.Session() as theirs:
        ours.verify = theirs.verify = lab.ca
        ours.trust_env = theirs.trust_env = False  # nothing of the environment comes before the line above
        mount(ours, proxy=proxy.url, proxy_auth=logon)
        mount(theirs, proxy=plain.url)
        for scheme, url in (("http", lab.http), ("https", lab.https)):
            yield paired(
                f"squid with {name} / squid without a logon, kept connection, {scheme}",
                lambda url=url: _get(ours, url),
                lambda url=url: _get(theirs, url),
                target=">= 0.97 of its requests per second",
                at_most=_SLOWEST,
            )


def _get(session: requests.Session, url: str) -> None:
    response = session.get(url)
    if response.status_code != 200:  # a refusal would be a fast answer
        raise RuntimeError(f"{response.status_code} came back")


def _cold(lab: Lab, name: str, legs: int, proxy: servers.RealProxy, logon: Any) -> Iterator[Result]:
    """The parts of a CONNECT on a new connection, each from its beginning to where the next one begins."""
    auth = ProxyAuth(logon)
    runs = [_connect(lab, proxy, auth) for _ in range(_CONNECTS + 5)][5:]
    counted = {sum(part.startswith("leg") for part in one) for one in runs}
    totals = [sum(one.values()) for one in runs]
    yield _single(f"cold CONNECT, {name}", totals, f"{legs} legs", met=counted == {legs})
    for part in runs[0]:
        yield _single(f"cold CONNECT, {name}: {part}", [one[part] for one in runs], "(part of it)")


def _single(name: str, samples: list[float], target: str, *, met: bool | None = None) -> Single:
    samples = sorted(samples)
    low, high = samples[len(samples) // 4], samples[3 * len(samples) // 4]
    return Single(name, target, met, statistics.median(samples), low, high)


def _connect(lab: Lab, proxy: servers.RealProxy, auth: ProxyAuth) -> dict[str, float]:
    """Open a tunnel and return how many microseconds each part took, in order."""
    origin = urlsplit(lab.https)
    assert origin.hostname is not None
    assert origin.port is not None
    took: dict[str, float] = {}
    since = time.perf_counter()

    def done(part: str) -> None:
        nonlocal since
        now = time.perf_counter()
        took[part], since = (now - since) * 1e6, now

    controller = auth.controller(proxy.server)
    machine = ConnectHandshake(origin.hostname, origin.port, controller)
    legs = 0
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done("TCP")
        while True:
            action = machine.next_action()
            if isinstance(action, Send):
                legs += 1
                sock.sendall(action.data)
            elif isinstance(action, Receive):
                machine.feed(sock.recv(65536))
            elif isinstance(action, Authenticate):
                done(f"leg {legs}, answered 407")
                answer = controller.respond(action.challenges, action.method, action.target)
                machine.authenticated(answer)
                done(f"our token for leg {legs + 1}")
            else:
                break
        done(f"leg {legs}, answered 200")
    if not isinstance(action, Established):
        raise RuntimeError(f"the tunnel did not come about: {action}")  # noqa: TRY004  # nobody gave a wrong type
    return took
