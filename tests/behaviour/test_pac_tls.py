"""A PAC file over https is checked against the store of the system, whatever a caller says about its own requests."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import httpx2
import pytest
import requests

import pacaware.httpx
import pacaware.httpx2
import pacaware.requests
from pacaware.errors import PacFetchError
from pacaware.testing import Certificates, Origin, PacServer, Proxy, pac_returning

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


def by_requests(pac_url, url):
    with requests.Session() as session:
        pacaware.requests.mount(session, pac_url=pac_url)
        session.verify = False
        return session.get(url, verify=False, timeout=20)


def by_httpx(pac_url, url):
    with httpx.Client(transport=pacaware.httpx.PacTransport(pac_url=pac_url, verify=False), timeout=20) as client:
        return client.get(url)


def by_httpx2(pac_url, url):
    with httpx2.Client(transport=pacaware.httpx2.PacTransport(pac_url=pac_url, verify=False), timeout=20) as client:
        return client.get(url)


def by_async_httpx(pac_url, url):
    async def get():
        transport = pacaware.httpx.AsyncPacTransport(pac_url=pac_url, verify=False)
        async with httpx.AsyncClient(transport=transport, timeout=20) as client:
            return await client.get(url)

    return asyncio.run(get())


CLIENTS = {"requests": by_requests, "httpx": by_httpx, "httpx2": by_httpx2, "async httpx": by_async_httpx}


def causes(exc):
    while exc is not None:
        yield exc
        exc = exc.__cause__


@pytest.mark.parametrize("client", CLIENTS)
def test_verify_false_does_not_weaken_the_download(client, monkeypatch, tmp_path):
    """With verify=False the origin's certificate is not checked, that of the PAC file's server is."""
    store = tmp_path / "store.pem"
    store.write_bytes(Certificates().ca_pem)  # an authority that signed neither
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    with contextlib.ExitStack() as stack:
        origin, proxy = stack.enter_context(Origin(tls=True)), stack.enter_context(Proxy())
        server = stack.enter_context(PacServer(pac_returning(proxy.pac_text), tls=True))
        with pytest.raises((requests.RequestException, httpx.TransportError, httpx2.TransportError)) as caught:
            CLIENTS[client](server.url, origin.url_for("origin.test"))
        fetching = [exc for exc in causes(caught.value) if isinstance(exc, PacFetchError)]
        assert "certificate of its server was not accepted" in str(fetching[0])
        assert (server.requests, proxy.requests, origin.requests) == ((), (), ())
        store.write_bytes(Certificates.shared().ca_pem)
        assert CLIENTS[client](server.url, origin.url_for("origin.test")).status_code == 200
