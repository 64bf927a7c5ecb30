"""The logon to one proxy on one connection, independent of the scheme."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pacaware._core.auth import MAX_LEGS, AuthController, AuthExchange, Credentials, CredentialsRejected
from pacaware._core.challenge import Challenge, parse_challenges
from pacaware._core.scope import Trust
from pacaware._models import ProxyServer
from tests._core.fakes import ALICE, BOUND, CANARY, MIDDLE, PROXY, WEAK, Fake, Store
from tests.data import rows

ALL = (WEAK, BOUND, MIDDLE)


def controller(*schemes, store=None, trust=Trust.FULL, proxy=PROXY):
    return AuthController(proxy, schemes or ALL, store or Store(), trust)


def respond(auth, *offered):
    return auth.respond(parse_challenges(offered), "GET", "/x")


class TestChoice:
    def test_strongest_first(self):
        """The strongest scheme that the proxy offers and we can do is taken, whatever the order of either."""
        assert respond(controller(), "weak", "middle", "bound", "unknown") == "bound 1 GET /x None"
        assert respond(controller(), "middle, weak") == "middle 1 GET /x None"

    def test_first_of_two_challenges(self):
        """Of two challenges of one scheme the first counts."""
        assert respond(controller(), "middle aa, middle bb") == "middle 1 GET /x aa"

    @pytest.mark.parametrize("impossible", [Fake("bound", 3, starts=False), Fake("bound", 3, fails_at=[1])])
    def test_next_where_the_strongest_is_impossible(self, impossible):
        """A scheme that cannot be used here gives way to the next one, and nothing counts as rejected."""
        store = Store()
        auth = controller(WEAK, MIDDLE, impossible, store=store)
        assert respond(auth, "weak, middle, bound") == "middle 1 GET /x None"
        assert store.rejections == []

    def test_next_where_a_later_leg_is_impossible(self):
        """Also at a later leg; the scheme that failed is not begun again, though the proxy still offers it."""
        auth = controller(WEAK, Fake("bound", 3, bound=True, fails_at=[2]))
        assert respond(auth, "weak, bound") == "bound 1 GET /x None"
        assert respond(auth, "weak, bound aa") == "weak 1 GET /x None"
        auth.accepted()
        assert not auth.holds_connection

    def test_never_weaker_after_a_rejection(self):
        """After a rejected secret no weaker scheme shows it again."""
        store = Store()
        auth = controller(store=store)
        assert respond(auth, "weak, middle") == "middle 1 GET /x None"
        assert respond(auth, "weak, middle") is None
        assert store.rejections == [ALICE]
        assert respond(auth, "weak") is None
        assert "rejected before" in str(auth.failure)

    @pytest.mark.parametrize(
        "row",
        [row for row in rows("auth_choose") if row.get("op") == "another_challenge"],
        ids=lambda row: f"{row['challenges']}{' connection' * row['connection_based']}",
    )
    def test_another_challenge_as_chromium(self, row):
        """A second challenge goes on with a logon of the connection, and rejects one of the request."""
        mock = Fake(row["current_scheme"].lower(), 1, bound=row["connection_based"])
        store = Store()
        auth = controller(mock, store=store)
        assert respond(auth, "Mock first") is not None
        answer = respond(auth, *row["challenges"])
        assert ("reject" if answer is None else "accept") == row["result"]
        assert bool(store.rejections) == (row["result"] == "reject")
        if answer is not None:
            assert answer.endswith(row["challenge_used"].partition(" ")[2])


class TestLegs:
    def test_what_a_log_says(self):
        """A line names what was offered, the scheme and leg of the answer, and whose credentials it has, not them."""
        auth = controller(WEAK, BOUND)
        offered = parse_challenges(["weak, bound, bound aa"])
        assert auth.answer_to(offered) == "it offers Weak, Bound; not answered"
        auth.respond(offered, "GET", "/x")
        assert auth.answer_to(offered) == f"it offers Weak, Bound; answered by Bound, with what {ALICE.origin} has"
        again = parse_challenges(["bound bb"])
        auth.respond(again, "GET", "/x")
        assert auth.answer_to(again) == f"it offers Bound; answered by Bound, leg 2, with what {ALICE.origin} has"
        assert auth.answer_to(()).startswith("it offers no scheme; ")
        auth.respond([], "GET", "/x")
        assert auth.answer_to(again) == "it offers Bound; not answered"

    def test_several_legs(self):
        """Each leg answers the token of the last challenge; then the connection is logged on."""
        auth = controller(BOUND)
        assert not auth.holds_connection
        assert [respond(auth, "bound"), respond(auth, "bound aa"), respond(auth, "bound bb")] == [
            "bound 1 GET /x None",
            "bound 2 GET /x aa",
            "bound 3 GET /x bb",
        ]
        auth.accepted()
        assert auth.holds_connection

    def test_legs_end(self):
        """A proxy that never has enough gets eight legs; the connection then counts as not logged on."""
        auth = controller(BOUND)
        assert all(respond(auth, "bound aa") for _ in range(MAX_LEGS))
        assert respond(auth, "bound aa") is None
        assert "after 8 legs" in str(auth.failure)
        assert not auth.holds_connection

    def test_legs_are_counted_per_request(self):
        """A connection that is used for long may be asked again for each of its requests."""
        auth = controller(BOUND)
        for _ in range(MAX_LEGS * 2):
            assert respond(auth, "bound aa")
            auth.accepted()


class TestNextRequest:
    def test_at_once_when_known(self):
        """What was accepted goes out unasked with the next request, on this connection and on others."""
        store = Store()
        auth = controller(store=store)
        assert auth.preemptive("GET", "/x") is None
        respond(auth, "middle")
        auth.accepted()
        assert auth.preemptive("GET", "/y") == "middle again"
        assert controller(store=store).preemptive("GET", "/y") == "middle again"

    def test_the_exchange_is_kept(self):
        """A connection goes on with its exchange, which may count its requests."""
        made = []

        class Counting(Fake):
            def start(self, proxy, credentials):
                made.append(credentials)
                return super().start(proxy, credentials)

        store = Store()
        auth = controller(Counting("middle", 2), store=store)
        respond(auth, "middle")
        auth.accepted()
        auth.preemptive("GET", "/y")
        assert made == [ALICE]
        changed = replace(ALICE, password="new")
        store.known = (Challenge("middle"), changed)
        auth.preemptive("GET", "/y")
        assert made == [ALICE, changed]

    @pytest.mark.parametrize(
        "scheme",
        [
            Fake("other", 2),
            Fake("middle", 2, bound=True),
            Fake("middle", 2, starts=False),
            Fake("middle", 2, repeats=False),
        ],
        ids=["not ours", "of the connection", "impossible", "only when asked"],
    )
    def test_not_at_once(self, scheme):
        """Nothing goes out unasked by a scheme that we lack, that logs on connections, or that has nothing to say."""
        store = Store()
        store.known = (Challenge("middle"), ALICE)
        auth = controller(scheme, store=store)
        assert auth.preemptive("GET", "/x") is None
        assert not auth.holds_connection

    def test_nothing_sent_nothing_rejected(self):
        """A 407 to a request that carried no logon does not count against the credentials."""
        store = Store()
        auth = controller(Fake("middle", 2, repeats=False), store=store)
        respond(auth, "middle")
        auth.accepted()
        assert auth.preemptive("GET", "/y") is None
        assert respond(auth, "middle") == "middle 1 GET /x None"
        assert store.rejections == []

    def test_a_rejection_of_what_went_at_once(self):
        """A 407 to a logon that went out unasked is a rejection: the password has changed."""
        store = Store()
        store.known = (Challenge("middle"), ALICE)
        auth = controller(store=store)
        assert auth.preemptive("GET", "/x")
        assert respond(auth, "middle") is None
        assert store.rejections == [ALICE]

    def test_a_connection_that_is_logged_on(self):
        """A request on a connection that is logged on carries nothing."""
        auth = controller(BOUND, MIDDLE)
        auth._store.known = (Challenge("middle"), ALICE)
        respond(auth, "bound")
        auth.accepted()
        assert auth.preemptive("GET", "/y") is None
        assert auth.holds_connection

    @pytest.mark.parametrize(
        ("legs", "sent", "restarts"), [(1, False, False), (1, True, True), (2, False, True), (2, True, True)]
    )
    def test_a_new_connection(self, legs, sent, restarts):
        """A logon of the connection begins again on a new one, except that a first leg not yet sent is still good."""
        auth = controller(BOUND)
        for _ in range(legs):
            respond(auth, "bound aa")
        assert auth.reconnected(sent=sent) is restarts
        assert auth.holds_connection is not restarts

    def test_a_new_connection_for_the_next_leg(self):
        """A logon of the request does not mind: its answer goes out on the new connection."""
        auth = controller(MIDDLE)
        assert auth.reconnected() is False
        respond(auth, "middle")
        assert auth.reconnected() is False
        assert respond(auth, "middle") is None


class TestRejected:
    def test_a_no_that_is_not_a_407(self):
        """A proxy may reject a logon by another status: the secret counts as rejected, and the failure says so."""
        store = Store()
        auth = controller(WEAK, store=store)
        respond(auth, "weak")
        assert "rejected the user or password" in str(auth.rejected())
        assert store.rejections == [ALICE]

    def test_without_a_logon(self):
        """Where nothing was tried there is nothing to say."""
        assert controller().rejected() is None


class TestScope:
    @pytest.mark.parametrize(
        ("trust", "scheme", "proxy_scheme", "named", "goes"),
        [
            (Trust.FULL, WEAK, "http", False, True),
            (Trust.NO_CLEAR_TEXT, WEAK, "http", False, False),
            (Trust.NO_CLEAR_TEXT, WEAK, "http", True, True),
            (Trust.NO_CLEAR_TEXT, WEAK, "https", False, True),
            (Trust.NO_CLEAR_TEXT, MIDDLE, "http", False, True),
            (Trust.NONE, MIDDLE, "http", False, False),
            (Trust.NONE, WEAK, "https", False, False),
            (Trust.NONE, WEAK, "http", True, True),
        ],
    )
    @pytest.mark.parametrize("at_once", [True, False])
    def test_who_may_see_what(self, trust, scheme, proxy_scheme, named, goes, at_once):
        """Clear text needs trust or TLS; a proxy found by WPAD gets nothing; a proxy named by the user gets all."""
        store = Store(replace(ALICE, named=named))
        auth = controller(scheme, store=store, trust=trust, proxy=ProxyServer(proxy_scheme, "proxy.corp", 8080))
        if at_once:
            store.known = (Challenge(scheme.name), store.credentials)
            answer = auth.preemptive("GET", "/x")
        else:
            answer = respond(auth, scheme.name)
        assert (answer is not None) is goes

    def test_a_stronger_scheme_is_held_back_no_further(self):
        """Where clear text is held back, a scheme that hides the password still logs on."""
        assert respond(controller(trust=Trust.NO_CLEAR_TEXT), "weak, middle") == "middle 1 GET /x None"


class TestFailures:
    @pytest.mark.parametrize(
        ("auth", "offered", "says"),
        [
            (AuthController(PROXY, ALL), "weak, Middle", ["asks for a logon (Weak, Middle)", "not allowed"]),
            (controller(store=Store(None)), "weak", ["asks for a logon (Weak)", "no credentials", "give proxy_auth="]),
            (controller(), "NTLM, Kerberos", ["offers NTLM, Kerberos", "usable: Bound, Middle, Weak"]),
            (AuthController(PROXY, (), Store()), "Basic", ["usable: none"]),
            (controller(), "", ["without saying which schemes"]),
            (controller(Fake("a", 2, starts=False), Fake("b", 1, fails_at=[1])), "a, b", ["A: package missing; B"]),
            (controller(trust=Trust.NONE), "weak", ["Weak: ", "PACAWARE_AUTH_PROXIES=proxy.corp:8080"]),
            (controller(trust=Trust.NO_CLEAR_TEXT), "weak", ["without TLS", "PACAWARE_AUTH_PROXIES=proxy.corp:8080"]),
        ],
    )  # fmt: skip
    def test_what_the_failure_says(self, auth, offered, says):
        """It says which proxy, what it offered, why that did not work, and what to do."""
        assert respond(auth, offered) is None
        assert str(auth.failure).startswith("the proxy http://proxy.corp:8080 refused us: ")
        assert [text for text in says if text not in str(auth.failure)] == []

    def test_rejection(self):
        """It says whose password, where that came from, how it was tried and what is offered; not the password."""
        auth = controller(Fake("ntlm", 1, bound=True))
        respond(auth, "ntlm, basic")
        assert respond(auth, "ntlm") is None
        text = str(auth.failure)
        assert "the user or password that came from proxy_auth= for the user 'alice' (tried with NTLM)" in text
        assert "it offers NTLM, Basic" in text
        assert "percent-encoded" in text
        assert CANARY not in text + repr(ALICE)

    def test_the_guard(self):
        """Credentials that were rejected elsewhere are not offered again, and the failure says for how long."""
        store = Store()
        store.reject(PROXY, ALICE)
        auth = controller(store=store)
        assert respond(auth, "weak") is None
        assert "15 minutes" in str(auth.failure)

    def test_a_scheme_with_an_endless_name(self):
        """A message stays short whatever the proxy sends."""
        auth = controller()
        respond(auth, "x" * 30_000)
        assert len(str(auth.failure)) < 300
        respond(auth, *(f"scheme{number}" for number in range(1000)))
        assert "Scheme7, and more, and of these none" in str(auth.failure)

    def test_a_user_with_an_endless_name(self):
        """Nor does a name that is none fill the screen, or write on it."""
        auth = controller(Fake("ntlm", 1), store=Store(replace(ALICE, user="\x1b[2J" + "x" * 30_000)))
        respond(auth, "ntlm")
        assert respond(auth, "ntlm") is None
        assert "\\x1b[2Jxxx" in str(auth.failure)
        assert len(str(auth.failure)) < 400

    def test_one_reason_for_all(self):
        """What holds for several schemes is said once."""
        auth = controller(trust=Trust.NONE)
        assert respond(auth, "weak, middle") is None
        assert "(Weak, Middle), which is not possible here with proxy_auth= for the user 'alice'" in str(auth.failure)
        assert "Middle, Weak: the proxy was named by automatic detection" in str(auth.failure)
        assert str(auth.failure).count("PACAWARE_AUTH_PROXIES=") == 1

    def test_a_failure_ends_with_the_connection_not_logged_on(self):
        """After a failure the connection is anybody's again."""
        auth = controller(BOUND)
        respond(auth, "bound")
        assert respond(auth, "bound") is None
        assert not auth.holds_connection

    def test_a_logon_that_the_proxy_forgot(self):
        """A challenge on a connection that was logged on rejects nothing: the logon begins again."""
        store = Store()
        auth = controller(BOUND, store=store)
        respond(auth, "bound")
        auth.accepted()
        assert respond(auth, "bound") == "bound 1 GET /x None"
        assert respond(auth, "bound") is None
        assert store.rejections == [ALICE]


