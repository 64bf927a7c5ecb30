"""Logging on at proxies: on CONNECT, around forwarded requests, and what never leaves."""

from __future__ import annotations

import io
import logging
import socket

import pytest
import requests

from pacaware._auth.store import ProxyAuth
from pacaware._core.actions import Reconnect
from pacaware._core.connect import ConnectHandshake
from pacaware._core.forward import BUFFER_LIMIT
from pacaware._models import DIRECT, ProxyServer
from pacaware._requests._dial import Deadline
from pacaware._requests._wiring import handshake
from pacaware.errors import ProxyAuthError
from pacaware.requests import PacAdapter, mount
from pacaware.testing import BasicUsers, ClosingProxy, Offer, Proxy, SocksProxy

LOGON = ("alice", "s3cret")


def schemes(proxy):
    """Return what the proxy saw of Proxy-Authorization, request by request."""
    return [seen.authorization for seen in proxy.requests]


def test_logon_is_remembered(new_session, auth_proxy, url):
    """After the first 407 every request, and every new connection, brings the logon along."""
    session = new_session(auth_proxy, proxy_auth=LOGON)
    for _ in range(3):
        assert session.get(url, headers={"Connection": "close"}).status_code == 200
    assert schemes(auth_proxy) == [None, "Basic", "Basic", "Basic"]


@pytest.mark.parametrize("password", ["pa:ss wörd", "%41@#/", "日本"])
def test_passwords_in_a_url(password, new_session, url):
    """A password in a proxy URL goes out at once, percent-decoded, in UTF-8."""
    quoted = requests.utils.quote(password, safe="")
    with Proxy(BasicUsers({"alice": password})) as proxy:
        session = new_session(lambda _: [DIRECT])
        proxies = {"all": f"http://alice:{quoted}@{proxy.netloc}"}
        assert [session.get(url, proxies=proxies).status_code for _ in range(2)] == [200, 200]
        assert set(schemes(proxy)) == {"Basic"}


def test_forced_proxy_with_password(new_session, auth_proxy, url):
    """``proxy="http://user:password@…"`` logs on at once."""
    session = new_session(proxy=f"http://alice:s3cret@{auth_proxy.netloc}")
    assert session.get(url).status_code == 200
    assert schemes(auth_proxy) == ["Basic"]


def test_wrong_password_tunnel(new_session, auth_proxy, tls_origin):
    """A rejected logon is requests' ProxyError with the old text, caused by our explanation."""
    session = new_session(auth_proxy, proxy_auth=("alice", "wrong"), max_retries=3)
    with pytest.raises(requests.exceptions.ProxyError, match="Tunnel connection failed: 407") as caught:
        session.get(tls_origin.url_for("origin.test"))
    assert isinstance(caught.value.__cause__, ProxyAuthError)
    assert "rejected the user or password that came from proxy_auth=" in str(caught.value.__cause__)
    assert caught.value.__notes__[-1] == f"pacaware: {caught.value.__cause__}"
    assert [seen.authorized for seen in auth_proxy.requests] == [False, False]  # asked, answered, and no retry


def test_wrong_password_forward(new_session, auth_proxy, origin, caplog):
    """Over plain http the 407 is the response, and the reason is logged."""
    with caplog.at_level(logging.WARNING, "pacaware"):
        response = new_session(auth_proxy, proxy_auth=("alice", "wrong")).get(origin.url_for("origin.test"))
    assert response.status_code == 407
    assert response.text == "The proxy asks for a logon.\n"
    [record] = caplog.records
    assert "rejected the user or password" in record.getMessage()
    assert "wrong" not in record.getMessage()


def test_no_credentials(new_session, auth_proxy, tls_origin):
    """Without credentials the error says where they can be given."""
    with pytest.raises(requests.exceptions.ProxyError) as caught:
        new_session(auth_proxy).get(tls_origin.url_for("origin.test"))
    assert "no credentials were found" in str(caught.value.__cause__)


def test_a_proxy_that_has_answered_and_closed_before_we_are_done_sending():
    """What it said is read all the same, and its 407 is answered on a new connection."""
    proxy = ProxyServer("http", "proxy.test", 8080)
    auth = ProxyAuth(LOGON).controller(proxy)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(b"HTTP/1.1 407 Logon\r\nProxy-Authenticate: Basic\r\nConnection: close\r\n\r\n")
        machine = ConnectHandshake("origin.test", 443, auth)
        assert handshake(ours, machine, auth, Deadline(5)) == Reconnect()


