"""However long a program runs and whatever it asks for, its resolver neither grows nor keeps anything of requests."""

from __future__ import annotations

import gc
import weakref

import httpx
import pytest
import requests

from pacaware._models import CachePolicy, ProxyConfig
from pacaware.httpx import PacTransport
from tests.resolver.conftest import by, script

PLAIN = script("return 'PROXY a.test:1; PROXY b.test:1'")
BY_PATH = script("return url.length > 5 ? 'PROXY a.test:1; PROXY b.test:1' : 'DIRECT'")


@pytest.mark.parametrize("text", [PLAIN, BY_PATH], ids=["by origin", "by URL"])
def test_every_memory_is_bounded(world, text):
    """Decisions, answers, routes and marks, with a fail-over at every host."""
    world.pac.set(text)
    resolver = world.resolver(ProxyConfig(pac_url=world.pac.url), cache=CachePolicy(max_entries=50))
    for number in range(2000):
        decision = resolver.resolve(f"http://h{number}.test/{number}")
        walk = resolver.start(decision)
        walk.failed("refused")
        resolver.connected(decision, walk)
    memory = resolver._memory
    sizes = [len(memory.answers), len(memory.routes), len(memory.recent._urls), len(memory.recent._origins)]
    assert max(sizes) == 50
    assert len(memory.bad) <= 2
    assert len(resolver._situation.basis.flights._flights) == 0


def test_what_was_used_last_stays(world):
    """The one not used for the longest time goes first, also from the memory of routes."""
    world.pac.set(PLAIN)
    resolver = world.resolver(ProxyConfig(pac_url=world.pac.url), cache=CachePolicy(max_entries=3))
    for host in "abc":
        resolver.resolve(f"https://{host}.test/")
    for _ in range(2):
        world.clock.advance(1)
        resolver.resolve("https://a.test/")
    resolver.resolve("https://d.test/")
    world.clock.advance(1)
    evaluations = resolver.stats()["evaluations"]
    for host in "acd":
        assert by(resolver.resolve(f"https://{host}.test/")).startswith("PROXY a.test")
    assert resolver.stats()["evaluations"] == evaluations
    resolver.resolve("https://b.test/")
    assert resolver.stats()["evaluations"] == evaluations + 1


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_no_request_is_kept(world, library):
    """A request and its response are gone as soon as the program lets go of them, also after a fail-over."""
    world.script(f"return '{world.down('a')}; {world.up('b')}'")
    resolver = world.resolver(ProxyConfig(pac_url=world.pac.url, bypass="<-loopback>"))
    url = world.origin.url_for("127.0.0.1", "/")
    seen = []
    if library == "requests":
        session = world.session(resolver)
        prepared = session.prepare_request(requests.Request("GET", url))
        response = session.send(prepared, timeout=10)
        seen += [weakref.ref(prepared), weakref.ref(response)]
        del prepared, response
    else:
        client = world.stack.enter_context(httpx.Client(transport=PacTransport(resolver=resolver)))
        request = client.build_request("GET", url)
        response = client.send(request)
        seen += [weakref.ref(request), weakref.ref(response)]
        del request, response
    gc.collect()
    assert resolver.stats()["failovers"] == 1
    assert [reference() for reference in seen] == [None, None]