@pytest.mark.parametrize(
    ("schemes", "store", "blocking", "may_log_on"),
    [
        ([WEAK], None, False, False),
        ([WEAK], Store(), False, True),
        ([WEAK], Store(None), False, False),
        ([WEAK], Store(blocking=True), True, True),
        ([WEAK, Fake("slow", 1, blocking=True)], Store(), True, True),
    ],
)
def test_what_drivers_must_know(schemes, store, blocking, may_log_on):
    """A logon may have to wait where the store or any scheme may; without credentials there is no logon."""
    auth = AuthController(PROXY, schemes, store)
    assert (auth.blocking, auth.may_log_on) == (blocking, may_log_on)
    auth.accepted()
    assert auth.preemptive("GET", "/") is None


def test_the_simplest_exchange():
    """A scheme need only say how to answer: by default another challenge is a rejection, and nothing goes unasked."""

    class Simplest(AuthExchange):
        def step(self, challenge, method, target):
            return "simplest"

    exchange = Simplest()
    assert exchange.rejects(Challenge("x"))
    assert exchange.preemptive(Challenge("x"), "GET", "/") is None


@pytest.mark.parametrize("now", [ALICE, None, replace(ALICE, password="new"), replace(ALICE, user="bob")])
def test_a_remembered_password_that_has_changed(now):
    """A rejected header that went out from memory is looked up once more: whatever is there now may be tried."""
    store = Store(ALICE)
    auth = controller(store=store)
    respond(auth, "middle")
    auth.accepted()
    store.credentials, store.blocking = now, True
    assert auth.preemptive("GET", "/y") == "middle again"
    assert auth.blocking
    changed = now not in (ALICE, None)
    assert respond(auth, "middle") == ("middle 1 GET /x None" if changed else None)
    assert store.rejections == [ALICE]
    assert (auth.failure is None) is changed


