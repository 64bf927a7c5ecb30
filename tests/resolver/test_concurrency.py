"""Many threads, event loops, and forked processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest

import pacaware
from pacaware._models import ProxyConfig
from pacaware.errors import PacFetchError
from tests.resolver.conftest import SECONDS, by, script

THREADS = 16
BY_HOST = "var n = parseInt(host.substring(1)); return 'PROXY p' + (n % 3) + '.test:1; PROXY b.test:1'"


def in_threads(function, count: int = THREADS) -> list:
    """Call ``function(number)`` in threads that begin at once; return the results, raise what one of them raised."""
    barrier, results, errors = threading.Barrier(count), [None] * count, []

    def work(number: int) -> None:
        try:
            barrier.wait(SECONDS)
            results[number] = function(number)
        except BaseException as exc:  # noqa: BLE001 - raised again below
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]
    return results


def test_the_same_question_at_once_is_one_fetch_and_one_run(with_script, pac_server):
    """Sixteen threads with the first request of a program."""
    resolver = with_script(BY_HOST)
    results = in_threads(lambda _: by(resolver.resolve("https://h4.test/")))
    assert set(results) == {"PROXY p1.test:1; PROXY b.test:1"}
    assert len(pac_server.requests) == 1
    assert resolver.stats()["evaluations"] == 1


def test_an_error_at_once_is_one_fetch(make_resolver, pac_server):
    """Sixteen threads, one refusal, an error of its own for each."""
    pac_server.set(status=404)
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url))
    errors = []

    def ask(_):
        with pytest.raises(PacFetchError, match="404") as caught:
            resolver.resolve("https://h.test/")
        errors.append(caught.value)

    in_threads(ask)
    assert len(pac_server.requests) == 1
    assert len({id(error) for error in errors}) == THREADS


def test_many_threads_many_hosts(with_script):
    """Resolving, failing over and resetting at once: every answer is right, and the counts add up."""
    resolver = with_script(BY_HOST)

    def work(number: int) -> None:
        for step in range(60):
            host = (number * 7 + step) % 20
            decision = resolver.resolve(f"https://h{host}.test/{step}")
            assert set(by(decision).split("; ")) == {f"PROXY p{host % 3}.test:1", "PROXY b.test:1"}
            assert decision.url == f"https://h{host}.test/{step}"
            walk = resolver.start(decision)
            if step % 10 == 0:
                walk.failed("refused")
            resolver.connected(decision, walk)
            if number == 0 and step % 20 == 19:
                resolver.reset("results", "bad-proxies")

    in_threads(work)
    stats = resolver.stats()
    # What was under way when one of the three resets came is not counted, or is found out once more.
    caught = 3 * (THREADS - 1)
    assert THREADS * 6 - caught <= stats["failovers"] <= THREADS * 6
    assert stats["answers"] <= 20 <= stats["evaluations"] <= 20 * 4 + caught
    assert stats["fetches"] == 1


def test_cached_never_waits_and_never_reads_settings(with_script, monkeypatch):
    """Not for the lock, not for the settings, not for the script; what is unknown is None."""
    resolver = with_script()
    resolver.resolve("https://h.test/")

    def refuse(*_):
        raise AssertionError("cached() must not get here")

    monkeypatch.setattr(resolver._situation.reader, "read", refuse)
    monkeypatch.setattr(resolver._situation.basis.source, "known", refuse)
    held, release = threading.Event(), threading.Event()

    def hold():
        with resolver._lock:
            held.set()
            release.wait(SECONDS)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(SECONDS)
        asking = threading.Thread(target=lambda: known.extend(map(resolver.cached, urls)))
        urls, known = ["https://h.test/", "https://h.test/a", "https://i.test/", "no url"], []
        asking.start()
        asking.join(SECONDS)
        assert [decision is not None for decision in known] == [True, True, False, False]
    finally:
        release.set()
        holder.join(SECONDS)


@pytest.fixture(params=["asyncio", "trio"])
def loop(request):
    """The name of an event loop."""
    return request.param


def test_aresolve(loop, with_script):
    """The first time in a thread, then at once; the event loop goes on."""
    resolver = with_script(BY_HOST)

    async def main():
        with anyio.fail_after(SECONDS):
            results = []

            async def ask(number):
                results.append(by(await resolver.aresolve(f"https://h{number % 4}.test/{number}")))

            async with anyio.create_task_group() as group:
                for number in range(40):
                    group.start_soon(ask, number)
            here = threading.get_ident()
            await resolver.aresolve("https://h1.test/again")
            return results, here

    results, here = anyio.run(main, backend=loop)
    assert sorted(set(results)) == [f"PROXY p{n}.test:1; PROXY b.test:1" for n in range(3)]
    assert here == threading.get_ident()
    assert resolver.stats()["evaluations"] == 4


def test_aresolve_raises_as_resolve_does(loop, make_resolver, pac_server):
    """The errors of the PAC file come through."""
    pac_server.set(status=404)
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url))
    with pytest.raises(PacFetchError, match="404"):
        anyio.run(resolver.aresolve, "https://h.test/", backend=loop)


def test_a_cancelled_aresolve_returns_at_once(loop, with_script, pac_server):
    """A slow PAC server does not hold up who has given up; the answer serves the next."""
    resolver = with_script()
    pac_server.set(delay=1.0)

    async def main():
        started = time.monotonic()
        with anyio.move_on_after(0.05) as scope:
            await resolver.aresolve("https://h.test/")
        return scope.cancelled_caught, time.monotonic() - started

    async def both():
        cancelled = await main()
        with anyio.fail_after(SECONDS):
            return cancelled, by(await resolver.aresolve("https://h.test/"))

    (cancelled, seconds), answer = anyio.run(both, backend=loop)
    assert cancelled
    assert seconds < 0.8
    assert answer == "PROXY a.test:8080"
    assert len(pac_server.requests) == 1


FORKING = """
import json, multiprocessing, os, signal, sys, threading, warnings

warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a program with threads, which is what this is about
signal.alarm(30)
from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver, default_resolver, _default_lock

resolver = ProxyResolver(ProxyConfig(pac_url=sys.argv[1]))
closed = ProxyResolver()
closed.close()
known = str(resolver.resolve("https://known.test/").proxies)
default = default_resolver()
source = resolver._situation.basis.source
locks = [resolver._lock, _default_lock, source._lock, source._loaded.script._lock, resolver._situation.lookups._lock]
held, release = threading.Event(), threading.Event()

def hold():
    for lock in locks:
        lock.acquire()
    held.set()
    release.wait()
    for lock in reversed(locks):
        lock.release()

def answers():
    found = [str(resolver.resolve(f"https://{name}.test/").proxies) for name in ("known", "new")]
    assert default_resolver() is default
    try:
        closed.resolve("http://h.test/")
        found.append("open again")
    except Exception as exc:
        found.append(type(exc).__name__)
    return [*found, resolver.stats()["fetches"], resolver.stats()["invalidations_settings"]]

holder = threading.Thread(target=hold)
holder.start()
held.wait()
if sys.argv[2] == "os.fork":
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        try:
            os.write(write, json.dumps(answers()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as pipe:
        child = json.loads(pipe.read() or "null")
    os.waitpid(pid, 0)
else:
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=lambda: queue.put(answers()))
    process.start()
    child = queue.get()
    process.join()
release.set()
holder.join()
# The parent's script still answers: the child has left its process alone.
print(json.dumps({"parent": [known, str(resolver.resolve("https://later.test/").proxies)], "child": child}))
resolver.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("how", ["os.fork", "multiprocessing"])
def test_a_forked_child_answers(pac_server, tmp_path, how):
    """Whatever locks other threads held: the child begins anew, and the parent's process is the parent's."""
    pac_server.set(script(BY_HOST.replace("parseInt(host.substring(1))", "host.length")))
    program = tmp_path / "forking.py"
    program.write_text(FORKING)
    source = str(Path(pacaware.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(program), pac_server.url, how],
        env={"PYTHONPATH": source, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers = json.loads(done.stdout)
    known, new, later = (f"PROXY p{n}.test:1; PROXY b.test:1" for n in (1, 2, 1))
    assert answers == {"parent": [known, later], "child": [known, new, "ConfigError", 1, 0]}
