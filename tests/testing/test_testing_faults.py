"""The proxies of pacaware.testing that fail, each in its one way."""

import contextlib
import http.client
import socket
import sys

import pytest

from pacaware.testing import (
    BlackHole,
    ClosingProxy,
    GarbageProxy,
    HalfAnswerProxy,
    HugeHeadersProxy,
    RefusingProxy,
    SilentProxy,
    dead_port,
)
from tests.testing.clients import TIMEOUT, dial, fetch, read_all

FORWARD = b"POST http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 4\r\n\r\nbody"
CONNECT = b"CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n"
both = pytest.mark.parametrize("request_bytes", [FORWARD, CONNECT], ids=["forward", "connect"])


def ask(server, data):
    """Send and read to the end."""
    with dial(server) as sock:
        sock.sendall(data)
        return read_all(sock)


def test_dead_proxy(dead_proxy):
    """A dead proxy refuses connections, and nobody else can take its port."""
    with pytest.raises(ConnectionRefusedError):
        dial(dead_proxy)
    with socket.socket() as other, pytest.raises(OSError):
        other.bind((dead_proxy.host, dead_proxy.port))
    assert dead_proxy.pac_text == f"PROXY 127.0.0.1:{dead_proxy.port}"


def test_dead_port():
    """dead_port is its port alone."""
    with dead_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), TIMEOUT)


def test_black_hole(black_hole):
    """A black hole takes connections and bytes and never says anything."""
    with dial(black_hole) as sock:
        sock.sendall(FORWARD)
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops connections over the backlog")
def test_black_hole_without_connecting():
    """With connects=False even connecting hangs, for many clients at once."""
    with BlackHole(connects=False) as hole, contextlib.ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                sock.connect((hole.host, hole.port))


def test_silent_proxy():
    """A silent proxy reads what comes and never answers."""
    with SilentProxy() as proxy, dial(proxy) as sock:
        sock.sendall(FORWARD)
        assert FORWARD.startswith(proxy.wait_for_data())
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert proxy.received == FORWARD


@both
def test_closing_proxy(request_bytes):
    """A closing proxy swallows the whole request and says nothing; the log has what it swallowed."""
    with ClosingProxy() as proxy:
        assert ask(proxy, request_bytes) == b""
        (seen,) = proxy.requests
    assert seen.method.encode() == request_bytes.split()[0]
    assert (seen.status, seen.body_length) == (None, 4 if request_bytes is FORWARD else 0)


def test_closing_proxy_reset():
    """With reset the end is a TCP reset."""
    with ClosingProxy(reset=True) as proxy, pytest.raises(ConnectionResetError):
        ask(proxy, FORWARD)


@both
def test_garbage_proxy(request_bytes):
    """A garbage proxy answers with its bytes."""
    with GarbageProxy(b"\x15\x03\x01") as proxy:
        assert ask(proxy, request_bytes) == b"\x15\x03\x01"
        assert len(proxy.requests) == 1


def test_half_answer_proxy():
    """Half an answer ends inside the head of CONNECT and inside the body of anything else."""
    with HalfAnswerProxy() as proxy:
        with pytest.raises(http.client.IncompleteRead):
            fetch(proxy, "GET", "http://origin.test/")
        assert ask(proxy, CONNECT) == b"HTTP/1.1 200 Conn"


@both
def test_huge_headers_proxy(request_bytes):
    """A head of at least so many bytes; a client may leave in the middle."""
    with HugeHeadersProxy(300_000) as proxy:
        assert len(ask(proxy, request_bytes)) >= 300_000
        with dial(proxy) as sock:
            sock.sendall(request_bytes)
            assert sock.recv(10)


@pytest.mark.parametrize("method", ["GET", "HEAD", "CONNECT"])
def test_refusing_proxy(method):
    """Every request gets the one status, with headers and body, on a connection that stays."""
    with RefusingProxy(503, {"Retry-After": "9"}, b"maintenance") as proxy:
        connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=TIMEOUT)
        for _ in range(2):
            connection.request(method, "origin.test:443" if method == "CONNECT" else "http://origin.test/")
            response = connection.getresponse()
            body = response.read()
            assert (response.status, response.headers["Retry-After"]) == (503, "9")
            assert body == (b"" if method == "HEAD" else b"maintenance")
        connection.close()
        assert [(seen.connection, seen.status) for seen in proxy.requests] == [(1, 503), (1, 503)]


def test_faults_behind_tls(certificates):
    """Any of them may stand behind TLS."""
    with ClosingProxy(tls=True) as proxy, dial(proxy) as plain:
        with certificates.client_context().wrap_socket(plain, server_hostname="proxy.test") as sock:
            sock.sendall(CONNECT)
            assert sock.recv(1) == b""
        assert proxy.requests[0].target == "origin.test:443"