def test_what_went_unasked_is_judged_by_a_proxy_that_takes_it_only():
    """A 407 that does not offer the scheme of a proxy URL's logon rejects nothing: what it offers is tried."""
    store = Store(replace(ALICE, preemptive=True))
    store.known = (Challenge("weak"), store.credentials)
    auth = controller(store=store)
    assert not auth.went_unasked
    assert auth.preemptive("GET", "/x") == "weak again"
    assert auth.went_unasked
    assert respond(auth, "bound") == "bound 1 GET /x None"
    assert store.rejections == []
    auth.accepted()
    assert not auth.went_unasked
    assert store.known == (Challenge("bound"), ALICE)
    again = controller(store=Store(store.credentials))
    again._store.known = (Challenge("weak"), store.credentials)
    assert again.preemptive("GET", "/x")
    assert respond(again, "weak, bound") is None  # this one takes it, and has said no


class TestClaims:
    def test_held_until_the_outcome(self):
        """The right to try is held over all legs, and given back with the outcome, whatever it is."""
        for end in (
            lambda auth: auth.accepted(),
            lambda auth: respond(auth, "bound"),
            lambda auth: auth.rejected(),
            lambda auth: auth.abandon(),
        ):
            store = Store()
            auth = controller(BOUND, store=store)
            respond(auth, "bound")
            respond(auth, "bound aa")
            [claim] = store.claims
            assert (claim.touched, claim.released) == (1, False)
            end(auth)
            assert claim.released

    def test_given_back_where_nothing_is_possible(self):
        """A logon that cannot begin holds nobody up."""
        store = Store()
        assert respond(controller(Fake("a", 1, starts=False), store=store), "a") is None
        assert [claim.released for claim in store.claims] == [True]

    def test_unasked_without_waiting(self):
        """What is being tried elsewhere does not go out unasked; the answer to the 407 waits instead."""
        store = Store()
        store.known, store.busy = (Challenge("middle"), ALICE), True
        auth = controller(store=store)
        assert auth.preemptive("GET", "/") is None
        assert respond(auth, "middle") == "middle 1 GET /x None"

    def test_an_abandoned_logon(self):
        """After a logon was given up, the connection is anybody's, and the next challenge begins anew."""
        auth = controller(BOUND)
        respond(auth, "bound")
        auth.abandon()
        assert not auth.holds_connection
        assert respond(auth, "bound") == "bound 1 GET /x None"


