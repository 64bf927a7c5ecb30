"""A plain http request through a proxy as a machine: the logon around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.actions import Authenticate
from pacaware._core.auth import AuthController
from pacaware._core.challenge import Challenge
from pacaware._core.forward import BUFFER_LIMIT, Body, Buffer, Deliver, ForwardExchange, Prime, Transmit
from tests._core.fakes import ALICE, BOUND, CANARY, MIDDLE, PROXY, Store

URL = "http://origin.test/x"


def start(*schemes, store=None, body=Body.REPLAYABLE):
    auth = AuthController(PROXY, schemes or (MIDDLE, BOUND), store or Store())
    return ForwardExchange(auth, "POST", URL, body), auth


def answer(exchange, auth):
    """Do what the pending Authenticate says; return it."""
    action = exchange.next_action()
    assert isinstance(action, Authenticate)
    exchange.authenticated(auth.respond(action.challenges, action.method, action.target))
    return action


class TestReplayable:
    def test_no_logon_wanted(self):
        """A response that is no 407 is the caller's, whatever it is."""
        for status in (200, 301, 401, 502):
            exchange, _ = start()
            assert exchange.next_action() == Transmit(None)
            exchange.responded(status, [], reusable=True)
            assert exchange.next_action() == Deliver()

    @pytest.mark.parametrize("reusable", [True, False])
    def test_logon(self, reusable):
        """A 407 is answered by the same request with a logon, on a new connection where the old one closes."""
        store = Store()
        exchange, auth = start(store=store)
        exchange.responded(407, ["middle"], reusable=reusable)
        assert answer(exchange, auth) == Authenticate((Challenge("middle"),), "POST", URL)
        assert exchange.next_action() == Transmit(f"middle 1 POST {URL} None", reconnect=not reusable)
        exchange.responded(200, [], reusable=True)
        assert exchange.next_action() == Deliver()
        assert store.known == (Challenge("middle"), ALICE)

    def test_at_once_when_known(self):
        """A logon that was accepted before goes out with the request."""
        store = Store()
        store.known = (Challenge("middle"), ALICE)
        assert start(store=store)[0].next_action() == Transmit("middle again")

    def test_rejected(self):
        """A rejected logon ends with the proxy's 407 in the caller's hands; the controller knows why."""
        exchange, auth = start()
        exchange.responded(407, ["middle"], reusable=True)
        answer(exchange, auth)
        exchange.responded(407, ["middle"], reusable=True)
        answer(exchange, auth)
        assert exchange.next_action() == Deliver()
        assert "rejected the user or password" in str(auth.failure)

    def test_several_legs(self):
        """A logon of the connection takes its legs on it; the next request on it carries nothing."""
        exchange, auth = start()
        exchange.responded(407, ["bound"], reusable=True)
        answer(exchange, auth)
        exchange.responded(407, ["bound aa"], reusable=True)
        answer(exchange, auth)
        assert exchange.next_action() == Transmit(f"bound 2 POST {URL} aa")
        exchange.responded(200, [], reusable=True)
        assert ForwardExchange(auth, "GET", URL).next_action() == Transmit(None)

    @pytest.mark.parametrize("scheme", ["middle", "bound"])
    def test_on_a_new_connection(self, scheme):
        """Where the connection closes with the 407, the first leg goes out on the new one, and only once."""
        exchange, auth = start()
        exchange.responded(407, [scheme], reusable=False)
        answer(exchange, auth)
        assert exchange.next_action().reconnect
        exchange.reconnected()
        assert exchange.next_action() == Transmit(f"{scheme} 1 POST {URL} None")

    def test_a_logon_that_was_lost(self):
        """A logon of the connection whose second leg has no connection begins again from the start."""
        exchange, auth = start()
        for value in ("bound", "bound aa"):
            exchange.responded(407, [value], reusable=True)
            answer(exchange, auth)
        exchange.reconnected()
        assert exchange.next_action() == Transmit(None)

    def test_a_connection_that_had_died(self):
        """On a new connection instead of one that died in the pool, a logon of the old one is not relied on."""
        exchange, auth = start()
        exchange.responded(407, ["bound"], reusable=True)
        answer(exchange, auth)
        exchange.responded(200, [], reusable=True)
        again = ForwardExchange(auth, "GET", URL)
        again.reconnected()
        assert again.next_action() == Transmit(None)
        assert not auth.holds_connection

    def test_a_connection_lost_with_the_answer(self):
        """A new connection changes nothing for a response that the caller has already."""
        exchange, _ = start()
        exchange.responded(200, [], reusable=False)
        exchange.reconnected()
        assert exchange.next_action() == Deliver()

    def test_nothing_secret_is_shown(self):
        """What is sent may hold a password, so no repr shows it."""
        assert CANARY not in repr(Transmit(CANARY)) + repr(Prime(CANARY))


