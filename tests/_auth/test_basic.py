"""Basic (RFC 7617)."""

from __future__ import annotations

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.auth import AuthController, Credentials, SchemeUnavailable
from pacaware._core.challenge import Challenge, parse_challenges
from pacaware._models import ProxyServer
from pacaware.auth import BasicAuth

PROXY = ProxyServer("http", "proxy.corp", 8080)
ASKED = Challenge("basic")
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


def header(user, password):
    return BasicAuth().start(PROXY, Credentials(user, password)).step(ASKED, "GET", "/")


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # section 2
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),  # section 2.1: UTF-8
        ("u", "a:b:c", "Basic dTphOmI6Yw=="),
        ("", "", "Basic Og=="),
        ("CORP\\alice", "パス", "Basic Q09SUFxhbGljZTrjg5Hjgrk="),
        ("u", "\udcff", "Basic dTr/"),
    ],
)
def test_header(user, password, value):
    """User and password in UTF-8; only the first colon ends the user; bytes that were no UTF-8 stay as they are."""
    assert header(user, password) == value


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("a:b", "x", "colon"),
        ("a\r\nEvil", "x", "control"),
        ("a", "s3same\n", "control"),
        ("a", "s3same\0", "control"),
        ("a", "s3same\x7f", "control"),
        ("a", "s3same\ud800", "surrogate"),
    ],
)
def test_what_basic_cannot_express(user, password, why):
    """A colon in the user, control characters and broken text make Basic impossible; the reason shows no password."""
    with pytest.raises(SchemeUnavailable, match=why) as caught:
        header(user, password)
    assert "s3same" not in str(caught.value)


@given(ANY_TEXT, ANY_TEXT)
def test_any_user_and_password(user, password):
    """No text crashes it; what goes out is one line of ASCII from which the proxy reads the same pair."""
    try:
        value = header(user, password)
    except SchemeUnavailable:
        return
    assert value.isascii()
    assert value.isprintable()
    decoded = base64.b64decode(value.removeprefix("Basic "), validate=True).decode("utf-8", "surrogateescape")
    assert decoded.partition(":") == (user, ":", password)


def test_the_same_for_every_request():
    """The header does not depend on the request, so it can go out unasked."""
    exchange = BasicAuth().start(PROXY, Credentials("u", "p"))
    assert exchange.preemptive(ASKED, "PUT", "/x") == exchange.step(ASKED, "GET", "/") == "Basic dTpw"
    assert exchange.rejects(ASKED)


def test_what_it_says_of_itself():
    """The weakest scheme, in clear text, logs on requests and never waits."""
    scheme = BasicAuth()
    assert (scheme.name, scheme.strength, scheme.clear_text) == ("basic", 1, True)
    assert (scheme.connection_bound, scheme.blocking) == (False, False)


def test_no_secret_is_shown_or_pickled():
    """Neither repr nor a pickle of the object holds the user or password."""
    scheme = BasicAuth("alice", "s3same", preemptive=True)
    assert "s3same" not in repr(scheme) + repr(scheme.credentials) + str(scheme.credentials)
    data = pickle.dumps(scheme)
    assert b"s3same" not in data
    assert b"alice" not in data
    assert not hasattr(pickle.loads(data), "credentials")


def test_without_a_store_there_is_no_logon():
    """A scheme alone has no user and password to show."""
    assert AuthController(PROXY, [BasicAuth()]).respond(parse_challenges(["Basic realm=x"]), "GET", "/") is None
