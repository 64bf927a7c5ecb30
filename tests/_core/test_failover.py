"""One request's walk along its fail-over list, and the memory of dead proxies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.failover import BadProxies, FailOver
from pacaware._models import DIRECT, ProxyServer
from tests.data import rows

A, B, C = (ProxyServer("http", name, 1) for name in "abc")
HALF_AN_HOUR = 1800.0


def table(kind):
    return [row for row in rows("fallback") if row["kind"] == kind and "left_out" not in row]


def candidates(items):
    return [DIRECT if item == "DIRECT" else ProxyServer(*item) for item in items]


def short(candidate):
    return "DIRECT" if candidate is DIRECT else candidate.netloc


class TestFailOver:
    @pytest.mark.parametrize("row", table("sequence"), ids=lambda row: " ".join(row["after_each_failure"][:2]))
    def test_walks_of_chromium(self, row):
        """After each failure the candidate that Chromium takes is next; a proxy marked before is tried last."""
        bad = BadProxies(HALF_AN_HOUR)
        bad.mark([ProxyServer.parse(text) for text in row.get("known_bad", [])], 0.0)
        order, _ = bad.order(candidates(row["list"]), 1.0)
        walk = FailOver(order)
        assert short(walk.current) == row.get("first", short(order[0]))
        for expected in row["after_each_failure"]:
            assert walk.is_last == (expected is None)
            assert walk.failed("refused") == (expected is not None)
            assert expected in (None, short(walk.current))

    @pytest.mark.parametrize("row", table("mark_bad"), ids=lambda row: " ".join(row["marked"]))
    def test_marks_of_chromium(self, row):
        """The proxies that failed before one connected are marked, no others."""
        walk = FailOver(candidates(row["list"]))
        while short(walk.current) in row["additional_bad"]:
            walk.failed("refused")
        assert [proxy.netloc for proxy in walk.newly_bad()] == row["marked"]

    def test_all_failed(self):
        """The error lists every attempt with its reason, in order."""
        walk = FailOver([A, DIRECT, B])
        assert [walk.failed(reason) for reason in ("refused", "unreachable", "timed out")] == [True, True, False]
        assert walk.failures == ((A, "refused"), (DIRECT, "unreachable"), (B, "timed out"))
        assert walk.error().attempts == (
            ("PROXY a:1", "refused"),
            ("DIRECT", "unreachable"),
            ("PROXY b:1", "timed out"),
        )

    def test_direct_is_never_marked(self):
        """DIRECT that failed is not a dead proxy."""
        walk = FailOver([DIRECT, A, B])
        walk.failed("unreachable")
        walk.failed("refused")
        assert walk.newly_bad() == (A,)

    def test_a_proxy_named_twice(self):
        """A proxy that connected at the second try is not marked for the first."""
        walk = FailOver([A, A])
        walk.failed("reset")
        assert walk.newly_bad() == ()


class TestBadProxies:
    @pytest.mark.parametrize("row", table("deprioritize"), ids=lambda row: " ".join(row["bad"]) or "none bad")
    def test_orders_of_chromium(self, row):
        """Bad proxies go to the end in their order; proxies that are not in the list do not matter."""
        bad = BadProxies(HALF_AN_HOUR)
        bad.mark([ProxyServer.parse(text) for text in row["bad"]], 0.0)
        order, _ = bad.order(candidates(row["list"]), 1.0)
        assert list(order) == candidates(row["expected_order"])

    @pytest.mark.parametrize("row", table("retry_delay"), ids=lambda row: row["note"])
    def test_a_later_end_is_kept(self, row):
        """A mark that would end sooner does not shorten the one there is."""
        bad = BadProxies(row["first_delay_s"])
        bad.mark([A], 0.0)
        bad.mark([A], row["second_delay_s"] - row["first_delay_s"])
        assert bad.order([A, B], 1.0)[1] == row["kept_delay_s"]

    def test_all_bad(self):
        """If all are bad, the one nearest its end comes first: it has been dead longest and may be back."""
        bad = BadProxies(HALF_AN_HOUR)
        for proxy, now in ((A, 2.0), (B, 0.0), (C, 1.0)):
            bad.mark([proxy], now)
        assert bad.order([A, B, C], 3.0) == ((B, C, A), HALF_AN_HOUR)

    def test_direct_before_bad_proxies(self):
        """DIRECT comes before bad proxies, and these stay behind it in the order of the list."""
        bad = BadProxies(HALF_AN_HOUR)
        bad.mark([B], 0.0)
        bad.mark([A], 1.0)
        assert bad.order([A, B, DIRECT], 2.0) == ((DIRECT, A, B), HALF_AN_HOUR)

    def test_half_an_hour(self):
        """A mark ends when its time is over, to the second; until then the order is said to hold."""
        bad = BadProxies(HALF_AN_HOUR)
        bad.mark([A], 100.0)
        assert bad.order([A, B], 1899.0) == ((B, A), 1900.0)
        assert bad.is_bad(A, 1899.0)
        assert not bad.is_bad(A, 1900.0)
        assert bad.order([A, B], 1900.0) == ((A, B), math.inf)
        assert len(bad) == 0

    def test_a_proxy_that_worked(self):
        """A proxy that worked after all is no longer bad."""
        bad = BadProxies(HALF_AN_HOUR)
        bad.mark([A, B], 0.0)
        assert (bad.unmark(A), bad.unmark(A), bad.unmark(C)) == (True, False, False)
        assert bad.order([A, B, C], 1.0)[0] == (A, C, B)
        bad.clear()
        assert len(bad) == 0

    def test_no_memory(self):
        """With zero seconds nothing is marked at all."""
        bad = BadProxies(0)
        bad.mark([A], 0.0)
        assert (len(bad), bad.order([A, B], 0.0)) == (0, ((A, B), math.inf))

    def test_direct_is_never_bad(self):
        """DIRECT has no mark, whatever the proxies beside it have."""
        bad = BadProxies(HALF_AN_HOUR)
        bad.mark([A], 0.0)
        assert (bad.is_bad(A, 1.0), bad.is_bad(DIRECT, 1.0)) == (True, False)

    @given(st.lists(st.sampled_from([A, B, C, DIRECT])), st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 9)))
    def test_nothing_is_lost(self, given_list, marks):
        """Whatever is marked when, the order holds each candidate as often as the list does."""
        bad = BadProxies(5.0)
        for proxy, now in marks.items():
            bad.mark([proxy], float(now))
        order, until = bad.order(given_list, 9.0)
        assert sorted(map(short, order)) == sorted(map(short, given_list))
        assert until > 9.0
