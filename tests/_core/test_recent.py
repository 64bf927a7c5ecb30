"""Decisions that are handed out again by the text of a URL, or of its origin."""

from __future__ import annotations

import pytest

from pacaware._core.recent import RecentDecisions
from pacaware._core.target import parse_target
from pacaware._models import DIRECT, Decision, ProxyList

FOREVER = float("inf")


def remembering(url: str, *, until: float = FOREVER, whole_origin: bool = True, size: int = 10) -> RecentDecisions:
    recent = RecentDecisions(size)
    put(recent, url, until=until, whole_origin=whole_origin)
    return recent


def put(recent: RecentDecisions, url: str, *, until: float = FOREVER, whole_origin: bool = True) -> None:
    recent.put(Decision(url, ProxyList([DIRECT]), "pac", "code"), parse_target(url), until, whole_origin=whole_origin)


def test_the_same_text_gets_the_same_decision():
    """The very text of a URL is looked up as it is."""
    recent = remembering("http://h.test/a", whole_origin=False)
    assert recent.get("http://h.test/a", 0.0).url == "http://h.test/a"
    assert recent.get("http://h.test/b", 0.0) is None


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("https://h.test/a", "https://h.test/b?c=/d"),
        ("https://h.test", "https://h.test/b"),
        ("https://h.test/a", "https://h.test"),
        ("https://h.test:8443/a", "https://h.test:8443/"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/b"),
        ("ws://h.test/a/b", "ws://h.test/"),
    ],
)
def test_other_urls_of_the_origin(first, other):
    """Where a decision holds for a whole origin, another URL of it gets the same, as its own and as known before."""
    decision = remembering(first).get(other, 0.0)
    assert (decision.url, decision.cached) == (other, True)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("https://h.test/", "http://h.test/"),
        ("https://h.test/", "https://h.test:8443/"),
        ("https://h.test/", "https://h.test.evil/"),
        ("https://h.test/", "https://h.test@evil/"),
        ("https://h.test/", "https://evil?https://h.test/"),
        ("https://h.test/", "https://evil#https://h.test/"),
        ("https://h.test/", "https://h.test?/"),
        ("https://h.test/", "https://h.test\\@evil/"),
        ("https://h.test/", "https://h.test/\\a"),
        ("https://h.test/", "https://h.test/a\nb"),
        ("https://h.test/", "https://h.test/\ud800"),
        ("https://user@h.test/", "https://user@h.test/b"),
        ("https://H.test/", "https://H.test/b"),
        ("https://h.test?a/b", "https://h.test?a/c"),
        ("https://h.test#a/b", "https://h.test#a/c"),
        ("", "https://h.test/"),
    ],
)
def test_what_is_no_url_of_the_origin(first, other):
    """Nothing that could belong elsewhere, or is no URL at all, gets the decision of an origin."""
    recent = remembering(first) if first else RecentDecisions(10)
    assert recent.get(other, 0.0) is None


@pytest.mark.parametrize("url", ["https://h.test/a", "https://h.test/other"])
def test_the_time_is_over(url):
    """From its end on a decision is not handed out, neither for its URL nor for its origin."""
    recent = remembering("https://h.test/a", until=10.0)
    assert recent.get(url, 9.9) is not None
    assert recent.get(url, 10.0) is None


@pytest.mark.parametrize("url", ["https://h.test/a", "https://h.test/other"])
def test_outdate(url):
    """What was put before is not handed out any more; what comes after is."""
    recent = remembering("https://h.test/a")
    recent.outdate()
    assert recent.get(url, 0.0) is None
    put(recent, "https://h.test/a")
    assert recent.get(url, 0.0) is not None


def test_clear():
    """Nothing is left."""
    recent = remembering("https://h.test/a")
    recent.clear()
    assert (recent.get("https://h.test/a", 0.0), len(recent)) == (None, 0)


def test_it_is_bounded():
    """The URL and the origin that were put longest ago go first."""
    recent = remembering("https://h0.test/", size=3)
    for number in range(1, 4):
        put(recent, f"https://h{number}.test/")
    assert len(recent) == 3
    assert recent.get("https://h0.test/", 0.0) is None
    assert recent.get("https://h0.test/other", 0.0) is None
    assert recent.get("https://h3.test/other", 0.0) is not None
