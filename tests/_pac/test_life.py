"""The life of a script's process inside whole programs: signals, threads, forks, event loops, exits."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import anyio
import pytest
from tests._pac.test_process import SIMPLE, SRC, gone, run_python, wait_until

from pacaware import ProxyConfig, ProxyResolver
from pacaware._pac import process
from pacaware._pac.dns import Lookups, Resolved
from pacaware.errors import PacTimeout

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and /proc")

# Both sides of a test's program share this beginning.
START = """
    import os, signal, sys, threading, time
    from pacaware._pac.dns import FixedLookups
    from pacaware._pac.evaluator import PacScript
    def script(text, **options):
        return PacScript(text, lookups=FixedLookups({}, ()), **options)
    SIMPLE = "function FindProxyForURL(u, h) { while (h == 'bad'); return 'PROXY ' + h + ':1' }"
    SLOW = (
        "function FindProxyForURL(u, h) { var t = Date.now() + 300; while (Date.now() < t);"
        "return 'PROXY ' + h + ':1' }"
    )
"""


SLOW = (
    "function FindProxyForURL(u, h) {"
    " for (var t = Date.now(); h == 'slow' && Date.now() < t + 500;); return 'PROXY ' + h + ':1' }"
)


def program(code, **options):
    return run_python(textwrap.dedent(START) + textwrap.dedent(code), **options)


def children_of(pid):
    """The processes, zombies too, whose parent is ``pid``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("text", ["SIMPLE", "SLOW"])
def test_interrupt_in_a_program_that_goes_on(text):
    """Ctrl-C reaches the program alone, which may go on: the next answer is the one to its own question."""
    code = f"""
        s = script({text})
        s.find_proxy("http://first/", "first")
        pid = s._process.pid
        print("ready", flush=True)
        try:
            s.find_proxy("http://bad/", "bad")
        except KeyboardInterrupt:
            print("interrupted", s.find_proxy("http://next/", "next").text, flush=True)
        s.close()
        print(pid)
    """
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(START) + textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": SRC}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        process_group=0,
    )  # fmt: skip
    with child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.1)  # so that the question is under way; were it not, the test would hold all the same
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (out.splitlines()[0], err) == ("interrupted PROXY next:1", "")
    assert gone(int(out.splitlines()[1]))


def test_interrupt_does_not_reach_an_idle_process():
    """Ctrl-C at the prompt of a program leaves the process of its script as it is."""
    result = program("""
        s = script(SIMPLE)
        s.load()
        pid = s._process.pid
        try:
            os.kill(0, signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            print(s.find_proxy("http://a/", "a").text, s._process.pid == pid)
        s.close()
    """, process_group=0)  # fmt: skip
    assert (result.stdout, result.stderr) == ("PROXY a:1 True\n", "")


@pytest.mark.parametrize("closed", [True, False])
def test_exit_with_warnings_as_errors(closed):
    """At exit nothing is left to warn about, closed or not."""
    result = program(f"""
        import gc
        s, dropped = script(SIMPLE), script(SIMPLE)
        print(s.find_proxy("http://a/", "a").text, dropped.find_proxy("http://b/", "b").text)
        del dropped
        gc.collect()
        if {closed}:
            s.close()
        print(s._process and s._process.pid)
    """)
    lines = result.stdout.splitlines()
    assert (lines[0], result.stderr, result.returncode) == ("PROXY a:1 PROXY b:1", "", 0)
    assert gone(int(lines[1])) if not closed else lines[1] == "None"


def test_exit_with_a_busy_process():
    """A program may end while a script runs in another thread: it does not wait for it, and takes it along."""
    started = time.monotonic()
    result = program("""
        s = script(SIMPLE, time_limit=20)
        s.load()
        threading.Thread(target=lambda: s.find_proxy("http://bad/", "bad", timeout=20), daemon=True).start()
        while not s._lock.locked():
            time.sleep(0.01)
        print(s._process.pid)
    """)
    assert result.returncode == 0
    assert "Error" not in result.stderr
    assert time.monotonic() - started < 10
    assert gone(int(result.stdout))


def test_fork_with_four_children():
    """Every forked child gets a process of its own and leaves that of its parent alone."""
    result = program("""
        s = script(SIMPLE)
        s.load()
        mine, pids = s._process.pid, []
        for number in range(4):
            pid = os.fork()
            if pid == 0:
                good = all(s.find_proxy(f"http://c{n}/", f"c{n}").text == f"PROXY c{n}:1" for n in range(50))
                own = s._process.pid != mine
                s.close()
                os._exit(0 if good and own else 1)
            pids.append(pid)
        answers = {s.find_proxy("http://p/", "p").text for _ in range(50)}
        print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids], answers, s._process.pid == mine)
    """)
    assert (result.stdout, result.stderr) == ("[0, 0, 0, 0] {'PROXY p:1'} True\n", "")


