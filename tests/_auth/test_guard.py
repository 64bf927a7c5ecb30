"""The lock-out guard and the memory of logons."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from pacaware._auth.guard import LogonMemory
from pacaware._core.auth import Credentials
from pacaware._core.challenge import Challenge
from pacaware._models import ProxyServer

A, B = ProxyServer("http", "a", 1), ProxyServer("http", "b", 1)
ALICE = Credentials("alice", "s3same")
BASIC = Challenge("basic")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memory(clock):
    return LogonMemory(clock)


def test_what_was_accepted(memory):
    """The last challenge that was answered with success is known for its proxy, and for no other."""
    assert memory.accepted(A) is None
    memory.remember(A, BASIC, ALICE)
    memory.remember(A, BASIC, ALICE)
    assert memory.accepted(A) == (BASIC, ALICE)
    assert memory.accepted(B) is None
    memory.remember(A, Challenge("digest"), ALICE)
    assert memory.accepted(A) == (Challenge("digest"), ALICE)


def test_a_rejected_secret(memory, clock):
    """It is not offered for fifteen minutes, at no proxy, wherever the pair came from; then it is again."""
    memory.reject(A, ALICE)
    for proxy in (A, B):
        assert memory.is_rejected(proxy, replace(ALICE, origin="elsewhere", named=True))
    clock.now += 15 * 60 - 1
    assert memory.is_rejected(A, ALICE)
    clock.now += 1
    assert not memory.is_rejected(A, ALICE)


@pytest.mark.parametrize("changed", [{"password": "new"}, {"user": "bob"}])
def test_a_changed_secret(memory, changed):
    """A corrected user or password may be tried at once."""
    memory.reject(A, ALICE)
    assert not memory.is_rejected(A, replace(ALICE, **changed))


def test_where_it_works(memory):
    """A pair that works at one proxy goes on there after another proxy rejected it."""
    memory.remember(A, BASIC, ALICE)
    memory.reject(B, ALICE)
    assert not memory.is_rejected(A, ALICE)
    assert memory.is_rejected(B, ALICE)
    assert memory.accepted(A) == (BASIC, ALICE)


def test_where_it_worked_once(memory):
    """A pair that stops working is neither sent unasked nor offered: the password has changed."""
    memory.remember(A, BASIC, ALICE)
    memory.reject(A, ALICE)
    assert memory.accepted(A) is None
    assert memory.is_rejected(A, ALICE)


def test_a_late_rejection_of_another_pair(memory):
    """The rejection of an old password does not take away the new one, which was accepted meanwhile."""
    new = replace(ALICE, password="new")
    memory.remember(A, BASIC, new)
    memory.reject(A, ALICE)
    assert memory.accepted(A) == (BASIC, new)


def test_the_real_clock():
    """Without a clock of the test's, time is the monotonic one."""
    memory = LogonMemory()
    memory.reject(A, ALICE)
    assert memory.is_rejected(A, ALICE)
    assert "s3same" not in repr(memory)


def test_threads(memory):
    """Threads that log on and are rejected at once leave the memory in order."""

    def work(number):
        for turn in range(200):
            one = Credentials(f"user{number}", str(turn))
            memory.remember(A, BASIC, one)
            memory.reject(A, one)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert all(memory.is_rejected(A, Credentials(f"user{number}", "199")) for number in range(4))
