"""Sessions, origins and resolvers for the tests of the requests shell; all over real loopback sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pacaware._models import Decision, ProxyList
from pacaware._resolver import ProxyResolver
from pacaware.requests import mount
from pacaware.testing import Certificates, Origin
from tests.scenarios import SERVERS


class FixedResolver(ProxyResolver):
    """Gives every URL the list that ``rule`` returns for it, and notes what transports report."""

    def __init__(self, rule: Callable[[str], list[Any]]) -> None:
        super().__init__(trust_env=False, proxy_ssl_context=Certificates.shared().client_context())
        self.rule = rule
        self.reports: list[tuple[str, tuple[str, ...]]] = []

    def resolve(self, url: str) -> Decision:
        candidates = tuple(getattr(one, "server", one) for one in self.rule(url))
        return Decision(url, ProxyList(candidates), "manual", "code", listed=candidates)

    def connected(self, decision: Decision, failover: Any) -> None:
        self.reports.append((failover.current.pac_text, tuple(one.pac_text for one, _ in failover.failures)))
        super().connected(decision, failover)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "auto_proxy", "wsl_pac_url"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start() -> Iterator[Callable[[str], Any]]:
    """Start a server of the scenarios by its name."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(SERVERS[name]())


@pytest.fixture
def origins(origin: Origin, tls_origin: Origin) -> dict[str, Origin]:
    """An origin for each scheme."""
    return {"http": origin, "https": tls_origin}


@pytest.fixture(params=["http", "https"])
def url(request: pytest.FixtureRequest, origins: dict[str, Origin]) -> str:
    """A URL that only a proxy can resolve, of each scheme."""
    return origins[request.param].url_for("origin.test", "/path")


@pytest.fixture
def new_session() -> Iterator[Callable[..., requests.Session]]:
    """Make a session with pacaware mounted: on a list of proxies, or with the arguments of ``mount()``."""
    with contextlib.ExitStack() as stack:

        def make(*proxies: Any, **arguments: Any) -> requests.Session:
            session = stack.enter_context(requests.Session())
            session.verify = str(Certificates.shared().ca_path)
            if proxies:
                rule = proxies[0] if callable(proxies[0]) else lambda _: list(proxies)
                arguments["resolver"] = FixedResolver(rule)
            session.pacaware = mount(session, **arguments)
            return session

        yield make


@pytest.fixture
def resolver_for() -> Callable[[Callable[[str], list[Any]]], FixedResolver]:
    """Make a resolver that follows a function."""
    return FixedResolver
