"""pacaware.testing.Origin: it says what it received."""

import hashlib
import http.client
import json
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import pytest

from pacaware.testing import Origin
from tests.testing.clients import TIMEOUT, dial, fetch, fetch_json, read_exactly, read_head


def test_description(origin):
    """A request is described: method, path with query, header pairs, body, the client's port, version, connection."""
    status, headers, body = fetch(origin, "POST", "/a?b=c", b"hello", {"X-One": "1"})
    seen = json.loads(body)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert (seen["method"], seen["path"], seen["http_version"]) == ("POST", "/a?b=c", "1.1")
    assert (seen["body_length"], seen["body_sha256"]) == (5, hashlib.sha256(b"hello").hexdigest())
    assert ["X-One", "1"] in seen["headers"]
    assert seen["peer_port"] > 0
    assert (seen["connection"], seen["tls"]) == (1, None)


def test_log(origin):
    """The log holds the same as frozen records, complete when the client has its answer."""
    fetch(origin, "PUT", "/x", b"abc", {"X-Twice": "1"})
    fetch(origin, "GET", "/status/404")
    first, second = origin.requests
    assert (first.method, first.target, first.body_length, first.status) == ("PUT", "/x", 3, 200)
    assert first.header("x-twice") == "1"
    assert first.header("missing") is None
    assert (second.connection, second.status) == (2, 404)
    with pytest.raises(AttributeError):
        first.method = "GET"


def test_repr_shows_no_headers(origin):
    """A record's repr leaves the headers out, since they may hold a secret."""
    fetch(origin, "GET", "/", headers={"Authorization": "Basic c2VjcmV0"})
    assert "c2VjcmV0" not in repr(origin.requests)


def test_wait_for_requests(origin):
    """Waiting for more requests than come ends in TimeoutError, for those that came it returns them."""
    fetch(origin, "GET", "/")
    assert len(origin.wait_for_requests(1)) == 1
    with pytest.raises(TimeoutError, match="1 of 2"):
        origin.wait_for_requests(2, timeout=0.01)


def test_redirect(origin):
    """/redirect answers 302 to the URL given, or another status."""
    status, headers, _ = fetch(origin, "GET", "/redirect?to=http%3A%2F%2Fb.test%2Fx%3Fy%3D1")
    assert (status, headers["Location"]) == (302, "http://b.test/x?y=1")
    assert fetch(origin, "GET", "/redirect?to=/z&status=307")[0] == 307


@pytest.mark.parametrize("status", [200, 204, 304, 407, 418, 503, 599])
def test_status(origin, status):
    """/status/NNN answers that status."""
    assert fetch(origin, "GET", f"/status/{status}")[0] == status


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_bytes_and_chunked(origin, size):
    """/bytes/N says its length, /chunked/N does not; both have N bytes."""
    _, plain_headers, plain = fetch(origin, "GET", f"/bytes/{size}")
    _, chunked_headers, chunked = fetch(origin, "GET", f"/chunked/{size}")
    assert plain == chunked == (bytes(range(256)) * 300)[:size]
    assert plain_headers["Content-Length"] == str(size)
    assert chunked_headers["Transfer-Encoding"] == "chunked"


def test_slow(origin):
    """/slow keeps a client waiting that is in more of a hurry."""
    with dial(origin) as sock:
        sock.sendall(b"GET /slow?s=30 HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert fetch_json(origin, "/slow?s=0.01")["path"] == "/slow?s=0.01"


def test_chunked_request(origin):
    """A body without a length is read to its end."""
    _, _, body = fetch(origin, "POST", "/", iter([b"ab", b"cd", b"e"]), encode_chunked=True)
    seen = json.loads(body)
    assert (seen["body_length"], seen["body_sha256"]) == (5, hashlib.sha256(b"abcde").hexdigest())
    assert ["Transfer-Encoding", "chunked"] in seen["headers"]


def test_head(origin):
    """HEAD gets the length and no body."""
    status, headers, body = fetch(origin, "HEAD", "/bytes/10")
    assert (status, headers["Content-Length"], body) == (200, "10", b"")


def test_keep_alive(origin):
    """Requests of one connection share its number."""
    connection = http.client.HTTPConnection(origin.host, origin.port, timeout=TIMEOUT)
    for _ in range(3):
        connection.request("GET", "/")
        connection.getresponse().read()
    connection.close()
    fetch(origin, "GET", "/")
    assert [request.connection for request in origin.requests] == [1, 1, 1, 2]
    assert origin.connections == 2


def test_upgrade(origin):
    """Upgrade switches to an echo; a WebSocket client gets the accept value of RFC 6455, 1.3."""
    with dial(origin) as sock:
        sock.sendall(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly"
        )
        head = read_head(sock)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert read_exactly(sock, 5) == b"early"
        sock.sendall(b"late")
        assert read_exactly(sock, 4) == b"late"
    assert origin.requests[0].status == 101


def test_expect_continue(origin):
    """A client that waits for 100 Continue gets it."""
    with dial(origin) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert read_head(sock).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"ok")
        assert read_head(sock).startswith(b"HTTP/1.1 200 ")


