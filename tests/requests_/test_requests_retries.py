"""A request is sent once: what fails over, what Retry may repeat, and how long it all may take."""

from __future__ import annotations

import io
import socket
import threading
import time

import pytest
import requests
import urllib3

from pacaware._models import DIRECT
from pacaware._requests import _dial
from pacaware.testing import ClosingProxy, Proxy, RefusingProxy


def plain_requests(proxy, url, retries):
    """Return how often plain requests sends a POST by a proxy that swallows it."""
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        with pytest.raises(requests.exceptions.RequestException):
            session.post(url, data=b"money", proxies={"http": proxy.url}, timeout=5)
    return len(proxy.requests)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("retries", [0, 3])
def test_a_swallowed_post_is_not_sent_to_the_next_proxy(retries, reset, new_session, proxy, origin):
    """A proxy swallows the POST and closes: the second proxy sees nothing, the first no more than from plain requests.

    With Retry, plain requests may repeat it at the one proxy it has; that is all that may happen here.
    """
    url = origin.url_for("origin.test")
    with ClosingProxy(reset=reset) as reference:
        allowed = plain_requests(reference, url, retries)
    with ClosingProxy(reset=reset) as swallowing:
        session = new_session(swallowing, proxy, max_retries=retries)
        with pytest.raises(requests.exceptions.ConnectionError):
            session.post(url, data=b"money", timeout=5)
        assert len(swallowing.requests) == allowed
    assert (retries, allowed)[1] == 1 or retries == 3
    assert proxy.connections == 0
    assert origin.requests == ()


def test_an_unread_body_goes_to_the_next_proxy(start, new_session, url):
    """While routes fail nobody reads from a generator; the proxy that works gets all of it."""
    dead, plain = start("dead"), start("plain")
    response = new_session(dead, plain).post(url, data=(piece for piece in [b"ab", b"cd"]), timeout=5)
    assert response.json()["body_length"] == 4


def test_a_body_stays_unread_when_all_are_dead(start, new_session, url):
    """If no route comes about, a generator is untouched and a file is where it was."""
    body, file = (piece for piece in [b"ab", b"cd"]), io.BytesIO(b"--abcd")
    file.seek(2)
    session = new_session(start("dead"), start("dead tls"), start("dead socks"))
    for data in (body, file):
        with pytest.raises(requests.exceptions.ProxyError):
            session.post(url, data=data, timeout=5)
    assert list(body) == [b"ab", b"cd"]
    assert file.tell() == 2


