"""CONNECT as a machine, fed with what proxies answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.actions import Authenticate, Established, Receive, Refused, RouteBroken, Send
from pacaware._core.auth import AuthController
from pacaware._core.connect import ConnectHandshake, printable
from pacaware._models import ProxyServer
from tests._core.driving import bytewise, cuts, drive, whole
from tests._core.fakes import BOUND, CANARY, MIDDLE, PROXY, WEAK, Fake, Store

OK = b"HTTP/1.1 200 Connection established\r\n\r\n"
ASK = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: middle\r\n"
ASK_BOUND = ASK.replace(b"middle", b"bound")
EMPTY = ASK + b"Content-Length: 0\r\n\r\n"
EMPTY_BOUND = ASK_BOUND + b"Content-Length: 0\r\n\r\n"
SECOND_BOUND = EMPTY_BOUND.replace(b"bound", b"bound aa==")
CUTS = [whole, bytewise]


def start(*schemes, store=None, host="origin.test", port=443, headers=()):
    auth = AuthController(PROXY, schemes or (WEAK, MIDDLE, BOUND), store or Store())
    return ConnectHandshake(host, port, auth, headers), auth


def run(*connections, cut=whole, **options):
    machine, auth = start(**options)
    return drive(machine, *connections, auth=auth, cut=cut)


def request(authorization=None, host="origin.test:443"):
    extra = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    return (f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nProxy-Connection: keep-alive\r\n{extra}\r\n").encode()


MIDDLE_1 = request("middle 1 CONNECT origin.test:443 None")
BOUND_1 = request("bound 1 CONNECT origin.test:443 None")
BOUND_2 = request("bound 2 CONNECT origin.test:443 aa==")


class TestRequest:
    @pytest.mark.parametrize(
        ("host", "target"), [("origin.test", "origin.test:443"), ("10.0.0.1", "10.0.0.1:443"), ("::1", "[::1]:443")]
    )
    def test_target(self, host, target):
        """The target and the Host line are host:port, IPv6 in brackets."""
        assert run([OK], host=host) == ([request(host=target)], Established())

    def test_headers_for_the_proxy(self):
        """The caller's headers for the proxy are sent with every leg."""
        done, end = run([EMPTY, OK], headers=[("User-Agent", "x/1"), ("X-Tag", "a")])
        assert end == Established()
        assert [b"User-Agent: x/1\r\nX-Tag: a\r\n" in sent for sent in done if sent != "authenticate"] == [True, True]

    @pytest.mark.parametrize(
        "options",
        [
            {"host": "a\r\nEvil: 1"},
            {"host": "a b"},
            {"host": "bücher.example"},
            {"headers": [("X", f"1\r\nEvil: {CANARY}")]},
            {"headers": [("X\r\nEvil", "1")]},
            {"headers": [("X", f"é{CANARY}")]},
            {"headers": [("X", f"{CANARY}\0")]},
            {"headers": [("Content-Length", "5")]},
        ],
    )
    def test_nothing_can_be_smuggled_in(self, options):
        """A host or header that would break out of its line is refused unsent, without showing its value."""
        machine, _ = start(**options)
        with pytest.raises(ValueError, match="cannot be written as HTTP") as caught:
            machine.next_action()
        assert CANARY not in str(caught.value)

    def test_what_is_sent_is_not_shown(self):
        """The bytes of a leg may hold a password, so no repr shows them."""
        assert CANARY not in repr(Send(CANARY.encode()))


class TestVerdict:
    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize(
        "answer",
        [
            OK,
            b"HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n",
            b"HTTP/1.1 200\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK,
            b"HTTP/1.1 200 OK\n\n",
        ],
    )
    def test_established(self, answer, cut):
        """200 opens the tunnel, whatever it says of a body (RFC 9110, section 9.3.6), also after 1xx."""
        assert run([answer], cut=cut) == ([request()], Established())

    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize("status", [201, 202, 204, 299, 301, 302, 400, 403, 404, 500, 502, 503, 504])
    def test_refused(self, status, cut):
        """Any other answer, redirects and other 2xx included, is a refusal: policy, so no other proxy is asked."""
        answer = f"HTTP/1.1 {status} No way\r\nContent-Length: 1000\r\n\r\n".encode()
        assert run([answer], cut=cut) == ([request()], Refused(status, "No way"))

    def test_bytes_behind_the_200(self):
        """Bytes that come with the 200 are not the origin's, which has not been spoken to: an attack."""
        _, end = run([OK + b"HTTP/1.1 200 OK\r\n\r\n"])
        assert end == Refused(502, "the proxy sent bytes of its own into the tunnel")

    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize(
        "answer",
        [
            b"garbage\r\n\r\n",
            b"\0" * 100,
            b"SSH-2.0-OpenSSH_9\r\n",
            b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
            b"HTTP/1.1 999999 OK\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
            b"X: y\r\n" * 1_000,
        ],
    )
    def test_no_http(self, answer, cut):
        """What does not speak HTTP is no proxy: the next candidate may be tried."""
        done, end = run([answer], cut=cut)
        assert isinstance(end, str)
        assert done == [request()]

    def test_endless_headers(self):
        """Headers of 10 MB are given up after 64 KiB."""
        machine, _ = start()
        machine.next_action()
        machine.feed(b"HTTP/1.1 200 OK\r\n")
        for _ in range(63):
            assert machine.next_action() == Receive()
            machine.feed(b"X: " + b"a" * 1019 + b"\r\n")
        machine.feed(b"X: " + b"a" * 10_000_000)
        with pytest.raises(RouteBroken, match="not HTTP"):
            machine.next_action()

    @pytest.mark.parametrize("size", range(len(OK)))
    def test_half_an_answer(self, size):
        """A proxy that closes before its answer is whole has not answered."""
        assert run([OK[:size]]) == ([request()], "it closed the connection without answering CONNECT")

    @given(st.binary(max_size=300), cuts())
    def test_any_bytes(self, data, cut):
        """No answer crashes the machine or keeps it from ending."""
        _, end = run([data], [data], cut=cut)
        assert isinstance(end, str | Refused | Established)

    @given(st.binary(max_size=80))
    def test_any_bytes_behind_a_status(self, data):
        """The same behind a status line, where the headers begin."""
        _, end = run([b"HTTP/1.1 407 x\r\nProxy-Authenticate: middle\r\n" + data], [EMPTY])
        assert isinstance(end, str | Refused)


