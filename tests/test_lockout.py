"""The lock-out guard, end to end: however many threads, proxies and schemes, a wrong password fails once."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
import requests

from pacaware.httpx import AsyncPacTransport
from pacaware.requests import mount
from pacaware.testing import BasicUsers, DigestUsers, NegotiateUsers, NtlmUsers, Proxy
from tests.drivers import ListResolver

USERS = {"alice": "right"}
THREADS = 50
PATIENCE = 60  # seconds: fifty handshakes in pure Python, on a machine that has other things to do


@contextlib.contextmanager
def three_proxies(delay=0.0):
    """Yield three proxies, each with all schemes, and a function that counts failed logons."""
    verifiers = [[kind(USERS) for kind in (BasicUsers, DigestUsers, NtlmUsers, NegotiateUsers)] for _ in range(3)]
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(one, delay=delay)) for one in verifiers]

        def failed():
            return sum(
                one.failures if isinstance(one.failures, int) else len(one.failures)
                for all_ in verifiers
                for one in all_
            )

        yield proxies, failed


@pytest.mark.parametrize("sessions", ["one session", "a session each"])
@pytest.mark.parametrize("schemes", ["negotiate", "ntlm", "digest", "basic", None])
def test_threads(origin, monkeypatch, sessions, schemes):
    """Fifty threads with a wrong password at three proxies make exactly one failed logon."""
    if schemes:
        monkeypatch.setenv("PACAWARE_AUTH_SCHEMES", schemes)
    with three_proxies() as (proxies, failed), contextlib.ExitStack() as stack:

        def new_session():
            session = stack.enter_context(requests.Session())
            resolver = ListResolver("", choose=lambda url: proxies[len(url) % 3].pac_text)
            mount(session, resolver=resolver, proxy_auth=("alice", "wrong"))
            return session

        shared = new_session()

        def get(number):
            session = shared if sessions == "one session" else new_session()
            return session.get(origin.url_for("origin.test", "/" + "x" * number), timeout=PATIENCE).status_code

        with ThreadPoolExecutor(THREADS) as pool:
            assert set(pool.map(get, range(THREADS))) == {407}
        assert failed() == 1
    assert origin.requests == ()


@pytest.mark.parametrize("library", ["asyncio", "trio"])
@pytest.mark.parametrize("password", ["wrong", "right"])
def test_tasks(origin, library, password):
    """Fifty tasks on one event loop do as well; with the right password all of them get through."""

    async def work(proxies):
        statuses = []
        resolver = ListResolver("", choose=lambda url: proxies[len(url) % 3].pac_text)
        transport = AsyncPacTransport(resolver=resolver, proxy_auth=("alice", password))
        async with (
            httpx.AsyncClient(transport=transport, timeout=PATIENCE) as client,
            anyio.create_task_group() as group,
        ):

            async def get(number):
                response = await client.get(origin.url_for("origin.test", "/" + "x" * number))
                statuses.append(response.status_code)

            for number in range(THREADS):
                group.start_soon(get, number)
        return statuses

    with three_proxies(delay=0.005) as (proxies, failed):
        statuses = anyio.run(work, proxies, backend=library)
        assert statuses == [200 if password == "right" else 407] * THREADS
        assert failed() == (0 if password == "right" else 1)


def test_a_url_with_a_wrong_password(origin, monkeypatch):
    """A password in a proxy URL goes out at once, and still only one connection tries it."""
    with three_proxies() as (proxies, failed), requests.Session() as session:
        mount(session, proxy=f"http://alice:wrong@{proxies[0].netloc}")

        def get(number):
            return session.get(origin.url_for("origin.test"), timeout=PATIENCE).status_code

        with ThreadPoolExecutor(THREADS) as pool:
            assert set(pool.map(get, range(THREADS))) == {407}
        assert failed() == 1
