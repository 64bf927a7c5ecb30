"""PACAWARE_TRUST=system for adapters and transports that a program makes itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import threading
from typing import Any

import pytest
import requests

from pacaware import ConfigError, ProxyConfig, ProxyResolver
from pacaware.errors import PacFetchError
from pacaware.requests import PacAdapter, mount
from pacaware.testing import Certificates, PacServer, pac_returning

LIBRARIES = ["requests", "httpx", "httpx async", "httpx2", "httpx2 async"]
DIRECTLY = ProxyConfig()


@pytest.fixture
def asked(monkeypatch) -> list[Any]:
    """The system's certificates are those of the tests; the list notes when they are asked for."""
    found: list[Any] = []

    def context(protocol: Any) -> Any:
        found.append(protocol)
        return Certificates.shared().client_context()

    monkeypatch.setattr("truststore.SSLContext", context)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return found


def get(library: str, url: str, **options: Any) -> int:
    """The status of a page, by an adapter or a transport made for it."""
    name, _, flavour = library.partition(" ")
    if name == "requests":
        with requests.Session() as session:
            mount(session, config=DIRECTLY)
            return session.get(url, timeout=20, **options).status_code
    module, ours = importlib.import_module(name), importlib.import_module(f"pacaware.{name}")
    if not flavour:
        with module.Client(transport=ours.PacTransport(config=DIRECTLY, **options)) as client:
            return client.get(url, timeout=20).status_code

    async def main() -> int:
        async with module.AsyncClient(transport=ours.AsyncPacTransport(config=DIRECTLY, **options)) as client:
            return (await client.get(url, timeout=20)).status_code

    return asyncio.run(main())


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_system_decides(library: str, asked, tls_origin, monkeypatch):
    """With the variable a server that only the system trusts is trusted; without it it is not."""
    url = tls_origin.url_for("localhost")
    failure = importlib.import_module(library.split()[0])
    with pytest.raises(failure.exceptions.SSLError if library == "requests" else failure.ConnectError):
        get(library, url)
    assert asked == []
    monkeypatch.setenv("PACAWARE_TRUST", "system")
    assert get(library, url) == 200
    assert len(asked) == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_the_program_says_wins(library: str, asked, tls_origin, monkeypatch, certificates):
    """``verify=`` is heeded, with the variable too."""
    monkeypatch.setenv("PACAWARE_TRUST", "system")
    given = str(certificates.ca_path) if library == "requests" else certificates.client_context()
    assert get(library, tls_origin.url_for("localhost"), verify=given) == 200
    assert asked == []


def test_without_the_environment(asked, monkeypatch):
    """A transport that is to leave the environment alone leaves this variable alone."""
    from pacaware.httpx import PacTransport

    monkeypatch.setenv("PACAWARE_TRUST", "system")
    PacTransport(config=DIRECTLY, trust_env=False).close()
    assert asked == []


@pytest.mark.parametrize("make", [PacAdapter, lambda: importlib.import_module("pacaware.httpx").PacTransport()])
def test_a_word_that_means_nothing(make, monkeypatch):
    """It is an error that names the variable."""
    monkeypatch.setenv("PACAWARE_TRUST", "everybody")
    with pytest.raises(ConfigError, match="PACAWARE_TRUST can be 'system'"):
        make()


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """A function that puts an authority, and nobody else, into what is the system's store here."""
    for name in ("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)

    def store(certificates: Certificates) -> None:
        path = tmp_path / "store.pem"
        path.write_bytes(certificates.ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))

    return store


@pytest.fixture
def elsewhere():
    """The same server at an address that its certificate does not name: its host and port."""

    def serve() -> None:
        while True:
            with contextlib.suppress(OSError), listener.accept()[0] as sock:
                sock.settimeout(10)
                context.wrap_socket(sock, server_side=True).close()
            if done.is_set():
                return

    context, done = Certificates.shared().server_context(), threading.Event()
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        host, port = listener.getsockname()
        yield f"{host}:{port}"
        done.set()
        socket.create_connection((host, port), 10).close()
        thread.join(10)
    assert not thread.is_alive()


def test_requests_keeps_to_its_own_bundle(stored, tls_origin):
    """Without the variable an authority that only the system knows does not count, with no release of requests."""
    stored(Certificates.shared())
    with pytest.raises(requests.exceptions.SSLError):
        get("requests", tls_origin.url_for("localhost"))


def test_an_origin_given_by_its_address(stored, tls_origin, elsewhere, monkeypatch):
    """urllib3 1.26 too checks whether the certificate is for that address."""
    monkeypatch.setenv("PACAWARE_TRUST", "system")
    stored(Certificates.shared())
    assert get("requests", tls_origin.url_for("127.0.0.1")) == 200
    with pytest.raises(requests.exceptions.SSLError, match=r"127\.0\.0\.2"):
        get("requests", f"https://{elsewhere}/")


def test_a_pac_file_from_an_address(stored, elsewhere):
    """Its server's certificate is checked in the same way."""
    with PacServer(pac_returning("PROXY p.test:1"), tls=True) as server:
        url = server.url.replace("localhost", "127.0.0.1")
        assert "127.0.0.1" in url
        with ProxyResolver(ProxyConfig(pac_url=url)) as resolver:
            stored(Certificates())
            with pytest.raises(PacFetchError, match="certificate of its server was not accepted"):
                resolver.resolve("http://a.test/")
        stored(Certificates.shared())
        refused = pytest.raises(PacFetchError, match="certificate of its server was not accepted")
        with ProxyResolver(ProxyConfig(pac_url=f"https://{elsewhere}/proxy.pac")) as resolver, refused:
            resolver.resolve("http://a.test/")
        with ProxyResolver(ProxyConfig(pac_url=url)) as resolver:
            assert str(resolver.resolve("http://a.test/").proxies) == "PROXY p.test:1"
