"""The memory of what scripts answered."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.answer_cache import Answer, AnswerCache, answer_key
from pacaware._core.target import parse_target
from pacaware._models import DIRECT, ProxyServer

A = ProxyServer("http", "a.test", 8080)
FOREVER = float("inf")


def answer(name: str = "a.test", until: float = FOREVER) -> Answer:
    return Answer((ProxyServer("http", name, 8080), DIRECT), "pac", "http://pac.test/", (), until, whole_origin=True)


@pytest.mark.parametrize(
    ("url", "policy", "ignores_path", "key"),
    [
        ("https://h.test/a?b", "exact", False, "https://h.test:443"),
        ("HTTPS://user:secret@H.test:443", "exact", False, "https://h.test:443"),
        ("wss://h.test:8443/a", "exact", False, "wss://h.test:8443"),
        ("http://h.test/a?b#c", "exact", False, "http://h.test/a?b"),
        ("http://user:secret@h.test:80/", "exact", False, "http://h.test/"),
        ("ftp://h.test/a", "exact", False, "ftp://h.test/a"),
        ("http://h.test/a?b", "exact", True, "http://h.test:80"),
        ("http://[::1]:81/a", "exact", True, "http://[::1]:81"),
        ("http://h.test/a?b", "host", False, "h.test"),
        ("https://h.test:8443/", "host", False, "h.test"),
        ("http://h.test/a", "host", True, "h.test"),
    ],
)
def test_keys(url, policy, ignores_path, key):
    """Exact: all that the script saw of the URL, or the origin where that is all that counts. Host: the host alone."""
    assert answer_key(parse_target(url), policy, ignores_path=ignores_path) == key


@pytest.mark.parametrize("policy", ["exact", "host"])
@given(url=st.sampled_from(["http", "https"]).flatmap(lambda s: st.just(f"{s}://user:s3cret@h.test/a?b=c#s3cret")))
def test_keys_hold_no_secrets(policy, url):
    """No user, password or fragment is ever part of a key."""
    assert "s3cret" not in answer_key(parse_target(url), policy, ignores_path=False)


@pytest.mark.parametrize(("now", "known"), [(0.0, True), (9.9, True), (10.0, False), (11.0, False)])
def test_an_answer_lives_as_long_as_what_it_rests_on(now, known):
    """At the very moment in which the life of an answer ends, it is gone."""
    cache = AnswerCache(10)
    cache.put("k", answer(until=10.0), 0.0)
    assert (cache.get("k", now) is not None) is known
    assert len(cache) == known


def test_what_is_over_is_not_kept():
    """An answer for this moment only, as of a script that reads the clock, takes no place."""
    cache = AnswerCache(10)
    cache.put("k", answer(until=5.0), 5.0)
    assert len(cache) == 0


def test_the_newest_answer_counts():
    """A second answer for a key takes the place of the first."""
    cache = AnswerCache(10)
    cache.put("k", answer("a.test"), 0.0)
    cache.put("k", answer("b.test"), 0.0)
    assert cache.get("k", 1.0) == answer("b.test")
    assert len(cache) == 1


def test_clear():
    """After clear() nothing is known."""
    cache = AnswerCache(10)
    cache.put("k", answer(), 0.0)
    cache.clear()
    assert (cache.get("k", 0.0), len(cache)) == (None, 0)


KEYS = st.sampled_from("abcdef")
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(1, 20)),
        st.tuples(st.just("get"), KEYS, st.just(0)),
        st.tuples(st.just("wait"), KEYS, st.integers(0, 9)),
    )
)


@given(OPERATIONS, st.integers(1, 4))
def test_it_is_a_bounded_lru(operations, size):
    """Whatever is done, it holds at most ``size`` answers, and those used last are the ones it holds."""
    cache, model, now = AnswerCache(size), OrderedDict(), 0.0
    for number, (operation, key, value) in enumerate(operations):
        if operation == "wait":
            now += value
        elif operation == "put":
            given_answer = answer(f"p{number}.test", now + value)
            cache.put(key, given_answer, now)
            model.pop(key, None)
            model[key] = given_answer
            while len(model) > size:
                model.popitem(last=False)
        else:
            expected = model.get(key)
            if expected is not None and expected.valid_until <= now:
                expected = model.pop(key) and None
            if expected is not None:
                model.move_to_end(key)
            assert cache.get(key, now) == expected
        assert len(cache) == len(model) <= size
