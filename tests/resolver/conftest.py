from __future__ import annotations

import contextlib
import time

import pytest

from pacaware._models import CachePolicy, ProxyConfig
from pacaware._pac.wpad import Detected
from pacaware._resolver import ProxyResolver
from pacaware._system.environ import _NAMES
from pacaware.errors import WpadError

SECONDS = 10.0


class Clock:
    """The resolver's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    """No proxy variable is set and no desktop runs, whatever the machine has; return what can set some."""
    desktop = ("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "GNOME_DESKTOP_SESSION_ID", "KDE_FULL_SESSION")
    for name in (*_NAMES, *desktop):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def clock():
    return Clock()


class Detection:
    """Automatic detection that finds what the test says, with its servers on loopback."""

    def __init__(self) -> None:
        self.outcome: Detected | str = "automatic detection found no PAC file (this is a test)"
        self.runs = 0
        self.hosts: list[str] = []

    def detect(self):
        self.runs += 1
        if isinstance(self.outcome, str):
            raise WpadError(self.outcome)
        return self.outcome

    def addresses(self, host):
        self.hosts.append(host)
        return ("127.0.0.1",)


@pytest.fixture
def detector():
    """Detection that finds nothing until the test says otherwise."""
    return Detection()


@pytest.fixture
def make_resolver(clock, detector):
    """Return a maker of resolvers with the clock of the test, all closed in the end."""
    with contextlib.ExitStack() as stack:

        def make(config=None, *, script_seconds=5.0, **options):
            resolver = stack.enter_context(ProxyResolver(config, **options))
            resolver._clock = clock
            resolver._situation.script_seconds = script_seconds
            resolver._situation.detector = detector
            return resolver

        yield make


@pytest.fixture
def with_script(pac_server, make_resolver):
    """Return a maker of resolvers with a PAC file in code, given the body of FindProxyForURL."""

    def make(body="return 'PROXY a.test:8080'", *, headers=(), policy: CachePolicy | None = None, **config):
        pac_server.set(script(body), headers=headers)
        return make_resolver(ProxyConfig(pac_url=pac_server.url, **config), cache=policy)

    return make


def script(body: str) -> str:
    return "function FindProxyForURL(url, host) {\n" + body + "\n}\n"


def by(decision) -> str:
    """The candidates of a decision as text."""
    return str(decision.proxies)


def eventually(condition) -> None:
    """Poll until a condition holds."""
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.002)


def refreshed(resolver, server, requests: int) -> None:
    """Wait until the server has had so many requests and the resolver is done with the last answer."""
    server.wait_for_requests(requests)
    eventually(lambda: not resolver._situation.basis.source._lock.locked())


def fail_over(resolver, url: str, failures: int = 1) -> None:
    """Play a request whose first candidates do not connect, the next one does."""
    decision = resolver.resolve(url)
    walk = resolver.start(decision)
    for _ in range(failures):
        assert walk.failed("refused")
    resolver.connected(decision, walk)
