"""Proxies that could not be reached (KB320507, KB2551554), with real connections."""

from __future__ import annotations

import httpx
import pytest

from pacaware._models import CachePolicy, ProxyConfig
from pacaware.httpx import PacTransport
from pacaware.testing import BasicUsers, RefusingProxy
from tests.resolver.conftest import by

HALF_HOUR = 1800.0


@pytest.fixture
def resolver_with(world):
    """Return a maker of resolvers with a script that lists the given entries, and other lists for some hosts."""

    def make(*entries, others=None, **options):
        cases = [f"if (host == '{host}') return '{listed}';" for host, listed in (others or {}).items()]
        world.script("\n".join([*cases, f"return '{'; '.join(entries)}'"]))
        return world.resolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>"), **options)

    return make


def test_a_proxy_that_failed_is_not_asked_again_for_thirty_minutes(world, resolver_with):
    """It comes last for every host, until its time is over."""
    resolver = resolver_with(world.down("a"), world.up("b"))
    a, b = (world.proxies[name].pac_text for name in "ab")
    assert world.visit(world.session(resolver)) == "b"
    assert by(resolver.resolve("http://other.test/")) == f"{b}; {a}"
    world.clock.advance(HALF_HOUR - 1)
    assert by(resolver.resolve("http://third.test/")) == f"{b}; {a}"
    world.clock.advance(1)
    assert by(resolver.resolve("http://fourth.test/")) == f"{a}; {b}"


def test_the_mark_is_of_the_server_not_of_the_list(world, resolver_with):
    """Another list with the same proxy has it last, too."""
    a, b, c = world.down("a"), world.up("b"), world.up("c")
    resolver = resolver_with(a, b, others={"other.test": f"{a}; {c}"})
    assert world.visit(world.session(resolver)) == "b"
    assert by(resolver.resolve("http://other.test/")) == f"{c}; {a}"


def test_marks_are_shared_by_every_session_and_transport(world, resolver_with):
    """What requests found out, httpx knows."""
    resolver = resolver_with(world.down("a"), world.up("b"))
    assert world.visit(world.session(resolver)) == "b"
    with httpx.Client(transport=PacTransport(resolver=resolver)) as client:
        decision = client.get(world.origin.url_for("127.0.0.1", "/")).extensions["pacaware"]
    assert by(decision).startswith(world.proxies["b"].pac_text)


def test_nothing_is_marked_when_everything_fails(world, resolver_with):
    """Without a success there is no telling the proxy from the network: Wi-Fi may be off."""
    resolver = resolver_with(world.down("a"), world.down("b"))
    assert world.visit(world.session(resolver)) == "ProxyError"
    assert resolver.stats()["bad_proxies"] == 0


def test_a_407_is_no_mark(world, resolver_with):
    """Who answers can be reached."""
    resolver = resolver_with(world.up("a", BasicUsers({"alice": "s3cret"})), world.up("b"))
    session = world.session(resolver)
    assert session.get(world.origin.url_for("127.0.0.1", "/"), timeout=10).status_code == 407
    stats = resolver.stats()
    assert (stats["bad_proxies"], stats["failovers"]) == (0, 0)


@pytest.mark.parametrize("status", [403, 502, 503])
def test_a_refusal_is_no_mark(world, resolver_with, status):
    """Proxies refuse on purpose; their answer is the answer."""
    refusing = world.stack.enter_context(RefusingProxy(status))
    resolver = resolver_with(refusing.pac_text, world.up("b"))
    response = world.session(resolver).get(world.origin.url_for("127.0.0.1", "/"), timeout=10)
    assert response.status_code == status
    assert resolver.stats()["bad_proxies"] == 0


def test_bad_proxy_expires_time(world, resolver_with):
    """Another time in seconds (KB2551554): CachePolicy(bad_proxy_seconds=...)."""
    resolver = resolver_with(
        world.down("a"), world.up("b"), cache=CachePolicy(bad_proxy_seconds=60, result_cache=False)
    )
    first = by(resolver.resolve("http://other.test/"))
    assert world.visit(world.session(resolver)) == "b"
    world.clock.advance(59)
    assert by(resolver.resolve("http://other.test/")) != first
    world.clock.advance(1)
    assert by(resolver.resolve("http://other.test/")) == first


def test_bad_proxy_expires_time_zero_marks_nothing(world, resolver_with):
    """KB2551554: 0 means never."""
    resolver = resolver_with(world.down("a"), world.up("b"), cache=CachePolicy(bad_proxy_seconds=0))
    assert world.visit(world.session(resolver)) == "b"
    assert resolver.stats()["bad_proxies"] == 0


def test_if_all_are_bad_the_one_nearest_its_end_comes_first(world, resolver_with):
    """Something must be tried, and it is most likely to be back."""
    a, b = world.down("a"), world.down("b")
    c = world.up("c")
    resolver = resolver_with(b, c, others={"h.test": f"{a}; {b}", "j.test": f"{a}; {c}"})
    assert world.visit(world.session(resolver)) == "c"  # b is marked
    world.clock.advance(100)
    decision = resolver.resolve("http://j.test/")
    walk = resolver.start(decision)
    assert walk.failed("refused")
    resolver.connected(decision, walk)  # a is marked, 100 s later
    assert by(resolver.resolve("http://h.test/")) == f"{b}; {a}"


def test_a_proxy_that_works_again_is_no_longer_marked(world, resolver_with):
    """All were bad, the first was tried, and it was up."""
    a, b = world.up("a"), world.up("b")
    resolver = resolver_with(a, b)
    decision = resolver.resolve("http://h.test/")
    walk = resolver.start(decision)
    walk.failed("refused")
    resolver.connected(decision, walk)
    assert resolver.stats()["bad_proxies"] == 1
    decision = resolver.resolve("http://i.test/")
    walk = resolver.start(decision)
    walk.failed("refused")
    resolver.connected(decision, walk)
    assert (resolver.stats()["bad_proxies"], by(resolver.resolve("http://j.test/"))) == (1, f"{a}; {b}")


def test_the_policy_of_the_system(world, clock):
    """Settings of the system may say how long proxies are bad; what the program says comes first."""
    own = world.resolver(ProxyConfig(proxy_server="p.test:1"), cache=CachePolicy(bad_proxy_seconds=7))
    assert own._now().policy.bad_proxy_seconds == 7
    resolver = world.resolver(None)
    reader = resolver._situation.reader
    state = {"policy": CachePolicy(bad_proxy_seconds=60, result_cache=False), "fingerprint": 0}
    reader._system = reader._system._replace(
        read=lambda environ: ProxyConfig(proxy_server="p.test:1", origin="windows"),
        fingerprint=lambda environ: state["fingerprint"],
        cache_policy=lambda environ: state["policy"],
    )
    resolver.resolve("http://h.test/")
    assert resolver._now().policy == state["policy"]
    state.update(policy=CachePolicy(bad_proxy_seconds=90), fingerprint=1)
    clock.advance(1)
    resolver.resolve("http://h.test/")
    assert resolver._now().policy.bad_proxy_seconds == 90
    assert resolver.stats()["invalidations_settings"] == 1
