"""A task that is cancelled, or runs out of time, leaves neither a connection nor a place in the pool behind."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import anyio
import pytest

from pacaware._core.auth import AuthExchange, AuthScheme, Credentials
from pacaware.testing import Origin, Proxy
from tests.drivers import Driver, ListResolver

ASYNC_DRIVERS = [Driver("httpx", "asyncio"), Driver("httpx", "trio"), Driver("httpx2", "asyncio")]
CHALLENGE = b'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
TUNNEL = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture(params=ASYNC_DRIVERS, ids=lambda driver: driver.name)
def driver(request) -> Driver:
    """Only tasks can be cancelled."""
    return request.param


class Stuck:
    """A proxy that says ``answers`` to what it reads, one by one, and then nothing until the client closes."""

    def __init__(self, scheme: str, *answers: bytes) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.pac_text = f"{scheme} 127.0.0.1:{self._listener.getsockname()[1]}"
        self.stuck = threading.Event()
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(ConnectionError):
            connection.settimeout(10)
            for answer in self._answers:
                assert connection.recv(65536)
                connection.sendall(answer)
            while connection.recv(65536):
                self.stuck.set()
        self.closed.set()

    @contextlib.contextmanager
    def running(self) -> Iterator[Stuck]:
        self._thread.start()
        try:
            yield self
        finally:
            self._thread.join(10)
            self._listener.close()


class Waits(AuthScheme):
    """A logon that takes until the test is over."""

    name = "basic"
    strength = 9
    credentials = Credentials("alice", "s3cret")

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def start(self, proxy, credentials):
        scheme = self

        class Exchange(AuthExchange):
            def step(self, challenge, method, target):
                scheme.entered.set()
                scheme.leave.wait(10)
                return "Basic x"

        return Exchange()


async def cancel_when(event: threading.Event, call) -> None:
    """Run ``call`` until ``event`` is set, then cancel it."""
    async with anyio.create_task_group() as group:
        group.start_soon(call)
        with anyio.fail_after(10):
            while not event.is_set():
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()


async def pool_is_free(client, url: str) -> None:
    """Fail if the only place in the pool is still taken."""
    answer = await client.get(url, timeout=5)
    assert answer.status_code == 200


def run(driver: Driver, stuck: Stuck, url: str, after: str, live: Proxy, **arguments) -> None:
    """Cancel a request for ``url`` by the stuck proxy, then ask for ``after`` by the live one."""
    resolver = ListResolver("", choose=lambda asked: stuck.pac_text if asked == url else live.pac_text)
    limits = driver.module.Limits(max_connections=1)

    async def main() -> None:
        transport = driver.transport(resolver=resolver, limits=limits, **arguments)
        async with driver.module.AsyncClient(transport=transport, timeout=10) as client:
            event = arguments["proxy_auth"].entered if "proxy_auth" in arguments else stuck.stuck
            await cancel_when(event, lambda: client.get(url))
            with anyio.fail_after(5):
                while not stuck.closed.is_set():
                    await anyio.sleep(0.005)
            await pool_is_free(client, after)
            assert resolver.connected_to == [live.pac_text]

    anyio.run(main, backend=driver.flavour)


@pytest.mark.parametrize(
    ("scheme", "answers", "target"),
    [
        ("PROXY", [], "https"),
        ("PROXY", [], "http"),
        ("HTTPS", [], "https"),
        ("HTTPS", [], "http"),
        ("SOCKS5", [], "https"),
        ("SOCKS5", [b"\x05\x00"], "http"),
        ("SOCKS", [], "http"),
        ("PROXY", [TUNNEL], "https"),
    ],
    ids=[
        "CONNECT",
        "a forwarded request",
        "TLS to the proxy",
        "TLS to a forwarding proxy",
        "SOCKS5",
        "SOCKS5, second leg",
        "SOCKS4",
        "TLS to the origin",
    ],
)
def test_cancelled_while_it_waits_for(driver, scheme: str, answers: list[bytes], target: str):
    """The connection is closed at once and its place in the pool is free."""
    with Origin() as origin, Proxy() as live, Stuck(scheme, *answers).running() as stuck:
        run(driver, stuck, f"{target}://stuck.test/", origin.url + "/", live)


@pytest.mark.parametrize("target", ["http", "https"])
def test_cancelled_while_it_waits_for_a_logon(driver, target: str):
    """The thread that waits for a key server is abandoned."""
    scheme = Waits()
    with Origin() as origin, Proxy() as live, Stuck("PROXY", CHALLENGE).running() as stuck:
        try:
            run(driver, stuck, f"{target}://stuck.test/", origin.url + "/", live, proxy_auth=scheme)
        finally:
            scheme.leave.set()


def test_closing_a_streamed_response_frees_its_place(driver):
    """A response that is not read to its end takes its connection along."""
    resolver_text = ""
    with Origin() as origin, Proxy() as proxy:
        resolver_text = proxy.pac_text

        async def main() -> None:
            limits = driver.module.Limits(max_connections=1)
            transport = driver.transport(resolver=ListResolver(resolver_text), limits=limits)
            async with driver.module.AsyncClient(transport=transport, timeout=5) as client:
                for _ in range(3):
                    async with client.stream("GET", origin.url + "/bytes/5000000") as response:
                        assert response.status_code == 200
                await pool_is_free(client, origin.url + "/")

        anyio.run(main, backend=driver.flavour)
        assert proxy.connections == 4


def test_nothing_slow_happens_on_the_event_loop(driver):
    """While a logon waits in its thread, other tasks go on."""
    scheme = Waits()
    with Origin() as origin, Proxy() as live, Stuck("PROXY", CHALLENGE).running() as stuck:

        async def main() -> None:
            resolver = ListResolver("", choose=lambda url: stuck.pac_text if "stuck" in url else live.pac_text)
            transport = driver.transport(resolver=resolver, proxy_auth=scheme)
            async with driver.module.AsyncClient(transport=transport, timeout=10) as client:

                async def other() -> None:
                    with anyio.fail_after(10):
                        while not scheme.entered.is_set():
                            await anyio.sleep(0.005)
                    assert (await client.get(origin.url + "/")).status_code == 200
                    group.cancel_scope.cancel()

                async with anyio.create_task_group() as group:
                    group.start_soon(client.get, "https://stuck.test/")
                    group.start_soon(other)

        try:
            anyio.run(main, backend=driver.flavour)
        finally:
            scheme.leave.set()
