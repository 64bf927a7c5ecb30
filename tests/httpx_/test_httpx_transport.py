"""What a program may rely on: limits, deadlines, extensions, streaming, redirects, closing."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pacaware._core import route
from pacaware._models import DIRECT, CachePolicy, ProxyConfig
from pacaware._resolver import ProxyResolver
from pacaware.errors import PacFetchError, PacScriptError
from pacaware.testing import BasicUsers, DeadProxy, Origin, PacServer, Proxy, SlowProxy, pac_returning
from tests.drivers import ListResolver
from tests.scenarios import LOGON, USERS, BlinkingProxy


@pytest.fixture
def proxies():
    """Two proxies without logon."""
    with Proxy() as one, Proxy() as two:
        yield one, two


def by_path(one, two):
    """Return a resolver that sends ``/1`` by the first proxy and the rest by the second."""
    return ListResolver("", choose=lambda url: one.pac_text if url.endswith("/1") else two.pac_text)


def test_one_forwarding_connection_serves_every_http_origin(driver, proxies, origins):
    """Requests one after the other use one connection to a proxy, whatever the origin."""
    with Origin() as other, driver.client(proxy=proxies[0].server) as client:
        for url in (origins["http"].url, other.url, origins["http"].url_for("a.test", "")):
            assert client.get(url + "/").status_code == 200
    assert proxies[0].connections == 1


def test_routes_to_one_origin_are_kept_apart(driver, proxies, origins):
    """A connection by one proxy is never used for a request that goes by another."""
    with driver.client(resolver=by_path(*proxies)) as client:
        for path in ("/1", "/2", "/1", "/2"):
            for scheme in ("http", "https"):
                assert client.get(origins[scheme].url + path).status_code == 200
    for proxy in proxies:
        assert [request.method for request in proxy.requests] == ["GET", "CONNECT", "GET"]
        assert proxy.connections == 2


def test_limits_hold_over_all_routes_together(driver, proxies, origins):
    """With one connection allowed, a request by another proxy waits for it, as long as the pool timeout says."""
    limits = driver.module.Limits(max_connections=1)
    timeout = driver.module.Timeout(10, pool=0.2)
    with driver.client(resolver=by_path(*proxies), limits=limits, timeout=timeout) as client:
        calls = [("GET", f"{origins['http'].url}/slow?s=0.6&to=/{number}", {}) for number in (1, 2)]
        outcomes = client.at_once(calls)
        names = sorted(type(outcome).__name__ for outcome in outcomes)
        assert names == ["PoolTimeout", "Response"]
        assert client.get(origins["http"].url + "/1").status_code == 200
        assert client.get(origins["http"].url + "/2").status_code == 200


def test_many_at_once_over_one_new_http2_connection(driver, proxies, origins):
    """Requests that wait together for a connection which fails each go on with the next candidate."""
    with DeadProxy() as dead:
        resolver = ListResolver(f"{dead.pac_text}; {proxies[0].pac_text}")
        with driver.client(resolver=resolver, http2=True) as client:
            answers = client.at_once([("GET", origins["https"].url + "/", {})] * 20)
    assert {getattr(answer, "http_version", answer) for answer in answers} == {"HTTP/2"}
    assert resolver.connected_to == [proxies[0].pac_text] * 20


@pytest.mark.parametrize("arguments", [{}, {"proxy": DIRECT}], ids=["decided", "forced"])
def test_an_unknown_scheme_is_what_httpx_says(driver, arguments: dict):
    """No proxy is asked about it."""
    with driver.client(**arguments) as client, pytest.raises(driver.module.UnsupportedProtocol):
        client.get("ftp://origin.test/")


def test_a_connection_that_is_given_up_while_in_use_ends_with_its_response(driver, origins):
    """A pool may close a connection that a request has just begun to use: the request does not break."""
    with SlowProxy(0.3) as proxy, driver.client(proxy=proxy.server) as client, ThreadPoolExecutor(1) as threads:
        url = origins["http"].url + "/bytes/100000"
        under_way = threads.submit(client.get, url)
        until = time.monotonic() + 5
        while proxy.connections == 0 and time.monotonic() < until:
            time.sleep(0.01)
        (connection,) = client.raw._transport._pool.connections
        client.call(connection.close if driver.is_sync else connection.aclose)
        assert len(under_way.result(5).content) == 100_000
        assert connection.is_closed()
        assert len(client.get(url).content) == 100_000
        assert proxy.connections == 2


def test_one_deadline_holds_over_all_legs_of_a_candidate(driver, origins):
    """A proxy whose two legs are each in time, but not together, has failed."""
    with SlowProxy(0.8, auth=BasicUsers(USERS)) as slow, Proxy() as live:
        resolver = ListResolver(f"{slow.pac_text}; {live.pac_text}")
        timeout = driver.module.Timeout(10, connect=1.2)
        with driver.client(resolver=resolver, proxy_auth=LOGON, timeout=timeout) as client:
            began = time.monotonic()
            assert client.get(origins["https"].url + "/").status_code == 200
            assert time.monotonic() - began < 8
    assert resolver.connected_to == [live.pac_text]


@pytest.mark.parametrize("hole", ["black hole", "black hole tls", "black hole socks", "drops packets"])
def test_a_black_hole_costs_no_more_than_the_timeout(driver, start, proxies, origins, hole: str):
    """A connect timeout of half a second with [black hole, live] is answered soon after that."""
    resolver = ListResolver(f"{start(hole).pac_text}; {proxies[0].pac_text}")
    with driver.client(resolver=resolver, timeout=driver.module.Timeout(10, connect=0.5)) as client:
        began = time.monotonic()
        assert client.get(origins["https"].url + "/").status_code == 200
        assert 0.4 < time.monotonic() - began < 5


def test_retries_go_around_the_whole_list(driver, origins):
    """``retries=`` tries every candidate again, in order; a refusal is not tried again."""
    starts = []

    class Counting(ListResolver):
        def start(self, decision):
            starts.append(str(decision.proxies))
            return super().start(decision)

    with (
        DeadProxy() as one,
        DeadProxy() as two,
        driver.client(resolver=Counting(f"{one.pac_text}; {two.pac_text}"), retries=2) as client,
        pytest.raises(driver.module.ConnectError),
    ):
        client.get(origins["http"].url + "/")
    assert starts == [f"{one.pac_text}; {two.pac_text}"] * 3
    starts.clear()
    with (
        Proxy(BasicUsers(USERS)) as proxy,
        driver.client(resolver=Counting(proxy.pac_text), retries=2, trust_env=False) as client,
        pytest.raises(driver.module.ProxyError),
    ):
        client.get(origins["https"].url + "/")
    assert starts == [proxy.pac_text]


def test_each_redirect_hop_is_chosen_for(driver, proxies, origins):
    """A redirect from http to https goes by the proxy of each hop's own URL."""
    one, two = proxies
    resolver = ListResolver("", choose=lambda url: one.pac_text if "redirect" in url else two.pac_text)
    target = origins["https"].url + "/2"
    with driver.client(resolver=resolver) as client:
        answer = client.get(f"{origins['http'].url}/redirect?to={target}", follow_redirects=True)
    assert str(answer.url) == target
    assert [request.method for request in one.requests] == ["GET"]
    assert [request.method for request in two.requests] == ["CONNECT"]
    assert str(answer.history[0].extensions["pacaware"].proxies) == one.pac_text
    assert str(answer.extensions["pacaware"].proxies) == two.pac_text


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
@pytest.mark.parametrize("path", ["bytes", "chunked"])
def test_response_bodies_arrive_whole(driver, proxies, origins, path: str, size: int):
    """Of any size, with and without a length, forwarded and through a tunnel."""
    with driver.client(proxy=proxies[0].server) as client:
        for scheme in ("http", "https"):
            assert len(client.get(f"{origins[scheme].url}/{path}/{size}").content) == size