def test_sixteen_threads_a_thousand_times(make_script):
    """Calls from many threads get their own answers, all from one process, and leave nothing behind."""
    script = make_script(SIMPLE)
    script.load()
    pid, before = script._process.pid, descriptors()
    wrong, right = [], []

    def work(number):
        for turn in range(1000):
            host = f"h{number}-{turn}"
            found = script.find_proxy(f"http://{host}/", host, timeout=30).text
            (right if found == f"PROXY {host}:1" else wrong).append(host)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(right), wrong) == (16_000, [])
    assert (script._process.pid, descriptors()) == (pid, before)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_event_loops_go_on(backend):
    """On asyncio and trio many questions are answered at once, and the loop runs on while a script takes its time."""
    beats, found = [], {}

    async def beat():
        while True:
            beats.append(time.monotonic())
            await anyio.sleep(0.01)

    async def main():
        with ProxyResolver(ProxyConfig(pac_url="data:," + SLOW.replace(" ", "%20"))) as resolver:

            async def ask(host):
                found[host] = str((await resolver.aresolve(f"http://{host}/")).proxies)

            async with anyio.create_task_group() as beating:
                beating.start_soon(beat)
                async with anyio.create_task_group() as asking:
                    for number in range(30):
                        asking.start_soon(ask, f"h{number}")
                await ask("slow")
                beating.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    assert found == {host: f"PROXY {host}:1" for host in [*(f"h{n}" for n in range(30)), "slow"]}
    assert sum(time > beats[-1] - 0.4 for time in beats) > 8


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_event_loops_do_not_look_up_names(backend):
    """Names are looked up beside the event loop: the loop itself brings the answer that a lookup waits for."""
    gate = threading.Event()

    def resolve(name, six, seconds):
        assert gate.wait(seconds)
        return Resolved(("10.0.0.1",), 60)

    async def main():
        text = "function FindProxyForURL(u, h) { return 'PROXY ' + dnsResolve(h) + ':1' }"
        with ProxyResolver(ProxyConfig(pac_url="data:," + text.replace(" ", "%20"))) as resolver:
            resolver._situation.lookups = Lookups(resolve)
            found = []

            async def ask(host):
                found.append(str((await resolver.aresolve(f"http://{host}/")).proxies))

            async with anyio.create_task_group() as asking:
                asking.start_soon(ask, "a.test")
                asking.start_soon(ask, "b.test")
                while not resolver._situation.lookups._pending:
                    await anyio.sleep(0.01)
                assert resolver.cached("http://a.test/") is None
                gate.set()
            return found

    assert anyio.run(main, backend=backend) == ["PROXY 10.0.0.1:1"] * 2


def test_other_threads_go_on(make_script, engine):
    """While a script runs, and while its names are looked up, the lock of the interpreter is free for other threads."""
    looking, steps = threading.Event(), []

    def resolve(name, six, seconds):
        looking.set()
        until = len(steps) + 20
        wait_until(lambda: len(steps) >= until)
        return Resolved(("10.0.0.1",), 60)

    text = (
        "function FindProxyForURL(u, h) { for (var t = Date.now(); Date.now() < t + 300;);"
        "return 'PROXY ' + dnsResolve(h) + ':1' }"
    )
    script = make_script(text, lookups=Lookups(resolve), engine=engine)
    script.load()
    over = threading.Event()

    def step():
        while not over.wait(0.001):
            steps.append(looking.is_set())

    thread = threading.Thread(target=step)
    thread.start()
    try:
        assert script.find_proxy("http://a.test/", "a.test").text == "PROXY 10.0.0.1:1"
    finally:
        over.set()
        thread.join(5)
    assert steps.count(False) >= 10  # during the first 300 ms of JavaScript


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_questions_do_no_harm(backend):
    """A task that gives up does not wait for the script, and the next answer is right."""

    async def main():
        with ProxyResolver(ProxyConfig(pac_url="data:," + SLOW.replace(" ", "%20"))) as resolver:
            await resolver.aresolve("http://first/")
            started = time.monotonic()
            with anyio.move_on_after(0.05):
                await resolver.aresolve("http://slow/")
            waited = time.monotonic() - started
            return waited, str((await resolver.aresolve("http://next/")).proxies)

    waited, answer = anyio.run(main, backend=backend)
    assert waited < 0.4
    assert answer == "PROXY next:1"


def test_leaves_when_idle_and_comes_back(make_script, monkeypatch, engine):
    """Without work the process leaves by itself; the next question starts another one and leaves no zombie."""
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.15)
    script = make_script(SIMPLE, engine=engine)
    assert script.find_proxy("http://a/", "a").text == "PROXY a:1"
    first = script._process.pid
    wait_until(lambda: gone(first))
    assert script.find_proxy("http://b/", "b").text == "PROXY b:1"
    assert script._process.pid != first
    assert not Path(f"/proc/{first}").exists()


def test_leaves_no_zombie_when_idle(make_script, monkeypatch, engine):
    """In a program that never asks again, too, what has left is collected: with the next garbage."""
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.15)
    script = make_script(SIMPLE, engine=engine)
    script.load()
    entry = Path(f"/proc/{script._process.pid}")

    def collected():
        gc.collect()
        return not entry.exists()

    wait_until(collected)
    assert script.find_proxy("http://b/", "b").text == "PROXY b:1"


