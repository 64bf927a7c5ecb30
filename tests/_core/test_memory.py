"""Answers, routes and bad proxies together: in which order the candidates of a list are tried."""

from __future__ import annotations

import pytest

from pacaware._core.failover import FailOver
from pacaware._core.memory import Memory
from pacaware._models import DIRECT, CachePolicy, ProxyServer

A, B, C = (ProxyServer("http", f"{name}.test", 8080) for name in "abc")
FOREVER = float("inf")
HALF_HOUR = 1800.0


class Story:
    """Requests to hosts, at times, while some proxies are down."""

    def __init__(self, policy: CachePolicy | None = None) -> None:
        self.memory = Memory(policy or CachePolicy())
        self.changed = False

    def request(self, listed, now, *, down=(), host="h.test"):
        """Return the candidates that were tried; the last one of them connected, unless all are down."""
        ordered, _ = self.memory.order(host, listed, now)
        walk, tried = FailOver(ordered), []
        while True:
            tried.append(walk.current)
            if walk.current not in down:
                self.changed = self.memory.connected(host, listed, walk, now)
                return tried
            if not walk.failed("refused"):
                return [*tried, None]

    def order(self, listed, now, host="h.test"):
        return list(self.memory.order(host, listed, now)[0])


def test_after_a_failover_b_comes_first_even_when_the_half_hour_of_a_is_over():
    """Document 004: the host goes on with B until the memory is invalidated, and only then asks A again."""
    story = Story()
    assert story.request((A, B), 0.0, down=[A]) == [A, B]
    assert story.request((A, B), 60.0) == [B]
    assert story.request((A, B), 24 * 3600.0) == [B]
    story.memory.forget_results()
    assert story.request((A, B), 24 * 3600.0) == [A]


def test_sticky_seconds_end_it_earlier():
    """With sticky_seconds A is asked again when both the time and its mark are over."""
    story = Story(CachePolicy(sticky_seconds=3600))
    story.request((A, B), 0.0, down=[A])
    assert story.request((A, B), 3599.0) == [B]
    assert story.request((A, B), 3600.0) == [A]


def test_without_result_cache_the_marks_alone_decide():
    """result_cache=False: A comes first as soon as its half hour is over."""
    story = Story(CachePolicy(result_cache=False))
    story.request((A, B), 0.0, down=[A])
    assert story.request((A, B), HALF_HOUR - 1) == [B]
    assert story.request((A, B), HALF_HOUR) == [A]


def test_a_bad_proxy_is_bad_for_every_host():
    """A mark belongs to the proxy: another host does not try it first either, in whatever list it stands."""
    story = Story()
    story.request((A, B), 0.0, down=[A])
    assert story.request((C, A, B), 1.0, host="other.test") == [C]
    assert story.order((A, C), 1.0, host="third.test") == [C, A]
    assert story.order((A, C), HALF_HOUR, host="third.test") == [A, C]


def test_marks_are_made_only_when_a_later_candidate_connected():
    """If nothing connects, it may be the network that is down: no proxy is blamed."""
    story = Story()
    assert story.request((A, B), 0.0, down=[A, B]) == [A, B, None]
    assert len(story.memory.bad) == 0
    assert story.order((A, B), 1.0) == [A, B]


def test_if_all_are_bad_the_nearest_to_its_end_comes_first():
    """A marked proxy is moved to the end, not removed; among marked ones only, the oldest mark is tried first."""
    story = Story()
    story.request((B, C), 0.0, down=[B], host="one.test")
    story.request((A, C), 100.0, down=[A], host="two.test")
    assert story.order((A, B, C), 200.0) == [C, A, B]
    assert story.order((A, B), 200.0) == [B, A]


def test_a_proxy_that_works_again_loses_its_mark():
    """The last resort that connects is no longer bad."""
    story = Story()
    story.request((A, B), 0.0, down=[A], host="one.test")
    assert story.request((A,), 1.0, host="two.test") == [A]
    assert story.changed
    assert story.order((A, C), 2.0, host="three.test") == [A, C]


def test_the_remembered_proxy_goes_bad_itself():
    """B was remembered; when it fails too, C is used and remembered, and the marked ones come last."""
    story = Story()
    story.request((A, B, C), 0.0, down=[A])
    assert story.request((A, B, C), 60.0, down=[A, B]) == [B, C]
    assert story.request((A, B, C), 120.0) == [C]
    assert story.order((A, B, C), 10 * HALF_HOUR) == [C, A, B]


