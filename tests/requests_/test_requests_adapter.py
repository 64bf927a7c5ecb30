"""The arguments of requests hold over every route, and the adapter keeps house."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import urllib3

from pacaware._models import DIRECT, CachePolicy, ProxyConfig, ProxyServer
from pacaware._resolver import ProxyResolver
from pacaware.errors import ConfigError, PacFetchError
from pacaware.requests import PacAdapter, mount
from pacaware.testing import Certificates, Origin, Proxy, SocksProxy, pac_returning
from tests.requests_.conftest import FixedResolver
from tests.scenarios import BlinkingProxy

ROUTES = ["plain", "tls", "socks5", "DIRECT"]


@pytest.fixture(params=ROUTES)
def route(request, start):
    """A candidate of each kind."""
    return DIRECT if request.param == "DIRECT" else start(request.param)


def host_for(route):
    """Return the origin's name: only a proxy knows origin.test."""
    return "localhost" if route is DIRECT else "origin.test"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_close_closes(route, scheme, new_session, origins):
    """``close()`` closes the connections at once, though something still refers to them; the session lives on."""
    session, url = new_session(route), origins[scheme].url_for(host_for(route))
    adapter = session.get_adapter(url)
    assert session.get(url).status_code == 200
    managers = [adapter.poolmanager, *adapter.proxy_manager.values()]
    pools = [manager.pools.get(key) for manager in managers for key in list(manager.pools.keys())]
    connections = [one for pool in pools for one in pool.pool.queue if one is not None]
    assert [one.sock is None for one in connections] == [False]
    del pools
    session.close()
    assert [one.sock is None for one in connections] == [True]
    assert session.get(url).status_code == 200


class TestTls:
    """TLS with the origin is requests' own."""

    def test_verify_path(self, route, new_session, tls_origin):
        """``verify=PATH`` is used, and its absence is an SSLError."""
        session, url = new_session(route), tls_origin.url_for(host_for(route))
        assert session.get(url, verify=str(Certificates.shared().ca_path)).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            session.get(url, verify=True)

    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
    def test_verify_false(self, route, new_session, tls_origin):
        """``verify=False`` switches the check of the origin off."""
        session = new_session(route)
        session.verify = False
        assert session.get(tls_origin.url_for(host_for(route))).status_code == 200

    def test_client_certificate(self, route, new_session):
        """``cert=`` reaches the origin through the tunnel."""
        certificates = Certificates.shared()
        with Origin(tls=certificates.server_context(client_certificates=True)) as origin:
            url = origin.url_for(host_for(route))
            response = new_session(route).get(url, cert=str(certificates.client_path))
        assert response.json()["tls"]["client"] == "pacaware test client"

    def test_missing_bundle(self, route, new_session, tls_origin):
        """A ``verify`` that does not exist is the OSError of requests."""
        with pytest.raises(OSError, match="invalid path: /does/not/exist"):
            new_session(route).get(tls_origin.url_for(host_for(route)), verify="/does/not/exist")

    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
    def test_verify_false_does_not_weaken_the_proxys(self, new_session, tls_proxy, proxy, url):
        """The certificate of a TLS proxy is checked even with ``verify=False``; a wrong one is passed over."""
        session = new_session(tls_proxy, proxy)
        untrusting = ssl.create_default_context(cadata=Certificates().ca_pem.decode())
        session.pacaware._dispatcher._resolver()._proxy_ssl_context = untrusting
        assert session.get(url, verify=False, timeout=5).status_code == 200
        assert (tls_proxy.requests, len(proxy.requests)) == ((), 1)

    def test_a_proxy_without_tls(self, new_session, start, proxy, url):
        """A plain proxy that the settings call https is passed over."""
        plain = start("plain")
        wrong = ProxyServer("https", plain.host, plain.port)
        assert new_session(wrong, proxy).get(url, timeout=5).status_code == 200
        assert plain.requests == ()
        with pytest.raises(requests.exceptions.ProxyError, match="does not speak TLS; is it an http:// proxy"):
            new_session(wrong).get(url, timeout=5)

    def test_untrusted_proxy(self, new_session, tls_proxy, url):
        """The error says that it is the proxy's certificate."""
        session = new_session(tls_proxy)
        untrusting = ssl.create_default_context(cadata=Certificates().ca_pem.decode())
        session.pacaware._dispatcher._resolver()._proxy_ssl_context = untrusting
        with pytest.raises(requests.exceptions.ProxyError, match="its certificate is not trusted"):
            session.get(url, timeout=5)


