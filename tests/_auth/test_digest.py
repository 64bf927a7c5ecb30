"""Digest: RFC 7616 to the letter, and what proxies do with it."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._auth.digest import DigestAuth
from pacaware._core.auth import AuthController, Credentials, SchemeUnavailable
from pacaware._core.challenge import Challenge, parse_challenges, parse_parameters
from pacaware._models import ProxyServer
from pacaware.testing import ConnectionState, DigestUsers
from tests._core.fakes import Store

PROXY = ProxyServer("http", "proxy.corp", 8080)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
# RFC 7616, section 3.9.1.
MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
PLAIN = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'


def challenge(text):
    [found] = parse_challenges([text])
    return found


def exchange(credentials=MUFASA, scheme=None):
    return (scheme or DigestAuth()).start(PROXY, credentials)


def fields(header):
    scheme, _, rest = header.partition(" ")
    assert scheme == "Digest"
    return parse_parameters(rest)


@pytest.fixture
def cnonce(monkeypatch):
    """Make the client's nonce the RFC's (it is hexadecimal otherwise, so only its text is replaced)."""

    class Fixed(bytes):
        def hex(self):
            return CNONCE

    monkeypatch.setattr(os, "urandom", lambda size: Fixed(size))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_3_9_1(cnonce, algorithm, response):
    """The RFC's two examples come out to the last digit, and every field of the challenge goes back unchanged."""
    header = exchange().step(challenge(RFC_CHALLENGE.format(algorithm)), "GET", "/dir/index.html")
    assert fields(header) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }
    assert re.search(r"\bnc=00000001\b.*", header)  # RFC 7616, section 3.4: these three are not quoted
    assert "qop=auth," in header
    assert f"algorithm={algorithm}," in header


