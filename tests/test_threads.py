"""Slow work is kept off event loops, in a few threads of our own."""

from __future__ import annotations

import threading

import anyio
import anyio.to_thread
import pytest

from pacaware._threads import run_in_thread

SECONDS = 10.0
LIMIT = 8


@pytest.fixture(params=["asyncio", "trio"])
def loop(request):
    """The name of an event loop."""
    return request.param


def run(loop, function, *arguments):
    async def limited():
        with anyio.fail_after(SECONDS):
            return await function(*arguments)

    return anyio.run(limited, backend=loop)


def test_it_returns_what_the_function_returns(loop):
    """Arguments go in, the result comes back, and another thread did it."""
    number, thread = run(loop, run_in_thread, lambda a, b: (a + b, threading.get_ident()), 1, 2)
    assert number == 3
    assert thread != threading.get_ident()


def test_it_raises_what_the_function_raises(loop):
    """An exception comes through as it is."""

    def fail():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(loop, run_in_thread, fail)


def test_a_cancelled_caller_does_not_wait(loop):
    """The event loop goes on while the thread is still busy."""
    started, release = threading.Event(), threading.Event()

    def hang():
        started.set()
        assert release.wait(SECONDS)

    async def cancelled():
        async with anyio.create_task_group() as group:
            group.start_soon(run_in_thread, hang)
            while not started.is_set():
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        # Here although the thread has not been released.
        busy = not release.is_set()
        release.set()
        return busy

    try:
        assert run(loop, cancelled)
    finally:
        release.set()


def test_eight_at_a_time(loop):
    """More questions than threads wait for their turn, and the program's own threads stay free."""
    lock, release, full = threading.Lock(), threading.Event(), threading.Event()
    running, most = 0, 0

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == LIMIT:
                full.set()
        assert release.wait(SECONDS)
        with lock:
            running -= 1

    async def many():
        async with anyio.create_task_group() as group:
            for _ in range(3 * LIMIT):
                group.start_soon(run_in_thread, work)
            while not full.is_set():
                await anyio.sleep(0.001)
            # The default threads of the program are not ours.
            assert await anyio.to_thread.run_sync(threading.get_ident)
            release.set()

    try:
        run(loop, many)
    finally:
        release.set()
    assert most == LIMIT


def test_each_event_loop_has_its_own_limit(loop):
    """The limit belongs to a running loop; a second one later works as well."""
    assert [run(loop, run_in_thread, lambda: "done") for _ in range(2)] == ["done"] * 2