def test_stream(route, new_session, origins):
    """``stream=True`` hands the body out piece by piece, and the connection is used again."""
    session = new_session(route)
    for origin in origins.values():
        for path in ("/bytes/100000", "/chunked/100000"):
            with session.get(origin.url_for(host_for(route), path), stream=True, timeout=5) as response:
                assert sum(map(len, response.iter_content(1000))) == 100_000
        assert {seen.connection for seen in origin.requests} == {1} or route is not DIRECT


def test_connections_are_kept(new_session, start, origins):
    """All http origins share the connection to a proxy; each https origin has a tunnel of its own."""
    proxy = start("plain")
    session = new_session(proxy)
    for _ in range(3):
        for origin in origins.values():
            session.get(origin.url_for("origin.test"), timeout=5)
            session.get(origin.url_for("other.origin.test"), timeout=5)
    assert proxy.connections == 3


def test_each_hop_of_a_redirect_is_decided(new_session, origins):
    """A redirect to another host goes by that host's proxy, and each response says how it went."""
    with Proxy() as first, Proxy() as second:
        session = new_session(lambda url: [first] if url.startswith("http://origin.test") else [second])
        end = origins["https"].url_for("second.origin.test", "/end")
        response = session.get(origins["http"].url_for("origin.test", f"/redirect?to={end}"), timeout=5)
        hops = [str(hop.pacaware.proxies) for hop in (*response.history, response)]
        assert hops == [first.pac_text, second.pac_text]
        assert [first.requests[0].method, second.requests[0].method] == ["GET", "CONNECT"]


def test_upgrade_goes_by_connect(new_session, origin):
    """A request with Upgrade needs the very connection, so a proxy is asked for a tunnel to an http origin too."""
    for make in (Proxy, lambda: Proxy(tls=True)):
        with make() as proxy:
            headers = {"Upgrade": "echo", "Connection": "Upgrade"}
            with new_session(proxy).get(
                origin.url_for("origin.test"), headers=headers, stream=True, timeout=5
            ) as response:
                assert response.status_code == 101
            assert [seen.method for seen in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("kind", [Proxy, lambda **kw: SocksProxy(5, **kw)], ids=["http", "socks5"])
def test_ipv6(kind, host, new_session):
    """Origins and proxies may have IPv6 addresses."""
    with Origin(host="::1") as http, Origin(host="::1", tls=True) as https, kind(host=host) as proxy:
        session = new_session(proxy)
        assert [session.get(one.url, timeout=5).status_code for one in (http, https)] == [200, 200]


def test_userinfo_and_fragment_stay_here(new_session, proxy, origin):
    """The request line to a proxy has neither user nor fragment."""
    url = origin.url_for("origin.test", "/a?b=c#d").replace("://", "://user:pw@")
    assert new_session(proxy).get(url, timeout=5).status_code == 200
    assert proxy.requests[0].target == origin.url_for("origin.test", "/a?b=c")


def test_host_header_and_methods(new_session, proxy, origin):
    """A Host header and every method pass."""
    session = new_session(proxy)
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert session.request(method, origin.url_for("origin.test"), timeout=5).status_code == 200
    assert [seen.method for seen in origin.requests] == ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]


def test_bad_target(new_session, socks5_proxy):
    """A name that SOCKS cannot express is an InvalidURL."""
    with pytest.raises(requests.exceptions.InvalidURL):
        new_session(socks5_proxy).get(f"http://{'a' * 60}.{'.'.join(['b' * 60] * 4)}/", timeout=5)


