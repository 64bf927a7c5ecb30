"""A fresh script on another network whose proxies cannot be reached there: asked for again, once, before giving up."""

from __future__ import annotations

import anyio
import httpx
import pytest

from pacaware._models import DIRECT, CachePolicy, ProxyConfig
from pacaware.httpx import AsyncPacTransport, PacTransport
from tests.resolver.conftest import by

DAY = {"Cache-Control": "max-age=86400"}


@pytest.fixture
def moved(world):
    """Return a maker of resolvers that have been used in the office and are now somewhere else."""

    def make(*listed, origin="gnome", **options):
        world.script(f"return '{'; '.join(listed)}'", headers=DAY)
        resolver = world.resolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>", origin=origin), **options)
        resolver.resolve("http://127.0.0.1/")
        world.networks.change()
        world.clock.advance(1)
        return resolver

    return make


def asked(world) -> int:
    return len(world.pac.requests)


def test_a_new_script_is_used_at_once(world, moved):
    """The request that found the old proxies dead goes by the new ones, and so does the next."""
    a, b = world.down("a"), world.up("b")
    session = world.session(moved(a))
    world.script(f"return '{b}'")
    assert [world.visit(session), world.visit(session)] == ["b", "b"]
    assert asked(world) == 2


def test_a_script_that_cannot_be_had_here_is_not_obtained(world, moved):
    """At home: a desktop goes DIRECT, in the same request."""
    session = world.session(moved(world.down("a"), world.down("b")))
    world.pac.set(status=503)
    assert [world.visit(session), world.visit(session)] == ["DIRECT", "DIRECT"]
    assert asked(world) == 2


def test_the_same_script_again_is_the_end(world, moved):
    """Its proxies are dead, and nothing else was said: an error, and no third question."""
    resolver = moved(world.down("a"))
    session = world.session(resolver)
    assert [world.visit(session), world.visit(session)] == ["ProxyError", "ProxyError"]
    assert asked(world) == 2
    assert resolver.stats()["invalidations_network"] == 2


def test_in_code_it_is_an_error(world, moved):
    """Not obtained, and no other setting: the error of the dead proxies is raised."""
    session = world.session(moved(world.down("a"), origin="code"))
    world.pac.set(status=503)
    assert world.visit(session) == "ProxyError"


def test_proxies_that_work_here_too_are_no_reason(world, moved):
    """Nothing is fetched as long as something connects."""
    resolver = moved(world.down("a"), world.up("b"))
    assert world.visit(world.session(resolver)) == "b"
    assert asked(world) == 1


def test_on_the_network_it_was_obtained_on_nothing_is_asked(world):
    """Dead proxies there are dead proxies."""
    a = world.down("a")
    world.script(f"return '{a}'", headers=DAY)
    resolver = world.resolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>", origin="gnome"))
    assert world.visit(world.session(resolver)) == "ProxyError"
    assert asked(world) == 1


def test_a_network_that_changed_a_moment_ago(world):
    """Less than a second after the last look: that all proxies fail is a reason to look again."""
    a = world.down("a")
    world.script(f"return '{a}'")
    resolver = world.resolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>", origin="gnome"))
    resolver.resolve(world.origin.url_for("127.0.0.1", "/"))
    world.networks.change()
    world.pac.set(status=503)
    assert world.visit(world.session(resolver)) == "DIRECT"


def test_what_failed_is_not_tried_twice(world, moved):
    """A new list that names a dead proxy again goes on behind it."""
    a, b = world.down("a"), world.up("b")
    resolver = moved(a)
    world.script(f"return '{a}; {b}'")
    assert world.visit(world.session(resolver)) == "b"
    assert by(resolver.resolve("http://other.test/")) == f"{b}; {a}"


def test_the_last_candidate_has_no_more_time_than_the_others(world, moved):
    """While another list may follow, a silent proxy is given up after ten seconds, as if it were not the last."""
    resolver = moved("PROXY a.test:1")
    decision = resolver.resolve("http://127.0.0.1/")
    walk = resolver.start(decision)
    assert not walk.is_last
    assert not walk.failed("timed out")
    assert resolver.reconsider(decision, walk) is None
    assert walk.is_last


@pytest.mark.parametrize("answer", ["DIRECT", "PROXY b.test:1; DIRECT"])
def test_with_httpx(world, moved, answer):
    """The response says by which decision it came."""
    resolver = moved(world.down("a"), cache=CachePolicy(bad_proxy_seconds=0))
    world.script(f"return '{answer if answer == 'DIRECT' else world.up('b') + '; DIRECT'}'")
    with httpx.Client(transport=PacTransport(resolver=resolver)) as client:
        response = client.get(world.origin.url_for("127.0.0.1", "/"))
    assert response.status_code == 200
    decision = response.extensions["pacaware"]
    assert (decision.proxies[0] is DIRECT) is (answer == "DIRECT")


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_with_an_event_loop(world, moved, loop):
    """The loop goes on while the PAC server is asked."""
    resolver = moved(world.down("a"))
    world.pac.set(status=503, delay=0.5)
    ticks = []

    async def tick():
        while True:
            ticks.append(None)
            await anyio.sleep(0.01)

    async def main():
        async with httpx.AsyncClient(transport=AsyncPacTransport(resolver=resolver)) as client:
            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    group.start_soon(tick)
                    response = await client.get(world.origin.url_for("127.0.0.1", "/"))
                    group.cancel_scope.cancel()
        return response

    response = anyio.run(main, backend=loop)
    assert (response.status_code, by(response.extensions["pacaware"])) == (200, "DIRECT")
    assert len(ticks) > 4  # one or two, if it had stood still
