from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
import requests

from pacaware.requests import mount
from pacaware.testing import DeadProxy, Origin, PacServer, Proxy
from tests.resolver import conftest as resolvers

clock = resolvers.clock
environ = resolvers.environ
make_resolver = resolvers.make_resolver
detector = resolvers.detector


@dataclass
class Networks:
    """Stands in for the watch of the network: it changes when a test says so."""

    count: int = 0

    def change(self) -> None:
        self.count += 1

    def changes(self, now: float) -> int:
        return self.count


@pytest.fixture
def networks():
    return Networks()


@dataclass
class World:
    """Real servers on loopback, and what resolvers are told of time and network."""

    clock: resolvers.Clock
    networks: Networks
    make: object
    stack: contextlib.ExitStack
    proxies: dict[str, Proxy | DeadProxy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.origin = self.stack.enter_context(Origin())
        self.pac = self.stack.enter_context(PacServer("function FindProxyForURL(u, h) { return 'DIRECT'; }"))

    def up(self, name: str, users=None) -> str:
        """Start a proxy; returns its entry in a PAC result."""
        self.proxies[name] = self.stack.enter_context(Proxy() if users is None else Proxy(users))
        return self.proxies[name].pac_text

    def down(self, name: str) -> str:
        """Take an address at which nothing answers; returns its entry in a PAC result."""
        self.proxies[name] = self.stack.enter_context(DeadProxy())
        return self.proxies[name].pac_text

    def script(self, body: str, **reply) -> None:
        """Put a script on the PAC server."""
        self.pac.set(resolvers.script(body), **reply)

    def resolver(self, config, **options):
        """Make a resolver that has its time and network from here."""
        resolver = self.make(config, **options)
        resolver._situation.network = self.networks
        return resolver

    def session(self, resolver) -> requests.Session:
        """Open a session whose requests go by a resolver."""
        session = self.stack.enter_context(requests.Session())
        mount(session, resolver)
        return session

    def visit(self, session, path: str = "/") -> str:
        """Ask the origin for a page; returns the name of the proxy that was used, or DIRECT, or the error's name."""
        before = {name: len(getattr(proxy, "requests", ())) for name, proxy in self.proxies.items()}
        try:
            response = session.get(self.origin.url_for("127.0.0.1", path), timeout=10)
        except requests.RequestException as exc:
            return type(exc).__name__
        assert response.status_code == 200
        used = [name for name, proxy in self.proxies.items() if len(getattr(proxy, "requests", ())) > before[name]]
        return used[0] if used else "DIRECT"


@pytest.fixture
def world(clock, networks, make_resolver):
    with contextlib.ExitStack() as stack:
        yield World(clock, networks, make_resolver, stack)
