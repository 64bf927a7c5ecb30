"""Globs: whole-text patterns in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.glob import Glob


def reference(pattern: str, text: str) -> bool:
    """The definition of the language, in exponential time."""
    if not pattern:
        return not text
    rest = pattern[1:]
    if pattern[0] == "*":
        return any(reference(rest, text[place:]) for place in range(len(text) + 1))
    if pattern[0] == "?":
        return reference(rest, text) or bool(text and reference(rest, text[1:]))
    return bool(text) and text[0] == pattern[0] and reference(rest, text[1:])


@settings(deadline=None)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_the_language(pattern, text):
    """A star is any run of characters, a question mark is zero or one, wherever they stand."""
    assert Glob(pattern).matches(text) is reference(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "head", "tail", "pieces"),
    [
        ("*.corp", "", ".corp", (".corp",)),
        ("10.*", "10.", "", ("10.",)),
        ("www.*.com", "www.", ".com", ("www.", ".com")),
        ("*a?b*", "", "", ("a", "b")),
        ("plain", "plain", "", ("plain",)),
        ("", "", "", ()),
    ],
)
def test_the_literal_parts(pattern, head, tail, pieces):
    """Head and tail are what a match must begin and end with; pieces are all its literal runs."""
    glob = Glob(pattern)
    assert (glob.head, glob.tail, glob.pieces) == (head, tail, pieces)


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "?" * 200 + "a" * 200 + "b", "*?a" * 100 + "b"])
def test_no_pattern_stalls(pattern):
    """Patterns that make a backtracking matcher run for years are answered at once."""
    began = time.perf_counter()
    assert not Glob(pattern).matches("a" * 250)
    assert time.perf_counter() - began < 1
