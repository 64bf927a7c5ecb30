"""The life of a script's process: started when needed, replaced when gone, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from pacaware._pac import engines, process
from pacaware._pac.dns import FixedLookups
from pacaware._pac.engines import Engine, find_engines, find_interpreter
from pacaware.errors import ConfigError, PacEngineError, PacTimeout

SIMPLE = "function FindProxyForURL(url, host) { return 'PROXY ' + host + ':1' }"
SRC = str(Path(__file__).parents[2] / "src")


def gone(pid):
    """Whether a process has ended (a zombie that its new parent has not collected yet has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def run_python(code, **options):
    environment = {**os.environ, "PYTHONPATH": SRC}
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(code)],
        env=environment, capture_output=True, text=True, timeout=30, check=False, **options,
    )  # fmt: skip


def test_engine_is_never_imported_here(make_script):
    """Neither engine is a module of the program that evaluates a PAC file."""
    result = run_python("""
        import sys
        from pacaware.pac import PacEvaluator
        for engine in ("quickjs", "pacparser"):
            with PacEvaluator("function FindProxyForURL(u, h) { return 'DIRECT' }", {}, engine=engine) as pac:
                assert pac.find_proxy("http://a/").raw == "DIRECT"
        print([name for name in sys.modules if "quickjs" in name or "pacparser" in name])
    """)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_nothing_is_left_at_exit():
    """A program that never closes its script ends without a warning and without a process left behind."""
    result = run_python("""
        from pacaware._pac.evaluator import PacScript
        from pacaware._pac.dns import Lookups
        script = PacScript("function FindProxyForURL(u, h) { return myIpAddress() }", lookups=Lookups())
        script.find_proxy("http://a/", "a")
        print(script._process.pid)
    """)
    assert result.stderr == ""
    assert gone(int(result.stdout))


def test_replaced_when_it_has_ended(make_script, engine):
    """A process that ended between two calls is replaced without anybody noticing."""
    script = make_script(SIMPLE, engine=engine)
    script.find_proxy("http://a/", "a")
    first = script._process.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not script._process.alive)
    assert script.find_proxy("http://b/", "b").text == "PROXY b:1"
    assert script._process.pid != first


@pytest.mark.parametrize("sign", [signal.SIGALRM, signal.SIGKILL])
def test_ended_while_it_is_asked(make_script, sign):
    """One that leaves for want of work just when it is asked is replaced; one that crashes is an error, once."""
    script = make_script(SIMPLE)
    script.load()
    os.kill(script._process.pid, signal.SIGSTOP)
    threading.Timer(0.1, lambda pid=script._process.pid: (os.kill(pid, sign), os.kill(pid, signal.SIGCONT))).start()
    if sign == signal.SIGKILL:
        with pytest.raises(PacEngineError, match="exit status -9"):
            script.find_proxy("http://a/", "a")
    assert script.find_proxy("http://b/", "b").text == "PROXY b:1"


def test_close_may_be_repeated_and_is_not_final(make_script):
    """close() ends the process at once, any number of times; a later call starts another one."""
    script = make_script(SIMPLE)
    script.load()
    pid = script._process.pid
    script.close()
    script.close()
    assert not Path(f"/proc/{pid}").exists()
    assert script.find_proxy("http://b/", "b").text == "PROXY b:1"


def test_forked_child_uses_a_process_of_its_own(make_script):
    """After a fork both sides get their own answers, even if another thread was in a call."""
    script = make_script(SIMPLE)
    script.load()
    before = script._process.pid
    code = """
        import os, sys
        from pacaware._pac.evaluator import PacScript
        from pacaware._pac.dns import Lookups
        script = PacScript("function FindProxyForURL(u, h) { return 'PROXY ' + h + ':1' }", lookups=Lookups())
        script.load()
        mine = script._process.pid
        script._lock.acquire()  # as if another thread were in a call
        pid = os.fork()
        if pid == 0:
            good = script.find_proxy("http://c/", "c").text == "PROXY c:1" and script._process.pid != mine
            script.close()
            os._exit(0 if good else 1)
        script._lock.release()
        status = os.waitpid(pid, 0)[1]
        print(status, script.find_proxy("http://p/", "p").text, script._process.pid == mine)
    """
    result = run_python(code)
    assert (result.stdout, result.stderr) == ("0 PROXY p:1 True\n", "")
    assert script._process.pid == before