def test_an_upgrade_to_an_http_origin_goes_by_connect(driver, proxies, origins):
    """A forwarding proxy drops the Upgrade header; a tunnel lets the origin switch protocols."""
    headers = {"Upgrade": "echo", "Connection": "upgrade"}
    with driver.client(proxy=proxies[0].server) as client:
        answer = client.get(origins["http"].url + "/", headers=headers)
    assert answer.status_code == 101
    assert "network_stream" in answer.extensions
    assert [request.method for request in proxies[0].requests] == ["CONNECT"]


def test_an_ipv6_origin_keeps_its_brackets(driver, proxies):
    """In the absolute target, in CONNECT and in the Host field."""
    with Origin(host="::1") as http, Origin(host="::1", tls=True) as https:
        with driver.client(proxy=proxies[0].server) as client:
            assert client.get(http.url + "/x").json()["path"] == "/x"
            assert client.get(https.url + "/x").json()["path"] == "/x"
        targets = [request.target for request in proxies[0].requests]
        assert targets == [f"http://[::1]:{http.port}/x", f"[::1]:{https.port}"]


def test_the_target_extension_is_honoured(driver, proxies, origins):
    """A request target that the URL cannot express reaches the origin, forwarded and through a tunnel."""
    with driver.client(proxy=proxies[0].server) as client:
        for scheme in ("http", "https"):
            answer = client.get(origins[scheme].url + "/", extensions={"target": b"/a//../b"})
            assert answer.json()["path"] == "/a//../b"


