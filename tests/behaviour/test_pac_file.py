"""The PAC file: how long it is used, when it is asked for again, and on which network."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate

import pytest

from pacaware._models import ProxyConfig
from pacaware._pac.dns import Lookups, Resolved
from pacaware._system.clock import awake_or_asleep
from pacaware.errors import PacFetchError
from tests.resolver.conftest import by, eventually, refreshed, script

URL = "https://h.test/"
DAY = {"Cache-Control": "max-age=86400"}
OLD, NEW = "return 'PROXY old.test:1'", "return 'PROXY new.test:1'"
HOUR = 3600.0


@pytest.fixture
def resolver_with(world):
    """Return a maker of resolvers for a PAC file with header fields; ``origin`` is whose settings they are."""

    def make(body=OLD, headers=(), origin="gnome", **config):
        world.script(body, headers=headers)
        return world.resolver(ProxyConfig(pac_url=world.pac.url, origin=origin, **config))

    return make


def seconds_until_asked_again(world, resolver, *, at_most: float, step: float) -> float:
    """Use the resolver until the PAC server has a second request; return how long that took."""
    resolver.resolve(URL)
    waited = 0.0
    while waited <= at_most:
        world.clock.advance(step)
        waited += step
        resolver.resolve(URL)
        if resolver.stats()["fetches"] > 1:
            refreshed(resolver, world.pac, 2)
            return waited
    raise AssertionError(f"not asked again within {waited} s")


def date(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "hours"),
    [
        ({"Cache-Control": "max-age=7200"}, 2),
        ({"Cache-Control": "public, max-age=7200", "Expires": "0"}, 2),
        ({"Cache-Control": "max-age=7200", "Age": "3600"}, 1),
        ({"Date": date(0), "Expires": date(3 * HOUR)}, 3),
        ({"Date": date(0), "Last-Modified": date(-20 * HOUR)}, 2),
        ({"Date": date(0), "Last-Modified": date(-1000 * HOUR)}, 12),
        ({}, 12),
    ],
    ids=[
        "max-age",
        "max-age before Expires",
        "Age",
        "Expires",
        "a tenth of Last-Modified",
        "capped at 12 h",
        "nothing",
    ],
)
def test_how_long_a_file_is_used_without_a_question(world, resolver_with, headers, hours):
    """As RFC 9111 says; without any word of the server at most 12 hours."""
    resolver = resolver_with(headers=headers)
    asked = seconds_until_asked_again(world, resolver, at_most=13 * HOUR, step=600)
    assert hours * HOUR - 5 < asked <= hours * HOUR + 600


@pytest.mark.parametrize("directive", ["no-cache", "no-store", "max-age=0"])
def test_a_file_that_may_not_be_reused_is_asked_for_every_half_minute(world, resolver_with, directive):
    """Not at every request: that would be a request of its own for each."""
    resolver = resolver_with(headers={"Cache-Control": directive})
    assert seconds_until_asked_again(world, resolver, at_most=60, step=1) == 30


@pytest.mark.parametrize(("directive", "status"), [("no-cache", 304), ("no-store", 200)])
def test_no_store_is_never_compared(world, resolver_with, directive, status):
    """What may not be kept is no reason to ask whether it has changed: it is downloaded whole."""
    resolver = resolver_with(headers={"Cache-Control": directive})
    seconds_until_asked_again(world, resolver, at_most=60, step=30)
    assert world.pac.requests[-1].status == status
    assert bool(world.pac.requests[-1].all_headers("If-None-Match")) is (directive == "no-cache")


def test_revalidation_sends_etag_and_last_modified(world, resolver_with):
    """Both, as RFC 9110, section 13.1 wants it."""
    modified = date(-20 * HOUR)
    resolver = resolver_with(headers={"Last-Modified": modified, "Cache-Control": "max-age=60"})
    seconds_until_asked_again(world, resolver, at_most=120, step=60)
    request = world.pac.requests[-1]
    assert list(request.all_headers("If-Modified-Since")) == [modified]
    assert len(request.all_headers("If-None-Match")) == 1


def test_stale_while_the_server_is_down(world, resolver_with):
    """On the network it was obtained on a script stays in use for as long as it takes (KB300534)."""
    resolver = resolver_with(headers={"Cache-Control": "max-age=60"})
    resolver.resolve(URL)
    world.pac.set(status=503)
    for _ in range(24):
        world.clock.advance(HOUR)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        eventually(lambda: not resolver._situation.basis.source._lock.locked())
    assert resolver.stats()["evaluations"] == 1


def test_reset_forces_a_download(world, resolver_with):
    """Fresh or not, and without conditions."""
    resolver = resolver_with(headers=DAY)
    resolver.resolve(URL)
    world.script(NEW)
    resolver.reset("pac")
    assert by(resolver.resolve(URL)) == "PROXY new.test:1"
    assert list(world.pac.requests[-1].all_headers("If-None-Match")) == []


class TestAnotherNetwork:
    """What another network means for the script."""

    def test_a_file_that_its_server_said_is_fresh_is_used_on(self, world, resolver_with):
        """Document 004, causes A to C: "cache freshness still applies"."""
        resolver = resolver_with(headers=DAY)
        resolver.resolve(URL)
        world.networks.change()
        world.clock.advance(1)
        world.script(NEW)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        stats = resolver.stats()
        assert (stats["fetches"], stats["evaluations"], stats["invalidations_network"]) == (1, 2, 1)

    @pytest.mark.parametrize("headers", [{}, {"Cache-Control": "no-cache"}, {"Last-Modified": date(-1000 * HOUR)}])
    def test_any_other_file_is_fetched_again(self, world, resolver_with, headers):
        """By the next request, which waits for it."""
        resolver = resolver_with(headers=headers)
        resolver.resolve(URL)
        world.networks.change()
        world.clock.advance(1)
        world.script(NEW)
        assert by(resolver.resolve(URL)) == "PROXY new.test:1"
        assert resolver.stats()["fetches"] == 2

    def test_a_file_that_was_stale_is_fetched_again(self, world, resolver_with):
        """Its time was over before the network changed."""
        resolver = resolver_with(headers={"Cache-Control": "max-age=60"})
        resolver.resolve(URL)
        world.script(NEW)
        world.networks.change()
        world.clock.advance(60)
        assert by(resolver.resolve(URL)) == "PROXY new.test:1"

    def test_a_file_that_cannot_be_fetched_again_is_not_obtained(self, world, resolver_with):
        """A desktop goes DIRECT, and back to the script on the network that has it."""
        resolver = resolver_with()
        resolver.resolve(URL)
        world.pac.set(status=503)
        world.networks.change()
        world.clock.advance(1)
        assert (by(resolver.resolve(URL)), resolver.resolve(URL).source) == ("DIRECT", "no-proxy")
        world.pac.set(status=200)
        world.networks.change()
        world.clock.advance(1)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"

    def test_in_code_not_obtained_is_an_error(self, world, resolver_with):
        """Settings made for a program never end in a DIRECT that nobody asked for."""
        resolver = resolver_with(origin="code")
        resolver.resolve(URL)
        world.pac.set(status=503)
        world.networks.change()
        world.clock.advance(1)
        with pytest.raises(PacFetchError, match="503"):
            resolver.resolve(URL)

    def test_a_silent_server_costs_five_seconds_once(self, world, resolver_with):
        """Then others do not wait: the server is asked again in the background."""
        resolver = resolver_with()
        resolver.resolve(URL)
        world.pac.set(delay=30)
        world.networks.change()
        world.clock.advance(1)
        started = time.monotonic()
        assert by(resolver.resolve(URL)) == "DIRECT"
        assert 4.5 < time.monotonic() - started < 25
        started = time.monotonic()
        for number in range(5):
            world.clock.advance(8)
            assert by(resolver.resolve(f"https://h{number}.test/")) == "DIRECT"
        assert time.monotonic() - started < 4.5

    def test_a_failure_on_the_other_network_is_forgotten(self, world, resolver_with):
        """Back in the office the server is asked at once, whatever it was that failed at home."""
        resolver = resolver_with()
        world.pac.set(status=503)
        for _ in range(4):
            resolver.resolve(URL)
            eventually(lambda: not resolver._situation.basis.source._lock.locked())
            world.clock.advance(120)
        world.pac.set(status=200)
        world.networks.change()
        world.clock.advance(1)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"

    def test_a_file_on_disk_knows_no_network(self, world, tmp_path):
        """It is used on, as it is."""
        file = tmp_path / "proxy.pac"
        file.write_text(script(OLD))
        resolver = world.resolver(ProxyConfig(pac_url=str(file), allow_file=True))
        resolver.resolve(URL)
        world.networks.change()
        world.clock.advance(1)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        assert resolver.stats()["fetches"] == 1

    def test_names_are_looked_up_again(self, world, resolver_with):
        """What a name meant in the office it need not mean at home."""
        resolver = resolver_with("return dnsResolve('localhost') ? 'PROXY old.test:1' : 'DIRECT'", headers=DAY)
        resolver.resolve(URL)
        assert resolver._situation.lookups._known
        world.networks.change()
        world.clock.advance(1)
        resolver.embedded_credentials()
        assert not resolver._situation.lookups._known

    def test_names_are_over_after_a_night(self, world, resolver_with):
        """Their clock is the one that goes on while the machine sleeps."""
        resolver = resolver_with()
        resolver.resolve(URL)
        assert resolver._situation.lookups.clock is awake_or_asleep

    @pytest.mark.parametrize("use", ["while it was loaded", "in a run before"])
    @pytest.mark.parametrize("event", ["network", "reset"])
    def test_what_the_script_itself_has_kept_is_asked_again(self, world, resolver_with, use, event):
        """A script that has put its machine's address away is told the new one, although it is used on."""
        resolver = resolver_with(headers=DAY)
        declared = "var ip = myIpAddress();" if use == "while it was loaded" else "var ip;"
        world.pac.set(
            f"{declared} function FindProxyForURL(url, host) {{ if (!ip) ip = myIpAddress();"
            " return isInNet(ip, '10.0.0.0', '255.0.0.0') ? 'PROXY office.test:1' : 'DIRECT'; }"
        )
        resolver.embedded_credentials()
        addresses = ["10.1.0.20"]
        resolver._situation.lookups._my_addresses = lambda ex: addresses
        assert by(resolver.resolve(URL)) == "PROXY office.test:1"
        addresses[:] = ["192.168.7.20"]
        if event == "network":
            world.networks.change()
        else:
            resolver.reset("results")
        world.clock.advance(1)
        assert by(resolver.resolve(URL)) == "DIRECT"
        assert resolver.stats()["fetches"] == 1

    def test_fresh_then_stale_on_another_network_without_its_server(self, world, resolver_with):
        """It was used on while it was fresh; kept beyond that is a script on its own network only."""
        resolver = resolver_with(headers={"Cache-Control": "max-age=60"})
        resolver.resolve(URL)
        world.networks.change()
        world.pac.set(status=503)
        world.clock.advance(30)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        world.clock.advance(30)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"  # nobody waits: it is asked for in the background
        refreshed(resolver, world.pac, 2)
        world.clock.advance(1)
        assert by(resolver.resolve(URL)) == "DIRECT"


