"""pacaware.testing.Proxy: a forward proxy that logs what it is asked."""

import hashlib
import http.client
import json
import socket
import ssl
import sys
import threading
import time

import pytest

from pacaware.testing import BlackHole, Certificates, GarbageProxy, Origin, Proxy, SlowProxy
from tests.testing.clients import TIMEOUT, basic, dial, fetch, read_all, read_exactly, read_head

ALICE = basic("alice", "s3cret")


def connect(proxy, authority, headers=None):
    """CONNECT; return the socket behind the proxy's answer and the head of it."""
    sock = dial(proxy)
    fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n".encode())
    try:
        return sock, read_head(sock)
    except BaseException:
        sock.close()
        raise


def test_forward(proxy, origin):
    """An absolute-form request reaches the origin under a name that only the proxy knows."""
    status, _, body = fetch(proxy, "POST", origin.url_for("origin.test", "/a?b=c"), b"hello", {"X-One": "1"})
    seen = json.loads(body)
    assert (status, seen["method"], seen["path"], seen["body_length"]) == (200, "POST", "/a?b=c", 5)
    assert ["Host", f"origin.test:{origin.port}"] in seen["headers"]
    assert ["X-One", "1"] in seen["headers"]
    assert ["Via", "1.1 pacaware-testing"] in seen["headers"]


def test_log(proxy, origin):
    """The log holds each request as it came, complete when the client has its answer."""
    url = origin.url_for("origin.test", "/status/404")
    fetch(proxy, "POST", url, b"hello", {"x-Case": "1"})
    (seen,) = proxy.requests
    assert (seen.connection, seen.method, seen.target, seen.version) == (1, "POST", url, "1.1")
    assert (seen.status, seen.body_length, seen.body_sha256) == (404, 5, hashlib.sha256(b"hello").hexdigest())
    assert ("x-Case", "1") in seen.headers
    assert (seen.authorization, seen.authorized) == (None, None)


def test_hop_by_hop(proxy, origin):
    """What is for the proxy ends at the proxy: fixed names, those in Connection, Proxy-Authorization, Upgrade."""
    headers = {
        "Connection": "X-Listed, Upgrade",
        "X-Listed": "1",
        "Proxy-Connection": "keep-alive",
        "Upgrade": "websocket",
        "TE": "trailers",
        "X-End": "1",
        **ALICE,
    }
    status, _, body = fetch(proxy, "GET", origin.url_for("origin.test"), headers=headers)
    names = {name.lower() for name, _ in json.loads(body)["headers"]}
    assert status == 200
    assert names == {"host", "accept-encoding", "x-end", "via", "connection"}


@pytest.mark.parametrize("path", ["/bytes/100000", "/chunked/100000"])
def test_bodies_both_ways(proxy, origin, path):
    """Large bodies pass unchanged in both directions, with a length and without."""
    sent = b"x" * 300_000
    _, _, body = fetch(proxy, "POST", origin.url_for("origin.test", path), iter([sent]), encode_chunked=True)
    assert body == (bytes(range(256)) * 400)[:100_000]
    assert origin.requests[0].body_length == len(sent)
    assert proxy.requests[0].body_sha256 == hashlib.sha256(sent).hexdigest()