def test_nothing_is_left_of_the_look_at_exit():
    """What looks for zombies neither holds up the end of the program nor says anything there."""
    result = program("""
        import gc
        s = script(SIMPLE)
        s.load()
        print(len(gc.callbacks))
        import atexit
        atexit._run_exitfuncs()
        print(len(gc.callbacks))
        gc.collect()
    """)
    assert (result.stdout, result.stderr, result.returncode) == ("1\n0\n", "", 0)


def test_many_kills_leave_nothing(make_script, engine):
    """Descriptors and zombies do not add up however often a script is killed and started again."""
    script = make_script("function FindProxyForURL(u, h) { for (;;); }", engine=engine, time_limit=0.3)
    script.load()
    descriptors_before, children_before = descriptors(), len(children_of(os.getpid()))
    for _ in range(5):
        script.forgive()
        with pytest.raises(PacTimeout):
            script.find_proxy("http://x/", "x")
        script.load()
    assert (descriptors(), len(children_of(os.getpid()))) == (descriptors_before, children_before)
    script.close()
    assert (descriptors(), len(children_of(os.getpid()))) == (descriptors_before - 2, children_before - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the timer of the process does it")
@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_killed_parent_takes_a_looping_process_along(engine):
    """When a program is killed for good its script's endless loop ends within 6 seconds."""
    code = f"""
        s = script(SIMPLE, engine={engine!r}, time_limit=30)
        s.load()
        print(s._process.pid, flush=True)
        s.find_proxy("http://bad/", "bad", timeout=30)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(START) + textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": SRC}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        pid = int(parent.stdout.readline())
        stat = Path(f"/proc/{pid}/stat")
        wait_until(lambda: int(stat.read_text().rpartition(")")[2].split()[11]) > 5)
        parent.kill()
        wait_until(lambda: gone(pid), 6.0)
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_stopped_parent_does_not_keep_a_loop_alive(engine):
    """While a program is stopped its script's endless loop ends by a timer of its own; awake again it is told so."""
    code = f"""
        from pacaware.errors import PacTimeout
        s = script(SIMPLE, engine={engine!r}, time_limit=0.5)
        s.load()
        for n in range(20):  # the timer is not set anew for each of them
            s.find_proxy("http://good/", "good")
        print(s._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)  # the test lets it go on and stops it while the script runs
        try:
            s.find_proxy("http://bad/", "bad", timeout=60)
        except PacTimeout as error:
            print(error, s.find_proxy("http://next/", "next").text, flush=True)
        s.close()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(START) + textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": SRC}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        pid = int(parent.stdout.readline())
        stat = Path(f"/proc/{pid}/stat")

        def ticks():
            return int(stat.read_text().rpartition(")")[2].split()[11])

        before = ticks()
        wait_until(lambda: Path(f"/proc/{parent.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        parent.send_signal(signal.SIGCONT)
        wait_until(lambda: ticks() > before + 2 or gone(pid))
        parent.send_signal(signal.SIGSTOP)
        wait_until(lambda: gone(pid), 90)  # the timer counts what is computed, and a busy machine computes little
        parent.send_signal(signal.SIGCONT)
        out, _ = parent.communicate(timeout=30)
    assert out == "the PAC file ran longer than 0.5 s and was stopped PROXY next:1\n"


def test_ignored_child_signal():
    """A program that ignores SIGCHLD, so that the kernel collects its children, gets answers and kills all the same."""
    result = program("""
        from pacaware.errors import PacTimeout
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        s = script(SIMPLE, time_limit=0.1)
        print(s.find_proxy("http://a/", "a").text)
        for _ in range(2):
            try:
                s.find_proxy("http://bad/", "bad")
            except PacTimeout:
                print(s.find_proxy("http://b/", "b").text)
        os.kill(s._process.pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{s._process.pid}"):
            time.sleep(0.01)
        print(s.find_proxy("http://c/", "c").text)
        s.close()
    """)
    assert result.stderr == ""
    assert result.stdout.split("\n") == ["PROXY a:1", "PROXY b:1", "PROXY b:1", "PROXY c:1", ""]


@pytest.mark.parametrize("value", ["''", "None", "'/usr/sbin/uwsgi'"])
def test_program_that_is_no_python(value):
    """Where sys.executable is empty or an embedding program, the Python of the installation runs the script."""
    result = program(f"""
        sys.executable = {value}
        s = script(SIMPLE)
        print(s.find_proxy("http://a/", "a").text)
        s.close()
    """)
    assert (result.stdout, result.stderr) == ("PROXY a:1\n", "")


def test_blocked_signals_are_not_inherited():
    """A program that blocks its signals in all threads does not make its script's process immortal."""
    result = program("""
        from pacaware.errors import PacTimeout
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        s = script(SIMPLE)
        s.load()
        blocked = [line for line in open(f"/proc/{s._process.pid}/status") if line.startswith("SigBlk")]
        print(blocked[0].split()[1], s.find_proxy("http://a/", "a").text)
        s.close()
    """)
    assert (result.stdout.split()[0].strip("0"), result.stdout.split()[1:]) == ("", ["PROXY", "a:1"])