def test_socks4_and_ipv6(new_session, proxy):
    """SOCKS4 knows no IPv6, so another candidate is taken."""
    with Origin(host="::1") as origin, SocksProxy(4) as socks:
        assert new_session(socks, proxy).get(origin.url, timeout=5).status_code == 200
        assert socks.connections == 0


class TestThreads:
    """One session in many threads."""

    def test_sixteen_threads(self, new_session, start, origins):
        """Requests from sixteen threads, over several routes, all arrive once."""
        proxies = [start("plain"), start("basic"), start("tls"), start("socks5")]
        dead = start("dead")
        session = new_session(
            lambda url: [dead, proxies[int(url.rpartition("=")[2]) % 4]], proxy_auth=("alice", "s3cret")
        )

        def ask(number):
            origin = origins["http" if number % 3 else "https"]
            return session.post(origin.url_for("origin.test", f"/?n={number}"), data=b"x", timeout=20).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(ask, range(96))) == {200}
        assert sum(len(origin.requests) for origin in origins.values()) == 96

    def test_pool_block(self, new_session, proxy, origin):
        """``pool_block`` and ``pool_maxsize`` bound the connections to a proxy."""
        session = new_session(proxy, pool_maxsize=2, pool_block=True)
        with ThreadPoolExecutor(8) as pool:
            url = origin.url_for("origin.test", "/slow?s=0.02")
            assert {response.status_code for response in pool.map(lambda _: session.get(url), range(24))} == {200}
        assert proxy.connections <= 2

    def test_routes_are_bounded(self, new_session, origin):
        """Connections of routes that were not used for long are closed."""
        session = new_session(lambda url: [ProxyServer("http", "127.0.0.1", int(url.rpartition("=")[2]))])
        with Proxy() as proxy:
            session.get(origin.url_for("origin.test", f"/?n={proxy.port}"), timeout=5)
            for port in range(1, 40):
                with pytest.raises(requests.exceptions.ConnectionError):
                    session.get(origin.url_for("origin.test", f"/?n={port}"), timeout=5)
            assert len(session.pacaware.proxy_manager) == 32
            session.get(origin.url_for("origin.test", f"/?n={proxy.port}"), timeout=5)
            assert proxy.connections == 2


class TestClose:
    """What the adapter made it closes, and nothing else."""

    def test_connections(self, new_session, start, url):
        """``close()`` ends the idle connections; afterwards requests may go on, as with requests."""
        proxy = start("plain")
        session = new_session(proxy)
        session.get(url, timeout=5)
        session.close()
        assert session.get(url, timeout=5).status_code == 200
        assert proxy.connections == 2

    def test_own_resolver(self, origin):
        """A resolver made from ``config=`` is closed with the adapter."""
        adapter = PacAdapter(config=ProxyConfig())
        adapter.close()
        with requests.Session() as session:
            session.mount("http://", adapter)
            with pytest.raises(requests.exceptions.ProxyError) as caught:
                session.get(origin.url)
        assert isinstance(caught.value.__cause__, ConfigError)

    def test_shared_resolver(self, resolver_for, proxy, origin):
        """A resolver that was given stays open."""
        resolver = resolver_for(lambda _: [proxy])
        PacAdapter(resolver).close()
        assert str(resolver.resolve(origin.url).proxies) == proxy.pac_text
        assert not resolver._closed