class TestNobodyWaits:
    """Work in the background never delays a request that can be answered."""

    @pytest.mark.parametrize("config", [{"proxy_server": "m.test:1"}, {}], ids=["manual", "direct"])
    def test_for_a_server_that_has_failed_before(self, world, resolver_with, config):
        """The first try is waited for; the later ones are made beside the requests, one at a time."""
        resolver = resolver_with(**config)
        expected = "PROXY m.test:1" if config else "DIRECT"
        world.pac.set(status=503)
        assert by(resolver.resolve(URL)) == expected
        world.pac.set(status=200, delay=3)
        world.clock.advance(9)
        started = time.monotonic()
        for number in range(20):
            assert by(resolver.resolve(f"https://h{number}.test/")) == expected
        assert time.monotonic() - started < 2.5
        refreshed(resolver, world.pac, 2)
        world.clock.advance(1)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        assert len(world.pac.requests) == 2

    def test_for_names_that_are_in_use(self, world, resolver_with):
        """What an answer rests on is looked up again before it is over: a slow DNS server keeps nobody waiting."""
        asked, gate = [], threading.Event()

        def resolve(name, six, seconds):
            asked.append(name)
            if len(asked) > 1:
                gate.wait(20)
            return Resolved(("10.0.0.1",), 60.0)

        resolver = resolver_with("return dnsResolve('a.test') ? 'PROXY old.test:1' : 'DIRECT'", headers=DAY)
        resolver.embedded_credentials()
        resolver._situation.lookups = lookups = Lookups(resolve, clock=world.clock)
        resolver._situation.renew(resolver._clock)
        for seconds in (0, 40, 6, 4):
            world.clock.advance(seconds)
            assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        eventually(lambda: len(asked) == 2)
        gate.set()
        eventually(lambda: not lookups._pending)
        gate.clear()
        world.clock.advance(30)
        before = time.monotonic()
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
        assert time.monotonic() - before < 5
        assert (resolver.stats()["evaluations"], asked) == (2, ["a.test"] * 2)
        lookups.close()

    def test_where_nothing_else_answers_the_server_is_waited_for(self, world, resolver_with):
        """Settings in code without a manual proxy have no other answer."""
        resolver = resolver_with(origin="code")
        world.pac.set(status=503)
        with pytest.raises(PacFetchError):
            resolver.resolve(URL)
        world.pac.set(status=200, delay=0.3)
        world.clock.advance(9)
        assert by(resolver.resolve(URL)) == "PROXY old.test:1"
