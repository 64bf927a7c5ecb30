"""Servers that fork their workers: each child has descriptors, a process and memories of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver
from tests.resolver.conftest import eventually

CHILDREN = 4
PROGRAM = """
import json, os, signal, sys, warnings

warnings.simplefilter("ignore", DeprecationWarning)  # fork in a program with threads, which is what this is about
signal.alarm(60)
from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver

def own():
    "What is open beyond the standard streams: pipes, sockets and the like by name."
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if int(name) > 2 and not target.startswith("/"):
            found[int(name)] = target
    return found

before = set(own().values())
resolver = ProxyResolver(ProxyConfig(pac_url=sys.argv[1]))
answers = [str(resolver.resolve("https://parent.test/").proxies)]
mine = set(own().values()) - before
assert len(mine) >= 3, mine  # two pipes and the netlink socket
children = []
for number in range(int(sys.argv[2])):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(40)
        try:
            at_once = sorted(mine & set(own().values()))
            known = resolver.cached("https://parent.test/") is not None
            answer = str(resolver.resolve(f"https://child{number}.test/").proxies)
            later = sorted(mine & set(own().values()))
            opened = sorted(set(own().values()) - before - {os.readlink(f"/proc/self/fd/{write}")})
            report = {"at_once": at_once, "later": later, "known": known, "answer": answer, "opened": opened,
                      "process": resolver._situation.basis.source.known().script._process.pid,
                      "fetches": resolver.stats()["fetches"]}
            os.write(write, json.dumps(report).encode())
        except BaseException as exc:
            os.write(write, json.dumps({"error": repr(exc)}).encode())
        finally:
            os._exit(0)
    os.close(write)
    children.append((pid, read))
reports = []
for pid, read in children:
    with open(read) as pipe:
        reports.append(json.loads(pipe.read() or "null"))
    os.waitpid(pid, 0)
answers.append(str(resolver.resolve("https://after.test/").proxies))
still = mine <= set(own().values())
process = resolver._situation.basis.source.known().script._process.pid
print(json.dumps({"answers": answers, "still": still, "process": process, "reports": reports}))
resolver.close()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_four_children_share_no_descriptor_with_their_parent(world, tmp_path):
    """No pipe of the script's process, no netlink socket; each opens its own, and the parent keeps what it has."""
    world.script("return 'PROXY a.test:1'")
    program = tmp_path / "prefork.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(program), world.pac.url, str(CHILDREN)],
        env={"PYTHONPATH": str(Path(pacaware.__file__).parent.parent), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["answers"] == ["PROXY a.test:1"] * 2
    assert found["still"]
    reports = found["reports"]
    assert len(reports) == CHILDREN
    for report in reports:
        assert report.get("error") is None
        assert (report["at_once"], report["later"], report["known"]) == ([], [], False)
        assert (report["answer"], report["fetches"]) == ("PROXY a.test:1", 1)
        assert len(report["opened"]) >= 3
    processes = {report["process"] for report in reports}
    assert len(processes) == CHILDREN
    assert found["process"] not in processes


EXIT = """
import sys
from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver
resolver = ProxyResolver(ProxyConfig(pac_url=sys.argv[1], origin="gnome", proxy_server="m.test:1"))
now = [0.0]
resolver._clock = lambda: now[0]
resolver.resolve("https://h.test/")
input()
now[0] = 100000.0
print(resolver.resolve("https://i.test/").proxies)
"""


@pytest.mark.parametrize("status", [200, 503])
def test_the_end_of_a_program_waits_for_nothing(world, tmp_path, status):
    """The PAC server is being asked in the background and is silent; the interpreter ends at once and says nothing."""
    world.script("return 'PROXY a.test:1'", status=status)
    program = tmp_path / "ending.py"
    program.write_text(EXIT)
    environment = {"PYTHONPATH": str(Path(pacaware.__file__).parent.parent), "PATH": os.environ["PATH"]}
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-u", str(program), world.pac.url],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        world.pac.wait_for_requests(1)
        world.pac.set(delay=8)
        out, err = process.communicate("\n", timeout=6)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (0, "PROXY a.test:1\n" if status == 200 else "PROXY m.test:1\n")
    assert "Traceback" not in err
    assert "Warning" not in err


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_resolvers_that_are_dropped_leave_no_descriptor(world):
    """One netlink socket for all of them, and none when they are gone."""

    def sockets() -> int:
        return sum(_link(descriptor).startswith("socket:") for descriptor in Path("/proc/self/fd").iterdir())

    before = sockets()
    resolvers = [ProxyResolver(ProxyConfig(proxy_server="p.test:1")) for _ in range(5)]
    for resolver in resolvers:
        resolver.resolve("http://h.test/")
    assert sockets() <= before + 1
    del resolver, resolvers
    eventually(lambda: sockets() <= before)


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