class TestPac:
    """A PAC file's way into requests, good and bad."""

    def test_pac_url(self, new_session, proxy, pac_server, origin):
        """``pac_url=`` is all it takes."""
        pac_server.set(pac_returning(proxy.pac_text))
        response = new_session(pac_url=pac_server.url).get(origin.url_for("origin.test"), timeout=20)
        assert (response.status_code, response.pacaware.source) == (200, "pac")

    def test_a_blip_does_not_stay_direct(self, pac_server, tls_origin):
        """After one failure of a in ``PROXY a; DIRECT``, DIRECT is used only until the mark of a is over."""
        now = [1000.0]
        url = tls_origin.url_for("localhost")
        with BlinkingProxy() as proxy, requests.Session() as session:
            pac_server.set(pac_returning(proxy.pac_text, "DIRECT"))
            config = ProxyConfig(pac_url=pac_server.url, bypass="<-loopback>")
            with ProxyResolver(config, cache=CachePolicy(bad_proxy_seconds=60)) as resolver:
                resolver._clock = lambda: now[0]
                mount(session, resolver)
                session.verify = str(Certificates.shared().ca_path)
                ways = []
                for proxy.down, seconds in ((True, 0), (False, 30), (False, 31)):
                    now[0] += seconds
                    before = len(proxy.requests)
                    assert session.get(url, headers={"Connection": "close"}, timeout=20).status_code == 200
                    ways.append("proxy" if len(proxy.requests) > before else "DIRECT")
        assert ways == ["DIRECT", "DIRECT", "proxy"]

    @pytest.mark.parametrize(
        ("text", "status", "cause", "words"),
        [
            ("function FindProxyForURL(u, h) {\n  return (;\n}", 200, "PacScriptError", "line 2, column 1"),
            ("function FindProxyForURL(u, h) { throw new Error('oops'); }", 200, "PacScriptError", "oops"),
            ("function FindProxyForURL(u, h) { return 5; }", 200, "PacScriptError", "number"),
            ("<html><body>Please log on</body></html>", 200, "PacFetchError", "HTML"),
            ("function FindProxyForURL(u, h) { return 'DIRECT'; }", 404, "PacFetchError", "404"),
            ("//" + "x" * (1024 * 1024) + "\nfunction FindProxyForURL() {}", 200, "PacFetchError", "1"),
            ("function FindProxyForURL(u, h) { return 'PROXY'; }", 200, "PacScriptError", "PROXY"),
        ],
        ids=["syntax", "throws", "number", "HTML", "404", "too large", "malformed proxy"],
    )
    def test_trouble(self, text, status, cause, words, new_session, pac_server, origin):
        """A PAC file that cannot be used is a ProxyError of requests, caused by ours, and nothing is sent."""
        pac_server.set(text, status=status)
        with pytest.raises(requests.exceptions.ProxyError) as caught:
            new_session(pac_url=pac_server.url).get(origin.url_for("localhost.test"), timeout=20)
        assert type(caught.value.__cause__).__name__ == cause
        assert words in str(caught.value)
        assert origin.requests == ()

    def test_server_gone(self, new_session, dead_proxy, origin):
        """A PAC server that cannot be reached is a PacFetchError."""
        with pytest.raises(requests.exceptions.ProxyError) as caught:
            new_session(pac_url=f"http://{dead_proxy.netloc}/proxy.pac").get(origin.url_for("origin.test"))
        assert isinstance(caught.value.__cause__, PacFetchError)

    def test_server_too_slow(self, new_session, pac_server, origin, monkeypatch):
        """A PAC server that does not answer within 30 s (here: less) is a PacFetchError that says so."""
        monkeypatch.setattr("pacaware._pac.source._SECONDS", 0.3)
        pac_server.set(delay=20)
        with pytest.raises(requests.exceptions.ProxyError, match=r"did not arrive within 0\.3 s") as caught:
            new_session(pac_url=pac_server.url).get(origin.url_for("origin.test"))
        assert isinstance(caught.value.__cause__, PacFetchError)
        assert origin.requests == ()


