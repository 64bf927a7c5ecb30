"""One way to drive every host library: a blocking client, whatever the library and the event loop underneath."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal

from pacaware import _models
from pacaware._core.failover import FailOver
from pacaware.requests import mount
from pacaware.testing import Certificates

TIMEOUT = 10.0


class ListResolver:
    """Stands in for a ProxyResolver: the same list for every URL, or what ``choose`` says of one."""

    def __init__(self, text: str, *, source: str = "manual", choose: Callable[[str], str] | None = None) -> None:
        self._choose = choose or (lambda _: text)
        self._source = source
        self.connected_to: list[str] = []
        self.asked: list[str] = []
        self.known: set[str] = set()
        self.closed = False

    def cached(self, url: str) -> _models.Decision | None:
        return self.resolve(url) if url in self.known else None

    def resolve(self, url: str) -> _models.Decision:
        self.asked.append(url)
        return _models.Decision(url, _models.ProxyList.parse(self._choose(url)), self._source, "code")

    async def aresolve(self, url: str) -> _models.Decision:
        return self.resolve(url)

    def start(self, decision: _models.Decision) -> FailOver:
        return FailOver(decision.proxies)

    def connected(self, decision: _models.Decision, failover: FailOver) -> None:
        self.connected_to.append(failover.current.pac_text)

    def reconsider(self, decision: _models.Decision, failover: FailOver) -> _models.Decision | None:
        return None

    async def areconsider(self, decision: _models.Decision, failover: FailOver) -> _models.Decision | None:
        return None

    def embedded_credentials(self) -> tuple[tuple[str, str, str], ...]:
        return ()

    @property
    def proxy_ssl_context(self):
        return Certificates.shared().client_context()

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Driver:
    """A host library in one flavour: ``sync``, ``asyncio`` or ``trio``."""

    library: str
    flavour: str

    @property
    def name(self) -> str:
        return f"{self.library}-{self.flavour}"

    @property
    def module(self) -> Any:
        """The host library, for its exceptions."""
        return import_module(self.library)

    @property
    def proxy_error(self) -> type[Exception]:
        """What a refused tunnel raises."""
        return self.module.ProxyError

    @property
    def is_sync(self) -> bool:
        return self.flavour == "sync"

    def transport(self, **arguments: Any) -> Any:
        """Return the transport, trusting the certificates of the test servers."""
        facade = import_module(f"pacaware.{self.library}")
        arguments.setdefault("verify", Certificates.shared().client_context())
        return (facade.PacTransport if self.is_sync else facade.AsyncPacTransport)(**arguments)

    @contextlib.contextmanager
    def client(self, *, timeout: Any = TIMEOUT, client: Any = None, **arguments: Any) -> Iterator[Client]:
        """Open a client over ``transport(**arguments)``, or ``client()``, and close it in the end."""
        with contextlib.ExitStack() as stack:
            portal = None
            if not self.is_sync:
                portal = stack.enter_context(start_blocking_portal(self.flavour))
            kind = self.module.Client if self.is_sync else self.module.AsyncClient

            def make() -> Any:
                if client is not None:
                    return client(kind)
                return kind(transport=self.transport(**arguments), timeout=timeout)

            if portal is None:
                yield Client(self, stack.enter_context(make()), None)
            else:
                opened = portal.call(make)
                stack.enter_context(portal.wrap_async_context_manager(opened))
                yield Client(self, opened, portal)


@dataclass
class Client:
    """A client of the host library, used from one blocking thread."""

    driver: Driver
    raw: Any
    portal: BlockingPortal | None

    def request(self, method: str, url: str, **arguments: Any) -> Any:
        """Send a request and return the library's response, read to its end."""
        if self.portal is None:
            return self.raw.request(method, url, **arguments)

        async def send() -> Any:
            return await self.raw.request(method, url, **arguments)

        return self.portal.call(send)

    def get(self, url: str, **arguments: Any) -> Any:
        return self.request("GET", url, **arguments)

    def post(self, url: str, **arguments: Any) -> Any:
        return self.request("POST", url, **arguments)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function of the library where its sockets live, and wait for what it returns if need be."""
        return function() if self.portal is None else self.portal.call(function)

    def at_once(self, calls: list[tuple[str, str, dict[str, Any]]]) -> list[Any]:
        """Send all requests at the same time; an exception stands where there is no response."""
        if self.portal is None:
            with ThreadPoolExecutor(len(calls)) as pool:
                futures = [pool.submit(self.raw.request, method, url, **more) for method, url, more in calls]
                return [future.exception() or future.result() for future in futures]

        async def send(method: str, url: str, more: dict[str, Any]) -> Any:
            return await self.raw.request(method, url, **more)

        futures = [self.portal.start_task_soon(send, *call) for call in calls]
        return [future.exception(TIMEOUT * 3) or future.result() for future in futures]

    def body(self, chunks: list[bytes]) -> Body:
        """Return a body that can be read once and knows whether it was."""
        return Body(chunks, is_sync=self.portal is None)


class Body:
    """A generator of chunks for ``content=``; ``read`` counts the chunks that were taken."""

    def __init__(self, chunks: list[bytes], *, is_sync: bool) -> None:
        self.read = 0
        self._chunks = chunks
        self.content: Any = self._iterate() if is_sync else self._aiterate()

    def _iterate(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.read += 1
            yield chunk

    async def _aiterate(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.read += 1
            yield chunk


HTTPX_DRIVERS = [
    Driver("httpx", "sync"),
    Driver("httpx", "asyncio"),
    Driver("httpx", "trio"),
    Driver("httpx2", "sync"),
    Driver("httpx2", "asyncio"),
    Driver("httpx2", "trio"),
]


@dataclass(frozen=True)
class RequestsDriver:
    """requests, driven as the others are."""

    library: str = "requests"
    flavour: str = "sync"

    @property
    def name(self) -> str:
        return "requests-sync"

    @property
    def proxy_error(self) -> type[Exception]:
        """What a refused tunnel raises."""
        return requests.exceptions.ProxyError

    @contextlib.contextmanager
    def client(self, *, timeout: Any = TIMEOUT, **arguments: Any) -> Iterator[RequestsClient]:
        """Open a session mounted with ``arguments``, and close it in the end."""
        with requests.Session() as session:
            session.verify = str(Certificates.shared().ca_path)
            session.trust_env = False
            mount(session, **arguments)
            yield RequestsClient(session, timeout)


@dataclass
class RequestsClient:
    """A session with the methods of Client."""

    raw: requests.Session
    timeout: Any

    def request(self, method: str, url: str, content: Any = None, **arguments: Any) -> requests.Response:
        return self.raw.request(method, url, data=content, timeout=self.timeout, **arguments)

    def get(self, url: str, **arguments: Any) -> requests.Response:
        return self.request("GET", url, **arguments)

    def post(self, url: str, **arguments: Any) -> requests.Response:
        return self.request("POST", url, **arguments)

    def at_once(self, calls: list[tuple[str, str, dict[str, Any]]]) -> list[Any]:
        """Send all requests at the same time; an exception stands where there is no response."""
        with ThreadPoolExecutor(len(calls)) as pool:
            futures = [pool.submit(self.request, method, url, **more) for method, url, more in calls]
            return [future.exception() or future.result() for future in futures]

    def body(self, chunks: list[bytes]) -> Body:
        """Return a body that can be read once and knows whether it was."""
        return Body(chunks, is_sync=True)


ALL_DRIVERS: list[Any] = [RequestsDriver(), *HTTPX_DRIVERS]