def test_a_remembered_proxy_with_a_mark_does_not_come_first():
    """While B, remembered for this host, is marked because of another host, it is last."""
    story = Story()
    story.request((A, B), 0.0, down=[A])
    story.request((B, C), HALF_HOUR + 1, down=[B], host="other.test")
    assert story.order((A, B), HALF_HOUR + 2) == [A, B]
    assert story.order((A, B), 3 * HALF_HOUR) == [B, A]


def test_direct_by_failover_lasts_as_long_as_the_marks_before_it():
    """One blip of A must not send the traffic around it for longer than its mark lasts."""
    story = Story()
    assert story.request((A, DIRECT), 0.0, down=[A]) == [A, DIRECT]
    assert story.request((A, DIRECT), HALF_HOUR - 1) == [DIRECT]
    assert story.request((A, DIRECT), HALF_HOUR) == [A]


def test_direct_ends_with_the_first_of_several_marks():
    """A may be well again while B still counts as bad: A is tried before DIRECT."""
    story = Story()
    story.request((A, C), 0.0, down=[A], host="other.test")
    assert story.request((A, B, DIRECT), 600.0, down=[B]) == [B, DIRECT]
    assert story.order((A, B, DIRECT), HALF_HOUR - 1) == [DIRECT, A, B]
    assert story.request((A, B, DIRECT), HALF_HOUR) == [A]


def test_marks_behind_direct_do_not_keep_it_in_front():
    """Only what stands before DIRECT decides how long it goes first."""
    story = Story()
    story.request((A, DIRECT, B), 0.0, down=[A])
    story.request((B, C), 600.0, down=[B], host="other.test")
    assert story.request((A, DIRECT, B), HALF_HOUR) == [A]


def test_if_direct_then_fails_the_marked_proxies_are_tried():
    """Marked proxies stand behind DIRECT and are tried before giving up."""
    story = Story()
    story.request((A, B, DIRECT), 0.0, down=[A, B])
    assert story.request((A, B, DIRECT), 60.0, down=[DIRECT]) == [DIRECT, A]


def test_direct_as_the_answer_of_the_script_is_like_any_first_candidate():
    """A list that begins with DIRECT needs no memory."""
    story = Story()
    assert story.request((DIRECT, A), 0.0) == [DIRECT]
    assert not story.changed
    assert len(story.memory.routes) == 0


@pytest.mark.parametrize("seconds", [0, 10])
def test_bad_proxy_seconds(seconds):
    """The policy says how long a mark lasts; 0 marks nothing."""
    story = Story(CachePolicy(bad_proxy_seconds=seconds, result_cache=False))
    story.request((A, B), 0.0, down=[A])
    assert len(story.memory.bad) == (1 if seconds else 0)
    assert story.order((A, B), seconds - 0.5) == ([B, A] if seconds else [A, B])
    assert story.order((A, B), seconds) == [A, B]


def test_order_says_until_when_it_holds():
    """The time from which the order may be different: the end of a mark, or of what is remembered."""
    story = Story(CachePolicy(sticky_seconds=600))
    assert story.memory.order("h.test", (A, B), 0.0) == ((A, B), FOREVER)
    assert story.memory.order("h.test", (A,), 0.0) == ((A,), FOREVER)
    story.request((A, B), 0.0, down=[A])
    assert story.memory.order("h.test", (A, B), 1.0) == ((B, A), 600.0)
    assert story.memory.order("other.test", (A, B), 1.0) == ((B, A), HALF_HOUR)
    assert story.memory.order("other.test", (A,), 1.0) == ((A,), FOREVER)


def test_connected_says_whether_orders_may_have_changed():
    """Decisions that were made before stay good for as long as nothing new was learned."""
    story = Story()
    story.request((A, B), 0.0)
    assert not story.changed
    story.request((A, B), 1.0, down=[A])
    assert story.changed
    story.request((A, B), 2.0)
    assert not story.changed


def test_following_the_marks_changes_no_order():
    """Another host that goes to B while A is marked remembers B for later; until then its order is as it was."""
    story = Story()
    story.request((A, B), 0.0, down=[A], host="other.test")
    assert story.request((A, B), 1.0) == [B]
    assert not story.changed
    assert story.order((A, B), HALF_HOUR) == [B, A]
    story.request((A, B), HALF_HOUR, down=[B])
    assert story.changed
    assert story.order((A, B), HALF_HOUR + 1) == [A, B]


def test_the_same_proxy_twice_in_a_list():
    """A list that names a proxy twice does not multiply it once it is remembered."""
    story = Story()
    story.request((A, B, A), 0.0, down=[A])
    assert story.order((A, B, A), 1.0) == [B, A, A]
    assert story.order((B, A, B), 2 * HALF_HOUR) == [B, A, B]
