"""Each real server does what its fixture says, seen with plain clients."""

import base64
import contextlib
import http.client
import json
import os
import socket
from pathlib import Path

import pytest

from tests.real import servers

pytestmark = pytest.mark.real

TIMEOUT = 10
HTTP_SERVERS = ["squid", "squid_basic", "squid_tls", "squid_tls_basic", "tinyproxy"]
AUTH_SERVERS = ["squid_basic", "squid_tls_basic", "tinyproxy"]


@pytest.fixture
def proxy(request):
    """The server that the parameter names."""
    return request.getfixturevalue(request.param)


def logon(user, password):
    """Return the field that logs on with Basic in UTF-8."""
    return {"Proxy-Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def logon_of(proxy):
    """Return the right logon, nothing where none is needed."""
    return logon(proxy.user, proxy.password) if proxy.users else {}


def client(proxy, certificates):
    """Return a connection to the proxy."""
    if proxy.scheme == "https":
        context = certificates.client_context()
        return http.client.HTTPSConnection(proxy.host, proxy.port, timeout=TIMEOUT, context=context)
    return http.client.HTTPConnection(proxy.host, proxy.port, timeout=TIMEOUT)


def forward(proxy, certificates, url, headers, method="GET", body=None):
    """Send one request through the proxy; return (status, headers, body)."""
    with contextlib.closing(client(proxy, certificates)) as connection:
        connection.request(method, url, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def tunnel(proxy, certificates, port, headers):
    """Send CONNECT; return the status, and what the origin answers if it was 200."""
    with contextlib.closing(client(proxy, certificates)) as connection:
        connection.connect()
        sock = connection.sock
        lines = [f"CONNECT {proxy.origin_host}:{port} HTTP/1.1", f"Host: {proxy.origin_host}:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        stream = sock.makefile("rb")
        status = int(stream.readline().split()[1])
        while stream.readline().strip():
            pass
        if status != 200:
            return status, None
        sock.sendall(b"GET /in-the-tunnel HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
        while stream.readline().strip():
            pass
        return status, json.loads(stream.read())


@pytest.mark.parametrize("proxy", HTTP_SERVERS, indirect=True)
def test_forward(proxy, certificates, origin):
    """A request in absolute form reaches the origin; the logon does not."""
    url = origin.url_for(proxy.origin_host, "/a?b=c")
    status, _, body = forward(proxy, certificates, url, logon_of(proxy), "POST", b"hello")
    assert status == 200, proxy.logs()
    seen = json.loads(body)
    assert (seen["method"], seen["path"], seen["body_length"]) == ("POST", "/a?b=c", 5)
    names = {name.lower() for name, _ in seen["headers"]}
    assert "via" in names
    assert "proxy-authorization" not in names


@pytest.mark.parametrize("proxy", HTTP_SERVERS, indirect=True)
def test_connect(proxy, certificates, origin):
    """CONNECT gives a tunnel to the origin."""
    status, seen = tunnel(proxy, certificates, origin.port, logon_of(proxy))
    assert status == 200, proxy.logs()
    assert seen["path"] == "/in-the-tunnel"


@pytest.mark.parametrize("proxy", AUTH_SERVERS, indirect=True)
def test_without_logon(proxy, certificates, origin):
    """Without a logon both kinds get 407 with a Basic challenge."""
    status, headers, _ = forward(proxy, certificates, origin.url_for(proxy.origin_host), {})
    assert status == 407
    assert headers["Proxy-Authenticate"].startswith("Basic realm=")
    assert tunnel(proxy, certificates, origin.port, {})[0] == 407
    assert origin.requests == ()


@pytest.mark.parametrize(
    ("proxy", "refusal"), [*((name, 407) for name in AUTH_SERVERS[:2]), ("tinyproxy", 401)], indirect=["proxy"]
)
def test_wrong_logon(proxy, refusal, certificates, origin):
    """A wrong password gets 407, at tinyproxy 401, by CONNECT too."""
    wrong = logon(proxy.user, "wrong")
    assert forward(proxy, certificates, origin.url_for(proxy.origin_host), wrong)[0] == refusal
    assert tunnel(proxy, certificates, origin.port, wrong)[0] == refusal
    assert origin.requests == ()


@pytest.mark.parametrize("proxy", ["squid_basic", "squid_tls_basic"], indirect=True)
def test_unusual_password(proxy, certificates, origin):
    """A password with a colon, a blank and a letter outside ASCII is accepted, in UTF-8."""
    headers = logon("bob", servers.USERS["bob"])
    assert forward(proxy, certificates, origin.url_for(proxy.origin_host), headers)[0] == 200, proxy.logs()
    assert tunnel(proxy, certificates, origin.port, headers)[0] == 200
    assert "bob" in proxy.access_log()


@pytest.mark.parametrize("proxy", ["squid"], indirect=True)
def test_trace(proxy, certificates):
    """Squid answers TRACE with Max-Forwards: 0 itself, and OPTIONS with 501."""
    url = "http://origin.test:1/"
    assert forward(proxy, certificates, url, {"Max-Forwards": "0"}, "TRACE")[0] == 200
    assert forward(proxy, certificates, url, {"Max-Forwards": "0"}, "OPTIONS")[0] == 501


def read_exactly(sock, count):
    """Read so many bytes."""
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, "the server closed"
        data += piece
    return data


def assert_reaches(sock, origin):
    """The origin answers through the socket."""
    sock.sendall(b"GET /bytes/3 HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
    data = b""
    while piece := sock.recv(4096):
        data += piece
    assert data.endswith(b"\x00\x01\x02")
    assert len(origin.requests) == 1


def dial(proxy):
    """Connect, with a timeout."""
    return socket.create_connection((proxy.host, proxy.port), TIMEOUT)


ADDRESSES = pytest.mark.parametrize(
    ("kind", "address"), [(1, b"\x7f\0\0\1"), (3, b"\x09localhost")], ids=["address", "name"]
)


@ADDRESSES
def test_dante_socks5(dante, origin, kind, address):
    """Dante connects by address and resolves names."""
    with dial(dante) as sock:
        sock.sendall(b"\5\1\0")
        assert read_exactly(sock, 2) == b"\5\0"
        sock.sendall(bytes((5, 1, 0, kind)) + address + origin.port.to_bytes(2, "big"))
        assert read_exactly(sock, 10)[:2] == b"\5\0", dante.logs()
        assert_reaches(sock, origin)
    assert dante.pac_text == f"SOCKS5 127.0.0.1:{dante.port}"


def test_dante_socks4(dante4, origin):
    """The same server speaks SOCKS4."""
    with dial(dante4) as sock:
        sock.sendall(b"\4\1" + origin.port.to_bytes(2, "big") + b"\x7f\0\0\1me\0")
        assert read_exactly(sock, 8)[:2] == b"\0\x5a", dante4.logs()
        assert_reaches(sock, origin)
    assert dante4.pac_text == f"SOCKS 127.0.0.1:{dante4.port}"


def test_dante_has_no_socks4a(dante4, origin):
    """A name by SOCKS4a is refused: dante takes it for the address 0.0.0.1."""
    with dial(dante4) as sock:
        sock.sendall(b"\4\1" + origin.port.to_bytes(2, "big") + b"\0\0\0\1me\0localhost\0")
        assert read_exactly(sock, 8)[:2] == b"\0\x5b"


def log_on(sock, user, password):
    """Do the logon of RFC 1929; return its status."""
    sock.sendall(b"\5\1\2")
    assert read_exactly(sock, 2) == b"\5\2"
    sock.sendall(b"\1" + bytes((len(user),)) + user.encode() + bytes((len(password),)) + password.encode())
    return read_exactly(sock, 2)[1]


@ADDRESSES
def test_dante_logon(dante_auth, origin, kind, address):
    """With the right password dante connects."""
    with dial(dante_auth) as sock:
        assert log_on(sock, dante_auth.user, dante_auth.password) == 0, dante_auth.logs()
        sock.sendall(bytes((5, 1, 0, kind)) + address + origin.port.to_bytes(2, "big"))
        assert read_exactly(sock, 10)[:2] == b"\5\0", dante_auth.logs()
        assert_reaches(sock, origin)


def test_dante_wrong_logon(dante_auth):
    """A wrong password is refused, and so is a client that offers none."""
    with dial(dante_auth) as sock:
        assert log_on(sock, dante_auth.user, "wrong") != 0
    with dial(dante_auth) as sock:
        sock.sendall(b"\5\1\0")
        assert read_exactly(sock, 2) == b"\5\xff"


@pytest.mark.parametrize("make", [servers.squid, servers.tinyproxy, servers.dante])
def test_stopped(make):
    """After the block the server is gone, its directory too."""
    with contextlib.suppress(servers.Missing), make() as proxy:
        assert proxy.folder.is_dir()
        with dial(proxy):
            pass
    if "proxy" not in locals():
        pytest.skip("not installed")
    assert not proxy.folder.exists()
    assert not list(Path("/dev/shm").glob(f"pacaware{proxy.port}-*"))
    with pytest.raises(ConnectionRefusedError):
        dial(proxy)


def test_missing_program(monkeypatch):
    """A missing program is named with its package; a server that dies is reported with what it wrote."""
    with pytest.raises(servers.Missing, match="apt-get install nothing-proxy"):
        servers.program("no-such-program", "nothing-proxy")
    with (
        servers.server_folder("x") as folder,
        pytest.raises(RuntimeError, match=r"exit status 3\)(.|\n)*broken"),
        servers.running(["sh", "-c", "echo broken; exit 3"], folder, lambda: False),
    ):
        pass


def test_missing_is_a_skip_or_a_failure(monkeypatch):
    """Where a server cannot run its tests are skipped with the reason, or fail if servers are required."""
    from tests.real.conftest import available

    monkeypatch.delenv("PACAWARE_REAL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get"), available():
        raise servers.Missing("apt-get install x")
    monkeypatch.setenv("PACAWARE_REAL", "required")
    with pytest.raises(pytest.fail.Exception, match="apt-get"), available():
        raise servers.Missing("apt-get install x")


def test_throw_away_user():
    """The system user exists within the block only."""
    if os.getuid() != 0:
        pytest.skip("only root may create users")
    with servers.system_user() as (name, _):
        assert f"{name}:" in Path("/etc/passwd").read_text()
    assert f"{name}:" not in Path("/etc/passwd").read_text()