CHUNKED = ASK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"


class TestLogon:
    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize(
        "ask",
        [
            EMPTY,
            ASK + b"Content-Length: 11\r\n\r\nhello world",
            CHUNKED,
            b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY,
            ASK + b"Connection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            ASK + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000,
        ],
        ids=["empty", "length", "chunked", "after 1xx", "keep-alive", "long"],
    )
    def test_on_the_same_connection(self, ask, cut):
        """A 407 whose end shows is read to its end, and the next leg goes out on the same connection."""
        assert run([ask, OK], cut=cut) == ([request(), "authenticate", MIDDLE_1], Established())

    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize(
        "ask",
        [
            ASK + b"\r\n",
            ASK + b"\r\nsome body",
            ASK.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\nno",
            ASK + b"Connection: close\r\nContent-Length: 2\r\n\r\nno",
            ASK + b"Proxy-Connection: Close\r\nContent-Length: 2\r\n\r\nno",
            ASK + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000,
            ASK + b"Content-Length: 10\r\n\r\nhalf",
            ASK + b"Transfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
        ],
        ids=["endless", "until closed", "HTTP/1.0", "close", "proxy-connection", "over the limit", "half", "broken"],
    )
    def test_on_a_new_connection(self, ask, cut):
        """Where the end does not show, is far away or the proxy announces to close, the next leg goes to a new one."""
        assert run([ask], [OK], cut=cut) == ([request(), "authenticate", "reconnect", MIDDLE_1], Established())

    def test_a_407_without_end_is_not_waited_for(self):
        """The body of a 407 without length may never end, so not a byte of it is read."""
        machine, _ = start()
        machine.next_action()
        machine.feed(ASK + b"\r\n")
        assert isinstance(machine.next_action(), Authenticate)

    def test_bytes_behind_the_407(self):
        """An answer to a leg that was not sent yet is not believed: the next leg goes to a new connection."""
        done, end = run([EMPTY + OK], [OK])
        assert (done, end) == ([request(), "authenticate", "reconnect", MIDDLE_1], Established())

    @given(cuts(), st.sampled_from([EMPTY, CHUNKED, ASK + b"Content-Length: 3\r\n\r\nabc"]))
    def test_pieces_do_not_matter(self, cut, ask):
        """However the answers are cut into pieces, the same is done."""
        assert run([ask, OK], cut=cut) == ([request(), "authenticate", MIDDLE_1], Established())

    @pytest.mark.parametrize("size", range(len(EMPTY)))
    def test_half_a_407(self, size):
        """A proxy that closes in the middle of the head of a 407 has not answered."""
        assert run([EMPTY[:size]]) == ([request(), *()], "it closed the connection without answering CONNECT")

    def test_rejected(self):
        """A second 407 rejects the secret: the verdict holds the status, and the reason with its advice."""
        done, end = run([EMPTY, EMPTY])
        assert done == [request(), "authenticate", MIDDLE_1, "authenticate"]
        assert (end.status, end.reason) == (407, "Proxy Authentication Required")
        assert "rejected the user or password" in str(end.error)

    def test_rejected_by_401(self):
        """Of tinyproxy: it says 401 to a wrong password: a rejection, which the guard must know of."""
        store = Store()
        _, end = run([EMPTY, b"HTTP/1.0 401 Unauthorized\r\n\r\n"], store=store)
        assert (end.status, "rejected the user or password" in str(end.error)) == (401, True)
        assert len(store.rejections) == 1

    def test_401_to_no_logon(self):
        """A 401 where no password was sent says nothing of one."""
        store = Store()
        assert run([b"HTTP/1.1 401 Unauthorized\r\n\r\n"], store=store)[1] == Refused(401, "Unauthorized")
        assert store.rejections == []

    def test_accepted(self):
        """What opened the tunnel, or brought another answer than 407, goes out at once the next time."""
        store = Store()
        for answer in (OK, b"HTTP/1.1 403 Forbidden\r\n\r\n"):
            store.known = None
            run([EMPTY, answer], store=store)
            assert run([OK], store=store) == ([request("middle again")], Established())

    def test_nothing_to_log_on_with(self):
        """A 407 that cannot be answered is a refusal that says why."""
        done, end = run([EMPTY], store=Store(None))
        assert (done, end.status) == ([request(), "authenticate"], 407)
        assert "no credentials were found" in str(end.error)


