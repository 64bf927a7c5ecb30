"""pacaware.testing.SocksProxy, against socksio's idea of the protocol and raw bytes."""

import contextlib
import ipaddress

import pytest

from pacaware.testing import SocksProxy
from tests.testing.clients import dial, read_all, read_exactly, read_head


def socks4(sock, host, port, user=b"", command=1):
    """Ask by SOCKS4, or 4a for a name; return the answer's code."""
    try:
        address, name = ipaddress.IPv4Address(host).packed, b""
    except ValueError:
        address, name = b"\0\0\0\1", host.encode() + b"\0"
    sock.sendall(bytes((4, command)) + port.to_bytes(2, "big") + address + user + b"\0" + name)
    answer = read_exactly(sock, 8)
    assert answer[0] == 0
    return answer[1]


def greet5(sock, methods=(0,), user=None, password=None):
    """Agree on a method; return it and whether the logon was accepted."""
    sock.sendall(bytes((5, len(methods), *methods)))
    version, method = read_exactly(sock, 2)
    assert version == 5
    if method != 2:
        return method, None
    sock.sendall(b"\1" + bytes((len(user),)) + user + bytes((len(password),)) + password)
    return method, read_exactly(sock, 2)


def socks5(sock, kind, address, port, command=1):
    """Ask by SOCKS5; return the answer's code."""
    sock.sendall(bytes((5, command, 0, kind)) + address + port.to_bytes(2, "big"))
    return read_exactly(sock, 10)[1]


def name5(host):
    """A name as an address of type 3."""
    return bytes((len(host),)) + host.encode()


def assert_tunnel(sock):
    """The origin answers through the socket."""
    sock.sendall(b"GET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert read_head(sock).startswith(b"HTTP/1.1 200 ")
    assert read_exactly(sock, 3) == b"\x00\x01\x02"


@pytest.mark.parametrize(("host", "kind"), [("127.0.0.1", "ipv4"), ("origin.test", "name")])
def test_socks4(socks4_proxy, origin, host, kind):
    """Version 4 takes an address, 4a a name; the log has what was sent."""
    with dial(socks4_proxy) as sock:
        assert socks4(sock, host, origin.port, b"me") == 0x5A
        assert_tunnel(sock)
    (seen,) = socks4_proxy.requests
    assert (seen.version, seen.command, seen.host, seen.host_type) == (4, 1, host, kind)
    assert (seen.port, seen.user, seen.reply) == (origin.port, "me", 0x5A)
    assert socks4_proxy.pac_text == f"SOCKS 127.0.0.1:{socks4_proxy.port}"


def test_socks4_users(origin):
    """With users only their ids pass, the rest is told 0x5D."""
    with SocksProxy(4, users={"me": ""}) as proxy:
        with dial(proxy) as sock:
            assert socks4(sock, "127.0.0.1", origin.port, b"you") == 0x5D
        with dial(proxy) as sock:
            assert socks4(sock, "127.0.0.1", origin.port, b"me") == 0x5A


@pytest.mark.parametrize(
    ("kind", "address", "host", "host_type"),
    [(1, b"\x7f\0\0\1", "127.0.0.1", "ipv4"), (3, name5("origin.test"), "origin.test", "name")],
)
def test_socks5(socks5_proxy, origin, kind, address, host, host_type):
    """Version 5 without logon takes addresses and names."""
    with dial(socks5_proxy) as sock:
        assert greet5(sock, (0, 2)) == (0, None)
        assert socks5(sock, kind, address, origin.port) == 0
        assert_tunnel(sock)
    (seen,) = socks5_proxy.requests
    assert (seen.version, seen.host, seen.host_type, seen.port) == (5, host, host_type, origin.port)
    assert (seen.user, seen.methods, seen.reply) == (None, (0, 2), 0)
    assert socks5_proxy.url.startswith("socks5://127.0.0.1:")


def test_socks5_ipv6_address(socks5_proxy, origin):
    """An IPv6 address is read; where the origin does not listen there, the code says unreachable."""
    with dial(socks5_proxy) as sock:
        greet5(sock)
        assert socks5(sock, 4, ipaddress.IPv6Address("::1").packed, origin.port) == 5
    assert (socks5_proxy.requests[0].host, socks5_proxy.requests[0].host_type) == ("::1", "ipv6")


def test_socks5_logon(socks5_auth_proxy, origin):
    """With users the method must be 2 and the pair right."""
    with dial(socks5_auth_proxy) as sock:
        assert greet5(sock, (0, 2), b"alice", b"s3cret") == (2, b"\1\0")
        assert socks5(sock, 3, name5("origin.test"), origin.port) == 0
        assert_tunnel(sock)
    with dial(socks5_auth_proxy) as sock:
        assert greet5(sock, (2,), b"alice", b"wrong") == (2, b"\1\1")
        assert sock.recv(1) == b""
    with dial(socks5_auth_proxy) as sock:
        assert greet5(sock, (0,)) == (0xFF, None)
    assert [(seen.user, seen.reply) for seen in socks5_auth_proxy.requests] == [
        ("alice", 0),
        ("alice", 1),
        (None, 0xFF),
    ]


def test_refuse(origin):
    """refuse= answers every request with that code, in the version's form."""
    with SocksProxy(5, refuse=4) as proxy, dial(proxy) as sock:
        greet5(sock)
        assert socks5(sock, 3, name5("origin.test"), origin.port) == 4
    with SocksProxy(4, refuse=0x5C) as proxy, dial(proxy) as sock:
        assert socks4(sock, "origin.test", origin.port) == 0x5C


@pytest.mark.parametrize(
    ("host", "command", "code"), [("example.com", 1, 2), ("origin.test", 2, 7), ("origin.test", 3, 7)]
)
def test_not_done(socks5_proxy, origin, host, command, code):
    """Names outside the test are not allowed; BIND and UDP are not supported."""
    with dial(socks5_proxy) as sock:
        greet5(sock)
        assert socks5(sock, 3, name5(host), origin.port, command) == code


def test_unknown_address_type(socks5_proxy):
    """What is no address type ends the connection."""
    with dial(socks5_proxy) as sock:
        greet5(sock)
        sock.sendall(b"\5\1\0\x09")
        assert sock.recv(1) == b""


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\5"])
def test_broken(data):
    """broken= says something else, or nothing, and closes."""
    with SocksProxy(broken=data) as proxy, dial(proxy) as sock:
        sock.sendall(b"\5\1\0")
        assert read_all(sock) == data
    assert proxy.requests == ()


def test_byte_by_byte(origin):
    """Answers in pieces of one byte are still right."""
    with SocksProxy(5, users={"a": "b"}, byte_by_byte=True) as proxy, dial(proxy) as sock:
        sock.sendall(b"\5\1\2")
        assert read_exactly(sock, 2) == b"\5\2"  # pieces may meet again on their way
        sock.sendall(b"\1\1a\1b")
        assert read_exactly(sock, 2) == b"\1\0"
        assert socks5(sock, 3, name5("origin.test"), origin.port) == 0
        assert_tunnel(sock)


def test_delay():
    """Before a delay is over nothing is answered."""
    with SocksProxy(delay=30) as proxy, dial(proxy) as sock:
        sock.sendall(b"\5\1\0")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\4\1\0\x50\x7f\0\0\1\0"])
def test_other_protocols(socks5_proxy, data):
    """A client of another protocol or version is hung up on."""
    with dial(socks5_proxy) as sock:
        sock.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""
    assert socks5_proxy.requests == ()
