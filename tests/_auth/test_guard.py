"""The lock-out guard and the memory of logons."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import pytest

from pacaware._auth.guard import GUARD, Guard, LogonMemory
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


class TestFirstUse:
    """Credentials that have not worked at a proxy are tried by one connection at a time."""

    def test_one_at_a_time(self, memory):
        """While one tries them, others do not, at no proxy; the outcome frees them. Other credentials are free."""
        claim = memory.claim(A, ALICE)
        assert claim is not None
        assert memory.claim(A, ALICE, wait=False) is None
        assert memory.claim(B, replace(ALICE, origin="elsewhere"), wait=False) is None
        assert memory.claim(A, replace(ALICE, user="bob"), wait=False) is not None
        claim.release()
        assert memory.claim(B, ALICE, wait=False) is not None

    def test_after_success(self, memory):
        """Where they worked everybody may use them; elsewhere it is a first use again."""
        memory.remember(A, BASIC, ALICE)
        assert all(memory.claim(A, ALICE, wait=False) for _ in range(3))
        held = memory.claim(B, ALICE, wait=False)
        assert memory.claim(B, ALICE, wait=False) is None
        assert memory.claim(A, ALICE, wait=False) is not None
        held.touch()
        held.release()

    def test_a_lost_claim(self, memory):
        """A connection that is simply dropped holds nobody up."""
        claim = memory.claim(A, ALICE)
        del claim
        assert memory.claim(A, ALICE, wait=False) is not None

    def test_an_endless_logon(self, clock):
        """After a while without a further leg the next one may try; the late end of the first frees nobody's claim."""
        guard = Guard(clock, patience=0.05)
        memory = LogonMemory(guard=guard)
        first = memory.claim(A, ALICE)
        guard._patience = 60.0  # this one is not to run out while the test goes on
        second = memory.claim(A, ALICE)  # waits for the patience to end
        first.touch()
        first.release()
        assert memory.claim(A, ALICE, wait=False) is None
        second.release()

    @pytest.mark.parametrize("works", [True, False])
    def test_those_who_wait(self, memory, works):
        """After a success all go on; after a rejection none does."""
        claim = memory.claim(A, ALICE)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(memory.claim(A, ALICE))) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert answers == []
        if works:
            memory.remember(A, BASIC, ALICE)
        else:
            memory.reject(A, ALICE)
        claim.release()
        for thread in threads:
            thread.join(30)
        assert [answer is not None for answer in answers] == [works] * 8

    def test_the_login_of_the_machine(self, memory, monkeypatch):
        """A ticket cannot lock an account, and a new one counts at once; on Windows it is a password."""
        login = Credentials("", "", ambient=True)
        memory.reject(A, login)
        assert not memory.is_rejected(A, login)
        assert all(memory.claim(A, login, wait=False) for _ in range(2))
        monkeypatch.setattr(sys, "platform", "win32")
        memory.reject(A, login)
        assert memory.claim(A, login) is None


def test_one_for_the_process():
    """A new session does not make a wrong password right; its own challenges it learns anew."""
    first, second = LogonMemory(guard=GUARD), LogonMemory(guard=GUARD)
    first.remember(A, BASIC, ALICE)
    assert second.accepted(A) is None
    first.reject(B, ALICE)
    assert second.is_rejected(B, ALICE)
    assert second.claim(A, ALICE, wait=False) is not None


def test_the_guard_keeps_no_secrets():
    """What lives as long as the process holds hashes only."""
    guard = Guard()
    guard.reject(A, ALICE)
    guard.remember(B, ALICE)
    claim = guard.claim(B, replace(ALICE, password="s3same2"))
    assert "s3same" not in repr(vars(guard))
    assert claim is None or "s3same" not in repr(vars(claim))