class TestLogonOfTheConnection:
    def test_all_legs_on_one(self):
        """The legs of a logon of the connection stay on it."""
        assert run([EMPTY_BOUND, SECOND_BOUND, OK]) == (
            [request(), "authenticate", BOUND_1, "authenticate", BOUND_2],
            Established(),
        )

    @pytest.mark.parametrize(
        "ask", [ASK_BOUND + b"\r\n", EMPTY_BOUND.replace(b"\r\n\r\n", b"\r\nProxy-Connection: close\r\n\r\n")]
    )
    def test_closed_before_the_first_leg(self, ask):
        """A proxy that closes with its first 407 gets the first leg on the new connection."""
        assert run([ask], [SECOND_BOUND, OK]) == (
            [request(), "authenticate", "reconnect", BOUND_1, "authenticate", BOUND_2],
            Established(),
        )

    def test_closed_between_the_legs(self):
        """A logon whose connection is lost begins again from the start on the next one."""
        assert run([EMPTY_BOUND, SECOND_BOUND], [EMPTY_BOUND, SECOND_BOUND, OK]) == (
            [
                *(request(), "authenticate", BOUND_1, "authenticate", BOUND_2, "reconnect"),
                *(request(), "authenticate", BOUND_1, "authenticate", BOUND_2),
            ],
            Established(),
        )

    def test_closed_after_each_407_without_a_word(self):
        """A lost first leg shows it: the next goes out on a new connection, and what follows is impossible."""
        done, end = run([EMPTY_BOUND], [EMPTY_BOUND], [SECOND_BOUND], [EMPTY_BOUND])
        assert done == [
            *(request(), "authenticate", BOUND_1, "reconnect"),
            *(request(), "authenticate", "reconnect", BOUND_1, "authenticate", BOUND_2, "reconnect"),
            *(request(), "authenticate"),
        ]
        assert "it closes the connection in the middle of the logon" in str(end.error)

    def test_a_single_leg_at_such_a_proxy(self):
        """A logon that needs no more than one leg gets through."""
        done, end = run([EMPTY_BOUND], [EMPTY_BOUND], [OK])
        assert (done[-3:], end) == (["authenticate", "reconnect", BOUND_1], Established())

    def test_closed_at_the_sight_of_the_secret(self):
        """A proxy that hangs up twice when it is shown the secret has rejected it, though it does not say so."""
        cut = [EMPTY_BOUND, SECOND_BOUND]
        done, end = run(cut, cut, [EMPTY_BOUND])
        assert done.count(BOUND_2) == 2
        assert "it rejected the user or password that came from" in str(end.error)
        assert "it closed the connection each time that it saw them" in str(end.error)

    def test_closed_again(self):
        """A proxy that is lost twice without an answer is given up."""
        done, end = run([EMPTY_BOUND], [])
        assert (done[-2:], end) == (["reconnect", request()], "it closed the connection without answering CONNECT")

    def test_closing_for_ever(self):
        """At a proxy that closes with every leg a logon of the connection is impossible, which the second leg shows."""
        done, end = run(*[[SECOND_BOUND.replace(b"Content-Length: 0\r\n", b"")]] * 20)
        assert done.count("reconnect") == 1
        assert "it closes the connection in the middle of the logon" in str(end.error)

    def test_closing_for_ever_a_logon_of_the_request(self):
        """The same where the scheme never says that the secret was rejected."""

        class Patient(Fake):
            def start(self, proxy, credentials):
                exchange = super().start(proxy, credentials)
                exchange.rejects = lambda challenge: False
                return exchange

        auth = AuthController(PROXY, [Patient("middle", 1)], Store())
        done, end = drive(ConnectHandshake("o.test", 1, auth), *[[ASK + b"\r\n"]] * 20, auth=auth)
        assert done.count("reconnect") == 8
        assert "after 8 legs" in str(end.error)


@pytest.mark.parametrize(
    ("reason", "text"),
    [(b"OK", "OK"), ("Nö\r\n\x1b[31m", "N????[31m"), (b"\xe9\xff", "??"), ("x" * 1000, "x" * 100), (b"", "")],
)
def test_printable(reason, text):
    """A reason phrase is printable ASCII and short, whatever the proxy sent."""
    assert printable(reason) == text


def test_a_tls_proxy_is_spoken_to_alike():
    """The machine does not care how its bytes travel."""
    auth = AuthController(ProxyServer("https", "proxy.corp", 443), [WEAK], Store())
    assert drive(ConnectHandshake("origin.test", 443, auth), [OK], auth=auth) == ([request()], Established())
