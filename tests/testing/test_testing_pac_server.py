"""pacaware.testing.PacServer: PAC files under control."""

import http.client

import pytest

from pacaware.testing import PacServer, pac_returning
from tests.testing.clients import TIMEOUT, dial, fetch, read_head


def test_one_text():
    """One text is served under every path, by the type that PAC files have."""
    with PacServer("function FindProxyForURL(){}") as pac:
        assert pac.url == f"http://127.0.0.1:{pac.port}/proxy.pac"
        status, headers, body = fetch(pac, "GET", "/proxy.pac")
        assert (status, body) == (200, b"function FindProxyForURL(){}")
        assert headers["Content-Type"] == "application/x-ns-proxy-autoconfig"
        assert fetch(pac, "GET", "/wpad.dat?x=1")[2] == body


def test_several_texts():
    """A mapping serves each path its own text and 404 elsewhere."""
    with PacServer({"/a.pac": "A", "/b.pac": b"\xff"}) as pac:
        assert pac.url.endswith("/a.pac")
        assert fetch(pac, "GET", "/b.pac")[2] == b"\xff"
        assert fetch(pac, "GET", "/c.pac")[0] == 404
        assert [request.status for request in pac.requests] == [200, 404]


def test_shape():
    """Status, headers and content type are the caller's."""
    with PacServer("gone", status=503, headers={"Retry-After": "7"}, content_type=None) as pac:
        status, headers, body = fetch(pac, "GET", "/")
    assert (status, headers["Retry-After"], headers["Content-Type"], body) == (503, "7", None, b"gone")


def test_etag():
    """A known ETag gets 304 until the text changes."""
    with PacServer("one") as pac:
        etag = fetch(pac, "GET", "/")[1]["ETag"]
        assert fetch(pac, "GET", "/", headers={"If-None-Match": etag})[0] == 304
        pac.set("two")
        status, headers, body = fetch(pac, "GET", "/", headers={"If-None-Match": etag})
        assert (status, body) == (200, b"two")
        assert headers["ETag"] != etag


def test_no_etag():
    """etag=False leaves the field out."""
    with PacServer("one", etag=False) as pac:
        assert fetch(pac, "GET", "/")[1]["ETag"] is None


def test_set_keeps_the_rest():
    """set() changes what it is given and nothing else."""
    with PacServer({"/a": "A", "/b": "B"}, headers={"X-Kept": "1"}) as pac:
        pac.set("C", path="/b")
        pac.set(status=500)
        assert fetch(pac, "GET", "/a")[0::2] == (500, b"A")
        assert fetch(pac, "GET", "/b")[0::2] == (500, b"C")
        pac.set(status=200, headers={})
        assert fetch(pac, "GET", "/a")[1]["X-Kept"] is None


def test_delay():
    """Before a delay is over nothing is answered."""
    with PacServer("x", delay=30) as pac, dial(pac) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_drip():
    """A dripping body comes byte by byte, and the whole of it with patience."""
    with PacServer("xyz", drip=0.02) as pac:
        with dial(pac) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            read_head(sock)
            assert [sock.recv(100) for _ in range(3)] == [b"x", b"y", b"z"]
        assert fetch(pac, "GET", "/")[2] == b"xyz"


def test_tls(certificates):
    """A PAC server may be reached by TLS."""
    with PacServer("x", tls=True) as pac:
        connection = http.client.HTTPSConnection(
            pac.host, pac.port, timeout=TIMEOUT, context=certificates.client_context()
        )
        connection.request("GET", "/proxy.pac")
        assert connection.getresponse().read() == b"x"
        connection.close()
        assert pac.url.startswith("https://")


def test_fixture(pac_server):
    """The fixture answers DIRECT until it is told otherwise."""
    assert fetch(pac_server, "GET", "/proxy.pac")[2] == pac_returning("DIRECT").encode()
    assert 'return "PROXY a:1; DIRECT";' in pac_returning("PROXY a:1", "DIRECT")
