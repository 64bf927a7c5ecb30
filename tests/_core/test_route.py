"""A route: one candidate of a decision, with what its connections may do."""

from __future__ import annotations

import pytest

from pacaware._core.route import DIRECT_ROUTE, Route, connect_limit, explicit_decision, failure_notes, route_of
from pacaware._core.scope import Trust
from pacaware._models import DIRECT, Decision, ProxyList, ProxyServer

PROXY = ProxyServer("http", "proxy.corp", 8080)


def test_route_of_a_proxy():
    """The route of a proxy carries the trust in the place that named it."""
    decision = Decision("http://o.test/", ProxyList([PROXY, DIRECT]), "pac", "code", "http://pac.test/p.pac")
    route = route_of(decision, PROXY)
    assert route == Route(PROXY, Trust.NO_CLEAR_TEXT)
    assert route.proxy is PROXY
    assert route_of(decision, DIRECT) is DIRECT_ROUTE
    assert DIRECT_ROUTE.proxy is None


def test_routes_keep_connections_apart():
    """The same proxy named by a place less trusted is another route, so that no logon leaks into it."""
    assert len({Route(PROXY), Route(PROXY, Trust.NONE), Route(PROXY, Trust.FULL), DIRECT_ROUTE}) == 3


def test_connections_of_another_network_are_not_used():
    """They were kept there, and lead nowhere from here."""
    decisions = [Decision("http://o.test/", ProxyList([PROXY]), "manual", "code", network=number) for number in (0, 1)]
    one, two = (route_of(decision, PROXY) for decision in decisions)
    assert one != two
    assert one == route_of(decisions[0].for_url("http://o.test/2"), PROXY)


def test_a_proxy_that_the_caller_gave():
    """Nothing but the caller's word decides, and it is fully trusted."""
    decision = explicit_decision("http://o.test/", PROXY)
    assert (decision.proxies, decision.source, decision.config_origin) == (ProxyList([PROXY]), "explicit", "code")
    assert route_of(decision, PROXY).trust is Trust.FULL


@pytest.mark.parametrize(
    ("given", "is_last", "limit"),
    [(3.0, False, 3.0), (3.0, True, 3.0), (0.0, True, 0.0), (None, False, 10.0), (None, True, None)],
)
def test_connect_limit(given, is_last, limit):
    """The caller's connect timeout holds for each candidate; without one, every candidate but the last has 10 s."""
    assert connect_limit(given, is_last=is_last) == limit


def test_failure_notes():
    """One line for each candidate that was tried, in order."""
    assert failure_notes([(PROXY, "connection refused"), (DIRECT, "timed out")]) == [
        "pacaware: PROXY proxy.corp:8080 failed: connection refused",
        "pacaware: DIRECT failed: timed out",
    ]
