"""PACAWARE_TRUST=system for adapters and transports that a program makes itself."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest
import requests

from pacaware import ConfigError, ProxyConfig
from pacaware.requests import PacAdapter, mount
from pacaware.testing import Certificates

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
