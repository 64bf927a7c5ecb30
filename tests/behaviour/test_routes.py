"""Which entry of a list was in fact used (jpdsi LAN settings article; KB271361), sentence by sentence."""

from __future__ import annotations

import pytest

from pacaware._models import CachePolicy, ProxyConfig
from pacaware._resolver import ProxyResolver
from pacaware.testing import DeadProxy
from tests.resolver.conftest import by, refreshed

HALF_HOUR = 1800.0
MINUTE = {"Cache-Control": "max-age=60"}


@pytest.fixture
def pair(world):
    """Two proxies of one list: a is down, b is up."""
    return world.down("a"), world.up("b")


@pytest.fixture
def resolver_with(world):
    """Return a maker of resolvers with the body of a script."""

    def make(body, headers=(), **options):
        world.script(body, headers=headers)
        return world.resolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>"), **options)

    return make


def host_order(resolver) -> str:
    return by(resolver.resolve("http://127.0.0.1:1/"))


def test_after_a_failover_the_second_proxy_comes_first(world, resolver_with, pair):
    """A is down, B is used: the next request goes to B at once."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'")
    session = world.session(resolver)
    assert [world.visit(session), world.visit(session)] == ["b", "b"]
    assert host_order(resolver) == f"{b}; {a}"
    assert resolver.stats()["failovers"] == 1


def test_the_second_proxy_stays_first_when_the_thirty_minutes_of_the_first_are_over(world, resolver_with, pair):
    """The end of the mark is no reason to go back; other hosts do."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'")
    world.visit(world.session(resolver))
    world.clock.advance(HALF_HOUR + 1)
    assert host_order(resolver) == f"{b}; {a}"
    assert by(resolver.resolve("http://other.test/")) == f"{a}; {b}"


@pytest.mark.parametrize(
    "use", ["dnsResolve('localhost')", "new Date().getTime()", "timeRange(0, 23)", "weekdayRange('SUN', 'SAT')"]
)
def test_it_stays_first_also_when_the_script_is_run_again(world, resolver_with, pair, use):
    """Scripts that look names up or read the clock are asked again, and their list is the same one."""
    a, b = pair
    resolver = resolver_with(f"var used = {use}; return '{a}; {b}'")
    world.visit(world.session(resolver))
    world.clock.advance(HALF_HOUR + 1)
    evaluations = resolver.stats()["evaluations"]
    assert host_order(resolver) == f"{b}; {a}"
    assert resolver.stats()["evaluations"] == evaluations + 1


def test_the_second_request_runs_no_script(world, resolver_with, pair):
    """The host is looked up before the script (KB271361)."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'")
    session = world.session(resolver)
    for number in range(4):
        assert world.visit(session, f"/{number}") == "b"
    assert resolver.stats()["evaluations"] == 1


def test_direct_as_an_answer_is_remembered(world, resolver_with):
    """KB271361's example: DIRECT is stored like a proxy."""
    resolver = resolver_with("return 'DIRECT'")
    session = world.session(resolver)
    assert [world.visit(session), world.visit(session, "/2")] == ["DIRECT", "DIRECT"]
    assert resolver.stats()["evaluations"] == 1


FORGETTERS = {
    "reset()": lambda world, resolver: resolver.reset(),
    "reset('results')": lambda world, resolver: resolver.reset("results"),
    "reset('pac')": lambda world, resolver: resolver.reset("pac"),
    "another network": lambda world, resolver: world.networks.change(),
}


@pytest.mark.parametrize("forget", FORGETTERS)
def test_the_route_is_forgotten(world, resolver_with, pair, forget):
    """By reset() and by another network, within a second; the first of the list is tried again."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'")
    world.visit(world.session(resolver))
    assert resolver.stats()["routes"] == 1
    FORGETTERS[forget](world, resolver)
    world.clock.advance(HALF_HOUR + 1)
    assert host_order(resolver) == f"{a}; {b}"
    assert resolver.stats()["routes"] == 0


def test_the_route_is_forgotten_when_settings_change(world, pair, environ):
    """Also if they come back as they were."""
    a, b = pair
    world.script(f"return '{a}; {b}'")
    environ.setenv("PACAWARE_PAC_URL", world.pac.url)
    resolver = world.resolver(None)
    decision = resolver.resolve("http://h.test/")
    walk = resolver.start(decision)
    walk.failed("refused")
    resolver.connected(decision, walk)
    for url in ("http://elsewhere.test/p.pac", world.pac.url):
        environ.setenv("PACAWARE_PAC_URL", url)
        world.clock.advance(1)
        assert resolver.embedded_credentials() == ()
    assert by(resolver.resolve("http://h.test/")) == f"{a}; {b}"
    assert resolver.stats()["invalidations_settings"] == 2


def test_the_route_is_forgotten_when_the_pac_file_is_downloaded_again(world, resolver_with, pair):
    """A 200, even with the same text: "PAC reload"."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'", headers=MINUTE)
    world.visit(world.session(resolver))
    world.script(f"/* edited */ return '{a}; {b}'")
    world.clock.advance(HALF_HOUR + 1)
    resolver.resolve("http://127.0.0.1:1/")
    refreshed(resolver, world.pac, 2)
    assert host_order(resolver) == f"{a}; {b}"