def test_the_trace_extension_sees_the_connection(driver, proxies, origins):
    """Events of the connection and of every leg reach the caller's function."""
    events: list[str] = []

    def note(name, info):
        events.append(name)

    async def anote(name, info):
        events.append(name)

    with driver.client(proxy=proxies[0].server) as client:
        for scheme in ("http", "https"):
            client.get(origins[scheme].url + "/", extensions={"trace": note if driver.is_sync else anote})
            assert "connection.connect_tcp.complete" in events
            assert "http11.send_request_headers.complete" in events
            events.clear()


def test_sni_hostname_is_honoured(driver, proxies, origins):
    """The certificate is checked for the name of the extension."""
    with driver.client(proxy=proxies[0].server) as client:
        assert client.get(origins["https"].url + "/", extensions={"sni_hostname": "origin.test"}).status_code == 200
        with pytest.raises(driver.module.ConnectError, match=r"(?i)certificate|hostname"):
            client.get(origins["https"].url_for("wrong.example.test", "/"))


def test_a_certificate_error_of_the_origin_is_not_a_route_failure(driver, proxies, origins):
    """The proxy did its work: no other candidate is tried."""
    one, two = proxies
    resolver = ListResolver(f"{one.pac_text}; {two.pac_text}")
    with driver.client(resolver=resolver, verify=True) as client, pytest.raises(driver.module.ConnectError) as caught:
        client.get(origins["https"].url + "/")
    assert "certificate" in str(caught.value).lower()
    assert resolver.connected_to == [one.pac_text]
    assert two.requests == ()