def test_tls(tls_origin, certificates):
    """With TLS the certificate holds for origin.test, and the description says what was agreed."""
    with dial(tls_origin) as plain:
        sock = certificates.client_context().wrap_socket(plain, server_hostname="origin.test")
        with sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
            response = http.client.HTTPResponse(sock)
            response.begin()
            described = json.loads(response.read())
    assert described["tls"] == {"version": "TLSv1.3", "alpn": None, "client": None}
    assert tls_origin.url.startswith("https://127.0.0.1:")
    assert tls_origin.url_for("origin.test", "/x") == f"https://origin.test:{tls_origin.port}/x"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "proxy.test", "origin.test", "a.origin.test"])
def test_certificate_names(tls_origin, certificates, name):
    """The shared certificate holds for each of these names."""
    with (
        dial(tls_origin) as plain,
        certificates.client_context().wrap_socket(plain, server_hostname=name) as sock,
    ):
        assert sock.version() == "TLSv1.3"


def test_untrusted(tls_origin):
    """Who does not trust the throw-away authority is told so by OpenSSL."""
    with dial(tls_origin) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="origin.test")


def test_client_certificate(certificates):
    """An origin may insist on a client's certificate, and says whose it was."""
    context = certificates.client_context(client_certificate=True)
    with Origin(tls=certificates.server_context(client_certificates=True)) as origin:
        connection = http.client.HTTPSConnection(origin.host, origin.port, timeout=TIMEOUT, context=context)
        connection.request("GET", "/")
        described = json.loads(connection.getresponse().read())
        connection.close()
    assert described["tls"]["client"] == "pacaware test client"


def test_ipv6():
    """host="::1" listens there."""
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        origin = Origin(host="::1").start()
    except OSError as exc:
        pytest.skip(f"no IPv6 on loopback: {exc}")
    try:
        assert fetch_json(origin, "/")["path"] == "/"
        assert origin.url == f"http://[::1]:{origin.port}"
    finally:
        origin.close()


def h2_get(sock, *targets):
    """Send GETs at once on one HTTP/2 connection; return {target: (headers, body)}."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    names = {}
    for target in targets:
        number = client.get_next_available_stream_id()
        names[number] = target
        client.send_headers(
            number,
            [(":method", "GET"), (":path", target), (":scheme", "https"), (":authority", "origin.test")],
            end_stream=True,
        )
    sock.sendall(client.data_to_send())
    answers = {target: [{}, b""] for target in targets}
    open_streams = set(names)
    while open_streams:
        data = sock.recv(65536)
        assert data, "the server closed"
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                answers[names[event.stream_id]][0] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                answers[names[event.stream_id]][1] += event.data
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                open_streams.discard(event.stream_id)
        sock.sendall(client.data_to_send())
    return answers


def test_http2_by_alpn(h2_origin, certificates):
    """With h2=True a client that offers h2 gets it, with bodies larger than the flow-control window."""
    context = certificates.client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with dial(h2_origin) as plain, context.wrap_socket(plain, server_hostname="origin.test") as sock:
        answers = h2_get(sock, "/a?b", "/bytes/200000", "/status/503")
    described = json.loads(answers["/a?b"][1])
    assert (described["http_version"], described["tls"]["alpn"]) == ("2", "h2")
    assert len(answers["/bytes/200000"][1]) == 200_000
    assert answers["/status/503"][0][":status"] == "503"
    assert [request.version for request in h2_origin.requests] == ["2", "2", "2"]


def test_http2_methods_and_streams(h2_origin, certificates):
    """POST is hashed, HEAD has no body, a reset stream is forgotten, and the connection lives on."""
    context = certificates.client_context()
    context.set_alpn_protocols(["h2"])
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    common = [(":scheme", "https"), (":authority", "origin.test"), (":path", "/bytes/100000")]
    client.send_headers(1, [(":method", "GET"), *common])
    client.reset_stream(1)
    client.send_headers(3, [(":method", "POST"), *common[:2], (":path", "/p")])
    client.send_data(3, b"hello", end_stream=True)
    client.send_headers(5, [(":method", "HEAD"), *common], end_stream=True)
    heads, bodies, ended = {}, {3: b"", 5: b""}, set()
    with dial(h2_origin) as plain, context.wrap_socket(plain, server_hostname="origin.test") as sock:
        sock.sendall(client.data_to_send())
        while ended != {3, 5}:
            for event in client.receive_data(sock.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    heads[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
        sock.sendall(bytes(9))  # DATA on stream 0 (RFC 9113, section 6.1)
        while sock.recv(65536):
            pass
    described = json.loads(bodies[3])
    assert (described["method"], described["body_length"]) == ("POST", 5)
    assert described["body_sha256"] == hashlib.sha256(b"hello").hexdigest()
    assert (heads[5]["content-length"], bodies[5]) == ("100000", b"")
    assert [request.method for request in h2_origin.requests] == ["POST", "HEAD"]


def test_http2_by_preface():
    """Without TLS the preface decides, and HTTP/1.1 is still spoken."""
    with Origin(h2=True) as origin:
        with dial(origin) as sock:
            assert json.loads(h2_get(sock, "/p")["/p"][1])["http_version"] == "2"
        assert fetch_json(origin, "/q")["http_version"] == "1.1"


def test_http2_origin_speaks_http11(h2_origin, certificates):
    """A client that does not offer h2 gets HTTP/1.1 from the same origin."""
    connection = http.client.HTTPSConnection(
        h2_origin.host, h2_origin.port, timeout=TIMEOUT, context=certificates.client_context()
    )
    connection.request("GET", "/")
    described = json.loads(connection.getresponse().read())
    connection.close()
    assert described["http_version"] == "1.1"