class TestSubclasses:
    """The extension points of HTTPAdapter work."""

    def test_ssl_context(self, proxy, tls_origin):
        """A context that a subclass gives to both managers is used through the tunnel."""
        context = urllib3.util.ssl_.create_urllib3_context()
        context.load_verify_locations(cadata=Certificates.shared().ca_pem.decode())
        context.maximum_version = ssl.TLSVersion.TLSv1_2

        class Adapter(PacAdapter):
            def init_poolmanager(self, *args, **kwargs):
                super().init_poolmanager(*args, **kwargs, ssl_context=context)

            def proxy_manager_for(self, *args, **kwargs):
                return super().proxy_manager_for(*args, **kwargs, ssl_context=context)

        with requests.Session() as session:
            session.mount("https://", Adapter(proxy=proxy.url))
            response = session.get(tls_origin.url_for("origin.test"), timeout=5)
        assert response.json()["tls"]["version"] == "TLSv1.2"

    def test_add_headers_and_request_url(self, proxy, origin):
        """``add_headers()`` and ``request_url()`` are asked."""

        class Adapter(PacAdapter):
            def add_headers(self, request, **kwargs):
                request.headers["X-Added"] = str(sorted(kwargs))

            def request_url(self, request, proxies):
                return super().request_url(request, proxies) + "?asked"

        with requests.Session() as session:
            session.mount("http://", Adapter(proxy=proxy.url))
            seen = session.get(origin.url_for("origin.test", "/a"), timeout=5).json()
        assert dict(seen["headers"])["X-Added"] == "['cert', 'proxies', 'stream', 'timeout', 'verify']"
        assert seen["path"] == "/a?asked"

    def test_proxy_ssl_context(self, tls_proxy, url):
        """A subclass may bring the context for TLS to the proxy."""

        class Adapter(PacAdapter):
            def proxy_manager_for(self, proxy, **kwargs):
                return super().proxy_manager_for(
                    proxy, proxy_ssl_context=Certificates.shared().client_context(), **kwargs
                )

        with requests.Session() as session:
            adapter = Adapter(proxy=tls_proxy.url)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            assert session.get(url, verify=str(Certificates.shared().ca_path), timeout=5).status_code == 200

    def test_source_address_and_socket_options(self, route, tls_origin):
        """The options of urllib3's connections hold on the way to the proxy, or to the origin."""
        options = {"source_address": ("127.0.0.1", 0), "socket_options": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]}
        seen = []

        class Adapter(PacAdapter):
            def init_poolmanager(self, *args, **kwargs):
                super().init_poolmanager(*args, **kwargs, **options)

            def proxy_manager_for(self, *args, **kwargs):
                return super().proxy_manager_for(*args, **kwargs, **options)

            def build_response(self, request, response):
                sock = response._connection.sock
                while not isinstance(sock, socket.socket):
                    sock = sock.socket  # urllib3's TLS inside TLS
                seen.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
                return super().build_response(request, response)

        rule = FixedResolver(lambda _: [route])
        with requests.Session() as session:
            session.mount("https://", Adapter(rule))
            url = tls_origin.url_for(host_for(route))
            assert session.get(url, verify=str(Certificates.shared().ca_path), timeout=5).status_code == 200
        assert seen == [1]

    def test_plain_manager(self, proxy):
        """``proxy_manager_for()`` with a URL is that of requests."""
        with contextlib.closing(PacAdapter(proxy=DIRECT)) as adapter:
            assert type(adapter.proxy_manager_for(proxy.url)) is urllib3.ProxyManager


def test_allowed_family(new_session, proxy, url, monkeypatch):
    """The old trick to force IPv4 on urllib3 holds for the way to proxies too."""
    asked = []
    plain = socket.getaddrinfo

    def note(host, port, family=0, *args, **kwargs):
        asked.append(family)
        return plain(host, port, family, *args, **kwargs)

    monkeypatch.setattr(urllib3.util.connection, "allowed_gai_family", lambda: socket.AF_INET)
    monkeypatch.setattr(socket, "getaddrinfo", note)
    assert new_session(proxy).get(url, timeout=5).status_code == 200
    assert asked
    assert asked[0] == socket.AF_INET


def test_no_thread_is_left(new_session, proxy, url):
    """No lookup thread outlives a request."""
    session = new_session(ProxyServer("http", "localhost", proxy.port))
    assert session.get(url, timeout=5).status_code == 200
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pacaware-lookup")] == []