def test_rfc_2069(cnonce):
    """Without qop the response is that of RFC 2069 (section 2.4, with errata 749), and no count is sent."""
    text = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    header = exchange(Credentials("Mufasa", "CircleOfLife")).step(challenge(text), "GET", "/dir/index.html")
    assert fields(header)["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert {"nc", "cnonce", "qop", "algorithm"} & set(fields(header)) == set()


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("session", ["", "-sess"])
@pytest.mark.parametrize("qop", ["auth", None])
@pytest.mark.parametrize("userhash", [False, True])
def test_a_verifier_of_our_own_agrees(algorithm, session, qop, userhash):
    """Every algorithm, with and without -sess, qop and userhash, is understood by an independent verifier."""
    users = DigestUsers({"Jäsøn Doe": "Secret, or not?"}, algorithms=[algorithm + session], qop=qop, userhash=userhash)
    state = ConnectionState(1)
    client = exchange(Credentials("Jäsøn Doe", "Secret, or not?"))
    [offered] = users.check(state, "GET", "/x", None)
    header = client.step(challenge(offered), "GET", "/x")
    assert users.check(state, "POST", "/x", header) is not None
    assert users.failures == ["Jäsøn Doe" if not userhash else fields(header)["username"]]
    header = client.step(challenge(offered), "GET", "/x")
    assert users.check(state, "GET", "/x", header) is None
    assert state.user == "Jäsøn Doe"


@given(
    user=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    password=st.text(st.characters(exclude_categories=["Cs"])),
    realm=st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_any_user_password_and_realm(user, password, realm):
    """Quotes, backslashes and letters outside ASCII in user, password and realm reach the verifier as they are."""
    users = DigestUsers({user: password}, realm=realm, algorithms=["MD5"])
    state = ConnectionState(1)
    [offered] = users.check(state, "GET", "/", None)
    header = exchange(Credentials(user, password)).step(challenge(offered), "GET", "/")
    assert header.encode("latin-1").isascii() == user.isascii()
    assert not re.search(r"[\x00-\x1f\x7f]", header)
    assert users.check(state, "GET", "/", header) is None


def test_a_realm_in_utf_8(cnonce):
    """A realm outside ASCII counts by the bytes that the proxy sent, and goes back as them."""
    raw = "Büro".encode().decode("latin-1")
    header = exchange(Credentials("a", "b")).step(challenge(f'Digest realm="{raw}", nonce="n"'), "GET", "/")
    secret = hashlib.md5("a:Büro:b".encode()).hexdigest()
    request = hashlib.md5(b"GET:/").hexdigest()
    assert fields(header)["realm"] == raw
    assert fields(header)["response"] == hashlib.md5(f"{secret}:n:{request}".encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('Digest realm="r", nonce="n", algorithm=SHA-3', "'SHA-3', which is not known here"),
        ('Digest realm="r", nonce="n", algorithm="MD5-sess-sess"', "not known here"),
        ('Digest realm="r", nonce="n", qop="auth-int"', "only qop=auth is supported"),
        ('Digest nonce="n"', "lacks a realm or a nonce"),
        ('Digest realm="r"', "lacks a realm or a nonce"),
        ('Digest realm="r\x01", nonce="n"', "contains a control character"),
        ('Digest realm="r", nonce="n", opaque="\x7f"', "contains a control character"),
    ],
)
def test_not_possible(text, why):
    """What cannot be answered is said, so that the next challenge or scheme is tried."""
    with pytest.raises(SchemeUnavailable, match=re.escape(why)):
        exchange().step(challenge(text), "GET", "/")


@pytest.mark.parametrize(("user", "password"), [("a\nb", "x"), ("a\x7f", "x"), ("a\ud800", "x"), ("a", "\ud800")])
def test_what_no_header_can_carry(user, password):
    """Control characters in the user and half a surrogate pair anywhere are refused before anything is sent."""
    with pytest.raises(SchemeUnavailable):
        exchange(Credentials(user, password))


def test_the_first_possible_challenge():
    """Of several Digest challenges the proxy's order counts, among those that are possible here."""
    offered = parse_challenges([PLAIN.replace("MD5", name) for name in ("SHA-9", "SHA-256", "MD5")])
    answer = AuthController(PROXY, [DigestAuth()], Store()).respond(offered, "GET", "/")
    assert "algorithm=SHA-256," in answer


def test_without_the_algorithm_in_openssl(monkeypatch):
    """An algorithm that this Python's OpenSSL lacks gives way to the next challenge."""

    def new(name, data=b"", **options):
        if name == "sha512_256":
            raise ValueError("unsupported hash type")
        return hashlib.md5(data)

    monkeypatch.setattr(hashlib, "new", new)
    offered = parse_challenges([PLAIN.replace("MD5", "SHA-512-256"), PLAIN])
    auth = AuthController(PROXY, [DigestAuth()], Store())
    assert "algorithm=MD5," in auth.respond(offered, "GET", "/")
    alone = AuthController(PROXY, [DigestAuth()], Store())
    assert alone.respond(offered[:1], "GET", "/") is None
    assert "OpenSSL does not offer 'SHA-512-256'" in str(alone.failure)


class TestNonces:
    def test_counts_are_shared(self):
        """Each use of a nonce has its own count, over all connections and threads; another nonce starts at 1."""
        scheme = DigestAuth()
        headers = []

        def work():
            one = exchange(scheme=scheme)
            headers.extend(one.step(challenge(PLAIN), "GET", "/") for _ in range(50))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(int(fields(header)["nc"], 16) for header in headers) == list(range(1, 201))
        other = exchange(scheme=scheme).step(challenge(PLAIN.replace('"n"', '"m"')), "GET", "/")
        assert fields(other)["nc"] == "00000001"

    def test_forgotten_at_last(self):
        """The counts of nonces long out of use are forgotten."""
        scheme = DigestAuth()
        for number in range(1000):
            exchange(scheme=scheme).step(challenge(PLAIN.replace('"n"', f'"{number}"')), "GET", "/")
        assert len(scheme._counter._counts) == 64

    def test_stale(self):
        """A stale nonce is no rejection: the same secret goes out with the new one. Not stale, or not new: it is."""
        auth = AuthController(PROXY, [DigestAuth()], Store())
        assert auth.respond([challenge(PLAIN)], "GET", "/")
        again = auth.respond([challenge(PLAIN.replace('"n"', '"m"') + ", stale=TRUE")], "GET", "/")
        assert fields(again)["nonce"] == "m"
        assert auth.respond([challenge(PLAIN.replace('"n"', '"m"') + ", stale=true")], "GET", "/") is None
        assert "rejected" in str(auth.failure)

    def test_nextnonce(self):
        """The nonce that Proxy-Authentication-Info names is used from then on, on every connection."""
        store = Store()
        auth = AuthController(PROXY, [DigestAuth()], store)
        auth.respond([challenge(PLAIN)], "GET", "/")
        auth.accepted('nextnonce="second", qop=auth')
        assert fields(auth.preemptive("GET", "/a"))["nonce"] == "second"
        other = AuthController(PROXY, [DigestAuth()], store)
        assert fields(other.preemptive("GET", "/b"))["nonce"] == "second"
        other.accepted("qop=auth")
        assert fields(auth.preemptive("GET", "/c"))["nonce"] == "second"

    @pytest.mark.parametrize("info", ["", 'nextnonce=""', 'nextnonce="a\x01b"', 'garbage " ,,='])
    def test_a_useless_next_nonce(self, info):
        """An empty or unusable one changes nothing."""
        before = challenge(PLAIN)
        assert exchange().renewed(before, info) is before

    def test_unasked(self):
        """The next request brings its own response along, for its method and target."""
        store = Store()
        auth = AuthController(PROXY, [DigestAuth()], store)
        first = fields(auth.respond([challenge(PLAIN)], "GET", "/"))
        auth.accepted()
        second = fields(auth.preemptive("CONNECT", "origin.test:443"))
        assert (second["uri"], second["nc"]) == ("origin.test:443", "00000002")
        assert second["response"] != first["response"]


def test_secrets_stay_here():
    """Neither repr nor a pickle of the scheme holds the password."""
    scheme = DigestAuth("alice", "s3same")
    assert "s3same" not in repr(scheme) + repr(vars(scheme))
    assert b"s3same" not in pickle.dumps(scheme)
    assert not hasattr(pickle.loads(pickle.dumps(scheme)), "credentials")


def test_parameters_alone():
    """Proxy-Authentication-Info is read like the parameters of a challenge."""
    assert parse_parameters('nextnonce="a\\"b" , QOP=auth,nc = 1') == {"nextnonce": 'a"b', "qop": "auth", "nc": "1"}
    assert parse_parameters("") == {}
    assert Challenge("digest", params=parse_parameters("x" * 100_000)).params == {}
