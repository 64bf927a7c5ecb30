"""Requests through one plain proxy on kept connections: ours, the host library's own proxy, and pypac."""

from __future__ import annotations

import os
import ssl
import statistics
import time
from collections.abc import Callable, Iterator

import httpx
import requests
from pypac import PACSession
from pypac.parser import PACFile

from benchmarks.harness import Paired, Result, of_pairs, paired
from benchmarks.servers import Lab
from pacaware import ProxyConfig
from pacaware.httpx import PacTransport
from pacaware.requests import mount

__all__ = ["run"]


def run(lab: Lab) -> Iterator[Result]:
    """Yield the results, one after the other."""
    for name in [name for name in os.environ if name.lower().endswith(("_proxy", "_ca_bundle"))]:
        del os.environ[name]  # requests prefers these to what its session says
    yield from _requests(lab)
    yield from _httpx(lab)
    yield from _pypac(lab)


def _session(lab: Lab) -> requests.Session:
    session = requests.Session()
    session.verify = lab.ca
    return session


def _requests(lab: Lab) -> Iterator[Result]:
    ours, theirs = _session(lab), _session(lab)
    mount(ours, config=ProxyConfig(proxy_server=lab.proxy))
    theirs.proxies = {"http": lab.proxy, "https": lab.proxy}
    for scheme, url in (("http", lab.http), ("https", lab.https)):
        yield paired(
            f"PacAdapter / requests proxies=, {scheme}",
            lambda url=url: ours.get(url).content,
            lambda url=url: theirs.get(url).content,
            target="<= 1.03",
            at_most=1.03,
        )
    ours.close()
    theirs.close()


def _httpx(lab: Lab) -> Iterator[Result]:
    context = _context(lab)
    ours = httpx.Client(transport=PacTransport(config=ProxyConfig(proxy_server=lab.proxy), verify=context))
    theirs = httpx.Client(proxy=lab.proxy, verify=context)
    for scheme, url in (("http", lab.http), ("https", lab.https)):
        yield paired(
            f"PacTransport / httpx.Client(proxy=), {scheme}",
            lambda url=url: ours.get(url).content,
            lambda url=url: theirs.get(url).content,
            target="<= 1.03",
            at_most=1.03,
        )
    ours.close()
    theirs.close()


def _context(lab: Lab) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=lab.ca)


def _pypac(lab: Lab) -> Iterator[Result]:
    ours, plain = _session(lab), _session(lab)
    mount(ours, pac_url=lab.pac)
    plain.proxies = {"http": lab.proxy, "https": lab.proxy}
    theirs = PACSession(pac=PACFile(requests.get(lab.pac).text))
    theirs.verify = lab.ca
    yield paired(
        "PacAdapter / pypac PACSession, small PAC, https",
        lambda: ours.get(lab.https).content,
        lambda: theirs.get(lab.https).content,
        target="< 1",
        at_most=0.999,
    )
    ours.close()
    theirs.close()
    ours = _session(lab)
    mount(ours, pac_url=lab.big_pac)
    theirs = PACSession(pac=PACFile(requests.get(lab.big_pac).text))
    theirs.verify = lab.ca
    yield _added(lab, ours, theirs, plain)
    ours.close()
    theirs.close()
    plain.close()


def _added(lab: Lab, ours: requests.Session, theirs: requests.Session, plain: requests.Session) -> Paired:
    """Compare what is added to a plain request with 5,000 rules, on the second and later visits to a host."""
    sessions = {"ours": ours, "theirs": theirs, "plain": plain}
    actions: dict[str, Callable[[], object]] = {
        name: (lambda session=session: session.get(lab.https).content) for name, session in sessions.items()
    }
    for action in actions.values():
        action()
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(150):
        names = list(actions)
        for name in names[turn % 3 :] + names[: turn % 3]:
            started = time.perf_counter()
            for _ in range(2):
                actions[name]()
            times[name].append((time.perf_counter() - started) / 2 * 1e6)
    added_by_us = [a - p for a, p in zip(times["ours"], times["plain"], strict=True)]
    added_by_them = [a - p for a, p in zip(times["theirs"], times["plain"], strict=True)]
    # Ours is lost in the noise of a request, so at least the whole of resolve() and its bookkeeping is charged.
    floor = max(statistics.median(added_by_us), 10.0)
    pairs = [(floor, added) for added in added_by_them]
    return of_pairs(
        "time added to a request, 5,000 rules, second visit: pacaware / pypac", pairs, target="<= 1/50", at_most=0.02
    )