class TestRetry:
    """The caller's Retry counts once for the whole list."""

    @staticmethod
    def counted(monkeypatch):
        """Count how often each port is dialled."""
        dialled = []
        plain = _dial._look_up

        def look_up(host, port, family, deadline):
            dialled.append(port)
            return plain(host, port, family, deadline)

        monkeypatch.setattr(_dial, "_look_up", look_up)
        return dialled

    def test_while_candidates_remain_it_does_not_count(self, start, new_session, url, monkeypatch):
        """A dead first proxy is dialled once, without a pause."""
        dialled = self.counted(monkeypatch)
        dead, plain = start("dead"), start("plain")
        retries = urllib3.Retry(3, backoff_factor=60)
        assert new_session(dead, plain, max_retries=retries).get(url, timeout=5).status_code == 200
        assert dialled == [dead.port, plain.port]

    def test_the_whole_list_is_tried_again(self, start, new_session, url, monkeypatch):
        """With two retries a dead list is walked three times; the error is that of the last walk."""
        dialled = self.counted(monkeypatch)
        dead, second = start("dead"), start("dead socks")
        with pytest.raises(requests.exceptions.ProxyError) as caught:
            new_session(dead, second, max_retries=2).get(url, timeout=5)
        assert dialled == [dead.port, second.port] * 3
        assert len(caught.value.__notes__) == 2

    def test_without_retries_there_is_none(self, start, new_session, url, monkeypatch):
        """``total=False`` raises at once and is translated too."""
        dialled = self.counted(monkeypatch)
        dead = start("dead")
        session = new_session(dead, max_retries=urllib3.Retry(False))
        with pytest.raises(requests.exceptions.ProxyError):
            session.get(url, timeout=5)
        assert dialled == [dead.port]

    def test_status_retries_stay_with_the_proxy(self, new_session, proxy, origin):
        """A status that Retry wants again is asked for again by the same way."""
        with RefusingProxy(503) as busy:
            retries = urllib3.Retry(2, status_forcelist=[503])
            with pytest.raises(requests.exceptions.RetryError):
                new_session(busy, proxy, max_retries=retries).get(origin.url_for("origin.test"), timeout=5)
            assert len(busy.requests) == 3
        assert proxy.connections == 0

    def test_what_was_spent_is_spent(self, start, new_session, origin):
        """Repetitions by one candidate count for the others: two retries are at most three requests in all."""
        dying, busy = RefusingProxy(503).start(), RefusingProxy(503)
        original = dying._answer

        def answer_and_die(exchange):
            original(exchange)
            exchange.connection.sock.shutdown(socket.SHUT_RDWR)
            threading.Thread(target=dying.close).start()

        dying._answer = answer_and_die
        retries = urllib3.Retry(2, status_forcelist=[503], backoff_factor=0.3)
        with busy, pytest.raises(requests.exceptions.RetryError):
            new_session(dying, busy, max_retries=retries).get(origin.url_for("origin.test"), timeout=5)
        assert busy.requests
        assert len(dying.requests) + len(busy.requests) <= 3  # a connection that broke may have cost one of them

    def test_a_file_is_sent_whole_after_a_retry(self, new_session, start, origin):
        """A file that was sent once and is sent again starts where the caller had stopped."""
        with RefusingProxy(503) as busy:
            retries = urllib3.Retry(1, status_forcelist=[503], allowed_methods=None, raise_on_status=False)
            file = io.BytesIO(b"--abcd")
            file.seek(2)
            session = new_session(busy, start("plain"), max_retries=retries)
            assert session.post(origin.url_for("origin.test"), data=file, timeout=5).status_code == 503
            assert [seen.body_length for seen in busy.requests] == [4, 4]


class TestDirectInALIst:
    """DIRECT is a candidate like others, before and after proxies."""

    def test_direct_fails_over(self, new_session, proxy, origin, dead_proxy):
        """When DIRECT cannot connect, the next candidate is tried."""
        url = f"http://localhost:{dead_proxy.port}/"
        response = new_session(DIRECT, proxy).get(url, timeout=5)
        assert response.status_code == 502  # the proxy's answer: it cannot reach that port either
        assert len(proxy.requests) == 1

    def test_direct_alone_is_as_without_us(self, new_session, dead_proxy):
        """DIRECT as the only answer fails with the error of plain requests."""
        with pytest.raises(requests.exceptions.ConnectionError) as caught:
            new_session(DIRECT).get(f"http://127.0.0.1:{dead_proxy.port}/", timeout=5)
        assert type(caught.value) is requests.exceptions.ConnectionError
        assert isinstance(caught.value.args[0].reason, urllib3.exceptions.NewConnectionError)

    def test_an_error_of_tls_does_not_fail_over(self, new_session, proxy, tls_origin):
        """A certificate that the caller does not trust is the origin's fault, not the route's."""
        with pytest.raises(requests.exceptions.SSLError):
            new_session(DIRECT, proxy).get(tls_origin.url_for("localhost"), verify=True, timeout=5)
        assert proxy.connections == 0


