"""requests by the adapter through real servers, to http:// and https:// origins."""

from __future__ import annotations

import pytest
import requests

from pacaware._resolver import ProxyResolver
from pacaware.errors import ProxyAuthError
from pacaware.requests import mount
from pacaware.testing import Certificates

pytestmark = pytest.mark.real

HTTP_SERVERS = ["squid", "squid_basic", "squid_tls", "squid_tls_basic", "tinyproxy"]
SOCKS_SERVERS = ["dante", "dante4", "dante_auth"]
AUTH_SERVERS = ["squid_basic", "squid_tls_basic", "tinyproxy"]
TIMEOUT = 10


class Fixed(ProxyResolver):
    """Trusts the certificates of the test servers; the proxy comes by ``proxies=``."""

    def __init__(self) -> None:
        super().__init__(trust_env=False, proxy_ssl_context=Certificates.shared().client_context())


@pytest.fixture
def proxy(request):
    """The server that the parameter names."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["http", "https"])
def url(request, proxy, origin, tls_origin):
    """A URL that the proxy can resolve, of each scheme."""
    return {"http": origin, "https": tls_origin}[request.param].url_for(proxy.origin_host, "/path")


@pytest.fixture
def session_for():
    """Make a session whose requests go by a proxy."""
    sessions = []

    def make(proxy, logon=None):
        session = requests.Session()
        sessions.append(session)
        session.trust_env = False
        session.verify = str(Certificates.shared().ca_path)
        session.proxies = {"all": proxy.url}
        mount(session, Fixed(), proxy_auth=logon)
        return session

    yield make
    for session in sessions:
        session.close()


def logon_of(proxy):
    """Return the logon of a server, None where none is needed."""
    return (proxy.user, proxy.password) if proxy.users else None


@pytest.mark.parametrize("proxy", HTTP_SERVERS + SOCKS_SERVERS, indirect=True)
def test_requests(proxy, url, session_for):
    """GET, POST of bytes and POST of a stream arrive, one after the other."""
    session = session_for(proxy, logon_of(proxy))
    assert session.get(url, timeout=TIMEOUT).status_code == 200
    assert session.post(url, data=b"x" * 1000, timeout=TIMEOUT).json()["body_length"] == 1000
    stream = (b"x" * 1000 for _ in range(100))
    assert session.post(url, data=stream, timeout=TIMEOUT).json()["body_length"] == 100_000


@pytest.mark.parametrize("proxy", ["squid_basic", "squid_tls_basic"], indirect=True)
def test_a_password_with_colon_blank_and_umlaut(proxy, url, session_for):
    """Basic in UTF-8, with a colon in the password."""
    session = session_for(proxy, ("bob", proxy.users["bob"]))
    assert session.get(url, timeout=TIMEOUT).status_code == 200


@pytest.mark.parametrize("proxy", ["squid_basic", "squid_tls_basic"], indirect=True)
def test_a_large_stream_goes_out_once(proxy, url, session_for):
    """A stream too large to keep goes out after the logon is done."""
    stream = (b"x" * 65536 for _ in range(48))
    response = session_for(proxy, logon_of(proxy)).post(url, data=stream, timeout=TIMEOUT)
    assert response.json()["body_length"] == 48 * 65536


@pytest.mark.parametrize("proxy", AUTH_SERVERS, indirect=True)
def test_wrong_password(proxy, origin, tls_origin, session_for):
    """http:// gets the proxy's answer as a response, https:// is a ProxyError."""
    session = session_for(proxy, (proxy.user, "wrong"))
    # Tinyproxy answers 401 to a wrong password.
    assert session.get(origin.url_for(proxy.origin_host), timeout=TIMEOUT).status_code in (401, 407)
    with pytest.raises(requests.exceptions.ProxyError, match=r"Tunnel connection failed: 40[17]"):
        session_for(proxy, (proxy.user, "wrong")).get(tls_origin.url_for(proxy.origin_host), timeout=TIMEOUT)


@pytest.mark.parametrize("proxy", ["dante_auth"], indirect=True)
def test_wrong_socks_password(proxy, url, session_for):
    """A rejected SOCKS logon is a ProxyError with our explanation."""
    with pytest.raises(requests.exceptions.ProxyError) as caught:
        session_for(proxy, (proxy.user, "wrong")).get(url, timeout=TIMEOUT)
    assert isinstance(caught.value.__cause__, ProxyAuthError)