class TestAmbient:
    LOGIN = Credentials("", "", origin="the login of this machine", ambient=True)
    TAKES = Fake("takes", 4, bound=True)

    @pytest.fixture(autouse=True)
    def takes(self):
        self.TAKES.takes_ambient = True

    def test_who_takes_it(self):
        """The login of the machine is used by schemes that can, and by no other."""
        auth = controller(WEAK, MIDDLE, self.TAKES, store=Store(self.LOGIN))
        assert respond(auth, "middle, weak, takes") == "takes 1 GET /x None"

    def test_nobody_takes_it(self):
        """Where nobody can, it is as if no credentials were found."""
        auth = controller(WEAK, MIDDLE, self.TAKES, store=Store(self.LOGIN))
        assert respond(auth, "weak, middle") is None
        assert "no credentials were found for it; give proxy_auth=" in str(auth.failure)

    def test_it_cannot_be_used(self):
        """Where it fails, each scheme says why, and the advice follows."""
        broken = Fake("broken", 4, starts=False)
        broken.takes_ambient = True
        auth = controller(WEAK, broken, store=Store(self.LOGIN))
        assert respond(auth, "weak, broken") is None
        assert "Broken: package missing; Weak: it needs a user and a password" in str(auth.failure)
        assert str(auth.failure).endswith("give proxy_auth=")

    def test_rejected(self):
        """Its rejection speaks of the login, not of a password."""
        auth = controller(self.TAKES, store=Store(self.LOGIN))
        respond(auth, "takes")
        assert respond(auth, "takes") is None
        assert "rejected the login that came from the login of this machine" in str(auth.failure)