@pytest.mark.parametrize("by", ["proxy", "direct"])
def test_socket_options_and_local_address_reach_the_socket(driver, proxies, origins, by: str):
    """They hold for the connection to the proxy as for one to the origin."""
    arguments = {
        "proxy": proxies[0].server if by == "proxy" else DIRECT,
        "local_address": "127.0.0.1",
        "socket_options": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
    }
    with driver.client(**arguments) as client:
        answer = client.get(origins["http"].url + "/")
        stream = answer.extensions["network_stream"]
        assert stream.get_extra_info("client_addr")[0] == "127.0.0.1"
        assert stream.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_uds_uses_no_proxy(driver, tmp_path):
    """A Unix socket is asked directly, whatever the settings say."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(5)
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with driver.client(uds=path, resolver=ListResolver("PROXY 127.0.0.1:1")) as client:
            assert client.get("http://origin.test/").status_code == 204
        thread.join(5)


def test_a_transport_closes_what_it_made(driver, monkeypatch, origins):
    """A resolver that was given stays open, one that the transport made ends with it."""
    closed = []
    monkeypatch.setattr(ProxyResolver, "close", lambda self: closed.append(self))
    given = ProxyResolver(ProxyConfig())
    with driver.client(resolver=given) as client:
        assert client.get(origins["http"].url + "/").status_code == 200
    assert closed == []
    with driver.client(config=ProxyConfig()) as client:
        assert client.get(origins["http"].url + "/").status_code == 200
    assert len(closed) == 1
    assert closed[0] is not given


def test_a_pac_file_names_the_proxies(driver, origins):
    """The dead proxy of a PAC file is skipped, and asked for last from then on."""
    with (
        Proxy() as live,
        DeadProxy() as dead,
        PacServer(pac_returning(f"{dead.pac_text}; {live.pac_text}")) as pac,
        driver.client(pac_url=pac.url) as client,
    ):
        for scheme in ("http", "https"):
            answer = client.get(origins[scheme].url_for("origin.test"))
            assert answer.status_code == 200
            assert answer.extensions["pacaware"].source == "pac"
        assert answer.extensions["pacaware"].proxies[0] == live.server


def test_a_blip_does_not_stay_direct(driver, origins):
    """After one failure of a in ``PROXY a; DIRECT``, DIRECT is used only until the mark of a is over."""
    now, ways = [1000.0], []
    url = origins["https"].url_for("localhost")
    with BlinkingProxy() as proxy, PacServer(pac_returning(proxy.pac_text, "DIRECT")) as pac:
        config = ProxyConfig(pac_url=pac.url, bypass="<-loopback>")
        with ProxyResolver(config, cache=CachePolicy(bad_proxy_seconds=60)) as resolver:
            resolver._clock = lambda: now[0]
            for proxy.down, seconds in ((True, 0), (False, 30), (False, 31)):
                now[0] += seconds
                before = len(proxy.requests)
                with driver.client(resolver=resolver) as client:
                    assert client.get(url).status_code == 200
                ways.append("proxy" if len(proxy.requests) > before else "DIRECT")
    assert ways == ["DIRECT", "DIRECT", "proxy"]


def test_without_a_limit_every_candidate_but_the_last_has_one(driver, start, origins, monkeypatch):
    """With no timeout a black hole is left after ten seconds (here: less), and the last candidate may take its time."""
    monkeypatch.setattr(route, "_CANDIDATE_SECONDS", 0.3)
    hole, live = start("drops packets"), start("plain")
    slow = origins["http"].url_for("origin.test", "/slow?s=0.6")
    with driver.client(resolver=ListResolver(f"{hole.pac_text}; {live.pac_text}"), timeout=None) as client:
        assert client.get(slow).status_code == 200
    assert len(live.requests) == 1


def test_a_proxy_that_the_settings_wrongly_call_https(driver, origins):
    """The error says that it does not speak TLS."""
    with Proxy() as plain, driver.client(resolver=ListResolver(f"HTTPS {plain.netloc}")) as client:
        with pytest.raises(driver.module.ConnectError, match="does not speak TLS; is it an http:// proxy"):
            client.get(origins["http"].url_for("origin.test"))
        assert plain.requests == ()


def test_a_pac_server_that_is_too_slow_is_a_proxy_error(driver, origins, monkeypatch):
    """A PAC server that does not answer within 30 s (here: less) is a PacFetchError that says so."""
    monkeypatch.setattr("pacaware._pac.source._SECONDS", 0.3)
    with (
        PacServer(pac_returning("DIRECT"), delay=20) as pac,
        driver.client(pac_url=pac.url) as client,
        pytest.raises(driver.module.ProxyError, match=r"did not arrive within 0\.3 s") as caught,
    ):
        client.get(origins["http"].url_for("origin.test"))
    assert isinstance(caught.value.__cause__, PacFetchError)


@pytest.mark.parametrize(
    ("text", "status", "error", "says"),
    [
        ("gone", 404, PacFetchError, "404"),
        ("<html>log on here</html>", 200, PacFetchError, "HTML|FindProxyForURL"),
        ("function FindProxyForURL(u, h) {}" + " " * (1 << 20), 200, PacFetchError, "(?i)1 MiB|1048576|large"),
        ("function FindProxyForURL(u, h) {\n  return (;\n}", 200, PacScriptError, r"line 2, column 1[01]"),
        ("function FindProxyForURL(u, h) { throw new Error('oops'); }", 200, PacScriptError, "oops"),
        ("function FindProxyForURL(u, h) { return 7; }", 200, PacScriptError, "(?i)string|number"),
    ],
    ids=["not found", "HTML", "too large", "syntax error", "throws", "a number"],
)
def test_a_bad_pac_file_is_a_proxy_error(driver, origins, text: str, status: int, error: type, says: str):
    """The library's ProxyError, with the reason in its text and as its cause; nothing was sent."""
    with PacServer(text) as pac:
        pac.set(status=status)
        with driver.client(pac_url=pac.url) as client, pytest.raises(driver.module.ProxyError, match=says) as caught:
            client.get(origins["http"].url_for("origin.test"))
    assert isinstance(caught.value.__cause__, error)
    assert caught.value.request.url.host == "origin.test"
