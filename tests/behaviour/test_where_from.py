"""explain(), the log and stats() say where an answer came from."""

from __future__ import annotations

import logging

import pytest

from pacaware._models import ProxyConfig, decision
from tests.resolver.conftest import fail_over

URL = "https://h.test/"
TWO = "return 'PROXY a.test:1; PROXY b.test:1'"


@pytest.fixture
def resolver_with(world):
    def make(body=TWO, **config):
        world.script(body)
        return world.resolver(ProxyConfig(pac_url=world.pac.url, origin="gnome", **config))

    return make


@pytest.fixture
def later(monkeypatch):
    """Return what lets the calendar go on."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(decision.time, "time", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def memory_step(decision) -> str | None:
    return next((step["detail"] for step in decision.to_dict()["steps"] if step["name"] == "memory"), None)


def test_a_fresh_answer(resolver_with, later):
    """It says so, and no word of memory."""
    decision = resolver_with().resolve(URL)
    assert (decision.freshness, memory_step(decision)) == ("fresh", None)
    assert "(pac; settings from: gnome), fresh" in decision.explain()


def test_a_known_answer_tells_its_age_and_why_it_holds(resolver_with, later):
    """For the same URL, for another one of its origin, and after a look at the settings."""
    resolver = resolver_with()
    resolver.resolve(URL)
    later(12)
    expected = "known for 12 s, holds until the PAC file, the settings or the network change"
    for url in (URL, URL + "other"):
        assert memory_step(resolver.resolve(url)) == expected
        assert f"memory: {expected}" in resolver.resolve(url).explain()
    resolver._clock.advance(5)
    assert memory_step(resolver.resolve(URL)) == expected


def test_the_age_of_the_pac_file(resolver_with, later):
    """A script that was obtained for another URL is as old as it is, and took this one no time."""
    resolver = resolver_with()
    resolver.resolve(URL)
    later(300)
    fetched, loaded = [step for step in resolver.resolve("https://other.test/").steps if step.status == "ok"][1:3]
    assert (fetched.name, loaded.name) == ("pac-fetch", "pac-load")
    assert "status 200" in fetched.detail
    assert fetched.detail.endswith(", 300 s old")
    assert (fetched.ms, loaded.ms) == (0.0, 0.0)


def test_an_answer_that_rests_on_names(resolver_with, later):
    """Its time is limited by theirs."""
    resolver = resolver_with("return dnsResolve('localhost') ? 'PROXY a.test:1' : 'DIRECT'")
    resolver.resolve(URL)
    assert "(names looked up)" in memory_step(resolver.resolve(URL))


def test_what_stands_in_says_for_what(resolver_with, world, later):
    """The PAC file is being tried again."""
    resolver = resolver_with(proxy_server="m.test:1")
    world.pac.set(status=503)
    resolver.resolve(URL)
    assert "until there is a PAC file" in memory_step(resolver.resolve(URL))


def test_a_remembered_route(resolver_with):
    """After a fail-over the order is explained: first by the mark, then by what was used."""
    resolver = resolver_with()
    fail_over(resolver, URL)
    route = "PROXY b.test:1 comes first: h.test was reached by it when those before it had failed"
    late = "PROXY a.test:1 could not be reached lately and comes last"
    assert f"route: {route}; {late}" in resolver.resolve(URL).explain()
    assert f"bad-proxies: {late}" in resolver.resolve("https://other.test/").explain()
    resolver._clock.advance(1800)
    text = resolver.resolve(URL).explain()
    assert f"route: {route}\n" in text


def test_the_log_tells_it_too(resolver_with, caplog, later):
    """One line for a request."""
    caplog.set_level(logging.INFO, "pacaware")
    resolver = resolver_with()
    fail_over(resolver, URL)
    later(3)
    resolver.start(resolver.resolve(URL))
    resolver.start(resolver.resolve(URL))
    lines = [record.getMessage() for record in caplog.records if " goes by " in record.getMessage()]
    assert lines[0].endswith("(pac, settings from: gnome; fresh)")
    assert "known for 3 s, holds until the PAC file, the settings or the network change" in lines[-1]
    assert "PROXY b.test:1 is not the first of the list, but worked before" in lines[-1]


def test_invalidations_are_counted_by_cause(world, environ):
    """Settings, network, PAC file, resets."""
    environ.setenv("PACAWARE_PAC_URL", world.pac.url)
    world.script(TWO, headers={"Cache-Control": "max-age=60"})
    resolver = world.resolver(None)
    resolver.resolve(URL)
    world.networks.change()
    world.clock.advance(1)
    resolver.resolve(URL)
    resolver.reset()
    resolver.resolve(URL)
    environ.setenv("PACAWARE_PAC_URL", world.pac.url + "?2")
    world.clock.advance(1)
    resolver.resolve(URL)
    stats = resolver.stats()
    causes = ("invalidations_settings", "invalidations_network", "invalidations_pac", "resets")
    assert [stats[cause] for cause in causes] == [1, 1, 0, 1]
    assert (stats["evaluations"], stats["fetches"], stats["misses"], stats["hits"]) == (4, 3, 4, 0)


def test_hits_count_what_was_handed_out_again(resolver_with):
    """Also what needed no look into any memory of answers."""
    resolver = resolver_with()
    for _ in range(10):
        resolver.resolve(URL)
    stats = resolver.stats()
    assert (stats["hits"], stats["misses"], stats["evaluations"]) == (9, 1, 1)