class TestPlugInPoints:
    def test_a_key_server_that_says_no(self):
        """A secret that a key server refuses is rejected before the proxy sees it; no weaker scheme shows it."""

        class Refusing(Fake):
            def start(self, proxy, credentials):
                exchange = super().start(proxy, credentials)
                exchange.step = self.refuse
                return exchange

            def refuse(self, challenge, method, target):
                raise CredentialsRejected("the key server says no")

        store = Store()
        auth = controller(WEAK, Refusing("refusing", 4), store=store)
        assert respond(auth, "weak, refusing") is None
        assert store.rejections == [ALICE]
        assert "(tried with Refusing; the key server says no)" in str(auth.failure)

    def test_a_key_server_that_says_no_in_the_middle(self):
        """So is one that is refused at a later leg."""

        class Exchange(AuthExchange):
            def step(self, challenge, method, target):
                if challenge.token:
                    raise CredentialsRejected("the key server says no")
                return "first"

            def rejects(self, challenge):
                return False

        class Refusing(Fake):
            def start(self, proxy, credentials):
                return Exchange()

        store = Store()
        auth = controller(WEAK, Refusing("refusing", 4, bound=True), store=store)
        assert respond(auth, "weak, refusing") == "first"
        assert respond(auth, "refusing aa") is None
        assert store.rejections == [ALICE]
        assert "(tried with Refusing; the key server says no)" in str(auth.failure)

    def test_an_exchange_of_one_step(self):
        """One that has no more than its step learns nothing of a success, and takes the next 407 for a rejection."""

        class Exchange(AuthExchange):
            def step(self, challenge, method, target):
                return "the only one"

        class Single(Fake):
            def start(self, proxy, credentials):
                return Exchange()

        store = Store()
        auth = controller(Single("single", 4), store=store)
        assert respond(auth, "single aa") == "the only one"
        auth.accepted("nextnonce=x")
        assert store.known == (Challenge("single", "aa"), ALICE)
        assert respond(auth, "single") is None
        assert store.rejections == [ALICE]

    def test_the_certificate(self):
        """The exchange knows the certificate that the driver hands over."""
        started = []

        class Noting(Fake):
            def start(self, proxy, credentials):
                started.append(super().start(proxy, credentials))
                return started[-1]

        auth = controller(Noting("noting", 1))
        auth.certificate = b"DER"
        respond(auth, "noting")
        assert started[0].certificate == b"DER"

    def test_notes(self):
        """What was not possible on the way is noted also when the logon succeeds."""
        auth = controller(MIDDLE, Fake("a", 3, starts=False))
        assert respond(auth, "a, middle")
        assert auth.notes == ["A: package missing"]

    def test_the_order_of_the_credentials(self):
        """Credentials may name the only schemes that they are for, best first."""
        store = Store(replace(ALICE, schemes=("weak", "bound")))
        assert respond(controller(store=store), "middle, bound, weak").startswith("weak")
        assert respond(controller(store=store), "middle") is None

    def test_waiting(self):
        """A later leg that needs not wait goes on at once, for others may wait for its outcome in every thread."""
        slow = Fake("slow", 4, bound=True, blocking=True)
        auth = controller(slow)
        assert auth.blocking
        respond(auth, "slow")
        assert auth.blocking
        auth._logon.exchange.waits = False
        assert not auth.blocking
        auth.accepted()
        assert auth.blocking

    def test_a_connection_that_ends_in_the_middle(self):
        """A logon of the connection is impossible where each 407 ends it; the next scheme is taken."""
        store = Store()
        auth = controller(WEAK, BOUND, store=store)
        auth.connection_ends = True
        assert respond(auth, "bound, weak").startswith("bound 1")
        assert respond(auth, "bound aa, weak").startswith("weak 1")
        assert store.rejections == []
        alone = controller(BOUND)
        alone.connection_ends = True
        respond(alone, "bound")
        assert respond(alone, "bound aa") is None
        assert "Bound: it closes the connection in the middle of the logon" in str(alone.failure)
