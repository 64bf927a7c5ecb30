"""A scheme that a user writes: as short as the docs promise, slow if it must be, and never in another's way."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from pathlib import Path

import anyio
import httpx
import pytest

from pacaware.auth import AuthScheme
from pacaware.httpx import AsyncPacTransport
from pacaware.testing import Proxy
from tests.drivers import ALL_DRIVERS, ListResolver


class TicketExchange(AuthScheme.Exchange):
    """Asks a service for a ticket, then proves that it has it: two legs."""

    waits = False  # only the first step asks anybody

    def __init__(self, user):
        self.user = user

    def step(self, challenge, method, target):
        if challenge.token is None:
            time.sleep(0.05)  # a service in the network
            return f"Ticket {self.user}"
        return f"Ticket {self.user}.{challenge.token}"

    def rejects(self, challenge):
        return challenge.token is None


class TicketAuth(AuthScheme):
    """Logs a connection on."""

    name = "ticket"
    strength = 9
    connection_bound = True

    def start(self, proxy, credentials):
        return TicketExchange(credentials.user)


class TicketUsers:
    """The other side: each connection has a number of its own, which its second leg must bring back."""

    scheme = "Ticket"

    def __init__(self):
        self.mixed_up = 0
        self.handshakes = 0
        self.lock = threading.Lock()

    def check(self, state, method, target, header):
        if state.user is not None:
            return None
        if header is None:
            if state.in_handshake:
                with self.lock:
                    self.mixed_up += 1  # somebody else's request between two legs
            return ["Ticket"]
        if header == f"Ticket alice.{state.connection}":
            state.user, state.in_handshake = "alice", False
            with self.lock:
                self.handshakes += 1
            return None
        state.in_handshake = True
        return [f"Ticket {state.connection}"]


@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_fifty_at_once(driver, way, origin, tls_origin, monkeypatch):
    """Fifty requests at once with a slow logon: none breaks, none comes between the legs of another's connection."""
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    url = {"http": origin, "https": tls_origin}[way].url_for("origin.test", "/path")
    users = TicketUsers()
    with Proxy(users) as proxy:
        resolver = ListResolver(proxy.pac_text)
        with driver.client(resolver=resolver, proxy_auth=TicketAuth()) as client:
            responses = client.at_once([("POST", url, {"content": b"x" * 1000})] * 50)
            assert [getattr(response, "status_code", response) for response in responses] == [200] * 50
            assert [response.json()["body_length"] for response in responses] == [1000] * 50
        connections = {seen.connection for seen in proxy.requests}
    assert users.mixed_up == 0
    assert users.handshakes == len(connections) <= 50


def sign(token, user, password):
    """The function that the scheme of the docs calls."""
    return hashlib.sha256(f"{token}:{user}:{password}".encode()).hexdigest()


class SignedTicketUsers:
    """The other side of the scheme in the docs: each challenge has a token of its own."""

    scheme = "Ticket"

    def __init__(self):
        self.failures = 0

    def check(self, state, method, target, header):
        token = state.data.get("token")
        if header is not None and token and header == f"Ticket {sign(token, 'alice', 's3cret')}":
            return None
        self.failures += header is not None
        state.data["token"] = f"{state.connection}.{len(state.data)}"
        return [f"Ticket {state.data['token']}"]


@pytest.mark.parametrize("password", ["s3cret", "wrong"])
@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_the_one_in_the_docs(driver, way, password, origin, tls_origin, monkeypatch):
    """The scheme that docs/logon.md shows works as it stands there, and has twenty lines."""
    text = Path(__file__).parents[1].joinpath("docs/logon.md").read_text(encoding="utf-8")
    [code] = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class TicketAuth" in block]
    assert len([line for line in code.splitlines() if line]) <= 20
    names = {"sign": sign}
    exec(compile(code, "docs/logon.md", "exec"), names)
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    monkeypatch.setenv("PACAWARE_PROXY_PASSWORD", password)
    users = SignedTicketUsers()
    with Proxy(users) as proxy:
        logon = {"resolver": ListResolver(proxy.pac_text), "proxy_auth": names["TicketAuth"]()}
        url = {"http": origin, "https": tls_origin}[way].url_for("origin.test")
        with driver.client(**logon) as client:
            if password == "s3cret" or way == "http":
                assert client.get(url).status_code == (200 if password == "s3cret" else 407)
            else:
                with pytest.raises(driver.proxy_error, match="407"):
                    client.get(url)
    assert users.failures == (password == "wrong")


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_beside_the_event_loop(origin, monkeypatch, library):
    """A step that may wait never runs in the thread of the event loop."""
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    threads = set()

    class NotingAuth(TicketAuth):
        def start(self, proxy, credentials):
            threads.add(threading.get_ident())
            return super().start(proxy, credentials)

    async def work(proxy):
        transport = AsyncPacTransport(resolver=ListResolver(proxy.pac_text), proxy_auth=NotingAuth())
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.get(origin.url_for("origin.test"))).status_code

    with Proxy(TicketUsers()) as proxy:
        assert anyio.run(work, proxy, backend=library) == 200
    assert len(threads - {threading.get_ident()}) == len(threads) == 1
