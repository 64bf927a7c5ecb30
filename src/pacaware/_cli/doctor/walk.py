"""The walk itself: one look after the other, each judged at once, up to where the path ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pacaware._auth.store import ProxyAuth
from pacaware._cli.doctor import candidate, origin
from pacaware._cli.doctor.certificate import Roots, public_roots
from pacaware._cli.doctor.findings import Finding, Started, fail, ok, skip
from pacaware._cli.doctor.script import judge_route, judge_script
from pacaware._cli.doctor.settings import judge_addresses, judge_settings
from pacaware._cli.doctor.stored import switched_off
from pacaware._core.route import route_of
from pacaware._core.target import Target, parse_target
from pacaware._models import ProxyServer
from pacaware._pac.my_address import my_addresses
from pacaware._resolver import ProxyResolver
from pacaware._system.sources import survey
from pacaware._system.system import Platform, platform
from pacaware._system.trust import trusts_system
from pacaware.errors import ConfigError, PacError, WpadError

if TYPE_CHECKING:
    from pacaware._models import Decision, ProxyConfig, Step

__all__ = ["EXAMPLE", "Around", "Event", "Limits", "walk"]

#: What proxies are chosen for where no URL was given (RFC 2606); nothing is sent there.
EXAMPLE: Final = "https://example.com/"
Event: TypeAlias = Started | Finding


class Limits(NamedTuple):
    """Seconds: for a name, a connection, an answer, a logon; and from when on a PAC file is called slow."""

    name: float = 5.0
    connect: float = 5.0
    answer: float = 10.0
    logon: float = 30.0
    slow: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Around:
    """What the walk asks of this machine; tests hand in their own."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    platform: Callable[[], Platform] = platform
    resolver: Callable[[], ProxyResolver] = ProxyResolver
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    addresses: Callable[[], list[str]] = lambda: my_addresses(ex=True)
    roots: Callable[[], Roots] = public_roots
    limits: Limits = field(default_factory=Limits)


def walk(url: str | None, around: Around) -> Iterator[Event]:
    """Yield each step as it begins and what it finds; ``url`` is where the person wants to go, None: just the proxy."""
    target = parse_target(url or EXAMPLE)
    yield Started("settings")
    machine = around.platform()
    found = survey(around.environ, machine, every=True)
    yield from judge_settings(found, switched_off(machine, around.environ))
    yield Started("address")
    yield from judge_addresses(around.environ, found)
    yield Started("network")
    addresses = around.addresses()
    beyond = () if found.winner is None else _go(found.winner, target, url, around)
    if addresses:
        yield ok("network", "network-ok", address=", ".join(addresses[:3]))
        yield from beyond
        return
    # No way to the Internet is a fault only where nothing answers: a proxy may be on the machine or its own network.
    events = tuple(beyond)
    reached = any(isinstance(one, Finding) and one.status == "ok" and one.step in ("port", "origin") for one in events)
    yield ok("network", "network-alone") if reached else fail("network", "network-down")
    yield from events


def _go(winner: ProxyConfig, target: Target, url: str | None, around: Around) -> Iterator[Event]:
    """Go on with the settings in force."""
    with around.resolver() as resolver:
        decision, findings = _decide(resolver, winner, url or EXAMPLE, around)
        yield Started("pac")
        yield from findings
        if decision is None:
            return
        yield Started("route")
        yield judge_route(decision)
        for event in _travel(resolver, decision, target, url, around):
            yield _as_trusted(event, around.environ)


def _as_trusted(event: Event, environ: Mapping[str, str]) -> Event:
    """An authority that only this machine trusts is no trouble where programs were told to trust the same."""
    if isinstance(event, Finding) and event.key == "certificate-interceptor":
        with suppress(ConfigError):
            if trusts_system(environ):
                return replace(event, status="ok", key="certificate-system")
    return event


def _decide(
    resolver: ProxyResolver, config: ProxyConfig, url: str, around: Around
) -> tuple[Decision | None, tuple[Finding, ...]]:
    decision: Decision | None = None
    steps: tuple[Step, ...] = ()
    error: PacError | WpadError | None = None
    try:
        decision = resolver.resolve(url)
        steps = decision.steps
    except (PacError, WpadError) as exc:
        error, steps = exc, exc.steps
    except ConfigError as exc:
        return None, (fail("pac", "pac-other", str(exc), url=""),)
    # With automatic detection the URL is known only afterwards.
    pac_url = config.pac_url if decision is None or decision.pac_url is None else decision.pac_url
    return decision, judge_script(config, pac_url, steps, error, around.limits.slow * 1000)


def _travel(
    resolver: ProxyResolver, decision: Decision, target: Target, url: str | None, around: Around
) -> Iterator[Event]:
    """Try the candidates in order; the first that can be used is the one that is used, as in fail-over."""
    auth = ProxyAuth(settings=resolver.embedded_credentials)
    trip = candidate.Trip(target, url, auth, lambda: resolver.proxy_ssl_context, around.now, around.limits)
    for index, one in enumerate(decision.proxies):
        is_last = index == len(decision.proxies) - 1
        if not isinstance(one, ProxyServer):
            yield from origin.directly(trip, around.roots)
            return
        arrival = candidate.Arrival()
        for event in candidate.approach(one, route_of(decision, one).trust, trip, arrival):
            # A dead candidate does no harm while there is another: it is skipped, slowly.
            spare = isinstance(event, Finding) and event.status == "fail" and not arrival.spoke and not is_last
            yield replace(event, status="warn") if spare and isinstance(event, Finding) else event
        if arrival.spoke or is_last:
            yield from _arrive(trip, arrival, around)
            return


def _arrive(trip: candidate.Trip, arrival: candidate.Arrival, around: Around) -> Iterator[Event]:
    if not arrival.open:
        return
    if trip.url is None:
        yield Started("origin")
        yield skip("origin", "origin-untested")
        return
    yield from origin.through(trip, arrival, around.roots)