def test_socks_logon_rejected(new_session, url):
    """A SOCKS proxy that rejects the password is a ProxyError with our explanation, and no fail-over."""
    with SocksProxy(5, users={"alice": "other"}) as socks, Proxy() as second:
        with pytest.raises(requests.exceptions.ProxyError) as caught:
            new_session(socks, second, proxy_auth=LOGON).get(url)
        assert isinstance(caught.value.__cause__, ProxyAuthError)
        assert second.connections == 0


def test_socks_password_too_long(new_session, socks5_proxy, url):
    """What SOCKS5 cannot express is said before anything is sent."""
    with pytest.raises(requests.exceptions.ProxyError, match="1 to 255 bytes"):
        new_session(socks5_proxy, proxy_auth=("alice", "x" * 256)).get(url)
    assert socks5_proxy.requests == ()


def test_credentials_that_cannot_be_read(new_session, auth_proxy, url, monkeypatch, tmp_path):
    """Trouble with a source of credentials is a ProxyError, caused by the ConfigError."""
    path = tmp_path / "password"
    path.write_text("s3cret")
    path.chmod(0o644)
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    monkeypatch.setenv("PACAWARE_PROXY_PASSWORD_FILE", str(path))
    with pytest.raises(requests.exceptions.ProxyError, match="chmod 600"):
        new_session(auth_proxy).get(url)


def test_a_200_is_not_asked_twice(new_session, proxy, origin):
    """Where the proxy wants no logon, nothing is sent that looks like one."""
    new_session(proxy, proxy_auth=LOGON).get(origin.url_for("origin.test"))
    assert schemes(proxy) == [None]


