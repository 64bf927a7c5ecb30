"""pacaware.testing.Proxy with a logon: verifiers, challenges, and what the log says of them."""

import http.client

import pytest

from pacaware.testing import BasicUsers, ConnectionState, Offer, Proxy
from tests.testing.clients import TIMEOUT, basic, dial, fetch, read_all, read_exactly, read_head

ALICE = basic("alice", "s3cret")


def test_trace(auth_proxy):
    """TRACE with Max-Forwards: 0 is answered by the proxy, after the logon and without what is secret."""
    target = "http://origin.test:1/x"
    assert fetch(auth_proxy, "TRACE", target, headers={"Max-Forwards": "0"})[0] == 407
    headers = {"Max-Forwards": "0", "X-One": "1", "Cookie": "c=1", **ALICE}
    status, fields, body = fetch(auth_proxy, "TRACE", target, headers=headers)
    assert (status, fields["Content-Type"]) == (200, "message/http")
    assert body.startswith(b"TRACE http://origin.test:1/x HTTP/1.1\r\n")
    assert b"X-One: 1\r\n" in body
    assert b"Basic" not in body
    assert b"Cookie" not in body
    assert fetch(auth_proxy, "OPTIONS", target, headers=headers)[0] == 501


def test_basic(auth_proxy, origin):
    """Without the right pair 407 with a challenge, with it the answer; the log knows which."""
    url = origin.url_for("origin.test")
    status, headers, _ = fetch(auth_proxy, "GET", url)
    assert (status, headers["Proxy-Authenticate"]) == (407, 'Basic realm="pacaware.testing", charset="UTF-8"')
    assert fetch(auth_proxy, "GET", url, headers=basic("alice", "wrong"))[0] == 407
    assert fetch(auth_proxy, "GET", url, headers=ALICE)[0] == 200
    assert [(seen.authorization, seen.authorized) for seen in auth_proxy.requests] == [
        (None, False),
        ("Basic", False),
        ("Basic", True),
    ]
    assert len(origin.requests) == 1
    assert origin.requests[0].header("Proxy-Authorization") is None


def test_basic_connect(auth_proxy, origin):
    """CONNECT asks for the logon too, on the same connection."""
    authority = f"origin.test:{origin.port}"
    with dial(auth_proxy) as sock:
        sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        head = read_head(sock)
        assert head.startswith(b"HTTP/1.1 407 ")
        length = int(dict(line.split(b": ") for line in head.split(b"\r\n")[1:-2])[b"Content-Length"])
        read_exactly(sock, length)
        logon = ALICE["Proxy-Authorization"]
        sock.sendall(
            f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: {logon}\r\n\r\n".encode()
        )
        assert read_head(sock).startswith(b"HTTP/1.1 200 ")
    assert [(seen.connection, seen.status) for seen in auth_proxy.requests] == [(1, 407), (1, 200)]


@pytest.mark.parametrize(
    ("user", "password"), [("bob", "pa:ss wörd"), ("日本", "パスワード"), ("empty", ""), ("colons", ":::")]
)
def test_basic_pairs(origin, user, password):
    """UTF-8, colons in the password and an empty password are all possible."""
    with Proxy(BasicUsers({user: password})) as proxy:
        assert fetch(proxy, "GET", origin.url_for("origin.test"), headers=basic(user, password))[0] == 200
        assert fetch(proxy, "GET", origin.url_for("origin.test"), headers=basic(user, password + "x"))[0] == 407


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic /////w==", "Bearer x", ""])
def test_unusable_credentials(auth_proxy, value):
    """What cannot be read as a known pair is a 407, never an error of the proxy."""
    assert fetch(auth_proxy, "GET", "http://origin.test/", headers={"Proxy-Authorization": value})[0] == 407


def test_basic_options():
    """The realm is quoted, another charset is used and not announced, a user with a colon is refused."""
    users = BasicUsers({"bob": "ö"}, realm='a "b" \\', charset="latin-1")
    state = ConnectionState(1)
    assert users.check(state, "GET", "/", None) == ['Basic realm="a \\"b\\" \\\\"']
    assert users.check(state, "GET", "/", "Basic Ym9iOvY=") is None
    assert state.user == "bob"
    assert "ö" not in repr(users)
    with pytest.raises(ValueError, match="colon"):
        BasicUsers({"a:b": "x"})


def test_several_challenges(origin):
    """Several verifiers are offered in order, each with a field of its own; the header's scheme picks one."""
    offers = [Offer("Negotiate"), Offer('Digest realm="x", nonce="y"'), BasicUsers({"alice": "s3cret"}, realm="r")]
    with Proxy(offers) as proxy:
        status, headers, _ = fetch(proxy, "GET", origin.url_for("origin.test"))
        assert status == 407
        assert headers.get_all("Proxy-Authenticate") == [
            "Negotiate",
            'Digest realm="x", nonce="y"',
            'Basic realm="r", charset="UTF-8"',
        ]
        assert fetch(proxy, "GET", origin.url_for("origin.test"), headers=ALICE)[0] == 200
        negotiate = {"Proxy-Authorization": "negotiate YII="}
        assert fetch(proxy, "GET", origin.url_for("origin.test"), headers=negotiate)[0] == 407
        assert proxy.requests[-1].authorization == "negotiate"


def test_verifier_interface(origin):
    """A verifier may hold a handshake on a connection, answer it alone, and add fields to the answer."""

    class TwoLegs:
        scheme = "Legs"

        def check(self, state, method, target, header):
            if header == "Legs 2" and state.data.get("leg") == 1:
                state.in_handshake = False
                state.answer_headers.append(("Proxy-Authentication-Info", "done"))
                return None
            state.in_handshake = header == "Legs 1"
            state.data["leg"] = 1
            return ["Legs more"] if state.in_handshake else ["Legs"]

    with Proxy([TwoLegs(), Offer("Basic")]) as proxy:
        connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=TIMEOUT)
        answers = []
        for headers in ({}, {"Proxy-Authorization": "Legs 1"}, {"Proxy-Authorization": "Legs 2"}):
            connection.request("GET", origin.url_for("origin.test"), headers=headers)
            response = connection.getresponse()
            response.read()
            info = response.headers["Proxy-Authentication-Info"]
            answers.append((response.status, response.headers.get_all("Proxy-Authenticate"), info))
        connection.close()
    assert answers == [(407, ["Legs", "Basic"], None), (407, ["Legs more"], None), (200, None, "done")]


@pytest.mark.parametrize(("how", "said"), [(True, True), ("silently", False)])
def test_close_after_407(how, said):
    """The connection ends after a 407, announced or not."""
    with Proxy(BasicUsers({"alice": "s3cret"}), close_after_407=how) as proxy, dial(proxy) as sock:
        sock.sendall(b"GET http://origin.test/ HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert (b"connection: close" in answer.lower()) is said
