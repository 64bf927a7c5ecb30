"""The memory of which entry of a list was in fact used for a host."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.route_memory import RouteMemory
from pacaware._models import DIRECT, ProxyServer

A, B, C = (ProxyServer("http", f"{name}.test", 8080) for name in "abc")
FOREVER = float("inf")
YEAR = 365 * 86400.0


def test_the_proxy_that_was_used_is_remembered_until_invalidated():
    """Without sticky_seconds nothing but an invalidation ends the memory."""
    memory = RouteMemory(10, None)
    assert memory.note("h", (A, B), B, 0.0)
    assert memory.recall("h", (A, B), YEAR) == (B, FOREVER)
    memory.clear()
    assert memory.recall("h", (A, B), YEAR) is None


def test_another_host_or_list_has_its_own_memory():
    """What one host used says nothing of another, nor of another list for the same host."""
    memory = RouteMemory(10, None)
    memory.note("h", (A, B), B, 0.0)
    assert memory.recall("i", (A, B), 0.0) is None
    assert memory.recall("h", (A, B, C), 0.0) is None
    assert memory.recall("h", (B, A), 0.0) is None


def test_sticky_seconds_count_from_the_failover():
    """The time is not prolonged by use: a busy host comes back to its first proxy, too."""
    memory = RouteMemory(10, 60.0)
    assert memory.note("h", (A, B), B, 0.0)
    assert not memory.note("h", (A, B), B, 59.0)
    assert memory.recall("h", (A, B), 59.9) == (B, 60.0)
    assert memory.recall("h", (A, B), 60.0) is None
    assert len(memory) == 0
    assert memory.note("h", (A, B), B, 61.0)
    assert memory.recall("h", (A, B), 62.0) == (B, 121.0)


def test_a_failover_onwards_is_remembered_anew():
    """From B on to C: C it is, with a time of its own."""
    memory = RouteMemory(10, 60.0)
    memory.note("h", (A, B, C), B, 0.0)
    assert memory.note("h", (A, B, C), C, 30.0)
    assert memory.recall("h", (A, B, C), 31.0) == (C, 90.0)


@pytest.mark.parametrize("used", [A, DIRECT], ids=str)
def test_what_ends_the_memory(used):
    """The first of the list needs no memory, and DIRECT reached by fail-over gets none."""
    memory = RouteMemory(10, None)
    listed = (A, B, DIRECT)
    assert not memory.note("h", listed, used, 0.0)
    memory.note("h", listed, B, 0.0)
    assert memory.note("h", listed, used, 1.0)
    assert (memory.recall("h", listed, 1.0), len(memory)) == (None, 0)


def test_no_seconds_no_memory():
    """sticky_seconds=0 remembers nothing."""
    memory = RouteMemory(10, 0.0)
    assert not memory.note("h", (A, B), B, 0.0)
    assert len(memory) == 0


HOSTS = st.sampled_from("ghijk")


@given(st.lists(st.tuples(st.sampled_from(["note", "recall"]), HOSTS, st.sampled_from([A, B, C]))), st.integers(1, 3))
def test_it_is_a_bounded_lru(operations, size):
    """Whatever is done, it holds at most ``size`` routes, and those used last are the ones it holds."""
    memory, model, listed = RouteMemory(size, None), OrderedDict(), (A, B, C)
    for operation, host, used in operations:
        if operation == "note":
            assert memory.note(host, listed, used, 0.0) is (model.get(host, A) != used)
            if used == A:
                model.pop(host, None)
            else:
                model[host] = used
                model.move_to_end(host)
                while len(model) > size:
                    model.popitem(last=False)
        else:
            known = memory.recall(host, listed, 0.0)
            assert (known and known[0]) == model.get(host)
            if host in model:
                model.move_to_end(host)
        assert len(memory) == len(model) <= size
