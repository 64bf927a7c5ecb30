"""requests, httpx and httpx2 on Windows, behind proxies that the settings of Windows name."""

from __future__ import annotations

import pytest

from pacaware.testing import BasicUsers, Certificates, DeadProxy, Origin, PacServer, Proxy, pac_returning
from tests.windows.machine import windows_path
from tests.windows.test_settings import blob

CLIENTS = ["requests", "httpx", "httpx2", "httpx async", "httpx2 async"]
USERS = {"alice": "wonder:land"}


@pytest.fixture(scope="module")
def sites():
    """An http and an https origin, reached by names that only a proxy knows."""
    with Origin() as plain, Origin(tls=True) as secure:
        yield plain, secure


@pytest.fixture(scope="module")
def ask(machine, sites):
    """Fetch both origins by their names, and the plain one by its address, with each library."""

    def ask(*values: list) -> dict:
        plain, secure = sites
        urls = [plain.url_for("www.origin.test"), secure.url_for("www.origin.test"), plain.url_for("127.0.0.1")]
        ca = windows_path(Certificates.shared().ca_path)
        return machine.ask("clients", {"values": values, "urls": urls, "ca": ca})

    return ask


@pytest.fixture(scope="module")
def manual(ask):
    """What came of a proxy server in the settings, and what the proxy saw."""
    with Proxy(BasicUsers(USERS)) as proxy:
        return ask(blob(flags=3, proxy_server=proxy.netloc, bypass="<local>")), proxy.pac_text, proxy.requests


@pytest.fixture(scope="module")
def scripted(ask):
    """What came of a PAC file in the settings whose first proxy is dead, and what the second one saw."""
    with (
        Proxy(BasicUsers(USERS)) as proxy,
        DeadProxy() as dead,
        PacServer(pac_returning(dead.pac_text, proxy.pac_text)) as pac,
    ):
        found = ask(blob(flags=7, pac_url=pac.url, proxy_server="unused.test:1"))
        return found, [dead.pac_text, proxy.pac_text], proxy.requests


@pytest.mark.parametrize("client", CLIENTS)
def test_a_proxy_server(manual, client):
    """A page over http is forwarded, one over https tunnelled, both with the logon; loopback goes direct."""
    found, proxy, seen = manual
    http, https, loopback = found[client]
    assert [one["status"] for one in (http, https, loopback)] == [200, 200, 200]
    assert [one["decision"]["source"] for one in (http, https, loopback)] == ["manual", "manual", "implicit-bypass"]
    assert [one["decision"]["config_origin"] for one in (http, https)] == ["windows", "windows"]
    assert [one["decision"]["proxies"] for one in (http, https)] == [[proxy], [proxy]]
    assert {(one.method, one.authorization) for one in seen if one.status == 200} == {
        ("GET", "Basic"),
        ("CONNECT", "Basic"),
    }


@pytest.mark.parametrize("client", CLIENTS)
def test_a_pac_file(scripted, client):
    """The script comes before the proxy server beside it; its dead proxy is passed over, the logon is answered."""
    found, proxies, seen = scripted
    http, https, loopback = found[client]
    assert [one["status"] for one in (http, https, loopback)] == [200, 200, 200]
    assert [one["decision"]["source"] for one in (http, https, loopback)] == ["pac", "pac", "implicit-bypass"]
    assert sorted(http["decision"]["proxies"]) == sorted(https["decision"]["proxies"]) == sorted(proxies)
    assert {(one.method, one.authorization) for one in seen if one.status == 200} == {
        ("GET", "Basic"),
        ("CONNECT", "Basic"),
    }