def test_request_body_is_streamed(proxy):
    """The origin has the start of a body before the client has sent its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener, dial(proxy) as sock:
        listener.settimeout(TIMEOUT)
        target = f"http://origin.test:{listener.getsockname()[1]}/"
        sock.sendall(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc".encode())
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            read_head(accepted)
            assert read_exactly(accepted, 3) == b"abc"
            sock.sendall(b"def")
            assert read_exactly(accepted, 3) == b"def"
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            assert read_head(sock).startswith(b"HTTP/1.1 200 OK\r\n")
            assert read_exactly(sock, 2) == b"ab"
            accepted.sendall(b"cd")
            assert read_exactly(sock, 2) == b"cd"


def test_head_and_empty_answers(proxy, origin):
    """HEAD, 204 and 304 have no body and keep the connection."""
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=TIMEOUT)
    for method, path, status in [("HEAD", "/bytes/9", 200), ("GET", "/status/204", 204), ("GET", "/status/304", 304)]:
        connection.request(method, origin.url_for("origin.test", path))
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
    connection.close()
    assert [seen.connection for seen in proxy.requests] == [1, 1, 1]


def test_connect(proxy, tls_origin, certificates):
    """CONNECT gives a tunnel in which TLS with the origin works."""
    authority = f"origin.test:{tls_origin.port}"
    sock, head = connect(proxy, authority)
    assert head.startswith(b"HTTP/1.1 200 Connection established\r\n")
    with certificates.client_context().wrap_socket(sock, server_hostname="origin.test") as tunnel:
        tunnel.sendall(b"GET /bytes/500000 HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
        read_head(tunnel)
        assert len(read_all(tunnel)) == 500_000
    (seen,) = proxy.requests
    assert (seen.method, seen.target, seen.status) == ("CONNECT", authority, 200)


def test_connect_full_duplex(proxy, origin):
    """A tunnel moves bytes both ways at once: neither side has to wait for the other to read."""
    sent = b"0123456789" * 500_000
    sock, _ = connect(proxy, f"origin.test:{origin.port}")
    with sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        read_head(sock)
        writer = threading.Thread(target=sock.sendall, args=(sent,))
        writer.start()
        assert read_exactly(sock, len(sent)) == sent
        writer.join(TIMEOUT)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://example.com/", 403),
        ("http://192.0.2.1/", 403),
        ("http://nowhere.invalid/", 403),
        ("https://origin.test/", 501),
        ("/just/a/path", 400),
        ("ftp://origin.test/", 400),
        ("http://origin.test:0/", 400),
    ],
)
def test_refused_targets(proxy, target, status):
    """Only http and only loopback are contacted; the rest is refused with a status that says why."""
    assert fetch(proxy, "GET", target)[0] == status
    assert proxy.requests[0].status == status


@pytest.mark.parametrize(
    ("authority", "status"),
    [
        ("example.com:443", 403),
        ("[2001:db8::1]:443", 403),
        ("origin.test", 400),
        ("origin.test:x", 400),
        ("a b:1", 400),
    ],
)
def test_refused_connect(proxy, authority, status):
    """CONNECT holds to the same rules."""
    sock, head = connect(proxy, authority)
    sock.close()
    assert int(head.split()[1]) == status


def test_unreachable_origin(proxy, dead_proxy):
    """An origin that refuses the connection is a 502, by CONNECT too."""
    assert fetch(proxy, "GET", f"http://origin.test:{dead_proxy.port}/")[0] == 502
    sock, head = connect(proxy, f"origin.test:{dead_proxy.port}")
    sock.close()
    assert head.startswith(b"HTTP/1.1 502 ")


def test_hosts(origin):
    """hosts= says which names exist; values outside loopback are not accepted."""
    with Proxy(hosts={"known.example": "127.0.0.1"}) as proxy:
        assert fetch(proxy, "GET", origin.url_for("KNOWN.example"))[0] == 200
        assert fetch(proxy, "GET", origin.url_for("origin.test"))[0] == 403
    with pytest.raises(ValueError, match="loopback"):
        Proxy(hosts={"known.example": "192.0.2.1"})


def test_requests_per_connection(origin):
    """After so many answers the connection ends without notice."""
    with Proxy(requests_per_connection=2) as proxy, dial(proxy) as sock:
        for _ in range(2):
            sock.sendall(f"HEAD {origin.url_for('origin.test')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert b"close" not in read_head(sock)
        assert sock.recv(1) == b""


def test_http10(origin):
    """An HTTP/1.0 proxy says so and closes after each answer; its tunnels work."""
    with Proxy(http10=True) as proxy:
        with dial(proxy) as sock:
            sock.sendall(f"GET {origin.url_for('origin.test', '/chunked/3')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = read_all(sock)
        sock, head = connect(proxy, f"origin.test:{origin.port}")
        with sock:
            assert head.startswith(b"HTTP/1.0 200 ")
            sock.sendall(b"GET /bytes/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert read_all(sock).endswith(b"\x00\x01\x02")
    assert answer.startswith(b"HTTP/1.0 200 ")
    assert b"Connection: close\r\n" in answer


def test_tls_proxy(tls_proxy, tls_origin, origin, certificates):
    """A proxy behind TLS forwards, and tunnels TLS in TLS, closing in order."""
    context = certificates.client_context()
    connection = http.client.HTTPSConnection(tls_proxy.host, tls_proxy.port, timeout=TIMEOUT, context=context)
    connection.request("GET", origin.url_for("origin.test", "/bytes/3"))
    assert connection.getresponse().read() == b"\x00\x01\x02"
    connection.close()
    assert tls_proxy.pac_text == f"HTTPS {tls_proxy.netloc}"
    with dial(tls_proxy) as plain, context.wrap_socket(plain, server_hostname="proxy.test") as outer:
        outer.sendall(f"CONNECT origin.test:{tls_origin.port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert read_head(outer).startswith(b"HTTP/1.1 200 ")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = context.wrap_bio(incoming, outgoing, server_hostname="origin.test")

        def run(step, *arguments):
            while True:
                try:
                    result = step(*arguments)
                except ssl.SSLWantReadError:
                    outer.sendall(outgoing.read())
                    incoming.write(outer.recv(65536))
                else:
                    outer.sendall(outgoing.read())
                    return result

        run(inner.do_handshake)
        run(inner.write, b"GET /bytes/100000 HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < 100_000:
            received += run(inner.read, 65536)
    assert received.startswith(b"HTTP/1.1 200 ")


def test_tls_proxy_says_goodbye(tls_proxy, origin, certificates):
    """The end of a tunnel reaches the client as the end of TLS, not as a cut connection."""
    context = certificates.client_context()
    with (
        dial(tls_proxy) as plain,
        context.wrap_socket(plain, server_hostname="proxy.test", suppress_ragged_eofs=False) as sock,
    ):
        sock.sendall(f"CONNECT origin.test:{origin.port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        read_head(sock)
        sock.sendall(b"GET /bytes/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(sock).endswith(b"\x00\x01\x02")


def test_slow_proxy(origin):
    """A slow proxy answers late, and rightly."""
    with SlowProxy(0.3) as proxy:
        with dial(proxy) as sock:
            sock.sendall(f"GET {origin.url_for('origin.test')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        assert fetch(proxy, "GET", origin.url_for("origin.test"))[0] == 200


def test_via(origin):
    """via= tells proxies apart at the origin."""
    with Proxy(via="second") as proxy:
        fetch(proxy, "GET", origin.url_for("origin.test"))
    assert origin.requests[0].header("Via") == "1.1 second"


def test_addresses(proxy):
    """A proxy knows its address in each spelling."""
    assert proxy.url == f"http://127.0.0.1:{proxy.port}"
    assert proxy.pac_text == f"PROXY 127.0.0.1:{proxy.port}"
    assert str(proxy.server) == proxy.url


def test_early_answer_of_the_origin(proxy):
    """An origin that answers before the body has come is heard all the same."""

    def answer_and_close():
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            read_head(accepted)
            accepted.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            accepted.shutdown(socket.SHUT_WR)
            read_all(accepted)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = threading.Thread(target=answer_and_close)
        thread.start()
        status, _, _ = fetch(proxy, "POST", f"http://origin.test:{listener.getsockname()[1]}/", b"x" * 100_000)
        thread.join(TIMEOUT)
    assert status == 413


def test_client_that_leaves(proxy, origin):
    """A client that leaves inside its body ends the request at the origin too."""
    idle = threading.active_count()
    deadline = time.monotonic() + TIMEOUT
    url = origin.url_for("origin.test")
    with dial(proxy) as sock:
        sock.sendall(f"POST {url} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc".encode())
        while origin.connections < 1:
            assert time.monotonic() < deadline
    while threading.active_count() > idle:
        assert time.monotonic() < deadline, "the request is still being waited for"
    assert origin.requests == proxy.requests == ()


def test_origin_that_stops_listening(proxy):
    """An origin that closes in the middle of a large body is a 502 once the client has said all."""
    with socket.create_server(("127.0.0.1", 0)) as listener, dial(proxy) as sock:
        listener.settimeout(TIMEOUT)
        target = f"http://origin.test:{listener.getsockname()[1]}/"
        sock.sendall(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n".encode())
        accepted, _ = listener.accept()
        accepted.close()
        sock.sendall(bytes(20_000_000))
        assert read_head(sock).startswith(b"HTTP/1.1 502 ")
    assert proxy.requests[0].body_length == 20_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops connections over the backlog")
def test_origin_out_of_reach():
    """An origin that does not answer at all is a 504 after the proxy's timeout."""
    with BlackHole(connects=False) as hole, Proxy(timeout=0.2) as proxy, dial(proxy) as sock:
        sock.sendall(f"GET http://origin.test:{hole.port}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert read_head(sock).startswith(b"HTTP/1.1 504 ")


def test_idle_tunnel_ends(origin):
    """A tunnel without a byte for ``timeout`` seconds is closed."""
    with Proxy(timeout=0.2) as proxy:
        sock, _ = connect(proxy, f"origin.test:{origin.port}")
        with sock:
            assert sock.recv(1) == b""


def test_garbage_origin(proxy):
    """An origin that does not speak HTTP is a 502."""
    with GarbageProxy() as garbage:
        assert fetch(proxy, "GET", f"http://origin.test:{garbage.port}/")[0] == 502


def test_ipv6_target(proxy):
    """An IPv6 loopback target may be named in brackets."""
    try:
        origin = Origin(host="::1").start()
    except OSError as exc:
        pytest.skip(f"no IPv6 on loopback: {exc}")
    try:
        assert fetch(proxy, "GET", f"{origin.url}/")[0] == 200
    finally:
        origin.close()


def test_interception(tls_origin):
    """With ``intercept`` the client sees a certificate of that authority, and what it sends reaches the origin."""
    company = Certificates()
    with Proxy(intercept=company) as proxy:
        sock, head = connect(proxy, f"origin.test:{tls_origin.port}")
        assert head.startswith(b"HTTP/1.1 200 ")
        with company.client_context().wrap_socket(sock, server_hostname="origin.test") as tls:
            assert tls.getpeercert(binary_form=True) == company.server_der
            tls.sendall(b"GET /inside HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
            assert b'"path": "/inside"' in read_all(tls)
    assert [seen.target for seen in tls_origin.requests] == ["/inside"]


def test_interception_is_noticed(tls_origin):
    """A client that trusts the origin's authority only refuses the certificate, and the origin hears nothing."""
    with Proxy(intercept=Certificates()) as proxy:
        sock, _ = connect(proxy, f"origin.test:{tls_origin.port}")
        context = Certificates.shared().client_context()
        with sock, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(sock, server_hostname="origin.test")
    assert tls_origin.requests == ()


def test_no_interception_inside_tls():
    """TLS inside TLS is more than Python's sockets do on the side of a server."""
    with pytest.raises(ValueError, match="intercept"):
        Proxy(intercept=Certificates(), tls=True)