def test_threads_take_turns(make_script):
    """Calls from many threads get their own answers."""
    script = make_script(SIMPLE)
    wrong = []

    def work(number):
        for turn in range(25):
            host = f"h{number}-{turn}"
            if script.find_proxy(f"http://{host}/", host).text != f"PROXY {host}:1":
                wrong.append(host)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_waiting_for_a_turn_is_bounded(make_script):
    """A caller does not wait longer than its timeout for others that are in a call."""
    script = make_script(
        "function FindProxyForURL(url, host) { while (host == 'bad'); return 'DIRECT' }", time_limit=0.6
    )
    script.load()

    def loop():
        with pytest.raises(PacTimeout):
            script.find_proxy("http://bad/", "bad")

    thread = threading.Thread(target=loop)
    thread.start()
    wait_until(script._lock.locked)
    started = time.monotonic()
    with pytest.raises(PacTimeout, match="busy"):
        script.find_proxy("http://good/", "good", timeout=0.1)
    assert time.monotonic() - started < 0.4
    thread.join(5)
    assert script.find_proxy("http://good/", "good").text == "DIRECT"


def test_child_has_nothing_it_needs_not(make_script, monkeypatch):
    """The process gets no environment, sits in /, has a group of its own and only its pipes open."""
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    script = make_script(SIMPLE)
    script.load()
    root = Path(f"/proc/{script._process.pid}")
    assert (root / "environ").read_bytes() in (b"", b"LC_CTYPE=C.UTF-8\0")
    assert (root / "cwd").readlink() == Path("/")
    assert os.getpgid(script._process.pid) == script._process.pid != os.getpgrp()
    kinds = {str(entry.readlink()).partition(":")[0] for entry in (root / "fd").iterdir()}
    assert kinds == {"pipe", "/dev/null"}
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (root / "limits").read_text().splitlines()}
    assert limits["Max core file size"] == limits["Max file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(256 << 20)] * 2


def test_local_time_is_ours(make_script, monkeypatch, engine):
    """The script's local time is that of the program, TZ included."""
    monkeypatch.setenv("TZ", "Asia/Tokyo" if Path("/usr/share/zoneinfo/Asia/Tokyo").exists() else "JST-9")
    script = make_script("function FindProxyForURL() { return '' + new Date(0).getHours() }", engine=engine)
    assert script.find_proxy("http://a/", "a").text == "9"


def test_no_interpreter(monkeypatch, tmp_path):
    """A frozen program is never started again as a Python: its installation's Python is, or nothing."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    with pytest.raises(PacEngineError, match="PACAWARE_WORKER_PYTHON"):
        find_interpreter(environ={})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert find_interpreter(environ={}) == str(tmp_path / "bin" / "python")


@pytest.mark.parametrize("name", ["uwsgi", "blender", "pythonista", "my-python-app"])
def test_embedding_program_is_not_taken_for_a_python(monkeypatch, tmp_path, name):
    """sys.executable counts only if it is called like a Python."""
    monkeypatch.setattr(sys, "executable", f"/opt/{name}")
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    with pytest.raises(PacEngineError):
        find_interpreter(environ={})


def test_named_interpreter(tmp_path):
    """worker_python= wins over the variable; one that does not exist is said so."""
    assert find_interpreter(sys.executable, {"PACAWARE_WORKER_PYTHON": "/nowhere"}) == sys.executable
    assert find_interpreter(None, {"PACAWARE_WORKER_PYTHON": sys.executable}) == sys.executable
    with pytest.raises(PacEngineError, match="does not exist"):
        find_interpreter(str(tmp_path / "none"), {})


@pytest.mark.parametrize("answer", ["", "hello world this is not a frame", "\\0\\0\\0\\2{}"])
def test_other_program_is_found_out(make_script, tmp_path, answer):
    """A program that is not our worker is told by its greeting."""
    fake = tmp_path / "python3"
    fake.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    fake.chmod(0o755)
    with pytest.raises(PacEngineError, match="did not start as the process of a PAC file"):
        make_script(SIMPLE, worker_python=str(fake)).load()


def test_silent_program_is_given_two_seconds(make_script, tmp_path, monkeypatch):
    """A program that says nothing is ended after the handshake's time."""
    monkeypatch.setattr(process, "HANDSHAKE_SECONDS", 0.2)
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\nexec sleep 30\n")
    fake.chmod(0o755)
    with pytest.raises(PacEngineError, match="no reply in time"):
        make_script(SIMPLE, worker_python=str(fake)).load()


def test_no_engine_says_what_to_install(monkeypatch):
    """Without an engine the error names the extra."""
    monkeypatch.setattr(engines, "_folder", lambda name: None)
    with pytest.raises(PacEngineError, match=r"pip install 'pacaware\[quickjs\]'"):
        find_engines("auto")
    with pytest.raises(PacEngineError, match=r"pip install 'pacaware\[pacparser\]'"):
        find_engines("pacparser")
    with pytest.raises(ConfigError, match="'v8'"):
        find_engines("v8")


def test_next_engine_if_one_does_not_load(make_script, monkeypatch, tmp_path):
    """The choice auto goes on to pacparser when quickjs-ng cannot be imported by the worker's Python."""
    good = find_engines("pacparser")[0]
    monkeypatch.setattr(
        "pacaware._pac.evaluator.find_engines", lambda choice, **options: [Engine("quickjs", str(tmp_path)), good]
    )
    script = make_script(SIMPLE)
    assert script.find_proxy("http://a/", "a").text == "PROXY a:1"
    assert script._engine == good
    monkeypatch.setattr(
        "pacaware._pac.evaluator.find_engines", lambda choice, **options: [Engine("quickjs", str(tmp_path))]
    )
    with pytest.raises(PacEngineError, match=r"quickjs cannot be used by .*pip install .*'pacaware\[quickjs\]'"):
        make_script(SIMPLE).load()


@pytest.mark.parametrize(
    ("platform", "machine", "first"),
    [
        ("linux", "x86_64", "pacparser"),
        ("linux", "aarch64", "pacparser"),
        ("linux", "riscv64", "quickjs"),
        ("darwin", "arm64", "quickjs"),
        ("win32", "AMD64", "quickjs"),
    ],
)
def test_auto_prefers_what_can_be_contained(monkeypatch, platform, machine, first):
    """Where system calls are filtered pacparser comes first; elsewhere the engine that can be limited by itself."""
    monkeypatch.setattr(engines, "filter_expected", partial(engines.filter_expected, platform, machine))
    second = {"pacparser": "quickjs", "quickjs": "pacparser"}[first]
    assert [engine.name for engine in find_engines("auto")] == [first, second]
    assert [engine.name for engine in find_engines("auto", places=True)] == ["quickjs", "pacparser"]
    assert [engine.name for engine in find_engines("pacparser", places=True)] == ["pacparser"]


def test_fixed_lookups_need_no_network(make_script):
    """A table of names answers without any lookup."""
    script = make_script(
        "function FindProxyForURL(u, h) { return [dnsResolve(h), dnsResolveEx(h), dnsResolve('b.test')].join() }",
        lookups=FixedLookups({"A.test": ("::1", "10.0.0.1")}, ()),
    )
    assert script.find_proxy("http://a.test/", "a.test").text == "10.0.0.1,::1;10.0.0.1,"
