"""What holds for all servers of pacaware.testing: loopback only, nothing left behind, names as promised."""

import contextlib
import gc
import importlib
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

import pacaware.testing
from pacaware.testing import (
    Certificates,
    ClosingProxy,
    Origin,
    PacServer,
    Proxy,
    SilentProxy,
    SlowProxy,
    SocksProxy,
)
from tests.testing.clients import dial, fetch, read_all, read_head

SERVERS = [Origin, lambda: PacServer("x"), Proxy, SocksProxy, SilentProxy, ClosingProxy, lambda: Proxy(tls=True)]


def test_exports():
    """__all__ is sorted, complete and documented."""
    names = pacaware.testing.__all__
    public = {name for name, value in vars(pacaware.testing).items() if not name.startswith("_") and callable(value)}
    assert names == sorted(names)
    assert set(names) == public
    for name in names:
        assert getattr(pacaware.testing, name).__doc__


def test_imports_without_the_extras():
    """The package needs neither pytest nor trustme nor h2 until one of them is asked for."""
    code = (
        "import sys, pacaware.testing; print(*sorted({'pytest', 'trustme', 'h2', 'cryptography'} & set(sys.modules)))"
    )
    path = str(importlib.resources.files(pacaware.testing).parent.parent)
    environ = {"PYTHONPATH": path, "SYSTEMROOT": "C:\\Windows"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=30)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("module", "make", "advice"),
    [
        ("trustme", Certificates, "pip install trustme"),
        ("h2.config", lambda: Origin(h2=True), "pip install h2"),
    ],
)
def test_missing_extra(monkeypatch, module, make, advice):
    """A missing package is named together with how to get it."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "pacaware.testing._h2", raising=False)
    with pytest.raises(ImportError, match=advice):
        make()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "localhost", "::"])
def test_loopback_only(host):
    """No server listens anywhere but on loopback, and names are not looked up."""
    with pytest.raises(ValueError, match="loopback"):
        Origin(host=host)


@pytest.mark.parametrize("make", SERVERS)
def test_nothing_left_behind(make):
    """Leaving the block ends connections in any state, joins every thread and closes every socket."""
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with make() as server:
            idle, half = dial(server), dial(server)
            half.sendall(b"GET / HTT")
            deadline = time.monotonic() + 5
            while server.connections < 2:
                assert time.monotonic() < deadline
            started = time.monotonic()
        assert time.monotonic() - started < 10
        for sock in (idle, half):
            with sock, contextlib.suppress(ConnectionResetError):
                assert read_all(sock)[:12] in (b"", b"HTTP/1.1 400")
        with pytest.raises(OSError):
            dial(server)
        gc.collect()
    assert set(threading.enumerate()) <= before


def test_close_ends_a_wait(origin):
    """A server that is in the middle of a delay or a tunnel closes at once."""
    started = time.monotonic()
    with (
        SlowProxy(60) as slow,
        Proxy() as proxy,
        PacServer("long", drip=60) as pac,
        dial(slow) as waiting,
        dial(proxy) as tunnel,
        dial(pac) as dripping,
    ):
        dripping.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_head(dripping).startswith(b"HTTP/1.1 200 ")
        waiting.sendall(b"GET http://origin.test/ HTTP/1.1\r\nHost: a\r\n\r\n")
        tunnel.sendall(f"CONNECT origin.test:{origin.port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        proxy.wait_for_requests(1)
    assert time.monotonic() - started < 20


def test_close_twice_and_start_twice():
    """Closing again does nothing; starting again is an error."""
    origin = Origin()
    origin.close()
    with origin:
        origin.close()
        with pytest.raises(RuntimeError, match="only once"):
            origin.start()


def test_idle_connections_end():
    """A connection that says nothing for ``timeout`` seconds is closed."""
    with Origin(timeout=0.1) as origin, dial(origin) as sock:
        assert sock.recv(1) == b""


def test_many_at_once(proxy, origin):
    """Many clients at once are all served and all logged."""
    url = origin.url_for("origin.test")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: fetch(proxy, "GET", f"{url}{number}")[0], range(60)))
    assert answers == [200] * 60
    assert {seen.target for seen in proxy.requests} == {f"{url}{number}" for number in range(60)}
    assert sorted(seen.connection for seen in proxy.requests) == list(range(1, 61))


def test_garbage_from_a_client(origin):
    """A client that does not speak the protocol gets 400 and loses its connection, nobody else theirs."""
    for data in (b"\x16\x03\x01\x02\x00", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        with dial(origin) as sock:
            sock.sendall(data)
            assert read_all(sock).startswith(b"HTTP/1.1 400 ")
    assert fetch(origin, "GET", "/")[0] == 200


def test_certificates(certificates):
    """One authority a process, its files readable as verify= and cert= want them; others are strangers."""
    assert certificates is Certificates.shared()
    assert certificates.ca_path.read_bytes() == certificates.ca_pem
    assert b"BEGIN CERTIFICATE" in certificates.ca_pem
    assert b"PRIVATE KEY" in certificates.client_path.read_bytes()
    assert b"PRIVATE KEY" in certificates.server_pem
    assert Certificates().ca_pem != certificates.ca_pem
