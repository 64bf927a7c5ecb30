"""httpx and httpx2 through real proxy servers, for http:// and https:// origins."""

from __future__ import annotations

import pytest

from pacaware.errors import ProxyAuthError
from pacaware.testing import Origin
from tests.drivers import HTTPX_DRIVERS, ListResolver
from tests.real import servers

pytestmark = pytest.mark.real

SERVERS = ["squid", "squid_basic", "squid_tls", "squid_tls_basic", "tinyproxy", "dante", "dante4", "dante_auth"]
WITH_LOGON = ["squid_basic", "squid_tls_basic", "tinyproxy", "dante_auth"]
SECOND_USER = ["squid_basic", "squid_tls_basic"]


@pytest.fixture(params=HTTPX_DRIVERS, ids=lambda driver: driver.name)
def driver(request):
    """A library in one flavour."""
    return request.param


@pytest.fixture
def proxy(request) -> servers.RealProxy:
    """The server that the parameter names."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def origins():
    """An origin for each scheme; https speaks HTTP/2 too."""
    with Origin() as http, Origin(tls=True, h2=True) as https:
        yield {"http": http, "https": https}


def logon_of(proxy: servers.RealProxy) -> tuple[str, str] | None:
    return (proxy.user, proxy.password) if proxy.users else None


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", SERVERS, indirect=True)
def test_bodies_arrive_whole(driver, proxy, origins, scheme: str, request):
    """GET, POST, a body that exists once and is too large to keep, and a large response."""
    origin = origins[scheme]
    # tinyproxy closes after each answer without saying so, which any client may notice too late.
    kept = 0 if request.node.callspec.params["proxy"] == "tinyproxy" else 20
    with driver.client(
        resolver=ListResolver(proxy.pac_text),
        proxy_auth=logon_of(proxy),
        http2=True,
        trust_env=False,
        limits=driver.module.Limits(max_keepalive_connections=kept),
    ) as client:
        large = client.body([b"x" * 65536] * 20).content
        url = origin.url_for(proxy.origin_host, "/x")
        first = client.post(url, content=large)
        assert first.status_code == 200, proxy.logs()
        assert first.json()["body_length"] == 20 * 65536
        assert client.get(url).json()["method"] == "GET"
        assert client.post(url, content=b"abc").json()["body_length"] == 3
        assert len(client.get(origin.url_for(proxy.origin_host, "/bytes/1000000")).content) == 1_000_000
        names = {name.lower() for name, _ in client.get(url).json()["headers"]}
    assert "proxy-authorization" not in names
    assert first.http_version == ("HTTP/2" if scheme == "https" else first.http_version)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", SECOND_USER, indirect=True)
def test_a_password_with_colon_blank_and_umlaut(driver, proxy, origins, scheme: str):
    """It is sent as UTF-8, which is what the proxy was told to expect."""
    pair = ("bob", servers.USERS["bob"])
    with driver.client(resolver=ListResolver(proxy.pac_text), proxy_auth=pair) as client:
        answer = client.get(origins[scheme].url_for(proxy.origin_host, "/x"))
    assert answer.status_code == 200


@pytest.mark.parametrize("proxy", WITH_LOGON, indirect=True)
def test_a_wrong_password_says_what_to_do(driver, proxy, origins):
    """Through CONNECT and SOCKS it is a ProxyError whose cause explains."""
    url = origins["https"].url_for(proxy.origin_host, "/")
    resolver, refused = ListResolver(proxy.pac_text), pytest.raises(driver.module.ProxyError)
    with (
        driver.client(resolver=resolver, proxy_auth=("alice", "wrong")) as client,
        refused as caught,
    ):
        client.get(url)
    assert isinstance(caught.value.__cause__, ProxyAuthError)
    assert "user or password" in str(caught.value)


# Tinyproxy closes after each answer without saying so: under load a request of any client runs into that at times.
@pytest.mark.parametrize("proxy", ["squid_basic", "squid_tls_basic"], indirect=True)
def test_many_at_once(driver, proxy, origins):
    """Forty POSTs over few connections, each with the logon it needs."""
    url = origins["http"].url_for(proxy.origin_host, "/")
    limits = driver.module.Limits(max_connections=8, max_keepalive_connections=8)
    with driver.client(
        resolver=ListResolver(proxy.pac_text), proxy_auth=logon_of(proxy), limits=limits, timeout=30
    ) as client:
        answers = client.at_once([("POST", url, {"content": b"z" * size}) for size in range(40)])
    assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * 40
    assert [answer.json()["body_length"] for answer in answers] == list(range(40))