def test_the_route_is_kept_when_the_pac_file_has_not_changed(world, resolver_with, pair):
    """A 304 is no download."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'", headers=MINUTE)
    world.visit(world.session(resolver))
    world.clock.advance(HALF_HOUR + 1)
    resolver.resolve("http://127.0.0.1:1/")
    refreshed(resolver, world.pac, 2)
    assert world.pac.requests[-1].status == 304
    assert host_order(resolver) == f"{b}; {a}"


def test_the_route_ends_with_the_process(world, resolver_with, pair):
    """It is in memory alone: who starts anew knows nothing."""
    a, b = pair
    world.visit(world.session(resolver_with(f"return '{a}; {b}'")))
    with ProxyResolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>")) as another:
        assert host_order(another) == f"{a}; {b}"


def test_enable_autoproxy_result_cache_off(world, resolver_with, pair):
    """EnableAutoproxyResultCache=0 is result_cache=False: the script is asked each time, and no route is kept."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'", cache=CachePolicy(result_cache=False))
    session = world.session(resolver)
    assert [world.visit(session), world.visit(session)] == ["b", "b"]
    assert resolver.stats()["evaluations"] == 2
    world.clock.advance(HALF_HOUR + 1)
    assert host_order(resolver) == f"{a}; {b}"


def test_direct_reached_by_failover_is_forgotten_with_the_marks_before_it(world, resolver_with):
    """One short failure of a proxy must not send a whole day's traffic around it."""
    a = world.down("a")
    resolver = resolver_with(f"return '{a}; DIRECT'")
    session = world.session(resolver)
    assert world.visit(session) == "DIRECT"
    assert host_order(resolver) == f"DIRECT; {a}"
    world.clock.advance(HALF_HOUR)
    assert host_order(resolver) == f"{a}; DIRECT"
    assert resolver.stats()["routes"] == 0


def test_a_dead_direct_falls_back_to_the_marked_proxies(world, resolver_with):
    """The proxy is back and the direct way is gone: the marked one is tried before giving up."""
    a = world.up("a")
    resolver = resolver_with(f"return '{a}; DIRECT'")
    decision = resolver.resolve("http://127.0.0.1/")
    walk = resolver.start(decision)
    walk.failed("refused")
    resolver.connected(decision, walk)
    assert host_order(resolver) == f"DIRECT; {a}"
    session = world.session(resolver)
    dead_origin = f"http://{world.stack.enter_context(DeadProxy()).netloc}/"
    response = session.get(dead_origin, timeout=10)
    assert response.status_code == 502  # of the proxy, which cannot reach the origin either
    assert [request.target for request in world.proxies["a"].requests] == [dead_origin]


def test_as_internet_explorer_the_first_answer_serves_the_host(world, resolver_with):
    """CachePolicy.ie(): rules about paths give the first answer for the whole host, with real requests."""
    a, b = world.up("a"), world.up("b")
    body = f"return url.indexOf('/login') > 0 ? 'DIRECT' : host == '127.0.0.1' ? '{a}' : '{b}'"
    exact = world.session(resolver_with(body))
    assert [world.visit(exact, "/login"), world.visit(exact, "/page")] == ["DIRECT", "a"]
    as_ie = world.session(resolver_with(body, cache=CachePolicy.ie()))
    assert [world.visit(as_ie, "/login"), world.visit(as_ie, "/page")] == ["DIRECT", "DIRECT"]


def test_as_internet_explorer_the_route_is_of_the_host(world, resolver_with, pair):
    """After the fail-over the second proxy comes first, whatever the scheme or port."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'", cache=CachePolicy.ie())
    world.visit(world.session(resolver))
    world.clock.advance(HALF_HOUR + 1)
    for url in ("https://127.0.0.1/", "http://127.0.0.1:81/x", "https://127.0.0.1:8443/"):
        assert by(resolver.resolve(url)) == f"{b}; {a}"
    assert resolver.stats()["evaluations"] == 1


def test_what_a_slow_request_finds_out_after_a_change_is_not_learned(world, resolver_with, pair):
    """It began on the other network: its failures say nothing of this one."""
    a, b = pair
    resolver = resolver_with(f"return '{a}; {b}'")
    decision = resolver.resolve("http://h.test/")
    walk = resolver.start(decision)
    walk.failed("no route to host")
    world.networks.change()
    world.clock.advance(1)
    resolver.resolve("http://h.test/")
    resolver.connected(decision, walk)
    assert resolver.stats()["bad_proxies"] == 0
    assert by(resolver.resolve("http://h.test/")) == f"{a}; {b}"