class TestOnce:
    def test_no_logon_possible(self):
        """Without credentials for this proxy the body goes out at once: a 407 could not be answered anyhow."""
        for auth in (AuthController(PROXY), AuthController(PROXY, [MIDDLE], Store(None))):
            assert ForwardExchange(auth, "POST", URL, Body.ONCE).next_action() == Transmit(None)

    def test_logon_known(self):
        """With a logon accepted before, the body goes out with it at once."""
        store = Store()
        store.known = (Challenge("middle"), ALICE)
        assert start(store=store, body=Body.ONCE)[0].next_action() == Transmit("middle again")

    def test_connection_logged_on(self):
        """On a connection that is logged on, the body goes out at once."""
        exchange, auth = start()
        exchange.responded(407, ["bound"], reusable=True)
        answer(exchange, auth)
        exchange.responded(200, [], reusable=True)
        assert ForwardExchange(auth, "PUT", URL, Body.ONCE).next_action() == Transmit(None)

    def test_small_enough_to_buffer(self):
        """A body that fits into memory is read ahead, and can then be sent again."""
        exchange, auth = start(body=Body.ONCE)
        assert exchange.next_action() == Buffer(BUFFER_LIMIT)
        exchange.buffered(complete=True)
        assert exchange.next_action() == Transmit(None)
        exchange.responded(407, ["middle"], reusable=True)
        answer(exchange, auth)
        assert exchange.next_action() == Transmit(f"middle 1 POST {URL} None")

    @pytest.mark.parametrize(
        ("legs", "scheme", "then"),
        [([], "middle", None), (["middle"], "middle", "middle again"), (["bound", "bound aa"], "bound", None)],
    )
    @pytest.mark.parametrize("status", [200, 405, 501])
    def test_too_large(self, legs, scheme, then, status):
        """For a larger body the logon is done first by TRACE; whatever the proxy answers to it, the body follows."""
        exchange, auth = start(body=Body.ONCE)
        exchange.buffered(complete=False)
        assert exchange.next_action() == Prime(None)
        for number, leg in enumerate(legs, 1):
            exchange.responded(407, [leg], reusable=True)
            assert answer(exchange, auth).method == "TRACE"
            token = leg.partition(" ")[2] or None
            assert exchange.next_action() == Prime(f"{scheme} {number} TRACE {URL} {token}")
        exchange.responded(status, [], reusable=True)
        assert exchange.next_action() == Transmit(then)
        exchange.responded(201, [], reusable=True)
        assert exchange.next_action() == Deliver()

    def test_primed_on_a_connection_that_closes(self):
        """Where the connection closes with the answer to TRACE, the body goes out on a new one."""
        exchange, auth = start(body=Body.ONCE)
        exchange.buffered(complete=False)
        exchange.responded(407, ["middle"], reusable=False)
        answer(exchange, auth)
        assert exchange.next_action() == Prime(f"middle 1 TRACE {URL} None", reconnect=True)
        exchange.reconnected()
        assert exchange.next_action() == Prime(f"middle 1 TRACE {URL} None")
        exchange.responded(200, [], reusable=False)
        assert exchange.next_action() == Transmit("middle again", reconnect=True)

    def test_rejected_before_the_body(self):
        """A logon that fails during TRACE ends with that 407, and the body was not touched."""
        exchange, auth = start(body=Body.ONCE, store=Store(None, may_find=True))
        exchange.buffered(complete=False)
        exchange.responded(407, ["middle"], reusable=True)
        answer(exchange, auth)
        assert exchange.next_action() == Deliver()

    def test_a_407_after_the_body(self):
        """A 407 to a body that is gone is the caller's: nothing else can be given back."""
        store = Store()
        store.known = (Challenge("middle"), ALICE)
        exchange, auth = start(store=store, body=Body.ONCE)
        exchange.responded(407, ["bound"], reusable=True)
        answer(exchange, auth)
        assert exchange.next_action() == Deliver()

    def test_a_407_after_the_body_that_could_be_answered(self):
        """The same where there would be an answer, which only a body that is still there could carry."""
        exchange, auth = start()
        exchange.responded(407, ["bound"], reusable=True)
        answer(exchange, auth)
        exchange.responded(200, [], reusable=True)
        once = ForwardExchange(auth, "PUT", URL, Body.ONCE)
        once.responded(407, ["bound aa"], reusable=True)
        answer(once, auth)
        assert once.next_action() == Deliver()


STATUSES = st.sampled_from([200, 401, 407, 501])
OFFERS = st.sampled_from(["middle", "bound", "bound aa", "x", ""])


@given(st.sampled_from(Body), st.lists(st.tuples(STATUSES, OFFERS, st.booleans())))
def test_it_ends(body, answers):
    """Whatever a proxy answers, the exchange ends: at the latest when the proxy still says 407 after eight legs."""
    exchange, auth = start(body=body)
    turns = iter([*answers, *[(407, "bound aa", False)] * 20])
    for _ in range(200):
        action = exchange.next_action()
        if isinstance(action, Deliver):
            return
        if isinstance(action, Buffer):
            exchange.buffered(complete=False)
        elif isinstance(action, Authenticate):
            answer(exchange, auth)
        elif action.reconnect:
            exchange.reconnected()
        else:
            status, offered, reusable = next(turns)
            exchange.responded(status, [offered], reusable=reusable)
    raise AssertionError("the exchange does not end")