class TestDeadline:
    """The connect timeout is one deadline for each candidate, from its name to the last leg."""

    def test_black_hole_then_live(self, start, new_session, tls_origin):
        """``timeout=1`` with [black hole, live] answers in about a second."""
        before = time.monotonic()
        session = new_session(start("black hole"), start("plain"))
        assert session.get(tls_origin.url_for("origin.test"), timeout=(1, 20)).status_code == 200
        assert 0.9 < time.monotonic() - before < 8

    def test_a_slow_handshake_is_not_given_more_for_each_byte(self, new_session, proxy, tls_origin):
        """A proxy that drips its answer does not get the timeout anew with every byte."""
        with Dripping() as slow:
            before = time.monotonic()
            assert new_session(slow, proxy).get(tls_origin.url_for("origin.test"), timeout=0.5).status_code == 200
            assert time.monotonic() - before < 6

    def test_legs_share_it(self, new_session, tls_origin):
        """A proxy that takes 0.4 s for each leg is too slow for 0.6 s, though no leg is."""
        from pacaware.testing import BasicUsers

        with Proxy(BasicUsers({"alice": "s3cret"}), delay=0.4) as slow:
            session = new_session(slow, proxy_auth=("alice", "s3cret"))
            with pytest.raises(requests.exceptions.ConnectTimeout):
                session.get(tls_origin.url_for("origin.test"), timeout=0.6)
            assert session.get(tls_origin.url_for("origin.test"), timeout=3).status_code == 200

    def test_name_lookups_end(self, new_session, proxy, url, monkeypatch):
        """A lookup that hangs is left behind."""
        released = threading.Event()
        plain = socket.getaddrinfo

        def hang(host, *args, **kwargs):
            if host == "hangs.test":
                released.wait(60)
            return plain(host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", hang)
        from pacaware._models import ProxyServer

        before = time.monotonic()
        session = new_session(ProxyServer("http", "hangs.test", 1), proxy)
        assert session.get(url, timeout=(0.5, 20)).status_code == 200
        assert time.monotonic() - before < 30
        released.set()

    def test_unknown_name(self, new_session, proxy, url):
        """A proxy whose name does not resolve is passed over."""
        from pacaware._models import ProxyServer

        response = new_session(ProxyServer("http", "no-such-name.invalid", 1), proxy).get(url, timeout=5)
        assert response.status_code == 200

    @pytest.mark.parametrize(
        "timeout",
        [(0.4, 20), urllib3.Timeout(connect=0.4, read=20), urllib3.Timeout(total=0.4), 0.4],
        ids=["pair", "Timeout", "total", "number"],
    )
    def test_forms_of_timeout(self, timeout, start, new_session, tls_origin):
        """Every form of ``timeout`` that requests takes bounds the way to the proxy."""
        before = time.monotonic()
        with pytest.raises(requests.exceptions.ConnectTimeout):
            new_session(start("black hole")).get(tls_origin.url_for("origin.test"), timeout=timeout)
        assert 0.3 < time.monotonic() - before < 8

    @pytest.mark.parametrize(
        "timeout", [None, (None, None), (None, 5), urllib3.Timeout(), urllib3.Timeout(read=5)], ids=str
    )
    def test_no_connect_timeout(self, timeout, start, new_session, url):
        """Without a connect timeout a dead proxy is passed over all the same."""
        assert new_session(start("dead"), start("plain")).get(url, timeout=timeout).status_code == 200

    def test_read_timeout(self, new_session, proxy, origins, url):
        """After the route stands the caller's read timeout holds."""
        slow = url.replace("/path", "/slow?s=3")
        with pytest.raises(requests.exceptions.ReadTimeout):
            new_session(proxy).get(slow, timeout=(5, 0.3))

    def test_wrong_timeout(self, new_session, proxy, url):
        """A tuple of three is refused with the words of requests."""
        with pytest.raises(ValueError, match=r"Invalid timeout \(1, 2, 3\)"):
            new_session(proxy).get(url, timeout=(1, 2, 3))


class Dripping(ClosingProxy):
    """Answers with a byte every 0.2 seconds."""

    def _answer(self, exchange):
        exchange.connection.send_slowly(b"HTTP/1.1 200 Connection established\r\n\r\n", 0.2, self._stop)
