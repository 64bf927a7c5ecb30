"""A program that knows nothing of pacaware: httpx and httpx2 switched over in place, and back."""

from __future__ import annotations

from importlib import import_module

import pytest

from pacaware.testing import BasicUsers, Certificates, Origin, Proxy
from tests.drivers import ListResolver
from tests.scenarios import LOGON, USERS


@pytest.fixture
def proxy():
    """A proxy with Basic."""
    with Proxy(BasicUsers(USERS)) as proxy:
        yield proxy


@pytest.fixture
def other():
    """A proxy that only the caller or the environment names."""
    with Proxy() as other:
        yield other


@pytest.fixture
def active(driver, proxy):
    """The library switched over, to a resolver that names the proxy for everything."""
    room = import_module(f"pacaware._{driver.library}.activation")
    undo = room.install(driver.module, resolver=ListResolver(proxy.pac_text), proxy_auth=LOGON)
    yield
    undo()


def verify():
    return Certificates.shared().client_context()


def kind_of(driver):
    """Return the library's own transport."""
    return driver.module.HTTPTransport if driver.is_sync else driver.module.AsyncHTTPTransport


def test_a_plain_client_is_reached(driver, active, proxy, origins):
    """``Client()`` goes by the proxy, logs on, and closes without leftovers."""
    with driver.client(client=lambda kind: kind(verify=verify(), http2=True)) as client:
        for scheme in ("http", "https"):
            answer = client.get(origins[scheme].url + "/")
            assert answer.status_code == 200
            assert str(answer.extensions["pacaware"].proxies) == proxy.pac_text
    assert answer.http_version == "HTTP/2"
    assert [request.method for request in proxy.requests] == ["GET", "GET", "CONNECT"]


def test_a_transport_of_their_own_is_reached(driver, active, proxy, origins):
    """So are SDKs that make the library's transport themselves."""

    def make(kind):
        return kind(transport=kind_of(driver)(verify=verify(), retries=1))

    with driver.client(client=make) as client:
        assert client.get(origins["https"].url + "/").status_code == 200
    assert [request.method for request in proxy.requests][-1:] == ["CONNECT"]


def test_a_subclass_keeps_its_own_ways(driver, active, proxy, origins):
    """A transport that overrides ``handle_request`` and calls ``super()`` sees every request."""
    seen = []

    class Sync(driver.module.HTTPTransport):
        def __init__(self):
            super().__init__(verify=verify())

        def handle_request(self, request):
            seen.append(request.method)
            return super().handle_request(request)

    class Async(driver.module.AsyncHTTPTransport):
        def __init__(self):
            super().__init__(verify=verify())

        async def handle_async_request(self, request):
            seen.append(request.method)
            return await super().handle_async_request(request)

    with driver.client(client=lambda kind: kind(transport=Sync() if driver.is_sync else Async())) as client:
        assert client.get(origins["https"].url + "/").status_code == 200
    assert seen == ["GET"]
    assert [request.method for request in proxy.requests][-1:] == ["CONNECT"]


def test_the_environments_proxies_do_not_get_in_the_way(driver, active, proxy, other, origins, monkeypatch):
    """A client makes no mounts for the proxy variables: the resolver has read them and decided."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    with driver.client(client=lambda kind: kind(verify=verify())) as client:
        for scheme in ("http", "https"):
            assert client.get(origins[scheme].url + "/").status_code == 200
    assert other.requests == ()
    assert len(proxy.requests) == 3


@pytest.mark.parametrize("given", ["proxy", "mounts", "transport", "trust_env"])
def test_what_the_caller_gave_goes_first(driver, active, proxy, other, given: str):
    """``proxy=``, ``mounts=``, a transport with a proxy, and ``trust_env=False`` are as without pacaware."""

    def by_other():
        return kind_of(driver)(proxy=other.url)

    arguments = {
        "proxy": lambda: {"proxy": other.url},
        "mounts": lambda: {"mounts": {"http://": by_other()}},
        "transport": lambda: {"transport": by_other()},
        "trust_env": lambda: {"trust_env": False},
    }[given]
    with Origin() as origin, driver.client(client=lambda kind: kind(**arguments())) as client:
        answer = client.get(origin.url + "/")
        assert answer.status_code == 200
        assert "pacaware" not in answer.extensions
    assert proxy.requests == ()
    assert len(other.requests) == (0 if given == "trust_env" else 1)


def test_a_pac_transport_does_its_work_once(driver, active, proxy, other, origins):
    """Our own transport is not sent through itself."""
    with driver.client(resolver=ListResolver(other.pac_text)) as client:
        assert client.get(origins["http"].url + "/").status_code == 200
    assert proxy.requests == ()
    assert len(other.requests) == 1


def test_undoing_puts_every_method_back(driver, proxy):
    """The classes are what they were, and a client made then goes its own way."""
    classes = [
        getattr(driver.module, name) for name in ("Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport")
    ]
    before = [dict(vars(one)) for one in classes]
    room = import_module(f"pacaware._{driver.library}.activation")
    undo = room.install(driver.module, resolver=ListResolver(proxy.pac_text))
    assert [dict(vars(one)) for one in classes] != before
    undo()
    assert [dict(vars(one)) for one in classes] == before
    with Origin() as origin, driver.client(client=lambda kind: kind()) as client:
        assert client.get(origin.url + "/").status_code == 200
    assert proxy.requests == ()


def test_trust_system_replaces_the_default_verification_only(driver, origins):
    """``trust="system"`` does not know the test's authority; a context of the caller's stays in force."""
    room = import_module(f"pacaware._{driver.library}.activation")
    undo = room.install(driver.module, resolver=ListResolver("DIRECT"), trust="system")
    try:
        with driver.client(client=lambda kind: kind(verify=verify())) as client:
            assert client.get(origins["https"].url + "/").status_code == 200
        with driver.client(client=lambda kind: kind()) as client, pytest.raises(driver.module.ConnectError):
            client.get(origins["https"].url + "/")
    finally:
        undo()
