"""One thread answers a question while the others that ask the same wait for it."""

from __future__ import annotations

import threading
import time

import pytest

from pacaware._flights import SingleFlight
from pacaware.errors import PacScriptError, PacTimeout

THREADS = 20
SECONDS = 10.0


class Trouble(Exception):
    """Nothing that has to do with a PAC file."""


class Slow:
    """A function that goes on only when all the others wait, and counts its runs."""

    def __init__(self, outcome) -> None:
        self.runs = 0
        self.release = threading.Event()
        self._outcome = outcome
        self._lock = threading.Lock()

    def __call__(self):
        with self._lock:
            self.runs += 1
            outcome = self._outcome(self.runs)
        assert self.release.wait(SECONDS)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def ask_at_once(flights: SingleFlight, function: Slow, threads: int = THREADS) -> list:
    """Ask from many threads at once; return what each got or was raised, once all that wait did so."""
    barrier, outcomes, lock = threading.Barrier(threads), [], threading.Lock()

    def ask() -> None:
        barrier.wait(SECONDS)
        try:
            outcome = flights.run("key", function, SECONDS)
        except Exception as exc:  # noqa: BLE001 - what was raised is compared
            outcome = exc
        with lock:
            outcomes.append(outcome)

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    wait_for_waiters(flights, threads - 1)
    function.release.set()
    for worker in workers:
        worker.join(SECONDS)
    assert not any(worker.is_alive() for worker in workers)
    return outcomes


def wait_for_waiters(flights: SingleFlight, count: int) -> None:
    """Poll until ``count`` threads wait for the first one's answer."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        flight = flights._flights.get("key")
        if flight is not None and len(flight._condition._waiters) >= count:
            return
        time.sleep(0.002)
    raise AssertionError("the threads did not come to wait")


@pytest.mark.parametrize("result", ["answer", None, ()], ids=repr)
def test_one_run_for_all_that_ask_at_once(result):
    """Twenty threads, one run, one answer for each, whatever the answer is."""
    function = Slow(lambda _: result)
    assert ask_at_once(SingleFlight(), function) == [result] * THREADS
    assert function.runs == 1


def test_the_next_question_runs_again():
    """Nothing is remembered: that is the work of others."""
    flights = SingleFlight()
    runs = iter(range(3))
    assert [flights.run("key", lambda: next(runs), SECONDS) for _ in range(3)] == [0, 1, 2]


def test_other_keys_do_not_wait():
    """A question is not kept up by another one under way."""
    flights = SingleFlight()
    inside = flights.run("a", lambda: flights.run("b", lambda: "answer", SECONDS), SECONDS)
    assert inside == "answer"


def test_a_pac_error_is_everybodys():
    """One run, one error for each: copies that say the same, since a raised object collects tracebacks."""
    error = PacScriptError("boom", 3, 7)
    function = Slow(lambda _: error)
    outcomes = ask_at_once(SingleFlight(), function)
    assert function.runs == 1
    assert {str(outcome) for outcome in outcomes} == {"boom (line 3, column 7)"}
    assert len({id(outcome) for outcome in outcomes}) == THREADS
    assert sum(outcome is error for outcome in outcomes) == 1


def test_another_exception_is_not_shared():
    """What went wrong in the first thread need not in the next: one of the others asks again, for all the rest."""
    function = Slow(lambda run: Trouble("first") if run == 1 else "answer")
    outcomes = ask_at_once(SingleFlight(), function)
    assert sum(isinstance(outcome, Trouble) for outcome in outcomes) == 1
    assert outcomes.count("answer") == THREADS - 1
    assert function.runs >= 2


def test_an_exception_of_each_its_own():
    """If it goes wrong for everybody, everybody gets the exception of the own run."""
    function = Slow(lambda run: Trouble(run))
    outcomes = ask_at_once(SingleFlight(), function, threads=4)
    assert sorted(outcome.args[0] for outcome in outcomes) == [1, 2, 3, 4]


def test_who_waits_too_long_gives_up():
    """The wait for another thread has a limit, and the limit is in the message."""
    flights, function = SingleFlight(), Slow(lambda _: "answer")
    first = threading.Thread(target=flights.run, args=("key", function, SECONDS))
    first.start()
    try:
        wait_for_waiters(flights, 0)
        with pytest.raises(PacTimeout, match=r"after 0\.05 s"):
            flights.run("key", function, 0.05)
    finally:
        function.release.set()
        first.join(SECONDS)
    assert function.runs == 1


def test_a_timeout_of_the_function_is_not_taken_for_ours():
    """A TimeoutError raised by the function itself is an exception like any other."""

    def late():
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        SingleFlight().run("key", late, SECONDS)