class TestBodies:
    """Bodies survive the legs of a logon."""

    @pytest.mark.parametrize(
        "body",
        [
            b"x" * 1000,
            memoryview(b"x" * 1000),
            "x" * 1000,
            io.BytesIO(b"--" + b"x" * 1000),
            io.StringIO("x" * 1000),
        ],
        ids=["bytes", "memoryview", "str", "file", "text file"],
    )
    def test_replayable(self, body, new_session, auth_proxy, origin):
        """What can be read again is sent again, from where the caller had stopped."""
        if isinstance(body, io.BytesIO):
            body.seek(2)
        response = new_session(auth_proxy, proxy_auth=LOGON).post(origin.url_for("origin.test"), data=body)
        assert response.json()["body_length"] == 1000
        assert [seen.body_length for seen in auth_proxy.requests] == [1000, 1000]

    @pytest.mark.parametrize("kind", ["generator", "file"])
    def test_small_ones_are_buffered(self, kind, new_session, auth_proxy, origin):
        """A body that comes only once and is small is kept for the second leg."""
        body = (piece for piece in [b"ab", b"", b"cd"]) if kind == "generator" else Pipe(b"abcd")
        response = new_session(auth_proxy, proxy_auth=LOGON).post(origin.url_for("origin.test"), data=body)
        assert response.json()["body_length"] == 4
        assert [seen.method for seen in auth_proxy.requests] == ["POST", "POST"]

    @pytest.mark.parametrize("close", [False, True])
    @pytest.mark.parametrize("kind", ["generator", "file"])
    def test_large_ones_wait_for_the_logon(self, kind, close, new_session, origin):
        """A body that comes only once and is large goes out after a TRACE that the proxy answers itself."""
        size = 3 * BUFFER_LIMIT
        body = (b"x" * 1024 for _ in range(size // 1024)) if kind == "generator" else Pipe(b"x" * size)
        with Proxy(BasicUsers({"alice": "s3cret"}), close_after_407=close) as proxy:
            response = new_session(proxy, proxy_auth=LOGON).post(origin.url_for("origin.test"), data=body)
            assert response.json()["body_length"] == size
            assert [(seen.method, seen.body_length) for seen in proxy.requests] == [
                ("TRACE", 0),
                ("TRACE", 0),
                ("POST", size),
            ]
        assert [seen.method for seen in origin.requests] == ["POST"]

    def test_large_ones_stay_unsent_when_the_logon_fails(self, new_session, auth_proxy, origin):
        """If the logon fails the 407 comes back, and the body has not gone out."""
        body = (b"x" * 1024 for _ in range(3 * 1024))
        response = new_session(auth_proxy, proxy_auth=("alice", "wrong")).post(origin.url_for("origin.test"), data=body)
        assert response.status_code == 407
        assert [seen.method for seen in auth_proxy.requests] == ["TRACE", "TRACE"]

    def test_nothing_is_read_ahead_without_credentials(self, new_session, proxy, origin):
        """Where there is nobody to log on as, a stream is a stream, with no request before it."""
        session = new_session(proxy=f"http://{proxy.netloc}")
        body = (b"x" * 1024 for _ in range(3 * 1024))
        assert session.post(origin.url_for("origin.test"), data=body).json()["body_length"] == 3 * BUFFER_LIMIT
        assert [seen.method for seen in proxy.requests] == ["POST"]


class Pipe(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


class Moody(ClosingProxy):
    """Asks for a logon with ``answer``; a request with one is served on a new connection, else ``mood`` happens."""

    def __init__(self, answer: bytes = b"", mood: str = "closes") -> None:
        super().__init__()
        self.answer = answer or b"HTTP/1.1 407 Logon\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        self.mood = mood
        self.asked: set[int] = set()

    def _answer(self, exchange):
        number = exchange.connection.number
        if exchange.seen.authorization is None:
            self.asked.add(number)
            if self.mood == "ends":
                self._listener.close()  # before the answer, so that nobody gets in again
            exchange.connection.sock.sendall(self.answer)
            if self.mood == "ends" or self.answer.endswith(b"half"):
                exchange.connection.sock.close()
            else:
                self._handle_next(exchange)
        elif number not in self.asked:
            exchange.peer.answer(200, (), b"served")

    def _handle_next(self, exchange):
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            piece = exchange.connection.sock.recv(65536)
            if not piece:
                return
            data += piece
        self._log.add(data)


class TestCutLegs:
    """A proxy that hangs up between the legs of a logon over plain http."""

    def test_a_get_is_repeated(self, new_session, origin):
        """The answer to a GET is asked for again on a new connection."""
        with Moody() as proxy:
            response = new_session(proxy, proxy_auth=LOGON).get(origin.url_for("origin.test"), timeout=5)
            assert (response.text, proxy.connections) == ("served", 2)

    def test_a_post_is_not(self, new_session, proxy, origin):
        """A POST may have been passed on, so it is not repeated, here or elsewhere."""
        with Moody() as moody:
            session = new_session(moody, proxy, proxy_auth=LOGON)
            with pytest.raises(requests.exceptions.ConnectionError):
                session.post(origin.url_for("origin.test"), timeout=5)
            assert (moody.connections, proxy.connections) == (1, 0)

    @pytest.mark.parametrize(
        "body",
        [
            b"Content-Length: 400000\r\n\r\n" + b"x" * 400_000,
            b"Content-Length: 100\r\n\r\nhalf",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf",
        ],
        ids=["long", "half", "bad chunks"],
    )
    def test_a_407_that_cannot_be_read_to_its_end(self, body, new_session, origin):
        """A new connection is taken when the 407 is too long, or broken."""
        with Moody(b"HTTP/1.1 407 Logon\r\nProxy-Authenticate: Basic\r\n" + body) as proxy:
            response = new_session(proxy, proxy_auth=LOGON).post(origin.url_for("origin.test"), timeout=5)
            assert (response.text, proxy.connections) == ("served", 2)

    def test_the_proxy_is_gone_after_its_407(self, new_session, proxy, origin):
        """A proxy that asked and then cannot be reached has answered: the next candidate is not tried."""
        answer = b"HTTP/1.1 407 Logon\r\nProxy-Authenticate: Basic\r\nConnection: close\r\n\r\n"
        with Moody(answer, "ends") as moody:
            session = new_session(moody, proxy, proxy_auth=LOGON)
            with pytest.raises(requests.exceptions.ConnectionError, match="during the logon, and then"):
                session.post(origin.url_for("origin.test"), timeout=5)
        assert proxy.connections == 0


class TestSecrets:
    """Proxy-Authorization reaches the proxy that it was chosen for and nobody else."""

    @pytest.fixture
    def seen_by_origin(self, origins):
        """The names of the headers that the origins saw."""
        return lambda: [name.lower() for one in origins.values() for seen in one.requests for name, _ in seen.headers]

    def test_never_to_an_origin(self, new_session, auth_proxy, url, seen_by_origin):
        """The logon stops at the proxy."""
        assert new_session(auth_proxy, proxy_auth=LOGON).get(url).status_code == 200
        assert "proxy-authorization" not in seen_by_origin()

    @pytest.mark.parametrize("how", ["proxied", "direct"])
    def test_header_of_the_caller_is_taken_out(self, how, new_session, proxy, origins, seen_by_origin, caplog):
        """A Proxy-Authorization that the caller set is not sent; how to log on is said once."""
        session = new_session(proxy if how == "proxied" else DIRECT)
        session.headers["proxy-authorization"] = "Basic c2VjcmV0"
        host = "origin.test" if how == "proxied" else "localhost"
        for one in origins.values():
            assert session.get(one.url_for(host)).status_code == 200
        assert "proxy-authorization" not in seen_by_origin()
        assert schemes(proxy) == ([None, None] if how == "proxied" else [])
        assert [record.getMessage().count("proxy_auth=") for record in caplog.records] == [1]
        assert session.headers["proxy-authorization"] == "Basic c2VjcmV0"

    def test_not_across_a_redirect(self, new_session, auth_proxy, proxy, origin, caplog):
        """What requests adds on a redirect from the userinfo of a URL does not reach another proxy."""
        session = new_session(lambda url: [auth_proxy] if "first" in url else [proxy])
        session.get_adapter("http://").proxy_manager.clear()
        to = origin.url_for("second.origin.test", "/end")
        url = origin.url_for("first.origin.test", f"/redirect?to={to}")
        given = {"http://first.origin.test": f"http://alice:s3cret@{auth_proxy.netloc}"}
        assert session.get(url, proxies=given).status_code == 200
        assert schemes(auth_proxy) == ["Basic"]
        assert schemes(proxy) == [None]
        assert caplog.records == []

    def test_headers_of_a_subclass_go_to_the_proxy(self, proxy, url, seen_by_origin):
        """``proxy_headers()`` is honoured, without a Proxy-Authorization in it."""

        class Adapter(PacAdapter):
            def proxy_headers(self, proxy):
                return {"X-Department": "42", "Proxy-Authorization": "Basic c2VjcmV0"}

        with requests.Session() as session:
            adapter = Adapter(proxy=proxy.url)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            session.get(url, verify=False) if url.startswith("http:") else adapter_get(session, url)
        [seen] = proxy.requests
        assert (seen.header("X-Department"), seen.authorization) == ("42", None)
        if url.startswith("https:"):
            assert "x-department" not in seen_by_origin()

    def test_nothing_in_what_can_be_printed(self, new_session, auth_proxy, url, caplog):
        """Neither repr nor log shows a password."""
        with caplog.at_level(logging.DEBUG):
            session = new_session(auth_proxy, proxy_auth=LOGON)
            response = session.get(url)
        text = repr([session.pacaware, vars(session.pacaware), response.pacaware]) + response.pacaware.explain()
        assert "s3cret" not in text
        assert "s3cret" not in caplog.text
        assert "YWxpY2U6czNjcmV0" not in text + caplog.text


def adapter_get(session, url):
    """Get an https URL of the tests."""
    from pacaware.testing import Certificates

    return session.get(url, verify=str(Certificates.shared().ca_path))


def test_offers_that_cannot_be_used(new_session, tls_origin):
    """The error says what the proxy offers and what could be used."""
    with Proxy([Offer("Kerberos"), Offer("Digital x=y")]) as proxy:
        session = new_session(proxy, proxy_auth=LOGON)
        with pytest.raises(requests.exceptions.ProxyError) as caught:
            session.get(tls_origin.url_for("origin.test"))
    assert "it offers Kerberos, Digital" in str(caught.value.__cause__)


def test_mount_returns_the_adapter(auth_proxy):
    """``mount()`` returns what it mounted, for both schemes."""
    with requests.Session() as session:
        adapter = mount(session, proxy=auth_proxy.url, proxy_auth=LOGON)
        assert session.get_adapter("http://a/") is session.get_adapter("https://a/") is adapter
